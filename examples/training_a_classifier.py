"""
训练图像分类器
==============

读完本页，你会有一个自己训练的图像分类器，能分辨飞机、猫、船等十类图片。
先用 5 万张小图片训练，再用 1 万张没有见过的图片检验，看清错在哪里，最后用同样的时间训练出更好的一个。

**你将学到**

* 用 torchvision 准备 CIFAR-10
* 写出完整的训练循环
* 用准确率、混淆矩阵和具体的错例评价模型
* 用验证集做选择
* 保存和加载模型

**需要先会**

* 张量的基本运算，见:doc:`《什么是 PyTorch》 <what_is_pytorch>`
* 梯度的计算，见:doc:`《自动微分》 <autograd_automatic_differentiation>`
* 用 ``nn.Module`` 定义网络，见:doc:`《神经网络》 <neural_networks>`
"""

# %%
# 准备数据
# --------
#
# 初始权重和打乱数据的顺序都来自随机数，所以先固定随机种子（random seed）。
# 本页的网络很小，每步处理的图片不多，多用线程省不了多少时间，线程数又影响舍入，所以固定只用一个；换成大的网络或批量时，去掉这一行。
# 在同一台机器、同样版本的软件上用 CPU 从头运行，本页的数字不会变。
# 换了机器或版本，数字通常略有不同，对某一张图片的预测也可能不同。

import torch

torch.manual_seed(0)
torch.set_num_threads(1)  # ← 一个线程

# %%
# 看一张图片
# ^^^^^^^^^^
#
# `CIFAR-10 <https://www.cs.toronto.edu/~kriz/cifar.html>`__ 是一个常用的小型图片数据集（dataset），里面是 32×32 像素的彩色图片，每张属于十个类别之一。
# ``download=True`` 表示当前文件夹的 ``data`` 里没有完整的数据时就下载（约 170 MB），已经有了就不再下载。
# 如果下载很慢、连不上或者中途断开，可以自己下载压缩包放进 ``data``，见 :doc:`数据下载慢怎么办 </slow_download>`。
# 这个数据集可以像列表一样用下标取出一项，下面取出第 0 项。

import numpy as np
from torchvision import datasets

raw_train = datasets.CIFAR10(root="./data", train=True, download=True)
image, label = raw_train[0]
pixels = np.array(image)
print(f"共 {len(raw_train)} 项，第 0 项是 {type(image).__name__} 图片和标签 {label}")
print(f"{pixels.shape = }, {pixels.dtype}, 像素值 {pixels.min()} 到 {pixels.max()}")

# sphinx_gallery_start_ignore
assert pixels.dtype == np.uint8 and pixels.shape == (32, 32, 3) and image.mode == "RGB"
assert np.bincount(raw_train.targets).tolist() == [5000] * 10
assert all(type(raw_train[i][1]) is int and 0 <= raw_train[i][1] < 10 for i in range(0, 50000, 5000))
# sphinx_gallery_end_ignore

# %%
# 每一项由一张图片和一个标签（label）组成。
# 这里的图片是 PIL 格式，像素值是 0 到 255 的 8 位整数，形状按高、宽、通道（channel）排列。
# 标签是 0 到 9 的整数，也就是类别的编号。
# 下面给出十个类别的名字，``airplane`` 和 ``automobile`` 换成了较短的 ``plane`` 和 ``car``。

classes = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
chinese = ("飞机", "汽车", "鸟", "猫", "鹿", "狗", "青蛙", "马", "船", "卡车")
print(label, classes[label], chinese[label])

# %%

# 画图：训练集（training set）中每一类最前面的 2 张图片；每类都有 5000 张。
# 图中：小照片排成左右两栏，一栏五行，每行两张，左边写着类别的中文名和英文名。
import matplotlib.pyplot as plt
from matplotlib import font_manager, text

chinese_fonts = [
    "Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB",
    "Heiti TC", "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "Arial Unicode MS",
]
installed = set(font_manager.get_font_names())
found = [name for name in chinese_fonts if name in installed]
plt.rcParams.update({"font.family": [*found, "DejaVu Sans"], "axes.unicode_minus": False, "font.size": 11})
if not found:  # 一种中文字体也没有时略去汉字，不画方框
    set_text = text.Text.set_text
    text.Text.set_text = lambda self, s: set_text(self, "".join(c for c in str(s) if ord(c) < 256))

targets = np.array(raw_train.targets)
fig, axes = plt.subplots(1, 2, figsize=(4.8, 4.7), layout="constrained")
for index in range(10):
    ax, top = axes[index // 5], 34 * (index % 5)
    for left, picture in zip((0, 34), raw_train.data[targets == index]):
        ax.imshow(picture, interpolation="nearest", extent=(left, left + 32, top + 32, top))
for ax, part in zip(axes, (slice(0, 5), slice(5, 10))):
    ax.set(xlim=(0, 66), ylim=(168, 0), xticks=[])
    ax.set_yticks(16 + 34 * np.arange(5), [f"{c}\n{name}" for c, name in zip(chinese[part], classes[part])])
    ax.tick_params(length=0)
    ax.set_frame_on(False)
fig.suptitle("CIFAR-10 的十个类别，每类 2 张")
plt.show()

# %%
# 把图片变成张量，再归一化
# ^^^^^^^^^^^^^^^^^^^^^^^^
#
# 网络的参数是 float32，输入也要是 float32 的张量（tensor）。
# ``torchvision.transforms.v2`` 提供了现成的转换：``ToImage`` 把 PIL 图片变成张量并把通道移到最前面，``ToDtype`` 换成 float32，``scale=True`` 同时把 0 到 255 缩放到 0 到 1。
# ``Normalize`` 再对每个通道减去 0.5、除以 0.5，也就是做归一化（normalization），像素值变到 -1 到 1。

from torchvision.transforms import v2

to_float = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
normalize = v2.Normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])
for x in (to_float(image), normalize(to_float(image))):
    print(f"{x.dtype}, {tuple(x.shape)}, {x.min():.1f} 到 {x.max():.1f}")

# sphinx_gallery_start_ignore
for i in (0, 1, 2):
    reference = torch.from_numpy(np.array(raw_train[i][0])).permute(2, 0, 1) / 255
    torch.testing.assert_close(to_float(raw_train[i][0]), reference)
    torch.testing.assert_close(normalize(to_float(raw_train[i][0])), 2 * reference - 1)
# sphinx_gallery_end_ignore

# %%
# 为什么要归一化？
# 第一层权重的梯度与输入有关，输入大，梯度通常也大；用 SGD 训练时，如果直接送入 0 到 255 的像素值，就要用小得多的学习率才不会走得太远。
# 卷积层和全连接层默认的初始权重，也适合大致以 0 为中心、大小在 1 附近的输入。
# 训练用了怎样的归一化，检验和使用时也要用同样的归一化。

# %%
# 选读：0.5 不是这批图片的均值和标准差
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 逐通道算出全部训练图片的均值（mean）和标准差（standard deviation），再看按 0.5 归一化以后它们变成多少。
#
# .. math::
#
#    \mathrm{output}_c = \frac{\mathrm{input}_c - \mathrm{mean}_c}{\mathrm{std}_c}

moments = []
print("通道   均值     标准差   归一化后的均值   归一化后的标准差")
for c, colour in enumerate("红绿蓝"):
    x = torch.from_numpy(raw_train.data[..., c]) / 255
    mean, std = x.mean().item(), x.std().item()
    moments.append((mean, std))
    print(f"{colour}     {mean:.4f}   {std:.4f} {(mean - 0.5) / 0.5:12.4f} {std / 0.5:16.4f}")

# sphinx_gallery_start_ignore
expected = [(0.49139968, 0.24703223), (0.48215841, 0.24348513), (0.44653091, 0.26158784)]
np.testing.assert_allclose(moments, expected, atol=1e-5)
# sphinx_gallery_end_ignore

# %%
# 如果把这里的均值和标准差交给 ``Normalize``，训练图片每个通道的均值就是 0、标准差是 1（不计舍入），这样的归一化叫标准化（standardization）。
# 用 0.5 则只是把取值范围从 :math:`[0, 1]` 变到 :math:`[-1, 1]`，均值离 0 不远，标准差在 0.5 附近，对这个网络已经够用。

# %%
# 组成小批量
# ^^^^^^^^^^
#
# 训练时每次取出几张图片，组成一个小批量（mini-batch），算出它们的平均损失，更新一次参数。
# 一个小批量里的图片数叫批量大小（batch size），这里取 4。
# 批量越大，平均得到的梯度越稳定，但算一次的代价一般也越大；批量小，同样看一遍数据可以更新更多次。
# 后面会换成更大的批量来比较。
# 数据加载器（data loader）负责取出图片并拼成批，``shuffle=True`` 表示每轮都重新打乱顺序。
# ``train=False`` 取的是测试集（test set），测试集不参加训练，只用来检验，所以不必打乱。

from torch.utils.data import DataLoader

transform = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), normalize])
train_set = datasets.CIFAR10("./data", train=True, download=True, transform=transform)
test_set = datasets.CIFAR10("./data", train=False, download=True, transform=transform)
train_loader = DataLoader(train_set, batch_size=4, shuffle=True)
test_loader = DataLoader(test_set, batch_size=4)

# %%
# **先猜一猜**：5 万张训练图片，每批 4 张，``len(train_loader)`` 是多少？

print(len(train_loader))

# sphinx_gallery_start_ignore
assert (len(train_loader), len(test_loader)) == (12500, 2500)
assert np.bincount(test_set.targets).tolist() == [1000] * 10
# sphinx_gallery_end_ignore

# %%
# 把训练集全部看过一遍叫一轮（epoch），所以一轮要更新这么多次参数。
# 取出一批来看：``iter`` 由数据加载器得到迭代器，``next`` 取出下一批。

images, labels = next(iter(train_loader))
print(f"{images.shape = }, {images.dtype}")
print(f"{labels.shape = }, {labels.dtype}")

# sphinx_gallery_start_ignore
assert images.shape == (4, 3, 32, 32) and labels.shape == (4,) and labels.dtype == torch.int64
# sphinx_gallery_end_ignore

# %%

# 画图：随机取出的一批训练图片；``make_grid`` 把它们拼成一张，空隙填的是 0，撤销归一化以后是中灰色。
# 图中：并排的四张小照片，四周和中间是灰色的边。
from torchvision.utils import make_grid


def to_picture(x):
    return (x / 2 + 0.5).permute(1, 2, 0).numpy()


fig, ax = plt.subplots(figsize=(4.8, 1.35), layout="constrained")
ax.imshow(to_picture(make_grid(images)), interpolation="nearest")
ax.axis("off")
fig.suptitle("一批训练图片：" + "，".join(chinese[i] for i in labels))
plt.show()

# sphinx_gallery_start_ignore
assert make_grid(images).shape == (3, 36, 138) and to_picture(make_grid(images))[0, 0].tolist() == [0.5] * 3
# sphinx_gallery_end_ignore

# %%
# 定义网络
# --------
#
# 网络与:doc:`《神经网络》 <neural_networks>`那一页的基本相同，只是第一个卷积层（convolution layer）要接收 3 个颜色通道。
# 池化（pooling）写成一个层，两个 2 是窗口的大小和步幅；这个层没有参数，所以两处可以共用。

import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        return self.fc3(F.relu(self.fc2(x)))


# %%
# 创建网络之前再设一次种子，初始权重就与前面用过多少随机数无关。
#
# **先猜一猜**：把上面的 4 张图片送进网络，输出的形状是什么？

torch.manual_seed(0)
net = Net()
print(net(images).shape)

# sphinx_gallery_start_ignore
assert sum(p.numel() for p in net.parameters()) == 62006 and net(images).shape == (4, 10)
assert not list(net.pool.parameters()) and net.pool(images).shape == (4, 3, 16, 16)
conv1_gradients = []
for scale in (1, 127.5):
    nn.functional.cross_entropy(net(images * scale + (scale > 1) * scale), labels).backward()
    conv1_gradients.append(net.conv1.weight.grad.norm().item())
    net.zero_grad()
assert conv1_gradients[1] > 10 * conv1_gradients[0]
# sphinx_gallery_end_ignore

# %%
# 每张图片得到十个得分，每个类别一个，得分最高的类别就是网络的预测。

# %%
# 选择损失函数和优化器
# --------------------
#
# 损失函数（loss function）用分类最常用的交叉熵（cross entropy）。
# ``CrossEntropyLoss`` 先用 softmax 把一张图片的十个得分 :math:`s` 变成十个加起来是 1 的概率，再取正确类别 :math:`y` 的概率，算它的负对数：
#
# .. math::
#
#    p_i = \frac{e^{s_i}}{\sum_j e^{s_j}}, \qquad \mathrm{loss} = -\ln p_y
#
# 正确类别的概率越接近 1，损失越接近 0。
# 一批的损失默认是各张图片的平均值。
#
# **先猜一猜**：没有训练过的网络对十个类别几乎不加区分，每个概率都在 1/10 左右，这时的损失大约是多少（保留一位小数）？

criterion = nn.CrossEntropyLoss()
with torch.no_grad():
    initial_loss = criterion(net(images), labels)
print(f"{initial_loss:.1f}")

# sphinx_gallery_start_ignore
many_images, many_labels = next(iter(DataLoader(train_set, batch_size=1000)))
with torch.no_grad():
    many_scores = net(many_images)
p_y = many_scores.softmax(1)[torch.arange(1000), many_labels]
torch.testing.assert_close(criterion(many_scores, many_labels), -p_y.log().mean())
assert abs(criterion(many_scores, many_labels) - np.log(10)) < 0.02
# sphinx_gallery_end_ignore

# %%
# 也就是 :math:`\ln 10`。
# 训练刚开始时，损失如果比 :math:`\ln 10` 大得多，多半是数据或网络出了问题。
#
# 优化器（optimizer）用带动量（momentum）的随机梯度下降（stochastic gradient descent，SGD），这种优化器为每个参数 :math:`w` 记着一个速度 :math:`v`，每一步用新的梯度 :math:`g` 更新两者：
#
# .. math::
#
#    v \leftarrow 0.9\, v + g, \qquad w \leftarrow w - 0.001\, v
#
# 学习率（learning rate）决定每步走多远，这里取 0.001。
# 学习率太小，走完两轮也学不到多少；太大，一步就越过了低处，损失降不下来。
# 批量只有 4 张图片，一批的梯度只是粗略的估计，学习率就要取得小一些。
# 动量 0.9 让过去的梯度也起作用：各步的梯度相同时，速度会积累到接近梯度的 10 倍，因为 :math:`1 + 0.9 + 0.9^2 + \cdots = 10`；各步的梯度正负交替时，新旧梯度互相抵消一部分。

from torch import optim

optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)

# sphinx_gallery_start_ignore
for constant in (1.0, -3.0):
    w = torch.zeros(1, requires_grad=True)
    check, positions = optim.SGD([w], lr=0.001, momentum=0.9), []
    for _ in range(200):
        w.grad = torch.full((1,), constant)
        check.step()
        positions.append(w.item())
    assert abs(positions[0] + 0.001 * constant) < 1e-7
    assert abs(positions[-2] - positions[-1] - 0.01 * constant) < 1e-5
speed = 0.0
for k in range(200):
    speed = 0.9 * speed + (-1) ** k
    assert k == 0 or abs(speed) < 1
# sphinx_gallery_end_ignore

# %%
# 训练两轮
# --------
#
# 对每个小批量做五件事：梯度清零、前向传播（forward pass）、算损失、反向传播（backpropagation）、更新参数。
# 下面训练两轮，每 2000 步打印一次最近 2000 步的平均损失。
# 这是本页最费时的一步，在普通电脑上通常要一到几分钟。
# 在 Notebook 里重新训练以前，先重新运行创建网络和优化器的单元格，否则会接着已有的参数训练。
# 用 ``time.process_time`` 记下处理器花在本程序上的时间，后面要用。

import time

torch.manual_seed(0)
start = time.process_time()
losses = []
for epoch in (1, 2):
    for step, (inputs, labels) in enumerate(train_loader, start=1):
        optimizer.zero_grad()  # ← 先清零
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 2000 == 0:
            print(f"[{epoch}, {step:5d}] loss: {sum(losses[-2000:]) / 2000:.3f}")
original_seconds = time.process_time() - start

# sphinx_gallery_start_ignore
assert len(losses) == 25000 and 2.0 < np.mean(losses[:2000]) < 2.4
assert 1.1 < np.mean(losses[-2000:]) < 1.5
# sphinx_gallery_end_ignore

# %%
# 列表里存的是 ``loss.item()`` 得到的 Python 数；如果存张量 ``loss``，连着的计算图（computational graph）节点就一直占着内存。

# %%

# 画图：圆点是打印的 12 个数，即之前 2000 步的平均，曲线是之前 500 步的平均，所以开头圆点高于曲线；灰色的两段是每轮的最后 500 步，不在打印的平均里。
# 图中：一条随步数下降的曲线，先快后慢，上面标着第 1 轮、第 2 轮；圆点沿着曲线排列，两轮的末尾各有一段灰色。
smooth = np.convolve(losses, np.ones(500) / 500, mode="valid")
marks = [12500 * epoch + 2000 * k for epoch in (0, 1) for k in range(1, 7)]
printed = [np.mean(losses[m - 2000 : m]) for m in marks]
fig, ax = plt.subplots(figsize=(4.8, 3.4), layout="constrained")
for end in (12500, 25000):
    ax.axvspan(end - 500, end, color="0.85")
ax.plot(np.arange(500, 25001, 50), smooth[::50], color="C2")
ax.plot(marks, printed, "o", color="C2", markersize=8, markeredgecolor="white")
ax.annotate("第 1 轮", (6250, 2.15), ha="center")
ax.annotate("第 2 轮", (18750, 2.15), ha="center")
ax.set_xlabel("步")
ax.set_title("损失", loc="left", fontsize=11)
fig.suptitle("两轮训练的损失：先快后慢")
plt.show()

# sphinx_gallery_start_ignore
assert np.mean(losses[:12500]) - np.mean(losses[12000:12500]) > 0.1
assert np.mean(losses[12500:18500]) > np.mean(losses[18500:])
# sphinx_gallery_end_ignore

# %%
# 这次运行中，第二轮的损失仍在缓慢下降，可见只训练两轮还不够。

# %%
# 在测试集上检验
# --------------
#
# 损失下降只说明网络越来越适应训练集，学到的东西能不能用在新图片上，要看测试集。
# 推理（inference）时不需要梯度，所以放在 ``torch.no_grad()`` 之下。
# 有些层在训练和推理时做法不同，例如随机失活（dropout）和批量归一化（batch normalization），``net.eval()`` 让这些层改用推理时的做法。
# 这个网络没有这样的层，但最好每次都写，以后换了网络才不会漏掉。

net.eval()  # ← 评估模式
images, labels = next(iter(test_loader))
with torch.no_grad():
    logits = net(images)
predicted = logits.argmax(dim=1)
print("真实：", *(chinese[i] for i in labels))
print("预测：", *(chinese[i] for i in predicted))

# sphinx_gallery_start_ignore
assert [classes[i] for i in labels] == ["cat", "ship", "ship", "plane"]
assert torch.equal(logits.argsort(1), logits.softmax(1).argsort(1)) and logits[0].min() < 0
for scores in (logits, torch.tensor([[0.0, 1e-9]]), torch.tensor([[1000.0, 0.0, -1000.0]])):
    p = scores.softmax(1)
    assert torch.equal(p.gather(1, scores.argmax(1, keepdim=True))[:, 0], p.amax(1))
torch.testing.assert_close(logits.softmax(1).sum(1), torch.ones(4))
# sphinx_gallery_end_ignore

# %%
# 数据集给出的类别叫真实标签（ground truth）。
# 网络直接输出的得分也叫 logits（未归一化的得分），可正可负，加起来一般也不是 1，经过 softmax 才变成概率。
# 得分最高的类别，概率也最高，所以只求预测的类别时用不着 softmax。
# 在本站的网页上，可以换成别的图片，看网络给出的十个概率；那里的 ``better_net`` 是本页后面训练的更好的网络。

# %%

# 画图（classifier）：上面是测试集的前 4 张图片，下面是网络对第 1 张给出的十个概率。
# 图中：一排四张照片，各写着真实和预测的类别，预测错的是红字；下面十根横条，一类一根，概率最大的一根颜色最浓。
probabilities = logits.softmax(dim=1)
fig = plt.figure(figsize=(4.8, 5.4), layout="constrained")
top, bottom = (part.subplots() for part in fig.subfigures(2, 1, height_ratios=[1.5, 2.6]))
for i, picture in enumerate(images):
    top.imshow(to_picture(picture), interpolation="nearest", extent=(34 * i, 34 * i + 32, 32, 0))
    right = predicted[i] == labels[i]
    words = f"真实 {chinese[labels[i]]}\n预测 {chinese[predicted[i]]}"
    top.text(34 * i + 16, 36, words, ha="center", va="top", linespacing=1.4, color="black" if right else "C3")
top.set(xlim=(0, 134), ylim=(52, 0), xticks=[], yticks=[], anchor="W")
top.tick_params(length=0)
top.set_frame_on(False)
bars = bottom.barh(chinese, probabilities[0].numpy() * 100, height=0.6, color="C2", alpha=0.45)
bars[predicted[0]].set_alpha(1)
bottom.bar_label(bars, fmt="%.1f%%", padding=6)
bottom.invert_yaxis()
bottom.set_xlim(0, 115 * probabilities[0].max().item())
bottom.figure.suptitle(f"网络对第 1 张（{chinese[labels[0]]}）给出的概率", x=0, ha="left", fontsize=11.5)
bottom.set_xticks([])
bottom.tick_params(length=0)
bottom.set_frame_on(False)
fig.suptitle("测试集的前 4 张图片，和第 1 张的十个概率")
plt.show()

# %%
# 算准确率
# ^^^^^^^^
#
# 只看 4 张，对了几张都可能是碰巧。
# 准确率（accuracy）是预测正确的图片所占的比例，要在全部 1 万张测试图片上算。
# 下面的函数收集得分和标签；``device`` 是网络所在的设备（device），正文都用默认的 CPU。
# 推理时批量可以取大一些，通常算得更快；对这个网络，批量取多大不影响得分，只会有舍入误差。


def collect(model, loader, device="cpu"):
    model.eval()
    with torch.no_grad():
        pairs = [(model(inputs.to(device)).cpu(), labels) for inputs, labels in loader]
    all_logits, all_labels = zip(*pairs)
    return torch.cat(all_logits), torch.cat(all_labels)


test_logits, test_labels = collect(net, DataLoader(test_set, batch_size=500))
test_predicted = test_logits.argmax(dim=1)
accuracy = (test_predicted == test_labels).float().mean().item()
print(f"{len(test_labels)} 张测试图片上的准确率：{accuracy:.1%}")

# sphinx_gallery_start_ignore
assert 0.5 < accuracy < 0.6 and len(test_labels) == 10000
torch.testing.assert_close(test_logits[:4], logits, rtol=1e-4, atol=1e-4)
# sphinx_gallery_end_ignore

# %%
# 十类的图片一样多，随便猜只能对一成左右，可见网络确实学到了东西。
# 再用 ``Subset`` 取出训练集的前 5000 张来比一比。

from torch.utils.data import Subset

seen_logits, seen_labels = collect(net, DataLoader(Subset(train_set, range(5000)), batch_size=500))
seen_accuracy = (seen_logits.argmax(dim=1) == seen_labels).float().mean().item()
print(f"见过的图片：{seen_accuracy:.1%}，没见过的图片：{accuracy:.1%}")

# sphinx_gallery_start_ignore
assert abs(seen_accuracy - accuracy) < 0.08
# sphinx_gallery_end_ignore

# %%
# 这次运行中，两个准确率相差不大。
# 如果前者高得多，就是过拟合（overfitting），也就是网络学到的东西有一部分只适合训练图片，换成新图片就不管用。
# 现在的问题主要是学得不够，即欠拟合（underfitting）。

# %%
# 选读：与 2018 年的数字相比
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 2018 年的同名教程用了同样的网络、同样的两轮训练，总准确率是 54%。
# 把那时打印的损失和各类准确率（小数已截掉）与本次运行并排。

loss_2018 = [2.187, 1.852, 1.672, 1.566, 1.490, 1.461, 1.389, 1.364, 1.343, 1.318, 1.282, 1.286]
accuracy_2018 = [57, 73, 49, 54, 18, 20, 58, 74, 70, 66]
print("平均的损失              2018  本次")
for then, m in zip(loss_2018, [12500 * epoch + 2000 * k for epoch in (0, 1) for k in range(1, 7)]):
    print(f"第 {m - 1999:5d} 到 {m:5d} 步    {then:.3f} {np.mean(losses[m - 2000 : m]):.3f}")
print("类别    2018   本次")
for index, (name, then) in enumerate(zip(classes, accuracy_2018)):
    now = (test_predicted[test_labels == index] == index).float().mean() * 100
    print(f"{name:5s} {then:6.1f} {now:6.1f}")

# sphinx_gallery_start_ignore
assert abs(accuracy * 100 - np.mean(accuracy_2018)) < 9
# sphinx_gallery_end_ignore

# %%
# 总的准确率接近，单个类别却可以相差很多，因为初始权重和打乱的顺序等不同，网络偏向哪些类别也就不同。
# 所以不要只凭一次运行就断定某一类最难。
#
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时数据已在本机时，还会打印一行“Files already downloaded and verified”，现在什么也不打印。
#    当时用 ``transforms.ToTensor()`` 转换图片，现在用 ``v2.ToImage()`` 和 ``v2.ToDtype(torch.float32, scale=True)``。
#    当时写 ``_, predicted = torch.max(outputs.data, 1)``，现在写 ``outputs.argmax(dim=1)``，也不再使用 ``.data``。
#    当时用 ``%d %%`` 打印准确率，小数被直接截掉，现在用 ``{accuracy:.1%}`` 保留一位小数。
#    当时按固定的 4 张循环统计各类的准确率，批量一变小就越界，现在用混淆矩阵，与批量大小无关。

# %%
# 保存与加载
# ----------
#
# 推荐只保存状态字典（``state_dict``），对这个网络，就是从名字到参数的对应表，里面没有代码。

for name, tensor in net.state_dict().items():
    print(f"{name:13s} {tuple(tensor.shape)}")
print("共", sum(tensor.numel() for tensor in net.state_dict().values()), "个参数")

# sphinx_gallery_start_ignore
assert len(net.state_dict()) == 10 and sum(t.numel() for t in net.state_dict().values()) == 62006
# sphinx_gallery_end_ignore

# %%
# 五层各有权重（weight）和偏置（bias）。
# 保存到文件，再加载到一个新建的网络里，对同样的输入，两个网络的输出完全相等。
# 这里的临时文件夹用完就删除；要留下网络，就换成固定的路径。

import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "cifar_net.pt"
    torch.save(net.state_dict(), path)
    restored = Net()
    print(restored.load_state_dict(torch.load(path, weights_only=True)))

restored.eval()
with torch.no_grad():
    print(torch.equal(restored(images), net(images)))

# sphinx_gallery_start_ignore
with torch.no_grad():
    assert torch.equal(restored(many_images), net(many_images))
# sphinx_gallery_end_ignore

# %%
# ``weights_only=True`` 表示只允许加载张量、字典、Python 的数一类的数据（NumPy 的数和数组不行），从 PyTorch 2.6 起这也是默认值。
# 如果文件里的张量原来在 GPU 上，而本机没有 GPU，加载时要写成 ``torch.load(path, map_location="cpu", weights_only=True)``。

# %%
# 读懂结果
# --------
#
# 只看总的准确率，看不出各类之间的差别，下面从四个方面来看。

# %%
# 每一类的准确率
# ^^^^^^^^^^^^^^
#
# 把真实类别和预测类别交叉计数，得到混淆矩阵（confusion matrix）：第 :math:`i` 行第 :math:`j` 列（都从 0 数起）是真实为第 :math:`i` 类、预测为第 :math:`j` 类的张数。
# 用 :math:`10i + j` 把两个编号合成 0 到 99 之间的一个数，再用 ``bincount`` 数每个数出现多少次，``minlength=100`` 让没有出现过的数也记作 0，就得到混淆矩阵的 100 个数。
#
# **先猜一猜**：混淆矩阵第 3 行的十个数加起来是多少？

confusion = torch.bincount(10 * test_labels + test_predicted, minlength=100).view(10, 10)
print(confusion[3].sum().item())

# sphinx_gallery_start_ignore
assert confusion.sum(dim=1).tolist() == [1000] * 10
for i, j in ((3, 5), (0, 8), (9, 9)):
    assert confusion[i, j] == ((test_labels == i) & (test_predicted == j)).sum()
# sphinx_gallery_end_ignore

# %%
# 一行就是这一类的全部测试图片，每类恰好 1000 张。
# 对角线上是预测正确的张数，除以每行之和，得到每一类的准确率。
# 各类的张数相同，所以十个准确率的平均就等于总准确率。

class_accuracy = confusion.diag() / confusion.sum(dim=1)
print(f"十个准确率的平均：{class_accuracy.mean():.1%}，总准确率：{accuracy:.1%}")

# sphinx_gallery_start_ignore
assert abs(class_accuracy.mean().item() - accuracy) < 1e-5
assert class_accuracy.max() - class_accuracy.min() > 0.15
# sphinx_gallery_end_ignore

# %%

# 画图：各类的准确率从高到低，有的类别比总准确率高得多，有的低得多。
# 图中：十根横条从长到短，一类一根，条上写着准确率；两条竖线是随便猜和总准确率。
order = class_accuracy.argsort().tolist()
fig, ax = plt.subplots(figsize=(4.8, 3.7), layout="constrained")
bars = ax.barh([chinese[i] for i in order], class_accuracy[order].numpy() * 100, color="C2", alpha=0.6)
ax.bar_label(bars, fmt="%.1f%%", label_type="center")
for value, name, style in ((accuracy * 100, "总准确率", "-"), (10, "随便猜", "--")):
    ax.axvline(value, color="black", linestyle=style, ymax=0.92)
    ax.text(value, 9.7, name, ha="center", va="bottom")
ax.set_ylim(-0.7, 10.5)
ax.set_xlim(0, 100)
ax.set_xlabel("准确率（%）")
ax.tick_params(axis="y", length=0)
fig.suptitle("各类的准确率相差很大")
plt.show()

# %%
# 哪些类别最容易混淆
# ^^^^^^^^^^^^^^^^^^
#
# 下面的图里，颜色越浓张数越多，对角线以外都是错误。
# 在本站的网页上，可以点开其中一格，看落在这一格里的图片。

# %%

# 画图（confusion）：每行是一个真实类别，每列是一个预测类别；对角线上颜色最浓，其余颜色较浓的格子是常见的混淆。
# 图中：十行十列的数，数越大格子的颜色越浓；从左上到右下的一条最浓，别处只有少数几格较浓。
from matplotlib.colors import LinearSegmentedColormap, to_rgba

fig, ax = plt.subplots(figsize=(4.8, 5), layout="constrained")
shades = LinearSegmentedColormap.from_list("shades", [to_rgba("C2", 0), to_rgba("C2", 0.4)])
ax.imshow(confusion.numpy(), cmap=shades, interpolation="nearest")
for (i, j), count in np.ndenumerate(confusion.numpy()):
    ax.text(j, i, count, ha="center", va="center")
ax.set_xticks(range(10), ["\n".join(name) for name in chinese])
ax.set_yticks(range(10), chinese)
ax.tick_params(length=0)
ax.set_frame_on(False)
ax.set_xlabel("预测的类别")
ax.set_title("真实的类别", loc="left", fontsize=11)
fig.suptitle("混淆矩阵：每行 1000 张测试图片")
plt.show()

# %%
# 用 ``fill_diagonal_`` 把对角线填成 0，再排序，就得到最常见的混淆。

mistakes = confusion.clone().fill_diagonal_(0)
for position in mistakes.flatten().argsort(descending=True)[:6].tolist():
    i, j = divmod(position, 10)
    print(f"{chinese[i]} 认成 {chinese[j]}：{mistakes[i, j]} 张")

# %%
# 再数一数，有多少错误发生在动物之间或交通工具之间。
# ``same_kind`` 的形状与混淆矩阵相同，两类同是或同不是交通工具的格子是 ``True``，对角线除外，用它取出这样的错误。

vehicle = torch.tensor([name in ("plane", "car", "ship", "truck") for name in classes])
same_kind = (vehicle.unsqueeze(1) == vehicle).fill_diagonal_(False)
print(f"这样的错误占全部错误的 {mistakes[same_kind].sum() / mistakes.sum():.0%}")
print(f"这样的格子占对角线以外 90 格的 {same_kind.sum() / 90:.0%}")

# sphinx_gallery_start_ignore
assert same_kind.sum() == 6 * 5 + 4 * 3 and mistakes[same_kind].sum() / mistakes.sum() > 0.6
assert confusion.sum(dim=0).argmax() == 3 and mistakes.sum(dim=0).argmax() == 3
# sphinx_gallery_end_ignore

# %%
# 如果错误平均地落在各格里，这两个比例应当差不多，可见错误并不是胡乱分布的。
# 这次运行中，错成猫的最多，因为网络偏爱猫，见练习 4。

# %%
# 最有把握的错误
# ^^^^^^^^^^^^^^
#
# 每张图片的十个概率里，最大的一个说明网络有多大把握。
# 下面的 ``wrong`` 是预测错的图片的下标，由 ``nonzero`` 给出；``worst`` 是其中最有把握的 12 个。

confidence = test_logits.softmax(dim=1).amax(dim=1)
correct = test_predicted == test_labels
wrong = (~correct).nonzero().flatten()
worst = wrong[confidence[wrong].argsort(descending=True)[:12]]
print(f"这 12 张里最低的概率：{confidence[worst].min():.1%}")

# %%

# 画图：概率最高的 12 个错误；看看图片的背景和颜色像哪一类。
# 图中：四行三列共十二张小照片，每张上面写着预测的类别、概率和标签的类别。
fig, axes = plt.subplots(4, 3, figsize=(4.4, 7), layout="constrained")
for ax, i in zip(axes.flat, worst.tolist()):
    ax.imshow(test_set.data[i], interpolation="nearest")
    ax.set_title(f"预测：{chinese[test_predicted[i]]} {confidence[i]:.1%}\n标签：{chinese[test_labels[i]]}", fontsize=11)
    ax.axis("off")
fig.suptitle("概率最高的 12 个错误")
plt.show()

# %%
# 有些图片的背景、颜色或姿态像另一类，错得情有可原。
# 还有的错并不在网络：测试集里有少数标签本身就错了，下标为 2405 的一张就是一例。

example = 2405
print(f"标签：{chinese[test_labels[example]]}")
print(f"预测：{chinese[test_predicted[example]]}，概率 {confidence[example]:.1%}")

# sphinx_gallery_start_ignore
assert test_labels[example] == 3 and test_predicted[example] == 6
# sphinx_gallery_end_ignore

# %%

# 画图：测试集里下标为 2405 的图片，标签写的是猫，图中却明明是一只青蛙。
# 图中：一张放大的照片，看得见一格一格的像素：一只绿色的青蛙侧身蹲着，头朝左上，背景大半是黑色和深褐色。
fig, ax = plt.subplots(figsize=(4.8, 3), layout="constrained")
ax.imshow(test_set.data[example], interpolation="nearest")
ax.axis("off")
fig.suptitle("测试图片 2405：一只青蛙，标签却是“猫”")
plt.show()

# %%
# 这张图片里明明是一只青蛙，标签错了，这次运行中网络的预测才是对的。
# 所以读错例时要先看图片；好在这样的标签不多，对这里的准确率影响很小。

# %%
# 概率有多可信
# ^^^^^^^^^^^^
#
# 上面的 12 张是专门从错误里挑出来的，只看这些，不能判断概率高的预测是否可信。
# 应当把全部测试图片按最大的概率分组，再看每一组里有多少是对的。

print("最大的概率   张数   平均概率   准确率")
for low, high in ((0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1)):
    group = (confidence > low) & (confidence <= high)
    average, right = confidence[group].mean(), correct[group].float().mean()
    print(f"{low:.1f} 到 {high:.1f} {group.sum():8d} {average:9.1%} {right:9.1%}")

# sphinx_gallery_start_ignore
edges = (0, 0.3, 0.5, 0.7, 0.9, 1)
shares = [correct[(confidence > a) & (confidence <= b)].float().mean() for a, b in zip(edges, edges[1:])]
assert shares == sorted(shares) and shares[-1] > 0.85
# sphinx_gallery_end_ignore

# %%
# 在这个网络上，最大的概率越高，预测正确的比例也越高，最高的一组绝大多数是对的。
# 不是每个网络给出的概率都与准确率这样接近，过拟合的网络往往过于自信，所以换了网络要重新检验。

# %%
# 用验证集做选择
# --------------
#
# 轮数、学习率、网络的宽度这些由人选定的设置叫超参数（hyperparameter），要比较几种取法才知道哪种好。
# 如果用测试集来比较，选中的取法可能只是碰巧更适合这 1 万张图片，测试准确率往往就会偏高，不再能代表新的图片。
# 所以要从训练集里再分出一部分作验证集（validation set）：训练集用来更新参数，验证集用来做选择，测试集留到选定以后，只用来估计结果。
#
# 前面每取一张图片都要转换一次，这里改为一次把全部图片变成一个 8 位整数的张量，用到一批时再转换成浮点数，这样快得多。
# ``train_set.data`` 和 ``train_set.targets`` 是没有转换过的全部图片和标签；``permute`` 把图片的通道移到高和宽的前面，``contiguous`` 保证内存也按新的顺序排列。
# 图片已经是张量，所以 ``prepare`` 里不用 ``ToImage``。
# ``torch.randperm(n)`` 给出 0 到 n - 1 的随机排列，前一段用来训练，其余的用来验证。

train_images = torch.from_numpy(train_set.data).permute(0, 3, 1, 2).contiguous()
train_labels = torch.tensor(train_set.targets)
prepare = v2.Compose([v2.ToDtype(torch.float32, scale=True), normalize])

torch.manual_seed(0)
order = torch.randperm(len(train_images))
fit_index, val_index = order[:45_000], order[45_000:]
val_images, val_labels = train_images[val_index], train_labels[val_index]
print(f"训练 {len(fit_index)} 张，验证 {len(val_index)} 张")

# sphinx_gallery_start_ignore
assert not set(fit_index.tolist()) & set(val_index.tolist())
for i in (0, 7, 49_999):
    torch.testing.assert_close(prepare(train_images[i]), train_set[i][0])
# sphinx_gallery_end_ignore

# %%
# 再写两个函数：一个训练一轮，一个算准确率。
# 先打乱下标，再用 ``split`` 切成一批一批的下标，这两行代替了数据加载器；``model.train()`` 让网络回到训练模式。
# ``augment`` 和 ``scheduler`` 下一节才用到。


def train_epoch(model, optimizer, index, batch_size, augment=None, scheduler=None):
    model.train()
    shuffled = index[torch.randperm(len(index))]  # ← 打乱
    for part in shuffled.split(batch_size):  # ← 切成批
        batch = train_images[part] if augment is None else augment(train_images[part])
        optimizer.zero_grad()
        criterion(model(prepare(batch)), train_labels[part]).backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


def measure(model, images, labels):
    model.eval()
    with torch.no_grad():
        predicted = torch.cat([model(prepare(part)).argmax(dim=1) for part in images.split(500)])
    return (predicted == labels).float().mean().item()


# %%
# 下面故意只用 3000 张图片训练 12 轮，每轮结束时在训练图片和验证集上各算一次准确率，并保留验证准确率最高的那一轮的参数，最后加载回网络。
# ``state_dict()`` 里的张量与网络共用内存，要用 ``copy.deepcopy`` 复制一份，否则接着训练时，保留的参数也会跟着变。

import copy

torch.manual_seed(0)
small = fit_index[:3000]
model = Net()
optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
curves = []
for epoch in range(1, 13):
    train_epoch(model, optimizer, small, batch_size=32)
    fit_accuracy = measure(model, train_images[small], train_labels[small])
    curves.append((fit_accuracy, measure(model, val_images, val_labels)))
    if curves[-1][1] == max(val for _, val in curves):
        best_epoch, best_state = epoch, copy.deepcopy(model.state_dict())
model.load_state_dict(best_state)
print(f"第 {best_epoch} 轮的验证准确率最高：{curves[best_epoch - 1][1]:.1%}")
print(f"最后一轮：训练 {curves[-1][0]:.1%}，验证 {curves[-1][1]:.1%}")

# sphinx_gallery_start_ignore
assert measure(model, val_images, val_labels) == curves[best_epoch - 1][1]
assert best_epoch < 12 and curves[-1][0] > curves[-1][1] + 0.15
# sphinx_gallery_end_ignore

# %%

# 画图：训练准确率总的在上升，验证准确率到后来不再上升；圆点是选中的那一轮。
# 图中：两条准确率曲线，开始时靠在一起，后来训练的（虚线）在上面，验证的（实线）在下面；实线上有一个圆点。
fig, ax = plt.subplots(figsize=(4.8, 3.4), layout="constrained")
fit_curve, val_curve = (100 * np.array(curves)).T
ax.plot(range(1, 13), fit_curve, "--", color="C2")
ax.plot(range(1, 13), val_curve, color="C2")
ax.plot(best_epoch, val_curve[best_epoch - 1], "o", color="C2")
ax.text(12.2, fit_curve[-1], "训练", color="C2", va="center")
ax.text(12.2, val_curve[-1], "验证", color="C2", va="center")
ax.set_xlim(0.5, 14)
ax.set_xticks([1, 3, 6, 9, 12])
ax.set_xlabel("轮")
ax.set_title("准确率（%）", loc="left", fontsize=11)
fig.suptitle("只用 3000 张训练：过拟合")
plt.show()

# %%
# 网络越来越适应这 3000 张图片，验证准确率却不再提高，两条曲线越分越开，这就是过拟合。
# 保留验证准确率最高的一轮，是常用的做法；如果连续几轮没有提高就不再训练，叫提前停止（early stopping）。
# 这一轮正是因为验证准确率最高才选中的，所以这个数往往略微偏高，最后要用测试集来报告结果。

# %%
# 同样的时间，更好的结果
# ----------------------
#
# 网络不变，只换训练的方法，能不能在不超过前面两轮的时间里，得到更高的准确率？
# 下面的配方改了五处，各处的数值是事先用验证集试出来的。
#
# * **整批转换**：像上一节那样，一批图片一起转换成浮点数，不再一张一张地转换。
# * **批量 64**：一步处理 64 张图片，比 16 步各 4 张省得多，前两处省下的时间用来多看几轮。
# * **学习率最高到 0.025**：批量大，梯度的估计更稳定，每步可以走得更远。
# * **先升后降的学习率**：``OneCycleLR`` 从最高值的 1/25 起步，升到最高，再降到接近 0；中间走得快，结尾的小步让损失降得更低。
# * **数据增强（data augmentation）**：每张图片以一半的概率左右翻转，每批再随机移动至多 1 个像素；左右翻转的汽车还是汽车，每轮看到的图片略有不同，就不容易过拟合。
#
# 如果任务是认字，左右翻转就不合适了，所以增强要根据任务来选。
# ``v2.RandomCrop`` 先在四周补一圈 0，再从随机的位置裁出原来的大小，一批图片的位置相同；``torch.where`` 逐张决定翻转，``flip`` 里为 ``True`` 的取翻转的，其余取原来的。

crop = v2.RandomCrop(32, padding=1)


def augment(batch):
    flip = torch.rand(len(batch), 1, 1, 1) < 0.5
    return crop(torch.where(flip, batch.flip(-1), batch))


# %%
# 训练 8 轮；学习率到最后才降下来，所以用最后一轮的网络，不再挑选。
# ``OneCycleLR`` 是学习率调度器（scheduler），由它改写优化器的学习率，写在 ``SGD`` 里的 ``lr`` 不起作用。
# ``train_epoch`` 里每更新一次参数就调用一次 ``scheduler.step()``，所以 ``total_steps`` 是全部的步数；``cycle_momentum=False`` 让动量保持 0.9 不变。

torch.manual_seed(0)
start = time.process_time()
better_net = Net()
epochs, batch_size = 8, 64
steps = epochs * len(fit_index.split(batch_size))
optimizer = optim.SGD(better_net.parameters(), lr=0.025, momentum=0.9)
scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.025, total_steps=steps, cycle_momentum=False)
for epoch in range(1, epochs + 1):
    train_epoch(better_net, optimizer, fit_index, batch_size, augment, scheduler)
    print(f"第 {epoch} 轮，验证准确率 {measure(better_net, val_images, val_labels):.1%}")
better_seconds = time.process_time() - start

# sphinx_gallery_start_ignore
ramp = torch.arange(64 * 32 * 32, dtype=torch.float32).view(64, 1, 32, 32) + 1
for seed in range(5):
    torch.manual_seed(seed)
    shifted = crop(ramp)
    assert len({(a - b).max().item() for a, b in zip(shifted[:, :, 1:-1, 1:-1], ramp[:, :, 1:-1, 1:-1])}) == 1
assert scheduler.get_last_lr()[0] < 1e-4
for lr in (0.001, 0.025, 1.0):
    check = optim.SGD(Net().parameters(), lr=lr, momentum=0.9)
    optim.lr_scheduler.OneCycleLR(check, max_lr=0.025, total_steps=steps, cycle_momentum=False)
    assert abs(check.param_groups[0]["lr"] - 0.025 / 25) < 1e-9 and check.param_groups[0]["momentum"] == 0.9
# sphinx_gallery_end_ignore

# %%
# 一切选定以后，才在测试集上检验，并比较两次训练的用时。

better_logits, _ = collect(better_net, DataLoader(test_set, batch_size=500))
better_predicted = better_logits.argmax(dim=1)
better_accuracy = (better_predicted == test_labels).float().mean().item()
print(f"原来的做法，测试准确率：{accuracy:.1%}")
print(f"新的做法，测试准确率：{better_accuracy:.1%}")
print(f"用时没有超过原来的做法：{better_seconds <= original_seconds}")

# sphinx_gallery_start_ignore
assert better_accuracy >= 0.65, better_accuracy
assert better_seconds <= original_seconds, (better_seconds, original_seconds)
# sphinx_gallery_end_ignore

# %%
# 参数没有增加，训练图片还少了 5000 张，这次运行中的准确率却高出许多。
# 用时随机器而变，你那里如果打印 ``False``，就少训练一两轮。
# 想再提高，可以加宽网络、多训练几轮，每次都用验证集来选。

# %%
# 选读：认一张自己的图片
# ----------------------
#
# 这个网络要 32×32 的图片，所以自己的图片要先缩小，再做与训练时同样的转换。
# 下面把一张测试图片放大，存成文件，充当你的照片；用的时候，让 ``photo_path`` 等于你自己的文件名。

from PIL import Image, ImageOps

with tempfile.TemporaryDirectory() as folder:
    sample = Path(folder) / "photo.png"
    Image.fromarray(test_set.data[0]).resize((400, 320)).save(sample)
    photo_path = sample  # 换成你自己的文件名
    with Image.open(photo_path) as file:
        photo = ImageOps.exif_transpose(file).convert("RGB")  # 手机的照片先转正

shrink = v2.Compose([v2.Resize(32), v2.CenterCrop(32), transform])
x = shrink(photo).unsqueeze(0)
better_net.eval()
with torch.no_grad():
    guess = better_net(x).softmax(dim=1)[0]
print(f"{photo.size} 变成 {tuple(x.shape)}")
for p, i in zip(*guess.topk(3)):
    print(f"{chinese[i]} {p:.1%}")

# sphinx_gallery_start_ignore
assert x.shape == (1, 3, 32, 32) and guess.argmax() in (3, 5)
# sphinx_gallery_end_ignore

# %%
# ``convert("RGB")`` 让黑白的、带透明度的图片也变成三个通道，``Resize(32)`` 把短边缩小到 32，``CenterCrop(32)`` 再取正中的一块，``unsqueeze(0)`` 补上批量那一维。
# 网络只会从十类里选，如果图片里是别的东西，也会得到其中一类，而且概率可能很高。
# 自己的照片与 CIFAR-10 的图片不像时，准确率往往比测试集上的低。

# %%
# 常见错误
# --------
#
# 下面两个错误，训练分类器时常会遇到，第二个并不报错。

# %%
# 常见错误：前后两层的通道数对不上
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：想加宽网络，只改了 ``conv1`` 的第 2 个参数（输出通道数），运行到 ``conv2`` 时报错。

wider = Net()
wider.conv1 = nn.Conv2d(3, 12, 5)
try:
    wider(images)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：``conv1`` 现在输出 12 个通道，``conv2`` 的卷积核（kernel）却是为 6 个通道准备的。
#
# **解决办法**：``conv1`` 的第 2 个参数和 ``conv2`` 的第 1 个参数要相等，两处一起改。

wider.conv2 = nn.Conv2d(12, 16, 5)
print(wider(images).shape)

# %%
# 常见错误：在交叉熵前面多做了一次 softmax
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：不报错，但学得很慢，甚至停住，损失总也降不到 0 附近。
# 下面假设预测完全正确，正确类别的概率是 1，其余是 0，再把这些概率当成得分交给 ``CrossEntropyLoss``。

perfect = torch.zeros(1, 10)
perfect[0, 3] = 1.0
print(f"完全正确时的损失：{criterion(perfect, torch.tensor([3])):.4f}")

# %%
# 再假设网络很有把握地说是第 0 类，正确的却是第 3 类，比较两种做法的梯度；``nn.Identity`` 什么也不做。

for name, last in (("直接用得分", nn.Identity()), ("先做 softmax", nn.Softmax(dim=1))):
    scores = torch.tensor([[20.0] + [0.0] * 9], requires_grad=True)
    criterion(last(scores), torch.tensor([3])).backward()
    print(f"{name}，对得分的梯度大小 {scores.grad.norm():.1e}")

# sphinx_gallery_start_ignore
for n in (2, 10, 100):
    one = criterion(torch.eye(n), torch.arange(n)).item()
    assert abs(one - np.log(1 + (n - 1) / np.e)) < 1e-5
# sphinx_gallery_end_ignore

# %%
# **原因**：``CrossEntropyLoss`` 自己会做 softmax，把 0 到 1 的概率当成得分再做一次，十个类别时损失不会低于 :math:`\ln(1 + 9/e)`，梯度（gradient）通常也小得多；如果网络很有把握却错了，梯度几乎是 0，这样的错误就很难改正。
#
# **解决办法**：让网络直接输出得分，需要看概率时，再在损失之外做 softmax。

# %%
# 选读：再看四个容易出错的地方
# ----------------------------
#
# 常见错误：标签成了浮点数
# ^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：标签从表格或 NumPy 数组读来，类型成了浮点数，交叉熵报错。

try:
    criterion(net(images), labels.float())
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：形状为 ``(N,)`` 的标签是类别的编号，``CrossEntropyLoss`` 只接受 ``torch.long`` 和 ``torch.uint8`` 两种整数类型，别的整数类型也会报错。
#
# **解决办法**：转换成 ``torch.long``。

print(torch.equal(criterion(net(images), labels.float().long()), criterion(net(images), labels)))

# sphinx_gallery_start_ignore
criterion(net(images), labels.to(torch.uint8))
for dtype in (torch.int8, torch.int16, torch.int32, torch.float64):
    try:
        criterion(net(images), labels.to(dtype))
    except RuntimeError:
        continue
    raise AssertionError(dtype)
# sphinx_gallery_end_ignore

# %%
# 常见错误：照旧教程写 ``.next()``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：从早年的代码里抄来 ``dataiter.next()``，报错说没有这个属性。

try:
    iter(train_loader).next()
except AttributeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：``.next()`` 是 Python 2 的写法，Python 3 的迭代器用的是 ``__next__``，由内置函数 ``next`` 调用。
# 报错里的类名随 ``num_workers`` 而变，大于 0 时是 ``_MultiProcessingDataLoaderIter``。
#
# **解决办法**：写成 ``next(iter(train_loader))``。

# %%
# 常见错误：把整个网络保存下来再加载
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：直接写 ``torch.save(net, …)``，保存时一切正常，加载时报错。

import pickle

with tempfile.TemporaryDirectory() as folder:
    whole = Path(folder) / "whole_net.pt"
    torch.save(net, whole)
    try:
        torch.load(whole)
    except pickle.UnpicklingError as error:
        lines = str(error).splitlines()
        print(f"{type(error).__name__}: {lines[0].split('. ')[0]}.")
        print(next(line.strip() for line in lines if "Unsupported" in line).split(". ")[0])

# %%
# **原因**：这样的文件里存的是类的名字和重建对象的指令，加载时要执行这些指令，来路不明的文件就可能在你的电脑上运行任意代码，所以默认不允许。
# 此外，类改了名字或者换了文件，以前保存的网络就加载不了。
#
# **解决办法**：只保存 ``state_dict()``，加载时先建网络，再用 ``load_state_dict``。

# %%
# 加载不可信的文件
# ^^^^^^^^^^^^^^^^
#
# 上面的报错还会提到 ``weights_only=False``，这个选项的危险可以用一个无害的“陷阱”来看：一加载，文件里指定的函数就被执行。
# 换成删除文件的函数，后果可想而知，所以只对自己保存的、可信的文件才用 ``weights_only=False``。


class Trap:
    def __reduce__(self):
        return print, ("加载的同时，文件里指定的函数被执行了",)


with tempfile.TemporaryDirectory() as folder:
    trap = Path(folder) / "trap.pt"
    torch.save(Trap(), trap)
    torch.load(trap, weights_only=False)
    try:
        torch.load(trap, weights_only=True)
    except pickle.UnpicklingError as error:
        print(f"weights_only=True：{type(error).__name__}，没有加载")

# %%
# 选读：网络学到的卷积核和特征图
# ------------------------------
#
# 第一层 ``conv1`` 有 6 个卷积核，每个是 3 个通道的 5×5 小块，正好可以当作一张彩色小图来看。
# 用同样的种子再建一个网络，就得到训练前的权重。

torch.manual_seed(0)
untrained = Net()
before, after = untrained.conv1.weight.detach(), net.conv1.weight.detach()
for name, w in (("训练前", before), ("训练后", after)):
    neighbours = torch.stack([w[..., :-1].flatten(), w[..., 1:].flatten()])
    print(f"{name}，左右相邻两格的相关系数 {torch.corrcoef(neighbours)[0, 1]:.2f}")

# sphinx_gallery_start_ignore
assert torch.corrcoef(neighbours)[0, 1] > 0.25 and after.shape == (6, 3, 5, 5)
# sphinx_gallery_end_ignore

# %%

# 画图：conv1 的 6 个卷积核，每个各自拉伸到 0 到 1；上面是训练前，下面是训练后。
# 图中：两行彩色的小方格，每行六个，每个五行五列：上面一行各格颜色杂乱，下面一行相邻的格子颜色相近。
fig, axes = plt.subplots(2, 1, figsize=(4.8, 2.9), layout="constrained")
for ax, weights, name in zip(axes, (before, after), ("训练前", "训练后")):
    for i, kernel in enumerate(weights):
        stretched = (kernel - kernel.min()) / (kernel.max() - kernel.min())
        ax.imshow(stretched.permute(1, 2, 0).numpy(), interpolation="nearest", extent=(6 * i, 6 * i + 5, 5, 0))
    ax.set(xlim=(0, 35), ylim=(5, 0))
    ax.set_title(name, fontsize=11)
    ax.axis("off")
fig.suptitle("conv1 的 6 个卷积核，训练前后")
plt.show()

# %%
# 训练前的颜色是随机的，左右相邻的两格几乎没有关系；训练后相邻的格子颜色较为接近，有的能看出明暗或颜色的分界。
# 5×5 的小块里能看出的也就是这些，不必勉强给每个卷积核起名字。
#
# 这些卷积核扫过一张图片，得到 6 张特征图（feature map），下面是测试集里的一艘船。

picture = test_set[1][0]
with torch.no_grad():
    maps = F.relu(net.conv1(picture))
    deeper = F.relu(net.conv2(net.pool(maps)))
print(f"{maps.shape = }，为 0 的占 {(maps == 0).float().mean():.0%}")
print(f"{deeper.shape = }，为 0 的占 {(deeper == 0).float().mean():.0%}")

# sphinx_gallery_start_ignore
assert classes[test_set[1][1]] == "ship" and maps.shape == (6, 28, 28)
assert (deeper == 0).float().mean() > (maps == 0).float().mean()
zeros = (maps == 0).float().mean((1, 2))
assert zeros[3] > 0.9 and zeros[4] < 0.2, zeros
# sphinx_gallery_end_ignore

# %%

# 画图：一艘船和训练后 conv1 给出的 6 张特征图，每张各自拉伸，越亮数值越大，黑色是 0。
# 图中：上面是一张船的照片；下面六张灰度图，分成两行，亮的地方各不相同。
fig = plt.figure(figsize=(4.8, 5.4), layout="constrained")
axes = fig.subplot_mosaic([["船", "船", "船"], [0, 1, 2], [3, 4, 5]])
axes["船"].imshow(to_picture(picture), interpolation="nearest")
for c in range(6):
    axes[c].imshow(maps[c].numpy(), cmap="gray", vmin=0, interpolation="nearest")
    axes[c].set_title(f"通道 {c}", fontsize=11)
for ax in axes.values():
    ax.axis("off")
fig.suptitle("一艘船和 conv1 的 6 张特征图")
plt.show()

# %%
# 这次运行中，通道 4 的背景较亮，船的轮廓还认得出来；通道 0 和 2 亮在横向的条纹上；通道 3 几乎全黑，因为 ReLU 把负数都变成了 0。
# 对这艘船，第二层的特征图只有 10×10，为 0 的更多，已经很难直接看懂了。

# %%
# 选读：在 GPU 等加速器上训练
# ----------------------------
#
# GPU 一类的设备统称加速器（accelerator）。
# 代码不必固定用哪一种，先选设备，再把网络和每一批数据都移到这个设备上，没有加速器时，同一段代码就在 CPU 上运行。

if torch.accelerator.is_available():
    device = torch.accelerator.current_accelerator()
else:
    device = torch.device("cpu")
print(f"{device = }")

# %%
# 与前面的循环相比，有三处不同：网络移一次，每批数据移一次，评估时 ``collect`` 也要知道设备。
# 先移动网络，再建优化器，这样优化器的状态从一开始就与参数在同一个设备上。
# 循环里没有 ``loss.item()``，因为在加速器上，``item()`` 要等排在前面的计算完成才能取得数值，每步都等，就慢了；所以先用 ``loss.detach()`` 累加，最后才取一次。

torch.manual_seed(0)
model = Net().to(device)
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
loader = DataLoader(Subset(train_set, range(3200)), batch_size=16, shuffle=True)
total = torch.zeros((), device=device)
model.train()
for inputs, targets in loader:
    inputs, targets = inputs.to(device), targets.to(device)
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    total += loss.detach()
print(f"{len(loader)} 步的平均损失 {total.item() / len(loader):.3f}")

device_logits, device_labels = collect(model, DataLoader(Subset(test_set, range(1000)), batch_size=500), device)
print(f"参数在 {next(model.parameters()).device.type} 上，收集到的得分在 {device_logits.device} 上")

# sphinx_gallery_start_ignore
assert next(model.parameters()).device.type == device.type and device_logits.device.type == "cpu"
assert total.item() / len(loader) < 2.31
# sphinx_gallery_end_ignore

# %%
# 步数这样少，损失才刚开始下降。
# 这么小的网络在 GPU 上未必更快，因为每步的计算太少，时间多半花在传送数据和启动计算上。
# 网络和批量都大的时候，下面三项常常有用。
#
# * ``torch.autocast``：让前向传播里适合的运算自动改用 float16 或 bfloat16，在支持的硬件上通常更快，也更省内存；用 float16 训练时还要配合 ``torch.amp.GradScaler``，以免很小的梯度变成 0。
# * ``pin_memory=True``：用 CUDA 时，让数据加载器把每批数据放进锁页内存（不会被换到磁盘上的内存），再用 ``.to(device, non_blocking=True)`` 传送，CPU 就不必等传送完成。
# * ``num_workers``：大于 0 时由另外的进程提前准备好后面的批，适合转换费时的数据；在 Windows、macOS 上，以及从 Python 3.14 起的 Linux 上，这些进程会重新导入你的脚本，所以训练代码要放在 ``if __name__ == "__main__":`` 之下，否则会报错，见:doc:`《常见错误索引》 </common_errors>`。
#
# 为什么先要用 ``is_available()`` 判断？
# 因为 ``current_accelerator()`` 默认返回的是安装包支持的加速器，例如支持 CUDA 的安装包在没有 GPU 的机器上也返回 ``cuda``，一用就报错；只支持 CPU 的安装包则返回 ``None``。
# 加上 ``check_available=True``，没有可用的加速器时就返回 ``None``。

print(f"{torch.accelerator.is_available() = }")
print(f"{torch.accelerator.current_accelerator(check_available=True) = }")

# sphinx_gallery_start_ignore
checked = torch.accelerator.current_accelerator(check_available=True)
assert (checked is None) == (not torch.accelerator.is_available())
# sphinx_gallery_end_ignore

# %%
# ``Module.to`` 与 ``Tensor.to`` 也不同：前者改动网络自己，返回的还是这个网络；后者不改动原来的张量，要把返回值赋给变量。
# 用换数据类型来看最清楚。
# 用 ``register_buffer`` 注册的张量叫缓冲区（buffer），例如批量归一化的均值，``Module.to`` 也会一并移动；普通的张量属性不会。

parameters = list(model.parameters())
print(f"{model.to(torch.float16) is model}, {parameters[0].dtype}")
x = torch.ones(2)
y = x.to(torch.float16)
print(f"{y is x}, {x.dtype}, {y.dtype}")

# sphinx_gallery_start_ignore
assert all(p is q for p, q in zip(parameters, model.parameters()))
assert parameters[0].dtype == torch.float16 and x.dtype == torch.float32 and x.to(torch.float32) is x
# sphinx_gallery_end_ignore

# %%
# 选读：保存检查点，中断后继续训练
# --------------------------------
#
# 长时间的训练可能中断，所以要定期保存检查点（checkpoint）。
# 只保存网络是不够的，因为优化器记着动量，学习率调度器（scheduler）记着走到了哪一步，随机数发生器决定后面怎样打乱。
# 下面让一个网络一口气训练三轮，在第一轮结束时保存检查点，再从检查点接着训练后两轮，看参数与一口气训练的最多相差多少。


def build():
    torch.manual_seed(0)
    model = Net()
    optimizer = optim.SGD(model.parameters(), lr=0.025, momentum=0.9)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.025, total_steps=3 * 32, cycle_momentum=False)
    return model, optimizer, scheduler


checkpoint_folder = tempfile.TemporaryDirectory()
checkpoint_path = Path(checkpoint_folder.name) / "checkpoint.pt"
subset = fit_index[:2000]
straight, optimizer, scheduler = build()
for epoch in (1, 2, 3):
    train_epoch(straight, optimizer, subset, 64, scheduler=scheduler)
    if epoch == 1:
        states = {"model": straight.state_dict(), "optimizer": optimizer.state_dict()}
        states |= {"scheduler": scheduler.state_dict(), "epoch": epoch, "rng": torch.get_rng_state()}
        torch.save(states, checkpoint_path)
print(list(torch.load(checkpoint_path, weights_only=True)))

# %%
# 接着训练时，从文件读出检查点，依次加载各个状态；``skip`` 是故意不恢复的一项。
# 每次都要重新读文件，因为优化器加载以后，会直接使用 ``checkpoint`` 里存放动量的张量，训练会改动它们。


def resume(skip=None):
    checkpoint = torch.load(checkpoint_path, weights_only=True)
    model, optimizer, scheduler = build()
    for name, part in (("model", model), ("optimizer", optimizer), ("scheduler", scheduler)):
        if name != skip:
            part.load_state_dict(checkpoint[name])
    if skip != "rng":
        torch.set_rng_state(checkpoint["rng"])
    for _ in range(checkpoint["epoch"], 3):
        train_epoch(model, optimizer, subset, 64, scheduler=scheduler)
    pairs = zip(model.parameters(), straight.parameters())
    return max((p - q).abs().max().item() for p, q in pairs)


differences = {"全部恢复": resume()}
for skip in ("optimizer", "scheduler", "rng"):
    differences[f"没有恢复 {skip}"] = resume(skip)
for name, difference in differences.items():
    print(f"{name}：最多相差 {difference:.3f}，逐位相等：{difference == 0}")
checkpoint_folder.cleanup()

# sphinx_gallery_start_ignore
assert [value == 0 for value in differences.values()] == [True, False, False, False]
assert min(list(differences.values())[1:]) > 1e-3
# sphinx_gallery_end_ignore

# %%
# 全部恢复，结果与没有中断的逐位相等；这个例子里少恢复任何一项，就不同了。
# 多数时候不需要逐位相等，随机数的状态可以不存，但优化器和调度器的状态应当保存。
# 如果要逐位相等，还要注意下面几点。
#
# * 检查点最好在两轮之间保存；如果在一轮的中途保存，还要记下打乱的顺序和已经用到第几批。
# * 每个设备、每个库的随机数发生器各有状态：CPU 上用 ``torch.get_rng_state()``，CUDA 上用 ``torch.cuda.get_rng_state_all()``，用到 NumPy 和 Python 的 ``random`` 时也要分别保存它们的状态，``np.random.get_state()`` 里的数组要先用 ``tolist()`` 换成列表，因为 ``weights_only=True`` 不加载 NumPy 的数组和数。
# * 随机失活和数据增强也用随机数，状态要取保存检查点那一刻的。
# * 在加速器上，有些运算默认就不是每次都逐位相同，要用 ``torch.use_deterministic_algorithms(True)``。

# %%
# 选读：冻结前面各层
# ------------------
#
# 学到的特征换一个任务往往还能用。
# 微调（fine-tuning）时常常只训练新的输出层，前面各层冻结（freeze），也就是把参数的 ``requires_grad`` 关掉。

transfer = copy.deepcopy(net)
transfer.requires_grad_(False)
torch.manual_seed(0)
transfer.fc3 = nn.Linear(84, 2)
trainable = [p for p in transfer.parameters() if p.requires_grad]
print(f"全部参数 {sum(p.numel() for p in transfer.parameters())}，可训练的 {sum(p.numel() for p in trainable)}")

criterion(transfer(images), torch.tensor([0, 1, 0, 1])).backward()
for name, p in transfer.named_parameters():
    print(f"{name:13s} 梯度的形状：{None if p.grad is None else tuple(p.grad.shape)}")
print(f"冻结部分的输出要不要梯度：{transfer.conv1(images).requires_grad}")

# sphinx_gallery_start_ignore
assert sum(p.numel() for p in trainable) == 170
assert [n for n, p in transfer.named_parameters() if p.grad is not None] == ["fc3.weight", "fc3.bias"]
# sphinx_gallery_end_ignore

# %%
# 新建的层默认要梯度，所以可训练的只剩 ``fc3``。
# 输入不要梯度，最前面的各层又都冻结了，这一段就不建计算图，反向传播到 ``fc3`` 为止，因此省时间也省内存。
# 如果冻结的是最后一层，梯度仍要穿过这一层传给前面；而 ``no_grad`` 会连这一段计算一起不记录，前面的参数就得不到梯度。

layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
layers[2].requires_grad_(False)
layers(torch.ones(1, 4)).sum().backward()
print("冻结最后一层，有梯度的参数：", [name for name, p in layers.named_parameters() if p.grad is not None])
with torch.no_grad():
    print(f"在 no_grad 之下，输出要不要梯度：{layers(torch.ones(1, 4)).requires_grad}")

# sphinx_gallery_start_ignore
assert layers[0].weight.grad is not None and layers[2].weight.grad is None
# sphinx_gallery_end_ignore

# %%
# 冻结以后，参数和状态仍然可能改变，下面两种情况要防。
# 第一，冻结以前已经有梯度，又留在优化器里，``step()`` 还会用这个旧的梯度更新参数；``grad`` 是 ``None`` 的参数才会被跳过。
# 如果用 ``zero_grad(set_to_none=False)`` 把梯度填成 0，参数也不会被跳过，动量和权重衰减（weight decay）仍会改动参数。

layer = nn.Linear(2, 1)
optimizer = optim.SGD(layer.parameters(), lr=0.1)
layer(torch.ones(1, 2)).sum().backward()
layer.requires_grad_(False)
for name in ("留着旧的梯度", "清零以后"):
    before = layer.weight.clone()
    optimizer.step()
    print(f"{name}，权重没有变：{torch.equal(layer.weight, before)}")
    optimizer.zero_grad()

# sphinx_gallery_start_ignore
assert torch.equal(layer.weight, before) and layer.weight.grad is None
for options in ({"momentum": 0.9}, {"weight_decay": 0.1}):
    layer = nn.Linear(2, 1)
    check = optim.SGD(layer.parameters(), lr=0.1, **options)
    layer(torch.ones(1, 2)).sum().backward()
    check.step()
    layer.requires_grad_(False)
    check.zero_grad(set_to_none=False)
    before = layer.weight.clone()
    check.step()
    assert not torch.equal(layer.weight, before)
# sphinx_gallery_end_ignore

# %%
# 第二，批量归一化在训练模式下会更新均值和方差，它们是缓冲区，不受 ``requires_grad`` 影响，要用 ``eval()`` 固定；以后对整个网络调用 ``train()``，批量归一化又会回到训练模式，要再固定一次。

norm = nn.BatchNorm2d(3).requires_grad_(False)
for training in (True, False):
    norm.train(training)
    before = norm.running_mean.clone()
    norm(images)
    print(f"{training = }，均值没有变：{torch.equal(norm.running_mean, before)}")

# sphinx_gallery_start_ignore
norm.train()(images)
assert not torch.equal(norm.running_mean, before)
# sphinx_gallery_end_ignore

# %%
# 冻结究竟有没有用，要公平地比较。
# 换一个全新的任务：图片是正的，还是上下颠倒的？
# 标签是新的，检验用测试集的图片，``net`` 训练时都没有见过。
# 三种做法用同样的 500 张图片、同样的批和步数、同样的学习率，各用三个种子取平均。


def upside_down(images):
    turned = torch.arange(len(images)) % 2
    return torch.where(turned.view(-1, 1, 1, 1) == 1, images.flip(-2), images), turned


test_images = torch.from_numpy(test_set.data).permute(0, 3, 1, 2).contiguous()
task_images, task_labels = upside_down(train_images[fit_index[:500]])
task_test = upside_down(test_images[:2000])


def run_task(start, frozen, seed):
    torch.manual_seed(seed)
    model = Net() if start is None else copy.deepcopy(start)
    model.requires_grad_(not frozen)
    model.fc3 = nn.Linear(84, 2)
    optimizer = optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01, momentum=0.9)
    torch.manual_seed(seed)
    for _ in range(5):
        for part in torch.randperm(500).split(16):
            optimizer.zero_grad()
            criterion(model(prepare(task_images[part])), task_labels[part]).backward()
            optimizer.step()
    return measure(model, *task_test)


# %%
# 下面是比较的结果。

averages = []
for name, start, frozen in (("从头训练", None, False), ("冻结，只训练 fc3", net, True), ("微调全部参数", net, False)):
    results = [run_task(start, frozen, seed) for seed in (0, 1, 2)]
    averages.append(np.mean(results))
    print(f"{name}：平均 {np.mean(results):.1%}，三次从 {min(results):.1%} 到 {max(results):.1%}")

# sphinx_gallery_start_ignore
assert averages[2] == max(averages) and min(averages) > 0.55
assert abs(averages[0] - averages[1]) < 0.01, averages
# sphinx_gallery_end_ignore

# %%
# 这次运行中，微调全部参数的平均最高；另外两种的平均相差很小，还不如三次之间的差别大，分不出高下。
# 冻结的做法每步最省；解冻几层最好，与新任务和数据的多少有关，要用验证集来选。

# %%
# 小结
# ----
#
# * 图片先变成 0 到 1 的浮点数，再归一化到 -1 到 1；检验时要用同样的转换。
# * 这个网络训练以前，损失接近 :math:`\ln 10`；训练循环就是清零、前向、损失、反向、更新五件事的重复。
# * 学习率、动量和批量大小要配合，批量大，学习率往往可以更高。
# * 混淆矩阵说明哪些类别容易混淆；标签也可能有错；概率是否可信，要分组来看。
# * 训练集用来更新参数，验证集用来做选择，测试集留到最后。
# * 这次运行中，同样的网络和时间，换用更大的批量、先升后降的学习率和数据增强，准确率更高。
# * 只保存 ``state_dict()``，用 ``weights_only=True`` 加载。

# %%
# 练习
# ----
#
# 1. **加宽网络**：让 ``conv1`` 输出 6、12、24 个通道，用 ``fit_index`` 的前 4000 张各训练 3 轮（批量 32，``OneCycleLR`` 最高到 0.03），按验证准确率选一个宽度。
#    哪些参数跟着变多？
# 2. **换学习率**：宽度不变，用 5000 张、同样的批量训练 1 轮，学习率固定为 0.001、0.02、0.5，比较验证准确率。
#    是不是越大越好？
# 3. **前三名**：对 ``net``，有多少测试图片的正确类别排在得分的前三名里？
# 4. **精确率**：网络说“这是猫”的时候，有多大比例真是猫？
#    对每一类都算一算。

# %%
# 练习 1 的答案
# ^^^^^^^^^^^^^
#
# ``conv1`` 的输出通道和 ``conv2`` 的输入通道一起改，其余不变。


class WideNet(Net):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 5)
        self.conv2 = nn.Conv2d(width, 16, 5)


widths = {}
for width in (6, 12, 24):
    torch.manual_seed(0)
    wide = WideNet(width)
    optimizer = optim.SGD(wide.parameters(), lr=0.03, momentum=0.9)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.03, total_steps=3 * 125, cycle_momentum=False)
    for _ in range(3):
        train_epoch(wide, optimizer, fit_index[:4000], 32, scheduler=scheduler)
    widths[width] = measure(wide, val_images, val_labels)
    count = sum(p.numel() for p in wide.parameters())
    print(f"宽度 {width:2d}，参数 {count} 个，验证准确率 {widths[width]:.1%}")
print(f"选宽度 {max(widths, key=widths.get)}")

# %%
# 只有 ``conv1`` 和 ``conv2`` 的参数变多；大头在全连接层（fully connected layer），所以总数增加得不快。
# 训练得这样短，相差一两个百分点也可能来自初始权重，要下结论，还要换几个种子、训练得更久再比。

# %%
# 练习 2 的答案
# ^^^^^^^^^^^^^
#
# 每次都从相同的初始权重出发，看到的批也相同，只有学习率不同。

rates = {}
for lr in (0.001, 0.02, 0.5):
    torch.manual_seed(0)
    model = Net()
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    train_epoch(model, optimizer, fit_index[:5000], 32)
    rates[lr] = measure(model, val_images, val_labels)
    print(f"lr = {lr:<5}  验证准确率 {rates[lr]:.1%}")

# sphinx_gallery_start_ignore
assert rates[0.02] > rates[0.001] + 0.05 and rates[0.02] > rates[0.5] + 0.05
# sphinx_gallery_end_ignore

# %%
# 不是越大越好。
# 在这个例子里，学习率取 0.001 太小，一轮几乎没有学到什么；取 0.02 学得快；取 0.5，每步走得太远，准确率停在随便猜的水平附近。
# 正文也用过 0.001，但那里走了两万多步，这里只走一百多步。

# %%
# 练习 3 的答案
# ^^^^^^^^^^^^^
#
# ``topk(3)`` 给出得分最高的三个类别，看标签是否在其中。

top3 = test_logits.topk(3, dim=1).indices
top3_accuracy = (top3 == test_labels.unsqueeze(1)).any(dim=1).float().mean().item()
print(f"第一名就对的 {accuracy:.1%}，前三名里有的 {top3_accuracy:.1%}")

# sphinx_gallery_start_ignore
assert top3_accuracy - accuracy > 0.5 * (1 - accuracy)
# sphinx_gallery_end_ignore

# %%
# 第一名错了的测试图片，一半以上的正确答案就在第二、三名。

# %%
# 练习 4 的答案
# ^^^^^^^^^^^^^
#
# 混淆矩阵的一列是被预测为这一类的全部图片，对角线除以列之和，就是精确率（precision）；对角线除以行之和，就是各类的准确率，也叫召回率（recall）。

precision = confusion.diag() / confusion.sum(dim=0)
print("精确率  召回率  被预测的张数")
for name, p, r, count in zip(chinese, precision, class_accuracy, confusion.sum(dim=0)):
    print(f"{p:6.1%} {r:7.1%} {count:8d}  {name}")

# sphinx_gallery_start_ignore
assert torch.equal(precision < class_accuracy, confusion.sum(0) > 1000)
# sphinx_gallery_end_ignore

# %%
# 每一类都有 1000 张测试图片，一列如果超过 1000 张，说明网络偏爱这一类，精确率就低于召回率；不足 1000 张则相反。
# 只看一种比率，看不出这样的偏向。

# %%
# 接下来
# ------
#
# 一个加速器不够用时，可以把一批数据分给几个同时计算，见:doc:`《数据并行》 <optional_data_parallelism>`。
# 想用现成的、更强的网络，可以看 `torchvision 的模型库 <https://docs.pytorch.org/vision/stable/models.html>`__。
