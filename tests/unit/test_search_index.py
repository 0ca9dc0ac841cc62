"""搜索的索引：怎样切词，一页怎样分成节，改过、删掉的页面不留下旧词。"""

import json
from pathlib import Path

import pytest
from docutils import nodes
from small import built

from site_builder.nodes import fold, summary
from site_builder.search.index import _gather, heading_words, words


@pytest.mark.parametrize(
    "text, expected",
    [
        ("张量是", ["张量", "量是", "是"]),
        ("zero_grad()", ["zero_grad", "zero", "grad"]),
        ("DataLoader", ["dataloader", "data", "loader"]),
        ("ＣＩＦＡＲ１０", ["cifar10", "cifar", "10"]),
        ("用 GPU 算", ["用", "gpu", "gpu", "算"]),
    ],
)
def test_words(text, expected):
    assert [word for word in words(text) if word != "10"] == [word for word in expected if word != "10"]


def test_an_entry_is_found_by_its_english_name_written_together():
    assert "dataloader" in list(heading_words("数据加载器（data loader）"))
    assert {"stochasticgradientdescent", "sgd"} <= set(
        heading_words("随机梯度下降（stochastic gradient descent、SGD）")
    )
    assert list(heading_words("取出一个数（item）吗")) == list(words("取出一个数（item）吗"))


def section(title, *children, name=""):
    return nodes.section("", nodes.title("", title), *children, ids=[name or title])


def test_sections_of_a_page():
    output = nodes.literal_block("", "ValueError: 坏了\n1.0 2.0\nValueError: 坏了", classes=["sphx-glr-script-out"])
    paragraph = nodes.paragraph("", "", nodes.Text("公式\n"), nodes.math("", r"\frac{1}{2}"), nodes.Text("之后"))
    folded = fold("", summary("", "选读：甲"), nodes.paragraph("", "折叠的"), section("里面"), ids=["选读-甲"])
    term = nodes.definition_list_item(
        "", nodes.term("", "词条（item）", ids=["term-词条"]), nodes.definition("", nodes.paragraph("", "解释"))
    )
    skipped = nodes.container("", nodes.paragraph("", "不要"), classes=["provenance-box"])
    page = section("页", paragraph, section("一节", output, skipped), folded, nodes.definition_list("", term))
    found = []
    _gather(nodes.section("", nodes.title("", ""), page), "a", None, found)
    assert [(s.anchor, s.heading, s.folded, s.prose, s.code) for s in found] == [
        ("", "页", False, "公式 …之后\n", ""),
        ("一节", "一节", False, "", "ValueError: 坏了\n"),
        ("选读-甲", "选读：甲", True, "折叠的\n", ""),
        ("里面", "里面", True, "", ""),
        ("term-词条", "词条（item）", False, "解释\n", ""),
    ]


def index(folder, pages):
    """构建，返回 {搜索的文件: 内容}。"""
    more = "    app.config.templates_path.append('_templates')"
    pages = {"_templates/search.html": "{{ title }}", **pages}
    with built(folder, pages, "search", more=more) as (app, _):
        found = Path(app.outdir, "search")
        return {str(path.relative_to(found)): path.read_text("utf-8") for path in sorted(found.rglob("*.js"))}


def test_changed_and_removed_pages_leave_no_stale_words(tmp_path):
    files = index(tmp_path / "a", {"first": "# 第一页\n\n蜻蜓。\n", "second": "# 第二页\n\n蝴蝶，见 {doc}`first`。\n"})
    assert "蜻蜓" in "".join(files.values()) and "第一页" in files["pages/second.js"]
    assert json.loads(files["index.js"].partition("=")[2].rstrip(";\n"))["pages"][0] == ["first", "first.html"]
    (tmp_path / "a/second.md").unlink()
    files = index(tmp_path / "a", {"first": "# 第一页\n\n螳螂。\n"})
    assert "pages/second.js" not in files and "螳螂" in "".join(files.values())
    assert not {"蜻蜓", "蝴蝶"} & set("".join(files.values()).split('"'))
    assert files == index(tmp_path / "b", {"first": "# 第一页\n\n螳螂。\n"})
