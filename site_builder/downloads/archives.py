"""带走的东西：全部代码的 zip、整个网站的 zip、``ddp_demo.py``，以及“在 Colab 里打开”的按钮。

- 页面里写角色 ``site-file`` 和文件名，构建结束时换成链接和大小；整站的 zip 不含它自己，里面的那一处写成文字。
- 同样的网站总是打成同样的字节：次序、日期、权限都固定。
- 按钮的网址由 REPO_URL 得来，分叉的仓库因此指向自己；没有 REPO_URL，或仓库不在 GitHub 上，就没有按钮
  （Colab 只读 GitHub）。笔记本由发布的工作流放在 ``notebooks`` 分支。

Sphinx-Gallery 自己的 zip 每篇一个，装着未经整理的笔记本，这里不发布。
"""

import ast
import html
import re
import zipfile
from pathlib import Path
from urllib.parse import urlparse

from docutils import nodes
from sphinx.util import logging

from site_builder import provenance

FOLDER = "downloads"
CODE = "pytorch-tutorials-code.zip"
SITE = "pytorch-tutorials-site.zip"
DEMO = "ddp_demo.py"
DEMO_SOURCE = "optional_data_parallelism"
BRANCH = "notebooks"
#: 不随整站带走：构建的记录，只在服务器上有用的，和整站的 zip 自己。
LEFT_OUT = re.compile(
    rf"(_sources|\.doctrees)/|(.*/)?\.|.*\.pickle$|(objects\.inv|_headers|404\.html|sitemap\.xml|sg_execution_times\.html|{FOLDER}/{SITE})$"
)
_PLACE = re.compile(r'<span class="site-file" data-file="([^"]+)">.*?</span>', re.S)
_GALLERY_ZIP = re.compile(r"^ *\.\. container:: sphx-glr-download sphx-glr-download-zip\n\n.*\n", re.M)

log = logging.getLogger(__name__)


class site_file(nodes.Inline, nodes.Element):
    """``downloads/`` 里一个文件的位置，构建结束时填上链接和大小。"""


def site_file_role(name, rawtext, text, lineno, inliner, options=None, content=None):
    return [site_file(rawtext, file=text)], []


def visit(self, node):
    name = html.escape(node["file"])
    self.body.append(f'<span class="site-file" data-file="{name}">{name}</span>')
    raise nodes.SkipNode


def drop_gallery_zip(app, docname, source):
    """Sphinx-Gallery 每页的 zip 不进网站。"""
    source[0] = _GALLERY_ZIP.sub("", source[0])


def add_buttons(app, doctree):
    """在教程标题下的下载按钮后面，加上“在 Colab 里打开”。"""
    address = urlparse(app.config.html_context.get("repo_url", ""))
    gallery, _, name = app.env.docname.partition("/")
    if address.hostname != "github.com" or gallery != app.config.sphinx_gallery_conf["gallery_dirs"]:
        return
    for buttons in doctree.findall(nodes.container):
        if "tutorial-downloads" in buttons["classes"]:
            url = f"https://colab.research.google.com/github{address.path}/blob/{BRANCH}/{name}.ipynb"
            buttons += nodes.paragraph("", "", nodes.reference("", "在 Colab 里打开", refuri=url))


def demo(script):
    """脚本里字符串 ``demo`` 的全文：``demo = "..."`` 和随后的 ``demo += "..."``；没有时为空。"""
    text = ""
    for statement in ast.parse(script).body:
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
        elif isinstance(statement, ast.AugAssign):
            target = statement.target
        else:
            continue
        if isinstance(target, ast.Name) and target.id == "demo":
            text += ast.literal_eval(statement.value)
    return text


def pack(path, files):
    """把 `files`（{压缩包内的路径: bytes}）打成 `path`，字节只取决于内容。"""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, files[name])


def write(app):
    outdir = Path(app.outdir)
    folder = outdir / FOLDER
    if (folder / SITE).is_file() and (folder / SITE).stat().st_mtime_ns >= provenance.newest_page(app):
        return
    folder.mkdir(exist_ok=True)
    pack_code(app, folder)
    pages = {path: path.read_text("utf-8") for path in outdir.rglob("*.html")}
    pages = {path: text for path, text in pages.items() if _PLACE.search(text)}
    own = {path: fill(path, text, outdir, inside_zip=True) for path, text in pages.items()}
    files = {
        f"pytorch-tutorials/{name}": own[path].encode() if path in own else path.read_bytes()
        for path in outdir.rglob("*")
        if path.is_file() and not LEFT_OUT.match(name := path.relative_to(outdir).as_posix())
    }
    pack(folder / SITE, files)
    for path, text in pages.items():
        path.write_text(fill(path, text, outdir, inside_zip=False), "utf-8", newline="\n")
    (folder / SITE).touch()


def pack_code(app, folder):
    """全部脚本、笔记本、数据转换程序和 ddp_demo.py。"""
    gallery = Path(app.srcdir, app.config.sphinx_gallery_conf["gallery_dirs"])
    files = {
        f"{name}{suffix}": (gallery / f"{name}{suffix}").read_bytes()
        for name in app.config.tutorials
        for suffix in (".py", ".ipynb")
    }
    converter = Path(app.confdir, "site_builder/data/cifar10_from_npm.py")
    files[converter.name] = converter.read_bytes()
    if DEMO_SOURCE in app.config.tutorials:
        files[DEMO] = demo((gallery / f"{DEMO_SOURCE}.py").read_text("utf-8")).encode()
        (folder / DEMO).write_bytes(files[DEMO])
    pack(folder / CODE, {f"pytorch-tutorials-code/{name}": content for name, content in files.items()})


def fill(page, text, outdir, inside_zip):
    """填上 `page` 里每个 site-file 的链接和大小。"""
    root = "../" * (len(page.relative_to(outdir).parts) - 1)

    def link(match):
        name = html.unescape(match[1])
        path = outdir / FOLDER / name
        if inside_zip and name == SITE:
            content = "你正在看的就是它"
        elif path.is_file():
            content = f'<a href="{root}{FOLDER}/{match[1]}" download>{match[1]}</a>（{size(path.stat().st_size)}）'
        else:
            content = match[1]
            if not inside_zip:
                log.warning("%s 要的 %s/%s 没有做出来", page.name, FOLDER, name)
        return f'<span class="site-file" data-file="{match[1]}">{content}</span>'

    return _PLACE.sub(link, text)


def size(count):
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1000))} kB"
