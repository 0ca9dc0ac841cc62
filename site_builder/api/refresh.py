"""按官方目录更新 docs/api_names.txt，让它恰好是网站用到的名字。

用法：python -m site_builder.api.refresh [--check]

从四个项目各下载一份目录（Sphinx 的 objects.inv），核对清单里的每个地址；上一次构建报告的缺少和多余的名字
（build/doctrees/html/api_names.json）一并增删。``--check`` 只比较，有出入时返回 1。没有网络时只列出上一次构建的报告，
返回 1，不改任何文件。
"""

import argparse
import json
import posixpath
import sys
import urllib.request
import zlib
from pathlib import Path

from sphinx.util.inventory import InventoryFile

from site_builder.api.names import REPORT, Project, read
from site_builder.cache import Cache

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 30
#: 构建把报告写在那里（`names.check`）。
STATE = ROOT / Cache("html").doctrees / REPORT

#: 官方目录：{名字: {类别: 地址}}；整页在类别 std:doc 里。
Inventory = dict[str, dict[str, str]]


def download(base: str) -> Inventory:
    """取一个项目的目录；取不到时抛出 OSError，不是目录时抛出 ValueError 或 zlib.error。"""
    request = urllib.request.Request(f"{base}objects.inv", headers={"User-Agent": "Mozilla/5.0 (objects.inv)"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        found = InventoryFile.load(response, "", posixpath.join)
    inventory: Inventory = {}
    for role in [role for role in found if role.startswith("py:") or role == "std:doc"]:
        for name, item in found[role].items():
            name = item.uri if role == "std:doc" else name  # 清单里整页的名字是模块的名字，要按地址查
            inventory.setdefault(name, {})[role] = item.uri.replace(name, "$")
    return inventory


def refresh(
    project: Project, inventory: Inventory, missing: dict[str, list[str]], unused: list[str]
) -> tuple[list[str], list[str]]:
    """照目录改写 `project`；返回 (改动, 还要人来决定的)。`missing` 是 {名字: 可能的全名}。"""
    changes, problems = [], []
    for name, entry in list(project.names.items()):
        role, place = entry
        found = {role: place for role, place in inventory.get(name, {}).items() if role != "std:doc"}
        if name in unused:
            del project.names[name]
            changes.append(f"删去 {name}：没有一页用到")
        elif role == "std:doc":
            if role not in inventory.get(place, {}):
                problems.append(f"{name}：官方已没有 {place} 这一页")
        elif role == "=":
            if found and place in ("-", *inventory):
                problems.append(f"{name}：官方目录里已有它，可以删去“{name} = {place}”再运行一次")
        elif not found:
            problems.append(f"{name}：官方目录里已没有它，改用别的名字，或写成 {name} = 相近的名字")
        else:
            role = role if role in found else min(found)
            project.names[name] = role, found[role]
            if project.names[name] != entry:
                changes.append(f"{name}：{' '.join(entry)} 改为 {' '.join(project.names[name])}")
    for wanted, candidates in missing.items():
        if name := next((name for name in candidates if name in inventory), ""):
            project.names[name] = min(inventory[name].items())
            changes.append(f"增加 {name}")
        else:
            problems.append(f"{wanted}：官方目录里没有，请手写一行 {wanted} = 相近的名字（或 = -，不链接）")
    return changes, problems


def main() -> None:
    parser = argparse.ArgumentParser(description="按官方目录更新 docs/api_names.txt")
    parser.add_argument("--check", action="store_true", help="只比较，不改文件")
    parser.add_argument("--list", type=Path, default=ROOT / "docs/api_names.txt", help="清单")
    parser.add_argument("--state", type=Path, default=STATE, help="上一次构建的报告")
    options = parser.parse_args()

    state = json.loads(options.state.read_text("utf-8")) if options.state.is_file() else {"missing": {}, "unused": []}
    head, projects = read(options.list.read_text("utf-8"))
    changes: list[str] = []
    problems: list[str] = []
    for project in projects:
        try:
            inventory = download(project.base)
        except (OSError, ValueError, zlib.error) as error:
            for title, found in (("缺少", state["missing"]), ("多余", state["unused"])):
                print(f"上一次构建：{title} {len(found)} 个名字", *found, sep="\n  ")
            sys.exit(f"错误：取不到 {project.base}objects.inv（{error}）。清单没有改动；连上网络再运行一次。")
        missing = {name: found for name, found in state["missing"].items() if name.split(".")[0] == project.package}
        new = refresh(project, inventory, missing, state["unused"])
        changes, problems = changes + new[0], problems + new[1]
    print(*changes, *(f"要改：{line}" for line in problems), sep="\n")
    if options.check:
        sys.exit(1 if changes or problems else 0)
    options.list.write_text(head + "\n" + "\n".join(project.text() for project in projects), "utf-8")
    print(f"{options.list.name}：{len(changes)} 处改动，{len(problems)} 处要人来改。")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
