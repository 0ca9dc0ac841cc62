"""站内搜索：像读者那样在真的浏览器里查，看前三条是不是对的那一页、那一节。"""

import gzip
import html
import json
import re
from urllib.parse import quote, unquote

import lxml.html
import pytest
from conftest import ROOT
from playwright.sync_api import expect

from site_builder.prose.pitfalls import MESSAGE

AXE = ROOT / "site_builder/node/node_modules/axe-core/axe.min.js"

WHAT = "tutorials/what_is_pytorch.html"
GRAD = "tutorials/autograd_automatic_differentiation.html"
NETS = "tutorials/neural_networks.html"
TRAIN = "tutorials/training_a_classifier.html"
PARALLEL = "tutorials/optional_data_parallelism.html"
GLOSSARY = "glossary.html"

#: 查询 → 前三条里要有的 (页面, 节标题里的文字)；几处都讲它时，有其中一处即可。
QUERIES = {
    # 议题里点名的
    "张量": [(WHAT, "张量是什么")],
    "反向传播": [(GRAD, "反向传播"), (NETS, "反向传播损失")],
    "梯度清零": [(NETS, "为什么要清零"), (GRAD, "忘记 zero_grad()")],
    "如何使用GPU": [(PARALLEL, "把模型和数据放到同一个设备上"), (TRAIN, "在 GPU 等加速器上训练"), (WHAT, "设备")],
    "多个GPU": [(PARALLEL, "GPU")],
    "卷积神经网络": [(NETS, "定义一个网络"), (NETS, "神经网络"), (TRAIN, "定义网络")],
    "zero_grad": [(GRAD, "忘记 zero_grad()")],
    "怎么保存模型": [(TRAIN, "保存与加载")],
    "state_dict": [(TRAIN, "保存与加载"), (GLOSSARY, "状态字典")],
    "数据并行": [(PARALLEL, "数据并行")],
    # 张量
    "什么是张量": [(WHAT, "张量是什么")],
    "怎样创建张量": [(WHAT, "创建张量")],
    "广播": [(WHAT, "广播")],
    "形状": [(WHAT, "改变形状")],
    "切片": [(WHAT, "索引与切片")],
    "reshape": [(WHAT, "对转置之后的张量用 view"), (WHAT, "改变形状")],
    "numpy": [(WHAT, "与 NumPy 数组共享内存")],
    "张量转numpy": [(WHAT, "NumPy"), (WHAT, "numpy")],
    "共享内存": [(WHAT, "谁与谁共享"), (WHAT, "与 NumPy 数组共享内存"), (WHAT, "内存里的张量")],
    "转置": [(WHAT, "对转置之后的张量用 view")],
    "原地运算": [(WHAT, "原地运算和它的代价")],
    "item": [(WHAT, "取出一个数"), (WHAT, "对多个元素用 item")],
    "拼接": [(WHAT, "拼接与堆叠")],
    "什么是 PyTorch": [(WHAT, "什么是 PyTorch")],
    # 自动微分
    "计算图": [(GRAD, "走遍计算图"), (NETS, "沿着计算图往回走")],
    "叶张量": [(GRAD, "叶张量")],
    "雅可比": [(GRAD, "雅可比"), (GLOSSARY, "雅可比")],
    "梯度累积": [(GRAD, "累积")],
    "requires_grad": [(GRAD, "requires_grad_()"), (GRAD, "让 PyTorch 记录运算")],
    "no_grad": [(NETS, "更新时忘了 no_grad"), (GRAD, "让一部分运算不被记录")],
    "有限差分": [(GRAD, "用有限差分检验梯度")],
    "冻结参数": [(TRAIN, "冻结前面各层")],
    "retain_graph": [(GRAD, "对同一张图反向传播两次")],
    "Trying to backward through the graph a second time": [(GRAD, "对同一张图反向传播两次")],
    "element 0 of tensors does not require grad": [(GRAD, "损失没有连着任何参数")],
    "gradcheck": [(GRAD, "gradcheck")],
    # 神经网络
    "损失函数": [(NETS, "损失函数"), (TRAIN, "选择损失函数和优化器")],
    "优化器": [(NETS, "换成优化器"), (TRAIN, "选择损失函数和优化器")],
    "怎样定义一个网络": [(NETS, "定义一个网络")],
    "钩子": [(NETS, "用钩子看每一层的形状")],
    "学习率": [(GLOSSARY, "学习率"), (NETS, "更新参数"), (TRAIN, "换学习率"), (NETS, "换一种更新规则")],
    "通道数不对": [(NETS, "通道数不对")],
    "Conv2d": [(NETS, "卷积层算的是什么"), (NETS, "一个窗口，一个数"), (NETS, "6 个卷积核"), (NETS, "通道数不对")],
    "optim.SGD": [(NETS, "换成优化器"), (NETS, "换一种更新规则"), (TRAIN, "选择损失函数和优化器")],
    # 训练分类器
    "CIFAR10": [(TRAIN, "看一张图片"), (TRAIN, "准备数据"), (TRAIN, "训练图像分类器")],
    "cifar-10": [(TRAIN, "看一张图片"), (TRAIN, "准备数据"), (TRAIN, "训练图像分类器")],
    "归一化": [(TRAIN, "再归一化"), (GLOSSARY, "归一化")],
    "DataLoader": [("glossary.html", "数据加载器")],
    "准确率": [(TRAIN, "准确率")],
    "混淆矩阵": [(TRAIN, "哪些类别最容易混淆"), (TRAIN, "每一类的准确率")],
    "softmax": [(TRAIN, "在交叉熵前面多做了一次 softmax")],
    "损失曲线": [(TRAIN, "训练两轮")],
    "怎么继续训练": [(PARALLEL, "打断之后继续训练"), (TRAIN, "保存检查点，中断后继续训练")],
    "迁移学习": [(TRAIN, "冻结前面各层"), (GLOSSARY, "微调")],
    # 数据并行
    "DDP": [(PARALLEL, "DDP 的一步"), (PARALLEL, "写出 train_ddp.py")],
    "DataParallel": [(PARALLEL, "DataParallel 怎样切分一批数据")],
    "进程组": [(PARALLEL, "没有先建立进程组")],
    "module前缀": [(PARALLEL, "状态字典里多出 module 前缀")],
    "断点续训": [(TRAIN, "保存检查点，中断后继续训练")],
    "自动求导": [(GRAD, "自动微分")],
    "单机多卡": [(PARALLEL, "数据并行"), (PARALLEL, "GPU"), (PARALLEL, "用一行代码并行")],
    "CUDA": [(PARALLEL, "设备"), (WHAT, "设备"), (TRAIN, "在 GPU 等加速器上训练")],
    # 切词：全角、大小写、单字、西文名的一部分
    "ＺＥＲＯ＿ＧＲＡＤ": [(GRAD, "忘记 zero_grad()")],
    "ｎｕｍｐｙ": [(WHAT, "与 NumPy 数组共享内存")],
    "桶": [(PARALLEL, "DDP 的一步")],
    "backw": [(GRAD, "backward")],
    "loader": [(TRAIN, "组成小批量")],
}


#: 每篇都有的小节，只凭标题分不清是哪一篇。
COMMON = re.compile(r"小结|练习|接下来|练习 \d 的答案|常见错误")


def results(page, limit=3):
    """前几条的 (地址, 标题)。"""
    found = page.locator("#search-results > a").evaluate_all(
        "links => links.map((a) => [a.href, a.querySelector('.search-heading').textContent])"
    )
    return [(unquote(address), heading) for address, heading in found][:limit]


def ask(page, query):
    """在已经打开的搜索框里输入，等结果出来。"""
    page.locator(".search-input").fill("")
    expect(page.locator(".search-status")).to_be_empty()
    page.locator(".search-input").fill(query)
    expect(page.locator(".search-status")).not_to_be_empty()
    return results(page)


def missed(page, site, queries):
    """没有找对的查询和得到的结果；链接要正好落在那一节。"""
    places = {(address, heading): set() for address, _, heading in sections(site)}
    for address, anchor, heading in sections(site):
        places[address, heading].add(f"/{address}" + (f"#{anchor}" if anchor else ""))

    def right(link, heading, address, text):
        return text in heading and link.endswith(tuple(places.get((address, heading), ["没有这一节"])))

    wrong = {}
    for query, expected in queries.items():
        found = ask(page, query)
        if not any(right(*result, *place) for result in found for place in expected):
            wrong[query] = [f"{link.rpartition('/')[2]} {heading}" for link, heading in found]
    return json.dumps(wrong, ensure_ascii=False, indent=1) if wrong else ""


def sections(site):
    """索引里全部的节：(页面, 锚点, 标题)。"""
    for path in sorted(site.glob("search/pages/**/*.js")):
        name = str(path.relative_to(site / "search/pages").with_suffix(""))
        for anchor, heading, *_ in json.loads(path.read_text("utf-8").partition("=")[2].rstrip(";\n")):
            yield f"{name}.html", anchor, heading


def test_right_heading_in_the_first_three(page, server, site):
    page.goto(server + "search.html")
    assert not missed(page, site, QUERIES)


def test_right_heading_from_a_folder_on_disk(page, site):
    page.goto((site / "search.html").as_uri())
    few = ["张量", "梯度清零", "如何使用GPU", "zero_grad", "怎么保存模型"]
    assert not missed(page, site, {query: QUERIES[query] for query in few})


@pytest.mark.slow
def test_every_heading_finds_itself(page, server, site):
    headings = {heading: [] for _, _, heading in sections(site) if not COMMON.fullmatch(heading)}
    for address, _, heading in sections(site):
        if heading in headings:
            headings[heading].append((address, heading))
    assert len(headings) > 100
    page.goto(server + "search.html")
    assert not missed(page, site, headings)


#: 词 → 讲它的页面或词条，排在第一；提到它的小节在后面。
ABOUT = {
    "梯度": (GLOSSARY, "梯度（gradient）"),
    "autograd": (GRAD, "自动微分"),
    "nn.Module": (GLOSSARY, "模块（module）"),
    "DataLoader": (GLOSSARY, "数据加载器（data loader）"),
    "步幅": (GLOSSARY, "步幅（stride）"),
    "gradient": (GLOSSARY, "梯度（gradient）"),
    "反向传播": (GLOSSARY, "反向传播（backpropagation"),
    "张量": (WHAT, "张量是什么"),
    "广播": (WHAT, "广播"),
    "数据并行": (PARALLEL, "数据并行"),
    "torch.autograd": (GRAD, "自动微分"),
    "卷积": (NETS, "卷积层算的是什么"),
}


def test_what_a_word_is_about_comes_first(page, server):
    page.goto(server + "search.html")
    first = {query: ask(page, query)[0] for query in ABOUT}
    wrong = {
        query: (link, heading)
        for query, (link, heading) in first.items()
        if ABOUT[query][0] not in link or not heading.startswith(ABOUT[query][1])
    }
    assert not wrong, wrong


#: 读者贴来的样子：前面是他自己的文件，最后才是报错。
TRACEBACK = """\
Traceback (most recent call last):
  File "C:\\Users\\me\\train.py", line 7, in <module>
    loss = criterion(net(images), labels).sum()
           ~~~~~~~~~^^^^^^^^^^^^^^^^^^^^^
  File "C:\\Users\\me\\.venv\\Lib\\site-packages\\torch\\nn\\modules\\module.py", line 1773, in _wrapped_call_impl
    return self._call_impl(*args, **kwargs)
"""


@pytest.mark.slow
def test_a_pasted_traceback_finds_the_box(page, server, site):
    """每个“常见错误”框的报错，数字一样或不一样，找到的第一处都是有这句报错的框。"""
    boxes = {}
    for path in site.glob("tutorials/*.html"):
        for box in lxml.html.parse(path, lxml.html.HTMLParser(encoding="utf-8")).xpath(
            "//section[@class='legacy pitfall' or @class='pitfall legacy']"
        ):
            for output in box.xpath(".//*[contains(@class, 'sphx-glr-script-out')]//pre"):
                for message in MESSAGE.findall(output.text_content()):
                    boxes.setdefault(re.sub(r"\d+", "0", message.split(": ", 1)[1]), (message, set()))[1].add(
                        box.get("id")
                    )
    assert len(boxes) > 25
    page.goto(server + "search.html")
    wrong = []
    for message, places in boxes.values():
        for text in (message, re.sub(r"\d+", lambda number: str(7 * int(number[0]) + 3), message)):
            found = ask(page, TRACEBACK + text)
            if not found or found[0][0].partition("#")[2] not in places:
                wrong.append((text, places, found))
    assert not wrong, wrong


NOTES = """
Search for `cudaErrorAssert' in https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html for more information.
CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.
For debugging consider passing CUDA_LAUNCH_BLOCKING=1
"""
WEIGHTS_ONLY = """_pickle.UnpicklingError: Weights only load failed. This file can still be loaded, to do so you have two options, \
do those steps only if you trust the source of the checkpoint.
\t(1) In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` to `True`.
\t(2) Alternatively, to load with `weights_only=True` please check the recommended steps in the following error message.
\tWeightsUnpickler error: Unsupported global: GLOBAL __main__.ResNet was not an allowed global by default. Please use \
`torch.serialization.add_safe_globals([ResNet])` to allowlist this global if you trust this class/function.
"""


def test_only_the_first_sentence_of_an_error_counts(page, server):
    """有的报错后面跟着许多用不上的话。"""
    page.goto(server + "search.html")
    for message, words in (
        (f"torch.AcceleratorError: CUDA error: device-side assert triggered{NOTES}", "标签"),
        (WEIGHTS_ONLY, "保存"),
    ):
        link, heading = ask(page, TRACEBACK + message)[0]
        assert "常见错误" in heading and words in heading, (link, heading)


def test_every_result_leads_to_an_existing_place(site):
    for address, anchor, heading in sections(site):
        text = (site / address).read_text("utf-8")
        assert not anchor or f'id="{html.escape(anchor)}"' in text, f"{address}#{anchor}（{heading}）"


def test_summaries_are_readable(page, server):
    """摘要是中文句子，命中的词标了出来，没有公式的源码，不长。"""
    page.goto(server + "search.html")
    for query in ["梯度", "雅可比", "损失函数", "动量", "学习率", "形状", "偏导数"]:
        ask(page, query)
        for result in page.locator("#search-results > a").all()[:10]:
            summary = result.locator("span.search-summary")
            if summary.count():
                text = summary.inner_text()
                assert not re.search(r"\\[a-zA-Z]|[{}]|\x00", text), text
                assert len(text) < 140, text
            marked = "".join(result.locator("mark").all_inner_texts())
            assert any(query[i : i + 2] in marked for i in range(len(query) - 1)), (query, result.inner_text())


def test_nothing_to_find_says_so(page, server):
    page.goto(server + "search.html")
    page.locator(".search-input").fill("zzzzzz")
    expect(page.locator(".search-status")).to_contain_text("没有找到")
    expect(page.locator("#search-results")).to_be_hidden()


@pytest.mark.parametrize("keys", ["/", "Control+k"])
def test_dialog_by_keyboard(page, server, keys):
    """打开、输入、上下移动、回车跳转；Esc 关闭后焦点回到原处。"""
    page.goto(server + WHAT)
    assert not page.evaluate("performance.getEntriesByType('resource').some((r) => r.name.includes('/search/'))"), (
        "还没有搜索就载入了索引"
    )
    page.locator(".skip-to-content").focus()
    page.keyboard.press(keys)
    box = page.get_by_role("combobox", name="搜索")
    expect(box).to_be_focused()
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(page.locator(".skip-to-content")).to_be_focused()
    page.keyboard.press(keys)
    page.keyboard.type("梯度清零")
    options = page.get_by_role("option")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(options.first).to_contain_text("为什么要清零")
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == options.nth(1).get_attribute("id")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/neural_networks.html#*")
    assert unquote(page.url).endswith("#为什么要清零")


def test_result_on_the_same_page_and_in_a_fold(page, server):
    """结果就在本页折叠的选读里：对话框关上，选读展开。"""
    page.goto(server + NETS)
    page.keyboard.press("/")
    page.keyboard.type("自己写一个 Function")
    expect(page.get_by_role("option").first).to_contain_text("自己写一个 Function")
    page.keyboard.press("Enter")
    expect(page.locator(".search-dialog")).to_be_hidden()
    expect(page.locator("details[open] > summary", has_text="自己写一个 Function")).to_be_in_viewport()


def test_slash_is_a_character_while_typing(page, server):
    page.goto(server + "index.html")
    box = page.locator(".sidebar-search")
    box.focus()
    page.keyboard.type("a/b")
    expect(box).to_have_value("a/b")
    assert page.locator(".search-dialog").count() == 0


def test_sidebar_form_leads_to_the_search_page(page, server):
    page.goto(server + PARALLEL)
    page.locator(".sidebar-search").fill("广播")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    expect(page.locator(".search-input")).to_have_value("广播")
    expect(page.get_by_role("option").first).to_contain_text("广播")
    assert results(page)[0][0] == f"{server}{WHAT}#广播"


def test_half_typed_pinyin_is_not_a_query(page, server):
    """输入法还在拼字时不搜索，回车是选字，不是跳转。"""
    page.goto(server + WHAT)
    page.keyboard.press("/")
    client = page.context.new_cdp_session(page)
    client.send("Input.imeSetComposition", {"text": "guang'bo", "selectionStart": 8, "selectionEnd": 8})
    expect(page.locator(".search-status")).to_be_empty()
    client.send("Input.insertText", {"text": "广播"})
    expect(page.get_by_role("option").first).to_contain_text("广播")


def test_index_is_small_and_loaded_in_parts(page, server, site):
    """打开对话框只载入几百字节；一次查询载入的词表不到全站文字（压缩后）的 15 %。"""

    def size(path):
        return len(gzip.compress(path.read_bytes(), 9))

    text = sum(size(path) for path in site.glob("search/pages/**/*.js"))
    assert size(site / "search/index.js") < 0.05 * text
    assert max(size(path) for path in site.glob("search/words-*.js")) < 0.15 * text
    loaded = []
    page.on(
        "request", lambda request: "/search/" in request.url and loaded.append(request.url.partition("/search/")[2])
    )
    page.goto(server + WHAT)
    page.keyboard.press("/")
    page.wait_for_function("() => 'index' in searchData")
    assert loaded == ["index.js"]
    page.keyboard.type("张")
    expect(page.get_by_role("option").first).to_be_visible()
    assert sum(name.startswith("words-") for name in loaded) == 1


def test_missing_index_is_said_plainly(browser, server):
    context = browser.new_context()
    page = context.new_page()
    page.route("**/search/words-*.js", lambda route: route.abort())
    page.goto(server + "search.html?q=" + quote("张量"))
    expect(page.locator(".search-status")).to_contain_text("没能载入")
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dialog_is_accessible_and_fits_a_phone(browser, server, scheme):
    """axe-core 在打开的对话框和有结果的搜索页里没有发现；390 像素宽不横向滚动。"""
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    for address, key in ((WHAT, "Control+k"), ("search.html", "")):
        page.goto(server + address)
        if key:
            page.keyboard.press(key)
        for query in ("反向传播", "imshow"):
            ask(page, query)
            page.add_script_tag(path=AXE)
            found = page.evaluate(
                "axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) => v.id + ' ' + v.nodes[0].html))"
            )
            assert not found, found
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            assert page.locator("#search-results").evaluate("e => e.scrollWidth <= e.clientWidth")
    context.close()


def test_sphinx_search_is_gone(site):
    for name in ("searchindex.js", "_static/searchtools.js", "_static/language_data.js"):
        assert not (site / name).exists(), name
