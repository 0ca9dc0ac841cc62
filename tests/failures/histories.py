"""演一段历史，每次构建之后只问一件事：要么说清楚、什么也没有动，要么与从头构建逐字节相同。

`Stage.play` 演一段，不对就抛出 `Find`；`shrink` 把它缩短到还会出事的最少几步。
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from conftest import TinySite
from history_damage import Damage
from history_steps import EXAMPLES, PAGES, Sources, dot, new_example, new_page

ADDRESSES = {"SITE_URL": "", "REPO_URL": "", "SOURCE_DATE_EPOCH": "1700000000"}
SENTENCE = re.compile(r"(错误：.+|已中断。.+)")  # 失败时的最后一行
#: make serve 做的：备好源文件，再由 Sphinx 排版。
SERVE = """import os, subprocess, sys
run, stage = [sys.executable, "-m"], "build/stage/serve"
subprocess.run([*run, "site_builder.build", "--stage", "serve"], check=True)
os.execv(run[0], [*run, "sphinx", "-n", "-q", "-c", stage, "-d", "build/doctrees/serve", f"{stage}/docs", "build/serve"])
"""
AT_EVENT = str(Path(__file__).with_name("at_event.py"))


class Find(AssertionError):
    """一段历史弄坏了构建。"""


def listing(folder):
    """一个文件夹里的全部文件：{相对路径: 摘要}；链接另记。"""
    if folder.is_symlink() or folder.is_file():
        return {"": "不是文件夹"}
    return {
        path.relative_to(folder).as_posix(): "链接"
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def differences(found, wanted):
    return sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))[:8]


def alive(folder):
    """工作目录在 `folder` 里的进程，依次。"""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if Path(os.readlink(link)).is_relative_to(folder):
                found.append(int(link.parent.name))
        except OSError:
            continue
    return sorted(found)


class Stage:
    """演历史的地方：``live`` 里演，``pure`` 里从头构建作比较，``base`` 是每段历史的起点。"""

    def __init__(self, folder):
        self.live, self.pure, self.base = folder / "live", folder / "pure", folder / "base"
        self.elsewhere, self.scratch = folder / "away", folder / "logs"
        self.scratch.mkdir()
        self.references, self.builds, self.steps = {}, 0, 0
        site = TinySite(self.live, {name: new_example(name, 2 * number) for number, name in enumerate(EXAMPLES)},
                        {name: new_page(name) for name in PAGES}, "example_seconds = 30\n")  # fmt: skip
        site.write("docs/index.md", new_page("index"))
        Sources(self.live).write({"docs/pictures/dot.svg": dot(0)})
        self.reset()
        self.build()
        shutil.copytree(self.live, self.base, symlinks=True)

    def reset(self):
        self.sources, self.environment, self.was_aside = Sources(self.live), {}, False

    def play(self, steps):
        """从起点演一段历史，末尾总要再构建一次。"""
        shutil.rmtree(self.live, ignore_errors=True)
        shutil.rmtree(self.elsewhere, ignore_errors=True)
        shutil.copytree(self.base, self.live, symlinks=True)
        self.reset()
        try:
            for step in [*steps, ("build",)]:
                self.steps += 1
                try:
                    self.take(*step)
                except Find as find:
                    raise Find(f"{step}：{find}") from None
        finally:
            for number in alive(self.live):
                os.kill(number, signal.SIGKILL)

    def take(self, kind, *rest):
        """走一步。"""
        match kind:
            case "build":
                self.build()
            case "run":
                before = self.published()
                self.check(self.finish(self.start(rest[0])), rest[0], before)
            case "environment":
                self.environment[rest[0]] = rest[1]
            case "damage":
                Damage(self.live, self.elsewhere).file(*rest)
            case "replace":
                Damage(self.live, self.elsewhere).folder(*rest)
                self.was_aside = self.aside()
            case "signal":
                self.interrupt(*rest)
            case "together":
                before = self.published()
                one = self.start(rest[0])
                time.sleep(rest[2])
                two = self.start(rest[1])
                for ended, mode in ((self.finish(one), rest[0]), (self.finish(two), rest[1])):
                    self.check(ended, mode, before, together=True)
            case "at":
                pattern, number, action, mode = rest
                plan = {"pattern": pattern, "number": number, "action": action, "files": {}}
                before = self.published()
                self.check(self.finish(self.start(mode, plan)), mode, before, harsh=True)
            case "edit at":
                self.edit_at(*rest)
            case _:
                self.sources.write(self.sources.plan((kind, *rest)), rest[2] if kind == "restore" else 0)

    # -- 运行 -----------------------------------------------------------------

    def start(self, mode="", plan=None, folder=None):
        """在后台运行一次；返回 (进程, 输出所在的文件)。"""
        self.builds += 1
        folder = folder or self.live
        environment = {**os.environ, **ADDRESSES, "PYTHONDONTWRITEBYTECODE": "1"}
        settings = (
            self.environment
            if folder == self.live
            else {name: self.environment[name] for name in ADDRESSES if name in self.environment}
        )
        environment |= settings
        umask = int(environment.pop("umask", None) or "022", 8)
        command = ["-m", "site_builder.build", *mode.split()]
        if mode == "serve":  # make serve 做的：备好源文件，再由 Sphinx 排版
            command = ["-c", SERVE]
        elif plan:
            command = [AT_EVENT, json.dumps(plan), *mode.split()]
        with tempfile.NamedTemporaryFile("wb", dir=self.scratch, delete=False) as log:
            process = subprocess.Popen(
                [sys.executable, *command], cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, umask=umask,
                env={name: value for name, value in environment.items() if value is not None}, start_new_session=True,
            )  # fmt: skip
        return process, Path(log.name)

    def finish(self, started):
        """等它结束，返回 (退出码, 输出)；它的进程五秒之内都要走。"""
        process, log = started
        try:
            code = process.wait(120)
        except subprocess.TimeoutExpired:
            raise Find(f"两分钟还没有结束：{log.read_text('utf-8', 'replace')[-2000:]}") from None
        text = log.read_text("utf-8", "replace")
        log.unlink()
        return code, text

    def settle(self):
        deadline = time.monotonic() + 5
        while left := alive(self.live):
            if time.monotonic() > deadline:
                names = [Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ")[:200] for number in left]
                raise Find(f"进程还在：{names}")
            time.sleep(0.02)

    def reference(self):
        """同样的源文件从头构建：(退出码, 发布的文件, 输出)。"""
        skipped = {"build", "__pycache__", "node_modules"}
        files = sorted(path for path in self.live.rglob("*") if not skipped & set(path.relative_to(self.live).parts))
        addresses = [self.environment.get(name, value) for name, value in ADDRESSES.items()]
        whole = hashlib.sha256(json.dumps(addresses).encode())
        for path in filter(Path.is_file, files):
            whole.update(str(path).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        key = whole.hexdigest()
        if key not in self.references:
            shutil.rmtree(self.pure, ignore_errors=True)
            shutil.copytree(self.live, self.pure, symlinks=True, ignore=shutil.ignore_patterns("build", "__pycache__"))
            code, text = self.finish(self.start(folder=self.pure))
            self.references[key] = code, listing(self.pure / "build/html"), text
        return self.references[key]

    # -- 那一件事 ---------------------------------------------------------------

    def aside(self):
        """发布的网站放在一旁：上一次在两步改名之间被 kill -9。"""
        build = self.live / "build"
        return os.path.lexists(build / ".html-old") and not os.path.lexists(build / "html")

    def published(self):
        """发布的网站；放在一旁的也算。"""
        return listing(self.live / "build" / (".html-old" if self.aside() else "html"))

    def build(self):
        before = self.published()
        self.check(self.finish(self.start()), "", before)

    def check(self, ended, mode="", before=None, harsh=False, together=False, references=()):
        """`harsh`：这一次有人捣乱，失败是应该的；`together`：还有一次构建同时在进行。"""
        self.settle()
        code, text = ended
        after, was_aside = self.published(), self.was_aside
        self.was_aside = self.aside()
        if self.was_aside and not was_aside and code != -signal.SIGKILL:
            raise Find(f"发布的网站不在了：\n{text[-3000:]}")
        say = text[-3000:]
        if mode == "serve":
            return
        if mode not in ("", "--clean"):
            if before is not None and not together and differences(after, before):
                raise Find(f"发布的网站变了：{differences(after, before)}\n{say}")
            if code and code != -signal.SIGKILL:
                self.sentence(text, harsh)
            return
        wanted = [*references, self.reference()]
        if code == 0 or code == -signal.SIGKILL or (together and not differences(after, wanted[-1][1])):
            if code == -signal.SIGKILL and not differences(after, before):
                return
            good = [one for one in wanted if one[0] == 0]
            if not good:
                raise Find(f"从头构建失败，这里却成功了：\n{wanted[-1][2][-2000:]}\n这里：{say}")
            if all(differences(after, one[1]) for one in good):
                raise Find(f"与从头构建不同：{differences(after, good[-1][1])}\n{say}")
            return
        self.sentence(text, harsh)
        if not together and differences(after, before):
            raise Find(f"失败了，发布的网站却变了：{differences(after, before)}\n{say}")
        if wanted[-1][0] == 0 and not harsh and not together:
            raise Find(f"从头构建成功，这里却失败了：\n{say}")

    def sentence(self, text, harsh):
        """失败时说清楚了：最后一行是一句话，没有本项目的调用栈。"""
        lines = text.strip().splitlines() or [""]
        ours = re.search(r'Traceback[^\0]*?File "[^"]*(site_builder|sphinx|python3[^"]*)/', text) and "示例" not in text
        if not SENTENCE.match(lines[-1]) or ours or (not harsh and "sphinx-err-" in text):
            raise Find(f"失败了，没有用一句话说清楚：\n{text[-4000:]}")

    # -- 捣乱 -----------------------------------------------------------------

    def interrupt(self, name, whom, seconds, mode):
        before = self.published()
        process, log = self.start(mode)
        time.sleep(seconds)
        found = alive(self.live)
        try:
            if whom == "group":
                os.killpg(process.pid, signal.Signals[name])
            else:
                os.kill(
                    process.pid if whom == "parent" or not found else found[whom % len(found)], signal.Signals[name]
                )
        except ProcessLookupError:
            pass
        code, text = self.finish((process, log))
        # Python 自己还没有启动好，轮不到构建说话
        early = code == -signal.Signals[name] or ("KeyboardInterrupt" in text and "==" not in text)
        early = early and ("Traceback" in text or not text.strip())
        if code < 0 and text.strip().rpartition("\n")[2].startswith(("== 完成", "== 没有改动")):
            code = 0  # 已经做完，Python 正在收拾
        self.check((-signal.SIGKILL if early else code, text), mode, before, harsh=True)

    def edit_at(self, pattern, number, step):
        """构建到一半改了源文件：发布的是改之前或改之后的，不是两者的混合。"""
        files = self.sources.plan(step)
        before, old = self.published(), self.reference()
        for name in files:
            if (self.live / name).is_file():
                self.sources.versions.setdefault(name, []).append(self.sources.read(name))
        plan = {"pattern": pattern, "number": number, "action": "edit", "files": files}
        self.check(self.finish(self.start("", plan)), "", before, harsh=True, references=[old])


def shrink(play, steps, seconds=300):
    """去掉越多步越好，`play` 还会抛出 Find；返回 (最短的历史, 它的 Find)。"""
    deadline, found, size = time.monotonic() + seconds, None, max(1, len(steps) // 2)
    while size and time.monotonic() < deadline:
        start = 0
        while start < len(steps) and time.monotonic() < deadline:
            fewer = steps[:start] + steps[start + size :]
            try:
                play(fewer)
                start += size
            except Find as find:
                steps, found = fewer, find
        size //= 2
    return steps, found
