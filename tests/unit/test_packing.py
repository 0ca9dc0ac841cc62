"""打包：字节只取决于内容。"""

import os
import time
import zipfile

from site_builder.downloads.packing import pack


def test_same_content_same_bytes(monkeypatch, tmp_path):
    files = {"b.txt": b"2" * 1000, "a/c.txt": "甲".encode()}
    one, other = tmp_path / "一.zip", tmp_path / "二.zip"
    pack(one, files)
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: 2e9)
    previous = os.umask(0o077)
    try:
        (tmp_path / "c.txt").write_text("甲", "utf-8")
        pack(other, {"a/c.txt": tmp_path / "c.txt", "b.txt": files["b.txt"]})
        assert other.read_bytes() == one.read_bytes()
    finally:
        os.umask(previous)
        monkeypatch.undo()
        time.tzset()
    with zipfile.ZipFile(one) as archive:
        assert archive.testzip() is None
        assert [(entry.filename, entry.external_attr >> 16) for entry in archive.infolist()] == [
            ("a/c.txt", 0o644),
            ("b.txt", 0o644),
        ]
        assert archive.read("b.txt") == files["b.txt"]
        assert archive.getinfo("b.txt").compress_size < 100


def test_first_file_stands_first_and_uncompressed(tmp_path):
    pack(tmp_path / "book.zip", {"a": b"x", "mimetype": b"y" * 99}, first="mimetype")
    with zipfile.ZipFile(tmp_path / "book.zip") as archive:
        first, _ = archive.infolist()
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
