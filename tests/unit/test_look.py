"""样子：颜色的对比度，正文读成树以后的改动，侧栏只画附近的页。"""

import re

import pytest
from conftest import ROOT
from lxml import html
from PIL import Image, ImageChops

from site_builder import palette
from site_builder.look import body, mark, navigation, share

COLOURS = palette.colours()
TEXT = ("ink", "quiet", "accent", "accent-deep", "alarm")
BACKS = ("paper", "raised", "sunken", "accent-back", "alarm-back")
CODE = [name for name in COLOURS if name == "code" or (name.startswith("code-") and name != "code-mark")]
PAIRS = [(text, back) for text in TEXT for back in BACKS]
PAIRS += [(text, back) for text in CODE for back in ("raised", "paper", "code-mark")]
PAIRS += [("on-accent", "accent"), ("ink", "mark"), ("quiet", "mark"), ("figure-ink", "figure-paper")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_pair_is_legible(scheme):
    """文字与背景的每一对至少 4.5；边框、图里的颜色与纸至少 3。"""
    low = [
        f"{text} 在 {back} 上：{ratio:.2f}"
        for pairs, least in (
            (PAIRS, 4.5),
            ([(name, "figure-paper") for name in palette.CYCLE] + [("edge", "paper")], 3),
        )
        for text, back in pairs
        if (ratio := palette.contrast(getattr(COLOURS[text], scheme), getattr(COLOURS[back], scheme))) < least
    ]
    assert not low


def test_palette_says_what_is_missing(tmp_path):
    (tmp_path / "tokens.css").write_text("--ink: light-dark(#000000, #ffffff);", "utf-8")
    with pytest.raises(ValueError, match="figure-data"):
        palette.colours(tmp_path / "tokens.css")


def code(text, kind="highlight-Python"):
    return f'<div class="{kind} notranslate"><div class="highlight"><pre><span></span>{text}\n</pre></div></div>\n'


def parsed(text):
    return html.fragment_fromstring(text, create_parent="div")


def test_lines_keep_their_text():
    """一行一个元素，缩进单独放，复制得到的文字一个字也不变；跨到下一行的 token 也不丢。"""
    source = 'def f():\n    <span class="k">return</span> 1\n\n<a href="#x"><span class="n">f</span></a>()'
    root = parsed(code(source))
    pre = root.find(".//pre")
    before = pre.text_content()
    body._split_lines(pre)
    assert pre.text_content() == before
    lines = pre.findall("span")
    assert [line.get("class") for line in lines] == ["l"] * 4
    assert lines[1].get("style") == "--i:4" and lines[1].find("span").text == "    "


def test_only_coloured_tokens_are_elements():
    """与四周同色的记号不留元素，文字、链接和有颜色的记号都在；CSS 给颜色的记号一个也没有丢。"""
    source = '<span class="k">if</span><span class="w"> </span><a href="#x"><span class="n">f</span><span class="o">.</span></a>'
    root = parsed(code(source + '\n<span class="w">    </span><span class="mi">1</span>'))
    before = root.text_content()
    body._lay_lines(root.xpath("//div[@class='highlight']")[0])
    assert root.text_content() == before and root.xpath("//a")[0].text == "f."
    assert [span.get("class") for span in root.xpath("//pre/span/span")] == ["k", "in", "mi"]
    style = (ROOT / "docs/_static/code.css").read_text("utf-8")
    coloured = set(re.findall(r"\.(\w+)", "".join(re.findall(r"\.highlight ([^{]*)\{[^}]*color:", style))))
    assert len(coloured) > 15 and not coloured & set(body.PLAIN)


def test_marked_lines():
    """行尾的 # ← 标出一行；文字不变，输出里的不算。"""
    source = 'x = 1  <span class="c1"># ← 就是这一行</span>\n<span class="c1"># 平常的注释</span>\nx = 2 <span class="c1"># ←</span>'
    root = parsed(code(source) + code("x # ←", "sphx-glr-script-out highlight-none"))
    before = root.text_content()
    for block in root.xpath("//div[@class='highlight']"):
        body._lay_lines(block)
    lines = [line.get("class") for line in root.xpath("//pre/span")]
    assert lines == ["l marked", "l", "l marked", "l"] and root.text_content() == before


def test_name_of_a_file():
    """写着文件名的一行成为一条；后面还有字的、输出里的不算。"""
    root = parsed(
        code('<span class="c1"># 文件：a.py</span>\nx\n# 文件：b.py 里')
        + code("# 文件：a.py", "sphx-glr-script-out highlight-none")
    )
    for block in root.xpath("//div[@class='highlight']"):
        body._lay_lines(block)
    assert [line.get("class") for line in root.xpath("//pre/span")] == ["l file", "l", "l", "l"]


def test_cell_joins_code_output_and_figure():
    output = code("1", "sphx-glr-script-out highlight-none")
    root = parsed(f'<p>前</p>{code("x")}{output}<img class="sphx-glr-single-img" src="a.webp"><p>后</p>{code("y")}')
    body._join_cells(root)
    first, second = root.xpath("./div[@class='cell']")
    assert [child.tag for child in first] == ["div", "div", "figure"] and first.get("data-n") == "1"
    assert len(second) == 1 and second.get("data-n") == "2"
    assert [child.tag for child in root] == ["p", "div", "p", "div"]


def test_errors_are_marked():
    root = parsed(code("RuntimeError: 形状不对", "sphx-glr-script-out highlight-none") + code("没有错"))
    for block in root.xpath("//div[@class='highlight']"):
        body._lay_lines(block)
    assert "error" in root[0].get("class").split() and "error" not in root[1].get("class").split()


def test_sections_get_their_shapes():
    root = parsed(
        "<p><strong>你将学到</strong></p><ul><li>甲</li></ul><p><strong>需要先会</strong>：乙</p>"
        "<section><h2>小结<a>¶</a></h2></section>"
    )
    body._shape_sections(root)
    assert [child.get("class") for child in root] == ["opening", "recap"]
    assert [[part.tag for part in half] for half in root[0]] == [["p", "ul"], ["p"]]


def test_outside_links_have_notes_on_paper():
    root = parsed(
        '<p>见<a href="https://a.example/">甲</a>、<a href="https://a.example/">甲</a>。<a href="b.html">乙</a></p>'
    )
    body._note_links(root)
    assert [note.text for note in root.iter("sup")] == ["[1]", "[1]"]
    assert [item.text for item in root.iter("li")] == ["https://a.example/"]
    assert root.text_content().startswith("见甲[1]、甲[1]。乙")


@pytest.mark.parametrize("count", [5, 12, 40, 250])
def test_sidebar_lists_the_neighbourhood(count):
    entries = [{"name": str(i)} for i in range(count)]
    for place in (0, count // 2, count - 1):
        near = [entry["name"] for entry in navigation._nearby(entries, str(place))]
        assert len(near) == min(count, navigation.NEARBY) and str(place) in near
        assert near == sorted(near, key=int)


def test_contents_need_two_sections():
    two = '<ul><li><a href="#">页</a><ul><li><a class="x" href="#a">甲</a></li><li><a href="#b">乙</a></li></ul></li></ul>'
    assert navigation._contents(two).startswith("<ul>") and "class" not in navigation._contents(two)
    assert navigation._contents('<ul><li><a href="#">页</a></li></ul>') == "" == navigation._contents("")


def test_one_mark(tmp_path, monkeypatch):
    """标记只画一次：页头和分享的图都从 favicon.svg 来，它的底色就是强调色。"""
    context = {}
    mark.add(None, "", "", context, None)
    favicon = mark.FILE.read_text("utf-8")
    assert COLOURS["accent"].light in favicon
    header = html.fragment_fromstring(context["mark"])
    assert header.get("class") == "mark" and [child.tag for child in header] == ["rect", "polyline", "g"]
    share.draw(tmp_path / "before.png", "标题", "一句话。", "")
    monkeypatch.setattr(mark, "FILE", tmp_path / "favicon.svg")
    mark.FILE.write_text(favicon.replace('cx="15"', 'cx="16"'), "utf-8")
    share.draw(tmp_path / "after.png", "标题", "一句话。", "")
    assert (tmp_path / "before.png").read_bytes() != (tmp_path / "after.png").read_bytes()
    templates = (palette.TOKENS.parents[1] / "_templates").glob("*.html")
    assert not [path.name for path in templates if "<circle" in path.read_text("utf-8")]


def test_shared_picture(tmp_path):
    """1200 × 630；字在边距里，两次画的字节一样，标题不同图就不同。"""
    long = "读完这一篇，你能定义一个卷积神经网络，说清每一层的形状和参数个数，求出损失，反向传播，再更新参数。" * 2
    for name, title in (("a", "神经网络"), ("b", "神经网络"), ("c", "可选：数据并行，从一个 GPU 到很多个 GPU")):
        share.draw(tmp_path / f"{name}.png", title, long, "PyTorch 中文入门教程　第 3 / 5 篇")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes() != (tmp_path / "c.png").read_bytes()
    paper = tuple(int(COLOURS["paper"].light[i : i + 2], 16) for i in (1, 3, 5))
    for name in "ac":
        picture = Image.open(tmp_path / f"{name}.png").convert("RGB")
        assert picture.size == (1200, 630)
        below = ImageChops.difference(picture, Image.new("RGB", picture.size, paper)).crop((0, 580, 860, 616))
        assert below.getbbox() is None, "字写到了底边上"


def test_wrapping_keeps_words_and_punctuation():
    assert share.wrapped("数据并行，PyTorch 与 DDP。", 5) == ["数据并行，", "PyTorch", "与 DDP。"]
    assert share.wrapped("一二三四五六，七", 6) == ["一二三四五", "六，七"]
    assert share.wrapped("", 6) == []
