"""教程页的门面：标题下一行是第几篇、读多久、两个下载按钮，页脚是这一页怎样生成。

Sphinx-Gallery 没有 gettext，也没有相应的设置，所以改它生成的文档树：去掉“Go to the end”提示，
把页尾的下载链接移到标题下面。页脚里的每一项都取自这一次构建。
"""

import platform
import re
from importlib.metadata import version
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from site_builder import provenance, store

ORDINAL = "第 {} / {} 篇"
#: 按读者试读的时间定的：2026 年 11 月的五篇，照每分钟 400 字、一行代码 3 秒、一行输出 1 秒算是 31、33、31、37、30 分钟，
#: 读者实际用了 60、80、65、60、45 分钟，合起来是 1.9 倍。
CHARACTERS_PER_MINUTE = 207
SECONDS_PER_CODE_LINE = 5.8
SECONDS_PER_OUTPUT_LINE = 1.9


def dress(app: Sphinx, doctree: nodes.document) -> None:
    """教程的标题下面加上事实和下载，页尾加上来历；记下首页要的那句话和阅读时间。"""
    tutorials = store.tutorials(app.config)
    if app.env.docname not in tutorials:
        return
    for note in list(doctree.findall(nodes.note)):
        if "sphx-glr-download-link-note" in note["classes"]:
            note.parent.remove(note)
    minutes = reading_minutes(doctree)
    title = next(doctree.findall(nodes.title))
    heading = title.parent
    store.page(app.env).lead = store.Lead(promise(next(heading.findall(nodes.paragraph)).astext()), minutes)
    place = ORDINAL.format(tutorials.index(app.env.docname) + 1, len(tutorials))
    facts = nodes.paragraph("", f"{place} · 阅读约 {minutes} 分钟", classes=["tutorial-facts"])
    heading.insert(heading.index(title) + 1, _downloads(doctree, facts))
    heading.append(_provenance(app, app.env.docname))


def promise(lead: str) -> str:
    """开头一段里说“读完……，你能……”的那一句，从“你”起；没有就是第一句。"""
    text = re.sub(r"(?<=\w)\n(?=[A-Za-z])", " ", lead).replace("\n", "")
    sentences = [sentence + "。" for sentence in text.split("。") if sentence]
    found = next((sentence for sentence in sentences if sentence.startswith("读完")), sentences[0])
    return re.sub("^读完[^，]*，", "", found)


def reading_minutes(doctree: nodes.document) -> int:
    """正文、代码和输出的阅读时间，整分钟。折叠的部分不算；排版程序的话也不算，它有的话一个进程里只说一次。"""
    characters, seconds = 0, 0.0
    passed_over = ("fold", "drawing_code", "system_message")
    folds = (node for node in doctree.findall(nodes.Element) if node.tagname in passed_over)
    folded = {id(node) for fold in folds for node in fold.findall()}
    for text in doctree.findall(nodes.Text):
        if id(text) in folded:
            continue
        if isinstance(text.parent, nodes.literal_block):
            is_output = "sphx-glr-script-out" in text.parent["classes"]
            seconds += (text.count("\n") + 1) * (SECONDS_PER_OUTPUT_LINE if is_output else SECONDS_PER_CODE_LINE)
        else:
            characters += len(re.findall(r"[\u4e00-\u9fff]|[A-Za-z0-9_.]+", text))
    return max(1, round(characters / CHARACTERS_PER_MINUTE + seconds / 60))


def _downloads(doctree: nodes.document, facts: nodes.paragraph) -> nodes.container:
    """一行：事实，两个下载。"""
    footer = next(node for node in doctree.findall(nodes.container) if "sphx-glr-footer-example" in node["classes"])
    footer.parent.remove(footer)
    buttons = nodes.container("", facts, classes=["tutorial-downloads"])
    for kind, label in (("python", "下载 .py"), ("jupyter", "下载 .ipynb")):
        for box in footer.findall(nodes.container):
            if f"sphx-glr-download-{kind}" in box["classes"]:
                link = next(box.findall(addnodes.download_reference))
                link.children = [nodes.inline("", label)]
                buttons += nodes.paragraph("", "", link)
    return buttons


def _provenance(app: Sphinx, docname: str) -> nodes.container:
    """页脚“这一页怎样生成”，各项都读自这次构建。"""
    page = Path(app.srcdir, docname)
    script = Path(app.srcdir, app.config.sphinx_gallery_conf["examples_dirs"], f"{page.name}.py").read_text("utf-8")
    items = [
        ("PyTorch", f"torch {version('torch')}，torchvision {version('torchvision')}"),
        ("Python", f"{platform.python_version()}，{platform.system()} {platform.machine()}"),
        ("处理器", provenance.processor()),
        ("随机种子", "、".join(dict.fromkeys(re.findall(r"torch\.manual_seed\((\d+)\)", script))) or "没有用到"),
    ]
    if "CIFAR10(" in script:
        items.append(("数据来源", f"CIFAR-10，{provenance.data_source()}"))
    items += [
        ("代码用时", provenance.running_time(page)),
        ("执行日期", provenance.executed(page).strftime("%Y-%m-%d %H:%M UTC")),
        ("源码版本", provenance.commit(Path(app.confdir))),
    ]
    rubric = nodes.rubric("", "这一页怎样生成")
    fields = nodes.definition_list(classes=["provenance"])
    for term, text in items:
        fields += nodes.definition_list_item("", nodes.term("", term), nodes.definition("", nodes.paragraph("", text)))
    return nodes.container("", rubric, fields, classes=["provenance-box"])
