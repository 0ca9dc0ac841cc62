"""构建网站：备好源文件、执行示例、排版、检查，全部通过才换上 build/html。

用法：python -m site_builder.build [--clean] [--mode html|preview|linkcheck] [--shard 第几份/共几份] [--stage serve]

- 中途失败或被打断，build/html 还是上一次的完整网站。源文件、缓存各在哪里、何时能用，见 `site_builder.cache`。
- 什么都没有改（比较内容，不看时刻），发布的网站也完好，就不动。
- ``--clean`` 丢掉一切缓存，从头执行、从头排版（发布时用）。
- ``--mode preview`` 不执行示例，写到 build/preview；``--mode linkcheck`` 检查站外链接。各有自己的缓存，不碰发布的。
- ``--stage serve`` 只备好 build/stage/serve，供实时预览用。
- ``--shard 1/2`` 只执行一半示例，不构建网站。几台机器各跑一份，把 build/outputs 合到一处，再照常构建；环境或脚本与
  执行时不同的，会重新执行。
"""

import argparse
import contextlib
import fcntl
import os
import re
import runpy
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from site_builder import processes, stage
from site_builder.cache import BUILD, Cache

#: 磁盘剩下不到这么多 MB，构建失败多半就是因为它。
FULL = 20
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
PYTHON_KEPT = {"PYTHONUTF8", "PYTHONPATH", "PYTHONHASHSEED", "PYTHONNOUSERSITE", "PYTHONDONTWRITEBYTECODE"}
NOT_PUBLISHED = {"_sources", ".buildinfo", "objects.inv", "sg_execution_times.html"}


class Interrupted(BaseException):
    """有人要构建停下。不是 KeyboardInterrupt：Sphinx 会接住那个，当作普通的错误。"""


class BuildError(Exception):
    """构建没有成功；信息说明哪里不对、怎么办。"""


def build(mode: str = "html", clean: bool = False) -> None:
    """构建网站；失败时抛出 BuildError，已发布的网站不变。"""
    cache = Cache(mode)
    repair(cache.output)
    stage.folder(BUILD / "outputs")
    if twice := taken_twice():
        raise BuildError(f"几个页面要同一个网址：{'、'.join(twice)}。给其中一个改名。")
    machinery, now = stage.machinery(), cache.now()
    if not clean and mode != "linkcheck" and cache.unchanged(now):
        print(f"== 没有改动：{cache.output / 'index.html'}", flush=True)
        return
    if clean:
        stage.remove(cache.record)
        if mode == "html":  # 预览不执行，丢掉了就看不到输出
            stage.remove(BUILD / "outputs")
            stage.folder(BUILD / "outputs")
    if wrong := stage.not_text():
        raise BuildError(f"这些文件不是 UTF-8，另存一次：{'、'.join(wrong)}。")
    cache.prepare(now)
    run_sphinx(cache, "linkcheck" if mode == "linkcheck" else "html", {} if mode == "html" else {"plot_gallery": "0"})
    if mode == "linkcheck":
        print("== 完成：站外的链接都通", flush=True)
        return
    if missing := [name for name in pages(cache.stage) if not (cache.work / name).is_file()]:
        raise BuildError(f"这些页面没有生成：{'、'.join(missing)}。")
    if stage.machinery() != machinery:
        raise BuildError("构建到一半 site_builder 里的代码变了，页面不是同一个版本的：再运行一次。")
    new = copy(cache.work, cache.output)
    cache.succeed(now, new)
    exchange(new, cache.output)
    print(f"== 完成：{cache.output / 'index.html'}", flush=True)


def run_sphinx(cache: Cache, builder: str, overrides: dict[str, Any]) -> None:
    """在这个进程里运行 Sphinx；有一条警告就算失败，抛出 BuildError。"""
    os.environ |= processes.ENVIRONMENT
    time.tzset()
    # 导入它们要零点几秒：先接管信号，没有改动时也用不着
    from sphinx.application import Sphinx
    from sphinx.util.console import color_terminal, nocolor
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    if not color_terminal():
        nocolor()
    print(f"== {'检查链接' if builder == 'linkcheck' else '构建网站（第一次要执行全部示例，需要几分钟）'}", flush=True)
    try:
        with patch_docutils(cache.stage), docutils_namespace():
            app = Sphinx(
                cache.stage / "docs", cache.stage, cache.work, cache.doctrees, builder, overrides,
                status=None, warning=sys.stderr, warningiserror=True,
            )  # fmt: skip
            app.build()
    except Exception as error:
        raise BuildError(disk_is_full() or explain(error)) from error
    if app.statuscode:
        raise BuildError(disk_is_full() or "有警告，见上面的信息。")


def explain(error: Exception) -> str:
    """Sphinx 停在 `error`：一句话说明；没有料到的，先打印出处。"""
    from sphinx.errors import SphinxError

    cause = getattr(error, "orig_exc", None) or error
    if isinstance(cause, OSError):
        return f"读写 {cause.filename or '文件'} 出了错：{cause.strerror or cause}。"
    if not isinstance(cause, SphinxError):
        traceback.print_exception(cause)
        return f"出了没有料到的错（{type(cause).__name__}: {cause}），出处见上面。"
    return f"{str(cause).rstrip('。')}。"


def execute_shard(number: int, total: int) -> None:
    """只执行第 `number` 份示例（共 `total` 份），结果留在 build/outputs。"""
    stage.folder(BUILD / "outputs")
    mine = settings(Path())["tutorials"][number - 1 :: total]
    print(f"== 执行第 {number} 份示例（共 {total} 份）：{'、'.join(mine) or '没有'}", flush=True)
    for folder in (BUILD / "outputs").glob("*"):
        if folder.name not in mine:
            stage.remove(folder)
    if mine:
        cache = Cache("shard")
        cache.prepare(cache.now())
        # 用不着读页面：空的写出器，只读首页
        run_sphinx(cache, "dummy", {"execute_only": ",".join(mine)})
        print(f"== 完成：{BUILD / 'outputs'}", flush=True)


def settings(root: Path) -> dict[str, Any]:
    """`root` 里 conf.py 的设置。"""
    try:
        return runpy.run_path(str(root / "conf.py"))
    except Exception as error:
        raise BuildError(f"conf.py 读不了：{type(error).__name__}: {error}。") from error


def pages(root: Path) -> Iterator[str]:
    """`root` 里 conf.py 的教程、docs/ 里的页面、旧网址的跳转，以及 Sphinx 自己的页面。"""
    found = settings(root)
    yield from (f"tutorials/{name}.html" for name in found["tutorials"])
    for path in sorted((root / "docs").rglob("*.md")):
        name = path.relative_to(root / "docs")
        if not path.name.startswith("_") and "tutorials" not in name.parts:
            yield name.with_suffix(".html").as_posix()
    yield from (f"{name}.html" for name in [*found["redirects"], "404", "search"])


def taken_twice() -> list[str]:
    """不止一页要用的网址；Windows 与 macOS 不分大小写，网址也就不能只差大小写。"""
    count = Counter(name.lower() for name in pages(Path()))
    return sorted(name for name, times in count.items() if times > 1)


def disk_is_full() -> str:
    """磁盘快要写满时的一句话，否则为空。"""
    free = shutil.disk_usage(BUILD).free / 1e6
    return f"{BUILD} 所在的磁盘只剩 {free:.1f} MB，多半是写满了：腾出空间再来。" if free < FULL else ""


def beside(output: Path) -> tuple[Path, Path]:
    """`output` 旁边的两个文件夹：就要换上的，和刚换下的。"""
    return output.with_name(f".{output.name}-new"), output.with_name(f".{output.name}-old")


def copy(work: Path, output: Path) -> Path:
    """在 `output` 旁边备好 `work` 的一份拷贝，谁都能读。不用硬链接：Sphinx 会就地改写 work 里的文件。"""
    new, _ = beside(output)
    try:
        for path in sorted(work.rglob("*")):
            name = path.relative_to(work)
            if path.is_file() and not NOT_PUBLISHED & set(name.parts) and path.suffix != ".pickle":
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, new / name)
                (new / name).chmod(0o644)
        for folder in [new, *(path for path in new.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)
    except OSError as error:
        reason = disk_is_full() or f"写不了 {new}：{error.strerror or error}。"
        shutil.rmtree(new, ignore_errors=True)
        raise BuildError(reason) from error
    return new


def exchange(new: Path, output: Path) -> None:
    """用 `new` 换下 `output`；这一下不理会打断：要么没有动，要么换好了。"""
    _, old = beside(output)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        if os.path.lexists(output):
            output.rename(old)
        try:
            new.rename(output)
        except OSError:
            old.rename(output)
            raise
        with contextlib.suppress(OSError):
            stage.remove(old)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def repair(output: Path) -> None:
    """上一次在两步改名之间被打断时，把旧网站放回去；清掉半成品。"""
    new, old = beside(output)
    if os.path.lexists(old) and not os.path.lexists(output):
        old.rename(output)
    stage.remove(new)
    stage.remove(old)


def shard(text: str) -> tuple[int, int]:
    """命令行里的 ``1/2``：(1, 2)。"""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"看不懂 {text!r}：写成 1/2，表示两份里的第一份")
    return int(match[1]), int(match[2])


def lock() -> None:
    """占住这个目录，直到这个进程和它的子进程都结束；已被占住时抛出 BuildError。"""
    BUILD.mkdir(exist_ok=True)
    descriptor = os.open(BUILD / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BuildError("这个目录里已有一次构建在进行，或者它的子进程还没有结束：等它结束再来。") from None
    processes.Child.inherited = (descriptor,)


def interrupted(signum: int, frame: Any) -> NoReturn:
    raise Interrupted


def start_afresh() -> None:
    """读者给 Python 的开关（PYTHONWARNINGS、PYTHONIOENCODING……）都不要，路径、文件和屏幕上的话都用 UTF-8：不是这样就重来。"""
    unwanted = [name for name in os.environ if name.startswith("PYTHON") and name not in PYTHON_KEPT]
    if unwanted or not sys.flags.utf8_mode:
        kept = {name: value for name, value in os.environ.items() if name not in unwanted}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**kept, "PYTHONUTF8": "1"})


def main() -> None:
    start_afresh()
    parser = argparse.ArgumentParser(description="构建网站")
    parser.add_argument("--clean", action="store_true", help="丢掉缓存，从头构建")
    parser.add_argument("--mode", choices=["html", "preview", "linkcheck"], default="html", help="构建哪一种")
    parser.add_argument("--stage", metavar="模式", help="只备好源文件")
    parser.add_argument("--shard", type=shard, metavar="第几份/共几份", help="只执行一部分示例，例如 1/2")
    options = parser.parse_args()
    output = Cache(options.stage or options.mode).output
    for number in SIGNALS:
        signal.signal(number, interrupted)
    wrong = ""
    try:
        if options.stage:
            stage.folder(Cache(options.stage).stage)
            stage.mirror(Cache(options.stage).stage)
        else:
            lock()
            execute_shard(*options.shard) if options.shard else build(options.mode, options.clean)
    except BuildError as error:
        wrong = f"错误：{error}{output} 没有动。"
    except Interrupted:
        wrong = f"\n已中断。{output} 没有动；再运行一次会接着做。"
    except OSError as error:
        wrong = f"错误：写不了 {error.filename or BUILD}：{error.strerror or error}。{output} 没有动。"
    for number in SIGNALS:  # 已经有了结果，Python 收拾的时候不再理会
        signal.signal(number, signal.SIG_IGN)
    if wrong:
        sys.exit(wrong)


if __name__ == "__main__":
    main()
