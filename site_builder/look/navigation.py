"""去哪里：侧栏、上一篇与下一篇、本页目录。

次序由 conf.py 的 `tutorials` 和目录树得来，读完全部页面时排一次，记在 `store.Results`；每一页只画自己附近的
一段，所以页面多了，构建的时间也只按比例增长。furo 和 Sphinx 原来的做法是每一页都画出整棵树。
"""

from typing import Any

from docutils import nodes
from lxml import html
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from site_builder import store

#: 侧栏里一组最多列几页；更多时只列这一页前后的。
NEARBY = 12
#: 查阅的头几页，屏幕宽时在页头里。
LINKS = 4
#: 目录里以它开头的一项（见 prose.folds）。
PITFALL = "常见错误："


def arrange(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """排好全站的次序。次序或标题变了，每一页的侧栏都要重写；只是开头变了，重写相邻的两页。返回要重写的页名。"""
    tutorials = [name for name in store.tutorials(app.config) if name in env.all_docs]
    apart = {*tutorials, f"{app.config.sphinx_gallery_conf['gallery_dirs']}/index", app.config.root_doc}
    names = [*tutorials, *(name for name in store.in_order(env, app.config.root_doc) if name not in apart)]
    order = [(name, env.titles[name].astext(), store.page(env, name).lead) for name in names]
    before, store.results(env).order = store.results(env).order, order
    if [page[:2] for page in before] != [page[:2] for page in order]:
        return sorted(env.all_docs)
    line = [app.config.root_doc, *names]
    changed = [place for place, pair in enumerate(zip(before, order, strict=True), 1) if pair[0] != pair[1]]
    return sorted({line[place + step] for place in changed for step in (-1, 1) if place + step < len(line)})


def withhold_toctree(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """不给 furo 画整棵树的函数：它每一页都要画一遍，再用 BeautifulSoup 读一遍，而我们的模板用不着。"""
    context.pop("toctree", None)


def add(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """给模板 `tutorials`、`references`（侧栏的两组）、`links`（页头的几页）、`before`、`after`（相邻的页）和 `contents`（本页目录）。"""
    numbers = {name: number for number, name in enumerate(store.tutorials(app.config), 1)}
    entries = [
        {"name": name, "title": title, "number": numbers.get(name, 0), "lead": lead, "current": name == pagename}
        for name, title, lead in store.results(app.env).order
    ]
    tutorials = [entry for entry in entries if entry["number"]]
    context["tutorials"], context["tutorials_count"] = _nearby(tutorials, pagename), len(tutorials)
    references = [entry for entry in entries if not entry["number"]]
    context["references"], context["links"] = _nearby(references, pagename), references[:LINKS]
    home = {"name": app.config.root_doc, "title": "首页", "number": 0, "lead": None}
    line = [home, *entries]
    place = next((i for i, entry in enumerate(line) if entry["name"] == pagename), None)
    context["place"] = line[place] if place is not None else None
    context["before"] = line[place - 1] if place and place > 1 else None  # 回首页，页头就有
    context["after"] = line[place + 1] if place is not None and place + 1 < len(line) else None
    context["contents"] = _contents(context.get("toc", ""))


def _nearby(entries: list[dict[str, Any]], pagename: str) -> list[dict[str, Any]]:
    """`entries` 里离这一页近的几项；不多就是全部。"""
    if len(entries) <= NEARBY:
        return entries
    place = next((i for i, entry in enumerate(entries) if entry["name"] == pagename), 0)
    start = max(0, min(place - NEARBY // 2, len(entries) - NEARBY))
    return entries[start : start + NEARBY]


def _contents(toc: str) -> str:
    """Sphinx 画的本页目录，去掉页标题那一层；不到两节就不要目录。“常见错误：”换成一个记号，目录里放不下。"""
    if not toc.strip():
        return ""
    inner = html.fragment_fromstring(toc, create_parent="div").find("./ul/li/ul")
    if inner is None or len(inner) < 2:
        return ""
    for element in inner.iter("ul", "li", "a"):
        element.attrib.pop("class", None)
        if element.tag == "a" and (element.text or "").startswith(PITFALL):
            element.text, element.attrib["class"] = element.text[len(PITFALL) :], "pitfall"
            element.attrib["title"] = "常见错误"
    return str(html.tostring(inner, encoding="unicode")).strip()
