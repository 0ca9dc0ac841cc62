"""只改了文字，不重新执行；别的都重新执行。几台机器各执行一份，合到一处也是这样。"""

import json
import re
import shutil

import pytest
from conftest import TinySite, example
from sphinx.errors import ExtensionError

from site_builder.gallery import reuse

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
    record = built.record("one").read_bytes()
    built.edit("examples/one.py", "# 文字。", "# 换了一句话。\n\n# %%\n# 又添了一格。")
    assert rebuilt(built)
    assert built.record("one").read_bytes() == record
    page = (built.folder / "build/html/tutorials/one.html").read_text("utf-8")
    found = re.findall(r'换了一句话|又添了一格|src="[^"]*one_001|>时刻 |>完\n', page)
    assert list(dict.fromkeys(found)) == [
        "换了一句话",
        "又添了一格",
        ">时刻 ",
        'src="../_images/sphx_glr_one_001',
        ">完\n",
    ]


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
    figure = next((built.folder / "build/outputs/one/images").glob("*one_001*"))
    match damage:
        case "figure":
            figure.write_bytes(figure.read_bytes() + b"\0")
        case "missing figure":
            figure.unlink()
        case "record":
            built.record("one").write_text(built.record("one").read_text("utf-8")[:40], "utf-8")
    built.edit("examples/one.py", "末尾的文字。", "末尾的文字。文字。")
    assert not rebuilt(built)


def test_clean_build_keeps_nothing(built):
    assert not rebuilt(built, "--clean")


TIMED = 'import time\n\nprint("时刻", time.time_ns())'
EXAMPLES = {"one": example(TIMED), "two": example(BODY), "three": example(TIMED)}


def moments(site):
    """各篇打印的时刻。"""
    records = {name: site.record(name) for name in EXAMPLES}
    return {name: json.loads(path.read_text("utf-8"))["outputs"][0] for name, path in records.items() if path.is_file()}


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
    """照 .github/workflows/site.yml：把各份的 build/outputs 放到一处。"""
    site = TinySite(folder, EXAMPLES)
    for shard in shards:
        shutil.copytree(shard.folder / "build/outputs", folder / "build/outputs", dirs_exist_ok=True)
    return site


def test_each_shard_executes_its_part(shards):
    first, second = map(moments, shards)
    assert first.keys() == {"one", "three"} and second.keys() == {"two"}


def test_joined_site_has_the_outputs_of_the_shards(shards, tmp_path):
    site = join(shards, tmp_path)
    result = site.build()
    assert result.returncode == 0, result.stdout
    assert moments(site) == moments(shards[0]) | moments(shards[1])


def test_a_shard_from_another_environment_or_damaged_is_executed_again(shards, tmp_path):
    """第二份的画廊不一样，第一份里有一个记录坏了：合到一处以后，只重新执行它们。"""
    other = TinySite(tmp_path / "别处", EXAMPLES)
    other.edit("site_builder/gallery/run.py", "GRACE = 20", "GRACE = 21")
    assert other.build("--shard", "2/2").returncode == 0
    site = join([other, shards[0]], tmp_path / "合")
    before = moments(shards[0]) | moments(other)
    site.record("three").write_text("{", "utf-8")
    assert site.build().returncode == 0
    after = moments(site)
    assert {name for name in EXAMPLES if before[name] != after[name]} == {"two", "three"}


def test_figure_changed_after_the_record_was_read(tmp_path, monkeypatch):
    """记录读进来以后图换过（实时预览同时执行完了）：停下来，不把两次的混在一起。"""
    monkeypatch.setattr(reuse, "FOLDER", tmp_path)
    (tmp_path / "one/images").mkdir(parents=True)
    (tmp_path / "one/images/a.svg").write_text("后来的图")
    record = reuse.Record("", [], {"a.svg": reuse.digest(b"before")}, {}, 0, "")
    with pytest.raises(ExtensionError, match="在构建时变了：再运行一次"):
        reuse.place_figures("one", record, tmp_path / "images")


@pytest.mark.parametrize("damage", ["截断的记录", "改了一个字的记录", "改了一个字节的图", "别的 Python 的记录"])
def test_a_damaged_shard_is_not_believed(shards, tmp_path, damage):
    """第二份（有图的那一篇）坏了一处：只重新执行它，网页上是这一次的输出。"""
    site = join(shards, tmp_path / "合")
    before = moments(shards[0]) | moments(shards[1])
    record = site.record("two")
    match damage:
        case "截断的记录":
            record.write_bytes(record.read_bytes()[:-100])
        case "改了一个字的记录":
            record.write_text(record.read_text("utf-8").replace("时刻 1", "时刻 9"), "utf-8")
            before |= moments(site)
        case "改了一个字节的图":
            figure = next((record.parent / "images").glob("*_001_light*"))
            content = figure.read_bytes()
            figure.write_bytes(content[:99] + bytes([content[99] ^ 1]) + content[100:])
        case "别的 Python 的记录":
            (tmp_path / "sitecustomize.py").write_text(
                "import sys\nsys.version = sys.version.replace('3.', '3.9', 1)\n", "utf-8"
            )
            other = TinySite(tmp_path / "别处", EXAMPLES)
            result = other.build("--shard", "2/2", PYTHONPATH=str(tmp_path))
            assert result.returncode == 0, result.stdout
            before |= moments(other)
            shutil.copytree(other.folder / "build/outputs/two", record.parent, dirs_exist_ok=True)
    result = site.build()
    assert result.returncode == 0, result.stdout
    after = moments(site)
    assert {name for name in EXAMPLES if before[name] != after[name]} == {"two"}
    page = (site.folder / "build/html/tutorials/two.html").read_text("utf-8")
    assert re.search(r"时刻 (\d+)", page)[1] in after["two"]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "一/二"])
def test_shard_that_makes_no_sense(built, text):
    result = built.build("--shard", text)
    assert result.returncode == 2 and f"看不懂 '{text}'" in result.stdout


def test_broken_shard_fails(tmp_path):
    site = TinySite(tmp_path / "site", {"one": example("1 / 0")})
    result = site.build("--shard", "1/1")
    assert result.returncode == 1 and "ZeroDivisionError" in result.stdout
