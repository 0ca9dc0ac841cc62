"""用词：哪些词链接到术语表，不合的译法怎样指出来。"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from small import built

from site_builder.prose.terms import Terms, entries

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = (ROOT / "docs/glossary.md").read_text("utf-8")

#: 一篇小教程，每一种情形一格。
PAGE = r"""
雅可比矩阵与张量
================

自动微分（automatic differentiation）、雅可比矩阵、随机梯度下降各是一个词。

张量在标题里
------------

``张量`` 在代码里，:math:`\text{张量}` 在公式里，`张量 <https://example.org/>`__ 在链接里。

.. admonition:: 张量在提示的标题里

   这里的参数和轴是日常用词，**参数**\ （parameter）才在介绍它。

.. list-table::

   * - 张量在表格里

- 列表里的**张量**有链接，第二个张量没有，``rank`` 是代码，ranking 不是术语，rank 是。

选读：练习
^^^^^^^^^^

折叠的地方出现优化器，不算第一次。

末尾
----

这里的优化器才是。
"""


def test_which_words_link_and_that_edits_arrive(tmp_path):
    page = "tutorials/lesson"
    with built(tmp_path, {f"{page}.rst": PAGE, "glossary": GLOSSARY}, "prose", tutorials=["lesson"]) as (app, warnings):
        assert "WARNING" not in warnings
        text = Path(app.outdir, f"{page}.html").read_text("utf-8")
    links = re.findall(r'<a class="reference internal term"[^>]*>(.*?)</a>', text)
    assert links == ["自动微分", "雅可比矩阵", "随机梯度下降", "参数", "张量", "rank", "优化器"]
    assert "<strong><a" in text

    edited = GLOSSARY.replace("按某种规则用梯度更新参数的对象", "改过的一句")
    with built(tmp_path, {f"{page}.rst": PAGE, "glossary": edited}, "prose", tutorials=["lesson"]) as (app, _):
        assert "优化器（optimizer）：改过的一句" in Path(app.outdir, f"{page}.html").read_text("utf-8")


#: 种下的一句，与应当给出的建议。
PLANTED = {
    "沿着图后向传播。": "反向传播",
    "对图片做正则化。": "归一化",
    "卷积的步\n长是 1。": "步幅",
    "这叫缓冲器。": "缓冲区",
    "雅可比向量积。": "向量-雅可比积",
    "请您运行它。": "你",
    "载入数据及。": "数据集",
    "就地改动。": "原地",
    "测试精度是一半。": "准确率",
    "数据要规范化。": "归一化",
    "这个 Tensor 很大。": "张量",
    "小节（mini-batch）。": "小批量",
}


@pytest.mark.parametrize("sentence, advice", PLANTED.items())
def test_a_planted_rendering_is_found(sentence, advice):
    terms = Terms(entries(GLOSSARY))
    text = sentence.replace("\n", "")
    found = [*terms.misused(text), *terms.misnamed(text)]
    assert len(found) == 1 and advice in found[0][1] and found[0][0] in text


#: 一页一行：写着的，是不是不合。
LINES = {
    "沿着图后向传播。": True,
    "卷积的步\n长是 1。": True,
    "### 后向传播在标题里": True,
    "- **步长**在列表里": True,
    "| 步长 |\n|---|\n| 表格 |": True,
    "词条\n: 步长在定义里": True,
    "[看步长](https://example.org/)": True,
    "有的书作“后向传播”，代码是 `Tensor`。": False,
    "```python\n# 步长\n```": False,
    "$步长$ 与 <https://example.org/Tensor>": False,
    ":::{admonition} 2018 年的写法\n:class: legacy\n后向传播。\n:::": False,
    "正则化能减轻过拟合，数据及其标签。": False,
}


def test_where_it_looks_and_what_is_exempt(tmp_path):
    text = "# 页\n\n" + "\n\n".join(LINES) + "\n"
    with built(tmp_path, {"planted": text, "glossary": GLOSSARY}, "prose") as (_, warnings):
        found = [int(line) for line in re.findall(r"planted\.md:(\d+): WARNING: “.+”写作“.+”：", warnings)]
    wrong = []
    for part, bad in LINES.items():
        first = text[: text.index(part)].count("\n") + 1
        lines = range(first, first + part.count("\n") + 1)
        wrong += [part] if bool(set(found) & set(lines)) != bad else []
    assert not wrong and len(found) == sum(LINES.values()), warnings


def test_code_and_boxes_of_a_tutorial(tmp_path):
    page = "课\n==\n\n常见错误：维数不对\n^^^^^^^^^^^^^^^^^^\n\n后向传播。\n\n"
    page += ".. code-block:: Python\n\n   print('步长')  # 梯度累加\n   tensor = Tensor()\n\n.. code-block:: none\n\n   步长\n"
    with built(tmp_path, {"tutorials/a.rst": page, "glossary": GLOSSARY}, "prose", tutorials=["a"]) as (_, warnings):
        assert re.findall("WARNING: “(.+?)”", warnings) == ["后向传播", "梯度累加", "步长"]


def test_readme_follows_the_same_rules(tmp_path):
    def run(text):
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs/glossary.md").write_text(GLOSSARY, "utf-8")
        (tmp_path / "README.md").write_text(text, "utf-8")
        command = [sys.executable, "-m", "site_builder.prose"]
        environment = {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8")

    assert run((ROOT / "README.md").read_text("utf-8")).returncode == 0
    result = run("# 说明\n\n好的一段。\n\n卷积的步长。\n\n```\n步长\n```\n")
    assert result.returncode == 1 and result.stderr.splitlines() == ["README.md:5: “步长”写作“步幅”：见术语表"]
