"""随机的历史：改来改去、弄坏、打断以后，增量构建要么说清楚失败在哪里、什么也不动，要么就是从头构建。

``make test`` 跑一分钟，种子是定数；找更久：``HISTORIES_SECONDS=3600 HISTORIES_SEED=随便 pytest -s tests/failures/test_histories.py``。
找到的缩短以后打印出来，贴进 `KEPT`，以后每次都演。
"""

import os
import random
import time
import traceback

import pytest
from histories import Find, Stage, shrink
from history_steps import draw

SECONDS = float(os.environ.get("HISTORIES_SECONDS", "60"))
SEED = os.environ.get("HISTORIES_SEED", "1")
#: 有的值不像话，网站都该一样。
ODD = {
    "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "TMPDIR": "/proc/nowhere", "HOME": "/proc/nowhere", "COLUMNS": "abc",
    "NO_COLOR": "1", "TZ": "XYZ+25:99", "PYTHONUTF8": "0", "PYTHONOPTIMIZE": "2", "PYTHONHASHSEED": "3", "umask": "077",
    "OMP_NUM_THREADS": "abc", "MPLBACKEND": "nonsense", "LANGUAGE": "de", "PYTHONWARNINGS": "error",
}  # fmt: skip
#: 找到过的，已经修好：名字 -> 最短的历史。
KEPT = {
    "记录变成了文件夹": [("damage", "html.json", "folder", 17)],
    "就要换上的是链接": [("replace", ".html-new", "link"), ("text", "docs/more.md", 1)],
    "刚换下的是文件": [("replace", ".html-old", "file"), ("order", "conf.py")],
    "发布的文件成了链接": [("damage", "html", "link", 562)],
    "阅读时间数进了排版程序的话": [("title", "examples/second.py", 1)],
    "邻页的开头过时": [("text", "examples/second.py", 2)],
    "排好的网页空了": [("damage", "work/html", "empty", "page.html"), ("text", "docs/more.md", 1)],
    "生成的页面改了": [("damage", "stage/html", "reword", "tutorials/first.rst"), ("text", "docs/more.md", 1)],
    "读过的页面改了": [("damage", "doctrees/html", "truncate", "page.doctree"), ("title", "docs/more.md", 1)],
    "记录里的输出改了": [("damage", "outputs", "reword", "first/record.json"), ("machine", "conf.py", 1)],
    "换进来的旧文件": [("text", "docs/more.md", 1), ("build",), ("restore", "docs/more.md", 0, 5)],
    "备好源文件的时候改了一页": [
        ("text", "docs/other.md", 1),
        ("edit at", "open docs/more.md", 3, ("text", "docs/more.md", 1)),
        ("restore", "docs/more.md", 0, 0),
    ],
    "构建的时候改了代码": [
        ("machine", "conf.py", 1),
        ("edit at", "build/stage", 1, ("machine", "site_builder/look/page.py", 1)),
        ("restore", "site_builder/look/page.py", 0, 0),
    ],
    "执行的时候改了颜色": [
        ("code", "examples/second.py", 3),
        ("edit at", "build/outputs", 1, ("machine", "site_builder/palette.py", 1)),
        ("restore", "site_builder/palette.py", 0, 0),
    ],
    "读者自己的 matplotlibrc": [
        ("environment", "SITE_URL", "https://example.org"),
        ("build",),
        ("machine", "matplotlibrc", 1),
        ("text", "examples/second.py", 1),
    ],
    "站点地图只有改过的页面": [
        ("environment", "SITE_URL", "https://example.org"),
        ("build",),
        ("text", "docs/more.md", 1),
    ],
    "设了网址，kill -9": [
        ("environment", "SITE_URL", "https://example.org"),
        ("at", "build/work", 40, "SIGKILL", ""),
        ("text", "docs/more.md", 1),
    ],
    "换了颜色": [("machine", "site_builder/palette.py", 1)],
    "不再画图，缩略图还在": [("code", "examples/second.py", 6)],
    **{
        f"发布到一半 {name} {pattern}": [
            ("text", "docs/more.md", 1),
            ("at", pattern, 1, name, ""),
            ("text", "docs/more.md", 2),
        ]
        for name in ("SIGTERM", "SIGKILL")
        for pattern in ("os.rename build/html", "os.rename build/.html-new", "os.scandir build/.html-old")
    },
    "古怪的环境": [
        *(("environment", name, value) for name, value in ODD.items()),
        ("run", "--clean"),
        ("code", "examples/first.py", 6),
    ],
    "不像话的时区": [("environment", "TZ", "XYZ+25:99"), ("run", "--clean")],
    "没有 HOME": [
        ("environment", "HOME", None),
        ("environment", "PATH", "/proc/nowhere"),
        ("code", "examples/first.py", 1),
    ],
    "一份示例里有错": [("order", "conf.py"), ("code", "examples/second.py", 10), ("run", "--shard 1/2")],
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    return Stage(tmp_path_factory.mktemp("历史"))


@pytest.mark.parametrize("name", KEPT)
def test_kept(stage, name):
    stage.play(KEPT[name])


def test_random_histories(stage):
    """抽到时间用完；找到一个，缩短、打印，接着抽。"""
    start, finds, number = time.monotonic(), [], 0
    while (spent := time.monotonic() - start) < SECONDS:
        number += 1
        steps = draw(random.Random(f"{SEED}-{number}"))
        try:
            stage.play(steps)
        except Find as find:
            print(f"\n== 第 {number} 段历史（种子 {SEED}）出了事，{spent:.0f} 秒：{steps}\n{find}", flush=True)
            steps, shorter = shrink(stage.play, steps)
            finds.append(f"种子 {SEED}-{number}，最短的历史：\n    {steps!r},\n{shorter or find}")
            print(f"-- 最短的：{steps!r}\n{shorter or find}", flush=True)
        except Exception:
            print(f"\n== 第 {number} 段历史（种子 {SEED}）：{steps}", flush=True)
            traceback.print_exc()
            raise
        if number % 10 == 0:
            print(
                f"== {spent:.0f} 秒：{number} 段，{stage.steps} 步，{stage.builds} 次构建，{len(finds)} 个", flush=True
            )
    print(
        f"== 抽了 {number} 段历史，{stage.steps} 步，{stage.builds} 次构建（从头构建 {len(stage.references)} 次），种子 {SEED}"
    )
    assert not finds, "\n\n".join(finds)
