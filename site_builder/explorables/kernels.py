"""两个卷积层学到的卷积核，和测试集的第一张图片；《神经网络》那一页的卷积图用它们。"""

import base64
from typing import Any


def collect(variables: dict[str, Any]) -> dict[str, Any]:
    """``photo`` 是 3×32×32 个字节（0 到 255，base64），``conv1``、``conv2`` 各有 ``weight``、``bias``，三位小数。"""
    net, pixels = variables["net"], variables["test_set"].data[0]
    layers = {name: getattr(net, name) for name in ("conv1", "conv2")}
    return {
        "photo": base64.b64encode(pixels.transpose(2, 0, 1).tobytes()).decode(),
        "label": variables["chinese"][variables["test_set"].targets[0]],
        **{
            name: {"weight": _rounded(layer.weight.tolist()), "bias": _rounded(layer.bias.tolist())}
            for name, layer in layers.items()
        },
    }


def _rounded(values: Any) -> Any:
    return round(values, 3) if isinstance(values, float) else [_rounded(value) for value in values]
