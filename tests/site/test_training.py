"""训练图像分类器那一篇的 .py 和 .ipynb，在读者的机器上各完整地跑一次，两者同时进行。

跑一次要两三分钟，用不着换启动方式再跑：RULES 记下它一个进程也没有启动，启动方式无从起作用；它也没有在文件夹里留下
任何东西，所以第二次与第一次一样。
"""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
import torch
from reader_machine import (
    bring_data,
    check_labels,
    check_outputs,
    download,
    drawn,
    execute,
    lines,
    listing,
    page_cells,
    page_labels,
    run,
    surroundings,
)

from site_builder.explorables import classifier

TRAINING = "training_a_classifier"


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
        layers[name] = classifier.quantise(layer)
    return layers


@pytest.mark.slow
def test_training(site, reader, kernels, homes, first_lines, tmp_path):
    """输出都与网页一样，训练出的网络就是网页上互动图里的那两个。"""
    folders = {kind: tmp_path / kind for kind in ("py", "ipynb")}
    published = download(site, f"{TRAINING}.py")
    for folder in folders.values():
        folder.mkdir()
        bring_data(folder, published.read_text("utf-8"))
    shutil.copy(published, folders["py"])
    before = {kind: listing(folder) for kind, folder in folders.items()}
    kept = tmp_path / "networks.pt"
    more = {"FIRST_LINES": str(first_lines), "START_METHOD": "spawn"}
    py = surroundings(folders["py"], homes["有"], MPLBACKEND="module://reader_screen", KEEP=str(kept), **more)
    ipynb = surroundings(folders["ipynb"], homes["无"], **more)
    notebook = nbformat.read(download(site, f"{TRAINING}.ipynb"), as_version=4)
    with ThreadPoolExecutor() as pool:
        script = pool.submit(run, reader, folders["py"], TRAINING, **py)
        results = execute(notebook, folders["ipynb"], kernels, ipynb)
        result = script.result()
    assert result.returncode == 0, result.stderr.decode()
    assert result.stderr == b"", result.stderr.decode()
    assert lines(result.stdout.decode()) == lines("\n".join(output for _, output in page_cells(site, TRAINING)))
    check_labels(drawn(py), "有", page_labels(site, TRAINING))
    check_outputs(site, TRAINING, results)
    assert {kind: listing(folder) for kind, folder in folders.items()} == before, "第二次运行会与第一次不同"
    assert not Path(py["PROCESS_LOG"]).exists(), "启动了进程：三种启动方式都要试"
    networks = torch.load(kept)
    assert published_networks(site) == {"net": packed(networks["net"]), "better": packed(networks["better_net"])}
