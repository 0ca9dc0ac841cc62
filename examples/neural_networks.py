"""
神经网络
========

读完这一页，你会亲手定义一个卷积网络，看清数据在每一层变成什么形状，画出它的结构
和它的损失的计算图，再用自己写的几行代码更新它的参数，并验证结果与 PyTorch 的优
化器相同。

**你将学到**：用 ``nn.Module`` 定义网络，用钩子追踪形状，计算损失，反向传播，更
新参数，以及几种不报错的错误怎样发现。

**需要先会**：张量（tensor）的基本操作（见
:doc:`《什么是 PyTorch》 <what_is_pytorch>`）和反向传播的含义（见
:doc:`《自动微分》 <autograd_automatic_differentiation>`）。
"""

# %%
# 训练一个网络的六步
# ------------------
#
# ``torch.nn`` 提供搭建神经网络（neural network）的零件。它建立在自动微分
# （automatic differentiation）之上：你只写怎样从输入算出输出，梯度（gradient）
# 由 autograd 求得。训练通常是这样六步：
#
# 1. 定义一个网络，它带有可学习的参数（parameter）；
# 2. 在数据集上迭代，每次取出一些输入；
# 3. 让输入通过网络，得到输出；
# 4. 计算损失（loss），即输出离目标有多远；
# 5. 把梯度反向传播（backpropagation）到每一个参数；
# 6. 更新参数，最简单的规则是下面的式子。
#
# .. math::
#
#    \text{参数} \leftarrow \text{参数} - \text{学习率} \times \text{梯度}
#
# 这一页用一张随机的“图片”走完除第 2 步以外的各步。真正的数据集见
# :doc:`《训练图像分类器》 <training_a_classifier>`。

# %%
# 定义一个网络
# ------------
#
# 先导入三样东西，并固定随机种子，使每次运行得到同样的数。``torch.nn`` 里是层
# （layer）一类的零件，参数由它们自己保管；``torch.nn.functional`` 里是函数，什么
# 也不保管，习惯上记作 ``F``。

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)

# %%
# 下面的网络仿照 1998 年用来识别手写数字的 LeNet-5：两个卷积层（convolution
# layer），三个全连接层（fully connected layer，也叫线性层）。激活函数和池化用今
# 天常见的做法，与当年的论文不尽相同。
#
# ``__init__`` 里准备好各层，``forward`` 里写出数据怎样依次通过它们。数据一层接一
# 层向前，不回头，这样的网络叫前馈神经网络（feed-forward network）。


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
# 逐项读一遍：
#
# - ``nn.Conv2d(1, 6, 5)``：输入 1 个通道（channel），输出 6 个通道，卷积核
#   （kernel）为 5×5。它像一个小窗口，在图上一格一格地滑过，每到一处就把窗口里的
#   数加权求和，得出一个数；
# - ``nn.Linear(120, 84)``：把 120 个数变成 84 个数；
# - ``F.relu``：激活函数（activation function），把负数变成 0；
# - ``F.max_pool2d(…, 2)``：最大池化（pooling，有的书作“汇聚”），每个 2×2 的
#   小块只留下最大值；
# - ``torch.flatten(x, 1)``：从第 1 轴起展平（flatten），第 0 轴是批量
#   （batch），保持不动。
#
# 最后一层之后没有激活函数：输出是 10 个未归一化的得分（logits），可正可负。

net = Net()
print(net)

# sphinx_gallery_start_ignore
assert not any(word in str(net).lower() for word in ("relu", "pool", "flatten"))
# sphinx_gallery_end_ignore

# %%
# 打印出来的是登记在网络上的五个层。``relu``、``max_pool2d`` 和 ``flatten`` 不在
# 其中：它们是普通函数，没有参数，也不是模块（module）。
#
# 你只写了 ``forward``，即前向传播（forward propagation）。反向传播由 autograd
# 完成，不必写。``forward`` 里可以用任何张量运算，也可以用 ``if`` 和循环。
#
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    旧教程写 ``super(Net, self).__init__()``，今天写 ``super().__init__()``。旧
#    教程另写一个方法 ``num_flat_features`` 数出特征个数，再用
#    ``x.view(-1, …)`` 展平；今天写 ``torch.flatten(x, 1)``，它不会改动批量那一
#    轴，下文会看到这为什么要紧。
#
# 常见错误：忘了 ``super().__init__()``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 你自己写了 ``__init__``，却没有先调用父类的。``nn.Module`` 还没有准备好登记层
# 的地方，第一次给 ``self`` 赋一个层就会失败。


class Forgetful(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(4, 2)


try:
    Forgetful()
except AttributeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 补救：让 ``super().__init__()`` 成为 ``__init__`` 的第一行。

# %%
# 看看它的参数
# ------------
#
# ``net.parameters()`` 依次给出所有可学习的参数。五个层各有一个权重（weight）和
# 一个偏置（bias），共十个张量。

parameters = list(net.parameters())
print(f"{len(parameters) = }")
print(f"{parameters[0].shape = }")  # conv1 的权重

# sphinx_gallery_start_ignore
assert len(parameters) == 10 and parameters[0] is net.conv1.weight
# sphinx_gallery_end_ignore

# %%
# ``named_parameters()`` 连名字一起给出。名字由属性名拼成，``numel()`` 是张量里
# 数的个数。

for name, parameter in net.named_parameters():
    print(f"{name:13}{parameter.numel():6}  {tuple(parameter.shape)}")
total = sum(parameter.numel() for parameter in net.parameters())
print(f"{total = }")

# sphinx_gallery_start_ignore
assert total == 61706
# sphinx_gallery_end_ignore

# %%
# 怎样读这些形状（shape）：
#
# - 卷积层的权重是（输出通道，输入通道，核高，核宽），每个输出通道另有一个偏置；
# - 线性层的权重是（输出个数，输入个数），先输出，后输入。
#
# 所以卷积层的参数个数与图片大小无关，而 ``fc1`` 一层就占了全部参数的大半。

print(f"{6 * (1 * 5 * 5) + 6 = }  {16 * (6 * 5 * 5) + 16 = }")
print(f"{120 * 400 + 120 = }")
print(f"{net.fc1.weight.numel() / total = :.0%}")

# sphinx_gallery_start_ignore
numbers = [sum(p.numel() for p in layer.parameters()) for layer in net.children()]
assert numbers[:3] == [156, 2416, 48120] and net.fc1.weight.numel() / total > 0.5
# sphinx_gallery_end_ignore

# %%
# 权重先写输出、后写输入，是因为线性层算的是 :math:`y = xW^\top + b`。自己算一遍
# 来核对：

features = torch.randn(1, 84)
by_hand = features @ net.fc3.weight.T + net.fc3.bias
torch.testing.assert_close(net.fc3(features), by_hand)
print("net.fc3(features) 与 features @ W.T + b 一致")

# %%
# 参数是怎样被找到的？层的权重不是普通的张量，它的类型是 ``nn.Parameter``，张量
# 的子类。把 ``nn.Parameter`` 或者另一个模块赋给 ``self`` 的属性时，
# ``nn.Module`` 就把它登记下来。

print(f"{type(net.conv1.weight).__name__ = }")
print(f"{isinstance(net.conv1.weight, torch.Tensor) = }")
print(f"{net.conv1.weight.requires_grad = }")

# sphinx_gallery_start_ignore
assert type(net.conv1.weight) is nn.Parameter and net.conv1.weight.requires_grad
# sphinx_gallery_end_ignore

# %%
# 常见错误：把层放进普通列表
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 层多了，你想把它们放进一个列表。普通列表不会被登记，定义网络时也不会报错，直到
# 把参数交给优化器（optimizer，它负责更新参数）才发现一个也没有。如果网络里还有别
# 的层，连这个报错也不会出现。


class Stack(nn.Module):
    def __init__(self, container):
        super().__init__()
        self.layers = container([nn.Linear(4, 4), nn.Linear(4, 2)])


plain = Stack(list)
print(plain, len(list(plain.parameters())), "个参数张量")
try:
    torch.optim.SGD(plain.parameters(), lr=0.01)
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 补救：用 ``nn.ModuleList`` 代替列表。它用起来像列表，但会登记里面的层。

print(Stack(nn.ModuleList))
print(len(list(Stack(nn.ModuleList).parameters())), "个参数张量")

# sphinx_gallery_start_ignore
assert len(list(plain.parameters())) == 0
with torch.device("meta"):
    assert len(list(Stack(nn.ModuleList).parameters())) == 4
# sphinx_gallery_end_ignore

# %%
# 让一张图片通过网络
# ------------------
#
# 这个网络期望 32×32 的单通道图片。MNIST 的图片是 28×28，要先调整尺寸。这里用随
# 机数代替图片，形状的四个数是（批量，通道，高，宽）。

inputs = torch.randn(1, 1, 32, 32)
outputs = net(inputs)
print(outputs)
print(f"{outputs.shape = }")

# sphinx_gallery_start_ignore
assert outputs.shape == (1, 10) and type(outputs.grad_fn).__name__ == "AddmmBackward0"
# sphinx_gallery_end_ignore

# %%
# 输出的形状是 ``(1, 10)``：一个样本，十个得分。它不是长度为 10 的向量，批量那一
# 轴还在。``grad_fn`` 说明它是算出来的，可以反向传播。
#
# 注意写的是 ``net(inputs)``，不是 ``net.forward(inputs)``；两者的差别见练习 4。
#
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    旧教程把输入叫做 ``input``，盖住了 Python 的内置函数 ``input``。这里叫
#    ``inputs``。

# %%
# 用钩子看每一层的形状
# ^^^^^^^^^^^^^^^^^^^^
#
# 钩子（hook）是登记在模块上的函数，模块每算完一次就调用它一次，把输入和输出交给
# 它。下面给五个层各登记一个，记下形状；用完要取下，否则以后每次前向传播还会调
# 用。

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
# 上一层的输出与下一层的输入有时不同，例如 ``conv1`` 给出 28×28，``conv2`` 收到
# 的却是 14×14。中间的池化是函数，没有模块，钩子看不见它。
#
# 要看全每一步，可以把函数换成对应的模块，用 ``nn.Sequential`` 依次串起来。五个
# 层仍是 ``net`` 里的那五个，参数是共用的，所以输出应当完全相同。

steps = nn.Sequential(
    net.conv1, nn.ReLU(), nn.MaxPool2d(2),
    net.conv2, nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(),
    net.fc1, nn.ReLU(), net.fc2, nn.ReLU(), net.fc3,
)
assert torch.equal(steps(inputs), net(inputs))
print("steps 与 net 的输出相同")

# %%
# 再登记一次钩子，这回每一步都看得见。

trace.clear()
hooks = [layer.register_forward_hook(record) for layer in steps]
steps(inputs)
for hook in hooks:
    hook.remove()
print(f"{'输入':16} {trace[0][0]}")
for layer, (_, after) in zip(steps, trace):
    print(f"{type(layer).__name__:18} {after}")

# sphinx_gallery_start_ignore
conv = [(1, 6, 28, 28)] * 2 + [(1, 6, 14, 14)] + [(1, 16, 10, 10)] * 2 + [(1, 16, 5, 5)]
assert [a for _, a in trace] == conv + [(1, n) for n in (400, 120, 120, 84, 84, 10)]
# sphinx_gallery_end_ignore

# %%
# 从上到下读：卷积让通道变多、边长变小，池化让边长减半，``ReLU`` 不改变形
# 状，``Flatten`` 把一个样本的所有特征图（feature map）排成一行，全连接层再把这
# 一行逐步变短。

# %%
# ``16 * 5 * 5`` 从哪里来
# ^^^^^^^^^^^^^^^^^^^^^^^
#
# ``fc1`` 的输入个数不是随意选的，而是由 32 一步步算出来的。5×5 的卷积核不加填充
# （padding），步幅（stride）为 1，边长减少 4；2×2 的池化使边长减半。

side = 32
for layer in (net.conv1, net.conv2):
    side = side - layer.kernel_size[0] + 1
    print(f"卷积后边长 {side}", end="，")
    side = side // 2
    print(f"池化后边长 {side}")
print(f"{net.conv2.out_channels * side * side = }")
assert net.conv2.out_channels * side * side == net.fc1.in_features == 16 * 5 * 5

# %%
# 常见错误：图片尺寸不是 32×32
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 你把 MNIST 的 28×28 图片直接交给网络。卷积和池化都能算，到 ``fc1`` 才失败，因
# 为展平之后不是 400 个数。

digit = torch.randn(1, 1, 28, 28)
try:
    net(digit)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 报错里的 ``1x256`` 是展平后的数据，``400x120`` 是 ``fc1`` 的权重（已转置）。补
# 救：在四周补两圈 0，变成 32×32；或者缩放图片；或者按新尺寸改 ``fc1``（见练习
# 1）。

padded = F.pad(digit, (2, 2, 2, 2))
print(f"{padded.shape = }")
print(f"{net(padded).shape = }")

# sphinx_gallery_start_ignore
assert padded.shape == (1, 1, 32, 32) and net(padded).shape == (1, 10)
# sphinx_gallery_end_ignore

# %%
# 常见错误：通道数不对
# ^^^^^^^^^^^^^^^^^^^^
#
# 你把彩色图片交给了只收一个通道的网络。这次在第一层就失败，报错说明了它要几个、
# 收到几个。

color = torch.randn(1, 3, 32, 32)
try:
    net(color)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 补救：把第一层写成 ``nn.Conv2d(3, 6, 5)``，或者先把图片变成灰度图，例如对三个
# 通道取平均。

gray = color.mean(dim=1, keepdim=True)
print(f"{gray.shape = }")
print(f"{net(gray).shape = }")

# sphinx_gallery_start_ignore
assert gray.shape == (1, 1, 32, 32) and net(gray).shape == (1, 10)
# sphinx_gallery_end_ignore

# %%
# 把网络画出来
# ------------
#
# 论文里常用一张图表示网络：一叠方块是一组特征图，一根竖条是一个向量。下面用刚才
# 记下的形状来画，图与代码因此不会不一致。

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
# 选读：这张图是怎么画的
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 去掉不改变形状的 ``ReLU``，剩下的每个形状画成一块。四个数的形状画成一叠方块，
# 块数是通道数，边长按像素；两个数的形状画成竖条，高度按个数，与方块的比例尺不
# 同。

plt.rc("font", size=12)
plt.rc("figure.constrained_layout", h_pad=0.12)  # 上下留白，单位是英寸

layer_names = {layer: name for name, layer in net.named_children()}
stages = [("inputs", trace[0][0])]
for layer, (_, after) in zip(steps, trace):
    if not isinstance(layer, nn.ReLU):
        stages.append((layer_names.get(layer, type(layer).__name__), after))

# %%
# 两个小函数，一个画一叠方块，一个画竖条，都返回所占的宽度。


def draw_maps(ax, left, channels, side):
    for i in range(channels):
        corner = (left + 1.4 * i, -side / 2 - 0.7 * channels + 1.4 * i)
        ax.add_patch(plt.Rectangle(corner, side, side, fc="#cfe3f5", ec="tab:blue"))
    return side + 1.4 * (channels - 1)


def draw_column(ax, left, size):
    ax.add_patch(plt.Rectangle((left, -size / 20), 7, size / 10, fc="#fbd9b5", ec="tab:orange"))
    return 7

# %%
# 再把各块从左到右排开，块上写形状，块下写这一步的名字，块与块之间画箭头。


def draw_row(ax, row, gap):
    left = 0
    for i, (name, shape) in enumerate(row):
        if i:
            ax.annotate("", (left - 3, 0), (left - gap + 3, 0), arrowprops={"arrowstyle": "->"})
        if len(shape) == 4:
            width = draw_maps(ax, left, *shape[1:3])
            label = f"{shape[1]}@{shape[2]}×{shape[3]}"
        else:
            width, label = draw_column(ax, left, shape[1]), f"{shape[1]}"
        ax.text(left + width / 2, 23, label, ha="center", fontsize=13)
        ax.text(left + width / 2, -27, name, ha="center", fontsize=13)
        left += width + gap
    ax.set(xlim=(-6, 226), ylim=(-30, 30), aspect="equal")
    ax.axis("off")


# %%
# 看图：方块变小变多，向量变短
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 上排从左到右是卷积与池化，下排接着上排的末尾，是展平与全连接层。``6@28×28`` 表
# 示 6 个通道，每个 28×28。``ReLU`` 不改变形状，图中略去。

fig, axes = plt.subplots(2, 1, figsize=(7, 4.6), layout="constrained")
draw_row(axes[0], stages[:5], gap=19)
draw_row(axes[1], stages[5:], gap=58)
fig.suptitle("网络的结构：特征图变小变多，向量变短")
plt.show()

# %%
# 单个样本与小批量
# ----------------
#
# 训练时通常一次处理几个样本，称为小批量（mini-batch）。如果只有一个样本，还要不
# 要批量那一轴？今天的答案是看层。卷积、池化、线性层和交叉熵（cross entropy）损
# 失都接受单个样本：

image = torch.randn(1, 32, 32)
print(f"{nn.Conv2d(1, 6, 5)(image).shape = }")
print(f"{nn.MaxPool2d(2)(image).shape = }")
print(f"{nn.Linear(120, 84)(torch.randn(120)).shape = }")
print(f"{nn.CrossEntropyLoss()(torch.randn(10), torch.tensor(3)).shape = }")

# sphinx_gallery_start_ignore
assert nn.Conv2d(1, 6, 5, device="meta")(image.to("meta")).shape == (6, 28, 28)
assert nn.MaxPool2d(2)(image).shape == (1, 16, 16)
# sphinx_gallery_end_ignore

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    旧教程说 ``torch.nn`` 只支持小批量，``nn.Conv2d`` 的输入必须是四维。当时的
#    卷积确实如此，如今不是，上面的输出就是证据。
#
# 常见错误：把单个样本交给这个网络
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 各层接受单个样本，不等于整个网络也接受。``torch.flatten(x, 1)`` 认定第 0 轴是
# 批量；少了这一轴，它就把 16 个通道当成了 16 个样本。有的层自己也要求批量，例如
# ``nn.BatchNorm2d``。

try:
    net(image)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

try:
    nn.BatchNorm2d(6)(torch.randn(6, 28, 28))
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 补救：用 ``unsqueeze(0)`` 在最前面加一个长度为 1 的轴。

print(f"{image.unsqueeze(0).shape = }")
print(f"{net(image.unsqueeze(0)).shape = }")

# sphinx_gallery_start_ignore
assert net(image.unsqueeze(0)).shape == (1, 10)
# sphinx_gallery_end_ignore

# %%
# 常见错误：让 -1 去猜批量大小
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 你用 ``view(-1, 400)`` 展平，而图片是 28×28 的，池化之后每个样本只有 16×4×4 个
# 数。总数恰好能被 400 整除，``-1`` 就被算成了另一个批量大小，没有任何报错。下面
# 让每个样本里的数都等于它的编号，好看出谁混进了谁。

pooled = torch.arange(25.0).repeat_interleave(256).view(25, 16, 4, 4)
rows = pooled.view(-1, 400)
print(f"{pooled.shape = }")
print(f"{rows.shape = }")
print(f"{rows[0].unique() = }")
print(f"{net.fc1(rows).shape = }")

# sphinx_gallery_start_ignore
assert rows.shape == (16, 400) and all(len(row.unique()) > 1 for row in rows)
# sphinx_gallery_end_ignore

# %%
# 25 个样本变成了 16 行，第一行里既有 0 号样本又有 1 号样本，``fc1`` 照样算下
# 去。补救：用 ``torch.flatten(x, 1)``。它保留批量，错误于是在 ``fc1`` 处现形。

flat = torch.flatten(pooled, 1)
print(f"{flat.shape = }")
try:
    net.fc1(flat)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# sphinx_gallery_start_ignore
assert flat.shape == (25, 256) and rows[0].unique().tolist() == [0, 1]
# sphinx_gallery_end_ignore

# %%
# 反向传播一个随机向量
# --------------------
#
# 有了输出就可以反向传播。输出有十个数，不是标量，所以要给 ``backward`` 一个同样
# 形状的向量，这里随机取一个。先用 ``zero_grad()`` 清掉旧的梯度。

net.zero_grad()
outputs.backward(torch.randn(1, 10))
for parameter in net.parameters():
    assert parameter.grad.shape == parameter.shape
print(f"{net.conv1.bias.grad.shape = }")
print("每个参数的 .grad 都与它自己同形")

# %%
# 随机的向量只是为了看到梯度流遍全网，没有实际意义。真正有意义的向量来自损失函
# 数。

# %%
# 回顾：到这里见过的类
# ^^^^^^^^^^^^^^^^^^^^
#
# - ``torch.Tensor``：多维数组，支持 ``backward()`` 等自动微分操作，并在
#   ``.grad`` 里存梯度；
# - ``nn.Module``：神经网络的模块，收集参数，能整体移到别的设备、保存和载入；
# - ``nn.Parameter``：一种张量，赋给模块的属性时自动登记为参数；
# - ``autograd.Function``：一种运算的前向与反向定义。由需要梯度的张量算出的结
#   果，``grad_fn`` 指向这次运算在计算图里的节点。内置运算的节点由 PyTorch 备
#   好，自己的运算可以写一个 ``Function``。
#
# 前三项看类型，最后一项看 ``grad_fn``：

print(f"{isinstance(outputs, torch.Tensor) = }")
print(f"{isinstance(net, nn.Module) = }")
print(f"{isinstance(net.fc3.bias, nn.Parameter) = }")
print(f"{type(outputs.grad_fn).__name__ = }")

# sphinx_gallery_start_ignore
assert isinstance(net, nn.Module) and isinstance(net.fc3.bias, nn.Parameter)
# sphinx_gallery_end_ignore

# %%
# 六步里已经做了定义网络、前向传播和反向传播。还剩两步：计算损失，更新参数。

# %%
# 选读：自己写一个 Function
# ^^^^^^^^^^^^^^^^^^^^^^^^^
#
# ``forward`` 算出结果并存下以后要用的张量，``backward`` 把收到的梯度乘上导数。
# 节点的名字由类名加 ``Backward`` 组成。3 的平方的导数是 6：


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output


x = torch.tensor(3.0, requires_grad=True)
y = Square.apply(x)
y.backward()
print(f"{type(y.grad_fn).__name__ = }, {x.grad = }")

# sphinx_gallery_start_ignore
assert type(y.grad_fn).__name__ == "SquareBackward" and x.grad == 6
# sphinx_gallery_end_ignore

# %%
# 损失函数
# --------
#
# 损失函数（loss function）收下一对东西：网络的输出和目标（target），给出一个
# 数，说明两者相差多少。最简单的是 ``nn.MSELoss``，即均方误差（mean squared
# error）。

target = torch.randn(10)  # 假想的目标
target = target.view(1, -1)  # 变成与输出相同的形状 (1, 10)
criterion = nn.MSELoss()

outputs = net(inputs)
loss = criterion(outputs, target)
print(loss)
print(f"{loss.shape = }")

# sphinx_gallery_start_ignore
assert loss.dim() == 0 and type(loss.grad_fn).__name__ == "MseLossBackward0"
# sphinx_gallery_end_ignore

# %%
# 损失是零维张量，即标量（scalar），所以下面的 ``loss.backward()`` 不需要参数。
# 名字就是定义：先求差，再平方，再取平均。

torch.testing.assert_close(loss, ((outputs - target) ** 2).mean())
print("MSELoss 与 ((outputs - target) ** 2).mean() 相等")

# %%
# 常见错误：目标的形状不对，只有一个警告
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 你忘了把目标变成 ``(1, 10)``。PyTorch 不报错，只给一个警告，然后按广播
# （broadcasting）的规则把两者扩成同样的形状再相减。

import warnings

print(f"形状 (1, 10)：loss = {loss.item():.4f}")
for shape in [(10,), (10, 1)]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = criterion(outputs, target.view(shape))
    print(f"形状 {shape}：loss = {value.item():.4f}")
    print(f"{caught[0].category.__name__}: {caught[0].message}")

# sphinx_gallery_start_ignore
torch.testing.assert_close(((outputs - target[0]) ** 2).mean(), loss)
assert not torch.isclose(value, loss) and (outputs - target.view(10, 1)).shape == (10, 10)
# sphinx_gallery_end_ignore

# %%
# ``(10,)`` 碰巧对了，因为它扩成了 ``(1, 10)``。``(10, 1)`` 却和输出一起扩成
# ``(10, 10)``，每个输出与每个目标都比了一遍，损失是错的。
#
# 最容易遇到的是回归：网络给出 ``(4, 1)``，标签是 ``(4,)``。下面的预测全对，损失
# 本应是 0（警告与上面的相仿，这里收起不印）。补救：先把标签变成同样的形状。

predictions = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
labels = torch.tensor([1.0, 2.0, 3.0, 4.0])
with warnings.catch_warnings(record=True):
    warnings.simplefilter("always")
    print(f"{criterion(predictions, labels) = }")
print(f"{criterion(predictions, labels.view(-1, 1)) = }")

# sphinx_gallery_start_ignore
assert criterion(predictions, labels.view(-1, 1)) == 0 < (predictions - labels).square().mean()
# sphinx_gallery_end_ignore

# %%
# 选读：目标是整数张量
# ^^^^^^^^^^^^^^^^^^^^
#
# 形状对了，类型是整数也可以：按类型提升的规则，它会先变成浮点数，再参与计算。不
# 过写成浮点数更清楚。

integers = torch.arange(1, 11).view(1, -1)
floats = torch.arange(1.0, 11.0).view(1, -1)
print(f"{integers.dtype = }, {floats.dtype = }")
print(f"{criterion(outputs, integers) = }")
assert torch.equal(criterion(outputs, integers), criterion(outputs, floats))
criterion(net(inputs), integers).backward()  # 反向传播也没有问题

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时把整数目标交给 ``nn.MSELoss`` 会报类型错误，必须先转成浮点数。旧文章里
#    的这条告诫今天不再成立。

# %%
# 沿着计算图往回走
# ----------------
#
# 损失记得自己是怎样算出来的。它的 ``grad_fn`` 是计算图（computational graph）的
# 一个节点，节点的 ``next_functions`` 指向更早的运算，反向传播就沿着它们走。

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
# 线性层有三个来源：``[0][0]`` 是偏置，``[1][0]`` 是它的输入，来自上一个
# ReLU，``[2][0]`` 是转置后的权重。``AccumulateGrad`` 是叶节点（leaf），它把梯度
# 累积到自己的参数上，``variable`` 就是那个参数。

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
#    流传很广的一段代码把 ``next_functions[0][0].next_functions[0][0]`` 注释为
#    ReLU，印出的却是 ``AccumulateGrad``。注释错了：那是 ``fc3.bias`` 的叶节
#    点，ReLU 在 ``[1][0]``。当年的输出里还有两个不同的节点印着相同的内存地址，
#    那只是前一个对象释放后，地址又被用了一次。节点的名字也变了：当年是
#    ``MseLossBackward``，今天末尾多一个 0。

# %%
# 选读：列出整张图
# ^^^^^^^^^^^^^^^^
#
# 只要一直走下去，就能得到整张图。每个节点里，通向参数的分支记在一旁，剩下的那一
# 支是主路，通向更早的层。先写一个小函数：沿着一支走到叶节点，返回它的参数；走不
# 到就返回 ``None``。

names = {parameter: name for name, parameter in net.named_parameters()}


def owned_parameter(node):
    while type(node).__name__ == "TBackward0":  # 转置
        node = node.next_functions[0][0]
    return getattr(node, "variable", None)


# %%
# 然后从损失出发，沿主路往回走。输入图片不需要梯度，所以图在第一个卷积处结束。

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
# 倒过来读，就是 ``forward`` 里的各步再加上损失：卷积、ReLU、池化，各两遍，然后
# 展平，三个线性层（``Addmm``，即矩阵相乘再相加）与其间的 ReLU，最后是均方误差。
# 十个参数各出现一次。
#
# 图里记的是实际执行的运算：展平只换了形状，没有复制数据，所以记作 ``View``。

# %%
# 选读：计算图是怎么画的
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 主路画成中间一列，从上到下。叶节点画在两边：偏置在左，权重在右。线性层的权重经
# 过一次转置，箭头上标 ``T``。

boxes = {"boxstyle": "round,pad=0.35", "lw": 1.2}


def draw_leaf(ax, y, leaf):
    parameter = owned_parameter(leaf)
    is_bias = names[parameter].endswith("bias")
    side, align = (-1, "right") if is_bias else (1, "left")
    style = {"arrowstyle": "->", "color": "grey"}
    ax.annotate("", (1.68 * side, y), (0, y), arrowprops=style, zorder=1)
    ax.text(1.75 * side, y, f"{names[parameter]}\n{tuple(parameter.shape)}",
            ha=align, va="center", ma="center", fontsize=13,
            bbox={**boxes, "fc": "#fbd9b5", "ec": "tab:orange"})
    if type(leaf).__name__ == "TBackward0":
        ax.text(1.15 * side, y + 0.1, "T", ha="center", fontsize=13)


# %%
# 中间一列的节点只写运算名，去掉词尾 ``Backward0``；池化的全名太长，再去掉
# ``WithIndices``。


def draw_graph(ax, path):
    for i, (node, leaves) in enumerate(path):
        if i:
            style = {"arrowstyle": "->", "shrinkB": 13}
            ax.annotate("", (0, -i), (0, -i + 1), arrowprops=style, zorder=1)
        for leaf in leaves:
            draw_leaf(ax, -i, leaf)
        label = type(node).__name__.replace("Backward0", "").replace("WithIndices", "")
        ax.text(0, -i, label, ha="center", va="center", fontsize=13,
                bbox={**boxes, "fc": "#cfe3f5", "ec": "tab:blue"})
    ax.set(xlim=(-3.2, 3.2), ylim=(-len(path) + 0.4, 0.5))
    ax.axis("off")


# %%
# 看图：损失的计算图
# ^^^^^^^^^^^^^^^^^^
#
# 从损失出发，沿 ``next_functions`` 一直走到头，就得到整张图。蓝色是运算，与
# ``forward`` 里的各步一一对应，次序相反：``Addmm`` 是线性层，``View`` 是展平。橙
# 色是叶节点 ``AccumulateGrad``，写着参数的名字和形状，``T`` 表示权重经过一次转置。
#
# 箭头是反向传播的方向：从最上面的损失出发，每经过一层，就把梯度交给这一层的参
# 数。输入图片不需要梯度，图到第一个卷积为止。

fig, ax = plt.subplots(figsize=(7, 9), layout="constrained")
draw_graph(ax, path)
fig.suptitle("损失的计算图：梯度从上往下，流到十个参数")
plt.show()

# %%
# 反向传播损失
# ------------
#
# 现在对损失反向传播。先清掉旧的梯度，再看 ``conv1`` 偏置的梯度在前后有什么变
# 化。

net.zero_grad()
print(f"反向传播前：{net.conv1.bias.grad = }")
loss.backward()
print(f"反向传播后：{net.conv1.bias.grad = }")

# sphinx_gallery_start_ignore
assert all(parameter.grad is not None for parameter in net.parameters())
# sphinx_gallery_end_ignore

# %%
# 清掉之后是 ``None``，表示还没有梯度；之后是六个数，每个输出通道一个。梯度只留
# 在叶张量上，也就是参数上，中间结果不保留。

# %%
# 为什么要清零
# ^^^^^^^^^^^^
#
# ``backward()`` 把新的梯度加到旧的上面，不会替换它。不清零再做一次，参数没有
# 变，梯度却成了两倍。``zero_grad(set_to_none=False)`` 则把梯度填成 0，不换成
# ``None``。训练时忘了清零会怎样，见
# :doc:`《自动微分》 <autograd_automatic_differentiation>`。

first = net.conv1.bias.grad.clone()
criterion(net(inputs), target).backward()
torch.testing.assert_close(net.conv1.bias.grad, 2 * first)
print("没有清零：梯度是原来的两倍")

net.zero_grad(set_to_none=False)
print(f"{net.conv1.bias.grad = }")

# sphinx_gallery_start_ignore
assert net.conv1.bias.grad.abs().sum() == 0
# sphinx_gallery_end_ignore

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    旧教程在反向传播之前印出六个 0。从 2.0 起 ``zero_grad()`` 默认把梯度设为
#    ``None``，更省内存。旧代码若在清零之后直接拿 ``p.grad`` 去计算，会因为它是
#    ``None`` 而出错，这时可以写 ``set_to_none=False``。

# %%
# 更新参数
# --------
#
# 最简单的更新规则是随机梯度下降（stochastic gradient descent，SGD）：沿梯度的反
# 方向走一小步，步子的大小由学习率（learning rate）:math:`\eta` 决定。说“随机”，
# 是因为每一步的梯度只由随机取出的几个样本算得。
#
# .. math::
#
#    w \leftarrow w - \eta \frac{\partial L}{\partial w}
#
# 更新本身不应当被 autograd 记录，所以放在 ``torch.no_grad()`` 里。更新前先复制
# 一份网络，留作比较。

import copy

twin = copy.deepcopy(net)
learning_rate = 0.01

net.zero_grad()
loss = criterion(net(inputs), target)
loss.backward()
with torch.no_grad():
    for parameter in net.parameters():
        parameter -= learning_rate * parameter.grad

# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    旧教程写 ``f.data.sub_(f.grad.data * learning_rate)``。``.data`` 绕过
#    autograd，也绕过它的检查，改错了不会有人提醒。今天写
#    ``with torch.no_grad():``。

# %%
# 常见错误：更新时忘了 ``no_grad``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 你直接在参数上做减法。参数是需要梯度的叶张量，在记录运算的时候不许原地
# （in-place）改它。

try:
    for parameter in net.parameters():
        parameter -= learning_rate * parameter.grad
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 补救：像上面那样放进 ``with torch.no_grad():``。

# %%
# 换成优化器
# ^^^^^^^^^^
#
# ``torch.optim`` 里有各种更新规则：SGD、Nesterov 动量、Adam、RMSprop 等。优化器
# 收下参数和学习率，``step()`` 更新一次。创建优化器以后的五行是训练循环的标准写
# 法，用在刚才的副本上：

from torch import optim

optimizer = optim.SGD(twin.parameters(), lr=learning_rate)

optimizer.zero_grad()  # 清掉旧的梯度
outputs = twin(inputs)  # 前向传播
loss = criterion(outputs, target)  # 计算损失
loss.backward()  # 反向传播
optimizer.step()  # 更新参数

# %%
# 手写的更新与 ``optim.SGD`` 是否相同？逐个比较十个参数，再看损失是不是变小了。

for ours, theirs in zip(net.parameters(), twin.parameters()):
    torch.testing.assert_close(ours, theirs)
print("十个参数：手写的更新与 optim.SGD 一致")
updated = criterion(net(inputs), target)
print(f"更新前 {loss.item():.4f}，更新后 {updated.item():.4f}")

# sphinx_gallery_start_ignore
assert updated < loss and len(list(twin.parameters())) == 10
# sphinx_gallery_end_ignore

# %%
# 重复几步，损失下降
# ^^^^^^^^^^^^^^^^^^
#
# 把五行放进循环。输入和目标不变，每一步的损失都比前一步小。

optimizer = optim.SGD(net.parameters(), lr=learning_rate)
losses = []
for step in range(5):
    optimizer.zero_grad()
    outputs = net(inputs)
    loss = criterion(outputs, target)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    print(f"第 {step + 1} 步  loss = {loss.item():.4f}")
assert losses == sorted(losses, reverse=True)

# %%
# 换一种更新规则，只换一行
# ^^^^^^^^^^^^^^^^^^^^^^^^
#
# 循环不必改，换掉创建优化器的那一行就行。下面三次训练从同一份参数出发。


def train(make_optimizer, steps=60):
    model = copy.deepcopy(net)
    optimizer = make_optimizer(model.parameters())
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = criterion(model(inputs), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %%
# 纵轴是对数刻度，每往下一大格，损失缩小到十分之一。三次的学习率不全相同，又只有
# 一个样本，所以这张图不说明谁更好。

curves = {
    "SGD": train(lambda p: optim.SGD(p, lr=0.01)),
    "SGD, momentum=0.9": train(lambda p: optim.SGD(p, lr=0.01, momentum=0.9)),
    "Adam": train(lambda p: optim.Adam(p, lr=0.001)),
}
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for (label, losses), line in zip(curves.items(), ("-", "--", ":")):
    ax.semilogy(losses, line, label=label, lw=2.5)
ax.set_title("同一个循环，三种更新规则：损失都降下来了")
ax.set(xlabel="步", ylabel="loss")
ax.legend()
plt.show()

# sphinx_gallery_start_ignore
assert all(losses[-1] < losses[0] / 2 for losses in curves.values())
# sphinx_gallery_end_ignore

# %%
# 在一个样本上把损失降下去，只说明代码是通的，不说明网络学到了什么。不过这是很好
# 的检查：如果连一个样本都记不住，代码多半有错。

# %%
# 从头到尾写一遍
# --------------
#
# 最后用一个更小的网络把全过程连起来：一个卷积层，一个全连接层。32×32 的图片经过
# 5×5 的卷积是 28×28，池化后是 14×14，所以全连接层的输入是 6×14×14 个数。输出层
# 之后不加 ReLU，否则输出不会有负数，而目标里有。


class SmallNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 5)
        self.fc = nn.Linear(6 * 14 * 14, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        return self.fc(torch.flatten(x, 1))


# %%
# 注释里的数字对应开头的六步。第 2 步在这里只是重复同一批数据，换成数据加载器就
# 是真正的训练。

torch.manual_seed(0)
inputs, target = torch.randn(4, 1, 32, 32), torch.randn(4, 10)

small = SmallNet()  # 1 定义网络
criterion = nn.MSELoss()
optimizer = optim.SGD(small.parameters(), lr=0.01)
for step in range(5):  # 2 迭代
    optimizer.zero_grad()
    outputs = small(inputs)  # 3 前向传播
    loss = criterion(outputs, target)  # 4 计算损失
    loss.backward()  # 5 反向传播
    optimizer.step()  # 6 更新参数
    print(f"第 {step + 1} 步  loss = {loss.item():.4f}")

# sphinx_gallery_start_ignore
assert small.fc.in_features == 1176 and criterion(small(inputs), target) < loss
assert (target < 0).any()
# sphinx_gallery_end_ignore

# %%
# 小结
# ----
#
# - 网络是 ``nn.Module`` 的子类：``__init__`` 里建层，``forward`` 里写前向传播，
#   反向传播不用写。
# - 层要赋给 ``self`` 的属性或放进 ``nn.ModuleList``；放进普通列表就没有登记。
# - 全连接层的输入个数由图片尺寸决定：卷积减 4，池化减半，最后是 16×5×5。钩子能
#   看到每一步。
# - 许多层接受单个样本，这个网络不接受；``unsqueeze(0)`` 补上批量那一轴。
# - 损失的 ``grad_fn`` 通向整张计算图，十个参数都在它的叶节点上。
# - 目标形状不对时只有警告，``view(-1, …)`` 猜错批量时连警告也没有。
# - 梯度会累积，所以每步先 ``zero_grad()``；之后梯度是 ``None``。
# - 手写的更新与 ``optim.SGD`` 结果一致；换一种更新规则，训练循环的五行不变。

# %%
# 练习
# ----
#
# 1. 让网络接收 28×28 的彩色图片，要改哪两层？改成什么？
# 2. 不运行代码，算出把 ``conv1`` 的输出通道从 6 改成 12（``conv2`` 随之改）之后
#    的参数总数。
# 3. 只改 ``forward`` 里的一行，使网络既接受小批量，也接受单个样本。
# 4. 给 ``net`` 本身登记一个钩子，比较 ``net(x)`` 与 ``net.forward(x)``。
# 5. 手写带动量（momentum）的 SGD，并与 ``optim.SGD(momentum=0.9)`` 比较。
#
# 答案：28×28 的彩色图片
# ^^^^^^^^^^^^^^^^^^^^^^^
#
# 彩色图片有三个通道，改 ``conv1``。边长依次是 24、12、8、4，所以 ``fc1`` 的输入
# 是 16×4×4。其余照旧，继承 ``Net`` 就行。


class ColorNet(Net):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.fc1 = nn.Linear(16 * 4 * 4, 120)


print(f"{ColorNet()(torch.randn(2, 3, 28, 28)).shape = }")

# sphinx_gallery_start_ignore
with torch.device("meta"):
    assert ColorNet()(torch.randn(2, 3, 28, 28)).shape == (2, 10)
# sphinx_gallery_end_ignore

# %%
# 答案：加宽之后的参数个数
# ^^^^^^^^^^^^^^^^^^^^^^^^
#
# ``conv1`` 多出 6 个输出通道，每个有 1×5×5 个权重和一个偏置；``conv2`` 的 16 个
# 输出通道各多出 6×5×5 个权重，偏置不变。其余各层不受影响。

wide = Net()
wide.conv1 = nn.Conv2d(1, 12, 5)
wide.conv2 = nn.Conv2d(12, 16, 5)
counted = sum(parameter.numel() for parameter in wide.parameters())
expected = total + 6 * (1 * 5 * 5 + 1) + 16 * 6 * 5 * 5
print(f"{expected = }, {counted = }")
assert counted == expected

# %%
# 答案：也接受单个样本
# ^^^^^^^^^^^^^^^^^^^^
#
# 从后往前数：展平最后三个轴，即通道、高、宽，前面有没有批量都可以。


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
# 答案：``net(x)`` 与 ``net.forward(x)``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# ``net(x)`` 在 ``forward`` 之外还负责调用钩子。直接写 ``net.forward(x)``，输出
# 相同，``net`` 上的钩子却不会被调用。所以总是写 ``net(x)``。

calls = []
hook = net.register_forward_hook(lambda module, args, output: calls.append("hook"))
x = torch.randn(1, 1, 32, 32)
called = net(x)
print(f"net(x) 之后，钩子被调用 {len(calls)} 次")
direct = net.forward(x)
print(f"net.forward(x) 之后，仍是 {len(calls)} 次")
hook.remove()
assert torch.equal(called, direct) and calls == ["hook"]

# %%
# 答案：手写动量
# ^^^^^^^^^^^^^^
#
# 动量记住过去的梯度：先 :math:`v \leftarrow 0.9\,v + g`，再
# :math:`w \leftarrow w - \eta\,v`。每个参数有自己的 :math:`v`，从 0 开始。

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

# %%
# 三步之后逐个比较：

for a, b in zip(ours.parameters(), theirs.parameters()):
    torch.testing.assert_close(a, b)
print("三步之后，手写的动量与 optim.SGD 一致")

# %%
# 接下来
# ------
#
# 下一页是
# :doc:`《训练图像分类器》 <training_a_classifier>`，用真正的图片训练几乎同样的网络。
# 想看 ``torch.nn`` 还有哪些层和损失函数，查
# `官方文档 <https://docs.pytorch.org/docs/stable/nn.html>`__。
