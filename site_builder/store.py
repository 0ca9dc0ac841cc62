"""一页读完以后留给后面各步的东西：全部记在这里，一次合并，一次清除。

每一页一个 `Page`，随 Sphinx 的环境存盘；`page` 是正在读的那一页，`pages` 是全部。算起来费时、不属于某一页的
结果（排好的公式、卡片的输出）在 `Results` 里。各步只通过这里交接，互不导入。
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors import EnvironmentCollector

#: 公式：(LaTeX, 是否独立成行)。
Formula = tuple[str, bool]


class Part(NamedTuple):
    """卡片的一段代码：第一行的行号，代码，该报的错的类名，要存成的文件；后两项多半是空的。"""

    line: int
    code: str
    raises: str
    file: str


#: 一张卡片；最后一段是卡片自己，前面的是本页的开场白。
Card = list[Part]


@dataclass
class Lead:
    """教程的开头：`sentence` 是第一句，`minutes` 是整分钟的阅读时间。"""

    sentence: str
    minutes: int


@dataclass
class Page:
    """一页留下的东西；括号里是写的人和读的人。"""

    #: 公式和它的行号（prose.mathematics）。
    formulas: list[tuple[Formula, int | None]] = field(default_factory=list)
    #: “常见错误”框：(锚点, 标题, 报错)（prose.pitfalls）。
    pitfalls: list[tuple[str, str, list[str]]] = field(default_factory=list)
    #: 术语 -> (英文, 一句解释)，只有术语表有（prose.glossary）。
    glossary: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: 会执行的卡片（prose.cards）。
    cards: list[Card] = field(default_factory=list)
    #: 链接了的官方名字，和应当链接而清单里没有的 (候选, 行号)（api）。
    api_used: list[str] = field(default_factory=list)
    api_missing: list[tuple[list[str], int | None]] = field(default_factory=list)
    #: 搜索用的各节和词（search）。
    sections: list[list[str | int]] = field(default_factory=list)
    heading_words: str = ""
    body_words: str = ""
    #: 教程的开头（look.page -> look.tutorial_cards）。
    lead: Lead | None = None
    #: 这一页有要标出大小的下载文件（downloads.places）；它的第一句话（downloads.pages，给 llms.txt）。
    offers_files: bool = False
    summary: str = ""
    #: 这一页汇总别的页面的内容，别的页面一变它就要重写。
    sums_up: bool = False


@dataclass
class Results:
    """算起来费时的结果，各页共用。"""

    formulas: dict[Formula, str] = field(default_factory=dict)
    cards: dict[tuple[str, ...], str] = field(default_factory=dict)
    #: 全站的次序：(页名, 标题, 开头)，首页不在内（look.navigation）。
    order: list[tuple[str, str, Lead | None]] = field(default_factory=list)
    #: 互动图的脚本和数据的摘要（explorables）。
    explorables: str = ""


def pages(env: BuildEnvironment) -> dict[str, Page]:
    """{页名: 那一页留下的东西}。"""
    found: dict[str, Page] = vars(env).setdefault("site_pages", {})
    return found


def page(env: BuildEnvironment, docname: str = "") -> Page:
    """`docname`（缺省是正在读的那一页）留下的东西；还没有就新建。"""
    return pages(env).setdefault(docname or env.docname, Page())


def results(env: BuildEnvironment) -> Results:
    """这个环境里各页共用的结果。"""
    found: Results = vars(env).setdefault("site_results", Results())
    return found


def tutorials(config: Config) -> list[str]:
    """全部教程的页名，依次。"""
    return [f"{config.sphinx_gallery_conf['gallery_dirs']}/{name}" for name in config.tutorials]


def in_order(env: BuildEnvironment, docname: str) -> Iterator[str]:
    """`docname` 和它下面的各页，按目录的次序。"""
    yield docname
    for child in env.toctree_includes.get(docname, []):
        yield from in_order(env, child)


def leads_away(app: Sphinx, docname: str) -> bool:
    """`docname` 的网页只是跳到别处（conf.py 的 ``redirects``）：不必搜到，也不必打包。"""
    return docname in getattr(app.config, "redirects", {})  # 没有用那个扩展的项目里，没有这一项


class Collector(EnvironmentCollector):
    """一页重读时清除，几个进程读完时合并。"""

    def clear_doc(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        pages(env).pop(docname, None)

    def merge_other(
        self, app: Sphinx, env: BuildEnvironment, docnames: AbstractSet[str], other: BuildEnvironment
    ) -> None:
        pages(env).update({name: pages(other)[name] for name in docnames if name in pages(other)})

    def process_doc(self, app: Sphinx, doctree: nodes.document) -> None:
        page(app.env)


def rewrite_summaries(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> Iterable[str]:
    """有页面变动时，汇总别的页面的那些也要重写。"""
    return [name for name, found in pages(env).items() if found.sums_up] if added or changed or removed else []


def setup(app: Sphinx) -> dict[str, object]:
    app.add_env_collector(Collector)
    app.connect("env-get-outdated", rewrite_summaries)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True, "env_version": 4}
