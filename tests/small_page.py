"""只有一幅互动图的网页：网站的样式和脚本，静态的图换成一句话；从文件夹打开，或由本地服务器提供。"""

import json
import shutil
from pathlib import Path
from typing import Any

from conftest import ROOT, serve, watch

PAGE = """<!doctype html>
<html lang="zh-CN" data-theme="{theme}"><head><meta charset="utf-8"><title>互动图</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
{styles}</head><body><main><article><section><h1>互动图</h1>
<figure class="drawing" id="{name}" data-explorable="{name}"><p class="static">静态的图</p>
<figcaption>图 1 说明</figcaption></figure></section></article></main>
<script src="_static/explorables/loader.js" data-version="1" defer></script></body></html>"""


def write(folder: Path, name: str, data: dict[str, Any] | None = None, theme: str = "light") -> Path:
    """在 `folder` 里写出一个网页，返回它的路径；`data` 是 {数据的名字: 值}。"""
    from site_builder.look.head import POLICY

    static = folder / "_static"
    shutil.copytree(ROOT / "docs/_static", static, dirs_exist_ok=True)
    (static / "explorables/data").mkdir(exist_ok=True)
    for key, value in (data or {}).items():
        text = f"window.explorables.data[{json.dumps(key)}]={json.dumps(value, ensure_ascii=False)};"
        (static / f"explorables/data/{key}.js").write_text(text, "utf-8")
    styles = "".join(f'<link rel="stylesheet" href="_static/{s}.css">' for s in ("tokens", "site", "code"))
    page = folder / f"{name}-{theme}.html"
    page.write_text(PAGE.format(name=name, theme=theme, policy=POLICY, styles=styles), "utf-8")
    return page


def opened(browser, address: str, width: int = 1280, query: str = "", **options):
    """打开一页，等互动图醒来；返回 (页面, 出的问题)。"""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    page = context.new_page()
    problems = watch(page, address.rsplit("/", 1)[0])
    name = address.rsplit("/", 1)[1].rsplit("-", 1)[0]
    page.goto(address + (query or f"#{name}"))  # 网址指着图，马上就换上
    page.wait_for_selector("figure.explored")
    return page, problems


def ways(folder: Path, page: Path):
    """[(怎样打开, 网址), …]：从文件夹，和经过 http。"""
    server, address = serve(folder)
    return server, [page.as_uri(), address + page.name]


def said(page) -> str:
    return page.locator("figure output.said").inner_text()


def until(page, expression: str, argument: Any = None) -> None:
    """等到 `expression` 成立，最多十秒；Playwright 自己的等法要 eval，内容策略不许。"""
    for _ in range(100):
        if page.evaluate(expression, argument):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"等了十秒，{expression} 还是不成立；现在说的是：{said(page)}")


def fault_list(page) -> list[str]:
    """axe 找到的毛病。"""
    page.evaluate((ROOT / "site_builder/node/node_modules/axe-core/axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run('figure', {resultTypes: ['violations'], preload: false})")
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]]
