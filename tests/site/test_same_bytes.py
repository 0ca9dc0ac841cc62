"""同样的输入，同样的字节：另一个文件夹里从头执行、从头排版，与沿用 make html 已经执行出来的结果的构建逐字节比较。

一次证明两件事：构建可以重现；改了一篇的文字、沿用上一次的输出，发布的内容与从头执行的没有差别。
"""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, checkout

#: 提交、时刻与用时都固定下来（见 site_builder/provenance.py）。
FIXED = {"SOURCE_DATE_EPOCH": "1700000000", "SITE_URL": "", "REPO_URL": ""}


def build(folder, *options):
    """改一句最慢的那一篇的文字（行数也变），构建，返回 {文件: 字节}。"""
    script = folder / "examples/training_a_classifier.py"
    before = script.read_text("utf-8")
    after = before.replace("\n# %%\n# ", "\n# %%\n# 这一句是测试加上的。\n#\n# ", 2)
    assert after.count("这一句是测试加上的。") == 2
    script.write_text(after, "utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "site_builder.build", *options], cwd=folder, env={**os.environ, **FIXED},
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    site = folder / "build/html"
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_same_input_same_bytes(site, tmp_path):
    one = build(checkout(tmp_path / "从头" / "甲 处"), "--clean")
    reusing = checkout(tmp_path / "沿用" / "乙")
    shutil.copytree(ROOT / "build/outputs", reusing / "build/outputs")
    record = reusing / "build/outputs/training_a_classifier/record.json"
    stamp = record.stat().st_mtime_ns
    two = build(reusing)
    assert record.stat().st_mtime_ns == stamp, "只改了文字，却重新执行了"
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []
