"""检查用词：一个术语只用一种译法，以 docs/glossary.md 为准；不合的是一条警告，构建就失败。

看各页的文字，和示例的代码里的中文（注释、字符串）。依据有四：

- 术语表附注里写着作“某某”的，是别处的译法，这里不用；
- ``RULES``：错译和错字，有的要看上下文；
- “中文（English）”里的英文若是术语表的，中文必须是那一条的译法；
- 术语表里有中文的英文词，不直接写进句子（SGD 一类的缩写除外）。

不看的：别的代码和公式，引号里单独的一个词（“汇聚”是在谈论这个词），class 为 legacy 的提示，``ALLOWED`` 里的话。
README.md 不在网站里，由 ``python -m site_builder.prose`` 照样检查（make lint）。
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

from site_builder.nodes import ancestors

#: (正则式, 应写作, 为什么)
RULES = [
    ("您", "你", "全站用“你”"),
    ("帝都", "梯度", "错字"),
    (r"数据及(?!其)", "数据集", "错字"),
    ("类标", "标签", "不通行的译法"),
    ("缓存器", "缓冲区", "不通行的译法"),
    ("自动梯度", "自动微分", "autograd 是名字，不译"),
    ("后馈|反馈传播", "反向传播", "不通行的译法"),
    ("前馈传播|前馈过程", "前向传播", "“前馈”只用于前馈神经网络"),
    ("非循环图|(?<!有向)无环图", "有向无环图", "漏了“有向”"),
    ("雅可比向量积|雅可比积向量", "向量-雅可比积（VJP）或雅可比-向量积（JVP）", "两者是不同的运算"),
    ("雅克比|雅各比", "雅可比", "人名只用一种译法"),
    (r"正则化(?=到|成|为|至|（norm)|(?:图片|图像|照片|像素|输入|数据|通道)[^，。；：]{0,6}正则化|均值[^。]{0,20}正则化",
     "归一化", "这里说的是 normalization；正则化是 regularization"),
    (r"(?:测试|训练|验证|分类|预测|识别|模型)(?:集上)?的?精度", "准确率", "精度另指 precision 和浮点数的位数"),
    (r"(?:模型|网络|做|进行|用于)推断|推断(?=时|阶段|模式)", "推理", "inference 在这里指用模型作预测"),
    (r"权重(?:和|与|、)偏差|偏差(?=项|参数|（bias)", "偏置", "bias 参数"),
    (r"梯度[^，。；：]{0,4}(?:累加|累计)", "累积", "梯度用“累积”"),
]  # fmt: skip
#: (页, 话, 理由)
ALLOWED = [
    ("glossary", "本站的“步长”只指", "说明两种“步长”的区别"),
    ("tutorials/autograd_automatic_differentiation", "有限差分能检验梯度，但步长要挑", "有限差分的步长 h，不是步幅"),
    ("tutorials/autograd_automatic_differentiation", 'xlabel="步长 h"', "有限差分的步长 h，不是步幅"),
    ("install", "内核（kernel）", "Jupyter 的内核，不是卷积核"),
    ("tutorials/optional_data_parallelism", "状态字典里多出 module 前缀", "module 是键名里的字"),
]

log = logging.getLogger(__name__)

#: 术语表里与用词有关的一条：(译法, 括号里的英文, 附注里别处的译法，如 作“就地”“原位”)。
Entry = tuple[str, str, str]


def entries(glossary: str) -> tuple[Entry, ...]:
    """术语表 ``glossary.md`` 的各条。"""
    found = re.findall(r"^([^（\n]+)（([^\n]+)）\n((?:(?:: |  ).+\n?)+)", glossary, re.M)
    return tuple((name, gloss, "".join(re.findall("作(?:“[^”]+”、?)+", body))) for name, gloss, body in found)


class Terms:
    """怎样写才对：`names` 是 {小写英文: 译法}，`rules` 是 [(正则式, 说明)]。"""

    def __init__(self, glossary: tuple[Entry, ...]) -> None:
        self.names: dict[str, set[str]] = {}
        self.rules = [(re.compile(pattern), f"“{right}”：{why}") for pattern, right, why in RULES]
        for name, gloss, others in glossary:
            for english in [name, *gloss.split("、")]:
                if english.isascii():
                    self.names.setdefault(english.lower(), set()).update({name, gloss} if name.isascii() else {name})
            for other in re.findall("“([^”]+)”", others):
                # 别的术语里含有这个词时不算
                longer = "".join(f"(?!{re.escape(term)})" for term, _, _ in glossary if other in term)
                self.rules.append((re.compile(longer + re.escape(other)), f"“{name}”：见术语表"))
        longest_first = "|".join(map(re.escape, sorted(self.names, key=len, reverse=True))) or "(?!)"
        self._english = re.compile(rf"(?<![\w.-])(?:{longest_first})(?![\w.(=-])", re.I)

    def misused(self, text: str) -> Iterator[tuple[str, str]]:
        """不用的译法和错字：(写着的, 应写作)。"""
        for pattern, advice in self.rules:
            for match in pattern.finditer(text):
                if not (text[: match.start()].endswith("“") and text[match.end() :].startswith("”")):
                    yield match[0], advice

    def misnamed(self, text: str) -> Iterator[tuple[str, str]]:
        """“中文（English）”的译法不对，或者句子里直接写了英文。"""
        for match in re.finditer(r"([\u4e00-\u9fff-]+) ?（([A-Za-z][^（），、]*)", text):
            right = self.names.get(match[2].strip().lower())
            if right and not match[1].removesuffix("的").endswith(tuple(right)):
                yield f"{match[1][-6:]}（{match[2]}", f"“{'”或“'.join(sorted(right))}”：见术语表"
        for match in self._english.finditer(re.sub("（[^（）]*）|“[^“”]*”|《[^》]*》", "　", text)):
            right = self.names[match[0].lower()]
            if not match[0].isupper() and match[0].lower() not in right:
                yield match[0], f"“{'”或“'.join(sorted(right))}”：有中文译法"


def findings(doctree: nodes.document, terms: Terms, page: str) -> Iterator[tuple[nodes.Element, str]]:
    """`page` 里不合的：(所在的段落, 一句话)。"""
    for node in doctree.findall(nodes.TextElement):
        code = isinstance(node, nodes.literal_block) and node.get("language") == "Python"  # Sphinx-Gallery 这样写
        if (not code and isinstance(node, (nodes.Inline, nodes.FixedTextElement))) or any(
            map(_exempt, ancestors(node))
        ):
            continue
        text = node.astext() if code else _text(node)
        for words in [words for where, words, _ in ALLOWED if where == page]:
            text = text.replace(words, "　")
        for words, advice in dict.fromkeys([*terms.misused(text), *(() if code else terms.misnamed(text))]):
            yield node, f"“{words}”写作{advice}"


def _exempt(node: nodes.Element) -> bool:
    return isinstance(node, nodes.system_message) or ("legacy" in node["classes"] and "pitfall" not in node["classes"])


def _text(node: nodes.Node) -> str:
    """一段的文字；代码、公式、网址和没有写链接文字的引用换成空白。"""
    if isinstance(node, nodes.Text):
        return re.sub(r"https?://\S+", "　", node.replace("\n", " "))
    bare = isinstance(node, addnodes.pending_xref) and not node["refexplicit"]
    if bare or isinstance(node, (nodes.literal, nodes.math, nodes.raw)):
        return "　"
    return "".join(map(_text, node.children))


known = cache(Terms)


def load(app: Sphinx, config: Config) -> None:
    """译法是一项配置：它变了，各页重读；只改解释，只重读术语表。"""
    path = Path(app.srcdir, "glossary.md")
    config.terms_entries = entries(path.read_text("utf-8")) if path.is_file() else ()


def check(app: Sphinx, doctree: nodes.document) -> None:
    for node, advice in findings(doctree, known(app.config.terms_entries), app.env.docname):
        log.warning("%s", advice, location=node)
