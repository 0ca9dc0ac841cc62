"""
什么是 PyTorch
==============

PyTorch 的核心有三部分：能在加速器上运算的张量库、自动微分（automatic
differentiation），以及建在两者之上的神经网络工具。本页讲第一部分。读完以后，
你能创建张量、改变它的形状、与 NumPy 来回转换，能看懂张量在内存里的样子，
也分得清哪些操作复制了数据，哪些与原来的张量共享同一块内存。

**你将学到**：张量的创建与属性、运算与原地运算、索引、形状与步幅、广播、
与 NumPy 共享内存、把张量放到合适的设备上。

**需要先会**：Python 的列表、循环和函数。用过 NumPy 会更轻松，但不是必需。
"""

# %%
# 张量是什么
# ----------
#
# 张量（tensor）是一块排列整齐的数：零维的是标量（scalar），一维的是向量
# （vector），二维的是矩阵（matrix），维度（dimension）还可以更多。各维的大小
# 依次排开，就是它的形状（shape）。它很像 NumPy 的数组，另外多了两样本事：
# 能在 GPU 之类的加速器（accelerator）上运算；能记住自己是怎样算出来的，
# 从而求出导数。
#
# 先固定随机数的种子，这样在同一台机器上每次运行都得到相同的随机数。再各建一个
# 标量、向量和矩阵，看它们的维数与形状。

import torch

torch.manual_seed(0)

scalar = torch.tensor(3.5)
vector = torch.tensor([1.0, 2.0, 3.0])
matrix = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
for tensor in (scalar, vector, matrix):
    print(f"{tensor.ndim} 维，形状 {tuple(tensor.shape)}")
    print(tensor)
# sphinx_gallery_start_ignore
assert "e-04" in str(torch.tensor([1e-4, 1.0, 1e4])) and "*" not in str(torch.tensor([1e-4, 1e4]))
# sphinx_gallery_end_ignore

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    那时的教程开头有一行 ``from __future__ import print_function``，是为 Python 2
#    准备的，现在可以删去。那时打印张量还会提出一个公因子，写成
#    ``tensor(1.00000e-04 * [[...``；今天不再提公因子，必要时改用科学记数法。

# %%
# 创建张量
# --------
#
# 先看一种只占地方、不写数的：``torch.empty`` 分配内存，不写入任何数。这样的张量
# 是未初始化（uninitialized）的，里面是那块内存原先留下的内容，可能是 0，可能极大
# 或极小，甚至是 nan。它既不是随机数，也不保证是 0，所以下面只打印形状和数据类型
# （data type）。f 字符串里的 ``=`` 会把式子连同它的值一起打印出来，本教程常用它。

x = torch.empty(5, 3)
print(f"{x.shape = }")
print(f"{x.dtype = }")

# %%
# 未初始化的张量只有一种正确用法：先写，再读。``fill_`` 把每个元素写成同一个数。

x.fill_(7)
print(x)

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    打印未初始化的张量在 2018 年初偶尔会报
#    ``RuntimeError: Overflow when unpacking long``，有的教程因此建议“重新生成一次”。
#    那是打印代码的缺陷，早已修复；重新生成从来不是办法，先写再读才是。

# %%
# ``torch.rand`` 产生均匀分布的随机数，取值在 :math:`[0, 1)`，能取到 0，取不到 1。

x = torch.rand(5, 3)
print(x)
assert x.min() >= 0 and x.max() < 1

# %%
# ``torch.zeros`` 产生全 0 的张量。参数 ``dtype`` 指定数据类型，其中
# ``torch.long`` 是 ``torch.int64`` 的别名。整数默认就是 ``int64``，所以打印张量时
# 不带 ``dtype`` 字样。名字末尾的 s 不能省：``torch`` 里没有 ``zero`` 这个函数。

x = torch.zeros(5, 3, dtype=torch.long)
print(x)
print(f"{x.dtype = }")
print(f"{hasattr(torch, 'zero') = }")
# sphinx_gallery_start_ignore
assert x.dtype is torch.int64 and "dtype" not in str(x) and not hasattr(torch, "zero")
# sphinx_gallery_end_ignore

# %%
# 已有数据时用 ``torch.tensor``，数据类型由数据决定：有一个小数，整个张量就是
# 浮点数，默认为 ``float32``；全是整数，就是 ``int64``。把小数点误写成逗号，
# 结果便大不相同。

x = torch.tensor([5.5, 3])
typo = torch.tensor([5, 5, 3])
print(f"{x}，{x.dtype}，{tuple(x.shape)}")
print(f"{typo}，{typo.dtype}，{tuple(typo.shape)}")
# sphinx_gallery_start_ignore
assert (x.dtype, x.shape, typo.dtype, typo.shape) == (torch.float32, (2,), torch.int64, (3,))
# sphinx_gallery_end_ignore

# %%
# 也可以照着已有的张量来建。``new_ones`` 这一类方法要给出形状，数据类型和设备
# （device）沿用原张量，除非另外写明。

x = x.new_ones(5, 3, dtype=torch.double)  # 写明了数据类型
print(x)
print(f"{typo.new_ones(2).dtype = }")  # 没有写明，沿用 int64
# sphinx_gallery_start_ignore
assert x.dtype is torch.float64 and typo.new_ones(2).dtype is torch.int64
# sphinx_gallery_end_ignore

# %%
# ``randn_like`` 这一类函数连形状也沿用，不沿用的是数值。``randn``
# 取自标准正态分布，因此会有负数。同类的还有 ``zeros_like``、``ones_like`` 和
# ``rand_like``。

x = torch.randn_like(x, dtype=torch.float)  # 形状沿用，数据类型改写
print(x)
print(f"{x.shape = }")
print(f"{torch.ones_like(x).shape = }")
assert x.shape == torch.ones_like(x).shape == (5, 3) and x.dtype == torch.float32

# %%
# 形状既可以逐个写，也可以写成一个元组，存进变量里反复使用。

shape = (5, 3)
print(f"{torch.rand(shape).shape = }")
print(f"{torch.zeros(shape).shape == torch.zeros(5, 3).shape = }")
# sphinx_gallery_start_ignore
assert torch.empty(shape).shape == torch.zeros(shape).shape == torch.zeros(5, 3).shape == shape
# sphinx_gallery_end_ignore

# %%
# 常见错误：照整数张量的样子生成正态随机数
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# ``randn_like`` 沿用了原张量的 ``int64``，而正态分布没有整数的实现。

try:
    torch.randn_like(torch.zeros(5, 3, dtype=torch.long))
except NotImplementedError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 写明浮点类型即可：

noise = torch.randn_like(torch.zeros(5, 3, dtype=torch.long), dtype=torch.float)
print(f"{noise.dtype = }")
# sphinx_gallery_start_ignore
assert noise.dtype is torch.float32
# sphinx_gallery_end_ignore

# %%
# 选读：七种写法放在一起
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 下面把几种创建方法各写一遍，看它们的形状与数据类型。

x = torch.tensor([5.5, 3])
examples = {
    "empty": torch.empty(5, 3),
    "rand": torch.rand(5, 3),
    "zeros": torch.zeros(5, 3, dtype=torch.long),
    "ones": torch.ones(5, 3),
    "tensor": x,
    "new_ones": x.new_ones(5, 3),
    "randn_like": torch.randn_like(x),
}
for name, tensor in examples.items():
    print(f"{name:<10}  {str(tuple(tensor.shape)):<6}  {tensor.dtype}")

# %%
# 张量的三个属性
# --------------
#
# 看到一个陌生的张量，先问三样：形状、数据类型、设备。程序出错时，
# 把这三样打印出来，往往就能看出原因。

x = torch.rand(5, 3)
print(f"{x.shape = }")
print(f"{x.dtype = }")
print(f"{x.device = }")

# %%
# ``x.size()`` 与 ``x.shape`` 是一回事，类型是 ``torch.Size``。它本身就是元组，
# 元组的所有操作都能用：拆开、比较、拼接。``numel`` 给出元素的个数。

rows, columns = x.size()
print(f"{rows = }, {columns = }")
print(f"{isinstance(x.size(), tuple) = }")
print(f"{x.size() == (5, 3) = }")
print(f"{x.size() + (1,) = }")
print(f"{x.numel() = }")
# sphinx_gallery_start_ignore
assert isinstance(x.size(), tuple) and x.size() == x.shape == (5, 3) and x.numel() == 15
assert x.size() + (1,) == torch.Size([5, 3, 1])
# sphinx_gallery_end_ignore

# %%
# 运算的多种写法
# --------------
#
# 同一种运算常有几种写法。以加法为例，最直接的是运算符。这样的运算是按元素的
# （element-wise）：对应位置上的数各自相加。

x = torch.rand(5, 3)
y = torch.rand(5, 3)
print(x + y)

# %%
# 写成函数 ``torch.add`` 或方法 ``x.add``，结果相同。

print(f"{torch.equal(torch.add(x, y), x + y) = }")
print(f"{torch.equal(x.add(y), x + y) = }")
# sphinx_gallery_start_ignore
assert torch.equal(torch.add(x, y), x + y) and torch.equal(x.add(y), x + y)
# sphinx_gallery_end_ignore

# %%
# 函数还可以用 ``out=`` 指定结果放在哪里。返回的就是 ``result`` 这个对象本身，
# 用的是它原有的内存，没有分配新的。``data_ptr`` 是首个元素的内存地址。

result = torch.empty(5, 3)
address = result.data_ptr()
returned = torch.add(x, y, out=result)
print(f"{returned is result = }")
print(f"{result.data_ptr() == address = }")
torch.testing.assert_close(result, x + y)
# sphinx_gallery_start_ignore
assert returned is result and result.data_ptr() == address
# sphinx_gallery_end_ignore

# %%
# 常见错误：``out=`` 的形状不对
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# ``out=`` 给了一个形状不符的张量。PyTorch 没有报错，只发出警告，就把那个张量
# 改成了需要的形状。下面把警告收集起来，只打印第一句。

import warnings

small = torch.zeros(2, 3)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    torch.add(x, y, out=small)
for warning in caught:
    first_sentence = str(warning.message).split(". ")[0]
    print(f"{warning.category.__name__}: {first_sentence}")
print(f"{small.shape = }")
assert small.shape == (5, 3) and len(caught) == 1

# %%
# 这种改变形状的行为已经不推荐，以后的版本会取消。让 ``out=`` 一开始就有正确的
# 形状，例如 ``torch.empty_like(x)``。

result = torch.add(x, y, out=torch.empty_like(x))
print(f"{result.shape = }")

# %%
# 原地运算和它的代价
# ------------------
#
# 加法还有一种原地（in-place）的写法：``y.add_(x)`` 把结果写回 ``y`` 自己的内存，
# 返回的也是 ``y``。方法名带后缀 ``_`` 的都直接改动原张量，例如前面的 ``fill_``，
# 又如 ``copy_``、``t_`` 和 ``zero_``。在笔记本里把这一格运行两次，就加了两次
# ``x``。

address = y.data_ptr()
returned = y.add_(x)
print(f"{returned is y = }")
print(f"{y.data_ptr() == address = }")
print(f"{torch.equal(y, result) = }")
# sphinx_gallery_start_ignore
assert returned is y and y.data_ptr() == address and torch.equal(y, result)
# sphinx_gallery_end_ignore

# %%
# 有后缀的会改动张量，没有后缀的却未必不改：给元素赋值、``out=`` 和 ``+=``
# 都是原地的。``a += 1`` 与 ``a = a + 1`` 因此并不等价，另一个名字能看出差别。

a = torch.zeros(3)
alias = a  # 同一个张量的另一个名字
a += 1
a[0] = 5
print(f"{alias = }")  # 跟着变了

a = a + 1  # 新建一个张量，名字 a 改指它
print(f"{alias = }")  # 没有变
print(f"{a = }")
# sphinx_gallery_start_ignore
assert alias.tolist() == [5, 1, 1] and a.tolist() == [6, 2, 2]
# sphinx_gallery_end_ignore

# %%
# 原地运算省下一块内存，代价有三样：凡是用到这块内存的名字都会看到改动；结果只能
# 是原来的数据类型；自动微分需要的旧值可能被覆盖，那时求导会报错，
# 见:doc:`《自动微分》 <autograd_automatic_differentiation>`。拿不准时不要用原地
# 运算，省下的内存通常不值。

# %%
# 常见错误：把浮点数原地加到整数张量上
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 结果应当是浮点数，而 ``counts`` 的内存里只能放 ``int64``。

counts = torch.zeros(3, dtype=torch.long)
try:
    counts.add_(0.5)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 不用原地运算，让 PyTorch 为结果新建一个浮点张量：

print(f"{counts + 0.5 = }")
# sphinx_gallery_start_ignore
assert (counts + 0.5).dtype is torch.float32
assert torch.zeros(1).add_(torch.ones(1, dtype=torch.double)).dtype is torch.float32
# sphinx_gallery_end_ignore

# %%
# 索引与切片
# ----------
#
# 索引（indexing）和切片（slicing）的写法与 NumPy 相同。下面的数，
# 十位是行号，个位是列号，便于辨认；程序里的编号则从 0 开始。

grid = torch.tensor([
    [11, 12, 13],
    [21, 22, 23],
    [31, 32, 33],
    [41, 42, 43],
    [51, 52, 53],
])
print(f"{grid[0] = }")  # 第一行
print(f"{grid[:, 1] = }")  # 第二列
print(f"{grid[..., -1] = }")  # 最后一维的最后一个
print(f"{grid[1:3, :2] = }")  # 两行两列
# sphinx_gallery_start_ignore
assert (grid[:, 1] % 10 == 2).all() and (grid[..., -1] % 10 == 3).all()
assert grid[1:3, :2].tolist() == [[21, 22], [31, 32]] and grid[0].tolist() == [11, 12, 13]
# sphinx_gallery_end_ignore

# %%
# 这样取出的是视图（view）：它不复制数据，与原张量共享内存。改视图，原张量
# 也跟着变。

column = grid[:, 1]
column[0] = -1
print(f"{grid[0] = }")
assert grid[0, 1] == -1
# sphinx_gallery_start_ignore
assert column.stride() == (3,) and not column.is_contiguous()
# sphinx_gallery_end_ignore

# %%
# 给切片赋值就是改原张量的那一部分。若要一份互不相干的数据，先用 ``clone`` 复制。

backup = grid.clone()
grid[:, 1] = 0
print(grid)
print(f"{backup[:, 1] = }")
# sphinx_gallery_start_ignore
assert grid[:, 1].eq(0).all() and backup[:, 1].tolist() == [-1, 22, 32, 42, 52]
# sphinx_gallery_end_ignore

# %%
# 用布尔张量或下标列表来挑选则不同：挑中的位置未必有规律，所以总是复制出来。

picked = backup[backup > 40]
picked[0] = 0
print(f"{picked = }")
print(f"{backup[3] = }")  # 没有变
# sphinx_gallery_start_ignore
assert picked[0] == 0 and backup[3].tolist() == [41, 42, 43]
assert backup[[0, 2]].data_ptr() != backup.data_ptr()
# sphinx_gallery_end_ignore

# %%
# 改变形状
# --------
#
# 张量的方法 ``view`` 换一种形状看同一批数，得到的也是视图。``-1`` 表示这一维的
# 大小由元素个数推算，最多写一个。三者的数据地址相同，没有复制。

x = torch.randn(4, 4)
y = x.view(16)
z = x.view(-1, 8)
print(x.size(), y.size(), z.size())
print(f"{x.data_ptr() == y.data_ptr() == z.data_ptr() = }")
# sphinx_gallery_start_ignore
assert (y.shape, z.shape) == ((16,), (2, 8)) and x.data_ptr() == y.data_ptr() == z.data_ptr()
# sphinx_gallery_end_ignore

# %%
# 常见错误：元素个数对不上
# ^^^^^^^^^^^^^^^^^^^^^^^^
#
# 十六个数排不成三行五列。

try:
    x.view(3, 5)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 新形状各维的乘积必须等于 ``numel()``。另外注意 ``view`` 只是张量的方法，
# 没有 ``torch.view`` 这个函数；``reshape`` 则两种写法都有。

print(f"{hasattr(torch, 'view') = }")
print(f"{torch.reshape(x, (2, 8)).shape = }")
# sphinx_gallery_start_ignore
assert not hasattr(torch, "view") and x.numel() == 16
# sphinx_gallery_end_ignore

# %%
# 增减一维、调换次序
# ^^^^^^^^^^^^^^^^^^
#
# 三个常用的方法：``unsqueeze`` 插入大小为 1 的一维，``squeeze`` 把它去掉，而
# ``permute`` 按给出的次序重排各维。彩色图像有红、绿、蓝三个通道（channel），
# 有的程序把通道放在最前，有的放在最后，就用 ``permute`` 转换。

image = torch.rand(3, 32, 48)
print(f"{image.unsqueeze(0).shape = }")
print(f"{image.unsqueeze(0).squeeze(0).shape = }")
print(f"{image.permute(1, 2, 0).shape = }")
# sphinx_gallery_start_ignore
assert image.unsqueeze(0).shape == (1, 3, 32, 48) and image.permute(1, 2, 0).shape == (32, 48, 3)
assert image.unsqueeze(0).squeeze(0).shape == image.shape
# sphinx_gallery_end_ignore

# %%
# 内存里的张量
# ------------
#
# 一个张量由两部分组成：一段一维的存储（storage），和一份读法。读法有三项：
# 形状；步幅（stride），即沿某一维走一步，在存储里要跨过几个位置；
# 以及从第几个位置开始读。下面三个张量共用一段存储，只是读法不同。

base = torch.arange(12).view(3, 4)
transposed = base.t()
part = base[:, 1:3]
for tensor in (base, transposed, part):
    shape, stride = tuple(tensor.shape), tensor.stride()
    print(f"形状 {shape}，步幅 {stride}，起点 {tensor.storage_offset()}")

storage = base.untyped_storage().data_ptr()
print(f"{transposed.untyped_storage().data_ptr() == storage = }")
print(f"{part.untyped_storage().data_ptr() == storage = }")
# sphinx_gallery_start_ignore
assert transposed.untyped_storage().data_ptr() == part.untyped_storage().data_ptr() == storage
assert (base.stride(), transposed.stride(), part.stride()) == ((4, 1), (1, 4), (4, 1))
# sphinx_gallery_end_ignore

# %%
# 选读：元素在第几个位置
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 有了读法，就能算出任何一个元素的位置。设起点为 :math:`o`，步幅为
# :math:`(s_0, s_1)`，则第 :math:`i` 行第 :math:`j` 列的元素在存储中的位置是
#
# .. math:: o + i\, s_0 + j\, s_1
#
# 对三个张量逐个元素验证：

memory = base.view(12)
for tensor in (base, transposed, part):
    start, (s0, s1) = tensor.storage_offset(), tensor.stride()
    for i in range(tensor.shape[0]):
        for j in range(tensor.shape[1]):
            assert memory[start + i * s0 + j * s1] == tensor[i, j]
print("每个元素都在算出的位置上")

# %%
# 选读：怎样画一格一格的张量
# ^^^^^^^^^^^^^^^^^^^^^^^^^^

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
# ``draw_cells`` 从左上角 ``(x, y)`` 起，把二维列表画成方格，``colors``
# 是与它一样大的颜色列表。``row_colors`` 按存储位置着色，``base`` 的每一行一种颜色。

plt.rcParams["figure.constrained_layout.h_pad"] = 0.1  # 标题上方留一点空


def draw_cells(ax, values, x, y, colors):
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            style = {"facecolor": colors[i][j], "edgecolor": "black"}
            ax.add_patch(plt.Rectangle((x + j, y - i - 1), 1, 1, **style))
            middle = {"ha": "center", "va": "center", "fontsize": 14}
            ax.text(x + j + 0.5, y - i - 0.5, str(value), **middle)


def row_colors(values):
    palette = ["#9ecae1", "#fdd0a2", "#c7e9c0"]
    return [[palette[value // 4] for value in row] for row in values]


# %%
# 一段存储，三种读法
# ^^^^^^^^^^^^^^^^^^
#
# 最上面一条是存储，格中的数恰好等于它的位置；粗框标出切片用到的位置。
# 看颜色：转置（transpose）之后，原来的一行成了一列，而数据没有移动。

fig, ax = plt.subplots(figsize=(7, 4.7), layout="constrained")
stored = base.view(12).tolist()  # 依次是存储里的 12 个数
draw_cells(ax, [stored], 0, 0, row_colors([stored]))
for position in part.flatten().tolist():
    ax.add_patch(plt.Rectangle((position, -1), 1, 1, fill=False, linewidth=4))
views = [("base", base, 0), ("base.t()", transposed, 5.5), ("base[:, 1:3]", part, 10)]
for name, tensor, x in views:
    draw_cells(ax, tensor.tolist(), x, -4, row_colors(tensor.tolist()))
    label = f"{name}\n形状 {tuple(tensor.shape)}\n步幅 {tensor.stride()}"
    label += f"\n起点 {tensor.storage_offset()}"
    ax.text(x, -3.85, label, fontsize=13, linespacing=1.4)
ax.set(xlim=(-0.1, 12.6), ylim=(-8.1, 0.1), aspect="equal")
ax.axis("off")
fig.suptitle("同一段存储，三种读法：转置与切片只换了形状、步幅和起点", fontsize=14)
plt.show()

# %%
# 逐行读一遍，记下依次经过的存储位置。``base`` 每次恰好前进一格，这叫内存连续
# （contiguous）；转置与切片则要跳。

fig, axes = plt.subplots(1, 3, figsize=(7, 3), sharey=True, layout="constrained")
for ax, (name, tensor, _) in zip(axes, views):
    ax.plot(tensor.flatten().tolist(), "o-", color="tab:blue")
    kind = "连续" if tensor.is_contiguous() else "不连续"
    ax.set_title(f"{name}\n{kind}", fontsize=13)
    ax.set_xlabel("读的次序", fontsize=13)
    ax.tick_params(labelsize=12)
    ax.set_yticks([0, 4, 8])
axes[0].set_ylabel("存储位置", fontsize=13)
fig.suptitle("逐行读时经过的存储位置：连续的张量一格一格走，其余的要跳", fontsize=14)
plt.show()
# sphinx_gallery_start_ignore
assert [tensor.is_contiguous() for tensor in (base, transposed, part)] == [True, False, False]
# sphinx_gallery_end_ignore

# %%
# 常见错误：对转置之后的张量用 ``view``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# ``view`` 只换读法，不动数据。要把 ``transposed`` 按行读成一串，没有哪个步幅
# 做得到：上图中间那一幅里，相邻两数的间隔不是固定的。

try:
    transposed.view(12)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 补救是 ``reshape``：能不复制就不复制，非复制不可时才复制。于是同一个
# ``reshape``，有时返回视图，有时返回一份新数据；要原地改动结果时，先想清楚是哪
# 一种。

shared = base.reshape(12)
copied = transposed.reshape(12)
print(f"{shared.data_ptr() == base.data_ptr() = }")
print(f"{copied.data_ptr() == transposed.data_ptr() = }")
print(f"{copied = }")
# sphinx_gallery_start_ignore
assert shared.data_ptr() == base.data_ptr() and copied.data_ptr() != transposed.data_ptr()
assert torch.equal(copied, transposed.contiguous().view(12))
# sphinx_gallery_end_ignore

# %%
# 拼接与堆叠
# ----------
#
# ``torch.cat`` 沿着已有的一维接起来，维数不变；``torch.stack`` 先添一维再叠放，
# 要求形状完全相同。把多张图片合成一批，用的就是 ``stack``。

a = torch.zeros(2, 3)
b = torch.ones(2, 3)
print(f"{torch.cat([a, b]).shape = }")
print(f"{torch.cat([a, b], dim=1).shape = }")
print(f"{torch.stack([a, b]).shape = }")
print(torch.cat([a, b], dim=1))
# sphinx_gallery_start_ignore
assert torch.cat([a, b]).shape == (4, 3) and torch.cat([a, b], dim=1).shape == (2, 6)
assert torch.stack([a, b]).shape == (2, 2, 3)
# sphinx_gallery_end_ignore

# %%
# ``@`` 与 ``*``
# --------------
#
# ``*`` 按元素相乘；``@`` 是矩阵乘法，第一个的每一行与第二个的每一列对应相乘
# 再求和。两者的函数写法分别是 ``torch.mul`` 和 ``torch.matmul``，也都有同名的方法。

a = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
b = torch.tensor([[10.0, 0.0], [0.0, 100.0]])
print(f"{a * b = }")
print(f"{a @ b = }")
assert torch.equal(a * b, torch.mul(a, b)) and torch.equal(a * b, a.mul(b))
assert torch.equal(a @ b, torch.matmul(a, b)) and torch.equal(a @ b, a.matmul(b))

# %%
# 对形状的要求也不同：``*`` 要两者形状相同（或者能广播，下一节讲），而
# ``@`` 要前者的列数等于后者的行数。函数 ``matmul`` 同样接受 ``out=``。

wide = torch.rand(2, 3)
product = torch.empty(2, 2)
torch.matmul(wide, wide.t(), out=product)
print(f"{(wide * wide).shape = }")
print(f"{product.shape = }")
torch.testing.assert_close(product, wide @ wide.t())

# %%
# 常见错误：两种浮点数相乘
# ^^^^^^^^^^^^^^^^^^^^^^^^
#
# NumPy 默认 64 位，PyTorch 默认 32 位，混在一起做矩阵乘法就会遇到它。

double = torch.ones(2, 2, dtype=torch.double)
try:
    double @ torch.ones(2, 2)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# ``m1``、``m2`` 指两个矩阵。先统一数据类型，通常转成 ``float32``。
# 按元素的运算则会自动取较宽的类型，不报错。

print(f"{(double.float() @ torch.ones(2, 2)).dtype = }")
print(f"{(double * torch.ones(2, 2)).dtype = }")
# sphinx_gallery_start_ignore
assert (double.float() @ torch.ones(2, 2)).dtype is torch.float32
assert (double * torch.ones(2, 2)).dtype is torch.float64
# sphinx_gallery_end_ignore

# %%
# 广播
# ----
#
# 形状不同的张量，只要合得上，也能按元素运算，这叫广播（broadcasting）。规则只有
# 两步：从最右一维向左对齐，左边缺的维补 1；每一维的大小要么相等，要么其中一个
# 是 1，是 1 的那个沿这一维重复使用。

table = torch.arange(15).view(5, 3)
row = torch.tensor([100, 200, 300])
side = torch.tensor([[10], [20], [30], [40], [50]])
print(f"{tuple(table.shape)} + {tuple(row.shape)} -> {tuple((table + row).shape)}")
print(f"{tuple(side.shape)} + {tuple(row.shape)} -> {tuple((side + row).shape)}")
# sphinx_gallery_start_ignore
assert (table + row).shape == (side + row).shape == (5, 3)
# sphinx_gallery_end_ignore

# %%
# 选读：怎样画广播
# ^^^^^^^^^^^^^^^^
#
# ``torch.broadcast_to`` 给出重复之后的样子；原来就有的格子涂成蓝色，重复出来的
# 留白，结果涂成绿色。


def draw_broadcast(ax, first, second):
    total = first + second
    blue, green = "#9ecae1", "#c7e9c0"
    for x, tensor, color in ((0, first, blue), (4.5, second, blue), (9, total, green)):
        values = torch.broadcast_to(tensor, total.shape)
        colors = [["white"] * total.shape[1] for _ in range(total.shape[0])]
        height, width = torch.atleast_2d(tensor).shape
        for i in range(height):
            colors[i][:width] = [color] * width
        draw_cells(ax, values.tolist(), x, 0, colors)
    for x, sign in ((3.75, "+"), (8.25, "=")):
        ax.text(x, -2.5, sign, fontsize=20, ha="center", va="center")
    ax.set(xlim=(-0.1, 12.1), ylim=(-5.1, 0.1), aspect="equal")
    ax.axis("off")


# %%
# 广播的两个例子
# ^^^^^^^^^^^^^^
#
# 上面一组只有一边被重复，下面一组两边都被重复。白色的格子并没有真的存下来，
# 广播不为它们分配内存。

fig, axes = plt.subplots(2, 1, figsize=(7, 6.8), layout="constrained")
for ax, first in zip(axes, (table, side)):
    draw_broadcast(ax, first, row)
    ax.set_title(f"{tuple(first.shape)} + {tuple(row.shape)}", fontsize=14)
fig.suptitle("广播：蓝色是原有的数，白色是重复使用的，绿色是结果", fontsize=14)
plt.show()

# %%
# “没有存下来”可以从步幅看出：重复的那一维步幅为 0，走一步还在原处。

stretched = torch.broadcast_to(row, (5, 3))
print(f"{stretched.stride() = }")
print(f"{stretched.data_ptr() == row.data_ptr() = }")
# sphinx_gallery_start_ignore
assert stretched.stride() == (0, 1) and stretched.data_ptr() == row.data_ptr()
# sphinx_gallery_end_ignore

# %%
# 常见错误：形状无法广播
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 最右一维都是 3，没有问题；左边一维是 5 和 4，既不相等，也没有一个是 1。

try:
    torch.rand(5, 3) + torch.rand(4, 3)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 报错里的 ``dimension 0`` 就是不合的那一维。先打印两边的形状，再决定是截取、
# 转置，还是用 ``unsqueeze`` 添一维。例如要让每一行都与另一个张量的每一行相加：

pairs = torch.rand(5, 3).unsqueeze(1) + torch.rand(4, 3)
print(f"{pairs.shape = }")
# sphinx_gallery_start_ignore
assert pairs.shape == (5, 4, 3)
# sphinx_gallery_end_ignore

# %%
# 取出一个数
# ----------
#
# 张量只含一个元素时，不论几维，都可以用 ``item`` 取出对应的 Python 数。打印张量
# 默认只显示四位小数，``item`` 则给出全部位数。

x = torch.randn(1)
print(x)
print(x.item())
print(f"{type(x.item()) = }")
print(f"{x.view(1, 1).item() == x.item() = }")
# sphinx_gallery_start_ignore
assert type(x.item()) is float and x.view(1, 1).item() == x.item()
# sphinx_gallery_end_ignore

# %%
# 位数多不等于更准。``float32`` 约有七位有效数字，换成 Python 的 64 位浮点数后，
# 后面的数字是二进制表示带来的。0.1 最能说明问题：

print(torch.tensor(0.1).item())
assert torch.tensor(0.1).item() != 0.1

# %%
# 张量有多个元素时，先聚合成一个数，或者取其中一个，再用 ``item``。想要全部的数，
# 用 ``tolist``。

scores = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
print(f"{scores.sum().item() = }")
print(f"{scores.mean().item() = }")
print(f"{scores[0, 0].item() = }")
print(f"{scores.tolist() = }")
# sphinx_gallery_start_ignore
assert (scores.sum().item(), scores.mean().item(), scores[0, 0].item()) == (12.0, 3.0, 1.0)
# sphinx_gallery_end_ignore

# %%
# 常见错误：对多个元素用 ``item``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 两个元素，PyTorch 不知道你要哪一个。

try:
    torch.randn(2).item()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 先聚合成一个数。训练时遇到这个错误，多半是忘了对损失求平均或求和。

losses = torch.tensor([0.5, 1.5])
print(f"{losses.mean().item() = }")

# %%
# 和 NumPy 之间的桥
# -----------------
#
# CPU 上的张量与 NumPy 数组可以共享内存，转换时不必复制；一边的改动，
# 另一边也就看得到。先看从张量到数组：

import numpy as np

a = torch.ones(5)
b = a.numpy()
print(f"{b}，{b.dtype}")

a.add_(1)
print(a)
print(b)
print(f"{np.shares_memory(a.numpy(), b) = }")
assert b.dtype == np.float32 and (b == 2).all() and np.shares_memory(a.numpy(), b)

# %%
# 反过来用 ``torch.from_numpy``。NumPy 的浮点数默认 64 位，转来的张量也是
# ``float64``，这就是前面两种浮点数相乘出错的来历。

a = np.ones(5)
b = torch.from_numpy(a)
np.add(a, 1, out=a)
print(a)
print(b)
assert b.dtype == torch.float64 and (b == 2).all()

# %%
# 共享的前提是改动发生在原来的内存里。``a = a + 1`` 新建了一个数组，名字 ``a``
# 改指它，``b`` 仍然对着旧的那一块。

a = a + 1
print(a)
print(b)
print(f"{np.shares_memory(a, b.numpy()) = }")
assert (b == 2).all() and not np.shares_memory(a, b.numpy())

# %%
# 选读：怎样画谁与谁共享
# ^^^^^^^^^^^^^^^^^^^^^^
#
# ``shares`` 是一个字典，从写法到“是否与 ``array`` 共享”。共享的连到同一个大框，
# 不共享的各画一个小框。


def draw_sharing(ax, shares):
    box = {"edgecolor": "black", "linewidth": 1.5}
    ax.add_patch(plt.Rectangle((6.5, 2.7), 3.5, 2.6, facecolor="#9ecae1", **box))
    ax.text(8.25, 4, "array 的内存", fontsize=14, ha="center", va="center")
    for y, (name, shared) in zip(range(5, -1, -1), shares.items()):
        color = "tab:blue" if shared else "tab:orange"
        ax.text(0, y, name, fontsize=13, va="center")
        ax.plot([4.9, 6.5], [y, y], color=color, linewidth=3)
        if not shared:
            ax.add_patch(plt.Rectangle((6.5, y - 0.3), 3.5, 0.6, facecolor="#fdd0a2", **box))
            ax.text(8.25, y, "新的内存", fontsize=13, ha="center", va="center")
    ax.set(xlim=(-0.1, 10.1), ylim=(-0.5, 5.5))
    ax.axis("off")


# %%
# 谁与谁共享
# ^^^^^^^^^^
#
# ``torch.as_tensor`` 能共享就共享，``torch.tensor`` 总是复制。不靠记忆，
# 直接问 ``np.shares_memory``：

array = np.ones(5)
results = {
    "torch.from_numpy(array)": torch.from_numpy(array),
    "torch.as_tensor(array)": torch.as_tensor(array),
    "torch.as_tensor(array).numpy()": torch.as_tensor(array).numpy(),
    "torch.tensor(array)": torch.tensor(array),
    "torch.as_tensor(array).float()": torch.as_tensor(array).float(),
    "array + 1": array + 1,
}
shares = {name: np.shares_memory(array, np.asarray(r)) for name, r in results.items()}
for name, shared in shares.items():
    print(f"{name:<32}{'共享' if shared else '不共享'}")
# sphinx_gallery_start_ignore
assert list(shares.values()) == [True, True, True, False, False, False]
# sphinx_gallery_end_ignore

# %%
# 复制、换数据类型和做运算，结果都放进新的内存；``array = array + 1``
# 得到的就是最后一行那样的一块。画成图：

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
draw_sharing(ax, shares)
fig.suptitle("谁与数组共用内存：上面三个是同一块，下面三个各有一块", fontsize=14)
plt.show()

# %%
# 常见错误：``numpy()`` 拒绝转换
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 两种张量不肯直接变成数组：正在记录求导过程的，和 NumPy 没有的 ``bfloat16``。

tracked = torch.ones(2, requires_grad=True)
bfloat = torch.ones(2, dtype=torch.bfloat16)
for tensor in (tracked, bfloat):
    try:
        tensor.numpy()
    except (RuntimeError, TypeError) as error:
        print(f"{type(error).__name__}: {error}")

# %%
# 前者先用 ``detach`` 分离，后者先转成 ``float32``。放在加速器上的张量也不行，
# 要先用 ``cpu`` 搬回来。

print(f"{tracked.detach().numpy() = }")
print(f"{bfloat.float().numpy() = }")

# %%
# 设备：用上 GPU
# --------------
#
# 张量放在哪里，运算就在哪里进行。``torch.accelerator`` 是各种加速器的统一入口，
# 英伟达的 CUDA、苹果的 MPS、英特尔的 XPU 都归它管。下面的写法在任何机器上都对：
# 有加速器就用，没有就用 CPU。输出取决于运行它的机器。

device = torch.device("cpu")
if torch.accelerator.is_available():
    device = torch.accelerator.current_accelerator()
print(f"{device.type = }")
# sphinx_gallery_start_ignore
assert (device.type != "cpu") == torch.accelerator.is_available()
# sphinx_gallery_end_ignore

# %%
# 把张量放上去有两种办法：创建时写明 ``device``，或者用 ``to`` 搬过去。
# 参与同一次运算的张量，一般要在同一个设备上。

x = torch.ones(5, 3)
y = torch.ones_like(x, device=device)  # 直接建在设备上
x = x.to(device)  # 搬过去
z = x + y
print(f"{z.device.type = }")
assert z.device.type == device.type

# %%
# ``to`` 也能改数据类型，还可以把设备与数据类型一次写全。这里先搬回 CPU
# 再换类型，因为 MPS 不支持 ``float64``。

z = z.to("cpu")
print(z.to("cpu", torch.double))
assert z.to("cpu", torch.double).dtype == torch.float64

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    那时只有 CUDA 一种选择，教程里写的是
#    ``if torch.cuda.is_available(): device = torch.device("cuda")``。
#    这样写今天仍然有效，只是用不到其他加速器。

# %%
# 常见错误：以为有加速器，其实没有
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 单独调用 ``current_accelerator``，它回答的是这份 PyTorch 为哪种加速器编译（只含
# CPU 的安装包回答 ``None``），而不是这台机器有没有。不先问 ``is_available``
# 就照着去做，可能出错：

print(f"{torch.accelerator.current_accelerator() = }")
print(f"{torch.accelerator.is_available() = }")
try:
    torch.ones(2).to("cuda")
    print("这台机器能用 CUDA")
except (RuntimeError, AssertionError) as error:
    print(f"{type(error).__name__}: {str(error).split('. ')[0]}")

# %%
# 最后一行的文字因机器而异：没有 CUDA 设备时，带 CUDA 的安装包说找不到驱动，
# 只含 CPU 的安装包说没有编译 CUDA。先问 ``is_available`` 就不会走到这一步；
# 写上 ``check_available=True`` 也可以，它在没有加速器时返回 ``None``。

checked = torch.accelerator.current_accelerator(check_available=True)
print(f"{(checked is not None) == torch.accelerator.is_available() = }")
assert (checked is not None) == torch.accelerator.is_available()

# %%
# 小结
# ----
#
# * 张量由一段存储和一份读法组成；读法就是形状、步幅和起点。
# * ``torch.empty`` 不写入任何数，先写再读。
# * 后缀 ``_`` 表示原地；``+=``、``out=`` 和元素赋值没有后缀，也是原地。
#   原地运算不改变数据类型。
# * 切片、转置和 ``view`` 共享内存；布尔索引和 ``clone`` 复制；至于
#   ``reshape``，要看情况。
# * ``*`` 按元素，``@`` 是矩阵乘法；广播从最右一维对齐，重复使用的数不另占内存。
# * 与 NumPy 之间，``numpy``、``from_numpy`` 和 ``as_tensor`` 可以共享内存，而
#   ``torch.tensor`` 总是复制；写 ``a = a + 1`` 会断开共享。
# * 选设备要看 ``is_available``，不要只看 ``current_accelerator``。
#
# 最常用的几种写法，合在一起再跑一遍：

x, y = torch.ones(4, 4), torch.ones(4, 4)
print(f"{(x + y).sum().item() = }")
print(f"{y.add_(x)[:, 1] = }")
print(f"{x.view(-1, 8).shape = }")
print(f"{x[0, 0].item() = }")
print(f"{torch.from_numpy(x.numpy()).data_ptr() == x.data_ptr() = }")

# %%
# 练习
# ----
#
# 1. 不运行，先说出 ``torch.ones(3, 1, 2) + torch.ones(4, 1)`` 的形状。再看
#    ``torch.ones(3, 2) + torch.ones(3)``：它为什么不行，怎样改才能让每一行
#    加上自己的那个数？
# 2. 设 ``x = torch.arange(12).view(3, 4)``，``y = x[:, ::2]``。``y`` 的步幅是多少？
#    ``y.view(-1)`` 行不行？执行 ``y.zero_()`` 之后，``x`` 是什么样子？
# 3. 给定 ``data = torch.rand(5, 3)``，不用循环，把每一列变成均值 0、标准差 1；
#    再对每一行做同样的事。
# 4. ``torch.as_tensor(array, dtype=torch.float32)`` 与 ``array`` 共享内存吗？
#    分 ``array`` 是 ``float64`` 和 ``float32`` 两种情况回答。

# %%
# 答案：第 1 题
# ^^^^^^^^^^^^^
#
# ``(4, 1)`` 的左边补 1，成为 ``(1, 4, 1)``；与 ``(3, 1, 2)`` 逐维取较大的，
# 得 ``(3, 4, 2)``。后一式最右一维是 2 和 3，合不上；要把三个数分别加到三行上，
# 就把它们排成一列。

print(f"{(torch.ones(3, 1, 2) + torch.ones(4, 1)).shape = }")
try:
    torch.ones(3, 2) + torch.ones(3)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
print(torch.ones(3, 2) + torch.tensor([10.0, 20.0, 30.0]).unsqueeze(1))
# sphinx_gallery_start_ignore
assert (torch.ones(3, 1, 2) + torch.ones(4, 1)).shape == (3, 4, 2)
# sphinx_gallery_end_ignore

# %%
# 答案：第 2 题
# ^^^^^^^^^^^^^
#
# 隔一列取一列，列方向的步幅加倍，是 ``(4, 2)``。逐行读 ``y``，在存储里每次都
# 跨过两个位置，换行时也一样；间隔固定，所以虽不连续，``view(-1)`` 仍然行得通。
# 而 ``y`` 是视图，清零会改动 ``x`` 的那两列。

x = torch.arange(12).view(3, 4)
y = x[:, ::2]
print(f"{y.stride() = }, {y.is_contiguous() = }")
print(f"{y.view(-1) = }")
y.zero_()
print(x)
# sphinx_gallery_start_ignore
assert y.stride() == (4, 2) and not y.is_contiguous() and y.view(-1).stride() == (2,)
assert x.tolist() == [[0, 1, 0, 3], [0, 5, 0, 7], [0, 9, 0, 11]]
# sphinx_gallery_end_ignore

# %%
# 答案：第 3 题
# ^^^^^^^^^^^^^
#
# 对列求均值得到形状 ``(3,)``，正好广播。对行求得 ``(5,)``，对不上最右一维的 3；
# 加上 ``keepdim=True`` 保留那一维，得到 ``(5, 1)``，就能广播了。

data = torch.rand(5, 3)
by_column = (data - data.mean(dim=0)) / data.std(dim=0)
mean, std = data.mean(dim=1, keepdim=True), data.std(dim=1, keepdim=True)
by_row = (data - mean) / std  # 每一行减去自己的均值
print(f"{data.mean(dim=0).shape = }, {mean.shape = }")
torch.testing.assert_close(by_column.mean(dim=0), torch.zeros(3), atol=1e-6, rtol=0)
torch.testing.assert_close(by_column.std(dim=0), torch.ones(3))
torch.testing.assert_close(by_row.mean(dim=1), torch.zeros(5), atol=1e-6, rtol=0)
torch.testing.assert_close(by_row.std(dim=1), torch.ones(5))
print("每一列、每一行的均值都是 0，标准差都是 1（在舍入误差之内）")

# %%
# 答案：第 4 题
# ^^^^^^^^^^^^^
#
# 数组是 ``float32`` 时共享，因为数据类型一致；是 ``float64`` 时不共享，
# 因为必须逐个换算，结果只能放进新的内存。

for dtype in (np.float64, np.float32):
    array = np.ones(5, dtype=dtype)
    tensor = torch.as_tensor(array, dtype=torch.float32)
    print(f"{array.dtype}: {np.shares_memory(array, tensor.numpy()) = }")
    assert np.shares_memory(array, tensor.numpy()) == (dtype is np.float32)

# %%
# 接下来
# ------
#
# 张量还能记住自己是怎样算出来的，并据此求导，
# 见下一页:doc:`《自动微分》 <autograd_automatic_differentiation>`。
# 层与参数怎样由张量搭起来，见:doc:`《神经网络》 <neural_networks>`。
