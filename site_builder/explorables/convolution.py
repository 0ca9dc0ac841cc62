"""卷积：示例里由代码画出的“7”和手写的卷积核。"""

from typing import Any


def collect(variables: dict[str, Any]) -> dict[str, Any]:
    """``picture`` 是 32×32 的 0 和 1，``kernel`` 是 3×3 的卷积核。"""
    return {
        "picture": variables["inputs"][0, 0].int().tolist(),
        "kernel": variables["kernel"].int().tolist(),
    }
