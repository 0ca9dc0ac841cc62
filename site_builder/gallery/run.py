"""执行示例：每个一个全新的进程，两个同时；读 Sphinx 的页面之前先把它们都备好。

代码没有变的沿用上一次的结果（`reuse`）；出错的、被杀掉的、卡住的，各是一条 Sphinx 警告（构建以 -W 运行，因此是
错误）。主进程从不执行示例，只把结果放回 Sphinx-Gallery 要的地方（`place`）。
"""

import fcntl
import json
import pickle
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from site_builder import stage
from site_builder.gallery import patches, reuse
from site_builder.processes import Child, end_all

#: 叫停以后再等多少秒，就结束进程。
GRACE = 20
AT_ONCE = 2

log = logging.getLogger(__name__)


def execute(app: Sphinx) -> None:
    """执行需要执行的示例（``execute_only`` 指定时只管那几个），把全部结果备好。"""
    config = app.config
    sources = Path(app.srcdir, config.sphinx_gallery_conf["examples_dirs"]).resolve()
    around = reuse.surroundings(config.sphinx_gallery_conf)
    keys = {name: reuse.key(sources / f"{name}.py", around) for name in config.tutorials}
    if config.sphinx_gallery_conf["plot_gallery"]:
        with _alone():
            wanted = [name for name in config.execute_only or config.tutorials if not _current(name, keys[name])]
            wanted.sort(key=lambda name: name not in config.execute_first)
            first = set(wanted) & set(config.execute_first)

            def run(name: str) -> list[tuple[int, str]]:
                return _run(app, name, sources, keys[name], around, aside=bool(first - {name}))

            with ThreadPoolExecutor(AT_ONCE) as pool:
                try:
                    found = list(pool.map(run, wanted))
                except BaseException:  # 被打断：不等示例跑完
                    pool.shutdown(wait=False, cancel_futures=True)
                    end_all()
                    raise
        problems = dict(zip(wanted, found, strict=True))
        for name, found in problems.items():
            for line, text in found:
                log.warning("示例 examples/%s.py%s：%s", name, f" 第 {line} 行" if line else "", text)
    records = {name: reuse.load(name) for name in config.tutorials if _current(name, keys[name])}
    patches.replay(lambda blocks, variables: place(records, blocks, variables))
    for name in config.tutorials:
        _forget_stale(app, name, records.get(name))


def _current(name: str, key: str) -> bool:
    record = reuse.load(name)
    return record is not None and record.key == key


@contextmanager
def _alone() -> Iterator[None]:
    """实时预览和构建可能同时要执行：一个一个来。"""
    stage.folder(reuse.FOLDER)
    with open(reuse.FOLDER / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(app: Sphinx, name: str, sources: Path, key: str, around: str, aside: bool) -> list[tuple[int, str]]:
    """在新的进程里执行一个示例，存下结果；返回 [(行号, 问题), ...]，没有问题就是空的。

    `aside` 为真时让出一个核，给最慢的那个示例。
    """
    with tempfile.TemporaryDirectory(prefix="site-builder-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch).resolve()
        (folder / "examples").mkdir()
        shutil.copy(sources / f"{name}.py", folder / "examples")
        if Path("examples/data").is_dir():
            (folder / "examples/data").symlink_to(Path("examples/data").resolve())
        request = {
            "name": name,
            "gallery_conf": _plain(app.config.sphinx_gallery_conf),
            "seconds": app.config.example_seconds,
            "hands_out": app.config.hands_out.get(name, {}),
            "aside": aside,
        }
        (folder / "request.pickle").write_bytes(pickle.dumps(request))
        with open(folder / "log", "w", encoding="utf-8", errors="replace") as output:
            child = Child(["-m", "site_builder.gallery.worker", str(folder)], stdout=output, stderr=output)
            try:
                code: int | None = child.wait(app.config.example_seconds + GRACE)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                child.end()
        if not (folder / "result.json").is_file():
            return [_ended(folder, code, app.config.example_seconds)]
        result = json.loads((folder / "result.json").read_text("utf-8"))
        if result["error"]:
            return [(result["line"], result["error"].strip())]
        if result["problems"]:
            return [(line, text) for line, text in result["problems"]]
        if reuse.surroundings(app.config.sphinx_gallery_conf) != around:
            return [(0, "执行的时候，画廊的代码、颜色、依赖或数据变了：再运行一次")]
        images = folder / "docs" / app.config.sphinx_gallery_conf["gallery_dirs"] / "images"
        shutil.rmtree(images / "thumb")
        record = reuse.Record(
            key, result["outputs"], reuse.figures(images), result["objects"], result["seconds"], result["executed"],
            result["handed"], result["explorables"],
        )  # fmt: skip
        reuse.save(name, record, images)
    return []


def _plain(gallery_conf: dict[str, Any]) -> dict[str, Any]:
    """能交给另一个进程的设置：不含这一次构建的对象。"""
    kept = {}
    for name, value in gallery_conf.items():
        try:
            pickle.dumps(value)
        except (pickle.PicklingError, TypeError, AttributeError):
            continue
        kept[name] = value
    return kept


def _ended(folder: Path, code: int | None, seconds: int) -> tuple[int, str]:
    """进程没有留下结果：被杀掉了、卡住了，或者自己退出了。"""
    progress = folder / "progress"
    line = int(progress.read_text("utf-8")) if progress.is_file() else 0
    said = (folder / "log").read_text("utf-8").strip()[-2000:]
    if code is None:
        why = f"跑了 {seconds} 秒还没有结束，也叫不停，进程已被结束"
    elif code < 0:
        why = f"执行它的进程被信号 {-code} 结束了" + ("，多半是内存不够" if code == -signal.SIGKILL else "")
    else:
        why = f"执行它的进程自己退出了（退出码 {code}）"
    return line, f"{why}。{said}"


def place(
    records: dict[str, reuse.Record | None], blocks: list[Any], variables: dict[str, Any]
) -> tuple[list[str], float] | None:
    """把 `records` 里的结果放回 Sphinx-Gallery 要的地方，返回各块的输出和秒数；没有结果就是 None。"""
    page = Path(variables["target_file"])
    record = records.get(page.stem)
    if record is None:
        return None
    reuse.place_figures(page.stem, record, page.parent / "images")
    page.with_suffix(".codeobj.json").write_text(json.dumps(record.objects), "utf-8")
    page.with_suffix(".handed.json").write_text(json.dumps(record.handed, ensure_ascii=False), "utf-8")
    page.with_suffix(".explorables.json").write_text(json.dumps(record.explorables, ensure_ascii=False), "utf-8")
    page.with_suffix(".run.json").write_text(json.dumps({"seconds": record.seconds, "executed": record.executed}))
    page.with_suffix(".key").write_text(record.key, "utf-8")
    page.with_suffix(".py.md5").write_text(patches.md5(page), "utf-8")
    of_cells = iter(record.outputs)
    return [next(of_cells) if block.type == "code" else "" for block in blocks], record.seconds


def _forget_stale(app: Sphinx, name: str, record: reuse.Record | None) -> None:
    """Sphinx-Gallery 只看脚本的 md5：结果换过的，让它重新写那一页，从前的图一张也不留。"""
    page = Path(app.srcdir, app.config.sphinx_gallery_conf["gallery_dirs"], name)
    written = page.with_suffix(".key")
    if record is None or not written.is_file() or written.read_text("utf-8") != record.key:
        page.with_suffix(".py.md5").unlink(missing_ok=True)
        for path in (page.parent / "images").rglob(f"sphx_glr_{name}_*"):
            if re.match(r"(\d{3}|thumb)\b", path.name.removeprefix(f"sphx_glr_{name}_").replace("_", " ")):
                path.unlink()
