"""读者下载的脚本：没有检查，也没有检查的标记，别的一字不改。"""

import json

import pytest
from sphinx.errors import ExtensionError

from site_builder.downloads import scripts

CHECK = "# sphinx_gallery_start_ignore\nassert x == 1\n# sphinx_gallery_end_ignore\n"


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("x = 1\n\n%s\n# %%%%\n# 文字\n", "x = 1\n\n# %%\n# 文字\n"),
        ("x = 1\n%sy = 2\n", "x = 1\ny = 2\n"),
        ("x = 1\n%s\ny = 2\n", "x = 1\n\ny = 2\n"),
        ("x = 1\n\n%s\n\ndef f():\n    pass\n", "x = 1\n\n\ndef f():\n    pass\n"),
        ("x = 1\n\n%s", "x = 1\n"),
        ("x = 1\n\n%s\n%s\ny = 2\n", "x = 1\n\ny = 2\n"),
        ("# sphinx_gallery_thumbnail_number = 2\nx = 1\n%s", "x = 1\n"),
        ("x = 'sphinx_gallery_x'\n%s", "x = 'sphinx_gallery_x'\n"),
    ],
)
def test_checks_are_gone(script, wanted):
    assert scripts.for_reader(script % ((CHECK,) * script.count("%s")), "one.py") == wanted


def test_indented_check_and_several_lines():
    check = "    # sphinx_gallery_start_ignore\n    assert x\n\n    assert y\n    # sphinx_gallery_end_ignore\n"
    assert (
        scripts.for_reader(f"def f():\n    x = 1\n{check}    return x\n", "one.py")
        == "def f():\n    x = 1\n    return x\n"
    )


def test_script_that_no_longer_runs_is_refused():
    with pytest.raises(ExtensionError, match=r"examples/one\.py 去掉.*第 2 行"):
        scripts.for_reader(f"if x:\n    {CHECK}y = 1\n", "examples/one.py")


def test_handed_files(tmp_path):
    """有 handed.json 的交出里面的文件；没有的不交。"""
    (tmp_path / "one.handed.json").write_text(json.dumps({"train.py": "print('甲')\n"}), "utf-8")
    (tmp_path / "two.py").write_text("x = 1\n")
    assert scripts.handed(tmp_path, ["one", "two"]) == {"train.py": "print('甲')\n"}
