"""由 requirements.txt 和 requirements-dev.txt 生成 constraints.txt：全部间接依赖的版本。

用 uv 的通用解析，一份清单适用于 Linux、macOS 和 Windows；只限定版本，不引起安装。

清单里没有各个文件的摘要：PyTorch 的 CPU 软件源和 PyPI 的 torch 版本相同而文件不同，pip 又要求写了一个就要全写，
一份清单就不能兼顾 CPU 与 CUDA；而只用一处的摘要，会让另一处装不上。
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
