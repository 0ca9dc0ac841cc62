"""执行一个示例的进程：``python -m site_builder.gallery.worker 文件夹``。

每个示例一个全新的进程，上一个示例改了什么都带不过来。文件夹由 `run` 备好：``request.pickle`` 是要求，``examples``
里是脚本的一份拷贝（数据是链接），示例在那里执行，写下的文件随文件夹一起扔掉。结束时留下 ``result.json``；
正在执行的行号记在 ``progress``，进程被系统杀掉时，主进程据此指出是哪一行。
"""

import json
import os
import pickle
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from site_builder import explorables, processes
from site_builder.gallery import figures, patches
from site_builder.gallery.watch import Watch


def main(folder: Path) -> None:
    processes.follow_parent()
    request = pickle.loads((folder / "request.pickle").read_bytes())
    name, conf = request["name"], request["gallery_conf"]
    if request["aside"]:
        processes.step_aside()
    limit(request["seconds"])
    script = (folder / f"examples/{name}.py").read_text("utf-8")
    reset_matplotlib("matplotlib" in script)
    reset_torch("torch" in script)
    watch = Watch(folder / "progress")
    watch.start()
    conf |= {"src_dir": str(folder / "docs"), "show_memory": watch.cell, "image_scrapers": (figures.scrape,)}
    target = folder / "docs" / conf["gallery_dirs"]
    (target / "images/thumb").mkdir(parents=True)
    result: dict[str, Any] = {}

    def finish(
        blocks: list[Any], variables: dict[str, Any], file_conf: Any, outputs: list[str], seconds: float
    ) -> None:
        signal.alarm(0)
        error = variables.get("formatted_exception", "")
        if not error:
            watch.finish(blocks, outputs)
        shown = variables["example_globals"]
        result.update(
            error=error.replace(str(folder) + os.sep, ""),
            line=watch.line,
            problems=watch.problems,
            outputs=[output for block, output in zip(blocks, outputs, strict=True) if block.type == "code"],
            seconds=seconds,
            executed=datetime.now(UTC).isoformat(timespec="seconds"),
            handed={file: shown[variable] for variable, file in request["hands_out"].items() if variable in shown},
        )
        if error or watch.problems:  # 不写网页了：有的输出写不成 UTF-8
            hand_over(folder, result)
        result["explorables"] = explorables.collect(name, shown)

    patches.execute(name, str(target), str(folder / "examples"), conf, finish)
    objects = target / f"{name}.codeobj.json"
    result["objects"] = json.loads(objects.read_text("utf-8")) if objects.is_file() else {}
    hand_over(folder, result)


def hand_over(folder: Path, result: dict[str, Any]) -> NoReturn:
    """交出结果，就此结束：不等示例留下的线程和 atexit。"""
    (folder / "result.json").write_text(json.dumps(result), "utf-8")
    os._exit(0)


def limit(seconds: int) -> None:
    """跑得太久就在当时的那一行抛出 TimeoutError；收不到信号的，由主进程结束。"""

    def expired(signum: int, frame: Any) -> None:
        raise TimeoutError(f"示例跑了 {seconds} 秒还没有结束")

    signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)


def reset_matplotlib(used: bool) -> None:
    """不开窗口；图里的汉字用思源黑体，样子用本站的。没有用到就不导入，省下近一秒。"""
    if not used:
        return
    import matplotlib
    import pylopdf_fonts_zh_cn
    from matplotlib import font_manager

    matplotlib.rcdefaults()  # 不用读者自己的 matplotlibrc
    matplotlib.use("agg")
    font_manager.fontManager.addfont(str(pylopdf_fonts_zh_cn.sans_path()))
    matplotlib.rcParams.update(figures.style())  # type: ignore[arg-type]


def reset_torch(used: bool) -> None:
    """固定线程数与种子。没有用到就不导入，省下两三秒。

    CIFAR-10 的内容在准备时已经核对；来自 npm 的文件与官方的 pickle 字节不同，所以让 torchvision 不再比对 md5，
    就像它为 CIFAR-100 换一张表那样。
    """
    if not used:
        return
    import torch
    from torchvision.datasets import CIFAR10

    torch.set_num_threads(1)
    torch.set_warn_always(True)
    torch.manual_seed(0)
    CIFAR10.train_list = [[name, None] for name, _ in CIFAR10.train_list]
    CIFAR10.test_list = [[name, None] for name, _ in CIFAR10.test_list]
    CIFAR10.meta = {**CIFAR10.meta, "md5": None}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
