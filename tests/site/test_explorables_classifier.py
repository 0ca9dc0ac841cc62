"""网页里的网络：与 PyTorch 逐张相同（随机的网络，和本次构建训练的）；键盘、手指、照片、画画；从文件夹也行。"""

import base64
import gzip
import io
import json
import pickle
import random

import pytest
import small_page
import small_run
import torch
from conftest import ROOT
from PIL import Image

from site_builder.explorables import classifier

FORWARD = """([name, images, off]) => images.map((text) => {
  const { restore, forward, bytes } = explorables.classifier;
  const layers = Object.fromEntries(Object.entries(explorables.data.classifier.networks[name].layers).map(([n, l]) => [n, restore(l)]));
  return [...forward(layers, bytes(text), off).logits];
})"""


@pytest.fixture(scope="module")
def data():
    return classifier.collect(small_run.variables())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("classifier")


@pytest.fixture
def opened(browser, folder, data):
    pages = []

    def open_page(way="file", width=1280, theme="light", query="", **options):
        file = small_page.write(folder, "classifier", {"classifier": data}, theme)
        server, addresses = small_page.ways(folder, file)
        page, problems = small_page.opened(browser, addresses[way == "http"], width, query, **options)
        pages.append((page, problems, server))
        return page

    yield open_page
    for page, problems, server in pages:
        page.context.close()
        server.shutdown()
        assert not problems


def expect(layers, images, off=None):
    """PyTorch 的得分。"""
    return classifier.forward({name: classifier.restore(packed) for name, packed in layers.items()}, images, off)


def encoded(images):
    return [base64.b64encode(image.numpy().tobytes()).decode() for image in images]


def test_packing_is_the_nearest_level(data):
    """解开的权重与原来的相差不过半级（夹住的除外），偏置几乎不变；自己写的前向与网络自己的相同。"""
    net = small_run.variables()["net"]
    for name, packed in data["networks"]["net"]["layers"].items():
        layer = getattr(net, name)
        weight, bias = classifier.restore(packed)
        half = torch.tensor(packed["scale"]).view(-1, *[1] * (weight.dim() - 1)) / 2
        error, clipped = (weight - layer.weight).abs(), layer.weight.abs() > half * (2 * classifier.LAYERS[name] + 1)
        assert (error <= half * 1.001)[~clipped].all() and clipped.float().mean() < 0.05
        torch.testing.assert_close(bias, layer.bias, rtol=1e-5, atol=1e-6)
    exact = {n: {"shape": list(getattr(net, n).weight.shape)} for n in classifier.LAYERS}
    images = small_run.variables()["test_images"][:50]
    loaded = small_run.Net()
    for name in exact:
        weight, bias = classifier.restore(data["networks"]["net"]["layers"][name])
        getattr(loaded, name).weight.data, getattr(loaded, name).bias.data = weight, bias
    torch.testing.assert_close(expect(data["networks"]["net"]["layers"], images), loaded(images / 127.5 - 1))


def test_logits_are_those_of_pytorch(opened, data):
    """各 220 张图片、两个网络；再关掉随机的特征图。"""
    page = opened()
    images = small_run.variables()["test_images"][:220]
    offs = ["", *random.Random(1).sample([f"conv1:{i}" for i in range(6)] + [f"conv2:{i}" for i in range(16)], 5)]
    for name in ("net", "better"):
        for off in offs:
            some = images if not off else images[:40]
            closed = (off.split(":")[0], int(off.split(":")[1])) if off else None
            expected = expect(data["networks"][name]["layers"], some, closed)
            found = torch.tensor(page.evaluate(FORWARD, [name, encoded(some), off]))
            assert (found - expected).abs().max() < 1e-3
            assert torch.equal(found.argmax(1), expected.argmax(1))
    assert len(offs) == 6 and not torch.allclose(expected, expect(data["networks"]["better"]["layers"], some))


def test_a_missing_variable_is_named():
    variables = dict(small_run.variables())
    del variables["better_net"]
    with pytest.raises(KeyError, match="better_net"):
        classifier.collect(variables)


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("way", ["file", "http"])
def test_keyboard_alone(opened, data, way, width, theme):
    """换图片、换网络、关掉一张再打开、画一笔；都说成话，写进网址；axe、宽度、44 像素。"""
    page = opened(way, width, theme, reduced_motion="reduce")
    first = small_page.said(page)
    names = data["names"]
    assert f"标签是{names[data['pictures'][3]['label']]}" in first
    page.locator("input[name='classifier.picture']:checked").focus()
    page.keyboard.press("ArrowRight")
    assert f"标签是{names[data['pictures'][4]['label']]}" in small_page.said(page)
    page.get_by_role("radio", name="better_net").focus()
    page.keyboard.press("Space")
    assert small_page.said(page).startswith("better_net 认为是")
    whole = page.locator(".answers").inner_text()
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="关掉 conv1 的第 2 张特征图").focus()
    page.keyboard.press("Enter")
    assert "关掉 conv1 的第 2 张以后" in small_page.said(page) and "全部打开时是" in small_page.said(page)
    small_page.until(page, "location.search.includes('classifier.off=conv1')")
    again = page.context.new_page()
    again.goto(page.url)
    again.wait_for_selector("figure.explored")
    assert small_page.said(again) == small_page.said(page)
    again.close()
    assert not small_page.fault_list(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="全部打开").focus()
    page.keyboard.press("Enter")
    assert page.locator(".answers").inner_text() == whole
    page.get_by_role("radio", name="测试图片").focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    before = small_page.said(page)
    assert before == "还没有画，方框里是一片白。" and page.get_by_text("方向键移动，空格上色").is_visible()
    page.get_by_role("application").focus()
    for key in ["Space", "ArrowRight", "ArrowRight", "ArrowRight", "Space"]:
        page.keyboard.press(key)
    small_page.until(page, "document.querySelector('output.said').textContent.includes('第 17 行第 20 列')")
    assert "认为是" in small_page.said(page)
    small = "n => [...n.querySelectorAll('button, select, .choices label, summary, input')].filter(e => e.type !== 'radio' && e.checkVisibility()).map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height]).filter(e => e[1] < 44)"
    assert page.locator(".explorable").evaluate(small) == []
    assert not small_page.fault_list(page)


def test_touch_draws(opened):
    page = opened(width=390, has_touch=True)
    page.get_by_role("radio", name="画一张").tap()
    before = small_page.said(page)
    page.get_by_role("application").tap(position={"x": 80, "y": 90})
    small_page.until(page, "before => document.querySelector('output.said').textContent !== before", before)
    inked = (
        "n => [...n.getContext('2d').getImageData(0, 0, 32, 32).data].filter((v, i) => i % 4 === 0 && v < 100).length"
    )
    assert 4 <= page.locator("canvas.drawing").evaluate(inked) <= 16


@pytest.mark.parametrize("way", ["file", "http"])
def test_own_photo_is_cropped_here(opened, way):
    """左红右蓝的照片：方框移到左边全是红，移到右边全是蓝；没有一个请求；读不出来的文件说得清楚。"""
    page = opened(way)
    photo = Image.new("RGB", (1200, 600), (200, 30, 30))
    photo.paste((30, 60, 200), (600, 0, 1200, 600))
    file = io.BytesIO()
    photo.save(file, "PNG")
    page.get_by_role("radio", name="自己的照片").check()
    assert "还没有选照片" in small_page.said(page)
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.get_by_label("选一张照片").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": file.getvalue()}
    )
    small_page.until(page, "document.querySelector('output.said').textContent.includes('认为是')")
    pixel = "n => [...n.getContext('2d').getImageData(16, 16, 1, 1).data.slice(0, 3)]"
    for key, colour in (("Home", [200, 30, 30]), ("End", [30, 60, 200])):
        page.get_by_label("方框左右").focus()
        page.keyboard.press(key)
        assert page.locator(".seen canvas.pixels").evaluate(pixel) == colour
    page.get_by_label("选一张照片").set_input_files({"name": "坏.heic", "mimeType": "image/heic", "buffer": b"no"})
    small_page.until(page, "document.querySelector('output.said').textContent.includes('坏.heic 读不出来')")
    assert not requests


# -- 本次构建的网站 ----------------------------------------------------------------


@pytest.fixture(scope="module")
def built(site):
    text = (site / "_static/explorables/data/classifier.js").read_text("utf-8")
    return json.loads(text.split("=", 1)[1].rstrip(";\n"))


def test_budget_of_the_build(site, built):
    """各幅图的脚本压缩后不超过 120 kB，权重和表不超过 180 kB（拼成的小图不算）；参数一个不少。"""
    folder = site / "_static/explorables"
    packed = lambda paths: sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)  # noqa: E731
    assert packed(folder.glob("*.js")) < 120_000
    assert packed(path for path in folder.glob("data/*.js") if path.stem != "confusion") < 180_000
    for network in built["networks"].values():
        layers = network["layers"].values()
        assert sum(len(layer["weight"]) + len(layer["bias"]) for layer in layers) == 62_006
        assert network["same"] > 0.95 and abs(network["small"] - network["accuracy"]) < 0.01


@pytest.mark.slow
def test_built_network_on_the_test_set(page, server, built):
    """本次构建的网页：前 250 张测试图片，得分与 PyTorch 相差不到千分之一，预测全同；写着的准确率重新量过。"""
    batch = pickle.loads((ROOT / "examples/data/cifar-10-batches-py/test_batch").read_bytes(), encoding="latin1")
    images = torch.from_numpy(batch["data"].copy()).view(-1, 3, 32, 32)
    labels = torch.tensor(batch["labels"])
    page.goto(server + "tutorials/training_a_classifier.html#classifier")
    page.wait_for_selector("figure[data-explorable=classifier].explored")
    for name, network in built["networks"].items():
        found = torch.tensor(page.evaluate(FORWARD, [name, encoded(images[:250]), ""]))
        expected = expect(network["layers"], images[:250])
        assert (found - expected).abs().max() < 1e-3 and torch.equal(found.argmax(1), expected.argmax(1))
        share = (expect(network["layers"], images).argmax(1) == labels).float().mean().item()
        assert share == pytest.approx(network["small"], abs=2e-4)
