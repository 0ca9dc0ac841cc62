"""速查表、常见错误索引和安装页：印出来的都是真的运行得到的，坏了就构建不成。"""

import functools
import json
import re
import subprocess
import sys
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, example

MESSAGE = re.compile(r"^(?:\[\w+\]: )?\w*(?:Error|Warning| error): .*", re.M)

#: 与 site_builder/prose/card_runner.py 无关的另一份实现：从标准输入读 [[代码, ...], ...]，写出各张卡片的输出。
RUNNER = """
import contextlib, io, json, os, sys, tempfile
outputs = []
for parts in json.load(sys.stdin):
    os.chdir(tempfile.mkdtemp())
    output, names = io.StringIO(), {}
    with contextlib.redirect_stdout(output):
        for part in parts:
            exec(part, names)
    outputs.append(output.getvalue().strip())
json.dump(outputs, sys.stdout)
"""


def soup(path):
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def code(block):
    return block.select_one("pre").get_text().strip("\n")


def cards(site):
    """[(标题, 代码, 输出), ...] 和开场白。"""
    page = soup(site / "cheatsheet.html")
    found = []
    for card in page.select("section.card"):
        output = card.select_one(".card-output")
        title = card.select_one("h3").get_text().rstrip("¶")
        found.append((title, code(card.select_one(".highlight-python")), code(output) if output else ""))
    preludes = [
        code(block) for block in page.select(".highlight-python") if not block.find_parent("section", class_="card")
    ]
    return found, preludes


@functools.cache
def anchors(path):
    return set(re.findall(r'\bid="([^"]+)"', path.read_text("utf-8"))) if path.is_file() else set()


def leads_somewhere(site, address):
    """顶层页面里的 `address`（页面加锚点）有没有着落。"""
    name, _, anchor = unquote(address).partition("#")
    return anchor in anchors(site / name)


def test_a_card_for_every_part(site, tutorials):
    """十几张卡片，第一张是完整的训练，其余每张五到七行；五篇教程都有，链接都通到教程里的小节。"""
    found, preludes = cards(site)
    assert 14 <= len(found) <= 18 and len(preludes) == 1
    loop = found[0][1]
    for step in ("for epoch", ".train()", "zero_grad", "backward()", ".step()", ".eval()", "no_grad", "torch.save"):
        assert step in loop, step
    for title, text, _ in found[1:]:
        assert 5 <= len(text.splitlines()) <= 8, title
    links = [link["href"] for link in soup(site / "cheatsheet.html").select(".card-link a")]
    assert len(links) == len(found)
    assert not [link for link in links if not leads_somewhere(site, link)]
    assert {re.search(r"tutorials/(\w+)\.html#.", link)[1] for link in links} == set(tutorials)


def test_shown_code_gives_the_shown_output(site):
    """把网页上的卡片抄下来运行，输出就是网页上的输出。"""
    found, preludes = cards(site)
    assert found
    jobs = json.dumps([[*preludes, text] for _, text, _ in found])
    command = [sys.executable, "-W", "error", "-c", RUNNER]
    run = subprocess.run(command, input=jobs, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0 and not run.stderr, run.stderr
    for (title, _, shown), output in zip(found, json.loads(run.stdout), strict=True):
        assert shown == output, title


BROKEN = """# 卡片

这一页的卡片各有各的毛病，构建应当逐一指出它们的文件和行号。

```{card-prelude}
import warnings
```

```{card-code} 报错
print(1)
print(undefined)  # 11
```

```{card-code} 警告
:see: one#第一格

warnings.warn("小心")  # 17
```

```{card-code} 语法
print(  # 21
```

```{card-code} 退出
import sys
sys.exit(0)  # 26
```

```{card-code} 链接
:see: one#没有这一节
print("好的")
```

```{card-code} 没有报错
:raises: ValueError
print(1)
```
"""


def test_broken_cards_are_named(tiny):
    """卡片里的异常、警告、语法错误、退出和指错的链接：构建失败，指出文件和行号，不发布网站。"""
    site = tiny({"one": example()}, {"cards": BROKEN})
    run = site.build()
    assert run.returncode != 0 and not (site.folder / "build/html").exists()
    for number, error in {11: "NameError", 17: "UserWarning", 21: "SyntaxError", 26: "SystemExit"}.items():
        assert re.search(rf"cards\.md:{number}: WARNING: 卡片没能执行：{error}", run.stdout), run.stdout
    assert re.search(r"cards\.md:\d+: WARNING: 卡片没能执行：应当报 ValueError", run.stdout), run.stdout
    assert re.search(r"cards\.md:\d+: WARNING: 教程里没有这一节：one#没有这一节", run.stdout), run.stdout
    assert "one#第一格" not in run.stdout


@pytest.mark.slow
def test_cards_run_only_when_changed(tiny):
    """没有改动的卡片不再执行；改了的重新执行；两张卡片的名字互不相通。"""
    text = "# 卡片\n\n这一页用来看卡片什么时候执行，别的没有什么，够作描述就好。\n\n" + "".join(
        f"```{{card-code}} {title}\nimport time\nprint({title!r}, time.time_ns(), 'own' in globals())\nown = 1\n```\n\n"
        for title in ("甲", "乙")
    )
    site = tiny({"one": example()}, {"cards": text})
    outputs = []
    for number in range(3):
        run = site.build()
        assert run.returncode == 0, run.stdout
        page = soup(site.folder / "build/html/cards.html")
        outputs.append([code(block) for block in page.select(".card-output")])
        if number == 1:
            site.edit("docs/cards.md", "print('乙'", "print('丙'")
        elif number == 0:
            site.edit("docs/cards.md", "别的没有什么", "别的什么也没有")
    assert [[re.sub(r"\d+", "时刻", card) for card in cards] for cards in outputs] == [
        ["甲 时刻 False", "乙 时刻 False"],
        ["甲 时刻 False", "乙 时刻 False"],
        ["甲 时刻 False", "丙 时刻 False"],
    ]
    assert outputs[0] == outputs[1] and outputs[1][0] == outputs[2][0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_prints_on_two_sheets(page, server, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(server + "cheatsheet.html")
    assert page.locator(".card").count()
    pdf = page.pdf(format="A4", prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 2


def test_one_column_on_a_phone_more_on_a_desk(page, server):
    page.goto(server + "cheatsheet.html")
    columns = "getComputedStyle(document.querySelector('.cards')).gridTemplateColumns.split(' ').length"
    for width, expected in [(390, {1}), (1280, {2, 3}), (1920, {2, 3})]:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(columns) in expected, width


def test_index_of_common_errors(site, tutorials):
    """五篇教程的每个“常见错误”框都在索引里，报错一字不差，链接通到框。"""
    index = soup(site / "common_errors.html")
    entries = {}
    for term in index.select(".pitfall-index dt"):
        link = term.select_one("a")["href"]
        assert leads_somewhere(site, link), link
        entries[unquote(link)] = [code(block) for block in term.find_next_sibling("dd").select("[class*=highlight-]")]
    boxes = {}
    for name in tutorials:
        for box in soup(site / f"tutorials/{name}.html").select("section.pitfall"):
            outputs = [code(block) for block in box.select(".sphx-glr-script-out") if block.name == "div"]
            boxes[f"tutorials/{name}.html#{box['id']}"] = MESSAGE.findall("\n".join(outputs))
    assert list(entries) == list(boxes)
    for address, messages in boxes.items():
        assert [entry.splitlines()[0] for entry in entries[address]] == messages, address
    assert sum(map(len, boxes.values())) >= 30


def test_the_quoted_message_is_the_message(site):
    """常见错误索引里，“现象”一句引用的报错就是卡片真正打印的，搜索才找得到。"""
    checked = 0
    for box in soup(site / "common_errors.html").select("section.pitfall"):
        shown = box.select_one(".card-output")
        if shown is None or "Error" not in shown.get_text():
            continue
        symptom = next(p for p in box.select("p") if p.get_text().startswith("现象"))
        quoted = [code.get_text() for code in symptom.select("code") if " " in code.get_text()]
        assert re.sub(r"\s+", " ", quoted[0]) in re.sub(r"\s+", " ", shown.get_text()), quoted
        checked += 1
    assert checked == 3


def test_versions_come_from_the_requirements(site):
    """安装页上的版本就是 requirements.txt 锁定的，检查安装的输出来自这次构建。"""
    pinned = dict(re.findall(r"^(torch|torchvision)==(\S+)", (ROOT / "requirements.txt").read_text("utf-8"), re.M))
    page = soup(site / "install.html")
    text = page.select_one("article").get_text()
    assert f"torch {pinned['torch']}、torchvision {pinned['torchvision']}" in text
    assert code(page.select_one(".card-output")).startswith(pinned["torch"])
    assert not [v for v in pinned.values() if v in (ROOT / "docs/install.md").read_text("utf-8")]
