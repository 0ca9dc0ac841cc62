"""同样的输入，同样的字节：另一个文件夹里从头构建一次（训练也在内），与沿用已有输出的构建逐字节比较。

一次证明两件事：构建可以重现；改了一篇的文字、沿用上一次的输出，发布的内容与从头执行的没有差别。
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, checkout

sys.path.insert(0, str(ROOT / "tools"))
import build_site

#: 提交、时刻与用时都固定下来（见 docs/_ext/build_info.py）。
FIXED = {"SOURCE_DATE_EPOCH": "1700000000", "SITE_URL": "", "REPO_URL": ""}


def edit_prose(folder):
    """改一句最慢的那一篇的文字，行数也变。"""
    script = folder / "examples/training_a_classifier.py"
    before = script.read_text("utf-8")
    after = before.replace("\n# %%\n# ", "\n# %%\n# 这一句是测试加上的。\n#\n# ", 2)
    assert after.count("这一句是测试加上的。") == 2
    script.write_text(after, "utf-8")


def run(folder, *command, **environment):
    environment = {**os.environ, **build_site.ENVIRONMENT, **FIXED, **environment}
    result = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]


@pytest.fixture(scope="module")
def from_scratch(site, tmp_path_factory):
    folder = checkout(tmp_path_factory.mktemp("从头") / "甲 处")
    edit_prose(folder)
    run(folder, "site_builder/build.py", "--clean")
    return folder / "build/html"


@pytest.fixture(scope="module")
def reusing(site, tmp_path_factory):
    """沿用 make html 已经执行出来的输出，只重新排版；改了文字的那一篇也不例外。"""
    folder = checkout(tmp_path_factory.mktemp("沿用") / "乙")
    shutil.copytree(ROOT / "docs/tutorials", folder / "docs/tutorials")
    edit_prose(folder)
    stamps = {path.name: path.stat().st_mtime_ns for path in (folder / "docs/tutorials").glob("*.cost.json")}
    key = (ROOT / "build/gallery-key").read_text("utf-8")
    command = ["-m", "sphinx", "-n", "-W", "-q", "-c", ".", "-d", "build/doctrees", "docs", "build/work"]
    run(folder, *command, GALLERY_KEY=key)
    assert stamps == {path.name: path.stat().st_mtime_ns for path in (folder / "docs/tutorials").glob("*.cost.json")}
    build_site.publish(folder / "build/work", folder / "build/html")
    return folder / "build/html"


@pytest.mark.slow
def test_same_input_same_bytes(from_scratch, reusing):
    def files(folder):
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}

    one, two = files(from_scratch), files(reusing)
    assert one.keys() == two.keys()
    different = [name for name in one if one[name] != two[name]]
    assert not different
