"""README.md 不在网站里，它的用词在这里照网站的规矩检查：python -m site_builder.prose，有不合的退出码 1。"""

import sys
from pathlib import Path

from docutils.core import publish_doctree
from myst_parser.parsers.docutils_ import Parser

from site_builder.prose.terms import Terms, entries, findings

FILE = "README.md"

terms = Terms(entries(Path("docs/glossary.md").read_text("utf-8")))
tree = publish_doctree(Path(FILE).read_text("utf-8"), parser=Parser(), settings_overrides={"report_level": 5})
found = [f"{FILE}:{node.line}: {advice}" for node, advice in findings(tree, terms, FILE)]
sys.exit("\n".join(found) or 0)
