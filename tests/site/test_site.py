"""构建好的网站：页面、输出、图、下载、链接，都按覆盖表检查。"""

import ast
import html
import json
import os
import re
from urllib.parse import unquote, urldefrag

import pytest
from conftest import ROOT

from site_builder.downloads import scripts

# 每页必须出现在输出里的文字：不随种子变化的结果（共享的覆盖表逐行列出它们教什么）。
OUTPUTS = {
    "what_is_pytorch": [
        "torch.Size([5, 3])",
        "tensor([5.5000, 3.0000])",
        "torch.float64",
        "torch.Size([4, 4]) torch.Size([16]) torch.Size([2, 8])",
        "[2. 2. 2. 2. 2.]",
        "tensor([2., 2., 2., 2., 2.], dtype=torch.float64)",
        "RuntimeError: The size of tensor a (5) must match the size of tensor b (4)",
        "RuntimeError: shape '[3, 5]' is invalid for input of size 16",
        "RuntimeError: view size is not compatible",
        "RuntimeError: a Tensor with 2 elements cannot be converted to Scalar",
    ],
    "autograd_automatic_differentiation": [
        "requires_grad=True",
        "AddBackward0",
        "MulBackward0",
        "MeanBackward0",
        "AccumulateGrad",
        "[4.5000, 4.5000]",
        "[9., 9.]",
        "RuntimeError: Trying to backward through the graph a second time",
        "RuntimeError: grad can be implicitly created only for scalar outputs",
        "UserWarning: The .grad attribute of a Tensor that is not a leaf Tensor is being accessed",
        "RuntimeError: a leaf Variable that requires grad is being used in an in-place operation",
    ],
    "neural_networks": [
        "(conv1): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))",
        "(fc1): Linear(in_features=400, out_features=120, bias=True)",
        "torch.Size([6, 1, 5, 5])",
        "61706",
        "(1, 16, 5, 5)",
        "MseLossBackward0",
        "AddmmBackward0",
        "None",
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (16x25 and 400x120)",
        "UserWarning: Using a target size (torch.Size([10])) that is different to the input size",
    ],
    "training_a_classifier": [
        "50000",
        "10000",
        "62006",
        "[1,  2000]",
        "[2, 12000]",
        "cat",
        "ship",
        "plane",
        "torch.Size([4, 10])",
        "UnpicklingError: Weights only load failed",
        "RuntimeError: expected target dtype to be Long or Byte, but got Float",
    ],
    "optional_data_parallelism": [
        "In Model",
        "In Model: input size [30, 5] output size [30, 2]",
        "In Model: input size [15, 5]",
        "In Model: input size [4, 5]",
        "ValueError: Default process group has not been initialized",
        "module.",
        "rank 0",
        "rank 1",
    ],
}
FIGURES = {
    "what_is_pytorch": 3,
    "autograd_automatic_differentiation": 4,
    "neural_networks": 3,
    "training_a_classifier": 9,
    "optional_data_parallelism": 2,
}
OLD_ADDRESSES = [
    "what-is-pytorch",
    "autograd-automatic-differentiation",
    "neural-networks",
    "training-a-classifier",
    "optional-data-parallelism",
]


def read(site, name):
    return (site / f"{name}.html").read_text("utf-8")


def outputs(page):
    """页面上所有“输出：”的文字。"""
    blocks = re.findall(r'<div class="sphx-glr-script-out[^>]*>.*?<pre[^>]*>(.*?)</pre>', page, re.S)
    return html.unescape(re.sub(r"<[^>]+>", "", "\n".join(blocks)))


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_are_there(site, name):
    found = outputs(read(site, f"tutorials/{name}"))
    missing = [text for text in OUTPUTS[name] if text not in found]
    assert not missing


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_there(site, name):
    """图都在，浅色、深色成对，有中文替代文字、宽高，文件存在；没有显示的不载入。"""
    page = read(site, f"tutorials/{name}")
    images = re.findall(r"<img [^>]*sphx-glr-single-img[^>]*>", page)
    light, dark = ([image for image in images if f"only-{theme}" in image] for theme in ("light", "dark"))
    assert len(light) == len(dark) >= FIGURES[name] and len(images) == 2 * len(light)
    alternatives = [[re.search(r'alt="([^"]*)"', image)[1] for image in version] for version in (light, dark)]
    assert alternatives[0] == alternatives[1]
    assert len(set(alternatives[0])) == len(light), "替代文字不能重复"
    script = (ROOT / "examples" / name).with_suffix(".py").read_text("utf-8")
    said = re.findall(r'suptitle\(f?"([^"]+)"', script) + re.findall(r"^# 画图[^：]*：(.+)", script, re.M)
    assert len(said) >= 2 * len(light) and not set(alternatives[0]) & set(said), "替代文字不是标题，也不是说明"
    for image in images:
        assert re.search(r'alt="[^"]*[\u4e00-\u9fff]', image), image
        assert "width=" in image and "height=" in image and 'loading="lazy"' in image, image
        source = re.search(r'src="([^"]+\.(?:svg|webp))"', image)[1]
        assert (site / "tutorials" / source).resolve().is_file(), source


@pytest.mark.parametrize("name", OUTPUTS)
def test_nothing_accidental_in_outputs(site, name):
    """输出里没有内存地址、机器路径、进度条。"""
    found = outputs(read(site, f"tutorials/{name}"))
    assert not re.search(r"0x[0-9a-f]{6,}", found)
    assert str(ROOT) not in read(site, f"tutorials/{name}")
    assert not re.search(r"/(home|root|tmp|Users)/", found)
    assert "%|" not in found and "it/s" not in found


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_page_teaches(site, name):
    """每页至少三个常见错误框（框里有报错），有小结、练习，答案三到五个且折叠着。"""
    page = read(site, f"tutorials/{name}")
    boxes = re.findall(r'<section class="pitfall legacy[^>]*>.*?</section>', page, re.S)
    assert len(boxes) >= 3
    raised = [box for box in boxes if re.search(r"\w+(Error|Warning): ", outputs(box))]
    assert len(raised) >= 3
    for heading in ("小结", "练习", "接下来"):
        assert re.search(rf"<h2>{heading}", page), heading
    answers = re.findall(r'<details class="answer fold"[^>]*>\s*<summary>练习 \d 的答案', page)
    assert 3 <= len(answers) <= 5
    assert "2018 年的写法" in page


def test_five_pages_in_order(site, tutorials):
    """五篇都从首页到得了；每篇写着自己是第几篇，上一篇、下一篇相连。"""
    index = read(site, "index")
    positions = [index.index(f'href="tutorials/{name}.html"') for name in tutorials]
    assert positions == sorted(positions)
    for number, name in enumerate(tutorials, 1):
        page = read(site, f"tutorials/{name}")
        assert f"第 {number} / 5 篇" in page
        for neighbour in tutorials[max(0, number - 2) : number - 1] + tutorials[number : number + 1]:
            assert re.search(rf'<a class="(next|prev)-page" href="{neighbour}\.html"', page), neighbour


def test_provenance_is_of_this_build(site, tutorials):
    import torch
    import torchvision

    for name in tutorials:
        page = read(site, f"tutorials/{name}")
        box = page[page.index("这一页怎样生成") :]
        assert f"torch {torch.__version__.split('+')[0]}" in box.replace(
            torch.__version__, torch.__version__.split("+")[0]
        )
        assert f"torchvision {torchvision.__version__.split('+')[0]}" in box
        assert re.search(r"代码用时</dt>\s*<dd><p>[\d.]+ 秒", box)
        assert re.search(r"处理器</dt>\s*<dd><p>\S", box)
    classifier = read(site, "tutorials/training_a_classifier")
    source = json.loads((ROOT / "examples/data/source.json").read_text("utf-8"))["source"]
    assert f"CIFAR-10，{source}" in classifier


def test_accuracy_is_as_expected(site):
    """第四篇在全部 10,000 张测试图片上的准确率在 50% 到 60% 之间。"""
    found = outputs(read(site, "tutorials/training_a_classifier"))
    percentages = [float(p) for p in re.findall(r"准确率[^\n]*?(\d+\.\d) ?%", found)]
    assert percentages
    assert any(50 < p < 60 for p in percentages)


def test_downloads_are_the_executed_code(site, tutorials):
    """每篇有 .py 和 .ipynb 各一个，就在标题下面；内容是示例的代码，语法无误。"""
    for name in tutorials:
        page = read(site, f"tutorials/{name}")
        box = re.search(r'<div class="tutorial-downloads.*?</div>', page, re.S)[0]
        assert page.index("tutorial-downloads") < page.index("<h2>")
        links = re.findall(r'href="([^"]+)"', box)
        assert [link.rsplit(".", 1)[1] for link in links][:2] == ["py", "ipynb"]
        script = (site / "tutorials" / links[0]).resolve().read_text("utf-8")
        assert script == scripts.for_reader((ROOT / f"examples/{name}.py").read_text("utf-8"), name)
        notebook = json.loads((site / "tutorials" / links[1]).resolve().read_text("utf-8"))
        assert notebook["nbformat"] == 4
        cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
        assert len(cells) > 20
        for cell in cells:
            source = "".join(cell["source"])
            if not source.startswith("%"):
                ast.parse(source)


def test_old_addresses_lead_on(site, tutorials):
    for old, name in zip(OLD_ADDRESSES, tutorials, strict=True):
        page = read(site, old)
        assert f"url=tutorials/{name}.html" in page
        assert 'lang="zh-CN"' in page


def test_no_second_front_page(site):
    """画廊的首页带人回首页：搜索、侧栏、站点地图里都没有它，也没有它的 .md。"""
    assert "url=../index.html" in read(site, "tutorials/index")
    assert not (site / "tutorials/index.md").exists() and not (site / "search/pages/tutorials/index.js").exists()
    assert "tutorials/index" not in (site / "search/index.js").read_text("utf-8")
    for path in pages(site):
        links = re.findall(r'href="([^"#?]+)', path.read_text("utf-8"))
        assert site / "tutorials/index.html" not in {(path.parent / link).resolve() for link in links}, path.name


def pages(site):
    return sorted(p for p in site.rglob("*.html") if "_static" not in p.parts)


def test_every_link_inside_the_site(site):
    """站内每个链接、锚点、图片、脚本、样式和下载都存在。"""
    texts = {path: path.read_text("utf-8") for path in pages(site)}
    anchors = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in texts.items()}
    broken = []
    for path, text in texts.items():
        text = re.sub(r"<pre.*?</pre>", lambda m: re.sub(r">[^<]*<", "><", m[0]), text, flags=re.S)
        for address in re.findall(r'(?:href|src)="([^"]+)"', text):
            target, anchor = urldefrag(html.unescape(address))
            target = target.partition("?")[0]
            if re.match(r"[a-z]+:", target) or (path.name == "404.html" and target.startswith("/")):
                continue
            file = (path.parent / unquote(target)).resolve() if target else path
            if not file.is_file():
                broken.append(f"{path.relative_to(site)}：{address}")
            elif (
                anchor
                and file in anchors
                and html.unescape(unquote(anchor)) not in {html.unescape(a) for a in anchors[file]}
            ):
                broken.append(f"{path.relative_to(site)}：{address}（没有这个锚点）")
    assert not broken, broken


def test_every_outside_link_has_a_reason(site):
    """指向站外的链接都在 docs/outside_links.txt 里，那里的每一条也都用得上。"""
    lines = (ROOT / "docs/outside_links.txt").read_text("utf-8").splitlines()
    reasons = dict(line.split(None, 1) for line in lines if not line.startswith("#"))
    used = set()
    for path in pages(site):
        for address in re.findall(r'href="(https?://[^"]+)"', path.read_text("utf-8")):
            allowed = [prefix for prefix in reasons if address.startswith(prefix)]
            own = [os.environ[name] for name in ("SITE_URL", "REPO_URL") if os.environ.get(name)]
            assert allowed or address.startswith((*own, "https://colab.research.google.com/")), (
                f"{path.name}：{address}"
            )
            used.update(allowed)
    assert used == reasons.keys(), reasons.keys() - used


def test_nothing_unused_in_the_site(site):
    """站点里的每个文件都有网页、样式或脚本用到，或者有说得出的理由。"""
    reasons = {
        "404.html": "主机在网址不存在时给出它",
        "_headers": "主机从它读响应头",
        "robots.txt": "搜索引擎找它",
        "sitemap.xml": "搜索引擎找它",
        "tutorials/index.html": "目录 tutorials/ 的网址，带回首页",
        "llms.txt": "读网页不方便的程序找它，它列出全部 .md",
        **{path.relative_to(site).as_posix(): "llms.txt 列出它" for path in site.rglob("*.md")},
        **{f"{name}.html": "原站的网址，读者的收藏夹里有" for name in OLD_ADDRESSES},
    }
    used = {"index.html"}
    for path in site.rglob("*"):
        if path.suffix in {".html", ".css"}:
            text = path.read_text("utf-8")
            addresses = re.findall(r'(?:href|src|action)="([^"]+)"', text) + re.findall(
                r"""url\(['"]?([^'")]+)""", text
            )
            pictures = re.findall(r'property="og:image" content="[^"]*/(_static/share/[^"]+)"', text)
            used.update(pictures)  # 要写完整的网址，从网站的根算起
            addresses += [
                item.split()[0] for srcset in re.findall(r'srcset="([^"]+)"', text) for item in srcset.split(",")
            ]
            for address in addresses:
                target = unquote(urldefrag(html.unescape(address))[0].partition("?")[0])
                used.add(os.path.relpath(path.parent / target, site))
    unused = []
    for path in site.rglob("*"):
        name = path.relative_to(site).as_posix()
        # search.js、loader.js 按名字取的各部分，见 test_search.py、test_explorables.py
        by_script = name.startswith(("search/", "_static/explorables/"))
        if path.is_file() and name not in used and name not in reasons and not by_script and "LICENSE" not in name:
            unused.append(name)
    assert not unused


def test_every_page_has_its_head(site):
    """每页有标题、描述、中文语言标记和内容安全策略，没有内联脚本和事件属性。"""
    for path in pages(site):
        page = path.read_text("utf-8")
        name = path.relative_to(site)
        assert '<html class="no-js" lang="zh-CN"' in page or '<html lang="zh-CN"' in page, name
        assert re.search(r"<title>[^<]*[\u4e00-\u9fff][^<]*</title>", page), name
        if 'http-equiv="refresh"' in page:
            continue
        assert "script-src 'self'" in page, name
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", page), name
        assert not re.search(r"<[^>]+\son[a-z]+=", page), name
        assert re.search(r'<meta name="description" content="[^"]*[\u4e00-\u9fff]', page), name


def test_no_markup_debris(site):
    """没有漏网的标记：双反引号、星号、原样的 LaTeX、指令。"""
    for path in pages(site):
        page = re.sub(r"<(pre|code|script|style|math|annotation)\b.*?</\1>", "", path.read_text("utf-8"), flags=re.S)
        text = html.unescape(re.sub(r"<[^>]+>", "\n", page))
        for pattern in (r"``", r"\*\*", r"\\frac|\\partial", r"^\.\. \w+", r":(?:doc|math|ref|term):`", r"\$[^$\n]+\$"):
            found = re.search(pattern, text, re.M)
            assert not found, f"{path.name}：{text[max(0, found.start() - 40) : found.end() + 40]!r}"


def test_nothing_of_the_builder_in_the_site(site):
    """站点里没有构建机器的路径。"""
    for path in site.rglob("*"):
        if path.is_file() and path.suffix in {".html", ".js", ".css", ".ipynb", ".py", ".txt", ".json"}:
            assert str(ROOT) not in path.read_text("utf-8", errors="replace"), path.name


def test_legacy_code_is_marked():
    """正文里不教旧写法：它们只能出现在 class 为 legacy 的元素里。"""
    old = re.compile(r"dataiter\.next\(\)|\.data\.sub_|torch\.zero\(|super\(Net, self\)|from __future__")
    for path in sorted((ROOT / "examples").glob("*.py")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if old.search(line) and not line.startswith("#"):
                before = path.read_text("utf-8").splitlines()[:number]
                titles = [
                    text for text in before if re.match(r"# (常见错误：|答案：)", text) or re.match(r"# [-^]{4,}", text)
                ]
                assert any(text.startswith(("# 常见错误", "# 答案")) for text in titles[-2:]), (
                    f"{path.name}:{number}：{line}"
                )
