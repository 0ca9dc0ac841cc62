"""打包：字节只取决于内容。"""

import io
import os
import time
import zipfile

from site_builder.downloads.packing import pack


def test_same_content_same_bytes(monkeypatch):
    files = {"b.txt": b"2" * 1000, "a/c.txt": "甲".encode()}
    first = pack(files)
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: 2e9)
    previous = os.umask(0o077)
    try:
        assert pack(dict(reversed(files.items()))) == first
    finally:
        os.umask(previous)
        monkeypatch.undo()
        time.tzset()
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.testzip() is None
        assert [(entry.filename, entry.external_attr >> 16) for entry in archive.infolist()] == [
            ("a/c.txt", 0o644),
            ("b.txt", 0o644),
        ]
        assert archive.read("b.txt") == files["b.txt"]
        assert archive.getinfo("b.txt").compress_size < 100


def test_first_file_stands_first_and_uncompressed():
    with zipfile.ZipFile(io.BytesIO(pack({"a": b"x", "mimetype": b"y" * 99}, first="mimetype"))) as archive:
        first, _ = archive.infolist()
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
