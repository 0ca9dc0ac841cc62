"""SITE_URL 与 REPO_URL：设了才有规范网址、站点地图、分享卡片和编辑链接。"""

import re

import pytest
from conftest import TinySite, example

SITE, REPO = "https://example.com/pytorch", "https://example.com/me/repo"


@pytest.fixture(scope="module")
def addressed(tmp_path_factory):
    tiny = TinySite(tmp_path_factory.mktemp("addressed") / "site", {"first": example(title="第一篇")})
    result = tiny.build(SITE_URL=SITE, REPO_URL=REPO)
    assert result.returncode == 0, result.stdout
    return {name: text.decode("utf-8", "replace") for name, text in tiny.published().items()}


def test_canonical_and_sitemap(addressed):
    assert f'<link rel="canonical" href="{SITE}/tutorials/first.html">' in addressed["tutorials/first.html"]
    locations = re.findall(r"<loc>([^<]+)</loc>", addressed["sitemap.xml"])
    assert f"{SITE}/index.html" in locations and f"{SITE}/tutorials/first.html" in locations
    assert all(location.startswith(SITE) for location in locations)
    assert not [location for location in locations if location.endswith(("search.html", "404.html"))]


def test_share_card(addressed):
    page = addressed["tutorials/first.html"]
    for name in ("og:title", "og:url", "og:description", "og:site_name"):
        assert f'property="{name}"' in page, name


def test_share_picture(addressed):
    """教程有自己的一幅，别的页用首页的；有替代文字和大小，文件就在站点里。"""
    expected = {"tutorials/first": ("first", "PyTorch 中文入门教程，第 1 / 1 篇：第一篇")}
    expected["index"] = ("index", "PyTorch 中文入门教程")
    for name, (picture, text) in expected.items():
        page = addressed[f"{name}.html"]
        assert f'property="og:image" content="{SITE}/_static/share/{picture}.png"' in page, name
        assert f'property="og:image:alt" content="{text}"' in page, name
        assert 'property="og:image:width" content="1200"' in page and "summary_large_image" in page
        assert f"_static/share/{picture}.png" in addressed


def test_edit_links_lead_to_the_source(addressed):
    assert f'href="{REPO}/edit/main/examples/first.py"' in addressed["tutorials/first.html"]
    assert f'href="{REPO}/edit/main/docs/index.md"' in addressed["index.html"]
    for name in ("tutorials/first.html", "index.html"):
        assert "编辑此页" in addressed[name] and "指出错误" in addressed[name]
    assert f"{REPO}/issues/new?" in addressed["index.html"]


def test_not_found_page_works_at_any_depth(addressed):
    sources = re.findall(r'(?:src|href)="(/[^"]*_static[^"]*)"', addressed["404.html"])
    assert sources and all(source.startswith("/pytorch/_static/") for source in sources)


@pytest.mark.slow
def test_without_addresses_nothing_of_it(tmp_path):
    tiny = TinySite(tmp_path / "site", {"first": example(title="第一篇")})
    assert tiny.build().returncode == 0
    files = tiny.published()
    assert "sitemap.xml" not in files and not [name for name in files if "share" in name]
    for page in (text.decode("utf-8") for name, text in files.items() if name.endswith(".html")):
        assert 'rel="canonical"' not in page and "编辑此页" not in page and "og:" not in page
