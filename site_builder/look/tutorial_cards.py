"""首页的两样东西：指令 ``tutorial-start`` 是“从第 1 篇开始”的按钮，``tutorial-cards`` 是五步的路线。

路线按次序列出每篇的编号、标题、读完能做什么、要多久，全部取自这次构建，所以不会与教程不一致。
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from site_builder import store

#: 一步里不必再说的开头，和括号里的解释。
READ = re.compile(r"^你会?|（[^）]*）")


class tutorial_card(nodes.General, nodes.Element):
    """一步：读到所有页面之后再填文字。"""


class tutorial_start(nodes.General, nodes.Element):
    """开始的按钮：写页面时换成链接。"""


class TutorialStart(SphinxDirective):
    """``tutorial-start``，内容是旁边的另一条路，例如一个链接。"""

    has_content = True

    def run(self) -> list[nodes.Node]:
        return [tutorial_start("", *self.parse_content_to_nodes())]


class TutorialCards(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        store.page(self.env).sums_up = True
        steps = [tutorial_card("", tutorial=name) for name in store.tutorials(self.config)]
        return [nodes.bullet_list("", *steps, classes=["tutorial-cards"])]


def drop_thumbnails(app: Sphinx, docname: str, source: list[str]) -> None:
    """画廊首页只留我们写的开头（examples/GALLERY_HEADER.rst）和目录，不要缩略图。"""
    if docname == f"{app.config.sphinx_gallery_conf['gallery_dirs']}/index":
        head, _, rest = source[0].partition(".. raw:: html")
        source[0] = head + rest[rest.index(".. toctree::") :]


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """填上按钮的去处和每一步的文字。"""
    tutorials = store.tutorials(app.config)

    def link(name: str, kind: str) -> nodes.reference:
        address = app.builder.get_relative_uri(docname, name)
        return nodes.reference("", "", internal=True, refuri=address, classes=[kind])

    for start in list(doctree.findall(tutorial_start)):
        button = link(tutorials[0], "start-button")
        button += nodes.Text("从第 1 篇开始")
        start.replace_self(nodes.container("", nodes.paragraph("", "", button), *start.children, classes=["start"]))
    for card in list(doctree.findall(tutorial_card)):
        name = card["tutorial"]
        lead = store.page(app.env, name).lead
        step = link(name, "tutorial-card")
        step += nodes.inline("", str(tutorials.index(name) + 1), classes=["tutorial-card-number"])
        step += nodes.inline("", app.env.titles[name].astext(), classes=["tutorial-card-title"])
        if lead:
            step += nodes.inline("", READ.sub("", lead.sentence), classes=["tutorial-card-text"])
            step += nodes.inline("", f"约 {lead.minutes} 分钟", classes=["tutorial-card-time"])
        card.replace_self(nodes.list_item("", nodes.paragraph("", "", step)))
