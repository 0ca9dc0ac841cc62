"""中文书写的两处方便：两个汉字之间的换行不显示成空格；行内标记可以紧挨着汉字。

HTML 把换行当作空格；中文按行宽折行书写时，句子中间就会多出空白。
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

_WIDE = r"[\u2018-\u201d\u2026\u2014\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"
_BREAK = re.compile(f"(?<={_WIDE})\n(?={_WIDE})")
#: 全角标点一侧不需要空格，哪怕另一侧是西文。
_PUNCTUATION_BREAK = re.compile(r"(?<=[，。；：！？、（）《》“”])\n|\n(?=[，。；：！？、（）《》“”])")


class JoinChineseLines(SphinxTransform):
    default_priority = 700

    def apply(self, **kwargs: Any) -> None:
        verbatim = (nodes.FixedTextElement, nodes.literal, nodes.math, nodes.raw)
        for text in list(self.document.findall(nodes.Text)):
            if "\n" in text and not isinstance(text.parent, verbatim):
                joined = _PUNCTUATION_BREAK.sub("", _BREAK.sub("", text))
                text.parent[_position(text)] = nodes.Text(_join_edges(text, joined))


def _join_edges(text: nodes.Text, joined: str) -> str:
    """换行落在 ``文字**粗体**`` 这样的标记旁边时，文本节点的首尾也要去掉换行。"""
    before, after = _neighbour(text, -1), _neighbour(text, 1)
    if joined == "\n":  # MyST 把每个换行单独放在一个节点里
        around = f"{before[-1:]}\n{after[:1]}"
        return "\n" if "\n" in _PUNCTUATION_BREAK.sub("", _BREAK.sub("", around)) else ""
    if joined.startswith("\n") and re.match(_WIDE, joined[1:2]) and re.match(_WIDE, before[-1:]):
        joined = joined[1:]
    if joined.endswith("\n") and re.match(_WIDE, joined[-2:-1]) and re.match(_WIDE, after[:1]):
        joined = joined[:-1]
    return joined


def _position(text: nodes.Text) -> int:
    """文本节点按内容比较相等，所以不能用 list.index：同一段里的换行都会当成第一个。"""
    return next(index for index, node in enumerate(text.parent) if node is text)


def _neighbour(text: nodes.Text, step: int) -> str:
    index = _position(text) + step
    if 0 <= index < len(text.parent):
        node = text.parent[index]
        return "x" if isinstance(node, (nodes.literal, nodes.math)) else node.astext()
    return ""


def allow_adjacent_markup(app: Sphinx) -> None:
    """汉字之间没有空格，行内标记必须能紧挨着文字，否则字符会被悄悄丢掉。

    docutils.conf 要放在 conf.py 旁边才会被读到；写在这里，顶层少一个文件。
    """
    app.env.settings["character_level_inline_markup"] = True
