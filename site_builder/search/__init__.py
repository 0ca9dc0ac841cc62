"""能搜到什么：各节与词表。"""

from sphinx.application import Sphinx

from site_builder.search import index


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("builder-inited", index.start)
    app.connect("doctree-read", index.collect)
    app.connect("html-collect-pages", index.write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
