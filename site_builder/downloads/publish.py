"""网页写完以后的最后一步：按次序做出带走的东西。"""

from sphinx.application import Sphinx

from site_builder.downloads import archives, epub, pages, unused


def publish(app: Sphinx, error: Exception | None) -> None:
    """后一步用到前一步：整站的 zip 装着其余的一切。"""
    if error or app.builder.name != "html":
        return
    pages.write_llms(app)
    epub.write(app)  # 要用合并前的公式样式，下一步就删去了
    unused.drop(app)
    archives.write_code(app)
    archives.write_site(app)
