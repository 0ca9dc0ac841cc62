"""site_builder/gallery/figures.py：图的两版、颜色、标题、替代文字，和不合约定的图。"""

import base64
import re
from collections import namedtuple
from io import BytesIO

import matplotlib
import numpy as np
import pylopdf_fonts_zh_cn
import pytest
from docutils import nodes
from docutils.utils import new_document
from lxml import etree
from matplotlib import font_manager
from PIL import Image

from site_builder import palette
from site_builder.gallery import figures, reuse
from site_builder.nodes import drawing
from site_builder.prose import folds

matplotlib.use("agg")
font_manager.fontManager.addfont(str(pylopdf_fonts_zh_cn.sans_path()))
SVG = "{http://www.w3.org/2000/svg}"
Block = namedtuple("Block", "type content lineno")


@pytest.fixture(autouse=True)
def plt():
    """本站的样子；每个测试以后关掉图。"""
    import matplotlib.pyplot as plt

    with matplotlib.rc_context({**figures.style(), "font.family": ["Noto Sans SC", "DejaVu Sans"]}):
        yield plt
        plt.close("all")


def scrape(folder, content="# 画图：说明。\n# 图中：一条斜线。\nplt.show()"):
    names = (str(folder / f"images/sphx_glr_one_{number:03}.png") for number in range(1, 9))
    (folder / "images").mkdir(exist_ok=True)
    return figures.scrape(Block("code", content, 7), {"image_path_iterator": names}, {"src_dir": str(folder)})


def texts(path):
    return ["".join(text.itertext()) for text in etree.parse(path).iter(f"{SVG}text")]


def colour(name, theme):
    return palette.colours()[name][theme == "dark"]


def rgb(text):
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)])


def test_two_versions_of_a_drawing(plt, tmp_path):
    """线条图是两个 SVG，文字还是文字，用页面的字体；reST 只提到两个 SVG。"""
    figure, axes = plt.subplots(figsize=(4.8, 3))
    axes.plot([1, 2])
    axes.set_xlabel("步数")
    figure.suptitle("损失")
    rest = scrape(tmp_path)
    assert re.findall(r"image:: (\S+)", rest) == [f"/images/sphx_glr_one_001_{t}.svg" for t in ("light", "dark")]
    assert rest.count(":alt: 一条斜线。\n") == 2 and rest.count(":width: 461\n   :height: 288\n") == 2
    assert "only-light no-scaled-link" in rest and "only-dark no-scaled-link" in rest and "srcset" not in rest
    for theme in ("light", "dark"):
        path = tmp_path / f"images/sphx_glr_one_001_{theme}.svg"
        assert "步数" in texts(path)
        root = etree.parse(path).getroot()
        assert root.get("font-family").startswith('"PingFang SC"') and root.get("font-family").endswith(", sans-serif")
        assert root.get("fill") == colour("figure-ink", theme)
        assert b"font-family:" not in path.read_bytes() and b"metadata" not in path.read_bytes()
        assert f"stroke: {colour('figure-data', theme)}" in path.read_text("utf-8")
    assert not plt.get_fignums()


def test_same_bytes_twice(plt, tmp_path):
    """两次画出来的字节相同。"""
    found = []
    for name in ("a", "b"):
        figure, (top, bottom) = plt.subplots(2)
        top.plot([1, 2], "o-")
        top.fill_between([0, 1], [1, 2], hatch="/")
        bottom.imshow(np.eye(3), cmap="Blues")
        figure.suptitle("图")
        (tmp_path / name).mkdir()
        scrape(tmp_path / name)
        found.append({path.name: path.read_bytes() for path in sorted((tmp_path / name).rglob("*.*"))})
    assert found[0] == found[1] and len(found[0]) == 3


def test_title_gives_way_to_the_caption(plt, tmp_path):
    """画图的格子里标题不画，第二行是替代文字，小图的标题留着；别的格子里标题照画，也是替代文字。"""
    for content, alternative in (
        ("\n# 画图（name）：说明。\n# 图中：两幅图。\nx", "两幅图。"),
        ("plt.show()", "总标题；甲；乙"),
    ):
        figure, axes = plt.subplots(1, 2)
        for ax, name in zip(axes, "甲乙", strict=True):
            ax.plot([1, 2])
            ax.set_title(name)
        figure.suptitle("总标题")
        rest = scrape(tmp_path, content)
        assert f":alt: {alternative}\n" in rest
        found = texts(tmp_path / "images/sphx_glr_one_001_light.svg")
        assert {"甲", "乙"} <= set(found) and ("总标题" in found) is (content == "plt.show()")


def test_only_title_gives_way(plt, tmp_path):
    axes = plt.subplots()[1]
    axes.plot([1, 2])
    axes.set_title("标题")
    axes.set_title("损失", loc="left")
    scrape(tmp_path)
    assert "标题" not in texts(tmp_path / "images/sphx_glr_one_001_light.svg")
    assert "损失" in texts(tmp_path / "images/sphx_glr_one_001_light.svg")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_neutral_and_palette_colours(theme):
    """黑是墨，白是纸，五种颜色是各自的值；深色版里灰色对调，别的颜色明暗对调。"""
    dark = theme == "dark"

    def mapped(text):
        return np.round(figures.recolour(rgb(text) / 255, dark=dark) * 255)

    assert (mapped("#000000") == rgb(colour("figure-ink", theme))).all()
    assert (mapped("#ffffff") == rgb(colour("figure-paper", theme))).all()
    for name in palette.CYCLE:
        assert (mapped(palette.colours()[name].light) == rgb(colour(name, theme))).all()
    greys = [mapped(f"#{value:02x}{value:02x}{value:02x}").sum() for value in range(0, 256, 5)]
    assert sorted(greys, reverse=dark) == greys
    if not dark:
        assert (mapped("#08306b") == rgb("#08306b")).all()
    else:
        assert mapped("#08306b").sum() > 500 and mapped("#f7fbff").sum() < 120


def test_text_stays_readable_in_the_dark(plt, tmp_path):
    """黑字在半透明的填色上，两版的对比度都不小于 4.5。"""
    axes = plt.subplots()[1]
    for number in range(5):
        axes.add_patch(plt.Rectangle((number, 0), 1, 1, facecolor=matplotlib.colors.to_rgba(f"C{number}", 0.6)))
    axes.set(xlim=(0, 5), title="标题")
    scrape(tmp_path)
    for theme in ("light", "dark"):
        root = etree.parse(tmp_path / f"images/sphx_glr_one_001_{theme}.svg").getroot()
        filled = re.findall(r"fill: (#\w+); fill-opacity: ([\d.]+)", etree.tostring(root).decode())
        ink, paper = colour("figure-ink", theme), rgb(colour("figure-paper", theme))
        assert len(filled) == 5
        for text, alpha in filled:
            mixed = np.round(rgb(text) * float(alpha) + paper * (1 - float(alpha))).astype(int)
            assert palette.contrast("#" + "".join(f"{c:02x}" for c in mixed), ink) >= 4.5, (theme, text)


LINK = "{http://www.w3.org/1999/xlink}href"


def pixels(path):
    """SVG 里各幅图像的像素，(高, 宽, 3)。"""
    found = []
    for image in etree.parse(path).iter(f"{SVG}image"):
        kind, _, content = image.get(LINK).partition("base64,")
        assert kind == "data:image/webp;"
        with Image.open(BytesIO(base64.b64decode(content))) as opened:
            found.append(np.array(opened.convert("RGB")))
    return found


def test_photographs(plt, tmp_path):
    """照片是 SVG 里无损的 WebP，两版里都是原来的像素；旁边彩色的色图照样换颜色，小标题是浅色的字，底是透明的。"""
    photographs = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3), dtype=np.uint8)
    figure, (above, below) = plt.subplots(2, 1, figsize=(4, 2))
    for number, photograph in enumerate(photographs):  # 一个坐标系里的两张照片不能合成一张
        above.imshow(photograph, interpolation="nearest", extent=(9 * number, 9 * number + 8, 8, 0))
    below.imshow(np.arange(4).reshape(2, 2), cmap="Blues")
    above.set(xticks=[], yticks=[], title="小标题", xlim=(0, 17))
    figure.suptitle("照片")
    rest = scrape(tmp_path)
    assert re.findall(r"image:: (\S+)", rest) == [f"/images/sphx_glr_one_001_{t}.svg" for t in ("light", "dark")]
    assert ":width: 384\n" in rest
    shades = []
    for theme in ("light", "dark"):
        file = tmp_path / f"images/sphx_glr_one_001_{theme}.svg"
        first, second, shade = pixels(file)
        assert (first == photographs[0]).all() and (second == photographs[1]).all()
        shades.append(shade)
        root = etree.parse(file).getroot()
        words = next(text for text in root.iter(f"{SVG}text") if "小标题" in "".join(text.itertext()))
        ink = colour("figure-ink", theme)
        assert ink in etree.tostring(words).decode() or ink == root.get("fill")
        assert colour("figure-paper", theme) not in etree.tostring(root).decode()
    assert (shades[0] != shades[1]).any()


def test_grey_pictures_are_data(plt, tmp_path):
    """灰度图的像素是数据，深色版里不变；彩色的色图随字一起对调明暗。"""
    for cmap, changes in (("gray", False), ("Blues", True)):
        axes = plt.subplots()[1]
        axes.imshow(np.arange(4).reshape(2, 2), cmap=cmap)
        axes.figure.suptitle("图")
        scrape(tmp_path)
        light, dark = (pixels(tmp_path / f"images/sphx_glr_one_001_{theme}.svg")[0] for theme in ("light", "dark"))
        assert (light != dark).any() == changes
        assert light.shape == (2, 2, 3)  # 原来的像素


def test_wrong_figures(plt, tmp_path):
    """没有中文标题、空的、全是 nan 的图是错误，说出行号；图都关掉。"""

    def untitled(axes):
        axes.plot([1, 2])

    def blank(axes):
        axes.set_title("标题")

    def nothing(axes):
        blank(axes)
        axes.plot([np.nan, np.nan])

    def no_image(axes):
        blank(axes)
        axes.imshow(np.full((2, 2), np.nan))

    for make, said in (
        (untitled, "没有中文标题"),
        (blank, "是空的"),
        (nothing, "一条线全是 nan"),
        (no_image, "一幅图像全是 nan"),
    ):
        make(plt.subplots()[1])
        with pytest.raises(figures.ExampleError, match=f"第 7 行起的代码画的图.*{said}"):
            scrape(tmp_path)
        assert not plt.get_fignums()


def test_no_alternative_text(plt, tmp_path):
    """画图的格子没有写图里看得见什么，是错误。"""
    axes = plt.subplots()[1]
    axes.plot([1, 2])
    axes.set_title("标题")
    with pytest.raises(figures.ExampleError, match=r"第 7 行.*没有替代文字"):
        scrape(tmp_path, "# 画图：说明。\nplt.show()")


def test_another_colour_draws_again(monkeypatch, tmp_path):
    """图的颜色、字体变了，记下的结果就不能沿用；别的样式变了，照旧。"""
    before = reuse.surroundings({})
    text = palette.TOKENS.read_text("utf-8")
    monkeypatch.setattr(palette, "TOKENS", tmp_path / "tokens.css")
    for old, new, same in (
        ("#2f6fb0", "#2f6fb1", False),
        ('--cjk: "PingFang SC"', '--cjk: "Heiti TC"', False),
        ("--column: 44rem", "--column: 40rem", True),
    ):
        assert old in text
        palette.TOKENS.write_text(text.replace(old, new), "utf-8")
        assert (reuse.surroundings({}) == before) is same, old


def test_both_versions_go_into_the_figure():
    """画图的格子后面的两幅图都放进图里，docutils 的提示不碍事；后面的文字留在原处。"""
    code = nodes.literal_block("", "# 画图：说明。\nplt.show()", language="Python")
    images = [nodes.image(uri=f"{theme}.svg") for theme in ("light", "dark")]
    document = new_document("one.rst")
    document += [
        code,
        nodes.system_message("", level=1),
        *images,
        nodes.comment("", "下一格"),
        nodes.paragraph("", "文"),
    ]
    folds.MarkCells(document).apply()
    (figure,) = document.findall(drawing)
    assert [image["uri"] for image in figure.findall(nodes.image)] == ["light.svg", "dark.svg"]
    assert [node.tagname for node in document.children] == ["drawing", "system_message", "comment", "paragraph"]
