"""在真浏览器里像读者那样看：版面、配色、复制、无障碍、离线、没有漏网的英文。"""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import ROOT, watch

AXE = ROOT / "site_builder/node/node_modules/axe-core/axe.min.js"
TUTORIAL = "tutorials/neural_networks.html"

#: 允许留在界面里的英文，及理由。
ALLOWED_ENGLISH = {
    "专有名词": r"PyTorch|NumPy|Python|CIFAR|CUDA|GPU|CPU|Sphinx|Furo|Matplotlib|matplotlib|KaTeX|GitHub|Colab|Jupyter|Linux|Windows|macOS|torchvision|torchrun|Intel\(R\) Xeon\(R\).*?(?=，)|AMD.*?(?=，)|MIT|BSD|OFL",
    "首次出现时括号里的英文原词": r"[（(][^（）()]*([）)]|$)",
    "术语表里保留英文的词": r"world size",
    "人名、文献和字体名": r"Alex Krizhevsky|Vinod Nair|Geoffrey Hinton|Learning Multiple Layers of Features from Tiny Images|Noto Sans SC",
    "报错原文": r"\w+(Error|Warning|Exception): .*",
}


def every_page(site):
    return [
        str(p.relative_to(site))
        for p in sorted(site.rglob("*.html"))
        if "_static" not in p.parts and "refresh" not in p.read_text("utf-8")[:600]
    ]


def all_pages(tutorials):
    return [
        "index",
        "install",
        "about",
        "cheatsheet",
        "common_errors",
        "glossary",
        "search",
        "404",
        "tutorials/index",
        *(f"tutorials/{t}" for t in tutorials),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, server, tutorials, scheme):
    """每一页、两种配色，axe-core 都没有发现。"""
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    findings = []
    for name in all_pages(tutorials):
        page.goto(f"{server}{name}.html")
        page.add_script_tag(path=AXE)
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        for violation in result["violations"]:
            findings.append(
                f"{name}：{violation['id']}：{violation['nodes'][0]['html'][:200]}：{violation['nodes'][0].get('failureSummary', '')[:200]}"
            )
    context.close()
    assert not findings, "\n".join(findings)


def test_every_page_loads_clean(page, server, tutorials):
    """没有控制台错误、失败的请求、离站的请求（由 page 夹具检查），两种配色都打开过。"""
    for name in all_pages(tutorials):
        page.goto(f"{server}{name}.html", wait_until="networkidle")
        page.evaluate("document.body.dataset.theme = 'dark'")
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")


def test_nothing_scrolls_sideways_on_a_phone(browser, server, tutorials):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    wide = []
    for name in all_pages(tutorials):
        page.goto(f"{server}{name}.html")
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            wide.append(f"{name}：{width}")
    context.close()
    assert not wide, wide


def test_typography(page, server):
    """行高不小于 1.75，桌面上一行 36 到 46 个字，公式和代码在自己的框里滚动。"""
    page.goto(server + TUTORIAL)
    style = page.evaluate(
        """() => { const p = [...document.querySelectorAll('article > section > p, article section > p')]
            .find((p) => p.textContent.length > 100);
            const s = getComputedStyle(p); return {size: parseFloat(s.fontSize), line: parseFloat(s.lineHeight), width: p.clientWidth}; }"""
    )
    assert style["line"] / style["size"] >= 1.75
    assert 36 <= style["width"] / style["size"] <= 46
    boxes = page.evaluate(
        "[...document.querySelectorAll('div.math, .highlight pre')].map((e) => getComputedStyle(e).overflowX)"
    )
    assert boxes and set(boxes) <= {"auto", "scroll"}


def test_chinese_line_breaks_leave_no_blank(site, tutorials):
    for name in tutorials:
        page = (site / f"tutorials/{name}.html").read_text("utf-8")
        page = re.sub(r"<(pre|script|style|math)\b.*?</\1>", "", page, flags=re.S)
        found = re.search(r"[\u4e00-\u9fff]\n[\u4e00-\u9fff]|[，。；：、]\n", page)
        assert not found, f"{name}：{page[found.start() - 30 : found.end() + 30]!r}"


def test_colour_switch(page, server):
    """按钮在自动、浅色、深色之间切换，换页以后还记得。"""
    page.goto(server + TUTORIAL)
    button = page.locator(".theme-toggle-content .theme-toggle")
    seen = set()
    for _ in range(3):
        button.click()
        seen.add(page.evaluate("document.body.dataset.theme"))
    assert seen == {"auto", "light", "dark"}
    while page.evaluate("document.body.dataset.theme") != "dark":
        button.click()
    page.goto(server + "index.html")
    assert page.evaluate("document.body.dataset.theme") == "dark"
    red, green, blue = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    )
    assert red + green + blue < 150


@pytest.mark.parametrize("width", [1280, 390])
def test_anchor_leads_to_its_heading(page, server, width):
    """长页面里没有滚到的小节还没有排版，锚点也要停在该停的地方，目录跟着走。"""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(server + TUTORIAL)
    names = page.evaluate("[...document.querySelectorAll('article section section')].map((e) => e.id)")
    for name in names[1::6]:
        page.goto("about:blank")
        page.goto(f"{server}{TUTORIAL}#{name}")
        page.wait_for_function(
            "name => Math.abs(document.getElementById(name).getBoundingClientRect().top) < 160"
            " || scrollY + innerHeight >= document.documentElement.scrollHeight - 2",
            arg=name,
        )
    if width == 1280:
        page.goto("about:blank")
        page.goto(f"{server}{TUTORIAL}#{names[len(names) // 2]}")
        current = page.locator(".toc-tree li.scroll-current > a").last
        current.wait_for()
        assert names[len(names) // 2] in unquote(current.get_attribute("href"))
        page.mouse.wheel(0, 200)
        page.mouse.wheel(0, -60)
        page.wait_for_function("document.documentElement.classList.contains('show-back-to-top')")
        page.locator(".back-to-top").click()
        page.wait_for_function("scrollY === 0")


def test_copying_gives_the_code_alone(browser, server):
    """复制按钮给出的正是那一格代码：没有提示符，没有输出。"""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    problems = watch(page, server)
    page.goto(server + TUTORIAL)
    cell = page.locator("div.highlight-Python, div.highlight-python").nth(1)
    cell.hover()
    button = cell.locator("button.copybtn")
    assert re.search(r"[\u4e00-\u9fff]", button.get_attribute("data-tooltip") or button.get_attribute("aria-label"))
    button.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == cell.locator("pre").inner_text().strip()
    assert "输出" not in copied and ">>>" not in copied
    compile(copied, "copied", "exec")
    assert page.locator(".sphx-glr-script-out button.copybtn").count() == 0
    context.close()
    assert not problems


def test_downloads_arrive(page, server, tutorials):
    for name in tutorials:
        page.goto(f"{server}tutorials/{name}.html")
        for link, suffix in ((0, "py"), (1, "ipynb")):
            with page.expect_download() as waiting:
                page.locator(".tutorial-downloads a").nth(link).click()
            download = waiting.value
            assert download.suggested_filename == f"{name}.{suffix}"
            text = Path(download.path()).read_text("utf-8")
            if suffix == "py":
                compile(text, name, "exec")
            else:
                assert json.loads(text)["nbformat"] == 4


def test_folds_open_by_click_and_by_address(page, server):
    page.goto(server + TUTORIAL)
    fold = page.locator("details.fold", has_text="答案").first
    assert not fold.evaluate("d => d.open")
    fold.locator("summary").click()
    assert fold.evaluate("d => d.open")
    anchor = fold.get_attribute("id")
    assert anchor


def test_without_javascript(browser, server):
    """没有 JavaScript 时，正文、输出、图、公式、折叠都在。"""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server + TUTORIAL)
    assert page.locator(".sphx-glr-script-out").count() > 20
    assert page.locator(".katex").count() >= 1
    assert page.locator("details.fold").count() >= 3
    assert page.locator("img.sphx-glr-single-img").count() >= 3
    context.close()


def test_from_a_folder_on_disk(browser, site, server, tutorials):
    """从磁盘上打开：样式、图、下载、配色切换都管用，没有报错。"""
    context = browser.new_context()
    page = context.new_page()
    problems = watch(page, server)
    for name in all_pages(tutorials):
        if name == "404":
            continue
        page.goto((site / f"{name}.html").as_uri())
    page.goto((site / TUTORIAL).as_uri())
    page.evaluate("document.querySelectorAll('img').forEach((i) => (i.loading = 'eager'))")
    page.wait_for_function("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    page.locator(".theme-toggle-content .theme-toggle").click()
    assert page.evaluate("document.body.dataset.theme") in {"light", "dark"}
    context.close()
    assert not problems, problems


def test_printing(page, server):
    """打印时按钮不见了，折叠的答案展开。"""
    page.goto(server + TUTORIAL)
    page.emulate_media(media="print")
    assert not page.locator(".tutorial-downloads").is_visible()
    assert page.pdf(format="A4")[:4] == b"%PDF"


def test_not_found_page(page, server, site):
    text = (site / "404.html").read_text("utf-8")
    assert "没有这一页" in text
    page.goto(server + "404.html")
    assert page.locator("h1").inner_text().startswith("没有这一页")


def english_runs(page):
    """页面上代码之外的每段文字和给人看的属性里，还有两个以上英文单词相连的。"""
    return page.evaluate(
        """() => {
        const found = [], skip = 'pre, code, .katex, script, noscript, style, .admonition.legacy';
        const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
          const node = walk.currentNode;
          if (node.parentElement.closest(skip)) continue;
          found.push(node.textContent);
        }
        for (const element of document.querySelectorAll('*'))
          for (const name of ['alt', 'title', 'aria-label', 'placeholder', 'data-tooltip', 'content'])
            if (element.hasAttribute(name) && !(name === 'content' && element.getAttribute('name') !== 'description'))
              if (!element.closest('pre, .highlight, .katex') || name === 'data-tooltip') found.push(element.getAttribute(name));
        return found.filter((text) => /[A-Za-z]{2,}[ \\u00a0]+[A-Za-z]{2,}/.test(text));
      }"""
    )


def test_no_english_is_left(page, server, tutorials):
    """界面、标题、替代文字、aria 标签里没有英文；允许的写在 ALLOWED_ENGLISH，各有理由。"""
    left = []
    for name in all_pages(tutorials):
        page.goto(f"{server}{name}.html")
        for text in english_runs(page):
            for pattern in ALLOWED_ENGLISH.values():
                text = re.sub(pattern, "", text)
            if re.search(r"[A-Za-z]{2,}[ \u00a0]+[A-Za-z]{2,}", text):
                left.append(f"{name}：{' '.join(text.split())[:160]}")
    assert not left, "\n".join(dict.fromkeys(left))
