"""网页只带用得着的东西：去掉本页用不上的样式和脚本，样式合成一个文件，图片写明宽高、延迟加载。

Sphinx-Gallery、sphinx-design 和复制按钮把样式、脚本加到每一页，没有按页取舍的设置。样式不到齐，浏览器不画
页面：手机网络上每多一个样式文件，就多等一次往返。
"""

import functools
import hashlib
import os
import posixpath
import re
from pathlib import Path

from PIL import Image

#: 文件名的一部分 -> 页面正文里出现什么才需要它（None：从不需要）。
NEEDED_FOR = {
    "sg_gallery-binder": None,
    "sg_gallery-dataframe": None,
    "sg_gallery-rendered-html": None,
    "sg-tags": None,
    "sg_gallery.": None,
    "katex": 'class="katex',
    "sphinx-design": 'class="sd-',
    "design-tabs": 'class="sd-tab-',
    "copybutton": '<div class="highlight',
    "clipboard": '<div class="highlight',
    "translations": None,
    "sphinx_highlight": None,
    "furo.js": None,  # 换成了 reading.js
}
_IMAGE = re.compile(r'<img ([^>]*?)src="([^"]+)"([^>]*?)/?>')


def trim(app, pagename, templatename, context, doctree):
    body = context.get("body", "")

    def keep(asset):
        name = str(asset.filename)
        needs = [pattern for part, pattern in NEEDED_FOR.items() if part in name]
        return all(pattern and pattern in body for pattern in needs)

    # furo 在构建的末尾才往 pygments.css 里写深色的颜色，它只能单独留着
    alone = [css for css in context["css_files"] if "pygments" in str(css.filename)]
    styles = [str(css.filename) for css in context["css_files"] if keep(css) and css not in alone]
    context["css_files"] = [*alone, _bundle(Path(app.outdir), tuple(styles))]
    context["script_files"] = [script for script in context["script_files"] if keep(script)]
    if "<img" in body:
        context["body"] = _IMAGE.sub(lambda match: _with_size(app, match, pagename), body)


@functools.cache
def _bundle(site, styles):
    """把几个样式表按次序合成一个，写到 _static，返回它相对站点的地址；文件名带着内容的摘要。"""
    text = ""
    for style in styles:
        folder = posixpath.dirname(posixpath.relpath(style, "_static"))
        source = (site / style).read_text("utf-8").removeprefix('@charset "UTF-8";')
        text += re.sub(
            r"""url\((['"]?)(?!data:|#|https?:)([^'")]+)\1\)""",
            lambda match, folder=folder: f"url({posixpath.normpath(posixpath.join(folder, match[2]))})",
            source,
        )
        text += "\n"
    text = re.sub(r"/\*# sourceMappingURL.*?\*/", "", text)
    name = f"_static/pages-{hashlib.sha256(text.encode()).hexdigest()[:10]}.css"
    (site / name).write_text(text, "utf-8")
    return name


def _with_size(app, match, pagename):
    before, source, after = match.groups()
    sources = {copy: original for original, copy in app.builder.images.items()}
    name = posixpath.basename(source)
    if name in sources:  # Sphinx 写完网页才复制图片
        path = Path(app.srcdir, sources[name])
    else:  # 示例的图由 Sphinx-Gallery 复制；页面的文件夹这时可能还没有建，先把路径里的 .. 化掉
        path = Path(os.path.normpath(Path(app.outdir, pagename).parent / source))
    if "width=" in before + after or path.suffix not in {".webp", ".png", ".jpg"} or not path.is_file():
        return match[0]
    with Image.open(path) as image:
        width, height = image.size
    return f'<img {before}src="{source}"{after}width="{width}" height="{height}" loading="lazy">'


def rewrite_when_styles_change(app, env):
    """样式、脚本比网页新，全部网页重写：Sphinx 只看源文件和模板的时刻。"""
    page = Path(app.outdir, f"{app.config.root_doc}.html")
    static = [path for folder in app.config.html_static_path for path in Path(app.confdir, folder).rglob("*")]
    newest = max((path.stat().st_mtime_ns for path in static), default=0)
    return list(env.all_docs) if page.is_file() and page.stat().st_mtime_ns < newest else []
