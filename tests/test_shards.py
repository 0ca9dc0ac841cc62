"""示例分给两台机器执行，合到一处构建：用的是各自的输出，没有再执行；环境不同就重新执行。"""

import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, TinySite, example

EXAMPLES = {name: example('import time\n\nprint("时刻", time.time_ns())') for name in ("one", "two", "three")}
GALLERY = "docs/tutorials"

pytestmark = pytest.mark.slow


def moments(folder):
    """各篇打印的时刻。"""
    pages = {name: (folder / GALLERY / f"{name}.rst") for name in EXAMPLES}
    texts = {name: path.read_text("utf-8") for name, path in pages.items() if path.is_file()}
    return {name: re.search(r"时刻 (\d+)", text)[1] for name, text in texts.items()}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """两个文件夹，各执行了一份。"""
    sites = []
    for number in (1, 2):
        site = TinySite(tmp_path_factory.mktemp(f"第{number}份"), EXAMPLES)
        result = site.build("--shard", f"{number}/2")
        assert result.returncode == 0, result.stdout
        assert not (site.folder / "build/html").exists()
        sites.append(site)
    return sites


def join(shards, folder):
    """照 .github/workflows/site.yml：把各份的 docs/tutorials 和 build/gallery-key 放到一处。"""
    site = TinySite(folder, EXAMPLES)
    for shard in shards:
        shutil.copytree(shard.folder / GALLERY, folder / GALLERY, dirs_exist_ok=True)
        (folder / "build").mkdir(exist_ok=True)
        shutil.copy(shard.folder / "build/gallery-key", folder / "build/gallery-key")
    return site


def test_each_shard_executes_its_part(shards):
    first, second = (moments(shard.folder) for shard in shards)
    assert first.keys() == {"one", "three"} and second.keys() == {"two"}


def test_joined_site_has_the_outputs_of_the_shards(shards, tmp_path):
    site = join(shards, tmp_path)
    result = site.build()
    assert result.returncode == 0, result.stdout
    assert moments(tmp_path) == moments(shards[0].folder) | moments(shards[1].folder)
    for name, moment in moments(tmp_path).items():
        assert moment in (tmp_path / f"build/html/tutorials/{name}.html").read_text("utf-8")


def test_a_shard_from_another_environment_is_executed_again(shards, tmp_path):
    """第二份在另一种环境里执行，摘要因此不同；合到一处以后，只重新执行它。"""
    other = TinySite(tmp_path / "别处", EXAMPLES)
    other.edit("site_builder/gallery/run.py", "TIME_LIMIT = 1800", "TIME_LIMIT = 1801")
    assert other.build("--shard", "2/2").returncode == 0
    site = join([other, shards[0]], tmp_path / "合")
    assert site.build().returncode == 0
    before, after = moments(shards[0].folder) | moments(other.folder), moments(site.folder)
    assert {name for name in EXAMPLES if before[name] != after[name]} == {"two"}


def test_failing_example_fails_its_shard(tmp_path):
    site = TinySite(tmp_path, {"good": example(), "bad": example("1 / 0")})
    assert site.build("--shard", "1/2").returncode == 0
    result = site.build("--shard", "2/2")
    assert result.returncode == 1 and "ZeroDivisionError" in result.stdout


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "甲/乙"])
def test_bad_shard_is_refused(text):
    command = [sys.executable, "-m", "site_builder.build", "--shard", text]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 2 and "写成 1/2" in result.stderr
