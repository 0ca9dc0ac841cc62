"""代码与正文里 torch、torchvision、numpy、matplotlib 的名字链接到官方参考。

网址只来自 docs/api_names.txt：恰好是本站用到的名字，构建从不上网；`make inventories` 更新它。

Sphinx-Gallery 也能给代码加链接，但变量会链到它的类（每一个 ``x`` 都成为链接），而张量的方法多半
链不上（它们用 C 写成，认不出属于哪个类），正文和 Markdown 页也不管；sphinx-codeautolink 与它不能同用。
这里仍用它记下的 ``.codeobj.json`` 得知变量的类型。规则：

- 代码与正文里的 ``torch.cat``、``nn.Conv2d(1, 6, 5)``、``plt.show``：由本页的 import（或 `CONVENTIONS`）
  展开成全名。**应当有链接**，清单里没有就是错误；
- ``x.view``、``ax.plot``、``optimizer.step``：由变量的类型得出，只有属性那一段是链接。类型确知时**应当有链接**；
- ``f(x).item()``、函数参数的方法：类型不明，清单里只有一个类有这个方法、内置类型又没有时才链接；
- 只在正文里：``.backward()``、``requires_grad_()``、``data_ptr``、``DataLoader``、``Tensor.to`` 这样的写法，清单里
  只有一个名字以它结尾、本页又没有同名的变量时才链接；
- 脚本里改作他用的变量，以脚本结束时的类型为准，那个类型没有这个属性时当作张量，链得上才链；
- 标题、折叠处的标题和已有的链接不动；``legacy`` 里正文提到的旧写法链得上才链；单独的模块名不算。

清单里没有一页用到的名字也是错误；有示例没有执行的预览不查这一条。
"""

import ast
import html
import json
import re
from functools import cache
from pathlib import Path

from docutils import nodes
from pygments.lexers import PythonLexer
from pygments.token import Comment, String
from sphinx.errors import ConfigError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx_gallery._doctree_links import CodeLinksTransform

from site_builder import store

LIST = "api_names.txt"
PACKAGES = ("torch", "torchvision", "numpy", "matplotlib")
#: 本页没有写出 import 时，通行的简称。
CONVENTIONS = {
    "np": "numpy",
    "plt": "matplotlib.pyplot",
    "nn": "torch.nn",
    "F": "torch.nn.functional",
    "optim": "torch.optim",
    "dist": "torch.distributed",
    "transforms": "torchvision.transforms",
}
#: 用 C 写成的类，Sphinx-Gallery 认不出它们的方法。
COMPILED = {"torch.Tensor": "torch.Tensor", "torch.nn.Parameter": "torch.Tensor", "numpy.ndarray": "numpy.ndarray"}
_CHAIN = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|(?<=[)\]])(?:\.[A-Za-z_]\w*)+")
_LONE = re.compile(r"\.?([A-Za-z_]\w+(?:\.[A-Za-z_]\w+)*)(\(.*\))?")
_METHOD = re.compile(r"\.(?:[A-Z]\w*|ndarray)\.(\w+)$")
_BUILT_IN = {name for kind in (str, bytes, list, tuple, dict, set, float, complex) for name in dir(kind)}
_TOKEN = re.compile(r"<span[^>]*>([^<]*)</span>|([^<]+)|<[^>]*>")

log = logging.getLogger(__name__)


class Names:
    """清单：`address` 是 {名字: 网址}，`same` 是 {官方目录里没有的名字: 代替它的名字}。

    `modules` 是 `address` 里的模块和别的没有自己条目、链接到整页的名字。
    """

    def __init__(self, text):
        self.address, self.same, self.modules = {}, {}, set()
        base = ""
        for number, line in enumerate(text.splitlines(), 1):
            match line.split():
                case [] | ["#", *_]:
                    pass
                case ["@", _, base]:
                    pass
                case [name, "=", other]:
                    self.same[name] = other
                case [role, name, place] if role.startswith("py:") or role == "std:doc":
                    self.address[name] = base + place.replace("$", name)
                    if role in ("py:module", "std:doc"):
                        self.modules.add(name)
                case _:
                    raise ConfigError(f"docs/{LIST} 第 {number} 行看不懂：{line}")
        self._methods = {}
        for name in self.address:
            if method := _METHOD.search(name):
                self._methods.setdefault(method[1], []).append(name)
        for name, other in self.same.items():
            if other != "-" and other not in self.address:
                raise ConfigError(f"docs/{LIST}：{name} 指向 {other}，清单里没有它。")

    def __contains__(self, name):
        return name in self.address or name in self.same

    def url(self, name):
        """网址；写明没有的是空字符串。"""
        return self.address.get(self.same.get(name, name), "")

    def methods(self, name):
        """名为 `name` 的方法：清单里只有一个类有它，内置类型又没有时才给出。"""
        found = self._methods.get(name, [])
        return found if len(found) == 1 and name not in _BUILT_IN else []

    def ending(self, suffix):
        """唯一以 `.suffix` 结尾、不是模块的名字。"""
        found = [name for name in self.address.keys() - self.modules if name.endswith(f".{suffix}")]
        return found[0] if len(found) == 1 else None


@cache
def _names(text):
    return Names(text)


class Page:
    """一页里的名字各指什么。`used` 是链接了的名字，`missing` 是应当链接而清单里没有的。"""

    def __init__(self, names, sources, objects):
        self.names, self.objects = names, objects
        self.used, self.missing = set(), []
        imported, self.defined, self.own = _definitions(sources)
        conventions = {short: full for short, full in CONVENTIONS.items() if short not in self.own}
        self.imported = {name: name for name in PACKAGES} | conventions | imported

    def links(self, text, masked=(), excused=False, node=None):
        """返回 [(起点, 终点, 全名), ...]；`masked` 里的区间（字符串、注释）不看，`excused` 时缺名字不算错。"""
        found = []
        for chain in _CHAIN.finditer(text):
            if any(start <= chain.start() < end for start, end in masked):
                continue
            parts = chain[0].split(".")
            ends = [chain.start() + len(".".join(parts[:count])) for count in range(1, len(parts) + 1)]
            for first, last, name in self._resolve(parts, excused, node):
                start = chain.start() if first == 0 else ends[first - 1] + 1
                found.append((start, ends[last - 1], name))
        return found

    def lone(self, text):
        """正文里单独的一个名字，如 ``.backward()``、``DataLoader``。"""
        match = _LONE.fullmatch(text)
        if not match or match[1].split(".")[0] in self.own:
            return []
        distinct = text[0] == "." or match[2] or re.search(r"[_.]|^[A-Z].*[a-z]", match[1])
        name = self.names.ending(match[1]) if distinct else None
        return [(*match.span(1), name)] if name else []

    def _resolve(self, parts, excused, node):
        if self._package(parts):
            if len(parts) == 1 and self._is_module(parts[0]):
                return []
            found = self._longest(parts)
            beyond = found and found[1] < len(parts) and found[2] in self.names.modules
            if (not found or beyond) and not excused:
                self._miss(self._candidates(parts), node)
            return [found] if found else []
        found = []
        for count in range(len(parts), 0, -1):
            candidates = self._candidates(parts[:count])
            guesses = self._guesses(parts[:count]) if count > 1 else []
            name = next((name for name in candidates + guesses if name in self.names), None)
            if name:
                found.append((count - 1, count, name))
            elif candidates and not excused:
                self._miss(candidates, node)
        return found[::-1]

    def _longest(self, parts):
        for count in range(len(parts), 0, -1):
            for name in self._candidates(parts[:count]):
                if name in self.names:
                    return 0, count, name

    def _package(self, parts):
        """`parts` 的第一段来自四个包之一时，返回它的全名。"""
        full = self.imported.get(parts[0], "")
        return full if full.split(".")[0] in PACKAGES else None

    def _is_module(self, short):
        found = [entry["name"] for entry in self.objects.get(short, ())]
        return short in CONVENTIONS or (short.islower() and (not found or "module" in found))

    def _candidates(self, parts):
        """`parts` 确知的全名，可能不止一个（同一个方法，子类和父类各有一页），最直接的在前。"""
        found = []
        if full := self._package(parts):
            found.append(".".join([full, *parts[1:]]))
        entries = self.objects.get(".".join(parts), [])
        classes = [entry for entry in entries if entry["is_class"]]
        for entry in [entry for entry in classes if entry["name"] == classes[0]["name"]] or entries:
            itself = entry["is_class"] and entry["name"] == parts[-1]
            method = "." in entry["name"] and parts[-1] not in self.defined
            if itself or method:
                found += [f"{entry['module_short']}.{entry['name']}", f"{entry['module']}.{entry['name']}"]
        if len(parts) > 1 and not full and not self._rebound(parts):
            found += [f"{COMPILED[owner]}.{parts[-1]}" for owner in self._types(parts[:-1]) if owner in COMPILED]
        return [name for name in dict.fromkeys(found) if name.split(".")[0] in PACKAGES and "._" not in name]

    def _guesses(self, parts):
        """属性的全名，链得上才算。"""
        types = self._types(parts[:-1])
        # 没有记录的变量，和认不出的 C 类型（如计算图的节点，记作 builtins.AddBackward0）
        if all(re.match(r"builtins\.[A-Z](?!oneType)", name) for name in types):
            return [] if parts[0] in self.imported else self.names.methods(parts[-1])
        known = [f"{owner}.{parts[-1]}" for owner in types]
        return known + ([f"torch.Tensor.{parts[-1]}"] if self._rebound(parts) else [])

    def _types(self, parts):
        entries = self.objects.get(".".join(parts), [])
        return [f"{entry['module_short']}.{entry['name']}" for entry in entries if not entry["is_class"]]

    def _rebound(self, parts):
        """脚本结束时变量已经改作他用、没有这个属性：Sphinx-Gallery 记下的就是变量本身的类型。"""
        owner = self.objects.get(".".join(parts[:-1]))
        tensor = any(COMPILED.get(name) == "torch.Tensor" for name in self._types(parts[:-1]))
        return owner is not None and not tensor and owner == self.objects.get(".".join(parts))

    def _miss(self, candidates, node):
        if candidates:
            self.missing.append((candidates, node.line or node.parent.line))


def _definitions(sources):
    """(导入的名字 -> 全名, 本页定义的函数和类, 本页定义的一切名字)。"""
    imported, defined, own = {}, set(), set()
    for source in sources:
        try:
            tree = ast.parse(source)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            match node:
                case ast.Import():
                    for alias in node.names:
                        root = alias.name.split(".")[0]
                        imported[alias.asname or root] = alias.name if alias.asname else root
                case ast.ImportFrom(level=0):
                    imported |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
                case ast.FunctionDef() | ast.ClassDef():
                    defined.add(node.name)
                case ast.Name(ctx=ast.Store()):
                    own.add(node.id)
                case ast.arg():
                    own.add(node.arg)
    return imported, defined, own | defined


def _is_python(node):
    return isinstance(node, nodes.literal_block) and node.get("language", "").lower() in ("python", "python3", "py")


def _within(node, test):
    while node is not None:
        if test(node):
            return True
        node = node.parent
    return False


def _untouched(node):
    return isinstance(node, (nodes.title, nodes.reference)) or node.tagname in ("summary", "pending_xref")


def _legacy(node):
    return "legacy" in node.get("classes", ())


def collect(app, doctree):
    """读页时找出要链接的名字，记在节点的 ``api_links`` 里。"""
    env = app.env
    if not app.config.api_names_text:
        return
    path = Path(env.srcdir, f"{env.docname}.codeobj.json")
    objects = {}
    if path.is_file():
        objects = json.loads(path.read_text("utf-8"))
        env.note_dependency(str(path))
    blocks = list(doctree.findall(_is_python))
    page = Page(_names(app.config.api_names_text), [block.astext() for block in blocks], objects)
    for block in blocks:
        masked, position = [], 0
        for kind, text in PythonLexer(stripnl=False).get_tokens(block.astext()):
            if kind in Comment or kind in String:
                masked.append((position, position + len(text)))
            position += len(text)
        _mark(page, block, page.links(block.astext(), masked, node=block))
    for literal in doctree.findall(nodes.literal):
        if not _within(literal, _untouched):
            text = literal.astext()
            found = page.lone(text) or page.links(text, (), _within(literal, _legacy), literal)
            _mark(page, literal, found)
    store.page(env).api_used, store.page(env).api_missing = sorted(page.used), page.missing


def _mark(page, node, found):
    page.used |= {name for _, _, name in found}
    node["api_links"] = [link for link in found if page.names.url(link[2])]


def check(app, env):
    """报告缺的和多余的名字，并写进 api_names.json 供 tools/refresh_api_names.py 使用。"""
    names, pages = _names(app.config.api_names_text), store.pages(env)
    used = {name for page in pages.values() for name in page.api_used}
    missing = {}
    executed = app.config.sphinx_gallery_conf["plot_gallery"]  # 没有执行就不知道变量的类型，不作数
    for docname in sorted(pages):
        for candidates, line in pages[docname].api_missing:
            if candidates[0] not in missing and executed:
                log.warning(
                    "%s 应当链接到官方参考，但 docs/%s 里没有它：运行 make inventories，或照文件开头的说明加一行",
                    candidates[0], LIST, location=(docname, line),
                )  # fmt: skip
            missing[candidates[0]] = candidates
    wanted = used | {names.same[name] for name in used if name in names.same}
    unused = sorted((names.address.keys() | names.same.keys()) - wanted)
    if executed:
        for name in unused:
            log.warning("docs/%s 里的 %s 没有一页用到：运行 make inventories，或删去这一行", LIST, name)
    state = {"missing": dict(sorted(missing.items())), "unused": unused if executed else []}
    Path(app.doctreedir, "api_names.json").write_text(json.dumps(state, indent=1) + "\n", "utf-8")


class api_link(nodes.Inline, nodes.TextElement):
    """正文里的链接；`tag` 是开始标签。"""


class linked_code(nodes.General, nodes.Element):
    """一个代码块，`links` 是 [(起点, 终点, 开始标签), ...]：照常高亮，再插入链接，配色不变。"""


class DrawLinks(SphinxPostTransform):
    default_priority = 4
    formats = ("html",)

    def run(self):
        names, seen = _names(self.config.api_names_text), set()
        for node in list(self.document.findall(lambda node: isinstance(node, nodes.Element) and node.get("api_links"))):
            links = []
            for start, end, name in node["api_links"]:
                links.append((start, end, _start_tag(names.url(name), name, name in seen)))
                seen.add(name)
            if isinstance(node, nodes.literal):
                node.children = _split(node, links)
            else:
                wrapper = linked_code("", links=links)
                node.replace_self(wrapper)
                wrapper += node


def _start_tag(url, name, seen):
    """同一个名字在一页里会出现几十次：点哪一个都行，Tab 键只停在第一个。"""
    stop = ' tabindex="-1"' if seen else ""
    return f'<a class="api-link" href="{html.escape(url)}" title="{html.escape(name)}（英文参考）"{stop}>'


def _split(literal, links):
    text, position, children = literal.astext(), 0, []
    for start, end, tag in links:
        if start > position:
            children.append(nodes.Text(text[position:start]))
        children.append(api_link("", text[start:end], tag=tag))
        position = end
    if position < len(text):
        children.append(nodes.Text(text[position:]))
    for child in children:
        child.parent = literal
    return children


def insert(highlighted, links):
    """在高亮好的 HTML 里插入链接；起点和终点按源码的字符计，落在一个记号中间时取整个记号。"""
    links, pieces, position, end = list(links), [], 0, None
    for token in _TOKEN.finditer(highlighted):
        after = position + len(html.unescape(token[1] or token[2] or ""))
        if end is None and links and position <= links[0][0] < after:
            _, end, tag = links.pop(0)
            pieces.append(tag)
        pieces.append(token[0])
        position = after
        if end is not None and position >= end:
            pieces.append("</a>")
            end = None
    return "".join(pieces)


def visit_link(self, node):
    self.body.append(node["tag"])


def depart_link(self, node):
    self.body.append("</a>")


def visit_code(self, node):
    node["from"] = len(self.body)


def depart_code(self, node):
    self.body[node["from"] :] = [insert("".join(self.body[node["from"] :]), node["links"])]


def read_list(app, config):
    """清单的内容是一项配置：它变了，各页重读。没有清单的网站（测试用的小网站）不加链接，也不检查。"""
    path = Path(app.srcdir, LIST)
    if path.is_file():
        config.api_names_text = path.read_text("utf-8")
        _names(config.api_names_text)
