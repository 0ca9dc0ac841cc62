"""没有网页用到的样式、脚本、图片和下载文件不发布。"""

import posixpath
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag

from lxml import html
from sphinx.application import Sphinx

ASSETS = ("_static", "_images", "_downloads")
_URL = re.compile(r"""url\(['"]?(?!data:|#)([^'")?#]+)""")


def drop(app: Sphinx) -> None:
    """删去网页和网页的样式都没有用到的文件（合并前的样式、从前的图）；用到的东西的许可证留着；``loader.js``
    所在的文件夹整个留着，读者用到时才由它去取。"""
    site = Path(app.outdir)
    used = set().union(*(assets(page.read_text("utf-8")) for page in site.rglob("*.html")))
    for style in [name for name in used if name.endswith(".css")]:
        folder = posixpath.dirname(style)
        used |= {posixpath.normpath(f"{folder}/{name}") for name in _URL.findall((site / style).read_text("utf-8"))}
    folders = {posixpath.dirname(name) for name in used}
    later = tuple(f"{posixpath.dirname(name)}/" for name in used if name.endswith("/loader.js"))
    for path in [path for folder in ASSETS for path in (site / folder).rglob("*") if path.is_file()]:
        name = path.relative_to(site).as_posix()
        if (
            name not in used
            and not name.startswith(later)
            and not ("LICENSE" in name and posixpath.dirname(name) in folders)
        ):
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()


def assets(page: str) -> set[str]:
    """网页用到的文件，从网站的根算起。哪个属性都算：脚本要用时才取的文件，写在 ``data-`` 属性里。"""
    found = set()
    for value in html.document_fromstring(page).xpath("//@*"):
        for address in value.replace(",", " ").split():
            parts = unquote(urldefrag(address)[0].partition("?")[0]).split("/")
            folder = next((part for part in parts if part in ASSETS), None)
            if folder:
                found.add("/".join(parts[parts.index(folder) :]))
    return found
