"""量一量构建多快、网页多轻、教程多了会怎样：README 里的三张表，打印出来，写到 build/bench.md。

用法：make bench（先构建好网站；整轮不到半小时）

- 构建：最慢的那个脚本单独跑（下限），从头构建，没有改动。
- 网页：Chromium 经带 gzip 的本地服务器打开每一篇，数请求和字节：图以外的，和图都出来以后。
- 教程多了：造 100、250 篇教程（不训练），量从头构建的时间，和排版的那个进程用的处理器、内存。

预算里的字节和请求数 tests/site/test_bench.py 也查；秒数随机器变，只供同一台机器上前后比较。
"""

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
from conftest import FLAGS, TinySite, checkout, example, find_chromium, serve

from site_builder import processes

SLOWEST = "training_a_classifier"
SIZES = (100, 250)
#: 几行：{行名: {列名: 值}}。
Rows = dict[str, dict[str, Any]]
#: 让 torchvision 不比对 md5，与 site_builder/gallery/worker.py 一样；别的什么也不加。
BARE = """
import runpy, sys
from torchvision.datasets import CIFAR10
CIFAR10.train_list = [[name, None] for name, _ in CIFAR10.train_list]
CIFAR10.test_list = [[name, None] for name, _ in CIFAR10.test_list]
CIFAR10.meta = {**CIFAR10.meta, "md5": None}
runpy.run_path(sys.argv[1], run_name="__main__")
"""
#: 排版的那个进程自己用的处理器（秒）和内存的峰值（MB）；示例在别的进程里执行。
WITH_USAGE = """
import resource
from site_builder import build
build.main()
used = resource.getrusage(resource.RUSAGE_SELF)
print(round(used.ru_utime + used.ru_stime, 1), used.ru_maxrss // 1000)
"""


def run(command: list[str], folder: Path, **environment: str) -> tuple[float, str]:
    """运行 `command`，返回 (秒数, 标准输出)；出错就停下。"""
    settings = {**os.environ, **processes.ENVIRONMENT, **environment}
    start = time.perf_counter()
    result = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, encoding="utf-8")
    if result.returncode:
        sys.exit(f"错误：{' '.join(map(str, command))} 失败\n{(result.stdout + result.stderr)[-2000:]}")
    return round(time.perf_counter() - start, 1), result.stdout


def measure_build() -> Rows:
    with tempfile.TemporaryDirectory() as name:
        folder = checkout(Path(name))
        (folder / ".venv").symlink_to(ROOT / ".venv")
        bare = [sys.executable, "-c", BARE, f"{SLOWEST}.py"]
        return {
            "最慢的脚本单独跑": {"秒": run(bare, folder / "examples", MPLBACKEND="agg")[0]},
            "从头构建": {"秒": run([sys.executable, "-m", "site_builder.build", "--clean"], folder)[0]},
            "没有改动：make html": {"秒": min(run(["make", "html"], folder)[0] for _ in range(3))},
        }


def measure_pages(browser: Any) -> Rows:
    """每一页的请求数与字节，手机的宽度。"""
    server, address = serve(ROOT / "build/html")
    rows: Rows = {}
    for path in sorted((ROOT / "build/html/tutorials").glob("*.html")):
        if path.stem == "index":  # 跳到首页
            continue
        context = browser.new_context(viewport={"width": 390, "height": 844})
        page = context.new_page()
        pictures: set[str] = set()
        sizes: dict[str, int] = {}
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        network.on(
            "Network.responseReceived",
            lambda e, pictures=pictures: e["type"] == "Image" and pictures.add(e["requestId"]),
        )
        network.on(
            "Network.loadingFinished", lambda e, sizes=sizes: sizes.update({e["requestId"]: e["encodedDataLength"]})
        )
        page.goto(f"{address}tutorials/{path.name}", wait_until="networkidle")
        # 图滚到附近才载入，有的离开头不远，一打开就载入了
        before = [size for request, size in sizes.items() if request not in pictures]
        opened = {"图以外的请求": len(before), "图以外的 kB": round(sum(before) / 1000)}
        page.evaluate(
            "Promise.all([...document.images].filter((image) => image.offsetParent)"
            ".map((image) => { image.loading = 'eager'; return image.decode(); }))"
        )
        page.wait_for_timeout(300)
        rows[path.stem] = {**opened, "连图的 kB": round(sum(sizes.values()) / 1000)}
        page.mouse.move(9, 9)  # 读者动过，才取互动图
        for figure in page.locator("figure[data-explorable]").all():
            figure.scroll_into_view_if_needed()
            figure.locator(".explorable, .try").first.wait_for(state="attached")
        rows[path.stem]["连互动图的 kB"] = round(sum(sizes.values()) / 1000)
        context.close()
    server.shutdown()
    return rows


def made_up(number: int) -> str:
    """与真的差不多的一篇，20 节：句子取自五篇教程，取哪些由 `number` 决定。"""
    choose = random.Random(number)
    scripts = [path.read_text("utf-8") for path in sorted((ROOT / "examples").glob("*.py"))]
    prose = "".join(re.findall(r"^# *(.*)", "\n".join(scripts), re.M))
    sentences = re.findall(r"(?<=。)[\u4e00-\u9fff，、；（）A-Za-z0-9]{12,70}。", prose)
    body = "import torch\n"
    for section in range(20):
        words = choose.sample(sentences, 8)
        shape = f"{choose.randint(2, 9)}, {choose.randint(2, 9)}"
        body += f"\n# %%\n# 第 {section + 1} 节：{words[0][:10]}\n# {'-' * 40}\n#\n# " + "\n# ".join(words)
        body += f"\n\nx = torch.full(({shape}), {number}.0 + {section})\ny = x @ x.T\nprint(y.shape)\nprint(y)\n"
    return str(example(body, title=f"第 {number} 篇"))


def measure_growth(sizes: tuple[int, ...] = SIZES) -> Rows:
    rows: Rows = {}
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            site = TinySite(Path(folder), {f"t{number:03}": made_up(number) for number in range(count)})
            elapsed, said = run([sys.executable, "-c", WITH_USAGE], site.folder)
        used = said.splitlines()[-1].split()
        rows[f"{count} 篇"] = {
            "从头构建（秒）": elapsed,
            "排版的处理器（秒）": float(used[0]),
            "排版的内存（MB）": int(used[1]),
        }
    return rows


def table(rows: Rows) -> str:
    """{行名: {列名: 值}} 写成 Markdown 的表。"""
    columns = list(next(iter(rows.values())))
    lines = [" | ".join(["", *columns]), "|".join(["---"] * (len(columns) + 1))]
    lines += [" | ".join([str(name), *(str(row[column]) for column in columns)]) for name, row in rows.items()]
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    if not (ROOT / "build/html/index.html").is_file():
        sys.exit("错误：build/html 里没有网站：先运行 make html。")
    chromium = find_chromium()
    with sync_playwright() as playwright:
        pages = measure_pages(playwright.chromium.launch(executable_path=chromium, args=FLAGS))
    tables = "\n\n".join(map(table, (measure_build(), pages, measure_growth())))
    print(tables)
    (ROOT / "build/bench.md").write_text(f"{tables}\n", "utf-8")


if __name__ == "__main__":
    main()
