"""弄坏一个好的小网站的构建：打断、占住、写满、换掉文件、改动各种原因；增量构建与从头构建一样。"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import TinySite, example

TIMED = 'import time\n\nprint("时刻", time.time_ns())'
SECOND = "# 第二页\n\n这一页的文字足够长，可以当作描述，别的没有。\n\n## 小节\n\n一节。\n\n见[首页](index.md)。\n"
FIRST = "# 另一页\n\n这一页的文字足够长，可以当作描述，见[那一节](more.md#小节)和[第二页](more.md)。\n"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """一个好的小网站，已经构建、发布过一次；路径里有空格和汉字，环境是 C locale，权限掩码是 077。"""
    examples = {"first": example(title="第一篇"), "second": example(TIMED, title="第二篇")}
    tiny = TinySite(tmp_path_factory.mktemp("good") / "路径 里有空格", examples, {"more": SECOND, "other": FIRST})
    before = os.umask(0o077)
    result = tiny.build(LC_ALL="C", LANG="C")
    os.umask(before)
    assert result.returncode == 0, result.stdout
    return tiny


def built(tiny, *options, **environment):
    result = tiny.build(*options, **environment)
    assert result.returncode == 0, result.stdout
    return tiny.published()


def test_good_site_builds_in_an_odd_place(good):
    files = good.published()
    assert {"index.html", "tutorials/first.html", "tutorials/second.html"} <= files.keys()


def test_everybody_can_read_the_site(good):
    """权限掩码 077 之下构建的网站，服务器也读得了。"""
    for path in [good.folder / "build/html", *(good.folder / "build/html").rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_unchanged_build_runs_nothing_again(good):
    before, stamp = good.published(), good.record("second").stat().st_mtime_ns
    result = good.build()
    assert "没有改动" in result.stdout
    assert good.published() == before and good.record("second").stat().st_mtime_ns == stamp


def test_heading_slug_leads_to_the_heading(good):
    """``more.md#小节`` 指到的锚点在那一页里。"""
    target = unquote(re.search(r'href="more\.html#([^"]+)"', good.published()["other.html"].decode())[1])
    assert f'id="{target}"' in good.published()["more.html"].decode()


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
    code = "import fcntl, time; f = open('build/.lock', 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('ok', flush=True); time.sleep(20)"
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
    built(good)
    assert not html.with_name(".html-old").exists() and not html.with_name(".html-new").exists()


def processes(mark):
    """命令行或环境里有 `mark` 的进程。"""
    found = []
    for folder in os.listdir("/proc"):
        if folder.isdigit():
            try:
                text = b"".join(Path("/proc", folder, name).read_bytes() for name in ("cmdline", "environ"))
            except OSError:
                continue
            if mark.encode() in text:
                found.append(int(folder))
    return found


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGKILL"])
@pytest.mark.parametrize("whom", ["build", "group"])
def test_interrupted_build_loses_nothing(good, signal_name, whom):
    """构建到一半被打断，哪怕只是父进程：示例和它起的服务器都跟着走，旧输出不会冒出来，再来一次就好。"""
    before = good.published()
    mark = f"mark-{signal_name}-{whom}"
    slow = f"import subprocess, sys, time\n\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)', '{mark}'], start_new_session=True)\ntime.sleep(20)"
    good.edit("examples/first.py", "print(1 + 1)", slow)
    build = good.start()
    deadline = time.monotonic() + 20
    while not processes(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    children = processes(mark)
    assert children
    (os.kill if whom == "build" else os.killpg)(build.pid, signal.Signals[signal_name])
    said, _ = build.communicate(timeout=20)
    assert build.returncode != 0
    assert signal_name == "SIGKILL" or "已中断。build/html 没有动" in said, said
    assert good.published() == before
    good.edit("examples/first.py", slow, f"print('{mark}')")
    deadline = time.monotonic() + 5
    while (result := good.build()).returncode and time.monotonic() < deadline:
        assert "已有一次构建在进行" in result.stdout, result.stdout
    good.edit("examples/first.py", f"print('{mark}')", "print(1 + 1)")
    assert mark in good.published()["tutorials/first.html"].decode()
    if signal_name != "SIGKILL" or whom == "group":
        assert not processes(f"'{mark}'")
    built(good)


def test_example_broken_and_restored_runs_again(good):
    """改坏、构建失败、改回来：网页上不许留着出错的那一次的输出。"""
    good.edit("examples/first.py", "print(1 + 1)", "print(1 / 0)")
    assert good.build().returncode == 1
    good.edit("examples/first.py", "print(1 / 0)", "print(1 + 1)")
    assert b"ZeroDivisionError" not in built(good)["tutorials/first.html"]


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
    site = tiny({"first": example(title="第一篇")}, {"more": SECOND})
    disk = site.folder / "build"
    disk.mkdir()
    mount(disk, "-t", "tmpfs", "-o", "size=64m", "tmpfs")
    unmounted.append(disk)
    before = built(site)
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
    assert "别的也没有" in built(site)["more.html"].decode()


def test_output_that_cannot_be_written(good, unmounted):
    before = good.published()
    build = good.folder / "build"
    if os.geteuid():
        build.chmod(0o555)
    else:
        mount(build, "--bind", build)
        unmounted.append(build)
        subprocess.run(["mount", "-o", "remount,ro,bind", build], check=True)
    good.edit("docs/more.md", "别的没有", "别的也没有")
    result = good.build()
    if os.geteuid():
        build.chmod(0o755)
    assert result.returncode == 1
    assert re.search(r"错误：写不了 .*build.*build/html 没有动", result.stdout), result.stdout
    assert "Traceback" not in result.stdout
    assert good.published() == before


def clean(tiny, folder):
    """同样的源文件在另一个文件夹里从头构建的结果。"""
    copy = shutil.copytree(tiny.folder, folder, symlinks=True, ignore=shutil.ignore_patterns("build", "__pycache__"))
    other = TinySite.__new__(TinySite)
    other.folder = copy
    return built(other, SOURCE_DATE_EPOCH="1700000000")


OLD = time.time() - 5 * 86400
#: 名字 -> (改动 good 的函数)；改动以后增量构建与从头构建要逐字节相同。
EDITS = {
    "older page": lambda s: (s.edit("docs/more.md", "一节。", "换进来的旧文件。"), os.utime(s.folder / "docs/more.md", (OLD, OLD))),
    "title": lambda s: s.edit("docs/more.md", "# 第二页", "# 改了名的页"),
    "heading": lambda s: (s.edit("docs/more.md", "## 小节", "## 新小节"), s.edit("docs/other.md", "#小节", "#新小节")),
    "new page": lambda s: (s.write("docs/extra.md", SECOND.replace("第二页", "添的页")), s.edit("docs/index.md", "more", "more\nextra")),
    "subfolder": lambda s: (s.write("docs/deep/page.md", SECOND.replace("第二页", "深处").replace("(index.md)", "(../index.md)")), s.edit("docs/index.md", "more", "more\ndeep/page")),
    "deep edit": lambda s: s.edit("docs/deep/page.md", "一节。", "深处改了。"),
    "removed page": lambda s: ((s.folder / "docs/extra.md").unlink(), s.edit("docs/index.md", "\nextra", "")),
    "example title": lambda s: s.edit("examples/first.py", "第一篇", "第一篇改名"),
    "style": lambda s: s.write("docs/_static/site.css", (s.folder / "docs/_static/site.css").read_text("utf-8") + "\n.changed { color: red }\n"),
    "lock file": lambda s: s.edit("site_builder/node/package-lock.json", '"name"', '"name" '),
}  # fmt: skip


def test_incremental_build_is_a_clean_build(good, tmp_path):
    """一连串改动，每次增量构建；最后与从头构建逐字节相同（中途抽查两次）。"""
    good.edit("examples/second.py", TIMED, "print(2)")  # 每次都不同的输出比不了
    for number, (name, change) in enumerate(EDITS.items()):
        change(good)
        files = built(good, SOURCE_DATE_EPOCH="1700000000")
        if number in (3, 7, len(EDITS) - 1):
            whole = clean(good, tmp_path / str(number))
            assert files.keys() == whole.keys(), name
            assert [file for file in files if files[file] != whole[file]] == [], name
    good.edit("examples/second.py", "print(2)", TIMED)


def test_renamed_heading_is_reported(good):
    """别的页面链接着的小节改了名：是错误，不是断了的锚点。"""
    good.edit("docs/more.md", "## 新小节", "## 又改名")
    result = good.build()
    good.edit("docs/more.md", "## 又改名", "## 新小节")
    assert result.returncode == 1 and "新小节" in result.stdout
    built(good)


@pytest.mark.parametrize("damage", ["emptied", "deleted", "link", "file", "stage is a link", "work is a file"])
def test_damaged_output_is_made_again(good, damage, tmp_path):
    """发布的网站、缓存被弄坏：不会说没有改动，重新做好。"""
    before = built(good)
    html, build = good.folder / "build/html", good.folder / "build"
    match damage:
        case "emptied":
            (html / "more.html").write_bytes(b"")
        case "deleted":
            (html / "more.html").unlink()
        case "link":
            shutil.move(html, tmp_path / "elsewhere")
            html.symlink_to(tmp_path / "elsewhere")
        case "file":
            shutil.rmtree(html)
            html.write_text("不是文件夹")
        case "stage is a link":
            shutil.move(build / "stage/html", tmp_path / "stage")
            (build / "stage/html").symlink_to(tmp_path / "stage")
            good.edit("docs/more.md", "换进来的", "换进来又改的")
        case "work is a file":
            shutil.rmtree(build / "work/html")
            (build / "work/html").write_text("不是文件夹")
            good.edit("docs/more.md", "换进来又改的", "换进来的")
    after = built(good)
    assert after.keys() == before.keys() and after["more.html"]
    assert not html.is_symlink() and html.is_dir()


def test_example_edited_while_it_runs(good):
    """执行到一半改了脚本：网页和笔记本都是开始时的那一份，下一次构建才是新的。"""
    good.edit("examples/first.py", "print(1 + 1)", 'import time\n\ntime.sleep(3)\nprint("原来的")')
    build = good.start()
    deadline = time.monotonic() + 20
    while not list((good.folder / "build/stage/html/examples").glob("first.py")) or time.monotonic() > deadline:
        time.sleep(0.05)
    time.sleep(1.5)
    good.edit("examples/first.py", 'print("原来的")', 'print("后来的")')
    said, _ = build.communicate(timeout=60)
    assert build.returncode == 0, said
    for name in ("tutorials/first.html", "tutorials/first.ipynb", "tutorials/first.py"):
        text = good.published()[name].decode()
        assert "原来的" in text and "后来的" not in text, name
    good.edit("examples/first.py", 'import time\n\ntime.sleep(3)\nprint("后来的")', "print(1 + 1)")
    built(good)


@pytest.mark.parametrize(
    "what", ["site_builder/look/page.py", "docs/_templates/page.html", "site_builder/gallery/run.py", "依赖"]
)
def test_changed_cause_is_noticed(good, tmp_path, what):
    """模板、外观变了，重新排版；画廊、依赖变了，还要重新执行。"""
    built(good)
    stamp = good.record("second").stat().st_mtime_ns
    environment = {}
    if what == "依赖":
        (tmp_path / "extra-1.0.dist-info").mkdir()
        (tmp_path / "extra-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
        environment["PYTHONPATH"] = str(tmp_path)
    else:
        comment = "{# 改了一处 #}" if what.endswith(".html") else "# 改了一处"
        with open(good.folder / what, "a", encoding="utf-8") as file:
            file.write(f"\n{comment}\n")
    result = good.build(**environment)
    assert result.returncode == 0 and "没有改动" not in result.stdout
    assert (good.record("second").stat().st_mtime_ns != stamp) == (what in ("依赖", "site_builder/gallery/run.py"))


def test_preview_and_link_check_do_not_touch_what_is_published(good):
    """预览和链接检查各用各的缓存；之后的 make html 什么也不必做，坏链接也瞒不过去。"""
    before = built(good)
    good.edit("docs/more.md", "[首页](index.md)", "[没有](nowhere.md)")
    assert good.build("--mode", "preview").returncode == 1
    assert good.build("--mode", "preview").returncode == 1, "看过一次的警告，再来一次还要报"
    result = good.build()
    assert result.returncode == 1 and "nowhere.md" in result.stdout
    good.edit("docs/more.md", "[没有](nowhere.md)", "[首页](index.md)")
    stamp = good.record("second").stat().st_mtime_ns
    assert good.build("--mode", "preview").returncode == 0
    assert (good.folder / "build/preview/index.html").is_file()
    assert built(good).keys() == before.keys()
    assert good.record("second").stat().st_mtime_ns == stamp


def test_removed_tutorial_disappears(good):
    with open(good.folder / "conf.py", "a", encoding="utf-8") as conf:
        conf.write('\ntutorials = ["first"]\n')
    (good.folder / "examples/second.py").unlink()
    assert not any("second" in name for name in built(good))


def test_removed_figure_disappears(tiny):
    """示例里删去的图不留在网站里。"""
    figure = 'import matplotlib.pyplot as plt\n\nplt.rcParams["font.family"] = "Noto Sans SC"\nplt.plot([1, 2])\nplt.title("图")\nplt.show()'
    site = tiny({"first": example(figure, title="第一篇")})
    assert any("sphx_glr_first_001" in name for name in built(site))
    site.edit("examples/first.py", figure, "print(1 + 1)")
    assert not any("sphx_glr_first_001" in name for name in built(site))
