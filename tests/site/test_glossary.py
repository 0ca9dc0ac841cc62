"""术语表：条目齐全；教程里第一次出现的术语有链接和小窗。"""

import re

from conftest import ROOT

from site_builder.prose.glossary import EVERYDAY, OTHER_WORDS

#: 术语表里必须有的词：译法与英文。
TERMS = """
张量 tensor|标量 scalar|向量 vector|矩阵 matrix|形状 shape|尺寸 size|维度 dimension|轴 axis|数据类型 dtype|设备 device
加速器 accelerator|未初始化 uninitialized|按元素 element-wise|广播 broadcasting|索引 indexing|切片 slicing|视图 view
连续 contiguous|步幅 stride|原地 in-place|后缀 suffix|复制 copy|共享内存 share memory|自动微分 automatic differentiation
梯度 gradient|导数 derivative|偏导数 partial derivative|链式法则 chain rule|计算图 computational graph
有向无环图 directed acyclic graph|叶张量 leaf tensor|叶节点 leaf node|前向传播 forward propagation|反向传播 backpropagation
累积 accumulate|清零 zero|分离 detach|雅可比矩阵 Jacobian|向量-雅可比积 vector-Jacobian product|神经网络 neural network
前馈神经网络 feed-forward network|模块 module|层 layer|参数 learnable parameter|超参数 hyperparameter|缓冲区 buffer
权重 weight|偏置 bias|卷积层 convolution layer|卷积核 kernel|通道 channel|池化 pooling|填充 padding|特征图 feature map
展平 flatten|全连接层 fully connected layer|线性层 linear layer|激活函数 activation function|损失函数 loss function
均方误差 mean squared error|交叉熵 cross entropy|logits 未归一化的得分|优化器 optimizer|随机梯度下降 stochastic gradient descent
学习率 learning rate|动量 momentum|轮 epoch|批量 batch|小批量 mini-batch|批量大小 batch size|数据集 dataset
数据加载器 data loader|训练集 training set|验证集 validation set|测试集 test set|归一化 normalization|标准化 standardization
正则化 regularization|标签 label|真实标签 ground truth|准确率 accuracy|混淆矩阵 confusion matrix|过拟合 overfitting
欠拟合 underfitting|冻结 frozen|微调 fine-tuning|推理 inference|检查点 checkpoint|状态字典 state_dict|数据并行 data parallelism
分布式数据并行 distributed data parallel|副本 replica|分发 scatter|汇集 gather|进程组 process group|rank 进程编号
world size 进程总数|全归约 all-reduce
"""


def test_every_term_has_english_and_a_sentence(page, server):
    page.goto(server + "glossary.html")
    entries = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('dt[id]')].map(
            dt => [dt.id, [dt.textContent, dt.nextElementSibling.textContent.trim()]]))"""
    )
    wanted = [pair.split(" ", 1) for line in TERMS.strip().splitlines() for pair in line.split("|")]
    wanted = [("world size", "进程总数") if name == "world" else (name, gloss) for name, gloss in wanted]
    assert len(wanted) > 90
    for name, gloss in wanted:
        title, _ = entries["term-" + name.replace(" ", "-")]
        assert title.startswith(f"{name}（") and gloss in re.split("[（）、]", title), title
    for title, sentence in entries.values():
        assert sentence.endswith("。") and sentence.count("。") == 1 and len(sentence) > 8, (title, sentence)


def test_first_occurrence_links_and_only_the_first(page, server, tutorials):
    for name in tutorials:
        page.goto(f"{server}tutorials/{name}.html")
        linked, before = page.evaluate(
            """() => {
              const skip = 'a:not(.term), code, pre, .katex, math, table, details, figcaption, .tutorial-facts, .provenance-box';
              const links = [...document.querySelectorAll('article a.term')];
              const before = links.map(() => '');
              for (const paragraph of document.querySelectorAll('article p:not(.admonition-title)')) {
                const walker = document.createTreeWalker(paragraph, NodeFilter.SHOW_TEXT);
                while (walker.nextNode()) {
                  const node = walker.currentNode;
                  if (node.parentElement.closest(skip)) continue;
                  links.forEach((link, i) => {
                    if (link.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_PRECEDING) before[i] += node.data;
                  });
                }
              }
              return [links.map(a => [a.textContent, decodeURI(a.hash), !!a.closest(
                'h1,h2,h3,h4,code,pre,figcaption,summary,details,.admonition-title,.katex,table')]), before];
            }"""
        )
        words = [word for word, _, _ in linked]
        assert len(words) == len(set(words)) > 15, (name, words)
        for (word, target, misplaced), earlier in zip(linked, before, strict=True):
            assert target == "#term-" + word.replace(" ", "-") and not misplaced, (name, word)
            for longer in sorted((w for w in LONGER if word in w and w != word), key=len, reverse=True):
                earlier = earlier.replace(longer, "")
            assert word in EVERYDAY or word not in earlier, (name, word)


LONGER = [*re.findall(r"^([^（\n]+)（.+）$", (ROOT / "docs/glossary.md").read_text("utf-8"), re.M), *OTHER_WORDS]


def test_hover_shows_the_sentence(page, server):
    term = open_tutorial(page, server)
    box = page.locator(".term-box")
    assert box.is_hidden()
    term.hover()
    assert box.is_visible() and "梯度（gradient）：一个标量对各个自变量的偏导数" in box.inner_text()
    place = box.bounding_box()
    page.mouse.move(place["x"] + 20, place["y"] - 2)  # 术语与小窗之间的空隙
    box.hover()
    page.wait_for_timeout(400)
    assert box.is_visible()
    page.mouse.move(5, 5)
    page.wait_for_timeout(400)
    assert box.is_hidden()


def test_keyboard_shows_and_closes_it(page, server):
    term = open_tutorial(page, server)
    box = page.locator(".term-box")
    term.focus()
    assert box.is_visible()
    described = term.evaluate("a => document.getElementById(a.getAttribute('aria-describedby')).textContent")
    assert described.startswith("梯度（gradient）：")
    page.keyboard.press("Escape")
    assert box.is_hidden() and term.get_attribute("aria-describedby") is None
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert box.is_visible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/glossary.html#*")
    assert page.locator("dt:target").inner_text().startswith("梯度（gradient）")


def test_touch_shows_first_and_follows_second(browser, server):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    term = open_tutorial(page, server)
    box = page.locator(".term-box")
    term.tap()
    assert box.is_visible() and "/tutorials/" in page.url
    place = box.bounding_box()
    assert place["x"] >= 0 and place["x"] + place["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("h1").tap()
    assert box.is_hidden()
    term.tap()
    term.tap()
    page.wait_for_url("**/glossary.html#*")
    page.go_back()
    open_tutorial(page, server).tap()
    page.get_by_role("link", name="查看术语表").tap()
    page.wait_for_url("**/glossary.html#*")
    context.close()


def test_without_scripts_it_is_a_plain_link(browser, server):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    term = open_tutorial(page, server)
    term.click()
    page.wait_for_url("**/glossary.html#*")
    context.close()


def open_tutorial(page, server):
    page.goto(server + "tutorials/autograd_automatic_differentiation.html")
    return page.locator("article a.term", has_text=re.compile("^梯度$"))
