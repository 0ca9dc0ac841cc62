"""执行卡片：从标准输入逐行读 [(起始行号, 代码), ...]，往标准输出写 [(输出, 报错, 行号), ...]。"""

import contextlib
import io
import json
import sys
import tempfile
import traceback
import warnings

#: 编译卡片时用的文件名，用来在调用栈里认出卡片自己的行。
CARD = "<card>"


def run_card(parts):
    """在新的名字空间和空的文件夹里执行一张卡片。"""
    output, namespace = io.StringIO(), {"__name__": "__main__"}
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(output),
        warnings.catch_warnings(),
    ):
        # 与 run_examples 一样：除了别处引起的弃用警告，警告一概是错误
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("error", category=DeprecationWarning, module="__main__")
        for line, code in parts:
            try:
                exec(compile("\n" * (line - 1) + code, CARD, "exec"), namespace)
            except BaseException as error:  # 连 SystemExit 也不放过
                frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == CARD]
                where = frames[-1] if frames else getattr(error, "lineno", None) or line
                return "", f"{type(error).__name__}: {error}", where
    return output.getvalue().rstrip(), None, None


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    torch.set_warn_always(True)  # 有的警告一个进程只发一次，而这里要跑许多张卡片
    json.dump([run_card(json.loads(line)) for line in sys.stdin], sys.stdout)
