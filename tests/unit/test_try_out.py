"""各个系统上试运行脚本的那个命令：只要 Python，一篇出错，其余照跑。"""

import shutil
import subprocess
import sys

from conftest import ROOT


def test_downloads_through_one_command(tmp_path):
    """退出码不是 0，说出是哪一篇；名字写错也说清楚。-S 让装好的软件包都不在：它不靠构建网站的依赖。"""
    (tmp_path / "examples").mkdir()
    (tmp_path / "site_builder/downloads").mkdir(parents=True)
    shutil.copy(ROOT / "site_builder/downloads/try_out.py", tmp_path / "site_builder/downloads")
    (tmp_path / "examples/good.py").write_text("open('left-behind', 'w').close()\nprint('跑到了')\n", "utf-8")
    (tmp_path / "examples/bad.py").write_text("raise ValueError('坏了')\n", "utf-8")

    def run(*names):
        command = [sys.executable, "-S", "site_builder/downloads/try_out.py", *names]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")

    both = run()
    assert both.returncode == 1
    assert "跑到了" in both.stdout and "good：通过" in both.stdout
    assert "错误：bad：退出码 1" in both.stderr and "ValueError: 坏了" in both.stderr
    assert run("good").returncode == 0
    assert "nosuch：examples/ 里没有这一篇" in run("nosuch").stderr
    assert not list(tmp_path.rglob("left-behind"))
