"""教程页的门面：标题下是第几篇、读多久、两个下载按钮，页脚是这一页怎样生成。

Sphinx-Gallery 没有 gettext，也没有相应的设置，所以改它生成的文档树：去掉“Go to the end”提示，
把页尾的下载链接移到标题下面。页脚里的每一项都取自这一次构建。
"""

import platform
import re
from importlib.metadata import version
from pathlib import Path

from docutils import nodes

from site_builder import provenance, store

ORDINAL = "第 {} / {} 篇"
#: 默读中文说明文大约每分钟 400 字；读一行代码按 3 秒、看一行输出按 1 秒算。
CHARACTERS_PER_MINUTE = 400
SECONDS_PER_CODE_LINE = 3
SECONDS_PER_OUTPUT_LINE = 1


def dress(app, doctree):
    gallery, _, name = app.env.docname.partition("/")
    if gallery != app.config.sphinx_gallery_conf["gallery_dirs"] or name not in app.config.tutorials:
        return
    for note in list(doctree.findall(nodes.note)):
        if "sphx-glr-download-link-note" in note["classes"]:
            note.parent.remove(note)
    number = app.config.tutorials.index(name) + 1
    minutes = reading_minutes(doctree)
    lead = doctree.next_node(nodes.title).parent.next_node(nodes.paragraph).astext()
    sentence = re.sub(r"(?<=\w)\n(?=[A-Za-z])", " ", lead.split("。")[0]).replace("\n", "") + "。"
    store.page(app.env).lead = store.Lead(sentence, minutes)
    place = ORDINAL.format(number, len(app.config.tutorials))
    facts = nodes.paragraph("", f"{place} · 阅读约 {minutes} 分钟", classes=["tutorial-facts"])
    title = doctree.next_node(nodes.title)
    heading = title.parent
    heading.insert(heading.index(title) + 1, [facts, _downloads(doctree)])
    heading += _provenance(app, name)


def reading_minutes(doctree):
    """正文、代码和输出的阅读时间，整分钟。折叠的部分不算。"""
    characters = seconds = 0
    folded = {id(node) for fold in doctree.findall(_is_fold) for node in fold.findall()}
    for text in doctree.findall(nodes.Text):
        if id(text) in folded:
            continue
        if isinstance(text.parent, nodes.literal_block):
            is_output = "sphx-glr-script-out" in text.parent["classes"]
            seconds += (text.count("\n") + 1) * (SECONDS_PER_OUTPUT_LINE if is_output else SECONDS_PER_CODE_LINE)
        else:
            characters += len(re.findall(r"[\u4e00-\u9fff]|[A-Za-z0-9_.]+", text))
    return max(1, round(characters / CHARACTERS_PER_MINUTE + seconds / 60))


def _is_fold(node):
    return node.__class__.__name__ == "fold"


def _downloads(doctree):
    footer = next(node for node in doctree.findall(nodes.container) if "sphx-glr-footer-example" in node["classes"])
    footer.parent.remove(footer)
    buttons = nodes.container(classes=["tutorial-downloads"])
    for kind, label in (("python", "下载 .py"), ("jupyter", "下载 .ipynb")):
        for box in footer.findall(nodes.container):
            if f"sphx-glr-download-{kind}" in box["classes"]:
                link = box.next_node(
                    lambda node: node.get("reftype") == "download" if isinstance(node, nodes.Element) else False
                )
                link.children = [nodes.inline("", label)]
                buttons += nodes.paragraph("", "", link)
    return buttons


def _provenance(app, name):
    """页脚“这一页怎样生成”，各项都读自这次构建。"""
    source = Path(app.srcdir, app.config.sphinx_gallery_conf["examples_dirs"], f"{name}.py").resolve()
    script = source.read_text("utf-8")
    page = Path(app.srcdir, app.config.sphinx_gallery_conf["gallery_dirs"], name)
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
