"""可以下载的笔记本：由脚本重新写成，换下 Sphinx-Gallery 的。

Sphinx-Gallery 0.22.1 用正则表达式把 reStructuredText 改成 Markdown：``:doc:``、双反引号、链接后面的下划线
原样留着，提示框的标题是英文，汉字之间的换行显示成空格。这里用 docutils 读一遍全文，再逐个节点写成 Markdown；
遇到不会写的节点就报错，不会留下残渣。

读者得到的笔记本：与网页同样的代码格（不含网页上藏起来的检查），``答案：`` 开头的节移到最后，
第一格说明要装什么。同样的脚本总是写出同样的字节。
"""

import hashlib
import json
import os
import re
import unicodedata
from contextlib import contextmanager
from pathlib import Path

from docutils import core, nodes
from docutils.parsers.rst import Directive, directives, roles
from docutils.utils import SystemMessage
from sphinx.errors import ExtensionError
from sphinx.locale import admonitionlabels
from sphinx_gallery import py_source_parser

ANSWER = "答案："
ANSWERS_HEADING = "## 练习的答案\n\n先自己做一做，再往下看。"
_WIDE = r"[\u2018-\u201d\u2026\u2014\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"
_SETTINGS = {
    "character_level_inline_markup": True,
    "doctitle_xform": False,
    "file_insertion_enabled": False,
    "halt_level": 2,
    "report_level": 5,
    "smart_quotes": False,
}


class code_cell(nodes.General, nodes.Element):
    """一个代码格的位置；`number` 是它在脚本里的块号。"""


class _CodeCell(Directive):
    required_arguments = 1

    def run(self):
        return [code_cell(number=int(self.arguments[0]))]


def _doc_role(name, rawtext, text, lineno, inliner, options=None, content=None):
    """``:doc:`文字 <页名>```：链接还是文字，写 Markdown 时才知道。"""
    match = re.fullmatch(r"(.*?)\s*<([^>]+)>", text, re.S)
    label, target = match.groups() if match else (text, text)
    return [nodes.inline(rawtext, label, doc=target)], []


def _text_role(name, rawtext, text, lineno, inliner, options=None, content=None):
    return [nodes.inline(rawtext, re.sub(r"\s*<[^>]+>$", "", text))], []


@contextmanager
def _plain_docutils():
    """在 docutils 自己的指令和角色之下解析：Sphinx 换上的那些离不开正在读的页面。"""
    saved = dict(directives._directives), dict(roles._roles)
    directives._directives.clear()
    roles._roles.clear()
    directives.register_directive("code-cell", _CodeCell)
    roles.register_local_role("doc", _doc_role)
    roles.register_local_role("term", _text_role)
    try:
        yield
    finally:
        for registry, content in zip((directives._directives, roles._roles), saved, strict=True):
            registry.clear()
            registry.update(content)


def convert(script, site_url=""):
    """把教程脚本 `script`（Path）变成笔记本（dict，nbformat 4.5）。

    有 `site_url` 时，页与页之间的链接是完整网址，没有时写成《标题》。
    不会写的标记抛出 ExtensionError。
    """
    _, blocks = py_source_parser.split_code_and_text_blocks(str(script))
    source = "\n\n".join(
        f".. code-cell:: {number}" if block.type == "code" else block.content for number, block in enumerate(blocks)
    )
    try:
        with _plain_docutils():
            document = core.publish_doctree(source, settings_overrides=_SETTINGS)
    except SystemMessage as error:
        raise ExtensionError(f"{script.name} 的文字写不成笔记本：{error}") from error
    writer = _Writer(script, site_url, [_code(block.content) if block.type == "code" else "" for block in blocks])
    return writer.notebook(document)


def _code(text):
    """网页上显示的代码：不含藏起来的检查。末行的 ``manual_seed`` 有返回值，加分号，免得 Jupyter 显示它。"""
    shown = py_source_parser.remove_config_comments(py_source_parser.remove_ignore_blocks(text)).strip()
    return re.sub(r"(manual_seed\(\w+\))\Z", r"\1;", shown)


class _Writer:
    def __init__(self, script, site_url, codes):
        self.script, self.site_url, self.codes = script, site_url, codes
        self.cells, self.pending, self.answers = [], [], []

    def notebook(self, document):
        self.write(document.children, level=0)
        if self.answers:
            self.flush()
            self.pending.append(ANSWERS_HEADING)
            for section in self.answers:
                self.write_section(section, level=3)
        self.flush()
        language = {
            "name": "python",
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "pygments_lexer": "ipython3",
        }
        return {
            "cells": self.cells,
            "metadata": {
                "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language": "zh-CN",
                "language_info": language,
                "title": document.next_node(nodes.title).astext(),
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }

    # -- 格子 -----------------------------------------------------------------

    def add_cell(self, kind, text):
        base = identifier = hashlib.sha256(f"{kind}\n{text}".encode()).hexdigest()[:12]
        used, count = {cell["id"] for cell in self.cells}, 1
        while identifier in used:
            count += 1
            identifier = f"{base}-{count}"
        cell = {"cell_type": kind, "id": identifier, "metadata": {}, "source": text.splitlines(keepends=True)}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        self.cells.append(cell)

    def flush(self):
        if self.pending:
            self.add_cell("markdown", "\n\n".join(self.pending))
            self.pending = []

    def write(self, children, level):
        for node in children:
            if isinstance(node, nodes.section):
                if node.next_node(nodes.title).astext().startswith(ANSWER):
                    self.answers.append(node)
                else:
                    self.write_section(node, level + 1)
            elif isinstance(node, code_cell):
                self.flush()
                if self.codes[node["number"]]:
                    self.add_cell("code", self.codes[node["number"]])
            elif block := self.block(node):
                self.pending.append(block)

    def write_section(self, section, level):
        self.flush()
        self.pending.append(f"{'#' * level} {self.inline(section[0])}")
        if level == 1:
            self.pending.append(self.preamble())
        self.write(section.children[1:], level)

    def preamble(self):
        """第一格：要装什么；不替读者设置任何东西。"""
        lines = [
            "**运行之前**：本机要有 torch、torchvision 和 matplotlib。没有就在终端运行 "
            "`pip install torch torchvision matplotlib`，再从上往下逐格运行。Colab 里三样都已装好。"
        ]
        text = self.script.read_text("utf-8")
        if "font_manager" in text:
            lines.append(
                "图中的汉字取自本机的中文字体，一种也没有时图里只剩字母和数字。Colab 就没有：想看到汉字，先新建一格运行 "
                "`!apt-get -qq install -y fonts-wqy-microhei && rm -rf ~/.cache/matplotlib`，再重新启动运行时。"
            )
        if "CIFAR10(" in text:
            lines.append(
                f"第一次运行要下载约 170 MB 的数据。下载太慢，见{self.page('数据下载慢怎么办', 'slow_download')}。"
            )
        if self.site_url:
            lines.append(
                f"网页版带着全部输出：[{self.page_url('tutorials/' + self.script.stem)}]({self.page_url('tutorials/' + self.script.stem)})"
            )
        return "\n>\n".join(f"> {line}" for line in lines)

    def page_url(self, docname):
        return f"{self.site_url}/{docname}.html"

    def page(self, label, docname):
        title = f"《{label.strip('《》“”')}》"
        return f"[{title}]({self.page_url(docname)})" if self.site_url else title

    # -- 块 -------------------------------------------------------------------

    def block(self, node):
        """一个块级节点的 Markdown；不显示的节点给出空字符串。"""
        if isinstance(node, (nodes.comment, nodes.target, nodes.substitution_definition)):
            return ""
        if isinstance(node, nodes.paragraph):
            return re.sub(r"^([#+>-]|\d+(?=[.)]))(?=[\s.)])", r"\\\1", self.inline(node))
        if isinstance(node, nodes.math_block):
            tex = node.astext()
            if r"\\" in tex and r"\begin{" not in tex:
                tex = f"\\begin{{aligned}}{tex}\\end{{aligned}}"
            return f"$$\n{tex}\n$$"
        if isinstance(node, nodes.literal_block):
            language = next((name for name in node["classes"] if name != "code"), "")
            return f"```{language}\n{node.astext()}\n```"
        if isinstance(node, nodes.Admonition):
            custom = isinstance(node, nodes.admonition)
            title = self.inline(node[0]) if custom else str(admonitionlabels[node.tagname])
            return _quote("\n\n".join([f"**{title}**", *self.blocks(node.children[custom:])]))
        if isinstance(node, nodes.block_quote):
            return _quote("\n\n".join(self.blocks(node.children)))
        if isinstance(node, (nodes.bullet_list, nodes.enumerated_list)):
            return self.list(node)
        if isinstance(node, nodes.definition_list):
            items = [f"- **{self.inline(item[0])}**：" + "\n\n  ".join(self.blocks(item[-1].children)) for item in node]
            return "\n".join(items)
        if isinstance(node, nodes.table):
            return self.table(node)
        if isinstance(node, nodes.rubric):
            return f"**{self.inline(node)}**"
        if isinstance(node, nodes.transition):
            return "---"
        raise ExtensionError(f"{self.script.name}：笔记本里不会写 {node.tagname}：{node.astext()[:60]!r}")

    def blocks(self, children):
        return [block for child in children if (block := self.block(child))]

    def list(self, node):
        items = []
        for number, item in enumerate(node, start=node.get("start", 1)):
            marker = f"{number}. " if isinstance(node, nodes.enumerated_list) else "- "
            text = "\n\n".join(self.blocks(item.children))
            items.append(
                marker + text.replace("\n", "\n" + " " * len(marker)).replace(f"\n{' ' * len(marker)}\n", "\n\n")
            )
        return "\n".join(items)

    def table(self, node):
        rows = [
            "| " + " | ".join(" ".join(self.blocks(entry.children)).replace("|", r"\|") for entry in row) + " |"
            for row in node.findall(nodes.row)
        ]
        columns = len(node.next_node(nodes.row))
        return "\n".join([rows[0], "|" + " --- |" * columns, *rows[1:]])

    # -- 行内 -----------------------------------------------------------------

    def inline(self, parent):
        return _join_lines("".join(self.pieces(parent)))

    def pieces(self, parent):
        before = ""
        for index, node in enumerate(parent.children):
            after = "".join(child.astext() for child in parent.children[index + 1 :])
            piece = self.piece(node, before[-1:], after[:1])
            before += piece
            yield piece

    def piece(self, node, before, after):
        if isinstance(node, nodes.Text):
            return re.sub(r"([\\`*_$~]|<(?=[A-Za-z/!?])|&(?=#?\w+;))", r"\\\1", node.astext())
        if isinstance(node, nodes.literal):
            text = node.astext().replace("\n", " ")
            fence = "``" if "`" in text else "`"
            return f"{fence}{text}{fence}" if fence == "`" else f"{fence} {text} {fence}"
        if isinstance(node, nodes.math):
            return f"${node.astext()}$"
        if isinstance(node, (nodes.strong, nodes.emphasis)):
            text = "".join(self.pieces(node))
            tag, mark = ("strong", "**") if isinstance(node, nodes.strong) else ("em", "*")
            # 紧挨着标点的 ** 旁边又是汉字时，CommonMark 不认它是强调
            fits = _flanks(text[:1], before) and _flanks(text[-1:], after)
            return f"{mark}{text}{mark}" if fits else f"<{tag}>{text}</{tag}>"
        if isinstance(node, nodes.reference):
            text = "".join(self.pieces(node))
            return f"[{text}]({node['refuri'].replace(')', '%29')})"
        if isinstance(node, nodes.inline) and "doc" in node:
            return self.page(node.astext(), f"tutorials/{node['doc']}".replace("tutorials//", ""))
        if isinstance(node, nodes.inline):
            return "".join(self.pieces(node))
        if isinstance(node, nodes.target):
            return ""
        raise ExtensionError(f"{self.script.name}：笔记本里不会写 {node.tagname}：{node.astext()[:60]!r}")


def _flanks(inner, outer):
    return not _is_punctuation(inner) or not outer or outer.isspace() or _is_punctuation(outer)


def _is_punctuation(character):
    return bool(character) and unicodedata.category(character)[0] in "PS"


def _join_lines(text):
    """两个汉字之间、全角标点旁边的换行去掉，其余换成空格。"""
    text = re.sub(rf"(?<={_WIDE})(\*\*)?\n(\*\*)?(?={_WIDE})", r"\1\2", text)
    text = re.sub(r"(?<=[，。；：！？、（）《》“”])\n|\n(?=[，。；：！？、（）《》“”])", "", text)
    return text.replace("\n", " ")


def _quote(text):
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def write_all(app):
    """Sphinx-Gallery 生成之后、复制下载文件之前，换上自己的笔记本。

    笔记本的修改时刻与脚本的一样，就是已经写好的：不必再写，用到它的网页也不必重做。
    """
    gallery = Path(app.srcdir, app.config.sphinx_gallery_conf["gallery_dirs"])
    examples = Path(app.srcdir, app.config.sphinx_gallery_conf["examples_dirs"])
    for name in app.config.tutorials:
        script, output = examples / f"{name}.py", gallery / f"{name}.ipynb"
        times = script.stat()
        if output.is_file() and output.stat().st_mtime_ns == times.st_mtime_ns:
            continue
        text = json.dumps(convert(script, app.config.html_baseurl.rstrip("/")), ensure_ascii=False, indent=1) + "\n"
        output.write_text(text, "utf-8", newline="\n")
        os.utime(output, ns=(times.st_atime_ns, times.st_mtime_ns))
