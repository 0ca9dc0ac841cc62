"""
什么是 PyTorch
==============

PyTorch 的核心有三部分：张量库、自动微分（automatic differentiation），以及建在两者之上的神经网络工具。
本页讲第一部分。
读完以后，你能创建张量，取出和改写其中的一部分，沿某一维求和，能说出形状不同的张量相加得到什么形状，也分得清哪些操作复制了数据，哪些与原来的张量共享内存。

**你将学到**

* 创建张量，看它的形状、数据类型和设备
* 运算、索引和改变形状，``dim`` 的含义
* 步幅；哪些操作复制数据，哪些共享内存
* 拼接、矩阵乘法与广播
* 与 NumPy 数组互相转换

**需要先会**

* Python 的列表、循环和函数
* 用过 NumPy 会更轻松，但不是必需
* 还没有装好 PyTorch，就先看:doc:`《安装》 </install>`
"""

# %%
# 张量是什么
# ----------
#
# 张量（tensor）是一组类型相同、排列整齐的数。
# 零维的是标量（scalar），一维的是向量（vector），二维的是矩阵（matrix），维度（dimension）还可以更多。
# 各维的大小依次排开，就是这个张量的形状（shape）。
# 几何里的“三维向量”有三个分量，在这里仍是一维张量，形状是 ``(3,)``。
# 张量很像 NumPy 的数组，另外多了两样本事：能放到 GPU 之类的加速器（accelerator）上运算；能记住自己是怎样算出来的，从而求出导数。
# 导数是下一页的内容；稀疏张量等特殊的种类，本页不涉及。
#
# 先固定随机种子（random seed），这样用同样的版本在同一台机器上从头运行，每次都得到相同的随机数。
# 再各建一个标量、向量和矩阵。

import torch

torch.manual_seed(0)

scalar = torch.tensor(3.5)
vector = torch.tensor([1.0, 2.0, 3.0])
matrix = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
for tensor in (scalar, vector, matrix):
    print(f"{tensor.ndim} 维，形状 {tuple(tensor.shape)}")
print(matrix)
# sphinx_gallery_start_ignore
assert "e-04" in str(torch.tensor([1e-4, 1.0, 1e4])) and "*" not in str(torch.tensor([1e-4, 1e4]))
# sphinx_gallery_end_ignore

# %%
# 创建张量
# --------
#
# 先看 ``torch.empty``，它只分配内存，默认不写入任何数。
# 这样的张量是未初始化（uninitialized）的，里面是那块内存原先留下的内容，可能是 0，可能极大或极小，甚至是 nan（不是数）。
# 因为这些内容无法预料，所以要先写入，再读取，例如用 ``fill_`` 把每个元素都写成同一个数。
# f 字符串里的 ``=`` 会把式子连同它的值一起打印出来，本教程常用这种写法。

x = torch.empty(2, 3)
print(f"{x.shape = }")
print(x.fill_(7))

# %%
# ``torch.rand`` 产生均匀分布的随机数，取值在 :math:`[0, 1)`，能取到 0，取不到 1。
# ``torch.zeros`` 产生全 0 的张量，名字末尾的 s 不能省。
# 参数 ``dtype`` 指定数据类型（data type），``torch.long`` 就是 ``torch.int64``，``torch.double`` 就是 ``torch.float64``。
# 形状既可以逐个写，也可以写成一个元组，存进变量里反复使用。

print(torch.rand(5, 3))
shape = (2, 3)
print(torch.zeros(shape, dtype=torch.long))
# sphinx_gallery_start_ignore
with torch.random.fork_rng():
    for kind in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        draw = torch.rand(100000, dtype=kind)
        assert draw.min() >= 0 and draw.max() < 1 and draw.dtype is kind
    assert torch.rand(shape).shape == torch.empty(shape).shape == torch.ones(2, 3).shape == shape
assert torch.zeros(shape, dtype=torch.long).dtype is torch.int64 and not hasattr(torch, "zero")
# sphinx_gallery_end_ignore

# %%
# 已有数据时用 ``torch.tensor``。
# 列表里是 Python 的整数和小数时，如果不指定 ``dtype``，全是整数就得到 ``int64``，只要有一个小数就得到浮点数，默认为 ``float32``。
#
# **先猜一猜**：想写 ``[5.5, 3]``，却把小数点误写成逗号，得到的张量是什么数据类型？

typo = torch.tensor([5, 5, 3])
print(typo.dtype)

# %%
# 逗号多分出了一个元素，列表里就全是整数。
# 打印张量时，默认的 ``float32`` 和 ``int64`` 通常不写出来，可以用 ``dtype`` 查看：

x = torch.tensor([5.5, 3])
print(f"{x}，{x.dtype}")
print(typo)
# sphinx_gallery_start_ignore
assert (x.dtype, x.shape, typo.dtype, typo.shape) == (torch.float32, (2,), torch.int64, (3,))
assert torch.tensor([True, 2]).dtype is torch.int64 and torch.tensor([[1, 2], [3, 4.0]]).dtype is torch.float32
# sphinx_gallery_end_ignore

# %%
# 也可以照着已有的张量来建。
# ``new_ones``、``new_zeros`` 要给出形状，数据类型和设备（device，张量放在 CPU 还是 GPU 上）沿用原张量，除非另外指定。
# 名字以 ``_like`` 结尾的函数连形状也沿用，例如 ``zeros_like``、``ones_like``、``rand_like`` 和 ``randn_like``，其中 ``randn`` 取自标准正态分布，可能有负数。

print(f"{typo.new_ones(2).dtype = }")  # 沿用 int64
print(f"{typo.new_ones(2, dtype=torch.double).dtype = }")
print(torch.randn_like(torch.zeros(shape)))
# sphinx_gallery_start_ignore
assert typo.new_ones(2).dtype is typo.new_zeros(2).dtype is torch.int64
with torch.random.fork_rng():
    assert torch.randn_like(x).shape == torch.ones_like(x).shape == torch.rand_like(x).shape == x.shape
    assert torch.rand_like(x.double()).dtype is torch.float64
# sphinx_gallery_end_ignore

# %%
# 选读：创建张量的其他细节
# ------------------------
#
# 下面把几种创建方法各写一遍，看它们的形状与数据类型。

x = torch.tensor([5.5, 3])
examples = {
    "empty": torch.empty(5, 3),
    "rand": torch.rand(5, 3),
    "zeros": torch.zeros(5, 3, dtype=torch.long),
    "ones": torch.ones(5, 3),
    "tensor": x,
    "new_ones": x.new_ones(5, 3, dtype=torch.double),
    "randn_like": torch.randn_like(x),
}
for name, tensor in examples.items():
    print(f"{name:<10}  {str(tuple(tensor.shape)):<6}  {tensor.dtype}")

# %%
# 列表里如果全是同一种 NumPy 的数，而且 PyTorch 也有这种类型，一般就沿用这种类型，例如 ``np.float64`` 得到的是 ``float64``：

import numpy as np

print(f"{torch.tensor([1.0]).dtype = }")
print(f"{torch.tensor([np.float64(1.0)]).dtype = }")
# sphinx_gallery_start_ignore
for kind in (np.float16, np.float32, np.float64, np.uint8, np.int32, np.int64):
    assert torch.tensor([kind(1)]).numpy().dtype == kind
assert torch.tensor([np.int32(1), 2.5]).dtype is torch.float32  # 混着写就不一定沿用
# sphinx_gallery_end_ignore

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时的教程开头有一行 ``from __future__ import print_function``，是为 Python 2 准备的，现在可以删去。
#
#    当时打印张量会提出一个公因子，写成 ``tensor(1.00000e-04 * [[...``；现在不再提公因子，浮点数很大、很小或相差悬殊时改用科学记数法。
#
#    当时打印未初始化的张量偶尔会报 ``RuntimeError: Overflow when unpacking long``，有的教程因此建议“重新生成一次”；那是打印代码的缺陷，现在已经修复，正确的做法一直是先写入，再读取。

# %%
# 常见错误：照整数张量的样子生成正态随机数
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：对整数张量用 ``randn_like``，程序报错。

numbers = torch.zeros(2, 3, dtype=torch.long)
try:
    torch.randn_like(numbers)
except NotImplementedError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：``randn_like`` 沿用了原张量的 ``int64``，而 PyTorch 不能生成整数类型的正态随机数。
#
# **解决办法**：指定一种浮点类型。

print(torch.randn_like(numbers, dtype=torch.float))
# sphinx_gallery_start_ignore
with torch.random.fork_rng():
    assert torch.randn_like(numbers, dtype=torch.float).dtype is torch.float32
# sphinx_gallery_end_ignore

# %%
# 张量的三个属性
# --------------
#
# 看到一个陌生的张量，先打印形状、数据类型、设备，许多报错都与这三样有关。

x = torch.rand(5, 3)
print(f"{x.shape = }")
print(f"{x.dtype = }")
print(f"{x.device = }")

# %%
# ``x.size()`` 与 ``x.shape`` 是一回事，类型 ``torch.Size`` 是元组的一种，所以拆开、比较、拼接都能用。
# 元素的个数用 ``numel`` 查。

rows, columns = x.size()
print(f"{rows = }, {columns = }, {x.numel() = }")
# sphinx_gallery_start_ignore
assert isinstance(x.size(), tuple) and x.size() == x.shape == (5, 3) and x.numel() == 15
assert x.size() + (1,) == torch.Size([5, 3, 1])
# sphinx_gallery_end_ignore

# %%
# 运算的多种写法
# --------------
#
# 以加法为例，最直接的写法是运算符，也可以写成函数 ``torch.add`` 或方法 ``x.add``，结果相同。
# 这样的运算是按元素（element-wise）的，也就是说，对应位置上的数各自相加。
# 下面的 ``torch.equal`` 在形状相同、每个元素也相等时给出 ``True``。

x = torch.tensor([[1, 2, 3], [4, 5, 6]])
y = torch.tensor([[10, 20, 30], [40, 50, 60]])
print(x + y)
print(torch.equal(torch.add(x, y), x + y), torch.equal(x.add(y), x + y))
# sphinx_gallery_start_ignore
assert torch.equal(torch.add(x, y), x + y) and torch.equal(x.add(y), x + y)
# sphinx_gallery_end_ignore

# %%
# 原地运算和它的代价
# ------------------
#
# 加法还有一种原地（in-place）的写法：``y.add_(x)`` 把结果写回 ``y`` 自己的内存，返回的也是 ``y``。
# 下面的 ``data_ptr`` 给出张量首个元素的内存地址，运算前后地址没有变。

total = x + y
address = y.data_ptr()
returned = y.add_(x)
print(f"{returned is y = }")
print(f"{y.data_ptr() == address = }")
print(f"{torch.equal(y, total) = }")
# sphinx_gallery_start_ignore
assert returned is y and y.data_ptr() == address and torch.equal(y, total)
# sphinx_gallery_end_ignore

# %%
# 按照 PyTorch 的约定，方法名以一个下划线为后缀（suffix）的，直接改动张量自己，例如 ``fill_``、``copy_`` 和 ``zero_``。
# 因此在 Notebook 里，``y.add_(x)`` 每运行一次，``y`` 就再加一次 ``x``。
#
# 没有这个后缀的也可能是原地的，例如给元素赋值和 ``a += 1``。
# 下面的 ``alias`` 是同一个张量的另一个名字。
#
# **先猜一猜**：打印出的列表是什么？

a = torch.tensor([0, 0, 0])
alias = a
a += 1
a[0] = 5
print(alias.tolist())  # 变成列表再打印

# %%
# 两次改动都写进了同一块内存，所以从 ``alias`` 也看得到。
# 而 ``a = a + 1`` 新建一个张量，让名字 ``a`` 改指它，``alias`` 指的那一个没有变：

a = a + 1
print(f"{a = }, {alias = }")
# sphinx_gallery_start_ignore
assert alias.tolist() == [5, 1, 1] and a.tolist() == [6, 2, 2]
# sphinx_gallery_end_ignore

# %%
# 原地运算省下一块内存，但有三样代价，拿不准时就不要用。
#
# * 凡是用到这块内存的变量，值都跟着变。
# * 按元素的原地运算，结果只能保持原来的形状和数据类型。
# * 自动微分需要的旧值可能被覆盖，那时求导一般会报错，见:doc:`《自动微分》 <autograd_automatic_differentiation>`。

# %%
# 常见错误：把浮点数原地加到整数张量上
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：整数张量用 ``add_`` 加一个小数，程序报错。

counts = torch.zeros(3, dtype=torch.long)
try:
    counts.add_(0.5)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：结果应当是浮点数（报错里的 ``Float`` 指 ``float32``），而 ``counts`` 的内存里只能放 ``int64``（``Long``）。
#
# **解决办法**：不用原地运算，让 PyTorch 为结果新建一个浮点张量。

print(f"{counts + 0.5 = }")
# sphinx_gallery_start_ignore
assert (counts + 0.5).dtype is torch.float32
for value, kept in ((0.5, 0), (1.9, 1), (-1.9, -1)):
    counts[0] = value
    assert counts[0] == kept
counts.zero_()
bytes_ = torch.zeros(1, dtype=torch.uint8)
bytes_[0] = 254.9
assert bytes_.tolist() == [254]
for outside in (-1.9, 300.5):
    try:
        bytes_[0] = outside
    except RuntimeError:
        continue
    raise AssertionError
assert torch.zeros(1).add_(torch.ones(1, dtype=torch.double)).dtype is torch.float32
for wrong in (lambda: counts.div_(2), lambda: torch.zeros(3).add_(torch.ones(3, 3))):
    try:
        wrong()
    except RuntimeError:
        continue
    raise AssertionError
# sphinx_gallery_end_ignore

# %%
# 用整数或切片给元素赋值也是原地的，却不检查数据类型：小数写进整数张量，只要放得下就不报错，只留下整数部分。

counts[0] = 1.9
print(f"{counts = }")

# %%
# 不同数据类型一起运算
# --------------------
#
# 数据类型从低到高分成四类：布尔、整数、浮点数、复数。
# 类型不同的数相加、相乘时，先统一类型再计算，规则是先看类别，后看位数，也就是类型名里的数字。
#
# * 类别不同，通常取类别高的一方的类型。
# * 类别相同，通常取能容纳两者的类型。
# * 一方是 Python 的数，只有它的类别更高时才影响结果的类型，例如整数张量加 0.5，得到默认的 ``float32``。
# * 一方是零维张量，另一方至少一维，零维的一方也只在类别更高时才影响结果，这时通常取它的类型；类别相同时，它的位数不算数。

integer = torch.tensor([1, 1])  # int64
single, double = torch.ones(2), torch.ones(2, dtype=torch.float64)
zero_dim = torch.tensor(1.0, dtype=torch.float64)
print(f"{(integer + single).dtype = }")  # 类别不同
print(f"{(single + double).dtype = }")  # 类别相同
print(f"{(single + zero_dim).dtype = }")  # 右边是零维张量
print(f"{(integer + 0.5).dtype = }")  # 右边是 Python 的数
# sphinx_gallery_start_ignore
kinds = [torch.bool, torch.uint8, torch.int8, torch.int64, torch.float16, torch.float32, torch.float64]
kinds += [torch.complex64, torch.complex128]
for one, other in ((torch.ones(2, dtype=i), torch.ones(2, dtype=j)) for i in kinds for j in kinds):
    i, j = one.dtype, other.dtype
    high, low = ((d.is_complex, d.is_complex or d.is_floating_point, d is not torch.bool) for d in (i, j))
    result = (one + other).dtype
    assert result is (one * other).dtype and (high != low or torch.can_cast(j, result))
    assert high <= low or result is i or {i, j} == {torch.complex64, torch.float64}
    assert high < low or (one + other[0]).dtype is i
    assert i is torch.bool or (one + 1).dtype is (one[0] + 1).dtype is i
# sphinx_gallery_end_ignore

# %%
# 图片的像素常存成 ``uint8``，这种类型只能放 0 到 255。
# 下面的 100 是 Python 的整数，类别不比 ``uint8`` 高，所以结果仍是 ``uint8``；相加的结果超过 255 也不报错，256 变成 0，依此类推。
# 因此对像素做加减之前，先用方法 ``float`` 转换成 ``float32``。
# 名字容易混：PyTorch 的 ``float`` 指 32 位浮点数，``double`` 指 64 位，而 Python 自己的 ``float`` 是 64 位。

pixels = torch.tensor([100, 150, 200], dtype=torch.uint8)
print(f"{pixels + 100 = }")
print(f"{pixels.float() + 100 = }")
# sphinx_gallery_start_ignore
assert (pixels + 100).tolist() == [200, 250, 300 % 256] and (pixels + pixels)[2] == 400 % 256
assert (pixels + 156)[0] == 0 and (pixels + 56)[2] == 0 and (pixels - 101)[0] == 255
# sphinx_gallery_end_ignore

# %%
# 选读：统一类型的更多情形
# ^^^^^^^^^^^^^^^^^^^^^^^^
#
# 类别优先于位数，所以 ``int64`` 加 ``float16`` 得到的是只有 16 位的 ``float16``。
# 两种 16 位浮点数 ``float16`` 与 ``bfloat16`` 谁也容不下谁，结果是 ``float32``；``complex64`` 的实部只有 32 位，与维数不为零的 ``float64`` 张量相加，就变成 ``complex128``。
# 除法和比较另有规定，整数用 ``/`` 相除得到浮点数，比较的结果是布尔。
# ``uint16`` 这样的少数类型与别的整数类型之间没有规定，双方都不是零维时会报错。

half = torch.ones(2, dtype=torch.float16)
print(f"{(integer + half).dtype = }")
print(f"{(half + half.bfloat16()).dtype = }")
print(f"{(double + torch.ones(2, dtype=torch.complex64)).dtype = }")
print(f"{(integer / 2).dtype = }")
print(f"{(integer > 0).dtype = }")
try:
    integer + torch.ones(2, dtype=torch.uint16)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
# sphinx_gallery_start_ignore
assert (integer + half).dtype is torch.float16 and (half + half.bfloat16()).dtype is torch.float32
assert (torch.ones(2, dtype=torch.complex64) + zero_dim).dtype is torch.complex64
# sphinx_gallery_end_ignore

# %%
# 索引与切片
# ----------
#
# 索引（indexing）和切片（slicing）的写法与 NumPy 大体相同，各维之间用逗号隔开。
# 写一个整数，这一维随之消失；写成 ``起点:终点``，就取出一段，不含终点；只写冒号，就全部取出；写成 ``::2``，就隔一个取一个。
# 与 NumPy 不同的是，PyTorch 切片的间隔只能是正数，要颠倒顺序就用 ``flip``。
# 下面的数，十位是行号，个位是列号，便于辨认；程序里的编号则从 0 开始。

grid = torch.tensor([[11, 12, 13], [21, 22, 23], [31, 32, 33], [41, 42, 43]])
print(f"{grid[0] = }")  # 第一行
print(f"{grid[:, 1] = }")  # 第二列
print(f"{grid[..., -1] = }")  # 最后一维的最后一个，前面各维都取全
print(grid[1:3, :2])  # 两行两列
# sphinx_gallery_start_ignore
assert (grid[:, 1] % 10 == 2).all() and (grid[..., -1] % 10 == 3).all()
assert grid[1:3, :2].tolist() == [[21, 22], [31, 32]] and grid[0].tolist() == [11, 12, 13]
# sphinx_gallery_end_ignore

# %%
# 用整数和切片取出的是视图（view），也就是说，数据没有复制，与原张量共享内存。
# 改动视图，原张量也跟着变。
# 如果要一份互不相干的数据，就先用 ``clone`` 复制。

backup = grid.clone()
column = grid[:, 1]
column[0] = -1
print(f"{grid[0] = }")  # 跟着变了
print(f"{backup[0] = }")  # 没有变
# sphinx_gallery_start_ignore
assert grid[0, 1] == -1 and backup[0, 1] == 12 and column.stride() == (3,) and not column.is_contiguous()
for view in (grid[0], grid[1:3, :2], grid[..., -1], grid[::2], grid[0, 0]):
    assert view.untyped_storage().data_ptr() == grid.untyped_storage().data_ptr()
# sphinx_gallery_end_ignore

# %%
# 给切片赋值，就是改写原张量的那一部分。
# 灰度图片可以存成一个矩阵，每个元素是一个像素的深浅，所以几次赋值就能画出一个数字。

picture = torch.zeros(8, 8)
picture[1, 1:7] = 1  # 一行里的一段
picture[2:4, 5:7] = 1  # 一小块
picture[4:7, 4:6] = 1
picture[2, 1:5] = 0.4
# sphinx_gallery_start_ignore
assert picture[0].eq(0).all() and picture[1].sum() == 6
# sphinx_gallery_end_ignore

# %%
# 把这个张量画成图片：

# 画图：同一个 8 行 8 列的张量，数越大，格子的颜色越浓，看得出是数字 7。
# 图中：8 行 8 列的方格，0 的格子没有颜色，其余的排成“7”：上面一横，右边一竖往下，中途向左挪一格。
import matplotlib.pyplot as plt
from matplotlib import font_manager, text
from matplotlib.colors import to_rgba

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


def draw_cells(ax, values, x, y, colors):
    """从左上角 (x, y) 起，把二维列表画成一格一格。"""
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            style = {"facecolor": colors[i][j], "edgecolor": "0.4"}
            ax.add_patch(plt.Rectangle((x + j, y - i - 1), 1, 1, **style))
            center = {"ha": "center", "va": "center", "fontsize": 11.5}
            ax.text(x + j + 0.5, y - i - 0.5, f"{value:g}", color="black", **center)


fig, ax = plt.subplots(figsize=(4.8, 4.6), layout="constrained")
shades = [[to_rgba("C0", 0.6 * value) for value in row] for row in picture.tolist()]
draw_cells(ax, picture.tolist(), 0, 0, shades)
ax.set(xlim=(-0.1, 8.1), ylim=(-8.1, 0.1), aspect="equal")
ax.axis("off")
fig.suptitle("用切片赋值画出的数字 7", fontsize=12)
plt.show()

# %%
# 用掩码挑选
# ^^^^^^^^^^
#
# 拿张量与一个数比较，得到形状相同的布尔张量，常叫作掩码（mask）。
# ``backup`` 还是 11 到 43 那四行三列，没有改动过。

mask = backup > 30
print(mask)

# %%
# 把形状相同的掩码写在方括号里，就取出 ``True`` 的那些位置上的数，排成一维。
# 这样读到的是复制出来的数据，改动它不影响原张量；用下标列表也一样，例如取出第 0、2 两行的 ``backup[[0, 2]]``。

picked = backup[mask]
picked[0] = 0
print(f"{picked = }")
print(f"{backup[2] = }")  # 没有变
# sphinx_gallery_start_ignore
assert picked.tolist() == [0, 32, 33, 41, 42, 43] and backup[2].tolist() == [31, 32, 33]
for copied in (backup[mask], backup[[0, 2]], backup[:, [0, 1]], backup[torch.ones(4, dtype=torch.bool)]):
    assert copied.untyped_storage().data_ptr() != backup.untyped_storage().data_ptr()
# sphinx_gallery_end_ignore

# %%
# 直接给 ``backup[mask]`` 赋值则不同，改写的是原张量里 ``True`` 的那些位置：

backup[mask] = 0
print(backup)
# sphinx_gallery_start_ignore
assert backup[2:].eq(0).all() and backup[:2].gt(0).all()
lists = torch.arange(4)
lists[[0, 2]] = -1
assert lists.tolist() == [-1, 1, -1, 3]
lists[lists < 0][0] = 7  # 不是直接赋值：改的是复制出来的数据
assert lists.tolist() == [-1, 1, -1, 3]
# sphinx_gallery_end_ignore

# %%
# 选读：倒着切片
# --------------
#
# 颠倒张量的顺序，写法与列表和 NumPy 数组不同。

# %%
# 常见错误：切片的间隔是负数
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：列表和 NumPy 数组可以写 ``[::-1]``，张量这样写则报错。

try:
    grid[::-1]
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：PyTorch 切片的间隔只能是正数。
#
# **解决办法**：用 ``flip`` 指定要颠倒的维，得到的是复制出来的张量，不是视图。

print(grid.flip(0))
# sphinx_gallery_start_ignore
for flipped, start in ((grid.flip(0), grid[-1, 0]), (grid.flip(1), grid[0, -1]), (torch.ones(1).flip(0), 1)):
    assert flipped.flatten()[0] == start
assert grid.flip(0).data_ptr() != grid.data_ptr()
# sphinx_gallery_end_ignore

# %%
# 改变形状
# --------
#
# 张量的方法 ``view`` 换一种形状看同一批数，得到的也是视图。
# ``view`` 只是方法，没有 ``torch.view`` 这个函数。
# 参数 ``-1`` 表示这一维的大小由元素个数推算，最多写一个。
# 下面三个张量的首地址相同，说明没有复制。

x = torch.arange(16).view(4, 4)  # 0 到 15，排成四行四列
y = x.view(16)
z = x.view(-1, 8)
print(x.size(), y.size(), z.size())
print(z)
print(x.data_ptr() == y.data_ptr() == z.data_ptr())
# sphinx_gallery_start_ignore
assert (y.shape, z.shape) == ((16,), (2, 8)) and x.data_ptr() == y.data_ptr() == z.data_ptr()
# sphinx_gallery_end_ignore

# %%
# 常见错误：元素个数对不上
# ^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：想把十六个数排成三行五列，程序报错。

try:
    x.view(3, 5)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：新形状各维的乘积必须等于元素的个数，也就是 ``numel()``。
#
# **解决办法**：有一维拿不准时，写 ``-1`` 让 PyTorch 推算。

print(f"{x.view(2, -1).shape = }")
# sphinx_gallery_start_ignore
assert not hasattr(torch, "view") and torch.reshape(x, (2, 8)).shape == x.view(2, -1).shape == (2, 8)
# sphinx_gallery_end_ignore

# %%
# 增减一维、调换顺序
# ^^^^^^^^^^^^^^^^^^
#
# 有三个常用的方法：``unsqueeze`` 插入大小为 1 的一维，``squeeze`` 把这样的一维去掉，``permute`` 按给出的顺序重排各维。
# ``unsqueeze(0)`` 把新的一维插在最前，成为第 0 维；``permute(1, 2, 0)`` 的意思是，新的三维依次取自原来的第 1、2、0 维。
# 三者得到的都是视图。
# 彩色图片有红、绿、蓝三个通道（channel），有的程序把通道放在最前，有的放在最后，可以用 ``permute`` 转换。

image = torch.rand(3, 32, 48)
print(f"{image.unsqueeze(0).shape = }")
print(f"{image.unsqueeze(0).squeeze(0).shape = }")
print(f"{image.permute(1, 2, 0).shape = }")
# sphinx_gallery_start_ignore
assert image.unsqueeze(0).shape == (1, 3, 32, 48) and image.permute(1, 2, 0).shape == (32, 48, 3)
assert image.unsqueeze(0).squeeze(0).shape == image.shape
for seen in (image.unsqueeze(0), image.squeeze(0), image[:1].squeeze(0), image.permute(1, 2, 0)):
    assert seen.untyped_storage().data_ptr() == image.untyped_storage().data_ptr()
# sphinx_gallery_end_ignore

# %%
# 沿某一维求和：``dim`` 数的是什么
# --------------------------------
#
# 许多函数有参数 ``dim``，用来指定沿哪一维计算。
# 维从 0 编号，``-1`` 指最后一维。
# 例如 ``sum(dim=0)`` 让第 0 维的下标取遍所有的值，别的下标不变，把取到的数加起来，于是这一维从形状里消失。
# 对矩阵来说，第 0 维的下标是行号，所以 ``dim=0`` 把各行上下相加；第 1 维的下标是列号，所以 ``dim=1`` 把一行里的数左右相加。

table = torch.tensor([[1, 2, 3], [30, 20, 10]])
print(f"{table.sum() = }")  # 不写 dim，全部相加
print(f"{table.sum(dim=0) = }")
print(f"{table.sum(dim=1) = }")
# sphinx_gallery_start_ignore
assert table.sum(dim=0).tolist() == [31, 22, 13] and table.sum(dim=1).tolist() == [6, 60]
assert table.sum(dim=-1).equal(table.sum(dim=1))
# sphinx_gallery_end_ignore

# %%
# 把后两个结果画成图：

# 画图：箭头是下标变化的方向，也是相加的方向；写哪一维，哪一维就消失。
# 图中：两行三列的方格：三支箭头往下，指向一行三个数；两支箭头往右，指向一列两个数。
fig, ax = plt.subplots(figsize=(4.8, 3.3), layout="constrained")
blue, green = to_rgba("C0", 0.25), to_rgba("C2", 0.3)
draw_cells(ax, table.tolist(), 0, 0, [[blue] * 3] * 2)
draw_cells(ax, [table.sum(dim=0).tolist()], 0, -3.2, [[green] * 3])
draw_cells(ax, [[value] for value in table.sum(dim=1).tolist()], 4.2, 0, [[green]] * 2)
arrow = {"arrowstyle": "->", "color": "0.4", "linewidth": 1.5}
for j in range(3):
    ax.annotate("", (j + 0.5, -3.1), (j + 0.5, -2.1), arrowprops=arrow)
for i in range(2):
    ax.annotate("", (4.1, -i - 0.5), (3.1, -i - 0.5), arrowprops=arrow)
ax.text(3.2, -3.7, "sum(dim=0)，形状 (3,)", fontsize=11.5, va="center")
ax.text(5.4, -1, "sum(dim=1)\n形状 (2,)", fontsize=11.5, va="center", linespacing=1.35)
ax.set(xlim=(-0.1, 7.9), ylim=(-4.3, 0.1), aspect="equal")
ax.axis("off")
fig.suptitle("一个 (2, 3) 的张量沿两个方向求和", fontsize=12)
plt.show()

# %%
# 维数更多时也一样，从形状里划去 ``dim`` 指的那一项即可。
#
# **先猜一猜**：形状为 ``(2, 3, 4)`` 的张量，写 ``sum(dim=1)`` 之后是什么形状？

print(tuple(torch.ones(2, 3, 4).sum(dim=1).shape))
# sphinx_gallery_start_ignore
shape = (2, 3, 4)
for dim in (0, 1, 2, -1, -2, -3):
    left = tuple(size for i, size in enumerate(shape) if i != dim % 3)
    for reduce in (torch.sum, torch.mean, torch.std, torch.argmax, torch.prod):
        assert reduce(torch.ones(shape), dim=dim).shape == left
    assert torch.ones(shape).sum(dim=dim, keepdim=True).shape[dim] == 1
# sphinx_gallery_end_ignore

# %%
# 如果写上 ``keepdim=True``，这一维就不消失，只是大小变成 1，广播时会用到。
# 求平均值的 ``mean`` 和求标准差的 ``std`` 也有 ``dim`` 与 ``keepdim``，不过直接用于整数张量会报错，要先转换成浮点数。
# ``argmax`` 给出最大值的下标，也这样用 ``dim``，后面的教程用这个方法找出得分最高的类别。

print(f"{table.sum(dim=1, keepdim=True).shape = }")
print(f"{table.float().mean(dim=1) = }")
print(f"{table.argmax(dim=1) = }")
# sphinx_gallery_start_ignore
assert table.argmax(dim=1).tolist() == [2, 0] and table.float().mean(dim=1).tolist() == [2, 20]
for reduce in (torch.mean, torch.std):
    try:
        reduce(table, dim=1)
    except RuntimeError:
        continue
    raise AssertionError
# sphinx_gallery_end_ignore

# %%
# 选读：与 ``dim`` 有关的两种报错
# -------------------------------
#
# 第一次用 ``dim`` 时，容易遇到下面两种报错。

# %%
# 常见错误：对整数张量求平均值
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：``sum`` 没有问题，换成 ``mean`` 就报错。

try:
    table.mean(dim=0)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：平均值一般不是整数，PyTorch 不替你决定用哪一种浮点类型。
#
# **解决办法**：先转换成浮点数，或者用 ``dtype`` 指定结果的类型。

print(f"{table.float().mean(dim=0) = }")
print(f"{table.mean(dim=0, dtype=torch.float32) = }")

# %%
# 常见错误：``dim`` 超出范围
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：想沿“第二维”求和，写了 ``dim=2``，程序报错。

try:
    table.sum(dim=2)
except IndexError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：维从 0 编号，二维张量只有第 0 维和第 1 维，倒着数是 -1 和 -2。
#
# **解决办法**：先打印 ``ndim`` 看有几维；要最后一维时，写 ``-1`` 最稳妥。

print(f"{table.ndim = }, {table.sum(dim=-1) = }")

# %%
# 内存里的张量：存储与步幅
# ------------------------
#
# 一个张量由两部分组成：一段一维的存储（storage），和一份说明怎样读这段存储的元数据（metadata）。
# 元数据里除了数据类型和形状，还有读数时要用的两项。
#
# * 步幅（stride）每一维一个：沿这一维走一步，要在存储里前进几个位置。
# * 偏移量（storage offset）说的是从存储的第几个位置开始读，位置从 0 数起。
#
# 下面的 ``torch.arange(12)`` 是 0 到 11 这十二个整数，它们在存储里依次排开，再看成三行四列。
# 往下走一行，要前进一整行；往右走一列，只到下一个数。

base = torch.arange(12).view(3, 4)
print(base)
print(f"{base.stride() = }, {base.storage_offset() = }")

# %%
# 方法 ``t`` 把矩阵转置（transpose），也就是行与列互换。
# 存储里的数一个也不动，变的只是元数据。
#
# **先猜一猜**：转置之后，步幅变成了什么？

transposed = base.t()
print(transposed.stride())

# %%
# 切片同样只换元数据，下面的 ``part`` 从第二列开始，取两列。
# 下面的 ``untyped_storage().data_ptr()`` 是整段存储开头的地址，三个张量都一样，可见用的是同一段存储。

part = base[:, 1:3]
for tensor in (base, transposed, part):
    shape, stride, offset = tuple(tensor.shape), tensor.stride(), tensor.storage_offset()
    same = tensor.untyped_storage().data_ptr() == base.untyped_storage().data_ptr()
    print(f"形状 {shape}，步幅 {stride}，偏移量 {offset}，存储相同：{same}")
# sphinx_gallery_start_ignore
assert (base.stride(), transposed.stride(), part.stride()) == ((4, 1), (1, 4), (4, 1))
assert torch.empty(2, 3, 5).stride() == (15, 5, 1)
# sphinx_gallery_end_ignore

# %%
# 下图里有一条是存储，格中的数恰好等于它所在的位置，描了边的是切片（在网页上是选中的张量）用到的。
# 在本站的网页上可以转置或切片，再选中一个元素，看它在存储里的位置怎样由步幅和偏移量算出。

# 画图（strides）：看颜色，转置之后原来的一行成了一列，而上面那一条存储没有变。
# 图中：上面一长条十二格，每四格一种颜色，由淡到浓，切片 base[:, 1:3] 用到的六格带粗框；下面三个表是 base、base.t() 和 base[:, 1:3]，各写着形状、步幅和偏移量：base 一行一种颜色，base.t() 一列一种颜色。


def row_colors(values):
    shades = [to_rgba("C0", alpha) for alpha in (0.08, 0.3, 0.55)]
    return [[shades[value // 4] for value in row] for row in values]


fig, ax = plt.subplots(figsize=(4.8, 3.7), layout="constrained")
stored = base.flatten().tolist()
draw_cells(ax, [stored], 0, 0, row_colors([stored]))
for position in part.flatten().tolist():
    ax.add_patch(plt.Rectangle((position, -1), 1, 1, fill=False, edgecolor="black", linewidth=2.5))
views = [("base", base, 0), ("base.t()", transposed, 5.1), ("base[:, 1:3]", part, 9.2)]
for name, tensor, x in views:
    draw_cells(ax, tensor.tolist(), x, -4.6, row_colors(tensor.tolist()))
    label = f"{name}\n形状 {tuple(tensor.shape)}\n步幅 {tensor.stride()}"
    label += f"\n偏移量 {tensor.storage_offset()}"
    ax.text(x, -4.4, label, fontsize=11.5, linespacing=1.35)
ax.text(0, 0.2, "存储", fontsize=11.5)
ax.set(xlim=(-0.1, 12.6), ylim=(-8.7, 1), aspect="equal")
ax.axis("off")
fig.suptitle("同一段存储，三份不同的元数据", fontsize=12)
plt.show()

# %%
# 选读：元素在第几个位置
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 有了元数据，就能算出任何一个元素的位置。
# 设偏移量为 :math:`o`，步幅为 :math:`(s_0, s_1)`，则第 :math:`i` 行第 :math:`j` 列的元素（从 0 数起）在存储中的位置是
#
# .. math:: o + i\, s_0 + j\, s_1
#
# 对三个张量逐个元素验证：

memory = base.view(12)
for tensor in (base, transposed, part):
    offset, (s0, s1) = tensor.storage_offset(), tensor.stride()
    for i in range(tensor.shape[0]):
        for j in range(tensor.shape[1]):
            assert memory[offset + i * s0 + j * s1] == tensor[i, j]
print("每个元素都在算出的位置上")

# %%
# 元数据里的数据类型也可以换。
# ``view`` 接收一种数据类型时，不动存储里的字节，只换一种方式解释它们，例如把浮点数 1 的 32 个二进制位当作一个整数：

print(f"{torch.ones(2).view(torch.int32) = }")

# %%
# 连续与不连续
# ^^^^^^^^^^^^
#
# 逐行读一个张量，也就是让最后一维的下标变得最快，如果每次恰好前进到存储里的下一个元素，这个张量就是连续（contiguous）的。
# 下面用 ``flatten`` 逐行读出一串数，三个张量里只有 ``base`` 连续，另外两个要跳：

for tensor in (base, transposed, part):
    print(f"{tensor.flatten().tolist()}，{tensor.is_contiguous() = }")
# sphinx_gallery_start_ignore
assert [tensor.is_contiguous() for tensor in (base, transposed, part)] == [True, False, False]
# sphinx_gallery_end_ignore

# %%
# 画成折线更清楚：

# 画图：逐行读时依次经过的存储位置，连续的张量一格一格地走，另外两个要跳。
# 图中：三幅折线图：base 的是一条上升的斜线；base.t() 的一再升上去又落回来，像锯齿；base[:, 1:3] 的一步小、一步大地上升。
fig, axes = plt.subplots(3, 1, figsize=(4.8, 5.6), sharex=True, sharey=True, layout="constrained")
fig.get_layout_engine().set(h_pad=0.1)
for ax, (name, tensor, _) in zip(axes, views):
    ax.plot(tensor.flatten().tolist(), "o-", color="C0")
    kind = "连续" if tensor.is_contiguous() else "不连续"
    ax.set_title(f"{name}：{kind}", fontsize=11.5, loc="left")
    ax.tick_params(labelsize=11.5)
    ax.set_yticks([0, 4, 8, 11])
    ax.set_ylabel("位置", fontsize=11.5, rotation=0, labelpad=16, va="center")
axes[-1].set_xlabel("第几个读到（从 0 数起）", fontsize=11.5)
fig.suptitle("逐行读时，每一步在存储中的位置", fontsize=12)
plt.show()

# %%
# 常见错误：对转置之后的张量用 ``view``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：元素个数是对的，``view`` 仍然报错。

try:
    transposed.view(12)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：``view`` 只换元数据，不动数据；而逐行读 ``transposed`` 时，相邻两数的间隔忽大忽小，用一个固定的步幅读不出这一串数。
#
# **解决办法**：改用 ``reshape``，能得到视图就返回视图，不能时才复制出一份新数据；所以不要原地改动返回的张量。
# 也可以先用 ``contiguous`` 得到一份连续的数据，再用 ``view``。

shared = base.reshape(12)
copied = transposed.reshape(12)  # 同 transposed.contiguous().view(12)
print(f"{shared.data_ptr() == base.data_ptr() = }")
print(f"{copied.data_ptr() == transposed.data_ptr() = }")
# sphinx_gallery_start_ignore
assert shared.data_ptr() == base.data_ptr() and copied.data_ptr() != transposed.data_ptr()
assert torch.equal(copied, transposed.contiguous().view(12))
# sphinx_gallery_end_ignore

# %%
# 拼接与堆叠
# ----------
#
# ``torch.cat`` 沿着已有的一维接起来，维数不变，其余各维的大小一般要相同。
# ``torch.stack`` 先添一维再叠放，要求形状完全相同。
# 两者都默认 ``dim=0``，对 ``stack`` 来说就是新的一维放在最前；得到的都是复制出来的数据。
# 例如把多张同样大小的图片合成一批，用的就是 ``stack``。

a, b = torch.zeros(2, 3), torch.ones(2, 3)
print(f"{torch.cat([a, b]).shape = }")
print(f"{torch.cat([a, b], dim=1).shape = }")
print(f"{torch.stack([a, b, a, b, a]).shape = }")
# sphinx_gallery_start_ignore
assert torch.cat([a, b]).shape == (4, 3) and torch.cat([a, b], dim=1).shape == (2, 6)
assert torch.stack([a, b]).shape == (2, 2, 3)
assert torch.cat([a]).data_ptr() != a.data_ptr() != torch.stack([a]).data_ptr()
# sphinx_gallery_end_ignore

# %%
# 矩阵乘法（``@``）与按元素乘法（``*``）
# --------------------------------------
#
# ``*`` 按元素相乘。
# 对两个矩阵，``@`` 是矩阵乘法：左边的每一行与右边的每一列对应相乘再求和，因此左边的列数要等于右边的行数。
# 两者的函数写法分别是 ``torch.mul`` 和 ``torch.matmul``，也都有同名的方法。

a = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
b = torch.tensor([[10.0, 0.0], [0.0, 100.0]])
print(a * b)
print(a @ b)
print(f"{(torch.rand(2, 3) @ torch.rand(3, 5)).shape = }")
# sphinx_gallery_start_ignore
assert torch.equal(a * b, torch.mul(a, b)) and torch.equal(a * b, a.mul(b))
assert torch.equal(a @ b, torch.matmul(a, b)) and torch.equal(a @ b, a.matmul(b))
# sphinx_gallery_end_ignore

# %%
# 常见错误：两种浮点数做矩阵乘法
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：``float64`` 的矩阵乘 ``float32`` 的矩阵，程序报错，报错里的 ``m1``、``m2`` 指这两个矩阵。

double = torch.ones(2, 2, dtype=torch.double)
try:
    double @ torch.ones(2, 2)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：矩阵乘法不像 ``+`` 和 ``*`` 那样自动统一类型；浮点数在 NumPy 里默认 64 位，在 PyTorch 里默认 32 位，混用时容易遇到。
#
# **解决办法**：先统一数据类型，通常转换成 ``float32``。

print(f"{(double.float() @ torch.ones(2, 2)).dtype = }")
# sphinx_gallery_start_ignore
assert (double.float() @ torch.ones(2, 2)).dtype is torch.float32
assert (double * torch.ones(2, 2)).dtype is torch.float64
# sphinx_gallery_end_ignore

# %%
# 选读：用 ``out=`` 把结果放进已有的内存
# --------------------------------------
#
# 许多函数可以用 ``out=`` 指定结果放在哪里，形状和数据类型都相符时，返回的就是那个张量本身，用的是它原有的内存。
# 如果在循环里一次次计算同样形状的结果，可以反复使用同一块内存，不必每次分配。
# 这样写的运算不能求导，所以训练时很少用到。

x, y = torch.rand(5, 3), torch.rand(5, 3)
result = torch.empty(5, 3)
address = result.data_ptr()
for _ in range(3):
    returned = torch.add(x, y, out=result)
print(f"{returned is result = }")
print(f"{result.data_ptr() == address = }")

product = torch.empty(5, 5)
torch.matmul(x, y.t(), out=product)
print(f"{torch.equal(product, x @ y.t()) = }")
# sphinx_gallery_start_ignore
assert returned is result and result.data_ptr() == address and torch.equal(result, x + y)
try:
    torch.add(torch.ones(1, requires_grad=True), 1, out=torch.empty(1))
except RuntimeError as error:
    assert "out=" in str(error)
# sphinx_gallery_end_ignore

# %%
# 常见错误：``out=`` 的形状不对
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：``out=`` 给了一个形状不符的张量（里面至少有一个元素），PyTorch 没有报错，只发出警告，就把那个张量改成了需要的形状。
# 下面把警告收集起来，只打印第一句。

import warnings

small = torch.zeros(2, 3)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    torch.add(x, y, out=small)
for warning in caught:
    first_sentence = str(warning.message).split(". ")[0]
    print(f"{warning.category.__name__}: {first_sentence}")
print(f"{small.shape = }")
# sphinx_gallery_start_ignore
assert small.shape == (5, 3) and len(caught) == 1
# sphinx_gallery_end_ignore

# %%
# **原因**：这是早先留下的行为，已经不推荐，PyTorch 打算在以后的版本里取消。
#
# **解决办法**：让 ``out=`` 一开始就有正确的形状，例如 ``torch.empty_like(x)``。

buffer = torch.empty_like(x)
print(f"{torch.add(x, y, out=buffer).shape = }")

# %%
# 广播
# ----
#
# 形状不同的张量，只要合得上，也能按元素运算，这叫作广播（broadcasting）。
# 合不合得上，按三步判断。
#
# 1. 把两个形状向右对齐，维数少的那一个，在左边补上大小为 1 的维。
# 2. 逐维比较，两个大小相等，或者其中一个是 1，这一维就合得上。
# 3. 每一维都合得上，才能运算；大小是 1 的一方沿这一维重复使用，结果取另一方的大小。

table = torch.arange(15).view(5, 3)
row = torch.tensor([100, 200, 300])
side = torch.tensor([[10], [20], [30], [40], [50]])
print(f"{tuple(table.shape)} + {tuple(row.shape)} -> {tuple((table + row).shape)}")
print(f"{tuple(side.shape)} + {tuple(row.shape)} -> {tuple((side + row).shape)}")
# sphinx_gallery_start_ignore
assert (table + row).shape == (side + row).shape == (5, 3)
# sphinx_gallery_end_ignore

# %%
# 第一个式子里只有右边的 ``row`` 被重复，第二个式子里两边都被重复。
# 下图里没有着色的格子只是示意，内存里并没有这些数。
# 在本站的网页上可以换上别的形状，看两个形状怎样从右边对齐，哪一维合不上。

# 画图（broadcasting）：着色的是原有的数，没有着色的是重复使用的，右边是结果。
# 图中：两行加法，每行是两个五行三列的方格相加，等于第三个。上面一行，左边全部着色，中间只有第一行着色；下面一行，左边只有第一列着色，中间只有第一行着色。


def draw_broadcast(ax, first, second):
    total = first + second
    for x, tensor, color in ((0, first, "C0"), (4.4, second, "C0"), (8.8, total, "C2")):
        values = torch.broadcast_to(tensor, total.shape)
        colors = [["none"] * total.shape[1] for _ in range(total.shape[0])]
        height, width = torch.atleast_2d(tensor).shape
        for i in range(height):
            colors[i][:width] = [to_rgba(color, 0.3)] * width
        draw_cells(ax, values.tolist(), x, 0, colors)
    for x, sign in ((3.7, "+"), (8.1, "=")):
        ax.text(x, -2.5, sign, fontsize=16, ha="center", va="center")
    ax.set(xlim=(-0.1, 11.9), ylim=(-5.1, 0.1), aspect="equal")
    ax.axis("off")


fig, axes = plt.subplots(2, 1, figsize=(4.8, 5.4), layout="constrained")
fig.get_layout_engine().set(h_pad=0.1)
for ax, first in zip(axes, (table, side)):
    draw_broadcast(ax, first, row)
    ax.set_title(f"{tuple(first.shape)} + {tuple(row.shape)}", fontsize=11.5)
fig.suptitle("广播：重复使用已有的数，凑成同样的形状", fontsize=12)
plt.show()

# %%
# 再看一个三维的例子，``(5, 1, 3)`` 加 ``(4, 3)``，向右对齐：
#
# ::
#
#     5  1  3
#        4  3
#
# **先猜一猜**：结果是什么形状？

print(tuple((torch.rand(5, 1, 3) + torch.rand(4, 3)).shape))
# sphinx_gallery_start_ignore
import itertools

for left in itertools.product((0, 1, 2, 3), repeat=3):
    for size in range(4):
        for right in itertools.product((0, 1, 2, 3), repeat=size):
            padded = (1,) * (3 - size) + right
            fits = all(m == n or 1 in (m, n) for m, n in zip(left, padded))
            try:
                total = torch.ones(left) + torch.ones(right)
            except RuntimeError:
                assert not fits
            else:
                assert fits and total.shape == tuple(n if m == 1 else m for m, n in zip(left, padded))
# sphinx_gallery_end_ignore

# %%
# 第二个形状的左边补 1，成为 ``(1, 4, 3)``，再逐维比较，每一维都合得上。
#
# 前面的 ``keepdim=True`` 在这里派上用场，例如要把每一行除以这一行的和。
# 写上 ``keepdim=True``，和的形状是 ``(5, 1)``，与 ``(5, 3)`` 合得上；如果不写，就得到 ``(5,)``，右边对齐的是 5 和 3，合不上。
# 整数用 ``/`` 相除，得到浮点数。

share = table / table.sum(dim=1, keepdim=True)
print(f"{share[0] = }")
print(f"{share.sum(dim=1) = }")
# sphinx_gallery_start_ignore
torch.testing.assert_close(share.sum(dim=1), torch.ones(5))
try:
    table / table.sum(dim=1)
except RuntimeError:
    pass
else:
    raise AssertionError
# sphinx_gallery_end_ignore

# %%
# 选读：重复的数不占内存
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 内存里没有重复的数，从步幅可以看出来：重复的那一维步幅为 0，走一步还在原处。

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
# **现象**：想让 ``a`` 的五行与 ``b`` 的四行两两相加，程序报错，报错里的 ``non-singleton dimension 0`` 就是合不上的那一维，``non-singleton`` 指大小不是 1。

a, b = torch.rand(5, 3), torch.rand(4, 3)
try:
    a + b
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：最右一维都是 3，合得上；左边一维是 5 和 4，既不相等，也没有一个是 1。
#
# **解决办法**：先打印两边的形状，再决定是截取、转置，还是添一维。
# 这里用 ``unsqueeze(1)`` 在中间添一维，``(5, 3)`` 变成 ``(5, 1, 3)``，就是刚才那个三维的例子。

pairs = a.unsqueeze(1) + b
print(f"{pairs.shape = }")
# sphinx_gallery_start_ignore
assert pairs.shape == (5, 4, 3) and all(pairs[i, j].equal(a[i] + b[j]) for i in range(5) for j in range(4))
# sphinx_gallery_end_ignore

# %%
# 取出一个数
# ----------
#
# 张量只含一个元素时，不论几维，都可以用 ``item`` 取出对应的 Python 数。
# 打印张量默认最多显示四位小数，``item`` 往往给出更多位，但不因此更准。

x = torch.tensor([2 / 3])
print(x)
print(x.item())
# sphinx_gallery_start_ignore
assert type(x.item()) is float and x.view(1, 1).item() == x.item() == x[0].item()
assert type(torch.tensor(1).item()) is int and type(torch.tensor([[True]]).item()) is bool
# sphinx_gallery_end_ignore

# %%
# GPU 上的运算一般是先排队，程序不等结果就往下走；``item`` 要把数取回来，只能等排在前面的运算都做完，所以在循环里频繁调用会拖慢程序。
#
# 张量有多个元素时，先求平均或求和，或者取其中一个，再用 ``item``；想要全部的数，用 ``tolist``。

scores = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
print(f"{scores.mean().item() = }")
print(f"{scores.tolist() = }")
# sphinx_gallery_start_ignore
assert (scores.sum().item(), scores.mean().item(), scores[0, 0].item()) == (12.0, 3.0, 1.0)
# sphinx_gallery_end_ignore

# %%
# 常见错误：对多个元素用 ``item``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：张量里有两个数，``item`` 报错。

losses = torch.tensor([0.5, 1.5])
try:
    losses.item()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：``item`` 只能给出一个数，这里却有两个。
#
# **解决办法**：先聚合成一个数，例如 ``losses.mean().item()``；以后训练网络时遇到这个错误，多半是忘了求平均或求和。

# %%
# 选读：多出来的位数从哪里来
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# ``float32`` 约有七位有效数字。
# 换成 Python 的 64 位浮点数之后，再往后的数字只反映二进制表示与十进制小数的差别，例如 0.1：

print(torch.tensor(0.1).item())
# sphinx_gallery_start_ignore
assert torch.tensor(0.1).item() != 0.1 and abs(torch.tensor(0.1).item() - 0.1) < 1e-8
# sphinx_gallery_end_ignore

# %%
# 与 NumPy 数组共享内存
# ---------------------
#
# CPU 上的张量与 NumPy 数组可以共享内存，转换时不必复制。
# 从张量到数组用方法 ``numpy``：

import numpy as np

a = torch.ones(5)
b = a.numpy()
a.add_(1)
print(a)
print(f"{b}，{b.dtype}")
# sphinx_gallery_start_ignore
assert b.dtype == np.float32 and (b == 2).all() and np.shares_memory(a.numpy(), b)
# sphinx_gallery_end_ignore

# %%
# 反过来用 ``torch.from_numpy``。
# NumPy 的浮点数默认 64 位，转来的张量也是 ``float64``，``float64`` 与 ``float32`` 做矩阵乘法的那种报错，常常就是这样来的。

a = np.ones(5)
b = torch.from_numpy(a)
a += 1
print(a)
print(b)
# sphinx_gallery_start_ignore
assert b.dtype == torch.float64 and (b == 2).all()
# sphinx_gallery_end_ignore

# %%
# 只有改动发生在原来那块内存里，另一边才看得到。
# 下面的 ``a = a + 1`` 新建了一个数组，让名字 ``a`` 改指它，``b`` 仍然对着旧的那一块：

a = a + 1
print(f"{a}，{b}")
# sphinx_gallery_start_ignore
assert (b == 2).all() and not np.shares_memory(a, b.numpy())
# sphinx_gallery_end_ignore

# %%
# 另有两个函数也能由数组得到张量：``torch.as_tensor`` 在数据类型和设备都不用换时共享内存，``torch.tensor`` 总是复制。
# ``np.shares_memory`` 检查两个数组是否共享内存，所以先把张量变回数组：

a = np.ones(5)
print(f"{np.shares_memory(a, torch.as_tensor(a).numpy()) = }")
print(f"{np.shares_memory(a, torch.tensor(a).numpy()) = }")
# sphinx_gallery_start_ignore
for kind in (np.float32, np.int64, np.uint8, np.bool_):
    a = np.ones(5, dtype=kind)
    assert np.shares_memory(a, torch.as_tensor(a).numpy()) and not np.shares_memory(a, torch.tensor(a).numpy())
# sphinx_gallery_end_ignore

# %%
# 选读：六种写法，谁与谁共享
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 不用死记，逐个查一遍就知道，其中 ``np.asarray`` 把张量变成数组，不复制：

array = np.ones(5)
results = {
    "torch.from_numpy(array)": torch.from_numpy(array),
    "torch.as_tensor(array)": torch.as_tensor(array),
    "torch.as_tensor(array).numpy()": torch.as_tensor(array).numpy(),
    "torch.tensor(array)": torch.tensor(array),  # ← 新的内存
    "torch.as_tensor(array).float()": torch.as_tensor(array).float(),  # ←
    "array + 1": array + 1,  # ←
}
shares = {name: np.shares_memory(array, np.asarray(r)) for name, r in results.items()}
for name, shared in shares.items():
    print(f"{name:<32}{'共享' if shared else '不共享'}")
# sphinx_gallery_start_ignore
assert list(shares.values()) == [True, True, True, False, False, False]
# sphinx_gallery_end_ignore

# %%
# 后三行都得到新的内存：``torch.tensor`` 复制，``float`` 在这里要从 64 位换成 32 位，加法则为结果新建数组。
# 如果类型本来就相同，``float`` 返回原来的张量自己，不会复制。

# 画图：上面三种写法连到同一块内存，下面三种各有一块新的。
# 图中：左边一列是六行代码，各有一条横线连到右边的方框：一个大的写着“array 的内存”，三个小的写着“新的内存”。
fig, ax = plt.subplots(figsize=(4.8, 3.4), layout="constrained")
box = {"edgecolor": "0.4", "linewidth": 1.5}
middle = {"fontsize": 11.5, "ha": "center", "va": "center", "linespacing": 1.35}
ax.add_patch(plt.Rectangle((7, 2.7), 3, 2.6, facecolor=to_rgba("C0", 0.3), **box))
ax.text(8.5, 4, "array\n的内存", **middle)
for y, (name, shared) in zip(range(5, -1, -1), shares.items()):
    ax.text(5.9, y, name, fontsize=11.5, ha="right", va="center")
    ax.plot([6.1, 7], [y, y], color="C0" if shared else "0.4", linewidth=2)
    if not shared:
        ax.add_patch(plt.Rectangle((7, y - 0.32), 3, 0.64, facecolor="none", **box))
        ax.text(8.5, y, "新的内存", **middle)
ax.set(xlim=(-0.1, 10.1), ylim=(-0.5, 5.5))
ax.axis("off")
fig.suptitle("六种写法里，谁与数组共用内存", fontsize=12)
plt.show()

# %%
# 选读：不能直接变成数组的张量
# ----------------------------
#
# 有几种张量不能直接用 ``numpy`` 转换。
# 例如在加速器上的张量，要先用 ``cpu`` 搬回来；下面再看两种。

# %%
# 常见错误：把 ``bfloat16`` 的张量变成数组
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：对 ``bfloat16`` 的张量用 ``numpy``，程序报错。

bfloat = torch.ones(2, dtype=torch.bfloat16)
try:
    bfloat.numpy()
except TypeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：``bfloat16`` 是一种 16 位浮点数，NumPy 自己没有这种数据类型。
#
# **解决办法**：先转换成 ``float32``。

print(f"{bfloat.float().numpy() = }")

# %%
# 常见错误：对正在记录求导过程的张量用 ``numpy``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：对 ``requires_grad`` 为 ``True`` 的张量（下一页才讲）用 ``numpy``，程序一般会报错。

tracked = torch.ones(2, requires_grad=True)
try:
    tracked.numpy()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：NumPy 的运算不会被记录下来，求导时无法经过这些运算往回算，所以 PyTorch 要你写明 ``detach``，表示知道这一点。
#
# **解决办法**：先用 ``detach`` 得到一个不参与求导的张量，再转换成数组。
# 这样得到的数组仍然与原张量共享内存，往里写数可能使求出的导数出错，而且没有提示，所以要改动数组时再复制一次。

array = tracked.detach().numpy()
print(f"{np.shares_memory(array, tracked.detach().numpy()) = }")
print(f"{np.shares_memory(array.copy(), tracked.detach().numpy()) = }")
# sphinx_gallery_start_ignore
leaf = torch.ones(2, requires_grad=True)
square = leaf * leaf
leaf.detach().numpy()[0] = 100
square.sum().backward()
assert leaf.grad[0] == 200  # 应为 2，没有报错
# sphinx_gallery_end_ignore

# %%
# 设备：用上 GPU
# --------------
#
# 张量放在哪里，运算一般就在哪里进行。
# ``torch.accelerator`` 是各种加速器的统一入口（PyTorch 2.6 起才有），例如英伟达的 CUDA、苹果的 MPS、英特尔的 XPU。
# 不论有没有加速器，下面的写法都不用改，输出取决于运行程序的机器。
# 属性 ``type`` 是设备的种类。

device = torch.device("cpu")
if torch.accelerator.is_available():
    device = torch.accelerator.current_accelerator()
print(f"{device.type = }")
# sphinx_gallery_start_ignore
assert (device.type != "cpu") == torch.accelerator.is_available()
# sphinx_gallery_end_ignore

# %%
# 把张量放上去有两种办法：创建时指定 ``device``，或者用 ``to`` 搬过去。
# 一起运算的张量，一般要在同一个设备上。
# 下面只比较 ``type``，因为加速器上的张量，设备里还有编号，例如 ``cuda:0``。

x = torch.ones(5, 3)
y = torch.ones_like(x, device=device)  # 直接建在设备上
x = x.to(device)  # 搬过去
z = x + y
print(f"{z.device.type == device.type = }")
# sphinx_gallery_start_ignore
assert z.device.type == device.type
# sphinx_gallery_end_ignore

# %%
# 要把 ``to`` 得到的张量赋给变量，因为原来的张量不会搬动；如果设备和数据类型都不用变，默认得到的就是原来的张量自己。
# ``to`` 还能同时改设备和数据类型：

z = z.to("cpu")
print(f"{z.to('cpu') is z = }")
print(f"{z.to('cpu', torch.double).dtype = }")
# sphinx_gallery_start_ignore
assert z.to("cpu") is z and z.to("cpu", copy=True) is not z and z.float() is z and z.to("cpu", torch.double).dtype is torch.float64
# sphinx_gallery_end_ignore

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时的教程只考虑 CUDA，写的是 ``if torch.cuda.is_available(): device = torch.device("cuda")``。
#    现在这样写仍然有效，只是用不到 MPS、XPU 等别的加速器。

# %%
# 选读：没有加速器时的报错
# ------------------------
#
# 在没有加速器的机器上照搬别人的程序，常会遇到下面的报错。

# %%
# 常见错误：以为有加速器，其实没有
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：没有确认就写了 ``to("cuda")``，运行时报错，这时 ``current_accelerator`` 却可能给出一种加速器。

print(f"{torch.accelerator.current_accelerator() = }")
print(f"{torch.accelerator.is_available() = }")
try:
    torch.ones(2).to("cuda")
    print("这台机器能用 CUDA")
except (RuntimeError, AssertionError) as error:
    print(f"{type(error).__name__}: {str(error).split('. ')[0]}")

# %%
# **原因**：直接调用 ``current_accelerator``，问的是“这份 PyTorch 是为哪种加速器编译的”，不问这台机器上有没有；只含 CPU 的安装包不是为加速器编译的，就给出 ``None``。
# 报错的文字因机器而异，例如带 CUDA 的安装包找不到驱动时，说 ``Found no NVIDIA driver``；不含 CUDA 的安装包，例如 Windows 上直接用 pip 装的，说 ``Torch not compiled with CUDA enabled``，要用英伟达的 GPU 就得换安装包。
#
# **解决办法**：像前面那样先看 ``is_available``，或者指定 ``check_available=True``（2.7 起），连同这台机器一起检查，没有可用的加速器就得到 ``None``。

checked = torch.accelerator.current_accelerator(check_available=True)
print(f"{checked = }")
# sphinx_gallery_start_ignore
assert (checked is not None) == torch.accelerator.is_available()
# sphinx_gallery_end_ignore

# %%
# 小结
# ----
#
# * ``torch.empty`` 默认不写入任何数，要先写入再读取。
# * 后缀 ``_`` 表示原地；``+=`` 和元素赋值没有后缀，也是原地的。
# * 类型不同的数相加，先看类别，后看位数。
# * 用整数或切片索引、转置、``view``，得到的都是视图；用掩码读取和 ``clone``，得到复制的数据；``reshape`` 两种都可能。
# * ``sum(dim=k)`` 让第 k 维消失，``keepdim=True`` 让它变成 1。
# * 步幅是沿一维走一步，在存储里要前进的位置数。
# * 广播时向右对齐，每一维要么相等，要么其中一个是 1。
# * ``numpy``、``from_numpy`` 和 ``as_tensor`` 可以共享内存，``torch.tensor`` 总是复制。

# %%
# 选读：最常用的几种写法，合在一起再运行一遍
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

x, y = torch.ones(4, 4), torch.ones(4, 4)
print(f"{(x + y).sum(dim=0) = }")
print(f"{y.add_(x)[:, 1] = }")
print(f"{x.view(-1, 8).shape = }")
print(f"{x[0, 0].item() = }")
print(f"{torch.from_numpy(x.numpy()).data_ptr() == x.data_ptr() = }")

# %%
# 练习
# ----
#
# 1. 不运行，先说出 ``torch.ones(3, 1, 2) + torch.ones(4, 1)`` 的形状。
#    再看 ``torch.ones(3, 2) + torch.ones(3)``：为什么不行，怎样改才能让第 i 行加上第 i 个数？
# 2. 设 ``x = torch.arange(12).view(3, 4)``，``y = x[:, ::2]``，其中 ``::2`` 表示隔一列取一列。
#    ``y`` 的步幅是多少？
#    ``y.view(-1)`` 行不行（提示：逐行读 ``y``，每一步在存储里前进几个位置）？
#    执行 ``y.zero_()`` 之后，``x`` 是什么样子？
# 3. 给定 ``data = torch.rand(5, 3)``，不用循环，把每一列减去均值，再除以标准差，变成均值 0、标准差 1；再对每一行做同样的事。
#    标准差用 ``std``，默认除以个数减 1。
# 4. ``torch.as_tensor(array, dtype=torch.float32)`` 与 ``array`` 共享内存吗？
#    分 ``array`` 是 ``float64`` 和 ``float32`` 两种情况回答。

# %%
# 练习 1 的答案
# ^^^^^^^^^^^^^
#
# ``(4, 1)`` 的左边补 1，成为 ``(1, 4, 1)``；再与 ``(3, 1, 2)`` 逐维比较，每一维都有一个是 1，结果取另一个。
# 后一式最右一维是 2 和 3，合不上；要把三个数分别加到三行上，就用 ``unsqueeze(1)`` 把它们排成一列。

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
# 练习 2 的答案
# ^^^^^^^^^^^^^
#
# 隔一列取一列，往右的步幅变成两倍，往下的步幅不变。
# 逐行读 ``y``，在存储里每次都前进两个位置，换行时也一样；间隔固定，所以 ``y`` 虽不连续，``view(-1)`` 仍然行得通。
# 因为 ``y`` 是视图，清零会改动 ``x`` 的那两列。

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
# 练习 3 的答案
# ^^^^^^^^^^^^^
#
# 每一列的均值用 ``mean(dim=0)``，形状是 ``(3,)``，与 ``(5, 3)`` 合得上。
# 每一行的均值用 ``mean(dim=1)``，形状是 ``(5,)``，合不上；加上 ``keepdim=True`` 得到 ``(5, 1)``，就合得上了。
# 如果行数恰好等于列数，漏写 ``keepdim=True`` 不会报错，第 j 列减去的却是第 j 行的均值。
# 浮点数有舍入误差，所以用 ``torch.testing.assert_close`` 检验，两边相差超过允许的误差时，这个函数会报错。

data = torch.rand(5, 3)
by_column = (data - data.mean(dim=0)) / data.std(dim=0)
mean, std = data.mean(dim=1, keepdim=True), data.std(dim=1, keepdim=True)
by_row = (data - mean) / std  # 每一行减去自己的均值
print(f"{data.mean(dim=0).shape = }, {mean.shape = }")
torch.testing.assert_close(by_column.mean(dim=0), torch.zeros(3), atol=1e-5, rtol=0)
torch.testing.assert_close(by_column.std(dim=0), torch.ones(3))
torch.testing.assert_close(by_row.mean(dim=1), torch.zeros(5), atol=1e-5, rtol=0)
torch.testing.assert_close(by_row.std(dim=1), torch.ones(5))
print("每一列、每一行的均值都是 0，标准差都是 1（在误差之内）")

# %%
# 练习 4 的答案
# ^^^^^^^^^^^^^
#
# 数组是 ``float32`` 时共享，因为数据类型一致；是 ``float64`` 时不共享，因为必须逐个换算，结果只能放进新的内存。

for dtype in (np.float64, np.float32):
    array = np.ones(5, dtype=dtype)
    tensor = torch.as_tensor(array, dtype=torch.float32)
    print(f"{array.dtype}: {np.shares_memory(array, tensor.numpy()) = }")
# sphinx_gallery_start_ignore
assert not np.shares_memory(np.ones(5), torch.as_tensor(np.ones(5), dtype=torch.float32).numpy())
assert np.shares_memory(array, tensor.numpy())
# sphinx_gallery_end_ignore

# %%
# 接下来
# ------
#
# 张量还能记住自己是怎样算出来的，并据此求导，见下一页:doc:`《自动微分》 <autograd_automatic_differentiation>`。
# 层与参数怎样由张量搭起来，见:doc:`《神经网络》 <neural_networks>`。
