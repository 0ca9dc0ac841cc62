"""中文标题的锚点由标题本身得来：docutils 会给出 id1、id2，改一处就全变。"""

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform


class NameAfterTitle(SphinxTransform):
    """每个中文标题的节，锚点换成标题；MyST 记下的缩略也跟着换，``页.md#小节`` 才落得准。"""

    default_priority = 240

    def apply(self) -> None:
        slugs = self.env.metadata[self.env.docname].get("myst_slugs", {})
        for section in self.document.findall(nodes.section):
            title = section.next_node(nodes.title)
            if title is None or title.parent is not section or not section["ids"]:
                continue
            old, new = section["ids"][0], self._free(title.astext())
            if not new or not re.fullmatch(r"(id|section-)\d+|[a-z0-9-]+", old):
                continue
            section["ids"][0] = new
            self.document.ids[new] = self.document.ids.pop(old, section)
            for name, identifier in self.document.nameids.items():
                if identifier == old:
                    self.document.nameids[name] = new
            for slug, (line, identifier, text) in list(slugs.items()):
                if identifier == old:
                    slugs[slug] = (line, new, text)

    def _free(self, title: str) -> str:
        """由标题得来、还没有用过的锚点；没有汉字的标题用原来的，返回空字符串。"""
        if not re.search(r"[\u4e00-\u9fff]", title):
            return ""
        slug = base = re.sub(r"[^\w]+", "-", title).strip("-").lower()
        count = 1
        while slug in self.document.ids:
            count += 1
            slug = f"{base}-{count}"
        return slug
