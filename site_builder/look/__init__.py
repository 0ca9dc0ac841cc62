"""页面穿戴好：教程的门面与卡片、去哪里、网页的头、正文的样子、样式与脚本、编辑链接。"""

from sphinx.application import Sphinx

from site_builder.look import assets, body, edit_links, head, mark, navigation, page, share, tutorial_cards

#: 全站的样式和各自的次序，与 conf.py 的 html_css_files 合成一个文件。
STYLES = {"tokens.css": 700, "code.css": 710, "print.css": 900}


def setup(app: Sphinx) -> dict[str, object]:
    for style, priority in STYLES.items():
        app.add_css_file(style, priority=priority)
    app.add_node(tutorial_cards.tutorial_card)
    app.add_node(tutorial_cards.tutorial_start)
    app.add_directive("tutorial-cards", tutorial_cards.TutorialCards)
    app.add_directive("tutorial-start", tutorial_cards.TutorialStart)
    app.connect("source-read", tutorial_cards.drop_thumbnails)
    app.connect("doctree-read", page.dress)
    app.connect("doctree-resolved", tutorial_cards.fill)

    app.connect("env-updated", navigation.arrange)
    app.connect("env-updated", assets.rewrite_when_styles_change)
    app.connect("html-page-context", navigation.withhold_toctree, priority=400)  # 在 furo 之前
    app.connect("html-page-context", navigation.add)
    app.connect("html-page-context", mark.add)
    app.connect("html-page-context", share.add, priority=400)  # 在 sphinxext.opengraph 之前
    app.connect("html-page-context", edit_links.add)
    app.connect("html-page-context", head.describe)
    # 别的扩展都加完样式、脚本以后
    app.connect("html-page-context", body.dress, priority=900)
    app.connect("html-page-context", head.add_policy, priority=950)
    app.connect("build-finished", head.write_headers)
    app.connect("build-finished", head.write_sitemap)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
