"""设了 REPO_URL 时，每页末尾有“编辑此页”“指出错误”；没有设就什么也没有。

furo 自带的编辑按钮指向 docs/tutorials/*.rst，那是生成的文件；教程的源文件是 examples/*.py。
"""

from typing import Any
from urllib.parse import urlencode

from docutils import nodes
from sphinx.application import Sphinx


def source_file(app: Sphinx, pagename: str) -> str | None:
    """页面的源文件（相对仓库），没有的（搜索页、404）返回 None。"""
    gallery, _, name = pagename.rpartition("/")
    if gallery == app.config.sphinx_gallery_conf["gallery_dirs"]:
        return "examples/GALLERY_HEADER.rst" if name == "index" else f"examples/{name}.py"
    return f"docs/{pagename}.md" if pagename in app.env.found_docs else None


def add(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """给模板 ``edit_url`` 和 ``report_url``。"""
    repository, source = app.config.html_context["repo_url"], source_file(app, pagename)
    if not repository or not source:
        return
    query = urlencode(
        {
            "title": f"指出错误：{context.get('title', pagename)}",
            "body": f"页面：{pagename}.html\n源文件：{source}\n\n哪一句话（请粘贴）：\n\n你原来以为会怎样：\n",
        }
    )
    context["edit_url"] = f"{repository}/edit/main/{source}"
    context["report_url"] = f"{repository}/issues/new?{query}"
