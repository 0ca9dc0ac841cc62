"""笔记本的各格：什么起一格，答案在哪里，第一格说什么。"""

import nbformat
import pytest
from docutils import nodes
from docutils.core import publish_doctree

from site_builder.downloads.notebooks import notebook

PAGE = """\
标题
====

.. container:: tutorial-downloads

   下载

见 `《别处》 <other.html>`__、`这里 <#here>`__ 和 `外面 <https://example.org/>`__。

甲
--

一段。

乙
--

练习
----

题目。

练习 1 的答案
^^^^^^^^^^^^^

答一。

练习 2 的答案
^^^^^^^^^^^^^

答二。

接下来
------

末尾。
"""


def cell(text):
    return nodes.literal_block("", text, language="Python")


def page(*cells):
    """PAGE，第一节后面是各个代码格，每格后面都有输出。"""
    doctree = publish_doctree(PAGE, settings_overrides={"doctitle_xform": False, "report_level": 5})
    section = doctree[0]
    section[section.first_child_matching_class(nodes.section)] += [
        node for text in cells for node in (cell(text), nodes.literal_block("", "1", classes=["sphx-glr-script-out"]))
    ]
    return doctree


def sources(*cells, site_url=""):
    made = notebook(page(*cells), "tutorials/one", site_url)
    nbformat.validate(nbformat.from_dict(made))
    return [(part["cell_type"], "".join(part["source"])) for part in made["cells"]]


def test_cells():
    cells = sources("import torch\ntorch.manual_seed(0)", "print(1)", "print(1)")
    first = cells.pop(0)[1].split("\n\n")
    assert first[0] == "# 标题"
    assert first[1].startswith("> **运行之前**")
    assert first[2] == "见 《别处》、这里 和 [外面](https://example.org/)。"
    assert cells == [
        ("markdown", "## 甲\n\n一段。"),
        ("code", "import torch\ntorch.manual_seed(0);"),
        ("code", "print(1)"),
        ("code", "print(1)"),
        ("markdown", "## 乙"),
        ("markdown", "## 练习\n\n题目。"),
        ("markdown", "## 接下来\n\n末尾。"),
        ("markdown", "## 练习的答案\n\n先自己做一做，再往下看。"),
        ("markdown", "### 练习 1 的答案\n\n答一。"),
        ("markdown", "### 练习 2 的答案\n\n答二。"),
    ]


def test_same_page_same_bytes_and_no_cell_twice():
    made = notebook(page("print(1)", "print(1)"), "tutorials/one")
    assert made == notebook(page("print(1)", "print(1)"), "tutorials/one")
    identifiers = [part["id"] for part in made["cells"]]
    assert len(set(identifiers)) == len(identifiers)
    assert made["metadata"]["title"] == "标题"
    assert all(not part.get("outputs") for part in made["cells"])


def test_links_are_whole_when_the_address_is_known():
    first = sources(site_url="https://example.org/x/")[0][1]
    assert "[《别处》](https://example.org/x/tutorials/other.html)" in first
    assert "[这里](https://example.org/x/tutorials/one.html#here)" in first
    assert "[https://example.org/x/tutorials/one.html](https://example.org/x/tutorials/one.html)" in first


@pytest.mark.parametrize(("code", "said"), [("import font_manager", "fonts-wqy-microhei"), ("CIFAR10(root)", "170 MB")])
def test_first_cell_says_what_is_needed(code, said):
    assert said in sources(code)[0][1]
    assert said not in sources("print(1)")[0][1]
