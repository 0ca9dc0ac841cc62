"""互动图放在手写的页面里：``{explorable}``，内容是没有脚本时的样子。

::

    ```{explorable} classifier
    ![…](图)

    没有脚本时看到的一句说明。
    ```

第一段（图）以外的段落成为说明。名字的写法同教程里的 ``# 画图（名字）：…``，脚本和数据也是同一份。
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from site_builder.nodes import drawing, drawing_caption


class Explorable(SphinxDirective):
    """``{explorable} 名字``。没有内容时是错误：没有脚本的读者会什么也看不到。"""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        self.assert_has_content()
        name = self.arguments[0]
        figure = drawing("", explorable=name, ids=[name])
        for child in self.parse_content_to_nodes():
            if isinstance(child, nodes.paragraph) and child.next_node(nodes.image) is None:
                figure += drawing_caption("", "", *child.children, classes=["drawing-caption"])
            else:
                figure += child
        self.set_source_info(figure)
        return [figure]
