"""脚本执行：次序、执行、沿用上一次的输出、图。"""

from sphinx.application import Sphinx
from sphinx_gallery import gen_gallery

from site_builder.gallery import order, run


def setup(app: Sphinx) -> dict[str, object]:
    # Sphinx-Gallery 每次启动都导入 matplotlib（近一秒）；这里示例都在工作进程里执行，用到时由 reset 导入
    gen_gallery._import_matplotlib = lambda: None
    app.add_config_value("tutorials", [], "env", [list])
    app.connect("config-inited", order.check, priority=5)
    app.connect("builder-inited", run.start_no_workers_for_nothing, priority=100)
    app.connect("doctree-read", run.missing_output)
    app.connect("build-finished", run.mark_finished, priority=1000)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
