"""本站的标记：只画在 ``docs/_static/favicon.svg``，浏览器的标签、页头和分享的图片用的都是它。"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from site_builder import palette

FILE = palette.TOKENS.with_name("favicon.svg")


def add(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """给模板 ``mark``：同一幅画，颜色跟着浅色、深色（site.css 里的 .mark）。"""
    context["mark"] = FILE.read_text("utf-8").strip().replace("<svg ", '<svg class="mark" aria-hidden="true" ', 1)
