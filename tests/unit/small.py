"""在本进程里构建几页 Markdown，只用点名的几步：一次不到一秒。"""

import io
from contextlib import contextmanager

from sphinx.testing.util import SphinxTestApp

CONF = """
import os, sys
project = "测试"
language = "zh_CN"
tutorials = {tutorials!r}
extensions = ["myst_parser", "site_builder.store", *{stages!r}]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
html_theme = "basic"

def setup(app):
    app.add_config_value("tutorials", [], "env")
    app.add_config_value("sphinx_gallery_conf", {{"plot_gallery": True, "gallery_dirs": "tutorials"}}, "env")
{more}
"""


@contextmanager
def built(folder, pages, *stages, tutorials=(), more=""):
    """构建 {页名: 内容}（名字里没有后缀的是 Markdown），给出 app 和全部警告。

    `stages` 是 site_builder 里的文件夹，`more` 是接在 conf.py 的 setup 里的几行。
    """
    pages = {name if "." in name else f"{name}.md": text for name, text in pages.items()}
    listing = "\n".join(name.rpartition(".")[0] for name in pages if name.endswith((".md", ".rst")))
    pages.setdefault("index.md", f"# 首页\n\n```{{toctree}}\n{listing}\n```\n")
    pages["conf.py"] = CONF.format(
        stages=[f"site_builder.{name}" for name in stages], tutorials=list(tutorials), more=more
    )
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    warnings = io.StringIO()
    app = SphinxTestApp(srcdir=folder, builddir=folder / "_build", warning=warnings)
    try:
        app.build()
        yield app, warnings.getvalue()
    finally:
        app.cleanup()
