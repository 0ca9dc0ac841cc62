"""清单 docs/api_names.txt：网站用到的官方名字和网址，一个不多，一个不少；写法见它的开头。"""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ConfigError
from sphinx.util import logging

from site_builder import store

LIST = "api_names.txt"
#: 构建把缺少和多余的名字写进这个文件，在 Sphinx 的 doctrees 里。
REPORT = "api_names.json"
_BUILT_IN = {name for kind in (str, bytes, list, tuple, dict, set, float, complex) for name in dir(kind)}

log = logging.getLogger(__name__)


@dataclass
class Project:
    """清单里的一段：{名字: (类别, 地址)}；类别 ``=`` 表示官方没有这个名字，地址是代替它的名字，或 ``-``。"""

    package: str
    base: str
    names: dict[str, tuple[str, str]] = field(default_factory=dict)

    def text(self) -> str:
        """写回清单：按名字排好，``=`` 的在后。"""
        lines = [
            f"{name} = {place}" if role == "=" else f"{role} {name} {place}"
            for name, (role, place) in sorted(self.names.items(), key=lambda item: (item[1][0] == "=", item[0]))
        ]
        return "\n".join([f"@ {self.package} {self.base}", *lines]) + "\n"


def read(text: str) -> tuple[str, list[Project]]:
    """返回 (开头的说明, 各段)；看不懂的一行抛出 ConfigError。"""
    projects: list[Project] = []
    for number, line in enumerate(text.splitlines(), 1):
        match line.split():
            case [] | ["#", *_]:
                pass
            case ["@", package, base]:
                projects.append(Project(package, base))
            case [name, "=" as role, place] if projects:
                projects[-1].names[name] = (role, place)
            case [role, name, place] if projects and role.startswith(("py:", "std:doc")):
                projects[-1].names[name] = (role, place)
            case _:
                raise ConfigError(f"docs/{LIST} 第 {number} 行看不懂：{line}。写法见文件的开头。")
    return text.partition("\n@ ")[0], projects


class Names:
    """按名字查网址：`address` 是 {名字: 网址}，`same` 是 {名字: 代替它的名字}，`pages` 是链接到整页的名字。"""

    def __init__(self, text: str) -> None:
        lines = [(project, *line) for project in read(text)[1] for line in project.names.items()]
        self.same = {name: place for _, name, (role, place) in lines if role == "="}
        self.address = {name: p.base + place.replace("$", name) for p, name, (role, place) in lines if role != "="}
        self.pages = {name for _, name, (role, _) in lines if role in ("py:module", "std:doc")}
        for name, other in self.same.items():
            if other != "-" and other not in self.address:
                raise ConfigError(f"docs/{LIST}：{name} 指向 {other}，清单里没有它。加上它，或者改指别的名字。")

    def __contains__(self, name: str) -> bool:
        return name in self.address or name in self.same

    def url(self, name: str) -> str:
        """网址；写明没有的是空字符串。"""
        return self.address.get(self.same.get(name, name), "")

    @cache  # noqa: B019 一次构建只有一份清单
    def ending(self, suffix: str) -> list[str]:
        """以 `.suffix` 结尾的名字；整页的不算。"""
        return [name for name in self.address if name.endswith(f".{suffix}")]

    def only_method(self, name: str) -> list[str]:
        """名为 `name` 的方法：清单里只有一个类有它，内置类型又没有时才给出。"""
        found = [full for full in self.ending(name) if re.search(r"\.([A-Z]\w*|ndarray)\.\w+$", full)]
        return found if len(found) == 1 and name not in _BUILT_IN else []


#: 一次构建只读一份清单。
listed = cache(Names)


def load(app: Sphinx, config: Config) -> None:
    """清单的内容是一项配置：它变了，各页重读。没有清单的网站（测试用的小网站）不加链接，也不检查。"""
    path = Path(app.srcdir, LIST)
    if path.is_file():
        config.api_names_text = path.read_text("utf-8")
        listed(config.api_names_text)


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """报告缺的和多余的名字，并写进 api_names.json，供 refresh 使用。"""
    if not app.config.sphinx_gallery_conf["plot_gallery"]:
        return  # 没有执行就不知道变量的类型，不作数
    names, missing = listed(app.config.api_names_text), {}
    used = {name for page in store.pages(env).values() for name in page.api_used}
    for docname, page in sorted(store.pages(env).items()):
        for candidates, line in page.api_missing:
            if candidates[0] not in missing:
                advice = f"应当链接到官方参考，但 docs/{LIST} 里没有它：运行 make inventories，或照文件开头的说明加一行"
                log.warning("%s %s", candidates[0], advice, location=(docname, line))
            missing[candidates[0]] = candidates
    wanted = used | {names.same[name] for name in used & names.same.keys()}
    unused = sorted((names.address.keys() | names.same.keys()) - wanted)
    for name in unused:
        log.warning("docs/%s 里的 %s 没有一页用到：运行 make inventories，或删去这一行", LIST, name)
    state = {"missing": dict(sorted(missing.items())), "unused": unused}
    Path(app.doctreedir, REPORT).write_text(json.dumps(state, indent=1) + "\n", "utf-8")
