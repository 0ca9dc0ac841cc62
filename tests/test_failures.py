"""弄坏一个小网站，看构建是否失败、说清楚、不动已发布的网站。"""

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import ROOT, TinySite, example

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
    "hangs": ("import time\ntime.sleep(1000)", ["hangs.py", "line 15", "跑了 5 秒还没有结束"]),
    "mute": ("rows = []\nprint(*rows, sep='', end='')", ["mute.rst", "什么也没有打印：rows = []"]),
    "silent": ("pass\n\n" + PITFALL.format(divisor=1), ["silent", "没有输出：该报的错没有报"]),
}
BROKEN_PAGES = {
    "links": "# 坏链接\n\n这一页有一个指向不存在的页面的链接：[没有](nowhere.md)，别的都正常。\n",
    "anchors": "# 坏锚点\n\n这一页有一个指向不存在的标题的链接：[没有](#没有这个标题)，别的都正常。\n",
    "pictures": "# 坏图片\n\n这一页引用了一张不存在的图片，别的都正常。\n\n![没有](nowhere.png)\n",
    "words": "# 坏术语\n\n这一页用了一个术语表里没有的词：{term}`没有这个词`，别的都正常。\n",
    "maths": "# 坏公式\n\n这一页有一个写错的公式，别的都正常：$\\frac{1}{$。\n",
}
PAGE_MESSAGES = {
    "links": ["links.md:3", "nowhere.md"],
    "anchors": ["anchors.md:3", "没有这个标题"],
    "pictures": ["pictures.md:5", "nowhere.png"],
    "words": ["words.md:3", "没有这个词"],
    "maths": ["maths.md", "公式写错了"],
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """一个网站，每篇示例、每个页面坏一处；构建一次，许多断言共用。"""
    examples = {name: example(code) for name, (code, _) in BROKEN_EXAMPLES.items()}
    tiny = TinySite(tmp_path_factory.mktemp("broken") / "有 空格", examples, BROKEN_PAGES)
    tiny.edit("site_builder/gallery/run.py", "TIME_LIMIT = 1800", "TIME_LIMIT = 5")
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
    examples = {"first": example(title="第一篇"), "second": example(title="第二篇")}
    tiny = TinySite(tmp_path_factory.mktemp("good") / "路径 里有空格", examples)
    result = tiny.build(LC_ALL="C", LANG="C")
    assert result.returncode == 0, result.stdout
    return tiny


def test_good_site_builds_in_an_odd_place(good):
    files = good.published()
    assert {"index.html", "tutorials/first.html", "tutorials/second.html"} <= files.keys()
    bundle = re.search(rb"_static/pages-\w+\.css", files["tutorials/first.html"])[0].decode()
    assert "输出" in files[bundle].decode("utf-8")


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
    """在两步改名之间被打断：下一次开始时先把旧网站放回去，哪怕这一次构建不成。"""
    before = good.published()
    html = good.folder / "build/html"
    html.rename(html.with_name(".html-old"))
    good.write("build/.html-new/index.html", "半成品")
    good.edit("examples/first.py", "print(1 + 1)", "print(1 / 0)")
    assert good.build().returncode == 1
    assert good.published() == before
    good.edit("examples/first.py", "print(1 / 0)", "print(1 + 1)")
    assert good.build().returncode == 0
    assert not html.with_name(".html-old").exists() and not html.with_name(".html-new").exists()


@pytest.mark.parametrize(
    ("when", "with_what"), [(0.5, "SIGKILL"), (2, "SIGINT"), (4, "SIGKILL"), (8, "SIGKILL"), (8, "SIGINT")]
)
def test_interrupted_build_loses_nothing(good, when, with_what):
    """构建到一半被打断：已发布的网站还在，再来一次就好。"""
    before = good.published()
    good.edit("examples/first.py", "print(1 + 1)", "import time\n\ntime.sleep(30)")
    build = subprocess.Popen(
        [sys.executable, "-m", "site_builder.build"],
        cwd=good.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
        encoding="utf-8",
    )
    time.sleep(when)
    os.killpg(build.pid, signal.Signals[with_what])
    said, _ = build.communicate()
    assert build.returncode != 0
    assert with_what == "SIGKILL" or "已中断。build/html 没有动" in said
    assert good.published() == before
    answer = str(int(when * 1000))
    good.edit("examples/first.py", "import time\n\ntime.sleep(30)", f"print({answer})")
    result = good.build()
    good.edit("examples/first.py", f"print({answer})", "print(1 + 1)")
    assert result.returncode == 0, result.stdout
    assert f">{answer}\n" in good.published()["tutorials/first.html"].decode()


def test_example_interrupted_before_its_page_runs_again(good):
    """Sphinx-Gallery 先记下 md5，后写网页；在两者之间被杀掉，下一次仍要执行。"""
    good.edit("examples/first.py", "print(1 + 1)", "print(40 + 2)")
    script = (good.folder / "examples/first.py").read_bytes()
    good.folder.joinpath("docs/tutorials/first.py").write_bytes(script)
    good.write("docs/tutorials/first.py.md5", hashlib.md5(script).hexdigest())
    good.folder.joinpath("build/doctrees/finished").unlink()
    result = good.build()
    good.edit("examples/first.py", "print(40 + 2)", "print(1 + 1)")
    assert result.returncode == 0, result.stdout
    assert ">42\n" in good.published()["tutorials/first.html"].decode()


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", 15),  # 内存不够时，系统就是这样做的
        ("import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})\ntime.sleep(1000)", 16),
    ],
    ids=["killed", "deaf"],
)
def test_killed_example_is_named(tiny, body, line):
    """执行示例的进程没了，或者卡在收不到信号的地方：说出是哪一篇、哪一格。"""
    site = tiny({"calm": example(title="好的"), "ends": example(body, title="没有结束")})
    site.edit("site_builder/gallery/run.py", "TIME_LIMIT = 1800", "TIME_LIMIT = 3")
    site.edit("site_builder/gallery/run.py", "GRACE = 30", "GRACE = 2")
    site.write("build/html/index.html", "上一次的网站")
    result = site.build()
    assert result.returncode == 1
    assert f"examples/ends.py 第 {line} 行起的一格" in result.stdout, result.stdout[-3000:]
    assert "build/html 没有动" in result.stdout
    assert site.published() == {"index.html": "上一次的网站".encode()}


def test_example_broken_and_restored_runs_again(good):
    """改坏、构建失败、改回来：网页上不许留着出错的那一次的输出。"""
    before = good.published()["tutorials/first.html"].count(b"ZeroDivisionError")
    good.edit("examples/first.py", "print(1 + 1)", "print(1 / 0)")
    assert good.build().returncode == 1
    good.edit("examples/first.py", "print(1 / 0)", "print(1 + 1)")
    result = good.build()
    assert result.returncode == 0, result.stdout
    assert good.published()["tutorials/first.html"].count(b"ZeroDivisionError") == before == 0


def test_two_pages_want_one_address(good):
    before = good.published()
    good.write("docs/Index.md", "# 又一个首页\n\n只差大小写的名字，在 Windows 与 macOS 上是同一个文件。\n")
    result = good.build()
    (good.folder / "docs/Index.md").unlink()
    assert result.returncode == 1
    assert "几个页面要同一个网址：index.html" in result.stdout
    assert good.published() == before


def mount(folder, *options):
    """在 `folder` 挂载；不许挂载的机器上跳过这个测试。"""
    if os.geteuid() or subprocess.run(["mount", *options, folder], capture_output=True).returncode:
        pytest.skip("这台机器不许挂载文件系统")


@pytest.fixture
def unmounted():
    """收集挂载点，测试完卸下。"""
    folders = []
    yield folders
    for folder in reversed(folders):
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("share", [0.01, 0.85])  # 剩下的地方与网站之比：排版时写满，发布时写满
def test_full_disk(tiny, unmounted, share):
    """磁盘写满：已发布的网站完整，说出原因；腾出空间，再来一次就好。"""
    site = tiny(
        {"first": example(title="第一篇")}, {"more": "# 另一页\n\n这一页的文字足够长，可以当作描述，别的没有。\n"}
    )
    disk = site.folder / "build"
    disk.mkdir()
    mount(disk, "-t", "tmpfs", "-o", "size=64m", "tmpfs")
    unmounted.append(disk)
    result = site.build()
    assert result.returncode == 0, result.stdout
    before = site.published()
    left = int(share * sum(map(len, before.values())))
    with open(disk / "filler", "wb") as filler:
        filler.write(bytes(shutil.disk_usage(disk).free - left))
    site.edit("docs/more.md", "别的没有", "别的也没有")
    result = site.build()
    assert result.returncode == 1
    assert "多半是写满了：腾出空间再来" in result.stdout, result.stdout[-3000:]
    assert site.published() == before
    assert not (disk / ".html-new").exists()
    (disk / "filler").unlink()
    assert site.build().returncode == 0
    assert "别的也没有" in site.published()["more.html"].decode()


def test_output_that_cannot_be_written(good, unmounted):
    before = good.published()
    build = good.folder / "build"
    if os.geteuid():
        build.chmod(0o555)
    else:
        mount(build, "--bind", build)
        unmounted.append(build)
        subprocess.run(["mount", "-o", "remount,ro,bind", build], check=True)
    result = good.build()
    if os.geteuid():
        build.chmod(0o755)
    assert result.returncode == 1
    assert re.search(r"错误：写不了 .*build.*build/html 没有动", result.stdout), result.stdout
    assert "Traceback" not in result.stdout
    assert good.published() == before


def test_clock_that_went_back(good):
    """上次构建时时钟快了一天，拨回来以后的改动看起来比它旧：照样要进网站。"""
    page = good.folder / "docs/index.md"
    good.edit("docs/index.md", "够用就好", "时钟拨回以后改的")
    yesterday = time.time() - 86400
    os.utime(page, (yesterday, yesterday))
    pickle = good.folder / "build/doctrees/environment.pickle"
    os.utime(pickle, (time.time() + 86400,) * 2)
    assert good.build().returncode == 0
    assert "时钟拨回以后改的" in good.published()["index.html"].decode()


def test_changed_style_reaches_every_page(good):
    """样式变了，网页要重写，示例不必再执行。"""
    stamp = (good.folder / "docs/tutorials/first.cost.json").stat().st_mtime_ns
    with open(good.folder / "docs/_static/site.css", "a", encoding="utf-8") as file:
        file.write("\n.changed-style { color: red }\n")
    assert good.build().returncode == 0
    for name in ("index.html", "tutorials/first.html"):
        page = good.published()[name].decode()
        bundle = re.search(r"_static/pages-\w+\.css", page)[0]
        assert "changed-style" in good.published()[bundle].decode(), name
    assert (good.folder / "docs/tutorials/first.cost.json").stat().st_mtime_ns == stamp


@pytest.mark.parametrize("what", ["docs/_ext/tutorial_page.py", "conf.py", "docs/_templates/page.html", "依赖"])
def test_changed_cause_empties_the_cache(good, tmp_path, what):
    """扩展、配置、模板、依赖变了，示例要重新执行：Sphinx-Gallery 自己只看示例文件的 md5。"""
    cost = good.folder / "docs/tutorials/second.cost.json"
    assert good.build().returncode == 0
    stamp = cost.stat().st_mtime_ns
    environment = {}
    if what == "依赖":
        (tmp_path / "extra-1.0.dist-info").mkdir()
        (tmp_path / "extra-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
        environment["PYTHONPATH"] = str(tmp_path)
    else:
        comment = "{# 改了一处 #}" if what.endswith(".html") else "# 改了一处"
        with open(good.folder / what, "a", encoding="utf-8") as file:
            file.write(f"\n{comment}\n")
    assert good.build(**environment).returncode == 0
    assert cost.stat().st_mtime_ns != stamp


def test_removed_tutorial_disappears(good):
    good.edit("conf.py", ", 'second'", "")
    (good.folder / "examples/second.py").unlink()
    assert good.build().returncode == 0
    assert not any("second" in name for name in good.published())


def test_removed_page_disappears(tiny):
    """`docs/` 里删去的页面、示例里删去的图，都不留在网站里；示例不必因此再执行。"""
    figure = (
        FIGURE.replace("\n\n", "\n\nplt.rcParams['font.family'] = 'Noto Sans SC'\n")
        + "ax.set_title('图')\nplt.show()\n"
    )
    site = tiny(
        {"first": example(figure, title="第一篇")},
        {"more": "# 另一页\n\n这一页的文字足够长，可以当作描述，别的没有。\n"},
    )
    assert site.build().returncode == 0
    assert "more.html" in site.published()
    assert any(name.startswith("_images/sphx_glr_first_001") for name in site.published())
    stamp = (site.folder / "docs/tutorials/first.cost.json").stat().st_mtime_ns
    site.edit("docs/index.md", "tutorials/index\nmore", "tutorials/index")
    (site.folder / "docs/more.md").unlink()
    assert site.build().returncode == 0
    assert not any("more" in name for name in site.published())
    assert (site.folder / "docs/tutorials/first.cost.json").stat().st_mtime_ns == stamp
    site.edit("examples/first.py", figure, "print(1 + 1)")
    assert site.build().returncode == 0
    assert not any(name.startswith("_images/sphx_glr_first_001") for name in site.published())


def test_old_python_is_refused(tmp_path):
    """版本检查在旧 Python 上也能跑到：脚本用旧语法写成。"""
    import ast

    source = (ROOT / "site_builder/venv.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 4))
    script = "import sys, runpy; sys.version_info = (3, 8, 1); sys.argv = ['make_venv.py']; runpy.run_path(%r, run_name='__main__')"
    result = subprocess.run(
        [sys.executable, "-c", script % str(ROOT / "site_builder/venv.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "需要 Python 3.11" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("network", ["closed", "stalled"])
def test_requirement_that_cannot_be_installed(tmp_path, network):
    """装不上依赖（没有网络，或连上以后没有动静）：说清楚，不留下当作装好了的 .venv。"""
    for name in ("site_builder/venv.py", "tools/node/package-lock.json", "constraints.txt", "requirements-dev.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "requirements.txt").write_text("package-that-does-not-exist==1.0\n")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if network == "stalled":
            listener.listen()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/simple"
        settings = {"PIP_INDEX_URL": address, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        result = subprocess.run(
            [sys.executable, "site_builder/venv.py"],
            cwd=tmp_path,
            env={**environment, **settings, "PIP_DEFAULT_TIMEOUT": "2"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
        )
    assert result.returncode == 1
    assert "错误：有依赖没装上" in result.stderr and "PIP_INDEX_URL" in result.stderr
    assert not (tmp_path / ".venv/ready").exists()


def test_lint():
    """代码、文字、工作流都通过 make lint；弄坏的工作流通不过。"""
    result = subprocess.run(["make", "lint"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("runs-on: ubuntu-24.04", "runs-on: ubuntu-1804"),  # actionlint：没有这种机器
        ("  pull_request:", "  pull_request_target:"),  # zizmor：拉取请求碰得到密钥
    ],
    ids=["actionlint", "zizmor"],
)
def test_bad_workflow_is_refused(tmp_path, old, new):
    text = (ROOT / ".github/workflows/site.yml").read_text("utf-8")
    assert old in text
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/site.yml").write_text(text.replace(old, new, 1), "utf-8")
    shutil.copy(ROOT / "Makefile", tmp_path)
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.M)[1]
    commands = [line.strip().lstrip("@") for line in lint.splitlines()][1:]
    commands = [c.replace("$(RUN)", ".venv/bin/python") for c in commands]
    for name in (".venv", "tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    codes = [subprocess.run(c, shell=True, cwd=tmp_path, capture_output=True).returncode for c in commands]
    assert any(codes)


def test_message_points_at_the_line(broken):
    """报错的那一行写在信息里，而不只是文件名。"""
    _, result = broken
    assert re.search(r'raises\.py", line 15', result.stdout)
