"""由 requirements.txt 和 requirements-dev.txt 生成 constraints.txt：全部间接依赖的版本。

用 uv 的通用解析，一份清单适用于 Linux、macOS 和 Windows；只限定版本，不引起安装。
"""

import subprocess
import sys
from pathlib import Path

HEADER = """\
# 由 make lock 生成：requirements*.txt 的全部间接依赖，适用于 Linux、macOS、Windows。
# 只限定版本，不引起安装：CPU 版的 torch 不会因此带上 nvidia-* 或 triton。
"""

command = ["uv", "pip", "compile", "--universal", "--python-version=3.11", "--quiet"]
command += ["--no-header", "--no-annotate", "--no-emit-index-url", "requirements.txt", "requirements-dev.txt"]
try:
    resolved = subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.PIPE, text=True).stdout
except subprocess.CalledProcessError as error:
    sys.exit(f"错误：没能解析依赖（uv 退出码 {error.returncode}），constraints.txt 没有动。")
Path("constraints.txt").write_text(HEADER + resolved, "utf-8")
