"""打包带走的全过程，用一个小网站在一个进程里跑：不执行示例，只用 store 和 downloads 两个扩展。"""

import io
import json
import re
import shutil
import zipfile
from types import SimpleNamespace

import pytest
from docutils import nodes
from lxml import etree, html
from PIL import Image
from sphinx.testing.util import SphinxTestApp

from site_builder.downloads import places, unused

CONF = """\
project, author, language = "小网站", "我们", "zh_CN"
extensions = ["site_builder.store", "site_builder.downloads"]
html_theme, html_static_path, html_css_files = "furo", ["_static"], ["used.css"]
html_baseurl = "https://example.org/x/"
html_context = {"repo_url": "https://github.com/someone/fork"}
exclude_patterns = ["site_builder", "_build"]


def setup(app):
    app.add_config_value("tutorials", ["one"], "env")
    app.add_config_value("sphinx_gallery_conf", {"gallery_dirs": "tutorials"}, "env")
"""
ONE = """\
第一篇
======

.. container:: tutorial-downloads

   :download:`下载 .py <one.py>`

   :download:`下载 .ipynb <one.ipynb>`

这是第一句。这是第二句，见 :doc:`《安装》 </install>` 和 `外面 <https://example.org/>`__。

.. warning::

   小心 :math:`a_b`。

.. code-block:: Python

    print(1)

.. rst-class:: sphx-glr-script-out

 .. code-block:: none

    1

.. figure:: picture.webp
   :alt: 一幅图

   网站上可以拖动。

.. raw:: html

   <figure data-explorable="x"><svg viewBox="0 0 2 2"></svg><figcaption>拖一拖。</figcaption>
   <x-control><button>按</button><input></x-control><noscript>没有脚本时的一句话。</noscript></figure>
"""
FILES = {
    "conf.py": CONF,
    "index.rst": "小网站\n======\n\n首页的一句话。\n\n.. toctree::\n\n   tutorials/index\n   install\n   downloads\n",
    "install.rst": "安装\n====\n\n怎样安装。\n\n第二节\n------\n\n见 :doc:`tutorials/one` 和 :doc:`downloads`。\n",
    "downloads.rst": "下载\n====\n\n整站 :site-file:`pytorch-tutorials-site.zip`，书 :site-file:`pytorch-tutorials.epub`，"
    ":site-file:`train.py`，:download:`数据 <data.txt>`。\n",
    "data.txt": "1\n",
    "tutorials/index.rst": "教程\n====\n\n全部教程。\n\n.. toctree::\n\n   one\n",
    "tutorials/one.rst": ONE,
    "tutorials/one.py": "# sphinx_gallery_start_ignore\nassert True\n# sphinx_gallery_end_ignore\nprint(1)\n",
    "tutorials/one.ipynb": "未经整理\n",
    "tutorials/one.handed.json": json.dumps({"train.py": "print('训练')\n"}),
    "site_builder/data/cifar10_from_npm.py": "print('转换')\n",
    "_static/katex/katex.min.css": "/* 公式 */",
    "_static/used.css": "body { background: url(paper.svg) }",
    "_static/paper.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
    "_static/LICENSE": "许可证",
    "_static/forgotten.js": "1",
}


def build(folder, buildername="html"):
    """在 `folder` 里构建，返回 (网站的文件夹, 警告)。"""
    app = SphinxTestApp(buildername, srcdir=folder, builddir=folder / "_build", warning=io.StringIO())
    try:
        app.build()
        return app.outdir, re.sub(r"\x1b\[.*?m", "", app.warning.getvalue())
    finally:
        app.cleanup()


def make(folder):
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    Image.new("RGB", (4, 4)).save(folder / "tutorials/picture.webp", lossless=True)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make(tmp_path_factory.mktemp("房间") / "src")


@pytest.fixture(scope="module")
def site(source):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        outdir, warnings = build(source)
    assert not warnings
    return outdir


def read(path):
    return path.read_text("utf-8")


def test_page_in_markdown(site):
    """代码、输出、图的链接都在；页与页之间的链接指向 .md。"""
    text = read(site / "tutorials/one.md")
    for wanted in (
        "# 第一篇\n\n[`下载 .py`](one.py)\n\n[`下载 .ipynb`](one.ipynb)\n\n[在 Colab 里打开](https://colab",
        "见 [《安装》](../install.md) 和 [外面](https://example.org/)。",
        "> **警告**\n>\n> 小心 $a_b$。",
        "```python\nprint(1)\n```\n\n输出：\n\n```text\n1\n```\n\n![一幅图](../_images/picture.webp)\n\n网站上可以拖动。",
    ):
        assert wanted in text
    assert (site / "_images/picture.webp").is_file()
    link = re.search(r"\[`数据`\]\(([^)]+)\)", read(site / "downloads.md"))[1]
    assert read(site / link) == "1\n"
    assert {path.relative_to(site).as_posix() for path in site.rglob("*.md")} == {
        name.replace(".rst", ".md") for name in FILES if name.endswith(".rst")
    }


def test_list_of_pages(site):
    text = read(site / "llms.txt")
    assert text.startswith("# 小网站\n\n> 首页的一句话。\n\n")
    assert text.endswith(
        "## 教程\n\n- [第一篇](https://example.org/x/tutorials/one.md): 这是第一句。\n\n"
        "## 其他页面\n\n- [安装](https://example.org/x/install.md): 怎样安装。\n"
        "- [下载](https://example.org/x/downloads.md): 整站 pytorch-tutorials-site.zip，书 pytorch-tutorials.epub，train.py，数据。\n"
    )


def test_links_lead_beside_the_page(site):
    """下载链接指向网页旁边整理好的那一份，原样的那一份不发布。"""
    page = html.parse(site / "tutorials/one.html")
    links = page.xpath("//*[contains(@class, 'tutorial-downloads')]//a/@href")
    assert links == [
        "one.py",
        "one.ipynb",
        "https://colab.research.google.com/github/someone/fork/blob/notebooks/one.ipynb",
    ]
    assert read(site / "tutorials/one.py") == "print(1)\n"
    notebook = json.loads(read(site / "tutorials/one.ipynb"))
    last = notebook["cells"][-1]["source"]
    assert "".join(last) == "网站上可以拖动。", "图由代码画出，说明要留着"
    assert not [path for path in (site / "_downloads").rglob("*") if "one" in path.name]


def test_sizes_are_true_and_inside_zip_it_says_so(site):
    links = html.parse(site / "downloads.html").xpath("//span[@data-file]/a")
    assert [link.get("href") for link in links] == [
        "downloads/pytorch-tutorials-site.zip",
        "downloads/pytorch-tutorials.epub",
        "downloads/train.py",
    ]
    for link in links:
        assert link.tail == f"（{places.size((site / link.get('href')).stat().st_size)}）"
    with zipfile.ZipFile(site / "downloads/pytorch-tutorials-site.zip") as archive:
        inside = html.fromstring(archive.read("pytorch-tutorials/downloads.html").decode())
        names = archive.namelist()
    assert inside.xpath("//span[@data-file]")[0].text_content() == "你正在看的就是它"
    assert len(inside.xpath("//span[@data-file]/a")) == 2
    assert not [name for name in names if re.search(r"\.zip/|site\.zip|objects\.inv|/\.", name)]
    assert "pytorch-tutorials/tutorials/one.md" in names


def test_code_archive(site):
    with zipfile.ZipFile(site / "downloads/pytorch-tutorials-code.zip") as archive:
        content = {name.partition("/")[2]: archive.read(name).decode() for name in archive.namelist()}
    assert content.keys() == {"one.py", "one.ipynb", "train.py", "cifar10_from_npm.py"}
    assert content["one.py"] == "print(1)\n"
    assert content["train.py"] == read(site / "downloads/train.py") == "print('训练')\n"


def test_unused_files_are_not_published(site):
    assert (site / "_static/used.css").is_file()
    assert (site / "_static/paper.svg").is_file()
    assert (site / "_static/LICENSE").is_file()
    assert not (site / "_static/forgotten.js").exists()


def test_every_attribute_counts():
    page = """<p data-load="../_static/x.js?v=1"><img src="a.png" srcset="../_images/a.webp, ../_images/b%20c.webp 2.00x">
    <a href="_downloads/1/x.txt#here">_static/only-text.js</a></p>"""
    assert unused.assets(page) == {"_static/x.js", "_images/a.webp", "_images/b c.webp", "_downloads/1/x.txt"}


def test_book_keeps_the_figure_and_its_sentence(site):
    with zipfile.ZipFile(site / "downloads/pytorch-tutorials.epub") as book:
        assert book.namelist()[0] == "mimetype"
        pages = {name: etree.fromstring(book.read(name)) for name in book.namelist() if name.endswith(".xhtml")}
        package = book.read("book/package.opf").decode()
    assert pages.keys() == {f"book/{name}.xhtml" for name in ("nav", "install", "tutorials-one")}
    one = pages["book/tutorials-one.xhtml"]
    text = "".join(one.itertext())
    assert "拖一拖。" in text and "没有脚本时的一句话。" in text and "按" not in text
    tags = {etree.QName(element).localname for element in one.iter(etree.Element)}
    assert not tags & {"x-control", "button", "input", "noscript", "script"}
    assert b'viewBox="0 0 2 2"' in etree.tostring(one)
    links = [link.get("href") for link in pages["book/install.xhtml"].iter("{*}a")]
    assert links == ["tutorials-one.xhtml", "https://example.org/x/downloads.html"]
    assert "2023-11-14T22:13:20Z" in package and 'properties="svg"' in package


def test_same_bytes_twice_and_after_a_change(site, source, tmp_path, monkeypatch):
    """从头再做一次，逐字节相同；改一页再构建，大小照样填上；改回来，又逐字节相同。"""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")

    def published(folder):
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        return {name: path.read_bytes() for name, path in files.items() if ".doctrees" not in name}

    def differing(first, second):
        return {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}

    before = published(site)
    other, _ = build(make(tmp_path / "别处"))
    assert not differing(before, published(other))
    shutil.copytree(source, tmp_path / "改", ignore=shutil.ignore_patterns("_build"))
    changed, _ = build(tmp_path / "改")
    page = tmp_path / "改/install.rst"
    page.write_text(read(page).replace("怎样安装。", "怎样安装，慢慢说。"), "utf-8")
    assert not build(tmp_path / "改")[1]
    assert "慢慢说" in read(changed / "install.md") and "慢慢说" in read(changed / "llms.txt")
    assert len(html.parse(changed / "downloads.html").xpath("//span[@data-file]/a")) == 3
    page.write_text(FILES["install.rst"], "utf-8")
    assert not build(tmp_path / "改")[1]
    assert not differing(before, published(changed)) - {"searchindex.js"}


def test_broken_pages_are_warnings(tmp_path):
    """没有的文件、写不成 Markdown 的东西、去掉检查就不成 Python 的脚本：都是带页名的警告。"""
    folder = make(tmp_path / "src")
    (folder / "downloads.rst").write_text("下载\n====\n\n:site-file:`nothing.zip`。\n", "utf-8")
    (folder / "install.rst").write_text("安装\n====\n\n-a  选项\n", "utf-8")
    (folder / "tutorials/one.py").write_text(
        "if 1:\n    # sphinx_gallery_start_ignore\n    x\n    # sphinx_gallery_end_ignore\n"
    )
    _, warnings = build(folder)
    assert "downloads.rst: WARNING: 要的 downloads/nothing.zip 没有做出来" in warnings
    assert re.search(r"install\.rst: WARNING: install.*不会把 option_list 写成 Markdown", warnings)
    assert re.search(r"one\.rst: WARNING: examples/one\.py 去掉藏起来的检查", warnings)


def test_other_builders_are_left_alone(tmp_path):
    outdir, warnings = build(make(tmp_path / "src"), "dummy")
    assert not warnings
    assert not list(outdir.rglob("*.md"))


@pytest.mark.parametrize(
    ("repository", "docname", "there"),
    [
        ("https://github.com/someone/fork", "tutorials/one", True),
        ("https://github.com/someone/fork", "install", False),
        ("https://gitee.com/someone/fork", "tutorials/one", False),
        ("", "tutorials/one", False),
    ],
)
def test_colab_only_where_it_can_read(repository, docname, there):
    config = SimpleNamespace(html_context={"repo_url": repository}, sphinx_gallery_conf={"gallery_dirs": "tutorials"})
    tree = nodes.section("", nodes.container(classes=["tutorial-downloads"]))
    places.add_buttons(SimpleNamespace(config=config, env=SimpleNamespace(docname=docname)), tree)
    links = [link["refuri"] for link in tree.findall(nodes.reference)]
    assert links == (
        ["https://colab.research.google.com/github/someone/fork/blob/notebooks/one.ipynb"] if there else []
    )
