"""按官方目录更新 docs/api_names.txt，让它恰好是网站用到的名字。

用法：python -m site_builder.api.refresh [--check]

从四个项目各下载一份目录（Sphinx 的 objects.inv），核对清单里的每个地址；上一次构建报告的缺少和多余的名字
（build/doctrees/api_names.json）一并增删。``--check`` 只比较，有出入时返回 1。没有网络时只列出上一次构建的报告，
返回 1，不改任何文件。
"""

import argparse
import json
import re
import sys
import urllib.request
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "docs/api_names.txt"
STATE = ROOT / "build/doctrees/api_names.json"
TIMEOUT = 30


class Project:
    """清单里的一段：`names` 是 {名字: (类别, 地址)}，`same` 是 {名字: 代替它的名字}。"""

    def __init__(self, package, base):
        self.package, self.base = package, base
        self.names, self.same = {}, {}

    def text(self):
        names = [f"{role} {name} {place}" for name, (role, place) in sorted(self.names.items())]
        same = [f"{name} = {other}" for name, other in sorted(self.same.items())]
        return "\n".join([f"@ {self.package} {self.base}", *names, *same]) + "\n"


def read(text):
    """返回 (开头的说明, [Project, ...])。"""
    head, _, body = text.partition("\n@ ")
    projects = []
    for line in f"@ {body}".splitlines():
        match line.split():
            case ["@", package, base]:
                projects.append(Project(package, base))
            case [name, "=", other]:
                projects[-1].same[name] = other
            case [role, name, place]:
                projects[-1].names[name] = (role, place)
    return head, projects


def download(base):
    """返回一个项目的目录：({名字: {类别: 地址}}, {整页的地址})。"""
    request = urllib.request.Request(f"{base}objects.inv", headers={"User-Agent": "Mozilla/5.0 (objects.inv)"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        data = response.read()
    if not data.startswith(b"# Sphinx inventory version 2"):
        raise ValueError("不是第 2 版的 objects.inv")
    names, pages = {}, set()
    for line in zlib.decompress(data.split(b"\n", 4)[4]).decode().splitlines():
        name, role, _, place, _ = re.fullmatch(r"(.+?) +(\S+) +(-?\d+) +(\S*) +(.*)", line).groups()
        if place.endswith("$"):
            place = place[:-1] + name
        if role == "std:doc":
            pages.add(place)
        elif role.startswith("py:"):
            names.setdefault(name, {})[role] = place.replace(name, "$")
    return names, pages


def refresh(project, names, pages, missing, unused):
    """照目录改写 `project`；返回 (改动, 还要人来决定的)。`names` 与 `pages` 来自 `download`。"""
    changes, problems = [], []
    for name, entry in list(project.names.items()):
        role, place = entry
        if name in unused:
            del project.names[name]
            changes.append(f"删去 {name}：没有一页用到")
        elif role == "std:doc":
            if place not in pages:
                problems.append(f"{name}：官方已没有 {place} 这一页")
        elif name not in names:
            problems.append(f"{name}：官方目录里已没有它，改用别的名字，或写成 {name} = 相近的名字")
        else:
            role = role if role in names[name] else min(names[name])
            project.names[name] = role, names[name][role]
            if project.names[name] != entry:
                changes.append(f"{name}：{' '.join(entry)} 改为 {' '.join(project.names[name])}")
    for name in list(project.same):
        if name in unused:
            del project.same[name]
            changes.append(f"删去 {name}：没有一页用到")
        elif name in names and project.same[name] in ("-", *names):
            problems.append(f"{name}：官方目录里已有它，可以删去“{name} = {project.same[name]}”再运行一次")
    for wanted, candidates in missing.items():
        found = next((name for name in candidates if name in names), None)
        if found:
            project.names[found] = min(names[found].items())
            changes.append(f"增加 {found}")
        else:
            problems.append(f"{wanted}：官方目录里没有，请手写一行 {wanted} = 相近的名字（或 = -，不链接）")
    return changes, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="只比较，不改文件")
    parser.add_argument("--list", type=Path, default=LIST, help="清单")
    parser.add_argument("--state", type=Path, default=STATE, help="上一次构建的报告")
    options = parser.parse_args()

    state = {"missing": {}, "unused": []}
    if options.state.is_file():
        state = json.loads(options.state.read_text("utf-8"))
    head, projects = read(options.list.read_text("utf-8"))
    changes, problems = [], []
    for project in projects:
        try:
            names, pages = download(project.base)
        except (OSError, ValueError, zlib.error) as error:
            for title, found in (("缺少", state["missing"]), ("多余", state["unused"])):
                print(f"上一次构建：{title} {len(found)} 个名字", *found, sep="\n  ")
            sys.exit(f"错误：取不到 {project.base}objects.inv（{error}）。清单没有改动；连上网络再运行一次。")
        missing = {name: found for name, found in state["missing"].items() if name.split(".")[0] == project.package}
        new = refresh(project, names, pages, missing, state["unused"])
        changes, problems = changes + new[0], problems + new[1]
    for line in changes:
        print(line)
    for line in problems:
        print(f"要改：{line}")
    if options.check:
        sys.exit(1 if changes or problems else 0)
    options.list.write_text(head + "\n" + "\n".join(project.text() for project in projects), "utf-8")
    print(f"{options.list.name}：{len(changes)} 处改动，{len(problems)} 处要人来改。")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
