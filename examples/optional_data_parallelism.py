"""
数据并行
========

这一页是选读：数据并行（data parallelism）把一批数据分给几个设备同时计算，只有一个设备时
不需要它。读完之后，你能说出一批数据在多个 GPU 上怎样分开、怎样合起来，不用 GPU 就能推算出
每个 GPU 分到几个样本；你还会真的启动两个进程，用今天推荐的方式训练一步，并逐项核对结果。

**你将学到**：``.to(device)`` 对张量和对模块的差别；``DataParallel`` 在每次前向传播中做的
四件事；2 个、3 个和 8 个 GPU 各自的输出；用 ``torchrun`` 运行 ``DistributedDataParallel``。

**需要先会**：张量的形状和梯度，会写一个 ``nn.Module``，会用数据加载器。
"""

# %%
# 把模型和数据放到同一个设备上
# ----------------------------
#
# 张量（tensor）和模型都有所在的设备（device）：CPU，或者 GPU 一类的加速器
# （accelerator）。下面先问本机有没有可用的加速器，没有就用 CPU。后面的代码只写
# ``device``，换一台机器也不用改。

import torch
from torch import nn

torch.manual_seed(0)

if torch.accelerator.is_available():
    device = torch.accelerator.current_accelerator()
else:
    device = torch.device("cpu")
print(f"{device.type = }")

# %%
# 张量的 ``to`` 不改动原来的张量，而是返回结果：需要改变时返回一个新张量，本来就符合
# 要求时返回它自己。这里用数据类型来演示，设备也是同样的规则。

x = torch.rand(3, 5)
y = x.to(torch.float64)
print(f"{x.dtype = }")
print(f"{y.dtype = }")
print(f"{y is x = }")
print(f"{x.to('cpu') is x = }")

# sphinx_gallery_start_ignore
assert x.dtype == torch.float32 and y.dtype == torch.float64 and x.to("cpu") is x
# sphinx_gallery_end_ignore

# %%
# 模块（module）的 ``to`` 不同：它原地（in-place）更换模块里的参数，返回的就是模块自己，
# 不接住返回值也已经生效。

layer = nn.Linear(5, 2)
print(f"{layer.weight.dtype = }")
result = layer.to(torch.float64)
print(f"{layer.weight.dtype = }")
print(f"{result is layer = }")

# sphinx_gallery_start_ignore
assert result is layer and layer.weight.dtype == torch.float64
# sphinx_gallery_end_ignore

# %%
# 注意 ``device`` 是一个设备。``model.to(device)`` 把模型放到一个 GPU 上，不会把它分到多个
# GPU 上；那是后面 ``DataParallel`` 的事。
#
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    旧教程写 ``torch.device("cuda:0" if torch.cuda.is_available() else "cpu")``。这一行
#    今天仍然可用，只是它只认 CUDA；``torch.accelerator`` 还认得其他厂商的加速器。

# %%
# 常见错误：没有接住张量的新副本
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# ``layer`` 已经换成 float64，输入 ``x`` 也调用了 ``to``，却没有把返回值赋给变量。

x.to(torch.float64)  # 返回值被丢掉了
try:
    layer(x)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# ``x`` 还是原来的 ``x``，仍是 float32。补救：写成 ``x = x.to(...)``。换设备时忘了接住，
# 得到的是另一条异常，说张量不在同一个设备上，原因相同。

x = x.to(torch.float64)
print(f"{layer(x).shape = }")

# %%
# 常见错误：写死了设备的名字
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 从别处抄来的代码常写着 ``.to("cuda")``。机器上有 CUDA 设备时它正常工作，没有时就报错，
# 报什么错还取决于装的是哪一种安装包。

try:
    print(f"本机有 CUDA 设备：{torch.rand(2).to('cuda').device}")
except (RuntimeError, AssertionError) as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[0]}")

# %%
# 补救的办法就是本页开头的那几行：先问，再用。

print(f"{torch.rand(2).to(device).shape = }")

# %%
# 准备数据和模型
# --------------
#
# 实验很小：输入 5 个数，输出 2 个数，一共 100 个样本，批量大小（batch size）是 30。

from torch.utils.data import DataLoader, Dataset

input_size, output_size = 5, 2
batch_size, data_size = 30, 100

# %%
# 数据集（dataset）是一个类。按编号取样本的数据集要写两个方法：``__getitem__`` 给出一个
# 样本，``__len__`` 说明一共有多少个。数据是随机数，内容并不重要。


class RandomDataset(Dataset):
    def __init__(self, size, length):
        self.data = torch.randn(length, size)

    def __getitem__(self, index):
        return self.data[index]

    def __len__(self):
        return len(self.data)


# %%
# 数据加载器（data loader）把样本凑成批。100 不是 30 的倍数，最后一批只有剩下的 10 个；
# 这个 10 后面会很有用。

dataset = RandomDataset(input_size, data_size)
rand_loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
print(f"{len(rand_loader) = }")
print(f"每批的样本数：{[len(batch) for batch in rand_loader]}")

# sphinx_gallery_start_ignore
assert [len(batch) for batch in rand_loader] == [30, 30, 30, 10]
# sphinx_gallery_end_ignore

# %%
# 模型只有一个线性层。它在前向传播（forward pass）时打印自己看到的形状，这样就能知道一次
# 计算究竟处理了几个样本。看每个形状的第 0 维。


class Model(nn.Module):
    def __init__(self, input_size, output_size):
        super().__init__()
        self.fc = nn.Linear(input_size, output_size)

    def forward(self, x):
        output = self.fc(x)
        print(f"    In Model: input size {list(x.shape)} output size {list(output.shape)}")
        return output


# %%
# 常见错误：数据集忘了写长度
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 有些教程说“只要实现 ``__getitem__``”。照做之后，数据加载器还没取出一个样本就停下了。


class NoLength(Dataset):
    def __getitem__(self, index):
        return torch.zeros(5)


try:
    DataLoader(NoLength(), batch_size=30, shuffle=True)
except TypeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 打乱次序要先知道一共有多少个样本，所以取样器（sampler）会调用 ``len``。补救：写上
# ``__len__``，上面的 ``RandomDataset`` 就是写全了的样子。

# %%
# 用一行代码并行
# --------------
#
# 有几个 GPU 时，若不另作安排，PyTorch 只用其中一个。``nn.DataParallel`` 把模型包装起来，之后
# 每一批数据会自动分给所有 GPU。``net`` 是模型本身；GPU 不止一个时，``model`` 是包装后的它。

net = Model(input_size, output_size).to(device)
model = net
if torch.cuda.device_count() > 1:
    print(f"使用 {torch.cuda.device_count()} 个 GPU")
    model = nn.DataParallel(net)

# %%
# 没有 GPU 时也可以包装，只是什么也不会发生：它手里没有设备，前向传播直接调用里面的模块。

wrapped = nn.DataParallel(nn.Linear(5, 2))
print(f"{wrapped.device_ids = }")

# sphinx_gallery_start_ignore
assert torch.cuda.is_available() or wrapped.device_ids == []
# sphinx_gallery_end_ignore

# %%
# 运行一遍。``In Model`` 由模型打印，``Outside`` 由循环打印。

for data in rand_loader:
    data = data.to(device)
    output = model(data)
    print(f"Outside: input size {list(data.shape)} output size {list(output.shape)}")

# %%
# 没有 GPU 或只有一个 GPU 时，每批整个交给模型，四批就是四对，里外的形状相同，正如预期。
# 有多个 GPU 时，一行 ``Outside`` 前面会有好几行 ``In Model``。接下来不用 GPU 就能看到它们。
#
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    旧代码在 ``__init__`` 里写 ``super(Model, self).__init__()``。它今天仍然有效，现在写
#    ``super().__init__()`` 就够了。

# %%
# 每次前向传播时的四步
# --------------------
#
# ``DataParallel`` 在每次前向传播时依次做四件事：
#
# 1. **分发（scatter）**：沿第 0 维把这一批切成几块，每个 GPU 一块。
# 2. **复制（replicate）**：把模型复制到每个分到数据的 GPU 上，得到几个副本（replica）。
# 3. **并行计算（parallel_apply）**：每个 GPU 一个线程，各算各的一块。
# 4. **汇集（gather）**：把各块的输出按原来的次序接起来，默认放在第一个 GPU 上。

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
# 两个小函数，一个画方框，一个画箭头。

plt.rc("figure.constrained_layout", h_pad=0.12)  # 上下留白，单位是英寸


def draw_box(ax, x, y, label, color):
    style = {"boxstyle": "round,pad=0.5", "facecolor": color, "edgecolor": "0.4"}
    ax.text(x, y, label, ha="center", va="center", fontsize=13, bbox=style)


def draw_arrow(ax, start, end):
    style = {"arrowstyle": "-|>", "color": "0.3", "linewidth": 1.5}
    ax.annotate("", xy=end, xytext=start, arrowprops=style)


# %%
# 每一列是一个 GPU，从上到下是时间。

lanes = {"GPU 0": 4.6, "GPU 1": 8.2}
rows = {"scatter": 6.6, "replicate": 4.8, "parallel_apply": 3.0, "gather": 1.2}
words = {"scatter": "分发", "replicate": "复制", "parallel_apply": "并行计算", "gather": "汇集"}


def draw_lane(ax, lane, replica, size):
    x = lanes[lane]
    ax.axvspan(x - 1.6, x + 1.6, color="0.95", zorder=0)
    ax.text(x, 9.6, lane, ha="center", fontsize=14)
    draw_box(ax, x, rows["scatter"], f"{size} 个样本", "#cfe2f3")
    draw_box(ax, x, rows["replicate"], f"副本 {replica}", "#fce5cd")
    draw_box(ax, x, rows["parallel_apply"], f"{size} 个输出", "#d9ead3")
    draw_arrow(ax, (x, 6.1), (x, 5.3))
    draw_arrow(ax, (x, 4.3), (x, 3.5))


# %%
# 四步的图
# ^^^^^^^^
#
# 两个 GPU、一批 30 个样本时是这样。整批数据和最后的输出都在 GPU 0 上，所以它的负担比别的 GPU
# 重。

fig, ax = plt.subplots(figsize=(7, 6), layout="constrained")
fig.suptitle("数据并行的四步：分发、复制、并行计算、汇集", fontsize=15)
for replica, chunk in enumerate(torch.chunk(torch.zeros(batch_size, input_size), 2)):
    draw_lane(ax, f"GPU {replica}", replica, len(chunk))
draw_box(ax, lanes["GPU 0"], 8.4, "一批 30 个样本", "#cfe2f3")
draw_box(ax, lanes["GPU 0"], rows["gather"], "30 个输出", "#d9ead3")
for x in lanes.values():
    draw_arrow(ax, (lanes["GPU 0"], 7.9), (x, 7.1))
    draw_arrow(ax, (x, 2.5), (lanes["GPU 0"], 1.7))
draw_arrow(ax, (5.5, 4.8), (7.3, 4.8))
for label, y in rows.items():
    ax.text(0, y, f"{words[label]}\n{label}", va="center", fontsize=13)
ax.set(xlim=(0, 9.8), ylim=(0.3, 10.2))
ax.axis("off")
plt.show()

# %%
# 在 CPU 上照做一遍
# ^^^^^^^^^^^^^^^^^
#
# 四步里没有一步非要 GPU 不可。``DataParallel`` 切分数据用的就是 ``torch.chunk`` 的规则，所以
# 下面这个函数会切出与 ``n_gpus`` 个 GPU 上相同的块，只是各副本依次计算，而不是同时。

import copy

batches = [batch.to(device) for batch in rand_loader]


def fake_data_parallel(module, batch, n_gpus):
    chunks = torch.chunk(batch, n_gpus)  # 分发
    replicas = [copy.deepcopy(module) for _ in chunks]  # 复制
    outputs = [replica(chunk) for replica, chunk in zip(replicas, chunks)]  # 计算
    return torch.cat(outputs)  # 汇集


def run(n_gpus):
    for batch in batches:
        output = fake_data_parallel(net, batch, n_gpus)
        print(f"Outside: input size {list(batch.shape)} output size {list(output.shape)}")


# %%
# 2 个、3 个和 8 个 GPU 的输出
# ----------------------------
#
# 两个 GPU：前三批各分成 15 和 15，最后一批分成 5 和 5。

run(2)

# %%
# 三个 GPU：前三批各分成三个 10。最后一批的 10 个样本分成 4、4、2，而不是 4、3、3。

run(3)

# %%
# 八个 GPU：前三批各是七个 4 加一个 2。最后一批只有五行 ``In Model``，每行 2 个样本，另外三个
# GPU 没有分到任何样本。

run(8)

# %%
# 数一数行数。``In Model`` 的行数就是各批切出的块数之和。

for n_gpus in [1, 2, 3, 8]:
    lines = sum(len(torch.chunk(batch, n_gpus)) for batch in batches)
    print(f"{n_gpus} 个 GPU：In Model {lines} 行，Outside {len(batches)} 行")

# sphinx_gallery_start_ignore
assert [sum(len(b.chunk(n)) for b in batches) for n in [1, 2, 3, 8]] == [4, 8, 12, 29]
# sphinx_gallery_end_ignore

# %%
# 在真正的多 GPU 机器上，同一批里各行的先后是不定的：每个 GPU 由一个线程负责，哪个线程先
# 打印，哪一行就在前面。每次运行的次序可能不同，那一行 2 个样本的不一定排在最后；行数和
# 形状不变。

# %%
# 为什么是 4、4、2
# ^^^^^^^^^^^^^^^^
#
# ``torch.chunk`` 先定每块的大小，再一块一块地切。:math:`N` 个样本分给 :math:`n` 个 GPU 时，
# 块的大小 :math:`k` 和块数 :math:`m` 都向上取整：
#
# .. math::
#
#    k = \left\lceil \frac{N}{n} \right\rceil, \qquad
#    m = \left\lceil \frac{N}{k} \right\rceil
#
# 10 个样本分给 8 个 GPU 时，每块 2 个，5 块就切完了。下面把公式同 ``torch.chunk`` 逐一比较。

import math


def chunk_sizes(n_samples, n_gpus):
    return [len(chunk) for chunk in torch.chunk(torch.zeros(n_samples), n_gpus)]


for n_samples in range(1, 201):
    for n_gpus in range(1, 33):
        size = math.ceil(n_samples / n_gpus)
        sizes = chunk_sizes(n_samples, n_gpus)
        assert max(sizes) == size and len(sizes) == math.ceil(n_samples / size)
print("200 种样本数、32 种 GPU 数，公式全部成立")

# %%
# PyTorch 里另有 ``torch.tensor_split``，它先定块数，再尽量分匀。两者并排看，差别很清楚。

for n_samples, n_gpus in [(30, 8), (10, 3), (10, 8)]:
    even = [len(part) for part in torch.tensor_split(torch.zeros(n_samples), n_gpus)]
    print(f"{n_samples} 个样本，{n_gpus} 个 GPU")
    print(f"    chunk        {chunk_sizes(n_samples, n_gpus)}")
    print(f"    tensor_split {even}")

# sphinx_gallery_start_ignore
assert chunk_sizes(30, 8) == [4] * 7 + [2] and chunk_sizes(10, 8) == [2] * 5
assert chunk_sizes(10, 3) == [4, 4, 2] and even == [2, 2] + [1] * 6
# sphinx_gallery_end_ignore

# %%
# 谁在空闲
# ^^^^^^^^
#
# 把每个 GPU 分到的样本数画出来。除不尽时就可能有 GPU 空着：8 个样本分给 8 个 GPU，每个 GPU 都有
# 一个；10 个样本反而空下三个 GPU。所以批量大小最好是 GPU 数的整数倍。


def draw_shares(ax, n_samples, n_gpus):
    sizes = chunk_sizes(n_samples, n_gpus)
    bars = ax.bar(range(len(sizes)), sizes, color="tab:blue")
    ax.bar_label(bars, fontsize=11)
    for gpu in range(len(sizes), n_gpus):
        ax.axvspan(gpu - 0.4, gpu + 0.4, color="0.9")
        ax.text(gpu, 10, "空\n闲", ha="center", va="center", fontsize=12)
    ax.set_title(f"{n_gpus} 个 GPU，{n_samples} 个样本", fontsize=12)
    ax.set(xticks=range(n_gpus), ylim=(0, 20), xlim=(-0.6, n_gpus - 0.4))


# %%
# 左边一列是前三批的样子，右边一列是最后一批。

fig, axes = plt.subplots(3, 2, figsize=(7, 7), layout="constrained", sharey=True)
for row, n_gpus in zip(axes, [2, 3, 8]):
    for ax, n_samples in zip(row, [30, 10]):
        draw_shares(ax, n_samples, n_gpus)
fig.supxlabel("GPU 编号", fontsize=12)
fig.supylabel("样本数", fontsize=12)
fig.suptitle("每个 GPU 分到的样本数：8 个 GPU 分 10 个样本，3 个空闲", fontsize=14)
plt.show()

# sphinx_gallery_start_ignore
assert 8 - len(chunk_sizes(10, 8)) == 3 and len(chunk_sizes(8, 8)) == 8
# sphinx_gallery_end_ignore

# %%
# 输出和梯度都没有变
# ------------------
#
# 分开计算不应当改变结果。先看输出：汇集之后，与整批一次算出的相同。这里直接用 ``net`` 里的
# 线性层，免得再打印一遍形状。

layer = net.fc
for n_gpus in [2, 3, 8]:
    for batch in batches:
        torch.testing.assert_close(fake_data_parallel(layer, batch, n_gpus), layer(batch))
print("2、3、8 个 GPU，四批数据，输出全部相同")

# %%
# 再看梯度（gradient）。损失在汇集之后的整批输出上计算。反向传播（backpropagation）时，每个副本
# 只得到自己那一块的梯度，``DataParallel`` 把它们加起来，记在原来的模型上。下面照样做，再同不切分
# 时的梯度比较。``torch.autograd.grad`` 直接返回梯度，不写进 ``grad`` 属性。


def summed_gradient(layer, batch, n_gpus):
    chunks = torch.chunk(batch, n_gpus)
    replicas = [copy.deepcopy(layer) for _ in chunks]
    outputs = torch.cat([replica(chunk) for replica, chunk in zip(replicas, chunks)])
    outputs.square().mean().backward()
    return sum(replica.weight.grad for replica in replicas)


whole = torch.autograd.grad(layer(batches[0]).square().mean(), layer.weight)[0]
for n_gpus in [2, 3, 8]:
    torch.testing.assert_close(summed_gradient(layer, batches[0], n_gpus), whole)
print("2、3、8 个 GPU，各副本的梯度之和等于整批的梯度")

# %%
# 常见错误：状态字典里多出 module 前缀
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 在多 GPU 机器上保存了包装后的模型的状态字典（``state_dict``），拿到别处装进没有包装的模型。

saved = nn.DataParallel(copy.deepcopy(net)).state_dict()
fresh = Model(input_size, output_size).to(device)
print(f"{list(saved) = }")
try:
    fresh.load_state_dict(saved)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}".expandtabs(4))

# %%
# 包装器把原来的模型放在自己的 ``module`` 属性里，名字因此都多了一段 ``module.``。最好的办法
# 是保存时就取里面的模型，写 ``model.module.state_dict()``。文件已经存成这样时，去掉前缀再装。

from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

consume_prefix_in_state_dict_if_present(saved, "module.")
print(f"{list(saved) = }")
print(fresh.load_state_dict(saved))
torch.testing.assert_close(fresh.fc.weight, net.fc.weight)

# %%
# 今天用什么
# ----------
#
# ``DataParallel`` 只要改一行，适合用来理解数据并行。真要训练，PyTorch 的文档建议用分布式
# 数据并行（distributed data parallel，DDP），只有一台机器时也是如此。两者的差别：
#
# - **进程**：``DataParallel`` 是一个进程里的多个线程，受 Python 全局解释器锁（GIL）的限制，同一
#   时刻只有一个线程在执行 Python 代码；DDP 是每个设备一个进程，各有各的解释器。
# - **复制**：``DataParallel`` 每次前向传播都重新复制模型；DDP 只在开始时把权重从第一个进程
#   发给大家一次。
# - **梯度**：``DataParallel`` 把各副本的梯度加到第一个 GPU 的模型上；DDP 用全归约
#   （all-reduce）求平均，各进程得到同一份。
# - **更新**：``DataParallel`` 只更新第一个 GPU 上的模型；DDP 的每个进程用同样的梯度各自更新，
#   权重因此一直相同。
# - **范围**：``DataParallel`` 限于一台机器上的 GPU；DDP 可以跨机器，也可以只用 CPU。
#
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    旧教程通篇只讲 ``DataParallel``，并说 ``model.to(device)`` 把模型放到多个 GPU 上。后一句
#    不对：模型只到一个 GPU 上，分到多个 GPU 是包装器在每次前向传播时做的。

# %%
# DDP 在 PyTorch 里是 ``DistributedDataParallel`` 这个包装器。用它之前先认识三个词：一起工作
# 的几个进程是一个**进程组**（process group）；每个进程的编号叫 **rank**，从 0 数起；进程总数
# 叫 **world size**。

# %%
# 常见错误：没有先建立进程组
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 像 ``DataParallel`` 那样直接包装，马上就会出错。

from torch.nn.parallel import DistributedDataParallel

try:
    DistributedDataParallel(nn.Linear(5, 2))
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# sphinx_gallery_start_ignore
assert "recommended to use :class:`~torch.nn.parallel.Dist" in nn.DataParallel.__doc__
assert "[rank{" in __import__("inspect").getsource(torch.distributed.init_process_group)
# sphinx_gallery_end_ignore

# %%
# DDP 要同其他进程通信，所以先要有进程组。补救：在脚本里先调用 ``init_process_group``，并用
# ``torchrun`` 启动脚本，由它告诉每个进程自己的 rank。后面就这样做。

# %%
# 每个进程拿到哪些样本
# --------------------
#
# DDP 不切分数据，每个进程从自己的数据加载器里取。``DistributedSampler`` 负责分配编号。平时
# 它从进程组得知 rank；这里直接告诉它，不启动进程也能看到两边各拿到什么。

from torch.utils.data import DistributedSampler

samplers = [DistributedSampler(dataset, num_replicas=2, rank=rank) for rank in range(2)]
shares = [list(sampler) for sampler in samplers]
for rank in range(2):
    print(f"rank {rank}：{len(shares[rank])} 个样本，开头是 {shares[rank][:6]}")
print(f"没有重复：{set(shares[0]).isdisjoint(shares[1])}")
print(f"合起来是全体：{sorted(shares[0] + shares[1]) == list(range(data_size))}")

# sphinx_gallery_start_ignore
assert sorted(shares[0] + shares[1]) == list(range(100)) and len(shares[0]) == 50
# sphinx_gallery_end_ignore

# %%
# 次序是打乱过的。打乱用的种子取决于轮（epoch）的编号，取样器自己不知道到了第几轮，所以每轮开始时
# 要调用 ``set_epoch``。这里有意只让 rank 1 调用：rank 0 每一轮的次序都一样。

for epoch in range(3):
    samplers[1].set_epoch(epoch)
    print(f"第 {epoch} 轮：rank 0 {list(samplers[0])[:4]}，rank 1 {list(samplers[1])[:4]}")

# sphinx_gallery_start_ignore
assert list(samplers[0]) == shares[0] and list(samplers[1]) != shares[1]
# sphinx_gallery_end_ignore

# %%
# 只有一边调用还有一个坏处：两边打乱的方式不同，合起来有重复，也就有遗漏。两边都用同一个轮的
# 编号调用之后，又正好合成全体。

print(f"只有一边调用，有重复：{not set(samplers[0]).isdisjoint(samplers[1])}")
samplers[0].set_epoch(2)
print(f"两边都调用，没有重复：{set(samplers[0]).isdisjoint(samplers[1])}")

# sphinx_gallery_start_ignore
assert set(samplers[0]).isdisjoint(samplers[1]) and list(samplers[0]) != shares[0]
# sphinx_gallery_end_ignore

# %%
# 真的运行一次 DDP
# ----------------
#
# 下面要启动两个进程，在 CPU 上训练一步。两个进程运行的是同一个脚本 ``ddp_demo.py``。它分四段
# 写在字符串 ``demo`` 里，先读一遍，再存成文件运行。
#
# 第一段建立进程组。``gloo`` 是能在 CPU 上通信的后端。函数 ``same`` 用 ``all_gather`` 收集
# 各进程手里的张量，逐个数比较；``say`` 把一行连同换行一次写出，两个进程的字才不会混在一行里。

demo = r"""# 用两个进程运行：torchrun --standalone --nproc_per_node=2 ddp_demo.py
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

dist.init_process_group("gloo")
rank, world_size = dist.get_rank(), dist.get_world_size()


def same(tensor):
    copies = [torch.empty_like(tensor) for _ in range(world_size)]
    dist.all_gather(copies, tensor)
    return all(torch.equal(tensor, other) for other in copies)


def say(text):
    print(f"rank {rank}: {text}\n", end="")
"""

# %%
# 第二段是数据和模型。数据由同一个种子产生，各进程相同；随后把种子设成 rank，让两个进程的
# 初始权重有意不同，看包装之后会怎样。

demo += """

generator = torch.Generator().manual_seed(0)
features = torch.randn(100, 5, generator=generator)
targets = torch.randn(100, 2, generator=generator)
samples = TensorDataset(features, targets)
sampler = DistributedSampler(samples)
loader = DataLoader(samples, batch_size=50, sampler=sampler)

torch.manual_seed(rank)  # 种子有意不同
net = nn.Linear(5, 2)
say(f"包装之前，权重各进程相同：{same(net.weight.detach())}")
model = DistributedDataParallel(net)
say(f"包装之后，权重各进程相同：{same(net.weight.detach())}")
"""

# %%
# 第三段取一批，算三种梯度：只用本进程样本的；经 DDP 反向传播的；以及不分开、用全部 100 个样本
# 的。打印时只取左上角的一个数。

demo += """
criterion = nn.MSELoss()
sampler.set_epoch(0)
inputs, labels = next(iter(loader))
say(f"分到 {len(inputs)} 个样本")

own = torch.autograd.grad(criterion(net(inputs), labels), net.weight)[0]
whole = torch.autograd.grad(criterion(net(features), targets), net.weight)[0]
criterion(model(inputs), labels).backward()
shared = net.weight.grad
for name, grad in [("自己的", own), ("归约后的", shared), ("整批的", whole)]:
    say(f"{name}梯度 {grad[0, 0]:.6f}，各进程相同：{same(grad)}")
say(f"归约后的与整批的一致：{torch.allclose(shared, whole)}")
"""

# %%
# 第四段更新权重，并保存检查点（checkpoint）。各进程的权重相同，所以只让 rank 0 写文件；
# ``barrier`` 让大家等它写完，然后各自读回来核对。

demo += """
torch.optim.SGD(model.parameters(), lr=0.1).step()
say(f"更新之后，权重各进程相同：{same(net.weight.detach())}")

if rank == 0:
    torch.save(model.module.state_dict(), "checkpoint.pt")
dist.barrier()  # 等 rank 0 写完
restored = nn.Linear(5, 2)
restored.load_state_dict(torch.load("checkpoint.pt", weights_only=True))
say(f"读回的检查点与模型相同：{torch.equal(restored.weight, net.weight)}")
dist.destroy_process_group()
"""

# %%
# 启动两个进程
# ^^^^^^^^^^^^
#
# 在终端里，存好 ``ddp_demo.py`` 之后运行这一条命令：
#
# ``torchrun --standalone --nproc_per_node=2 ddp_demo.py``
#
# ``--standalone`` 表示只用这一台机器，``--nproc_per_node=2`` 表示启动两个进程。本页要收下它打印
# 的文字，所以由 Python 代为启动，写成函数 ``torchrun``，做法见下面的选读。

# %%
# 选读：从 Python 里启动 ``torchrun``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 命令 ``torchrun`` 就是 ``python -m torch.distributed.run``，写成后一种不怕找不到命令。
# ``--local-addr`` 让两个进程走本机地址，不必解析主机名。``OMP_NUM_THREADS`` 让每个进程只用一个
# 线程，免得互相争抢。

import os
import sys

options = ["--standalone", "--nproc_per_node=2", "--local-addr=127.0.0.1"]
environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}

if sys.platform == "win32":  # Windows 的安装包不带 libuv，改用一个文件会合
    options[:1] = ["--rdzv-backend=c10d", "--rdzv-endpoint=meeting", "--rdzv-conf=store_type=file"]
    environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"

# %%
# 下面的函数把脚本写进临时文件夹，在那里运行，收下它打印的文字。五分钟还没有结束就当作失败。

import subprocess
import tempfile
from pathlib import Path

folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def torchrun(name, source):
    home = Path(tempfile.mkdtemp(dir=folder.name))
    (home / name).write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", *options, name]
    result = subprocess.run(
        command, cwd=home, env=environment, timeout=300, capture_output=True, encoding="utf-8",
        errors="replace", creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    return result, home


# %%
# 读两个进程的输出
# ^^^^^^^^^^^^^^^^
#
# 两个进程同时打印，行的先后不定，所以先按 rank 排好。同一个 rank 的行保持原来的次序。

result, home = torchrun("ddp_demo.py", demo)
if result.returncode:
    raise RuntimeError(result.stderr)
lines = sorted(result.stdout.splitlines(), key=lambda line: line.split(":")[0])
output = "\n".join(lines)
print(output)

# sphinx_gallery_start_ignore
assert output.count("同：False") == 4 and output.count("：True") == 12
assert output.count("50 个样本") == 2
# sphinx_gallery_end_ignore

# %%
# 从上往下读：
#
# - 种子不同，包装之前两边的权重不同；包装时 DDP 把 rank 0 的权重发给大家，从此相同。
# - 每个进程分到 50 个样本，自己的梯度各不相同。
# - 反向传播之后两边的梯度相同，它是两个“自己的梯度”的平均，并且与整批的梯度一致。
# - 梯度相同，更新后的权重也就相同。训练中不需要再发送权重。
#
# 求平均为什么正好等于整批的梯度？损失是对样本求平均的，两份又一样大。记两份样本为
# :math:`A` 和 :math:`B`，第 :math:`i` 个样本的损失为 :math:`\ell_i`，则
#
# .. math::
#
#    \frac{1}{2}\left(\frac{1}{50}\sum_{i\in A}\ell_i
#    + \frac{1}{50}\sum_{i\in B}\ell_i\right) = \frac{1}{100}\sum_{i}\ell_i
#
# 两边对权重求导，就得到上面的结果。

import re

own = [float(number) for number in re.findall("自己的梯度 (-?[0-9.]+)", output)]
shared = [float(number) for number in re.findall("归约后的梯度 (-?[0-9.]+)", output)]
print(f"自己的梯度 {own[0]:.5f} 和 {own[1]:.5f}，平均 {sum(own) / 2:.5f}")
print(f"归约后的梯度 {shared[0]:.5f} 和 {shared[1]:.5f}")
assert abs(sum(own) / 2 - shared[0]) < 2e-6

# %%
# 检查点在启动它们的程序里也能读。因为存的是 ``model.module`` 的状态字典，名字没有前缀。

checkpoint = torch.load(home / "checkpoint.pt", weights_only=True)
print({name: tuple(tensor.shape) for name, tensor in checkpoint.items()})

# sphinx_gallery_start_ignore
assert list(checkpoint) == ["weight", "bias"]
# sphinx_gallery_end_ignore

# %%
# 常见错误：一个进程出错，全体停下
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 进程多了，屏幕上的报错也多了，最后一段往往不是原因。这个小脚本让 rank 1 出错，rank 0 正忙着。
# 它没有用到 torch，编号直接取自 ``torchrun`` 设好的环境变量 ``RANK``，``init_process_group`` 读的
# 也是它。

fail = """\
import os
import time

if os.environ["RANK"] == "1":
    raise ValueError("编号 73 的样本没有标签")
time.sleep(60)  # rank 0 还在计算
"""
result, _ = torchrun("ddp_fail.py", fail)
folder.cleanup()  # 临时文件夹用完了
print(f"{result.returncode = }")

# sphinx_gallery_start_ignore
assert result.returncode and "\nValueError: 编号 73" in result.stderr, result.stderr
# sphinx_gallery_end_ignore

# %%
# 报错很长，这里只看两处：异常的那一行，和 ``torchrun`` 最后的小结。时间、主机名和进程号每次不同，
# 换成星号。

errors = result.stderr
print(*[line for line in errors.splitlines() if line.startswith("ValueError")])
summary = errors[errors.index("ddp_fail.py FAILED") :]
summary = re.sub(r"(time|host)( +: ).*", r"\1\2***", summary)
summary = re.sub(r"(pid:|PID) \d+", r"\1 ***", summary)
print("\n".join(line.rstrip() for line in summary.splitlines()))

# sphinx_gallery_start_ignore
assert "rank      : 1 " in summary.split("Root Cause")[1]
assert sys.platform == "win32" or re.search(r"rank +: 0 .*\n.*-15.*SIGTERM", summary)
# sphinx_gallery_end_ignore

# %%
# 两个进程都列在小结里，要找的是 ``Root Cause`` 以下的那一个，``torchrun`` 最先看到它失败。记下它的
# ``rank``，再回到上面找这个 rank 的异常，那才是要改的地方。rank 0 并没有错，它是被 ``torchrun`` 用
# 信号 SIGTERM 结束的：一个进程失败，其余的也要停下，免得一直等下去。
#
# 建立了进程组的脚本出错时，异常的每一行前面还有 ``[rank1]:`` 这样的记号，找起来更容易。给脚本的
# 主函数加上 ``torch.distributed.elastic.multiprocessing.errors`` 里的装饰器 ``record``，异常的回
# 溯也会写进这份小结。

# %%
# 选读：到 GPU 上，到多台机器上
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# .. note::
#
#    这一节的做法没有在本页执行：它需要多个 GPU 或多台机器。
#
# **到 GPU 上**，``ddp_demo.py`` 要改四处，每个进程用一个 GPU：
#
# - 选定自己的 GPU：``local_rank = int(os.environ["LOCAL_RANK"])``，再调用
#   ``torch.accelerator.set_device_index(local_rank)``。
# - 通信后端换成 NCCL：``dist.init_process_group("nccl")``。
# - 设备取 ``device = torch.accelerator.current_accelerator()``；先 ``net.to(device)``，再包装：
#   ``DistributedDataParallel(net, device_ids=[local_rank])``。
# - 数据和 ``restored`` 也都 ``.to(device)``，读检查点时写 ``map_location=device``。
#
# 启动时让 ``--nproc_per_node`` 等于这台机器的 GPU 数。
#
# **到多台机器上**，脚本不用再改，只改启动的命令。在每台机器上运行同一条命令，
# ``10.0.0.1`` 换成其中一台的地址，端口选一个空着的，``--rdzv-id`` 是这次任务的名字：
#
# ``torchrun --nnodes=2 --nproc_per_node=8 --rdzv-backend=c10d
# --rdzv-endpoint=10.0.0.1:29500 --rdzv-id=job1 ddp_demo.py``
#
# - ``--nnodes=2``：一共两台机器，所以 world size 是 16。
# - ``--rdzv-backend=c10d`` 和 ``--rdzv-endpoint``：到哪里会合。它们取代 ``--standalone``，
#   本页用过的 ``--local-addr=127.0.0.1`` 也要去掉。
# - 检查点只由全体中的 rank 0 写，它只在一台机器上；别的机器要读，就得放在共享的磁盘上。

# %%
# 小结
# ----
#
# - 张量的 ``to`` 返回结果，要接住；模块的 ``to`` 原地生效，并且只到一个设备。
# - ``DataParallel`` 每次前向传播做四步：分发、复制、并行计算、汇集。输出与整批一次算出的相同，
#   各副本的梯度之和等于整批的梯度。
# - 分块按 ``torch.chunk`` 的规则，块的大小向上取整：3 个 GPU 分 10 个样本是 4、4、2，8 个 GPU
#   分 10 个样本只用到 5 个。
# - 状态字典要从 ``model.module`` 取，否则名字带着 ``module.`` 前缀。
# - DDP 每个设备一个进程：开始时权重从 rank 0 发出，反向传播时梯度求平均，此后权重一直相同。
# - ``DistributedSampler`` 把样本分给各进程，每轮都要调用 ``set_epoch``。
# - 一个进程出错时，先看 ``Root Cause`` 里的 rank。

# %%
# 练习
# ----
#
# 1. 有 16 个 GPU，一批 30 个样本时几个 GPU 有事可做？一批 10 个呢？先用公式算，再用
#    ``torch.chunk`` 核对。
# 2. 三个 GPU 分 10 个样本，每块先对自己的样本求平均损失，再把三个梯度求平均。结果等于整批平均
#    损失的梯度吗？不等的话，怎样加权才等？
# 3. 数据集有 101 个样本，两个进程。``DistributedSampler`` 给每个进程几个编号？多出来的是哪一个？
# 4. 单进程时每批 30 个。改用两个进程的 DDP，又想让每一步合起来仍是 30 个样本，数据加载器的
#    ``batch_size`` 应写多少？每个进程各批的样本数是多少？

# %%
# 答案：练习 1
# ^^^^^^^^^^^^
#
# 30 个样本每块 2 个，15 个 GPU 有事可做；10 个样本每块 1 个，10 个 GPU 有事可做。

for n_samples in [30, 10]:
    size = math.ceil(n_samples / 16)
    busy = math.ceil(n_samples / size)
    print(f"{n_samples} 个样本：每块 {size} 个，{busy} 个 GPU 有事可做")
    assert chunk_sizes(n_samples, 16) == [size] * busy

# %%
# 答案：练习 2
# ^^^^^^^^^^^^
#
# 不等。块是 4、4、2，直接平均会让最后两个样本的分量偏大。按块的大小加权就相等了。DDP 也是
# 直接平均，所以要让各进程的样本数相同。

batch = batches[3]
chunks = torch.chunk(batch, 3)


def mean_gradient(samples):
    return torch.autograd.grad(layer(samples).square().mean(), layer.weight)[0]


plain = sum(mean_gradient(chunk) for chunk in chunks) / len(chunks)
weighted = sum(mean_gradient(chunk) * len(chunk) / len(batch) for chunk in chunks)
print(f"直接平均：{torch.allclose(plain, mean_gradient(batch))}")
print(f"加权平均：{torch.allclose(weighted, mean_gradient(batch))}")

# sphinx_gallery_start_ignore
assert not torch.allclose(plain, mean_gradient(batch))
torch.testing.assert_close(weighted, mean_gradient(batch))
# sphinx_gallery_end_ignore

# %%
# 答案：练习 3
# ^^^^^^^^^^^^
#
# 每个进程 51 个，合起来 102 个：为了让两边一样多，打乱后的第一个编号用了两次。设
# ``drop_last=True`` 则每边 50 个，丢掉一个。

from collections import Counter

odd = RandomDataset(input_size, 101)
for drop_last in [False, True]:
    pair = [DistributedSampler(odd, 2, rank, drop_last=drop_last) for rank in range(2)]
    counts = Counter(index for sampler in pair for index in sampler)
    repeated = [index for index, count in counts.items() if count > 1]
    print(f"{drop_last = }：各 {len(pair[0])} 个，{len(counts)} 个不同的编号，重复的是 {repeated}")
    first = next(iter(pair[0]))
    assert repeated == ([] if drop_last else [first])

# %%
# 答案：练习 4
# ^^^^^^^^^^^^
#
# 写 15：DDP 里的 ``batch_size`` 是每个进程的，两个进程合起来才是 30。各批的样本数正是前面两个
# GPU 时每个 GPU 分到的数。

loader = DataLoader(dataset, batch_size=15, sampler=samplers[0])
print(f"rank 0 每批的样本数：{[len(batch) for batch in loader]}")
assert [len(batch) for batch in loader] == [chunk_sizes(len(b), 2)[0] for b in batches]

# %%
# 接下来
# ------
#
# - 把 DDP 用到真正的训练上：给 :doc:`《训练图像分类器》 <training_a_classifier>` 里的循环加上进程组、
#   取样器和包装。
# - DDP 的内部做法见 `DDP 的说明 <https://docs.pytorch.org/docs/stable/notes/ddp.html>`__。
# - ``torchrun`` 的全部选项见
#   `torchrun 的文档 <https://docs.pytorch.org/docs/stable/elastic/run.html>`__。
