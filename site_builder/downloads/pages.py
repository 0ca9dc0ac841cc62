"""每一页旁边的文件：``NAME.md`` 是写成 Markdown 的这一页（代码、输出都在，图是链接）；教程另有 .py 和 .ipynb。

它们与网页同时写，用的是同一棵文档树。根目录的 ``llms.txt`` 按 llmstxt.org 的格式列出全部 .md，
给读网页不方便的程序看。
"""

import json
import posixpath
from pathlib import Path
from urllib.parse import urlparse

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

from site_builder import store
from site_builder.downloads import scripts
from site_builder.downloads.markdown import Writer
from site_builder.downloads.notebooks import notebook

LLMS = "llms.txt"
ABOUT = "下面每一页都是 Markdown，与同名的网页（把 .md 换成 .html）出自同一次构建；代码都执行过，输出印在代码后面。"

log = logging.getLogger(__name__)


def summarize(app: Sphinx, doctree: nodes.document) -> None:
    """记下这一页的第一句话，给 llms.txt。"""
    paragraphs = (node for node in doctree.findall(nodes.paragraph) if isinstance(node.parent, nodes.section))
    first = next((node for node in paragraphs if not node["classes"]), None)
    text = first.astext().replace("\n", " ") if first else ""
    store.page(app.env).summary = text.partition("。")[0] + "。" if "。" in text else text


def write(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """写出 `docname` 的 .md；是教程的话，还有 .py 和 .ipynb。"""
    if app.builder.name != "html" or store.leads_away(app, docname):
        return
    files = {}
    try:
        files[".md"] = markdown(app, doctree, docname)
        if docname in store.tutorials(app.config):
            script = Path(app.srcdir, f"{docname}.py").read_text("utf-8")
            files[".py"] = scripts.for_reader(script, f"examples/{posixpath.basename(docname)}.py")
            content = notebook(doctree, docname, app.config.html_baseurl)
            files[".ipynb"] = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    except ExtensionError as error:
        log.warning("%s", error, location=docname)
    for suffix, text in files.items():
        path = Path(app.outdir, f"{docname}{suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")


def markdown(app: Sphinx, doctree: nodes.document, docname: str) -> str:
    """`docname` 写成的 Markdown；不会写的节点抛出 ExtensionError。"""
    folder = posixpath.dirname(docname)

    def link(text: str, address: str) -> str:
        path, _, _ = address.partition("#")
        if not path or not text:
            return text
        page = posixpath.normpath(posixpath.join(folder, path)).removesuffix(".html")
        inside = not urlparse(address).scheme and page in app.env.all_docs
        return f"[{text}]({path.removesuffix('.html') + '.md' if inside else address.replace(')', '%29')})"

    def picture(alt: str, node: nodes.Element) -> str:
        source = node["uri"]
        name = app.env.images[source][1] if source in app.env.images else posixpath.basename(source)
        return f"![{' '.join(alt.split())}]({posixpath.relpath(f'_images/{name}', folder or '.')})"

    pieces = Writer(docname, link, picture, ["only-dark"]).pieces(doctree.children)
    return "\n\n".join(piece.markdown() for piece in pieces) + "\n"


def write_llms(app: Sphinx) -> None:
    """写出 llms.txt：站名、一句话、教程、别的页面。"""
    root, gallery = app.config.root_doc, app.config.sphinx_gallery_conf["gallery_dirs"]
    groups: dict[str, list[str]] = {"教程": [], "其他页面": []}
    for docname in store.in_order(app.env, root):
        if docname not in (root, f"{gallery}/index"):
            line = f"- [{app.env.titles[docname].astext()}]({app.config.html_baseurl}{docname}.md)"
            summary = store.page(app.env, docname).summary
            group = "教程" if docname.startswith(f"{gallery}/") else "其他页面"
            groups[group].append(f"{line}: {summary}" if summary else line)
    parts = [f"# {app.config.project}", f"> {store.page(app.env, root).summary}", ABOUT]
    parts += [f"## {name}\n\n" + "\n".join(lines) for name, lines in groups.items() if lines]
    Path(app.outdir, LLMS).write_text("\n\n".join(parts) + "\n", "utf-8", newline="\n")
