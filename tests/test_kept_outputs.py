"""只改文字，不重新执行；别的都重新执行。示例每执行一次，打印的数都不同，由此看得出。"""

import os
import re
import subprocess
import sys

import pytest
from conftest import TinySite, example

pytestmark = pytest.mark.slow

BODY = """import time

import matplotlib.pyplot as plt

plt.rcParams["font.family"] = "Noto Sans SC"
print("时刻", time.time_ns())
plt.plot([1, 2])
plt.title("一条线")
plt.show()"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    site = TinySite(tmp_path_factory.mktemp("沿用"), {"one": example(BODY), "two": example()})
    result = site.build()
    assert result.returncode == 0, result.stdout
    return site


def moment(site):
    """页面上打印的时刻。"""
    return re.search(r"时刻 (\d+)", (site.folder / "build/html/tutorials/one.html").read_text("utf-8"))[1]


def rebuilt(site, *options):
    """重新构建；返回前后两个时刻是否一样。"""
    before = moment(site)
    result = site.build(*options)
    assert result.returncode == 0, result.stdout
    return before == moment(site)


def test_changed_prose_keeps_the_outputs(built):
    """文字换了，行号变了，还多出一格文字：新文字、原来的输出和图，用时与执行的时刻也是原来的。"""
    kept = [built.folder / "docs/tutorials" / name for name in ("one.cost.json", "images/sphx_glr_one_001.webp")]
    stamps = [path.stat().st_mtime_ns for path in kept]
    built.edit("examples/one.py", "# 文字。", "# 换了一句话。\n\n# %%\n# 又添了一格。")
    assert rebuilt(built)
    assert [path.stat().st_mtime_ns for path in kept] == stamps
    page = (built.folder / "build/html/tutorials/one.html").read_text("utf-8")
    found = re.findall(r'换了一句话|又添了一格|src="[^"]*one_001|>时刻 |>完\n', page)
    assert found == ["换了一句话", "又添了一格", 'src="../_images/sphx_glr_one_001', ">时刻 ", ">完\n"]


def test_changed_cell_runs_again(built):
    built.edit("examples/one.py", "plt.plot([1, 2])", "plt.plot([1, 3])")
    assert not rebuilt(built)
    built.edit("examples/one.py", "import time\n", "import time  # 计时\n")
    assert not rebuilt(built)


def test_changed_setting_runs_again(built):
    built.edit(
        "examples/one.py", "# 换了一句话。", "# 再换一句。\n\n# sphinx_gallery_thumbnail_number = 1\n\n# %%\n# 下文。"
    )
    assert not rebuilt(built)


@pytest.mark.parametrize("damage", ["figure", "missing figure", "record"])
def test_damaged_record_is_not_used(built, damage):
    """图换过、图不见了、记录读不懂：重新执行。"""
    folder = built.folder / "docs/tutorials"
    figure, record = folder / "images/sphx_glr_one_001.webp", folder / "one.outputs.json"
    match damage:
        case "figure":
            figure.write_bytes(figure.read_bytes() + b"\0")
        case "missing figure":
            figure.unlink()
        case "record":
            record.write_text(record.read_text("utf-8")[:40], "utf-8")
    built.edit("examples/one.py", "末尾的文字。", "末尾的文字。文字。")
    assert not rebuilt(built)


def test_changed_extension_runs_again(built):
    built.edit("examples/one.py", "末尾的", "最后的")
    built.edit("site_builder/gallery/run.py", "TIME_LIMIT = 1800", "TIME_LIMIT = 1801")
    assert not rebuilt(built)


def test_clean_build_keeps_nothing(built):
    built.edit("examples/one.py", "最后的", "末尾的")
    assert not rebuilt(built, "--clean")


def test_plain_sphinx_keeps_nothing(built):
    """不经 site_builder/build.py，没有摘要可以比，一律重新执行。"""
    built.edit("examples/one.py", "末尾的", "最后的")
    before = (built.folder / "docs/tutorials/one.rst").read_text("utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-c", ".", "-d", "build/doctrees", "docs", "build/work"]
    environment = {name: value for name, value in os.environ.items() if name != "GALLERY_KEY"}
    subprocess.run(command, cwd=built.folder, env=environment, check=True, capture_output=True)
    after = (built.folder / "docs/tutorials/one.rst").read_text("utf-8")
    assert re.search(r"时刻 (\d+)", before)[1] != re.search(r"时刻 (\d+)", after)[1]
