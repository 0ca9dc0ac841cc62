"""打包带走：脚本、笔记本、电子书、压缩包。"""

from sphinx.application import Sphinx

from site_builder.downloads import archives, notebooks, publish


def setup(app: Sphinx) -> dict[str, object]:
    app.add_node(archives.site_file, html=(archives.visit, None))
    app.add_role("site-file", archives.site_file_role)
    app.connect("builder-inited", notebooks.write_all, priority=900)  # 在 Sphinx-Gallery 之后
    app.connect("source-read", archives.drop_gallery_zip)
    app.connect("doctree-read", archives.add_buttons)
    app.connect("build-finished", publish.publish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
