"""源文件一句一行：哪些行不合，哪些不看。"""

import subprocess
import sys
from pathlib import Path

import pytest

from site_builder.prose.source_lines import check

ROOT = Path(__file__).resolve().parents[2]

#: 一份 Markdown，和不合的行号。
MARKDOWN = {
    "一句。\n又一句，很长；\n在逗号之后换行。": [],
    "一句。又一句。": [1],
    "断在词\n的中间。": [1],
    "加粗的**一句。**又一句。": [1],
    "（括号里。也有。）“引号。里。”只是一句。": [],
    "`代码。里。` 与 [链接。的。](https://x/。) 只是一句。": [],
    "断在 ``代码，\n里`` 面。": [1],
    "断在[链接，\n里](https://x/)。": [1],
    "- 一项，\n  接着写。\n- 又一项\n- 两句。在一项里。": [4],
    "1. 一项。再一句。": [1],
    "| 一格。两句。 | 一格 |\n|---|---|": [],
    "# 标题。可以。": [],
    "```python\n# 注释。两句。\nx = 1\n```\n断在\n这里。": [5],
    "```{note}\n提示。两句。\n```": [2],
    "```{toctree}\n首页。两句。\n```": [],
    ":::{admonition} 标题。两句。\n:class: legacy\n\n文字。两句。\n:::": [4],
    "$$\n公式。两句。\n$$\n": [],
    "---\ndescription: 前言。两句。\n---\n": [],
    "词条\n: 一句。\n  又一句。": [],
    "Five lines of English.\nThey break after a full stop.": [],
}


@pytest.mark.parametrize("text, lines", MARKDOWN.items())
def test_markdown(tmp_path, text, lines):
    assert numbers(tmp_path / "a.md", text) == lines


def numbers(file, text):
    file.write_text(text + "\n", "utf-8")
    return [int(line.split(":")[1]) for line in check(file)]


SCRIPT = '''"""
标题
====

开头一句。又一句。
"""

# %%
# 小节。标题不看
# --------------
#
# 断在
# 这里。
#
# .. math::
#
#    x。y。z
#
# .. note::
#
#    提示一句，
#    接着写。再一句。
#
# 代码::
#
#    断。在。这里
#
# - 列表里
#   断开。

# 代码里的注释。不看。
x = "字符串。不看。"  # 也不看。真的。
'''


def test_text_cells_of_a_script(tmp_path):
    assert numbers(tmp_path / "a.py", SCRIPT) == [5, 12, 22, 28]


def test_the_command_lists_places(tmp_path):
    bad, good = tmp_path / "bad.md", tmp_path / "good.md"
    bad.write_text("好。\n\n一句。又一句。\n", "utf-8")
    good.write_text("好。\n", "utf-8")

    def run(*files):
        command = [sys.executable, "-m", "site_builder.prose.source_lines", *files]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")

    result = run(bad, good)
    assert result.returncode == 1 and result.stdout.startswith(f"{bad.as_posix()}:3: 这一行不止一句")
    assert len(result.stdout.splitlines()) == 1
    assert run(good).returncode == 0


def test_our_own_pages():
    files = [*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / ".github/CONTRIBUTING.md"]
    assert [line for file in files for line in check(file)] == []
