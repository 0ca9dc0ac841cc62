"""打包带走：每页旁边的 Markdown、脚本、笔记本，然后是电子书、压缩包。"""

from sphinx.application import Sphinx

from site_builder.downloads import pages, places, publish


def setup(app: Sphinx) -> dict[str, object]:
    app.add_node(places.site_file, html=(places.visit, places.depart))
    app.add_role("site-file", places.SiteFile())
    app.connect("doctree-read", places.add_buttons)
    app.connect("doctree-read", pages.summarize)
    # 别的文件夹都填好自己的节点以后
    app.connect("doctree-resolved", places.link_beside, priority=900)
    app.connect("doctree-resolved", pages.write, priority=901)
    app.connect("build-finished", publish.publish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
