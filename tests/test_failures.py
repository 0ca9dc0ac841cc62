"""弄坏一个小网站，看构建是否失败、说清楚、不动已发布的网站。"""

import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import example

FIGURE = "import matplotlib.pyplot as plt\n\nfig, ax = plt.subplots()\nax.plot([1, 2])\n"
PITFALL = '# %%\n# 第二格\n# ------\n#\n# 常见错误：除以零\n# ^^^^^^^^^^^^^^^^\n#\n# 报错如下。\n\ntry:\n    1 / {divisor}\nexcept ZeroDivisionError as error:\n    print(f"{{type(error).__name__}}: {{error}}")\n'

# 名字 -> (第 14 行起的代码, 构建信息里必须出现的文字)
BROKEN_EXAMPLES = {
    "raises": ("x = 1\nraise ValueError('坏了')", ["raises.py", "line 15", "ValueError: 坏了"]),
    "claims": ("total = 1 + 1\nassert total == 3, '说错了'", ["claims.py", "line 15", "AssertionError: 说错了"]),
    "warns": ("import warnings\nwarnings.warn('小心')", ["warns.py", "line 15", "UserWarning: 小心"]),
    "exits": ("import sys\nsys.exit(0)", ["exits.py", "line 15", "示例不能中途退出"]),
    "glyph": (FIGURE + "ax.set_title('少字形 \\u13000')\nplt.show()", ["glyph.py", "Glyph", "missing"]),
    "formula": (FIGURE + "ax.set_title('公式 $\\\\alpha 中文\\u1300$')\nplt.show()", ["formula.py"]),
    "untitled": (FIGURE + "plt.show()", ["untitled.py", "没有中文标题"]),
    "silent": ("pass\n\n" + PITFALL.format(divisor=1), ["silent", "没有输出：该报的错没有报"]),
}
BROKEN_PAGES = {
    "links": "# 坏链接\n\n这一页有一个指向不存在的页面的链接：[没有](nowhere.md)，别的都正常。\n",
    "anchors": "# 坏锚点\n\n这一页有一个指向不存在的标题的链接：[没有](#没有这个标题)，别的都正常。\n",
    "pictures": "# 坏图片\n\n这一页引用了一张不存在的图片，别的都正常。\n\n![没有](nowhere.png)\n",
    "maths": "# 坏公式\n\n这一页有一个写错的公式，别的都正常：$\\frac{1}{$。\n",
}
PAGE_MESSAGES = {
    "links": ["links.md:3", "nowhere.md"],
    "anchors": ["anchors.md:3", "没有这个标题"],
    "pictures": ["pictures.md:5", "nowhere.png"],
    "maths": ["maths.md", "公式写错了"],
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """一个网站，每篇示例、每个页面坏一处；构建一次，许多断言共用。"""
    from conftest import TinySite

    examples = {name: example(code) for name, (code, _) in BROKEN_EXAMPLES.items()}
    tiny = TinySite(tmp_path_factory.mktemp("broken") / "有 空格", examples, BROKEN_PAGES)
    tiny.write("build/html/index.html", "上一次的网站")
    return tiny, tiny.build()


def test_broken_site_is_not_published(broken):
    tiny, result = broken
    assert result.returncode == 1
    assert tiny.published() == {"index.html": "上一次的网站".encode()}
    assert "build/html 没有动" in result.stdout


@pytest.mark.parametrize("name", BROKEN_EXAMPLES)
def test_broken_example_is_named(broken, name):
    _, result = broken
    for text in BROKEN_EXAMPLES[name][1]:
        assert text in result.stdout, result.stdout[-6000:]


@pytest.mark.parametrize("name", BROKEN_PAGES)
def test_broken_page_is_named(broken, name):
    _, result = broken
    for text in PAGE_MESSAGES[name]:
        assert text in result.stdout, result.stdout[-6000:]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """一个好的小网站，已经构建、发布过一次；路径里有空格和汉字，环境是 C locale。"""
    from conftest import TinySite

    examples = {"first": example(title="第一篇"), "second": example(title="第二篇")}
    tiny = TinySite(tmp_path_factory.mktemp("good") / "路径 里有空格", examples)
    result = tiny.build(LC_ALL="C", LANG="C")
    assert result.returncode == 0, result.stdout
    return tiny


def test_good_site_builds_in_an_odd_place(good):
    files = good.published()
    assert {"index.html", "tutorials/first.html", "tutorials/second.html"} <= files.keys()
    assert "输出" in good.folder.joinpath("build/html/_static/site.css").read_text("utf-8")


def test_unchanged_build_runs_nothing_again(good):
    before = good.published()
    cost = good.folder / "docs/tutorials/first.cost.json"
    stamp = cost.stat().st_mtime_ns
    assert good.build().returncode == 0
    assert cost.stat().st_mtime_ns == stamp
    assert good.published() == before


def test_example_not_in_the_order(good):
    before = good.published()
    good.write("examples/third.py", example())
    result = good.build()
    (good.folder / "examples/third.py").unlink()
    assert result.returncode == 1
    assert "examples/third.py 不在次序里" in result.stdout
    assert good.published() == before


def test_missing_example(good):
    before = good.published()
    script = good.folder / "examples/second.py"
    text = script.read_text("utf-8")
    script.unlink()
    result = good.build()
    script.write_text(text, "utf-8")
    assert result.returncode == 1
    assert "没有 examples/second.py" in result.stdout
    assert good.published() == before


def test_two_builds_at_once(good):
    """第二个立刻说明，不动任何东西。"""
    code = "import time; from filelock import FileLock; l = FileLock('build/.lock'); l.acquire(); print('ok', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=good.folder, stdout=subprocess.PIPE)
    holder.stdout.readline()
    result = good.build()
    holder.kill()
    holder.wait()
    assert result.returncode == 1
    assert "已有一次构建在进行" in result.stdout


def test_interrupted_publication_is_repaired(good):
    """在两步改名之间被打断：下一次开始时先把旧网站放回去。"""
    before = good.published()
    html = good.folder / "build/html"
    html.rename(html.with_name(".html-old"))
    good.write("build/.html-new/index.html", "半成品")
    assert good.build().returncode == 0
    assert good.published() == before
    assert not html.with_name(".html-old").exists() and not html.with_name(".html-new").exists()


def test_killed_build_loses_nothing(good):
    """构建到一半被杀掉：已发布的网站还在，再来一次就好。"""
    before = good.published()
    good.edit("examples/first.py", "print(1 + 1)", "import time\n\ntime.sleep(30)")
    build = subprocess.Popen(
        [sys.executable, "tools/build_site.py"], cwd=good.folder, stdout=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(8)
    import os

    os.killpg(build.pid, signal.SIGKILL)
    build.wait()
    assert good.published() == before
    good.edit("examples/first.py", "import time\n\ntime.sleep(30)", "print(2 + 3)")
    assert good.build().returncode == 0
    assert (
        ">5\n" in good.published()["tutorials/first.html"].decode()
        or "5</" in good.published()["tutorials/first.html"].decode()
    )


def test_changed_extension_empties_the_cache(good):
    """扩展变了，示例要重新执行：Sphinx-Gallery 自己只看示例文件的 md5。"""
    cost = good.folder / "docs/tutorials/second.cost.json"
    stamp = cost.stat().st_mtime_ns
    with open(good.folder / "docs/_ext/tutorial_page.py", "a", encoding="utf-8") as file:
        file.write("\n# 改了一处\n")
    assert good.build().returncode == 0
    assert cost.stat().st_mtime_ns != stamp


def test_removed_tutorial_disappears(good):
    good.edit("conf.py", ", 'second'", "")
    (good.folder / "examples/second.py").unlink()
    assert good.build().returncode == 0
    assert not any("second" in name for name in good.published())


def test_old_python_is_refused(tmp_path):
    """版本检查在旧 Python 上也能跑到：脚本用旧语法写成。"""
    import ast

    from conftest import ROOT

    source = (ROOT / "tools/make_venv.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 4))
    script = "import sys, runpy; sys.version_info = (3, 8, 1); sys.argv = ['make_venv.py']; runpy.run_path(%r, run_name='__main__')"
    result = subprocess.run(
        [sys.executable, "-c", script % str(ROOT / "tools/make_venv.py")], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "需要 Python 3.11" in result.stderr
    assert not list(tmp_path.iterdir())


def test_message_points_at_the_line(broken):
    """报错的那一行写在信息里，而不只是文件名。"""
    _, result = broken
    assert re.search(r'raises\.py", line 15', result.stdout)
