"""页面只用仓库里的文件，链接只去网页，不夹带 HTML：不合的是一条警告。"""

from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

#: 链接可以用的协议；没有协议的是站内。
SCHEMES = {"", "http", "https", "mailto"}

log = logging.getLogger(__name__)


def check(app: Sphinx, doctree: nodes.document) -> None:
    """查 `doctree` 的链接、夹带的 HTML，和它用到的文件。"""
    for reference in doctree.findall(nodes.reference):
        scheme = urlparse(reference.get("refuri", "")).scheme.lower()
        if scheme not in SCHEMES:
            log.warning("链接 %s 不是网页的地址：可以用 https、http、mailto", reference["refuri"], location=reference)
    if not app.env.docname.startswith(f"{app.config.sphinx_gallery_conf['gallery_dirs']}/"):  # 画廊自己要用
        for raw in doctree.findall(nodes.raw):
            log.warning("不许夹带 raw %s：写成 Markdown，或者用指令", raw["format"], location=raw)
    root = Path(app.confdir).resolve()
    for name in app.env.dependencies.get(app.env.docname, ()):
        path = Path(app.srcdir, name).resolve()
        if path.is_file() and not path.is_relative_to(root):
            log.warning("用到了仓库外面的文件 %s：拷贝到 docs/ 里来", name, location=app.env.docname)


class DropUnmadePictures(SphinxTransform):
    """快速预览不执行示例，也就没有示例画的图：引用了这些图的页面先空着，不报“读不到图”。"""

    default_priority = 200

    def apply(self, **kwargs: Any) -> None:
        gallery = self.config.sphinx_gallery_conf
        if gallery["plot_gallery"]:
            return
        for image in list(self.document.findall(nodes.image)):
            path = image["uri"].lstrip("/")
            if path.startswith(f"{gallery['gallery_dirs']}/images/") and not Path(self.env.srcdir, path).exists():
                image.parent.remove(image)
