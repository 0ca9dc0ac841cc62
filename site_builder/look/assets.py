"""网页只带用得着的东西：本页用不上的样式和脚本去掉，样式合成一个文件。

主题和 Sphinx-Gallery 把样式、脚本加到每一页，没有按页取舍的设置。样式不到齐，浏览器不画
页面：手机网络上每多一个样式文件，就多等一次往返。
"""

import functools
import hashlib
import posixpath
import re
from pathlib import Path
from typing import Any

from lxml.html import HtmlElement
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

#: 文件 -> 页面里有 class 这样开头的元素才需要它；别的只要 docs/_static 里的：版面、颜色都是自己的。
NEEDED_FOR = {"katex/katex.min.css": "katex", "cheatsheet.css": "cards"}
_URL = re.compile(r"""url\((['"]?)(?!data:|#|https?:)([^'")]+)\1\)""")


def choose(app: Sphinx, context: dict[str, Any], root: HtmlElement) -> None:
    """给模板 ``stylesheet``（一个文件）和 ``scripts``；`root` 是这一页的正文。"""
    classes = {name for element in root.iter() for name in str(element.get("class", "")).split()}

    def keep(asset: Any) -> bool:
        name = str(asset.filename).removeprefix("_static/")
        if start := NEEDED_FOR.get(name):
            return any(found.startswith(start) for found in classes)
        return Path(app.confdir, "docs/_static", name).is_file()

    styles = [str(style.filename) for style in context["css_files"] if keep(style)]
    context["stylesheet"] = _bundle(Path(app.outdir), tuple(styles))
    context["scripts"] = [script for script in context["script_files"] if keep(script)]


@functools.cache
def _bundle(site: Path, styles: tuple[str, ...]) -> str:
    """几个样式表按次序合成一个，写到 _static，返回它相对站点的地址；文件名带着内容的摘要。"""
    text = ""
    for style in styles:
        folder = posixpath.dirname(posixpath.relpath(style, "_static"))
        source = (site / style).read_text("utf-8").removeprefix('@charset "UTF-8";')
        text += _URL.sub(functools.partial(_moved, folder), source) + "\n"
    text = re.sub(r"/\*.*?\*/\s*", "", text, flags=re.S)
    name = f"_static/pages-{hashlib.sha256(text.encode()).hexdigest()[:10]}.css"
    (site / name).write_text(text, "utf-8")
    return name


def _moved(folder: str, url: re.Match[str]) -> str:
    """样式表从 `folder` 挪到 _static 以后，它里面的地址。"""
    return f"url({posixpath.normpath(posixpath.join(folder, url[2]))})"


def rewrite_when_styles_change(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """样式、脚本比网页新，全部网页重写：Sphinx 只看源文件和模板的时刻。"""
    page = Path(app.outdir, f"{app.config.root_doc}.html")
    static = [path for folder in app.config.html_static_path for path in Path(app.confdir, folder).rglob("*")]
    newest = max((path.stat().st_mtime_ns for path in static), default=0)
    return sorted(env.all_docs) if page.is_file() and page.stat().st_mtime_ns < newest else []
