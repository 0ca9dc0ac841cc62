"""
自动微分
========

训练神经网络，就是反复问一个问题：每个参数再大一点点，损失会怎样变。回答它的是梯
度（gradient），而算梯度的是 ``torch.autograd``。读完这一页，你能看懂
``backward()`` 沿着一张怎样的图走、把什么放到哪里，并能用手算、雅可比矩阵和有限
差分（finite difference）三种办法检查它算得对不对。

**你将学到**：跟踪运算、画出计算图、反向传播、梯度累积、向量-雅可比积、停止跟踪
与冻结参数、检验梯度。

**需要先会**：张量（tensor）的基本操作
（见:doc:`《什么是 PyTorch》 <what_is_pytorch>`），以及偏导数（partial
derivative）和链式法则（chain rule）。
"""

# %%
# 先看一遍全程
# ------------
#
# 训练的每一步分两段。**前向传播**（forward propagation）：输入和参数经过一串运
# 算，得到预测，再得到损失。**反向传播**（backpropagation）：从损失出发，沿着刚
# 才那串运算倒着走，用链式法则求出损失对每个参数的梯度。
#
# 下面是最小的一个例子：一个输入，一个权重，一个偏置。第一段由你写，第二段只是一
# 行 ``loss.backward()``；算出的梯度在各自的 ``grad`` 里。

import torch

torch.manual_seed(0)

weight = torch.tensor(2.0, requires_grad=True)
bias = torch.tensor(1.0, requires_grad=True)

prediction = weight * 3.0 + bias  # 前向传播：输入是 3
loss = (prediction - 10.0) ** 2  # 目标是 10
loss.backward()  # 反向传播
print(f"{loss.item() = }")
print(f"{weight.grad.item() = }")
print(f"{bias.grad.item() = }")

# %%
# 手算一遍。记权重为 :math:`w`，偏置为 :math:`b`，损失为
# :math:`l = (3w + b - 10)^2`：
#
# .. math::
#
#    \frac{\partial l}{\partial w} = 2\,(3w + b - 10) \cdot 3 = -18, \qquad
#    \frac{\partial l}{\partial b} = 2\,(3w + b - 10) = -6
#
# 两个梯度都是负的：把权重和偏置调大一点，损失就会变小。各加 0.01 试一试。

# sphinx_gallery_start_ignore
assert (weight.grad.item(), bias.grad.item()) == (-18.0, -6.0)
assert loss.item() > (2.01 * 3 + 1.01 - 10) ** 2
# sphinx_gallery_end_ignore
smaller = ((2.0 + 0.01) * 3.0 + (1.0 + 0.01) - 10.0) ** 2
print(f"{smaller < loss.item() = }")

# %%
# 让 PyTorch 记住运算
# -------------------
#
# autograd 为张量上的**可微**运算提供自动微分（automatic differentiation）。它边
# 运行边定义（define-by-run）：反向传播怎么走，由你的代码这一次实际执行了什么决
# 定。
#
# 要让它开始记录，创建张量时写上 ``requires_grad=True``。

x = torch.ones(2, 2, requires_grad=True)
print(x)
print(f"{x.is_leaf = }")
print(f"{x.grad_fn = }")
print(f"{x.grad = }")

# %%
# ``x`` 是你直接创建的，不是由被跟踪的运算得来的，所以它没有 ``grad_fn``，是一个
# 叶张量（leaf tensor）。``grad`` 还是 ``None``，因为还没有做过反向传播。
#
# 再用 ``x`` 算出 ``y``。这一次 ``y`` 是一次加法的结果，它带着 ``grad_fn``。

y = x + 2
print(y)
print(f"{y.is_leaf = }")
print(f"{y.requires_grad = }")

# %%
# ``grad_fn`` 指向一个节点（文档里也叫 ``Function``）。它记着两件事：这个张量由什
# 么运算得来，以及反向传播时该怎样把梯度往回传。名字里的 ``Add`` 是运算，
# ``Backward`` 是方向。打印整个对象会带上内存地址，每次运行都可能不同，所以这里只
# 打印类型的名字。

print(f"{type(y.grad_fn).__name__ = }")

# %%
# 接着再算两步，得到一个只有一个元素的结果 ``out``：它是四个
# :math:`3(x_i+2)^2` 的平均值，后面几节都围绕它展开。

z = y * y * 3
out = z.mean()
print(z)
print(out)

# %%
# 不是每种运算都可微。比较、取最大值的位置、转换成整数，都没有梯度可言，结果的
# ``requires_grad`` 也就是 ``False``。

print(f"{(x > 0).requires_grad = }")
print(f"{x.argmax().requires_grad = }")
print(f"{x.long().requires_grad = }")

# %%
# 常见错误：让整数张量求梯度
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 写 ``torch.tensor([1, 2, 3])`` 得到的是整数张量。给它加上
# ``requires_grad=True`` 会报错。

try:
    torch.tensor([1, 2, 3], requires_grad=True)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 导数问的是“变化一点点会怎样”，整数变化不了一点点。只有浮点数和复数张量可以求
# 梯度。把数写成小数，或者指定 ``dtype``。

print(torch.tensor([1.0, 2.0, 3.0], requires_grad=True))
print(torch.tensor([1, 2, 3], dtype=torch.float32, requires_grad=True))

# %%
# 中途改变主意：``requires_grad_()``
# ----------------------------------
#
# 新建的张量默认不被跟踪。对已有的张量，可以用 ``requires_grad_()`` 原地
# （in-place）改动这个标记。注意两个默认值不一样：张量自己的 ``requires_grad``
# 默认是 ``False``，而 ``requires_grad_()`` 的参数默认是 ``True``。

a = torch.randn(2, 2)
a = (a * 3) / (a - 1)
print(f"{a.requires_grad = }")

a.requires_grad_()  # 等同于 a.requires_grad_(True)
print(f"{a.requires_grad = }")

b = (a * a).sum()
print(f"{type(b.grad_fn).__name__ = }")

# %%
# 打开标记之前的乘、减、除没有被记录，``a`` 仍是叶张量；之后的平方与求和才被记录。

print(f"{a.is_leaf = }, {a.grad_fn = }")
# sphinx_gallery_start_ignore
assert a.is_leaf and a.grad_fn is None and not torch.ones(1).requires_grad
# sphinx_gallery_end_ignore

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    更早的代码要先把张量包成 ``Variable(x, requires_grad=True)`` 才能求
#    导。PyTorch 0.4（2018 年）把 ``Variable`` 并入了张量。现在读到“每个
#    Variable 都有 ``grad_fn``”，把 Variable 换成张量即可。

# %%
# 反向传播：4.5 从哪里来
# ----------------------
#
# ``out`` 是标量（scalar），所以直接调用 ``out.backward()`` 即可。算出的梯度放在
# 叶张量 ``x`` 的 ``grad`` 属性里，形状与 ``x`` 相同。

out.backward()
print(x.grad)
# sphinx_gallery_start_ignore
assert torch.equal(x.grad, torch.full((2, 2), 4.5))
# sphinx_gallery_end_ignore

# %%
# 四个数都是 4.5。下面用链式法则核对一遍。``x`` 有四个元素，要对每个元素
# :math:`x_i` 分别求偏导数。先写出前向传播：
#
# .. math::
#
#    o = \frac{1}{4}\sum_{i=1}^{4} z_i, \qquad z_i = 3\,y_i^2, \qquad y_i = x_i + 2
#
# 每一步的偏导数都很短：
#
# .. math::
#
#    \frac{\partial o}{\partial z_i} = \frac{1}{4}, \qquad
#    \frac{\partial z_i}{\partial y_i} = 6\,y_i, \qquad
#    \frac{\partial y_i}{\partial x_i} = 1
#
# 链式法则把它们乘起来：
#
# .. math::
#
#    \frac{\partial o}{\partial x_i}
#    = \frac{\partial o}{\partial z_i}\,
#      \frac{\partial z_i}{\partial y_i}\,
#      \frac{\partial y_i}{\partial x_i}
#    = \frac{1}{4} \cdot 6\,y_i \cdot 1
#    = \frac{3}{2}\,(x_i + 2),
#    \qquad
#    \left.\frac{\partial o}{\partial x_i}\right|_{x_i = 1} = \frac{9}{2} = 4.5
#
# 公式对任何 :math:`x_i` 都成立，不妨换一组不全相同的数再比一次。这里把
# ``out.backward()`` 写成完整的形式 ``out.backward(torch.tensor(1.0))``，两者等
# 价：从 :math:`\partial o/\partial o = 1` 出发往回走。代码里的 ``x.detach()``
# 取出 ``x`` 的值而不再跟踪，后面有一节专门讲它。

x = torch.tensor([[1.0, 2.0], [3.0, -2.0]], requires_grad=True)
out = (3 * (x + 2) ** 2).mean()
out.backward(torch.tensor(1.0))
print(x.grad)
torch.testing.assert_close(x.grad, 1.5 * (x.detach() + 2))
# sphinx_gallery_start_ignore
(short,) = torch.autograd.grad((3 * (x + 2) ** 2).mean(), x)
assert torch.equal(x.grad, short)
# sphinx_gallery_end_ignore

# %%
# ``torch.testing.assert_close`` 在两个张量不够接近时会报错；它没有报错，就说明
# 两者在舍入误差之内相等。这一页还会多次用它来检验公式。
#
# 看见计算图
# ----------
#
# 被记录下来的运算连成一张有向无环图（directed acyclic graph，DAG），叫作计算图
# （computational graph）。叶张量在一头，结果在另一头。每个节点的
# ``next_functions`` 指向下一个该去的节点，从 ``out.grad_fn`` 出发就能走遍全图。

x = torch.ones(2, 2, requires_grad=True)
y = x + 2
z = y * y * 3
out = z.mean()


def walk(node, indent=0):
    print(" " * indent + type(node).__name__)
    for child, _ in node.next_functions:
        if child is not None:  # 常数 3 和 2 不需要梯度，那里是 None
            walk(child, indent + 2)


walk(out.grad_fn)

# %%
# 从上往下读，正是把前向传播倒过来：求平均、乘以 3、``y * y``、加
# 2。``AddBackward0`` 出现了两次，因为 ``y * y`` 用了两次 ``y``；那其实是同一个
# 节点，只是有两条边通到它。末端的 ``AccumulateGrad`` 代表叶张量，它的工作是把到
# 达的梯度加进 ``x.grad``。

square = out.grad_fn.next_functions[0][0].next_functions[0][0]
left, right = (node for node, _ in square.next_functions)
print(f"{left is right = }")

accumulate = left.next_functions[0][0]
print(f"{type(accumulate).__name__ = }")
print(f"{accumulate.variable is x = }")
# sphinx_gallery_start_ignore
assert left is right and accumulate.variable is x
# sphinx_gallery_end_ignore

# %%
# 选读：这张图是怎么画的
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 先给每个节点挂一个钩子（hook），记下反向传播经过它时，到达的梯度是什么形状，然后
# 做一次反向传播。

def record_shapes(root):
    shapes = {}

    def watch(node):
        node.register_prehook(lambda grads: shapes.update({node: tuple(grads[0].shape)}))
        for child, _ in node.next_functions:
            if child is not None:
                watch(child)

    watch(root)
    return shapes  # 反向传播之前是空的，之后按执行的次序填好


shapes = record_shapes(out.grad_fn)
out.backward()
for node, shape in shapes.items():
    print(f"{type(node).__name__:15} 收到的梯度形状 {shape}")

# %%
# .. note::
#
#    图中的汉字要用中文字体。下面这几行从常见的中文字体里挑出本机有的；一种也没有时就略去
#    汉字，不画方框。

import matplotlib.pyplot as plt
from matplotlib import font_manager, text

chinese_fonts = [
    "Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB",
    "Heiti TC", "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "Arial Unicode MS",
]
installed = set(font_manager.get_font_names())
found = [name for name in chinese_fonts if name in installed]
plt.rcParams.update({"font.family": [*found, "DejaVu Sans"], "axes.unicode_minus": False})
if not found:
    set_text = text.Text.set_text
    text.Text.set_text = lambda self, s: set_text(self, "".join(c for c in str(s) if ord(c) < 256))

# %%
# 布局很简单：一个节点放在第几层，看从起点走到它最多要几步；下一步若有几个不同的
# 去处，就左右排开，否则放在正下方。

plt.rcParams.update({"figure.constrained_layout.h_pad": 0.1, "axes.labelsize": 13})


def place_nodes(root):
    place = {root: (0.0, 0)}
    todo = [root]
    for node in todo:  # 循环中 todo 会变长
        column, row = place[node]
        children = list(dict.fromkeys(child for child, _ in node.next_functions if child))
        for i, child in enumerate(children):
            lowest = min(row - 1, place.get(child, (0.0, 0))[1])
            place[child] = (column + i - (len(children) - 1) / 2, lowest)
            todo.append(child)
    return place

# %%
# 画的时候，叶节点标上变量名；两个节点之间若有不止一条边，就把它们弯开；边上写梯
# 度的形状。

def draw_graph(ax, root, names, shapes):
    place = place_nodes(root)
    for node, (column, row) in place.items():
        leaf = hasattr(node, "variable")
        name = type(node).__name__ + (f"\n叶张量 {names[node.variable]}" if leaf else "")
        box = {"boxstyle": "round", "facecolor": "#d5efd5" if leaf else "#dbe9f6"}
        ax.text(column, row, name, ha="center", va="center", fontsize=12, bbox=box, zorder=4)
        children = [child for child, _ in node.next_functions if child]
        for i, child in enumerate(children):
            bend = 0.7 * i - 0.35 if children.count(child) > 1 else 0
            arrow = {"arrowstyle": "-|>", "connectionstyle": f"arc3,rad={bend}", "shrinkB": 17}
            ax.annotate("", place[child], (column, row), arrowprops=arrow)
            x, y = (column + place[child][0]) / 2, (row + place[child][1]) / 2
            ax.text(x + (-0.7 * bend or 0.12), y, shapes[child], ha="center", fontsize=11)
    ax.axis([-1.3, 1.3, min(row for _, row in place.values()) - 0.4, 0.3])

# %%
# 从结果走回叶张量
# ^^^^^^^^^^^^^^^^
#
# 缩进的文字不容易看出“两条边汇到一处”，画出来就清楚了。下图由 ``out.grad_fn`` 画
# 出，箭头是反向传播的方向，箭头旁是沿这条边传下去的梯度的形状：起点是标量，形状
# ``()``；经过求平均的节点之后，变成与 ``z`` 相同的 ``(2, 2)``。

fig, ax = plt.subplots(figsize=(7, 6), layout="constrained")
draw_graph(ax, out.grad_fn, {x: "x"}, shapes)
ax.annotate("out", (0, 0.1), (0, 0.8), ha="center", fontsize=12, arrowprops={"arrowstyle": "-|>"})
ax.text(0.12, 0.45, shapes[out.grad_fn], ha="center", fontsize=11)
ax.set_ylim(top=1)
ax.axis("off")
fig.suptitle("out = mean(3(x+2)²) 的计算图：从 out 的 grad_fn 走回叶张量 x")
plt.show()
# sphinx_gallery_start_ignore
assert list(shapes.values()) == [(), (2, 2), (2, 2), (2, 2), (2, 2)]
# sphinx_gallery_end_ignore

# %%
# 中间那两条弯边就是 ``y * y`` 的左右两个 ``y``。两条路传来的梯度在
# ``AddBackward0`` 处**相加**：链式法则遇到分岔时要求和，乘积的求导法则
# :math:`(y \cdot y)' = y + y` 也正是这个意思。
#
# 若只想看反向传播执行了哪些节点，不必画图：把环境变量 ``TORCH_LOGS`` 设为
# ``+autograd`` 再运行脚本，每个节点执行时会留下一行日志。

# %%
# 梯度去了哪里：叶张量与累积
# --------------------------
#
# 反向传播只把梯度留给叶张量。中间结果 ``y`` 和 ``z`` 的梯度用完就丢，以节省内
# 存。确实想看时，在 ``backward()`` 之前调用 ``retain_grad()``。

x = torch.ones(2, 2, requires_grad=True)
y = x + 2
y.retain_grad()
out = (3 * y * y).mean()
out.backward()
print(f"{x.is_leaf = }, {y.is_leaf = }")
print(f"{y.grad = }")
# sphinx_gallery_start_ignore
assert x.is_leaf and not y.is_leaf and torch.equal(y.grad, torch.full((2, 2), 4.5))
# sphinx_gallery_end_ignore

# %%
# 常见错误：读取中间结果的 grad
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 忘了 ``retain_grad()`` 就去读 ``y.grad``，程序不会停下，只给一条警告，读到的是
# ``None``。

import warnings

y = x + 2
(3 * y * y).mean().backward()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(f"{y.grad = }")
message = str(caught[0].message).split(" (Triggered")[0]
print(f"{caught[0].category.__name__}: {message}")
# sphinx_gallery_start_ignore
assert caught[0].category is UserWarning and not y.is_leaf
# sphinx_gallery_end_ignore

# %%
# 警告里的办法就是上一格的 ``retain_grad()``。更多的时候，你其实要的是叶张量的
# ``x.grad``，只是写错了变量。

# %%
# 累积：第二次得到 9.0
# ^^^^^^^^^^^^^^^^^^^^
#
# ``AccumulateGrad`` 做的是加法，不是覆盖。把前向和反向传播完整地做两
# 遍，``x.grad`` 里就是两次梯度之和。

x = torch.ones(2, 2, requires_grad=True)
for step in (1, 2):
    out = (3 * (x + 2) ** 2).mean()
    out.backward()
    print(f"第 {step} 次之后：{x.grad.tolist()}")
# sphinx_gallery_start_ignore
assert torch.equal(x.grad, torch.full((2, 2), 9.0))
# sphinx_gallery_end_ignore

# %%
# 这样设计有用处：同一个参数在网络里用了几次，或一个批量（batch）分几段计算，梯
# 度本来就该相加。代价是，开始新的一步之前你要自己清零。单个张量可以把 ``grad``
# 设回 ``None``；训练时由优化器的 ``zero_grad()`` 统一来做，后面有一个实验专门看
# 忘了它会怎样。

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
# 上面每次都重新做了前向传播。如果只做一次前向传播，却调用两次 ``backward()``，
# 第二次会报错。

x = torch.ones(2, 2, requires_grad=True)
out = (3 * (x + 2) ** 2).mean()
out.backward()
try:
    out.backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 图里存着反向传播要用的中间值（这里是平方之前的 ``x + 2``），第一次反向传播之后
# 就释放了。通常的补救是像训练循环那样，每次重新做前向传播。确实要用同一张图走两
# 次时，第一次写上 ``retain_graph=True``；梯度照样累积。

x = torch.ones(2, 2, requires_grad=True)
out = (3 * (x + 2) ** 2).mean()
out.backward(retain_graph=True)
out.backward()
print(x.grad)
# sphinx_gallery_start_ignore
assert torch.equal(x.grad, torch.full((2, 2), 9.0))
# sphinx_gallery_end_ignore

# %%
# 两个变量：把结果与公式对照
# --------------------------
#
# 再看一个有两个叶张量的例子。设 ``a``、``b`` 是两个参数，``Q`` 是误差：
#
# .. math::
#
#    Q = 3a^3 - b^2, \qquad
#    \frac{\partial Q}{\partial a} = 9a^2, \qquad
#    \frac{\partial Q}{\partial b} = -2b
#
# ``Q`` 有两个元素，先求和得到标量，再反向传播。求和不混淆各个元素：:math:`Q_1`
# 只依赖 :math:`a_1` 和 :math:`b_1`。

a = torch.tensor([2.0, 3.0], requires_grad=True)
b = torch.tensor([6.0, 4.0], requires_grad=True)
Q = 3 * a**3 - b**2
Q.sum().backward()

print(f"{a.grad = }")
print(f"{b.grad = }")
torch.testing.assert_close(a.grad, 9 * a.detach() ** 2)
torch.testing.assert_close(b.grad, -2 * b.detach())

# %%
# 结果不是标量：向量-雅可比积
# ---------------------------
#
# 设 :math:`\vec y = f(\vec x)` 有 :math:`m` 个分量，:math:`\vec x` 有 :math:`n`
# 个分量。此时“导数”是一个 :math:`m \times n` 的矩阵，叫雅可比矩阵
# （Jacobian）：
#
# .. math::
#
#    J = \begin{pmatrix}
#      \dfrac{\partial y_1}{\partial x_1} & \cdots & \dfrac{\partial y_1}{\partial x_n} \\
#      \vdots & \ddots & \vdots \\
#      \dfrac{\partial y_m}{\partial x_1} & \cdots & \dfrac{\partial y_m}{\partial x_n}
#    \end{pmatrix}
#
# ``backward()`` 不把整个 :math:`J` 算出来。它要你给出一个与 :math:`\vec y` 形状
# 相同的向量 :math:`\vec v`，算的是向量-雅可比积（vector-Jacobian
# product，VJP）：
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
# 为什么恰好是这个式子？如果后面还有一个标量损失 :math:`l = g(\vec y)`，取
# :math:`v_i = \partial l/\partial y_i`，那么 :math:`J^{\mathsf T}\vec v` 的第
# :math:`j` 个分量是
# :math:`\sum_i \frac{\partial y_i}{\partial x_j}\frac{\partial l}{\partial y_i} = \frac{\partial l}{\partial x_j}`，
# 正是链式法则。反向传播的每一步都是一次这样的乘法。

# %%
# 常见错误：对非标量直接调用 backward
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 结果有多个元素，又没有给出 :math:`\vec v`，PyTorch 不知道你要的是哪一种组合。

def f(x):
    return torch.stack([x[0] ** 2, x[0] * x[1], 5 * x[1]])


x = torch.tensor([2.0, 3.0], requires_grad=True)
y = f(x)
try:
    y.backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 要么先化成标量（``y.sum()``、``y.mean()``），要么传入参数 ``gradient``。它就是
# :math:`\vec v`，形状必须与 ``y`` 相同。给错形状，得到的是另一条错误：

try:
    y.backward(torch.ones(2))
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 与显式的雅可比矩阵对照
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 给出形状正确的 :math:`\vec v`。这个 ``f`` 有两个输入、三个输出，:math:`J` 不是
# 方阵，转置错了就乘不起来，正好用来检验。

v = torch.tensor([1.0, 10.0, 100.0])
y.backward(gradient=v)
print(f"{x.grad = }")

# %%
# ``backward()`` 只给乘积，但 PyTorch 能算出整个雅可比矩
# 阵：``torch.func.jacrev`` 把一个函数变成“求它的雅可比矩阵”的函数。它内部就是
# 对 :math:`\vec v = \vec e_1, \vec e_2, \dots` 各做一次向量-雅可比积，每次得到
# :math:`J` 的一行。

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
# 两种办法结果相同；``torch.autograd.functional.jacobian`` 也给出同一个矩阵。

# %%
# 选读：后面再接一个标量
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 再检验上面那句“正是链式法则”：在 ``y`` 后面接上标量 :math:`l = \sum_i y_i^2`，
# 它对 ``y`` 的梯度是 :math:`2\vec y`。从 :math:`l` 出发，与从 ``y`` 出发并取
# :math:`\vec v = 2\vec y`，应当得到相同的梯度。

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
# 选读：另一个方向，雅可比-向量积
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 名字只差一个次序，却是另一件事：雅可比-向量积（JVP）算的是 :math:`J\vec u`，其
# 中 :math:`\vec u` 与**输入**形状相同，回答“输入沿 :math:`\vec u` 动一点，输出
# 怎样动”，一次得到 :math:`J` 各列的组合。要训练的参数极多而损失只有一个，此时
# :math:`J` 只有一行，一次 VJP 就得到全部梯度，所以训练用的是 VJP，也就是反向模
# 式。

u = torch.tensor([1.0, -1.0])
_, jvp = torch.autograd.functional.jvp(f, x.detach(), u)
print(f"{jvp = }")
torch.testing.assert_close(jvp, J @ u)

# %%
# 计算图每次重新建立
# ------------------
#
# 计算图是动态的：每次前向传播都从头建一张新图。所以 Python 的 ``if`` 和
# ``while`` 可以随意使用，哪怕循环几次取决于数据。下面的函数把 ``x`` 不断加倍，
# 直到长度不小于 1000，于是 :math:`\vec y = 2^k\,\vec x`，而 :math:`k` 要跑了才
# 知道。

def double_until_large(x):
    y = x * 2
    k = 1
    while y.detach().norm() < 1000:  # 判断本身不需要被记录
        y = y * 2
        k += 1
    return y, k


x = torch.randn(3, requires_grad=True)
y, k = double_until_large(x)
print(y)
print(f"{k = }, {y.detach().norm().item() >= 1000 = }")

# %%
# ``y`` 有三个元素，反向传播要给 ``v``。这里 :math:`J = 2^k I`，所以 ``x.grad``
# 应当恰好是 ``2**k * v``。``x`` 是随机抽取的：换一个种子，:math:`k` 可能不
# 同，``x.grad`` 也随之不同，但这个关系不变。

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
# 乘以 2 的幂只改变浮点数的指数，没有舍入，所以这里可以用 ``torch.equal`` 要求逐
# 位相等。

# %%
# 选读：换 300 个种子
# ^^^^^^^^^^^^^^^^^^^
#
# :math:`k` 取决于抽到的 ``x``。换 300 个种子，看它各出现几次。

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
#    旧教程把这个例子的输出印成 ``[102.4, 1024, 0.1024]``，种子没有写出来，好像
#    它是定数。那只是 :math:`k = 10` 时的结果。

# %%
# 图也跟着变
# ^^^^^^^^^^
#
# 数一数图里有几个乘法节点：同一个函数，输入的大小不同，图就不同。

def count_multiplications(node):
    count = 0
    while node.next_functions:
        count += type(node).__name__ == "MulBackward0"
        node = node.next_functions[0][0]
    return count


for scale in (1.0, 10.0, 100.0):
    start = torch.full((3,), scale, requires_grad=True)
    y, k = double_until_large(start)
    count = count_multiplications(y.grad_fn)
    print(f"输入 {scale:5}：{k = }，图中有 {count} 个 MulBackward0")
    # sphinx_gallery_start_ignore
    assert count == k
    # sphinx_gallery_end_ignore

# %%
# 让一部分运算不被记录
# --------------------
#
# 模型的可学习参数都带着 ``requires_grad=True``。评估和推理时并不需要它们的梯度，
# 这时继续建图只是白费内存和时间。把代码放进 ``with torch.no_grad():``，其中的运算
# 就不再被记录。

x = torch.randn(3, requires_grad=True)
print(f"{x.requires_grad = }")
print(f"{(x ** 2).requires_grad = }")

with torch.no_grad():
    print(f"{(x ** 2).requires_grad = }")

# %%
# ``x`` 自己的标记没有变，变的只是块内运算的结果。出了这个块，一切照旧。
#
# 另一种办法是 ``detach()``，即分离。它**返回一个新张量**：值相同，与原张量共享
# 内存，但不在图里。原来的张量仍然被跟踪。

y = x.detach()
print(f"{y.requires_grad = }, {x.requires_grad = }")
print(f"{torch.equal(x, y) = }")
print(f"{x.data_ptr() == y.data_ptr() = }")
# sphinx_gallery_start_ignore
assert x.requires_grad and not y.requires_grad and x.data_ptr() == y.data_ptr()
# sphinx_gallery_end_ignore

# %%
# ``data_ptr()`` 是数据在内存里的起点，两者相同，说明没有复制。

# %%
# 常见错误：原地修改了反向传播要用的值
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# sigmoid 的导数是 :math:`s(1-s)`，所以它把输出 ``s`` 存着备用。``detach()`` 得
# 到的张量与 ``s`` 共享内存，原地改它就等于改了 ``s``。

a = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
s = a.sigmoid()
s.detach().zero_()
try:
    s.sum().backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# PyTorch 给每个张量记着“版本号”，每次原地操作加一。存下的是版本 0，现在是版本
# 1，于是它拒绝用被改过的值算梯度。补救：先复制再改。

s = a.sigmoid()
zeros = s.detach().clone().zero_()
s.sum().backward()
print(f"{a.grad = }")
right = (s * (1 - s)).detach()
torch.testing.assert_close(a.grad, right)

# %%
# 选读：为什么不用 ``.data``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 旧代码里常见的 ``.data`` 也给出一个共享内存、不被跟踪的张量，但
# 它**绕过了版本检查**。同样的错误，这次没有任何提示，梯度却是错的。

a.grad = None
s = a.sigmoid()
s.data.zero_()
s.sum().backward()
print(f"得到的梯度：{a.grad.tolist()}")
print(f"正确的梯度：{[round(g, 4) for g in right.tolist()]}")
# sphinx_gallery_start_ignore
assert torch.equal(a.grad, torch.zeros(3)) and bool((right > 0).all())
# sphinx_gallery_end_ignore

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时的教程在循环条件里写 ``y.data.norm()``，更新参数时写
#    ``w.data.sub_(...)``。现在前者写 ``y.detach().norm()``，后者放进
#    ``torch.no_grad()``。这样写，若改动了反向传播还要用的值，PyTorch 能发现并报
#    错，而不是悄悄算错。

# %%
# 常见错误：直接原地修改叶张量
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 手写梯度下降时，第一反应往往是 ``w -= 0.1 * w.grad``。

w = torch.tensor([1.0, 2.0], requires_grad=True)
(w**2).sum().backward()
try:
    w -= 0.1 * w.grad
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 被跟踪的叶张量是计算图的起点；若允许原地修改，它就成了运算的结果，不再是起点。
# 更新参数这一步本来就不该被记录，所以放进 ``torch.no_grad()``。优化器的
# ``step()`` 在内部也是这样做的。

with torch.no_grad():
    w -= 0.1 * w.grad
print(w)
# sphinx_gallery_start_ignore
torch.testing.assert_close(w.detach(), torch.tensor([0.8, 1.6]))
# sphinx_gallery_end_ignore

# %%
# 常见错误：损失没有连着任何参数
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 在 ``no_grad`` 里算了损失，或中途 ``detach()`` 过，图就断了。此时调用
# ``backward()``：

with torch.no_grad():
    loss = (w**2).sum()
try:
    loss.backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 从 ``loss.requires_grad`` 往前逐个检查，找到第一个变成 ``False`` 的张量，断点
# 就在那里。把前向传播移出 ``no_grad`` 即可。

loss = (w**2).sum()
print(f"{loss.requires_grad = }")
loss.backward()

# %%
# 冻结参数
# --------
#
# 微调（fine-tuning）一个训练好的网络时，常常只训练最后几层，其余的参数冻结
# （freeze）：把它们的 ``requires_grad`` 关掉。下面冻结一个小网络的第一层，看谁
# 得到了梯度。

from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
net[0].requires_grad_(False)  # 对模块调用，作用于它的全部参数

inputs = torch.randn(16, 4)
loss = net(inputs).pow(2).mean()
loss.backward()
for name, parameter in net.named_parameters():
    shape = None if parameter.grad is None else tuple(parameter.grad.shape)
    print(f"{name:8}  requires_grad={parameter.requires_grad!s:5}  grad 的形状：{shape}")

# %%
# 冻结的两个参数没有梯度。把全部参数都交给优化器也无妨，``step()`` 会跳过
# ``grad`` 为 ``None`` 的参数。走一步，看看谁变了。

before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
optimizer.step()
for name, parameter in net.named_parameters():
    print(f"{name:8}  没有变：{torch.equal(parameter, before[name])}")
# sphinx_gallery_start_ignore
same = [torch.equal(parameter, before[name]) for name, parameter in net.named_parameters()]
assert same == [True, True, False, False] and net[0].weight.grad is None
# sphinx_gallery_end_ignore

# %%
# 冻结与 ``no_grad`` 不同：冻结只针对选定的参数，图照常建立，其余参数照常训练。
# 后面会用它给训练好的卷积网络换一个新的最后一层，
# 见:doc:`《训练图像分类器》 <training_a_classifier>`。

# %%
# 用有限差分检验梯度
# ------------------
#
# 导数的定义本身就是一种算法。取一个小的 :math:`h`，用中心差分近似：
#
# .. math::
#
#    f'(x) \approx \frac{f(x + h) - f(x - h)}{2h}
#
# 它不需要知道 :math:`f` 里面是什么，因此可以独立地检验 autograd。取
# :math:`f(x) = e^{\sin x}`，它的导数是 :math:`\cos x\, e^{\sin x}`，在 50 个点
# 上比较。

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
# 两种办法都与公式一致。有限差分只是近似；autograd 逐步执行的就是求导公式，没有
# 近似，只可能有舍入误差。
#
# 那么 :math:`h` 取多小才好？让它从 0.1 一直变到 :math:`10^{-12}`，在 float32 和
# float64 中各算一遍，记下每次的最大误差。

steps = [10 ** (-k / 2) for k in range(2, 25)]
errors = {}
for dtype in (torch.float32, torch.float64):
    at = points.detach().to(dtype)
    errors[dtype] = [
        (central_difference(curve, at, h).double() - exact).abs().max().item() for h in steps
    ]
    best = min(range(len(steps)), key=errors[dtype].__getitem__)
    print(f"{dtype}：h = {steps[best]:.0e} 时误差最小，为 {errors[dtype][best]:.0e}")

# %%
# 把误差画成 :math:`h` 的函数，横轴纵轴都用对数刻度。再加一条水平线作对照：在
# float32 中由 autograd 算出的梯度，误差是多少。

fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for dtype, color, marker in ((torch.float32, "tab:orange", "o"), (torch.float64, "tab:blue", "s")):
    name = str(dtype).removeprefix("torch.")
    ax.loglog(steps, errors[dtype], color=color, marker=marker, label=f"有限差分，{name}")
at = points.detach().float().requires_grad_()
curve(at).sum().backward()
rounding = (at.grad.double() - exact).abs().max().item()
ax.axhline(rounding, color="tab:orange", linestyle="--", label="autograd，float32")
ax.set(xlabel="步长 h", ylabel="最大误差")
ax.tick_params(labelsize=11)
ax.legend(fontsize=10, loc="upper right")
fig.suptitle("有限差分的误差呈 U 形：h 太大有截断误差，太小有舍入误差")
plt.show()

# %%
# 从右往左看。起初误差随 :math:`h^2` 下降：公式只是近似，这是截断误差。越过谷底
# 后误差反而上升：:math:`f(x+h)` 与 :math:`f(x-h)` 几乎相等，相减之后舍入误差所占
# 的比重越来越大，再除以很小的 :math:`2h`，又被放大。float32 的有效数字少，谷底来
# 得更早也更高；左端的平台，是 :math:`h` 小到 ``x + h`` 就等于 ``x``，差恒为零，
# 误差就是导数本身。autograd 不做这样的减法，也没有 :math:`h` 要挑：同样用
# float32，它的误差比有限差分的谷底还低得多。

ratio = errors[torch.float64][0] / errors[torch.float64][2]
print(f"h 从 {steps[0]:.0e} 减到 {steps[2]:.0e}，误差变为原来的 1/{ratio:.0f}")
lowest = min(errors[torch.float32])
print(f"float32：有限差分最好 {lowest:.0e}，autograd {rounding:.0e}")
print(f"{torch.equal(at + 1e-12, at) = }")
# sphinx_gallery_start_ignore
low = {dtype: steps[errors[dtype].index(min(errors[dtype]))] for dtype in errors}
assert 95 < ratio < 105 and rounding < lowest / 10 and low[torch.float32] > low[torch.float64]
# sphinx_gallery_end_ignore

# %%
# 现成的工具：gradcheck
# ^^^^^^^^^^^^^^^^^^^^^
#
# ``torch.autograd.gradcheck`` 做的就是这件事：用有限差分得出雅可比矩阵，再与
# autograd 的比较。输入要用 float64，原因刚刚看到了。下面第二个函数故意用
# ``detach()`` 切断一半梯度：值仍是 :math:`x^2`，梯度却成了 :math:`x`。

def half_broken(x):
    return x * x.detach()


inputs = torch.randn(4, dtype=torch.float64, requires_grad=True)
print(f"{torch.autograd.gradcheck(curve, inputs) = }")
try:
    torch.autograd.gradcheck(half_broken, inputs)
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[0]}")
# sphinx_gallery_start_ignore
assert not torch.autograd.gradcheck(half_broken, inputs, raise_exception=False)
# sphinx_gallery_end_ignore

# %%
# 前一个通过，后一个被当场指出。自己写求导规则（``torch.autograd.Function``）
# 时，应当先过这一关。

# %%
# 实验：忘记 ``zero_grad()`` 会怎样
# ---------------------------------
#
# 现在把梯度累积放回训练里看。任务是线性回归：由带噪声的点找回
# :math:`y = 2x + 1` 的斜率和截距。同一段训练跑两遍，数据、起点、学习率都相同，
# 只差一行 ``optimizer.zero_grad()``。

torch.manual_seed(0)
inputs = torch.linspace(-1, 1, 64).unsqueeze(1)
targets = 2 * inputs + 1 + 0.1 * torch.randn_like(inputs)

# %%
# 训练写成一个函数，是否清零由参数决定。循环里依次是训练一步的标准次序：清零、前
# 向传播、反向传播、更新，最后记下损失。

def train(zero_grad, momentum=0.0):
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=momentum)
    losses = []
    for _ in range(150):
        if zero_grad:
            optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses

# %%
# 两遍都没有报错，起点的损失也相同，结果却不一样。

good_model, good = train(zero_grad=True)
bad_model, bad = train(zero_grad=False)
print(f"起点的损失相同：{good[0] == bad[0]}")
for name, model, losses in (("有清零", good_model, good), ("无清零", bad_model, bad)):
    print(f"{name}：斜率 {model.weight.item():.2f}，截距 {model.bias.item():.2f}")
    print(f"        最后 20 步的平均损失 {sum(losses[-20:]) / 20:.4f}")

# %%
# 再看损失怎样一步步变化。

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.semilogy(bad, color="tab:orange", label="忘了 zero_grad()")
ax.semilogy(good, color="tab:blue", linewidth=2.5, label="每步 zero_grad()")
ax.set(xlabel="步数", ylabel="损失")
ax.tick_params(labelsize=11)
ax.legend(fontsize=11)
fig.suptitle("同一段训练：每步清零则损失平稳下降，忘记清零则来回振荡")
plt.show()

# %%
# 不清零时，每一步用的都是从开头到现在全部梯度之和。参数已经走到谷底，旧的梯度还
# 在推它往前，于是冲过头，再被推回来，像没有摩擦的摆，停不下来。PyTorch 不会报错，
# 也不会警告，这个疏忽只在损失曲线上看得见。

for name, losses in (("有清零", good), ("无清零", bad)):
    last = losses[-60:]
    print(f"{name}：最后 60 步的损失在 {min(last):.3f} 与 {max(last):.3f} 之间")
# sphinx_gallery_start_ignore
assert max(good[-20:]) < 0.02 and max(bad[-60:]) > 1 and good == sorted(good, reverse=True)
assert sum((b - a) * (c - b) < 0 for a, b, c in zip(bad, bad[1:], bad[2:])) > 9  # 来回振荡
# sphinx_gallery_end_ignore

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    那时 ``zero_grad()`` 把梯度填成 0，打印 ``grad`` 得到一个全零张量。现在它默
#    认把 ``grad`` 设为 ``None``（参数 ``set_to_none=True``），省下内存和一次填
#    充。旧代码若在清零之后紧接着读 ``grad.sum()``，现在会因为 ``None`` 而报错。

# %%
# 两种清零并排看：

optimizer = torch.optim.SGD(good_model.parameters(), lr=0.05)
optimizer.zero_grad()
print(f"{good_model.weight.grad = }")

nn.functional.mse_loss(good_model(inputs), targets).backward()
optimizer.zero_grad(set_to_none=False)
print(f"{good_model.weight.grad = }")

# %%
# 小结
# ----
#
# 先用几行代码把全程再走一遍：

x = torch.ones(2, 2, requires_grad=True)  # 开始跟踪
out = (x**3).sum()  # 前向传播，建图
out.backward()  # 反向传播
print(f"{x.grad = }")  # 3x² 在 x = 1 处

with torch.no_grad():
    print(f"{(x ** 3).requires_grad = }")  # 块内不跟踪
x.requires_grad_(False)
print(f"{(x ** 3).requires_grad = }")  # 不再跟踪 x
# sphinx_gallery_start_ignore
assert torch.equal(x.grad, torch.full((2, 2), 3.0)) and not (x**3).requires_grad
# sphinx_gallery_end_ignore

# %%
# - ``requires_grad=True`` 让可微运算被记录；结果的 ``grad_fn`` 连成一张有向无环
#   图，每次前向传播重新建立。
# - ``backward()`` 从标量出发，沿图走回叶张量，把梯度**加进** ``grad``：一次
#   4.5，两次 9.0。
# - 图用过一次就释放；要走第二次，用 ``retain_graph=True`` 或重新做前向传播。
# - 对非标量，``y.backward(v)`` 算的是 :math:`J^{\mathsf T}\vec v`；整个雅可比矩
#   阵由 ``torch.func.jacrev`` 给出。
# - ``no_grad`` 让一段运算不被记录，``detach()`` 返回共享内存的新张量，冻结参数
#   关掉选定参数的梯度。不要用 ``.data``。
# - 有限差分能检验梯度，但步长要挑，且应当用 float64；``gradcheck`` 替你做好了。
# - 每步都要 ``zero_grad()``：忘了它不会报错，只会让损失振荡。

# %%
# 练习
# ----
#
# 1. ``Q = 3 * a**3 - b**2`` 的计算图有几个叶节点？先在纸上画，再用前面折叠起来的
#    ``draw_graph`` 画出 ``Q.sum()`` 的图来对照。
# 2. 设 ``x = torch.ones(2, 2, requires_grad=True)``。一份笔记接着写
#    ``out = x ^ 3`` 和 ``out.backward()``。它有两处错误，是哪两处？改正后
#    ``x.grad`` 是多少？
# 3. 内存只放得下半个批量。怎样利用梯度累积，得到与整个批量相同的梯度？
# 4. 实验里“没有摩擦的摆”可以说得更准确：忘记清零，等价于每步清零、但把动量
#    （momentum）设为某个值的 ``torch.optim.SGD``。是哪个值？
# 5. 冻结的若是**最后**一层，第一层还能得到梯度吗？如果给最后一层套上
#    ``no_grad`` 呢？

# %%
# 答案：第 1 题
# ^^^^^^^^^^^^^
#
# 两个叶节点，``a`` 和 ``b``。减号对应 ``SubBackward0``，它有两条边：一条经乘以
# 3 和三次方走到 ``a``，另一条经平方走到 ``b``。

a = torch.tensor([2.0, 3.0], requires_grad=True)
b = torch.tensor([6.0, 4.0], requires_grad=True)
total = (3 * a**3 - b**2).sum()
shapes = record_shapes(total.grad_fn)
total.backward()
leaves = [node for node in shapes if hasattr(node, "variable")]
print(f"{len(leaves) = }")

fig, ax = plt.subplots(figsize=(7, 6), layout="constrained")
draw_graph(ax, total.grad_fn, {a: "a", b: "b"}, shapes)
ax.axis("off")
fig.suptitle("sum(3a³ - b²) 的计算图：在 SubBackward0 处分成两支，走到 a 和 b")
plt.show()
# sphinx_gallery_start_ignore
assert len(leaves) == 2
# sphinx_gallery_end_ignore

# %%
# 答案：第 2 题
# ^^^^^^^^^^^^^
#
# 第一处：Python 的 ``^`` 是按位异或，不是乘方，浮点数没有这种运算。第二
# 处：``out`` 有四个元素，不是标量。

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
# 乘方写 ``**``，再求和。:math:`\partial \sum_j x_j^3 / \partial x_i = 3x_i^2`，
# 在 1 处是 3。

out = (x**3).sum()
out.backward()
print(f"{x.grad = }")
torch.testing.assert_close(x.grad, 3 * x.detach() ** 2)

# %%
# 答案：第 3 题
# ^^^^^^^^^^^^^
#
# 对两半各做一次前向和反向传播，中间不清零。均方误差是平均值，每一半的损失要除以
# 2，加起来才是整批的平均。

model = nn.Linear(1, 1)
nn.functional.mse_loss(model(inputs), targets).backward()
whole = model.weight.grad.clone()

model.zero_grad()
for half_inputs, half_targets in zip(inputs.chunk(2), targets.chunk(2)):
    loss = nn.functional.mse_loss(model(half_inputs), half_targets) / 2
    loss.backward()
print(f"整批：{whole.item():.4f}，两半累积：{model.weight.grad.item():.4f}")
torch.testing.assert_close(model.weight.grad, whole)

# %%
# 答案：第 4 题
# ^^^^^^^^^^^^^
#
# 是 1。动量把过去的梯度乘以一个系数再加上新的梯度；系数为 1 时旧梯度一点不减，
# 恰好就是全部梯度之和。平常用的动量小于 1，那就是“摩擦”。

_, losses = train(zero_grad=True, momentum=1.0)
torch.testing.assert_close(losses, bad)
print(f"最后一步的损失：{losses[-1]:.4f}（动量为 1），{bad[-1]:.4f}（忘记清零）")

# %%
# 答案：第 5 题
# ^^^^^^^^^^^^^
#
# 能。冻结只是不为这一层的**参数**算梯度，梯度仍要穿过它传给前面的层。套上
# ``no_grad`` 则把图切断，整个网络都得不到梯度。

net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
net[2].requires_grad_(False)
inputs = torch.randn(16, 4)
net(inputs).pow(2).mean().backward()
print(f"{tuple(net[0].weight.grad.shape) = }")
print(f"{net[2].weight.grad = }")

hidden = net[:2](inputs)
with torch.no_grad():
    loss = net[2](hidden).pow(2).mean()
print(f"{loss.requires_grad = }")
# sphinx_gallery_start_ignore
assert net[0].weight.grad.abs().sum() > 0 and net[2].weight.grad is None and not loss.requires_grad
# sphinx_gallery_end_ignore

# %%
# 接下来
# ------
#
# 有了自动微分，就可以把参数组织成网络：:doc:`《神经网络》 <neural_networks>`。
# 想深入了解，请看官方文档的
# `torch.autograd <https://docs.pytorch.org/docs/stable/autograd.html>`__ 与
# `autograd 的工作原理 <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__。
