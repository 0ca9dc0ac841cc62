"""几步都要认得的节点。"""

from collections.abc import Iterator

from docutils import nodes


class fold(nodes.General, nodes.Element):
    """折叠的一节：第一个子节点是 `summary`。"""


class summary(nodes.General, nodes.TextElement):
    """折叠处的标题。"""


class drawing(nodes.General, nodes.Element):
    """一幅图：图、`drawing_caption`，和折叠的代码；`explorable` 是互动图的名字或空字符串。"""


class drawing_code(nodes.General, nodes.Element):
    """折叠在图下面的代码：`summary` 和代码。"""


class drawing_caption(nodes.Part, nodes.TextElement):
    """图的说明。"""


def ancestors(node: nodes.Node) -> Iterator[nodes.Element]:
    """`node` 的上级，由近到远。"""
    while (parent := node.parent) is not None:
        yield parent
        node = parent
