"""教程里第一次出现的术语链接到术语表，悬停、聚焦或轻触时给出那一句解释；脚本里不必写任何标记。

术语取自 ``docs/glossary.md`` 的定义列表：``张量（tensor）`` 是条目，它的第一段定义是要显示的那句话，
其余各段是给人看的附注。每个条目的锚点由中文名得来，如 ``#term-张量``（Sphinx 的 ``glossary`` 指令给中文
条目的是 ``term-0``、``term-1``，插入一条就全变，所以没有用它）。

- 只看教程正文的段落（列表项里的也算）；标题、链接、代码、公式、图注、表格、折叠的小节和页脚都不看。
- 同一处有几个术语可选时取最长的：“自动微分”先于“微分”，“雅可比矩阵”里没有“矩阵”。
- ``EVERYDAY`` 里的词也是日常用词，只有后面括号里写着英文、也就是正文正在介绍它时才链接。

不用 sphinx-tippy：它给网站添 157 KB，每次构建的文件名还随机。这里没有脚本时就是普通链接。
"""

import re
from collections.abc import Iterable
from itertools import takewhile
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from site_builder import store
from site_builder.nodes import ancestors, fold

PAGE = "glossary"
#: 日常也用、或者一页里到处都是的词：随处一见就链接只会打扰阅读。
EVERYDAY = {
    "层", "轴", "形状", "尺寸", "维度", "复制", "连续", "后缀", "存储", "参数",
    "批量", "标签", "轮", "目标", "设备", "填充", "副本", "分发", "汇集", "分离",
}  # fmt: skip
#: 含有术语、但说的是另一件事的词。
OTHER_WORDS = ("梯度下降", "未归一化的得分")

log = logging.getLogger(__name__)


class glossary_link(nodes.reference):
    """指向术语表的链接，`definition` 是那句解释。"""


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """读术语表：给条目加锚点，记下 {术语: (括号里的英文, 解释)}。"""
    if app.env.docname != PAGE:
        return
    glossary = {}
    for item in doctree.findall(nodes.definition_list_item):
        term, definition = (next(item.findall(kind)) for kind in (nodes.term, nodes.definition))
        entry = re.fullmatch(r"([^（）]+)（([^（）]+)）", term.astext())
        if not entry or entry[1] in glossary:
            log.warning("术语表的条目应写成“中文（English）”，并且只出现一次：%s", term.astext(), location=term)
            continue
        name, gloss = entry.groups()
        glossary[name] = (gloss, next(definition.findall(nodes.paragraph)).astext())
        term["ids"] = [anchor(name)]
        term[:] = [nodes.Text(name), nodes.inline("", f"（{gloss}）", classes=["english"])]
    for word in sorted(EVERYDAY - glossary.keys()):
        log.warning("日常用词 EVERYDAY 里的 %s 不在术语表里：从 prose/glossary.py 里删去它", word, location=PAGE)
    store.page(app.env).glossary = glossary


def anchor(name: str) -> str:
    return "term-" + name.replace(" ", "-")


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> Iterable[str]:
    """术语表变了，教程都要重写。"""
    return env.all_docs.keys() & store.tutorials(app.config) if PAGE in added | changed | removed else []


def link(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """把每个术语在本页的第一次出现换成链接。"""
    glossary = store.page(app.env, PAGE).glossary
    if not glossary or docname not in store.tutorials(app.config):
        return
    words = sorted([*glossary, *OTHER_WORDS], key=len, reverse=True)
    pattern = re.compile("|".join(rf"(?<![A-Za-z_]){re.escape(w)}(?![A-Za-z_])" if w.isascii() else w for w in words))
    page = f"{app.builder.get_relative_uri(docname, PAGE)}#"
    waiting = set(glossary)
    for paragraph in filter(prose, list(doctree.findall(nodes.paragraph))):
        texts = list(paragraph.findall(nodes.Text))
        whole, end = "".join(text.astext() for text in texts), 0
        for text in texts:
            pieces: list[nodes.Node] = []
            start = done = end
            end = start + len(text.astext())
            for match in pattern.finditer(whole) if plain(text, paragraph) else ():
                name, inside = match[0], start <= match.start() and match.end() <= end
                if not inside or name not in waiting or not worth(name, whole[match.end() :], glossary):
                    continue
                waiting.discard(name)
                definition = "{}（{}）：{}".format(name, *glossary[name])
                reference = glossary_link("", name, internal=True, refuri=page + anchor(name), definition=definition)
                pieces += [nodes.Text(whole[done : match.start()]), reference]
                done = match.end()
            if pieces:
                pieces.append(nodes.Text(whole[done:end]))
                text.parent.replace(text, [piece for piece in pieces if piece.astext()])


def prose(node: nodes.paragraph) -> bool:
    """正文的段落；标题、图注等本来就不是 paragraph。"""
    around = list(ancestors(node))
    apart = {"tutorial-facts", "provenance-box", "tutorial-downloads"}
    return not any(isinstance(one, (nodes.table, nodes.reference, fold)) for one in around) and not any(
        apart.intersection(one.get("classes", ())) for one in [node, *around]
    )


def plain(text: nodes.Text, paragraph: nodes.Element) -> bool:
    """`text` 是普通文字（可以加粗），不在链接、代码或公式里。"""
    inside = takewhile(lambda one: one is not paragraph, ancestors(text))
    return all(isinstance(one, (nodes.strong, nodes.emphasis, nodes.inline)) for one in inside)


def worth(name: str, rest: str, glossary: dict[str, tuple[str, str]]) -> bool:
    """要不要链接：日常用词只在 `rest` 以括号里的英文开头时，例如“（batch）”“（pooling，有的书作…）”。"""
    bracket = re.match(r"\s*（([^，、）]+)", rest)
    english = re.sub(r"\s+", " ", bracket[1]).lower() if bracket else None
    return name not in EVERYDAY or english in glossary[name][0].lower().split("、")


def visit_link(self: HTML5Translator, node: glossary_link) -> None:
    attributes = {"CLASS": "reference internal term", "href": node["refuri"], "data-definition": node["definition"]}
    self.body.append(self.starttag(node, "a", "", **attributes))


def depart_link(self: HTML5Translator, node: glossary_link) -> None:
    self.body.append("</a>")


def add_files(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """样式和脚本只给用得着的页面。"""
    if pagename in [PAGE, *store.tutorials(app.config)]:
        app.add_css_file("glossary.css")
    if pagename in store.tutorials(app.config):
        app.add_js_file("glossary.js", loading_method="defer")
