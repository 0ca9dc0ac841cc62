"""网页只带用得着的东西：不引用本页用不上的样式和脚本，图片写明宽高、延迟加载。

Sphinx-Gallery、sphinx-design 和复制按钮把样式、脚本加到每一页，也没有按页取舍的设置。
"""

import os
import re
from pathlib import Path

from PIL import Image

#: 文件名的一部分 -> 页面正文里出现什么才需要它（None：从不需要）。
NEEDED_FOR = {
    "sg_gallery-binder": None,
    "sg_gallery-dataframe": None,
    "sg_gallery-rendered-html": None,
    "sg-tags": None,
    "sg_gallery.": "sphx-glr-",
    "katex": 'class="katex',
    "sphinx-design": 'class="sd-',
    "design-tabs": 'class="sd-tab-',
    "copybutton": '<div class="highlight',
    "clipboard": '<div class="highlight',
    "translations": None,
    "sphinx_highlight": None,
}
_IMAGE = re.compile(r'<img ([^>]*?)src="([^"]+)"([^>]*?)/?>')


def trim(app, pagename, templatename, context, doctree):
    body = context.get("body", "")

    def keep(asset):
        name = str(asset.filename)
        needs = [pattern for part, pattern in NEEDED_FOR.items() if part in name]
        return all(pattern and pattern in body for pattern in needs)

    context["css_files"] = [css for css in context["css_files"] if keep(css)]
    context["script_files"] = [script for script in context["script_files"] if keep(script)]
    if "<img" in body:
        context["body"] = _IMAGE.sub(lambda match: _with_size(app, match, pagename), body)


def _with_size(app, match, pagename):
    before, source, after = match.groups()
    path = Path(os.path.normpath(Path(app.outdir, pagename).parent / source))  # 那个文件夹这时可能还没有建
    if "width=" in before + after or path.suffix not in {".webp", ".png", ".jpg"} or not path.is_file():
        return match[0]
    with Image.open(path) as image:
        width, height = image.size
    return f'<img {before}src="{source}"{after}width="{width}" height="{height}" loading="lazy">'


def setup(app):
    app.connect("html-page-context", trim, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
