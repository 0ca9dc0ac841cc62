"""示例里哪些事是错误：示例自己没有理会的警告、线程和析构里的异常、没有人看的退出码、说不清的输出。

都在执行示例的进程里用。`Watch` 收集问题，执行完由 `worker` 交给主进程。
"""

import ast
import gc
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from site_builder.gallery.figures import ExampleError
from site_builder.outputs import PAGE_LIMIT, faults


class Watch:
    """看着一个示例执行。`problems` 是 [(行号或 0, 说明), ...]。"""

    def __init__(self, progress: Path) -> None:
        self.progress, self.problems, self.line = progress, list[tuple[int, str]](), 0
        self.threads = set(threading.enumerate())
        self.children: list[Any] = []

    def start(self) -> None:
        """装上各处的钩子。"""
        warnings.resetwarnings()
        # 与 Python 的缺省一样，只理会示例自己引起的弃用警告；别的警告一概是错误
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("error", category=DeprecationWarning, module="__main__")
        threading.excepthook = lambda info: self.note(f"线程里出了错：{info.exc_type.__name__}: {info.exc_value}")
        sys.unraisablehook = lambda info: self.note(
            f"没有人接到的错误：{type(info.exc_value).__name__}: {info.exc_value}"
        )
        logging.getLogger().addHandler(_Fatal(logging.WARNING))
        for name in ("matplotlib.mathtext", "matplotlib.font_manager"):  # 公式里缺字形只写日志
            logging.getLogger(name).addHandler(_Fatal(logging.WARNING))
        self._watch_children()
        self._watch_show()

    def note(self, text: str) -> None:
        self.problems.append((self.line, text))

    def cell(self, run: Callable[[], Any]) -> tuple[float, Any]:
        """包住每一格（Sphinx-Gallery 的 ``show_memory``）：记下行号；``sys.exit`` 是错误。"""
        code = getattr(run, "code", None)
        if code is not None:
            self.line = next((line for *_, line in code.co_lines() if line), 1)
            self.progress.write_text(str(self.line), "utf-8")
        try:
            return 0.0, run()
        except Exception:
            raise
        except BaseException as error:  # SystemExit、KeyboardInterrupt：Sphinx-Gallery 会放它们过去
            message = f"示例不能中途退出（{type(error).__name__}: {error}）"
            raise ExampleError(message).with_traceback(error.__traceback__) from None

    def finish(self, blocks: list[Any], outputs: list[str]) -> None:
        """执行完以后再查：留着的线程、子进程，和每一格的输出。"""
        gc.collect()
        for thread in set(threading.enumerate()) - self.threads:
            if not thread.daemon:
                thread.join(1)
            if thread.is_alive() and not thread.daemon:
                self.note(f"线程 {thread.name} 还没有结束：示例结束前要 join 它")
        for child in self.children:
            if child.unseen():
                self.note(f"子进程的退出码是 {child.unseen()}，没有人看：{str(child.args)[:80]}")
        for block, output in zip(blocks, outputs, strict=True):
            if block.type == "code":
                first = block.lineno + len(block.content) - len(block.content.lstrip("\n"))
                self.problems += [(first, text) for text in self._wrong(block.content, output)]
        if sum(map(len, outputs)) > PAGE_LIMIT:
            self.problems.append((0, f"全篇的输出超过 {PAGE_LIMIT} 个字符"))

    def _wrong(self, code: str, output: str) -> list[str]:
        found = faults(output)
        if "sphx-glr-script-out" not in output and prints(code):
            found.append(f"这一格里有 print，却什么也没有打印：{code.strip()[:60]}")
        return found

    def _watch_children(self) -> None:
        """记下每个子进程，和它的退出码有没有人看过（subprocess 自己看的不算）。"""
        watch = self

        class Seen:
            """退出码有没有被 subprocess 以外的代码读过。"""

            _code: int | None = None
            _looked = False

            @property
            def returncode(self) -> int | None:
                if sys._getframe(1).f_globals.get("__name__") != "subprocess":
                    self._looked = True
                return self._code

            @returncode.setter
            def returncode(self, value: int | None) -> None:
                self._code = value

            def unseen(self) -> int:
                return 0 if self._looked or not self._code else self._code

        class Popen(Seen, subprocess.Popen):  # type: ignore[type-arg]
            def __init__(self, *arguments: Any, **options: Any) -> None:
                self.completed: Any = None
                watch.children.append(self)
                super().__init__(*arguments, **options)

            def wait(self, timeout: float | None = None) -> int:
                self._looked |= sys._getframe(1).f_globals.get("__name__") != "subprocess"
                return super().wait(timeout)

            def poll(self) -> int | None:
                self._looked |= sys._getframe(1).f_globals.get("__name__") != "subprocess"
                return super().poll()

        class CompletedProcess(Seen, subprocess.CompletedProcess):  # type: ignore[misc, type-arg]
            def __init__(self, *arguments: Any, **options: Any) -> None:
                watch.children[-1]._looked = True  # 由它来看
                watch.children.append(self)
                super().__init__(*arguments, **options)

            def check_returncode(self) -> None:
                self._looked = True
                super().check_returncode()

        class Failed(subprocess.CalledProcessError):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                if watch.children:
                    watch.children[-1]._looked = True
                super().__init__(*arguments, **options)

        subprocess.Popen, subprocess.CompletedProcess = Popen, CompletedProcess  # type: ignore[misc]
        subprocess.CalledProcessError = Failed  # type: ignore[misc]

    def _watch_show(self) -> None:
        """``plt.show()`` 时没有图：图已经关了，或者没有画。"""
        if "matplotlib" not in sys.modules:  # worker 只在示例用到时导入
            return
        import matplotlib.pyplot as plt

        show = plt.show

        def checked(*arguments: Any, **options: Any) -> Any:
            if not plt.get_fignums():
                raise ExampleError("plt.show() 时没有图：图已经关了，或者没有画")
            return show(*arguments, **options)

        plt.show = checked


class _Fatal(logging.Handler):
    """日志里的警告也是警告。"""

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("sphinx"):
            raise ExampleError(f"日志 {record.name}：{record.getMessage()}")


def prints(code: str) -> bool:
    """这一格自己无条件地调用了 ``print``：不在它定义的函数里，也不在 if、except 里。"""
    passed_over = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | ast.If | ast.ExceptHandler

    def calls(node: ast.AST) -> bool:
        if isinstance(node, passed_over):
            return False
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            return not any(word.arg == "file" for word in node.keywords)
        return any(map(calls, ast.iter_child_nodes(node)))

    return calls(ast.parse(code))
