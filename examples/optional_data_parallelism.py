"""
数据并行
========

数据并行（data parallelism）让几个设备各有一份同样的模型，把一批数据分给这些设备同时计算，再把梯度合起来。
本页是选读，只有一个设备时用不到。
读完之后，你会有一个完整的文件 ``train_ddp.py``：用几个进程一起训练图像分类器，每轮保存检查点（checkpoint，训练到那时的状态），被打断之后接着训练，并且你知道怎样核对结果没有变。

**你将学到**

* 分布式数据并行（DDP）的一步里发生了什么
* 样本怎样分给各个进程
* 写出、启动、中断、恢复一次真正的 DDP 训练
* 批量归一化要注意什么
* 选读：``DataParallel`` 怎样切分一批数据

**需要先会**

* 训练循环、准确率和保存模型，见:doc:`《训练图像分类器》 <training_a_classifier>`
* 梯度，见:doc:`《自动微分》 <autograd_automatic_differentiation>`
"""

# %%
# DDP 的一步
# --------------------
#
# 今天做数据并行，PyTorch 推荐的是**分布式数据并行**（distributed data parallel，DDP）。
# 先认识四个词。
#
# - 一起训练的几个进程组成**进程组**（process group），通常每个加速器（例如 GPU）由一个进程负责，没有加速器就在 CPU 上计算。
# - 进程在组里的编号叫 **rank**，从 0 数起；进程的总数叫 **world size**。
# - **全归约**（all-reduce）是一种通信：把各进程手里形状相同的张量按元素合并，例如求和，然后每个进程都得到同一份结果。
# - **缓冲区**（buffer）是注册在模块里、但不是参数的张量，例如批量归一化层记下的均值。
#
# 用 ``DistributedDataParallel`` 把模型包装起来之后，训练循环的写法不变。
# 在默认设置下，包装器做这几件事：
#
# 1. **包装时**，rank 0 把参数和缓冲区发给其他进程，所以大家从同一个模型出发（这种通信也叫广播，与张量形状的广播无关）。
# 2. **前向传播开始时**，如果模型有缓冲区，rank 0 再把缓冲区广播一次。
# 3. **反向传播时**，各进程先用自己的样本算出梯度；一部分梯度算好之后，就用全归约求各进程的平均，不等其余的梯度。
# 4. **更新时不通信**：参数相同，平均后的梯度相同，优化器的状态也相同，所以各进程更新之后的参数仍然相同。
#
# 第 3 件事里的“一部分”叫做桶（bucket）。
# 一个参数一个参数地通信太零碎，所以 DDP 把梯度装进桶里，桶装满了就发出去，同时反向传播继续计算前面的层。
# 下面用《训练图像分类器》里的网络看一看桶。

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)


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
# 训练的第一步，DDP 记下各个梯度算好的先后，从第二步起才按这个先后分桶，逐个放入，达到上限就换一个新桶。
# 默认的上限是 25 MB，只有最先装的那个桶是 1 MB，让通信早些开始。
#
# **先猜一猜**：这个网络的全部梯度（每个数 4 字节）装得进 1 MB 的第一个桶吗（``True`` 或 ``False``）？

print(sum(parameter.nbytes for parameter in Net().parameters()) < 1024 * 1024)

# %%
# 装得进，也就是说，这么小的网络要等全部梯度都算好才开始通信。
# 大的网络有很多桶，先装满的桶在通信，其余的梯度同时在计算，等待的时间因此变短。
# 为了看到几个桶，下面的图假设上限是 40 KB。

# %%

# 画图：时间从左到右，宽度只是示意；桶 1 装着 fc3 和 fc2 的梯度，求它们的平均时，两个进程还在计算 fc1 的梯度。
# 图中：上下两行方块，是两个进程，各自从前向开始，反向传播依次经过 fc3、fc2、fc1、conv2、conv1，最后更新；中间一行是全归约：桶 1 在 fc2 算完时开始，桶 2 在 fc1 算完时，桶 3 在 conv1 算完时，都有箭头从两个进程来，再回到两个进程。
import matplotlib.pyplot as plt
from matplotlib import font_manager, text

chinese_fonts = [
    "Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB",
    "Heiti TC", "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "Arial Unicode MS",
]
installed = set(font_manager.get_font_names())
found = [name for name in chinese_fonts if name in installed]
plt.rcParams.update({"font.family": [*found, "DejaVu Sans"], "axes.unicode_minus": False, "font.size": 11.5})
if not found:
    set_text = text.Text.set_text
    text.Text.set_text = lambda self, s: set_text(self, "".join(c for c in str(s) if ord(c) < 256))


def fill_buckets(net, limit):
    buckets, size = [[]], 0
    for name, parameter in reversed(list(net.named_parameters())):
        if size >= limit:
            buckets.append([])
            size = 0
        buckets[-1].append(name)
        size += parameter.nbytes
    return buckets


def draw_block(ax, left, width, row, label, color, height=0.62):
    ax.barh(row, width, height, left=left, color=color, alpha=0.25)
    ax.barh(row, width, height, left=left, color="none", edgecolor=color, linewidth=1)
    ax.text(left + width / 2, row, label, ha="center", va="center", fontsize=11.5)


fig, ax = plt.subplots(figsize=(4.8, 4.6), layout="constrained")
fig.suptitle("DDP 的一步：还在反向传播，通信已经开始")
layers, end = [("fc3", 1.1), ("fc2", 1.1), ("fc1", 1.3), ("conv2", 1.8), ("conv1", 1.8)], {}
for process, row in [("进程 0", 3.3), ("进程 1", 0)]:
    ax.text(0, row + 0.55, process, va="center")
    draw_block(ax, 0, 1.3, row, "前向", "C0")
    left = 1.5
    for layer, width in layers:
        draw_block(ax, left, width, row, layer, "C4")
        end[layer] = left = left + width
    draw_block(ax, left + 0.9, 1.2, row, "更新", "C1")
for number, names in enumerate(fill_buckets(Net(), 40_000), 1):
    left = end[names[-1].split(".")[0]] + 0.05
    draw_block(ax, left, 1.15, 1.65, f"桶 {number}", "C4")
    for row, sign in [(3.3, -1), (0, 1)]:
        bucket, process = 1.65 - sign * 0.36, row + sign * 0.36
        for x, begin, end_y in [(left, process, bucket), (left + 0.55, bucket, process)]:
            ax.annotate("", (x + 0.3, end_y), (x, begin), arrowprops={"arrowstyle": "->", "color": "0.4"})
ax.text(4.2, 3.85, "反向传播", va="center")
ax.text(0, 1.65, "全归约", va="center")
ax.annotate("时间", (10.8, -0.8), (0, -0.8), va="center", arrowprops={"arrowstyle": "->", "color": "0.4"})
ax.set(xlim=(-0.03, 10.83), ylim=(-1.1, 4.2))
ax.axis("off")
plt.show()

# sphinx_gallery_start_ignore
for limit in [10, 40_000, 100_000, 200_000, 1 << 20]:
    p = list(Net().parameters())[::-1]
    names = [n for n, _ in Net().named_parameters()][::-1]
    real = torch.distributed._compute_bucket_assignment_by_size(p, [limit])[0]
    assert [[names[i] for i in b] for b in real] == fill_buckets(Net(), limit), limit
assert torch.distributed._DEFAULT_FIRST_BUCKET_BYTES == 1 << 20
# sphinx_gallery_end_ignore

# %%
# 平均的梯度就是整批的梯度
# ------------------------------
#
# 每个进程只用自己的样本计算，为什么不会训练出另一个模型？
# 假设损失是对样本求平均的，两个进程的样本数 :math:`n` 相同，样本分别是 :math:`A` 和 :math:`B`，第 :math:`i` 个样本的损失是 :math:`\ell_i`，那么
#
# .. math::
#
#    \frac{1}{2}\left(\frac{1}{n}\sum_{i\in A}\ell_i
#    + \frac{1}{n}\sum_{i\in B}\ell_i\right) = \frac{1}{2n}\sum_{i\in A\cup B}\ell_i
#
# 两边对参数求导，左边是两份梯度的平均，右边是整批的梯度。
# 不用启动进程也能核对：把 64 张随机的图片分成两半，各算一份梯度。

torch.manual_seed(0)
net = Net()
images = torch.randn(64, 3, 32, 32)
labels = torch.randint(10, (64,))


def gradient(part):
    loss = F.cross_entropy(net(images[part]), labels[part])
    (grad,) = torch.autograd.grad(loss, net.fc3.weight)
    return grad


first, second = gradient(slice(0, 32)), gradient(slice(32, 64))
whole = gradient(slice(0, 64))
for name, grad in [
    ("前一半", first), ("后一半", second),
    ("平均", (first + second) / 2), ("整批", whole),
]:
    print(f"{name}：{grad[0, 0]:.6f}")

# sphinx_gallery_start_ignore
for k in [2, 4, 8]:
    parts = [gradient(slice(i, i + 64 // k)) for i in range(0, 64, 64 // k)]
    torch.testing.assert_close(sum(parts) / k, whole, rtol=1e-4, atol=1e-6)
# sphinx_gallery_end_ignore

# %%
# **先猜一猜**：如果分成 40 张和 24 张，两份梯度直接求平均，还等于整批的梯度吗（``True`` 或 ``False``）？

uneven = (gradient(slice(0, 40)) + gradient(slice(40, 64))) / 2
print(torch.allclose(uneven, whole, rtol=1e-3, atol=1e-6))

# %%
# 不等，因为 24 张的那一份里，每张图片所占的比重都偏大。
# 所以各进程每一步的样本数要相同，这件事由采样器保证。

# %%
# 每个进程拿到哪些样本
# ------------------------------
#
# DDP 不切分数据，每个进程从自己的数据加载器里取样本。
# ``DistributedSampler`` 负责把索引分给各个进程。
# 这里直接给出 rank 和 world size，不启动进程也能看到结果。

from torch.utils.data import DataLoader, DistributedSampler, TensorDataset


def shares(n_samples, n_processes, epoch=0, **options):
    result = []
    for rank in range(n_processes):
        sampler = DistributedSampler(range(n_samples), n_processes, rank, **options)
        sampler.set_epoch(epoch)  # ← 换一种次序
        result.append(list(sampler))
    return result


for epoch in range(2):
    for rank, share in enumerate(shares(10, 2, epoch)):
        print(f"第 {epoch + 1} 轮，rank {rank}：{share}")

# sphinx_gallery_start_ignore
for n in range(1, 26):
    for k in range(1, 9):
        s = shares(n, k, 3)
        flat = [i for part in s for i in part]
        assert {len(part) for part in s} == {-(-n // k)} and set(flat) == set(range(n))
        assert len(flat) - n == -n % k < k
# sphinx_gallery_end_ignore

# %%
# 同一轮里，两个进程的索引合起来正好是全部样本。
# 打乱所用的种子取决于轮的编号，采样器自己不知道到了第几轮，所以每轮开始时，**每个**进程都要调用 ``set_epoch``。
# 如果都忘了，每一轮的顺序都一样；如果只有一部分进程调用，各进程打乱的方式不同，合起来就可能有重复，也有遗漏。
#
# 样本数不是进程数的整数倍时，为了让各进程一样多，采样器会重复使用打乱之后开头的几个索引，这叫填充。
#
# **先猜一猜**：10 个样本分给 3 个进程，打印出的三个数是什么？

print([len(share) for share in shares(10, 3)])

# %%
# 合起来比样本数多出 2 个，这一轮里有 2 个样本用了两次。
# 如果不要填充，就设 ``drop_last=True``，把余下的丢掉。
# 训练时这点重复通常无关紧要；评估时却会把同一个样本数两遍，所以下面的评估不用这个采样器。
#
# 下图没有打乱。
# 在本站的网页上，可以改变样本数和进程数，也可以与本页选读里的 ``DataParallel`` 比较。

# %%

# 画图（splitting）：一行是一个进程，方格里是样本的索引；后面写着“填充”的，这些样本用了两次。
# 图中：两组方格。3 个进程一组，每行四格，第一列从上往下是 0、1、2，第二列接着是 3、4、5；后两行的最后一格是灰色，后面写着“填充”。8 个进程一组，每行两格，后六行的第二格是灰色，后面写着“填充”。
def draw_shares(ax, n_samples, n_processes):
    for rank, share in enumerate(shares(n_samples, n_processes, shuffle=False)):
        for column, index in enumerate(share):
            padded = column * n_processes + rank >= n_samples
            draw_block(ax, column, 0.9, rank, str(index), "0.55" if padded else "C0", 0.8)
            if padded:
                ax.text(column + 1.0, rank, "填充", va="center")
    ax.set(yticks=range(n_processes), yticklabels=[f"rank {rank}" for rank in range(n_processes)])
    ax.set(xticks=[], xlim=(-0.1, 5.2), ylim=(n_processes - 0.4, -0.6))
    ax.tick_params(length=0, labelsize=11.5)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_title(f"{n_samples} 个样本，{n_processes} 个进程", fontsize=11.5)


fig, axes = plt.subplots(2, figsize=(4.8, 5.4), layout="constrained", height_ratios=[3, 8])
fig.suptitle("采样器怎样分配索引：除不尽时填充")
draw_shares(axes[0], 10, 3)
draw_shares(axes[1], 10, 8)
plt.show()

# %%
# 写出 ``train_ddp.py``
# ----------------------
#
# 现在写一个可以直接使用的训练脚本 :site-file:`train_ddp.py`，你可以下载它，对照着读。
# 多个进程运行的是同一个文件，各进程靠 rank 知道自己该做什么。
#
# 第一个函数写文件。
# 先写进一个临时文件，写完再用 ``os.replace`` 一次替换旧文件，所以进程在写到一半时被结束，旧的文件仍然完好。

# 文件：train_ddp.py
import os


def save(path, content):
    torch.save(content, f"{path}.tmp")
    os.replace(f"{path}.tmp", path)


# %%
# 第二个函数准备数据：用 torchvision 读出 CIFAR-10，存成张量。
# 图片从当前文件夹的 ``data`` 里读，没有就先下载；如果下载很慢，请看 :doc:`数据下载慢怎么办 </slow_download>`。


# 文件：train_ddp.py
def prepare_data(path):
    from torchvision import datasets  # 只有准备数据时才用到

    data = {}
    for name in ["train", "test"]:
        raw = datasets.CIFAR10(root="./data", train=name == "train", download=True)
        images = torch.from_numpy(raw.data).permute(0, 3, 1, 2).contiguous()
        data[name] = images, torch.tensor(raw.targets)
    save(path, data)


# %%
# 建立进程组
# ^^^^^^^^^^^^^^^^^^^^
#
# 启动程序 ``torchrun`` 用环境变量告诉每个进程：``LOCAL_RANK`` 是它在这台机器上的编号，``LOCAL_WORLD_SIZE`` 是这台机器上的进程数。
# 下面的函数选定设备，再建立进程组。
# 加速器的个数不少于进程数时，每个进程用一个加速器，否则都用 CPU。
# 负责通信的程序叫后端（backend），由 PyTorch 按设备选择，例如英伟达的 GPU 用 NCCL；CPU 用 ``gloo``。
# Windows 的安装包里没有 NCCL，苹果的 MPS 和 Windows 上英特尔的 GPU 没有可用的后端，所以各写了一个判断。

# 文件：train_ddp.py
import sys

import torch.distributed as dist


def start():
    local_rank = int(os.environ["LOCAL_RANK"])
    if local_rank == 0 and not os.path.exists("cifar10.pt"):
        prepare_data("cifar10.pt")  # 其他进程在建立进程组时等待
    kind = torch.accelerator.current_accelerator(check_available=True)
    count = torch.accelerator.device_count()
    windows = sys.platform == "win32"
    unusable = kind is None or kind.type == "mps" or (windows and kind.type != "cuda")
    if unusable or count < int(os.environ["LOCAL_WORLD_SIZE"]):
        device = torch.device("cpu")
        dist.init_process_group("gloo")
    else:
        device = torch.device(kind.type, local_rank)
        torch.accelerator.set_device_index(local_rank)
        if windows:
            dist.init_process_group("gloo")
        else:
            dist.init_process_group(device_id=device)
    return device


# %%
# 训练一轮，评估一次
# ^^^^^^^^^^^^^^^^^^^^
#
# 循环与单个设备时相同：``model`` 是包装后的网络，里面就是 ``net``，参数是同一份；梯度的通信发生在 ``backward`` 里。
# 像素除以 127.5 再减 1，从 0 到 255 变成 -1 到 1，与上一篇相同。
# 每个进程累加自己的损失，一轮结束时用 ``all_reduce`` 把 ``total`` 换成各进程的和，填充的样本也算在内。
# 参数 ``die_at`` 只用来演练中断：到了这一步，rank 1 立刻退出，来不及做任何收尾。


# 文件：train_ddp.py
def train_epoch(model, loader, optimizer, device, first_step, die_at):
    model.train()
    total = torch.zeros((), device=device)
    for step, (images, labels) in enumerate(loader, first_step):
        if step == die_at and dist.get_rank() == 1:
            os._exit(1)
        images = images.to(device).float() / 127.5 - 1
        loss = F.cross_entropy(model(images), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(images)
    dist.all_reduce(total)
    return total.item() / (len(loader.sampler) * dist.get_world_size())


# %%
# 评估时每个进程负责测试集里的一部分，直接用没有包装的 ``net``，互不等待，最后合计一次。
# 每张图片恰好数一遍。


# 文件：train_ddp.py
def accuracy(net, images, labels, device):
    net.eval()
    correct = torch.zeros((), device=device)
    with torch.no_grad():
        for i in range(dist.get_rank() * 250, len(images), dist.get_world_size() * 250):
            logits = net(images[i : i + 250].to(device).float() / 127.5 - 1)
            correct += (logits.argmax(1) == labels[i : i + 250].to(device)).sum()
    dist.all_reduce(correct)
    return correct.item() / len(images)


# %%
# 下面这个小函数检查各进程的参数是否完全相同：把参数接成一个向量，用 ``all_gather`` 收集各进程的向量，再比较（参数里有 NaN 时，总是说不同）。
# 这类通信要由每个进程按同样的次序调用，少一个，其余的可能一直等到超时，也可能与后面的通信错配而算错，所以主函数里 rank 0 独做的只有打印和写检查点，都不通信。


# 文件：train_ddp.py
def same_everywhere(net):
    vector = nn.utils.parameters_to_vector(net.parameters()).detach()
    copies = [torch.empty_like(vector) for _ in range(dist.get_world_size())]
    dist.all_gather(copies, vector)
    return all(torch.equal(vector, copy) for copy in copies)


# %%
# 主函数
# ^^^^^^^^^^
#
# 命令行选项里的 ``--batch-size`` 是各进程**合计**的批量大小。
# 采样器把打乱后的样本像发牌一样轮流分给各进程；两个进程各自的前 32 个，合起来正是打乱后的前 64 个。
# 所以如果进程数既能整除批量大小，也能整除样本数，那么无论用几个进程，每一步合起来用的是同样的样本；批量大小除不尽时，每个进程每步的样本数向下取整。

# 文件：train_ddp.py
import argparse


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=64, help="各进程合计")
    parser.add_argument("--samples", type=int, default=50_000, help="只用训练集开头的这么多张")
    parser.add_argument("--checkpoint", default="checkpoint.pt")
    parser.add_argument("--die-at", type=int, help="演练：rank 1 在这一步退出")
    return parser.parse_args()


# %%
# 主函数先准备数据和模型。
# 种子有意用 rank，让各进程的初始参数不同，看包装之后会怎样。
# 如果检查点已经存在，就在包装之前加载，从下一轮继续。
# 训练中只有打乱样本时用到随机数，顺序由轮的编号决定，所以恢复网络、优化器和轮的编号就够了；如果有随机失活或学习率调度器，还要保存各进程的随机数状态和调度器的状态。

# 文件：train_ddp.py
import time


def prepare(options, device):
    data = torch.load("cifar10.pt", mmap=True, weights_only=True)  # 用到哪里才读哪里
    dataset = TensorDataset(*(tensor[: options.samples] for tensor in data["train"]))
    batch_size = max(1, options.batch_size // dist.get_world_size())
    loader = DataLoader(dataset, batch_size, sampler=DistributedSampler(dataset))
    torch.manual_seed(dist.get_rank())
    net = Net().to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    state = {"epoch": 0, "losses": [], "seconds": []}
    if os.path.exists(options.checkpoint):
        state = torch.load(options.checkpoint, map_location=device, weights_only=True)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
    return data["test"], loader, net, optimizer, state


# %%
# 然后包装、训练。
# 检查点由 rank 0 写：各进程的参数相同，写一份就够了；保存的是没有包装的 ``net`` 的状态字典，包装后的名字前面会多一段 ``module.``。

# 文件：train_ddp.py
from torch.nn.parallel import DistributedDataParallel


def main():
    options, device = read_options(), start()
    rank = dist.get_rank()

    def say(words):
        if rank == 0:
            print(words, flush=True)

    test, loader, net, optimizer, state = prepare(options, device)
    say(f"{dist.get_world_size()} 个进程，{device.type}，每步各 {loader.batch_size} 个样本，从第 {state['epoch'] + 1} 轮开始")
    if 0 < options.epochs <= state["epoch"]:
        say(f"{options.checkpoint} 已经训练完；要从头训练，就用 --checkpoint 换一个文件名")
    before = same_everywhere(net)
    model = DistributedDataParallel(net, device_ids=None if device.type == "cpu" else [device.index])
    say(f"各进程的参数相同：包装之前 {before}，包装之后 {same_everywhere(net)}")
    for epoch in range(state["epoch"], options.epochs):
        begin = time.perf_counter()
        loader.sampler.set_epoch(epoch)
        loss = train_epoch(model, loader, optimizer, device, epoch * len(loader), options.die_at)
        state["seconds"].append(time.perf_counter() - begin)
        state["losses"].append(loss)
        correct = accuracy(net, *test, device)
        say(f"第 {epoch + 1} 轮：{len(loader)} 步，平均损失 {loss:.4f}，测试集准确率 {correct:.1%}")
        if rank == 0:
            state.update(epoch=epoch + 1, net=net.state_dict(), optimizer=optimizer.state_dict())
            save(options.checkpoint, state)
    say(f"训练结束，各进程的参数相同：{same_everywhere(net)}")
    dist.destroy_process_group()


# %%
# 拼成文件
# ^^^^^^^^^^^^
#
# 本页自己也要运行这个文件，所以取出上面各函数的源代码，前面加上导入，后面加上主函数的调用；下载了文件就不用做这一步。
# 最后用 ``os._exit`` 立即退出，因为解释器收尾时，``gloo`` 的线程偶尔会让进程异常结束（PyTorch 2.14 上见过）。

import inspect

header = '''"""用 DDP 训练图像分类器，用 torchrun 启动。"""

import argparse
import os
import sys
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
'''
methods = [inspect.getsource(method) for method in [Net.__init__, Net.forward]]  # Notebook 里不一定取得到整个类
functions = [save, prepare_data, start, train_epoch, accuracy, same_everywhere, read_options, prepare, main]
parts = [header, "class Net(nn.Module):\n" + "\n".join(methods)]
parts += [inspect.getsource(function) for function in functions]
parts.append('if __name__ == "__main__":\n    main()\n    sys.stdout.flush()\n    os._exit(0)\n')
train_ddp = "\n\n".join(part.rstrip("\n") + "\n" for part in parts)

# sphinx_gallery_start_ignore
compile(train_ddp, "train_ddp.py", "exec")
assert "sphinx_gallery" not in train_ddp and "# %%" not in train_ddp
# sphinx_gallery_end_ignore

# %%
# 真的训练一次
# --------------------
#
# 把文件存在一个文件夹里，最好是上一篇的 ``data`` 所在的那个，在那里打开终端。
# 这里只用 6400 张图片，训练 3 轮。
# 在 Linux 和 macOS 上，用这条命令启动两个进程：
#
# .. code-block:: bash
#
#    torchrun --standalone --local-addr=127.0.0.1 --nproc-per-node=2 train_ddp.py --samples=6400 --epochs=3 --checkpoint=whole.pt
#
# 在 Windows 的 PowerShell 里，用这两行，第一行只对当前窗口有效：
#
# .. code-block:: powershell
#
#    $env:TORCH_DISABLE_SHARE_RDZV_TCP_STORE = "1"
#    torchrun --rdzv-backend=c10d --rdzv-conf=store_type=file --local-addr=127.0.0.1 --nproc-per-node=2 train_ddp.py --samples=6400 --epochs=3 --checkpoint=whole.pt
#
# 如果提示找不到 ``torchrun``，就把这个词换成 ``python -m torch.distributed.run``。
# ``--nproc-per-node`` 是这台机器上的进程数，``--standalone`` 表示只用这一台机器，``--local-addr`` 是启动时会合用的地址，写成本机，会合就不靠主机名。
# 各进程启动时要互相找到对方，``--standalone`` 靠的是 libuv，Windows 的安装包没有启用它。
# 所以那里用 ``--rdzv`` 开头的两个选项，靠一个临时文件找到对方；环境变量则让建立进程组时也不用 libuv。
# 两种写法都在 Linux 上运行过，第二种没有在 Windows 上试过；万一不成，可以在 WSL 里用第一种。
#
# 第一次运行时，rank 0 准备数据，其他进程等待，在 CPU 上最多等 30 分钟。
# 如果要下载很久，就先用 ``--nproc-per-node=1`` 和 ``--epochs=0`` 运行一次，它只准备数据，不训练。
#
# 本页要核对训练的输出，所以由 Python 代为启动，并打印出命令。
# 下面先准备临时文件夹、文件和数据；环境变量让每个进程只用一个线程，也不用英伟达和 AMD 的 GPU，这样各次训练才能互相比较。

import faulthandler
import subprocess
import tempfile
from pathlib import Path

if sys.__stderr__:
    faulthandler.enable(sys.__stderr__)  # 解释器自身崩溃时也留下说明
temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
folder = Path(temporary.name)
(folder / "train_ddp.py").write_text(train_ddp, encoding="utf-8")
prepare_data(folder / "cifar10.pt")
environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "-1"}
environment |= {"PYTHONUTF8": "1", "PYTHONFAULTHANDLER": "1"}
way = ["--standalone"]
if sys.platform == "win32":
    way = ["--rdzv-backend=c10d", "--rdzv-conf=store_type=file"]
    environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"

# %%
# 下面的 ``launch`` 启动命令，等它结束；失败或超时的时候，不留下还在运行的进程，并给出输出。
# 这个函数不必细读。


def launch(*arguments, n_processes=2, ok=True):
    options = [*way, "--local-addr=127.0.0.1", f"--nproc-per-node={n_processes}", *arguments]
    print("torchrun", *options)
    command = [sys.executable, "-m", "torch.distributed.run", *options]
    with open(folder / "out.txt", "w") as out, open(folder / "err.txt", "w") as err:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err, start_new_session=True)
        try:
            code = process.wait(timeout=300)
        except subprocess.TimeoutExpired:
            code = "五分钟没有结束"
        finally:
            if sys.platform == "win32" and process.poll() is None:
                subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
            process.terminate()  # torchrun 若还在运行，会先结束它启动的进程
            process.wait(timeout=60)
    out, err = [(folder / name).read_text("utf-8", "replace") for name in ["out.txt", "err.txt"]]
    if ok != (code == 0):
        raise RuntimeError(f"退出码：{code}\n{out}\n{err}")
    return out, err


# %%
# 第一次训练：

setting = ["train_ddp.py", "--samples=6400", "--epochs=3"]
output, _ = launch(*setting, "--checkpoint=whole.pt")
print(output)

# sphinx_gallery_start_ignore
assert "包装之前 False，包装之后 True" in output and "训练结束，各进程的参数相同：True" in output, output
# sphinx_gallery_end_ignore

# %%
# 种子不同，所以包装之前两个进程的参数不同；包装之后从此相同。

# %%
# 一个进程，同样的样本
# ^^^^^^^^^^^^^^^^^^^^
#
# 现在核对前面的公式：两个进程各用 32 张图片训练一步，一个进程用同样的 64 张训练一步。
# 初始参数都是 rank 0 的，所以更新之后的参数应当只差舍入误差。


def load(name):
    return torch.load(folder / name, weights_only=True)


def close(a, b):
    return all(torch.allclose(a["net"][name], b["net"][name], atol=1e-5) for name in a["net"])


for n in [2, 1]:
    launch("train_ddp.py", "--samples=64", "--epochs=1", f"--checkpoint=step{n}.pt", n_processes=n)
print(close(load("step2.pt"), load("step1.pt")))

# sphinx_gallery_start_ignore
assert close(load("step2.pt"), load("step1.pt")) and not close(load("step2.pt"), load("whole.pt"))
# sphinx_gallery_end_ignore

# %%
# 再用一个进程训练完 3 轮，其余都不变。

output, _ = launch(*setting, "--checkpoint=single.pt", n_processes=1)
print(output)
two, one = load("whole.pt"), load("single.pt")

# sphinx_gallery_start_ignore
assert abs(two["losses"][0] - one["losses"][0]) < 1e-2, (two["losses"], one["losses"])
assert len(two["seconds"]) == len(one["seconds"]) == 3
# sphinx_gallery_end_ignore

# %%
# 一个进程自己与自己比，所以包装之前就是 ``True``。
# 浮点数求和的顺序不同，每一步都有一点舍入误差，训练又逐步把它放大，几百步以后，准确率就可以差出几个百分点。
# 两次结果没有对错之分；要查代码有没有错，应当看刚才只训练一步的比较。
#
# 检查点里还记着每一轮训练用的秒数，每次都不同，所以这里不打印；在你的机器上可以打印 ``speedup`` 看看两个进程快了多少倍。

speedup = min(one["seconds"]) / min(two["seconds"])

# %%
# 理想的情形是 2 倍，实际总要打折扣：每一步都要等较慢的那个进程，还要通信；网络这么小，有时甚至会更慢。
# 所以数据并行适合每一步的计算远多于通信的训练，而且每个进程要有自己的设备。

# %%
# 打断之后继续训练
# --------------------
#
# 现在演练一次事故，在第 150 步，也就是第 2 轮的半途，rank 1 突然退出。

output, errors = launch(*setting, "--checkpoint=broken.pt", "--die-at=150", ok=False)
print(output)

# sphinx_gallery_start_ignore
assert "第 1 轮" in output and "第 2 轮" not in output and load("broken.pt")["epoch"] == 1, output + errors
# sphinx_gallery_end_ignore

# %%
# ``torchrun`` 发现一个进程失败，就把其余的也结束了，免得它们一直等下去；第 1 轮的检查点还在。
# 恢复时只要再运行同样的命令，去掉演练的选项。

output, _ = launch(*setting, "--checkpoint=broken.pt")
print(output)

# sphinx_gallery_start_ignore
assert "从第 2 轮开始" in output and "第 1 轮" not in output, output
# sphinx_gallery_end_ignore

# %%
# 训练从第 2 轮开始，第 2 轮出事之前做完的一半作废，从头再做。
# 各进程都从检查点加载，所以包装之前就相同。
#
# **先猜一猜**：与没有被打断的训练相比，最后的参数相差都在舍入误差之内吗（``True`` 或 ``False``）？

resumed = load("broken.pt")
print(close(resumed, two))

# sphinx_gallery_start_ignore
torch.testing.assert_close(resumed["net"], two["net"], rtol=1e-4, atol=1e-5)
torch.testing.assert_close(resumed["losses"], two["losses"], rtol=1e-4, atol=1e-5)
# sphinx_gallery_end_ignore

# %%
# 都在舍入误差之内，因为参数、动量和每一轮的顺序都恢复了。
# 如果进程更多，或者在加速器上，求和的顺序可能变化，那时差别会像上一节那样逐步放大。

# %%
# 有批量归一化时
# --------------------
#
# 前面训练一步，一个进程和两个进程只差舍入误差，有两个原因：各进程的样本数相同；这个网络分别计算每个样本，计算时也不用随机数。
# 批量归一化（batch normalization）在训练模式下，用一批样本的均值和方差做标准化，一个样本的输出因此取决于同一批里还有谁；在评估模式下，默认用训练时记下的均值和方差。
# 把 32 个样本一次通过，与分成两半各自通过比较：
#
# **先猜一猜**：两种做法的输出相同吗，先是训练模式，后是评估模式，各一行（``True`` 或 ``False``）？

norm = nn.BatchNorm1d(5)
samples = torch.randn(32, 5)
for mode in [True, False]:
    norm.train(mode)
    halves = torch.cat([norm(half) for half in samples.chunk(2)])
    print(torch.allclose(halves, norm(samples), atol=1e-6))

# sphinx_gallery_start_ignore
for n in [8, 30, 100]:
    for k in [2, 4]:
        x = torch.randn(n, 5)
        norm.train()
        assert not torch.allclose(torch.cat([norm(c) for c in x.chunk(k)]), norm(x), atol=1e-3)
        norm.eval()
        torch.testing.assert_close(torch.cat([norm(c) for c in x.chunk(k)]), norm(x))
# sphinx_gallery_end_ignore

# %%
# 评估模式下，分不分开都一样。
# 训练模式下，DDP 的每个进程各用自己那一份样本的均值和方差；样本足够多时，这通常无妨，只有几个时就很不准。
# 这时可以在包装之前把这样的层换成 ``SyncBatchNorm``，让各进程一起计算均值和方差，代价是每一层都要通信。
# 写法是 ``net = nn.SyncBatchNorm.convert_sync_batchnorm(net)``；建立进程组之后，它在训练模式下只支持 GPU 一类的加速器，所以本页没有执行。
#
# 记下的均值和方差是缓冲区，默认在下一次前向传播开始时换成 rank 0 的，所以 rank 0 最后保存的只反映它自己的样本。
# 一轮结束时，各进程记下的还不一样，上面的程序又用没有包装的 ``net`` 评估，不会自动发送，所以网络里有批量归一化时，评估之前要先用 ``dist.broadcast`` 把 rank 0 的缓冲区发给大家。
#
# 网络里有随机失活（dropout，训练时随机把一部分数变成 0）时，结果也不会与单个进程逐位相同，因为每个进程各有自己的随机数。
# 各进程的种子应当不同，否则它们变成 0 的位置都一样。

# %%
# 选读：读懂 torchrun 的报错
# ----------------------------------
#
# 这一节故意让程序出错，看看报错里该找什么。

# %%
# 常见错误：没有先建立进程组
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：不建立进程组就包装模型，马上出错。

try:
    DistributedDataParallel(Net())
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：包装时就要把参数从 rank 0 广播给其他进程，所以必须先有进程组。
#
# **解决办法**：先调用 ``init_process_group``，并用 ``torchrun`` 启动脚本。

# %%
# 常见错误：一个进程出错，全体停下
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：屏幕上有好几段报错，最后一段来自 ``torchrun``，没有说原因。
# 这个小脚本让 rank 1 出错，rank 0 正忙着；它没有用到 PyTorch，rank 直接取自环境变量。

fail = """\
import os
import time

if os.environ["RANK"] == "1":
    raise ValueError("第 73 个样本没有标签")
time.sleep(60)  # rank 0 还在计算
"""
(folder / "fail.py").write_text(fail, encoding="utf-8")
_, errors = launch("fail.py", ok=False)
print(*[line for line in errors.splitlines() if line.startswith("ValueError")])

# sphinx_gallery_start_ignore
assert "\nValueError: 第 73" in errors, errors
# sphinx_gallery_end_ignore

# %%
# 再看 ``torchrun`` 最后的小结。
# 时间、主机名和进程号每次不同，换成星号。

import re

summary = errors[errors.index("fail.py FAILED") :]
summary = re.sub(r"(time|host)( +: ).*", r"\1\2***", summary)
summary = re.sub(r"(pid:|PID) \d+", r"\1 ***", summary)
print("\n".join(line.rstrip() for line in summary.splitlines()))

# sphinx_gallery_start_ignore
assert "rank      : 1 " in summary.split("Root Cause")[1], summary
# sphinx_gallery_end_ignore

# %%
# **原因**：一个进程失败，``torchrun`` 就结束其余的进程。
# ``Root Cause`` 以下是它最先看到失败的进程，这里是 rank 1；rank 0 并没有错，在 Linux 和 macOS 上，它是被信号 SIGTERM 结束的。
#
# **解决办法**：记下 ``Root Cause`` 里的 rank，到上面找这个进程的异常；建立了进程组之后，异常的每一行前面都有 ``[rank1]:`` 这样的标记。
# 但是几个进程几乎同时失败时，最先看到的不一定是起因：对方突然消失时，正在通信的进程也会报错，说连接断开。
# 所以先找与连接无关的那一条异常；一条也没有，就看 ``Root Cause`` 的 ``exitcode``，例如 -9 是被系统强行结束的，常因内存不够。
# 给主函数加上 ``torch.distributed.elastic.multiprocessing.errors`` 里的装饰器 ``record``，异常的回溯也会写进这份小结。

temporary.cleanup()  # 临时文件夹用完了

# %%
# 选读：到 GPU 上，到多台机器上
# ------------------------------------
#
# .. note::
#
#    这一节的做法没有在本页执行，因为它需要多个 GPU 或多台机器。
#
# **到 GPU 上**，``train_ddp.py`` 不用改：每个进程能分到一个加速器时，它自己会选用。
# 启动时让 ``--nproc-per-node`` 等于这台机器的 GPU 数。
#
# **到多台机器上**，也只改启动的命令。
# 在每台机器上运行同一条命令，``10.0.0.1`` 换成其中一台的地址，端口选一个空着的，``--rdzv-id`` 是这次任务的名字：
#
# .. code-block:: bash
#
#    torchrun --nnodes=2 --nproc-per-node=8 --rdzv-backend=c10d --rdzv-endpoint=10.0.0.1:29500 --rdzv-id=job1 train_ddp.py
#
# - ``--nnodes=2`` 表示一共两台机器，所以 world size 是 16。
# - ``--rdzv-backend`` 和 ``--rdzv-endpoint`` 说明到哪里会合，它们取代 ``--standalone``；``--local-addr=127.0.0.1`` 也要去掉。
# - 检查点只由 rank 0 写，而恢复时每个进程都要读，所以文件夹要放在各台机器共享的磁盘上。
# - 数据文件由每台机器上的第一个进程准备；文件夹是共享的，所以先在一台机器上用一个进程运行一次，免得几台机器同时写。

# %%
# 选读：一个设备放不下模型时
# ------------------------------------
#
# 照本页的写法，每个进程都有完整的参数、梯度和优化器状态，所以模型要放得进一个设备。
# 放不下时，可以看 PyTorch 的 `fully_shard <https://docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard.html>`__，它把这三样分散到各个设备上；先对每一层、再对整个模型调用它，计算到哪一层，就只把那一层的参数临时取齐。

# %%
# 选读：把模型和数据放到同一个设备上
# ------------------------------------------
#
# 张量（tensor）和模型都有所在的设备（device）：CPU，或者 GPU 一类的加速器（accelerator）。
# 先看本机有没有可用的加速器，没有就用 CPU；后面的代码只写 ``device``，换一台机器也不用改。

if torch.accelerator.is_available():
    device = torch.accelerator.current_accelerator()
else:
    device = torch.device("cpu")
print(f"{device.type = }")

# %%
# 张量的 ``to`` 不改动原来的张量，而是返回结果：需要改变时返回一个新张量，本来就符合要求时默认返回它自己。
# 这里用数据类型来演示，设备也是同样的规则。

x = torch.rand(3, 5)
y = x.to(torch.float64)
print(f"{x.dtype = }, {y.dtype = }, {y is x = }")
print(f"{x.to('cpu') is x = }")

# sphinx_gallery_start_ignore
assert x.dtype == torch.float32 and y.dtype == torch.float64 and x.to("cpu") is x
# sphinx_gallery_end_ignore

# %%
# 模块（module）的 ``to`` 返回的就是模块自己，里面的参数和缓冲区已经换好，不用返回值也有效；换数据类型时，整数的缓冲区保持原样。

layer = nn.Linear(5, 2)
result = layer.to(torch.float64)
print(f"{layer.weight.dtype = }, {result is layer = }")

# sphinx_gallery_start_ignore
assert result is layer and layer.weight.dtype == torch.float64
# sphinx_gallery_end_ignore

# %%
# ``device`` 是一个设备，``model.to(device)`` 把模型放到这一个设备上，不会把它分到多个 GPU 上。
#
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时写 ``torch.device("cuda:0" if torch.cuda.is_available() else "cpu")``。
#    现在这一行仍然可用，只是它只认 ``torch.cuda`` 管理的设备（英伟达和 AMD 的 GPU）；``torch.accelerator`` 还认得其他厂商的加速器。

# %%
# 常见错误：没有把返回值赋给变量
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：``layer`` 已经换成 float64，输入 ``x`` 也调用了 ``to``，计算时仍然出错。

x.to(torch.float64)  # 返回值没有赋给变量
try:
    layer(x)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：``x`` 还是原来的 ``x``，仍是 float32。
# 换设备时忘了赋值，得到的是另一条异常，说张量不在同一个设备上，原因相同。
#
# **解决办法**：写成 ``x = x.to(...)``。

x = x.to(torch.float64)
print(f"{layer(x).shape = }")

# %%
# 常见错误：写死了设备的名字
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：从别处抄来的代码常写着 ``.to("cuda")``，在没有 CUDA 设备的机器上报错。

try:
    print(f"本机有 CUDA 设备：{torch.rand(2).to('cuda').device}")
except (RuntimeError, AssertionError) as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[0]}")

# %%
# **原因**：没有可用的 CUDA 设备。
# 报什么错取决于安装包：只有 CPU 的安装包（Windows 和 macOS 上默认的就是）说 ``Torch not compiled with CUDA enabled``，带 CUDA 的安装包说找不到驱动或设备。
#
# **解决办法**：先看有没有，再用，像这一节开头那样。

print(f"{torch.rand(2).to(device).shape = }")

# %%
# 选读：DataParallel 怎样切分一批数据
# ------------------------------------------
#
# ``nn.DataParallel`` 是更早的做法：一个进程，几个线程，每个 GPU 一个线程。
# 它只要改一行，适合用来理解数据并行；真要训练，用上面的 DDP。
# 两者的差别：
#
# - **进程**：``DataParallel`` 是一个进程里的多个线程，受 Python 全局解释器锁（GIL）的限制；DDP 的每个进程各有自己的解释器。
# - **复制**：``DataParallel`` 每次前向传播都重新复制模型；DDP 只在包装时广播参数，此外默认每次前向传播广播缓冲区。
# - **梯度**：``DataParallel`` 把各副本的梯度加到第一个 GPU 的模型上；DDP 用全归约求平均，各进程得到同一份。
# - **更新**：``DataParallel`` 只更新第一个 GPU 上的模型；DDP 的每个进程各自更新。
# - **范围**：``DataParallel`` 限于一台机器上的 GPU；DDP 可以跨机器，也可以只用 CPU。
#
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时的教程通篇只讲 ``DataParallel``，并说 ``model.to(device)`` 把模型放到多个 GPU 上。
#    现在推荐 DDP；后一句当时也不对，模型只到一个 GPU 上，分到多个 GPU 是包装器在每次前向传播时做的。

# %%
# 数据和模型
# ^^^^^^^^^^^^
#
# 实验很小：输入 5 个数，输出 2 个数，一共 100 个样本，批量大小是 30。
# 数据集（dataset）是一个类，按索引取样本的数据集要写两个方法：``__getitem__`` 给出一个样本，``__len__`` 给出样本总数。

from torch.utils.data import Dataset

torch.manual_seed(0)
input_size, output_size = 5, 2
batch_size, data_size = 30, 100


class RandomDataset(Dataset):
    def __init__(self, size, length):
        self.data = torch.randn(length, size)

    def __getitem__(self, index):
        return self.data[index]

    def __len__(self):
        return len(self.data)


# %%
# 数据加载器（data loader）把样本凑成批。
# 100 不是 30 的倍数，最后一批只有剩下的 10 个。

dataset = RandomDataset(input_size, data_size)
rand_loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
print(f"{len(rand_loader) = }")
print(f"每批的样本数：{[len(batch) for batch in rand_loader]}")

# sphinx_gallery_start_ignore
assert [len(batch) for batch in rand_loader] == [30, 30, 30, 10]
# sphinx_gallery_end_ignore

# %%
# 模型只有一个线性层。
# 它在前向传播（forward pass）时打印自己看到的形状，这样就能知道一次计算处理了几个样本。


class Model(nn.Module):
    def __init__(self, input_size, output_size):
        super().__init__()
        self.fc = nn.Linear(input_size, output_size)

    def forward(self, x):
        output = self.fc(x)
        print(f"    In Model: input size {list(x.shape)} output size {list(output.shape)}")
        return output


# %%
# .. admonition:: 2018 年的写法
#    :class: legacy
#
#    当时在 ``__init__`` 里写 ``super(Model, self).__init__()``。
#    现在它仍然有效，写 ``super().__init__()`` 就够了。

# %%
# 常见错误：数据集忘了写长度
# ^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：有些教程说只要实现 ``__getitem__``，照做之后，``shuffle=True`` 的数据加载器还没取出一个样本就停下了。


class NoLength(Dataset):
    def __getitem__(self, index):
        return torch.zeros(5)


try:
    DataLoader(NoLength(), batch_size=30, shuffle=True)
except TypeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# **原因**：打乱顺序要先知道一共有多少个样本，所以采样器（sampler）会调用 ``len``。
#
# **解决办法**：写上 ``__len__``，像上面的 ``RandomDataset`` 那样。

# %%
# 用一行代码并行
# ^^^^^^^^^^^^^^^^^^
#
# 有几个 GPU 时，``.to(device)`` 也只用到其中一个。
# ``nn.DataParallel`` 把模型包装起来，之后每一批数据会自动分给所有 GPU。

device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
net = Model(input_size, output_size).to(device)
model = net
if torch.cuda.device_count() > 1:
    print(f"使用 {torch.cuda.device_count()} 个 GPU")
    model = nn.DataParallel(net)

for data in rand_loader:
    data = data.to(device)
    output = model(data)
    print(f"Outside: input size {list(data.shape)} output size {list(output.shape)}")

# %%
# ``In Model`` 由模型打印，``Outside`` 由循环打印。
# 没有 GPU 或只有一个 GPU 时，每批整个交给模型，里外的形状相同。
# 没有 GPU 时也可以包装，只是什么也不会发生：包装器手里没有设备，前向传播直接调用里面的模块。

wrapped = nn.DataParallel(nn.Linear(5, 2))
print(f"{wrapped.device_ids = }")

# sphinx_gallery_start_ignore
assert torch.cuda.is_available() or wrapped.device_ids == []
# sphinx_gallery_end_ignore

# %%
# 每次前向传播时的四步
# ^^^^^^^^^^^^^^^^^^^^
#
# 有多个 GPU 时，``DataParallel`` 在每次前向传播时依次做四件事：
#
# 1. **分发（scatter）**：沿第 0 维把这一批切成几块，每个 GPU 一块。
# 2. **复制（replicate）**：把模型复制到每个分到数据的 GPU 上，得到几个副本（replica）。
# 3. **并行计算（parallel_apply）**：每个 GPU 一个线程，各算各的一块。
# 4. **汇集（gather）**：把各块的输出按原来的顺序接起来，默认放在第一个 GPU 上。

# %%

# 画图：两个 GPU、一批 30 个样本；整批数据和最后的输出都在 GPU 0 上，所以它的负担比别的 GPU 重。
# 图中：两列方框，左边 GPU 0，右边 GPU 1，从上往下是分发、复制、并行计算、汇集：样本从 GPU 0 分到两边，两边的输出再回到 GPU 0。
fig, ax = plt.subplots(figsize=(4.8, 5.4), layout="constrained")
fig.suptitle("DataParallel 的四步：分发、复制、并行计算、汇集")
lanes = {"GPU 0": 3.4, "GPU 1": 6.6}
steps = [("分发", 6.0, "{} 个样本", "C0"), ("复制", 4.4, "模型的副本", "C1"), ("并行计算", 2.8, "{} 个输出", "C2")]


def draw_arrow(ax, start, end):
    ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "0.4"})


draw_block(ax, 2.1, 2.6, 7.6, "一批 30 个样本", "C0")
draw_block(ax, 2.1, 2.6, 1.2, "30 个输出", "C2")
for (name, x), chunk in zip(lanes.items(), torch.chunk(torch.zeros(30), 2)):
    ax.text(x, 8.4, name, ha="center")
    draw_arrow(ax, (3.4, 7.25), (x, 6.35))
    draw_arrow(ax, (x, 2.45), (3.4 + (x - 3.4) * 0.25, 1.55))
    for _, y, label, color in steps:
        draw_block(ax, x - 1.3, 2.6, y, label.format(len(chunk)), color)
    for y in [5.65, 4.05]:
        draw_arrow(ax, (x, y), (x, y - 0.9))
draw_arrow(ax, (4.75, 4.4), (5.25, 4.4))
for word, y, *_ in [*steps, ("汇集", 1.2)]:
    ax.text(0, y, word, va="center")
ax.set(xlim=(-0.1, 8.1), ylim=(0.6, 8.9))
ax.axis("off")
plt.show()

# %%
# 在 CPU 上照做一遍
# ^^^^^^^^^^^^^^^^^
#
# ``DataParallel`` 切分数据用的是 ``torch.chunk`` 的规则，所以下面这个函数切出的块与真有 ``n_gpus`` 个 GPU 时一样，只是各副本依次计算，而不是同时。

import copy

batches = [batch.to(device) for batch in rand_loader]


def fake_data_parallel(module, batch, n_gpus):
    chunks = torch.chunk(batch, n_gpus)  # 分发
    replicas = [copy.deepcopy(module) for _ in chunks]  # 复制
    outputs = [replica(chunk) for replica, chunk in zip(replicas, chunks)]  # 计算
    return torch.cat(outputs)  # 汇集


def run(n_gpus):
    for batch in [batches[0], batches[-1]]:
        output = fake_data_parallel(net, batch, n_gpus)
        print(f"Outside: input size {list(batch.shape)} output size {list(output.shape)}")


# %%
# 2 个、3 个和 8 个 GPU 的输出
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# 前三批都是 30 个样本，切法相同，所以只看第一批和最后一批。
# 两个 GPU：15 和 15，最后一批 5 和 5。

run(2)

# %%
# 三个 GPU：三个 10；最后一批的 10 个样本分成 4、4、2，而不是 4、3、3。

run(3)

# %%
# 八个 GPU：七个 4 加一个 2；最后一批只有五行 ``In Model``，每行 2 个样本，另外三个 GPU 没有分到样本。

run(8)

# %%
# 四批合起来，``In Model`` 的行数就是各批切出的块数之和。

for n_gpus in [1, 2, 3, 8]:
    lines = sum(len(torch.chunk(batch, n_gpus)) for batch in batches)
    print(f"{n_gpus} 个 GPU：In Model {lines} 行，Outside {len(batches)} 行")

# sphinx_gallery_start_ignore
assert [sum(len(b.chunk(n)) for b in batches) for n in [1, 2, 3, 8]] == [4, 8, 12, 29]
# sphinx_gallery_end_ignore

# %%
# 在真正的多 GPU 机器上，同一批里各行的先后不定：每个 GPU 由一个线程负责，哪个线程先打印，哪一行就在前面。

# %%
# 为什么是 4、4、2
# ^^^^^^^^^^^^^^^^
#
# ``torch.chunk`` 先定每块的大小，再一块一块地切。
# :math:`N` 个样本分给 :math:`n` 个 GPU 时，块的大小 :math:`k` 和块数 :math:`m` 都向上取整：
#
# .. math::
#
#    k = \left\lceil \frac{N}{n} \right\rceil, \qquad
#    m = \left\lceil \frac{N}{k} \right\rceil
#
# 10 个样本分给 8 个 GPU 时，每块 2 个，5 块就切完了。
# 下面把公式同 ``torch.chunk`` 逐一比较。

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
# PyTorch 里另有 ``torch.tensor_split``，它先定块数，再尽量分匀。

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
# 分不匀时哪些 GPU 空闲
# ^^^^^^^^^^^^^^^^^^^^^^
#
# 8 个样本分给 8 个 GPU，每个 GPU 都有一个；10 个样本反而空下三个 GPU。
# 所以批量大小最好是 GPU 数的整数倍。

# %%

# 画图：左边一列是前三批，右边一列是最后一批；8 个 GPU 分 10 个样本时，3 个空闲。
# 图中：三行两列柱形图，从上往下是 2、3、8 个 GPU，一根柱子是一个 GPU 分到的样本数，柱子上写着数；右下一幅的 5、6、7 号没有柱子，那里写着“空闲”。
fig, axes = plt.subplots(3, 2, figsize=(4.8, 6.4), layout="constrained", sharey=True)
fig.suptitle("每个 GPU 分到的样本数")
for row, n_gpus in zip(axes, [2, 3, 8]):
    for ax, n_samples in zip(row, [30, 10]):
        sizes = chunk_sizes(n_samples, n_gpus)
        ax.bar_label(ax.bar(range(len(sizes)), sizes, color="C0", alpha=0.35), fontsize=11.5)
        if len(sizes) < n_gpus:
            ax.text((len(sizes) + n_gpus - 1) / 2, 0.5, "空闲", ha="center")
        ax.set_title(f"{n_gpus} 个 GPU，{n_samples} 个样本", fontsize=11.5)
        ax.set(xticks=range(n_gpus), yticks=[], ylim=(0, 19), xlim=(-0.6, n_gpus - 0.4))
        for spine in ax.spines.values():
            spine.set_visible(False)
fig.supxlabel("GPU 的编号", fontsize=11.5)
plt.show()

# sphinx_gallery_start_ignore
assert 8 - len(chunk_sizes(10, 8)) == 3 and len(chunk_sizes(8, 8)) == 8
# sphinx_gallery_end_ignore

# %%
# 输出和梯度都没有变
# ^^^^^^^^^^^^^^^^^^
#
# 对这个没有批量归一化、没有随机失活的网络，分开计算不改变结果。
# 先看输出：汇集之后，与整批一次算出的相同。
# 这里直接用 ``net`` 里的线性层，免得再打印一遍形状。

layer = net.fc
for n_gpus in [2, 3, 8]:
    for batch in batches:
        torch.testing.assert_close(fake_data_parallel(layer, batch, n_gpus), layer(batch))
print("2、3、8 个 GPU，四批数据，输出全部相同")

# %%
# 再看梯度（gradient）。
# 损失在汇集之后的整批输出上计算；反向传播时，每个副本只得到自己那一块的梯度，``DataParallel`` 把它们**加**起来，记在原来的模型上。


def summed_gradient(layer, batch, n_gpus):
    chunks = torch.chunk(batch, n_gpus)
    replicas = [copy.deepcopy(layer) for _ in chunks]
    outputs = torch.cat([replica(chunk) for replica, chunk in zip(replicas, chunks)])
    outputs.square().mean().backward()
    return sum(replica.weight.grad for replica in replicas)


whole_grad = torch.autograd.grad(layer(batches[0]).square().mean(), layer.weight)[0]
for n_gpus in [2, 3, 8]:
    torch.testing.assert_close(summed_gradient(layer, batches[0], n_gpus), whole_grad)
print("2、3、8 个 GPU，各副本的梯度之和等于整批的梯度")

# %%
# 有批量归一化时，每个副本在训练模式下各用自己那一块的均值和方差，记下来的只是第一个 GPU 上的那一份。

# %%
# 常见错误：状态字典里多出 module 前缀
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
#
# **现象**：保存了包装后的模型的状态字典（``state_dict``），加载到没有包装的模型里时出错。
# DDP 和 ``nn.DataParallel`` 都会这样；后者不需要进程组，所以这里用它来演示。

saved = nn.DataParallel(nn.Sequential(nn.Linear(5, 2))).state_dict()
fresh = nn.Sequential(nn.Linear(5, 2))
try:
    fresh.load_state_dict(saved)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}".expandtabs(4))

# %%
# **原因**：包装器把原来的模型放在属性 ``module`` 里，名字因此都多了一段 ``module.``。
#
# **解决办法**：保存时取里面的模型，写 ``model.module.state_dict()``，或者像 ``train_ddp.py`` 那样保存没有包装的 ``net``。
# 文件已经存成这样时，去掉前缀再加载。

from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

consume_prefix_in_state_dict_if_present(saved, "module.")
print(fresh.load_state_dict(saved))

# %%
# 小结
# ----
#
# - DDP 的每个进程有一份模型：包装时从 rank 0 广播，反向传播时求梯度的平均，各自更新之后参数仍然相同。
# - 各进程的样本数相同、损失对样本求平均时，平均的梯度等于整批的梯度；批量归一化和随机失活使结果与单个进程不同。
# - ``DistributedSampler`` 把样本分给各进程，除不尽时填充；每轮开始时，每个进程都要调用 ``set_epoch``。
# - 检查点由 rank 0 写，先写到别的名字再换上；里面有模型、优化器和进度，恢复之后接着训练，与没有中断时的差别只来自舍入。

# %%
# 练习
# ----
#
# 1. 数据集有 101 个样本，两个进程。
#    ``DistributedSampler`` 给每个进程几个索引？
#    重复的是哪一个？
#    设 ``drop_last=True`` 时呢？
# 2. 三个进程各有 4、4、2 个样本，各自对样本求平均损失。
#    三个梯度怎样加权，才等于整批平均损失的梯度？
# 3. 运行 ``train_ddp.py`` 时，``--batch-size=64``，进程数是 1 到 8，每一步各进程合计用几个样本？
# 4. （要先读选读里的 ``DataParallel``）有 16 个 GPU，分 30 个样本时几个 GPU 有事可做？
#    分 10 个呢？

# %%
# 练习 1 的答案
# ^^^^^^^^^^^^^^
#
# 每个进程 51 个，合起来 102 个：打乱后的第一个索引用了两次。
# 设 ``drop_last=True`` 时每个进程 50 个，有一个样本这一轮用不到。

from collections import Counter

for drop_last in [False, True]:
    parts = shares(101, 2, drop_last=drop_last)
    counts = Counter(parts[0] + parts[1])
    repeated = [index for index, count in counts.items() if count > 1]
    print(f"各 {len(parts[0])} 个，{len(counts)} 个不同的索引，重复的是 {repeated}，第一个是 {parts[0][0]}")

# sphinx_gallery_start_ignore
assert repeated == [] and len(counts) == 100
# sphinx_gallery_end_ignore

# %%
# 练习 2 的答案
# ^^^^^^^^^^^^^^
#
# 按各自的样本数占整批的比例加权；直接求平均，会让最后两个样本的分量偏大。

line, points = nn.Linear(5, 2), torch.randn(10, 5)


def mean_gradient(part):
    return torch.autograd.grad(line(part).square().mean(), line.weight)[0]


pieces = points.split([4, 4, 2])
plain = sum(mean_gradient(piece) for piece in pieces) / 3
weighted = sum(mean_gradient(piece) * len(piece) / 10 for piece in pieces)
print(f"直接平均：{torch.allclose(plain, mean_gradient(points))}")
print(f"加权平均：{torch.allclose(weighted, mean_gradient(points), atol=1e-6)}")

# sphinx_gallery_start_ignore
assert not torch.allclose(plain, mean_gradient(points))
torch.testing.assert_close(weighted, mean_gradient(points))
# sphinx_gallery_end_ignore

# %%
# 练习 3 的答案
# ^^^^^^^^^^^^^^
#
# 每个进程用 64 除以进程数、向下取整的样本数，所以进程数是 3、5、6、7 时，合计略少于 64。

print({n: 64 // n * n for n in range(1, 9)})

# %%
# 练习 4 的答案
# ^^^^^^^^^^^^^^
#
# 30 个样本每块 2 个，15 个 GPU 有事可做；10 个样本每块 1 个，10 个 GPU 有事可做。

for n_samples in [30, 10]:
    sizes = [len(chunk) for chunk in torch.chunk(torch.zeros(n_samples), 16)]
    print(f"{n_samples} 个样本：每块 {sizes[0]} 个，{len(sizes)} 个 GPU 有事可做")

# sphinx_gallery_start_ignore
assert sizes == [1] * 10
# sphinx_gallery_end_ignore

# %%
# 接下来
# ------
#
# - 用 ``train_ddp.py`` 训练全部 5 万张图片，再把网络和训练的设置换成你在:doc:`《训练图像分类器》 <training_a_classifier>`里得到的最好的一种，换了网络就要换一个检查点的文件名。
# - DDP 的内部做法见 `DDP 的说明 <https://docs.pytorch.org/docs/stable/notes/ddp.html>`__。
# - ``torchrun`` 的全部选项见 `torchrun 的文档 <https://docs.pytorch.org/docs/stable/elastic/run.html>`__。
