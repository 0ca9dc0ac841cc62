"""维护者的机器：Python 太旧、依赖装不上、工作流写错，都说清楚。"""

import functools
import http.server
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT


def test_old_python_is_refused(tmp_path):
    """版本检查在旧 Python 上也能跑到：脚本用旧语法写成。"""
    import ast

    source = (ROOT / "site_builder/venv.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 4))
    script = "import sys, runpy; sys.version_info = (3, 8, 1); sys.argv = ['venv.py']; runpy.run_path(%r, run_name='__main__')"
    result = subprocess.run(
        [sys.executable, "-c", script % str(ROOT / "site_builder/venv.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "需要 Python 3.11" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("network", ["closed", "stalled"])
def test_requirement_that_cannot_be_installed(tmp_path, network):
    """装不上依赖（没有网络，或连上以后没有动静）：说清楚，不留下当作装好了的 .venv。"""
    for name in (
        "site_builder/venv.py",
        "site_builder/node/package-lock.json",
        "constraints.txt",
        "requirements-dev.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "requirements.txt").write_text("package-that-does-not-exist==1.0\n")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if network == "stalled":
            listener.listen()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/simple"
        settings = {"PIP_INDEX_URL": address, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        result = subprocess.run(
            [sys.executable, "site_builder/venv.py", "cuda"],
            cwd=tmp_path,
            env={**environment, **settings, "PIP_DEFAULT_TIMEOUT": "2"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
        )
    assert result.returncode == 1
    assert "错误：有依赖没装上" in result.stderr and "PIP_INDEX_URL" in result.stderr
    assert not (tmp_path / ".venv/ready").exists()


def test_lint():
    """代码、文字、工作流都通过 make lint；弄坏的工作流通不过。"""
    result = subprocess.run(["make", "lint"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("runs-on: ubuntu-24.04", "runs-on: ubuntu-1804"),  # actionlint：没有这种机器
        ("  pull_request:", "  pull_request_target:"),  # zizmor：拉取请求碰得到密钥
    ],
    ids=["actionlint", "zizmor"],
)
def test_bad_workflow_is_refused(tmp_path, old, new):
    text = (ROOT / ".github/workflows/site.yml").read_text("utf-8")
    assert old in text
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/site.yml").write_text(text.replace(old, new, 1), "utf-8")
    shutil.copy(ROOT / "Makefile", tmp_path)
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.M)[1]
    commands = [line.strip().lstrip("@") for line in lint.splitlines()][1:]
    commands = [c.replace("$(RUN)", ".venv/bin/python") for c in commands]
    for name in (".venv", "site_builder"):
        (tmp_path / name).symlink_to(ROOT / name)
    codes = [subprocess.run(c, shell=True, cwd=tmp_path, capture_output=True).returncode for c in commands]
    assert any(codes)


def test_make_builds_once_and_then_tests(tmp_path):
    """``make -j2 html test``：测试等构建完才开始，构建只有一次。"""
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "开始 $*" >> log\nsleep 0.3\necho "结束 $*" >> log\n', "utf-8")
    python.chmod(0o755)
    subprocess.run(["make", "-j2", f"PYTHON={python}", "html", "test"], cwd=tmp_path, check=True, capture_output=True)
    log = (tmp_path / "log").read_text("utf-8").splitlines()
    assert [line.split()[1] for line in log[::2]] == [line.split()[1] for line in log[1::2]]
    assert [line[:2] for line in log] == ["开始", "结束"] * 4, log
    assert sum("site_builder.build" in line for line in log) == 2 and "pytest" in log[-1]


def venv_module():
    specification = importlib.util.spec_from_file_location("site_venv", ROOT / "site_builder/venv.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_cpu_index_out_of_reach_costs_little(monkeypatch, capsys):
    """PyTorch 的 CPU 软件源连不上：用一行说明，改用通常的软件源，不超过连接的时限。"""
    module = venv_module()
    monkeypatch.setattr(module, "CPU_INDEX", "http://127.0.0.1:9")
    monkeypatch.setattr(module.platform, "system", lambda: "Linux")
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    start = time.monotonic()
    assert module.torch_options("auto") == []
    assert time.monotonic() - start < module.CONNECT_SECONDS
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert module.torch_options("cpu") == ["--extra-index-url", "http://127.0.0.1:9"]
    assert module.torch_options("cuda") == []


@pytest.mark.parametrize("speed", ["快", "慢"])
def test_cpu_index_is_asked_for_its_speed(monkeypatch, tmp_path, speed):
    module = venv_module()
    (tmp_path / "torch").mkdir()
    wheel = "torch-2.14.1+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"
    (tmp_path / "torch/index.html").write_text(f'<a href="{wheel}#sha256=0">{wheel}</a>', "utf-8")
    (tmp_path / "torch" / wheel).write_bytes(bytes(3_000_000))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(module, "CPU_INDEX", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(module, "SLOWEST", 1000 if speed == "快" else 10**12)
    fast, reason = module.cpu_index_is_fast()
    server.shutdown()
    assert fast == (speed == "快") and "kB/s" in reason
