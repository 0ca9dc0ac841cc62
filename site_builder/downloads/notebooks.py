"""可以下载的笔记本：由教程页的文档树写成，与网页同样的文字和代码格，没有输出。

练习的答案移到最后，第一格说明要装什么。同样的页面总是写出同样的字节。
"""

import hashlib
import re
from collections import Counter
from typing import Any
from urllib.parse import urljoin, urlparse

from docutils import nodes

from site_builder.downloads.markdown import Piece, Writer, quote

#: 答案的标题。
ANSWER = re.compile(r"练习 \d+ 的答案")
ANSWERS = [Piece("heading", "练习的答案", 2), Piece("text", "先自己做一做，再往下看。")]
#: 只在网站上有用的部分。
WITHOUT = ("tutorial-facts", "tutorial-downloads", "provenance-box", "drawing-caption")  # 图的说明就是代码的第一行
NEEDS = (
    "**运行之前**：本机要有 torch、torchvision 和 matplotlib。没有就在终端运行 "
    "`pip install torch torchvision matplotlib`，再从上往下逐格运行。Colab 里三样都已装好。"
)
FONTS = (
    "图中的汉字取自本机的中文字体，一种也没有时图里只剩字母和数字。Colab 就没有：想看到汉字，先新建一格运行 "
    "`!apt-get -qq install -y fonts-wqy-microhei && rm -rf ~/.cache/matplotlib`，再重新启动运行时。"
)
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language": "zh-CN",
    "language_info": dict(name="python", file_extension=".py", mimetype="text/x-python", pygments_lexer="ipython3"),
}


def notebook(doctree: nodes.document, docname: str, site_url: str = "") -> dict[str, Any]:
    """教程页 `docname` 的笔记本（nbformat 4.5）。

    `site_url` 是网站的网址，以 / 结尾：页与页之间的链接是完整网址；没有它时写成《标题》。
    不会写的节点抛出 ExtensionError。
    """
    page = f"{site_url}{docname}.html"

    def link(text: str, address: str) -> str:
        if urlparse(address).scheme or site_url:
            return f"[{text}]({urljoin(page, address).replace(')', '%29')})"
        return text if address.startswith("#") else f"《{text.strip('《》“”')}》"

    # 图由代码格画出来
    title, *pieces = Writer(docname, link, lambda alt, node: "", WITHOUT).pieces(doctree.children)
    codes = "\n".join(piece.text for piece in pieces if piece.kind == "cell")
    needs = [NEEDS]
    if "font_manager" in codes:
        needs.append(FONTS)
    if "CIFAR10(" in codes:
        slow = link("《数据下载慢怎么办》", "../slow_download.html")
        needs.append(f"第一次运行要下载约 170 MB 的数据。下载太慢，见{slow}。")
    if site_url:
        needs.append(f"网页版带着全部输出：[{page}]({page})")
    cells = cells_of([title, Piece("text", quote("\n\n".join(needs))), *answers_last(pieces)])
    return {"cells": cells, "metadata": {**METADATA, "title": title.text}, "nbformat": 4, "nbformat_minor": 5}


def answers_last(pieces: list[Piece]) -> list[Piece]:
    """答案移到最后；一个答案到下一个同级或更高的标题为止。"""
    text: list[Piece] = []
    answers: list[Piece] = []
    level = 0
    for piece in pieces:
        if piece.kind == "heading" and (not level or piece.level <= level):
            level = piece.level if ANSWER.match(piece.text) else 0
        (answers if level else text).append(piece)
    return [*text, *ANSWERS, *answers] if answers else text


def cells_of(pieces: list[Piece]) -> list[dict[str, Any]]:
    """笔记本的各格：代码和标题各起一格，其余的文字接在后面。"""
    parts: list[tuple[str, str]] = []
    for piece in pieces:
        if piece.kind == "cell":
            # 末行的 manual_seed 有返回值，加分号，免得 Jupyter 显示它
            parts.append(("code", re.sub(r"(manual_seed\(\w+\))\Z", r"\1;", piece.text)))
        elif piece.kind == "heading" or (piece.kind == "text" and parts[-1][0] == "code"):
            parts.append(("markdown", piece.markdown()))
        elif piece.kind == "text":
            parts[-1] = ("markdown", f"{parts[-1][1]}\n\n{piece.text}")
    cells: list[dict[str, Any]] = []
    used = Counter[str]()
    for kind, text in parts:
        identifier = hashlib.sha256(f"{kind}\n{text}".encode()).hexdigest()[:12]
        used[identifier] += 1
        cell = {
            "cell_type": kind,
            "id": identifier if used[identifier] == 1 else f"{identifier}-{used[identifier]}",
            "metadata": {},
            "source": text.splitlines(keepends=True),
        }
        cells.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    return cells
