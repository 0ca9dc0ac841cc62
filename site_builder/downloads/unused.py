"""没有网页用到的样式、脚本、图片和下载文件不发布。"""

import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from sphinx.application import Sphinx

ASSETS = ("_static", "_images", "_downloads")
_ASSET = re.compile(rf'[" ](?:[^" ]*/)?((?:{"|".join(ASSETS)})/[^"?# ]+)')
_URL = re.compile(r"""url\(['"]?(?!data:|#)([^'")?#]+)""")


def drop(app: Sphinx) -> None:
    """删去网页和网页的样式都没有用到的文件（合并前的样式、从前的图）；用到的东西的许可证留着。"""
    site = Path(app.outdir)
    used = {unquote(name) for page in site.rglob("*.html") for name in _ASSET.findall(page.read_text("utf-8"))}
    for style in [name for name in used if name.endswith(".css")]:
        folder = posixpath.dirname(style)
        used |= {posixpath.normpath(f"{folder}/{name}") for name in _URL.findall((site / style).read_text("utf-8"))}
    folders = {posixpath.dirname(name) for name in used}
    for path in [path for folder in ASSETS for path in (site / folder).rglob("*") if path.is_file()]:
        name = path.relative_to(site).as_posix()
        if name not in used and not ("LICENSE" in name and posixpath.dirname(name) in folders):
            path.unlink()
