"""图片写明宽高（版面不跳）、延迟加载；比一栏宽的可以伸到栏外。"""

import os
from pathlib import Path
from urllib.parse import unquote

from lxml import etree
from lxml.html import HtmlElement
from PIL import Image
from sphinx.application import Sphinx

#: 比这宽（CSS 像素）的图可以伸到栏外。
COLUMN = 704


def measure(app: Sphinx, pagename: str, root: HtmlElement) -> None:
    """给 `root` 里的每幅图写上 ``width``、``height`` 和 ``loading``。"""
    originals = {copy: original for original, copy in app.builder.images.items()}
    for image in root.iter("img"):
        source = unquote(image.get("src", ""))
        name = os.path.basename(source)
        if name in originals:  # Sphinx 写完网页才复制图片
            path = Path(app.srcdir, originals[name])
        else:  # 示例的图由 Sphinx-Gallery 复制；页面的文件夹这时可能还没有建，先把路径里的 .. 化掉
            path = Path(os.path.normpath(Path(app.outdir, pagename).parent / source))
        if image.get("loading") is None:
            image.set("loading", "lazy")
        size = _size(path) if path.is_file() and image.get("width") is None else None
        if size:
            image.set("width", str(size[0]))
            image.set("height", str(size[1]))
        figure = next(image.iterancestors("figure"), None)
        if figure is not None and size and size[0] > COLUMN and "wide" not in figure.get("class", ""):
            figure.set("class", f"{figure.get('class')} wide")


def _size(path: Path) -> tuple[int, int] | None:
    """图的宽和高（CSS 像素）；不认识的格式是 None。"""
    if path.suffix == ".svg":
        _, _, width, height = (float(n) for n in etree.parse(path).getroot().get("viewBox", "0 0 0 0").split())
        # matplotlib 的 SVG 以 pt 计，1 pt 是 4/3 像素
        return (round(width * 4 / 3), round(height * 4 / 3)) if width else None
    if path.suffix not in {".webp", ".png", ".jpg"}:
        return None
    with Image.open(path) as image:
        width, height = image.size
    return width, height
