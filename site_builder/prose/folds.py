"""标题或代码格开头的几个字决定样子，脚本里不必写别的标记。

- ``选读：…`` 和 ``练习 1 的答案`` 这样的节折叠成 ``<details>``，不进目录；
- ``常见错误：…`` 的节成为一个框（`pitfalls`）；
- 第一行是 ``# 画图：一句话`` 的代码格只管画图：图在前，那句话是图的说明，代码折叠在图的下面；写成 ``# 画图（名字）：…``
  时，那是一幅互动图，没有脚本时就是这幅图；
- ``**先猜一猜**：…`` 的一段，后面那一格的输出先遮住，读者答过再揭开；没有脚本时就是一段话和输出。
"""

import re
from typing import TypeGuard

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.writers.html5 import HTML5Translator

from site_builder.nodes import drawing, drawing_caption, drawing_code, fold, summary

FOLDED = re.compile(r"选读：|练习 \d+ 的答案$")
PITFALL = "常见错误："
GUESS = "先猜一猜"
DRAWING = re.compile(r"# 画图(?:（(?P<name>[\w-]+)）)?：(?P<caption>.+)")
#: Sphinx-Gallery 给输出块的 class。
OUTPUT = "sphx-glr-script-out"


class MarkTitles(SphinxTransform):
    """由标题决定一节的样子。"""

    default_priority = 250

    def apply(self) -> None:
        for section in list(self.document.findall(nodes.section)):
            title = section.next_node(nodes.title)
            if title is None or title.parent is not section:
                continue
            text = title.astext()
            if text.startswith(PITFALL):
                section["classes"] += ["pitfall", "legacy"]
            elif FOLDED.match(text):
                kind = "answer" if text.startswith("练习") else "optional"
                folded = fold("", summary("", "", *title.children), *section.children[1:], classes=[kind])
                folded["ids"] = section["ids"]
                section.replace_self(folded)


class MarkCells(SphinxTransform):
    """由代码格的第一行、前面的一段决定一格的样子。"""

    default_priority = 260

    def apply(self) -> None:
        number = 0
        for block in list(self.document.findall(nodes.literal_block)):
            if is_cell(block) and (match := DRAWING.match(block.astext())):
                number += 1
                _fold_drawing(block, match["name"] or "", f"图 {number}", match["caption"])
        for paragraph in self.document.findall(nodes.paragraph):
            first = paragraph.children[0] if paragraph.children else None
            if isinstance(first, nodes.strong) and first.astext() == GUESS:
                paragraph["classes"].append("guess")
                cell = paragraph.next_node(is_cell, descend=False, siblings=True)
                output = cell.next_node(is_output, descend=False, siblings=True) if cell else None
                if isinstance(output, nodes.Element):
                    output["classes"].append("guessed")


def is_cell(node: nodes.Node) -> TypeGuard[nodes.literal_block]:
    """示例的代码格：Sphinx-Gallery 写作 ``Python``，正文里的例子用小写。"""
    return isinstance(node, nodes.literal_block) and node.get("language") == "Python"


def is_output(node: nodes.Node) -> TypeGuard[nodes.literal_block]:
    return isinstance(node, nodes.literal_block) and OUTPUT in node["classes"]


def _fold_drawing(block: nodes.Element, name: str, label: str, caption: str) -> None:
    """把代码格和它后面的图换成一个 `drawing`。"""
    parent = block.parent
    start = parent.index(block)
    following = parent.children[start + 1 :]
    pictures = []
    for node in following:
        if is_output(node) or isinstance(
            node, nodes.comment | nodes.system_message
        ):  # 指令没有中文名，docutils 要说一句
            continue
        if not isinstance(node, nodes.Element) or node.tagname not in ("image", "imgsgnode"):
            break
        pictures.append(node)
    figure = drawing("", explorable=name, ids=[name] if name else [], source=block.source, line=block.line)
    for picture in pictures:
        parent.remove(picture)
        figure += picture
    words = [
        nodes.literal(text, text) if number % 2 else nodes.Text(text) for number, text in enumerate(caption.split("``"))
    ]
    figure += drawing_caption("", "", nodes.strong("", label), nodes.Text(" "), *words, classes=["drawing-caption"])
    figure += drawing_code("", summary("", "画图的代码"), block.deepcopy(), classes=["drawing-code"])
    block.replace_self(figure)


def visit_fold(self: HTML5Translator, node: fold | drawing_code) -> None:
    self.body.append(self.starttag(node, "details", CLASS="fold"))


def depart_fold(self: HTML5Translator, node: fold | drawing_code) -> None:
    self.body.append("</details>\n")


def visit_summary(self: HTML5Translator, node: summary) -> None:
    self.body.append(self.starttag(node, "summary", ""))


def depart_summary(self: HTML5Translator, node: summary) -> None:
    self.body.append("</summary>\n")


def visit_drawing(self: HTML5Translator, node: drawing) -> None:
    attributes = {"data-explorable": node["explorable"]} if node["explorable"] else {}
    self.body.append(self.starttag(node, "figure", CLASS="drawing", **attributes))


def depart_drawing(self: HTML5Translator, node: drawing) -> None:
    self.body.append("</figcaption></figure>\n")


def visit_caption(self: HTML5Translator, node: drawing_caption) -> None:
    self.body.append("<figcaption>" + self.starttag(node, "span", ""))


def depart_caption(self: HTML5Translator, node: drawing_caption) -> None:
    self.body.append("</span>\n")  # 折叠的代码也在 figcaption 里：它只能是 figure 的最后一项
