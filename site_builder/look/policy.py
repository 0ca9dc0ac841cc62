"""只信任站点自己：每页带着内容安全策略；给认得 ``_headers`` 文件的主机（Netlify、Cloudflare Pages）另写一份响应头。

策略写在网页里，从文件夹打开、放在任何主机上都有效；``frame-ancestors`` 等几条只有响应头说了才算。
样式允许内联：KaTeX 用 style 属性排版公式。
"""

from pathlib import Path

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


def add_policy(app, pagename, templatename, context, doctree):
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n    '
    context["metatags"] = policy + context.get("metatags", "")


def write_headers(app, error):
    if error is None and app.builder.name == "html":
        Path(app.outdir, "_headers").write_text(HEADERS, "utf-8", newline="\n")
