"""量一量构建多快、网页多轻、教程多了会怎样：打印几张表，写 build/bench.md。

用法：make bench（先构建好网站；整轮约半小时），或 python -m site_builder.bench [build] [shards] [pages] [search] [growth]

- build：从头构建与“最慢的那个脚本单独跑”之比；没有改动、只改了一篇的文字时各要多久。
- shards：示例分成两份各自执行，再合起来构建。
- pages：Chromium 经带 gzip 的本地服务器打开每一篇，数请求和字节：刚打开时，和图都出来以后。
- search：处理器放慢到四分之一，一个键一个键地输入，按下最后一个键到结果出来要多久。
- growth：造 10、50、100、250 篇教程（不训练），量构建的时间与内存、搜索的索引与快慢。

预算里的字节和请求数 tests/test_bench.py 也查；秒数随机器变，只供同一台机器上前后比较。
"""

import gzip
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
from conftest import FLAGS, TinySite, checkout, example, find_chromium, serve

from site_builder import processes

SLOWEST = "training_a_classifier"
SIZES = (10, 50, 100, 250)
#: 只有一列数的部分。
FLAT = {"build", "shards", "search"}
QUERIES = ("张量", "梯度清零", "反向传播", "卷积神经网络", "zero_grad", "怎么保存模型", "数据并行", "损失函数")
#: 一行、几行：{列名: 值}、{行名: 一行}。
Row = dict[str, Any]
Rows = dict[str, Row]
BUILD = [sys.executable, "-m", "site_builder.build"]
#: 让 torchvision 不比对 md5，与 site_builder/gallery/worker.py 一样；别的什么也不加。
BARE = """
import runpy, sys
from torchvision.datasets import CIFAR10
CIFAR10.train_list = [[name, None] for name, _ in CIFAR10.train_list]
CIFAR10.test_list = [[name, None] for name, _ in CIFAR10.test_list]
CIFAR10.meta = {**CIFAR10.meta, "md5": None}
runpy.run_path(sys.argv[1], run_name="__main__")
"""
#: 排版的那个进程自己的内存峰值（示例在别的进程里执行）。
WITH_MEMORY = """
import resource
from site_builder import build
build.main()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000)
"""
#: 像读者那样一个键一个键地输入，每键隔 200 毫秒；返回最后一个键到结果换好为止的毫秒数。
TYPE = """async (query) => {
  const input = document.querySelector('.search-input');
  const status = document.querySelector('.search-status');
  let elapsed;
  for (let end = 1; end <= query.length; end++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    elapsed = await new Promise((resolve) => {
      const start = performance.now();
      new MutationObserver((_, self) => { self.disconnect(); resolve(performance.now() - start); })
        .observe(status, { childList: true });
      input.value = query.slice(0, end);
      input.dispatchEvent(new Event('input'));
    });
  }
  return elapsed;
}"""


def run(command: list[str], folder: Path, **environment: str) -> tuple[float, str]:
    """运行 `command`，返回 (秒数, 标准输出)；出错就停下。"""
    settings = {**os.environ, **processes.ENVIRONMENT, **environment}
    start = time.perf_counter()
    result = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, encoding="utf-8")
    if result.returncode:
        sys.exit(f"错误：{' '.join(map(str, command))} 失败\n{(result.stdout + result.stderr)[-2000:]}")
    return time.perf_counter() - start, result.stdout


def seconds(command: list[str], folder: Path, times: int = 1) -> float:
    return round(min(run(command, folder)[0] for _ in range(times)), 2)


@contextmanager
def copy_of_project() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        checkout(Path(folder))
        Path(folder, ".venv").symlink_to(ROOT / ".venv")
        yield Path(folder)


def measure_build() -> Row:
    with copy_of_project() as folder:
        bare = [sys.executable, "-c", BARE, f"{SLOWEST}.py"]
        floor = run(bare, folder / "examples", MPLBACKEND="agg")[0]
        cold = run([*BUILD, "--clean"], folder)[0]
        cost = json.loads((folder / f"build/outputs/{SLOWEST}/record.json").read_text("utf-8"))["seconds"]
        unchanged, make = seconds(BUILD, folder, times=3), seconds(["make", "html"], folder, times=3)
        prose = {}
        for script in sorted((folder / "examples").glob("*.py")):
            text = script.read_text("utf-8")
            script.write_text(text.replace("\n# %%\n# ", "\n# %%\n# 添上一句话。\n#\n# ", 2), "utf-8")
            prose[script.stem] = seconds(BUILD, folder)
    return {
        "最慢的脚本单独跑": round(floor, 1),
        "从头构建": round(cold, 1),
        "其中执行最慢的脚本": round(cost, 1),
        "从头构建与最慢的脚本单独跑之比": round(cold / floor, 2),
        "没有改动，site_builder.build": unchanged,
        "没有改动，make html": make,
        "只改了训练一篇的文字": prose[SLOWEST],
        "只改了文字，五篇里最慢的": max(prose.values()),
    }


def measure_shards() -> Row:
    """两份各在一个文件夹里执行，合到第三个文件夹里构建，照 .github/workflows/site.yml。"""
    rows: Row = {}
    with copy_of_project() as joined, copy_of_project() as one, copy_of_project() as two:
        for number, folder in ((1, one), (2, two)):
            rows[f"第 {number} 份"] = seconds([*BUILD, "--shard", f"{number}/2"], folder)
            shutil.copytree(folder / "build/outputs", joined / "build/outputs", dirs_exist_ok=True)
        rows["合起来构建"] = seconds(BUILD, joined)
    return rows


@contextmanager
def chromium(browser: Any = None) -> Iterator[Any]:
    """Playwright 的浏览器；已经开着的 `browser` 就用它。"""
    if browser is not None:
        yield browser
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)


def measure_pages(browser: Any = None) -> Rows:
    """每一页的请求数与字节。"""
    with chromium(browser) as browser:
        return bytes_of_pages(browser)


def bytes_of_pages(browser: Any) -> Rows:
    server, address = serve(ROOT / "build/html")
    rows: Rows = {}
    for path in sorted((ROOT / "build/html/tutorials").glob("*.html")):
        if path.stem == "index":  # 跳到首页
            continue
        context = browser.new_context(viewport={"width": 390, "height": 844})
        page = context.new_page()
        sizes: list[int] = []
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"]))
        page.goto(f"{address}tutorials/{path.name}", wait_until="networkidle")
        opened = (len(sizes), round(sum(sizes) / 1000))
        page.evaluate(
            "Promise.all([...document.images].filter((image) => image.offsetParent)"
            ".map((image) => { image.loading = 'eager'; return image.decode(); }))"
        )
        page.wait_for_timeout(300)
        rows[path.stem] = {
            "打开时的请求": opened[0],
            "打开时的 kB": opened[1],
            "连图的请求": len(sizes),
            "连图的 kB": round(sum(sizes) / 1000),
        }
        context.close()
    server.shutdown()
    return rows


def measure_search(site: Path = ROOT / "build/html", page: str = SLOWEST, browser: Any = None) -> Row:
    """在 tutorials/`page` 里搜索，每个查询都从头打开；八个查询的中位数和最慢的一个。"""
    server, address = serve(site)
    times = []
    with chromium(browser) as browser:
        for query in QUERIES:
            tab = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
            tab.goto(f"{address}tutorials/{page}.html")
            tab.context.new_cdp_session(tab).send("Emulation.setCPUThrottlingRate", {"rate": 4})
            tab.keyboard.press("/")
            tab.wait_for_selector(".search-input")
            times.append(tab.evaluate(TYPE, query))
            tab.context.close()
    server.shutdown()
    return {"搜索，中位数（毫秒）": round(statistics.median(times)), "搜索，最慢的（毫秒）": round(max(times))}


def made_up(number: int) -> str:
    """与真的差不多的一篇，20 节：句子、代码各取自五篇教程里的一处，取哪些由 `number` 决定。"""
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


def measure_growth(sizes: tuple[int, ...] = SIZES, browser: Any = None) -> Rows:
    rows: Rows = {}
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            site = TinySite(Path(folder), {f"t{number:03}": made_up(number) for number in range(count)})
            cold, memory = run([sys.executable, "-c", WITH_MEMORY], site.folder)
            memory = memory.splitlines()[-1]
            unchanged = seconds(BUILD, site.folder)
            pages = [path.read_bytes() for path in (site.folder / "build/html/tutorials").glob("*.html")]
            words = [gzip.compress(path.read_bytes()) for path in (site.folder / "build/html/search").glob("*.js")]
            rows[f"{count} 篇"] = {
                "从头构建（秒）": round(cold),
                "每篇（秒）": round(cold / count, 2),
                "没有改动（秒）": unchanged,
                "排版的内存（MB）": int(memory),
                "词表（kB）": round(sum(map(len, words)) / 1000),
                "词表与网页之比": f"{sum(map(len, words)) / sum(len(gzip.compress(page)) for page in pages):.1%}",
                "其中最大的一份（kB）": round(max(map(len, words)) / 1000),
                **measure_search(site.folder / "build/html", "t000", browser),
            }
        print(count, rows[f"{count} 篇"], flush=True)
    return rows


def table(rows: Rows) -> str:
    """{行名: {列名: 值}} 写成 Markdown 的表。"""
    columns = list(next(iter(rows.values())))
    lines = [" | ".join(["", *columns]), "|".join(["---"] * (len(columns) + 1))]
    lines += [" | ".join([str(name), *(str(row[column]) for column in columns)]) for name, row in rows.items()]
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    parts: dict[str, Callable[[], Any]] = {
        "build": measure_build,
        "shards": measure_shards,
        "pages": measure_pages,
        "search": measure_search,
        "growth": measure_growth,
    }
    wanted = sys.argv[1:] or list(parts)
    if unknown := set(wanted) - set(parts):
        sys.exit(f"错误：没有这样的部分：{'、'.join(sorted(unknown))}。有的是：{'、'.join(parts)}。")
    if {"pages", "search"} & set(wanted) and not (ROOT / "build/html/index.html").is_file():
        sys.exit("错误：build/html 里没有网站：先运行 make html。")
    results = {name: parts[name]() for name in wanted}
    tables = [
        table({name: {"": value} for name, value in rows.items()} if name in FLAT else rows)
        for name, rows in results.items()
    ]
    print("\n\n".join(tables))
    (ROOT / "build/bench.md").write_text("\n\n".join(tables) + "\n", "utf-8")


if __name__ == "__main__":
    main()
