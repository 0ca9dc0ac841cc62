"""分享到聊天里、社交网站上时的那幅图：标记、标题和一句话，颜色是全站的。

设了 SITE_URL 才画：首页一幅，也给其他各页用（conf.py 的 ``ogp_image``）；教程每篇一幅，按 sphinxext-opengraph 的
约定写在那一页的元数据里。同样的内容画出来，字节也一样。
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from lxml import etree
from sphinx.application import Sphinx

from site_builder import palette, store
from site_builder.look import mark, page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOLDER = "_static/share"
WIDTH, HEIGHT = 1200, 630
LEFT = 84
#: 一个像素是多少 pt（每英寸 100 个像素）。
POINT = 0.72
_CLOSING = "，。、；：！？）”》"


def add(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """画好这一页自己的图，地址和替代文字写进 ``context["meta"]``；要在 sphinxext.opengraph 读它之前。"""
    config, tutorials = app.config, store.tutorials(app.config)
    if not config.html_baseurl or doctree is None:
        return
    file = Path(app.outdir, FOLDER, f"{Path(pagename).name}.png")
    if pagename == config.root_doc:
        first = next(doctree.findall(nodes.paragraph)).astext()
        draw(file, config.project, page.promise(first), "")
    elif pagename in tutorials:
        lead, title = store.page(app.env, pagename).lead, app.env.titles[pagename].astext()
        place = page.ORDINAL.format(tutorials.index(pagename) + 1, len(tutorials))
        draw(file, title, lead.sentence if lead else "", f"{config.project}　{place}")
        own = {
            "og:image": f"{config.html_baseurl}{FOLDER}/{file.name}",
            "og:image:alt": f"{config.project}，{place}：{title}",
        }
        context["meta"] = {**(context.get("meta") or {}), **own}


def draw(file: Path, title: str, sentence: str, above: str) -> None:
    """把一幅 1200 × 630 的 PNG 写到 `file`：上面一行小字，标题，一句话。"""
    # 不设 SITE_URL 就用不着，主进程不必为它导入 matplotlib
    import matplotlib
    import pylopdf_fonts_zh_cn
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import Rectangle

    matplotlib.rcdefaults()  # 不用读者自己的 matplotlibrc
    colours = {name: colour.light for name, colour in palette.colours().items()}
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=colours["paper"])
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.axis("off")
    font = FontProperties(fname=str(pylopdf_fonts_zh_cn.sans_path()))

    def write(lines: list[str], top: float, size: float, colour: str) -> float:
        """从 `top` 起一行一行写，返回末行的下缘；`size` 是像素。"""
        for line in lines:
            axes.text(LEFT, top, line, font=font, size=size * POINT, color=colours[colour], va="top")
            top += size * 1.5
        return top

    _draw_mark(axes, (870, 190), 600, colours["accent-back"], colours["paper"])
    _draw_mark(axes, (LEFT, 76), 92, colours["accent"], colours["on-accent"])
    if above:
        axes.text(LEFT + 116, 122, above, font=font, size=30 * POINT, color=colours["quiet"], va="center")
    below = write(wrapped(title, 12)[:3], 226, 64, "ink")
    write(wrapped(sentence, 22)[: 4 if below < 350 else 2], below + 20, 34, "quiet")
    axes.add_patch(Rectangle((0, HEIGHT - 14), WIDTH, 14, color=colours["accent"], lw=0))
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Software": None})


def _draw_mark(axes: "Axes", corner: tuple[float, float], side: float, back: str, front: str) -> None:
    """标记里的圆角方块、折线和点，画在以 `corner` 为左上角、边长 `side` 的方块里。"""
    from matplotlib.patches import Circle, FancyBboxPatch

    root = etree.parse(mark.FILE).getroot()
    square, line = root.find("{*}rect"), root.find("{*}polyline")
    (left, top), scale = corner, side / float(square.get("width"))
    rounded = f"round,pad=0,rounding_size={float(square.get('rx')) * scale}"
    axes.add_patch(FancyBboxPatch(corner, side, side, boxstyle=rounded, color=back, lw=0))
    points = [[float(number) for number in point.split(",")] for point in line.get("points").split()]
    xs, ys = zip(*((left + x * scale, top + y * scale) for x, y in points), strict=True)
    width = float(line.get("stroke-width")) * scale * POINT
    axes.plot(xs, ys, color=front, alpha=0.55, lw=width, zorder=1)
    for dot in root.iter("{*}circle"):
        x, y, radius = (float(dot.get(name)) * scale for name in ("cx", "cy", "r"))
        axes.add_patch(Circle((left + x, top + y), radius, color=front, lw=0, zorder=1))


def wrapped(text: str, width: float) -> list[str]:
    """折成每行不超过 `width` 个汉字的几行；不切断西文词，标点不在行首。"""
    lines, room = [""], width
    for piece in re.findall(rf"(?:[!-~]+ ?|.)[{_CLOSING}]*", text):
        taken = sum(1 if character > "\u2e80" else 0.56 for character in piece.rstrip())
        if taken > room and lines[-1]:
            lines.append("")
            room = width
        lines[-1] += piece
        room -= taken + (len(piece) - len(piece.rstrip())) * 0.3
    return [line.strip() for line in lines if line.strip()]
