"""示例怎样执行：由 Sphinx-Gallery 在每个示例前后按名字调用（并行的工作进程里也一样）。

- 警告一律当作错误，示例自己捕获的除外；``sys.exit`` 也是错误（Sphinx-Gallery 0.22.1 会放它过去，
  不写网页却返回 0）；有 ``print`` 却什么也没有打印的格子也是；跑得太久会被叫停。
- 正在执行的示例和行号记在 ``.running`` 文件里：进程被系统杀掉时，tools/build_site.py 据此指出是哪一行。
- 图里的汉字用思源黑体，缺字形、缺中文标题都是错误；图存成无损 WebP。
- CIFAR-10 的内容在准备时已经核对（tools/prepare_cifar10.py），来自 npm 的文件与官方的 pickle 字节不同，
  所以让 torchvision 不再比对 md5，就像它为 CIFAR-100 换一张表那样。
"""

import faulthandler
import logging
import re
import signal
import warnings
from itertools import pairwise
from pathlib import Path

from docutils import nodes
from sphinx.util.logging import getLogger
from sphinx_gallery import gen_rst, scrapers

from site_builder.gallery import reuse

log = getLogger(__name__)

#: 一个示例最多跑多少秒；叫停以后再等多少秒，就结束进程。
TIME_LIMIT = 1800
GRACE = 30


class ExampleError(Exception):
    """示例违反了本站的约定。"""


def reset(gallery_conf, fname, when):
    """每个示例前后各调用一次；`when` 是 "before" 或 "after"。"""
    signal.alarm(0)
    faulthandler.cancel_dump_traceback_later()
    page = Path(gallery_conf["src_dir"], gallery_conf["gallery_dirs"], Path(fname).stem)
    _running.path = page.with_suffix(".running")
    if when == "after":
        _running.path.unlink(missing_ok=True)
        return
    # 只有这次执行成功才算数：否则改坏又改回来的示例，md5 与从前一样，页面却还是出错的那一次
    page.with_suffix(".py.md5").unlink(missing_ok=True)
    reuse.install(prepare=_prepare)


def _prepare():
    """真要执行示例时，让它从同样的状态开始。"""
    _reset_matplotlib()
    _reset_torch()
    _watch_blocks()
    warnings.resetwarnings()
    # 与 Python 的缺省一样，只理会示例自己引起的弃用警告；别的警告一概是错误
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("error", category=DeprecationWarning, module="__main__")
    signal.signal(signal.SIGALRM, _expired)
    signal.alarm(TIME_LIMIT)
    faulthandler.dump_traceback_later(TIME_LIMIT + GRACE, exit=True)  # 卡在 C 代码里，收不到信号


def figures(block, block_vars, gallery_conf):
    """Sphinx-Gallery 的图像抓取函数：每幅图要有中文标题，存成无损 WebP。"""
    import matplotlib.pyplot as plt

    for number in plt.get_fignums():
        figure = plt.figure(number)
        titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
        if not re.search(r"[\u4e00-\u9fff]", "".join(titles)):
            plt.close("all")
            raise ExampleError(f"{block_vars['src_file']} 第 {block[2]} 行起的代码画的图没有中文标题")
    return scrapers.matplotlib_scraper(block, block_vars, gallery_conf, format="webp", pil_kwargs={"lossless": True})


def _reset_matplotlib():
    import matplotlib
    import pylopdf_fonts_zh_cn
    from matplotlib import font_manager, pyplot

    matplotlib.use("agg")
    pyplot.close("all")
    pyplot.rcdefaults()
    if "Noto Sans SC" not in font_manager.get_font_names():
        font_manager.fontManager.addfont(str(pylopdf_fonts_zh_cn.sans_path()))
    # 缺字形时，普通文字发警告，公式只写日志：都变成错误
    for name in ("matplotlib.mathtext", "matplotlib.font_manager"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, _Fatal) for handler in logger.handlers):
            logger.addHandler(_Fatal(logging.WARNING))


def _reset_torch():
    import torch
    from torchvision.datasets import CIFAR10

    torch.set_num_threads(1)
    torch.set_warn_always(True)  # 有的警告一个进程只发一次，而工作进程会接着跑下一个示例
    torch.set_default_dtype(torch.float32)
    torch.set_printoptions(profile="default")
    torch.manual_seed(torch.initial_seed())
    CIFAR10.train_list = [[name, None] for name, _ in CIFAR10.train_list]
    CIFAR10.test_list = [[name, None] for name, _ in CIFAR10.test_list]
    CIFAR10.meta = {**CIFAR10.meta, "md5": None}


def _watch_blocks():
    """执行每一格之前记下行号；``sys.exit`` 变成错误。"""
    execute = gen_rst._exec_once.__call__
    if execute.__module__ == __name__:
        return

    def __call__(self):  # 截取调用栈时，Sphinx-Gallery 认的就是这个名字
        line = next((line for *_, line in self.code.co_lines() if line), 1)
        _running.path.write_text(f"examples/{_running.path.stem}.py 第 {line} 行起的一格", "utf-8")
        try:
            execute(self)
        except SystemExit as error:
            message = f"示例不能中途退出（SystemExit: {error.code}）"
            raise ExampleError(message).with_traceback(error.__traceback__) from None

    gen_rst._exec_once.__call__ = __call__


class _running:
    """这个进程正在执行的示例的记录。"""

    path = None


class _Fatal(logging.Handler):
    def emit(self, record):
        raise ExampleError(record.getMessage())


def _expired(signum, frame):
    raise TimeoutError(f"示例跑了 {TIME_LIMIT} 秒还没有结束")


def missing_output(app, doctree):
    """正文说“打印出来的是……”，页面上就要有：每个有 ``print`` 的格子后面都有输出。"""
    if not app.config.sphinx_gallery_conf["plot_gallery"]:
        return
    for block, following in pairwise([*doctree.findall(nodes.literal_block), None]):
        is_cell = block.get("language") == "Python"  # Sphinx-Gallery 给代码格的写法，正文里的例子用小写
        prints = re.search(r"^print\(", block.astext(), re.M)
        if is_cell and prints and (following is None or "sphx-glr-script-out" not in following["classes"]):
            log.warning("这一格里有 print，却什么也没有打印：%s", block.astext().strip()[:60], location=block)


def start_no_workers_for_nothing(app):
    """没有示例要执行时不起工作进程：起一次要近一秒。"""
    conf = app.config.sphinx_gallery_conf
    gallery = Path(app.srcdir, conf["gallery_dirs"])
    for script in Path(app.srcdir, conf["examples_dirs"]).glob("*.py"):
        page = gallery / script.name
        md5 = page.with_suffix(".py.md5")
        unchanged = md5.is_file() and md5.read_text() == gen_rst.get_md5sum(script, "t")
        if not unchanged and not reuse.can_keep(script, page):
            return
    conf["parallel"] = False


def mark_finished(app, error):
    """构建走到了最后一步：tools/build_site.py 据此识破“返回 0 却没有写完”。"""
    if error is None:
        Path(app.doctreedir, "finished").touch()
