"""检查用词：一个术语只用一种译法，以 docs/glossary.md 为准。

用法：python tools/check_terms.py [项目的文件夹]

看 examples/*.py 的文字格、注释和字符串里的中文，docs/*.md 和 README.md。不合的逐条打印“文件:行: 该怎么写”，
退出码 1；没有就是 0。依据有四：

- 术语表附注里写着作“某某”的，是别处的译法，这里不用；
- ``RULES``：错译和错字，有的要看上下文；
- “中文（English）”里的英文若是术语表的，中文必须是那一条的译法；
- 术语表里有中文的英文词，不直接写进句子（SGD 一类的缩写除外）。

不看的：代码和公式，链接的地址，引号里单独的一个词（“汇聚”是在谈论这个词），class 为 legacy 的提示，
以及 ``ALLOWED`` 里的话。现成的 autocorrect 只管空格和标点，不管译法。
"""

import re
import sys
from pathlib import Path

#: (正则式, 应写作, 为什么)
RULES = [
    ("您", "你", "全站用“你”"),
    ("帝都", "梯度", "错字"),
    (r"数据及(?!其)", "数据集", "错字"),
    ("类标", "标签", "不通行的译法"),
    ("缓存器", "缓冲区", "不通行的译法"),
    ("自动梯度", "自动微分", "autograd 是名字，不译"),
    ("后馈|反馈传播", "反向传播", "不通行的译法"),
    ("前馈传播|前馈过程", "前向传播", "“前馈”只用于前馈神经网络"),
    ("非循环图|(?<!有向)无环图", "有向无环图", "漏了“有向”"),
    ("雅可比向量积|雅可比积向量", "向量-雅可比积（VJP）或雅可比-向量积（JVP）", "两者是不同的运算"),
    ("雅克比|雅各比", "雅可比", "人名只用一种译法"),
    (
        r"正则化(?=到|成|为|至|（norm)|(?:图片|图像|照片|像素|输入|数据|通道)[^，。；：]{0,6}正则化|均值[^。]{0,20}正则化",
        "归一化",
        "这里说的是 normalization；正则化是 regularization",
    ),
    (r"(?:测试|训练|验证|分类|预测|识别|模型)(?:集上)?的?精度", "准确率", "精度另指 precision 和浮点数的位数"),
    (r"(?:模型|网络|做|进行|用于)推断|推断(?=时|阶段|模式)", "推理", "inference 在这里指用模型作预测"),
    (r"权重(?:和|与|、)偏差|偏差(?=项|参数|（bias)", "偏置", "bias 参数"),
    (r"梯度[^，。；：]{0,4}(?:累加|累计)", "累积", "梯度用“累积”"),
]
#: (文件, 话, 理由)
ALLOWED = [
    ("docs/glossary.md", "本站的“步长”只指", "说明两种“步长”的区别"),
    ("examples/autograd_automatic_differentiation.py", "有限差分能检验梯度，但步长要挑", "有限差分的步长 h，不是步幅"),
    ("examples/autograd_automatic_differentiation.py", 'xlabel="步长 h"', "有限差分的步长 h，不是步幅"),
    ("docs/install.md", "内核（kernel）", "Jupyter 的内核，不是卷积核"),
    ("examples/optional_data_parallelism.py", "状态字典里多出 module 前缀", "module 是键名里的字"),
]
#: Markdown 里这些指令的内容不是文字。
NOT_PROSE = re.compile(
    r"^\s*(`{3,}|~{3,})(?!\s*\{(?:note|tip|warning|important|admonition|seealso|dropdown|card\b(?!-)|figure))"
)


def main(root):
    findings = check(Path(root))
    print(*findings, sep="\n", end="\n" if findings else "")
    return 1 if findings else 0


def check(root):
    """返回 ["文件:行: 说明", ...]。"""
    names, rules = vocabulary((root / "docs/glossary.md").read_text("utf-8"))
    findings = []
    for path in [*sorted(root.glob("examples/*.py")), *sorted(root.glob("docs/*.md")), *root.glob("README.md")]:
        file, text = path.relative_to(root).as_posix(), path.read_text("utf-8")
        paragraphs = script_paragraphs(text) if path.suffix == ".py" else markdown_paragraphs(text)
        for lines, english_too in paragraphs:
            whole, numbers = join(lines)
            for allowed_file, words, _ in ALLOWED:
                if allowed_file == file:
                    whole = whole.replace(words, "　" * len(words))
            found = [*misused(whole, rules), *(misnamed(whole, names) if english_too else [])]
            findings += [(file, numbers[start], words, advice) for start, words, advice in found]
    return [f"{file}:{line}: “{words}”写作{advice}" for file, line, words, advice in sorted(set(findings))]


def vocabulary(glossary):
    """由术语表得到 ({小写英文: 译法的集合}, [(正则式, 说明), ...])。"""
    names, rules = {}, [(pattern, f"“{right}”：{why}") for pattern, right, why in RULES]
    terms = re.findall(r"^([^（\n]+)（([^\n]+)）\n((?::.+\n?)+)", glossary, re.M)
    everything = [name for name, _, _ in terms]
    for name, gloss, body in terms:
        for english in [name, *gloss.split("、")]:
            if english.isascii():
                names.setdefault(english.lower(), set()).update({name, gloss} if name.isascii() else {name})
        for run in re.findall("作((?:“[^”]+”、?)+)", body):
            for other in re.findall("“([^”]+)”", run):
                # 别的术语里含有这个词时不算
                longer = [re.escape(t) for t in everything if other in t]
                rules.append(("".join(f"(?!{t})" for t in longer) + re.escape(other), f"“{name}”：见术语表"))
    return names, rules


def misused(text, rules):
    for pattern, advice in rules:
        for match in re.finditer(pattern, text):
            if not (text[: match.start()].endswith("“") and text[match.end() :].startswith("”")):
                yield match.start(), match[0], advice


def misnamed(text, names):
    """“中文（English）”的译法不对，或者句子里直接写了英文。"""
    for match in re.finditer(r"([\u4e00-\u9fff-]+) ?（([A-Za-z][^（），、]*)", text):
        right = names.get(match[2].strip().lower())
        if right and not match[1].removesuffix("的").endswith(tuple(right)):
            yield match.start(), f"{match[1][-6:]}（{match[2]}", f"“{'”或“'.join(sorted(right))}”：见术语表"
    outside = re.sub("（[^（）]*）|“[^“”]*”|《[^》]*》", lambda match: "　" * len(match[0]), text)
    longest_first = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    for match in re.finditer(rf"(?<![\w.-])(?:{longest_first})(?![\w.(=-])", outside, re.I):
        right = names[match[0].lower()]
        if not match[0].isupper() and match[0].lower() not in right:
            yield match.start(), match[0], f"“{'”或“'.join(sorted(right))}”：有中文译法"


def join(lines):
    """把 [(行号, 文字), ...] 接成一段，两个汉字之间的换行不留空格；另给出每个字的行号。"""
    whole, numbers = "", []
    for number, line in lines:
        line = line.strip()
        gap = "" if not whole or (re.search(r"[^\x00-\x7f]$", whole) and re.match(r"[^\x00-\x7f]", line)) else " "
        whole += gap + line
        numbers += [number] * (len(gap) + len(line))
    return whole, numbers


def script_paragraphs(source):
    """示例里的文字格按段给出；代码行里的中文（注释、字符串）逐行给出，不查英文。"""
    cells, code, in_cell = [], [], False
    lines = source.split("\n")
    end = next(i for i, line in enumerate(lines) if i and line.startswith('"""'))
    cells += [(i + 1, line) for i, line in enumerate(lines[1:end], 1)]
    for number, line in enumerate(lines[end + 1 :], end + 2):
        in_cell = line.startswith("# %%") or (in_cell and line.startswith("#") and "sphinx_gallery" not in line)
        if in_cell:
            cells.append((number, "" if line.startswith("# %%") else line[2:]))
        else:
            code.append((number, line))
    for paragraph in split(drop_blocks(cells)):
        yield [(number, strip_rst(line)) for number, line in paragraph], True
    for number, line in code:
        yield [(number, line)], False


def drop_blocks(lines):
    """去掉公式、代码等指令，和 class 为 legacy 的提示（连同缩进的内容）。"""
    kept, block = [], None
    for i, (number, line) in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if block is not None and (not line.strip() or indent > block):
            continue
        block = None
        directive = re.match(r"\s*\.\. ([\w-]+)::", line)
        if directive:
            legacy = i + 1 < len(lines) and ":class: legacy" in lines[i + 1][1]
            if legacy or directive[1] in ("math", "code-block", "raw", "literalinclude", "image", "figure"):
                block = indent
                continue
        kept.append((number, line))
    return kept


def strip_rst(line):
    line = re.sub(r"``.*?``|:math:`.*?`", "　", line)
    line = re.sub(r":\w+:`([^`<]*)(?:<[^>]*>)?`", r"\1", line)
    return strip_marks(re.sub(r"`([^`<]*)<[^>]*>`__?", r"\1", line))


def strip_marks(line):
    return re.sub(r"https?://\S+", "　", line).replace("*", "")


def markdown_paragraphs(text):
    lines, fence, colons = [], None, None
    source = text.split("\n")
    for number, line in enumerate(source, 1):
        if fence:
            fence = None if line.strip().startswith(fence) and not line.strip(" `~") else fence
            line = ""
        elif colons:
            colons = None if line.strip() == colons else colons
            line = ""
        elif NOT_PROSE.match(line):
            fence, line = NOT_PROSE.match(line)[1], ""
        elif re.match(r"(:{3,}|`{3,})\{", line) and number < len(source) and ":class: legacy" in source[number]:
            colons, line = re.match(":+|`+", line)[0], ""
        line = re.sub(r"(`+)(?!`).*?[^`]\1(?!`)|\$[^$]+\$", "　", line)
        line = re.sub(r"\]\([^)]*\)", "]", line)
        lines.append((number, strip_marks(line)))
    for paragraph in split(lines):
        yield paragraph, True


def split(lines):
    """空行分段；列表项、表格行各自成段。"""
    paragraph = []
    for number, line in lines:
        if paragraph and (not line.strip() or re.match(r"\s*([-*|:]|\d+\.) ?", line)):
            yield paragraph
            paragraph = []
        if line.strip():
            paragraph.append((number, line))
    if paragraph:
        yield paragraph


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
