"""全站的颜色，读自 `docs/_static/tokens.css`：网页、画图和核对对比度的测试用的是同一份。"""

import re
from pathlib import Path
from typing import NamedTuple

TOKENS = Path(__file__).resolve().parents[1] / "docs/_static/tokens.css"
#: matplotlib 的 C0 到 C4 依次是什么。
CYCLE = ("figure-data", "figure-parameters", "figure-outputs", "figure-errors", "figure-gradients")
_COLOUR = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")


class Colour(NamedTuple):
    """同一个名字在浅色、深色里的值，都写作 ``#rrggbb``。"""

    light: str
    dark: str


def colours(path: Path = TOKENS) -> dict[str, Colour]:
    """{名字（不带开头的两杠）: 两个值}，次序同文件。

    Raises:
        ValueError: 文件里一种颜色也没有，或者少了图要用的。
    """
    found = {name: Colour(light, dark) for name, light, dark in _COLOUR.findall(path.read_text("utf-8"))}
    if missing := [name for name in (*CYCLE, "figure-paper", "figure-ink") if name not in found]:
        raise ValueError(f"{path} 里没有这些颜色：{'、'.join(missing)}。每一种写成 --名字: light-dark(#浅色, #深色);")
    return found


def luminance(colour: str) -> float:
    """WCAG 的相对亮度，0（黑）到 1（白）；`colour` 写作 ``#rrggbb``。"""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """两种颜色的对比度，1 到 21。"""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
