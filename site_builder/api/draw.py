"""画出链接：读页时记在节点上，写页时成为 ``<a>``；代码照常高亮，配色不变。

标题、折叠处的标题和已有的链接不动；``legacy`` 里正文提到的旧写法链得上才链。

Sphinx-Gallery 也给代码加链接，但变量会链到它的类（每一个 ``x`` 都成为链接），张量的方法多半链不上，还把代码块拆成
单个的记号。它看遍一页的代码块，所以它做事时（优先级 5）把代码块藏起来，之后放回。
"""

import html
import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments.lexers import PythonLexer
from pygments.token import Comment, String
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator

from site_builder import store
from site_builder.api import infer
from site_builder.api.infer import Link
from site_builder.api.names import listed
from site_builder.nodes import ancestors, summary

#: 高亮好的代码：记号各是一个 <span>，里面没有别的标签。
_TOKEN = re.compile(r"<span[^>]*>([^<]*)</span>|([^<]+)|<[^>]*>")

#: 正文里的文件名；``whole.pt`` 不是张量 whole 的属性。
_FILE = re.compile(r"\w\.(py|pt|pth|ipynb|json|md|txt)$")
#: Sphinx-Gallery 写作 Python，Markdown 里写作 python。
PYTHON = ("python", "python3", "py")
#: 一个链接：[起点, 终点) 和开始标签。
Tag = tuple[int, int, str]


class api_link(nodes.Inline, nodes.TextElement):
    """正文里的链接；`tag` 是开始标签。"""


class linked_code(nodes.General, nodes.Element):
    """一个代码块；`links` 是其中的链接（`Tag`），`block` 是藏起来的代码块。"""


def mark(app: Sphinx, doctree: nodes.document) -> None:
    """找出本页要链接的名字，记在节点的 ``api_links`` 里（`infer.Link`）。"""
    if not app.config.api_names_text:
        return
    path = Path(app.srcdir, f"{app.env.docname}.codeobj.json")
    objects = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if objects:
        app.env.note_dependency(str(path))
    blocks = [node for node in doctree.findall(nodes.literal_block) if node.get("language", "").lower() in PYTHON]
    used: set[str] = set()
    names, page = listed(app.config.api_names_text), store.page(app.env)
    scope = infer.Scope(names, [block.astext() for block in blocks], objects)
    for node in [*blocks, *doctree.findall(nodes.literal)]:
        around = list(ancestors(node))
        in_code = isinstance(node, nodes.literal_block)
        if any(isinstance(one, (nodes.title, nodes.reference, summary, addnodes.pending_xref)) for one in around):
            continue
        if not in_code and _FILE.search(node.astext()):
            continue
        found, missing = infer.links(scope, _code_only(node.astext()) if in_code else node.astext())
        if not in_code and (alone := infer.lone(scope, node.astext())):
            found, missing = alone, []
        if in_code or not any("legacy" in one.get("classes", ()) for one in around):
            page.api_missing += [(candidates, node.line or node.parent.line) for candidates in missing]
        node["api_links"] = [link for link in found if names.url(link[2])]
        used.update(name for _, _, name in found)
    page.api_used = sorted(used)


def _code_only(source: str) -> str:
    """注释和字符串换成一样长的空白。"""
    tokens = PythonLexer(stripnl=False).get_tokens(source)
    return "".join(" " * len(text) if kind in Comment or kind in String else text for kind, text in tokens)


class HideCode(SphinxPostTransform):
    """赶在 Sphinx-Gallery 之前：代码块换成空的 `linked_code`，正文里的名字换成 `api_link`。"""

    default_priority = 4
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        names = listed(self.config.api_names_text)
        seen: set[str] = set()
        for node in list(self.document.findall(nodes.TextElement)):
            if not isinstance(node, (nodes.literal_block, nodes.literal)):
                continue
            links: list[Tag] = []
            found: list[Link] = node.get("api_links", [])
            for start, end, name in found:
                # 同一个名字在一页里会出现几十次：点哪一个都行，Tab 键只停在第一个
                stop = ' tabindex="-1"' if name in seen else ""
                title = f"{html.escape(name)}（英文参考）"
                tag = f'<a class="api-link" href="{html.escape(names.url(name))}" title="{title}"{stop}>'
                links.append((start, end, tag))
                seen.add(name)
            if isinstance(node, nodes.literal_block):
                node.replace_self(linked_code("", links=links, block=node))
            elif links:
                node[:] = _split(node.astext(), links)


class ShowCode(SphinxPostTransform):
    """Sphinx-Gallery 之后：把代码块放回来。"""

    default_priority = 6
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        for wrapper in list(self.document.findall(linked_code)):
            wrapper += wrapper.attributes.pop("block")


def _split(text: str, links: list[Tag]) -> list[nodes.Node]:
    position, children = 0, []
    for start, end, tag in links:
        children += [nodes.Text(text[position:start]), api_link("", text[start:end], tag=tag)]
        position = end
    return [child for child in [*children, nodes.Text(text[position:])] if child.astext()]


def insert(highlighted: str, links: list[Tag]) -> str:
    """在高亮好的 HTML 里插入链接；起点和终点按源码的字符计，落在一个记号中间时取整个记号。"""
    waiting, pieces, position, end = list(links), [], 0, 0
    for token in _TOKEN.finditer(highlighted):
        after = position + len(html.unescape(token[1] or token[2] or ""))
        if not end and waiting and position <= waiting[0][0] < after:
            _, end, tag = waiting.pop(0)
            pieces.append(tag)
        pieces.append(token[0])
        position = after
        if end and position >= end:
            pieces.append("</a>")
            end = 0
    return "".join(pieces)


def visit_link(self: HTML5Translator, node: api_link) -> None:
    self.body.append(node["tag"])


def depart_link(self: HTML5Translator, node: api_link) -> None:
    self.body.append("</a>")


def visit_code(self: HTML5Translator, node: linked_code) -> None:
    node["from"] = len(self.body)


def depart_code(self: HTML5Translator, node: linked_code) -> None:
    if node["links"]:
        self.body[node["from"] :] = [insert("".join(self.body[node["from"] :]), node["links"])]
