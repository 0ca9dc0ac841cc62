"""代码与正文里的一串名字 ``a.b.c``，官方参考里叫什么：一排小规则，每条给出几个可能的全名。

变量的类型来自 Sphinx-Gallery 在脚本结束时记下的 ``.codeobj.json``。`SURE` 里的规则说得准，**应当有链接**，清单里
没有就是错误；`GUESSES` 只是猜，链得上才链。
"""

import ast
import re
from collections.abc import Callable, Iterable
from typing import Any

from site_builder.api.names import Names

PACKAGES = ("torch", "torchvision", "numpy", "matplotlib")
#: 本页没有写出 import 时，通行的简称。
CONVENTIONS = {
    "np": "numpy", "plt": "matplotlib.pyplot", "nn": "torch.nn", "F": "torch.nn.functional", "optim": "torch.optim",
    "dist": "torch.distributed", "transforms": "torchvision.transforms",
}  # fmt: skip
#: 用 C 写成的类，Sphinx-Gallery 认不出它们的方法。
COMPILED = {"torch.Tensor": "torch.Tensor", "torch.nn.Parameter": "torch.Tensor", "numpy.ndarray": "numpy.ndarray"}
_CHAIN = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|(?<=[)\]])(?:\.[A-Za-z_]\w*)+")
_LONE = re.compile(r"\.?([A-Za-z_]\w+(?:\.[A-Za-z_]\w+)*)(\(.*\))?")

#: 一个链接：[起点, 终点) 和全名。
Link = tuple[int, int, str]
#: 应当有链接而清单里没有的一个名字：可能的全名。
Missing = list[str]
Parts = list[str]


class Scope:
    """一页里的名字各是什么：`imported` 是 {导入的名字: 全名}，`defined` 是本页的函数和类，`own` 还有变量和参数。

    `sources` 是本页的代码，`objects` 是 ``.codeobj.json``：{一串名字: [{name, module, module_short, is_class}]}。
    """

    def __init__(self, names: Names, sources: Iterable[str], objects: dict[str, list[dict[str, Any]]]) -> None:
        self.names, self.objects = names, objects
        imports: dict[str, str] = {}
        self.defined: set[str] = set()
        variables: set[str] = set()
        for node in (node for source in sources for node in _walk(source)):
            match node:
                case ast.Import():
                    for alias in node.names:
                        root = alias.name.split(".")[0]
                        imports[alias.asname or root] = alias.name if alias.asname else root
                case ast.ImportFrom(level=0):
                    imports |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
                case ast.FunctionDef(name) | ast.ClassDef(name):
                    self.defined.add(name)
                case ast.Name(name, ast.Store()) | ast.arg(name):
                    variables.add(name)
        self.own = self.defined | variables
        conventions = {short: full for short, full in CONVENTIONS.items() if short not in self.own}
        self.imported = {name: name for name in PACKAGES} | conventions | imports

    def package(self, parts: Parts) -> str:
        """第一段来自四个包之一时，它的全名。"""
        full = self.imported.get(parts[0], "")
        return full if full.split(".")[0] in PACKAGES else ""

    def entries(self, parts: Parts) -> list[dict[str, Any]]:
        return self.objects.get(".".join(parts), [])

    def types(self, parts: Parts) -> list[str]:
        """`parts` 的类型，没有记录时为空。"""
        return [f"{entry['module_short']}.{entry['name']}" for entry in self.entries(parts) if not entry["is_class"]]

    def rebound(self, parts: Parts) -> bool:
        """脚本结束时变量已经改作他用、没有这个属性：Sphinx-Gallery 记下的就是变量本身的类型。"""
        owner = self.entries(parts[:-1])
        tensor = any(COMPILED.get(name) == "torch.Tensor" for name in self.types(parts[:-1]))
        return bool(owner) and not tensor and owner == self.entries(parts)


def _walk(source: str) -> Iterable[ast.AST]:
    try:
        return ast.walk(ast.parse(source))
    except SyntaxError:
        return []


# -- 规则：(一页的名字, 各段) -> 可能的全名，最直接的在前 -------------------------------


def imported(scope: Scope, parts: Parts) -> list[str]:
    """由 import 展开：``nn.Conv2d`` 是 torch.nn.Conv2d。"""
    full = scope.package(parts)
    return [".".join([full, *parts[1:]])] if full else []


def recorded(scope: Scope, parts: Parts) -> list[str]:
    """记下来的类和方法：``optimizer.step`` 是 torch.optim.SGD.step，也是它父类的方法。"""
    entries = scope.entries(parts)
    classes = [entry for entry in entries if entry["is_class"]]
    found = []
    for entry in [entry for entry in classes if entry["name"] == classes[0]["name"]] or entries:
        itself = entry["is_class"] and entry["name"] == parts[-1]
        if itself or ("." in entry["name"] and parts[-1] not in scope.defined):
            found += [f"{entry['module_short']}.{entry['name']}", f"{entry['module']}.{entry['name']}"]
    return found


def compiled(scope: Scope, parts: Parts) -> list[str]:
    """张量和数组的方法：``x`` 是张量时，``x.view`` 是 torch.Tensor.view。"""
    if len(parts) == 1 or scope.package(parts) or scope.rebound(parts):
        return []
    return [f"{COMPILED[owner]}.{parts[-1]}" for owner in scope.types(parts[:-1]) if owner in COMPILED]


def reused(scope: Scope, parts: Parts) -> list[str]:
    """变量后来改作他用，当作张量：``x.view`` 之后又有 ``x = 3``。"""
    return [f"torch.Tensor.{parts[-1]}"] if scope.rebound(parts) else []


def only_method(scope: Scope, parts: Parts) -> list[str]:
    """类型不明时，清单里只有一个类有的方法：``f(x).item()``、函数参数的方法。

    不明：没有记录，或者是认不出的 C 类型（如计算图的节点，记作 builtins.AddBackward0）。
    """
    known = any(not re.match(r"builtins\.[A-Z](?!oneType)", name) for name in scope.types(parts[:-1]))
    return [] if known or parts[0] in scope.imported else scope.names.only_method(parts[-1])


Rule = Callable[[Scope, Parts], list[str]]
SURE: tuple[Rule, ...] = (imported, recorded, compiled)
GUESSES: tuple[Rule, ...] = (reused, only_method)


def candidates(scope: Scope, parts: Parts, rules: Iterable[Rule]) -> list[str]:
    """各条规则给出的全名，只要四个包里公开的。"""
    found = dict.fromkeys(name for rule in rules for name in rule(scope, parts))
    return [name for name in found if name.split(".")[0] in PACKAGES and "._" not in name]


# -- 在一段代码或一个正文里的名字中找 ------------------------------------------------


def links(scope: Scope, text: str) -> tuple[list[Link], list[Missing]]:
    """`text` 里的 (链接, 缺的名字)。"""
    found: list[Link] = []
    missing: list[Missing] = []
    for chain in _CHAIN.finditer(text):
        parts = chain[0].split(".")
        spans, lacking = (_whole if scope.package(parts) else _segments)(scope, parts)
        ends = [chain.start() + len(".".join(parts[:count])) for count in range(len(parts) + 1)]
        found += [(ends[first] + (first > 0), ends[last], name) for first, last, name in spans]
        missing += [names for names in lacking if names]
    return found, missing


def _whole(scope: Scope, parts: Parts) -> tuple[list[Link], list[Missing]]:
    """``nn.Conv2d.weight``：从头起，清单里有的最长的一截是一个链接；单独的模块名不算。"""
    kinds = [entry["name"] for entry in scope.entries(parts[:1])]
    if len(parts) == 1 and (parts[0] in CONVENTIONS or (parts[0].islower() and (not kinds or "module" in kinds))):
        return [], []
    for count in range(len(parts), 0, -1):
        for name in candidates(scope, parts[:count], SURE):
            if name in scope.names:
                beyond = count < len(parts) and name in scope.names.pages
                return [(0, count, name)], [candidates(scope, parts, SURE)] if beyond else []
    return [], [candidates(scope, parts, SURE)]


def _segments(scope: Scope, parts: Parts) -> tuple[list[Link], list[Missing]]:
    """``x.grad.view``：各段分别链接到自己的全名。"""
    found: list[Link] = []
    missing: list[Missing] = []
    for count in range(1, len(parts) + 1):
        sure = candidates(scope, parts[:count], SURE)
        guesses = candidates(scope, parts[:count], GUESSES) if count > 1 else []
        if names := [name for name in sure + guesses if name in scope.names]:
            found.append((count - 1, count, names[0]))
        else:
            missing.append(sure)
    return found, missing


def lone(scope: Scope, text: str) -> list[Link]:
    """只在正文里：单独写的 ``.backward()``、``data_ptr``、``Tensor.to``，清单里只有一个名字以它结尾时才链接。

    本页有同名的变量时不链接；普通的小写单词要有点、括号或下划线，才看得出是名字。
    """
    match = _LONE.fullmatch(text)
    if not match or match[1].split(".")[0] in scope.own:
        return []
    distinct = text[0] == "." or match[2] or re.search(r"[_.]|^[A-Z].*[a-z]", match[1])
    found = [name for name in scope.names.ending(match[1]) if name not in scope.names.pages]
    return [(*match.span(1), found[0])] if distinct and len(found) == 1 else []
