"""页面里指向下载文件的地方：角色 ``site-file``，标题下的下载链接，“在 Colab 里打开”的按钮。

- 角色 ``site-file`` 写的是 ``downloads/`` 里的文件。它的大小构建到最后才知道，那时填进写好的网页：只读有它的
  那几页。整站的 zip 不含它自己，里面的那一处写成文字。
- 教程的 .py 和 .ipynb 就在网页旁边，下载链接直接指向那里；Sphinx-Gallery 原样的那一份不发布（unused.py）。
- 按钮的网址由 REPO_URL 得来，分叉的仓库因此指向自己；没有 REPO_URL，或仓库不在 GitHub 上，就没有按钮
  （Colab 只读 GitHub）。笔记本由发布的工作流放在 ``notebooks`` 分支。
"""

import posixpath
from pathlib import Path
from urllib.parse import urlparse

from docutils import nodes
from lxml import etree, html
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole
from sphinx.writers.html5 import HTML5Translator

from site_builder import store

FOLDER = "downloads"
SITE = "pytorch-tutorials-site.zip"
BRANCH = "notebooks"

log = logging.getLogger(__name__)


class site_file(nodes.Inline, nodes.TextElement):
    """网站里的一个文件，`refuri` 是从这一页到它的路径；有 `file` 时构建结束再填上链接和大小。"""


class SiteFile(SphinxRole):
    """``site-file``：``downloads/`` 里的一个文件。"""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        store.page(self.env).offers_files = True
        root = "../" * self.env.docname.count("/")
        return [site_file(self.rawtext, self.text, file=self.text, refuri=f"{root}{FOLDER}/{self.text}")], []


def visit(self: HTML5Translator, node: site_file) -> None:
    if "file" in node:
        self.body.append(self.starttag(node, "span", "", CLASS="site-file", **{"data-file": node["file"]}))
    else:
        attributes = {"href": node["refuri"], "download": ""}
        self.body.append(self.starttag(node, "a", "", CLASS="reference download internal", **attributes))


def depart(self: HTML5Translator, node: site_file) -> None:
    self.body.append("</span>" if "file" in node else "</a>")


def add_buttons(app: Sphinx, doctree: nodes.document) -> None:
    """在教程标题下的下载按钮后面，加上“在 Colab 里打开”。"""
    address = urlparse(app.config.html_context.get("repo_url", ""))
    gallery, _, name = app.env.docname.partition("/")
    if address.hostname != "github.com" or gallery != app.config.sphinx_gallery_conf["gallery_dirs"]:
        return
    for buttons in doctree.findall(nodes.container):
        if "tutorial-downloads" in buttons["classes"]:
            url = f"https://colab.research.google.com/github{address.path}/blob/{BRANCH}/{name}.ipynb"
            buttons += nodes.paragraph("", "", nodes.reference("", "在 Colab 里打开", refuri=url))


def link_beside(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """教程的 .py 和 .ipynb 的下载链接指向网页旁边的那一份；别的文件指向 Sphinx 复制的那一份。"""
    if app.builder.name != "html":
        return
    gallery = app.config.sphinx_gallery_conf["gallery_dirs"]
    beside = {f"{name}{suffix}" for name in app.config.tutorials for suffix in (".py", ".ipynb")}
    for node in list(doctree.findall(addnodes.download_reference)):
        if "filename" in node:
            name = posixpath.basename(node["filename"])
            path = f"{gallery}/{name}" if name in beside else f"_downloads/{node['filename']}"
            address = posixpath.relpath(path, posixpath.dirname(docname) or ".")
            node.replace_self(site_file("", "", *node.children, refuri=address))


def fill(app: Sphinx, inside_zip: bool) -> dict[str, bytes]:
    """有 site-file 的网页 {路径: 填上链接和大小以后的字节}；`inside_zip` 时是放进整站的 zip 的那一份。

    要的文件没有做出来，是一条警告。
    """
    folder, pages = Path(app.outdir, FOLDER), {}
    for docname in [name for name, page in store.pages(app.env).items() if page.offers_files]:
        page = html.document_fromstring(Path(app.outdir, f"{docname}.html").read_text("utf-8"))
        for place in page.xpath("//span[@data-file]"):
            name = place.get("data-file")
            place[:], place.text = [], name
            if inside_zip and name == SITE:
                place.text = "你正在看的就是它"
            elif (folder / name).is_file():
                address = "../" * docname.count("/") + f"{FOLDER}/{name}"
                link = etree.SubElement(place, "a", {"href": address, "download": ""})
                place.text, link.text, link.tail = None, name, f"（{size((folder / name).stat().st_size)}）"
            elif not inside_zip and app.config.sphinx_gallery_conf.get("plot_gallery", True):  # 预览时没有示例交出文件
                log.warning("要的 %s/%s 没有做出来：文件名写错了，或者没有示例交出它", FOLDER, name, location=docname)
        pages[f"{docname}.html"] = html.tostring(page, encoding="utf-8", doctype="<!doctype html>")
    return pages


def size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1000))} kB"
