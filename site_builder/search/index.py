"""站内搜索的索引：输入“梯度清零”，跳到讲清零的那一节，摘要里没有公式的碎片；从磁盘打开也一样。

页面写好时生成三种小文件，浏览器要用到哪个才载入哪个（``<script>`` 标签，不用 fetch，``file://`` 下照样能用）：

- ``search/index.js``：有哪些页面，词表分成几份；
- ``search/words-N.js``：词 → 页面，按词的第一个字分成几份；
- ``search/pages/<页面>.js``：这一页各节的标题、正文和代码，用来给各节排名次、写摘要。

切词、排名在 ``_static/search_engine.js``，两边的切法必须一致；界面在 ``_static/search.js``。

Sphinx 自带的索引只到页，jieba 切的词和读者输入的又对不上；换成二字切词，在这五篇教程上用
tests/site/test_search.py 的 67 个查询比较，前三条里有对的那一页 61 个，对到那一节的只有 15 个，
这里 67 个都对到节。它的索引一次载入 51 KB（gzip），摘要还要把整页取回来，从磁盘打开时就没有了；
这里打开对话框只载入 0.3 KB，词表每份 6～8 KB，一页教程的文字 14～19 KB，用到才载入。
"""

import json
import re
import shutil
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.util import docname_join

from site_builder import store
from site_builder.nodes import fold

#: 词表每份大约多少个字符；压缩后约三分之一。
PART_SIZE = 20_000
#: 每页都有、但与内容无关的部分。
SKIPPED_CLASSES = {"tutorial-facts", "tutorial-downloads", "provenance-box", "sphx-glr-footer", "drawing-code"}
SKIPPED_NODES = (nodes.title, nodes.comment, nodes.raw, nodes.math_block, nodes.system_message)

_RUN = re.compile(r"[A-Za-z0-9_]+|[\u3400-\u9fff]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_FULL_WIDTH = {code: code - 0xFEE0 for code in [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]}


@dataclass
class Section:
    """一节（折叠的节、有锚点的词条也算）的标题和内容；`anchor` 是 ``#`` 后面的。"""

    anchor: str
    heading: str
    folded: bool
    prose: str = ""
    code: str = ""


def words(text: str) -> Iterator[str]:
    """切成索引里的词：汉字两个一组，一串的末字另记（单字查询按词头找）；西文名整个和各部分都记。"""
    for run in _RUN.findall(unicodedata.normalize("NFKC", text)):
        if run.isascii():
            yield run.lower()
            yield from (part.lower() for part in _PART.findall(run) if len(part) > 2)
        else:
            yield from (run[i : i + 2] for i in range(len(run)))


def heading_words(heading: str) -> Iterator[str]:
    """标题的词；词条“数据加载器（data loader）”也可以按连写的 DataLoader 找到。"""
    yield from words(heading)
    for gloss in re.findall(r"（([^（）]+)）$", heading):
        yield from (name.replace(" ", "").lower() for name in gloss.split("、") if re.fullmatch(r"[A-Za-z ]+", name))


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """把本页拆成节，连同它的词记下来；要跳走的页搜不到。"""
    if store.leads_away(app, app.env.docname):
        return
    sections: list[Section] = []
    _gather(doctree, app.env.docname, None, sections)
    prose = "\n".join(section.prose for section in sections)
    # 代码与输出里的数字太多，没有人搜索它们
    code = (word for section in sections for word in words(section.code) if not word[0].isdigit())
    headings = {word for section in sections for word in heading_words(section.heading)}
    page = store.page(app.env)
    page.sections = [[s.anchor, s.heading, s.prose, s.code, int(s.folded)] for s in sections]
    page.heading_words = " ".join(sorted(headings))
    page.body_words = " ".join(sorted({*words(prose), *code} - headings))


def _gather(node: nodes.Element, docname: str, section: Section | None, sections: list[Section]) -> None:
    """依次读 `node` 的内容：遇到节就另起一项；第一节之前的东西不要。"""
    own = _heading(node)
    for child in node.children:
        if not isinstance(child, nodes.Element):
            continue
        if (heading := _heading(child)) is not None:
            # 第一节就是整页，链接到页首
            anchor = (heading if heading["ids"] else child)["ids"][0] if sections else ""
            folded = isinstance(child, fold) or (section is not None and section.folded)
            sections.append(Section(anchor, _text(heading, docname), folded))
            _gather(child, docname, sections[-1], sections)
        elif child is own or isinstance(child, SKIPPED_NODES) or SKIPPED_CLASSES.intersection(child["classes"]):
            continue
        elif not isinstance(child, nodes.TextElement):
            _gather(child, docname, section, sections)
        elif section is not None and isinstance(child, nodes.literal_block):
            section.code += _code(child)
        elif section is not None:
            section.prose += _text(child, docname).strip() + "\n"


def _heading(node: nodes.Element) -> nodes.Element | None:
    """`node` 是一节时返回它的标题节点。"""
    title = node.children[0] if isinstance(node, (nodes.section, fold, nodes.definition_list_item)) else None
    if not isinstance(title, nodes.Element) or (isinstance(node, nodes.definition_list_item) and not title["ids"]):
        return None
    return title


def _text(node: nodes.Node, docname: str) -> str:
    """读得通的文字：带命令的公式写成“…”，没有写链接文字的 :doc: 稍后换成那一页的标题。"""
    if isinstance(node, nodes.Text):
        return re.sub(r"\s+", " ", node).translate(_FULL_WIDTH)
    if isinstance(node, nodes.math):
        return "…" if re.search(r"[\\{}^_]", node.astext()) else node.astext()
    if isinstance(node, addnodes.pending_xref) and node["reftype"] == "doc" and not node["refexplicit"]:
        return f"\0{docname_join(docname, node['reftarget'])}\0"
    return "".join(_text(child, docname) for child in node.children)


def _code(block: nodes.literal_block) -> str:
    """代码去掉缩进和空行；输出只留有词的行（报错信息），成片的数字和重复的行不要。"""
    lines = [line.strip()[:200] for line in block.astext().splitlines()]
    if "sphx-glr-script-out" in block["classes"]:
        lines = list(dict.fromkeys(line for line in lines if re.search(r"[A-Za-z]{3}|[\u3400-\u9fff]", line)))
    return "".join(f"{line}\n" for line in lines if line)


def write(app: Sphinx) -> Iterator[tuple[str, dict[str, str], str]]:
    """整个索引每次重写：改过、删掉的页面不会留下旧词。另给出搜索页。"""
    if not isinstance(app.builder, StandaloneHTMLBuilder):
        return
    folder = Path(app.outdir, "search")
    shutil.rmtree(folder, ignore_errors=True)
    found = store.pages(app.env)
    pages = sorted(name for name, page in found.items() if page.sections)
    postings: defaultdict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for number, name in zip(map(str, range(len(pages))), pages, strict=True):
        for place, text in enumerate((found[name].body_words, found[name].heading_words)):
            for word in text.split():
                postings[word][place].append(number)
        _dump(folder, f"pages/{name}", _with_titles(app, found[name].sections))
    lists = {word: "|".join(map(" ".join, places)) for word, places in sorted(postings.items())}
    count = 1 + sum(len(word) + len(numbers) + 6 for word, numbers in lists.items()) // PART_SIZE
    parts: list[dict[str, str]] = [{} for _ in range(count)]
    for word, numbers in lists.items():
        parts[ord(word[0]) % count][word] = numbers
    for place, part in enumerate(parts):
        _dump(folder, f"words-{place}", part)
    addresses = [[name, app.builder.get_target_uri(name)] for name in pages]
    _dump(folder, "index", {"pages": addresses, "parts": count})
    yield "search", {"title": "搜索"}, "search.html"


def _with_titles(app: Sphinx, sections: list[list[str | int]]) -> list[list[str | int]]:
    def title(match: re.Match[str]) -> str:
        return app.env.titles[match[1]].astext() if match[1] in app.env.titles else ""

    return [
        [re.sub("\0(.*?)\0", title, field) if isinstance(field, str) else field for field in section]
        for section in sections
    ]


def _dump(folder: Path, name: str, value: object) -> None:
    path = folder / f"{name}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    path.write_text(f"searchData[{json.dumps(name, ensure_ascii=False)}]={text};\n", "utf-8")


def start(app: Sphinx) -> None:
    if isinstance(app.builder, StandaloneHTMLBuilder):
        app.builder.search = False  # Sphinx 自己的索引和搜索页
        app.add_js_file("search.js", loading_method="defer")
