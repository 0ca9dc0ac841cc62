"""把构建要读的文件按内容抄到 ``build/stage/模式``，Sphinx 从那里读。

- 内容没有变的不动，变了的时刻是此刻：Sphinx 只看时刻，原来的文件带着旧时刻也好，时钟倒退过也好，都不会漏掉改动。
- 构建读的是同一刻的一份：执行到一半时改了脚本，网页、笔记本和压缩包仍是同一个版本。
- 画廊生成的页面写在那里，不进源文件的文件夹；预览、实时预览和链接检查各有自己的一份。
"""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

#: 抄哪些：(文件夹, 文件)。生成的、数据和缓存除外。
PATTERNS = ["conf.py", "docs/**/*", "examples/*", "site_builder/data/cifar10_from_npm.py"]
#: 不在其中、但决定网站是什么样的文件。
MACHINERY = ["site_builder/**/*.py", "site_builder/node/package-lock.json"]
TEXT = {".md", ".py", ".rst", ".html", ".css", ".js", ".txt", ".svg"}
LEFT_OUT = {"__pycache__", "data", "tutorials", "node_modules", ".ipynb_checkpoints"}


def sources(patterns: Iterable[str] = PATTERNS) -> list[Path]:
    """要抄的文件（或者 `patterns` 里的），依次。"""
    found = {path for pattern in patterns for path in Path().glob(pattern) if path.is_file()}
    return sorted(
        path for path in found if not LEFT_OUT & set(path.parent.parts[1:]) or path.parts[0] == "site_builder"
    )


def mirror(stage: Path) -> dict[str, str]:
    """让 `stage` 里恰好是 `sources`，只写内容变了的；画廊生成的页面留着。返回抄下的 {文件: SHA-256}。"""
    wanted = sources()
    found = {}
    for path in wanted:
        copy, content = stage / path, path.read_bytes()
        found[str(path)] = hashlib.sha256(content).hexdigest()
        if copy.is_symlink() or not copy.is_file() or copy.read_bytes() != content:
            remove(copy)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
    for path in stage.rglob("*"):
        name = path.relative_to(stage)
        if path.is_file() and name not in wanted and not name.is_relative_to("docs/tutorials") and path.suffix != ".mo":
            path.unlink()
    return found


def not_text() -> list[str]:
    """不是 UTF-8 的源文件，和坏在第几行。"""
    found = []
    for path in sources():
        if path.suffix in TEXT:
            try:
                path.read_bytes().decode()
            except UnicodeDecodeError as error:
                line = error.object.count(b"\n", 0, error.start) + 1
                found.append(f"{path} 第 {line} 行")
    return found


def digests() -> dict[str, str]:
    """{要抄的文件: SHA-256}。"""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sources()}


def machinery() -> str:
    """其余文件合起来的 SHA-256。"""
    found = hashlib.sha256()
    for path in sources(MACHINERY):
        found.update(str(path).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def folder(path: Path) -> None:
    """让 `path` 是一个文件夹，它上面的几层（从 ``build`` 往下）也是；不是的，链接也好、文件也好，换掉。"""
    for one in [*reversed(path.parents[:-2]), path]:
        if one.is_symlink() or not one.is_dir():
            remove(one)
            one.mkdir()


def remove(path: Path) -> None:
    """删去 `path`，不管它是文件、文件夹还是链接。"""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
