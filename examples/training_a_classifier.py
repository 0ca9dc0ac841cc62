"""
训练图像分类器
==============

这一页把前面学到的东西用在一件完整的事情上：用 5 万张小照片训练一个卷积神经网
络，让它分辨飞机、猫、船等十类图像，再用 1 万张没有见过的照片检验它。读完以后，
你手里会有一套自己跑通的流程：准备数据、定义网络、训练、评估、看清错误、保存、续
训，以及把学到的特征用在新任务上。

**你将学到**：用 torchvision 准备 CIFAR-10；写出训练循环并读懂损失曲线；用准确
率、混淆矩阵和具体的错例评价模型；保存、载入和续训；在加速器上训练；冻结一部分参
数。

**需要先会**：张量的基本运算（:doc:`《什么是 PyTorch》 <what_is_pytorch>`）、自动
微分（:doc:`《自动微分》 <autograd_automatic_differentiation>`）和用
``nn.Module`` 定义网络（:doc:`《神经网络》 <neural_networks>`）。
"""

# %%
# 动手之前：固定种子与线程
# ------------------------
#
# 打乱数据和初始化网络都要用随机数，先固定种子，让每次运行的结果一致。这一页的网
# 络很小，每步只处理 4 张小图，多开线程，花在协调上的时间往往比省下的还多，所以
# 计算只用一个线程。线程数也固定以后，同一台机器上重跑，数字不会变。

import torch

torch.manual_seed(0)
torch.set_num_threads(1)
print(f"{torch.get_num_threads() = }")

# %%
# 认识 CIFAR-10
# -------------
#
# `CIFAR-10 <https://www.cs.toronto.edu/~kriz/cifar.html>`__ 是常用的小型图像数
# 据集（dataset）：彩色照片，每张 32×32 像素，属于十个类别之
# 一。``download=True`` 表示当前文件夹的 ``data`` 里没有时就下载（约 170 MB）。官
# 方服务器有时很慢，下载不动就看 :doc:`数据下载慢怎么办 </slow_download>`。先不加
# 任何转换，看看取出来的一项是什么。

import numpy as np
from torchvision import datasets

raw_train = datasets.CIFAR10(root="./data", train=True, download=True)
image, label = raw_train[0]
pixels = np.array(image)
print(f"{len(raw_train) = }")
print(f"{type(image).__module__}.{type(image).__name__}, {image.mode}, {image.size}")
print(f"{pixels.shape = }, {pixels.dtype = }, {pixels.min()} ~ {pixels.max()}")
print(f"{label = }")

# sphinx_gallery_start_ignore
assert pixels.dtype == np.uint8 and pixels.shape == (32, 32, 3) and image.mode == "RGB"
# sphinx_gallery_end_ignore

# %%
# 一项由图像和标签（label）组成。图像是 PIL 图片，像素值是 0~255 的 8 位整数，不
# 是 0~1 的小数；标签是 0~9 的整数。下面列出每个编号对应的类别和它在训练集
# （training set）中的张数。英文名短，后面的图和输出都用它。

classes = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
chinese = ("飞机", "汽车", "鸟", "猫", "鹿", "狗", "青蛙", "马", "船", "卡车")
targets = np.array(raw_train.targets)
counts = np.bincount(targets)
for index, name in enumerate(classes):
    print(f"{index}  {name:5s}  {counts[index]}  {chinese[index]}")

# sphinx_gallery_start_ignore
assert (counts == 5000).all()
# sphinx_gallery_end_ignore

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
# 各类张数相同。数字看不出照片的样子，把每类最前面的 6 张画出来：每张四周留一圈
# 白边，横着拼成一行，再把十行叠在一起。

plt.rcParams["figure.constrained_layout.h_pad"] = 0.1  # 标题上方留一点空
padded = np.pad(raw_train.data[:1000], ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255)
rows = [np.hstack(padded[targets[:1000] == index][:6]) for index in range(10)]
plt.figure(figsize=(4.6, 7), layout="constrained")
plt.imshow(np.vstack(rows), interpolation="nearest")
plt.xticks([])
plt.yticks(17 + 34 * np.arange(10), classes, fontsize=12)
plt.tick_params(length=0)
plt.box(False)
plt.title("CIFAR-10 的十个类别，每类最前面的 6 张", fontsize=13)
plt.show()

# sphinx_gallery_start_ignore
assert np.vstack(rows).shape == (340, 204, 3)
# sphinx_gallery_end_ignore

# %%
# 准备数据
# --------
#
# 从文件到网络，分工是这样的：``torchvision.datasets`` 按编号取出图像和标
# 签，``torchvision.transforms`` 负责转换，``torch.utils.data.DataLoader`` 负责
# 打乱、凑成一批。
#
# 先转换，再归一化
# ^^^^^^^^^^^^^^^^
#
# ``ToTensor`` 把 PIL 图片变成浮点张量（tensor）：通道（channel）移到最前
# 面，0~255 除以 255 变到 :math:`[0, 1]`。``Normalize`` 再逐通道做归一化
# （normalization）：
#
# .. math::
#
#    \mathrm{output}_c = \frac{\mathrm{input}_c - \mathrm{mean}_c}{\mathrm{std}_c}
#
# 参数都取 0.5 时，0 变成 -1，1 变成 1。

from torchvision import transforms

to_tensor = transforms.ToTensor()
normalize = transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
scaled = to_tensor(image)
normalized = normalize(scaled)
for name, x in [("ToTensor", scaled), ("Normalize", normalized)]:
    print(f"{name:9s} {x.dtype} {tuple(x.shape)} {x.min():.1f} ~ {x.max():.1f}")

torch.testing.assert_close(scaled, torch.from_numpy(pixels).permute(2, 0, 1) / 255)
torch.testing.assert_close(normalized, 2 * scaled - 1)

# %%
# “归一化”容易让人以为结果的均值（mean）是 0、标准差（standard deviation）是
# 1，那样的做法常叫标准化。这里不是：0.5 并不是这批照片的均值和标准差，它只是把取
# 值范围从 :math:`[0, 1]` 移到 :math:`[-1, 1]`。在全部训练图上逐通道算一遍：

moments = []
print("通道   均值     标准差   归一化后的均值   归一化后的标准差")
for c, colour in enumerate("红绿蓝"):
    x = torch.from_numpy(raw_train.data[..., c]) / 255
    mean = x.mean().item()
    std = (x - mean).square().mean().sqrt().item()
    moments.append((mean, std))
    print(f"{colour}     {mean:.4f}   {std:.4f} {(mean - 0.5) / 0.5:12.4f} {std / 0.5:16.4f}")

# sphinx_gallery_start_ignore
expected = [(0.49139968, 0.24703223), (0.48215841, 0.24348513), (0.44653091, 0.26158784)]
np.testing.assert_allclose(moments, expected, atol=1e-5)
# sphinx_gallery_end_ignore

# %%
# 均值离 0 不远，标准差约为 0.5。训练并不要求恰好是 0 和 1，数值不大、大致以 0 为
# 中心就够了。
#
# 组成小批量
# ^^^^^^^^^^
#
# 现在把转换交给数据集，再用数据加载器（data loader）每次取出 4 张，组成一个小批
# 量（mini-batch）。训练集每轮都重新打乱；``train=False`` 取的是测试集（test
# set），它不参加训练，只用来检验，不必打乱。

from torch.utils.data import DataLoader

transform = transforms.Compose([to_tensor, normalize])
train_set = datasets.CIFAR10(root="./data", train=True, download=True, transform=transform)
test_set = datasets.CIFAR10(root="./data", train=False, download=True, transform=transform)

batch_size = 4
train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=True, num_workers=0)
test_loader = DataLoader(test_set, batch_size=batch_size, shuffle=False, num_workers=0)
print(f"训练集 {len(train_set)} 张，{len(train_loader)} 批")
print(f"测试集 {len(test_set)} 张，{len(test_loader)} 批")

# sphinx_gallery_start_ignore
assert (len(train_loader), len(test_loader)) == (12500, 2500)
assert np.bincount(test_set.targets).tolist() == [1000] * 10
# sphinx_gallery_end_ignore

# %%
# .. note::
#
#    ``num_workers=0`` 表示就在当前进程里读数据。图片大、转换费时的时候，才值得
#    把它调到 2、4 或更多，让另外的进程提前备好下一批。在 Windows 和 macOS
#    上，以及从 Python 3.14 起的 Linux 上，这些进程会重新导入你的脚本，因此要把训
#    练代码放进 ``if __name__ == "__main__":`` 之下，否则会报错。
#
# 看一批训练图像
# ^^^^^^^^^^^^^^
#
# 数据加载器可以放进 ``for`` 循环；只想要一批时，用 ``iter`` 得到迭代器，再用
# ``next`` 取一次。

images, labels = next(iter(train_loader))
print(f"{images.shape = }, {images.dtype = }")
print(f"{labels.shape = }, {labels.dtype = }")

# sphinx_gallery_start_ignore
assert images.shape == (4, 3, 32, 32) and labels.shape == (4,) and labels.dtype == torch.int64
# sphinx_gallery_end_ignore

# %%
# ``make_grid`` 把一批图拼成一张。画图前要撤销归一化，并把通道移到最后。图与图之
# 间的空隙原本填 0，撤销之后是 0.5，所以显示为中灰色。

from torchvision.utils import make_grid


def to_picture(x):
    return (x / 2 + 0.5).permute(1, 2, 0).numpy()


grid = make_grid(images)
print(f"{grid.shape = }, 空隙的颜色 {to_picture(grid)[0, 0].tolist()}")
plt.figure(figsize=(7, 2.3), layout="constrained")
plt.imshow(to_picture(grid), interpolation="nearest")
plt.axis("off")
plt.title("随机取出的一批训练图：" + "，".join(classes[i] for i in labels), fontsize=13)
plt.show()

# sphinx_gallery_start_ignore
assert grid.shape == (3, 36, 138) and to_picture(grid)[0, 0].tolist() == [0.5] * 3
# sphinx_gallery_end_ignore

# %%
# 常见错误：照旧教程写 ``.next()``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 你从早年的代码里抄来 ``dataiter.next()``，迭代器却说没有这个方法。

try:
    images, labels = iter(train_loader).next()
except AttributeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# ``.next()`` 是 Python 2 时代的写法。今天的迭代器只有 ``__next__``，由内置函数
# ``next(…)`` 调用，所以写成 ``next(iter(train_loader))``。报错里的类名随
# ``num_workers`` 而变：大于 0 时是 ``_MultiProcessingDataLoaderIter``。
#
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时数据已在本机时，还会打印一行“Files already downloaded and verified”。现
#    在数据齐全就什么也不打印。

# %%
# 定义网络
# --------
#
# 网络与 :doc:`《神经网络》 <neural_networks>` 那一页的相同，只是第一个卷积层
# （convolution layer）改为接收 3 个颜色通道。池化（pooling）写成一个层：它没有参
# 数，只把高和宽减半，所以两处可以共用一个。

import torch.nn.functional as F
from torch import nn

pool = nn.MaxPool2d(2, 2)
print(f"{pool(images).shape = }, {len(list(pool.parameters())) = }")

# sphinx_gallery_start_ignore
assert pool(images).shape == (4, 3, 16, 16) and len(list(pool.parameters())) == 0
# sphinx_gallery_end_ignore


# %%
# 整个网络如下：


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
# 创建之前再设一次种子，初始权重就与前面用过多少随机数无关。顺手留一份没有训练过
# 的副本，后面对比时要用。

import copy

torch.manual_seed(0)
net = Net()
untrained = copy.deepcopy(net)
print(net)
print(f"参数个数：{sum(p.numel() for p in net.parameters())}")
print(f"{net(images).shape = }")

# sphinx_gallery_start_ignore
assert sum(p.numel() for p in net.parameters()) == 62006 and net(images).shape == (4, 10)
# sphinx_gallery_end_ignore

# %%
# 4 张图进去，出来 ``(4, 10)``：每张图对十个类别各有一个得分。
#
# 常见错误：前后两层的通道数对不上
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 你想加宽网络，只改了 ``conv1`` 的第 2 个参数（输出通道数），运行到 ``conv2``
# 时报错。

wider = Net()
wider.conv1 = nn.Conv2d(3, 12, 5)
try:
    wider(images)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# ``conv1`` 现在输出 12 个通道，``conv2`` 的卷积核（kernel）却是为 6 个通道准备
# 的。``conv1`` 的第 2 个参数和 ``conv2`` 的第 1 个参数必须相等，两处要一起改：

wider.conv2 = nn.Conv2d(12, 16, 5)
print(f"{wider(images).shape = }")

# %%
# 选择损失函数和优化器
# --------------------
#
# 分类最常用的损失函数（loss function）是交叉熵（cross
# entropy）。``CrossEntropyLoss`` 先用 softmax 把一张图的十个得分 :math:`s` 变成十
# 个概率，再取正确类别 :math:`y` 的那一个，算它的负对数：
#
# .. math::
#
#    p_i = \frac{e^{s_i}}{\sum_j e^{s_j}}, \qquad \mathrm{loss} = -\ln p_y
#
# 概率 :math:`p_y` 越接近 1，损失越接近 0。没有训练的网络对十个类别几乎一视同仁，
# 概率都在 1/10 左右，损失应当接近 :math:`\ln 10`。用 1000 张图验证一下。

import math

criterion = nn.CrossEntropyLoss()
inputs, targets_1000 = next(iter(DataLoader(train_set, batch_size=1000, num_workers=0)))
with torch.no_grad():
    scores = net(inputs)
initial_loss = criterion(scores, targets_1000)
p_y = scores.softmax(1)[torch.arange(1000), targets_1000]
print(f"CrossEntropyLoss 给出 {initial_loss:.4f}，按公式算得 {-p_y.log().mean():.4f}")
print(f"ln 10 = {math.log(10):.4f}")
torch.testing.assert_close(initial_loss, -p_y.log().mean())
assert abs(initial_loss - math.log(10)) < 0.02

# %%
# 一批的损失是各张图的平均。这个数值得记住：训练一开始，损失若远大于它，多半是数
# 据或网络出了问题。
#
# 优化器（optimizer）用带动量（momentum）的随机梯度下降（stochastic gradient
# descent，SGD），学习率（learning rate）为 0.001。

from torch import optim

optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)

# %%
# 常见错误：标签成了浮点数
# ^^^^^^^^^^^^^^^^^^^^^^^^
#
# 标签从表格或 NumPy 数组读来，类型成了浮点数，交叉熵不接受。

outputs = net(images)
try:
    criterion(outputs, labels.float())
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 这里的标签是类别的编号，要用整数类型 ``torch.long`` 表示，转换一下即可：

loss = criterion(outputs, labels.float().long())
print(f"{loss.item() = :.4f}")
assert torch.equal(loss, criterion(outputs, labels))

# %%
# 常见错误：在交叉熵前面多做了一次 softmax
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 这个错误不报任何信息，只是学得很慢。``CrossEntropyLoss`` 自己会做 softmax；你先
# 做一次，它就把 0~1 的概率当成得分，再做一次。哪怕预测完全正确、正确类别的概率是
# 1，损失也降不到 0：

perfect = torch.zeros(1, 10)
perfect[0, 3] = 1.0
lowest = criterion(perfect, torch.tensor([3])).item()
print(f"完全正确时的损失 {lowest:.4f}，ln(1 + 9/e) = {math.log(1 + 9 / math.e):.4f}")
assert math.isclose(lowest, math.log(1 + 9 / math.e), rel_tol=1e-5)

norms = []
for name, scores in [("直接用得分", net(inputs)), ("先 softmax ", net(inputs).softmax(1))]:
    (gradient,) = torch.autograd.grad(criterion(scores, targets_1000), net.fc3.weight)
    norms.append(gradient.norm().item())
    print(f"{name}：fc3 的梯度大小 {norms[-1]:.4f}")

# sphinx_gallery_start_ignore
assert norms[1] < norms[0] / 5
# sphinx_gallery_end_ignore

# %%
# 正确类别是 1，另外九类是 0，第二次 softmax 之后正确类别只分到
# :math:`e / (e + 9)`，损失因此不会低于 :math:`\ln(1 + 9/e)`。梯度（gradient）也
# 小得多，同样的学习率下每步挪动得少。改法是让网络直接输出得分，什么都不加；需要看
# 概率时，再在损失之外做 softmax。
#
# 训练
# ----
#
# 遍历数据加载器，对每个小批量做同样的五件事：梯度清零、前向传播（forward
# pass）、算损失、反向传播（backpropagation）、更新参数。把整个训练集看过一遍叫
# 一轮（epoch），这里训练两轮，是本页最费时的一步。每一步的损失都存成 Python 数，
# 留着画曲线；每 2000 步打印一次最近 2000 步的平均值。

torch.manual_seed(0)
losses = []
for epoch in (1, 2):
    for step, (inputs, labels) in enumerate(train_loader, start=1):
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 2000 == 0:
            print(f"[{epoch}, {step:5d}] loss: {sum(losses[-2000:]) / 2000:.3f}")
print("训练完毕")

# sphinx_gallery_start_ignore
assert len(losses) == 25000 and 2.0 < np.mean(losses[:2000]) < 2.4
assert 1.1 < np.mean(losses[-2000:]) < 1.5
# sphinx_gallery_end_ignore

# %%
# 存的是 ``loss.item()`` 而不是 ``loss``：张量 ``loss`` 后面还挂着计算图
# （computational graph）的节点，存下两万多个，内存白白占着。
#
# 看完整的损失曲线
# ^^^^^^^^^^^^^^^^
#
# 一轮有 12500 步，不是 2000 的整数倍，所以每轮最后 500 步从来没有打印出来。单步
# 的损失只来自 4 张图，跳动很大；取 500 步的移动平均，趋势才看得清。橙色圆点是上
# 面打印的 12 个数，灰色叉号是 2018 年那份教程里的 12 个数。

loss_2018 = [2.187, 1.852, 1.672, 1.566, 1.490, 1.461, 1.389, 1.364, 1.343, 1.318, 1.282, 1.286]
smooth = np.convolve(losses, np.ones(500) / 500, mode="valid")
marks = [12500 * epoch + 2000 * k for epoch in (0, 1) for k in range(1, 7)]
printed = [np.mean(losses[m - 2000 : m]) for m in marks]

plt.figure(figsize=(7, 4), layout="constrained")
plt.plot(np.arange(500, 25001), smooth, color="tab:blue", label="500 步移动平均")
plt.plot(marks, printed, "o", color="tab:orange", label="打印的 12 个数")
plt.plot(marks, loss_2018, "x", color="0.4", label="2018 年的 12 个数")
for end in (12500, 25000):
    plt.axvspan(end - 500, end, color="0.85", label="没有打印的 500 步" if end == 12500 else None)
plt.legend(fontsize=10)
plt.xlabel("步", fontsize=11)
plt.ylabel("损失", fontsize=11)
plt.title("两轮训练的损失：先快后慢，第二轮仍在下降", fontsize=13)
plt.show()

# %%
# 打印的数是之前 2000 步的平均，反映的是稍早的水平；开头损失下降得快，圆点就明显
# 高于曲线。没有打印的那两段，平均损失也可以补算出来。

print(f"第 1 轮没有打印的 500 步，平均损失 {np.mean(losses[12000:12500]):.3f}")
print(f"第 2 轮没有打印的 500 步，平均损失 {np.mean(losses[24500:25000]):.3f}")

# sphinx_gallery_start_ignore
assert printed[0] > smooth[1500] + 0.03 and printed[1] > smooth[3500]
assert np.mean(losses[12500:18500]) > np.mean(losses[18500:])
# sphinx_gallery_end_ignore

# %%
# 在测试集上检验
# --------------
#
# 损失下降只说明网络越来越适应训练集。要知道它学到的东西能不能用在新照片上，得看
# 测试集。
#
# 先看四张
# ^^^^^^^^
#
# 取测试集的第一批，看看照片和它们的真实标签（ground truth）。

images, labels = next(iter(test_loader))
print("真实：", *(f"{classes[i]:5s}" for i in labels))

plt.figure(figsize=(7, 2.3), layout="constrained")
plt.imshow(to_picture(make_grid(images)), interpolation="nearest")
plt.axis("off")
plt.title("测试集的前四张：" + "，".join(classes[i] for i in labels), fontsize=13)
plt.show()

# sphinx_gallery_start_ignore
assert [classes[i] for i in labels] == ["cat", "ship", "ship", "plane"]
# sphinx_gallery_end_ignore

# %%
# 网络对每张图给出十个得分，得分最高的类别就是预测。推理（inference）时不需要梯
# 度，用 ``torch.no_grad()`` 省去记录；``net.eval()`` 让随机失活（dropout）一类
# 的层进入评估状态，这个网络里没有那样的层，养成习惯而已。

net.eval()
with torch.no_grad():
    logits = net(images)
predicted = logits.argmax(1)
print(f"{logits.shape = }, {predicted.dtype = }")
print("真实：", *(f"{classes[i]:5s}" for i in labels))
print("预测：", *(f"{classes[i]:5s}" for i in predicted))
print(f"四张里对了 {(predicted == labels).sum().item()} 张")

# sphinx_gallery_start_ignore
assert logits.shape == (4, 10) and torch.equal(predicted, torch.max(logits, 1).indices)
# sphinx_gallery_end_ignore

# %%
# 四张太少，对几张带有偶然，不能据此断定网络的好坏。
#
# 得分不是概率
# ^^^^^^^^^^^^
#
# 网络直接输出的得分叫 logits（未归一化的得分）：有正有负，加起来也不是 1，经过
# softmax 才变成概率。softmax 不改变大小顺序，所以只求预测类别时用不着它。看第一
# 张图：

probabilities = logits.softmax(1)
print("类别     得分    概率")
for name, score, probability in zip(classes, logits[0], probabilities[0]):
    print(f"{name:5s} {score:7.2f} {probability:7.1%}")
print(f"合计  {logits[0].sum():7.2f} {probabilities[0].sum():7.1%}")

# sphinx_gallery_start_ignore
assert torch.equal(logits.argsort(1), probabilities.argsort(1)) and logits[0].min() < 0
torch.testing.assert_close(probabilities.sum(1), torch.ones(4))
# sphinx_gallery_end_ignore

# %%
# 算准确率
# ^^^^^^^^
#
# 准确率（accuracy）是预测正确的比例。下面的函数把一个加载器里的全部得分和标签收
# 集起来，后面各种统计都不必再跑一遍网络。评估时不更新参数，每张图的得分与同批的
# 别的图无关，所以批量可以取大些，快得多。


def collect(model, loader):
    model.eval()
    with torch.no_grad():
        pairs = [(model(inputs), labels) for inputs, labels in loader]
    all_logits, all_labels = zip(*pairs)
    return torch.cat(all_logits), torch.cat(all_labels)


test_logits, test_labels = collect(net, DataLoader(test_set, batch_size=500, num_workers=0))
torch.testing.assert_close(test_logits[:4], logits, rtol=1e-4, atol=1e-4)
test_predicted = test_logits.argmax(1)
accuracy = (test_predicted == test_labels).float().mean().item()
print(f"{len(test_labels)} 张测试图上的准确率：{accuracy:.1%}")

# sphinx_gallery_start_ignore
assert 0.45 < accuracy < 0.62
# sphinx_gallery_end_ignore

# %%
# 随便猜能对一成，网络对了大约一半，确实学到了东西，但离好用还远。再拿训练集的前
# 1 万张比一比。

from torch.utils.data import Subset

seen = DataLoader(Subset(train_set, range(10000)), batch_size=500, num_workers=0)
seen_logits, seen_labels = collect(net, seen)
seen_accuracy = (seen_logits.argmax(1) == seen_labels).float().mean().item()
print(f"见过的照片：{seen_accuracy:.1%}，没见过的照片：{accuracy:.1%}")

# sphinx_gallery_start_ignore
assert abs(seen_accuracy - accuracy) < 0.08
# sphinx_gallery_end_ignore

# %%
# 两个数相差不大：网络并没有靠死记训练图取胜，也就是没有明显的过拟合
# （overfitting），问题主要在学得不够。多训练几轮、网络大一些，都还有余地。
#
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时写 ``_, predicted = torch.max(outputs.data, 1)``，现在写
#    ``outputs.argmax(1)``，也不再碰 ``.data``。当时用 ``%d %%`` 打印准确率，小
#    数被直接截掉；这里保留一位小数。当时按固定的 4 张循环统计，批量大小（batch
#    size）一变小就越界，变大就漏数。

# %%
# 看清错在哪里
# ------------
#
# 一个总的准确率掩盖了很多差别。把“真实类别”和“预测类别”交叉计数，就得到混淆矩阵
# （confusion matrix）：第 :math:`i` 行第 :math:`j` 列，是真实类别为 :math:`i`、
# 预测为 :math:`j` 的张数。
#
# 每一类的准确率
# ^^^^^^^^^^^^^^
#
# 把真实与预测两个编号合成一个 0~99 的数，数一数各出现多少次，就是混淆矩阵。对角
# 线上是预测正确的张数，除以每行的总数，得到这一类的准确率。每类恰好都有 1000 张测
# 试图，所以十个准确率的平均等于总准确率。

confusion = torch.bincount(10 * test_labels + test_predicted, minlength=100).view(10, 10)
class_accuracy = confusion.diag() / confusion.sum(1)
for name, value in zip(classes, class_accuracy):
    print(f"{name:5s} {value:6.1%}")
print(f"平均  {class_accuracy.mean():6.1%}")

assert confusion.sum(1).tolist() == [1000] * 10
assert math.isclose(class_accuracy.mean().item(), accuracy, rel_tol=1e-5)

# %%
# 从低到高排成条形，差别一眼可见。

order = class_accuracy.argsort()
plt.figure(figsize=(7, 4), layout="constrained")
bars = plt.barh([classes[i] for i in order], class_accuracy[order].numpy() * 100)
plt.bar_label(bars, fmt="%.1f", label_type="center", color="white", fontsize=11)
plt.axvline(accuracy * 100, color="tab:orange", zorder=0, label="总准确率")
plt.axvline(10, color="0.5", linestyle="--", label="随便猜")
plt.legend(loc="lower right", fontsize=11)
plt.xlim(0, 100)
plt.xlabel("准确率（%）", fontsize=11)
plt.tick_params(labelsize=11)
plt.title("各类的准确率相差很大", fontsize=13)
plt.show()

# sphinx_gallery_start_ignore
assert class_accuracy.max() - class_accuracy.min() > 0.15
# sphinx_gallery_end_ignore

# %%
# 选读：与 2018 年的数字相比
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 2018 年的那份教程用同样的网络、同样的两轮训练，印出的总准确率是 54 %。把它的十个
# 数（小数已截掉）与本次运行并排：总数接近，单个类别却可以相差很多。初始权重和打乱
# 的顺序不同，网络偏向哪些类别也就不同，所以不要从一次运行断定“某一类最难”。

accuracy_2018 = [57, 73, 49, 54, 18, 20, 58, 74, 70, 66]
print("类别    2018   本次   相差")
for name, then, now in zip(classes, accuracy_2018, class_accuracy.tolist()):
    print(f"{name:5s} {then:6.1f} {now * 100:6.1f} {now * 100 - then:+6.1f}")
then = np.mean(accuracy_2018)
print(f"平均  {then:6.1f} {accuracy * 100:6.1f} {accuracy * 100 - then:+6.1f}")

# sphinx_gallery_start_ignore
assert abs(accuracy * 100 - np.mean(accuracy_2018)) < 9
assert (class_accuracy * 100 - torch.tensor(accuracy_2018)).abs().max() > 8
# sphinx_gallery_end_ignore

# %%
# 把什么认成了什么
# ^^^^^^^^^^^^^^^^
#
# 画出整个混淆矩阵。颜色越深，张数越多；理想情况是只有对角线有颜色。

fig, ax = plt.subplots(figsize=(7, 6.4), layout="constrained")
ax.imshow(confusion.numpy(), cmap="Blues", interpolation="nearest")
for (i, j), count in np.ndenumerate(confusion.numpy()):
    ax.text(j, i, count, ha="center", va="center", color="white" if count > 400 else "black")
ax.set_xticks(range(10), classes, rotation=45, fontsize=11)
ax.set_yticks(range(10), classes, fontsize=11)
ax.set_xlabel("预测", fontsize=12)
ax.set_ylabel("真实", fontsize=12)
ax.set_title("混淆矩阵：每行 1000 张，对角线以外都是错误", fontsize=13)
plt.show()

# %%
# 去掉对角线再排序，就得到最常见的混淆。

mistakes = confusion.clone().fill_diagonal_(0)
print("真实   认成   张数")
for position in mistakes.flatten().argsort(descending=True)[:6].tolist():
    i, j = divmod(position, 10)
    print(f"{classes[i]:6s} {classes[j]:6s} {mistakes[i, j]}")

# %%
# 错误并不是胡乱分布的。动物多被认成动物，交通工具多被认成交通工具。与“随便错成
# 另外九类之一”相比：

vehicle = torch.tensor([name in ("plane", "car", "ship", "truck") for name in classes])
same_kind = (vehicle[:, None] == vehicle).fill_diagonal_(False)
share = mistakes[same_kind].sum() / mistakes.sum()
print(f"共错 {mistakes.sum()} 张，其中 {share:.0%} 认成了同一大类")
print(f"随便错的话，这个比例是 {same_kind.sum() / 90:.0%}")

# sphinx_gallery_start_ignore
assert same_kind.sum() == 6 * 5 + 4 * 3 and share > 0.6
# sphinx_gallery_end_ignore

# %%
# 最有把握的错误
# ^^^^^^^^^^^^^^
#
# 再看网络最有把握、却偏偏错了的 12 张。softmax 给出的概率反映网络自己的把握，并
# 不保证正确。

confidence = test_logits.softmax(1).max(1).values
wrong = (test_predicted != test_labels).nonzero().flatten()
worst = wrong[confidence[wrong].argsort(descending=True)[:12]]
print(f"12 个错误里最低的概率：{confidence[worst].min():.1%}")

fig, axes = plt.subplots(3, 4, figsize=(7, 6.9), layout="constrained")
for ax, i in zip(axes.flat, worst.tolist()):
    ax.imshow(test_set.data[i], interpolation="nearest")
    guess, truth = classes[test_predicted[i]], classes[test_labels[i]]
    ax.set_title(f"{guess} {confidence[i]:.1%}\n{truth}", fontsize=11)
    ax.axis("off")
fig.suptitle("最有把握的 12 个错误：上行是预测和概率，下行是真实类别", fontsize=13)
plt.show()

# sphinx_gallery_start_ignore
assert confidence[worst].min() > 0.8
# sphinx_gallery_end_ignore

# %%
# 概率这么高，却全错了，可见概率高不等于可靠。对照图片可以猜到一些原因：背景、颜
# 色、轮廓或姿态像另一类。

# %%
# 看看网络学到了什么
# ------------------
#
# 网络内部也能画成图。前面留下的 ``untrained`` 没有训练过，正好用来对比。
#
# 选读：这些图是怎么画的
# ^^^^^^^^^^^^^^^^^^^^^^
#
# ``make_grid`` 把若干小图拼成一张，``scale_each=True`` 让每张小图各自拉伸到
# 0~1；上面是训练前，下面是训练后。


def show_two(before, after, columns, height, title):
    fig, axes = plt.subplots(2, 1, figsize=(7, height), layout="constrained")
    for ax, maps, name in zip(axes, (before, after), ("训练前", "训练后")):
        tiles = make_grid(maps, columns, padding=1, normalize=True, scale_each=True, pad_value=1)
        ax.imshow(tiles.permute(1, 2, 0).numpy(), interpolation="nearest")
        ax.set_title(name, fontsize=12)
        ax.axis("off")
    fig.suptitle(title, fontsize=13)
    plt.show()


# %%
# 第一层的卷积核
# ^^^^^^^^^^^^^^
#
# ``conv1`` 有 6 个卷积核，每个是 3 个通道的 5×5 小块，正好可以当作一张彩色小
# 图。

before, after = untrained.conv1.weight.detach(), net.conv1.weight.detach()
print(f"{after.shape = }")
for name, w in [("训练前", before), ("训练后", after)]:
    neighbours = torch.stack([w[..., :-1].flatten(), w[..., 1:].flatten()])
    print(f"{name}，左右相邻两格的相关系数 {torch.corrcoef(neighbours)[0, 1]:.2f}")
show_two(before, after, 6, 3.9, "conv1 的 6 个卷积核：从杂乱的颜色变成有方向的明暗和色块")

# sphinx_gallery_start_ignore
assert torch.corrcoef(neighbours)[0, 1] > 0.25
# sphinx_gallery_end_ignore

# %%
# 训练前是随机的颜色，左右相邻的两格几乎没有关系；训练后相邻的格子颜色相近，能看
# 出方向和明暗的分界。
#
# 特征图：网络看到的船
# ^^^^^^^^^^^^^^^^^^^^
#
# 6 个卷积核扫过一张图，得到 6 张特征图（feature map）：越亮，那里的图像与卷积核
# 越吻合。这里用测试集第一批里的一艘船。画图时每个通道各当一张单色图，所以用
# ``[:, None]`` 补一个长度为 1 的通道轴。

picture = test_set[1][0]
with torch.no_grad():
    before = F.relu(untrained.conv1(picture))
    after = F.relu(net.conv1(picture))
print(f"{after.shape = }")
title = "conv1 的 6 张特征图：训练后各自突出不同的边缘和区域"
show_two(before[:, None], after[:, None], 6, 3.7, title)

# sphinx_gallery_start_ignore
assert classes[test_set[1][1]] == "ship" and after.shape == (6, 28, 28)
# sphinx_gallery_end_ignore

# %%
# 选读：第二层的特征图
# ^^^^^^^^^^^^^^^^^^^^
#
# 第二层看到的是第一层的结果。16 张特征图每张只有 10×10，已经很难直接看懂，但能看
# 出有响应的位置变少了。

with torch.no_grad():
    before = F.relu(untrained.conv2(untrained.pool(before)))
    after = F.relu(net.conv2(net.pool(after)))
print(f"{after.shape = }")
for name, maps in [("训练前", before), ("训练后", after)]:
    print(f"{name}为 0 的像素：{(maps == 0).float().mean():.0%}")
show_two(before[:, None], after[:, None], 8, 4.9, "conv2 的 16 张特征图：训练后有响应的位置更少")

# sphinx_gallery_start_ignore
assert (after == 0).float().mean() > (before == 0).float().mean()
# sphinx_gallery_end_ignore

# %%
# 在 GPU 等加速器上训练
# ----------------------
#
# GPU 一类的设备统称加速器（accelerator）。代码不必写死是哪一种：先选设备
# （device），再把网络和每一批数据都送过去。没有加速器时，同一段代码就在 CPU 上
# 运行。

if torch.accelerator.is_available():
    device = torch.accelerator.current_accelerator()
else:
    device = torch.device("cpu")
print(f"{device = }")

# %%
# 与前面的训练循环相比，只多了送往设备这一步：网络搬一次，数据每批搬一次。把循环
# 写成函数，后面几节也用它。


def train_steps(model, optimizer, batches, device="cpu"):
    model.train()
    losses = []
    for inputs, labels in batches:
        inputs, labels = inputs.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %%
# 先选设备、搬网络，再建优化器，是个好习惯：优化器管理的参数和它的动量之类的状
# 态，从一开始就在同一处。用固定的 200 个小批量试跑。

from itertools import islice

torch.manual_seed(0)
batches = list(islice(train_loader, 200))
model = Net().to(device)
optimizer = optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
model_losses = train_steps(model, optimizer, batches, device)
print(f"参数在 {next(model.parameters()).device.type} 上")
print(f"{len(model_losses)} 步的平均损失 {np.mean(model_losses):.3f}")

# sphinx_gallery_start_ignore
assert next(model.parameters()).device.type == device.type
assert abs(np.mean(model_losses) - math.log(10)) < 0.03
# sphinx_gallery_end_ignore

# %%
# 才走了 200 步，损失还在 :math:`\ln 10` 附近，与前面曲线的开头一致。
#
# 这么小的网络在 GPU 上未必更快：每步的计算太少，时间都花在传送数据和启动计算上。
# 网络和批量大了，差别才显出来。
#
# 选读：为什么要先问 ``is_available()``
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# ``current_accelerator()`` 说的是安装包为哪种加速器而编译：支持 CUDA 的安装包放在
# 没有 GPU 的机器上，它照样返回 ``cuda``，一用就报错；只支持 CPU 的安装包则返回
# ``None``。加上 ``check_available=True``，没有可用的加速器时一律返回 ``None``。

print(f"{torch.accelerator.is_available() = }")
print(f"{torch.accelerator.current_accelerator() = }")
print(f"{torch.accelerator.current_accelerator(check_available=True) = }")

# sphinx_gallery_start_ignore
checked = torch.accelerator.current_accelerator(check_available=True)
assert (checked is None) == (not torch.accelerator.is_available())
# sphinx_gallery_end_ignore

# %%
# 选读：两个 ``.to`` 的不同
# ^^^^^^^^^^^^^^^^^^^^^^^^^
#
# ``Module.to`` 原地搬动全部参数和缓冲区（buffer），返回的还是原来那个网络，参数
# 也还是原来那些对象；``Tensor.to`` 不改动原来的张量，设备或类型要变时返回新的张
# 量，不用变时返回它自己，所以必须接住返回值。

parameters = list(model.parameters())
print(f"{model.to('cpu') is model = }")
print(f"{all(p is q for p, q in zip(parameters, model.parameters())) = }")
x = torch.ones(2)
print(f"{x.to('cpu') is x = }, {x.to(torch.float64) is x = }")

# sphinx_gallery_start_ignore
assert model.to("cpu") is model and x.to("cpu") is x
assert all(p is q for p, q in zip(parameters, model.parameters()))
# sphinx_gallery_end_ignore

# %%
# 保存、载入和续训
# ----------------
#
# 训练好的网络要存下来。推荐只存状态字典（``state_dict``）：名字到张量的对应表，
# 里面只有数据，没有代码。
#
# 状态字典里有什么
# ^^^^^^^^^^^^^^^^
#
# 十项，五层各有权重（weight）和偏置（bias）。池化层没有参数，不在其中。

state = net.state_dict()
for name, tensor in state.items():
    print(f"{name:13s} {tuple(tensor.shape)}")

# sphinx_gallery_start_ignore
assert len(state) == 10 and sum(t.numel() for t in state.values()) == 62006
# sphinx_gallery_end_ignore

# %%
# 存进文件，再装进一个新建的网络。这里用临时文件夹，用完就删；你自己的项目换成固
# 定的路径即可。装好以后，两个网络的输出完全相等。

import tempfile
from pathlib import Path

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "cifar_net.pt"
torch.save(net.state_dict(), path)

restored = Net()
print(restored.load_state_dict(torch.load(path, weights_only=True)))
with torch.no_grad():
    print(f"{torch.equal(restored(images), net(images)) = }")
    assert torch.equal(restored(images), net(images))

# %%
# ``weights_only=True`` 表示文件里只许有张量、字典、数字一类的数据，这也是现在的
# 默认值；写出来是为了让读代码的人放心。文件里的张量若在 GPU 上，而本机没有 GPU，
# 再加一个 ``map_location="cpu"``。
#
# 常见错误：把整个网络存下来再载入
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 你直接写了 ``torch.save(net, …)``，保存时一切正常，载入时被拒绝。

import pickle

whole = Path(folder.name) / "whole_net.pt"
torch.save(net, whole)
try:
    torch.load(whole)
except pickle.UnpicklingError as error:
    lines = str(error).splitlines()
    print(f"{type(error).__name__}: {lines[0].split('. ')[0]}.")
    print(next(line.strip() for line in lines if "Unsupported" in line).split(". ")[0])

# %%
# 整个网络的文件里存的是类的名字和重建对象的指令，载入就要执行指令，来路不明的文
# 件因此可能在你的机器上运行任何代码，所以默认不许。另外，类一改名、换了文件，它就
# 读不回来。改法是像上面那样只存 ``state_dict()``。
#
# 选读：``weights_only=False`` 危险在哪里
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 报错信息的后文会提到 ``weights_only=False``。下面造一个无害的“陷阱”：一载入，文
# 件里指定的函数就被执行。换成删除文件的函数，后果可想而知。只对自己保存的、信得过
# 的文件才用它。


class Trap:
    def __reduce__(self):
        return print, ("载入的同时，文件里指定的函数被执行了",)


trap = Path(folder.name) / "trap.pt"
torch.save(Trap(), trap)
torch.load(trap, weights_only=False)
try:
    torch.load(trap, weights_only=True)
except pickle.UnpicklingError as error:
    print(f"weights_only=True：{type(error).__name__}，拒绝载入")

# %%
# 从检查点续训
# ^^^^^^^^^^^^
#
# 长时间的训练可能中断，所以要隔一段时间存一个检查点（checkpoint）。除了网络，还
# 要存优化器：动量是过去各步梯度的积累，丢了它，续训就走上另一条路。下面用同样的
# 200 个小批量做对照：一个网络一口气训练完，另一个训练 100 步就存盘。


def new_model():
    torch.manual_seed(0)
    model = Net()
    return model, optim.SGD(model.parameters(), lr=0.001, momentum=0.9)


straight, optimizer = new_model()
train_steps(straight, optimizer, batches)

model, optimizer = new_model()
train_steps(model, optimizer, batches[:100])
checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 100}
torch.save(checkpoint, Path(folder.name) / "checkpoint.pt")

# %%
# 假装程序到此中断。新的程序建好网络和优化器，分别装入状态，从下一个小批量接着训
# 练。

def resume(with_optimizer):
    checkpoint = torch.load(Path(folder.name) / "checkpoint.pt", weights_only=True)
    model = Net()
    model.load_state_dict(checkpoint["model"])
    optimizer = optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    if with_optimizer:
        optimizer.load_state_dict(checkpoint["optimizer"])
    train_steps(model, optimizer, batches[checkpoint["step"] :])
    pairs = zip(model.parameters(), straight.parameters())
    return max((p - q).abs().max().item() for p, q in pairs)


# %%
# 与一口气训练完的网络相比，参数最多差多少：

full, model_only = resume(with_optimizer=True), resume(with_optimizer=False)
print(f"网络和优化器都恢复：最多差 {full}")
print(f"只恢复网络：        最多差 {model_only:.1e}")
assert full == 0 and model_only > 0

# %%
# 连优化器一起恢复，结果与不中断的逐位相等；丢了动量就不同。这里的小批量是事先取
# 好的；真实的训练每轮重新打乱，还想逐位相等，就要在一轮开始之前把随机数发生器的
# 状态（``torch.get_rng_state()``）也存下来。多数时候不必如此严格，但优化器的状态
# 总要保存。

# %%
# 冻结前面各层，只训练最后一层
# ----------------------------
#
# 前面各层学到的特征，换一个任务往往还用得上。把它们固定下来，只训练一个新的输出
# 层，少量数据就够，这是微调（fine-tuning）最简单的形式。例子取上面混淆得最多的一
# 对：只分辨猫和狗。先冻结（freeze）全部参数，再换 ``fc3``。新建的层默认要梯度，所
# 以可训练的只剩它。

transfer = Net()
transfer.load_state_dict(torch.load(path, weights_only=True))
for parameter in transfer.parameters():
    parameter.requires_grad_(False)
torch.manual_seed(0)
transfer.fc3 = nn.Linear(84, 10)
trainable = [p for p in transfer.parameters() if p.requires_grad]
print(f"全部参数 {sum(p.numel() for p in transfer.parameters())}")
print(f"可训练的 {sum(p.numel() for p in trainable)}")

# sphinx_gallery_start_ignore
assert sum(p.numel() for p in trainable) == 850
# sphinx_gallery_end_ignore

# %%
# 取训练集里最前面的 2000 张猫和狗。标签沿用原来的编号，输出层仍是 10 个得分，损
# 失函数不用改。只把可训练的参数交给优化器。

def cats_and_dogs(dataset, count):
    positions = np.flatnonzero(np.isin(dataset.targets, [3, 5]))[:count]
    return Subset(dataset, positions.tolist())


pets_train = DataLoader(cats_and_dogs(train_set, 2000), batch_size=4, shuffle=True, num_workers=0)
pets_test = DataLoader(cats_and_dogs(test_set, 2000), batch_size=500, num_workers=0)
conv1_before = transfer.conv1.weight.clone()
optimizer = optim.SGD(trainable, lr=0.001, momentum=0.9)
for epoch in (1, 2):
    pets_losses = train_steps(transfer, optimizer, pets_train)
    print(f"第 {epoch} 轮，平均损失 {np.mean(pets_losses):.3f}")

# %%
# 训练之后，``conv1`` 逐位未变；有梯度的只有新的 ``fc3``，其余参数的 ``grad`` 始终
# 是 ``None``。

print(f"{torch.equal(transfer.conv1.weight, conv1_before) = }")
with_grad = [name for name, p in transfer.named_parameters() if p.grad is not None]
print(f"{with_grad = }")
assert torch.equal(transfer.conv1.weight, conv1_before)
assert with_grad == ["fc3.weight", "fc3.bias"]

# %%
# 比较要公平：原来的网络要在十类里选，新的输出层只见过两类，所以也让原来的网络只
# 在猫和狗两个得分里选。

old_logits, pets_labels = collect(net, pets_test)
new_logits, _ = collect(transfer, pets_test)


def pets_accuracy(logits):
    choice = torch.tensor([3, 5])[logits[:, [3, 5]].argmax(1)]
    return (choice == pets_labels).float().mean().item()


print(f"原来的网络，十类里选：{(old_logits.argmax(1) == pets_labels).float().mean():.1%}")
print(f"原来的网络，两类里选：{pets_accuracy(old_logits):.1%}")
print(f"新的输出层，两类里选：{pets_accuracy(new_logits):.1%}")

# sphinx_gallery_start_ignore
assert abs(pets_accuracy(new_logits) - pets_accuracy(old_logits)) < 0.1
assert confusion[3, 5] + confusion[5, 3] == (confusion + confusion.T).fill_diagonal_(0).max()
# sphinx_gallery_end_ignore

# %%
# 从第一行到第二行，网络没有变，只是题目变容易了：十选一成了二选一。公平的比较是
# 后两行：新的输出层只用了 2000 张图，就与原来用 5 万张图训练的大致相当，这正是借
# 用现成特征的好处。不过这些特征当初学习时见过猫和狗，换成陌生的任务，效果会打折
# 扣；那时可以多解冻几层，或者换一个更好的特征网络。
#
# 存放模型的临时文件夹到这里用完了，删掉它。

folder.cleanup()

# %%
# 小结
# ----
#
# * 图像从 0~255 的整数变成 :math:`[0, 1]`，再变成 :math:`[-1, 1]`；均值和标准差
#   并没有因此变成 0 和 1。
# * 没有训练的网络，损失接近 :math:`\ln 10`；训练循环就是清零、前向、损失、反
#   向、更新五件事的重复。
# * 网络输出的是得分，softmax 之后才是概率；``CrossEntropyLoss`` 自己会做
#   softmax，前面不要再加一次。
# * 测试集上的准确率约为一半，各类相差很大。混淆矩阵指出错在哪里；概率很高的预测也
#   会错。
# * 训练让第一层的卷积核从杂乱的颜色变成相邻格子相近的图案。
# * 只存 ``state_dict()``，用 ``weights_only=True`` 载入；续训要连优化器一起恢
#   复，结果与不中断的逐位相等。
# * 先选设备、搬网络，再建优化器；冻结的参数没有梯度，也不会改变。
#
# 练习
# ----
#
# 1. **加宽网络。** 让 ``conv1`` 输出 6、12、24、48 个通道，用批量 16、学习率 0.01
#    各训练 200 步，比较参数个数和损失。哪些参数跟着变多？
# 2. **换学习率。** 原来的网络，学习率取 0.001、0.02、0.2，也用批量 16 各训练 200
#    步，看最后 50 步的平均损失。是不是越大越好？
# 3. **前三名。** 有多少测试图的正确类别排在得分的前三名里？
# 4. **精确率。** 网络说“这是猫”的时候，有多大比例真是猫？对每一类都算一算。
#
# 答案：加宽网络
# ^^^^^^^^^^^^^^
#
# ``conv1`` 的输出通道和 ``conv2`` 的输入通道一起改，其余不变。为了公平，各个宽
# 度用相同的 200 个小批量。


class WideNet(Net):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 5)
        self.conv2 = nn.Conv2d(width, 16, 5)


# %%
# 每个宽度都从同一个种子开始：

torch.manual_seed(0)
loader_16 = DataLoader(train_set, batch_size=16, shuffle=True, num_workers=0)
short_run = list(islice(loader_16, 200))
print("宽度   参数个数    最后 50 步的损失")
wide_results = []
for width in (6, 12, 24, 48):
    torch.manual_seed(0)
    wide = WideNet(width)
    optimizer = optim.SGD(wide.parameters(), lr=0.01, momentum=0.9)
    wide_losses = train_steps(wide, optimizer, short_run)
    count = sum(p.numel() for p in wide.parameters())
    wide_results.append(np.mean(wide_losses[-50:]))
    print(f"{width:4d} {count:10d} {wide_results[-1]:18.3f}")

# sphinx_gallery_start_ignore
assert wide_results[-1] < wide_results[0] - 0.03
# sphinx_gallery_end_ignore

# %%
# 只有 ``conv1`` 和 ``conv2`` 的参数变多；大头在全连接层（fully connected
# layer），所以总数增加得不快。走同样多的步，最宽的网络损失低于最窄的。不过 200 步
# 只是训练的开头，相邻两档的微小差别也可能来自初始权重，要下结论还得训练完整的几
# 轮。
#
# 答案：换学习率
# ^^^^^^^^^^^^^^
#
# 每次都从相同的初始权重出发，用相同的 200 个小批量，只有学习率不同。

rate_results = {}
for lr in (0.001, 0.02, 0.2):
    torch.manual_seed(0)
    model = Net()
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    rate_losses = train_steps(model, optimizer, short_run)
    rate_results[lr] = np.mean(rate_losses[-50:])
    print(f"lr = {lr:<5}  最后 50 步的损失 {rate_results[lr]:.3f}")
print(f"ln 10 = {math.log(10):.3f}")

# sphinx_gallery_start_ignore
assert abs(rate_results[0.001] - math.log(10)) < 0.02
assert rate_results[0.02] < 2.25 and not rate_results[0.2] < math.log(10) - 0.02
# sphinx_gallery_end_ignore

# %%
# 不是越大越好。0.001 太小，200 步几乎没有动（前面的训练用的就是它，但走了 25000
# 步）；0.02 学得快；0.2 每步都迈得太远，损失停在 :math:`\ln 10` 附近甚至更高，什
# 么也没学到。

# %%
# 答案：前三名
# ^^^^^^^^^^^^
#
# ``topk(3)`` 给出得分最高的三个类别，看标签是否在其中。第一名错了的时候，正确答案
# 多半就在第二、三名。

top3 = test_logits.topk(3, dim=1).indices
top3_accuracy = (top3 == test_labels[:, None]).any(1).float().mean().item()
print(f"第一名就对 {accuracy:.1%}，前三名里有 {top3_accuracy:.1%}")

# sphinx_gallery_start_ignore
assert top3_accuracy - accuracy > 0.5 * (1 - accuracy)
# sphinx_gallery_end_ignore

# %%
# 答案：精确率
# ^^^^^^^^^^^^
#
# 混淆矩阵的一列是“被预测为这一类”的全部图。对角线除以列的总数，就是精确率
# （precision）；对角线除以行的总数，就是前面算过的各类准确率，也叫召回率
# （recall）。

precision = confusion.diag() / confusion.sum(0)
print("类别   精确率  召回率   被预测的张数")
for name, p, r, count in zip(classes, precision, class_accuracy, confusion.sum(0)):
    print(f"{name:5s} {p:7.1%} {r:7.1%} {count:14d}")

# sphinx_gallery_start_ignore
assert torch.equal(precision < class_accuracy, confusion.sum(0) > 1000)
# sphinx_gallery_end_ignore

# %%
# 每一行都是 1000 张。一列超过 1000 张，说明网络偏爱这一类，把许多别的图也叫成
# 它，精确率就低于召回率；不足 1000 张则相反，网络不轻易说出它的名字。只看一种比
# 率，看不出这样的偏向。
#
# 接下来
# ------
#
# 一块加速器不够用时，可以把一批数据分给几块同时算，见
# :doc:`《数据并行》 <optional_data_parallelism>`。想把准确率再提高，可以先试着
# 加宽网络、多训练几轮，再看
# `torchvision 的模型库 <https://docs.pytorch.org/vision/stable/models.html>`__。
