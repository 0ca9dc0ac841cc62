"""名字的链接：该链的都链到官方参考，代码的样子不变，清单恰好是用到的名字；清单怎样按官方目录更新。"""

import http.server
import json
import re
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest
from docutils import nodes
from small import built
from sphinx.errors import ConfigError
from sphinx.transforms.post_transforms import SphinxPostTransform

from site_builder.api import draw, infer
from site_builder.api.names import Names, read

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "docs/api_names.txt"
SMALL = """\
# 说明。

@ torch https://docs.pytorch.org/docs/stable/
py:class torch.Tensor tensors.html#$
py:method torch.Tensor.backward generated/$.html#$
py:method torch.Tensor.view generated/$.html#$
py:function torch.cat generated/$.html#$
py:class torch.dtype tensor_attributes.html#$
std:doc torch.nn nn.html
py:class torch.nn.Conv2d generated/$.html#$
py:method torch.nn.Module.to generated/torch.nn.Module.html#$
torch.float32 = torch.dtype
torch.gone = -

@ matplotlib https://matplotlib.org/stable/
py:method matplotlib.axes.Axes.plot api/_as_gen/$.html#$
"""
TENSOR = {"name": "Tensor", "module": "torch", "module_short": "torch", "is_class": False}
PLOT = {"name": "Axes.plot", "module": "matplotlib.axes._axes", "module_short": "matplotlib.axes", "is_class": False}
INTEGER = {"name": "int", "module": "builtins", "module_short": "builtins", "is_class": False}
BUILT_IN = {**INTEGER, "name": "builtin_function_or_method"}
OBJECTS = {
    "x": [TENSOR],
    "x.view": [BUILT_IN],
    "ax.plot": [PLOT],
    "net": [{"name": "Net", "module": "__main__", "module_short": "__main__", "is_class": False}],
    "net.to": [
        {"name": "Module.to", "module": "torch.nn.modules.module", "module_short": "torch.nn", "is_class": False}
    ],
    "rows": [{**INTEGER, "name": "list"}],
    "rows.backward": [BUILT_IN],
    "reused": [INTEGER],
    "reused.view": [INTEGER],
}


def links(text, sources=("import torch\nfrom torch import nn\nview = 1\n",), objects=OBJECTS):
    """(链接上的文字 -> 全名, 缺少的名字)。"""
    scope = infer.Scope(Names(SMALL), sources, objects)
    alone = infer.lone(scope, text)
    found, missing = (alone, []) if alone else infer.links(scope, text)
    return {text[start:end]: name for start, end, name in found}, [names[0] for names in missing]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("torch.cat([a, b])", {"torch.cat": "torch.cat"}),
        ("nn.Conv2d(1, 6, 5)", {"nn.Conv2d": "torch.nn.Conv2d"}),
        ("from torch import nn", {}),
        ("torch.nn", {"torch.nn": "torch.nn"}),
        ("torch.float32", {"torch.float32": "torch.float32"}),
        ("x.view(-1)", {"view": "torch.Tensor.view"}),
        ("ax.plot(y)", {"plot": "matplotlib.axes.Axes.plot"}),
        ("f(x).backward()", {"backward": "torch.Tensor.backward"}),
        ("argument.view(2)", {"view": "torch.Tensor.view"}),
        ("reused.view(2)", {"view": "torch.Tensor.view"}),
        ("rows.backward()", {}),
        ("not_torch.cat", {}),
        ("x", {}),
        # 正文里单独的名字；view 是本页的变量
        (".backward()", {"backward": "torch.Tensor.backward"}),
        ("Conv2d", {"Conv2d": "torch.nn.Conv2d"}),
        ("Module.to", {"Module.to": "torch.nn.Module.to"}),
        ("view(-1)", {}),
        ("cat", {}),
    ],
)
def test_what_links(text, expected):
    assert links(text) == (expected, [])


@pytest.mark.parametrize(
    "text, missing",
    [
        ("torch.stack", "torch.stack"),
        ("nn.Linear(2, 3)", "torch.nn.Linear"),
        ("import torch.distributed as dist", "torch.distributed"),
        ("x.sum()", "torch.Tensor.sum"),
    ],
)
def test_what_must_link(text, missing):
    assert links(text)[1] == [missing]


def test_list_is_understood_or_refused():
    with pytest.raises(ConfigError, match="第 2 行看不懂"):
        Names("# 好\npy:function torch.cat\n")
    with pytest.raises(ConfigError, match="第 1 行看不懂"):
        Names("py:function torch.cat 在第一个@之前\n")
    with pytest.raises(ConfigError, match="清单里没有它"):
        Names("@ torch https://x/\ntorch.float32 = torch.dtype\n")


def test_inserting_keeps_the_highlighting():
    code = '<div class="highlight"><pre><span></span><span class="nd">@torch.no_grad</span><span class="p">()</span>\n&lt;x&gt;</pre></div>'
    result = draw.insert(code, [(1, 14, "<a>"), (18, 19, "<b>")])
    assert result == code.replace(
        '<span class="nd">@torch.no_grad</span>', '<a><span class="nd">@torch.no_grad</span></a>'
    ).replace("\n&lt;x&gt;", "<b>\n&lt;x&gt;</a>")


@pytest.mark.parametrize("rule", [*infer.SURE, *infer.GUESSES])
def test_every_rule_has_an_example_that_it_decides(rule, monkeypatch):
    """一条规则去掉，它自己的例子就链不上。"""
    text, name = {
        "imported": ("y = nn.Conv2d", "torch.nn.Conv2d"),
        "recorded": ("y = net.to", "torch.nn.Module.to"),
        "compiled": ("x.view", "torch.Tensor.view"),
        "reused": ("reused.view", "torch.Tensor.view"),
        "only_method": ("f(x).backward", "torch.Tensor.backward"),
    }[rule.__name__]
    assert name in links(text)[0].values()
    monkeypatch.setattr(infer, "SURE", tuple(one for one in infer.SURE if one is not rule))
    monkeypatch.setattr(infer, "GUESSES", tuple(one for one in infer.GUESSES if one is not rule))
    assert name not in links(text)[0].values()


PAGE = """\
# 速查

``torch.cat`` 把张量接起来，`x.view(2)` 改变形状，`torch.nn` 是零件，`nn.json` 是文件。

```python
import torch
from torch import nn

torch.cat([a, b])  # torch.stack 在注释里不算
layer = nn.Conv2d(1, 6, 5).to(torch.float32)
```

:::{admonition} 从前
:class: legacy
`torch.old` 没有了。
:::
"""


def test_pages_and_errors(tmp_path):
    lists = SMALL.replace("py:class torch.nn.Conv2d generated/$.html#$\n", "")
    with built(tmp_path / "a", {"sheet": PAGE, "api_names.txt": lists}, "api") as (app, warnings):
        assert "sheet.md:5: WARNING: torch.nn.Conv2d 应当链接到官方参考" in warnings
        assert warnings.count("应当链接") == 1 and "torch.gone 没有一页用到" in warnings
        state = json.loads((Path(app.doctreedir) / "api_names.json").read_text("utf-8"))
        assert list(state["missing"]) == ["torch.nn.Conv2d"] and "torch.gone" in state["unused"]

    unused = rf"^.*({'|'.join(map(re.escape, state['unused']))}) .*\n"
    exact = re.sub(unused, "", SMALL, flags=re.M)
    with built(tmp_path / "b", {"sheet": PAGE, "api_names.txt": exact}, "api") as (app, warnings):
        assert "WARNING" not in warnings
        html = (Path(app.outdir) / "sheet.html").read_text("utf-8")
    assert re.findall(r'<a class="api-link" href="[^"]*/([^"/]*)"', html) == [
        "torch.cat.html#torch.cat",
        "torch.Tensor.view.html#torch.Tensor.view",
        "nn.html",
        "torch.cat.html#torch.cat",
        "torch.nn.Conv2d.html#torch.nn.Conv2d",
        "torch.nn.Module.html#torch.nn.Module.to",
        "tensor_attributes.html#torch.dtype",
    ]

    less = PAGE.replace("``torch.cat`` 把张量接起来，", "").replace("torch.cat([a, b])", "print()")
    with built(tmp_path / "c", {"sheet": less, "api_names.txt": exact}, "api") as (_, warnings):
        assert "torch.cat 没有一页用到" in warnings


seen = []


class Spy(SphinxPostTransform):
    """在 Sphinx-Gallery 的代码链接那里看一页有几个代码块。"""

    default_priority = 5

    def run(self, **kwargs):
        seen.append(len(list(self.document.findall(nodes.literal_block))))


def look(app, doctree, docname):
    seen.append(len(list(doctree.findall(nodes.literal_block))))


def test_code_is_out_of_sight_only_while_sphinx_gallery_splits_it(tmp_path):
    more = "    import test_api\n    app.add_post_transform(test_api.Spy)\n    app.connect('doctree-resolved', test_api.look)"
    with built(tmp_path, {"index": PAGE, "api_names.txt": SMALL}, "api", more=more):
        assert seen == [0, 1]


@pytest.fixture
def inventory(tmp_path):
    """inventory(目录的各行) 在本机提供 objects.inv，返回网址。"""
    servers = []

    def serve(*lines):
        head = b"# Sphinx inventory version 2\n# Project: x\n# Version: 1\n# zlib\n"
        body = head + zlib.compress("\n".join(lines).encode())

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()


def refresh(folder, text, state=None, *options):
    """运行工具，返回 (CompletedProcess, 之后的清单)。"""
    names, report = folder / "names.txt", folder / "state.json"
    names.write_text(text, "utf-8")
    report.write_text(json.dumps(state or {"missing": {}, "unused": []}), "utf-8")
    command = [sys.executable, "-m", "site_builder.api.refresh", "--list", names, "--state", report, *options]
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, cwd=ROOT)
    return run, names.read_text("utf-8")


INVENTORY = (
    "torch.cat py:function 1 generated/torch.cat.html#$ -",
    "torch.nn.Module.to py:method 1 generated/torch.nn.Module.html#$ -",
    "torch.stack py:function 1 stack.html#$ -",
    "nn std:doc -1 nn.html torch.nn",
)


def test_refresh_rewrites_exactly_the_names_in_use(tmp_path, inventory):
    text = f"# 说明\n\n@ torch {inventory(*INVENTORY)}\n"
    text += "py:function torch.cat old.html#$\npy:function torch.unused u.html#$\nstd:doc torch.nn nn.html\n"
    state = {
        "missing": {"torch.nn.Linear.to": ["torch.nn.Linear.to", "torch.nn.Module.to"]},
        "unused": ["torch.unused"],
    }
    run, after = refresh(tmp_path, text, state, "--check")
    assert run.returncode == 1 and after == text and "torch.cat：py:function old.html#$ 改为" in run.stdout
    run, after = refresh(tmp_path, text, state)
    assert run.returncode == 0, run.stderr
    assert after.splitlines()[3:] == [
        "py:function torch.cat generated/$.html#$",
        "std:doc torch.nn nn.html",
        "py:method torch.nn.Module.to generated/torch.nn.Module.html#$",
    ]
    run, again = refresh(tmp_path, after, None, "--check")
    assert run.returncode == 0 and again == after


def test_refresh_reports_what_a_person_must_decide(tmp_path, inventory):
    base = f"# 说明\n\n@ torch {inventory(*INVENTORY)}\n"
    text = base + "py:function torch.gone gone.html#$\nstd:doc torch.optim optim.html\ntorch.stack = -\n"
    run, after = refresh(tmp_path, text, {"missing": {"torch.float32": ["torch.float32"]}, "unused": []})
    assert run.returncode == 1 and after == text
    for words in (
        "torch.gone：官方目录里已没有它",
        "官方已没有 optim.html 这一页",
        "torch.stack：官方目录里已有它",
        "torch.float32 = 相近的名字",
    ):
        assert words in run.stdout


def test_refresh_without_network_changes_nothing(tmp_path):
    text = "# 说明\n\n@ torch http://127.0.0.1:9/\npy:function torch.cat old.html#$\n"
    run, after = refresh(tmp_path, text, {"missing": {"torch.stack": ["torch.stack"]}, "unused": ["torch.cat"]})
    assert run.returncode == 1 and after == text
    assert "错误：取不到 http://127.0.0.1:9/objects.inv" in run.stderr and "清单没有改动" in run.stderr
    assert "缺少 1 个名字\n  torch.stack" in run.stdout and "多余 1 个名字\n  torch.cat" in run.stdout


def test_committed_list_is_in_the_tools_own_form():
    text = LIST.read_text("utf-8")
    head, projects = read(text)
    assert head + "\n" + "\n".join(project.text() for project in projects) == text
