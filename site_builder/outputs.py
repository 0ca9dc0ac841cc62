"""印在网页上的输出——示例的、卡片的——不许有什么：长得离谱、内存地址、控制字符、这台机器的路径和名字。"""

import contextlib
import getpass
import platform
import re
import sys
import tempfile
from pathlib import Path

#: 一处输出、一篇的全部输出最多多少个字符。
LIMIT, PAGE_LIMIT = 20_000, 200_000
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
#: 控制字符，和写不成 UTF-8 的半个字符。
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\ud800-\udfff]")


def faults(output: str) -> list[str]:
    """`output` 不合的地方，各一句话。"""
    found = []
    if len(output) > LIMIT:
        found.append(f"输出有 {len(output)} 个字符，超过 {LIMIT} 个")
    if match := _ADDRESS.search(output):
        found.append(f"输出里有内存地址 {match[0]}：每次都不同，打印之前换掉")
    if match := _CONTROL.search(output.replace("\r\n", "\n")):
        found.append(f"输出里有控制字符 {match[0]!r}")
    return found + [f"输出里有{what}" for what, text in own_names() if text in output]


def own_names() -> list[tuple[str, str]]:
    """这台机器的路径和名字：不该印在页面上。太短、太平常的不算。"""
    folders = [Path.cwd(), Path(tempfile.gettempdir()), Path(sys.prefix)]
    names = [("这台机器的名字", platform.node())]
    with contextlib.suppress(RuntimeError, KeyError, OSError):  # 容器里可能既没有 HOME，也没有用户名
        folders.append(Path.home())
        names.append(("用户名", getpass.getuser()))
    return [
        (what, text)
        for what, text in [*(("这台机器的路径", f"{folder}/") for folder in folders), *names]
        if len(text) > 4
    ]
