// 样本怎样分给几个设备：DDP 的采样器（轮流发，除不尽就填充）、DataParallel 的切块、DDP 的一步（桶和全归约）。
(() => {
  const { add } = window.explorables;

  /** 与 DistributedSampler(range(n), k, shuffle=False, drop_last=…) 相同：[[{index, padded}, …], …]，一个进程一行。 */
  function shares(n, k, dropLast = false) {
    const each = dropLast ? Math.floor(n / k) : Math.ceil(n / k);
    return Array.from({ length: k }, (_, rank) =>
      Array.from({ length: each }, (_, column) => {
        const place = column * k + rank;
        return { index: place % n, padded: place >= n };
      }));
  }

  /** 与 torch.chunk(torch.arange(n), k) 相同：每块 ceil(n / k) 个，最后一块可能少些，也可能不够 k 块。 */
  function chunks(n, k) {
    const size = Math.ceil(n / k);
    return Array.from({ length: Math.ceil(n / size) }, (_, i) =>
      Array.from({ length: Math.min(size, n - i * size) }, (_, j) => i * size + j));
  }

  // 第 4、5 篇的网络，参数按注册的次序
  const LAYERS = { conv1: [6, 3, 5, 5], conv2: [16, 6, 5, 5], fc1: [120, 400], fc2: [84, 120], fc3: [10, 84] };
  const PARAMETERS = Object.entries(LAYERS).flatMap(([layer, sizes]) => [
    { name: `${layer}.weight`, bytes: 4 * sizes.reduce((a, b) => a * b) },
    { name: `${layer}.bias`, bytes: 4 * sizes[0] },
  ]);
  const BACKWARD = PARAMETERS.toReversed();

  /** DDP 按注册的逆序装桶，达到上限就换一个：[[{name, bytes}, …], …]。 */
  function buckets(limit) {
    const filled = [[]];
    let size = 0;
    for (const parameter of BACKWARD) {
      if (size >= limit) {
        filled.push([]);
        size = 0;
      }
      filled.at(-1).push(parameter);
      size += parameter.bytes;
    }
    return filled;
  }

  /** 第 `step` 步时各桶的样子：{names, bytes, done, state}，done 是已经算出的个数。 */
  function progress(limit, step) {
    const computed = Math.min(step, BACKWARD.length);
    let before = 0;
    return buckets(limit).map((parameters) => {
      const done = Math.max(0, Math.min(parameters.length, computed - before));
      before += parameters.length;
      const state = step > before ? "averaged" : done === parameters.length ? "reducing" : done ? "filling" : "empty";
      return { names: parameters.map(({ name }) => name), bytes: parameters.reduce((sum, { bytes }) => sum + bytes, 0), done, state };
    });
  }
  const STEPS = BACKWARD.length + 2; // 0 是前向，1 到 10 各算出一个梯度，11 等最后的全归约，12 更新

  /** 第 i 个样本的损失是 (w - i)² / 2，w = 0，所以梯度是 -i；各进程的、平均的、不重复的整批的。 */
  function gradients(n, k, dropLast) {
    const mean = (list) => list.reduce((sum, index) => sum - index, 0) / list.length;
    const own = shares(n, k, dropLast).map((share) => mean(share.map(({ index }) => index)));
    return { own, average: own.reduce((a, b) => a + b, 0) / k, whole: mean(Array.from({ length: n }, (_, i) => i)) };
  }

  const list = (numbers) => `${numbers.slice(0, 8).join("、")}${numbers.length > 8 ? " 等" : ""}`;
  const STATES = { empty: "空着", filling: "正在装", reducing: "满了，正在全归约", averaged: "各进程已有平均的梯度" };

  function rows(ui, name, lines) {
    const { h } = ui;
    return h("table", { class: "shares" },
      h("caption", { class: "hidden-words" }, name),
      h("tbody", {}, lines.map(([title, chips, note]) =>
        h("tr", {}, h("th", { scope: "row" }, title), h("td", { class: chips.length ? "" : "idle" }, chips.length ? chips : "闲着"), h("td", {}, note)))));
  }
  const chip = (ui, text, kind) => ui.h("span", { class: `chip ${kind}` }, text);

  function drawSampler({ samples, devices, drop }, ui) {
    const split = shares(samples, devices, drop);
    const each = split[0].length;
    ui.stage.replaceChildren(
      rows(ui, "每个进程拿到的索引", split.map((share, rank) => [
        `rank ${rank}`,
        share.map(({ index, padded }) => chip(ui, padded ? `${index} 填充` : String(index), padded ? "padded" : "own")),
        `${share.length} 个`,
      ])));
    const extra = each * devices - samples;
    const twice = split.flat().filter(({ padded }) => padded).map(({ index }) => index).sort((a, b) => a - b);
    const rest =
      extra > 0
        ? `，合起来 ${each * devices} 个，填充了 ${extra} 个：样本 ${list([...new Set(twice)])} 用了不止一次。`
        : extra < 0
          ? `，余下的 ${-extra} 个丢掉了：样本 ${list(Array.from({ length: -extra }, (_, i) => samples + extra + i))} 这一轮用不到。`
          : "，正好分完，不用填充。";
    ui.say(`没有打乱时，${samples} 个样本轮流发给 ${devices} 个进程，每个进程 ${each} 个${rest}`);
  }

  function drawChunks({ samples, devices }, ui) {
    const split = chunks(samples, devices);
    ui.stage.replaceChildren(
      rows(ui, "每个 GPU 拿到的一块", Array.from({ length: devices }, (_, i) => [
        `GPU ${i}`,
        (split[i] ?? []).map((index) => chip(ui, String(index), "own")),
        `${(split[i] ?? []).length} 个`,
      ])));
    const idle = devices - split.length;
    const [first, last] = [split[0].length, split.at(-1).length];
    ui.say(
      `chunk 先算每块的大小：${samples} 除以 ${devices}，除不尽就进一，是 ${first} 个。切成 ${split.length} 块，` +
        (last < first ? `最后一块只有 ${last} 个` : "每块一样多") + (idle ? `，有 ${idle} 个 GPU 闲着。` : "，没有 GPU 闲着。"));
  }

  function drawStep({ samples, devices, drop, limit, step }, ui) {
    const { h, number } = ui;
    const state = progress(Number(limit), step);
    const split = shares(samples, devices, drop);
    if (!split[0].length) {
      ui.stage.replaceChildren();
      ui.say(`${samples} 个样本不够 ${devices} 个进程各分 1 个，又设了丢掉余下的，所以一步也走不了。`);
      return;
    }
    const { own, average, whole } = gradients(samples, devices, drop);
    const finished = step > BACKWARD.length;
    const latest = BACKWARD[step - 1]?.name;
    ui.stage.replaceChildren(
      h("table", { class: "shares buckets" },
        h("caption", {}, "桶（每个进程都有同样的一套）"),
        h("tbody", {}, state.map(({ names, bytes, done, state }, i) =>
          h("tr", {},
            h("th", { scope: "row" }, `桶 ${i + 1}`),
            h("td", {}, names.map((name, j) => chip(ui, `${name}${j < done ? " ✓" : ""}`, j < done ? "gradient" : "waiting"))),
            h("td", {}, `${bytes < 1000 ? `${bytes} 字节` : `${(bytes / 1000).toFixed(1)} kB`}，${STATES[state]}`))))),
      h("table", { class: "numbers" },
        h("caption", {}, "用一个能心算的例子：第 i 个样本的损失是 (w − i)² / 2，w = 0，所以梯度是 −i"),
        h("thead", {}, h("tr", {}, ["进程", "样本的平均梯度", "全归约之后"].map((text) => h("th", { scope: "col" }, text)))),
        h("tbody", {}, own.map((value, rank) =>
          h("tr", {},
            h("th", { scope: "row" }, `rank ${rank}`),
            h("td", {}, step > 0 ? number(value) : "还没有"),
            h("td", { class: finished ? "gradient" : "" }, finished ? number(average) : "还没有"))))));
    const reducing = state.findIndex((bucket) => bucket.state === "reducing");
    const moment =
      step === 0 ? "前向传播：各进程用自己的样本算损失，还没有梯度，也没有通信。"
      : step <= BACKWARD.length
        ? `反向传播：各进程都算出了 ${latest} 的梯度。` +
          (reducing >= 0
            ? `桶 ${reducing + 1} 满了，开始全归约` + (step < BACKWARD.length ? "，同时接着算下一个梯度。" : "，没有别的可算，只能等。")
            : `桶 ${state.findIndex((bucket) => bucket.state === "filling") + 1} 还没有满，先不为它通信。`)
        : step < STEPS
          ? "全部桶都归约完了：每个进程手里是同样的平均梯度。"
          : "更新：每个进程用同样的梯度更新同样的参数，不必通信，结果仍然相同。";
    const equal = Math.abs(average - whole) < 1e-9;
    ui.say(
      `第 ${step} 步，共 ${STEPS} 步。${moment}` +
        (finished ? `平均是 ${number(average)}，${samples} 个样本不重不漏的整批梯度是 ${number(whole)}，两者${equal ? "相等" : drop ? "不等，因为有样本丢掉了" : "不等，因为填充的样本多算了一次"}。` : ""));
  }

  const move = (by) => (values, ui) => ui.change({ step: Math.max(0, Math.min(STEPS, values.step + by)) });

  add("splitting", {
    title: "动手试：样本怎样分，梯度怎样合",
    above: true,
    caption: "看采样器和切块时，一行是一个进程或一个 GPU，方格里是样本的索引；看 DDP 的一步时，一行是一个桶，方格里是参数的梯度。",
    fields: [
      {
        name: "view", label: "看什么", kind: "radio", value: "sampler",
        options: [["sampler", "DDP 的采样器"], ["chunk", "DataParallel 的切块"], ["step", "DDP 的一步"]],
      },
      { name: "samples", label: "样本数", kind: "range", min: 1, max: 40, value: 10 },
      { name: "devices", label: "进程数（GPU 数）", kind: "range", min: 1, max: 8, value: 3 },
      { name: "drop", label: "丢掉余下的，不填充（drop_last=True）", kind: "check", wide: true, value: false },
      {
        name: "limit", label: "桶的上限", kind: "select", value: "40000",
        options: [["10", "10 字节（一个参数一个桶）"], ["2000", "2 kB"], ["40000", "40 kB"], ["100000", "100 kB"], ["1048576", "1 MB（第一个桶的默认值）"]],
      },
      { name: "step", label: "走到第几步", kind: "range", min: 0, max: STEPS, value: 0 },
      { name: "back", label: "上一步", kind: "button", press: move(-1) },
      { name: "next", label: "下一步", kind: "button", press: move(1) },
    ],
    adapt({ view }, ui) {
      ui.show("drop", view !== "chunk");
      for (const key of ["limit", "step", "back", "next"]) ui.show(key, view === "step");
    },
    draw(values, ui) {
      ({ sampler: drawSampler, chunk: drawChunks, step: drawStep })[values.view](values, ui);
    },
  }, { shares, chunks, buckets, progress, gradients, parameters: PARAMETERS, STEPS });
})();
