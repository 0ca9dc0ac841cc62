"""中文书写的两处方便：两个汉字之间的换行不显示成空格；行内标记可以紧挨着汉字。

HTML 把换行当作空格；中文按行宽折行书写时，句子中间就会多出空白。
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

_WIDE = r"[\u2018-\u201d\u2026\u2014\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"
#: 两个汉字之间的换行；全角标点一侧不需要空格，哪怕另一侧是西文。
_BREAK = re.compile(f"(?<={_WIDE})\n(?={_WIDE})|(?<=[，。；：！？、（）《》“”])\n|\n(?=[，。；：！？、（）《》“”])")


class JoinChineseLines(SphinxTransform):
    default_priority = 700

    def apply(self, **kwargs: Any) -> None:
        verbatim = (nodes.FixedTextElement, nodes.literal, nodes.math, nodes.raw)
        for text in list(self.document.findall(nodes.Text)):
            if "\n" in text and not isinstance(text.parent, verbatim):
                # 文本节点按内容比较相等，所以不能用 list.index：同一段里的换行都会当成第一个
                place = next(index for index, node in enumerate(text.parent) if node is text)
                before, after = _neighbour(text.parent, place - 1)[-1:], _neighbour(text.parent, place + 1)[:1]
                joined = _BREAK.sub("", f"{before}{text}{after}")
                text.parent[place] = nodes.Text(joined[len(before) : len(joined) - len(after)])


def _neighbour(parent: nodes.Element, place: int) -> str:
    """换行落在 ``文字**粗体**`` 这样的标记旁边时，看隔壁的字；代码和公式都当作西文。"""
    if not 0 <= place < len(parent):
        return ""
    node = parent[place]
    return "x" if isinstance(node, (nodes.literal, nodes.math)) else node.astext()


def allow_adjacent_markup(app: Sphinx) -> None:
    """汉字之间没有空格，行内标记必须能紧挨着文字，否则字符会被悄悄丢掉。

    docutils.conf 要放在 conf.py 旁边才会被读到；写在这里，顶层少一个文件。
    """
    app.env.settings["character_level_inline_markup"] = True
