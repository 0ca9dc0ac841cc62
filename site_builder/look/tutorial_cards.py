"""首页的两样东西：指令 ``tutorial-start`` 是“从第 1 篇开始”的按钮，``tutorial-cards`` 是五步的路线。

路线按次序列出每篇的编号、标题、读完能做什么、要多久，全部取自这次构建，所以不会与教程不一致。
选项 ``toctree`` 还把教程按同一个次序挂进目录。
"""

import re
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from site_builder import store

#: 一步里不必再说的开头。
READ = re.compile(r"^读完[^，]*，你会?")


class tutorial_card(nodes.General, nodes.Element):
    """一步：读到所有页面之后再填文字。"""


class tutorial_start(nodes.General, nodes.Element):
    """开始的按钮：写页面时换成链接。"""


class TutorialStart(SphinxDirective):
    """``tutorial-start``，参数是按钮上的字；内容是旁边的另一条路，例如一个链接。"""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        label = self.arguments[0] if self.arguments else "从第 1 篇开始"
        beside = self.parse_content_to_nodes() if self.content else []
        return [tutorial_start("", *beside, label=label)]


class TutorialCards(SphinxDirective):
    option_spec: ClassVar = {"toctree": directives.flag}

    def run(self) -> list[nodes.Node]:
        gallery = self.config.sphinx_gallery_conf["gallery_dirs"]
        store.page(self.env).sums_up = True
        path = nodes.bullet_list(classes=["tutorial-cards"])
        for name in self.config.tutorials:
            path += tutorial_card("", tutorial=name)
        return [path, self._toctree(gallery)] if "toctree" in self.options else [path]

    def _toctree(self, gallery: str) -> nodes.Node:
        names = [f"{gallery}/{name}" for name in self.config.tutorials]
        toctree = addnodes.toctree(
            parent=self.env.docname,
            entries=[(None, name) for name in names],
            includefiles=names,
            maxdepth=-1,
            caption=None,
            glob=False,
            hidden=True,
            includehidden=False,
            numbered=0,
            titlesonly=False,
        )
        return nodes.compound("", toctree, classes=["toctree-wrapper"])


def drop_thumbnails(app: Sphinx, docname: str, source: list[str]) -> None:
    """画廊首页只留我们写的开头（examples/GALLERY_HEADER.rst），不要后面的缩略图和压缩包。"""
    if docname == f"{app.config.sphinx_gallery_conf['gallery_dirs']}/index":
        source[0] = source[0].partition(".. raw:: html")[0]


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """填上按钮的去处和每一步的文字。"""
    gallery = app.config.sphinx_gallery_conf["gallery_dirs"]

    def link(name: str, kind: str) -> nodes.reference:
        address = app.builder.get_relative_uri(docname, f"{gallery}/{name}")
        return nodes.reference("", "", internal=True, refuri=address, classes=[kind])

    for start in list(doctree.findall(tutorial_start)):
        button = link(app.config.tutorials[0], "start-button")
        button += nodes.Text(start["label"])
        start.replace_self(nodes.container("", nodes.paragraph("", "", button), *start.children, classes=["start"]))
    for card in list(doctree.findall(tutorial_card)):
        name = card["tutorial"]
        lead = store.page(app.env, f"{gallery}/{name}").lead
        step = link(name, "tutorial-card")
        step += nodes.inline("", str(app.config.tutorials.index(name) + 1), classes=["tutorial-card-number"])
        step += nodes.inline("", app.env.titles[f"{gallery}/{name}"].astext(), classes=["tutorial-card-title"])
        if lead:
            step += nodes.inline("", READ.sub("", lead.sentence), classes=["tutorial-card-text"])
            step += nodes.inline("", f"约 {lead.minutes} 分钟", classes=["tutorial-card-time"])
        card.replace_self(nodes.list_item("", nodes.paragraph("", "", step)))
