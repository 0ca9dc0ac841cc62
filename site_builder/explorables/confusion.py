"""混淆矩阵每一格里的几张测试图片：拼成一张有损的小图，连同概率写出。"""

import base64
import io
from typing import Any

from PIL import Image

#: 拼成的图最多这么多字节（base64 之后恰好 60 kB）。
LIMIT = 45_000
COLUMNS = 20
QUALITY = 28


def collect(variables: dict[str, Any]) -> dict[str, Any]:
    """由训练图像分类器一篇结束时的变量得到数据；少了变量时抛出 KeyError。

    ``matrix`` 是 10×10 的张数；``cells`` 的键是 "真实,预测"，值是图片的编号和位置、十个概率（千分之几）。
    一格取测试集里最靠前的几张：各格一样多，取到放得下为止。
    """
    images, labels, predicted = variables["test_images"], variables["test_labels"], variables["test_predicted"]
    probabilities = variables["test_logits"].softmax(dim=1)
    members = {
        (i, j): ((labels == i) & (predicted == j)).nonzero().flatten().tolist() for i in range(10) for j in range(10)
    }
    for most in range(6, 0, -1):
        chosen = [index for cell in members.values() for index in cell[:most]]
        sprite = _sprite([images[index].permute(1, 2, 0).numpy() for index in chosen])
        if len(sprite) <= LIMIT:
            break
    else:
        raise ValueError(
            f"混淆矩阵的图片一格一张也超过 {LIMIT} 字节：把 site_builder/explorables/confusion.py 的 QUALITY 调低"
        )
    places = {index: place for place, index in enumerate(chosen)}
    return {
        "names": list(variables["chinese"]),
        "matrix": variables["confusion"].tolist(),
        "columns": COLUMNS,
        "sprite": "data:image/webp;base64," + base64.b64encode(sprite).decode(),
        "cells": {
            f"{i},{j}": [
                {"index": index, "place": places[index], "p": (probabilities[index] * 1000).round().int().tolist()}
                for index in cell[:most]
            ]
            for (i, j), cell in members.items()
        },
    }


def _sprite(pictures: list[Any]) -> bytes:
    """32×32 的图片从左到右、从上到下拼成一张 WebP。"""
    sheet = Image.new("RGB", (32 * COLUMNS, 32 * -(-len(pictures) // COLUMNS)))
    for place, picture in enumerate(pictures):
        sheet.paste(Image.fromarray(picture), (32 * (place % COLUMNS), 32 * (place // COLUMNS)))
    file = io.BytesIO()
    sheet.save(file, "WEBP", quality=QUALITY, method=6)
    return file.getvalue()
