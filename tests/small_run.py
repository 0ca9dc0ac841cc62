"""训练图像分类器一篇结束时的变量，换成随机的网络和图片：几秒就有，名字和形状都与真的一样。"""

import functools
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

CHINESE = ("飞机", "汽车", "鸟", "猫", "鹿", "狗", "青蛙", "马", "船", "卡车")


class Net(nn.Module):
    """第 4 篇的网络。"""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


@functools.cache
def variables(count: int = 1000) -> dict[str, Any]:
    """权重放大，各类的得分才拉得开；图片由粗到细都有，有的几乎全黑、全白。"""
    torch.manual_seed(3)
    parts = [F.interpolate(torch.randn(count, 3, size, size), size=32) for size in (2, 8, 32)]
    images = ((sum(parts) * 0.3 + 0.5 + torch.randn(count, 1, 1, 1) * 0.4).clamp(0, 1) * 255).round().to(torch.uint8)
    nets = []
    for _ in range(2):
        net = Net()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter *= 2.5
            net.fc3.bias -= net(images / 127.5 - 1).mean(0)
        nets.append(net)
    with torch.no_grad():
        logits, better = (net(images / 127.5 - 1) for net in nets)
    labels = torch.where(torch.rand(count) < 0.6, logits.argmax(1), torch.randint(10, (count,)))
    labels[:10] = torch.arange(10)
    return {
        "net": nets[0], "better_net": nets[1], "chinese": CHINESE, "test_images": images, "test_labels": labels,
        "test_logits": logits, "test_predicted": logits.argmax(1), "better_logits": better,
        "better_predicted": better.argmax(1),
        "confusion": torch.bincount(10 * labels + logits.argmax(1), minlength=100).view(10, 10),
    }  # fmt: skip
