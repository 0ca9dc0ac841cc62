"""
神经网络
========

读完本页，你能写出一个卷积网络，说清楚每一层算的是什么、数据在每一步是什么形状，
并且用几行代码训练它。
开头先走一遍完整的过程，随后一步一步拆开，最后用手写的更新核对优化器。

**你将学到**

* 卷积、激活函数和池化各算什么
* 用 ``nn.Module`` 定义网络
* 计算损失，反向传播，更新参数
* 几种不报错的错误怎样发现

**需要先会**

* 张量（tensor）的形状、索引和广播，见:doc:`《什么是 PyTorch》 <what_is_pytorch>`
* ``backward()``、梯度（gradient）的累积和 ``torch.no_grad()``，见:doc:`《自动微分》 <autograd_automatic_differentiation>`
"""

# %%
# 先看一遍完整的训练
# ------------------
#
# 本页不用数据集，由代码在 32×32 的黑底上画一横和一撇，就是一个“7”。
# 形状里的四个数依次是（批量，通道，高，宽），这里是 1 张图片、1 个通道（channel），也就是灰度图。

import torch

torch.manual_seed(0)

inputs = torch.zeros(1, 1, 32, 32)
inputs[0, 0, 6:10, 8:24] = 1  # 一横
for row in range(10, 27):  # 一撇：每向下两行，左移一格
    left = 20 - (row - 10) // 2
    inputs[0, 0, row, left : left + 4] = 1

# %%

# 画图：代码画出的“7”，亮的格子是 1，暗的格子是 0。
# 图中：黑底上一个白色的“7”：上面一横，右边一撇斜到左下；横轴、纵轴都从 0 到 31。
import matplotlib.pyplot as plt
from matplotlib import font_manager, text

chinese_fonts = [
    "Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB",
    "Heiti TC", "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "Arial Unicode MS",
]
installed = set(font_manager.get_font_names())
found = [name for name in chinese_fonts if name in installed]
plt.rcParams.update({"font.family": [*found, "DejaVu Sans"], "axes.unicode_minus": False, "font.size": 12})
if not found:  # 一种中文字体也没有，就略去汉字，不画方框
    set_text = text.Text.set_text
    text.Text.set_text = lambda self, s: set_text(self, "".join(c for c in str(s) if ord(c) < 256))

fig, ax = plt.subplots(figsize=(4.8, 3), layout="constrained")
ax.imshow(inputs[0, 0], cmap="gray")
ax.set(xticks=[0, 8, 16, 24, 31], yticks=[0, 8, 16, 24, 31])
fig.suptitle("由代码画出的“7”，32×32")
plt.show()

# %%
# 网络给出十个得分，每个数字一个；从 0 数起，希望第 7 个得分是 1，其余是 0，这就是目标（target）。
# 下面的代码就是一次完整的训练，里面的名字后文逐个解释。
# 这个网络还很简单：``nn.Flatten`` 把图片排成一行，``nn.Linear`` 把 1024 个像素加权求和，得出十个数，``nn.Sequential`` 把两步串起来。

from torch import nn

target = torch.zeros(1, 10)
target[0, 7] = 1
net = nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 10))
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for step in range(5):
    optimizer.zero_grad()  # ← 先清零
    outputs = net(inputs)
    loss = criterion(outputs, target)
    loss.backward()
    optimizer.step()
    print(f"第 {step + 1} 步  loss = {loss.item():.4f}")

# sphinx_gallery_start_ignore
first_losses = loss.item()
assert first_losses < 0.02 and net(inputs).argmax() == 7
# sphinx_gallery_end_ignore

# %%
# 打印出的损失（loss）一步比一步小。
# 换成更深的网络、更多的图片，骨架也还是这样，可以归纳成六步：
#
# 1. 定义一个网络，它带有可学习的参数（parameter）；
# 2. 一次次取出输入，这里每次都是同一张图片；
# 3. 让输入通过网络，得到输出；
# 4. 计算损失，也就是输出离目标有多远；
# 5. 反向传播（backpropagation），求出损失对每个参数的梯度，在这之前要清掉上一步的梯度，上面写在循环的第一行；
# 6. 更新参数，最简单的规则是从参数里减去学习率（learning rate）与梯度的积。
#
# 训练之后，十个得分里最大的是第几个（从 0 数起）：

print(net(inputs).argmax().item())

# %%
# 只记住一张图片，还不算认得“7”，但是整个过程已经走通了。
# 下面把这个过程拆开，并换上更适合图片的层（layer），先看卷积层。

# %%
# 卷积层算的是什么
# ----------------
#
# 上面那一层，每个得分都给每个像素各配一个权重（weight）。
# 卷积层（convolution layer）换了一种做法：只用一小块权重，叫卷积核（kernel），在图片上逐格滑动，
# 每到一处，就把窗口里的数与卷积核对应相乘，再求和。

# %%
# 一个窗口，一个数
# ^^^^^^^^^^^^^^^^
#
# 先手算一处。
# 下面的 3×3 卷积核左边一列是 -1，右边一列是 1，窗口取在那一撇的左边缘。

kernel = torch.tensor([
    [-1.0, 0.0, 1.0],
    [-1.0, 0.0, 1.0],
    [-1.0, 0.0, 1.0],
])
window = inputs[0, 0, 14:17, 17:20]
print(window)

# %%
# **先猜一猜**：窗口里的九个数与卷积核对应相乘再求和，得几？

print((window * kernel).sum().item())

# %%
# 前两行各得 1，第三行的 -1 和 1 抵消了。
# 也就是说，这个卷积核算的是窗口的右边一列比左边一列亮多少：左暗右亮得正数，左亮右暗得负数，两边一样亮得 0。
#
# ``nn.Conv2d`` 在每一处都做同样的事。
# ``nn.Conv2d(1, 1, 3)`` 里的三个数依次是输入的通道数、输出的通道数和卷积核的边长，所以权重的形状是 ``(1, 1, 3, 3)``，依次是（输出通道，输入通道，核高，核宽）；暂时不要偏置（bias）。
# 下面用 ``copy_`` 把权重改写成上面的卷积核；权重是需要梯度的叶张量，所以要在 ``no_grad`` 里改。
# 窗口左上角的格子是 ``(14, 17)``，输出就在同样的下标处，与手算的结果是同一个数。

conv = nn.Conv2d(1, 1, 3, bias=False)
with torch.no_grad():
    conv.weight.copy_(kernel)
edges = conv(inputs)
print(f"{edges.shape = }")
print(f"{edges[0, 0, 14, 17].item() = }")

# sphinx_gallery_start_ignore
assert edges.shape == (1, 1, 30, 30)
for r, c in [(14, 17), (0, 0), (29, 29), (6, 7), (20, 18)]:
    assert edges[0, 0, r, c] == (inputs[0, 0, r : r + 3, c : c + 3] * kernel).sum()
assert edges[0, 0, 14, 17] == 2 and edges.min() < 0 < edges.max()
# sphinx_gallery_end_ignore

# %%
# 宽 3 的窗口在宽 32 的图片上有 32 - 3 + 1 = 30 个位置，所以输出是 30×30。
# 每个位置一个数，排成的这张图叫特征图（feature map）。
# 在本站的网页上，可以把窗口移到别处，也可以换一个卷积核，看算出的数怎样改变。

# %%

# 画图（convolution）：左上图的窗口与卷积核对应相乘，再求和，结果填进右上图框出的格子，下标与窗口左上角相同；右上图里灰色是 0，更亮的是正数，更暗的是负数。
# 图中：四格：左上是“7”，框着三行三列的一小块；右上是灰底的特征图，一撇的左边亮、右边暗，亮的一边框着一格；下面左边是窗口里的九个数，右边是卷积核的九个数，中间写着“对应相乘”。
row, column = 14, 17
fig, axes = plt.subplots(2, 2, figsize=(4.8, 5), layout="constrained")
axes[0, 0].imshow(inputs[0, 0], cmap="gray")
axes[0, 0].add_patch(plt.Rectangle((column - 0.5, row - 0.5), 3, 3, fill=False, ec="C0", lw=2.5))
axes[0, 0].set_title("图片与窗口", size=12)
axes[0, 1].imshow(edges[0, 0].detach(), cmap="gray", vmin=-3, vmax=3)
axes[0, 1].add_patch(plt.Rectangle((column - 0.9, row - 0.9), 1.8, 1.8, fill=False, ec="C2", lw=2))
axes[0, 1].set_title("特征图", size=12)
for ax, numbers, color, title in [
    (axes[1, 0], window, "C0", "窗口"), (axes[1, 1], kernel, "C1", "卷积核")
]:
    for i in range(3):
        for j in range(3):
            ax.add_patch(plt.Rectangle((j, i), 1, 1, fc=color, alpha=0.25, ec="none"))
            ax.add_patch(plt.Rectangle((j, i), 1, 1, fill=False, ec=color))
            ax.text(j + 0.5, i + 0.5, f"{numbers[i, j]:.0f}", ha="center", va="center", size=14)
    ax.set(xlim=(-0.2, 3.2), ylim=(3.2, -0.2), aspect="equal")
    ax.set_title(title, size=12)
for ax in axes.flat:
    ax.axis("off")
axes[1, 0].text(3.55, 1.5, "对应\n相乘", ha="center", va="center")
answer = (window * kernel).sum()
fig.supxlabel(f"九个乘积之和是 {answer:.0f}，填进特征图里框出的格子", color="C2", size=12)
fig.suptitle(f"一个窗口算出一个数：相乘再求和，得 {answer:.0f}")
plt.show()

# %%
# 通常的卷积层求和之后还要加上一个偏置，权重和偏置都不由人写，而由训练得来。
# 数学里的卷积要先把卷积核上下、左右翻转；因为权重是学来的，翻转与否不影响网络的能力，PyTorch 就省去了这一步。

# %%
# 6 个卷积核，6 张特征图
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 一个卷积核处处用同一组权重，好处是参数少，同一种图案出现在图片的哪里，都能照样找出来。
# 但是一个卷积核只能找一种图案，得出一张特征图，要找许多种，一层里就放许多个卷积核。
# ``nn.Conv2d(1, 6, 5)`` 有 6 个 5×5 的卷积核，各自滑遍整张图片，得到 6 张特征图，也就是 6 个输出通道。

conv1 = nn.Conv2d(1, 6, 5)
maps = conv1(inputs)
print(f"{conv1.weight.shape = }")
print(f"{maps.shape = }")

# sphinx_gallery_start_ignore
assert conv1.weight.shape == (6, 1, 5, 5) and maps.shape == (1, 6, 28, 28)
# sphinx_gallery_end_ignore

# %%

# 画图：每个卷积核自己滑遍整张图片，各得一张特征图；卷积核还没有训练，里面是随机数，每张小图各自调节明暗。
# 图中：三行灰度图：一张“7”；六个明暗杂乱的小方格，带着边框；六张“7”，明暗各不相同，轮廓附近变化最大。
def draw_rows(parts, height):
    fig = plt.figure(figsize=(4.8, height), layout="constrained")
    lines = [len(pictures) // 9 + 1 for _, pictures, _ in parts]
    ratios = [0.65 * n + 0.35 for n in lines]
    for part, (label, pictures, color), n in zip(fig.subfigures(len(parts), 1, height_ratios=ratios), parts, lines):
        part.suptitle(label, x=0.01, ha="left", size=12)
        for i, ax in enumerate(part.subplots(n, len(pictures) // n, squeeze=False).flat):
            ax.imshow(pictures[i], cmap="gray")
            ax.set(xticks=[], yticks=[])
            if color == "C1" or (color and i == 3):
                edge = plt.Rectangle((0, 0), 1, 1, transform=ax.transAxes, fill=False, ec=color, lw=4)
                ax.add_patch(edge)
    return fig


fig = draw_rows([
    ("1 张图片，32×32", inputs[0], None), ("6 个卷积核，各 5×5", conv1.weight[:, 0].detach(), "C1"),
    ("6 张特征图，各 28×28", maps[0].detach(), None),
], height=4)
fig.suptitle("6 个卷积核，6 张特征图")
plt.show()

# %%
# 16 个深度为 6 的卷积核
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 第二个卷积层的输入是 6 个通道，输出 16 个通道。
# 并不是 6 张特征图各自变出几张来，16 是卷积核的个数。
# 这一层的每个卷积核都有 6 片，也就是深度为 6，一片对着一张特征图，6 片的乘积全部加在一起，得出一个数，所以一个卷积核滑遍之后只得一张图；
# 有 16 个这样的卷积核，就有 16 张图。
#
# **先猜一猜**：``nn.Conv2d(6, 16, 5)`` 的权重是什么形状？

conv2 = nn.Conv2d(6, 16, 5)
print(tuple(conv2.weight.shape))

# %%
# 这里先不加激活函数和池化，把 ``conv2`` 直接接在上面的 ``maps`` 后面。
# 手算 3 号输出通道（从 0 数起）的一处：窗口取遍 6 个通道，乘 3 号卷积核，求和，再加 3 号偏置。
# ``torch.testing.assert_close`` 比较两个张量，形状或数据类型不同，或者数值相差超出容许的舍入误差，就会报错。

window = maps[0, :, 14:19, 17:22]
by_hand = (window * conv2.weight[3]).sum() + conv2.bias[3]
torch.testing.assert_close(by_hand, conv2(maps)[0, 3, 14, 17])
print(f"{window.shape = }")
print(f"{conv2(maps).shape = }")

# sphinx_gallery_start_ignore
for k, r, c in [(0, 0, 0), (15, 23, 23), (7, 10, 2)]:
    by_hand = (maps[0, :, r : r + 5, c : c + 5] * conv2.weight[k]).sum() + conv2.bias[k]
    torch.testing.assert_close(by_hand, conv2(maps)[0, k, r, c])
assert conv2(maps).shape == (1, 16, 24, 24)
# sphinx_gallery_end_ignore

# %%

# 画图：6 张特征图与 3 号卷积核的 6 片逐片相乘，全部相加，再加偏置，只得出最下面框出的那张；另外 15 张出自另外 15 个卷积核。
# 图中：三组灰度图，从上往下：六张“7”；六个明暗杂乱的小方格，带着边框；十六张较小的“7”，排成两行，第四张带着边框。
second_maps = conv2(maps)[0].detach()
fig = draw_rows([
    ("6 张特征图，各 28×28", maps[0].detach(), None), ("× 3 号卷积核的 6 片，各 5×5，乘积全部相加", conv2.weight[3].detach(), "C1"),
    ("16 张新的特征图，各 24×24，框出的是 3 号", second_maps, "C2"),
], height=4.6)
fig.suptitle("6 个通道怎样变成 16 个通道")
plt.show()

# %%
# 为什么要有激活函数
# ------------------
#
# 卷积层和全连接层（fully connected layer，也叫线性层）通常做的都是“加权求和再加偏置”。
# 全连接层 ``nn.Linear(4, 3)`` 把 4 个数变成 3 个数，对一个样本，算式是 :math:`y = Wx + b`，权重 :math:`W` 的形状先写输出、后写输入，即 ``(3, 4)``。
# 有几个样本时，每个样本是 ``x`` 的一行，写成 ``x @ W.T + b``。
#
# 这样的层不论直接连多少个，合起来仍只相当于一个线性层，例如两个全连接层：
#
# .. math::
#
#    W_2(W_1x + b_1) + b_2 = (W_2W_1)x + (W_2b_1 + b_2)
#
# 右边的权重是 :math:`W_2W_1`，偏置是 :math:`W_2b_1 + b_2`。
# 用数来核对，先一层，再两层：

first, second = nn.Linear(4, 3), nn.Linear(3, 2)
x = torch.randn(5, 4)
torch.testing.assert_close(first(x), x @ first.weight.T + first.bias)

merged = nn.Linear(4, 2)
with torch.no_grad():
    merged.weight.copy_(second.weight @ first.weight)
    merged.bias.copy_(second.weight @ first.bias + second.bias)
torch.testing.assert_close(second(first(x)), merged(x))
print("两个线性层与合并成的一个，输出相同")

# sphinx_gallery_start_ignore
import torch.nn.functional as F

assert first.weight.shape == (3, 4)
for scale in (0.1, 1.0, 10.0):
    torch.testing.assert_close(second(first(scale * x)), merged(scale * x), rtol=1e-4, atol=1e-5)
assert not torch.allclose(second(F.relu(first(x))), merged(x))
# sphinx_gallery_end_ignore

# %%
# 所以两层之间要放一个非线性的函数，叫激活函数（activation function）。
# 很常用的一个是 ``F.relu``，它把负数变成 0，其余不变。
# ``F`` 是 ``torch.nn.functional`` 习惯上的简写，里面是函数，不保管参数；``torch.nn`` 里带参数的层则自己保管参数。
# 有了激活函数，两层就能做到一层做不到的事，例如第一层算出 ``x`` 和 ``-x``，各过一次 ``F.relu``，第二层把两个结果相加。
#
# **先猜一猜**：``x`` 是 ``[-2, 0, 2]`` 时，``F.relu(x) + F.relu(-x)`` 打印出哪三个数？

import torch.nn.functional as F

x = torch.tensor([-2.0, 0.0, 2.0])
print((F.relu(x) + F.relu(-x)).tolist())

# %%
# 这就是 ``x`` 的绝对值。
# 一个输入、一个输出的线性层，函数图像是一条直线，不可能同时经过 (-2, 2)、(0, 0) 和 (2, 2) 三点。

# %%
# 池化，以及边长怎样变化
# ----------------------
#
# 含有卷积层的网络叫卷积网络，其中常见的还有池化（pooling，有的书作“汇聚”），通常用来缩小特征图，让后面的层少算一些。
# ``F.max_pool2d(x, 2)`` 是最大池化，每个 2×2 的小块只留下最大值，边长减半（奇数边长舍去余下的一行一列）；下面的 ``x`` 有三维，最外面一维是通道。

x = torch.tensor([1.0, 5, 0, 2, 3, 2, 4, 1, 0, 0, 7, 8, 6, 0, 9, 0]).view(1, 4, 4)
print(x)
print(F.max_pool2d(x, 2))

# sphinx_gallery_start_ignore
assert F.max_pool2d(x, 2).tolist() == [[[5.0, 4.0], [6.0, 9.0]]]
assert F.max_pool2d(torch.zeros(1, 5, 5), 2).shape == (1, 2, 2)
# sphinx_gallery_end_ignore

# %%
# 下面要搭的网络有两个卷积层，卷积核都是 5×5，每个后面接一次池化。
# 四周不加填充（padding，通常是补几圈 0），步幅（stride）是 1，所以卷积使边长减少 4。
# 这里的步幅指窗口每次移动几格，与张量在内存里的步幅不是一回事。
# 从 32 开始一步步算：

side = 32
for layer in (1, 2):
    side = side - 5 + 1
    print(f"第 {layer} 个卷积层之后 {side}×{side}", end="，")
    side = side // 2
    print(f"池化之后 {side}×{side}")
print(f"{16 * side * side = }")

# sphinx_gallery_start_ignore
assert side == 5
# sphinx_gallery_end_ignore

# %%
# 第二个卷积层有 16 个输出通道，所以接在后面的全连接层要接收 16×5×5 个数。

# %%
# 定义一个网络
# ------------
#
# 现在组件齐了，可以仿照 1998 年用来识别手写数字的 LeNet-5 搭一个网络：两个卷积层，三个全连接层。
# 激活函数和池化用今天常见的做法，与当年的论文不尽相同。
#
# 层和网络都是模块（module），也就是 ``nn.Module`` 的子类的对象，大模块可以由小模块组成。
# 网络写成 ``nn.Module`` 的子类，在 ``__init__`` 里建好各层，在 ``forward`` 里写出数据怎样依次通过各层。
# 数据从前到后只走一遍，没有回路，这样的网络叫前馈神经网络（feed-forward network）。


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


# %%
# ``super().__init__()`` 让父类先备好注册（也就是记下）各层的地方，``torch.flatten(x, 1)`` 从第 1 维起展平（flatten），第 0 维是批量（batch），保持不动。
# ``fc`` 是全连接（fully connected）的缩写。
# 120 和 84 沿用 LeNet-5，也可以换成别的数，只要前后两层对得上。
# 最后一层之后没有激活函数，输出是 10 个 logits（未归一化的得分），没有换算成概率，可正可负。
# 使用时把网络当作函数，写 ``net(inputs)``，``nn.Module`` 就会去运行 ``forward``；不要直接写 ``net.forward(inputs)``，原因见练习 4。

torch.manual_seed(0)
net = Net()
print(net)

# sphinx_gallery_start_ignore
assert not any(word in str(net).lower() for word in ("relu", "pool", "flatten"))
# sphinx_gallery_end_ignore

# %%
# 打印出来的是注册在网络上的五个层。
# ``F.relu``、``F.max_pool2d`` 和 ``torch.flatten`` 不在其中，因为它们是普通函数，没有参数，也不是模块。
#
# 你只写了 ``forward``，即前向传播（forward propagation），反向传播由 autograd 完成。
# ``forward`` 里可以用 ``if`` 和循环，也可以用其他可微的张量运算；像 ``argmax`` 这样不可微的运算，会使梯度在那里中断。

# %%
# 常见错误：忘了 ``super().__init__()``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：你写了自己的 ``__init__``，第一次给 ``self`` 赋一个层就报错。


class Forgetful(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(4, 2)


try:
    Forgetful()
except AttributeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：父类的 ``__init__`` 没有运行，``nn.Module`` 还没有准备好注册层的地方。
#
# **解决办法**：让 ``super().__init__()`` 成为 ``__init__`` 的第一行。

# %%
# 在 forward 里打印形状
# ^^^^^^^^^^^^^^^^^^^^^
#
# 下面的子类只改写 ``forward``，算的还是那几步，另外打印每一步的形状。


class PrintingNet(Net):
    def forward(self, x):
        print("输入        ", tuple(x.shape))
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        print("conv1 到池化", tuple(x.shape))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        print("conv2 到池化", tuple(x.shape))
        x = torch.flatten(x, 1)
        print("flatten     ", tuple(x.shape))
        x = self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))
        print("fc1 到 fc3  ", tuple(x.shape))
        return x


scores = PrintingNet()(inputs)

# sphinx_gallery_start_ignore
assert scores.shape == (1, 10)
# sphinx_gallery_end_ignore

# %%
# 在这个网络里，卷积使通道变多、边长变小，池化使边长减半，``flatten`` 把一个样本的所有特征图排成一行，全连接层再把这一行逐步变短。

# %%

# 画图：方块是特征图，6@28×28 表示 6 个通道、每个 28×28；竖条是向量，最后一条是输出；名字以 conv 和 fc 开头的层有参数，行末的箭头接下一行，relu 不改变形状，图中略去。
# 图中：三行，每行三个：输入、conv1、max_pool2d，conv2、max_pool2d、flatten，fc1、fc2、fc3，依次用箭头连着；前五个是方块，除了输入都叠着几层，一层一个通道；后四个是竖条，一条比一条短，fc3 的短得像个小方块。
import torch.fx


class Recorder(torch.fx.Interpreter):
    def run_node(self, node):
        result = super().run_node(node)
        stages.append((node.name.removesuffix("_1"), tuple(result.shape)))
        return result


def draw_stage(ax, left, name, shape):
    color = "C0" if name == "输入" else "C2"
    if len(shape) == 4:
        channels, side = shape[1:3]
        for i in range(channels):
            corner = (left - side / 2 + 1.2 * i - 0.6 * channels, -side / 2 + 1.2 * i - 0.6 * channels)
            ax.add_patch(plt.Rectangle(corner, side, side, fc="white", ec="none"))
            ax.add_patch(plt.Rectangle(corner, side, side, fc=color, alpha=0.2, ec="none"))
            ax.add_patch(plt.Rectangle(corner, side, side, fill=False, ec=color))
        label = f"{channels}@{side}×{side}"
    else:
        height = 2 * shape[1] ** 0.5
        ax.add_patch(plt.Rectangle((left - 3, -height / 2), 6, height, fc=color, alpha=0.4, ec="none"))
        ax.add_patch(plt.Rectangle((left - 3, -height / 2), 6, height, fill=False, ec=color))
        label = f"{shape[1]}"
    ax.text(left, 24, label, ha="center")
    ax.text(left, -31, name, ha="center", color="C1" if name[:2] in ("co", "fc") else "black")


stages = []
Recorder(torch.fx.symbolic_trace(net)).run(inputs)
stages = [stage for stage in stages[:-1] if not stage[0].startswith("relu")]
fig, axes = plt.subplots(3, 1, figsize=(4.8, 5.7), layout="constrained")
for i, (name, shape) in enumerate(stages):
    ax = axes[i // 3]
    draw_stage(ax, 60 * (i % 3), "输入" if i == 0 else name, shape)
    if i < len(stages) - 1:
        start = 60 * (i % 3) + 22
        ax.annotate("", (start + 15, 0), (start, 0), arrowprops={"arrowstyle": "->", "color": "0.4"})
    ax.set(xlim=(-25, 160), ylim=(-38, 32), aspect="equal")
    ax.axis("off")
fig.suptitle("网络的结构：特征图变小，向量变短")
plt.show()

# sphinx_gallery_start_ignore
assert [s for _, s in stages[:6]] == [
    (1, 1, 32, 32), (1, 6, 28, 28), (1, 6, 14, 14), (1, 16, 10, 10), (1, 16, 5, 5), (1, 400)
]
assert [s for _, s in stages[6:]] == [(1, 120), (1, 84), (1, 10)]
# sphinx_gallery_end_ignore

# %%
# 选读：用钩子看每一层的形状
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 不想改 ``forward`` 时可以用钩子（hook）。
# 前向钩子是注册在模块上的函数，每次调用模块，``forward`` 运行完以后就轮到钩子，钩子收到模块、输入和输出，其中 ``args`` 是由按位置传入的各个输入组成的元组。
# ``net.children()`` 依次给出 ``net`` 的各层，下面给五个层各注册一个，记下形状；用完要取下，否则以后每次前向传播还会调用。

trace = []


def record(module, args, output):
    trace.append((tuple(args[0].shape), tuple(output.shape)))


hooks = [layer.register_forward_hook(record) for layer in net.children()]
net(inputs)
for hook in hooks:
    hook.remove()
for (name, _), (before, after) in zip(net.named_children(), trace):
    print(f"{name}: {before} -> {after}")

# %%
# 上一层的输出与下一层的输入有时不同，例如 ``conv1`` 给出 28×28，``conv2`` 收到的却是 14×14。
# 中间的池化是函数，没有模块，钩子看不见。
#
# 要看全每一步，可以把函数换成对应的模块，用 ``nn.Sequential`` 依次串起来。
# 五个层仍是 ``net`` 里的那五个，参数是共用的，所以输出应当相同。

steps = nn.Sequential(
    net.conv1, nn.ReLU(), nn.MaxPool2d(2),
    net.conv2, nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(),
    net.fc1, nn.ReLU(), net.fc2, nn.ReLU(), net.fc3,
)
torch.testing.assert_close(steps(inputs), net(inputs))
print("steps 与 net 的输出相同")

# %%
# 再注册一次钩子，这回每一步都看得见。

trace.clear()
hooks = [layer.register_forward_hook(record) for layer in steps]
steps(inputs)
for hook in hooks:
    hook.remove()
for layer, (_, after) in zip(steps, trace):
    print(f"{type(layer).__name__:10} {after}")

# sphinx_gallery_start_ignore
hooked = [(1, 6, 28, 28)] * 2 + [(1, 6, 14, 14)] + [(1, 16, 10, 10)] * 2 + [(1, 16, 5, 5)]
assert [a for _, a in trace] == hooked + [(1, n) for n in (400, 120, 120, 84, 84, 10)]
# sphinx_gallery_end_ignore

# %%
# 网络的参数
# ----------
#
# ``net.parameters()`` 依次给出网络里注册的参数，``named_parameters()`` 连名字一起给出。
# 名字由属性名拼成，``numel()`` 是张量里元素的个数。

print(f"{len(list(net.parameters())) = }")
for name, parameter in net.named_parameters():
    print(f"{name:13}{parameter.numel():6}  {tuple(parameter.shape)}")
total = sum(parameter.numel() for parameter in net.parameters())
print(f"{total = }")
print(f"{6 * (1 * 5 * 5) + 6 = }  {16 * (6 * 5 * 5) + 16 = }")  # 两个卷积层
print(f"{net.fc1.weight.numel() / total = :.0%}")

# sphinx_gallery_start_ignore
numbers = [sum(p.numel() for p in layer.parameters()) for layer in net.children()]
assert total == 61706 and numbers[:3] == [6 * 25 + 6, 16 * 6 * 25 + 16, 120 * 400 + 120]
assert len(list(net.parameters())) == 10 and next(net.parameters()).shape == (6, 1, 5, 5)
assert net.fc1.weight.numel() / total > 0.5
# sphinx_gallery_end_ignore

# %%
# 五个层各有一个权重和一个偏置，共十个张量。
# 形状这样读：
#
# - 这里的卷积层，权重是（输出通道，输入通道，核高，核宽），每个输出通道另有一个偏置；
# - 线性层的权重是（输出个数，输入个数）。
#
# 所以卷积层的参数个数与图片的大小无关，而 ``fc1`` 的权重占了全部参数的大半。
#
# 参数是怎样被找到的？
# 这些层的权重不是普通的张量，类型是 ``nn.Parameter``，这是张量的子类，默认需要梯度。
# 把 ``nn.Parameter`` 或者另一个模块赋给 ``self`` 的属性时，``nn.Module`` 就把它注册下来；注册过的参数才能随网络一起移到别的设备、一起保存和加载。

print(f"{type(net.conv1.weight) is nn.Parameter = }, {issubclass(nn.Parameter, torch.Tensor) = }")
print(f"{net.conv1.weight.requires_grad = }")

# sphinx_gallery_start_ignore
assert type(net.conv1.weight) is nn.Parameter and net.conv1.weight.requires_grad
# sphinx_gallery_end_ignore

# %%
# 常见错误：把层放进普通列表
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：你把几个层放进一个列表，定义网络时没有报错，到创建优化器（optimizer）时才发现一个参数也没有。
# 如果网络里还有别的层，连这个报错也不会出现，而列表里的层一直得不到训练。


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(4, 4), nn.Linear(4, 2)]


try:
    torch.optim.SGD(Stack().parameters(), lr=0.01)
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：普通列表不是模块，里面的层不会被注册。
#
# **解决办法**：用 ``nn.ModuleList`` 代替列表，用法与列表相似，但会注册里面的层，``forward`` 里照样用 ``for layer in self.layers`` 依次调用。


class FixedStack(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 2)])


print(len(list(Stack().parameters())), len(list(FixedStack().parameters())))

# sphinx_gallery_start_ignore
assert len(list(Stack().parameters())) == 0
assert len(list(FixedStack().parameters())) == 4
# sphinx_gallery_end_ignore

# %%
# 让一张图片通过网络
# ------------------
#
# 把开头的“7”交给这个还没有训练的网络：

outputs = net(inputs)
print(outputs)
print(f"{outputs.shape = }")

# sphinx_gallery_start_ignore
assert outputs.shape == (1, 10) and type(outputs.grad_fn).__name__ == "AddmmBackward0"
# sphinx_gallery_end_ignore

# %%
# 输出的形状是 ``(1, 10)``：一个样本，十个得分，批量那一维还在。
# ``grad_fn`` 说明 autograd 记下了这次计算，可以反向传播。

# %%
# 常见错误：图片尺寸不是 32×32
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：手写数字数据集 MNIST 的图片是 28×28，直接交给这个网络，卷积和池化都能算，到 ``fc1`` 才报错。

digit = torch.zeros(1, 1, 28, 28)
try:
    net(digit)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：报错里的 ``1x256`` 是展平后的数据，``400x120`` 是转置后的 ``fc1.weight``，一行有 16 × 4 × 4 = 256 个数，而 ``fc1`` 要 400 个。
# 边长 33 到 35 倒不会报错，因为池化舍去余数以后也是 5×5。
#
# **解决办法**：在四周各补两圈 0，变成 32×32（下面四个 2 依次指左、右、上、下）；或者缩放图片；或者按新尺寸改 ``fc1``（见练习 1）。

print(f"{net(F.pad(digit, (2, 2, 2, 2))).shape = }")

# sphinx_gallery_start_ignore
assert F.pad(digit, (2, 2, 2, 2)).shape == (1, 1, 32, 32)
for size in range(30, 38):
    try:
        assert net(torch.zeros(1, 1, size, size)).shape == (1, 10) and 32 <= size <= 35
    except RuntimeError:
        assert not 32 <= size <= 35
# sphinx_gallery_end_ignore

# %%
# 选读：通道数不对怎样报错
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：你把三个通道的彩色图片交给这个网络，第一层就报错，说明了要几个通道、收到几个。

color = torch.zeros(1, 3, 32, 32)
try:
    net(color)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：``conv1`` 的卷积核深度是 1，对不上 3 个通道（报错开头的 ``groups`` 是卷积分成几组，这里不必管）。
#
# **解决办法**：把第一层写成 ``nn.Conv2d(3, 6, 5)``，或者先把图片变成灰度图，例如对三个通道取平均。

print(f"{net(color.mean(dim=1, keepdim=True)).shape = }")

# sphinx_gallery_start_ignore
assert net(color.mean(dim=1, keepdim=True)).shape == (1, 10)
# sphinx_gallery_end_ignore

# %%
# 单个样本与小批量
# ----------------
#
# 训练时通常一次处理几个样本，称为小批量（mini-batch）。
# 如果只有一个样本，能不能省去批量那一维？
# 这取决于层：卷积、池化、线性层和下一页要用的交叉熵（cross entropy）损失都接受单个样本。

image = inputs[0]
print(f"{nn.Conv2d(1, 6, 5)(image).shape = }")
print(f"{F.max_pool2d(image, 2).shape = }")
print(f"{nn.Linear(120, 84)(torch.randn(120)).shape = }")
print(f"{nn.CrossEntropyLoss()(torch.randn(10), torch.tensor(3)).shape = }")  # 3 是类别的编号

# sphinx_gallery_start_ignore
assert nn.Conv2d(1, 6, 5)(image).shape == (6, 28, 28)
assert nn.MaxPool2d(2)(image).shape == (1, 16, 16)
# sphinx_gallery_end_ignore

# %%
# 常见错误：把单个样本交给这个网络
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：各层都接受单个样本，整个网络却报错。

try:
    net(image)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：``torch.flatten(x, 1)`` 总把第 0 维当作批量，少了这一维，就把 16 个通道当成了 16 个样本。
#
# **解决办法**：用 ``unsqueeze(0)`` 在最前面加一个大小为 1 的维。

print(f"{net(image.unsqueeze(0)).shape = }")

# sphinx_gallery_start_ignore
assert net(image.unsqueeze(0)).shape == (1, 10)
# sphinx_gallery_end_ignore

# %%
# 常见错误：让 -1 去猜批量大小
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：你用 ``view(-1, 400)`` 展平 100 个样本，而图片是 28×28 的，池化之后每个样本只有 16×4×4 个数。
# 这一步却没有报错。
#
# **先猜一猜**：这 100 个样本会变成几行？

pooled = torch.zeros(100, 16, 4, 4)
rows = pooled.view(-1, 400)
print(len(rows))

# %%
# **原因**：总数 100×256 恰好能被 400 整除，``-1`` 就被算成了 100×256÷400，一行里混进了不止一个样本，``fc1`` 照样算下去。
#
# **解决办法**：用 ``torch.flatten(x, 1)``，批量保持不变，每行不是 400 个数就会在 ``fc1`` 处报错。

print(f"{torch.flatten(pooled, 1).shape = }")

# sphinx_gallery_start_ignore
assert rows.shape == (64, 400) and torch.flatten(pooled, 1).shape == (100, 256)
numbered = torch.arange(100.0).repeat_interleave(256).view(100, 16, 4, 4).view(-1, 400)
assert all(len(r.unique()) > 1 for r in numbered) and net.fc1(rows).shape == (64, 120)
try:
    net.fc1(torch.flatten(pooled, 1))
    raise AssertionError
except RuntimeError:
    pass
# sphinx_gallery_end_ignore

# %%
# 损失函数
# --------
#
# 损失函数（loss function）通常接收网络的输出和目标，给出一个数，说明两者相差多少，变量名习惯上叫 ``criterion``（准则）。
# 本页用 ``nn.MSELoss``，即均方误差（mean squared error）：先求差，再平方，再取平均。
# 目标还是开头的 ``target``。

criterion = nn.MSELoss()
loss = criterion(outputs, target)
print(loss)
torch.testing.assert_close(loss, ((outputs - target) ** 2).mean())
print(f"{loss.shape = }")

# sphinx_gallery_start_ignore
assert loss.dim() == 0 and type(loss.grad_fn).__name__ == "MseLossBackward0"
# sphinx_gallery_end_ignore

# %%
# 这个损失是零维张量，即标量（scalar），所以后面的 ``loss.backward()`` 不需要参数。

# %%
# 常见错误：目标的形状不对，只有一个警告
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：网络给出 ``(4, 1)``，标签是 ``(4,)``。
# 下面的四个预测全对，损失本应是 0，却算出了别的数，而且只有一个警告（``catch_warnings`` 把警告收集起来，以便打印）。

import warnings

predictions = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
labels = torch.tensor([1.0, 2.0, 3.0, 4.0])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(f"{criterion(predictions, labels) = }")
print(f"{caught[0].category.__name__}: {caught[0].message}")

# %%
# **原因**：两者按广播（broadcasting）的规则扩成了 ``(4, 4)``，每个预测与每个标签都比了一遍。
# 换成别的损失函数，可能直接报错，也可能连警告都没有，所以算损失之前应当自己核对形状。
#
# **解决办法**：先把标签变成与输出相同的形状。

print(f"{criterion(predictions, labels.view(-1, 1)) = }")

# sphinx_gallery_start_ignore
assert criterion(predictions, labels.view(-1, 1)) == 0 < (predictions - labels).square().mean()
for kind in (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind()(predictions, labels)
    assert len(caught) == 1
    try:
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            kind()(torch.zeros(1, 10), torch.zeros(9))
        raise AssertionError
    except RuntimeError:
        pass
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    nn.PoissonNLLLoss()(predictions, labels)
    assert not caught
try:
    nn.BCELoss()(torch.full((4, 1), 0.5), torch.ones(4))
    raise AssertionError
except ValueError:
    pass
# sphinx_gallery_end_ignore

# %%
# 选读：``(10,)`` 碰巧对，``(10, 1)`` 是错的
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 输出是 ``(1, 10)`` 时，``(10,)`` 的目标扩成 ``(1, 10)``，碰巧对了；``(10, 1)`` 的目标和输出一起扩成 ``(10, 10)``，损失是错的。
#
# ``nn.L1Loss``、``nn.SmoothL1Loss`` 和 ``nn.HuberLoss`` 与均方误差一样：形状不同而能广播，就只有警告，不能广播才报错。
# ``nn.BCELoss`` 直接报错，``nn.PoissonNLLLoss`` 连警告也没有。

for shape in [(1, 10), (10,), (10, 1)]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = criterion(outputs, target.view(shape))
    print(f"目标 {shape!s:8} loss = {value.item():.4f}")
    for warning in caught:
        print(f"    {warning.category.__name__}: {warning.message}")

# sphinx_gallery_start_ignore
torch.testing.assert_close(((outputs - target[0]) ** 2).mean(), loss)
assert not torch.isclose(value, loss) and (outputs - target.view(10, 1)).shape == (10, 10)
# sphinx_gallery_end_ignore

# %%
# 选读：目标是整数张量
# ^^^^^^^^^^^^^^^^^^^^
#
# 只要网络的输出是浮点数，``nn.MSELoss`` 的目标是整数也可以，因为按类型提升的规则，整数目标先变成浮点数再参与计算。
# 别的损失函数不一定行，例如 ``nn.HuberLoss`` 遇到整数目标，反向传播时报错，所以还是写成浮点数好。

integers = torch.arange(1, 11).view(1, -1)
floats = torch.arange(1.0, 11.0).view(1, -1)
print(f"{criterion(outputs, integers) = }")
assert torch.equal(criterion(outputs, integers), criterion(outputs, floats))
criterion(net(inputs), integers).backward()  # 反向传播也没有问题
net.zero_grad()

# sphinx_gallery_start_ignore
try:
    nn.HuberLoss()(torch.zeros(1, 10, requires_grad=True), integers).backward()
    raise AssertionError
except RuntimeError:
    pass
# sphinx_gallery_end_ignore

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时把整数目标交给 ``nn.MSELoss`` 会报类型错误，必须先转成浮点数；现在不必，旧文章里的这条告诫不再成立。

# %%
# 选读：沿着计算图往回走
# ----------------------
#
# 损失的 ``grad_fn`` 是计算图（computational graph）的一个节点，节点的 ``next_functions`` 指向更早的运算，反向传播就沿着它们走。

node = loss.grad_fn
print(type(node).__name__)  # 损失
linear = node.next_functions[0][0]
print(type(linear).__name__)  # fc3
for i, (child, _) in enumerate(linear.next_functions):
    print(f"    [{i}][0] {type(child).__name__}")

# sphinx_gallery_start_ignore
kinds = [type(child).__name__ for child, _ in linear.next_functions]
assert kinds == ["AccumulateGrad", "ReluBackward0", "TBackward0"]
# sphinx_gallery_end_ignore

# %%
# ``fc3`` 的节点有三个来源：``[0][0]`` 是偏置，``[1][0]`` 是输入，来自上一个 ReLU，``[2][0]`` 是转置后的权重。
# ``AccumulateGrad`` 是叶节点（leaf node），把梯度累积到自己的参数上，``variable`` 就是那个参数。

bias_node = linear.next_functions[0][0]
weight_node = linear.next_functions[2][0].next_functions[0][0]
print(f"{bias_node.variable is net.fc3.bias = }")
print(f"{weight_node.variable is net.fc3.weight = }")

# sphinx_gallery_start_ignore
assert bias_node.variable is net.fc3.bias and weight_node.variable is net.fc3.weight
# sphinx_gallery_end_ignore

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时流传很广的一段代码把 ``next_functions[0][0].next_functions[0][0]`` 注释为 ReLU，注释错了：
#    现在打印出来的是 ``AccumulateGrad``，即 ``fc3.bias`` 的叶节点，早先的某些版本在这个位置是 ``ExpandBackward``，而 ReLU 在 ``[1][0]``。
#    当时的输出里还有两个不同的节点带着相同的内存地址，那只是前一个对象释放后，地址又被用了一次。
#    节点的名字也变了：当时是 ``MseLossBackward``，现在末尾多一个 0。

# %%
# 列出整张图
# ^^^^^^^^^^
#
# 一直走下去，就得到整张图。
# 每个节点里，通向参数的分支记在一旁，剩下的那一支是主路，通向更早的层。
# 先写一个小函数：沿着一支走到叶节点，返回叶节点的参数；走不到就返回 ``None``。

names = {parameter: name for name, parameter in net.named_parameters()}


def owned_parameter(node):
    while type(node).__name__ == "TBackward0":  # 转置
        node = node.next_functions[0][0]
    return getattr(node, "variable", None)


# %%
# 然后从损失出发，沿主路往回走。
# 输入图片不需要梯度，所以图在第一个卷积处结束。

path = []
node = loss.grad_fn
while node is not None:
    children = [child for child, _ in node.next_functions if child is not None]
    leaves = [child for child in children if owned_parameter(child) is not None]
    path.append((node, leaves))
    rest = [child for child in children if child not in leaves]
    node = rest[0] if rest else None

for node, leaves in path:
    owned = ", ".join(names[owned_parameter(leaf)] for leaf in leaves)
    print(f"{type(node).__name__:30}{owned}".rstrip())

# sphinx_gallery_start_ignore
assert "".join(type(node).__name__[0] for node, _ in path) == "MARARAVMRCMRC"
assert sorted(names[owned_parameter(f)] for _, fs in path for f in fs) == sorted(names.values())
# sphinx_gallery_end_ignore

# %%
# 倒过来读，就是 ``forward`` 里的各步再加上损失：卷积、ReLU、池化，各两遍，然后展平，三个线性层（``Addmm``，即矩阵相乘再相加）与其间的 ReLU，最后是均方误差。
# 十个参数各出现一次。
#
# 图里记的是实际执行的运算：这里的展平只换了形状，没有复制数据，所以记作 ``View``。

# %%

# 画图：中间一列是运算，从上往下的顺序与 forward 相同，损失在最下面；两边是参数，偏置在左，权重在右，靠近输入的一层在最上面，箭头是梯度流动的方向。
# 图中：中间一列圆角的方框，用往上的箭头连着；其中五个是 Convolution 或 Addmm，左边连着一个 bias，右边连着一个 weight，这两个框里写着形状。
boxes = {"boxstyle": "round,pad=0.3", "lw": 1.2}
fig, ax = plt.subplots(figsize=(4.8, 9), layout="constrained")
for i, (node, leaves) in enumerate(path):
    if i:
        ax.annotate("", (0, i), (0, i - 1), zorder=1, arrowprops={"arrowstyle": "->", "shrinkB": 13, "color": "C4"})
    for leaf in leaves:
        parameter = owned_parameter(leaf)
        side, align = (-1, "right") if names[parameter].endswith("bias") else (1, "left")
        ax.annotate("", (1.5 * side, i), (0, i), zorder=1, arrowprops={"arrowstyle": "->", "color": "C4"})
        ax.text(1.55 * side, i, f"{names[parameter]}\n{tuple(parameter.shape)}",
                ha=align, va="center", ma="center", bbox={**boxes, "fc": "white", "ec": "C1"})
    label = type(node).__name__.replace("Backward0", "").replace("WithIndices", "")
    ax.text(0, i, label, ha="center", va="center", bbox={**boxes, "fc": "white", "ec": "C2"})
ax.set(xlim=(-3.4, 3.7), ylim=(-0.5, len(path) - 0.4))
ax.axis("off")
fig.suptitle("损失的计算图：梯度从下往上，流到十个参数")
plt.show()

# %%
# 选读：自己写一个 Function
# -------------------------
#
# 用 PyTorch 的可微运算拼成的函数，反向传播不用你操心。
# 如果用到了 PyTorch 之外的计算，或者想自己规定梯度，可以写一个 ``torch.autograd.Function`` 的子类。
# ``forward`` 算出结果，``setup_context`` 存下以后要用的张量，``backward`` 把收到的梯度乘上导数。
# 把 ``setup_context`` 与 ``forward`` 分开写，``torch.func.grad``（由一个函数得出求梯度的函数）也能用于这个运算。
# 节点的名字由类名加 ``Backward`` 组成。
# 下面求 :math:`x^2` 在 3 处的导数：


class Square(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return x * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output


x = torch.tensor(3.0, requires_grad=True)
y = Square.apply(x)
y.backward()
print(f"{type(y.grad_fn).__name__ = }, {x.grad = }")
print(f"{torch.func.grad(Square.apply)(torch.tensor(3.0)) = }")

# sphinx_gallery_start_ignore
assert type(y.grad_fn).__name__ == "SquareBackward" and x.grad == 6
assert torch.func.grad(Square.apply)(torch.tensor(3.0)) == 6
# sphinx_gallery_end_ignore

# %%
# 反向传播损失
# ------------
#
# 反向传播之前先清掉旧的梯度，再看 ``conv1`` 偏置的梯度在前后有什么变化。

net.zero_grad()
print(f"反向传播前：{net.conv1.bias.grad = }")
loss.backward()
print(f"反向传播后：{net.conv1.bias.grad = }")
print("每个梯度都与参数同形：", all(p.grad.shape == p.shape for p in net.parameters()))

# sphinx_gallery_start_ignore
assert all(parameter.grad.shape == parameter.shape for parameter in net.parameters())
_net = Net()
criterion(_net(inputs), target).backward()
_first = _net.conv1.bias.grad.clone()
for _times in (2, 3):
    criterion(_net(inputs), target).backward()
    torch.testing.assert_close(_net.conv1.bias.grad, _times * _first)
_net.zero_grad(set_to_none=False)
assert _net.conv1.bias.grad.abs().sum() == 0
# sphinx_gallery_end_ignore

# %%
# 之前是 ``None``，表示现在没有梯度，从未算过或者已经清掉都是这样；之后是六个数，每个输出通道一个。

# %%
# 为什么要清零
# ^^^^^^^^^^^^
#
# ``backward()`` 把新的梯度加到旧的梯度上，如果一直不清零，后一步用的就是前几步梯度之和，见:doc:`《自动微分》 <autograd_automatic_differentiation>`。
# ``net.zero_grad()`` 清掉 ``net`` 的全部参数的梯度，``optimizer.zero_grad()`` 清掉交给优化器的那些；如果交给优化器的正好是 ``net`` 的全部参数，两者效果就相同。

# %%
# 更新参数
# --------
#
# 最简单的更新规则是随机梯度下降（stochastic gradient descent，SGD）：沿梯度的反方向走一小步，这一步的大小是学习率 :math:`\eta` 乘以梯度。
# 说“随机”，是因为实际训练时，每一步的梯度只由随机取出的一小批样本算得。
#
# .. math::
#
#    w \leftarrow w - \eta \frac{\partial L}{\partial w}
#
# 更新这一步通常不该让 autograd 记下来，所以放在 ``torch.no_grad()`` 里。
# 更新前先复制一份网络，留作比较。

import copy

twin = copy.deepcopy(net)
learning_rate = 0.01

with torch.no_grad():
    for parameter in net.parameters():
        parameter -= learning_rate * parameter.grad

updated = criterion(net(inputs), target)
print(f"更新前 {loss.item():.4f}，更新后 {updated.item():.4f}")

# sphinx_gallery_start_ignore
assert updated < loss
_squares = sum(p.grad.square().sum() for p in net.parameters())
_simple = nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 10))
criterion(_simple(inputs), target).backward()
assert 10 * _squares < sum(p.grad.square().sum() for p in _simple.parameters())
# sphinx_gallery_end_ignore

# %%
# 学习率与开头相同，这一步却只降了一点，因为一步走多远既看学习率，也看梯度，而这里的梯度比开头那个网络的小得多。

# %%
# 选读：更新时忘了 ``no_grad``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：你直接在参数上做减法，第一个参数就报错。

try:
    for parameter in net.parameters():
        parameter -= learning_rate * parameter.grad
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：参数是需要梯度的叶张量，在 autograd 记录运算的时候不许原地（in-place）改动。
#
# **解决办法**：像上面那样放进 ``with torch.no_grad():``。
#
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时写 ``f.data.sub_(f.grad.data * learning_rate)``，``.data`` 绕过 autograd，也绕过原地改动的检查，改错了不会有报错提醒。
#    现在写 ``with torch.no_grad():``。

# %%
# 换成优化器
# ^^^^^^^^^^
#
# ``torch.optim`` 里有各种更新规则：SGD、Nesterov 动量、Adam、RMSprop 等。
# 优化器接收参数和学习率，``step()`` 更新一次。
# 下面创建优化器以后的五行，就是开头那个循环里的五行，现在用在刚才的副本上：

from torch import optim

optimizer = optim.SGD(twin.parameters(), lr=learning_rate)

optimizer.zero_grad()  # 清掉旧的梯度
outputs = twin(inputs)  # 前向传播
loss = criterion(outputs, target)  # 计算损失
loss.backward()  # 反向传播
optimizer.step()  # 更新参数

for ours, theirs in zip(net.parameters(), twin.parameters()):
    torch.testing.assert_close(ours, theirs)
print("十个参数：手写的更新与 optim.SGD 一致")

# sphinx_gallery_start_ignore
assert len(list(twin.parameters())) == 10
# sphinx_gallery_end_ignore

# %%
# 换一种更新规则，只换一行
# ^^^^^^^^^^^^^^^^^^^^^^^^
#
# 动量（momentum）上一篇用过，更新时把过去的梯度也算进来：
#
# .. math::
#
#    v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta v
#
# 这里 :math:`g` 是这一步的梯度，:math:`v` 从 0 开始，系数 :math:`\mu` 常取 0.9。
# 如果接连几步的梯度方向一致，:math:`v` 就大过单独一步的梯度，走得更快；如果方向来回变，就抵消一部分。
# Adam 除了用到动量，还按参数里每个数近来梯度的大小，分别调节步子。
#
# 换成动量或 Adam，只要换掉创建优化器的那一行，训练循环不变。
# 下面三次训练从同一份参数出发，所以函数 ``train`` 每次先复制一份 ``net``；优化器要用复制出的参数来创建，因此三种优化器都写成函数交给 ``train``。


def train(make_optimizer):
    model = copy.deepcopy(net)
    optimizer = make_optimizer(model.parameters())  # ← 换这一行
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = criterion(model(inputs), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


curves = {
    "SGD lr=0.01": train(lambda p: optim.SGD(p, lr=0.01)),
    "momentum=0.9\nlr=0.01": train(lambda p: optim.SGD(p, lr=0.01, momentum=0.9)),
    "Adam lr=0.001": train(lambda p: optim.Adam(p, lr=0.001)),
}

# sphinx_gallery_start_ignore
assert all(losses[-1] < losses[0] for losses in curves.values())
assert curves["SGD lr=0.01"][-1] > train(lambda p: optim.SGD(p, lr=0.03))[-1] > train(lambda p: optim.SGD(p, lr=0.1))[-1]
# sphinx_gallery_end_ignore

# %%

# 画图：纵轴是对数刻度，每往下一大格，损失缩小到十分之一；三条曲线总的来说都往下走，SGD 最慢。
# 图中：三条损失曲线，不带动量的 SGD 几乎是平的；带动量的越降越快；Adam 起伏着往下，也降得低得多。
fig, ax = plt.subplots(figsize=(4.8, 3.4), layout="constrained")
for (name, losses), line in zip(curves.items(), ("-", "--", ":")):
    ax.semilogy(losses, line, color="C2", lw=2)
    ax.text(61, losses[-1], name, va="center", size=11)
ax.set(xlabel="步", xlim=(0, 60), xticks=[0, 20, 40, 60], yticks=[0.1, 0.01, 0.001, 0.0001])
ax.yaxis.set_major_formatter("{x:g}")
ax.set_title("损失", loc="left", size=12)
fig.suptitle("同一个循环，三种更新规则：损失的趋势都是下降")
plt.show()

# %%
# SGD 在这里降得慢，把学习率调大些就会快；三次的学习率不全相同，又只有一张图片，所以这张图不说明谁更好。
# 在一个样本上把损失降下去，只说明代码是通的，不说明网络学到了什么。
# 不过这是很好的检查：如果连一个样本都记不住，多半是代码有错，或者学习率不合适。

# %%
# 选读：从头到尾写一遍
# --------------------
#
# 用一个更小的网络把全过程连起来：一个卷积层，一个全连接层。
# 32×32 的图片经过 5×5 的卷积是 28×28，池化后是 14×14，所以全连接层的输入是 6×14×14 个数。
# 输出层之后不加 ReLU，否则输出不会有负数，而下面随机取的目标里有。


class SmallNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 5)
        self.fc = nn.Linear(6 * 14 * 14, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        return self.fc(torch.flatten(x, 1))


# %%
# 注释里的数字对应开头的六步。
# 第 2 步在这里只是重复同一批随机数，换成下一页的数据加载器（data loader），一批批取出的就是不同的图片。

torch.manual_seed(0)
batch, batch_target = torch.randn(4, 1, 32, 32), torch.randn(4, 10)

small = SmallNet()  # 1 定义网络
optimizer = optim.SGD(small.parameters(), lr=0.01)
for step in range(5):  # 2 取出输入，这里每次都是 batch
    optimizer.zero_grad()  # 5 清掉旧的梯度
    outputs = small(batch)  # 3 前向传播
    loss = criterion(outputs, batch_target)  # 4 计算损失
    loss.backward()  # 5 反向传播
    optimizer.step()  # 6 更新参数
    print(f"第 {step + 1} 步  loss = {loss.item():.4f}")

# sphinx_gallery_start_ignore
assert small.fc.in_features == 1176 and criterion(small(batch), batch_target) < loss
assert (batch_target < 0).any()
# sphinx_gallery_end_ignore

# %%
# 这个循环适用于前面的三种更新规则，也适用于 ``torch.optim`` 里多数别的规则。
# ``optim.LBFGS`` 就不行，因为一步要多次计算损失，循环得另写。
#
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时写 ``super(Net, self).__init__()``，现在写 ``super().__init__()``。
#    当时另写一个方法 ``num_flat_features`` 数出特征个数，再用 ``x.view(-1, …)`` 展平；
#    现在写 ``torch.flatten(x, 1)``，批量那一维保持不变。
#    当时把输入叫做 ``input``，盖住了 Python 的内置函数 ``input``，现在多叫 ``inputs``。
#
#    当时的教程在反向传播之前打印出六个 0；从 2.0 起，``zero_grad()`` 默认把梯度设为 ``None``，更省内存。
#    旧代码若在清零之后直接拿 ``p.grad`` 去计算，现在会因为 ``None`` 而出错，这时可以写 ``zero_grad(set_to_none=False)``，把已有的梯度填成 0。

# %%
# 小结
# ----
#
# - 卷积层把窗口里的数与卷积核对应相乘再求和；默认设置下，有几个卷积核就有几个输出通道，卷积核的深度等于输入的通道数。
# - 线性层直接相连，仍相当于一个线性层，所以中间要放激活函数。
# - 网络是 ``nn.Module`` 的子类，层要赋给 ``self`` 的属性，成组的层要先放进 ``nn.ModuleList`` 一类的容器，不能放在普通列表里。
# - 你只写 ``forward``，反向传播由 autograd 完成。
# - 在这个网络里，第一个全连接层的输入个数由图片尺寸决定，在 ``forward`` 里打印就能看到每一步的形状。
# - 许多层接受单个样本，这个网络不接受，``unsqueeze(0)`` 补上批量那一维。
# - 用均方误差时，如果目标的形状不对而能广播，就只有一个警告；``view(-1, …)`` 猜错批量时连警告也没有。
# - 梯度会累积，所以每步先 ``zero_grad()``，默认把梯度设为 ``None``。
# - 手写的更新与 ``optim.SGD`` 结果一致；换成动量或 Adam，循环里的五行不变。

# %%
# 练习
# ----
#
# 1. 让网络接收 28×28 的彩色图片，要改哪两层，改成什么？
# 2. 不运行代码，算出把 ``conv1`` 的输出通道从 6 改成 12（``conv2`` 随之改）之后的参数总数。
# 3. 只改 ``forward`` 里的一行，使网络既接受小批量，也接受单个样本（``torch.flatten`` 的起点可以是负数，从最后一维往前数）。
# 4. 用 ``net.register_forward_hook`` 给 ``net`` 注册一个钩子（一个接收模块、输入和输出的函数，在 ``forward`` 运行之后调用），看 ``net(x)`` 与 ``net.forward(x)`` 各使钩子被调用几次。
# 5. 按动量的式子手写更新，并与 ``optim.SGD`` 的 ``momentum=0.9`` 比较。

# %%
# 练习 1 的答案
# ^^^^^^^^^^^^^
#
# 彩色图片有三个通道，改 ``conv1``。
# 边长依次是 24、12、8、4，所以 ``fc1`` 的输入是 16×4×4。
# 其余照旧，继承 ``Net`` 就行。


class ColorNet(Net):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.fc1 = nn.Linear(16 * 4 * 4, 120)


print(f"{ColorNet()(torch.randn(2, 3, 28, 28)).shape = }")

# sphinx_gallery_start_ignore
assert ColorNet()(torch.randn(2, 3, 28, 28)).shape == (2, 10)
# sphinx_gallery_end_ignore

# %%
# 练习 2 的答案
# ^^^^^^^^^^^^^
#
# ``conv1`` 多出 6 个输出通道，每个有 1×5×5 个权重和一个偏置；``conv2`` 的 16 个输出通道各多出 6×5×5 个权重，偏置不变。
# 其余各层不受影响。

wide = Net()
wide.conv1 = nn.Conv2d(1, 12, 5)
wide.conv2 = nn.Conv2d(12, 16, 5)
counted = sum(parameter.numel() for parameter in wide.parameters())
expected = total + 6 * (1 * 5 * 5 + 1) + 16 * 6 * 5 * 5
print(f"{expected = }, {counted = }")
assert counted == expected

# %%
# 练习 3 的答案
# ^^^^^^^^^^^^^
#
# 从后往前数：展平最后三维，即通道、高、宽，前面有没有批量都可以。


class FlexibleNet(Net):
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, -3)  # 原来是 torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


flexible = FlexibleNet()
print(f"{flexible(image).shape = }")
print(f"{flexible(image.unsqueeze(0)).shape = }")
torch.testing.assert_close(flexible(image), flexible(image.unsqueeze(0))[0])

# %%
# 不过有的层自己就要求批量，例如批量归一化层（batch normalization layer）``nn.BatchNorm2d``，网络里有这样的层，批量那一维就不能省。

try:
    nn.BatchNorm2d(6)(torch.randn(6, 28, 28))
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时的教程说 ``torch.nn`` 只支持小批量，``nn.Conv2d`` 的输入必须是四维。
#    当时的卷积确实如此，现在也接受三维。

# %%
# 练习 4 的答案
# ^^^^^^^^^^^^^
#
# ``net(x)`` 除了运行 ``forward``，还负责调用钩子。
# 直接写 ``net.forward(x)``，``net`` 上的钩子不会被调用。
# 下面的钩子只记一笔，所以两者的输出相同；如果钩子返回一个不是 ``None`` 的值，``net(x)`` 的输出就换成这个值，两者便可能不同。
# 因此平时都写 ``net(x)``。

calls = []
hook = net.register_forward_hook(lambda module, args, output: calls.append("hook"))
called = net(inputs)
print(f"net(x) 之后，钩子被调用 {len(calls)} 次")
direct = net.forward(inputs)
print(f"net.forward(x) 之后，仍是 {len(calls)} 次")
hook.remove()
assert torch.equal(called, direct)

# sphinx_gallery_start_ignore
assert calls == ["hook"]
hook = net.register_forward_hook(lambda module, args, output: output + 1)
assert torch.equal(net(inputs), direct + 1) and torch.equal(net.forward(inputs), direct)
hook.remove()
# sphinx_gallery_end_ignore

# %%
# 练习 5 的答案
# ^^^^^^^^^^^^^
#
# 每个参数有自己的 :math:`v`，从 0 开始。

ours, theirs = copy.deepcopy(net), copy.deepcopy(net)
optimizer = optim.SGD(theirs.parameters(), lr=0.01, momentum=0.9)
velocities = [torch.zeros_like(parameter) for parameter in ours.parameters()]
for _ in range(3):
    for model in (ours, theirs):
        model.zero_grad()
        criterion(model(inputs), target).backward()
    optimizer.step()
    with torch.no_grad():
        for parameter, velocity in zip(ours.parameters(), velocities):
            velocity.mul_(0.9).add_(parameter.grad)
            parameter -= 0.01 * velocity
for a, b in zip(ours.parameters(), theirs.parameters()):
    torch.testing.assert_close(a, b)
print("三步之后，手写的动量与 optim.SGD 一致")

# %%
# 接下来
# ------
#
# 下一页是:doc:`《训练图像分类器》 <training_a_classifier>`，用真正的图片训练几乎同样的网络。
# 想看 ``torch.nn`` 还有哪些层和损失函数，查 `官方文档 <https://docs.pytorch.org/docs/stable/nn.html>`__。
