"""同样的输入，同样的字节：另一个文件夹里从头执行、从头排版，与沿用 make html 已经执行出来的结果的构建逐字节比较。

一次证明两件事：构建可以重现；改了文字、沿用上一次的输出，发布的内容与从头执行的没有差别。训练和数据并行两篇两边都沿用：
test_training.py 和 test_downloads.py 已经从头跑了它们，输出和训练好的网络都与网页上的逐位相同。
"""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, checkout

TRAINING = "training_a_classifier"
LONG = [TRAINING, "optional_data_parallelism"]
#: 提交、时刻与用时都固定下来（见 site_builder/provenance.py）。
FIXED = {"SOURCE_DATE_EPOCH": "1700000000", "SITE_URL": "", "REPO_URL": ""}


def build(folder, kept):
    """沿用 `kept` 这几篇的输出，改两篇的文字（行数也变），构建，返回 {文件: 字节}；沿用的一篇也不重新执行。"""
    outputs = folder / "build/outputs"
    for name in kept:
        shutil.copytree(ROOT / "build/outputs" / name, outputs / name)
    stamps = {name: (outputs / name / "record.json").stat().st_mtime_ns for name in kept}
    for name in (TRAINING, "neural_networks"):
        script = folder / f"examples/{name}.py"
        before = script.read_text("utf-8")
        after = before.replace("\n# %%\n# ", "\n# %%\n# 这一句是测试加上的。\n#\n# ", 2)
        assert after.count("这一句是测试加上的。") == 2
        script.write_text(after, "utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "site_builder.build"], cwd=folder, env={**os.environ, **FIXED},
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert stamps == {name: (outputs / name / "record.json").stat().st_mtime_ns for name in kept}
    site = folder / "build/html"
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_same_input_same_bytes(site, tutorials, tmp_path):
    one = build(checkout(tmp_path / "从头" / "甲 处"), LONG)
    two = build(checkout(tmp_path / "沿用" / "乙"), tutorials)
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []
