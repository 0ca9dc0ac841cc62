"""本站的标记：只画在 ``docs/_static/favicon.svg``，浏览器的标签、页头和分享的图片用的都是它。"""

from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from lxml import etree
from sphinx.application import Sphinx

from site_builder import palette

FILE = palette.TOKENS.with_name("favicon.svg")


class Mark(NamedTuple):
    """标记里的形状，长度以它自己的格子计。"""

    side: float
    corner: float
    line: list[tuple[float, float]]
    stroke: float
    dots: list[tuple[float, float]]
    radius: float


def shapes(file: Path = FILE) -> Mark:
    """`file` 里的圆角方块、一条折线和几个点。"""
    root = etree.parse(file).getroot()
    square, line = root.find("{*}rect"), root.find("{*}polyline")
    dots = list(root.iter("{*}circle"))
    points = [(float(x), float(y)) for x, y in (point.split(",") for point in line.get("points").split())]
    places = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in dots]
    return Mark(
        float(square.get("width")),
        float(square.get("rx")),
        points,
        float(line.get("stroke-width")),
        places,
        float(dots[0].get("r")),
    )


def add(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """给模板 ``mark``：同一幅画，颜色跟着浅色、深色（site.css 里的 .mark）。"""
    context["mark"] = FILE.read_text("utf-8").strip().replace("<svg ", '<svg class="mark" aria-hidden="true" ', 1)
