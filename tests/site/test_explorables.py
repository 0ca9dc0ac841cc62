"""互动图与先猜一猜：算得和 PyTorch 一样；键盘、点按、从文件夹打开、两种配色、手机都能用。"""

import ast
import gzip
import random
import re
from pathlib import Path

import pytest
import torch
from conftest import LAID_OUT, ROOT, example
from playwright.sync_api import expect

AXE = ROOT / "site_builder/node/node_modules/axe-core/axe.min.js"
STATIC = ROOT / "docs/_static/explorables"
#: 图的名字 -> 所在的教程。
PLACES = {
    "strides": "what_is_pytorch",
    "broadcasting": "what_is_pytorch",
    "backward": "autograd_automatic_differentiation",
    "learning-rate": "autograd_automatic_differentiation",
    "convolution": "neural_networks",
}
VIOLATIONS = """selector => axe.run(selector, {preload: false, resultTypes: ['violations']}).then(
    r => r.violations.flatMap(v => v.nodes.map(n => v.id + ' ' + n.html.slice(0, 200) + ' ' + n.failureSummary)))"""


def wake(page, address, name, query=""):
    """打开一幅图所在的页面，等脚本接手，返回那个元素。"""
    page.goto(f"{address}tutorials/{PLACES[name]}.html{query or f'#{name}'}")
    figure = page.locator(f"figure[data-explorable={name}]")
    figure.scroll_into_view_if_needed()
    expect(figure.locator(".explorable")).to_be_visible()
    return figure


def ask(page, server, name, function, cases):
    """图 `name` 的纯函数对每组参数给出的结果。"""
    wake(page, server, name)
    return page.evaluate("([name, f, cases]) => cases.map(c => explorables[name][f](...c))", [name, function, cases])


def told(function, *arguments):
    """PyTorch 的结果，或者它报错的第一句。"""
    try:
        return function(*arguments)
    except RuntimeError as error:
        return str(error)


# -- 和 PyTorch 比较 ------------------------------------------------------------


def test_broadcasting_is_what_pytorch_does(page, server):
    chance = random.Random(1)
    cases = [[[chance.choice([0, 1, 1, 2, 3]) for _ in range(chance.randrange(5))] for _ in "ab"] for _ in range(300)]
    failed = 0
    for (a, b), found in zip(cases, ask(page, server, "broadcasting", "result", cases), strict=True):
        wanted = told(lambda a=a, b=b: list((torch.empty(a) + torch.empty(b)).shape))
        failed += isinstance(wanted, str)
        assert found.get("error", found.get("shape")) == wanted, (a, b)
    assert 50 < failed < 250


def describe(tensor):
    return [list(tensor.shape), list(tensor.stride()), tensor.storage_offset()]


def said(found):
    return found["error"] if "error" in found else [found["shape"], found["stride"], found["offset"]]


def test_strides_are_what_pytorch_does(page, server):
    chance, base = random.Random(2), torch.arange(12)
    cases = []
    for _ in range(400):
        count = chance.randrange(4)
        strides = [
            chance.choice([0, 1, 1, 2, 3, 4, 6, -1]) for _ in range(count if chance.random() < 0.9 else count + 1)
        ]
        cases.append([[chance.randrange(5) for _ in range(count)], strides, chance.choice([0, 0, 1, 2, 5, 11, -1])])
    wrong = 0
    for case, found in zip(cases, ask(page, server, "strides", "strided", cases), strict=True):
        wanted = told(lambda case=case: describe(base.as_strided(*case)))
        wrong += isinstance(wanted, str)
        assert said(found) == wanted, case
    assert 100 < wrong < 350


def test_views_and_reshapes_are_what_pytorch_does(page, server):
    chance, base = random.Random(3), torch.arange(12)
    cases, tensors = [], []
    targets = [
        [12],
        [3, 4],
        [2, 6],
        [-1],
        [2, -1],
        [4, 3],
        [6],
        [2, 2, 3],
        [1, 12],
        [8],
        [2, 4],
        [-1, -1],
        [5, -1],
        [-2],
        [],
        [0],
        [0, -1],
        [6, 1, -1],
    ]
    while len(cases) < 500:
        sizes = [chance.randrange(0 if chance.random() < 0.1 else 1, 5) for _ in range(chance.randrange(4))]
        strides = [chance.choice([0, 1, 1, 2, 3, 4, 4, 6]) for _ in sizes]
        try:
            tensor = base.as_strided(sizes, strides, chance.choice([0, 0, 1]))
        except RuntimeError:
            continue
        if chance.random() < 0.6:
            tensor = chance.choice(
                [
                    base.view(3, 4),
                    base.view(3, 4).t(),
                    base.view(3, 4)[:, 1:3],
                    base.view(3, 4)[::2],
                    base.view(2, 2, 3),
                ]
            )
        kind = chance.choice(["view", "view", "reshape", "t", "contiguous"])
        shape, stride, offset = describe(tensor)
        tensors.append(tensor)
        cases.append([{"shape": shape, "stride": stride, "offset": offset}, kind, chance.choice(targets)])
    found = ask(page, server, "strides", "then", cases)
    read = page.evaluate("cases => cases.map(c => explorables.strides.positions(c[0]))", cases)
    for tensor, (before, kind, target), after, positions in zip(tensors, cases, found, read, strict=True):
        made = told(
            lambda t=tensor, k=kind, a=target: getattr(t, k)(a) if k in ("view", "reshape") else getattr(t, k)()
        )
        assert positions == tensor.flatten().tolist(), before
        assert said(after) == (made if isinstance(made, str) else describe(made)), (before, kind, target)
        if not isinstance(made, str) and made.numel():
            assert after["copied"] == (made.untyped_storage().data_ptr() != base.untyped_storage().data_ptr()), before


def test_convolution_is_what_pytorch_does(page, server):
    chance = random.Random(4)
    cases, wanted = [], []
    for _ in range(200):
        channels, side, kernel = chance.randint(1, 4), chance.randint(5, 9), chance.randint(1, 5)
        padding, stride = chance.randrange(3), chance.randint(1, 3)
        image = torch.rand(channels, side, chance.randint(5, 9), dtype=torch.float64) - 0.5
        weight, bias = torch.rand(channels, kernel, kernel, dtype=torch.float64) - 0.5, chance.random()
        cases.append([image.tolist(), weight.tolist(), bias, padding, stride])
        out = torch.conv2d(image[None], weight[None], torch.tensor([bias], dtype=torch.float64), stride, padding)
        wanted.append(out[0, 0])
    for found, expected in zip(ask(page, server, "convolution", "convolve", cases), wanted, strict=True):
        torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), expected)


def test_backward_is_what_pytorch_does(page, server):
    chance = random.Random(5)
    torch.set_default_dtype(torch.float64)
    operations = {
        "scale": lambda a, by: a * by, "shift": lambda a, by: a + by, "square": lambda a, by: a**2,
        "plus": lambda a, b, by: a + b, "times": lambda a, b, by: a * b,
    }  # fmt: skip
    cases, wanted = [], []
    for _ in range(200):
        size = chance.randint(1, 3)
        leaves = [[chance.uniform(-2, 2) for _ in range(size)] for _ in range(2)]
        tensors = [torch.tensor(leaf, requires_grad=True) for leaf in leaves]
        nodes, made = [{"op": "leaf"}, {"op": "leaf"}], list(tensors)
        for _ in range(chance.randint(2, 7)):
            op = chance.choice(list(operations))
            inputs = [chance.randrange(len(made)) for _ in range(2 if op in ("plus", "times") else 1)]
            inputs[0] = len(made) - 1
            by = chance.choice([3, -1, 0.5, 2])
            nodes.append({"op": op, "from": inputs, "by": by})
            made.append(operations[op](*(made[i] for i in inputs), by))
        nodes.append({"op": "mean", "from": [len(made) - 1]})
        made.append(made[-1].mean())
        made[-1].backward()
        cases.append([nodes, leaves])
        wanted.append([(torch.zeros(size) if t.grad is None else t.grad).tolist() for t in tensors] + [made[-1].item()])
    torch.set_default_dtype(torch.float32)
    values = ask(page, server, "backward", "forward", cases)
    script = "([cases, values]) => cases.map((c, i) => explorables.backward.backward(c[0], values[i]).grads)"
    for value, grads, expected in zip(values, page.evaluate(script, [cases, values]), wanted, strict=True):
        assert value[-1][0] == pytest.approx(expected[2], rel=1e-9, abs=1e-9)
        for grad, right in zip(grads, expected[:2], strict=False):
            assert grad == pytest.approx(right, rel=1e-9, abs=1e-9)
    square = torch.tensor(1.0, requires_grad=True) ** 2
    square.backward()
    assert page.evaluate("explorables.backward.message") == told(square.backward)


def test_learning_rate_shows_what_the_page_trained(page, server):
    """记下的每一步就是那一页的 train 给出的。"""
    source = (ROOT / f"examples/{PLACES['learning-rate']}.py").read_text("utf-8")
    tree = ast.parse(source)
    variables = {"torch": torch}
    start = next(i for i, node in enumerate(tree.body) if "torch.linspace(-1, 1, 64)" in ast.unparse(node))
    chosen = tree.body[start - 1 : start + 2] + [
        n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "train"
    ]
    exec(compile(ast.Module(chosen, []), "train", "exec"), variables)
    wake(page, server, "learning-rate")
    data = page.evaluate("explorables.data['learning-rate']")
    assert len(data["runs"]) == 36 and [round(y.item(), 3) for y in variables["targets"]] == [
        y for _, y in data["points"]
    ]
    for name in ("0.01 0 true", "0.1 0.9 false", "0.9 0.5 true", "1.1 0.9 false"):
        rate, momentum, clear = name.split()
        history = variables["train"](float(rate), float(momentum), clear == "true", 100)
        run = data["runs"][name]
        assert 20 < len(run) <= 100
        for step, wanted in zip(run, history, strict=False):
            assert step == [float(f"{value:.4g}") for value in wanted]
    verdicts = page.evaluate(
        """names => { const {data} = explorables, {runs} = data['learning-rate'];
            const lowest = Math.min(...Object.values(runs).flat().map(s => s[2]));
            return names.map(n => explorables['learning-rate'].verdict(runs[n], 100, lowest).word) }""",
        ["0.01 0 true", "0.1 0 true", "1.1 0 true", "0.1 0 false", "0.1 0.9 false"],
    )
    assert verdicts == ["没有走到", "谷底", "发散", "振荡", "发散"]


# -- 用起来 ---------------------------------------------------------------------


def drive(page, figure, name):
    """只用键盘和点按，各做一件事；返回说出来的话。"""
    form, output = figure.locator("form"), figure.locator("output.said")
    before = output.inner_text()
    if name == "broadcasting":
        form.get_by_label("a 的形状").fill("(5, 3)")
        form.get_by_label("b 的形状").fill("(4,)")
        expect(figure.locator(".wrong")).to_have_text(
            "RuntimeError: The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1"
        )
        form.get_by_label("换一组").select_option(label="(5, 1, 3) 和 (4, 3)")
        expect(output).to_contain_text("结果的形状是 (5, 4, 3)")
    elif name == "strides":
        form.get_by_label("取", exact=False).first.select_option("base.t()")
        expect(output).to_contain_text("形状 (4, 3)，步幅 (1, 4)，偏移量 0，不连续")
        figure.get_by_role("group", name=re.compile("^张量")).get_by_role("radio").nth(1).focus()
        page.keyboard.press("ArrowRight")
        expect(output).to_contain_text("元素 [0, 2] 在存储的第 0 + 0×1 + 2×4 = 8 个位置，是 8")
        figure.get_by_role("group", name=re.compile("^存储")).get_by_role("radio").nth(7).click()
        expect(output).to_contain_text("元素 [3, 1]")
        form.get_by_label("再做").select_option("view")
        expect(figure.locator(".wrong")).to_contain_text("Use .reshape(...) instead.")
        expect(output).to_contain_text("元素在存储里不连续")
        form.get_by_label("形状", exact=True).fill("(3, 5)")
        expect(output).to_contain_text("最远用到第")
    elif name == "backward":
        step = form.get_by_label("走到第几步")
        step.focus()
        page.keyboard.press("Home")
        expect(output).to_contain_text("还没有开始")
        for _ in range(7):
            figure.get_by_role("button", name="下一步").click()
        expect(output).to_contain_text("第 7 步")
        form.get_by_role("combobox", name=re.compile("^第二遍")).select_option("full")
        step.focus()
        page.keyboard.press("End")
        expect(output).to_contain_text("偏置.grad：原来是 -6，加上 -6，得 -12")
        form.get_by_label("zero_grad").check()
        page.keyboard.press("Tab")
        step.focus()
        page.keyboard.press("End")
        expect(output).to_contain_text("偏置.grad：原来是 None，成为 -6")
        form.get_by_role("combobox", name=re.compile("^第二遍")).select_option("direct")
        step.focus()
        page.keyboard.press("End")
        expect(figure.locator(".wrong")).to_contain_text("backward through the graph a second time")
    elif name == "learning-rate":
        figure.get_by_role("radio", name="1.1").check(force=True)
        expect(output).to_contain_text("发散")
        figure.get_by_role("radio", name="1.1").focus()
        page.keyboard.press("ArrowLeft")
        expect(output).to_contain_text("学习率 0.9，")
        form.get_by_label("每步清零").click()
        expect(output).to_contain_text("忘记清零")
        form.get_by_label("第几步").focus()
        page.keyboard.press("Home")
        expect(output).to_contain_text("走了 0 步：斜率 0，截距 0")
    else:
        expect(output).to_contain_text("= 2。乘积是 0 的没有写。")
        form.get_by_label("输出的第几行").focus()
        page.keyboard.press("ArrowRight")
        expect(output).to_contain_text("输出的第 15 行")
        form.get_by_label("填充").focus()
        page.keyboard.press("End")
        expect(output).to_contain_text("⌊(32 + 2×2 - 3) ÷ 1⌋ + 1 = 34")
        figure.get_by_role("radio", name="6 到 16").check(force=True)
        expect(output).to_contain_text("6 个通道的和")
    assert output.inner_text() != before
    return output.inner_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_works_on_a_phone_and_from_a_folder(browser, server, site, name, scheme):
    """390 与 1280 像素宽、http 与文件夹、浅色与深色：能操作，不横向滚动，够大，axe 没有发现。"""
    for width, address in ((390, server), (1280, site.as_uri() + "/")):
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        errors = []
        page.on("pageerror", lambda error, errors=errors: errors.append(str(error)))
        page.on("console", lambda m, errors=errors: m.type == "error" and errors.append(m.text))
        figure = wake(page, address, name)
        assert figure.locator("img").first.is_hidden()
        drive(page, figure, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        small = figure.evaluate(
            """f => [...f.querySelectorAll('.explorable :is(input, select, button), .foot button')].filter(e => e.offsetParent).map(e => {
                const box = e.type === 'checkbox' ? e.closest('label') : e, r = box.getBoundingClientRect();
                return [e.outerHTML.slice(0, 80), r.width, r.height] }).filter(([, w, h]) => w < 44 || h < 44)"""
        )
        assert not small, small
        page.add_script_tag(path=AXE)
        assert not page.evaluate(VIOLATIONS, f"figure[data-explorable={name}]")
        figure.get_by_role("button", name="看原图").click()
        assert figure.locator("img:visible").count() and figure.locator(".explorable").is_hidden()
        assert not errors, errors
        context.close()


def test_the_content_policy_allows_it(page, server):
    """页面的内容安全策略之下（page 夹具不绕过它），五幅都能用，控制台没有话说。"""
    for name in PLACES:
        drive(page, wake(page, server, name), name)


def test_state_is_in_the_address(page, server):
    figure = wake(page, server, "learning-rate")
    figure.get_by_role("radio", name="0.3").check(force=True)
    page.wait_for_url("**learning-rate.rate=0.3*#learning-rate")
    figure.get_by_role("radio", name="0.03").check(force=True)
    page.evaluate("location.hash = 'backward'")  # 状态还没有写，读者已经去了别处
    page.wait_for_url("**learning-rate.rate=0.03*#backward")
    figure = wake(
        page, server, "convolution", "?convolution.layer=second&convolution.filter=12&convolution.row=3#convolution"
    )
    expect(figure.locator("output.said")).to_contain_text("输出的第 3 行")
    assert figure.locator("form").get_by_label("第几个卷积核").input_value() == "12"
    figure.get_by_role("button", name="恢复原样").click()
    page.wait_for_url(lambda url: "?" not in url)
    expect(figure.locator("output.said")).to_contain_text("输出的第 14 行第 17 列")


def test_nothing_moves_unless_asked(browser, server):
    context = browser.new_context(reduced_motion="reduce")
    figure = wake(context.new_page(), server, "learning-rate")
    assert figure.get_by_role("button", name="播放").is_hidden()
    context.close()
    context = browser.new_context()
    page = context.new_page()
    figure = wake(page, server, "learning-rate")
    step = figure.get_by_label("第几步")
    page.wait_for_timeout(400)
    assert step.input_value() == "10"
    figure.get_by_role("button", name="播放").click()
    expect(figure.get_by_role("button", name="停")).to_be_visible()
    page.wait_for_timeout(600)
    figure.get_by_role("button", name="停").click()
    reached = step.input_value()
    assert int(reached) > 11
    output = figure.locator("output.said")
    expect(output).to_contain_text(f"走了 {reached} 步：")
    expect(output).to_contain_text("走完 99 步，损失停在谷底")
    step.fill("97")
    figure.get_by_role("button", name="播放").click()
    expect(output).to_contain_text("走了 99 步：")
    expect(figure.get_by_role("button", name="播放")).to_be_visible()
    figure.get_by_role("radio", name="1.1").check(force=True)
    expect(output).to_contain_text("直线已经在图外。损失超出了下图，画在最上边。")
    context.close()


def test_the_caption_is_of_what_is_shown(page, server):
    """动手时换一句图注，编号还在；看原图时是原来那句。"""
    figure = wake(page, server, "backward")
    caption = figure.locator("figcaption")
    expect(caption).to_have_text(re.compile(r"^\s*图 \d+"), use_inner_text=True)
    expect(caption).to_have_text(re.compile("线的左边是往下传的数值"), use_inner_text=True)
    expect(caption).not_to_have_text(re.compile("每个箭头旁"), use_inner_text=True)
    figure.get_by_role("button", name="看原图").click()
    expect(caption).to_have_text(re.compile("每个箭头旁"), use_inner_text=True)
    expect(caption).not_to_have_text(re.compile("线的左边"), use_inner_text=True)
    figure.get_by_role("button", name="回到可操作的图").click()
    expect(figure.locator("output.said")).to_contain_text("第 11 步")


def test_the_button_stays_in_sight(browser, server):
    """原图和可操作的图高矮不同：按过“看原图”，按钮还在屏幕里，也没有东西盖住图；按回去也是。"""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    for name in ("backward", "strides"):
        figure = wake(page, server, name)
        for label in ("看原图", "回到可操作的图"):
            figure.get_by_role("button", name=label).click()
            expect(figure.locator(".foot button").last).to_be_in_viewport()
        assert figure.locator(".enlarge").evaluate("e => e.offsetWidth") < 100
    context.close()


def test_numbers_beside_sliders_are_theirs(page, server):
    """画的时候收紧了滑块的上限，旁边的数也跟着变。"""
    figure = wake(page, server, "strides")
    figure.get_by_role("group", name=re.compile("^存储")).get_by_role("radio").nth(10).click(force=True)
    figure.locator("form").get_by_label("取", exact=False).first.select_option("base[:, 1:3]")
    slider = figure.locator("input[type=range][name='strides.cell']")
    assert slider.evaluate("e => e.closest('label').querySelector('b').textContent === e.value")


def test_second_round_begins_at_once(page, server):
    """选了第二遍，就走到第二遍的第一步；直接再反向，立刻看到报错。"""
    figure = wake(page, server, "backward")
    figure.get_by_role("combobox", name=re.compile("^第二遍")).select_option("direct")
    expect(figure.locator(".wrong")).to_contain_text("backward through the graph a second time")


def test_nothing_drawn_is_cut_off(page, server):
    """计算图里的字都在图内，第一步的 grad None 最长。"""
    figure = wake(page, server, "backward")
    over = """f => { const edge = f.querySelector('svg').getBoundingClientRect();
        return [...f.querySelectorAll('svg text')].filter(t => t.getBoundingClientRect().right > edge.right).map(t => t.textContent) }"""
    figure.get_by_label("走到第几步").fill("0")
    for _ in range(2):
        assert figure.evaluate(over) == []
        figure.get_by_role("button", name="下一步").click()


def test_static_figure_stays_without_scripts_or_data(browser, server):
    for options, blocked in (({"java_script_enabled": False}, ""), ({}, "**/data/*.js*")):
        context = browser.new_context(**options)
        page = context.new_page()
        if blocked:
            page.route(blocked, lambda route: route.abort())
        page.goto(f"{server}tutorials/{PLACES['learning-rate']}.html#learning-rate")
        figure = page.locator("figure[data-explorable=learning-rate]")
        figure.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        assert figure.locator("img").first.is_visible() and not figure.locator(".explorable").count()
        context.close()


def test_scripts_wait_until_the_figure_is_near(page, server):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server}tutorials/{PLACES['strides']}.html")
    page.wait_for_timeout(500)
    assert sum("explorables/" in url for url in asked) == 1, asked
    page.goto(f"{server}install.html")
    assert sum("explorables/" in url or "guess" in url for url in asked[asked.index(page.url) :]) == 0


def test_all_together_are_small(site):
    scripts = [*sorted((site / "_static/explorables").glob("*.*")), *site.glob("_static/guess.*")]
    size = lambda files: sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)  # noqa: E731
    assert len(scripts) >= 10 and size(scripts) < 120_000, size(scripts)


# -- 先猜一猜 ---------------------------------------------------------------------

#: (输出, 算对的写法, 算错的写法)
WRITINGS = [
    ("torch.Size([4, 10])", ["(4, 10)", "4,10", "4×10", "［4，10］", "torch.Size((4,10))", "4 10"], ["(10, 4)", "410", "(4,)", ""]),
    ("(1, 4)", ["1,4", "[1, 4]", "（1，4）", "(1,4)"], ["(4, 1)", "1"]),
    ("torch.int64", ["int64", "torch.long", "INT64", "int 64", "dtype=torch.int64", "long"], ["float32", "int32", "64"]),
    ("[5, 1, 1]", ["5 1 1", "[5,1,1]", "5、1、1", "tensor([5, 1, 1])"], ["[5, 1]", "[1, 1, 5]"]),
    ("-0.24", ["-0.240", "- 0.24", "−0.24", "-.24", "－0.24", "大约 -0.24"], ["0.24", "-0.2", "24", "1 - 0.24"]),
    ("2.3", ["2.30", "2.303", "约2.3"], ["2.4", "23", "2.36"]),
    ("7.0", ["7", "7.", "7.00"], ["-7", "70"]),
    ("12500", ["12,500", "12500 批", "12500.0"], ["1250", "12, 50"]),
    ("[2.0, 0.0, 2.0]", ["2, 0, 2", "2.,0.,2."], ["2, 2, 0"]),
    ("True False False", ["true, false, false", "True,False,False"], ["False True True", "True"]),
    ("[[1, 2], [3, 4]]", ["[[1,2],[3,4]]", "tensor([[1, 2], [3, 4]])", "1 2 3 4"], ["[[1, 2, 3, 4]]", "[[1], [2, 3, 4]]"]),
]  # fmt: skip


def test_any_equal_writing_is_right(page, server):
    page.goto(f"{server}tutorials/what_is_pytorch.html")
    for output, right, wrong in WRITINGS:
        for answer in right + wrong:
            assert page.evaluate("([o, a]) => guess.same(o, a)", [output, answer]) is (answer in right), (
                output,
                answer,
            )


def test_every_guess_is_covered_and_its_own_answer(page, server, site, tutorials):
    """每页三到六处；输出遮住；照抄输出总是对的。"""
    for name in tutorials:
        page.goto(f"{server}tutorials/{name}.html")
        places = page.locator(".guessed")
        marks = page.locator("p.guess").count()
        assert 3 <= marks <= 6 and places.count() == marks == page.locator(".guess-form").count(), name
        for i in range(marks):
            place = places.nth(i)
            text = place.locator("pre").text_content().strip()
            assert place.locator(".highlight").evaluate("e => getComputedStyle(e).visibility") == "hidden", (name, text)
            assert page.evaluate("([o]) => guess.same(o, o)", [text]), (name, text)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_guess_by_keyboard(browser, server, site, scheme):
    """写答案、回车、揭开：不跳，不记分；答错也说清楚；可以直接看；axe 没有发现。"""
    for width, address in ((390, server), (1280, site.as_uri() + "/")):
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        page.goto(f"{address}tutorials/what_is_pytorch.html")
        form = page.locator(".guess-form").first
        field = form.get_by_label("你的猜测")
        field.scroll_into_view_if_needed()
        field.focus()
        page.wait_for_timeout(300)
        output, said = page.locator(".guessed").first, form.locator("output")
        boxes = lambda: [round(e.bounding_box()[k]) for e in (form, output) for k in ("y", "height")]  # noqa: B023, E731
        before = boxes()
        page.keyboard.press("Enter")
        expect(said).to_contain_text("先写下一个答案")
        page.keyboard.type("float32")
        page.keyboard.press("Enter")
        expect(said).to_contain_text("和输出不同。输出是 torch.int64")
        expect(output.locator(".highlight")).to_be_visible()
        assert boxes() == before and field.evaluate("e => e === document.activeElement")
        field.fill("int64")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(said).to_have_text("对。输出是 torch.int64。")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(output.locator(".highlight")).to_be_hidden()
        page.keyboard.press("Enter")
        expect(output.locator(".highlight")).to_be_visible()
        assert boxes() == before and page.evaluate("document.documentElement.scrollWidth") <= width
        page.add_script_tag(path=AXE)
        assert not page.evaluate(VIOLATIONS, ".guess-form")
        context.close()


def test_a_choice_is_answered_when_handed_in(page, server):
    """方向键只是在 True 和 False 之间走；按回车或“对一对”才对答案。"""
    page.goto(f"{server}tutorials/optional_data_parallelism.html")
    form = page.locator(".guess-form").first
    said, output = form.locator("output"), page.locator(".guessed").first.locator(".highlight")
    form.get_by_role("button", name="对一对").click()
    expect(said).to_have_text("先选一个答案，或者直接看结果。")
    form.get_by_role("radio", name="False").focus()
    page.keyboard.press("Space")
    for key in ("ArrowLeft", "ArrowRight"):  # 走动着看，不算作答
        page.keyboard.press(key)
    expect(said).not_to_contain_text("输出是")
    expect(output).to_be_hidden()
    page.keyboard.press("Enter")
    expect(said).to_contain_text("和输出不同。输出是 True")
    expect(output).to_be_visible()
    page.keyboard.press("ArrowLeft")
    form.get_by_role("button", name="对一对").click()
    expect(said).to_have_text("对。输出是 True。")


def test_without_scripts_and_on_paper_the_output_is_there(browser, server):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server}tutorials/what_is_pytorch.html")
    assert page.locator(".guessed .highlight").first.is_visible() and not page.locator(".guess-form").count()
    context.close()
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server}tutorials/what_is_pytorch.html")
    page.emulate_media(media="print")
    assert page.locator(".guessed .highlight").first.is_visible() and page.locator(".guess-form").first.is_hidden()
    context.close()


@pytest.mark.parametrize("name", ["index", "tutorials/what_is_pytorch"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_a_figure_is_put_in_place_where_nothing_jumps(browser, server, name, width):
    """脚本来得慢，图已经整幅在屏幕上：先留着静态的图，版面一点不动；按“动手试”就换上。首页在桌面上留好了地方，马上换上。"""
    context = browser.new_context(viewport={"width": width, "height": 1000})
    page = context.new_page()
    held = []
    page.route("**/explorables/common.js*", lambda route: held.append(route))
    page.goto(f"{server}{name}.html")
    page.wait_for_function(LAID_OUT)
    figure = page.locator("figure[data-explorable]").last
    figure.evaluate("(e) => scrollTo(0, e.getBoundingClientRect().bottom + scrollY - innerHeight + 10)")
    while not held:
        page.wait_for_timeout(50)
    page.wait_for_timeout(500)
    page.evaluate(
        """() => { window.moved = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((e) => e.hadRecentInput || (moved += e.value))).observe({ type: 'layout-shift' }); }"""
    )
    held[0].continue_()
    if name == "index" and width == 1280:
        expect(figure.locator(".explorable")).to_be_attached()
        page.wait_for_timeout(300)
        assert page.evaluate("moved") < 0.01
    else:
        expect(figure.get_by_role("button", name="动手试")).to_be_visible()
        page.wait_for_timeout(300)
        assert not figure.locator(".explorable").count()
        assert page.evaluate("moved") < 0.01
        figure.get_by_role("button", name="动手试").click()  # 读者自己要的，下面让开
        expect(figure.locator(".explorable")).to_be_visible()
        expect(figure.get_by_role("button", name="动手试")).to_have_count(0)
    context.close()


@pytest.mark.slow
def test_a_figure_without_a_script_is_a_warning(tiny):
    body = "# 画图（nothing）：一幅还没有脚本的图。\n# 图中：一条斜线。\nimport matplotlib.pyplot as plt\n\nplt.plot([1, 2])\nplt.suptitle('图')\nplt.show()"
    result = tiny({"one": example(body)}).build()
    assert result.returncode and "互动图 nothing 没有脚本" in result.stdout, result.stdout
    assert not Path(STATIC, "nothing.js").exists()
