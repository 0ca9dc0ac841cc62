"""网页的 `<head>`：描述和内容安全策略；给认得 ``_headers`` 文件的主机（Netlify、Cloudflare Pages）另写一份响应头。

策略写在网页里，从文件夹打开、放在任何主机上都有效；``frame-ancestors`` 等几条只有响应头说了才算。
样式允许内联：KaTeX 用 style 属性排版公式。
"""

import html
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from site_builder import store

log = logging.getLogger(__name__)

SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'"
)
HEADERS = f"""\
/*
  Content-Security-Policy: {POLICY}; frame-ancestors 'none'
  X-Content-Type-Options: nosniff
  Referrer-Policy: strict-origin-when-cross-origin
  Permissions-Policy: camera=(), microphone=(), geolocation=()
  Strict-Transport-Security: max-age=31536000
/_static/pages-*
  Cache-Control: public, max-age=31536000, immutable
"""


def describe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """每页的 description 取自第一段正文。"""
    if doctree is None or 'name="description"' in context.get("metatags", ""):
        return
    for paragraph in doctree.findall(nodes.paragraph):
        if "tutorial-facts" not in paragraph["classes"] and len(paragraph.astext()) > 20:
            text = html.escape(re.sub(r"\s+", " ", paragraph.astext())[:160])
            context["metatags"] = f'{context.get("metatags", "")}\n    <meta name="description" content="{text}">'
            return
    log.warning("这一页没有可作描述的正文段落，请在开头写一段话", location=pagename)


def add_policy(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n    '
    context["metatags"] = policy + context.get("metatags", "")


def write_headers(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.name == "html":
        Path(app.outdir, "_headers").write_text(HEADERS, "utf-8", newline="\n")


def write_sitemap(app: Sphinx, error: Exception | None) -> None:
    """设了 SITE_URL 时的站点地图：全部页面，要跳走的除外。

    不用 sphinx-sitemap 2.9.0：它只列这一次写出的页面，接着上一次构建就会缺；它另起的进程，构建被 kill -9 以后还占着锁。
    """
    base = app.config.html_baseurl
    if error is not None or app.builder.name != "html" or not base:
        return
    names = sorted(name for name in app.env.all_docs if not store.leads_away(app, name))
    places = "".join(f"<url><loc>{escape(f'{base}{name}.html')}</loc></url>\n" for name in names)
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="{SITEMAP}">\n{places}</urlset>\n'
    Path(app.outdir, "sitemap.xml").write_text(text, "utf-8", newline="\n")
