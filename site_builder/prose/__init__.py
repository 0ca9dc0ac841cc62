"""页面读进来：换行与锚点、折叠与常见错误、术语、公式、会执行的卡片。"""

from sphinx.application import Sphinx

from site_builder import nodes
from site_builder.prose import anchors, boundaries, cards, folds, glossary, lines, mathematics, pitfalls, terms


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("builder-inited", lines.allow_adjacent_markup)
    app.add_transform(boundaries.DropUnmadePictures)
    app.add_transform(anchors.NameAfterTitle)
    app.add_transform(folds.MarkTitles)
    app.add_transform(folds.MarkCells)
    app.add_transform(lines.JoinChineseLines)

    app.connect("doctree-read", boundaries.check)

    app.add_node(nodes.fold, html=(folds.visit_fold, folds.depart_fold))
    app.add_node(nodes.summary, html=(folds.visit_summary, folds.depart_summary))
    app.add_node(nodes.drawing_code, html=(folds.visit_fold, folds.depart_fold))
    app.add_node(nodes.drawing, html=(folds.visit_drawing, folds.depart_drawing))
    app.add_node(nodes.drawing_caption, html=(folds.visit_caption, folds.depart_caption))

    app.add_node(pitfalls.pitfall_index)
    app.add_directive("common-errors", pitfalls.CommonErrors)
    app.connect("doctree-read", pitfalls.collect)
    app.connect("doctree-resolved", pitfalls.fill_index)

    app.add_node(glossary.glossary_link, html=(glossary.visit_link, glossary.depart_link))
    app.add_config_value("terms_entries", (), "env", [tuple])
    app.connect("config-inited", terms.load)
    app.connect("doctree-read", terms.check)
    app.connect("doctree-read", glossary.collect)
    app.connect("env-get-outdated", glossary.outdated)
    app.connect("doctree-resolved", glossary.link)
    app.connect("html-page-context", glossary.add_files)

    app.add_html_math_renderer("katex", (mathematics.visit, None), (mathematics.visit, None))
    app.connect("builder-inited", mathematics.copy_style)
    app.connect("doctree-read", mathematics.collect)
    app.connect("env-updated", mathematics.render)

    app.add_node(cards.card_output)
    app.add_node(cards.card_link)
    app.add_directive("card-prelude", cards.CardPrelude)
    app.add_directive("card-code", cards.CardCode)
    app.connect("builder-inited", cards.start, priority=50)  # 在执行示例之前
    app.connect("doctree-read", cards.collect)
    app.connect("env-updated", cards.execute)
    app.connect("doctree-resolved", cards.resolve)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
