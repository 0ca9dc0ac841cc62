"""页面上的官方名字：清单里的都链上了，点得到，样子与别的代码一样。"""

import re

from conftest import ROOT

from site_builder.api.infer import PACKAGES
from site_builder.api.names import Names

LIST = ROOT / "docs/api_names.txt"


def test_site_links_exactly_the_list(site):
    pages = [path.read_text("utf-8") for path in site.rglob("*.html")]
    linked = {url for page in pages for url in re.findall(r'<a class="api-link" href="([^"]+)"', page)}
    names = Names(LIST.read_text("utf-8"))
    assert linked == set(names.address.values())
    assert not any("sphx-glr-backref" in page for page in pages), "Sphinx-Gallery 自己的代码链接也在"
    lines = [line.split() for line in LIST.read_text("utf-8").splitlines() if line.startswith(("py:", "std:"))]
    order = [(name.split(".")[0], name) for _, name, _ in lines]
    for package in PACKAGES:
        own = [name for first, name in order if first == package]
        assert own and own == sorted(own)


def test_links_in_the_page(page, server):
    page.goto(f"{server}tutorials/neural_networks.html")
    prose = page.locator("p code a.api-link").first
    assert (
        prose.get_attribute("href")
        == "https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module"
    )
    assert prose.get_attribute("title") == "torch.nn.Module（英文参考）"
    style = "(element, name) => getComputedStyle(element)[name]"
    assert "solid" in prose.evaluate("element => getComputedStyle(element).textDecorationStyle")
    code = page.locator("pre a.api-link", has_text="torch.manual_seed").first
    assert code.inner_text() == "torch.manual_seed"
    assert code.evaluate(style, "textDecorationLine") == "none"
    code.hover()
    assert code.evaluate(style, "textDecorationLine") == "underline"
    page.mouse.move(0, 0)
    # 配色与没有链接的名字一样
    plain = page.locator("pre span.l").first
    assert code.evaluate(style, "color") == plain.evaluate(style, "color")


def test_keyboard_stops_once_for_each_name(page, server):
    page.goto(f"{server}tutorials/neural_networks.html")
    stops = page.locator("a.api-link:not([tabindex])").evaluate_all("links => links.map(link => link.title)")
    every = page.locator("a.api-link").evaluate_all("links => links.map(link => link.title)")
    assert len(stops) == len(set(stops)) and set(stops) == set(every)
