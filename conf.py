"""Sphinx 的配置：名字与选择，从上往下读即可，没有逻辑。"""

import importlib.metadata
import os
import sys
from urllib.parse import urlparse

sys.path.insert(0, os.path.abspath("."))

# -- 站点 ---------------------------------------------------------------------

project = "PyTorch 中文入门教程"
author = "本项目的贡献者"
copyright = "2026，本项目的贡献者"
language = "zh_CN"
locale_dirs = ["locales"]

# 公开发布时由 CI 设定；空着就没有规范网址、站点地图、编辑链接和按钮。
SITE_URL = os.environ.get("SITE_URL", "").rstrip("/")
REPO_URL = os.environ.get("REPO_URL", "").rstrip("/")

# 教程的次序只写在这里；examples/ 里多一篇或少一篇都是错误（site_builder/gallery/order.py）。
tutorials = [
    "what_is_pytorch",
    "autograd_automatic_differentiation",
    "neural_networks",
    "training_a_classifier",
    "optional_data_parallelism",
]

# -- 扩展：先是现成的，后是本项目的，按一页经过的次序（site_builder/，一个文件夹一步） ------

extensions = [
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "sphinx_reredirects",
    "notfound.extension",
    *(["sphinxext.opengraph"] if SITE_URL else []),
    "site_builder.store",
    "site_builder.gallery",
    "site_builder.prose",
    "site_builder.api",
    "site_builder.explorables",
    "site_builder.search",
    "site_builder.look",
    "site_builder.downloads",
]

# -- 源文件 -------------------------------------------------------------------

exclude_patterns = ["_*", "tutorials/*.ipynb", "tutorials/*.py", "sg_execution_times.rst"]
templates_path = ["docs/_templates"]
nitpicky = True
suppress_warnings = ["sphinx_gallery.space_in_filename"]  # 目录名里的空格不碍事，测试里就有

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_block", "substitution"]
myst_substitutions = {name: importlib.metadata.version(name) for name in ["torch", "torchvision"]}
myst_heading_anchors = 3

# -- 画廊：examples/ 里的脚本在构建时执行 -----------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "tutorials",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "site_builder.gallery.order.position",
    "image_scrapers": (),  # 图由执行示例的进程收（site_builder/gallery/figures.py）
    "image_srcset": ["2x"],
    "reset_modules": (),
    "capture_repr": (),
    "remove_config_comments": True,
    "min_reported_time": 10**6,
    "show_signature": False,
    "write_computation_times": False,
    "copyfile_regex": "",
    "download_all_examples": False,
}

# 每个示例一个新的进程；最慢的先执行，最多跑半小时。
execute_first = ["training_a_classifier"]
example_seconds = 1800
# 示例里的变量，内容作为文件供人下载：{示例: {变量: 文件名}}
hands_out = {"optional_data_parallelism": {"train_ddp": "train_ddp.py"}}

# -- 网页 ---------------------------------------------------------------------

html_theme = "furo"
html_title = project
html_static_path = ["docs/_static"]
html_css_files = ["katex/katex.min.css", "site.css", "api_links.css", "cheatsheet.css"]
html_js_files = [("reading.js", {"defer": "defer"})]
html_baseurl = f"{SITE_URL}/" if SITE_URL else ""
html_copy_source = False
html_use_index = False
html_math_renderer = "katex"
pygments_style = "a11y-high-contrast-light"  # 只用在电子书里，网页的在 tokens.css

# -- 跳转：画廊的首页与本站的首页重复；原站的网址 ------------------------------------------

redirects = {
    "tutorials/index": "../index.html",
    "what-is-pytorch": "tutorials/what_is_pytorch.html",
    "autograd-automatic-differentiation": "tutorials/autograd_automatic_differentiation.html",
    "neural-networks": "tutorials/neural_networks.html",
    "training-a-classifier": "tutorials/training_a_classifier.html",
    "optional-data-parallelism": "tutorials/optional_data_parallelism.html",
}
redirect_html_template_file = "_templates/redirect.html"

# -- 404 页、分享卡片 -------------------------------------------------------------

notfound_urls_prefix = urlparse(f"{SITE_URL}/").path
notfound_context = {"title": "没有这一页"}  # 正文在 docs/_templates/not_found.html
ogp_site_url = html_baseurl
# 画在 site_builder/look/share.py：首页的一幅给没有自己的图的页面用
ogp_image = "_static/share/index.png"
ogp_custom_meta_tags = [
    '<meta property="og:image:width" content="1200" />',
    '<meta property="og:image:height" content="630" />',
    '<meta name="twitter:card" content="summary_large_image" />',
]

# -- 站外链接：每周核对一次（make linkcheck） -----------------------------------------

linkcheck_retries = 3
linkcheck_timeout = 20

# -- 每页的“编辑此页”“指出错误” -----------------------------------------------------

html_context = {"repo_url": REPO_URL}
