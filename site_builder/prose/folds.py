"""标题开头的几个词决定一节的样子，脚本里不必写别的标记。

- ``答案：`` ``选读：`` 开头的节折叠成 ``<details>``，不进目录；
- ``常见错误：`` 开头的节成为一个框，框里的报错汇总到指令 ``common-errors`` 所在的页面。

此外，中文标题的锚点由标题本身得来（docutils 会给出 id1、id2，改一处就全变）。
"""

import re
from itertools import pairwise

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

from site_builder import store
from site_builder.nodes import fold, summary

log = logging.getLogger(__name__)

FOLDED = ("答案：", "选读：")
PITFALL = "常见错误："
#: Sphinx-Gallery 给输出块的 class。
OUTPUT = "sphx-glr-script-out"
#: 一条报错：以异常或警告的名字起头，缩进的后续行也算在内；torchrun 的输出前面有 ``[rank1]: ``。
MESSAGE = re.compile(r"^(?:\[\w+\]: )?\w*(?:Error|Warning| error): .*(?:\n[ \t]+.*)*", re.M)


class pitfall_index(nodes.General, nodes.Element):
    """常见错误索引的位置，写页面时换成内容。"""


class MarkTitledSections(SphinxTransform):
    default_priority = 250

    def apply(self):
        for section in list(self.document.findall(nodes.section)):
            title = section.next_node(nodes.title)
            if title is None or title.parent is not section:
                continue
            self._name_after_title(section, title.astext())
            if title.astext().startswith(PITFALL):
                section["classes"] += ["pitfall", "legacy"]
            elif title.astext().startswith(FOLDED):
                folded = fold("", summary("", "", *title.children), *section.children[1:])
                folded["ids"] = section["ids"]
                section.replace_self(folded)

    def _name_after_title(self, section, title):
        if not section["ids"] or not re.fullmatch(r"(id|section-)\d+|[a-z0-9-]+", section["ids"][0]):
            return
        if not re.search(r"[\u4e00-\u9fff]", title):
            return
        slug = base = re.sub(r"[^\w]+", "-", title).strip("-").lower()
        count = 1
        while slug in self.document.ids:
            count += 1
            slug = f"{base}-{count}"
        old = section["ids"][0]
        section["ids"][0] = slug
        self.document.ids[slug] = self.document.ids.pop(old, section)
        for name, identifier in self.document.nameids.items():
            if identifier == old:
                self.document.nameids[name] = slug


class CommonErrors(SphinxDirective):
    """``.. common-errors::`` 列出全站“常见错误”框里的报错，逐条链接到框。"""

    def run(self):
        store.page(self.env).sums_up = True
        return [pitfall_index()]


def collect(app, doctree):
    """记下本页的常见错误：[(锚点, 标题, [报错, ...]), ...]。"""
    found = []
    for section in doctree.findall(nodes.section):
        if "pitfall" in section["classes"]:
            title = section.next_node(nodes.title)
            blocks = list(section.findall(nodes.literal_block))
            outputs = [block for block in blocks if OUTPUT in block["classes"]]
            silent = [
                block
                for block, following in pairwise([*blocks, None])
                if "\nexcept " in block.astext() and following not in outputs
            ]
            if silent and app.config.sphinx_gallery_conf["plot_gallery"]:
                log.warning("“%s”框里的代码没有输出：该报的错没有报。", title.astext(), location=silent[0])
            messages = [message for output in outputs for message in MESSAGE.findall(output.astext())]
            found.append((section["ids"][0], title.astext(), messages))
    store.page(app.env).pitfalls = found


def fill_index(app, doctree, docname):
    for place in list(doctree.findall(pitfall_index)):
        content = []
        for name in app.config.tutorials:
            source = f"{app.config.sphinx_gallery_conf['gallery_dirs']}/{name}"
            entries = store.page(app.env, source).pitfalls
            if not entries:
                continue
            section = nodes.section("", nodes.title("", app.env.titles[source].astext()), ids=[name])
            for anchor, title, messages in entries:
                link = make_refnode(app.builder, docname, source, anchor, nodes.Text(title.removeprefix(PITFALL)))
                body = [nodes.literal_block(m, m, language="text") for m in messages]
                body = body or [nodes.paragraph("", "没有报错信息，看结果才能发现。")]
                section += nodes.definition_list_item("", nodes.term("", "", link), nodes.definition("", *body))
            items = section.children[1:]
            section[1:] = [nodes.definition_list("", *items, classes=["pitfall-index", "legacy"])]
            content.append(section)
        place.replace_self(content)


def visit_fold(self, node):
    self.body.append(self.starttag(node, "details", CLASS="fold"))


def depart_fold(self, node):
    self.body.append("</details>\n")


def visit_summary(self, node):
    self.body.append(self.starttag(node, "summary", ""))


def depart_summary(self, node):
    self.body.append("</summary>\n")
