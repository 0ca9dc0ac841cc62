"""Markdown 是怎样写的：一种节点一条，在一个进程里。"""

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from markdown_it import MarkdownIt
from sphinx.errors import ExtensionError
from sphinx_gallery.directives import imgsgnode

from site_builder.downloads.markdown import Piece, Writer, code, indent, mark


class fold(nodes.General, nodes.Element):
    """折叠的一节，别的文件夹定义的。"""


class summary(nodes.General, nodes.TextElement):
    pass


class explorable(nodes.General, nodes.Element):
    """能动手的图：别的文件夹定义的，里面是图和一句话。"""


class glossary_link(nodes.reference):
    pass


class made_up(nodes.General, nodes.Element):
    """别的文件夹定义的，里面什么也没有。"""


def writer(without=()):
    return Writer("某页", lambda text, url: f"[{text}]({url})", lambda alt, node: f"![{alt}]({node['uri']})", without)


def doctree(text):
    settings = {"character_level_inline_markup": True, "smart_quotes": False, "report_level": 5}
    return publish_doctree(text, settings_overrides={**settings, "doctitle_xform": False})


def write(*children, without=()):
    return "\n\n".join(piece.markdown() for piece in writer(without).pieces(children))


CASES = {
    "文字": ("甲 a\nb 乙。", "甲 a b 乙。"),
    "要转义的字": (r"0~1，$5，\`，\*，<b>，&lt;，C#，a & b", r"0\~1，\$5，\`，\*，\<b>，\&lt;，C#，a & b"),
    "下划线": (r"x86\_64，my\_name，\_开头，结尾\_", r"x86_64，my_name，\_开头，结尾\_"),
    "不是列表": (r"3.11 版", "3.11 版"),
    "也不是列表": ("\\3. 三", "3\\. 三"),
    "不是标题": ("\\# 一", "\\# 一"),
    "不是引用": ("\\>一", "\\>一"),
    "代码": ("写 ``x_1`` 和 ``a`b``。", "写 `x_1` 和 `` a`b ``。"),
    "公式": ("设 :math:`a_b`。", "设 $a_b$。"),
    "粗与斜": ("字**粗**字*斜*字", "字**粗**字*斜*字"),
    "挨着标点的粗": ("字**“粗”**字", "字<strong>“粗”</strong>字"),
    "链接": ("`甲 <https://example.org/a_b>`__ 和 `乙 <b.html>`_", "[甲](https://example.org/a_b) 和 [乙](b.html)"),
    "列表": ("- 甲\n\n  又一段\n- 乙\n\n  1. 一\n  2. 二", "- 甲\n\n  又一段\n- 乙\n\n  1. 一\n  2. 二"),
    "从 3 起": ("3. 三\n4. 四", "3. 三\n4. 四"),
    "定义": ("词\n  解释", "- **词**：解释"),
    "代码作解释": ("词\n  ::\n\n    x", "- **词**：\n\n  ```text\n  x\n  ```"),
    "引用": ("甲\n\n  引用\n\n  两段", "甲\n\n> 引用\n>\n> 两段"),
    "提示": (".. warning::\n\n   小心\n\n   - 甲", "> **Warning**\n>\n> 小心\n>\n> - 甲"),
    "有标题的框": (".. admonition:: 从前 ``x``\n\n   写法", "> **从前 `x`**\n>\n> 写法"),
    "表": ("== ==\n名 值\n== ==\n一 \\|\n== ==", "| 名 | 值 |\n| --- | --- |\n| 一 | \\| |"),
    "独立的公式": (".. math::\n\n   a = b", "$$\na = b\n$$"),
    "几行公式": (
        ".. math::\n\n   a &= b \\\\\n   c &= d",
        "$$\n\\begin{aligned}a &= b \\\\\nc &= d\\end{aligned}\n$$",
    ),
    "小标题": (".. rubric:: 甲", "**甲**"),
    "分隔": ("甲\n\n----\n\n乙", "甲\n\n---\n\n乙"),
    "图": (".. image:: a.png\n   :alt: 甲", "![甲](a.png)"),
    "带说明的图": (
        ".. figure:: a.png\n   :alt: 甲\n\n   说明 ``x``\n\n   又一段",
        "![甲](a.png)\n\n说明 `x`\n\n又一段",
    ),
    "看不见的": (".. 注释\n\n.. _这里:\n\n甲\n\n.. |x| replace:: y", "甲"),
    "原样的 HTML": ("甲\n\n.. raw:: html\n\n   <b>乙</b>", "甲"),
}


@pytest.mark.parametrize("name", CASES)
def test_node(name):
    text, wanted = CASES[name]
    assert write(*doctree(text).children) == wanted


@pytest.mark.parametrize(
    "text", ["字**“粗”**字", "字*（斜）*字", "0~1，$5，\\`，\\*x\\*", "\\3. 三", "\\# 一", "\\>一", "\\- 一"]
)
def test_reads_back(text):
    """写出的 Markdown，读回来的文字与原来一样。"""
    tree = doctree(text)
    html = MarkdownIt("commonmark").enable("table").render(write(*tree.children))
    assert html.startswith("<p>")
    kept = html.replace("strong>", "em>").replace("<em>", "").replace("</em>", "")
    assert kept == f"<p>{tree.astext().replace('>', '&gt;')}</p>\n"


def test_cells_outputs_and_examples_are_told_apart():
    cell = nodes.literal_block("", "print(1)", language="Python")
    output = nodes.literal_block("", "1", language="none", classes=["sphx-glr-script-out"])
    card = nodes.literal_block("", "2", language="none", classes=["card-output"])
    example = nodes.literal_block("", "ls\n", language="bash")
    kinds = [piece.kind for piece in writer().pieces([cell, output, card, example])]
    assert kinds == ["cell", "output", "output", "text"]
    assert write(cell, output, example) == "```python\nprint(1)\n```\n\n输出：\n\n```text\n1\n```\n\n```bash\nls\n```"


def test_sections_and_folds_are_headings():
    inner = fold("", summary("", "练习 1 的答案"), nodes.paragraph("", "答"))
    section = nodes.section(
        "", nodes.title("", "甲 ", nodes.literal("", "x")), nodes.section("", nodes.title("", "乙"), inner)
    )
    assert list(writer().pieces([section])) == [
        Piece("heading", "甲 `x`", 1),
        Piece("heading", "乙", 2),
        Piece("heading", "练习 1 的答案", 3),
        Piece("text", "答"),
    ]
    assert write(section).startswith("# 甲 `x`\n\n## 乙\n\n### 练习 1 的答案\n\n答")


def test_figures_that_answer_degrade():
    """能动手的图、盖住的输出：图和那句话都在，外面的壳不留痕迹；收起的画图代码还是一格。"""
    image = imgsgnode(uri="/images/a.webp", alt="甲")
    drawing = explorable("", summary("", "画图的代码"), nodes.literal_block("", "plot()", language="Python"))
    figure = explorable("", image, nodes.caption("", "网站上可以拖动。"), drawing)
    covered = nodes.container("", nodes.literal_block("", "1", classes=["sphx-glr-script-out"]))
    wanted = "![甲](/images/a.webp)\n\n网站上可以拖动。\n\n```python\nplot()\n```\n\n输出：\n\n```text\n1\n```"
    assert write(figure, covered) == wanted


def test_term_links_are_plain_text_and_cards_are_one_line():
    term = glossary_link("", "张量", refuri="glossary.html#张量", definition="一组数")
    assert write(nodes.paragraph("", "", nodes.Text("一个"), term)) == "一个张量"
    card = nodes.reference("", "", nodes.inline("", "标题"), nodes.inline("", "说明"), refuri="a.html")
    assert write(nodes.paragraph("", "", card)) == "[标题 · 说明](a.html)"


def test_left_out_with_everything_inside():
    box = nodes.container("", nodes.paragraph("", "版本"), classes=["provenance-box"])
    assert write(box, nodes.paragraph("", "正文"), without=["provenance-box"]) == "正文"


@pytest.mark.parametrize(
    "node", [nodes.option_list(), made_up(), nodes.paragraph("", "", nodes.footnote_reference("", "1"))]
)
def test_unknown_node_is_refused(node):
    with pytest.raises(ExtensionError, match=r"某页.*不会把 \w+ 写成 Markdown.*markdown\.py"):
        write(node)


def test_pieces_of_text():
    assert code("````\nx\n````", "") == "`````\n````\nx\n````\n`````"
    assert indent("甲\n\n乙\n丙", "1. ") == "1. 甲\n\n   乙\n   丙"
    assert mark("粗", "**", "字", "字") == "**粗**"
    assert mark("（粗）", "**", "", "。") == "**（粗）**"
    assert mark("（斜）", "*", "字", "") == "<em>（斜）</em>"


def test_every_part_of_a_definition_is_kept():
    """术语的解释和“别处作……”是两段，都要写出来。"""
    item = nodes.definition_list_item(
        "",
        nodes.term("", "反向传播"),
        *(nodes.definition("", nodes.paragraph("", text)) for text in ("求梯度的过程。", "别处作“后向传播”。")),
    )
    assert writer().blocks([nodes.definition_list("", item)]) == "- **反向传播**：求梯度的过程。别处作“后向传播”。"
