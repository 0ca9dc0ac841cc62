"""Sphinx-Gallery 的私有名字只在这里用：没有公开的办法，升级时先看这一个文件。

- ``execute_script``：执行改由单独的进程去做（`run`），主进程只把记下的输出放回原处；Sphinx-Gallery 0.22.1 只看整个
  脚本的 md5，没有“代码没有变就沿用”的钩子，它 2026 年 8 月的主干也没有。
- ``_get_backreferences``：它要脚本结束时的变量，主进程里没有，用记下的 ``.codeobj.json``。
- ``_import_matplotlib``：启动时导入 matplotlib 要近一秒、40 MB，主进程不画图。

升级以后，名字没有了或参数变了，`check` 说出来。
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sphinx_gallery
from sphinx.errors import ExtensionError
from sphinx_gallery import gen_gallery, gen_rst

VERSION = "0.22.1"
#: 名字 -> 写这里时它的参数。
EXPECTED = {
    "execute_script": ["script_blocks", "script_vars", "gallery_conf", "file_conf"],
    "_get_backreferences": ["gallery_conf", "script_vars", "script_blocks", "node", "target_file"],
    "_read_cached_backrefs": ["gallery_conf", "target_file"],
    "generate_file_rst": ["fname", "target_dir", "src_dir", "gallery_conf"],
}
Outputs = list[str]
Execute = Callable[..., tuple[Outputs, float]]


def check() -> None:
    """Sphinx-Gallery 还是写这里时的样子；不是就抛出 ExtensionError，说出哪里变了。"""
    for name, parameters in EXPECTED.items():
        function = getattr(gen_rst, name, None)
        found = list(inspect.signature(function).parameters) if function else None
        if found != parameters:
            raise ExtensionError(
                f"Sphinx-Gallery {sphinx_gallery.__version__} 的 gen_rst.{name} 与 {VERSION} 的不同"
                f"（参数 {found}，应为 {parameters}）：照新版改 site_builder/gallery/patches.py。"
            )
    if not hasattr(gen_gallery, "_import_matplotlib"):
        raise ExtensionError(
            f"Sphinx-Gallery {sphinx_gallery.__version__} 里没有 gen_gallery._import_matplotlib："
            "照新版改 site_builder/gallery/patches.py。"
        )


def leave_matplotlib() -> None:
    """启动时不导入 matplotlib；要在 Sphinx-Gallery 读设置以前。"""
    check()
    gen_gallery._import_matplotlib = lambda: None


def md5(page: Path) -> str:
    """Sphinx-Gallery 用来认出“没有变”的那个摘要。"""
    found: str = gen_rst.get_md5sum(page, mode="t")
    return found


def replay(outputs: Callable[[list[Any], dict[str, Any]], tuple[Outputs, float] | None]) -> None:
    """主进程不再执行：`outputs` 给出各块的输出和当时的秒数（None 表示没有记录，各块都没有输出）。"""
    check()

    def execute_script(
        script_blocks: list[Any], script_vars: dict[str, Any], gallery_conf: Any, file_conf: dict[str, Any]
    ) -> tuple[Outputs, float]:
        found = outputs(script_blocks, script_vars)
        script_vars |= {"example_globals": {}, "memory_delta": 0}
        if found is not None:
            script_vars["passing"] = True
        return found or ([""] * len(script_blocks), 0.0)

    def backreferences(gallery_conf: Any, script_vars: Any, script_blocks: Any, node: Any, target_file: Any) -> Any:
        return gen_rst._read_cached_backrefs(gallery_conf, target_file)

    gen_rst.execute_script, gen_rst._get_backreferences = execute_script, backreferences


def execute(name: str, target: str, source: str, gallery_conf: Any, finish: Callable[..., None]) -> None:
    """在这个进程里执行 `source` 里的 ``name.py``，网页写到 `target`；结束时把 (块, 变量, 输出, 秒数) 交给 `finish`。"""
    check()
    original: Execute = gen_rst.execute_script

    def execute_script(
        script_blocks: list[Any], script_vars: dict[str, Any], gallery_conf: Any, file_conf: dict[str, Any]
    ) -> tuple[Outputs, float]:
        outputs, seconds = original(script_blocks, script_vars, gallery_conf, file_conf)
        finish(script_blocks, script_vars, file_conf, outputs, seconds)
        return outputs, seconds

    gen_rst.execute_script = execute_script
    gen_rst.generate_file_rst(f"{name}.py", target, source, gallery_conf)
