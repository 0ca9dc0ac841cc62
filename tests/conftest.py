"""测试共用的东西：构建好的网站、本地服务器、真浏览器、可以弄坏的小网站。"""

import functools
import gzip
import http.server
import os
import runpy
import shutil
import subprocess
import sys
import threading
from itertools import takewhile
from pathlib import Path

import pylopdf_fonts_zh_cn
import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
#: 空闲时补排完了：每一节都有了真的高度。
LAID_OUT = "() => [...document.querySelectorAll('article > section > section')].every((e) => e.style.contentVisibility)"
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


pytest_plugins = ["reader_machine"]

#: 用到这些夹具的测试要另外构建网站或打包数据，都算慢的；tests/failures 里的也是。
SLOW_FIXTURES = {"tiny", "broken", "good", "addressed", "archive"}
#: 最久的几个文件先跑，两个进程才差不多同时跑完。
FIRST = ["test_training.py", "test_downloads.py", "test_same_bytes.py"]


def pytest_collection_modifyitems(items):
    for item in items:
        if "failures" in item.path.parts or SLOW_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))


@pytest.fixture(scope="session")
def site():
    """构建好的网站的文件夹（make test 先构建再测试）。"""
    folder = ROOT / "build/html"
    assert (folder / "index.html").is_file(), "build/html 里没有网站：先运行 make html"
    return folder


@pytest.fixture(scope="session")
def tutorials():
    """教程的次序，取自 conf.py。"""
    return runpy.run_path(str(ROOT / "conf.py"))["tutorials"]


class _Handler(http.server.SimpleHTTPRequestHandler):
    """带 gzip 和响应头的静态服务器，和真正的主机一样。"""

    def log_message(self, *arguments):
        pass

    def send_head(self):
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            path /= "index.html"
        if not path.is_file():
            self.send_error(404)
            return None
        body = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        if path.suffix in {".html", ".css", ".js", ".svg", ".txt", ".xml"}:
            body = gzip.compress(body, 6)
            self.send_header("Content-Encoding", "gzip")
        for header in self.headers_of_host():
            self.send_header(*header.strip().split(": ", 1))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def headers_of_host(self):
        """`_headers` 文件里给全站的响应头（第一段），和读它的主机一样。"""
        file = Path(self.directory, "_headers")
        lines = file.read_text("utf-8").splitlines()[1:] if file.is_file() else []
        return takewhile(lambda line: line.startswith(" "), lines)

    def copyfile(self, source, outputfile):
        pass


def serve(folder):
    """在空闲端口上提供 `folder`，返回 (服务器, 网址)。"""
    handler = functools.partial(_Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *arguments: None  # 浏览器不等取完就关了连接
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}/"


@pytest.fixture(scope="session")
def server(site):
    running, address = serve(site)
    yield address
    running.shutdown()


def find_chromium():
    """依次找：CHROMIUM 指定的、机器上有的、Playwright 下载的、（root 时）apt 安装的。"""
    if "CHROMIUM" in os.environ:
        return os.environ["CHROMIUM"]
    for name in BROWSERS:
        if shutil.which(name):
            return shutil.which(name)
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    if own.exists():
        return str(own)
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        attempts += [["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]]
    for command in attempts:
        print(f"== 没有 Chromium，运行 {' '.join(command[:5])}", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=900)
        if own.exists():
            return str(own)
        if shutil.which("chromium"):
            return shutil.which("chromium")
    pytest.exit("没有找到 Chromium，也装不上。请自行安装，再用环境变量 CHROMIUM 指出它的路径。", returncode=1)


@pytest.fixture(scope="session")
def chromium_path():
    return find_chromium()


@pytest.fixture(scope="session")
def browser(chromium_path, tmp_path_factory):
    """一个 Chromium；系统里没有中文字体时用思源黑体，截图才不是方框。"""
    folder = tmp_path_factory.mktemp("fonts")
    fonts = Path(pylopdf_fonts_zh_cn.sans_path()).parent
    configuration = folder / "fonts.conf"
    configuration.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>'
        f"<dir>{fonts}</dir><cachedir>{folder}</cachedir></fontconfig>",
        "utf-8",
    )
    environment = {**os.environ, "FONTCONFIG_FILE": str(configuration)}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS, env=environment)
        yield browser
        browser.close()


def watch(page, server):
    """把控制台错误、失败的请求和离站的请求收进返回的列表。"""
    problems = []
    page.on("console", lambda message: message.type == "error" and problems.append(f"控制台：{message.text}"))
    page.on("pageerror", lambda error: problems.append(f"脚本出错：{error}"))
    # 换页时浏览器自己放弃的请求（例如还没取完的图标）不算失败
    page.on("requestfailed", lambda r: r.failure == "net::ERR_ABORTED" or problems.append(f"请求失败：{r.url}"))
    page.on("response", lambda r: r.status >= 400 and problems.append(f"{r.status}：{r.url}"))
    own = (server, "file:", "data:", "blob:")
    page.on("request", lambda r: r.url.startswith(own) or problems.append(f"离站的请求：{r.url}"))
    return problems


@pytest.fixture
def page(browser, server):
    """新页面；测试结束时不许有控制台错误、失败的请求、离站的请求。"""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    problems = watch(page, server)
    yield page
    context.close()
    assert not problems, problems


def checkout(folder):
    """工作区的一份拷贝，不带 git、构建结果和输出。"""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / "examples/data").symlink_to(ROOT / "examples/data")
    (folder / "site_builder/node/node_modules").symlink_to(ROOT / "site_builder/node/node_modules")
    return folder


class TinySite:
    """一个最小的项目：本项目的 conf.py 和 site_builder，加上测试自己的示例和页面；`settings` 接在 conf.py 后面。"""

    def __init__(self, folder, examples, pages=None, settings=""):
        self.folder = folder
        skipped = shutil.ignore_patterns("node_modules", "__pycache__")
        for name in ("docs/_static", "docs/_templates", "docs/locales", "site_builder"):
            shutil.copytree(ROOT / name, folder / name, ignore=skipped)
        (folder / "site_builder/node/node_modules").symlink_to(ROOT / "site_builder/node/node_modules")
        conf = (ROOT / "conf.py").read_text("utf-8")
        own = f"\ntutorials = {list(examples)!r}\nexecute_first = []\nredirects = {{}}\nhands_out = {{}}\n{settings}"
        self.write("conf.py", conf + own)
        for name, text in examples.items():
            self.write(f"examples/{name}.py", text)
        shutil.copy(ROOT / "examples/GALLERY_HEADER.rst", folder / "examples/GALLERY_HEADER.rst")
        toctree = "\n".join(["tutorials/index", *(pages or {})])
        self.write(
            "docs/index.md",
            f"# 小网站\n\n这是测试用的小网站，只有几篇很短的示例，够用就好。\n\n```{{toctree}}\n{toctree}\n```\n",
        )
        for name, text in (pages or {}).items():
            self.write(f"docs/{name}.md", text)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def edit(self, name, old, new):
        path = self.folder / name
        text = path.read_text("utf-8")
        assert old in text, f"{name} 里没有 {old!r}"
        path.write_text(text.replace(old, new), "utf-8")

    def build(self, *options, **environment):
        """运行 site_builder/build.py；返回 CompletedProcess，stdout 里是全部输出。"""
        return subprocess.run(
            [sys.executable, "-m", "site_builder.build", *options],
            cwd=self.folder,
            env={**os.environ, "SITE_URL": "", "REPO_URL": "", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=600,
        )

    def start(self, *options, **settings):
        """在后台运行构建，自成一个进程组；返回 Popen。"""
        return subprocess.Popen(
            [sys.executable, "-m", "site_builder.build", *options],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            encoding="utf-8",
            **settings,
        )

    def record(self, name):
        """示例 `name` 存下的结果所在的文件。"""
        return self.folder / f"build/outputs/{name}/record.json"

    def published(self):
        """已发布网站的 {相对路径: 内容}。"""
        folder = self.folder / "build/html"
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def example(body="print(1 + 1)", title="示例", prose="这一段文字足够长，可以当作这一页的描述，别的没有什么。"):
    """一篇合格的最小示例；`body` 是第 14 行起的代码。"""
    return f'"""\n{title}\n{"=" * 40}\n\n{prose}\n"""\n\n# %%\n# 第一格\n# ------\n#\n# 文字。\n\n{body}\n\n# %%\n# 末尾的文字。\n\nprint("完")\n'


@pytest.fixture
def tiny(tmp_path):
    """tiny({名字: 脚本}, {页面: Markdown}) 造一个小网站。"""
    return lambda examples, pages=None: TinySite(tmp_path / "site", examples, pages)
