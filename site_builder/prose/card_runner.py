"""执行卡片：从标准输入逐行读卡片，往标准输出写 [(输出, 报错, 行号), ...]；只用到 `processes`。

一张卡片是几段 (起始行号, 代码, 该报的错, 存成的文件)，先后在同一个名字空间里执行。torch 只导入一次，每张卡片在新
分出来的进程里跑，开过的线程、改过的设置、注册过的东西都不会留给下一张。
"""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path

#: 编译卡片时用的文件名，用来在调用栈里认出卡片自己的行。
CARD = "<card>"
#: 一张卡片最多跑多少秒；超过就由系统结束它。
SECONDS = 120
#: 另起的程序打印的第一条报错：缩进的行和夹在中间的空行都算。
MESSAGE = re.compile(r"^\w+(?:Error|Exception): .*(?:\n(?:[ \t]+\S.*|[ \t]*(?=\n[ \t]+\S)))*", re.M)

#: (起始行号, 代码, 该报的错的类名, 存成的文件)；后两项多半是空的。
Part = tuple[int, str, str, str]
#: (输出, 报错或 None, 报错的行号或 None)。
Result = tuple[str, str | None, int | None]


def run_card(parts: Sequence[Part]) -> Result:
    """在新的名字空间和空的文件夹里执行一张卡片。"""
    output, namespace = io.StringIO(), {"__name__": "__main__"}
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(output),
        warnings.catch_warnings(),
    ):
        # 与执行示例时一样：除了别处引起的弃用警告，警告一概是错误
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("error", category=DeprecationWarning, module="__main__")
        for line, code, raises, file in parts:
            raised = ""
            try:
                if file:
                    raised = run_file(Path(file), code)
                else:
                    exec(compile("\n" * (line - 1) + code, CARD, "exec"), namespace)
            except BaseException as error:  # 连 SystemExit 也不放过
                raised = f"{type(error).__name__}: {error}"
                if raised.partition(":")[0] != raises:
                    frames = [one.lineno for one in traceback.extract_tb(error.__traceback__) if one.filename == CARD]
                    return "", raised, frames[-1] if frames else getattr(error, "lineno", None) or line
            if raised.partition(":")[0] != raises:
                return "", f"应当{'报 ' + raises if raises else '不报错'}，实际是：{raised or '没有报错'}", line
            print(raised, end="")
    return output.getvalue().rstrip(), None, None


def run_file(path: Path, code: str) -> str:
    """把代码存成文件，作为主程序运行；返回打印的第一条报错，没有报错就是空字符串。"""
    path.write_text(code, "utf-8")
    run = subprocess.run([sys.executable, path.name], capture_output=True, encoding="utf-8", timeout=SECONDS)
    print(run.stdout, end="")
    message = MESSAGE.search(run.stderr)
    return message[0] if message else run.stderr


def run_apart(parts: Sequence[Part]) -> Result:
    """在分出来的进程里执行一张卡片；它没有交回结果就结束了，也是报错。"""
    read, write = os.pipe()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # 另有线程看着父进程
        child = os.fork()
    if child == 0:
        try:
            signal.alarm(SECONDS)
            with os.fdopen(write, "w", encoding="utf-8") as pipe:
                json.dump(run_card(parts), pipe)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as pipe:
        text = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return tuple(json.loads(text)) if text else ("", f"进程没有交回结果（返回 {code}）", parts[-1][0])


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from site_builder.processes import follow_parent, step_aside

    follow_parent()
    step_aside()
    import torch

    torch.set_num_threads(1)
    torch.set_warn_always(True)  # 有的警告一个进程只发一次，导入 torch 时也许已经发过
    json.dump([run_apart(json.loads(line)) for line in sys.stdin], sys.stdout)
