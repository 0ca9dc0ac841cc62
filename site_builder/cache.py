"""``build/`` 里有什么，什么时候还能用。

========================  ==================================================================
``.lock``                 一个目录同时只许一次构建
``outputs/``              每个示例上一次执行的结果（`site_builder.gallery.reuse`）
``stage/模式/``           源文件的一份拷贝，和画廊生成的页面（`site_builder.stage`）
``doctrees/模式/``        Sphinx 读过的页面
``work/模式/``            Sphinx 写出的网页；检查通过后复制一份去发布
``模式.json``             `State`：上一次成功的构建读了什么、发布了什么
``html/`` ``preview/``    发布的网站
========================  ==================================================================

Sphinx 的缓存只在上一次构建成功、此后只改了页面和示例的文字时沿用，而且还是当时的字节；别的一变（设置、扩展、模板、
样式、依赖、提交），或者上一次失败、被打断，就从头排版。示例的结果另有自己的条件，从头排版也不必重新执行。
"""

import hashlib
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import distributions
from pathlib import Path

from site_builder import provenance, stage

BUILD = Path("build")
DATA = Path("examples/data/source.json")
PAGES = (".md", ".py", ".rst")
ADDRESSES = ("SITE_URL", "REPO_URL", "SOURCE_DATE_EPOCH")


@dataclass
class State:
    """一次成功的构建。"""

    #: 抄下的源文件：{文件: SHA-256}。
    files: dict[str, str]
    #: 别的一切，合成一个 SHA-256。
    rest: str
    #: 发布了什么：{文件: SHA-256}。
    published: dict[str, str]
    #: Sphinx 的缓存，合成一个 SHA-256。
    caches: str

    def apart(self) -> dict[str, str]:
        """页面和示例以外的源文件：一变就从头排版。"""
        return {name: found for name, found in self.files.items() if not (name.endswith(PAGES) and "/" in name)}


class Cache:
    """一种模式（``html``、``preview``、``serve``、``linkcheck``、``shard``）的缓存。"""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.stage, self.doctrees, self.work = (BUILD / name / mode for name in ("stage", "doctrees", "work"))
        self.output, self.record = BUILD / mode, BUILD / f"{mode}.json"

    def now(self) -> State:
        """现在的源文件。"""
        files, rest = stage.digests(), hashlib.sha256(stage.machinery().encode())
        rest.update(f"{sys.version} {platform.machine()} {provenance.commit(Path())}".encode())
        for name in sorted(f"{found.metadata['Name']}=={found.version}" for found in distributions()):
            rest.update(name.encode())
        rest.update(DATA.read_bytes() if DATA.is_file() else b"")
        rest.update(json.dumps([os.environ.get(name, "") for name in ADDRESSES]).encode())
        return State(files, rest.hexdigest(), {}, "")

    def last(self) -> State | None:
        """上一次成功的构建；没有，或者它后来失败过，就是 None。"""
        try:
            return State(**json.loads(self.record.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def unchanged(self, now: State) -> bool:
        """源文件与上一次的一样，发布的网站也还是当时的字节。"""
        last = self.last()
        return (
            last is not None
            and (last.files, last.rest) == (now.files, now.rest)
            and last.published == listing(self.output)
        )

    def prepare(self, now: State) -> None:
        """备好源文件；Sphinx 的缓存能用就留着，不能用就丢掉。构建成功以前，不再有“上一次”。"""
        last = self.last()
        stage.remove(self.record)
        if last is None or not self._usable(last, now):
            self._forget()
        for folder in (self.stage, self.doctrees, self.work):
            stage.folder(folder)
        copied = stage.mirror(self.stage)
        if copied != now.files:  # 抄的时候又改了：以抄下的为准，别的缓存不再可靠
            self._forget()
            now.files = stage.mirror(self.stage)

    def _usable(self, last: State, now: State) -> bool:
        same = (last.rest, last.files.keys(), last.apart()) == (now.rest, now.files.keys(), now.apart())
        return same and last.caches == self._caches()

    def _forget(self) -> None:
        for folder in (self.stage, self.doctrees, self.work):
            stage.remove(folder)
            stage.folder(folder)

    def _caches(self) -> str:
        found = [listing(folder) for folder in (self.stage, self.doctrees, self.work)]
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()

    def succeed(self, now: State, published: Path) -> None:
        """记下这次成功的构建；`published` 是就要换上的网站。"""
        now.published, now.caches = listing(published), self._caches()
        self.record.write_text(json.dumps(asdict(now)), "utf-8")


def listing(folder: Path) -> dict[str, str]:
    """一个文件夹里的全部文件：{相对路径: SHA-256}，链接只记名字；不是文件夹（或者是链接）就是空的。"""
    if folder.is_symlink():
        return {}
    return {
        path.relative_to(folder).as_posix(): "" if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
