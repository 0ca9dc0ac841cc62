"""会执行的卡片：写在 Markdown 页面里的代码，构建时逐张执行，输出印在代码下面。

- ``card-prelude``：本页每张卡片开头都要先执行的几行，照样显示给读者；
- ``card-code``：一张卡片。给了标题，就成为一个小节；``:see: 教程名#小节标题`` 链接到教程里的那一节。
- ``:raises: IndexError``：卡片应当报这个错，报错就是输出；``:file: 名字.py``：存成文件，作为主程序另起一个 Python 运行。

执行的恰好是页面上写的：开场白加卡片自己，进程、名字空间是新的，工作目录是空的。报错、警告、找不到小节，
都是一条带文件和行号的 Sphinx 警告（构建以 -W 运行，因此是错误）。

现成的扩展都差一点：Sphinx-Gallery 只管整篇脚本；doctest 只比对人手写下的输出；myst-nb 一页一个内核，
卡片之间会互相沾染，一张一个内核又要反复导入 torch。这里导入一次 torch，再为每张卡片分出一个进程（`card_runner`）。
读页面要等示例执行完，卡片不必等：构建一开始就从 Markdown 里找出来（`start`），与示例同时执行。结果按卡片的文字和
软件包的版本存在 Sphinx 的环境里，没有改动就不启动。
"""

import contextlib
import functools
import json
import platform
import subprocess
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Optional

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.parsers.rst.states import MarkupError
from markdown_it import MarkdownIt
from myst_parser.parsers.directives import parse_directive_text
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

from site_builder import store
from site_builder.outputs import faults
from site_builder.processes import Child
from site_builder.store import Card, Part

#: 全部卡片加起来最多跑多少秒。
TIME_LIMIT = 300
#: 执行卡片的程序：单独的一个文件，启动时不必导入 Sphinx。
RUNNER = Path(__file__).with_name("card_runner.py")

log = logging.getLogger(__name__)


class card_output(nodes.General, nodes.Element):
    """输出的位置；`parts` 是要执行的 `Card`。"""


class card_link(nodes.General, nodes.Element):
    """链接的位置；`see` 是 ``教程名#小节标题``。"""


class CardPrelude(SphinxDirective):
    """本页每张卡片都先执行的几行。"""

    has_content = True

    def run(self) -> list[nodes.Node]:
        self.env.current_document["card_prelude"] = [*prelude(self.env), part(self)]
        return [code_block(self)]


class CardCode(SphinxDirective):
    """一张卡片：代码、执行得到的输出，和通往教程的链接。"""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = dict.fromkeys(("see", "raises", "file"), directives.unchanged_required)

    def run(self) -> list[nodes.Node]:
        content: list[nodes.Node] = [code_block(self), card_output(parts=[*prelude(self.env), part(self)])]
        if "see" in self.options:
            content.append(card_link(see=self.options["see"]))
        for node in content:
            self.set_source_info(node)
        if not self.arguments:
            return content
        title = self.arguments[0]
        card = nodes.section(
            "", nodes.title("", title), *content, names=[nodes.fully_normalize_name(title)], classes=["card"]
        )
        self.state.document.note_implicit_target(card, card)
        return [card]


def prelude(env: BuildEnvironment) -> Card:
    found: Card | None = env.current_document.get("card_prelude")
    return found or []


def part(directive: SphinxDirective) -> Part:
    """一段代码；MyST 的 content_offset 从指令的第一行之后数起。"""
    line = directive.lineno + directive.content_offset + 1
    options = directive.options
    return Part(line, "\n".join(directive.content), options.get("raises", ""), options.get("file", ""))


def code_block(directive: SphinxDirective) -> nodes.literal_block:
    code = "\n".join(directive.content)
    return nodes.literal_block(code, code, language="python")


def key(parts: Card) -> tuple[str, ...]:
    """一张卡片的结果取决于什么：执行的文字，怎样执行，和各个版本。"""
    return (*(text for part in parts for text in part[1:]), *versions())


@functools.cache
def versions() -> tuple[str, ...]:
    return platform.python_version(), version("torch"), version("numpy")


def start(app: Sphinx) -> None:
    """开始执行没有执行过的卡片；写错了的、藏在别的指令里的不管，读到那一页时再说。"""
    if app.builder.format == "html":
        done = store.results(app.env).cards
        for path in sorted(Path(app.srcdir).rglob("*.md")):
            Runner.shared().submit(card for card in written(path.read_text("utf-8")) if key(card) not in done)


def written(text: str) -> Iterator[Card]:
    """Markdown 的 `text` 里的卡片，依次。"""
    known = {"{card-prelude}": CardPrelude, "{card-code}": CardCode}
    before: Card = []
    for token in MarkdownIt().parse(text):
        name, _, title = token.info.partition(" ")
        if token.type == "fence" and token.map and name in known:
            with contextlib.suppress(MarkupError):
                found = parse_directive_text(known[name], title, token.content)
                line, options = token.map[0] + 2 + found.body_offset, found.options
                one = Part(line, "\n".join(found.body), options.get("raises", ""), options.get("file", ""))
                if name == "{card-prelude}":
                    before.append(one)
                else:
                    yield [*before, one]


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """记下本页的卡片；卡片所在的小节排成网格。"""
    outputs = list(doctree.findall(card_output))
    for output in outputs:
        if "card" in output.parent["classes"] and "cards" not in output.parent.parent["classes"]:
            output.parent.parent["classes"].append("cards")
    if outputs:
        store.page(app.env).cards = [output["parts"] for output in outputs]
        store.page(app.env).sums_up = True  # 卡片里的链接要跟着教程的小节走


def execute(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """等卡片都执行完，返回要重写的页面。"""
    cards = {key(parts): (docname, parts) for docname, page in store.pages(env).items() for parts in page.cards}
    outputs = store.results(env).cards = {key: text for key, text in store.results(env).cards.items() if key in cards}
    wanted = {key: card for key, card in cards.items() if key not in outputs}
    runner = Runner.shared()
    runner.submit(parts for _, parts in wanted.values())
    results = runner.results()
    for key_, (docname, _) in wanted.items():
        output, error, line = results[key_]
        if not error and (wrong := faults(output)):
            error, line = "；".join(wrong), wanted[key_][1][-1].line
        if error:
            log.warning("卡片没能执行：%s", error, location=(docname, line))
        else:
            outputs[key_] = output
    return sorted({docname for docname, _ in wanted.values()})


class Runner:
    """另一个 Python 进程：卡片交给它就不必等，最后一起取结果。没有卡片就不启动。"""

    _shared: ClassVar[Optional["Runner"]] = None

    def __init__(self) -> None:
        self.child: Child | None = None
        self.keys: dict[tuple[str, ...], None] = {}

    @classmethod
    def shared(cls) -> "Runner":
        """这次构建的那一个。"""
        cls._shared = cls._shared or cls()
        return cls._shared

    def submit(self, cards: Iterable[Card]) -> None:
        for parts in cards:
            if key(parts) in self.keys:
                continue
            if self.child is None:
                pipe = subprocess.PIPE
                self.child = Child([str(RUNNER)], encoding="utf-8", stdin=pipe, stdout=pipe, stderr=pipe)
            self.keys[key(parts)] = None
            with contextlib.suppress(BrokenPipeError):  # 进程已经死了，取结果时再说
                assert self.child.process.stdin
                self.child.process.stdin.write(json.dumps(parts) + "\n")
                self.child.process.stdin.flush()

    def results(self) -> dict[tuple[str, ...], tuple[str, str | None, int | None]]:
        """等到全部执行完；返回 {卡片: (输出, 报错或 None, 行号)}。"""
        Runner._shared = None
        if self.child is None:
            return {}
        try:
            output, errors = self.child.process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise ExtensionError(f"卡片跑了 {TIME_LIMIT} 秒还没有结束") from None
        finally:
            self.child.end()
        if self.child.process.returncode or errors:
            raise ExtensionError(f"执行卡片的进程出了错（返回 {self.child.process.returncode}）：{errors}")
        return dict(zip(self.keys, json.loads(output), strict=True))


def resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """换上输出和链接。"""
    for place in list(doctree.findall(card_output)):
        text = store.results(app.env).cards.get(key(place["parts"]), "")
        place.replace_self([nodes.literal_block(text, text, language="none", classes=["card-output"])] if text else [])
    for see in list(doctree.findall(card_link)):
        see.replace_self(link(app, docname, see))


def link(app: Sphinx, docname: str, place: nodes.Element) -> list[nodes.Node]:
    """通往教程小节的链接；按页面上的标题找，找不到就报警告。"""
    name, _, title = place["see"].partition("#")
    target = f"{app.config.sphinx_gallery_conf['gallery_dirs']}/{name}"
    toc = app.env.tocs.get(target, nodes.bullet_list())
    anchors = [entry["anchorname"].lstrip("#") for entry in toc.findall(nodes.reference) if entry.astext() == title]
    if not anchors:
        log.warning("教程里没有这一节：%s", place["see"], location=place)
        return []
    reference = make_refnode(app.builder, docname, target, anchors[0], nodes.Text(title))
    return [nodes.paragraph("", "详见：", reference, classes=["card-link"])]
