"""电子书：把做好的网页装成一本 EPUB 3，公式、图、代码和网页上的一样。

Sphinx 自己的 EPUB 要把全站再排一遍，别的扩展都得照顾到它，写出来的每一页还要改七处才合乎规范。
这里取每页的 ``<article>``，改成 XHTML：页与页之间的链接指向书里，WebP 换成 PNG，SVG 里面的也换（不少阅读器不认 WebP），
公式用 KaTeX 的 HTML 和字体，折叠处一律展开；能动手的图留下图和那句话，控件不要。
"""

import base64
import re
import uuid
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urldefrag, urljoin, urlparse
from xml.sax.saxutils import escape

from lxml import etree, html
from PIL import Image
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from site_builder import palette, provenance, store
from site_builder.downloads.packing import pack

NAME = "downloads/pytorch-tutorials.epub"
#: 只在网站上有用的页面与元素；目录页也不收。
PAGES_LEFT_OUT = {"downloads", "search"}
ELEMENTS_LEFT_OUT = {"script", "template", "button", "input", "select", "textarea", "source"}
CLASSES_LEFT_OUT = {"headerlink", "tutorial-downloads", "only-dark"}
ATTRIBUTES_LEFT_OUT = ("srcset", "loading", "tooltip", "download", "align", "tabindex")
#: 读成 HTML 时变成小写的 SVG 属性。
SVG_ATTRIBUTES = {"viewbox": "viewBox", "preserveaspectratio": "preserveAspectRatio"}
LINK = "{http://www.w3.org/1999/xlink}href"
MEDIA_TYPES = {
    ".xhtml": "application/xhtml+xml",
    ".css": "text/css",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
}
#: ``var(--名字)`` 写书时换成 tokens.css 里的浅色值，不少阅读器不认变量；正文不加底色，图有底色：阅读器的夜间配色里都看得清。
STYLE = """\
body { line-height: 1.7; }
img { max-width: 100%; height: auto; background: var(--paper); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--raised); color: var(--code); padding: 0.6em; font-size: 0.85em; line-height: 1.5; }
pre a { color: inherit; text-decoration: none; }
pre .marked { display: block; background: var(--code-mark); border-left: 3px solid var(--accent); padding-left: 0.4em; }
pre .file { display: block; border-bottom: 1px solid var(--line); color: var(--quiet); }
.cell { border: 1px solid var(--line); margin: 1em 0; }
.cell pre { margin: 0; }
.sphx-glr-script-out::before { content: "输出："; font-size: 0.85em; }
.sphx-glr-script-out pre { background: none; color: inherit; }
.error { border-left: 3px solid var(--alarm); }
.error::before { content: "报错："; color: var(--alarm); }
.admonition, section.pitfall, details { border: 1px solid var(--edge); border-left-width: 4px; padding: 0 0.8em; margin: 1em 0; }
section.pitfall { border-color: var(--alarm); }
.opening, .recap > ul { border: solid var(--accent); border-width: 1px 0; padding: 0.3em 1.2em; margin: 1em 0; }
.exercises > ol > li { border-top: 1px solid var(--edge); padding: 0.5em 0; }
.admonition-title, summary, dt { font-weight: bold; }
figcaption { font-size: 0.9em; border-top: 1px solid var(--edge); }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--edge); padding: 0.2em 0.5em; }
.math { overflow-x: auto; }
"""
#: 网页给代码上色的各行。
CODE = Path(__file__).resolve().parents[2] / "docs/_static/code.css"
COLOURED = re.compile(r"^\.highlight :is\(.+\) \{ color: .+\}$", re.M)
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
PAGE = f"""{XML}<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="zh-CN" xml:lang="zh-CN">
<head><title>{{title}}</title>{{links}}</head>
<body>
{{body}}
</body>
</html>
"""
PACKAGE = f"""{XML}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="zh-CN">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{{identifier}}</dc:identifier>
<dc:title>{{title}}</dc:title>
<dc:language>zh-CN</dc:language>
<dc:creator>{{author}}</dc:creator>
<meta property="dcterms:modified">{{modified}}</meta>
</metadata>
<manifest>
{{manifest}}
</manifest>
<spine>
{{spine}}
</spine>
</package>
"""
CONTAINER = f"""{XML}<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""


def write(app: Sphinx) -> None:
    """写出电子书。"""
    path = Path(app.outdir, NAME)
    path.parent.mkdir(exist_ok=True)
    with TemporaryDirectory() as scratch:
        Book(app, Path(scratch)).pack(path)


class Book:
    """一本书：`docnames` 是收进来的页，`files` 是书里的文件 {路径: 内容，或装着内容的文件}，`properties` 是各页用到了什么。

    排好的页先写在文件夹 `scratch` 里，书再厚也不占内存。
    """

    def __init__(self, app: Sphinx, scratch: Path) -> None:
        self.app, self.outdir, self.scratch = app, Path(app.outdir), scratch
        self.properties: dict[str, list[str]] = {"nav.xhtml": ["nav"]}
        pages = store.in_order(app.env, app.config.root_doc)
        self.docnames = [name for name in pages if name not in {*PAGES_LEFT_OUT, *app.env.toctree_includes}]
        self.files: dict[str, bytes | Path] = {"book.css": in_light(STYLE).encode()}
        self.files["code.css"] = in_light("\n".join(COLOURED.findall(CODE.read_text("utf-8")))).encode()
        katex = self.outdir / "_static/katex"
        for path in [katex / "katex.min.css", *(katex / "fonts").glob("*.woff2")]:
            self.files[f"katex/{path.relative_to(katex).as_posix()}"] = path
        contents = "".join(self.add(docname) for docname in self.docnames)
        nav = f'<h1>{escape(app.config.project)}</h1>\n<nav epub:type="toc" id="toc"><h2>目录</h2><ol>{contents}</ol></nav>'
        self.add_page("nav.xhtml", app.config.project, nav)

    def article(self, docname: str) -> html.HtmlElement:
        """网页的正文，去掉只在网站上有用的元素。"""
        page = html.parse(self.outdir / f"{docname}.html", html.HTMLParser(encoding="utf-8"))
        article = page.find(".//article")
        if article is None:
            raise ExtensionError(f"{docname}.html 里没有 <article>，做不成电子书：看看 docs/_templates 里的模板")
        for element in list(article.iter(etree.Element)):
            classes = CLASSES_LEFT_OUT.intersection(element.get("class", "").split())
            if element.tag in ELEMENTS_LEFT_OUT or "hidden" in element.attrib or classes:
                element.drop_tree()
            elif element.tag == "noscript" or "-" in element.tag:
                element.drop_tag()  # 没有脚本时看到的，和脚本才认得的元素里面的东西
        return article

    def add(self, docname: str) -> str:
        """收进一页，返回它和它的各节在目录里的一项。"""
        article = self.article(docname)
        for element in list(article.iter(etree.Element)):
            for name in ATTRIBUTES_LEFT_OUT:
                element.attrib.pop(name, None)
            for lower, name in SVG_ATTRIBUTES.items():
                if lower in element.attrib:
                    element.set(name, element.attrib.pop(lower))
            if element.tag == "details":
                element.set("open", "open")
            elif element.tag == "img":
                element.set("src", self.image(docname, element.get("src")))
            elif element.tag == "a" and "href" in element.attrib:
                self.point(docname, element)
        heading = article.find(".//h1").text_content()
        children = (etree.tostring(child, encoding="unicode") for child in article)
        self.add_page(file(docname), heading, (escape(article.text or "") + "".join(children)).strip())
        parts = [(part.get("id"), part.find("h2")) for part in article.findall(".//section[@id]")]
        inside = [item(f"{file(docname)}#{anchor}", h2.text_content()) for anchor, h2 in parts if h2 is not None]
        return item(file(docname), heading, inside)

    def image(self, docname: str, source: str) -> str:
        """收进一幅图，返回它在书里的路径；照片都换成 PNG，SVG 里面的也换。"""
        path = (self.outdir / docname).parent / unquote(source)
        if not path.is_file():  # 缺图另有一条警告，不会发布
            return source
        if path.suffix == ".svg":
            root = etree.parse(path)
            for image in root.iter("{http://www.w3.org/2000/svg}image"):
                kind, mark, content = image.get(LINK, "").partition(";base64,")
                if mark and kind != "data:image/png":
                    content = base64.b64encode(as_png(BytesIO(base64.b64decode(content)))).decode()
                    image.set(LINK, f"data:image/png;base64,{content}")
            name, content = f"images/{path.name}", etree.tostring(root, encoding="utf-8", xml_declaration=True)
        else:
            name, content = f"images/{path.stem}.png", as_png(path)
        self.files[name] = content
        return name

    def point(self, docname: str, link: html.HtmlElement) -> None:
        """站内的链接指向书里；书里没有的指向网站，没有网址就只留文字。"""
        address, fragment = urldefrag(urljoin(f"/{docname}.html", link.get("href")))
        name = address.removeprefix("/").removesuffix(".html")
        if urlparse(address).scheme:
            return
        if name in self.docnames:
            link.set("href", file(name) + (f"#{fragment}" if fragment else ""))
        elif self.app.config.html_baseurl:
            link.set("href", urljoin(f"{self.app.config.html_baseurl}{docname}.html", link.get("href")))
        else:
            link.drop_tag()

    def add_page(self, name: str, title: str, body: str) -> None:
        styles = ["book.css", "code.css", *(["katex/katex.min.css"] if 'class="katex' in body else [])]
        links = "".join(f'<link rel="stylesheet" href="{style}"/>' for style in styles)
        inside = {"mathml": "<math", "svg": "<svg"}
        self.properties.setdefault(name, []).extend(kind for kind, tag in inside.items() if tag in body)
        self.files[name] = self.scratch / name
        (self.scratch / name).write_text(PAGE.format(title=escape(title), links=links, body=body), "utf-8")

    def pack(self, path: Path) -> None:
        """把整本书写到 `path`。"""
        manifest, config = [], self.app.config
        ids = {name: f"i{number}" for number, name in enumerate(sorted(self.files))}
        for name, identifier in ids.items():
            properties = " ".join(self.properties.get(name, []))
            attribute = f' properties="{properties}"' if properties else ""
            kind = MEDIA_TYPES[Path(name).suffix]
            manifest.append(f'<item id="{identifier}" href="{name}" media-type="{kind}"{attribute}/>')
        spine = [f'<itemref idref="{ids[name]}"/>' for name in ["nav.xhtml", *map(file, self.docnames)]]
        package = PACKAGE.format(
            identifier=uuid.uuid5(uuid.NAMESPACE_URL, config.html_baseurl or config.project),
            title=escape(config.project),
            author=escape(config.author),
            modified=provenance.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            manifest="\n".join(manifest),
            spine="\n".join(spine),
        )
        book = {f"book/{name}": content for name, content in self.files.items()}
        book |= {"mimetype": b"application/epub+zip", "META-INF/container.xml": CONTAINER.encode()}
        pack(path, book | {"book/package.opf": package.encode()}, first="mimetype")


def in_light(style: str) -> str:
    """样式里的 ``var(--名字)`` 换成那种颜色的浅色值；没有这个名字时抛出 KeyError。"""
    colours = palette.colours()
    return re.sub(r"var\(--([a-z-]+)\)", lambda name: colours[name[1]].light, style)


def as_png(picture: Path | BytesIO) -> bytes:
    """读进一幅图，写成 PNG。"""
    buffer = BytesIO()
    with Image.open(picture) as image:
        image.convert("RGB").save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def file(docname: str) -> str:
    """这一页在书里的文件名。"""
    return docname.replace("/", "-") + ".xhtml"


def item(address: str, text: str, inside: Iterable[str] = ()) -> str:
    """目录里的一项，`inside` 是它下面的各项。"""
    below = "".join(inside)
    return f'<li><a href="{escape(address)}">{escape(text)}</a>{f"<ol>{below}</ol>" if below else ""}</li>'
