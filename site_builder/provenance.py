"""一页是怎样生成的：时刻、用时、机器、数据、提交，都从这里取。不是扩展，供扩展共用。

设了 SOURCE_DATE_EPOCH（可重现构建的约定），时刻就固定下来，用时不再记录：同样的源文件得到同样的字节。
"""

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def now():
    """此刻（UTC），或 SOURCE_DATE_EPOCH 指定的时刻。"""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)


def executed(cost):
    """示例执行完的时刻（UTC）。`cost` 是 Sphinx-Gallery 执行完写下的 ``.cost.json``。"""
    if os.environ.get("SOURCE_DATE_EPOCH") or not cost.is_file():
        return now()
    return datetime.fromtimestamp(cost.stat().st_mtime, UTC)


def running_time(cost):
    """示例跑了多久，写成一句话。"""
    try:
        seconds = json.loads(cost.read_text("utf-8"))["time"]
    except (OSError, ValueError, KeyError):
        return "预览：代码没有执行"
    if os.environ.get("SOURCE_DATE_EPOCH"):
        return "没有记录（可重现构建）"
    return f"{seconds:.1f} 秒"


def processor():
    """处理器型号与核数；读不到型号时给出架构。"""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.M)
    except OSError:
        found = None
    model = found[1] if found else platform.processor() or platform.machine()
    return f"{model}，{os.cpu_count()} 核；没有使用 GPU"


def data_source(record):
    """数据集从哪里来。`record` 是 tools/prepare_cifar10.py 写下的 ``source.json``。"""
    try:
        return json.loads(record.read_text("utf-8"))["source"]
    except (OSError, ValueError, KeyError):
        return "来源没有记录"


def commit(folder):
    """`folder` 的 git 提交号；不在 git 里时说明。"""
    git = ["git", "-C", str(folder)]
    try:
        number = subprocess.check_output(
            [*git, "rev-parse", "--short=10", "HEAD"], text=True, stderr=subprocess.DEVNULL
        )
        changed = subprocess.check_output([*git, "status", "--porcelain", "--untracked-files=no"], text=True)
    except (OSError, subprocess.CalledProcessError):
        return "不在 git 版本库里"
    return number.strip() + ("（另有未提交的改动）" if changed.strip() else "")


def newest_page(app, docnames=None):
    """这些页（缺省是全部）里最近写成的那一页的时刻（纳秒）：由它们做成的东西若比它还新，就不必再做。"""
    return max(Path(app.outdir, f"{name}.html").stat().st_mtime_ns for name in docnames or app.env.all_docs)
