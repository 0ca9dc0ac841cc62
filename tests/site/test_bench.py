"""make bench 能用；字节与请求的预算守住。秒数随机器变，不在这里查。"""

import pytest

from site_builder import bench

BUDGET = {"图以外的请求": 20, "图以外的 kB": 150, "连图的 kB": 400}


@pytest.mark.slow
def test_page_budget(site, browser, tutorials):
    """每一页：图以外不超过 20 个请求、150 kB，连图不超过 400 kB；互动图的数据另有预算（test_explorables_classifier.py）。"""
    rows = bench.measure_pages(browser)
    assert set(tutorials) <= rows.keys()
    for name, row in rows.items():
        for what, limit in BUDGET.items():
            assert 0 < row[what] <= limit, f"{name}：{what} {row[what]}，预算 {limit}"
        assert row["连互动图的 kB"] > row["连图的 kB"]


@pytest.mark.slow
def test_growth_is_measured():
    row = bench.measure_growth((3,))["3 篇"]
    assert row["排版的处理器（秒）"] > 0 and row["排版的内存（MB）"] > 0


def test_table():
    lines = bench.table({"甲": {"秒": 1.5}, "乙": {"秒": 2}}).splitlines()
    assert lines == ["|  | 秒 |", "| ---|--- |", "| 甲 | 1.5 |", "| 乙 | 2 |"]
