"""读者下载的脚本：示例去掉藏起来的检查，和网页上的代码一样；还有示例交给读者的文件。"""

import ast
import json
import re
from pathlib import Path

from sphinx.errors import ExtensionError

#: 一处检查（或紧挨着的几处），连同前后的空行。
_CHECK = re.compile(
    r"(\n*)(?:^[ \t]*# sphinx_gallery_start_ignore\n.*?^[ \t]*# sphinx_gallery_end_ignore[ \t]*(\n*))+", re.M | re.S
)
#: 给 Sphinx-Gallery 的设置，一行一项；剩下的成对标记里的一个也算。
_SETTING = re.compile(r"^[ \t]*# sphinx_gallery_\w+.*\n?", re.M)


def for_reader(script: str, name: str) -> str:
    """`script` 去掉检查、检查的标记和给 Sphinx-Gallery 的设置；检查前后的空行只留一处。

    去掉以后不成其为 Python 时抛出 ExtensionError，`name` 是其中说的文件名。
    """
    # 空行取前后较多的那一处：检查若夹在两段代码中间，两段之间的空行不能少
    text = _SETTING.sub("", _CHECK.sub(lambda check: max(check[1], check[2], key=len), script))
    text = text.strip("\n") + "\n"
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise ExtensionError(
            f"{name} 去掉藏起来的检查以后，第 {error.lineno} 行不成其为 Python：{error.msg}。"
            "检查要自成一段，不能是一个代码块里唯一的语句。"
        ) from error
    return text


def handed(gallery: Path, names: list[str]) -> dict[str, str]:
    """示例交给读者的文件 {文件名: 全文}：`gallery` 里各篇 ``NAME.handed.json`` 所写的。"""
    files: dict[str, str] = {}
    for name in names:
        record = gallery / f"{name}.handed.json"
        if record.is_file():
            files |= json.loads(record.read_text("utf-8"))
    return files
