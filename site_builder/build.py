"""构建网站：执行示例、排版、检查，全部通过才换上 build/html。

用法：python -m site_builder.build [--preview] [--clean] [--shard 第几份/共几份]

- Sphinx 写到 build/work，那里一直留着，没有改动时很快；检查通过后复制一份，换下 build/html。
  中途失败或被打断，build/html 还是上一次的完整网站。
- conf.py、扩展、依赖、数据一变，示例的输出就可能变，从头再来（Sphinx-Gallery 只看示例文件的 md5）。
- 什么都没有改（比较内容，不看时刻），就不动。时钟倒退过，Sphinx 会漏掉改动，也从头再来。
- ``--preview`` 不执行示例，写到 build/preview；``--clean`` 丢掉缓存从头构建（发布时用）。
- ``--shard 1/2`` 只执行一半示例，不构建网站。几台机器各跑一份，把 docs/tutorials 和 build/gallery-key 合到一处，
  再照常构建；环境或脚本与执行时不同的，会重新执行（docs/_ext/kept_outputs.py）。
"""

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path

from filelock import FileLock, Timeout

BUILD = Path("build")
#: 示例的输出取决于这些文件（还有示例自己）；它们一变就从头构建。
GALLERY_INPUTS = ["conf.py", "site_builder/**/*.py", "docs/_templates/**/*", "docs/locales/**/*.po"]
#: 网站取决于这些文件；一个也没有变，就不必构建。
SITE_INPUTS = [*GALLERY_INPUTS, "docs/*", "docs/_static/**/*", "examples/*.*"]
DATA = Path("examples/data/source.json")
#: 示例里的线程数会改变浮点结果的末位，固定下来。
ENVIRONMENT = {"PYTHONUTF8": "1", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}


#: 磁盘剩下不到这么多 MB，构建失败多半就是因为它。
FULL = 20


class BuildError(Exception):
    """构建没有成功；信息说明哪里不对、怎么办。"""


def build(preview=False, clean=False):
    """构建网站，返回它的文件夹；失败时抛出 BuildError，已发布的网站不变。"""
    output = BUILD / ("preview" if preview else "html")
    work = BUILD / ("work-preview" if preview else "work")
    doctrees = BUILD / ("doctrees-preview" if preview else "doctrees")
    BUILD.mkdir(exist_ok=True)
    repair(output)
    if twice := taken_twice():
        raise BuildError(f"几个页面要同一个网址：{'、'.join(twice)}。给其中一个改名。build/html 没有动。")
    gallery, site = BUILD / "gallery-key", BUILD / f"{output.name}-key"
    gallery_key, site_key = fingerprint(GALLERY_INPUTS, preview), fingerprint(SITE_INPUTS, preview)
    if not clean and same(site, site_key) and not missing_pages(output):
        print(f"== 没有改动：{output / 'index.html'}", flush=True)
        return output
    site.unlink(missing_ok=True)
    if clean or not same(gallery, gallery_key) or newer_than_now(doctrees):
        for folder in (work, doctrees, Path("docs/tutorials")):
            shutil.rmtree(folder, ignore_errors=True)
        gallery.write_text(gallery_key, "utf-8")
    if {path.relative_to(work).as_posix() for path in work.rglob("*.html")} - set(pages()):
        shutil.rmtree(work)  # 有的页面已经没有了：Sphinx 不会替它删
    finished = doctrees / "finished"
    if not finished.is_file():
        forget_interrupted(doctrees)
    finished.unlink(missing_ok=True)
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-n", "-W", "--keep-going", "-q"]
    command += ["-D", "plot_gallery=0"] if preview else []
    command += ["-c", ".", "-d", str(doctrees), "docs", str(work)]
    print(f"== 构建网站{'（预览：不执行示例）' if preview else '（第一次要执行全部示例，需要几分钟）'}", flush=True)
    result = subprocess.run(command, env={**os.environ, **ENVIRONMENT, "GALLERY_KEY": gallery_key})
    if result.returncode:
        finished.unlink(missing_ok=True)
        raise BuildError(f"{cause(result.returncode)}build/html 没有动。")
    if not finished.is_file():
        raise BuildError("Sphinx 没有写完就退出了（退出码 0），多半是某个示例退出了进程。build/html 没有动。")
    if missing := missing_pages(work):
        raise BuildError(f"这些页面没有生成：{'、'.join(missing)}。build/html 没有动。")
    publish(work, output)
    site.write_text(site_key, "utf-8")
    print(f"== 完成：{output / 'index.html'}", flush=True)
    return output


def execute_shard(number, total):
    """只执行第 `number` 份示例（共 `total` 份），在 docs/tutorials 里只留下它们的文件。"""
    mine, gallery = conf()["tutorials"][number - 1 :: total], Path("docs/tutorials")
    key, doctrees = fingerprint(GALLERY_INPUTS, False), BUILD / "doctrees-shard"
    for folder in (gallery, doctrees):
        shutil.rmtree(folder, ignore_errors=True)
    names = "|".join(map(re.escape, mine)) or "(?!)"
    command = [sys.executable, "-m", "sphinx", "-b", "dummy", "-Q", "-c", ".", "-d", str(doctrees)]
    command += ["-D", rf"sphinx_gallery_conf.filename_pattern=/({names})\.py$", "docs", str(BUILD / "shard")]
    print(f"== 执行第 {number} 份示例（共 {total} 份）：{'、'.join(mine) or '没有'}", flush=True)
    result = subprocess.run(command, env={**os.environ, **ENVIRONMENT, "GALLERY_KEY": key})
    if result.returncode:
        raise BuildError(cause(result.returncode))
    own = re.compile(rf"(?!.*\.md5$)(({names})\.|sphx_glr_({names})_(\d{{3}}|thumb)).*")
    for path in gallery.rglob("*"):
        if path.is_file() and not own.fullmatch(path.name):
            path.unlink()
    (BUILD / "gallery-key").write_text(key, "utf-8")


def fingerprint(inputs, preview):
    """`inputs` 这些文件、依赖、数据和环境的 SHA-256。"""
    sha = hashlib.sha256(f"{preview} {sys.version} {platform.machine()}".encode())
    for path in sorted({path for pattern in inputs for path in Path().glob(pattern) if path.is_file()}):
        sha.update(str(path).encode() + path.read_bytes())
    for name in sorted(f"{d.metadata['Name']}=={d.version}" for d in distributions()):
        sha.update(name.encode())
    if DATA.is_file():
        sha.update(DATA.read_bytes())
    for name in ("SITE_URL", "REPO_URL", "SOURCE_DATE_EPOCH"):
        sha.update(os.environ.get(name, "").encode())
    return sha.hexdigest()


def same(stamp, key):
    return stamp.is_file() and stamp.read_text("utf-8") == key


def newer_than_now(doctrees):
    """上一次构建的时刻在将来：时钟倒退过，之后的改动看起来都比它旧。"""
    pickle = doctrees / "environment.pickle"
    return pickle.is_file() and pickle.stat().st_mtime > time.time()


def forget_interrupted(doctrees):
    """上一次没有走完：忘掉读过的页面（否则警告不会再报，要跟着重写的页面会漏掉）和写到一半的示例。"""
    (doctrees / "environment.pickle").unlink(missing_ok=True)
    # Sphinx-Gallery 先记下 md5，后写网页和用时
    for md5 in Path("docs/tutorials").glob("*.py.md5"):
        cost = md5.with_name(md5.name.replace(".py.md5", ".cost.json"))
        if not cost.is_file() or cost.stat().st_mtime_ns < md5.stat().st_mtime_ns:
            md5.unlink()
    for record in Path("docs/tutorials").glob("*.running"):
        record.unlink()


def cause(code):
    """Sphinx 以 `code` 退出的原因，写成一句话。"""
    if reason := disk_is_full():
        return reason
    running = [path.read_text("utf-8") for path in sorted(Path("docs/tutorials").glob("*.running"))]
    if running:
        return f"执行示例的进程被系统结束了，多半是内存不够，或者卡住太久。当时正在执行：{'；'.join(running)}。"
    return f"Sphinx 报了错（退出码 {code}），见上面的信息。"


def disk_is_full():
    """磁盘快要写满时的一句话，否则为空。"""
    free = shutil.disk_usage(BUILD).free / 1e6
    return f"{BUILD} 所在的磁盘只剩 {free:.1f} MB，多半是写满了：腾出空间再来。" if free < FULL else ""


def conf():
    """conf.py 里的设置。"""
    settings = {}
    exec(compile(Path("conf.py").read_text("utf-8"), "conf.py", "exec"), settings)
    return settings


def pages():
    """conf.py 里的教程、docs/ 里的页面、旧网址的跳转，以及 Sphinx 自己的页面。"""
    settings = conf()
    yield from (f"tutorials/{name}.html" for name in ["index", *settings["tutorials"]])
    yield from (f"{path.stem}.html" for path in sorted(Path("docs").glob("*.md")))
    yield from (f"{name}.html" for name in [*settings["redirects"], "404", "search"])


def missing_pages(site):
    """该有的页面里，哪些不在 `site` 里。"""
    return [name for name in pages() if not (site / name).is_file()]


def taken_twice():
    """不止一页要用的网址；Windows 与 macOS 不分大小写，网址也就不能只差大小写。"""
    count = Counter(name.lower() for name in pages())
    return sorted(name for name, times in count.items() if times > 1)


def publish(work, output):
    """用 `work` 的一份拷贝换下 `output`。不用硬链接：Sphinx 会就地改写 work 里的文件。"""
    new, old = output.with_name(f".{output.name}-new"), output.with_name(f".{output.name}-old")
    shutil.rmtree(new, ignore_errors=True)
    ignore = shutil.ignore_patterns("_sources", ".buildinfo", "objects.inv", "sg_execution_times.html", "*.pickle")
    try:
        shutil.copytree(work, new, ignore=ignore)
    except OSError as error:
        reason = disk_is_full() or f"写不了 {new}：{error.strerror or error.args[0][0]}。"
        shutil.rmtree(new, ignore_errors=True)
        raise BuildError(f"{reason}build/html 没有动。") from error
    if output.exists():
        output.rename(old)
    new.rename(output)
    shutil.rmtree(old, ignore_errors=True)


def repair(output):
    """上一次在两步改名之间被打断时，把旧网站放回去；清掉半成品。"""
    new, old = output.with_name(f".{output.name}-new"), output.with_name(f".{output.name}-old")
    if old.exists() and not output.exists():
        old.rename(output)
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def shard(text):
    """命令行里的 ``1/2``：(1, 2)。"""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"看不懂 {text!r}：写成 1/2，表示两份里的第一份")
    return int(match[1]), int(match[2])


def main():
    parser = argparse.ArgumentParser(description="构建网站")
    parser.add_argument("--preview", action="store_true", help="不执行示例")
    parser.add_argument("--clean", action="store_true", help="丢掉缓存，从头构建")
    parser.add_argument("--shard", type=shard, metavar="第几份/共几份", help="只执行一部分示例，例如 1/2")
    options = parser.parse_args()
    try:
        BUILD.mkdir(exist_ok=True)
        with FileLock(BUILD / ".lock", timeout=0):
            execute_shard(*options.shard) if options.shard else build(options.preview, options.clean)
    except Timeout:
        sys.exit("错误：这个目录里已有一次构建在进行，等它结束再来。")
    except BuildError as error:
        sys.exit(f"错误：{error}")
    except KeyboardInterrupt:
        sys.exit("\n已中断。build/html 没有动；再运行一次会接着做。")
    except OSError as error:
        sys.exit(f"错误：写不了 {error.filename or BUILD}：{error.strerror or error}。build/html 没有动。")


if __name__ == "__main__":
    main()
