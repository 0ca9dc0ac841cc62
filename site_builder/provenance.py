"""一页是怎样生成的：时刻、用时、机器、数据、提交，都从这里取，供各步共用。

设了 SOURCE_DATE_EPOCH（可重现构建的约定），时刻就固定下来，用时不再记录：同样的源文件得到同样的字节。
"""

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

#: 数据的来历，site_builder.data.prepare 写下。
DATA = Path("examples/data/source.json")


def now() -> datetime:
    """此刻（UTC），或 SOURCE_DATE_EPOCH 指定的时刻。"""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)


def _run(page: Path) -> dict[str, Any]:
    """教程 `page`（不带后缀的路径）那次执行的记录：``seconds`` 和 ``executed``；没有执行就是空的。"""
    try:
        found: dict[str, Any] = json.loads(page.with_suffix(".run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def executed(page: Path) -> datetime:
    """示例执行完的时刻（UTC）。"""
    when = _run(page).get("executed")
    return now() if os.environ.get("SOURCE_DATE_EPOCH") or not when else datetime.fromisoformat(when)


def running_time(page: Path) -> str:
    """示例跑了多久，写成一句话。"""
    if not _run(page):
        return "预览：代码没有执行"
    if os.environ.get("SOURCE_DATE_EPOCH"):
        return "没有记录（可重现构建）"
    return f"{_run(page)['seconds']:.1f} 秒"


@cache
def processor() -> str:
    """处理器型号与核数；读不到型号时给出架构。"""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.M)
    except OSError:
        found = None
    model = found[1] if found else platform.processor() or platform.machine()
    return f"{model}，{os.cpu_count()} 核；没有使用 GPU"


def data_source() -> str:
    """数据集从哪里来。"""
    try:
        found: str = json.loads(DATA.read_text("utf-8"))["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return "来源没有记录"
    return found


@cache
def commit(folder: Path) -> str:
    """`folder` 的 git 提交号；不在 git 里时说明。"""
    git = ["git", "-C", str(folder), "rev-parse", "--short=10", "HEAD"]
    try:
        return subprocess.check_output(git, text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return "不在 git 版本库里"
