"""代码与正文里 torch、torchvision、numpy、matplotlib 的名字链接到官方参考：清单、推断、画出来。

网址只来自 docs/api_names.txt，构建从不上网；`make inventories`（refresh）按官方目录更新它。
"""

from sphinx.application import Sphinx

from site_builder.api import draw, names


def setup(app: Sphinx) -> dict[str, object]:
    app.add_config_value("api_names_text", "", "env", [str])
    app.connect("config-inited", names.load)
    app.connect("doctree-read", draw.mark)
    app.connect("env-updated", names.check)

    app.add_node(draw.api_link, html=(draw.visit_link, draw.depart_link))
    app.add_node(draw.linked_code, html=(draw.visit_code, draw.depart_code))
    app.add_post_transform(draw.HideCode)
    app.add_post_transform(draw.ShowCode)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
