"""起子进程：父进程一走，子进程和它再起的进程都跟着走，哪怕父进程是被 kill -9 的。

父进程握着一根管道的写端，子进程里有一个线程守着读端：读到末尾，说明父进程没有了。构建用的锁（一个文件描述符）
也交给子进程，它活到最后一个子进程结束，下一次构建因此不会与残留的进程碰上。
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

#: 子进程由这个环境变量得知读端的描述符；它再起的进程由 `MARK` 认出来，换了进程组也一样。
PIPE = "SITE_BUILDER_PIPE"
MARK = "SITE_BUILDER_MARK"
#: 子进程的环境由这里定：语言、时区、线程数、Python 的开关，都不随读者的环境变。
ENVIRONMENT = {
    "PYTHONUTF8": "1", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg",
    "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "TZ": "UTC",
}  # fmt: skip
#: 只留下这些：找得到程序、库、主目录和临时文件夹。
_KEPT = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "USERPROFILE")


class Child:
    """一个子进程；`end` 结束它和它起的一切。

    `inherited` 是要交给它的描述符（构建的锁），`running` 是还没有结束的各个子进程。
    """

    inherited: tuple[int, ...] = ()
    running: ClassVar[set["Child"]] = set()

    def __init__(self, command: Sequence[str], **streams: Any) -> None:
        self.mark = uuid.uuid4().hex
        read, self._write = os.pipe()
        environment = {name: value for name, value in os.environ.items() if name in _KEPT}
        environment |= {**ENVIRONMENT, PIPE: str(read), MARK: self.mark}
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-s", *command], **{"stdin": subprocess.DEVNULL, **streams},
                env=environment, pass_fds=(read, *self.inherited), start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(read)
        self.running.add(self)

    def wait(self, seconds: float) -> int:
        """等它结束，返回退出码；超过 `seconds` 秒抛出 subprocess.TimeoutExpired。"""
        return self.process.wait(seconds)

    def end(self) -> None:
        """结束它、它的进程组，和它起的、自己另立了进程组的。"""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        kill_marked(self.mark)
        self.process.wait()
        if self in self.running:
            self.running.remove(self)
            os.close(self._write)


def end_all() -> None:
    """构建被打断：结束全部子进程。"""
    for child in list(Child.running):
        child.end()


def kill_marked(mark: str) -> None:
    """结束带着这个记号的进程，除了自己；没有 /proc 的系统上什么也不做。"""
    for environ in Path("/proc").glob("[0-9]*/environ"):
        number = int(environ.parent.name)
        with contextlib.suppress(OSError):
            if number != os.getpid() and f"{MARK}={mark}".encode() in environ.read_bytes():
                os.kill(number, signal.SIGKILL)


def follow_parent() -> None:
    """在子进程里调用：父进程一走，自己和整个进程组也走。"""
    pipe = os.environ.pop(PIPE, "")
    if pipe:
        threading.Thread(target=_wait_for_end, args=(int(pipe),), daemon=True, name="follow_parent").start()


def step_aside() -> None:
    """让出一个核，自己和自己起的进程用其余的。不用 nice：torchrun 另立会话，Linux 的 autogroup 让各会话平分处理器。"""
    if hasattr(os, "sched_setaffinity"):  # macOS 没有
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[1:] or cores)


def _wait_for_end(pipe: int) -> None:
    os.read(pipe, 1)
    kill_marked(os.environ[MARK])
    os.killpg(os.getpgid(0), signal.SIGKILL)
