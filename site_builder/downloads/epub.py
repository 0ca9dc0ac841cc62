"""电子书：把做好的网页装成一本 EPUB 3，公式、图、代码和网页上的一样。

Sphinx 自己的 EPUB 要把全站再排一遍，别的扩展都得照顾到它，写出来的每一页还要改七处才合乎规范。
这里取每页的 ``<article>``，改成 XHTML：页与页之间的链接指向书里，WebP 图换成 PNG（不少阅读器不认 WebP），
公式用 KaTeX 的 HTML 和字体，折叠处一律展开。
"""

import html
import posixpath
import re
import uuid
import zipfile
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

from lxml import etree
from lxml import html as lxml_html
from PIL import Image
from sphinx.errors import ExtensionError

from site_builder import provenance

NAME = "downloads/pytorch-tutorials.epub"
#: 只在网站上有用的页面与元素。
PAGES_LEFT_OUT = {"downloads", "search"}
ELEMENTS_LEFT_OUT = {"script", "noscript", "button"}
CLASSES_LEFT_OUT = {"headerlink", "tutorial-downloads"}
ATTRIBUTES_LEFT_OUT = ("srcset", "loading", "tooltip", "download", "align", "tabindex")
#: 读成 HTML 时变成小写的 SVG 属性。
SVG_ATTRIBUTES = {"viewbox": "viewBox", "preserveaspectratio": "preserveAspectRatio"}
MEDIA_TYPES = {
    ".xhtml": "application/xhtml+xml",
    ".css": "text/css",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
}

STYLE = """\
body { line-height: 1.7; }
img { max-width: 100%; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f3f4f6; padding: 0.6em; font-size: 0.85em; line-height: 1.5; }
pre a { color: inherit; text-decoration: none; }
.sphx-glr-script-out::before { content: "输出："; font-size: 0.85em; }
.sphx-glr-script-out pre { background: none; border-left: 3px solid #9ca3af; }
.admonition, section.pitfall, details { border: 1px solid #9ca3af; border-left-width: 4px; padding: 0 0.8em; margin: 1em 0; }
.admonition-title, summary, dt { font-weight: bold; }
table { border-collapse: collapse; }
th, td { border: 1px solid #9ca3af; padding: 0.2em 0.5em; }
.math { overflow-x: auto; }
"""
PAGE = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="zh-CN" xml:lang="zh-CN">
<head><title>{title}</title>{links}</head>
<body>
{body}
</body>
</html>
"""
PACKAGE = """\
<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="zh-CN">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{identifier}</dc:identifier>
<dc:title>{title}</dc:title>
<dc:language>zh-CN</dc:language>
<dc:creator>{author}</dc:creator>
<meta property="dcterms:modified">{modified}</meta>
</metadata>
<manifest>
{manifest}
</manifest>
<spine>
{spine}
</spine>
</package>
"""
CONTAINER = """\
<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""


def _left_out(element):
    return (
        element.tag in ELEMENTS_LEFT_OUT
        or "hidden" in element.attrib
        or CLASSES_LEFT_OUT.intersection(element.get("class", "").split())
    )


class _Book:
    def __init__(self, app):
        self.app, self.outdir = app, Path(app.outdir)
        self.docnames = self._in_order(app.config.root_doc)
        # 读两遍，一次只留一页的树在内存里：一页的树有一两 MB
        self.anchors = {name: set(self._article(name).xpath(".//@id", smart_strings=False)) for name in self.docnames}
        self.files, contents = {}, []
        for docname in self.docnames:
            article = self._article(docname)
            self._adapt(docname, article)
            self._add_page(self.file(docname), article.find(".//h1").text_content(), _inner_xhtml(article))
            contents.append(self._entry(docname, article))
        self._add_styles()
        project = html.escape(app.config.project)
        nav = f'<h1>{project}</h1>\n<nav epub:type="toc" id="toc"><h2>目录</h2><ol>{"".join(contents)}</ol></nav>'
        self._add_page("nav.xhtml", app.config.project, nav)

    def _in_order(self, docname):
        """目录树的次序；目录页本身不收。"""
        children = self.app.env.toctree_includes.get(docname, [])
        own = [] if children or docname in PAGES_LEFT_OUT else [docname]
        return own + [name for child in children for name in self._in_order(child)]

    def _article(self, docname):
        page = lxml_html.parse(self.outdir / f"{docname}.html", lxml_html.HTMLParser(encoding="utf-8"))
        article = page.find(".//article")
        if article is None:
            raise ExtensionError(f"{docname}.html 里没有 <article>，做不成电子书")
        for element in [element for element in article.iter(etree.Element) if _left_out(element)]:
            element.drop_tree()
        return article

    @staticmethod
    def file(docname):
        return docname.replace("/", "-") + ".xhtml"

    def _adapt(self, docname, article):
        for element in list(article.iter(etree.Element)):
            for name in ATTRIBUTES_LEFT_OUT:
                element.attrib.pop(name, None)
            for lower, name in SVG_ATTRIBUTES.items():
                if lower in element.attrib:
                    element.set(name, element.attrib.pop(lower))
            if element.tag == "details":
                element.set("open", "open")
            elif element.tag == "img":
                element.set("src", self._image(docname, element.get("src")))
            elif element.tag == "a" and "href" in element.attrib:
                self._link(docname, element)

    def _image(self, docname, source):
        path = self.outdir / posixpath.normpath(posixpath.join(posixpath.dirname(docname), unquote(source)))
        if path.suffix == ".svg":
            self.files[f"images/{path.name}"] = path.read_bytes()
            return f"images/{path.name}"
        with Image.open(path) as image:
            buffer = BytesIO()
            image.convert("RGB").save(buffer, "PNG")
        self.files[f"images/{path.stem}.png"] = buffer.getvalue()
        return f"images/{path.stem}.png"

    def _link(self, docname, element):
        """站内的链接指向书里；书里没有的指向网站，没有网址就只留文字。"""
        address, fragment = urldefrag(element.get("href"))
        if urlparse(address).scheme:
            return
        target = (
            posixpath.normpath(posixpath.join(posixpath.dirname(docname), address)) if address else f"{docname}.html"
        )
        name = target.removesuffix(".html")
        if name in self.anchors:
            found = unquote(fragment) in self.anchors[name]
            element.set("href", self.file(name) + (f"#{fragment}" if found else ""))
        elif self.app.config.html_baseurl:
            element.set("href", self.app.config.html_baseurl + target + (f"#{fragment}" if fragment else ""))
        else:
            element.drop_tag()

    def _add_page(self, name, title, body):
        styles = ["book.css", "code.css", *(["katex/katex.min.css"] if 'class="katex' in body else [])]
        links = "".join(f'<link rel="stylesheet" href="{style}"/>' for style in styles)
        self.files[name] = PAGE.format(title=html.escape(title), links=links, body=body).encode()

    def _add_styles(self):
        self.files["book.css"] = STYLE.encode()
        self.files["code.css"] = self.app.builder.highlighter.get_stylesheet().encode()
        katex = self.outdir / "_static/katex"
        for path in [katex / "katex.min.css", *sorted((katex / "fonts").glob("*.woff2"))]:
            self.files[f"katex/{path.relative_to(katex).as_posix()}"] = path.read_bytes()

    def _entry(self, docname, article):
        """目录里的一项：这一页和它的各节。"""
        headings = [
            f'<li><a href="{self.file(docname)}#{html.escape(section.get("id"))}">{html.escape(section.find("h2").text_content())}</a></li>'
            for section in article.findall(".//section[@id]")
            if section.find("h2") is not None
        ]
        inner = f"<ol>{''.join(headings)}</ol>" if headings else ""
        title = html.escape(article.find(".//h1").text_content())
        return f'<li><a href="{self.file(docname)}">{title}</a>{inner}</li>'

    def packed(self, modified):
        """整本书的字节；`modified` 是写进书里的时刻。"""
        manifest, config = [], self.app.config
        for number, (name, content) in enumerate(sorted(self.files.items())):
            properties = ["nav"] if name == "nav.xhtml" else []
            if name.endswith(".xhtml"):
                properties += [kind for tag, kind in ((b"<math", "mathml"), (b"<svg", "svg")) if tag in content]
            attribute = f' properties="{" ".join(properties)}"' if properties else ""
            kind = MEDIA_TYPES[posixpath.splitext(name)[1]]
            manifest.append((name, f'<item id="i{number}" href="{name}" media-type="{kind}"{attribute}/>'))
        identifiers = {name: re.search('id="([^"]+)"', item)[1] for name, item in manifest}
        spine = [f'<itemref idref="{identifiers[name]}"/>' for name in ["nav.xhtml", *map(self.file, self.docnames)]]
        package = PACKAGE.format(
            identifier=uuid.uuid5(uuid.NAMESPACE_URL, config.html_baseurl or config.project),
            title=html.escape(config.project),
            author=html.escape(config.author),
            modified=modified,
            manifest="\n".join(item for _, item in manifest),
            spine="\n".join(spine),
        )
        members = {"META-INF/container.xml": CONTAINER.encode(), "book/package.opf": package.encode()}
        members |= {f"book/{name}": content for name, content in self.files.items()}
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            # 规范要求 mimetype 在最前面，不压缩
            for name, content in [("mimetype", b"application/epub+zip"), *sorted(members.items())]:
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.create_system = 3
                entry.external_attr = 0o644 << 16
                entry.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
                archive.writestr(entry, content)
        return buffer.getvalue()


def _inner_xhtml(element):
    """`element` 里面的内容，写成 XHTML。"""
    children = (etree.tostring(child, encoding="unicode") for child in element)
    return (html.escape(element.text or "") + "".join(children)).strip()


def modified(path):
    """现有电子书 `path` 里写的时刻；没有就是 None。"""
    if not path.is_file():
        return None
    with zipfile.ZipFile(path) as book:
        return re.search(r'dcterms:modified">([^<]+)<', book.read("book/package.opf").decode())[1]


def write(app):
    """内容没有变就留着原来的那一本，时刻也不变。"""
    path = Path(app.outdir, NAME)
    if path.is_file() and path.stat().st_mtime_ns >= provenance.newest_page(
        app, app.env.all_docs.keys() - PAGES_LEFT_OUT
    ):
        return
    path.parent.mkdir(exist_ok=True)
    book = _Book(app)
    before = modified(path)
    if before and book.packed(before) == path.read_bytes():
        path.touch()
    else:
        path.write_bytes(book.packed(provenance.now().strftime("%Y-%m-%dT%H:%M:%SZ")))
