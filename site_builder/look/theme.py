"""主题和 Sphinx 写死在模板里的英文、缺的无障碍属性、内联脚本：在每页写盘前改好。

gettext 能翻译的在 docs/locales；这里只有它够不着的。每一条替换都要在站内至少用上一次，
升级主题后失效的会让构建失败，不会悄悄漏掉。
"""

import html
import re

from docutils import nodes
from sphinx.util import logging

log = logging.getLogger(__name__)

TEXT = {
    'aria-label="Toggle site navigation sidebar"': 'aria-label="打开或关闭站点导航"',
    'aria-label="Toggle table of contents sidebar"': 'aria-label="打开或关闭本页目录"',
    'aria-label="Toggle Light / Dark / Auto color theme"': 'aria-label="切换浅色、深色或自动配色"',
    'aria-label="Toggle navigation of ': 'aria-label="展开或收起：',
    "<title>Contents</title>": "<title>本页目录</title>",
    "<title>Menu</title>": "<title>菜单</title>",
    "<title>Expand</title>": "<title>展开</title>",
    "<title>Light mode</title>": "<title>浅色</title>",
    "<title>Dark mode</title>": "<title>深色</title>",
    "<title>Auto light/dark, in light mode</title>": "<title>自动配色（现为浅色）</title>",
    "<title>Auto light/dark, in dark mode</title>": "<title>自动配色（现为深色）</title>",
    # 侧栏缺名字，能滚动的代码框键盘够不着
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="站点导航">',
    '<aside class="toc-drawer': '<aside aria-label="本页目录" class="toc-drawer',
    '<div class="highlight"><pre>': '<div class="highlight"><pre tabindex="0">',
    # 主题唯一的内联脚本，原样放在 colour_theme.js 里
    '<script>\n      document.body.dataset.theme = localStorage.getItem("theme") || "auto";\n    </script>': (
        '<script src="{root}_static/colour_theme.js"></script>'
    ),
}


def install(app):
    """在模板渲染之后、写盘之前改写每一页。"""
    if app.builder.format != "html" or app.builder.name == "epub":
        return
    render = app.builder.templates.render
    app.chinese_theme_used = set()

    def render_page(template, context):
        page = render(template, context)
        return finish(app, page, context) if "<html" in page else page

    app.builder.templates.render = render_page


def finish(app, page, context):
    root = context.get("content_root", "./")
    for old, new in TEXT.items():
        if old in page:
            app.chinese_theme_used.add(old)
            page = page.replace(old, new.format(root=root) if "{root}" in new else new)
    page = page.replace('lang="zh_CN"', 'lang="zh-CN"', 1)
    return page


def describe(app, pagename, templatename, context, doctree):
    """每页的 description 取自第一段正文。"""
    if doctree is None or 'name="description"' in context.get("metatags", ""):
        return
    paragraphs = (
        p for p in doctree.findall(nodes.paragraph) if "tutorial-facts" not in p["classes"] and len(p.astext()) > 20
    )
    paragraph = next(paragraphs, None)
    if paragraph is None:
        log.warning("这一页没有可作描述的正文段落", location=pagename)
        return
    text = re.sub(r"\s+", " ", paragraph.astext())[:160]
    context["metatags"] = context.get("metatags", "") + f'\n    <meta name="description" content="{html.escape(text)}">'


def check(app, error):
    """全站重写时没有用上的替换，多半是主题改了措辞：报警告，以 -W 运行时就是错误。"""
    used = getattr(app, "chinese_theme_used", None)
    if used is None or error or not app.fresh_env_used:
        return
    for old in TEXT.keys() - used:
        log.warning("docs/_ext/chinese_theme.py 里的这条替换没有用上，主题可能改了：%s", old)
