"""网页写完以后的最后一步：按次序做出带走的东西。"""

from sphinx.application import Sphinx

from site_builder.downloads import archives, epub, unused


def publish(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.name != "html":
        return
    epub.write(app)
    unused.drop(app)
    archives.write(app)
