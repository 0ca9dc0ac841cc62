"""示例和页面各坏一处：构建失败，说清楚是哪一处，不动已发布的网站。"""

import pytest
from conftest import TinySite, example

FIGURE = 'import matplotlib.pyplot as plt\nplt.rcParams["font.family"] = "Noto Sans SC"\nfig, ax = plt.subplots()\n'
PITFALL = '# %%\n# 第二格\n# ------\n#\n# 常见错误：除以零\n# ^^^^^^^^^^^^^^^^\n#\n# 报错如下。\n\ntry:\n    1 / {divisor}\nexcept ZeroDivisionError as error:\n    print(f"{{type(error).__name__}}: {{error}}")\n'

# 名字 -> (第 14 行起的代码, 构建信息里必须出现的文字)
BROKEN_EXAMPLES = {
    "raises": ("x = 1\nraise ValueError('坏了')", ["raises.py", "line 15", "ValueError: 坏了"]),
    "claims": ("total = 1 + 1\nassert total == 3, '说错了'", ["claims.py", "line 15", "AssertionError: 说错了"]),
    "warns": ("import warnings\nwarnings.warn('小心')", ["warns.py", "line 15", "UserWarning: 小心"]),
    "exits": ("import sys\nsys.exit(0)", ["exits.py 第 15 行", "示例不能中途退出（SystemExit: 0）"]),
    "leaves": ("import os\nos._exit(0)", ["leaves.py 第 15 行", "自己退出了（退出码 0）"]),
    "killed": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", ["killed.py 第 15 行", "被信号 9 结束了"]),
    "glyph": (FIGURE + "ax.plot([1, 2])\nax.set_title('少字形 \\u13000')\nplt.show()", ["glyph.py", "Glyph", "missing"]),
    "formula": (FIGURE + "ax.plot([1, 2])\nax.set_title('公式 $\\\\alpha 中文\\u1300$')\nplt.show()", ["formula.py"]),
    "untitled": (FIGURE + "ax.plot([1, 2])\nplt.show()", ["untitled.py", "没有中文标题"]),
    "blank": (FIGURE + "ax.set_title('什么也没有')\nplt.show()", ["blank.py", "是空的"]),
    "nothing": (FIGURE + "ax.set_title('全是')\nax.plot([1, 2], [float('nan')] * 2)\nplt.show()", ["nothing.py", "全是 nan"]),
    "halfway": (FIGURE + "raise ValueError('画到一半')", ["halfway.py", "line 17", "ValueError: 画到一半"]),
    "closed": (FIGURE + "ax.set_title('关了')\nplt.close('all')\nplt.show()", ["closed.py", "plt.show() 时没有图"]),
    "hangs": ("import time\ntime.sleep(1000)", ["hangs.py", "line 15", "跑了 5 秒还没有结束"]),
    "deaf": (
        "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})\ntime.sleep(1000)",
        ["deaf.py 第 16 行", "也叫不停，进程已被结束"],
    ),
    "mute": ("rows = []\nprint(*rows, sep='', end='')", ["mute.py 第 14 行", "什么也没有打印：rows = []"]),
    "indented": ("for row in []:\n    print(row)", ["indented.py 第 14 行", "什么也没有打印：for row"]),
    "silent": ("pass\n\n" + PITFALL.format(divisor=1), ["silent", "没有输出：该报的错没有报"]),
    "thread": (
        "import threading\nthread = threading.Thread(target=lambda: 1 / 0)\nthread.start()\nthread.join()",
        ["thread.py 第 14 行", "线程里出了错：ZeroDivisionError"],
    ),
    "running": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), name='不停').start()",
        ["running.py", "线程 不停 还没有结束"],
    ),
    "finalizer": ("class A:\n    def __del__(self):\n        1 / 0\n\n\nA()\nprint(1)", ["finalizer.py", "没有人接到的错误：ZeroDivisionError"]),
    "resource": ("text = open(__import__('os').devnull).read()\nprint(1)", ["resource.py", "ResourceWarning: unclosed file"]),
    "awaited": ("async def f():\n    pass\n\n\nf()\nprint(1)", ["awaited.py", "was never awaited"]),
    "logs": ("import logging\nlogging.getLogger('某处').warning('小心')", ["logs.py", "日志 某处：小心"]),
    "child": ("import subprocess, sys\nsubprocess.run([sys.executable, '-c', '1 / 0'], capture_output=True)", ["child.py", "子进程的退出码是 1，没有人看"]),
    "address": ("print(object())", ["address.py 第 14 行", "输出里有内存地址 0x"]),
    "path": ("import os\nprint(os.getcwd())", ["path.py 第 14 行", "输出里有这台机器的路径"]),
    "control": ("print('a\\x07b')", ["control.py 第 14 行", "输出里有控制字符 '\\x07'"]),
    "floods": ("print('很多字' * 10000)", ["floods.py 第 14 行", "超过 20000 个"]),
}  # fmt: skip
#: 没有坏：看起来像、其实都该放过的。
GOOD = """import subprocess, sys, threading, warnings

done = subprocess.run([sys.executable, "-c", "raise SystemExit(3)"])
print("退出码", done.returncode)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    warnings.warn("不要紧")
if sys.argv[1:]:
    print("不会走到")
print(__debug__, sys.flags.optimize)"""
BROKEN_PAGES = {
    "links": ("# 坏链接\n\n这一页有一个指向不存在的页面的链接：[没有](nowhere.md)，别的都正常。\n", ["links.md:3", "nowhere.md"]),
    "anchors": ("# 坏锚点\n\n这一页有一个指向不存在的标题的链接：[没有](#没有这个标题)，别的都正常。\n", ["anchors.md:3", "没有这个标题"]),
    "pictures": ("# 坏图片\n\n这一页引用了一张不存在的图片，别的都正常。\n\n![没有](nowhere.png)\n", ["pictures.md:5", "nowhere.png"]),
    "words": ("# 坏术语\n\n这一页用了一个术语表里没有的词：{term}`没有这个词`，别的都正常。\n", ["words.md:3", "没有这个词"]),
    "maths": ("# 坏公式\n\n这一页有一个写错的公式，别的都正常：$\\frac{1}{$。\n", ["maths.md", "公式写错了"]),
    "script": ("# 坏地址\n\n这一页有一个会执行脚本的链接，别的都正常，足够长。\n\n```{eval-rst}\n`点我 <javascript:alert>`__\n```\n", ["script.md", "javascript:alert"]),
    "refresh": ("# 坏标签\n\n这一页有一个会跳走的标签，别的都正常，足够长。\n\n```{raw} html\n<meta http-equiv=\"refresh\" content=\"0\">\n```\n", ["refresh.md:5", "raw"]),
    "outside": ("# 坏引用\n\n这一页引用了仓库外面的文件，别的都正常，足够长。\n\n```{literalinclude} ../../../../../outside.txt\n```\n", ["outside.md", "仓库外面"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """一个网站，每篇示例、每个页面坏一处；构建一次，许多断言共用。环境变量 PYTHONOPTIMIZE 也不许放过 assert。"""
    examples = {name: example(code) for name, (code, _) in BROKEN_EXAMPLES.items()}
    examples["good"] = example(GOOD)
    pages = {name: text for name, (text, _) in BROKEN_PAGES.items()}
    tiny = TinySite(tmp_path_factory.mktemp("broken") / "有 空格", examples, pages, "example_seconds = 5")
    tiny.edit("site_builder/gallery/run.py", "GRACE = 20", "GRACE = 2")
    tiny.write("build/html/index.html", "上一次的网站")
    tiny.write("../outside.txt", "别处的秘密")
    return tiny, tiny.build(PYTHONOPTIMIZE="1")


def test_broken_site_is_not_published(broken):
    tiny, result = broken
    assert result.returncode == 1
    assert tiny.published() == {"index.html": "上一次的网站".encode()}
    assert "build/html 没有动" in result.stdout


@pytest.mark.parametrize("name", BROKEN_EXAMPLES)
def test_broken_example_is_named(broken, name):
    _, result = broken
    for text in BROKEN_EXAMPLES[name][1]:
        assert text in result.stdout, result.stdout[-9000:]


@pytest.mark.parametrize("name", BROKEN_PAGES)
def test_broken_page_is_named(broken, name):
    _, result = broken
    for text in BROKEN_PAGES[name][1]:
        assert text in result.stdout, result.stdout[-9000:]


def test_good_example_among_the_broken_ones_passes(broken):
    tiny, result = broken
    assert "examples/good.py" not in result.stdout
    assert "退出码 3" in tiny.record("good").read_text("utf-8")
    assert "True 0" in tiny.record("good").read_text("utf-8")


#: 一个示例改动的东西，下一个示例（同一份代码）里必须还是原样。
CHANGES = """import builtins, logging, os, random, sys

import numpy as np
import torch

print("梯度", torch.is_grad_enabled(), "确定", torch.are_deterministic_algorithms_enabled())
print("异常检查", torch.is_anomaly_enabled(), "设备", torch.get_default_device(), torch.get_default_dtype())
print("打印", np.get_printoptions()["precision"], np.geterr()["divide"], sys.getrecursionlimit())
print("环境", os.environ.get("LEFT"), "日志", logging.root.manager.disable, hasattr(builtins, "left"))
print("种子", torch.initial_seed(), torch.rand(1).item(), os.path.exists("left.txt"))
torch.set_grad_enabled(False)
torch.use_deterministic_algorithms(True)
torch.autograd.set_detect_anomaly(True)
torch.set_default_device("meta")
torch.set_default_dtype(torch.float64)
np.set_printoptions(precision=2)
np.seterr(divide="raise")
sys.setrecursionlimit(5000)
os.environ["LEFT"] = "留下"
os.umask(0o077)
logging.disable(logging.CRITICAL)
builtins.left = 1
torch.manual_seed(7)
open("left.txt", "w").close() if False else os.close(os.open("left.txt", os.O_CREAT))
torch.Tensor.relu = None"""


def test_one_example_does_not_change_another(tmp_path):
    """两篇同样的示例，各把全局的东西改了个遍：两页的输出一样，examples/ 里什么也没有留下。"""
    tiny = TinySite(tmp_path / "site", {"first": example(CHANGES), "second": example(CHANGES)})
    before = sorted(path.name for path in (tiny.folder / "examples").iterdir())
    result = tiny.build()
    assert result.returncode == 0, result.stdout
    import json

    one, two = (json.loads(tiny.record(name).read_text("utf-8"))["outputs"] for name in ("first", "second"))
    assert one == two and "梯度 True" in one[0] and "环境 None" in one[0]
    assert sorted(path.name for path in (tiny.folder / "examples").iterdir()) == before
