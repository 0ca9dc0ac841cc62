"""古怪的示例、页面、卡片和环境变量：要么好好地构建，要么一句话说清楚，没有本项目的调用栈，也不怪内存。"""

import os
import signal
import time

import pytest
from conftest import TinySite, example
from histories import SENTENCE, alive

#: 名字 -> (第 14 行起的代码, 构建信息里必须出现的文字)
EXAMPLES = {
    "half": ("print('半个字符 \\ud800')", ["half.py 第 14 行", "控制字符 '\\ud800'"]),
    "half_error": ("raise ValueError('半个字符 \\ud800')", ["half_error.py 第 14 行", "ValueError"]),
    "half_name": ("import warnings\nwarnings.warn('\\ud800')", ["half_name.py 第 15 行", "UserWarning"]),
    "interrupted": ("x = 1\nraise KeyboardInterrupt", ["examples/interrupted.py\", line 15", "示例不能中途退出（KeyboardInterrupt"]),
    "base": ("class 停(BaseException):\n    pass\n\n\nraise 停('够了')", ["examples/base.py\", line 18", "示例不能中途退出（停: 够了）"]),
    "leaves": ("raise SystemExit('再见')", ["examples/leaves.py\", line 14", "示例不能中途退出（SystemExit: 再见）"]),
    "generator": ("raise GeneratorExit", ["examples/generator.py\", line 14", "示例不能中途退出（GeneratorExit"]),
    "crash": ("import ctypes\nctypes.string_at(0)", ["crash.py 第 15 行", "被信号 11 结束了"]),
    "aborts": ("import os\nos.abort()", ["aborts.py 第 15 行", "被信号 6 结束了"]),
    "deep": ("def f():\n    return f()\n\n\nf()", ["examples/deep.py\", line 18", "RecursionError"]),
    "megabytes": ("print('很多' * 5_000_000)", ["megabytes.py 第 14 行", "输出有", "超过 20000 个"]),
    "below": ("import os\nfor _ in range(300):\n    os.write(1, b'x' * 100_000)\nprint('完')", []),
    "page": ("print(1)" + "\n\n# %%\n# 文字。\n\nprint('字' * 19000)" * 11, ["examples/page.py：全篇的输出超过 200000 个字符"]),
}  # fmt: skip
PAGES = {
    "card": ("# 卡片\n\n这一页的卡片印出半个字符，别的没有，足够长。\n\n```{card-code} 卡片\nprint('\\ud800')\n```\n".encode(), ["card.md:6", "控制字符"]),
    "cards": ("# 卡片\n\n这一页的卡片印出许多，别的没有，足够长，可以了。\n\n```{card-code} 卡片\nprint('x' * 3_000_000)\n```\n".encode(), ["cards.md:6", "超过 20000 个"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    tiny = TinySite(tmp_path_factory.mktemp("odd"), {name: example(code) for name, (code, _) in EXAMPLES.items()})
    names = "\n".join(["tutorials/index", *PAGES])
    tiny.write(
        "docs/index.md", f"# 小网站\n\n这是测试用的小网站，只有几篇很短的示例。\n\n```{{toctree}}\n{names}\n```\n"
    )
    for name, (text, _) in PAGES.items():
        (tiny.folder / f"docs/{name}.md").write_bytes(text)
    tiny.write("build/html/index.html", "上一次的网站")
    return tiny, tiny.build()


def test_odd_site_is_not_published(broken):
    tiny, result = broken
    assert result.returncode == 1 and list(tiny.published()) == ["index.html"]
    assert SENTENCE.match(result.stdout.strip().splitlines()[-1]), result.stdout[-2000:]
    assert "site_builder/" not in result.stdout and "sphinx-err" not in result.stdout, result.stdout
    assert len(result.stdout) < 60_000


@pytest.mark.parametrize("name", EXAMPLES)
def test_odd_example_is_named(broken, name):
    for text in EXAMPLES[name][1]:
        assert text in broken[1].stdout, broken[1].stdout[-9000:]


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("docs/index.md", b"# \xe5\xb0\x8f\n\n\xed\xa0\x80\n", "docs/index.md 第 3 行"),  # 半个字符写成了字节
        ("docs/index.md", "# 小网站\n\n另一种编码。\n".encode("gbk"), "docs/index.md 第 1 行"),
        ("conf.py", b"tutorials = [\n", "conf.py 读不了：SyntaxError"),
    ],
)
def test_file_that_cannot_be_read(tiny, name, content, text):
    site = tiny({"first": example()})
    site.write("build/html/index.html", "上一次的网站")
    (site.folder / name).write_bytes(content)
    result = site.build()
    last = result.stdout.strip().splitlines()[-1]
    assert result.returncode == 1 and last.startswith("错误：") and text in last, result.stdout
    assert "Traceback" not in result.stdout and list(site.published()) == ["index.html"]


def test_cards_end_with_the_build(tiny):
    """构建被 kill -9：执行卡片的进程五秒之内也走。"""
    card = "# 卡片\n\n这一页的卡片要跑很久，别的没有，足够长，可以了。\n\n```{card-code} 卡片\nimport time\ntime.sleep(60)\n```\n"
    site = tiny({"first": example()}, {"card": card})
    build = site.start()
    deadline = time.monotonic() + 60
    while len(alive(site.folder)) < 2 and time.monotonic() < deadline:  # 构建、执行卡片的进程
        time.sleep(0.2)
    time.sleep(5)  # 示例早已执行完
    assert len(alive(site.folder)) >= 2
    build.kill()
    build.wait()
    deadline = time.monotonic() + 5
    while (left := alive(site.folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for number in left:
        os.kill(number, signal.SIGKILL)
    assert not left


@pytest.mark.parametrize("name", PAGES)
def test_odd_page_is_named(broken, name):
    for text in PAGES[name][1]:
        assert text in broken[1].stdout, broken[1].stdout[-9000:]
