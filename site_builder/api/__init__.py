"""名字成为链接：清单、推断、画出来。"""

from sphinx.application import Sphinx
from sphinx_gallery._doctree_links import CodeLinksTransform

from site_builder.api import links


def setup(app: Sphinx) -> dict[str, object]:
    app.add_config_value("api_names_text", "", "env", [str])
    app.add_node(links.api_link, html=(links.visit_link, links.depart_link))
    app.add_node(links.linked_code, html=(links.visit_code, links.depart_code))
    app.add_post_transform(links.DrawLinks)
    app.registry.post_transforms.remove(CodeLinksTransform)  # Sphinx-Gallery 的代码链接：它会把代码块拆成单个的记号
    app.connect("config-inited", links.read_list)
    app.connect("doctree-read", links.collect)
    app.connect("env-updated", links.check)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
