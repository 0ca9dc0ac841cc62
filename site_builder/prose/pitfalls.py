"""“常见错误”框里的报错，一篇教程一处，汇总到指令 ``common-errors`` 的位置，逐条链接到框。"""

import re
from itertools import zip_longest

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

from site_builder import store
from site_builder.prose.folds import PITFALL, is_output

#: 一条报错：以异常或警告的名字起头，缩进的后续行也算在内；torchrun 的输出前面有 ``[rank1]: ``。
MESSAGE = re.compile(r"^(?:\[\w+\]: )?\w*(?:Error|Warning| error): .*(?:\n[ \t]+.*)*", re.M)

log = logging.getLogger(__name__)


class pitfall_index(nodes.General, nodes.Element):
    """常见错误索引的位置，写页面时换成内容。"""


class CommonErrors(SphinxDirective):
    """``common-errors``，参数是教程名：列出那一篇“常见错误”框里的报错。"""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        store.page(self.env).sums_up = True
        place = pitfall_index(tutorial=self.arguments[0])
        self.set_source_info(place)
        return [place]


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """记下本页的常见错误；框里有 ``except`` 却没有输出，该报的错就没有报，是一条警告。"""
    found = []
    for section in doctree.findall(nodes.section):
        if "pitfall" not in section["classes"]:
            continue
        title = section[0].astext()
        blocks = list(section.findall(nodes.literal_block))
        for block, following in zip_longest(blocks, blocks[1:]):
            silent = "\nexcept " in block.astext() and not (following and is_output(following))
            if silent and app.config.sphinx_gallery_conf["plot_gallery"]:
                log.warning("“%s”框里的代码没有输出：该报的错没有报。", title, location=block)
        messages = [message for block in blocks if is_output(block) for message in MESSAGE.findall(block.astext())]
        found.append((section["ids"][0], title, messages))
    store.page(app.env).pitfalls = found


def fill_index(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """每个框一项：标题链接到框，下面是报错。"""
    for place in list(doctree.findall(pitfall_index)):
        source = f"{app.config.sphinx_gallery_conf['gallery_dirs']}/{place['tutorial']}"
        if source not in app.env.all_docs:
            log.warning("没有这一篇教程：%s", place["tutorial"], location=place)
        items = []
        for anchor, title, messages in store.page(app.env, source).pitfalls:
            link = make_refnode(app.builder, docname, source, anchor, nodes.Text(title.removeprefix(PITFALL)))
            body: list[nodes.Element] = [nodes.literal_block(text, text, language="text") for text in messages]
            body = body or [nodes.paragraph("", "没有报错信息，看结果才能发现。")]
            items.append(nodes.definition_list_item("", nodes.term("", "", link), nodes.definition("", *body)))
        index = nodes.definition_list("", *items, classes=["pitfall-index", "legacy"])
        place.replace_self([index] if items else [nodes.paragraph("", "这一篇没有“常见错误”框。")])
