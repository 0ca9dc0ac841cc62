"""教程的卡片：指令 ``tutorial-cards`` 按次序列出每篇的图、标题、开头一句和阅读时间。

图取自这次构建，时间由 tutorial_page 算出，所以卡片不会与教程不一致。选项 ``toctree`` 还把教程按
同一个次序挂进目录。Sphinx-Gallery 自己的缩略图链接没有文字，读屏软件念不出来。
"""

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from site_builder import store


class tutorial_card(nodes.General, nodes.Element):
    """一张卡片：读到所有页面之后再填文字。"""


class TutorialCards(SphinxDirective):
    option_spec = {"toctree": directives.flag}

    def run(self):
        env, conf = self.env, self.config.sphinx_gallery_conf
        store.page(env).sums_up = True
        cards = nodes.container(classes=["tutorial-cards"])
        for name in self.config.tutorials:
            image = f"/{conf['gallery_dirs']}/images/thumb/sphx_glr_{name}_thumb"
            suffix = next((s for s in (".webp", ".png") if (env.srcdir / f"{image[1:]}{s}").exists()), ".png")
            cards += tutorial_card("", nodes.image(uri=image + suffix, alt=""), tutorial=name)
        return [cards, self._toctree()] if "toctree" in self.options else [cards]

    def _toctree(self):
        names = [f"{self.config.sphinx_gallery_conf['gallery_dirs']}/{name}" for name in self.config.tutorials]
        return nodes.compound(
            "",
            addnodes.toctree(
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
            ),
            classes=["toctree-wrapper"],
        )


def drop_thumbnails(app, docname, source):
    """画廊首页只留我们写的开头（examples/GALLERY_HEADER.rst），不要后面的缩略图和压缩包。"""
    if docname == f"{app.config.sphinx_gallery_conf['gallery_dirs']}/index":
        source[0] = source[0].partition(".. raw:: html")[0]


def fill(app, doctree, docname):
    gallery = app.config.sphinx_gallery_conf["gallery_dirs"]
    for card in list(doctree.findall(tutorial_card)):
        name = card["tutorial"]
        source = f"{gallery}/{name}"
        number = app.config.tutorials.index(name) + 1
        lead = store.page(app.env, source).lead
        link = nodes.reference(
            "", "", internal=True, refuri=app.builder.get_relative_uri(docname, source), classes=["tutorial-card"]
        )
        link += card.children
        link += nodes.inline("", f"{number} {app.env.titles[source].astext()}", classes=["tutorial-card-title"])
        link += nodes.inline("", lead.sentence, classes=["tutorial-card-text"])
        link += nodes.inline("", f"阅读约 {lead.minutes} 分钟", classes=["tutorial-card-time"])
        card.replace_self(nodes.paragraph("", "", link))
