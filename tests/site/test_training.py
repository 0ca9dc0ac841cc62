"""训练的两篇，.py 和 .ipynb，在读者的机器上；数据并行的笔记本在 test_downloads.py 里跑。

整页跑一次要一两分钟。构建执行的就是 .py，次序也一样；笔记本把练习的答案移到了最后，所以整个跑一次的是笔记本。
.py 一条语句也不多、不少，真的跑到开始训练为止。
"""

import ast
import json
from collections import Counter
from pathlib import Path

import nbformat
import pytest
import torch
from reader_machine import (
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
    run,
    surroundings,
)

from site_builder.explorables import classifier

TRAINING = "training_a_classifier"
#: 教程 -> 真的开始训练的那条语句的开头。
STARTS = {TRAINING: "for epoch in (1, 2):", "optional_data_parallelism": "import subprocess"}


def published_networks(site):
    """网页上那幅互动图里的两个网络：{名字: {层: 写成字符的权重}}。"""
    script = (site / "_static/explorables/data/classifier.js").read_text("utf-8")
    return {name: net["layers"] for name, net in json.loads(script.partition("=")[2].strip(" ;\n"))["networks"].items()}


def packed(weights):
    """`state_dict` 里的各层，照网页的办法写成字符。"""
    layers = {}
    for name in classifier.LAYERS:
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        layer = torch.nn.Linear(1, 1)
        layer.weight, layer.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)
        layers[name] = classifier.quantise(layer, classifier.LAYERS[name])
    return layers


@pytest.mark.parametrize("name", STARTS)
def test_same_statements(site, name):
    script = download(site, f"{name}.py").read_text("utf-8")
    notebook = nbformat.read(download(site, f"{name}.ipynb"), as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    opening, *statements = ast.parse(script).body
    assert isinstance(opening.value, ast.Constant)
    assert Counter(map(ast.dump, statements)) == Counter(map(ast.dump, ast.parse(code).body))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "start"), STARTS.items())
def test_script_until_it_trains(name, start, site, reader, homes, first_lines, tmp_path):
    """到开始训练以前：读数据、画图、建网络，输出与网页上的一样。"""
    script = download(site, f"{name}.py").read_text("utf-8")
    (training,) = (node for node in ast.parse(script).body if ast.unparse(node).startswith(start))
    folder = tmp_path / "py"
    folder.mkdir()
    bring_data(folder, script)
    (folder / f"{name}.py").write_text("\n".join(script.splitlines()[: training.lineno - 1]), "utf-8")
    before = listing(folder)
    more = {"FIRST_LINES": str(first_lines), "START_METHOD": "spawn", "MPLBACKEND": "module://reader_screen"}
    environ = surroundings(folder, homes["有"], **more)
    result = run(reader, folder, name, **environ)
    assert result.returncode == 0, result.stderr.decode()
    assert result.stderr == b"", result.stderr.decode()
    printed = lines(result.stdout.decode())
    assert len(printed) > 5
    assert printed == lines("\n".join(output for _, output in page_cells(site, name)))[: len(printed)]
    figures = drawn(environ)
    assert len(figures) >= 2
    check_labels(figures, "有", drawing_codes(site, name)[: len(figures)])
    assert listing(folder) == before, "第二次运行会与第一次不同"


@pytest.mark.slow
def test_training(site, kernels, homes, first_lines, tmp_path):
    """输出都与网页一样，训练出的网络就是网页上互动图里的那两个。"""
    notebook = nbformat.read(download(site, f"{TRAINING}.ipynb"), as_version=4)
    folder = tmp_path / "ipynb"
    folder.mkdir()
    bring_data(folder, "".join(cell.source for cell in notebook.cells))
    before = listing(folder)
    kept = tmp_path / "networks.pt"
    environ = surroundings(folder, homes["无"], FIRST_LINES=str(first_lines), START_METHOD="spawn")
    save = f"torch.save({{'net': net.state_dict(), 'better': better_net.state_dict()}}, {str(kept)!r})"
    notebook.cells.append(nbformat.v4.new_code_cell(save))
    *results, _ = execute(notebook, folder, kernels, environ)
    check_outputs(site, TRAINING, results)
    assert listing(folder) == before, "第二次运行会与第一次不同"
    assert not Path(environ["PROCESS_LOG"]).exists(), "启动了进程：三种启动方式都要试"
    networks = torch.load(kept)
    assert published_networks(site) == {name: packed(weights) for name, weights in networks.items()}
