"""样本怎样分：切块与 torch.chunk、采样器与 DistributedSampler、桶与 DDP、平均的梯度与自动微分逐一相同。"""

import random

import pytest
import small_page
import torch
from torch import nn
from torch.utils.data import DistributedSampler


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("splitting")


@pytest.fixture(scope="module")
def page(browser, folder):
    found, problems = small_page.opened(browser, small_page.write(folder, "splitting").as_uri())
    yield found
    assert not problems
    found.context.close()


@pytest.fixture(scope="module")
def cases():
    rng = random.Random(7)
    fixed = [(1, 8), (8, 8), (10, 3), (10, 8), (2, 8), (3, 8), (40, 7), (9, 8), (7, 3)]
    return fixed + [(rng.randint(1, 97), rng.randint(1, 16)) for _ in range(300)]


def test_chunks_are_those_of_torch(page, cases):
    found = page.evaluate("cases => cases.map(([n, k]) => explorables.splitting.chunks(n, k))", cases)
    assert found == [[part.tolist() for part in torch.arange(n).chunk(k)] for n, k in cases]


@pytest.mark.slow
def test_shares_are_those_of_the_sampler(page, cases):
    """丢不丢余下的都比；填充的恰好是超出样本数的那几个。"""
    for drop in (False, True):
        found = page.evaluate(
            "([cases, drop]) => cases.map(([n, k]) => explorables.splitting.shares(n, k, drop))", [cases, drop]
        )
        for (n, k), shares in zip(cases, found, strict=True):
            samplers = [DistributedSampler(range(n), k, rank, shuffle=False, drop_last=drop) for rank in range(k)]
            assert [[cell["index"] for cell in share] for share in shares] == [list(one) for one in samplers], (n, k)
            padded = sum(cell["padded"] for share in shares for cell in share)
            assert padded == max(0, samplers[0].total_size - n)
            assert sorted(c["index"] for s in shares for c in s if not c["padded"]) == list(
                range(min(n, samplers[0].total_size))
            )


class Net(nn.Module):
    """第 4、5 篇的网络。"""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)


def test_buckets_are_those_of_ddp(page):
    named = list(Net().named_parameters())
    assert page.evaluate("explorables.splitting.parameters") == [{"name": n, "bytes": p.nbytes} for n, p in named]
    limits = [10, 2000, 40_000, 100_000, 1 << 20] + [random.Random(i).randint(1, 260_000) for i in range(220)]
    found = page.evaluate(
        "limits => limits.map((limit) => explorables.splitting.buckets(limit).map((b) => b.map(({ name }) => name)))",
        limits,
    )
    backward = named[::-1]
    for limit, buckets in zip(limits, found, strict=True):
        real = torch.distributed._compute_bucket_assignment_by_size([p for _, p in backward], [limit])[0]
        assert buckets == [[backward[i][0] for i in bucket] for bucket in real], limit


def test_a_bucket_leaves_when_it_is_full(page):
    """每一步：算出的总数对；满了的桶先归约，再都有平均的梯度，从不倒退。"""
    order = ["empty", "filling", "reducing", "averaged"]
    for limit in (10, 2000, 40_000, 1 << 20):
        steps = page.evaluate(
            "limit => Array.from({length: explorables.splitting.STEPS + 1}, (_, s) => explorables.splitting.progress(limit, s))",
            limit,
        )
        for step, now in enumerate(steps):
            assert sum(bucket["done"] for bucket in now) == min(step, 10)
            assert all((b["state"] in order[2:]) == (b["done"] == len(b["names"])) for b in now)
        for bucket in zip(*steps, strict=True):
            ranks = [order.index(b["state"]) for b in bucket]
            assert ranks == sorted(ranks) and ranks[-1] == 3 and ranks.count(2) == 1


def test_gradients_are_those_of_autograd(page, cases):
    found = page.evaluate("cases => cases.map(([n, k]) => explorables.splitting.gradients(n, k, false))", cases)
    for (n, k), gradients in zip(cases, found, strict=True):

        def gradient(indices):
            w = torch.zeros((), dtype=torch.float64, requires_grad=True)
            ((w - torch.tensor(indices, dtype=torch.float64)) ** 2 / 2).mean().backward()
            return w.grad.item()

        own = [gradient(list(DistributedSampler(range(n), k, rank, shuffle=False))) for rank in range(k)]
        assert gradients["own"] == pytest.approx(own) and gradients["average"] == pytest.approx(sum(own) / k)
        assert gradients["whole"] == pytest.approx(gradient(list(range(n))))


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_keyboard_alone_over_http_and_from_a_folder(browser, folder, theme, width):
    """只用键盘：换一种看法、改样本数、走到下一步；结果说成话，状态在网址里，网页不左右滚动，axe 没有毛病。"""
    server, addresses = small_page.ways(folder, small_page.write(folder, "splitting", theme=theme))
    for address in addresses:
        page, problems = small_page.opened(browser, address, width, reduced_motion="reduce")
        assert "每个进程 4 个" in small_page.said(page) and "样本 0、1" in small_page.said(page)
        page.locator("input[name='splitting.view']").first.focus()
        page.keyboard.press("ArrowRight")
        assert "切成 3 块" in small_page.said(page)
        page.locator("input[name='splitting.samples']").focus()
        for _ in range(6):
            page.keyboard.press("ArrowLeft")
        page.locator("input[name='splitting.devices']").focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("End")
        assert "有 4 个 GPU 闲着" in small_page.said(page)
        page.locator("input[name='splitting.view']:checked").focus()
        page.keyboard.press("ArrowRight")
        page.get_by_role("button", name="下一步").focus()
        for _ in range(13):
            page.keyboard.press("Enter")
        assert "第 12 步，共 12 步。更新" in small_page.said(page)
        assert not small_page.fault_list(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        small = "n => [...n.querySelectorAll('button, select, .choices label, .check, input[type=range]')].filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).length"
        assert page.locator(".explorable").evaluate(small) == 0
        small_page.until(page, "location.search.includes('splitting.step')")
        again, _ = small_page.opened(browser, page.url, width)
        assert small_page.said(again) == small_page.said(page)
        again.context.close()
        page.context.close()
        assert not problems
    server.shutdown()


def test_touch(browser, folder):
    page, _ = small_page.opened(
        browser, small_page.write(folder, "splitting").as_uri(), 390, has_touch=True, is_mobile=True
    )
    page.get_by_role("radio", name="DDP 的一步").tap()
    for _ in range(4):
        page.get_by_role("button", name="下一步").tap()
    assert "第 4 步" in small_page.said(page) and "fc2.weight" in small_page.said(page)
    page.context.close()


def test_without_script_the_figure_stays(browser, folder):
    address = small_page.write(folder, "splitting").as_uri()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("p.static").is_visible()
    context.close()
