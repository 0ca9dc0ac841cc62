"""执行卡片的程序：一张卡片一个新进程；该报的错、存成的文件、意外都说得清。"""

import os

import pytest

from site_builder.prose.card_runner import run_apart


def card(code: str, raises: str = "", file: str = "", line: int = 1):
    return [(line, code, raises, file)]


def test_every_card_is_a_new_process():
    """前一张改过的环境、名字、导入过的模块，后一张看不到；父进程也看不到。"""
    first = "import os, nturl2path\nos.environ['LEFT'] = '1'\nname = 1\nprint(os.getpid())"
    second = (
        "import os, sys\nprint(os.getpid(), 'LEFT' in os.environ, 'nturl2path' in sys.modules, 'name' in globals())"
    )
    one, two = (run_apart(card(code)) for code in (first, second))
    assert one[1] is None and two[1] is None
    assert len({int(one[0]), int(two[0].split()[0]), os.getpid()}) == 3
    assert two[0].split()[1:] == ["False"] * 3 and "LEFT" not in os.environ


def test_the_expected_error_is_the_output():
    assert run_apart(card("print('先')\n[][3]", "IndexError")) == (
        "先\nIndexError: list index out of range",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("code", "raises", "file", "message", "line"),
    [
        ("x = 1\ny", "", "", "NameError: name 'y' is not defined", 8),
        ("x = 1\ny", "IndexError", "", "NameError: name 'y' is not defined", 8),
        ("x = 1", "IndexError", "", "应当报 IndexError，实际是：没有报错", 7),
        ("x = 1", "IndexError", "train.py", "应当报 IndexError，实际是：没有报错", 7),
        ("raise ValueError('坏')", "", "train.py", "应当不报错，实际是：ValueError: 坏", 7),
        ("import os\nos._exit(3)", "", "", "进程没有交回结果（返回 3）", 7),
        ("import os\nos.kill(os.getpid(), 9)", "", "", "进程没有交回结果（返回 -9）", 7),
    ],
)
def test_a_broken_card_says_what_and_where(code, raises, file, message, line):
    assert run_apart(card(code, raises, file, 7)) == ("", message, line)


def test_a_file_is_the_main_program():
    """存成的文件是主程序，新起的进程能导入它；报错里的空行和缩进的行都在，调用栈和后面的报错不在。"""
    code = "import sys\nprint(__name__, sys.argv)\ntry:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError(%r) from e"
    output, error, _ = run_apart(card(code % "\n    甲\n\n    乙", "RuntimeError", "train.py"))
    assert error == "应当报 RuntimeError，实际是：ZeroDivisionError: division by zero"  # 第一条
    output, error, _ = run_apart(card(code % "", "ZeroDivisionError", "train.py"))
    assert error is None
    assert output == "__main__ ['train.py']\nZeroDivisionError: division by zero"
    output, error, _ = run_apart(card("raise RuntimeError('\\n    甲\\n\\n    乙\\n')", "RuntimeError", "train.py"))
    assert (output, error) == ("RuntimeError: \n    甲\n\n    乙", None)
