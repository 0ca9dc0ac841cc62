"""打包：同样的内容总是打成同样的字节。zip 和电子书都用它。"""

import zipfile
from collections.abc import Mapping
from pathlib import Path

#: zip 能记的最早的时刻。
TIME = (1980, 1, 1, 0, 0, 0)


def pack(target: Path, files: Mapping[str, bytes | Path], first: str = "") -> None:
    """把 `files`（{压缩包内的路径: 内容，或装着内容的文件}）打成 zip，写到 `target`：次序、时刻、权限都固定。

    一次只读一个文件，整个网站有多大都不占内存。`first` 是要放在最前面、不压缩的那个文件（EPUB 的 ``mimetype``）。
    """
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(files, key=lambda name: (name != first, name)):
            entry = zipfile.ZipInfo(name, TIME)
            entry.create_system = 3  # Unix，否则权限不算数
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name == first else zipfile.ZIP_DEFLATED
            content = files[name]
            data = content if isinstance(content, bytes) else content.read_bytes()
            archive.writestr(entry, data, compresslevel=9)
