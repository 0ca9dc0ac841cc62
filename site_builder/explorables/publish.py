"""把数据写成脚本；有互动图、有“先猜一猜”的页面才带上各自的一个小脚本。"""

import hashlib
import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from site_builder import store
from site_builder.nodes import drawing

log = logging.getLogger(__name__)

STATIC = "docs/_static/explorables"


def data(app: Sphinx) -> dict[str, str]:
    """{数据的名字: 脚本}，依次；来自各篇教程的 ``.explorables.json``。"""
    scripts = {}
    for file in sorted(Path(app.srcdir).glob("tutorials/*.explorables.json")):
        for name, value in json.loads(file.read_text("utf-8")).items():
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            scripts[name] = f"window.explorables.data[{json.dumps(name)}]={text};\n"
    return dict(sorted(scripts.items()))


def version(app: Sphinx) -> str:
    """脚本和数据合起来的摘要，写进网址，改了就不会再用浏览器里的旧的。"""
    digest = hashlib.sha256()
    for path in sorted(Path(app.confdir, STATIC).glob("*")):
        digest.update(path.read_bytes())
    digest.update("".join(data(app).values()).encode())
    return digest.hexdigest()[:10]


def rewrite_when_data_change(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """数据或脚本变了，带着它们的页面重写。"""
    now, results = version(app), store.results(env)
    changed = results.explorables != now
    results.explorables = now
    return sorted(n for n in env.all_docs if n.startswith("tutorials/") or n == app.config.root_doc) if changed else []


def add_files(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """按页面里有什么，加上脚本和样式；图要的脚本还没有，就警告。"""
    if doctree is None or app.builder.name != "html":
        return
    names = [node["explorable"] for node in doctree.findall(drawing) if node["explorable"]]
    for name in names:
        if not Path(app.confdir, STATIC, f"{name}.js").is_file():
            log.warning(
                "互动图 %s 没有脚本：写一个 %s/%s.js，或者改示例里的名字", name, STATIC, name, location=pagename
            )
    if names:
        wanted = [
            "common.js",
            "explorables.css",
            *(f"{name}.js" for name in names),
            *(f"data/{name}.js" for name in data(app)),
        ]
        settings: dict[str, Any] = {
            "data-version": store.results(app.env).explorables,
            "data-files": " ".join(f"_static/explorables/{name}" for name in wanted),  # 用时才取，也要发布
        }
        app.add_js_file("explorables/loader.js", loading_method="defer", **settings)
    if any("guess" in node["classes"] for node in doctree.findall(nodes.paragraph)):
        app.add_js_file("guess.js", loading_method="defer")
        app.add_css_file("guess.css")


def write(app: Sphinx, error: Exception | None) -> None:
    """数据写进 ``_static/explorables/data``，一份一个文件；不再有的删去。"""
    if error is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir, "_static/explorables/data")
    folder.mkdir(parents=True, exist_ok=True)
    scripts = data(app)
    for path in folder.glob("*.js"):
        if path.stem not in scripts:
            path.unlink()
    for name, text in scripts.items():
        (folder / f"{name}.js").write_text(text, "utf-8", newline="\n")
