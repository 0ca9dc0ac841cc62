"""像读者那样运行五篇教程的脚本：各在自己的文件夹里，只用 torch、torchvision 和 matplotlib。

用法：python site_builder/downloads/try_out.py [名字 ...]

跑的是 examples/ 里的脚本，比读者下载的多出藏起来的检查：那些检查在各个系统上也要成立。

不需要 make，也不需要构建网站的依赖，Windows、macOS、Linux 上是同一个命令；公开 CI 每周在各个系统、
新旧版本的 Python 与 torch 上跑它。数据放在第一次用到它的文件夹里，由 torchvision 下载。任何一篇出错，退出码是 1，
并说出是哪一篇。
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: 一篇最多跑多少秒。
LIMIT = 3600


def run(name: str, folder: Path) -> str:
    """在 `folder` 里运行一篇，返回出错的说明；没有出错时为空。"""
    if not (ROOT / "examples" / f"{name}.py").is_file():
        return "examples/ 里没有这一篇"
    script = Path(shutil.copy(ROOT / "examples" / f"{name}.py", folder))
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONUTF8": "1"}
    try:
        result = subprocess.run([sys.executable, script.name], cwd=folder, env=environment, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return f"跑了 {LIMIT} 秒还没有结束"
    return f"退出码 {result.returncode}，原因见上" if result.returncode else ""


def main() -> None:
    failures = []
    for name in sys.argv[1:] or sorted(path.stem for path in (ROOT / "examples").glob("*.py")):
        print(f"== {name}", flush=True)
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            problem = run(name, Path(folder))
        print(f"== {name}：{problem or '通过'}（{time.monotonic() - start:.0f} 秒）", flush=True)
        if problem:
            failures.append(f"{name}：{problem}")
    if failures:
        sys.exit("错误：" + "；".join(failures))


if __name__ == "__main__":
    main()
