"""页面穿戴好：教程的门面与卡片、主题、样式与脚本、安全策略、编辑链接。"""

from sphinx.application import Sphinx

from site_builder.look import assets, edit_links, page, policy, theme, tutorial_cards


def setup(app: Sphinx) -> dict[str, object]:
    app.add_node(tutorial_cards.tutorial_card)
    app.add_directive("tutorial-cards", tutorial_cards.TutorialCards)
    app.connect("source-read", tutorial_cards.drop_thumbnails)
    app.connect("doctree-read", page.dress)
    app.connect("doctree-resolved", tutorial_cards.fill)

    app.connect("builder-inited", theme.install)
    app.connect("env-updated", assets.rewrite_when_styles_change)
    app.connect("html-page-context", theme.describe)
    app.connect("html-page-context", edit_links.add)
    # 别的扩展都加完样式、脚本以后
    app.connect("html-page-context", assets.trim, priority=900)
    app.connect("html-page-context", policy.add_policy, priority=950)
    app.connect("build-finished", policy.write_headers)
    app.connect("build-finished", theme.check)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
