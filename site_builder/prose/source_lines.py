"""源文件一句一行：改一句话，差异里就只有那一行；grep 找得到每一个词。

用法：python -m site_builder.prose.source_lines [文件 ...]

看 examples/*.py 的文字格、docs/*.md 和两份说明里的正文。一行至多一句；长句只在“，；：”之后换行，不断在词、代码、
链接的中间。不合的逐条打印“文件:行: 说明”，退出码 1。标题、表格、代码、公式不看。
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

FILES = ("examples/*.py", "docs/*.md", "README.md", ".github/CONTRIBUTING.md")
#: 内容是文字的指令；别的指令里是代码、公式、目录。
PROSE = "note|tip|warning|important|admonition|seealso|dropdown|card|figure"
_CLOSERS = r"[”’）」》*_`]*"
_NEW_ITEM = re.compile(r"\s*(?:[-*+] |\d+\. |[|:] |\* - |\.\. |:[\w-]+:|#+ |>|!\[)")
_ASIDE = re.compile(r"``.+?``|`[^`]+`|\$[^$]+\$|“[^“”]*”|（[^（）]*）|\[[^][]*\](?:\([^)]*\))?")

#: 正文里的一行：(行号, 文字)。
Line = tuple[int, str]


def cells(source: str) -> Iterator[Line]:
    """示例里的文字：开头的文档字符串和 ``# %%`` 之后的注释，去掉 ``# ``；别的行给出空行。"""
    head, inside = True, False
    for number, line in enumerate(source.split("\n"), 1):
        inside = line.startswith("# %%") or (inside and line.startswith("#"))
        text = line.strip('"') if head else line[2:] if inside and not line.startswith("# %%") else ""
        head = head and not (number > 1 and line.endswith('"""'))
        yield number, text


def prose(lines: Iterable[Line]) -> Iterator[Line]:
    """去掉代码、公式和不是文字的指令；它们成为空行。"""
    fence, indent = "", -1  # 正在跳过的 Markdown 围栏；正在跳过的 reStructuredText 指令的缩进
    for number, line in lines:
        depth = len(line) - len(line.lstrip())
        if fence:
            fence, line = "" if line.strip() == fence else fence, ""
        elif indent >= 0 and (not line.strip() or depth > indent):
            line = ""
        elif opening := re.match(rf"\s*(`{{3,}}|~{{3,}}|:{{3,}}|\$\$|---$)(?!\{{(?:{PROSE})\b(?!-))(.*)", line):
            closed = (opening[1][0] == ":" and not opening[2]) or (opening[1] == "---" and number > 1)
            fence, line = "" if closed else opening[1], ""
        else:
            directive = re.match(rf"\s*\.\. (?!(?:{PROSE})::)[\w-]+::", line) or re.match(r"(?!\s*\.\. ).*::$", line)
            indent = depth if directive else -1
        yield number, line


def paragraphs(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """按段给出；每个列表项、表格行各是一段，标题与指令自成一段。"""
    paragraph: list[Line] = []
    for number, line in [*lines, (0, "")]:
        if re.match(r"[=\-^~\"]{3,}$", line):  # 上一行是标题
            paragraph = []
        elif paragraph and (not line.strip() or _NEW_ITEM.match(line)):
            yield paragraph
            paragraph = []
        if line.strip() and not re.match(r"\s*(\||#+ |:{3,}|`{3,})", line):
            paragraph.append((number, line.strip()))


def faults(paragraph: list[Line]) -> Iterator[tuple[int, str]]:
    """一段里不合的：(行号, 说明)。"""
    before = ""
    for place, (number, line) in enumerate(paragraph, 1):
        before += line
        if re.search(rf"[。！？]{_CLOSERS}\s*[^\s”’）」》*_`]", _ASIDE.sub("x", line)):
            yield number, f"这一行不止一句，在句号之后换行：{line[:40]}"
        if place < len(paragraph):
            if not re.search(rf"[。！？，；：]{_CLOSERS}$|[.:]$", line):
                yield number, f"断在句子中间，长句只在“，；：”之后换行：…{line[-30:]}"
            elif re.search(r"[`$]|\[[^]]*$", _ASIDE.sub("", before)):
                yield number, f"断在代码或链接的中间：…{line[-30:]}"


def check(file: Path) -> list[str]:
    """`file` 里不合的行：["文件:行: 说明", ...]。"""
    source = file.read_text("utf-8")
    lines = cells(source) if file.suffix == ".py" else enumerate(source.split("\n"), 1)
    found = [fault for paragraph in paragraphs(prose(lines)) for fault in faults(paragraph)]
    return [f"{file.as_posix()}:{number}: {advice}" for number, advice in found]


def main(names: list[str]) -> int:
    files = [Path(name) for name in names] or sorted(path for pattern in FILES for path in Path().glob(pattern))
    found = [line for file in files for line in check(file)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
