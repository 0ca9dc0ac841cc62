"""示例画的图：要有中文标题，不能是空的；存成无损 WebP。"""

import re
import sys
from typing import Any

from sphinx_gallery import scrapers


class ExampleError(Exception):
    """示例违反了本站的约定。"""


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: Any) -> str:
    """Sphinx-Gallery 的图像抓取函数，返回图的 reStructuredText；不合约定时抛出 ExampleError。"""
    if "matplotlib.pyplot" not in sys.modules:
        return ""
    import matplotlib.pyplot as plt

    for number in plt.get_fignums():
        figure = plt.figure(number)
        if problem := wrong(figure):
            plt.close("all")
            raise ExampleError(f"第 {block[2]} 行起的代码画的图{problem}")
    found: str = scrapers.matplotlib_scraper(
        block, block_vars, gallery_conf, format="webp", pil_kwargs={"lossless": True}
    )
    return found


def wrong(figure: Any) -> str:
    """图哪里不合约定；没有就是空字符串。"""
    import numpy as np

    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    if not re.search(r"[\u4e00-\u9fff]", "".join(titles)):
        return "没有中文标题"
    for axes in figure.axes:
        for line in axes.get_lines():
            values = np.ma.filled(np.ma.asarray(line.get_ydata(orig=False), dtype=float), np.nan)
            if values.size and np.isnan(values).all():
                return "有一条线全是 nan，什么也没有画出来"
        for image in axes.get_images():
            if np.isnan(np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)).all():
                return "有一幅图像全是 nan，什么也没有画出来"
    drawn = any(axes.has_data() or axes.texts or axes.patches or axes.artists for axes in figure.axes)
    return "" if drawn or figure.texts[1:] or figure.patches else "是空的"
