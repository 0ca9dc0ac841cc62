"""量一量构建多快、网页多轻、教程多了会怎样：打印一张表，写 build/bench.json 和 build/bench.png。

用法：make bench（先构建好网站；整轮约十分钟），或 python tools/bench.py [build] [pages] [growth]

- build：从头构建与“最慢的那个脚本单独跑”之比；没有改动时 sphinx-build 和 make html 各要多久。
- pages：Chromium 经带 gzip 的本地服务器打开每一篇，数请求和字节：刚打开时，和滚到底、图都出来以后。
- growth：造 10、50、100、250 篇短教程（不训练），量构建的时间与内存、搜索索引与正文之比。

预算只有字节和请求数（tests/test_site.py 也查）；秒数随机器变，只供同一台机器上前后比较。
"""

import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]
import build_site
from conftest import FLAGS, TinySite, checkout, example, find_chromium, serve

SLOWEST = "training_a_classifier"
SIZES = (10, 50, 100, 250)
#: 让 torchvision 不比对 md5，与 docs/_ext/run_examples.py 一样；别的什么也不加。
BARE = """
import runpy, sys
from torchvision.datasets import CIFAR10
CIFAR10.train_list = [[name, None] for name, _ in CIFAR10.train_list]
CIFAR10.test_list = [[name, None] for name, _ in CIFAR10.test_list]
CIFAR10.meta = {**CIFAR10.meta, "md5": None}
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def timed(command, folder, **environment):
    """运行 `command`，返回秒数；出错就停下。"""
    settings = {**os.environ, **build_site.ENVIRONMENT, **environment}
    start = time.perf_counter()
    result = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, encoding="utf-8")
    if result.returncode:
        sys.exit(f"错误：{' '.join(map(str, command))} 失败\n{(result.stdout + result.stderr)[-2000:]}")
    return time.perf_counter() - start


def measure_build():
    with tempfile.TemporaryDirectory() as folder:
        folder = checkout(Path(folder))
        (folder / ".venv").symlink_to(ROOT / ".venv")
        sphinx = [sys.executable, "-m", "sphinx", "-q", "-c", ".", "-d", "build/doctrees", "docs", "build/work"]
        script = ["-c", BARE, f"{SLOWEST}.py"]
        floor = timed([sys.executable, *script], folder / "examples", MPLBACKEND="agg")
        cold = timed([sys.executable, "tools/build_site.py", "--clean"], folder)
        unchanged = min(timed(sphinx, folder) for _ in range(3))
        make = min(timed(["make", "html"], folder) for _ in range(3))
    return {
        "最慢的脚本单独跑（秒）": round(floor, 1),
        "从头构建（秒）": round(cold, 1),
        "从头构建与它之比": round(cold / floor, 2),
        "没有改动，sphinx-build（秒）": round(unchanged, 2),
        "没有改动，make html（秒）": round(make, 2),
    }


def measure_pages(browser=None):
    """每一页的请求数与字节。`browser` 是 Playwright 的浏览器，没有就自己开一个。"""
    if browser is None:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            return measure_pages(playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS))
    server, address = serve(ROOT / "build/html")
    rows = {}
    for path in sorted((ROOT / "build/html/tutorials").glob("*.html")):
        context = browser.new_context(viewport={"width": 390, "height": 844})
        page = context.new_page()
        sizes = []
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"]))
        page.goto(f"{address}tutorials/{path.name}", wait_until="networkidle")
        opened = (len(sizes), round(sum(sizes) / 1000))
        page.evaluate(
            "Promise.all([...document.images].map((image) => { image.loading = 'eager'; return image.decode(); }))"
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


def measure_growth(sizes=SIZES):
    rows = {}
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            body = "\n\n# %%\n# 第二格\n# ------\n#\n# {n} 号教程讲张量的第 {n} 种写法，以及它与前一种的不同。\n\nprint({n})"
            site = TinySite(
                Path(folder), {f"t{n:03}": example(body.format(n=n), title=f"第 {n} 篇") for n in range(count)}
            )
            start = time.perf_counter()
            result = site.build()
            cold = time.perf_counter() - start
            if result.returncode:
                sys.exit(f"错误：{count} 篇的网站没有构建成\n{result.stdout[-2000:]}")
            sphinx = [sys.executable, "-m", "sphinx", "-q", "-c", ".", "-d", "build/doctrees", "docs", "build/work"]
            unchanged = timed(sphinx, site.folder)
            files = site.published()
            index = sum(len(gzip.compress(data)) for name, data in files.items() if name.startswith("search/"))
            text = sum(len(gzip.compress(data)) for name, data in files.items() if name.endswith(".html"))
        rows[count] = {
            "从头构建（秒）": round(cold, 1),
            "没有改动（秒）": round(unchanged, 1),
            "内存峰值（MB，到此为止的最大值）": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1000,
            "索引（kB，gzip）": round(index / 1000),
            "索引与网页之比": round(index / text, 2),
        }
        print(count, rows[count], flush=True)
    return rows


def draw(results):
    """网页的字节，画成一张图。"""
    import matplotlib
    import pylopdf_fonts_zh_cn
    from matplotlib import font_manager

    matplotlib.use("agg")
    from matplotlib import pyplot

    font_manager.fontManager.addfont(str(pylopdf_fonts_zh_cn.sans_path()))
    pyplot.rcParams["font.family"] = "Noto Sans SC"
    figure, axes = pyplot.subplots(figsize=(8, 3), layout="constrained")
    names = list(results["pages"])
    axes.barh(names, [row["连图的 kB"] for row in results["pages"].values()], color="#93c5fd", label="连图")
    axes.barh(names, [row["打开时的 kB"] for row in results["pages"].values()], color="#1d4ed8", label="打开时")
    axes.set_title("每一页传多少（kB，gzip）")
    axes.legend()
    figure.savefig(ROOT / "build/bench.png", dpi=150)


def table(rows):
    """{行名: {列名: 值}} 写成 Markdown 的表。"""
    columns = list(next(iter(rows.values())))
    lines = [" | ".join(["", *columns]), "|".join(["---"] * (len(columns) + 1))]
    lines += [" | ".join([str(name), *(str(row[column]) for column in columns)]) for name, row in rows.items()]
    return "\n".join(f"| {line} |" for line in lines)


def main():
    parts = {"build": measure_build, "pages": measure_pages, "growth": measure_growth}
    wanted = sys.argv[1:] or list(parts)
    if unknown := set(wanted) - set(parts):
        sys.exit(f"错误：没有这样的部分：{'、'.join(sorted(unknown))}。有的是：{'、'.join(parts)}。")
    if "pages" in wanted and not (ROOT / "build/html/index.html").is_file():
        sys.exit("错误：build/html 里没有网站：先运行 make html。")
    results = {name: parts[name]() for name in wanted}
    for name, rows in results.items():
        print(f"\n{table({'本站': rows} if name == 'build' else rows)}")
    (ROOT / "build/bench.json").write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", "utf-8")
    if "pages" in results:
        draw(results)


if __name__ == "__main__":
    main()
