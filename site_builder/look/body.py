"""正文的样子：Sphinx 写好的一页读成一棵树，从上到下各改一遍，再写回去。

改的只是样子，文字不动（只有常见错误索引里，每个框的标题不再重复“常见错误：”）：代码、输出和图合成一格，开头的“你将学到”、末尾的小结与
练习各有各的框，能横向滚动的框键盘够得着，站外的链接在纸上有脚注。
"""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from docutils import nodes
from lxml import html
from lxml.builder import E
from lxml.html import HtmlElement
from sphinx.application import Sphinx

from site_builder.look import assets, navigation, pictures

OUTPUT = "sphx-glr-script-out"
#: 输出里有一行这样开头，就是报错。
ERROR = re.compile(r"^ *(\[\w+\]: *)?[\w.]*(Error|Warning|Exception)\b.*:", re.M)
#: 输出里有对齐的列（表、多行的张量）：折行会乱，这样的行和张量的第一行只好横向滚动。
ALIGNED = re.compile(r"^ {2,}|\S {2,}\S")
#: 正文要说到的一行：作者在行尾写 ``# ←``，后面可以再写几个字；脚本和笔记本里它就是一句注释。
MARKED = re.compile(r"# ←")
#: 一格写的是某个文件的一部分：作者写在第一行，网页上成为代码上面的一条。
FILE = re.compile(r"# 文件：\S+$")
OPENING = ("你将学到", "需要先会")
#: 二级标题 -> 那一节的 class。
SHAPES = {"小结": "recap", "练习": "exercises", "接下来": "onward"}
#: 一行多少列（汉字算 1.66 列）以上，不折行的输出在手机上就可能要横向滚动；多少行以上，就可能要上下滚动。
NARROW, TALL = 42, 20
#: 与四周同色的记号（名字、标点、运算符、空格）不留 ``<span>``：一页代码里一多半的元素是它们，手机要为它们排版。
PLAIN = ("n", "p", "o", "w")
#: 正文里这么长以内的代码不从中间折行：再长，行尾就空出一大截。
UNBROKEN = 16


def dress(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """改好 ``context["body"]``，并选出这一页要的样式与脚本。"""
    root = html.fragment_fromstring(context.get("body", ""), create_parent="div")
    for block in list(_with_class(root, "highlight")):
        _lay_lines(block)
    _join_cells(root)
    _shape_sections(root)
    for code in _with_class(root, "literal"):
        if code.tag == "code" and len(code.text_content()) > UNBROKEN:
            code.set("class", " ".join([*_classes(code), "long"]))
            for words in code.iterfind("span"):
                _break_address(words)
    _drop_repeated_word(root)
    for box in _with_class(root, "provenance-box"):
        box.tag, box[0].tag = "details", "summary"
    for link in root.iter("a"):
        _bare_brackets(link)
    _note_links(root)
    pictures.measure(app, pagename, root)
    assets.choose(app, context, root)
    if context.get("body"):
        context["body"] = "".join(html.tostring(child, encoding="unicode") for child in root)


def _with_class(root: HtmlElement, name: str) -> Iterator[HtmlElement]:
    return (element for element in root.iter() if name in _classes(element))


def _classes(element: HtmlElement) -> list[str]:
    return str(element.get("class", "")).split() if isinstance(element.tag, str) else []


def _columns(line: str) -> float:
    return sum(1.66 if character > "\u2e80" else 1 for character in line)


# -- 代码 ---------------------------------------------------------------------


def _lay_lines(block: HtmlElement) -> None:
    """代码一行一个 ``<span class="l">``：长行折到自己的缩进之后。"""
    pre = block.find("pre")
    if pre is None:
        return
    text = pre.text_content().rstrip("\n")
    outer = _classes(block.getparent())
    is_output = OUTPUT in outer or "card-output" in outer
    is_error = is_output and bool(ERROR.search(text))
    if is_error:
        block.getparent().set("class", " ".join([*outer, "error"]))
    lines = text.split("\n")
    rows = [bool(ALIGNED.search(line)) for line in lines]
    heads = [line.startswith("  ") for line in [*lines[1:], ""]]
    kept = [is_output and not is_error and (row or head) for row, head in zip(rows, heads, strict=True)]
    widest = max((_columns(line) for line, keep in zip(lines, kept, strict=True) if keep), default=0)
    if widest > NARROW or (is_output and len(lines) > TALL):
        pre.set("tabindex", "0")
    for token in [token for name in PLAIN for token in pre.iterfind(f".//span[@class='{name}']")]:
        token.drop_tag()
    _split_lines(pre)
    for line, keep in zip(pre.iterfind("span[@class='l']"), kept, strict=False):
        if keep:
            line.set("class", "l kept")
        elif not is_output and MARKED.search(line.text_content()):
            line.set("class", "l marked")
        elif not is_output and FILE.match(line.text_content()):
            line.set("class", "l file")
        elif line.text_content() == "\n":
            line.set("class", "l blank")


def _split_lines(pre: HtmlElement) -> None:
    """Pygments 的换行都在最外层，所以按最外层的文字切开就行。"""
    pieces: list[str | HtmlElement] = [pre.text or ""]
    for child in list(pre):
        tail, child.tail = child.tail or "", None
        pre.remove(child)
        pieces += [child, tail] if len(child) or child.text else [tail]
    pre.text = None
    line = E.span({"class": "l"})
    for piece in pieces:
        if not isinstance(piece, str):
            line.append(piece)
            continue
        *whole, rest = piece.split("\n")
        for text in whole:
            _append_text(line, text + "\n")
            pre.append(_indented(line))
            line = E.span({"class": "l"})
        _append_text(line, rest)
    if line.text or len(line):
        pre.append(_indented(line))


def _append_text(element: HtmlElement, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def _indented(line: HtmlElement) -> HtmlElement:
    """行首的空格放进 ``<span class="in">``，个数写在 ``--i``。"""
    text = line.text or ""
    indent = E.span({"class": "in"}, " " * (len(text) - len(text.lstrip(" "))))
    if indent.text:
        indent.tail = text.lstrip(" ")
        line.text = None
        line.insert(0, indent)
        line.set("style", f"--i:{len(indent.text)}")
    return line


# -- 一格：代码、输出、图 -----------------------------------------------------------


def _join_cells(root: HtmlElement) -> None:
    """画图的代码折叠在图里（prose.folds），不算一格，也不编号。"""
    numbers = count(1)
    for code in list(_with_class(root, "highlight-Python")):
        if "drawing-code" in _classes(code.getparent()):
            continue
        parts = list(_results(code))
        cell = E.div({"class": "cell", "data-n": str(next(numbers))})
        cell.tail, (parts or [code])[-1].tail = (parts or [code])[-1].tail, None
        code.addprevious(cell)
        pictures = [part for part in parts if OUTPUT not in _classes(part)]
        cell.extend([code, *(part for part in parts if part not in pictures)])
        if pictures:
            cell.append(E.figure({"class": "plot"}, *pictures))


def _results(code: HtmlElement) -> Iterator[HtmlElement]:
    """紧跟着一格代码的输出和图。"""
    following = code.getnext()
    while following is not None and (
        following.tag == "img" or {OUTPUT, "sphx-glr-horizontal"} & set(_classes(following))
    ):
        yield following
        following = following.getnext()


# -- 各节的样子 -------------------------------------------------------------------


def _shape_sections(root: HtmlElement) -> None:
    opening = [p for p in root.iter("p") if len(p) and p[0].tag == "strong" and p[0].text in OPENING and not p.text]
    if opening:
        box = E.div({"class": "opening"})
        opening[0].addprevious(box)
        for title in opening:
            following = title.getnext()
            box.append(E.div(title, *([following] if following is not None and following.tag == "ul" else [])))
    for heading in root.iter("h2"):
        title = heading.text_content().removesuffix("¶").strip()
        if title in SHAPES and heading.getparent().tag == "section":
            section = heading.getparent()
            section.set("class", " ".join([*_classes(section), SHAPES[title]]))
            _move_answers(section)


def _drop_repeated_word(root: HtmlElement) -> None:
    """常见错误索引那一页全是框，标题里的“常见错误：”就不显示；搜索、电子书里照旧。"""
    page = root.find(".//h1")
    if page is None or not (page.text or "").startswith(navigation.PITFALL[:-1]):
        return
    for section in _with_class(root, "pitfall"):
        for title in section.iterfind("h3"):
            title.text = (title.text or "").removeprefix(navigation.PITFALL)


def _move_answers(section: HtmlElement) -> None:
    """“练习 1 的答案”移到第 1 道练习里：笔记本和电子书的代码格要在最外层，所以只在网页上移。"""
    exercises = section.xpath("./ol/li")
    for exercise, answer in zip(exercises, list(_with_class(section, "answer")), strict=False):
        exercise.append(answer)


def _break_address(words: HtmlElement) -> None:
    """网址只在斜杠后面折行。"""
    first, *rest = re.split("(?<=[^/]/)(?=[^/])", words.text or "") if "://" in (words.text or "") else [words.text]
    words.text = first
    for part in rest:
        words.append(E.wbr())
        words[-1].tail = part


def _bare_brackets(link: HtmlElement) -> None:
    """书名号放到链接外面：它一半是空白，下划线会比看得见的字长出半格。"""
    name = link[0] if len(link) == 1 else link
    if not re.fullmatch("《.+》", name.text or ""):
        return
    name.text = str(name.text)[1:-1]
    link.tail = "》" + (link.tail or "")
    before = link.getprevious()
    if before is None:
        link.getparent().text = (link.getparent().text or "") + "《"
    else:
        before.tail = (before.tail or "") + "《"


def _note_links(root: HtmlElement) -> None:
    """正文里指向站外的链接，打印时编号，网址列在末尾；屏幕上和电子书里都没有。"""
    links: dict[str, int] = {}
    for link in root.iter("a"):
        address = link.get("href", "")
        if not address.startswith("http") or "api-link" in _classes(link) or link.text_content().strip() == address:
            continue
        number = links.setdefault(address, len(links) + 1)
        note = E.sup({"class": "on-paper", "hidden": ""}, f"[{number}]")
        note.tail, link.tail = link.tail, None
        link.addnext(note)
    if links:
        root.append(E.ol({"class": "on-paper", "hidden": ""}, *map(E.li, links)))
