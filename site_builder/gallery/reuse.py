"""每个示例上一次执行的结果，存在 ``build/outputs/名字`` 里：代码格一个字也没有变，就照旧用，不重新执行。

``record.json`` 是 `Record`，``images`` 是图。沿用的条件缺一不可：代码格和脚本里的设置没有变；`surroundings` 没有变，
它管着画廊的代码和设置、图的颜色和字体、依赖的版本、数据和 Python；图还是当时的字节。环境变量不在其中，因为执行示例
的进程不用读者的（`site_builder.processes`）；网络和硬件不在其中，所以发布的网站由 CI 从头执行，测试把两种构建逐字节
比较。几台机器分头执行时，合到一处的也就是这个文件夹。
"""

import hashlib
import json
import os
import platform
import re
import shutil
import sys
from dataclasses import asdict, dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from sphinx.errors import ExtensionError
from sphinx_gallery import py_source_parser

from site_builder import outputs, palette, processes, stage

FOLDER = Path("build/outputs")
DATA = Path("examples/data/source.json")
#: 互动图一步里不参与执行、只管网页的模块。
ONLY_PAGES = {"__init__", "place", "publish"}


@dataclass
class Record:
    """一次成功的执行。"""

    #: 输出取决于什么（`key`）。
    key: str
    #: 每个代码格的输出（reStructuredText），依次。
    outputs: list[str]
    #: 图的文件名 -> SHA-256。
    figures: dict[str, str]
    #: 变量的类型，Sphinx-Gallery 的 ``.codeobj.json``。
    objects: dict[str, Any]
    #: 跑了多少秒；执行完的时刻（UTC，ISO 8601）。
    seconds: float
    executed: str
    #: 示例交出来的文件：文件名 -> 内容。
    handed: dict[str, str] = field(default_factory=dict)
    #: 互动图的数据：名字 -> JSON。
    explorables: dict[str, Any] = field(default_factory=dict)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def surroundings(gallery_conf: dict[str, Any]) -> str:
    """示例之外，输出还取决于什么。"""
    rooms = Path(__file__).parent, Path(__file__).parents[1] / "explorables"
    own = [path for room in rooms for path in sorted(room.glob("*.py")) if path.stem not in ONLY_PAGES]
    own += [Path(str(module.__file__)) for module in (outputs, palette, processes)]
    settings = {name: repr(gallery_conf.get(name)) for name in ("image_srcset", "capture_repr")}
    parts = [
        *(path.read_text("utf-8") for path in own),
        json.dumps(settings, sort_keys=True),
        sys.version,
        platform.machine(),
        *(line for line in palette.TOKENS.read_text("utf-8").splitlines() if re.search("--figure-|--cjk:", line)),
        *sorted(f"{found.metadata['Name']}=={found.version}" for found in distributions()),
        DATA.read_text("utf-8") if DATA.is_file() else "",
    ]
    return digest("\0".join(parts).encode())


def key(script: Path, around: str) -> str:
    """`script` 的输出取决于什么：代码格、脚本里的设置和 `surroundings`。"""
    file_conf, blocks = py_source_parser.split_code_and_text_blocks(str(script))
    code = [block.content for block in blocks if block.type == "code"]
    return digest(json.dumps([around, code, repr(file_conf)]).encode())


def load(name: str) -> Record | None:
    """存下的结果；没有，或者图不是当时的字节，就是 None。"""
    folder = FOLDER / name
    try:
        found = json.loads((folder / "record.json").read_text("utf-8"))
        whole = found.pop("digest") == _digest(found)
        record = Record(**found)
        whole = whole and record.figures == figures(folder / "images")
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return record if whole else None


def _digest(record: dict[str, Any]) -> str:
    """记录自己的摘要：存下以后动过一个字，就不再可信。"""
    return digest(json.dumps(record, sort_keys=True).encode())


def place_figures(name: str, record: Record, folder: Path) -> None:
    """把图放进 `folder`；记录读进来以后图又换过，抛出 ExtensionError。"""
    folder.mkdir(exist_ok=True)
    for figure, wanted in record.figures.items():
        path = FOLDER / name / "images" / figure
        content = path.read_bytes() if path.is_file() else b""
        if digest(content) != wanted:
            raise ExtensionError(f"{path} 在构建时变了：再运行一次。")
        (folder / figure).write_bytes(content)


def figures(folder: Path) -> dict[str, str]:
    """一个文件夹里的图：{文件名: SHA-256}。"""
    return {path.name: digest(path.read_bytes()) for path in sorted(folder.glob("*")) if path.is_file()}


def save(name: str, record: Record, images: Path) -> None:
    """换上新的结果：写全了才换。`images` 是图所在的文件夹，会被移走。"""
    new = FOLDER / f".{name}-new"
    stage.remove(new)
    new.mkdir(parents=True)
    images.mkdir(exist_ok=True)
    shutil.move(images, new / "images")
    found = asdict(record)
    found["digest"] = _digest(json.loads(json.dumps(found)))
    (new / "record.json").write_text(json.dumps(found, ensure_ascii=False), "utf-8")
    discard(name)
    os.replace(new, FOLDER / name)


def discard(name: str) -> None:
    """丢掉存下的结果。"""
    stage.remove(FOLDER / name)
