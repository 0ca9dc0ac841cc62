"""
自动微分
========

训练神经网络的每一步都要回答同一个问题：每个参数改动一点点，损失会怎样变。
回答这个问题的数叫梯度（gradient）。
由程序求出梯度，叫自动微分（automatic differentiation），在 PyTorch 里做这件事的是 ``torch.autograd``。
读完本页，你能用手算核对 ``backward()`` 给出的数，知道梯度存放在哪里、什么时候要清零，也能让一部分运算不参加求导。

**你将学到**

* 用数值理解梯度
* 让 PyTorch 记录运算，再反向传播
* 叶张量与梯度的累积
* ``no_grad``、``inference_mode`` 与 ``detach()``
* 学习率与清零
* 选读：向量-雅可比积、高阶导数、有限差分和钩子

**需要先会**

* 张量（tensor）的基本操作，见:doc:`《什么是 PyTorch》 <what_is_pytorch>`
* 导数，以及复合函数求导的链式法则（chain rule）
"""

# %%
# 一步训练的全过程：数值与斜率
# ----------------------------
#
# 设想一个最小的模型：输入是 3，乘以一个权重（weight），再加一个偏置（bias），得到预测。
# 权重和偏置是模型的参数（parameter），也就是要靠训练来确定的数。
# 预测离目标有多远，用一个数来表示，叫损失（loss），越小越好。
# 这里的目标是 10，损失取预测与目标之差的平方。

import torch


def loss_at(weight, bias):
    prediction = weight * 3.0 + bias  # 输入是 3
    return (prediction - 10.0) ** 2  # 目标是 10


print(f"{loss_at(2.0, 1.0):.2f}")
print(f"{loss_at(2.01, 1.01):.2f}")  # ← 各加 0.01

# %%
# 第二行把权重和偏置各加了 0.01，损失变小了。
# 两个参数各自起了多大的作用？
# 下面只让一个参数改动 0.001，另一个不动，再用损失的变化除以 0.001，得到沿这个参数的斜率。

step = 0.001
start = loss_at(2.0, 1.0)
print(f"沿权重的斜率：{(loss_at(2.0 + step, 1.0) - start) / step:.3f}")
print(f"沿偏置的斜率：{(loss_at(2.0, 1.0 + step) - start) / step:.3f}")

# %%
# 只让一个自变量变化、其余固定不变时的导数，叫偏导数（partial derivative），上面的两个斜率是它们的近似值。
# 两个斜率都是负的，所以把权重或偏置调大一点，损失就会变小。
#
# 这样逐个去试有两个缺点。
# 一是步子不是无限小，得到的只是近似；二是每个参数都要把损失重新算一遍，而实际的网络常有几百万个参数。
# autograd 用的办法分两段。
# **前向传播**（forward propagation）由输入和参数算出预测和损失，同时记下做过的运算。
# **反向传播**（backpropagation）从损失出发，沿着记下的运算倒着走，用链式法则一次求出损失对所有这些参数的偏导数。
#
# 要求导的张量，创建时写上 ``requires_grad=True``。
# 前向传播照常写，反向传播只有一行 ``loss.backward()``，结果放在各个参数的 ``grad`` 里。

weight = torch.tensor(2.0, requires_grad=True)
bias = torch.tensor(1.0, requires_grad=True)

loss = loss_at(weight, bias)  # 前向传播
loss.backward()  # 反向传播
print(f"{weight.grad.item() = }")
print(f"{bias.grad.item() = }")
# sphinx_gallery_start_ignore
assert (weight.grad.item(), bias.grad.item()) == (-18.0, -6.0)
for w_, b_ in ((2.0, 1.0), (-1.5, 4.0), (0.3, 0.0)):
    p_, q_ = torch.tensor(w_, requires_grad=True), torch.tensor(b_, requires_grad=True)
    loss_at(p_, q_).backward()
    torch.testing.assert_close(p_.grad, torch.tensor(6 * (3 * w_ + b_ - 10)))
    torch.testing.assert_close(q_.grad, torch.tensor(2 * (3 * w_ + b_ - 10)))
# sphinx_gallery_end_ignore

# %%
# 这两个数是精确的偏导数。
# 记权重为 :math:`w`，偏置为 :math:`b`，损失为 :math:`l = (3w + b - 10)^2`，手算一遍：
#
# .. math::
#
#    \frac{\partial l}{\partial w} = 2\,(3w + b - 10) \cdot 3 = -18, \qquad
#    \frac{\partial l}{\partial b} = 2\,(3w + b - 10) = -6
#
# 损失对一个张量里各个元素的偏导数排在一起，叫损失对这个张量的梯度，形状与这个张量相同。
# 有了梯度，不必真的去改参数，就能估计损失会变多少：每个参数的改动乘以它的偏导数，再相加。
#
# **先猜一猜**：权重和偏置各加 0.01，按上面的两个偏导数，损失大约变化多少（减少写成负数）？

print(f"{weight.grad.item() * 0.01 + bias.grad.item() * 0.01:.2f}")

# %%
# 再与实际的变化比较。
# 梯度描述的是这一点附近的情况，所以改动越小，估计一般越准。

for change in (2.0, 1.0, 0.1, 0.01):
    predicted = (-18.0 - 6.0) * change
    actual = loss_at(2.0 + change, 1.0 + change) - loss_at(2.0, 1.0)
    print(f"各加 {change:<4}：估计 {predicted:8.4f}，实际 {actual:8.4f}")
# sphinx_gallery_start_ignore
assert actual < 0 and abs(predicted - actual) < 2e-3 and loss_at(4.0, 3.0) > loss_at(2.0, 1.0)
# sphinx_gallery_end_ignore

# %%
# 各加 2 的时候，估计与实际连正负号都不同，损失不降反升。
# 所以训练时每次只走一小步，走到新的地方再重新求梯度。
#
# 下图画出了这次计算的每一步，这样的图叫计算图（computational graph）。
# 权重和偏置是参数，其余的框是运算。
# 往下的箭头旁写着算出的数值，往上的箭头旁写着损失对这个数值的偏导数，也就是传回的梯度。
# 梯度出发时是 1，因为损失对自己的导数是 1；每经过一步运算，就乘以这一步的导数。
# 平方这一步的导数是 :math:`2 \times (-3) = -6`；减去目标、加偏置这两步的导数都是 1，所以 -6 不变；乘以 3 这一步的导数是 3，所以权重的梯度是 :math:`-6 \times 3 = -18`。
# 在本站的网页上，可以一步一步地走完前向、反向两段，看每个箭头上的数是怎样得来的，还可以换成下一节的例子。

# 画图（backward）：每个箭头旁，左边是往下算出的数值，右边是往上传回的梯度。
# 图中：计算图，六个方框：左上的权重往下接乘以 3，与右上的偏置在“加偏置”会合，再往下是减去目标 10、平方，最下面写着损失；相连的框之间各有一上一下两支箭头。
import matplotlib.pyplot as plt
from matplotlib import font_manager, text

chinese_fonts = [
    "Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB",
    "Heiti TC", "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "Arial Unicode MS",
]
installed = set(font_manager.get_font_names())
found = [name for name in chinese_fonts if name in installed]
plt.rcParams.update({"font.family": [*found, "DejaVu Sans"], "axes.unicode_minus": False})
if not found:  # 没有中文字体时略去汉字，不画方框
    set_text = text.Text.set_text
    text.Text.set_text = lambda self, s: set_text(self, "".join(c for c in str(s) if ord(c) < 256))


def trace(root):
    """走遍计算图，做一次反向传播，返回各节点的位置和沿每条边传回的梯度。"""
    place, passed, todo = {root: (0.0, 0)}, {}, [root]
    for node in todo:  # 循环中 todo 会变长
        column, row = place[node]
        node.register_hook(lambda grads, _, node=node: passed.update({node: grads}))
        children = list(dict.fromkeys(child for child, _ in node.next_functions if child))
        for i, child in enumerate(children):
            highest = max(row + 1, place.get(child, (0.0, 0))[1])
            place[child] = (column + 1.8 * (i - (len(children) - 1) / 2), highest)
            todo.append(child)
    return place, passed


def show(tensor):
    values = tensor.detach().flatten().tolist()
    if len(set(values)) == 1:  # 元素都相同时只写一个
        return f"{values[0]:g}"
    return "[" + ", ".join(f"{value:g}" for value in values) + "]"


def draw_graph(ax, result, labels, result_name, shrink=16):
    """labels 给出每个中间结果和叶张量的名字。"""
    place, passed = trace(result.grad_fn)
    result.backward()
    tensors = {tensor.grad_fn: tensor for tensor in labels if tensor.grad_fn}
    number = {"va": "center", "fontsize": 11}
    ends = {"arrowstyle": "-|>", "shrinkA": shrink, "shrinkB": shrink}
    for node, (x, y) in place.items():
        tensor = tensors.get(node, getattr(node, "variable", None))
        leaf = tensor.is_leaf
        box = {"boxstyle": "round,pad=0.35", "fc": "white", "ec": "C1" if leaf else "C2", "lw": 1.2}
        ax.text(x, y, labels[tensor], ha="center", va="center", fontsize=12, bbox=box, zorder=4)
        above = [child for child, _ in node.next_functions]
        for i, child in enumerate(above):
            if child is None:
                continue
            value = show(tensors.get(child, getattr(child, "variable", None)))
            gradient = show(passed[node][i])
            x2, y2 = place[child]
            twice = above.count(child) > 1
            gap = 0 if twice else 0.04  # 往下和往上的箭头并排
            tilt = 0.2 * (x2 - x)  # 斜线旁的数错开一点
            bend = (0.6 if i else -0.6) if twice else 0  # 两条边分到两侧
            up = {**ends, "color": "C4", "connectionstyle": f"arc3,rad={bend}"}
            ax.annotate("", (x2 + gap, y2), (x + gap, y), arrowprops=up)
            aside = bend * 0.6 if twice else 0.1
            left = "right" if aside < 0 else "left"
            middle = (y + y2) / 2
            ax.text((x + x2) / 2 + aside, middle - tilt, gradient, color="C4", ha=left, **number)
            if not (twice and i):
                down = {**ends, "color": "0.4"}
                ax.annotate("", (x - gap, y), (x2 - gap, y2), arrowprops=down)
                ax.text((x + x2) / 2 - gap - 0.05, middle + tilt, value, ha="right", **number)
    ax.text(0, -0.85, result_name, ha="center", va="center", fontsize=12)
    ax.text(-0.1, -0.48, show(result), ha="right", **number)
    ax.text(0.1, -0.48, "1", color="C4", ha="left", **number)
    for x, start, end, color in ((-0.04, -0.2, -0.75, "0.4"), (0.04, -0.75, -0.2, "C4")):
        ax.annotate("", (x, end), (x, start), arrowprops={"arrowstyle": "-|>", "color": color})
    ax.axis([-1.5, 1.5, -1, max(y for _, y in place.values()) + 0.35])
    ax.axis("off")


def draw_first_loss():
    w, b = torch.tensor(2.0, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    product = w * 3.0
    prediction = product + b
    difference = prediction - 10.0
    square = difference**2
    labels = {w: "权重", b: "偏置", product: "乘以 3", prediction: "加偏置"}
    labels |= {difference: "减去目标 10", square: "平方"}
    fig, ax = plt.subplots(figsize=(4.8, 5.2), layout="constrained")
    draw_graph(ax, square, labels, "损失")
    fig.suptitle("第一个损失的计算图：数值往下，梯度往上", fontsize=12)


draw_first_loss()
plt.show()

# %%
# 让 PyTorch 记录运算
# -------------------
#
# 上面的图不是事先设计好的，而是前向传播时边运行边记下来的（define-by-run）：实际执行了什么运算，反向传播就沿着什么运算走。
# 下面用一个 ``(2, 2)`` 的张量，看 PyTorch 记下了什么。

x = torch.ones(2, 2, requires_grad=True)
print(x)
print(f"{x.is_leaf = }, {x.grad_fn = }, {x.grad = }")

# %%
# ``x`` 是直接创建的，不是由被记录的运算得来的，这样的张量叫叶张量（leaf tensor）。
# 叶张量没有 ``grad_fn``；还没有做过反向传播，所以 ``grad`` 是 ``None``。
# ``requires_grad`` 是 ``True``，也说 ``x`` 被跟踪：用到 ``x`` 的可微运算默认会被记录。
# 再用 ``x`` 算出 ``y``。

y = x + 2
print(y)
print(f"{y.is_leaf = }, {y.requires_grad = }")
print(f"{type(y.grad_fn).__name__ = }")

# %%
# ``y`` 由 ``x`` 算出，所以也需要梯度，而且带着 ``grad_fn``。
# ``grad_fn`` 是计算图里的一个节点（官方文档也叫 ``Function``），记着这一步是什么运算，以及梯度经过这一步时该怎样往回传。
# 直接打印 ``y.grad_fn`` 会带上内存地址，每次运行都可能不同，所以这里只打印类型的名字。
#
# 接着平方、乘以 3、求平均，得到只有一个元素的 ``out``，也就是四个 :math:`3(x_i+2)^2` 的平均值。

z = y * y * 3
out = z.mean()
print(z)
print(out)

# %%
# autograd 只能沿着可微的运算往回走。
# 比较大小、求最大值的位置、转换成整数类型，得到的是布尔值或整数，``requires_grad`` 是 ``False``，梯度也传不过去。
# 只在个别点不可微的运算一般可以照常使用，例如 ``abs()`` 在 0 处没有导数，PyTorch 约定取 0。

print((x > 0).requires_grad, x.argmax().requires_grad, x.long().requires_grad)
# sphinx_gallery_start_ignore
assert not any(t.requires_grad for t in (x > 0, x == 1, x.argmax(), x.argsort(), x.long(), x.int(), x.bool()))
zero_ = torch.zeros(1, requires_grad=True)
zero_.abs().backward()
assert zero_.grad.item() == 0.0
zero_.grad = None
zero_.sqrt().backward()
assert zero_.grad.isinf().all() and x.round().requires_grad and x.bfloat16().requires_grad
# sphinx_gallery_end_ignore

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时的旧代码要先把张量包成 ``Variable(x, requires_grad=True)`` 才能求导。
#    PyTorch 0.4（2018 年）把 ``Variable`` 并入了张量，现在读到“每个 Variable 都有 ``grad_fn``”，把 Variable 换成“由被记录的运算得来的张量”来理解即可。

# %%
# 常见错误：让整数张量求梯度
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：``torch.tensor([1, 2, 3])`` 得到的是整数张量，给它加上 ``requires_grad=True`` 会报错。

try:
    torch.tensor([1, 2, 3], requires_grad=True)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：导数问的是“改动一点点会怎样”，而整数没有“一点点”，所以只有浮点数和复数张量可以求梯度。
#
# **解决办法**：把数写成小数，或者指定 ``dtype``。

print(torch.tensor([1.0, 2.0, 3.0], requires_grad=True))
print(torch.tensor([1, 2, 3], dtype=torch.float32, requires_grad=True))

# %%
# 选读：用 ``requires_grad_()`` 开关跟踪
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 对已有的张量，可以用 ``requires_grad_()`` 原地（in-place）改动 ``requires_grad`` 这个标记。
# 注意两个默认值不同：用 ``torch.ones()`` 这样的函数新建张量时，参数 ``requires_grad`` 默认是 ``False``；``requires_grad_()`` 的参数默认是 ``True``。

torch.manual_seed(0)
a = torch.randn(2, 2)
a = (a * 3) / (a - 1)
print(f"{a.requires_grad = }")

a.requires_grad_()  # 等同于 a.requires_grad_(True)
print(f"{a.requires_grad = }, {a.is_leaf = }, {a.grad_fn = }")

b = (a * a).sum()
print(f"{type(b.grad_fn).__name__ = }")

# %%
# 打开标记之前的乘、减、除没有被记录，所以 ``a`` 仍是叶张量；之后的平方与求和才被记录。
#
# 关掉标记只对叶张量有效。
# ``b`` 由被记录的运算得来，不能这样关掉标记，要得到不被跟踪的同样的值，用后面讲的 ``detach()``。

a.requires_grad_(False)
print(f"{a.requires_grad = }")
try:
    b.requires_grad_(False)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
# sphinx_gallery_start_ignore
assert a.is_leaf and not a.requires_grad and b.requires_grad
# sphinx_gallery_end_ignore

# %%
# 反向传播：梯度怎样算出来
# ------------------------
#
# ``out`` 只有一个元素，所以直接调用 ``out.backward()`` 即可。
# 算出的梯度放在 ``x.grad`` 里，形状与 ``x`` 相同。

out.backward()
print(x.grad)
# sphinx_gallery_start_ignore
assert torch.equal(x.grad, torch.full((2, 2), 4.5))
# sphinx_gallery_end_ignore

# %%
# 下面用链式法则核对这个结果。
# ``x`` 有四个元素，对每个元素 :math:`x_i` 分别求偏导数。
# 先写出前向传播：
#
# .. math::
#
#    o = \frac{1}{4}\sum_{i=1}^{4} z_i, \qquad z_i = 3\,y_i^2, \qquad y_i = x_i + 2
#
# 每一步的导数是：
#
# .. math::
#
#    \frac{\partial o}{\partial z_i} = \frac{1}{4}, \qquad
#    \frac{\partial z_i}{\partial y_i} = 6\,y_i, \qquad
#    \frac{\partial y_i}{\partial x_i} = 1
#
# 链式法则把它们乘起来，再代入 :math:`x_i = 1`：
#
# .. math::
#
#    \frac{\partial o}{\partial x_i}
#    = \frac{1}{4} \cdot 6\,y_i \cdot 1
#    = \frac{3}{2}\,(x_i + 2),
#    \qquad
#    \left.\frac{\partial o}{\partial x_i}\right|_{x_i = 1} = \frac{9}{2} = 4.5
#
# 这个公式对任何 :math:`x_i` 都成立，换一组不全相同的数再比一次。
# 这里把 ``out.backward()`` 写成完整的形式 ``out.backward(torch.tensor(1.0))``，两者等价，意思是从 :math:`\partial o/\partial o = 1` 出发往回走。
# ``torch.testing.assert_close`` 比较两个张量，相差超出舍入误差的容许范围就会报错，没有报错就说明两者相符；``x.detach()`` 取出 ``x`` 的值而不再跟踪，后面有一节专门讲。

x = torch.tensor([[1.0, 2.0], [3.0, -2.0]], requires_grad=True)
out = (3 * (x + 2) ** 2).mean()
out.backward(torch.tensor(1.0))
print(x.grad)
torch.testing.assert_close(x.grad, 1.5 * (x.detach() + 2))

# %%
# 从 ``grad_fn`` 走遍计算图
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 前面画出的计算图，是一张有向无环图（directed acyclic graph，DAG），结果在一头，叶张量在另一头。
# 每个节点的 ``next_functions`` 列出梯度接下来要去的节点，每一项是一对，前一个是节点，后一个这里用不到。
# 从 ``out.grad_fn`` 出发，就能走遍全图。
# 下面的函数用一个列表记下到过的节点，每个节点只走一次。

def walk(root):
    nodes = [root]
    for node in nodes:  # 循环中 nodes 会变长
        for child, _ in node.next_functions:
            if child is not None and child not in nodes:  # 常数不需要梯度，那里是 None
                nodes.append(child)
    return nodes


x = torch.ones(2, 2, requires_grad=True)
y = x + 2
out = (y * y * 3).mean()
for node in walk(out.grad_fn):
    children = [type(child).__name__ for child, _ in node.next_functions if child]
    print(type(node).__name__, "->", children)
# sphinx_gallery_start_ignore
accumulate = walk(out.grad_fn)[-1]
assert accumulate.variable is x and len(walk(out.grad_fn)) == 5
deep = torch.ones(1, requires_grad=True)
for _ in range(16):
    deep = deep * deep
assert len(walk(deep.grad_fn)) == 17
# sphinx_gallery_end_ignore

# %%
# 打印从 ``out`` 那一头开始，所以从上往下读，正好是把前向传播倒过来：求平均，乘以 3，``y * y``，加 2。
# ``y * y`` 用了两次 ``y``，所以有两条边通到同一个 ``AddBackward0``。
# ``x`` 自己没有 ``grad_fn``，图的末端另有一个 ``AccumulateGrad`` 代表 ``x``，负责把到达的梯度加进 ``x.grad``，这样的节点叫叶节点（leaf node）。
#
# 一个量经过几条路影响结果时，各条路的导数要相加，这是链式法则在分岔处的规则。
# 这里两条边传来的梯度在 ``AddBackward0`` 处相加，也正是乘积的求导法则：:math:`(y \cdot y)' = y + y`。
# 下图画出了每条边上的数值和梯度，``x`` 在最上面，与打印的顺序相反；框里第一行是反向传播的节点，第二行是对应的前向运算或叶张量。
# 四个元素都相同，图上只写一个，所以求平均前后写的都是 27。
# ``y * y`` 收到 :math:`\frac{1}{4} \times 3 = 0.75`，左右两边各乘以另一个因子 :math:`y = 3`，所以各传回 2.25。

# 画图：乘法的两条边各传回 2.25，在加法处合成 4.5；四个元素都相同，图上只写一个。
# 图中：一串五个方框，从上往下是叶张量 x、x + 2、y * y、乘以 3、求平均，最后是 out；x + 2 与 y * y 之间，往上的是两支分开的弧形箭头。
def draw_mean():
    x = torch.ones(2, 2, requires_grad=True)
    y = x + 2
    square = y * y
    z = square * 3
    out = z.mean()
    steps = {y: "x + 2", square: "y * y", z: "乘以 3", out: "求平均"}
    labels = {t: f"{type(t.grad_fn).__name__}\n{name}" for t, name in steps.items()}
    labels[x] = "AccumulateGrad\n叶张量 x"
    fig, ax = plt.subplots(figsize=(4.8, 6.6), layout="constrained")
    draw_graph(ax, out, labels, "out", shrink=23)
    fig.suptitle("out = mean(3(x+2)²) 的计算图：两条边的梯度相加得 4.5", fontsize=12)
    # sphinx_gallery_start_ignore
    assert torch.equal(x.grad, torch.full((2, 2), 4.5))
    # sphinx_gallery_end_ignore


draw_mean()
plt.show()

# %%
# 每做一次被记录的前向传播，就新建一张计算图。
# 所以 Python 的 ``if`` 和 ``while`` 可以照常使用，这一次执行了哪些运算，图里就有哪些节点；后面的选读有一个循环次数取决于数据的例子。

# %%
# 常见错误：对非标量直接调用 ``backward()``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：结果不止一个元素时，不带参数的 ``backward()`` 会报错。

x = torch.tensor([2.0, 3.0], requires_grad=True)
try:
    (x**2).backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：有几个输出，就有几组导数，PyTorch 不知道各组导数该按什么系数相加。
#
# **解决办法**：先用 ``sum()`` 或 ``mean()`` 化成标量（scalar），用 ``mean()`` 时，梯度也除以了元素的个数；训练时的损失一般已经是标量。
# 另一种办法是给 ``backward()`` 传一个与输出形状相同的张量，选读里有专门的一节。

(x**2).sum().backward()
print(f"{x.grad = }")

# %%
# 梯度去了哪里：叶张量与累积
# --------------------------
#
# 反向传播默认只把梯度留在需要梯度的叶张量上。
# 中间结果 ``y`` 的梯度用完就丢，以节省内存。
# 确实想看时，在 ``backward()`` 之前调用 ``retain_grad()``。

x = torch.ones(2, 2, requires_grad=True)
y = x + 2
y.retain_grad()
(3 * y * y).mean().backward()
print(f"{x.is_leaf = }, {y.is_leaf = }")
print(f"{y.grad = }")
# sphinx_gallery_start_ignore
assert x.is_leaf and not y.is_leaf and torch.equal(y.grad, torch.full((2, 2), 4.5))
# sphinx_gallery_end_ignore

# %%
# 常见错误：读取中间结果的 ``grad``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：读到的 ``grad`` 是 ``None``，程序没有停下，只给出一条警告。
# 最容易上当的是下面的 ``w``，``w`` 看起来像一个参数，其实是乘以 0.01 的结果，不是叶张量。
# 下面用 ``warnings`` 模块把警告收集起来，再打印第一句，大意是“正在读取的 ``grad`` 不属于叶张量”。

import warnings

w = torch.ones(2, requires_grad=True) * 0.01
(w**2).sum().backward()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(f"{w.is_leaf = }, {w.grad = }")
print(f"{caught[0].category.__name__}: {str(caught[0].message).split('. ')[0]}")
# sphinx_gallery_start_ignore
assert caught[0].category is UserWarning and not w.is_leaf
assert not torch.ones(2, requires_grad=True).to(torch.float64).is_leaf
# sphinx_gallery_end_ignore

# %%
# **原因**：先打开了 ``requires_grad``，再做运算，梯度留在了 ``torch.ones(...)`` 那个没有名字的叶张量上。
# 写了 ``requires_grad=True`` 之后再用 ``.to()`` 换设备或浮点类型也一样，只要真的换了，得到的就不是叶张量。
#
# **解决办法**：先算好，最后用 ``requires_grad_()`` 把标记 ``requires_grad`` 原地改成 ``True``。
# 如果要的确实是中间结果的梯度，用前面的 ``retain_grad()``。

w = (torch.ones(2) * 0.01).requires_grad_()  # ← 最后才打开
(w**2).sum().backward()
print(f"{w.is_leaf = }, {w.grad = }")

# %%
# 一次反向传播之内求和，多次之间累积
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 如果同一个参数在一次前向传播里用了几次，几条路径传来的梯度要相加。
# 那么 ``grad`` 是每条路径写一次，还是加好以后只写一次？
# 下面注册一个函数，PyTorch 每次写完 ``w.grad`` 就调用这个函数，把写好的值打印出来。
#
# **先猜一猜**：``w`` 用了三次，导数是 :math:`3 + 2w`，在 :math:`w = 2` 处会打印出什么？

w = torch.tensor(2.0, requires_grad=True)
w.register_post_accumulate_grad_hook(lambda tensor: print(tensor.grad.item()))
(3 * w + w * w).backward()
# sphinx_gallery_start_ignore
for use in (lambda t: t * t * t, lambda t: t.sin() + t.exp() + t, lambda t: sum(t * i for i in range(9))):
    t_ = torch.tensor(0.5, requires_grad=True)
    writes = []
    t_.register_post_accumulate_grad_hook(lambda tensor, writes=writes: writes.append(tensor.grad.item()))
    use(t_).backward()
    assert len(writes) == 1
# sphinx_gallery_end_ignore

# %%
# 只打印了一行，说明在一次 ``backward()`` 之内，梯度先加好，再写进 ``grad``。
# 下面把前向和反向传播完整地做两遍，每一遍求出的梯度都是前面核对过的 4.5。
#
# **先猜一猜**：两遍都做完以后，打印出的 ``x.grad`` 左上角的元素是多少？

x = torch.ones(2, 2, requires_grad=True)
for _ in range(2):
    (3 * (x + 2) ** 2).mean().backward()
print(x.grad[0, 0].item())
# sphinx_gallery_start_ignore
assert torch.equal(x.grad, torch.full((2, 2), 9.0))
# sphinx_gallery_end_ignore

# %%
# ``grad`` 里已经有数时，新的梯度会加上去，而不是覆盖，这就是 ``AccumulateGrad`` 名字里的累积（accumulate），发生在几次 ``backward()`` 之间。
# 这样做的好处是，一个总的梯度可以分几次算。
# 例如一个批量（batch，一次用到的一组样本）太大，内存放不下，就分成几段，每一段各做一次前向和反向传播，``grad`` 里留下的就是各段梯度之和。
#
# 代价是，开始新的一步之前要自己清零。
# 把 ``grad`` 设回 ``None`` 就是清零，下一次 ``backward()`` 会直接写入，与从 0 加起一样。
# 训练时由优化器（optimizer，按梯度更新参数的对象）的 ``zero_grad()`` 统一来做，本页最后有一个实验看忘记清零的后果。

x.grad = None
(3 * (x + 2) ** 2).mean().backward()
print(x.grad)
# sphinx_gallery_start_ignore
assert torch.equal(x.grad, torch.full((2, 2), 4.5))
# sphinx_gallery_end_ignore

# %%
# 常见错误：对同一张图反向传播两次
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：只做一次前向传播，却调用两次 ``backward()``，第二次报错。

x = torch.ones(2, 2, requires_grad=True)
out = (3 * (x + 2) ** 2).mean()
out.backward()
try:
    out.backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
# sphinx_gallery_start_ignore
plain = (x + 2).sum()
plain.backward()
plain.backward()
for together in (False, True):
    leaf_ = torch.ones(2, requires_grad=True)
    shared = leaf_.exp()
    one_, two_ = shared.sum(), (shared * shared).sum()
    try:
        (one_ + two_).backward() if together else (one_.backward(), two_.backward())
        assert together
    except RuntimeError:
        assert not together
# sphinx_gallery_end_ignore

# %%
# **原因**：图里存着反向传播要用的中间值（例如平方之前的 ``x + 2``），第一次反向传播之后，这些值就释放了。
# 如果图里没有一步需要这样的值，例如只有加法和求和，再走一次并不报错，但不要依赖这一点。
# 从同一段前向传播算出两个损失，又分别调用 ``backward()``，也可能碰到这条错误，因为共用的那一段存着的值已经释放。
#
# **解决办法**：像训练时那样，每次重新做前向传播；有两个损失时，先相加，再一起反向传播。
# 确实要用同一张图走两次时，第一次写上 ``retain_graph=True``，这时梯度照样累积。

x = torch.ones(2, 2, requires_grad=True)
out = (3 * (x + 2) ** 2).mean()
out.backward(retain_graph=True)  # ← 留着图
out.backward()
print(x.grad)
# sphinx_gallery_start_ignore
assert torch.equal(x.grad, torch.full((2, 2), 9.0))
# sphinx_gallery_end_ignore

# %%
# 选读：两个叶张量，把结果与公式对照
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 再看一个有两个叶张量的例子。
# 设 ``a``、``b`` 是两个参数，``Q`` 由两者按元素算出：
#
# .. math::
#
#    Q = 3a^3 - b^2, \qquad
#    \frac{\partial Q}{\partial a} = 9a^2, \qquad
#    \frac{\partial Q}{\partial b} = -2b
#
# ``Q`` 有两个元素，先求和得到标量，再反向传播。
# 求和不会把两个元素的导数混在一起，因为 :math:`Q_1` 只依赖 :math:`a_1` 和 :math:`b_1`，:math:`Q_2` 只依赖 :math:`a_2` 和 :math:`b_2`。

a = torch.tensor([2.0, 3.0], requires_grad=True)
b = torch.tensor([6.0, 4.0], requires_grad=True)
Q = 3 * a**3 - b**2
Q.sum().backward()

print(f"{a.grad = }")
print(f"{b.grad = }")
torch.testing.assert_close(a.grad, 9 * a.detach() ** 2)
torch.testing.assert_close(b.grad, -2 * b.detach())

# %%
# 让一部分运算不被记录
# --------------------
#
# 评估模型、用模型作预测，或者更新参数时，一般都不需要求导，这时还建计算图，只是白费内存和时间。
# 把代码放进 ``with torch.no_grad():``，其中的运算不被记录，算出的新张量一般也不被跟踪。
#
# **先猜一猜**：下面打印的三个值依次是什么？

x = torch.ones(3, requires_grad=True)
outside = x**2
with torch.no_grad():
    inside = x**2
print(x.requires_grad, outside.requires_grad, inside.requires_grad)
# sphinx_gallery_start_ignore
with torch.no_grad():
    views_ = [x[:2], x.view(3, 1), outside[:2], torch.ones(3)[:2]]
assert [v.requires_grad for v in views_] == [True, True, True, False] and views_[0].grad_fn is None
with torch.no_grad():
    assert not any(t.requires_grad for t in (x * 2, x.sum(), x.exp(), torch.cat([x, x]), x.to(torch.float64)))
    assert x.view(3, 1).requires_grad and outside[0].requires_grad
    assert (x * 2).add_(1).requires_grad is False and outside.clone().requires_grad is False
# sphinx_gallery_end_ignore

# %%
# ``x`` 自己的标记没有变，变的是块内运算的结果；出了这个块，一切照旧。

# %%
# 常见错误：直接原地修改叶张量
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：求出梯度之后，最自然的更新是“参数减去 0.1 倍的梯度”，直接写会报错。

w = torch.tensor([1.0, 2.0], requires_grad=True)
(w**2).sum().backward()
try:
    w -= 0.1 * w.grad
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：需要梯度的叶张量是计算图的起点，假如能用会被记录的原地运算改动 ``w``，``w`` 就成了运算的结果，不再是起点。
#
# **解决办法**：更新参数这一步本来就不该被记录，所以放进 ``torch.no_grad()``。
# 原地运算没有新建张量，``w`` 沿用自己的标记，仍是需要梯度的叶张量。

with torch.no_grad():
    w -= 0.1 * w.grad
print(w)
# sphinx_gallery_start_ignore
torch.testing.assert_close(w.detach(), torch.tensor([0.8, 1.6]))
assert w.is_leaf and w.requires_grad
# sphinx_gallery_end_ignore

# %%
# 只作预测时，用 ``inference_mode``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 如果结果以后也不会参加求导，可以改用 ``torch.inference_mode()``。
# ``inference_mode`` 比 ``no_grad`` 多省去一些记录工作，限制也更多。
# 块内新建的张量，不能留到反向传播时再用。
# 下面的乘法里，乘积对 ``w`` 的导数就是 ``features``，PyTorch 要把 ``features`` 存下来，所以报错。

w = torch.tensor([1.0, 2.0], requires_grad=True)
with torch.inference_mode():
    features = torch.ones(2) * 2
try:
    features * w
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split('. ')[0]}")
print((features.clone() * w).requires_grad)  # 复制一份，就是普通的张量
# sphinx_gallery_start_ignore
assert features.is_inference() and (features + w).requires_grad  # 加法不存值，不报错
# sphinx_gallery_end_ignore

# %%
# ``detach()``：取出数值，与原张量共享内存
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 前两种办法管一段代码，``detach()``（分离）管一个张量。
# ``detach()`` 返回一个新张量，值相同，与原张量共享内存，但不在计算图里，原来的张量仍然被跟踪。
# ``data_ptr()`` 是首个元素的内存地址，两者相同，说明没有复制。

x = torch.ones(3, requires_grad=True)
y = x.detach()
print(f"{y.requires_grad = }, {x.requires_grad = }")
print(f"{x.data_ptr() == y.data_ptr() = }")
# sphinx_gallery_start_ignore
assert x.requires_grad and not y.requires_grad and x.data_ptr() == y.data_ptr()
# sphinx_gallery_end_ignore

# %%
# 常见错误：改动了反向传播还要用的值
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：:math:`e^a` 的导数就是它自己，所以 ``exp()`` 把结果 ``e`` 存着，留给反向传播用。
# ``e.detach()`` 与 ``e`` 共享内存，原地改动 ``e.detach()``，反向传播时就会报错。

a = torch.tensor([0.0, 1.0, 2.0], requires_grad=True)
e = a.exp()
e.detach().zero_()
try:
    e.sum().backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split(' Hint')[0]}")

# %%
# **原因**：PyTorch 给普通的张量记着一个“版本号”，每用 PyTorch 的原地运算改动一次数值，版本号一般就增加。
# 视图和 ``detach()`` 的结果与原张量共用一个版本号。
# 错误信息里的两个版本号不同，说明值存下之后又做过原地运算，所以 PyTorch 不肯再用这些值求梯度，直接报错。
#
# 更危险的是绕过版本号的改动。
# 张量在 CPU 上时，``detach().numpy()`` 得到的数组也共享内存，而 NumPy 不知道版本号。

e = a.exp()
e.detach().numpy()[:] = 0
e.sum().backward()  # 没有报错
print(f"得到的梯度：{a.grad}")
print(f"正确的梯度：{a.detach().exp()}")
# sphinx_gallery_start_ignore
assert torch.equal(a.grad, torch.zeros(3)) and e._version == 0
base_ = torch.zeros(4)
base_[:2].add_(1)
base_.detach().add_(1)
base_.view(2, 2)[0, 0] = 5
assert base_._version == base_[1:].detach()._version == 3
# sphinx_gallery_end_ignore

# %%
# **解决办法**：要改动 ``detach()`` 的结果，或者改动由此得到的数组，就先用 ``clone()`` 复制一份，复制出来的那一份与 ``e`` 不共享内存。
# 只是当场读一读，不必复制；要留着以后用，也要复制，因为 ``e`` 被原地修改时，共享内存的数组也跟着变。

a.grad = None
e = a.exp()
array = e.detach().clone().numpy()
array[:] = 0
e.sum().backward()
torch.testing.assert_close(a.grad, a.detach().exp())
print(f"{a.grad = }")
# sphinx_gallery_start_ignore
kept, copied = a.detach().numpy(), a.detach().clone().numpy()
with torch.no_grad():
    a += 1
    assert kept[0] == 1 and copied[0] == 0
    a -= 1
# sphinx_gallery_end_ignore

# %%
# 常见错误：损失没有连着任何参数
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：对损失调用 ``backward()``，错误信息说损失既不需要梯度，也没有 ``grad_fn``。

w = torch.tensor([1.0, 2.0], requires_grad=True)
with torch.no_grad():
    loss = (w**2).sum()
try:
    loss.backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：计算图里没有一条路从参数通到损失，可能是在 ``no_grad`` 里做了前向传播，也可能是中途用了 ``detach()``、``item()``、NumPy 或不可微的运算，还可能是没有一个参数的 ``requires_grad`` 是 ``True``。
#
# 更难发现的是只断了一部分。
# 例如损失是两项之和，第二项整个用 ``detach()`` 断开了，这时不会报错，但只在第二项里用到的参数就得不到新的梯度。
#
# **解决办法**：沿着前向传播的顺序逐个检查 ``requires_grad``，一般能找到从 ``True`` 变成 ``False`` 的那一步。
# 这里把前向传播移出 ``no_grad`` 即可。

loss = (w**2).sum()
loss.backward()
print(f"{loss.requires_grad = }")
# sphinx_gallery_start_ignore
one_, two_ = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
(one_ * 2 + (two_ * 3).detach()).backward()
assert one_.grad.item() == 2 and two_.grad is None
# sphinx_gallery_end_ignore

# %%
# 选读：为什么不用 ``.data``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 旧代码里常见的 ``.data`` 也给出一个共享内存、不被跟踪的张量，但 ``.data`` 的结果有自己的版本号，改动了也不会被发现。
# 同样的错误，这次没有任何提示，梯度却是错的。

a.grad = None
e = a.exp()
e.data.zero_()
e.sum().backward()
print(f"得到的梯度：{a.grad}")
print(f"正确的梯度：{a.detach().exp()}")
# sphinx_gallery_start_ignore
assert torch.equal(a.grad, torch.zeros(3)) and e._version == 0 and e.data._version == 0
# sphinx_gallery_end_ignore

# %%
# 在 ``inference_mode`` 里新建的张量没有版本号。
# 还有一种没有提示的情形：在 ``no_grad`` 的块内取视图（例如 ``x[:2]``），``requires_grad`` 仍与 ``x`` 相同，但取视图这一步没有被记录，从视图往回求导，到不了 ``x``。

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时的教程在循环条件里写 ``y.data.norm()``，更新参数时写 ``w.data.sub_(...)``。
#    现在前者写 ``y.detach().norm()``，后者放进 ``torch.no_grad()``。
#    这样写，如果用 PyTorch 的运算改动了反向传播还要用的值，PyTorch 一般能发现并报错，而不是悄悄算错；也有发现不了的，例如写了 ``fused=True`` 的优化器，它更新参数时版本号不变。

# %%
# 实验：学习率与 ``zero_grad()``
# ------------------------------
#
# 现在把梯度用起来，从 64 个带噪声的点找回直线 :math:`y = 2x + 1` 的斜率和截距。
# 斜率就是权重，截距就是偏置；损失取预测与目标之差的平方的平均值，叫均方误差（mean squared error，MSE）。

torch.manual_seed(0)
inputs = torch.linspace(-1, 1, 64)  # 从 -1 到 1 等间隔的 64 个数
targets = 2 * inputs + 1 + 0.1 * torch.randn(64)

# %%
# 训练就是把下面四件事重复许多遍：清零、前向传播、反向传播、更新。
# 更新由优化器来做，这里用 ``torch.optim.SGD``，SGD 是随机梯度下降（stochastic gradient descent）的缩写，“随机”指通常每一步只用随机取出的一批样本，这里每一步用上全部。
# 按默认的设置，优化器的 ``step()`` 做的就是上一节 ``no_grad`` 里的那件事，参数减去学习率（learning rate，记作 :math:`\eta`）乘以梯度：
#
# .. math::
#
#    w \leftarrow w - \eta\,\frac{\partial l}{\partial w}
#
# 下面的参数 ``momentum`` 和 ``clear`` 留给后面的实验，先用默认值。

def train(rate, momentum=0.0, clear=True, steps=100):
    weight = torch.tensor(0.0, requires_grad=True)
    bias = torch.tensor(0.0, requires_grad=True)
    optimizer = torch.optim.SGD([weight, bias], lr=rate, momentum=momentum)
    history = []
    for _ in range(steps):
        if clear:
            optimizer.zero_grad()
        loss = ((weight * inputs + bias - targets) ** 2).mean()
        history.append((weight.item(), bias.item(), loss.item()))
        loss.backward()
        optimizer.step()
    return history  # 每一步更新之前的斜率、截距和损失


for rate in (0.01, 0.1, 1.1):
    slope, intercept, loss = train(rate)[-1]
    print(f"学习率 {rate:<4}：斜率 {slope:.3g}，截距 {intercept:.3g}，损失 {loss:.2g}")
# sphinx_gallery_start_ignore
manual_w, manual_b = torch.tensor(0.0, requires_grad=True), torch.tensor(0.0, requires_grad=True)
for _ in range(99):
    manual_w.grad = manual_b.grad = None
    ((manual_w * inputs + manual_b - targets) ** 2).mean().backward()
    with torch.no_grad():
        manual_w -= 0.1 * manual_w.grad
        manual_b -= 0.1 * manual_b.grad
torch.testing.assert_close((manual_w.item(), manual_b.item()), train(0.1)[-1][:2])
assert abs(train(0.1)[-1][0] - 2) < 0.1 and train(1.1)[-1][2] > 1e6
# sphinx_gallery_end_ignore

# %%
# 学习率乘以梯度，就是这一步走多远。
# 学习率太小，走了 99 步，直线还没到；学习率合适，斜率和截距就接近 2 和 1。
# 损失随截距的变化像一个山谷，最低处叫谷底；学习率太大，截距每一步都越过谷底，落到对面更远的地方，损失于是迅速增大。
# 斜率没有跟着发散，因为它的梯度是误差乘以输入、求平均、再乘以 2，而这里的输入左右对称，截距带来的误差在平均时正负抵消了，只剩一点舍入误差。
# 下图上半部分是学习率 0.1 时，直线在训练中怎样移动，下半部分是三种学习率的损失。
# 在本站的网页上，可以换学习率，也可以试下面要讲的忘记清零和动量，逐步看直线怎样移动。

# 画图（learning-rate）：上面是直线一步步靠近数据，下面是学习率太小、合适、太大时的损失。
# 图中：上面是散点和四条直线，从水平的起点一条比一条陡，最后一条穿过散点；下面三条损失曲线，一条缓缓下降，一条很快降平，一条冲出图外。
def draw_fit():
    fig, (top, bottom) = plt.subplots(2, figsize=(4.8, 6.4), layout="constrained")
    top.scatter(inputs, targets, s=12, color="C0", alpha=0.5)
    history = train(0.1)
    for step, name in ((0, "起点"), (3, "3 步"), (10, "10 步"), (99, "99 步")):
        slope, intercept, _ = history[step]
        top.plot(inputs, slope * inputs + intercept, color="C2", alpha=0.4 + 0.6 * (step == 99))
        top.text(1.03, slope + intercept, name, va="center", fontsize=11)
    top.set(xlabel="输入", xlim=(-1.05, 1.3))
    top.set_title("学习率 0.1：直线靠近数据（纵轴是输出）", loc="left")
    places = {0.01: (55, 1.5, "0.01：太小"), 0.1: (55, 0.025, "0.1：合适"), 1.1: (33, 1e4, "1.1：太大")}
    styles = {0.01: "--", 0.1: "-", 1.1: "-."}
    for rate, (x, y, name) in places.items():
        losses = [loss for *_, loss in train(rate)]
        bottom.semilogy(losses, styles[rate], color="C3" if rate > 1 else "C2")
        bottom.text(x, y, name, fontsize=11)
    bottom.yaxis.set_major_formatter("{x:g}")
    bottom.set(xlabel="步数", ylim=(0.005, 1e5))
    bottom.set_title("三种学习率（纵轴是损失，对数刻度）", loc="left")
    fig.suptitle("用梯度拟合 y = 2x + 1：学习率太小、合适、太大", fontsize=12)


draw_fit()
plt.show()

# %%
# 忘记 ``zero_grad()`` 会怎样
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 数据、起点、学习率都相同，只差清零这一件事。
# 程序没有报错，也没有警告。

for name, clear in (("每步清零", True), ("忘记清零", False)):
    losses = [loss for _, _, loss in train(0.1, clear=clear)]
    last = losses[-50:]
    print(f"{name}：起点的损失 {losses[0]:.2f}，最后 50 步在 {min(last):.3f} 与 {max(last):.3f} 之间")
# sphinx_gallery_start_ignore
good = [loss for *_, loss in train(0.1)]
bad = [loss for *_, loss in train(0.1, clear=False)]
assert good[0] == bad[0] and good[-1] < 0.02 and max(bad[-50:]) > 1
assert sum((b - a) * (c - b) < 0 for a, b, c in zip(bad, bad[1:], bad[2:])) > 5
assert train(0.1, momentum=0.9, clear=False)[-1][2] > 1e6
# sphinx_gallery_end_ignore

# %%
# 忘记清零时，每一步用的都是从开头到现在的全部梯度之和。
# 参数已经到了谷底，旧的梯度还在推着参数往前，于是冲过头，再被推回来，像没有摩擦的摆，停不下来。
# 斜率和截距摆动的周期不同，合起来就是下图的样子。

# 画图：每步清零，损失很快降到底；忘记清零，损失来回振荡。
# 图中：两条损失曲线从同一点出发：一条平滑地下降，贴近 0 以后走平；一条反复起落，到最后也没有停。
def draw_forgotten():
    fig, ax = plt.subplots(figsize=(4.8, 3.4), layout="constrained")
    ax.plot([loss for *_, loss in train(0.1, clear=False)], color="C3")
    ax.plot([loss for *_, loss in train(0.1)], color="C2", linewidth=2.5)
    ax.text(12, 2.55, "忘记清零", color="C3", fontsize=11)
    ax.text(99, -0.08, "每步清零", color="C2", fontsize=11, ha="right", va="top")
    ax.set(xlabel="步数", ylim=(-0.4, 2.9))
    ax.set_title("损失", loc="left")
    fig.suptitle("每步清零则平稳下降，忘记清零则振荡", fontsize=12)


draw_forgotten()
plt.show()

# %%
# 这次运行里，损失只是振荡；换一种设置，后果可能更坏。
# 例如用上动量（momentum），也就是让每一步除了当前的梯度，还带上以往的梯度。
# 优化器为每个参数保存一个累计量 :math:`m`，开始时是 0，每一步先更新 :math:`m`，再用 :math:`m` 代替梯度：
#
# .. math::
#
#    m \leftarrow \mu\,m + \frac{\partial l}{\partial w}, \qquad
#    w \leftarrow w - \eta\,m
#
# 系数 :math:`\mu` 也叫动量，就是 ``train`` 的参数 ``momentum``，0 表示不用动量。
# 下面把动量设为 0.9，忘记清零时，损失就发散了。

for name, clear in (("每步清零", True), ("忘记清零", False)):
    print(f"动量 0.9，{name}：最后的损失 {train(0.1, momentum=0.9, clear=clear)[-1][2]:.2g}")

# %%
# 选读：清零是设为 ``None`` 还是填成 0
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 优化器的 ``zero_grad()`` 默认把 ``grad`` 设为 ``None``，也可以改为填成 0，下面把两种清零并排来看。

p = torch.tensor(1.0, requires_grad=True)
optimizer = torch.optim.SGD([p], lr=0.1)
for set_to_none in (True, False):
    (p**2).backward()
    optimizer.zero_grad(set_to_none=set_to_none)
    print(f"{set_to_none = }, {p.grad = }")

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时 ``zero_grad()`` 把梯度填成 0，打印 ``grad`` 得到全零的张量。
#    现在默认把 ``grad`` 设为 ``None``（参数 ``set_to_none=True``），省下内存和一次填充。
#    旧代码如果在清零之后紧接着读 ``grad.sum()``，现在会因为 ``None`` 而报错。

# %%
# 选读：结果不是标量时，``backward()`` 要一个向量
# -----------------------------------------------
#
# 先看数值。
# 下面的 ``f`` 有两个输入、三个输出。
# 假设后面的损失是三个输出的加权和，加权的系数分别是 1、10、100，求损失对 ``x`` 的梯度。

def f(x):
    return torch.stack([x[0] ** 2, x[0] * x[1], 5 * x[1]])


v = torch.tensor([1.0, 10.0, 100.0])
x = torch.tensor([2.0, 3.0], requires_grad=True)
(v * f(x)).sum().backward()
print(f"{x.grad = }")

# %%
# 同一个结果还有另一种写法。
# 不写出损失，直接从三个输出出发，把那三个系数交给 ``backward()``，意思是“损失对这三个输出的偏导数就是这些，请接着往回走”。

x.grad = None
y = f(x)
y.backward(gradient=v)
print(f"{x.grad = }")
# sphinx_gallery_start_ignore
for weights_ in (torch.ones(3), torch.tensor([0.0, -1.0, 0.5])):
    p_, q_ = (torch.tensor([2.0, 3.0], requires_grad=True) for _ in range(2))
    f(p_).backward(weights_)
    (weights_ * f(q_)).sum().backward()
    torch.testing.assert_close(p_.grad, q_.grad)
# sphinx_gallery_end_ignore

# %%
# 所以 ``backward()`` 的参数 ``gradient`` 里的每个数，都乘在相应输出的导数上。
# ``gradient`` 的形状必须与输出相同，给错了会得到另一条错误。

y = f(x)
try:
    y.backward(torch.ones(2))
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 规则：向量-雅可比积
# ^^^^^^^^^^^^^^^^^^^
#
# 设 :math:`\vec y = f(\vec x)` 有 :math:`m` 个分量，:math:`\vec x` 有 :math:`n` 个分量。
# 所有的偏导数排成一个 :math:`m \times n` 的矩阵，叫雅可比矩阵（Jacobian）：
#
# .. math::
#
#    J = \begin{pmatrix}
#      \dfrac{\partial y_1}{\partial x_1} & \cdots & \dfrac{\partial y_1}{\partial x_n} \\
#      \vdots & \ddots & \vdots \\
#      \dfrac{\partial y_m}{\partial x_1} & \cdots & \dfrac{\partial y_m}{\partial x_n}
#    \end{pmatrix}
#
# ``y.backward(v)`` 不把整个 :math:`J` 算出来，而是算它的转置与 :math:`\vec v` 的积，叫向量-雅可比积（vector-Jacobian product，VJP）：
#
# .. math::
#
#    J^{\mathsf T}\,\vec v
#    = \begin{pmatrix}
#      \dfrac{\partial y_1}{\partial x_1} & \cdots & \dfrac{\partial y_m}{\partial x_1} \\
#      \vdots & \ddots & \vdots \\
#      \dfrac{\partial y_1}{\partial x_n} & \cdots & \dfrac{\partial y_m}{\partial x_n}
#    \end{pmatrix}
#    \begin{pmatrix} v_1 \\ \vdots \\ v_m \end{pmatrix}
#
# 为什么恰好是这个式子？
# 如果后面有一个标量损失 :math:`l = g(\vec y)`，取 :math:`v_i = \partial l/\partial y_i`，那么 :math:`J^{\mathsf T}\vec v` 的第 :math:`j` 个分量是 :math:`\sum_i \frac{\partial y_i}{\partial x_j}\frac{\partial l}{\partial y_i} = \frac{\partial l}{\partial x_j}`，正是链式法则。
# 对实数的张量，反向传播每经过计算图里的一步运算，一般也就是做一次这样的乘法。
#
# ``torch.func.jacrev`` 把一个函数变成“求它的雅可比矩阵”的函数，内部对 :math:`\vec v = \vec e_1, \vec e_2, \dots` 一并求出各个向量-雅可比积，:math:`\vec e_i` 的第 :math:`i` 个分量是 1，其余是 0，所以每一个积给出 :math:`J` 的一行。
# 代码里的 ``J.mT`` 是 :math:`J` 的转置。
# ``torch.autograd.functional.jacobian`` 是较早的写法，给出同一个矩阵。

J = torch.func.jacrev(f)(x.detach())
print(J)
print(f"{J.mT @ v = }")
torch.testing.assert_close(x.grad, J.mT @ v)
torch.testing.assert_close(J, torch.autograd.functional.jacobian(f, x.detach()))
# sphinx_gallery_start_ignore
rows = [torch.func.vjp(f, x.detach())[1](unit)[0] for unit in torch.eye(3)]
torch.testing.assert_close(torch.stack(rows), J)
# sphinx_gallery_end_ignore

# %%
# 换一个损失：平方和
# ^^^^^^^^^^^^^^^^^^
#
# 在 ``y`` 后面接上损失 :math:`l = \sum_i y_i^2`，这个损失对 ``y`` 的梯度是 :math:`2\vec y`。
# 从 :math:`l` 出发，与从 ``y`` 出发并取 :math:`\vec v = 2\vec y`，得到相同的梯度。

x = torch.tensor([2.0, 3.0], requires_grad=True)
(f(x) ** 2).sum().backward()  # 从 l 出发
through_loss = x.grad

x = torch.tensor([2.0, 3.0], requires_grad=True)
y = f(x)
y.backward(2 * y.detach())  # 从 y 出发，v = 2y
print(f"{through_loss = }")
print(f"{x.grad = }")
torch.testing.assert_close(x.grad, through_loss)

# %%
# 另一个方向：雅可比-向量积
# ^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 雅可比-向量积（Jacobian-vector product，JVP）的名字只差一个顺序，却是另一件事。
# JVP 算的是 :math:`J\vec u`，其中 :math:`\vec u` 与**输入**形状相同，说明输入沿 :math:`\vec u` 动一点时，输出怎样动。
# 训练时参数极多而损失只有一个数，:math:`J` 只有一行，一次 VJP 就得到全部梯度，而用 JVP 要对每个参数各做一次，所以训练一般用 VJP，这种从结果往回算的方式叫反向模式（reverse mode）。

u = torch.tensor([1.0, -1.0])
with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # PyTorch 内部的警告，与这里无关
    _, jvp = torch.func.jvp(f, (x.detach(),), (u,))
print(f"{jvp = }")
torch.testing.assert_close(jvp, J @ u)

# %%
# 选读：循环几次由数据决定，计算图也随之不同
# ------------------------------------------
#
# 下面的函数把 ``x`` 不断加倍，直到长度（各元素平方和的平方根，由 ``norm()`` 求出）不小于 1000，所以 ``x`` 不能全是 0，否则循环停不下来。
# 这时 :math:`\vec y = 2^k\,\vec x`，而 :math:`k` 要执行了才知道。

def double_until_large(x):
    y = x * 2
    k = 1
    while y.detach().norm() < 1000:  # 判断本身不需要被记录
        y = y * 2
        k += 1
    return y, k


torch.manual_seed(0)
x = torch.randn(3, requires_grad=True)
y, k = double_until_large(x)
print(y)
print(f"{k = }, {y.detach().norm().item() >= 1000 = }")

# %%
# ``y`` 有三个元素，反向传播要给 ``v``。
# 每个元素只是乘以 :math:`2^k`，所以雅可比矩阵 :math:`J = 2^k I`（:math:`I` 是单位矩阵），``x.grad`` 应当恰好是 ``2**k * v``。
# ``x`` 是随机抽取的，换一个种子，:math:`k` 可能不同，``x.grad`` 也随之不同，但这个关系不变。

v = torch.tensor([0.1, 1.0, 0.0001])
y.backward(v)
print(f"{x.grad = }")
print(f"{torch.equal(x.grad, 2**k * v) = }")

J = torch.func.jacrev(lambda x: double_until_large(x)[0])(x.detach())
print(J)
torch.testing.assert_close(x.grad, J.mT @ v)
# sphinx_gallery_start_ignore
assert torch.equal(x.grad, 2**k * v) and torch.equal(J, 2**k * torch.eye(3))
# sphinx_gallery_end_ignore

# %%
# 这里乘以 2 的幂只改变浮点数的指数，没有舍入，所以可以用 ``torch.equal`` 要求逐位相等。
#
# 下面换 300 个种子，看各种 :math:`k` 出现几次。

from collections import Counter

counts = Counter()
for seed in range(300):
    start = torch.randn(3, generator=torch.Generator().manual_seed(seed))
    counts[double_until_large(start)[1]] += 1
for k, times in sorted(counts.items()):
    print(f"{k = :2}：{times:3} 次")
# sphinx_gallery_start_ignore
assert len(counts) > 1
# sphinx_gallery_end_ignore

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时的教程把这个例子的输出写成 ``[102.4, 1024, 0.1024]``，没有给出种子，好像结果是固定的。
#    现在知道，那只是 :math:`k = 10` 时的结果。

# %%
# 输入不同，计算图也不同
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 用前面的 ``walk`` 数一数图里有几个乘法节点。

for scale in (1.0, 10.0, 100.0):
    start = torch.full((3,), scale, requires_grad=True)
    y, k = double_until_large(start)
    count = sum(type(node).__name__ == "MulBackward0" for node in walk(y.grad_fn))
    print(f"输入 {scale:5}：{k = }，图中有 {count} 个 MulBackward0")
    # sphinx_gallery_start_ignore
    assert count == k
    # sphinx_gallery_end_ignore

# %%
# 选读：``autograd.grad`` 与高阶导数
# ------------------------------------
#
# ``torch.autograd.grad`` 也做一次反向传播，但把梯度作为返回值交给你，不写进叶张量的 ``grad``，因此也不累积。
# 写上 ``create_graph=True``，求导的过程本身也被记录，如果得到的梯度仍然依赖 ``x``，一般就可以再求一次导。
# 返回的是元组，所以左边写成 ``(first,)``，取出里面的那一个梯度。

x = torch.tensor(3.0, requires_grad=True)
(first,) = torch.autograd.grad(x**3, x, create_graph=True)
(second,) = torch.autograd.grad(first, x)
print(f"一阶导数 {first.item()}，二阶导数 {second.item()}，{x.grad = }")
# sphinx_gallery_start_ignore
assert (first.item(), second.item(), x.grad) == (27.0, 18.0, None)
# sphinx_gallery_end_ignore

# %%
# :math:`x^3` 的一阶导数是 :math:`3x^2`，二阶导数是 :math:`6x`。
# 如果损失里含有梯度，例如要惩罚过大的梯度，就要用到 ``create_graph=True``。
# ``backward()`` 也有这个参数，但那样会让参数与它的 ``grad`` 互相引用，内存可能迟迟不释放，所以求高阶导数时用 ``autograd.grad``。

# %%
# 选读：用有限差分检验梯度
# ------------------------
#
# 导数的定义本身就是一种算法。
# 取一个小的 :math:`h`，用中心差分近似，这类方法叫有限差分（finite difference）：
#
# .. math::
#
#    f'(x) \approx \frac{f(x + h) - f(x - h)}{2h}
#
# 有限差分不需要知道 :math:`f` 里面是什么，因此可以独立地检验 autograd。
# 取 :math:`f(x) = e^{\sin x}`，导数是 :math:`\cos x\, e^{\sin x}`，在 50 个点上比较。
# 每个函数值只依赖自己的那个点，所以求和之后再反向传播，各点的导数不会混在一起。

def curve(x):
    return torch.exp(torch.sin(x))


def central_difference(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


points = torch.linspace(-1.0, 1.0, 50, dtype=torch.float64, requires_grad=True)
curve(points).sum().backward()
exact = torch.cos(points.detach()) * curve(points.detach())  # 公式
difference = central_difference(curve, points.detach(), 1e-5)
print(f"autograd 与公式最大相差 {(points.grad - exact).abs().max():.1g}")
print(f"有限差分与公式最大相差 {(difference - exact).abs().max():.1g}")
# sphinx_gallery_start_ignore
assert (points.grad - exact).abs().max() < 1e-14 and (difference - exact).abs().max() < 1e-9
# sphinx_gallery_end_ignore

# %%
# 两种办法都与公式相符。
# 有限差分是近似；autograd 在这里逐步执行求导公式，误差只来自浮点数的舍入。
#
# 那么 :math:`h` 取多小才好？
# 让它从 0.1 一直变到 :math:`10^{-12}`，在 float32 和 float64 中各算一遍，记下每次的最大误差。
# 作为对照，再算一次 float32 中 autograd 的误差。

steps = [10 ** (-k / 2) for k in range(2, 25)]
errors = {}
for dtype in (torch.float32, torch.float64):
    at = points.detach().to(dtype)
    errors[dtype] = [
        (central_difference(curve, at, h).double() - exact).abs().max().item() for h in steps
    ]
    smallest = min(errors[dtype])
    print(f"{dtype}：h = {steps[errors[dtype].index(smallest)]:.0e} 时误差最小，为 {smallest:.0e}")

at = points.detach().float().requires_grad_()
curve(at).sum().backward()
rounding = (at.grad.double() - exact).abs().max().item()
print(f"float32 中 autograd 的误差 {rounding:.0e}")

# %%
# 把误差画成 :math:`h` 的函数，横轴和纵轴都用对数刻度。

# 画图：h 从大到小，有限差分的误差先降后升；autograd 没有 h 要挑，同用 float32 时误差更低。
# 图中：双对数坐标，有限差分的两条折线各有一个最低点，float64 的低得多，也靠左得多；autograd 的误差是一条水平的虚线，整个在 float32 的折线下面。
def draw_errors():
    fig, ax = plt.subplots(figsize=(4.8, 4.2), layout="constrained")
    for dtype, marker, place in ((torch.float32, "o", (1e-6, 0.6)), (torch.float64, "s", (6e-13, 1e-9))):
        name = str(dtype).removeprefix("torch.")
        ax.loglog(steps, errors[dtype], color="C3", marker=marker, markersize=4)
        ax.text(*place, f"有限差分，{name}", fontsize=11)
    ax.axhline(rounding, color="C4", linestyle="--")
    ax.text(1e-8, rounding * 1.5, "autograd，float32", color="C4", fontsize=11)
    ax.xaxis.set_major_formatter("{x:.0e}")
    ax.yaxis.set_major_formatter("{x:.0e}")
    ax.set(xlabel="步长 h", ylim=(1e-11, 20))
    ax.set_title("最大误差", loc="left")
    fig.suptitle("最大误差呈 U 形：h 太大有截断误差，太小有舍入误差", fontsize=12)


draw_errors()
plt.show()

# %%
# 从右往左看。
# 起初误差随 :math:`h^2` 下降，因为公式只是近似，这一部分叫截断误差。
# 越过谷底，误差反而上升，因为 :math:`f(x+h)` 与 :math:`f(x-h)` 越来越接近，相减之后剩下的主要是舍入误差，除以很小的 :math:`2h` 又把它放大。
# float32 的有效数字少，所以谷底来得更早，也更高。
# float32 左端是一段平台：:math:`h` 太小，:math:`f(x+h)` 与 :math:`f(x-h)` 舍入成同一个数，差恒为零，误差就等于导数本身的大小。
# 平台右端有个小峰：个别点的差还不是零，但只有末位的一个单位，除以很小的 :math:`2h`，反而偏得更多。
# autograd 不做这样的减法，也没有 :math:`h` 要挑。

ratio = errors[torch.float64][0] / errors[torch.float64][2]
print(f"h 从 {steps[0]:.0e} 减到 {steps[2]:.0e}，误差变为原来的 1/{ratio:.0f}")
flat = points.detach().float()
print(f"{torch.equal(curve(flat + 1e-12), curve(flat - 1e-12)) = }")
# sphinx_gallery_start_ignore
low = {dtype: steps[errors[dtype].index(min(errors[dtype]))] for dtype in errors}
assert 95 < ratio < 105 and rounding < min(errors[torch.float32]) / 10
assert low[torch.float32] > low[torch.float64]
# sphinx_gallery_end_ignore

# %%
# 现成的工具：gradcheck
# ^^^^^^^^^^^^^^^^^^^^^
#
# ``torch.autograd.gradcheck`` 做的就是这件事：用有限差分得出雅可比矩阵，再与 autograd 的结果比较。
# 输入要用 float64，原因刚刚看到了。
# 下面第二个函数故意用 ``detach()`` 切断一半梯度，值仍是 :math:`x^2`，梯度却成了 :math:`x`。

def half_broken(x):
    return x * x.detach()


torch.manual_seed(0)
sample = torch.randn(4, dtype=torch.float64, requires_grad=True)
print(f"{torch.autograd.gradcheck(curve, sample) = }")
try:
    torch.autograd.gradcheck(half_broken, sample)
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[0].rstrip(',')}")
# sphinx_gallery_start_ignore
assert not torch.autograd.gradcheck(half_broken, sample, raise_exception=False)
# sphinx_gallery_end_ignore

# %%
# 前一个通过，后一个被当场指出。
# 有时要自己规定一种运算怎样求导，办法是继承 ``torch.autograd.Function`` 这个类，写出前向和反向两个方法；写好以后，先用 ``gradcheck`` 检查。

# %%
# 选读：用钩子和 ``TORCH_LOGS`` 查看反向传播
# --------------------------------------------
#
# 钩子（hook）是注册在张量、计算图节点或网络的模块（下一页讲）上的函数，前向或反向传播经过那里时自动被调用。
# 前面画计算图的代码就在每个节点上注册了钩子，记下反向传播沿每条边传出的梯度。
# 下面用张量的钩子，看梯度怎样先到 ``z``，再到 ``y``。

x = torch.ones(2, 2, requires_grad=True)
y = x + 2
z = y * y * 3
y.register_hook(lambda grad: print(f"y 收到的梯度：{grad.tolist()}"))
z.register_hook(lambda grad: print(f"z 收到的梯度：{grad.tolist()}"))
z.mean().backward()

# %%
# ``y`` 的钩子只调用了一次，这时两条边的梯度已经加好。
# 如果要看单独一条边，就在 ``y * y`` 的节点上注册。

x = torch.ones(2, 2, requires_grad=True)
y = x + 2
square = y * y
square.grad_fn.register_hook(
    lambda sent, received: print([grad[0, 0].item() for grad in sent], received[0][0, 0].item())
)
(square * 3).mean().backward()

# %%
# 前两个数是这个节点沿左右两条边传出的梯度，最后一个数是这个节点收到的梯度，都只取了左上角的一个元素。
#
# 如果只想看反向传播执行了哪些节点，不必写钩子：运行脚本之前把环境变量 ``TORCH_LOGS`` 设为 ``+autograd``，每个节点执行时会在标准错误上留下一行日志。
# 在 Linux 和 macOS 的终端里写 ``TORCH_LOGS="+autograd" python 脚本名.py``；在 Windows 的 PowerShell 里先写 ``$env:TORCH_LOGS = "+autograd"``，再运行脚本。

# %%
# 小结
# ----
#
# - 梯度说明参数改动一点点时损失怎样变，只在当前这一点附近有效，所以训练时每次走一小步。
# - ``requires_grad=True`` 让可微运算被记录；记下的节点连成一张有向无环图，每次前向传播重新建立。
# - ``backward()`` 从损失（标量）出发，走回叶张量。
#   一次 ``backward()`` 之内，各条路径的梯度先求和；几次 ``backward()`` 之间，梯度加进 ``grad``，所以每一步都要清零。
# - 图里的中间值释放以后，同一张图不能再走第二次；通常的办法是重新做前向传播。
# - ``no_grad`` 和 ``inference_mode`` 让一段代码不被记录，``detach()`` 返回共享内存的新张量；要改动 ``detach()`` 的结果，先 ``clone()``。
# - 按 ``SGD`` 的默认设置，学习率乘以梯度就是一步走多远；忘记 ``zero_grad()`` 不会报错，损失却可能振荡，也可能发散。

# %%
# 选读：用几行代码把全程再走一遍
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

x = torch.ones(2, 2, requires_grad=True)  # 开始跟踪
out = (x**3).sum()  # 前向传播，建图
out.backward()  # 反向传播
print(f"{x.grad = }")  # 3x² 在 x = 1 处

with torch.no_grad():
    print(f"{(x ** 3).requires_grad = }")  # 块内的结果不被跟踪
# sphinx_gallery_start_ignore
assert torch.equal(x.grad, torch.full((2, 2), 3.0))
# sphinx_gallery_end_ignore

# %%
# 练习
# ----
#
# 1. 设 ``a = torch.tensor([2.0, 3.0], requires_grad=True)``，``b = torch.tensor([6.0, 4.0], requires_grad=True)``。
#    ``total = (3 * a**3 - b**2).sum()`` 的计算图有几个叶节点？
#    先在纸上画，再用 ``walk`` 核对。
# 2. 设 ``x = torch.ones(2, 2, requires_grad=True)``。
#    一份笔记接着写 ``out = x ^ 3`` 和 ``out.backward()``，里面有两处错误，是哪两处？
#    改正后 ``x.grad`` 是多少？
# 3. 内存只放得下半个批量。
#    怎样利用梯度累积，得到与整个批量相同的梯度？
#    用实验里的 ``inputs`` 和 ``targets`` 试一试，注意损失是平均值。
# 4. 实验里“没有摩擦的摆”可以说得更准确：
#    在 ``train`` 里，忘记清零与“每步清零，但把 ``momentum`` 设为某个值”效果相同。
#    是哪个值？
# 5. 设 ``hidden = w1 * 3.0``，``out = w2 * hidden``。
#    如果 ``w2`` 不需要梯度，``w1`` 还能得到梯度吗？
#    如果改为把第二个乘法放进 ``no_grad`` 呢？

# %%
# 练习 1 的答案
# ^^^^^^^^^^^^^
#
# 两个叶节点，``a`` 和 ``b``。
# 减号对应 ``SubBackward0``，从这个节点出发有两条边：一条经乘以 3 和三次方走到 ``a``，另一条经平方走到 ``b``。

a = torch.tensor([2.0, 3.0], requires_grad=True)
b = torch.tensor([6.0, 4.0], requires_grad=True)
total = (3 * a**3 - b**2).sum()
leaves = [node for node in walk(total.grad_fn) if type(node).__name__ == "AccumulateGrad"]
print(f"{len(leaves) = }")
# sphinx_gallery_start_ignore
assert {id(node.variable) for node in leaves} == {id(a), id(b)}
# sphinx_gallery_end_ignore

# %%
# 下图是把这张计算图画出来的样子。

# 画图：在减法处分成两支，各自走到叶张量 a 和 b；两个元素相同时只写一个。
# 图中：计算图：a 经过三次方、乘以 3，b 经过平方，两支在“相减”会合，再求和，最后是 total；相连的框之间各有一上一下两支箭头，往下的旁边写着数值，往上的旁边写着梯度。
def draw_two_leaves():
    a = torch.tensor([2.0, 3.0], requires_grad=True)
    b = torch.tensor([6.0, 4.0], requires_grad=True)
    cube, square = a**3, b**2
    triple = 3 * cube
    Q = triple - square
    total = Q.sum()
    labels = {a: "a", b: "b", cube: "三次方", square: "平方", triple: "乘以 3", Q: "相减", total: "求和"}
    fig, ax = plt.subplots(figsize=(4.8, 5.2), layout="constrained")
    draw_graph(ax, total, labels, "total")
    fig.suptitle("sum(3a³ - b²) 的计算图：在相减处分成两支，走到 a 和 b", fontsize=12)


draw_two_leaves()
plt.show()

# %%
# 练习 2 的答案
# ^^^^^^^^^^^^^
#
# 第一处，Python 的 ``^`` 是按位异或，不是乘方，浮点数没有这种运算。
# 第二处，``out`` 有四个元素，不是标量。

x = torch.ones(2, 2, requires_grad=True)
try:
    x ^ 3
except NotImplementedError as error:
    print(f"{type(error).__name__}: {error}")
try:
    (x**3).backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 乘方写 ``**``，再求和。
# :math:`\partial \sum_j x_j^3 / \partial x_i = 3x_i^2`，在 1 处是 3。

out = (x**3).sum()
out.backward()
print(f"{x.grad = }")
torch.testing.assert_close(x.grad, 3 * x.detach() ** 2)

# %%
# 练习 3 的答案
# ^^^^^^^^^^^^^
#
# 对两半各做一次前向和反向传播，中间不清零；为了简短，模型只留权重，不要偏置。
# 均方误差是平均值，两半的样本数相等，所以每一半的损失除以 2，加起来才是整批的平均。
# 如果模型里有的层要用到整个批量的均值和方差（例如以后会遇到的批量归一化），这样累积的结果就与整批不同。

weight = torch.tensor(0.0, requires_grad=True)
((weight * inputs - targets) ** 2).mean().backward()
whole = weight.grad

weight.grad = None
for half in (slice(0, 32), slice(32, 64)):  # 前一半，后一半
    loss = ((weight * inputs[half] - targets[half]) ** 2).mean() / 2
    loss.backward()
print(f"整批：{whole.item():.4f}，两半累积：{weight.grad.item():.4f}")
torch.testing.assert_close(weight.grad, whole)

# %%
# 练习 4 的答案
# ^^^^^^^^^^^^^
#
# 是 1。
# 动量把过去的梯度乘以一个系数，再加上新的梯度；系数为 1 时，旧梯度一点不减，恰好就是全部梯度之和。
# 平常用的动量小于 1，那就是“摩擦”。

forgotten = train(0.1, clear=False)
frictionless = train(0.1, momentum=1.0)
torch.testing.assert_close(forgotten, frictionless)
print(f"第 99 步的损失：{forgotten[-1][2]:.4f}（忘记清零），{frictionless[-1][2]:.4f}（动量为 1）")

# %%
# 练习 5 的答案
# ^^^^^^^^^^^^^
#
# 能。
# ``w2`` 不需要梯度，只是不为 ``w2`` 自己算梯度，梯度仍要穿过这次乘法传给 ``hidden``，再传给 ``w1``。
# 放进 ``no_grad`` 则把图切断，``w1`` 也得不到梯度。
# 让选定的参数不参加训练叫冻结，见:doc:`《训练图像分类器》 <training_a_classifier>`。

w1 = torch.tensor(2.0, requires_grad=True)
w2 = torch.tensor(5.0)
(w2 * (w1 * 3.0)).backward()
print(f"{w1.grad = }, {w2.grad = }")

w2.requires_grad_()
hidden = w1 * 3.0
with torch.no_grad():
    out = w2 * hidden
print(f"{out.requires_grad = }")
# sphinx_gallery_start_ignore
assert w1.grad.item() == 15.0 and w2.grad is None and not out.requires_grad
# sphinx_gallery_end_ignore

# %%
# 接下来
# ------
#
# 有了自动微分，就可以把参数组织成网络：:doc:`《神经网络》 <neural_networks>`。
# 想深入了解，请看官方文档的 `torch.autograd <https://docs.pytorch.org/docs/stable/autograd.html>`__ 与 `autograd 的工作原理 <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__。
