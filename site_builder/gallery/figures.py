"""示例画的图：同一种样子，浅色、深色各一版；要有中文标题，不能是空的。

图存成 SVG，文字还是文字，用读者机器上的中文字体；底是透明的。照片和灰度图是里面的 WebP，原来的像素，由浏览器放大。
深色版只重画颜色，不重画图：黑与白换成墨与纸，灰色对调，五种颜色换成各自的深色值（`site_builder.palette`），
别的颜色保持色相、对调明暗；照片和灰度图的像素是数据，一个也不动，所以不要在它们上面写字。
"""

import base64
import functools
import re
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree
from numpy.typing import NDArray
from PIL import Image

from site_builder import palette

#: 第一行这样开头的格子，图的标题不画出来：网页上图的下面有说明；看不见图的人听到的是第二行。
DRAWING = re.compile(r"\s*# 画图.*\n(?:# 图中：(?P<seen>.+))?")
#: 图 1 英寸在网页上是多少像素。
PIXELS = 96
#: 照片在 SVG 里的 id 的开头。
PHOTOGRAPH = "photograph"
_HEX = re.compile(r"#[0-9a-f]{6}")
_XLINK = "{http://www.w3.org/1999/xlink}href"
_SVG = "{http://www.w3.org/2000/svg}"
Colours = NDArray[np.float64]


class ExampleError(Exception):
    """示例违反了本站的约定。"""


def style() -> dict[str, Any]:
    """全站的图共用的 rcParams：没有边框和底色，C0 到 C4 各有各的意思。"""
    from cycler import cycler

    colours = palette.colours()
    return {
        "axes.edgecolor": "0.4",
        "axes.facecolor": "none",
        "axes.prop_cycle": cycler(color=[colours[name].light for name in palette.CYCLE]),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": "medium",
        "figure.constrained_layout.w_pad": 0.01,  # 图的左边与说明的左边齐
        "figure.facecolor": "none",
        "figure.titlesize": "large",
        "font.size": 11,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "svg.fonttype": "none",
        "svg.hashsalt": "figures",
        "xtick.color": "0.4",
        "xtick.labelcolor": "black",
        "ytick.color": "0.4",
        "ytick.labelcolor": "black",
    }


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: Any) -> str:
    """Sphinx-Gallery 的图像抓取函数，返回图的 reStructuredText；不合约定时抛出 ExampleError。

    每幅图三个文件：``…_light``、``…_dark``，和一个像素的 WebP（Sphinx-Gallery 给的名字，它要有这个文件）。
    """
    if "matplotlib.pyplot" not in sys.modules:
        return ""
    import matplotlib.pyplot as plt

    written = ""
    if sys.exc_info()[0]:  # 示例出错了：要报的是示例的错，画到一半的图不看
        plt.close("all")
        return ""
    try:
        for number, name in zip(plt.get_fignums(), block_vars["image_path_iterator"], strict=False):
            figure = plt.figure(number)
            if problem := fault(figure):
                raise ExampleError(f"第 {block[2]} 行起的代码画的图{problem}")
            alternative = titles(figure)
            if cell := DRAWING.match(block[1]):
                if not cell["seen"]:
                    raise ExampleError(
                        f"第 {block[2]} 行起的代码画的图没有替代文字：在 # 画图 的下一行写 # 图中：图里看得见什么"
                    )
                alternative = cell["seen"]
                drop_title(figure)
            for axes in figure.axes:
                if axes.get_images():
                    axes.spines[:].set_visible(False)
            width, height = (round(inches * PIXELS) for inches in figure.get_size_inches())
            for path, theme in zip(save(figure, Path(name)), ("light", "dark"), strict=True):
                written += (
                    f"\n.. image:: /{path.relative_to(gallery_conf['src_dir']).as_posix()}\n"
                    f"   :alt: {alternative}\n   :width: {width}\n   :height: {height}\n"
                    f"   :class: sphx-glr-single-img only-{theme} no-scaled-link\n"
                )
    finally:
        plt.close("all")
    return written


def titles(figure: Any) -> str:
    """图的标题和各个小图的标题，写成一行，作替代文字。"""
    parts = [figure.get_suptitle(), *(part.get_suptitle() for part in figure.subfigs)]
    parts += [axes.get_title(place) for axes in figure.axes for place in ("center", "left", "right")]
    return "；".join(dict.fromkeys(" ".join(part.split()) for part in parts if part.strip()))


def drop_title(figure: Any) -> None:
    """去掉图的标题：有总标题就去总标题，小图各自的留着；没有，又只有一个小图，就去它的。"""
    if figure.get_suptitle():
        figure.suptitle("").set_in_layout(False)
    elif len(figure.axes) == 1:
        figure.axes[0].set_title("")


def save(figure: Any, path: Path) -> list[Path]:
    """存下 `figure`，返回浅色、深色两版的路径。"""
    for number, image in enumerate(image for axes in figure.axes for image in axes.get_images()):
        image.set_interpolation("none")
        if np.ndim(image.get_array()) == 3:
            image.set_gid(f"{PHOTOGRAPH}-{number}")
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    Image.new("L", (1, 1)).save(path.with_suffix(".webp"))
    pair = [path.with_name(f"{path.stem}_{theme}.svg") for theme in ("light", "dark")]
    for name, dark in zip(pair, (False, True), strict=True):
        name.write_bytes(recolour_svg(buffer.getvalue(), dark=dark))
    return pair


# -- 颜色 ---------------------------------------------------------------------


@functools.cache
def _known(dark: bool) -> tuple[Colours, Colours, Colours, Colours]:
    """五种颜色的浅色值，和这一版里的值，各 (5, 3)；这一版的墨、纸，各 (3,)；都是 0 到 1。"""

    def numbers(colour: str) -> list[float]:
        return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]

    found = palette.colours()
    old = [numbers(found[name].light) for name in palette.CYCLE]
    new = [numbers(found[name][dark]) for name in palette.CYCLE]
    ink, paper = (numbers(found[name][dark]) for name in ("figure-ink", "figure-paper"))
    return np.array(old), np.array(new), np.array(ink), np.array(paper)


def recolour(colours: Colours, *, dark: bool) -> Colours:
    """`colours` (…, 3) 在浅色版或深色版里是什么颜色；都是 0 到 1。"""
    old, new, ink, paper = _known(dark)
    found: Colours
    if dark:
        luma = colours @ np.array([0.299, 0.587, 0.114])
        mirrored = np.clip(colours + (1 - 2 * luma[..., None]), 0, 1)
        found = paper + (ink - paper) * mirrored
    else:  # 黑换成墨，白换成纸，中间的灰色和别的颜色不变
        grey = np.ptp(colours, axis=-1, keepdims=True) < 0.02
        found = np.where(grey, np.clip(colours, ink, paper), colours)
    for before, after in zip(old, new, strict=True):
        same = (np.abs(colours - before) < 0.016).all(axis=-1, keepdims=True)  # 画成像素时有舍入误差
        found = np.where(same, after, found)
    return found


def recolour_svg(source: bytes, *, dark: bool) -> bytes:
    """matplotlib 写的 SVG 换成浅色版或深色版的颜色，文字用页面的中文字体；元数据和注释去掉。"""
    root = etree.fromstring(source, etree.XMLParser(remove_comments=True, remove_blank_text=True))
    for data in list(root.iter(f"{_SVG}metadata")):
        data.getparent().remove(data)
    root.set("fill", _in_hex("#000000", dark))  # 黑色的填色，matplotlib 略去不写
    family = re.search(r"--cjk: (.+);", palette.TOKENS.read_text("utf-8"))
    root.set("font-family", f"{family[1] if family else ''}, sans-serif".removeprefix(", "))
    for element in root.iter(f"{_SVG}*"):
        if declared := element.get("style"):
            pairs = dict(pair.strip().split(":", 1) for pair in declared.split(";") if pair.strip())
            element.set("style", "; ".join(f"{k}: {v}" for k, v in _restyle(pairs, element.tag, dark).items()))
        if element.tag == f"{_SVG}image":
            data = element.get("id", "").startswith(PHOTOGRAPH)
            element.set(_XLINK, _picture(element.get(_XLINK), data=data, dark=dark))
    written: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _restyle(pairs: dict[str, str], tag: str, dark: bool) -> dict[str, str]:
    """一个元素的样式，字体随整幅图。"""
    found = {name: _HEX.sub(lambda colour: _in_hex(colour[0], dark), value.strip()) for name, value in pairs.items()}
    found.pop("font-family", None)
    if dark and tag != f"{_SVG}text" and pairs.get("fill") != "none":
        for name in ("opacity", "fill-opacity"):
            if name in found:
                alpha = float(found[name])
                found[name] = f"{alpha * (1 - alpha / 2) if alpha < 1 else 1:g}"  # 浓的填色更淡，字才看得清
    return found


def _in_hex(colour: str, dark: bool) -> str:
    numbers = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return "#" + "".join(f"{round(255 * value):02x}" for value in recolour(numbers, dark=dark))


def _picture(address: str, *, data: bool, dark: bool) -> str:
    """嵌在 SVG 里的 PNG 换成无损的 WebP，更小；照片（`data`）和灰度图的像素不动。"""
    with Image.open(BytesIO(base64.b64decode(address.partition("base64,")[2]))) as image:
        pixels = np.array(image.convert("RGBA"))
    if not data and np.ptp(pixels[..., :3], axis=-1).max() > 0:
        pixels[..., :3] = np.round(recolour(pixels[..., :3] / 255, dark=dark) * 255)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=100, method=6, exact=True)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


# -- 约定 ---------------------------------------------------------------------


def fault(figure: Any) -> str:
    """图哪里不合约定；没有就是空字符串。"""
    if not re.search(r"[\u4e00-\u9fff]", titles(figure)):
        return "没有中文标题"
    for axes in figure.axes:
        for line in axes.get_lines():
            values: Any = np.ma.filled(np.ma.asarray(line.get_ydata(orig=False), dtype=float), np.nan)
            if values.size and np.isnan(values).all():
                return "有一条线全是 nan，什么也没有画出来"
        for image in axes.get_images():
            if np.isnan(np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)).all():
                return "有一幅图像全是 nan，什么也没有画出来"
    drawn = any(axes.has_data() or axes.texts or axes.patches or axes.artists for axes in figure.axes)
    return "" if drawn or figure.texts[1:] or figure.patches else "是空的"
