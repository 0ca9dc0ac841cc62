"""脚本执行：次序、执行、沿用上一次的结果、图。"""

from sphinx.application import Sphinx

from site_builder.gallery import order, patches, run


def setup(app: Sphinx) -> dict[str, object]:
    app.add_config_value("tutorials", [], "env", [list])
    app.add_config_value("execute_first", [], "", [list])  # 最慢的先执行，另一个进程同时做别的
    app.add_config_value("execute_only", [], "", [list])
    app.add_config_value("example_seconds", 1800, "", [int])
    app.add_config_value("hands_out", {}, "env", [dict])
    patches.leave_matplotlib()
    app.connect("config-inited", order.check, priority=5)
    app.connect("builder-inited", run.execute, priority=100)  # 在 Sphinx-Gallery 之前
    return {"version": "2", "parallel_read_safe": True, "parallel_write_safe": True}
