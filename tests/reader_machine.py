"""读者的机器：他的环境、他的主目录，和他眼里的网页上的代码与输出。

读者的环境只有 torch、torchvision、matplotlib 和它们依赖的包：从测试用的 .venv 里挑出这些，链接到一个新的
虚拟环境里，文件与 pip 装的一样，不必再装一遍。脚本和笔记本一字不改；要改变的条件（启动方式、字体、断网）
由环境里的 reader_rules.py 安排，见下面的 RULES。
"""

import json
import os
import re
import shutil
import subprocess
import venv
from importlib.metadata import distribution
from pathlib import Path

import nbclient
import pylopdf_fonts_zh_cn
import pytest
from bs4 import BeautifulSoup
from conftest import ROOT
from packaging.requirements import Requirement

from site_builder.data import cifar10_from_npm as cifar10

CHINESE = re.compile(r"[\u4e00-\u9fff]")

#: 读者环境里的规矩：每个 Python 进程启动时执行。
RULES = """
import multiprocessing
import os
import socket
import sys
from multiprocessing.process import BaseProcess


def offline(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in (None, "", "127.0.0.1", "::1", "localhost", socket.gethostname()):
        raise OSError(f"读者的环境没有网络：{host}")


def start(process, start=BaseProcess.start):
    with open(os.environ["PROCESS_LOG"], "a", encoding="utf-8") as log:
        log.write(f"{process.name}\\n")
    start(process)


sys.addaudithook(offline)
BaseProcess.start = start
if "START_METHOD" in os.environ:
    multiprocessing.set_start_method(os.environ["START_METHOD"], force=True)
if "CONSOLE" in os.environ and not sys.flags.utf8_mode:
    sys.stdout.reconfigure(encoding=os.environ["CONSOLE"])
if "FIRST_LINES" in os.environ:
    exec(open(os.environ["FIRST_LINES"], encoding="utf-8").read())
"""

#: 代替屏幕：show() 把图画出来，记下图里的文字。
SCREEN = """
import json
import os
import matplotlib.backend_bases as base
from matplotlib._pylab_helpers import Gcf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


class FigureManager(base.FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block=None):
        with open(os.environ["SCREEN_LOG"], "a", encoding="utf-8") as log:
            for manager in Gcf.get_all_fig_managers():
                figure = manager.canvas.figure
                figure.canvas.draw()
                log.write(json.dumps([t.get_text() for t in figure.findobj(Text) if t.get_visible()]) + "\\n")
        Gcf.destroy_all()


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager
"""


def closure(names):
    """`names` 和它们（在这台机器上）依赖的全部包的名字。"""
    found, waiting = set(), list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found:
            found.add(name)
            needs = [Requirement(line) for line in distribution(name).requires or []]
            waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
            waiting += [
                more.name
                for need in needs
                for extra in need.extras
                if need.marker is None or need.marker.evaluate({"extra": ""})
                for more in map(Requirement, distribution(need.name).requires or [])
                if more.marker is not None and more.marker.evaluate({"extra": extra})
            ]
    return found


def environment(folder, names):
    """在 `folder` 建一个只有 `names` 及其依赖的虚拟环境，返回其中的 python。"""
    venv.create(folder, symlinks=os.name != "nt")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    query = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site_packages = Path(subprocess.check_output(query, text=True).strip())
    for name in closure(names):
        package = distribution(name)
        for top in {file.parts[0] for file in package.files} - {"..", "__pycache__"}:
            if not (site_packages / top).exists():
                (site_packages / top).symlink_to(package.locate_file(top))
    (site_packages / "reader_rules.py").write_text(RULES, "utf-8")
    (site_packages / "reader_rules.pth").write_text("import reader_rules\n", "utf-8")
    (site_packages / "reader_screen.py").write_text(SCREEN, "utf-8")
    return python


@pytest.fixture(scope="session")
def reader(tmp_path_factory):
    """读者的 python。"""
    return environment(tmp_path_factory.mktemp("reader") / "venv", ["torch", "torchvision", "matplotlib"])


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory):
    """读者的 python，另加 ipykernel。"""
    return environment(tmp_path_factory.mktemp("jupyter") / "venv", ["torch", "torchvision", "matplotlib", "ipykernel"])


@pytest.fixture(scope="session")
def homes(tmp_path_factory, reader):
    """两个主目录：{"有": 只多一种中文字体, "无": 只有 matplotlib 自带的字体}；测试机自己的字体都不算。"""
    keep_own = (
        "import sys; from pathlib import Path; import matplotlib; from matplotlib import font_manager as f;"
        "own = matplotlib.get_data_path();"
        "f.fontManager.ttflist = [e for e in f.fontManager.ttflist if str(e.fname).startswith(own)];"
        "[f.fontManager.addfont(path) for path in sys.argv[1:]];"
        "cache = Path(matplotlib.get_cachedir(), f'fontlist-v{f.fontManager.__version__}.json');"
        "f.json_dump(f.fontManager, cache)"
    )
    found = {}
    for name, fonts in (("有", [pylopdf_fonts_zh_cn.sans_path()]), ("无", [])):
        found[name] = tmp_path_factory.mktemp("home")
        environ = surroundings(found[name], found[name])
        subprocess.run([reader, "-c", keep_own, *map(str, fonts)], check=True, env=environ, capture_output=True)
    return found


def surroundings(folder, home, **more):
    """读者的环境变量：没有屏幕，没有代理；`folder` 旁边放测试的记录。

    线程数是缺省的，只是等待时让出处理器：几个测试同时跑，空转的线程会让别的慢上几倍。
    """
    return {
        "OMP_WAIT_POLICY": "PASSIVE",
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "USERPROFILE": str(home),
        "PROCESS_LOG": str(folder) + "-processes.txt",
        "SCREEN_LOG": str(folder) + "-screen.txt",
        **{name: os.environ[name] for name in ("SYSTEMROOT", "TMPDIR", "TEMP") if name in os.environ},
        **more,
    }


# -- 网页上的代码与输出 -------------------------------------------------------------


def download(site, name):
    """网页标题下那个下载按钮指向的文件。"""
    stem = name.rsplit(".", 1)[0]
    page = site / f"tutorials/{stem}.html"
    soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
    link = soup.select_one(f".tutorial-downloads a[href$='{name}']")
    return (page.parent / link["href"]).resolve()


def page_cells(site, name):
    """网页上的代码格和输出：[(代码, 输出), ...]。"""
    soup = BeautifulSoup((site / f"tutorials/{name}.html").read_text("utf-8"), "html.parser")
    cells = []
    for block in soup.select("article .highlight-Python pre, article .sphx-glr-script-out pre"):
        if block.find_parent(class_="sphx-glr-script-out"):
            cells[-1] = (cells[-1][0], cells[-1][1] + block.get_text())
        else:
            cells.append((block.get_text().strip(), ""))
    assert len(cells) > 30, name
    assert all(code for code, _ in cells), f"{name} 里有空的代码框：整格都是藏起来的检查"
    return cells


def lines(text):
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def drawing_codes(site, name):
    """网页上各图的代码。"""
    soup = BeautifulSoup((site / f"tutorials/{name}.html").read_text("utf-8"), "html.parser")
    return [code.get_text() for code in soup.select("details.drawing-code pre")]


# -- 脚本 ----------------------------------------------------------------------


def bring_data(folder, text):
    """用到 CIFAR-10 的，数据已经下载在旁边。"""
    if "CIFAR10(" in text:
        shutil.copytree(ROOT / "examples/data" / cifar10.FOLDER, folder / "data" / cifar10.FOLDER)


def listing(folder):
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def run(python, folder, name, **environ):
    command = [python, f"{name}.py"]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, timeout=1800, stdin=subprocess.DEVNULL)


def drawn(environ):
    log = Path(environ["SCREEN_LOG"])
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []


def check_labels(figures, fonts, codes):
    """有中文字体时，每幅图上有它的代码里写的汉字；没有时，一个汉字也不画（画了就是方框）。"""
    assert len(figures) == len(codes)
    for labels, code in zip(figures, codes, strict=True):
        if fonts == "有":
            words = re.findall(r"[\u4e00-\u9fff]{2,}", "\n".join(labels))
            assert any(word in code for word in words), code
        else:
            assert not CHINESE.search("".join(labels)), labels


# -- 笔记本 --------------------------------------------------------------------


@pytest.fixture(scope="session")
def kernels(jupyter, tmp_path_factory):
    """一份内核登记：名叫 python3，用的是读者的 python。"""
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "kernels/python3").mkdir(parents=True)
    command = [str(jupyter), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python"}
    (folder / "kernels/python3/kernel.json").write_text(json.dumps(spec), "utf-8")
    return folder


def execute(notebook, folder, kernels, environ):
    """从上往下运行，返回 [(代码, 文字输出, 图的个数), ...]；出错、警告、多余的显示都不许有。"""
    os.environ["JUPYTER_PATH"] = str(kernels)
    client = nbclient.NotebookClient(notebook, timeout=1800, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environ)
    results = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            text, pictures = "", 0
            for output in cell.outputs:
                if output.output_type == "stream":
                    assert output.name == "stdout", f"{output.text}\n{cell.source}"
                    text += output.text
                else:
                    assert output.output_type == "display_data", f"{output}\n{cell.source}"
                    pictures += 1
            results.append((cell.source, text, pictures))
    return results


def check_outputs(site, name, results):
    """每一格的输出与网页上同一格的一样；练习的答案移到了最后，所以按代码来找。"""
    waiting = {}
    for code, output in page_cells(site, name):
        waiting.setdefault(code, []).append(output)
    for code, text, _ in results:
        assert lines(text) == lines(waiting[code.strip().removesuffix(";")].pop(0)), code
    assert not any(waiting.values()), "网页上有的代码，笔记本里没有"
    assert sum(pictures for _, _, pictures in results) == len(drawing_codes(site, name))


def page_code(name, language):
    """docs/`name`.md 里的代码框，按次序。"""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / f"docs/{name}.md").read_text("utf-8"), re.S | re.M)


@pytest.fixture(scope="session")
def first_lines(tmp_path_factory):
    """网页要读者加在脚本最前面的那几行，存成文件。"""
    path = tmp_path_factory.mktemp("lines") / "first_lines.py"
    (code,) = page_code("slow_download", "python")
    path.write_text(code, "utf-8")
    return path
