"""两个压缩包：全部代码，整个网站；还有示例交给读者的文件。"""

import re
from pathlib import Path

from sphinx.application import Sphinx

from site_builder.downloads import places, scripts
from site_builder.downloads.packing import pack

CODE = "pytorch-tutorials-code.zip"
#: 不随整站带走：构建的记录，只在服务器上有用的，和整站的 zip 自己。
LEFT_OUT = re.compile(
    r"(_sources|\.doctrees)/|(.*/)?\.|.*\.pickle$|"
    rf"(objects\.inv|_headers|404\.html|sitemap\.xml|sg_execution_times\.html|{places.FOLDER}/{places.SITE})$"
)


def write_code(app: Sphinx) -> None:
    """全部脚本、笔记本、数据转换程序和示例交给读者的文件；后一种还单独放一份。"""
    folder = Path(app.outdir, places.FOLDER)
    folder.mkdir(exist_ok=True)
    gallery = app.config.sphinx_gallery_conf["gallery_dirs"]
    converter = Path(app.confdir, "site_builder/data/cifar10_from_npm.py")
    files = {converter.name: converter.read_bytes()}
    for name in app.config.tutorials:
        for path in (Path(app.outdir, gallery, f"{name}{suffix}") for suffix in (".py", ".ipynb")):
            if path.is_file():  # 没有写成的，写的时候已经警告过
                files[path.name] = path.read_bytes()
    for name, text in scripts.handed(Path(app.srcdir, gallery), app.config.tutorials).items():
        files[name] = text.encode()
        (folder / name).write_bytes(files[name])
    pack(folder / CODE, {f"pytorch-tutorials-code/{name}": content for name, content in files.items()})


def write_site(app: Sphinx) -> None:
    """整个网站；同时填上网页里各个文件的大小。"""
    outdir = Path(app.outdir)
    path = outdir / places.FOLDER / places.SITE
    own = places.fill(app, inside_zip=True)
    names = [file.relative_to(outdir).as_posix() for file in outdir.rglob("*") if file.is_file()]
    files = {f"pytorch-tutorials/{name}": own.get(name) or outdir / name for name in names if not LEFT_OUT.match(name)}
    pack(path, files)
    for name, content in places.fill(app, inside_zip=False).items():
        (outdir / name).write_bytes(content)
