"""一段历史的各步：小网站的源文件怎样改，缓存怎样弄坏，以及怎样随机地抽一段。

一步是一个元组，里面只有文字和数，所以一段历史打印出来就能贴进测试。不合时宜的一步（要改的文件没有了）什么也不做，
因此去掉任何几步，剩下的仍是一段历史。
"""

import ast
import os
import re
import time

from conftest import example

from site_builder.prose.glossary import EVERYDAY

FIGURE = 'import matplotlib.pyplot as plt\n\nplt.rcParams["font.family"] = "Noto Sans SC"\nfor i in range({0}):\n    plt.plot([1, {0}])\n    plt.title(f"图 {{i}}")\n    plt.show()'
SERVER = 'import subprocess\nimport sys\n\nserver = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)\nprint("起了服务器")'
PITFALL = 'print("甲")\n\n# %%\n# 第二格\n# ------\n#\n# 常见错误：除以零\n# ^^^^^^^^^^^^^^^^\n#\n# 报错如下。\n\ntry:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(f"{type(error).__name__}: {error}")'
#: 示例的代码；末尾五种不合格，其余的都好。
CODES = [
    'print("输出 0")',
    'print("输出 1")',
    FIGURE.format(1),
    FIGURE.format(2),
    PITFALL,
    'import time\n\ntime.sleep(1)\nprint("慢")',
    'import os\nimport time\n\nprint(time.localtime(0).tm_hour, os.environ.get("COLUMNS"), os.environ.get("LANG"), __debug__)',
    SERVER,
    "print(1 / 0)",
    'import warnings\n\nwarnings.warn("小心")',
    "import sys\n\nsys.exit(3)",
    "import os\n\nos._exit(0)",
    'print("\\ud800")',
]
LINKS = ["index.md", "more.md", "other.md#小节-0", "deep/page.md#小节-1", "tutorials/index.rst", "nowhere.md", "#没有"]
PAGES = ["more", "other", "deep/page"]
EXTRA = ["extra", "deep/extra", "glossary", "cards", "index"]
EXAMPLES = ["first", "second"]
MACHINES = {
    "site_builder/look/page.py": '\nORDINAL = "第 {{}} 篇，共 {{}} 篇，{}"\n',
    "site_builder/palette.py": "\nCYCLE = (*CYCLE[1:], CYCLE[0])  # {}\n",
    "site_builder/processes.py": '\nENVIRONMENT["LANG"] = "C{}"\n',
    "site_builder/gallery/worker.py": "\n# {}\n",
    "site_builder/explorables/place.py": "\n# {}\n",
    "matplotlibrc": "lines.marker: o\nsavefig.dpi: 50\n# {}\n",
    "docs/_templates/page.html": "{{# {} #}}",
    "docs/_static/site.css": "\n.n{} {{ color: red }}\n",
    "docs/_static/reading.js": "\n// {}\n",
    "site_builder/node/package-lock.json": " " * 3,
    "examples/GALLERY_HEADER.rst": "\n末尾添的一句，第 {} 次。\n",
    "conf.py": "\nhtml_title = '书名 {}'\n",
}
#: 环境变量 -> 可以取的值（None 是没有设）；前三个决定网站是什么样，别的都不该有影响。
ENVIRONMENT = {
    "SITE_URL": ["", "https://example.org/a", "https://example.org/b/"],
    "REPO_URL": ["", "https://github.com/a/b"],
    "SOURCE_DATE_EPOCH": ["1700000000", "1600000000", "abc"],
    "umask": ["022", "077", "000"],
    **{name: [None, "1"] for name in ("NO_COLOR", "FORCE_COLOR", "PYTHONDEVMODE", "CI", "READTHEDOCS", "COLUMNS")},
    **{name: [None, "/proc/nowhere"] for name in ("TMPDIR", "MPLCONFIGDIR", "PATH", "GIT_DIR", "MATPLOTLIBRC", "XDG_CACHE_HOME")},
    "PYTHONOPTIMIZE": [None, "1", "2"], "PYTHONHASHSEED": [None, "3"], "PYTHONUTF8": [None, "0"],
    "PYTHONWARNINGS": [None, "error"], "PYTHONIOENCODING": [None, "ascii", "gbk"], "PYTHONDONTWRITEBYTECODE": [None, "1"],
    "LC_ALL": [None, "C", "zh_CN.UTF-8", "nonsense"], "LANG": [None, "de_DE.UTF-8"], "LANGUAGE": [None, "de"],
    "TZ": [None, "Asia/Shanghai", "XYZ+25:99"], "HOME": [None, "", "/proc/nowhere"], "COLUMNS": [None, "abc", "20"],
    "OMP_NUM_THREADS": [None, "abc"], "MPLBACKEND": [None, "nonsense"], "TERM": [None, "dumb"],
}  # fmt: skip
FOLDERS = ["html", "work", "work/html", "doctrees", "doctrees/html", "stage", "stage/html", "stage/html/docs", "outputs",
           "outputs/first", "outputs/.first-new", ".html-new", ".html-old", "html.json", "preview"]  # fmt: skip
PLACES = ["outputs", "doctrees/html", "stage/html", "work/html", "html", "html.json"]
SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"]
PATTERNS = ["build/.html-", "build/html", "build/outputs", "build/stage", "build/doctrees", "build/work", "build/", ""]


def dot(shade):
    """一个小方块。"""
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9" fill="#00{shade}"/></svg>'


def new_page(name):
    """一页的文字；每一种会互相牵连的东西都有一点。"""
    up = "../" * name.count("/")
    special = {
        "glossary": "".join(
            f"{word}（{number} word）\n: 解释，记号 0。\n\n" for number, word in enumerate(sorted(EVERYDAY))
        ),
        "cards": "```{card-code} 卡片\n:see: first#第一格\n\nprint('记号 0', __debug__)\n```\n",
        "more": "公式 $x^0$，记号 0。\n\n```{common-errors} first\n```\n",
        "other": "```{tutorial-cards}\n```\n\n又见{doc}`more`和{doc}`tutorials/first`。\n",
        "deep/page": "![图](../pictures/dot.svg)\n",
        "index": "```{toctree}\ntutorials/index\nmore\nother\ndeep/page\n```\n",
    }.get(name, "")
    return f"# 标题 0 {name}\n\n这一页的文字足够长，可以当作描述，记号 0。\n\n## 小节 0\n\n一节，见[链接]({up}more.md)。\n\n{special}"


def new_example(name, code=0):
    prose = "这一段文字足够长，可以当作这一页的描述，记号 0，别的没有；层（layer）也说到。见 :doc:`/more`。"
    return example(CODES[code], title=f"标题 0 {name}", prose=prose)


class Sources:
    """小网站的源文件：一步改成什么（`plan`），写下去，记着从前的各版。"""

    def __init__(self, folder):
        self.folder, self.versions = folder, {}

    def read(self, name):
        path = self.folder / name
        return path.read_bytes().decode() if path.is_file() else ""

    def plan(self, step):
        """这一步要写下的 {文件: 内容}；None 是删去。"""
        kind, name, *rest = step
        text = self.read(name)
        match kind:
            case "text":
                new = {name: re.sub(r"记号 \d", f"记号 {rest[0]}", text)}
            case "title":
                new = {name: re.sub(r"标题 \d", f"标题 {rest[0]}", text)}
            case "heading":
                new = {name: re.sub(r"小节 \d", f"小节 {rest[0]}", text)}
                if rest[1]:
                    new |= self._follow(name, rest[0])
            case "link":
                up = "../" * (name.count("/") - 1)
                new = {name: re.sub(r"\[链接\]\([^)]*\)", f"[链接]({up if rest[0][0] != '#' else ''}{rest[0]})", text)}
            case "code":
                new = {
                    name: re.sub(
                        r"(# 文字。\n\n).*(\n\n# %%\n# 末尾)", lambda m: m[1] + CODES[rest[0]] + m[2], text, flags=re.S
                    )
                }
            case "machine":
                new = {name: text + MACHINES[name].format(rest[0])}
            case "picture":
                new = {name: dot(rest[0])}
            case "crlf":
                new = {name: text.replace("\r\n", "\n").replace("\n", "\r\n")}
            case "add" if not text:
                page = name.startswith("docs/")
                stem = name[name.index("/") + 1 :].rpartition(".")[0]
                new = {name: new_page(stem) if page else new_example(stem)} | (
                    self._wire(stem, page, True) if rest[0] else {}
                )
                text = "新的"
            case "remove":
                page = name.startswith("docs/")
                stem = name[name.index("/") + 1 :].rpartition(".")[0]
                return ({name: None} | (self._wire(stem, page, False) if rest[0] else {})) if text else {}
            case "order":
                new = {"conf.py": self._order(lambda found: found[1:] + found[:1])}
            case "restore":
                old = self.versions.get(name, [])
                return {name: old[-1 - rest[0] % len(old)]} if old else {}
            case _:
                new = {}
        return new if text or kind in ("picture", "order", "machine") else {}

    def _follow(self, name, number):
        """别的页面里指到这一页小节的链接，跟着改。"""
        pages = [path.relative_to(self.folder).as_posix() for path in self.folder.glob("docs/**/*.md")]
        target = re.escape(name.rpartition("/")[2])
        return {
            page: re.sub(rf"({target}#小节-)\d", rf"\g<1>{number}", self.read(page)) for page in pages if page != name
        }

    def _wire(self, stem, page, there):
        """目录或次序里添上、去掉一项。"""
        if page:
            text = self.read("docs/index.md").replace(f"\n{stem}\n", "\n")
            return {"docs/index.md": text.replace("tutorials/index\n", f"tutorials/index\n{stem}\n") if there else text}
        return {"conf.py": self._order(lambda found: [one for one in found if one != stem] + [stem] * there)}

    def _order(self, change):
        text = self.read("conf.py")
        start = text.rindex("\ntutorials = ") + len("\ntutorials = ")
        end = text.index("\n", start)
        return text[:start] + repr(change(ast.literal_eval(text[start:end]))) + text[end:]

    def write(self, files, days=0.0):
        """写下 `files`，时刻是 `days` 天以前。"""
        for name, content in files.items():
            path = self.folder / name
            if path.is_file():
                self.versions.setdefault(name, []).append(self.read(name))
            if content is None:
                path.unlink(missing_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode())
            os.utime(path, (time.time() - days * 86400,) * 2)


def draw_edit(random):
    """抽一步改源文件的。"""
    page = f"docs/{random.choice([*PAGES * 3, *EXTRA])}.md"
    script = f"examples/{random.choice([*EXAMPLES * 2, 'third'])}.py"
    either, wired = random.choice([page, script]), random.random() < 0.8
    return random.choice(
        [
            ("text", either, random.randrange(1, 5)),
            ("title", either, random.randrange(1, 5)),
            ("heading", page, random.randrange(4), wired),
            ("link", page, random.choice(LINKS)),
            ("code", script, random.randrange(len(CODES))),
            ("code", script, random.randrange(len(CODES))),
            ("machine", random.choice(list(MACHINES)), random.randrange(3)),
            ("picture", "docs/pictures/dot.svg", random.randrange(4)),
            ("crlf", either),
            ("add", random.choice([f"docs/{random.choice(EXTRA)}.md", "examples/third.py"]), wired),
            ("remove", random.choice([page, f"docs/{random.choice(EXTRA[:-1])}.md", script]), wired),
            ("order", "conf.py"),
            ("restore", random.choice([either, "conf.py", "docs/pictures/dot.svg", *MACHINES]), random.randrange(3), random.choice([0, 5, -5])),
            ("restore", either, random.randrange(3), random.choice([0, 5, -5])),
        ]
    )  # fmt: skip


def draw_step(random):
    """抽一步。"""
    seconds = round(random.choice([0.4, 2.5]) * random.random(), 2)
    pattern, number = random.choice(PATTERNS), int(2 ** random.uniform(0, 8))
    modes = ["", "", "--clean", "--mode preview", "--mode linkcheck", "--shard 1/2", "serve"]
    name = random.choice([*ENVIRONMENT, *["SITE_URL", "REPO_URL", "SOURCE_DATE_EPOCH"] * 4])
    kinds = {
        "edit": lambda: draw_edit(random),
        "damage": lambda: ("damage", random.choice(PLACES), random.choice(["truncate", "empty", "flip", "reword", "delete", "link", "folder", "old"]), random.randrange(1000)),
        "replace": lambda: ("replace", random.choice(FOLDERS), random.choice(["link", "file", "delete", "empty"])),
        "environment": lambda: ("environment", name, random.choice(ENVIRONMENT[name])),
        "signal": lambda: ("signal", random.choice(SIGNALS), random.choice(["parent", "group", 0, 1, 2, 3]), seconds, random.choice(modes)),
        "at": lambda: ("at", pattern, number, random.choice([*SIGNALS, "ENOSPC", "EIO"]), random.choice(modes[:3])),
        "edit at": lambda: ("edit at", pattern, number, draw_edit(random)),
        "together": lambda: ("together", random.choice(modes), random.choice(modes), seconds),
        "run": lambda: ("run", random.choice(modes[2:])),
    }  # fmt: skip
    weights = {
        "edit": 10,
        "damage": 3,
        "replace": 2,
        "environment": 3,
        "signal": 3,
        "at": 4,
        "edit at": 2,
        "together": 1,
        "run": 1,
    }
    return kinds[random.choices(list(weights), weights.values())[0]]()


def draw(random):
    """抽一段历史：几步，多半每步之后构建一次。"""
    steps = []
    for _ in range(random.randrange(3, 9)):
        steps.append(draw_step(random))
        if random.random() < (0.4 if steps[-1][0] in ("damage", "replace", "environment") else 0.8):
            steps.append(("build",))
    return steps
