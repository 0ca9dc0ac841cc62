"""互动图：数据由示例的运行写出，页面里放一个元素（docs/_static/explorables 里的脚本接手）。

数据走一条路：示例结束时的变量（`collect`，在执行示例的进程里）→ 存下的结果 → ``教程.explorables.json`` →
``_static/explorables/data/名字.js``（`publish`）→ 读者看到那幅图时才取。
"""

import importlib
from typing import Any

from sphinx.application import Sphinx

from site_builder.explorables import place, publish

#: 哪篇教程结束时，由这里的哪几个模块各写出一份数据；数据的名字是模块的名字，下划线换成连字符。
MODULES: dict[str, list[str]] = {
    "autograd_automatic_differentiation": ["learning_rate"],
    "neural_networks": ["convolution"],
    "training_a_classifier": ["kernels", "classifier", "confusion"],
}


def collect(name: str, variables: dict[str, Any]) -> dict[str, Any]:
    """由示例 `name` 结束时的变量算出互动图的数据：{数据的名字: 能写成 JSON 的值}。

    每个模块有一个 ``collect(variables)``。示例改了名字、少了变量时抛出 KeyError，说明少的是什么。
    """
    found = {}
    for module in MODULES.get(name, []):
        made = importlib.import_module(f"{__name__}.{module}")
        try:
            found[module.replace("_", "-")] = made.collect(variables)
        except KeyError as error:
            message = f"互动图要用示例 {name} 的变量 {error}，示例里没有：改 site_builder/explorables/{module}.py"
            raise KeyError(message) from error
    return found


def setup(app: Sphinx) -> dict[str, object]:
    app.add_directive("explorable", place.Explorable)
    app.connect("env-updated", publish.rewrite_when_data_change)
    app.connect("html-page-context", publish.add_files)
    app.connect("build-finished", publish.write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
