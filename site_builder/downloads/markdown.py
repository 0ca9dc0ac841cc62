"""把页面的文档树写成 Markdown：笔记本的文字格和每页的 .md 都由这里写。

一种节点一个方法，方法名就是节点的类名（与 docutils 的 visitor 一样）：块在 ``block_``，行内的在 ``inline_`` 后面。
别的文件夹自己定义的节点，没有相应的方法时写它的子节点；什么也写不出的，抛出 ExtensionError，不留下残渣。
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

#: 有标题的一节：第一个子节点是标题。fold 是折叠的一节。
SECTIONS = ("section", "fold")
#: 没有文字可写的节点；summary 只有在 fold 里才是标题。
SILENT = (
    "summary",
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
#: 里面的东西照写的节点；别的文件夹自己定义的也是。
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


class Writer:
    """`link(文字, 网址)` 写出一个链接，网址是网页上的；`picture(替代文字, 节点)` 写出一幅图，不要时为空。

    `without` 里的 class，连同里面的东西，都不写。
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
        for node in children:
            if not isinstance(node, nodes.Element) or self.without.intersection(node.get("classes", ())):
                continue
            if type(node).__name__ in SECTIONS:
                yield Piece("heading", self.text(node[0]), level + 1)
                yield from self.pieces(node.children[1:], level + 1)
            elif isinstance(node, nodes.literal_block) and OUTPUTS.intersection(node["classes"]):
                yield Piece("output", node.astext())
            elif isinstance(node, nodes.literal_block) and node.get("language") == CELL:
                yield Piece("cell", node.astext())
            elif self.method("block_", node) is None:
                yield from self.pieces(self.inside(node), level)
            elif text := self.block(node):
                yield Piece("text", text)

    def method(self, prefix: str, node: nodes.Node) -> Callable[..., str] | None:
        """`node` 的类或它最近的父类的那个方法。"""
        if type(node).__name__ in SILENT:
            return lambda *_: ""
        names = (f"{prefix}{kind.__name__}" for kind in type(node).__mro__)
        return next((getattr(self, name) for name in names if hasattr(self, name)), None)

    def inside(self, node: nodes.Node) -> list[nodes.Node]:
        """没有方法的块里面的东西。"""
        wrapper = isinstance(node, WRAPPERS) or not (standard(node) or isinstance(node, nodes.TextElement))
        if not wrapper or not node.children:
            raise self.unknown(node)
        return list(node.children)

    def unknown(self, node: nodes.Node) -> ExtensionError:
        place = f"{self.page} 第 {node.line} 行" if node.line else self.page
        return ExtensionError(
            f"{place}：不会把 {type(node).__name__} 写成 Markdown：{node.astext()[:60]!r}。"
            "换一种写法，或者在 downloads/markdown.py 里加上它。"
        )

    # -- 块 -------------------------------------------------------------------

    def block(self, node: nodes.Node) -> str:
        """一个块级节点的 Markdown；不显示的节点给出空字符串。"""
        method = self.method("block_", node)
        return method(node) if method else self.blocks(self.inside(node))

    def blocks(self, children: Iterable[nodes.Node]) -> str:
        return "\n\n".join(text for child in children if (text := self.block(child)))

    def block_paragraph(self, node: nodes.Element) -> str:
        return re.sub(r"^(\d*)(>|(?:[#+.)-])(?=\s))", r"\1\\\2", self.text(node))  # 不是列表、标题、引用

    block_caption = block_drawing_caption = block_paragraph

    def block_rubric(self, node: nodes.Element) -> str:
        return f"**{self.text(node)}**"

    def block_transition(self, node: nodes.Element) -> str:
        return "---"

    def block_image(self, node: nodes.Element) -> str:
        return self.picture(node.get("alt", ""), node)

    block_imgsgnode = block_image  # Sphinx-Gallery 的图

    def block_math_block(self, node: nodes.Element) -> str:
        tex = node.astext()
        if r"\\" in tex and r"\begin{" not in tex:
            tex = f"\\begin{{aligned}}{tex}\\end{{aligned}}"
        return f"$$\n{tex}\n$$"

    def block_literal_block(self, node: nodes.Element) -> str:
        language = node.get("language", "")
        return code(node.astext(), "text" if language in ("none", "default", "") else language)

    def block_Admonition(self, node: nodes.Element) -> str:
        custom = isinstance(node, nodes.admonition)
        title = self.text(node[0]) if custom else str(admonitionlabels[node.tagname])
        return quote(f"**{title}**\n\n{self.blocks(node.children[custom:])}".rstrip())

    def block_block_quote(self, node: nodes.Element) -> str:
        return quote(self.blocks(node.children))

    def block_bullet_list(self, node: nodes.Element) -> str:
        return "\n".join(indent(self.blocks(item.children), "- ") for item in elements(node))

    def block_enumerated_list(self, node: nodes.Element) -> str:
        items = enumerate(elements(node), start=node.get("start", 1))
        return "\n".join(indent(self.blocks(item.children), f"{number}. ") for number, item in items)

    def block_definition_list(self, node: nodes.Element) -> str:
        items = []
        for item in elements(node):
            name = mark(self.text(item[0]), "**", "", "：")
            body = self.blocks(elements(item)[-1].children)
            gap = "\n\n" if body.startswith("```") else ""
            items.append(indent(f"{name}：{gap}{body}", "- "))
        return "\n".join(items)

    def block_table(self, node: nodes.Element) -> str:
        rows = [
            [self.blocks(entry.children).replace("\n\n", " ").replace("|", r"\|") for entry in elements(row)]
            for row in node.findall(nodes.row)
        ]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])

    # -- 行内 -----------------------------------------------------------------

    def text(self, parent: nodes.Node, after: str = "") -> str:
        """`parent` 里的文字写成一行；`after` 是紧跟在后面的文字。"""
        written = ""
        for index, node in enumerate(parent.children):
            following = "".join(child.astext() for child in parent.children[index + 1 :]) + after
            if index and isinstance(node, nodes.inline) and isinstance(parent.children[index - 1], nodes.inline):
                written += " · "  # 网页上各占一行
            method = self.method("inline_", node)
            if method is None and standard(node):
                raise self.unknown(node)
            written += (method or self.inline_inline)(node, written[-1:], following[:1])
        return written

    def inline_Text(self, node: nodes.Node, before: str, after: str) -> str:
        return re.sub(r"([\\`*$~]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?])|&(?=#?\w+;))", r"\\\1", node.astext()).replace(
            "\n", " "
        )

    def inline_literal(self, node: nodes.Node, before: str, after: str) -> str:
        text = node.astext().replace("\n", " ")
        return f"`` {text} ``" if "`" in text else f"`{text}`"

    def inline_math(self, node: nodes.Node, before: str, after: str) -> str:
        return f"${node.astext()}$"

    def inline_strong(self, node: nodes.Node, before: str, after: str) -> str:
        return mark(self.text(node), "**", before, after)

    def inline_emphasis(self, node: nodes.Node, before: str, after: str) -> str:
        return mark(self.text(node), "*", before, after)

    def inline_inline(self, node: nodes.Node, before: str, after: str) -> str:
        return self.text(node, after)

    inline_problematic = inline_inline  # 读页面时已经报过错
    inline_glossary_link = inline_inline  # 悬停才看得到的解释，纯文字里没有

    def inline_image(self, node: nodes.Element, before: str, after: str) -> str:
        return self.picture(node["alt"], node) if node.get("alt") else ""

    def inline_reference(self, node: nodes.Element, before: str, after: str) -> str:
        return self.link(self.text(node), node.get("refuri", ""))

    inline_site_file = inline_download_reference = inline_reference


def mark(text: str, sign: str, before: str, after: str) -> str:
    """给 `text` 加上强调的记号；紧挨着标点的 ** 旁边又是汉字时，CommonMark 不认它是强调，改用标签。"""

    def fits(inner: str, outer: str) -> bool:
        return not _is_punctuation(inner) or not outer or outer.isspace() or _is_punctuation(outer)

    if fits(text[:1], before) and fits(text[-1:], after):
        return f"{sign}{text}{sign}"
    tag = "strong" if sign == "**" else "em"
    return f"<{tag}>{text}</{tag}>"


def _is_punctuation(character: str) -> bool:
    return bool(character) and unicodedata.category(character)[0] in "PS"


def standard(node: nodes.Node) -> bool:
    """docutils 自己的节点。"""
    return type(node).__module__ == "docutils.nodes"


def elements(node: nodes.Element) -> list[nodes.Element]:
    return [child for child in node.children if isinstance(child, nodes.Element)]


def code(text: str, language: str) -> str:
    """一个代码框；围栏比里面的都长。"""
    text = text.strip("\n")
    fence = max(["``", *re.findall(r"^`{3,}", text, re.M)], key=len) + "`"
    return f"{fence}{language}\n{text}\n{fence}"


def indent(text: str, marker: str) -> str:
    """列表的一项：`marker` 开头，其余各行与它对齐。"""
    first, *rest = text.split("\n")
    return "\n".join([marker + first, *(" " * len(marker) + line if line else "" for line in rest)])


def quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
