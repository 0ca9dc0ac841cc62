"""学习率：示例里的 `train` 对每一种学习率、动量和清零与否各跑一遍，一步不落地记下来。"""

import itertools
import math
from typing import Any

RATES = (0.01, 0.03, 0.1, 0.3, 0.9, 1.1)
MOMENTA = (0.0, 0.5, 0.9)


def collect(variables: dict[str, Any]) -> dict[str, Any]:
    """散点、选项和 36 次训练：``runs["学习率 动量 清零"]`` 是每一步的 [斜率, 截距, 损失]，四位有效数字。

    损失大得 float32 装不下（inf、nan）的那一步起就不再记。
    """
    train = variables["train"]
    runs = {}
    for rate, momentum, clear in itertools.product(RATES, MOMENTA, (True, False)):
        history = train(rate, momentum=momentum, clear=clear, steps=100)
        finite = itertools.takewhile(lambda step: all(map(math.isfinite, step)), history)
        runs[f"{rate:g} {momentum:g} {str(clear).lower()}"] = [
            [float(f"{value:.4g}") for value in step] for step in finite
        ]
    points = zip(variables["inputs"].tolist(), variables["targets"].tolist(), strict=True)
    return {
        "points": [[round(x, 3), round(y, 3)] for x, y in points],
        "rates": RATES,
        "momenta": MOMENTA,
        "steps": 100,
        "runs": runs,
    }
