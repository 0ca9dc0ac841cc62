"""只改了文字的示例不重新执行：代码格一个字也没有变，上一次的输出和图照旧用。

Sphinx-Gallery 0.22.1 只看整个脚本的 md5，改一个标点也要重新训练，又没有可用的钩子，所以换掉它的两个函数：
``execute_script``（执行）和 ``_get_backreferences``（记下变量的类型）。每次执行成功，输出存成 ``.outputs.json``。

沿用的条件缺一不可：代码格和脚本里的设置没有变；`KEY` 指定的环境变量没有变，那是 tools/build_site.py 给的摘要，
管着 conf.py、扩展、依赖的版本、数据和 Python；图还是当时的字节。没有这个环境变量（直接运行 sphinx-build）就
不沿用。环境变量、网络、硬件不在摘要里，所以沿用只是为了在手边改文字时快：发布的网站由 CI 从头构建，
tests/test_same_bytes.py 把两种构建逐字节比较。
"""

import hashlib
import json
import os
import warnings
from pathlib import Path

from sphinx_gallery import gen_rst, py_source_parser

#: 这个环境变量的值变了，存下的输出一律作废。
KEY = "GALLERY_KEY"


def key(script_blocks, file_conf):
    """输出取决于什么：代码格、脚本里的设置，和 `KEY`；没有 `KEY` 时为空，表示不沿用。"""
    if not os.environ.get(KEY):
        return ""
    code = [block.content for block in script_blocks if block.type == "code"]
    return hashlib.sha256(json.dumps([os.environ[KEY], code, repr(file_conf)]).encode()).hexdigest()


def figures(page):
    """这一页的图（含两倍大的）：{文件名: 摘要}。"""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((page.parent / "images").glob(f"sphx_glr_{page.stem}_[0-9][0-9][0-9]*"))
    }


def outputs(page, script_blocks, file_conf):
    """存下的各格输出；不能沿用时为 None。`page` 是 docs/tutorials 里的那个脚本。"""
    try:
        record = json.loads(page.with_suffix(".outputs.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    wanted = key(script_blocks, file_conf)
    if not wanted or wanted != record["key"] or record["figures"] != figures(page):
        return None
    of_cells = iter(record["outputs"])  # 文字格可能多了少了，输出只认代码格
    return [next(of_cells) if block.type == "code" else "" for block in script_blocks]


def can_keep(script, page):
    """脚本 `script` 改过以后，存下的输出还能不能用。"""
    file_conf, script_blocks = py_source_parser.split_code_and_text_blocks(str(script))
    return outputs(page, script_blocks, file_conf) is not None


def install(prepare):
    """在这个进程里换掉 Sphinx-Gallery 的两个函数；真要执行时先调用 `prepare`。"""
    execute = getattr(gen_rst.execute_script, "original", gen_rst.execute_script)
    get_backreferences = getattr(gen_rst._get_backreferences, "original", gen_rst._get_backreferences)

    def execute_script(script_blocks, script_vars, gallery_conf, file_conf):
        page = Path(script_vars["target_file"])
        kept = outputs(page, script_blocks, file_conf) if script_vars["execute_script"] else None
        if kept is not None:
            script_vars |= {"kept": True, "example_globals": {}, "memory_delta": 0}
            page.with_suffix(".py.md5").write_text(gen_rst.get_md5sum(page, mode="t"))
            return kept, 0
        record = page.with_suffix(".outputs.json")
        record.unlink(missing_ok=True)
        with warnings.catch_warnings():
            prepare()
            results, seconds = execute(script_blocks, script_vars, gallery_conf, file_conf)
        if script_vars.get("passing"):
            of_cells = [output for block, output in zip(script_blocks, results, strict=True) if block.type == "code"]
            content = {"key": key(script_blocks, file_conf), "figures": figures(page), "outputs": of_cells}
            record.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
        return results, seconds

    def _get_backreferences(gallery_conf, script_vars, script_blocks, node, target_file):
        if script_vars.get("kept"):
            return gen_rst._read_cached_backrefs(gallery_conf, target_file)
        return get_backreferences(gallery_conf, script_vars, script_blocks, node, target_file)

    execute_script.original, _get_backreferences.original = execute, get_backreferences
    gen_rst.execute_script, gen_rst._get_backreferences = execute_script, _get_backreferences
