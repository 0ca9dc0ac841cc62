"""把页面的文档树写成 Markdown：笔记本的文字格和每页的 .md 都由这里写。

一种节点一个 case：块在 `Writer.block`，行内的在 `Writer.inline`。别的文件夹自己定义的块，没有相应的 case 时写
它里面的东西；什么也写不出的，抛出 ExtensionError，不留下残渣。
汉字之间的换行读页面时已经接好（prose/lines.py），剩下的换行都是西文之间的空格。
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.locale import admonitionlabels
from sphinx_gallery.directives import imgsgnode

from site_builder.nodes import drawing_caption

#: 有标题的一节：第一个子节点是标题。fold 是折叠的一节（prose/folds.py）。
SECTIONS = ("section", "fold")
#: 没有文字可写的节点；summary 只有在 fold 里才是标题。
SILENT = (
    "comment",
    "target",
    "substitution_definition",
    "toctree",
    "index",
    "meta",
    "raw",
    "summary",
    "system_message",
)
#: 只写里面的东西；别的文件夹自己定义的块也是。
WRAPPERS = (nodes.container, nodes.compound, nodes.figure, nodes.legend)
#: 输出块的 class：示例的、卡片的。
OUTPUTS = {"sphx-glr-script-out", "card-output"}
#: Sphinx-Gallery 给代码格的语言；正文里的例子用小写。
CELL = "Python"


@dataclass(frozen=True)
class Piece:
    """按次序排下来的一件东西：标题（`level` 级）、代码格、输出，或者一段写好的 Markdown。"""

    kind: Literal["heading", "cell", "output", "text"]
    text: str
    level: int = 0

    def markdown(self) -> str:
        match self.kind:
            case "heading":
                return f"{'#' * self.level} {self.text}"
            case "cell":
                return code(self.text, "python")
            case "output":
                return f"输出：\n\n{code(self.text, 'text')}"
        return self.text


class Writer:
    """`link(文字, 网址)` 写出一个链接，网址是网页上的；`picture(替代文字, 节点)` 写出一幅图，不要时为空。

    `page` 是报错时说的页名；`without` 里的 class，连同里面的东西，都不写。
    """

    def __init__(
        self,
        page: str,
        link: Callable[[str, str], str],
        picture: Callable[[str, nodes.Element], str],
        without: Iterable[str] = (),
    ) -> None:
        self.page, self.link, self.picture, self.without = page, link, picture, set(without)

    def pieces(self, children: Iterable[nodes.Node], level: int = 0) -> Iterator[Piece]:
        """`children` 里的东西，各节拆平；`level` 是它们所在的节的级数。"""
        for node in elements(children):
            if self.without.intersection(node["classes"]):
                continue
            if type(node).__name__ in SECTIONS:
                yield Piece("heading", self.text(node[0]), level + 1)
                yield from self.pieces(node.children[1:], level + 1)
            elif isinstance(node, nodes.literal_block) and OUTPUTS.intersection(node["classes"]):
                yield Piece("output", node.astext())
            elif isinstance(node, nodes.literal_block) and node.get("language") == CELL:
                yield Piece("cell", node.astext())
            elif wraps(node):
                yield from self.pieces(node.children, level)
            elif text := self.block(node):
                yield Piece("text", text)

    def blocks(self, children: Iterable[nodes.Node]) -> str:
        return "\n\n".join(text for child in elements(children) if (text := self.block(child)))

    def block(self, node: nodes.Element) -> str:
        """一个块级节点的 Markdown；不显示的节点给出空字符串。"""
        match node:
            case _ if type(node).__name__ in SILENT:
                return ""
            case nodes.paragraph() | nodes.caption() | drawing_caption():
                # 开头不能像列表、标题、引用
                return re.sub(r"^(\d*)(>|(?:[#+.)-])(?=\s))", r"\1\\\2", self.text(node))
            case nodes.rubric():
                return f"**{self.text(node)}**"
            case nodes.transition():
                return "---"
            case nodes.image() | imgsgnode():
                return self.picture(node.get("alt", ""), node)
            case nodes.math_block():
                tex = node.astext().strip()
                rows = r"\\" in tex and r"\begin{" not in tex
                return "$$\n" + (f"\\begin{{aligned}}{tex}\\end{{aligned}}" if rows else tex) + "\n$$"
            case nodes.literal_block():
                language = node.get("language", "none")
                return code(node.astext(), "text" if language in ("none", "default") else language)
            case nodes.admonition():
                return quote(f"**{self.text(node[0])}**\n\n{self.blocks(node.children[1:])}")
            case nodes.Admonition():
                return quote(f"**{admonitionlabels[node.tagname]}**\n\n{self.blocks(node.children)}")
            case nodes.block_quote():
                return quote(self.blocks(node.children))
            case nodes.bullet_list():
                return "\n".join(indent(self.blocks(item.children), "- ") for item in elements(node.children))
            case nodes.enumerated_list():
                items = enumerate(elements(node.children), start=node.get("start", 1))
                return "\n".join(indent(self.blocks(item.children), f"{number}. ") for number, item in items)
            case nodes.definition_list():
                return "\n".join(self.definition(item) for item in elements(node.children))
            case nodes.table():
                return self.table(node)
            case _ if wraps(node):
                return self.blocks(node.children)
        raise self.unknown(node)

    def definition(self, item: nodes.Element) -> str:
        found = [self.blocks(node.children) for node in item.children if isinstance(node, nodes.definition)]
        body = ("\n\n" if any("\n" in text for text in found) else "").join(found)
        gap = "\n\n" if body.startswith("```") else ""
        return indent(f"{mark(self.text(item[0]), '**', '', '：')}：{gap}{body}", "- ")

    def table(self, node: nodes.Element) -> str:
        rows = [
            [self.blocks(entry.children).replace("\n\n", " ").replace("|", r"\|") for entry in elements(row.children)]
            for row in node.findall(nodes.row)
        ]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])

    def text(self, parent: nodes.Node, after: str = "") -> str:
        """`parent` 里的文字写成一行；`after` 是紧跟在后面的文字。"""
        written = ""
        for index, node in enumerate(parent.children):
            following = "".join(child.astext() for child in parent.children[index + 1 :]) + after
            if index and isinstance(node, nodes.inline) and isinstance(parent.children[index - 1], nodes.inline):
                written += " · "  # 卡片的标题和说明，网页上各占一行
            written += self.inline(node, written[-1:], following[:1])
        return written

    def inline(self, node: nodes.Node, before: str, after: str) -> str:
        """一个行内节点的 Markdown；`before`、`after` 是前后相邻的字。"""
        match node:
            case nodes.target():
                return ""
            case nodes.Text():
                special = r"([\\`*$~]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?])|&(?=#?\w+;))"
                return re.sub(special, r"\\\1", node.astext()).replace("\n", " ")
            case nodes.literal():
                text = node.astext().replace("\n", " ")
                return f"`` {text} ``" if "`" in text else f"`{text}`"
            case nodes.math():
                return f"${node.astext()}$"
            case nodes.strong() | nodes.emphasis():
                return mark(self.text(node), "**" if isinstance(node, nodes.strong) else "*", before, after)
            case nodes.image():
                return self.picture(node["alt"], node) if node.get("alt") else ""
            case nodes.Element() if "refuri" in node and "definition" not in node:  # 术语的链接只为悬停时的解释
                return self.link(self.text(node), node["refuri"])
            case nodes.inline() | nodes.reference() | nodes.problematic():
                return self.text(node, after)
            case _ if not standard(node):
                return self.text(node, after)
        raise self.unknown(node)

    def unknown(self, node: nodes.Node) -> ExtensionError:
        place = f"{self.page} 第 {node.line} 行" if node.line else self.page
        return ExtensionError(
            f"{place}：不会把 {type(node).__name__} 写成 Markdown：{node.astext()[:60]!r}。"
            "换一种写法，或者在 downloads/markdown.py 里加上它。"
        )


def wraps(node: nodes.Element) -> bool:
    """这个块只写里面的东西。"""
    own = not standard(node) and not isinstance(node, (nodes.TextElement, imgsgnode))
    return bool(node.children) and (own or isinstance(node, WRAPPERS))


def standard(node: nodes.Node) -> bool:
    """docutils 自己的节点，不论是不是派生的。"""
    return type(node).__module__ == "docutils.nodes"


def elements(children: Iterable[nodes.Node]) -> list[nodes.Element]:
    return [child for child in children if isinstance(child, nodes.Element)]


def mark(text: str, sign: str, before: str, after: str) -> str:
    """给 `text` 加上强调的记号；紧挨着标点的 ** 旁边又是汉字时，CommonMark 不认它是强调，改用标签。"""

    def punctuation(character: str) -> bool:
        return bool(character) and unicodedata.category(character)[0] in "PS"

    edges = ((text[:1], before), (text[-1:], after))
    if all(not punctuation(inner) or not outer.strip() or punctuation(outer) for inner, outer in edges):
        return f"{sign}{text}{sign}"
    tag = "strong" if sign == "**" else "em"
    return f"<{tag}>{text}</{tag}>"


def code(text: str, language: str) -> str:
    """一个代码框；围栏比里面的都长。"""
    fence = max(["``", *re.findall(r"^`{3,}", text, re.M)], key=len) + "`"
    return "\n".join([fence + language, text.strip("\n"), fence])


def indent(text: str, marker: str) -> str:
    """列表的一项：`marker` 开头，其余各行与它对齐。"""
    return marker + re.sub(r"\n(?!\n)", "\n" + " " * len(marker), text)


def quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.rstrip().split("\n"))
