"""混淆矩阵：每一格的张数、图片、概率都与运行的变量相同；键盘、手指；小图不超过 60 kB。"""

import base64
import io

import numpy as np
import pytest
import small_page
import small_run
import torch
from PIL import Image

from site_builder.explorables import confusion


@pytest.fixture(scope="module")
def run():
    return small_run.variables()


@pytest.fixture(scope="module")
def data(run):
    return confusion.collect(run)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("confusion")


def test_every_cell_shows_its_own_pictures(run, data):
    """200 多张：真实、预测、概率都是那张图片的；小图里的那一块就是那张图片（有损，所以只求相近）。"""
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["sprite"].split(",")[1]))).convert("RGB"), float)
    probabilities = run["test_logits"].softmax(1)
    pictures = run["test_images"].permute(0, 2, 3, 1).numpy().astype(float)
    seen = 0
    for key, cell in data["cells"].items():
        i, j = map(int, key.split(","))
        assert len(cell) <= data["matrix"][i][j] and (cell or not data["matrix"][i][j])
        for one in cell:
            index, place = one["index"], one["place"]
            assert (run["test_labels"][index], run["test_predicted"][index]) == (i, j)
            torch.testing.assert_close(torch.tensor(one["p"]) / 1000, probabilities[index], atol=6e-4, rtol=0)
            y, x = 32 * (place // data["columns"]), 32 * (place % data["columns"])
            errors = np.abs(pictures - sheet[y : y + 32, x : x + 32]).mean((1, 2, 3))
            assert errors[index] < errors.min() + 12
            seen += 1
    assert seen >= 60 and data["matrix"] == run["confusion"].tolist()
    assert len(data["sprite"]) <= 60_100


def test_too_large_a_sprite_is_refused(run, monkeypatch):
    monkeypatch.setattr(confusion, "LIMIT", 1000)
    with pytest.raises(ValueError, match="QUALITY"):
        confusion.collect(run)


def test_shares_are_those_of_numpy(browser, folder, data):
    page, problems = small_page.opened(browser, small_page.write(folder, "confusion", {"confusion": data}).as_uri())
    rng = np.random.default_rng(1)
    matrices = [np.array(data["matrix"]), *rng.integers(0, 400, (3, 10, 10))]
    for matrix in matrices:
        found = page.evaluate(
            "m => m.flatMap((line, i) => line.map((_, j) => explorables.confusion.facts(m, i, j)))", matrix.tolist()
        )
        assert [f["count"] for f in found] == matrix.ravel().tolist()
        np.testing.assert_allclose([f["ofRow"] for f in found], (matrix / matrix.sum(1, keepdims=True)).ravel())
        np.testing.assert_allclose([f["ofColumn"] for f in found], (matrix / matrix.sum(0, keepdims=True)).ravel())
    for p in rng.integers(0, 1000, (200, 10)):
        assert [v for _, v in page.evaluate("p => explorables.confusion.top(p)", p.tolist())] == sorted(p.tolist())[
            :-4:-1
        ]
    page.context.close()
    assert not problems


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_keyboard_alone_over_http_and_from_a_folder(browser, folder, data, run, theme, width):
    """Tab 只停一格，方向键移动，回车打开；图片真的画出来了；网址记得；axe、宽度、44 像素。"""
    server, addresses = small_page.ways(folder, small_page.write(folder, "confusion", {"confusion": data}, theme))
    for address in addresses:
        page, problems = small_page.opened(browser, address, width, reduced_motion="reduce")
        page.get_by_label("真实的类别").select_option("3")
        page.get_by_label("预测的类别").select_option("3")
        page.get_by_label("预测的类别").focus()
        page.keyboard.press("Tab")
        for key in ("ArrowDown", "ArrowRight", "ArrowLeft", "ArrowLeft", "Enter"):
            page.keyboard.press(key)
        count = run["confusion"][4, 2].item()
        assert f"真实是鹿、预测是鸟的有 {count} 张" in small_page.said(page)
        assert page.locator(".matrix [aria-pressed=true]").inner_text() == str(count)
        assert page.locator(".matrix [tabindex='0']").count() == 1
        page.keyboard.press("Home")
        page.keyboard.press("Enter")
        assert page.get_by_label("预测的类别").input_value() == "0"
        page.get_by_label("预测的类别").select_option("4")
        shown = page.locator(".pictures canvas")
        assert shown.count() == len(data["cells"]["4,4"]) > 0
        drawn = "n => n.getContext('2d').getImageData(0, 0, 32, 32).data.some((v) => v)"
        small_page.until(page, f"({drawn})(document.querySelector('.pictures canvas'))")
        assert not small_page.fault_list(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        small = "n => [...n.querySelectorAll('button, select')].filter(e => Math.min(e.getBoundingClientRect().height, e.getBoundingClientRect().width) < 44).length"
        assert page.locator(".explorable").evaluate(small) == 0
        small_page.until(page, "location.search.includes('confusion.truth=4')")
        again, _ = small_page.opened(browser, page.url, width)
        assert small_page.said(again) == small_page.said(page)
        again.context.close()
        page.context.close()
        assert not problems
    server.shutdown()


def test_touch(browser, folder, data):
    address = small_page.write(folder, "confusion", {"confusion": data}).as_uri()
    page, _ = small_page.opened(browser, address, 390, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="真实是船，预测是鸟").tap()
    assert "真实是船、预测是鸟" in small_page.said(page)
    page.context.close()
