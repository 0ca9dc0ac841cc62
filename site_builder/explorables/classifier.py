"""训练好的两个网络和几张测试图片，写成网页能用的数据：分类器那幅互动图。

一个权重一个字符：每个输出通道（全连接层是每个输出）一个比例，权重是比例乘 -31 到 31 的整数，整数加 32 就是
base64 字母表里的位置；fc1 占全部参数的四分之三，只用 -15 到 15。62,006 个参数约 62 kB，压缩后约 42 kB；
准确率在这里重新量过，随数据一起写出。
"""

import base64
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#: 各层的整数最大是多少。
LAYERS = {"conv1": 31, "conv2": 31, "fc1": 15, "fc2": 31, "fc3": 31}


def collect(variables: dict[str, Any]) -> dict[str, Any]:
    """由训练图像分类器一篇结束时的变量得到数据；少了变量时抛出 KeyError。

    ``networks`` 里是 ``net`` 和 ``better`` 的各层和准确率，``pictures`` 是测试图片（3×32×32 个字节，base64）。
    """
    images, labels = variables["test_images"], variables["test_labels"]
    networks = {}
    for name, (net, predicted) in {
        "net": (variables["net"], variables["test_predicted"]),
        "better": (variables["better_net"], variables["better_predicted"]),
    }.items():
        layers = {layer: quantise(getattr(net, layer), most) for layer, most in LAYERS.items()}
        weights = {layer: restore(packed) for layer, packed in layers.items()}
        small = torch.cat([forward(weights, part) for part in images.split(500)]).argmax(dim=1)
        networks[name] = {
            "layers": layers,
            "accuracy": _share(predicted == labels),
            "small": _share(small == labels),
            "same": _share(small == predicted),
        }
    wrong = variables["test_predicted"] != labels
    confidence = variables["test_logits"].softmax(dim=1).amax(dim=1)
    firsts = [int((labels == i).nonzero()[0]) for i in range(10)]
    chosen = sorted({0, 1, 2, 3, *firsts}) + [int(torch.where(wrong, confidence, 0).argmax())]
    return {
        "names": list(variables["chinese"]),
        "count": len(labels),
        "networks": networks,
        "pictures": [
            {"index": i, "label": int(labels[i]), "pixels": base64.b64encode(images[i].numpy().tobytes()).decode()}
            for i in dict.fromkeys(chosen)
        ],
    }


def quantise(layer: nn.Conv2d | nn.Linear, most: int) -> dict[str, Any]:
    """一层的权重写成字符：``weight`` 是一串字符（-`most` 到 `most`），``scale`` 一个输出一个，``bias`` 只留六位有效数字。

    比例取使平方误差最小的（在最大值的五成到全部之间试）。
    """
    assert layer.bias is not None
    rows = layer.weight.detach().double().flatten(1)
    largest = rows.abs().amax(dim=1, keepdim=True).clamp(min=1e-12)
    shares = torch.linspace(0.5, 1, 26, dtype=torch.float64)
    scales = torch.stack([largest * share / most for share in shares])
    rounded = (rows / scales).round().clamp(-most, most)
    best = ((rounded * scales - rows) ** 2).sum(dim=2).argmin(dim=0)
    scale = [_short(value) for value in scales[best, torch.arange(len(rows)), 0].tolist()]
    levels = (rows / torch.tensor(scale, dtype=torch.float64)[:, None]).round().clamp(-most, most).long() + 32
    return {
        "shape": list(layer.weight.shape),
        "weight": "".join(ALPHABET[level] for level in levels.flatten().tolist()),
        "scale": scale,
        "bias": [_short(value) for value in layer.bias.tolist()],
    }


def restore(layer: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """`quantise` 的逆：(权重, 偏置)，float32。"""
    levels = torch.tensor([ALPHABET.index(letter) - 32 for letter in layer["weight"]], dtype=torch.float64)
    scale = torch.tensor(layer["scale"], dtype=torch.float64)
    weight = levels.view(len(scale), -1) * scale[:, None]
    return weight.view(layer["shape"]).float(), torch.tensor(layer["bias"])


def forward(weights: dict[str, tuple[Tensor, Tensor]], images: Tensor, off: tuple[str, int] | None = None) -> Tensor:
    """网页里的计算用 PyTorch 写一遍：8 位整数 (N, 3, 32, 32) 的图片，得到 (N, 10) 的得分。

    `weights` 是各层 `restore` 的结果；`off` 是 (``conv1`` 或 ``conv2``, 编号)，那一张特征图换成 0。
    """
    x = images.float() / 127.5 - 1
    for name in ("conv1", "conv2"):
        x = F.relu(F.conv2d(x, *weights[name]))
        if off and off[0] == name:
            x[:, off[1]] = 0
        x = F.max_pool2d(x, 2)
    x = x.flatten(1)
    for name in ("fc1", "fc2"):
        x = F.relu(F.linear(x, *weights[name]))
    return F.linear(x, *weights["fc3"])


def _share(right: Tensor) -> float:
    return round(right.float().mean().item(), 4)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
