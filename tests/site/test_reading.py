"""在真浏览器里像读者那样看：版面、配色、抽屉、复制、打印、无障碍、离线、没有漏网的英文。"""

import itertools
import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import LAID_OUT, ROOT, watch

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
        *(f"tutorials/{t}" for t in tutorials),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, server, tutorials, scheme):
    """每一页，axe-core 都没有发现；深色只再查与颜色有关的几条。"""
    rules = "{runOnly: ['color-contrast', 'link-in-text-block']}" if scheme == "dark" else "{}"
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    findings = []
    for name in all_pages(tutorials):
        page.goto(f"{server}{name}.html")
        page.add_script_tag(path=AXE)
        result = page.evaluate(f"axe.run(document, {{resultTypes: ['violations'], ...{rules}}})")
        for violation in result["violations"]:
            findings.append(
                f"{name}：{violation['id']}：{violation['nodes'][0]['html'][:200]}：{violation['nodes'][0].get('failureSummary', '')[:200]}"
            )
    context.close()
    assert not findings, "\n".join(findings)


@pytest.mark.slow
def test_every_page_loads_clean(page, server, tutorials):
    """没有控制台错误、失败的请求、离站的请求（由 page 夹具检查），两种配色都打开过。"""
    for name in all_pages(tutorials):
        page.goto(f"{server}{name}.html", wait_until="networkidle")
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")


@pytest.mark.parametrize(
    ("width", "touch"), [(320, True), (360, True), (390, True), (430, True), (320, False), (390, False)]
)
def test_nothing_scrolls_sideways(browser, server, tutorials, width, touch):
    """手机，和桌面上窄的窗口：那里指得到标题后面的 ¶。"""
    context = browser.new_context(
        viewport={"width": width, "height": 844}, device_scale_factor=2, has_touch=touch, is_mobile=touch
    )
    page = context.new_page()
    wide = []
    for name in all_pages(tutorials):
        page.goto(f"{server}{name}.html")
        page.evaluate(
            """() => { document.documentElement.classList.add('no-js');  // 全部小节都排版
            document.querySelectorAll('details').forEach((d) => (d.open = true)); }"""
        )
        whole = page.evaluate("document.documentElement.scrollWidth")
        if whole > width:
            wide.append(f"{name}：{whole}")
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
    button = page.locator(".theme-toggle")
    seen = set()
    for _ in range(3):
        button.click()
        seen.add(page.evaluate("document.documentElement.dataset.theme"))
    assert seen == {"auto", "light", "dark"}
    while page.evaluate("document.documentElement.dataset.theme") != "dark":
        button.click()
    page.goto(server + "index.html")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    red, green, blue = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    )
    assert red + green + blue < 150


@pytest.mark.parametrize("width", [1280, 390])
def test_anchor_leads_to_its_heading(page, server, width):
    """长页面里没有滚到的小节还没有排版，锚点也要停在该停的地方；都排好以后还停在那里，目录跟着走。"""
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
        place = page.locator(f"[id='{name}']")
        before = place.bounding_box()["y"]
        page.wait_for_function(LAID_OUT)
        assert abs(place.bounding_box()["y"] - before) <= 2
    if width == 1280:
        page.goto("about:blank")
        page.goto(f"{server}{TUTORIAL}#{names[len(names) // 2]}")
        current = page.locator(".toc-tree li.scroll-current > a").last
        current.wait_for()
        assert names[len(names) // 2] in unquote(current.get_attribute("href"))
        page.wait_for_function(LAID_OUT)
        page.keyboard.press("End")
        page.locator(".toc-tree > ul > li.scroll-current:last-child").wait_for()
        page.locator(".back-to-top").click()
        page.wait_for_function("() => scrollY === 0")


def test_copying_gives_the_code_alone(browser, server):
    """复制按钮给出的正是那一格代码：没有提示符，没有输出。"""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    problems = watch(page, server)
    page.goto(server + TUTORIAL)
    cell = page.locator(".cell > div.highlight-Python").nth(1)
    cell.hover()
    button = cell.locator("button.copy")
    assert re.search(r"[\u4e00-\u9fff]", button.get_attribute("aria-label"))
    button.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    pre = cell.locator("pre")
    assert copied.strip() == pre.text_content().strip() and "\n" in copied.strip()
    selected = pre.evaluate("(pre) => { getSelection().selectAllChildren(pre); return getSelection().toString(); }")
    assert selected.strip() == copied.strip(), "用鼠标选中再复制，也是这些"
    assert "输出" not in copied and ">>>" not in copied
    compile(copied, "copied", "exec")
    assert page.locator(".sphx-glr-script-out button.copy").count() == 0
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
    fold = page.locator("details.answer").first
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
    assert page.locator("article figure img").count() >= 3
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
    page.wait_for_function("() => [...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    page.locator(".theme-toggle").click()
    assert page.evaluate("document.documentElement.dataset.theme") in {"light", "dark"}
    context.close()
    assert not problems, problems


def test_printing(browser, server):
    """深色、第一次打印：纸上是浅色，没有跳转链接和按钮，公式的字体已经到齐，折叠都打开，长行都折下来。"""
    context = browser.new_context(color_scheme="dark", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(server + "tutorials/autograd_automatic_differentiation.html")
    page.mouse.move(200, 200)
    page.wait_for_function(
        """() => { const state = (family) => [...document.fonts].filter((f) => f.family === family && f.status === 'loaded').length;
        return state('KaTeX_Main') && state('KaTeX_Math') && state('KaTeX_Size2'); }"""
    )
    page.emulate_media(media="print")
    for hidden in (
        ".skip-to-content",
        ".bar",
        "#navigation",
        "#contents",
        ".tutorial-downloads",
        ".copy",
        ".neighbours",
    ):
        assert page.locator(f"{hidden}:visible").count() == 0, hidden
    ink, paper, comment = page.evaluate(
        """() => [[document.body, 'color'], [document.documentElement, 'backgroundColor'], [document.querySelector('.highlight .c1'), 'color']]
        .map(([e, name]) => getComputedStyle(e)[name].match(/\\d+/g).slice(0, 3).reduce((sum, n) => sum + Number(n), 0))"""
    )
    assert ink < 250 and paper > 700 and comment < 400
    closed = page.locator("details.fold > :not(summary)")
    assert closed.count() > 5 and all(closed.nth(i).is_visible() for i in range(0, closed.count(), 7))
    clipped = "[...document.querySelectorAll('article pre')].filter((e) => e.scrollWidth > e.clientWidth + 1).length"
    assert page.evaluate(clipped) == 0
    assert page.pdf(format="A4")[:4] == b"%PDF"
    context.close()


def test_every_face_of_the_formulas_is_fetched(page, server, tutorials):
    """读者一动，公式用到的每一种字体（折叠里的也算）就取好，打印时才不缺字。"""
    for name in tutorials:
        page.goto(f"{server}tutorials/{name}.html")
        page.mouse.move(200, 200)
        page.wait_for_function(
            """() => { const words = [...document.querySelectorAll('.katex-html *')].filter((e) => e.firstChild?.nodeType === 3);
            const families = new Set(words.map((e) => getComputedStyle(e).fontFamily.split(',')[0].replace(/["']/g, '')));
            families.delete('');
            return [...families].filter((family) => family.startsWith('KaTeX')).every((family) =>
              [...document.fonts].some((face) => face.family.replace(/["']/g, '') === family && face.status === 'loaded')); }"""
        )


def phone(browser, **more):
    return browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, **more)


WIDE_BLOCKS = """() => {
  document.documentElement.classList.add('no-js');  // 全部小节都排版
  document.querySelectorAll('details').forEach((d) => (d.open = true));
  const blocks = [...document.querySelectorAll('article pre')];
  const wide = blocks.filter((e) => e.scrollWidth > e.clientWidth + 1);
  const output = (e) => e.closest('.sphx-glr-script-out');
  const folds = (e) => !output(e) || /^ *(\\[\\w+\\]: *)?\\w*(Error|Warning): /m.test(e.textContent);
  return [blocks.length, wide.length, wide.filter(folds).map((e) => e.textContent.slice(0, 60))];
}"""


@pytest.mark.parametrize("width", [390, 1280])
def test_few_blocks_scroll_sideways(browser, server, tutorials, width):
    """至多二十分之一的格子要横向滚动，都是对齐的输出；代码和报错从不，多宽都折下来。"""
    context = phone(browser) if width == 390 else browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    blocks = wide = 0
    for name in tutorials:
        page.goto(f"{server}tutorials/{name}.html")
        found = page.evaluate(WIDE_BLOCKS)
        blocks, wide = blocks + found[0], wide + found[1]
        assert not found[2], (name, found[2])
    context.close()
    assert wide <= blocks * 0.05, (wide, blocks)


def test_drawers_by_keyboard(browser, server):
    """窄窗口里，两个抽屉都能用键盘打开，Esc 关上，选了也关上；没有脚本时一样打得开。"""
    for scripts in (True, False):
        context = browser.new_context(viewport={"width": 640, "height": 450}, java_script_enabled=scripts)
        page = context.new_page()
        page.goto(server + TUTORIAL)
        for name in ("navigation", "contents"):
            drawer = page.locator(f"#{name}")
            assert not drawer.is_visible()
            page.locator(f".for-{name}").focus()
            page.keyboard.press("Enter")
            assert drawer.is_visible()
            page.keyboard.press("Tab")
            assert page.locator(f"#{name} :focus").count() == 1
            page.keyboard.press("Escape")
            assert not drawer.is_visible()
        if scripts:
            page.locator(".for-contents").click()
            page.locator("#contents a").nth(3).click()
            assert not page.locator("#contents").is_visible()
            page.locator(".for-contents").click()
            page.locator("#contents a").last.focus()
            page.keyboard.press("Tab")
            assert not page.locator("#contents").is_visible(), "焦点走出去，抽屉就不再盖着它"
        context.close()


@pytest.mark.parametrize("width", [1180, 1280, 1440])
def test_contents_stand_beside_the_text(page, server, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(server + TUTORIAL)
    text, contents = (page.locator(name).bounding_box() for name in ("article p >> nth=3", "#contents"))
    assert contents["x"] >= text["x"] + text["width"]
    assert not page.locator(".for-contents").is_visible()


def test_copy_buttons_are_there_for_keys_and_fingers(browser, page, server):
    """键盘走到时看得见；手指够得着（44 像素），不挡住文字。"""
    page.goto(server + TUTORIAL)
    button = page.locator("button.copy").nth(2)
    assert button.evaluate("e => getComputedStyle(e).opacity") == "0"
    button.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert button.evaluate("e => getComputedStyle(e).opacity") == "1"
    context = phone(browser)
    small = context.new_page()
    small.goto(server + TUTORIAL)
    box = small.locator("button.copy").nth(2)
    assert box.evaluate("e => getComputedStyle(e).opacity") == "1"
    assert min(box.bounding_box()["width"], box.bounding_box()["height"]) >= 44
    context.close()


def test_search_opens_from_the_header(browser, page, server):
    page.goto(server + TUTORIAL)
    page.locator(".sidebar-search").click()
    page.locator(".search-dialog[open]").wait_for()
    page.keyboard.type("广播")
    page.get_by_role("option").first.wait_for()
    context = phone(browser)
    small = context.new_page()
    small.goto(server + TUTORIAL)
    small.locator(".open-search").tap()
    small.locator(".search-dialog[open]").wait_for()
    context.close()


#: 浏览器里存着的东西不是我们写的，或者根本不许存取。
MEMORIES = {
    "没有": "localStorage.clear()",
    "空": "for (const name of ['read', 'theme']) localStorage.setItem(name, 'null')",
    "数": "for (const name of ['read', 'theme']) localStorage.setItem(name, '7')",
    "残缺": "for (const name of ['read', 'theme']) localStorage.setItem(name, '{{{')",
    "别的形状": """localStorage.setItem('theme', 'purple'); localStorage.setItem('read',
        '{"last": 3, "tutorials/neural_networks": "x", "tutorials/what_is_pytorch": {"most": {}, "at": 7}}')""",
    "指向没有的页": """localStorage.removeItem('theme');
        localStorage.setItem('read', '{"last": "a\\\\"b", "a\\\\"b": {"most": 0.5}}')""",
    "不许读写": "Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied'); } })",
    "写不下": "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }",
}


@pytest.mark.slow
@pytest.mark.parametrize("memory", MEMORIES)
def test_odd_memory_and_odd_addresses_break_nothing(browser, server, memory):
    """配色、读过的标记、搜索、复制、抽屉都照样能用；网址里的 # 写坏了也一样。"""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    problems = watch(page, server)
    page.add_init_script(f"if (location.protocol === 'http:') {{ {MEMORIES[memory]} }}")
    for address in ("index.html", f"{TUTORIAL}#%", f"{TUTORIAL}#100%", "search.html?q=%E5%B9%BF%E6%92%AD#%"):
        page.goto("about:blank")
        page.goto(server + address)
        assert page.locator("html").get_attribute("data-theme") == "auto"
        page.locator(".theme-toggle").click()
        assert page.locator("html").get_attribute("data-theme") == "dark"
        assert page.locator("[data-read]").count() == 5
        if address.startswith(TUTORIAL):
            assert page.locator("button.copy").count() > 10
        if not address.startswith("search"):
            page.keyboard.press("/")
            page.keyboard.type("广播")
        page.get_by_role("option", name="广播").first.wait_for()
    context.close()
    assert not problems, problems


#: 侧栏里这一篇读过几成。
SHARE = "Number(document.querySelector('[data-read=\"tutorials/neural_networks\"]').style.getPropertyValue('--read'))"


def read(page, sections):
    """像读者那样读完几节：在开头停一停，过一会儿到末尾停一停。"""
    count = page.locator("article > section > section").count()
    for section in sections:
        for edge, place in (("top", 0.2), ("bottom", 0.5)):
            page.evaluate(
                """([i, edge, place]) => { const e = document.querySelectorAll('article > section > section')[i];
                scrollTo(0, e.getBoundingClientRect()[edge] + scrollY - place * innerHeight); }""",
                [section, edge, place],
            )
            page.wait_for_timeout(500)
            page.clock.fast_forward(60_000)
        page.mouse.wheel(0, 30)
        page.wait_for_function(f"() => {SHARE} > {(section + 0.5) / count}")


def test_jumping_is_not_reading(page, server):
    """按 End、从目录一节一节跳过去，都不算读过；只有末尾的短短几节，几次都在屏幕上。"""
    page.goto(server + TUTORIAL)
    page.wait_for_function(LAID_OUT)
    page.keyboard.press("End")
    page.wait_for_timeout(1200)
    assert page.evaluate(SHARE) == 0
    for link in page.locator(".toc-tree > ul > li > a").all():
        link.click()
        page.wait_for_timeout(600)
    assert page.evaluate(SHARE) < 0.2


def test_what_was_read_is_remembered_here(page, server):
    """读完几节记在这台机器上：侧栏和首页看得出，首页给出接着读的地方；别的标签页不会把它抹掉。"""
    page.clock.install()
    page.goto(server + TUTORIAL)
    page.wait_for_function(LAID_OUT)
    other = page.context.new_page()
    other.goto(server + TUTORIAL)
    page.bring_to_front()
    count = page.locator("article > section > section").count()
    read(page, range(count // 2))
    other.close(run_before_unload=True)
    assert 0.4 < page.evaluate(SHARE) < 0.97
    page.goto(server + "index.html")
    assert 0.4 < page.evaluate(SHARE) < 0.97
    assert page.locator("a.resume").count() == 1
    stored = page.evaluate("localStorage.getItem('read')")
    assert json.loads(stored)["last"] == "tutorials/neural_networks"
    page.goto(server + TUTORIAL)
    page.wait_for_function(LAID_OUT)
    read(page, range(count // 2, count))
    page.goto(server + "index.html")
    assert page.evaluate(SHARE) == 1 and page.locator(".tutorial-cards .done").count() == 1


@pytest.mark.parametrize("width", [390, 1280])
def test_pictures_grow_at_a_tap(page, server, width):
    """大到原来的一倍半以上；比屏幕宽就横着滑。"""
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(server + TUTORIAL)
    picture = page.locator("article figure img").first
    picture.scroll_into_view_if_needed()
    picture.click()
    shown = page.locator("dialog.picture[open] img")
    shown.wait_for()
    assert shown.bounding_box()["width"] > 1.5 * picture.bounding_box()["width"]
    page.keyboard.press("Escape")
    page.locator("dialog.picture").wait_for(state="detached")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_figures_line_up_with_the_text(browser, server, scheme, width):
    """图、说明、画图的代码依次往下，左边齐，桌面上在正文的中间；手机上图占满。浅色、深色两版一样。"""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(server + TUTORIAL)
    picture = page.locator(f"figure.drawing:not(.explored) img.only-{scheme}").first
    picture.scroll_into_view_if_needed()
    image, code, text, caption, frame = picture.evaluate(
        """(image) => { const figure = image.closest('figure');
        const parts = [image, figure.querySelector('summary'), figure.parentElement.querySelector('p'),
                       figure.querySelector('.drawing-caption'), figure];
        return parts.map((e) => e.getBoundingClientRect().toJSON()); }"""
    )
    context.close()
    assert image["bottom"] < caption["top"] < caption["bottom"] <= code["top"]
    for part in (caption, code):
        assert abs(part["left"] - image["left"]) < 2
    assert abs(image["left"] - text["left"] - (text["right"] - image["right"])) < 2
    assert width > 700 or abs(image["right"] - text["right"]) < 2
    for edge in ("left", "right"):
        assert abs(frame[edge] - text[edge]) < 2


def test_figures_have_captions(site, tutorials):
    """画图的格子：图在前，说明在图下，代码折叠着。"""
    for name in tutorials:
        for figure in re.findall(
            r'<figure[^>]*class="drawing[^>]*>.*?</figure>', (site / f"tutorials/{name}.html").read_text("utf-8"), re.S
        ):
            assert re.search(r"<figcaption[^>]*>(?:<span[^>]*>)?<strong>图 \d+</strong>.*?[\u4e00-\u9fff]", figure), (
                figure[:300]
            )
            assert "<details" in figure


def test_link_styles_differ(page, server):
    """术语是点线，官方参考是实线：一眼分得开。"""
    page.goto(server + TUTORIAL)
    style = "e => getComputedStyle(e).textDecorationStyle"
    assert page.locator("article p a.term").first.evaluate(style) == "dotted"
    assert page.locator("article p code a.api-link").first.evaluate(style) == "solid"


def test_comments_recede_in_the_dark(browser, server):
    """深色里，注释比别的代码都暗。"""
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(server + TUTORIAL)
    bright = """name => { const e = document.querySelector('.highlight ' + name); if (!e) return 999;
      return getComputedStyle(e).color.match(/\\d+/g).slice(0, 3).reduce((sum, n) => sum + Number(n), 0); }"""
    comment = page.evaluate(bright, ".c1")
    assert all(comment < page.evaluate(bright, name) for name in (".k", ".s2", ".nf", ".mi", ".n"))
    context.close()


def test_not_found_page(browser, server, site):
    """主机在任何深处都给出这一页：样式、配色、搜索和回家的路都在。"""
    context = browser.new_context()
    page = context.new_page()
    text = (site / "404.html").read_text("utf-8")
    page.route("**/no/such/page.html", lambda route: route.fulfill(status=404, body=text, content_type="text/html"))
    failed = []
    page.on("response", lambda r: r.status >= 400 and not r.url.endswith("/no/such/page.html") and failed.append(r.url))
    page.goto(server + "no/such/page.html", wait_until="networkidle")
    assert page.locator("h1").inner_text() == "没有这一页"
    assert page.locator("html").get_attribute("data-theme") == "auto" and not failed
    page.locator(".not-found-search input").fill("广播")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server}search.html?q=*")
    page.go_back()
    page.get_by_role("link", name="回首页").click()
    page.wait_for_url(f"{server}index.html")
    context.close()


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


#: 把版面的跳动加在 window.moved 里，从打开时算起。
WATCH_SHIFTS = """() => { window.moved = 0;
new PerformanceObserver((list) => list.getEntries().forEach((e) => (moved += e.value))).observe({ type: 'layout-shift', buffered: true }); }"""


def test_front_page_stays_where_it_is(page, server):
    """桌面上，首页的图载入、试验框换上时，别的东西不动。"""
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(server + "index.html")
    figure = page.locator("figure[data-explorable]")
    before = figure.bounding_box()["height"]
    page.evaluate(WATCH_SHIFTS)
    page.mouse.wheel(0, 400)
    figure.locator(".explorable").wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("moved") < 0.01
    assert abs(figure.bounding_box()["height"] - before) <= 2


def test_contents_open_without_moving_anything(page, server):
    """桌面上从头滚到尾：目录跟着展开正在读的一节，展开的看得见、不压住后面的，版面一点也不跳。"""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(server + TUTORIAL)
    page.wait_for_function(LAID_OUT)
    page.evaluate(
        """() => { window.moved = []; new PerformanceObserver((list) => list.getEntries().forEach((e) =>
        moved.push([e.value, ...e.sources.map((s) => s.node?.outerHTML?.slice(0, 90))]))).observe({ type: 'layout-shift' }); }"""
    )
    opened = 0
    for link in page.locator("#contents .toc-tree > ul > li:has(ul)").all():
        for inner in link.locator("li > a").all():
            place = unquote(inner.get_attribute("href")).removeprefix("#")
            page.evaluate(
                "id => scrollBy(0, document.getElementById(id).getBoundingClientRect().top - 0.28 * innerHeight)", place
            )
            inner.locator("xpath=..").and_(page.locator(".scroll-current")).wait_for()
            boxes = [item.bounding_box() for item in page.locator("#contents .toc-tree a:visible").all()]
            boxes.sort(key=lambda box: box["y"])
            assert all(a["y"] + a["height"] <= b["y"] + 1 for a, b in itertools.pairwise(boxes))
            opened += 1
    assert opened >= 5 and page.evaluate("moved") == []


def test_contents_stay_while_a_fold_is_read(page, server, tutorials):
    """选读不在目录里：打开一个直接在全页下面的选读，滚进去，目录和记下的位置还是它前面的那一节。"""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{server}tutorials/training_a_classifier.html")
    page.wait_for_function(LAID_OUT)
    before, inside = page.evaluate(
        """() => { const fold = [...document.querySelectorAll('article > section > details.optional')].at(-1);
        fold.open = true; scrollTo(0, scrollY + fold.getBoundingClientRect().top + 300);
        const entries = [...document.querySelectorAll('.toc-tree a')].map((a) => decodeURIComponent(a.hash.slice(1)));
        const earlier = entries.filter((id) => document.getElementById(id).compareDocumentPosition(fold) & 4);
        return [earlier.at(-1), fold.offsetHeight]; }"""
    )
    assert inside > 1200
    for _ in range(4):
        page.mouse.wheel(0, 100)
        page.wait_for_timeout(100)
    current = page.locator(".toc-tree li.scroll-current > a").last
    assert unquote(current.get_attribute("href")) == f"#{before}"
    page.wait_for_function(
        "before => JSON.parse(localStorage.read)['tutorials/training_a_classifier'].at === before", arg=before
    )


@pytest.mark.parametrize("step", [300, 1200])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_jumps_under_the_reader(browser, server, width, step):
    """打开就滚：小节排出真的高度、互动图换上，屏幕上的东西一点也不跳；滚得快的，互动图等读者走过了才到。"""
    context = phone(browser) if width == 390 else browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    late: list = []
    if step == 1200:
        page.route(re.compile(r"explorables/(strides|broadcasting)\.js"), lambda route: late.append(route))
    page.goto(f"{server}tutorials/what_is_pytorch.html")
    page.evaluate(WATCH_SHIFTS)
    while page.evaluate("scrollY + innerHeight < document.documentElement.scrollHeight - 2"):
        page.evaluate(f"scrollBy(0, {step})")
        page.wait_for_timeout(60)
    for route in late:
        route.continue_()
    for figure in page.locator("figure[data-explorable]").all():
        figure.locator(".explorable, .try").first.wait_for(state="attached")
    page.wait_for_timeout(300)
    assert page.evaluate("moved") < 0.005
    context.close()


@pytest.mark.parametrize("name", ["index", "tutorials/autograd_automatic_differentiation", "cheatsheet"])
def test_nothing_jumps(browser, server, name):
    """手机上打开，版面不跳，一节排版前后占的高度一样；脚本添上的复制按钮不占地方，文字不因它们换行。"""
    context = phone(browser)
    page = context.new_page()
    page.goto(f"{server}{name}.html")
    shift = page.evaluate(
        """() => new Promise((done) => { let sum = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((e) => (sum += e.value))).observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => done(sum), 1500); })"""
    )
    assert shift < 0.02
    page.wait_for_function(LAID_OUT)
    tops = "[...document.querySelectorAll('article > section > section')].map((e) => e.offsetTop).join()"
    before = page.evaluate(tops)
    page.add_style_tag(content="article > section > section { contain: layout paint }")
    assert page.evaluate(tops) == before
    heights = "[...document.querySelectorAll('article pre')].map((e) => e.offsetHeight).join()"
    before = page.evaluate(heights)
    page.evaluate("document.querySelectorAll('.copy').forEach((button) => button.remove())")
    assert page.evaluate(heights) == before
    context.close()
