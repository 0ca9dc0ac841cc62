"""运行一次构建，数它碰过的文件；数到第几次，就在那一刻打断它、让那一次写不成，或者改一个源文件。

用法：python at_event.py '{"pattern": "build/", "number": 3, "action": "SIGTERM", "files": {}}' [构建的选项]

数的是“操作 路径”里有 `pattern` 的（例如 ``os.rename build/html``）：打开、改名、删除、建文件夹。`action` 是信号的名字，或错误的名字（ENOSPC，只算写的操作），
或 ``edit``（写下 `files`，null 表示删去）。第几次是定数，所以打断在哪里可以重演，不像按秒数打断。
"""

import errno
import json
import os
import runpy
import signal
import sys
from pathlib import Path

READING = ("open", "os.listdir", "os.scandir")
WRITING = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.truncate", "shutil.copyfile")


def paths(arguments):
    """一次操作的路径，相对于网站的文件夹；别处的不算。"""
    for argument in arguments:
        if isinstance(argument, str | bytes | os.PathLike):
            path = os.path.relpath(os.fsdecode(argument))
            if not path.startswith("..") and "__pycache__" not in path:
                yield path


def writes(event, arguments):
    flags = arguments[2] if event == "open" and len(arguments) > 2 else 0
    return event in WRITING or bool(isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR))


def act(action, files):
    if action.startswith("SIG"):
        os.kill(os.getpid(), signal.Signals[action])
    elif action == "edit":
        for name, text in files.items():
            if text is None:
                Path(name).unlink(missing_ok=True)
            else:
                Path(name).parent.mkdir(parents=True, exist_ok=True)
                Path(name).write_text(text, "utf-8", newline="")
    else:
        raise OSError(getattr(errno, action), os.strerror(getattr(errno, action)))


def watch(pattern, number, action, files):
    """到第 `number` 次就动手；构建接管信号以前的不算。"""
    count = 0
    only_writes = action.startswith("E")

    def hook(event, arguments):
        nonlocal count
        if event not in READING + WRITING or count >= number or (only_writes and not writes(event, arguments)):
            return
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            return
        if any(pattern in f"{event} {path}" for path in paths(arguments)):
            count += 1
            if count == number:
                act(action, files)

    sys.addaudithook(hook)


if __name__ == "__main__":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if not sys.flags.utf8_mode or kept.keys() | {"PYTHONUTF8"} != os.environ.keys():
        # 构建自己也会这样重来一次，那时钩子就没有了
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**kept, "PYTHONUTF8": "1"})
    plan = json.loads(sys.argv[1])
    sys.path[0] = os.getcwd()
    sys.argv = ["site_builder.build", *sys.argv[2:]]
    watch(**plan)
    runpy.run_module("site_builder.build", run_name="__main__", alter_sys=True)
