"""互动图：数据由示例的运行写出，页面里放一个元素（docs/_static/explorables 里的脚本接手）。"""

from typing import Any


def collect(name: str, variables: dict[str, Any]) -> dict[str, Any]:
    """由示例 `name` 结束时的变量算出互动图的数据：{互动图的名字: 能写成 JSON 的值}。"""
    return {}
