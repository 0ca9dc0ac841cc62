"""教程的次序：按 conf.py 里的 ``tutorials`` 排；examples/ 与它对不上时停止构建。

Sphinx-Gallery 自带的 ExplicitOrder 会把不认识的文件报成一句英文，也不管少了文件的情形。
"""

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

_order: list[str] = []


def position(filename: str) -> int:
    """返回 `filename` 在次序里的位置，供 Sphinx-Gallery 排序。"""
    return _order.index(Path(filename).stem)


def check(app: Sphinx, config: Config) -> None:
    """次序与 examples/*.py 必须一一对应，否则抛出 ConfigError。"""
    folder = Path(app.srcdir, config.sphinx_gallery_conf["examples_dirs"]).resolve()
    found = {path.stem for path in folder.glob("*.py")}
    for name in sorted(found - set(config.tutorials)):
        raise ConfigError(f"examples/{name}.py 不在次序里：把 {name!r} 加进 conf.py 的 tutorials。")
    for name in config.tutorials:
        if name not in found:
            raise ConfigError(f"conf.py 的 tutorials 里有 {name!r}，但没有 examples/{name}.py。")
    _order[:] = config.tutorials
