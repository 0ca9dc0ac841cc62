// 步幅：十二个数的存储不动，形状、步幅、偏移量说明怎样读；不合法的选择照 PyTorch 的原话报错。
(() => {
  const { shape, tuple, add } = window.explorables;
  const LENGTH = 12;
  const ITEM = 8; // int64 每个元素的字节数
  const list = (sizes) => `[${sizes.join(", ")}]`;
  const product = (sizes) => sizes.reduce((a, b) => a * b, 1);

  /** 连续的张量的步幅；大小为 0 的维当作 1，和 PyTorch 一样。 */
  function contiguous(sizes) {
    const strides = [];
    let step = 1;
    for (const size of [...sizes].reverse()) {
      strides.unshift(step);
      step *= Math.max(size, 1);
    }
    return strides;
  }
  function isContiguous({ shape, stride }) {
    if (product(shape) === 0) return true;
    let step = 1;
    for (let i = shape.length - 1; i >= 0; i--) {
      if (shape[i] === 1) continue;
      if (stride[i] !== step) return false;
      step *= shape[i];
    }
    return true;
  }
  /** 逐行读，依次经过的位置。 */
  function positions({ shape, stride, offset }) {
    let found = [offset];
    shape.forEach((size, i) => (found = found.flatMap((start) => Array.from({ length: size }, (_, k) => start + k * stride[i]))));
    return found;
  }

  /** 长 `length` 的存储上的 as_strided：{shape, stride, offset} 或 {error}。 */
  function strided(sizes, stride, offset, length = LENGTH) {
    if (sizes.length !== stride.length) return { error: "mismatch in length of strides and shape" };
    if (stride.some((step) => step < 0))
      return { error: `as_strided: Negative strides are not supported at the moment, got strides: ${list(stride)}` };
    if (offset < 0) return { error: `Tensor: invalid storage offset ${offset}` };
    const needed = sizes.includes(0) ? 0 : (offset + 1 + sizes.reduce((sum, size, i) => sum + (size - 1) * stride[i], 0)) * ITEM;
    if (needed > length * ITEM)
      return { error: `setStorage: sizes ${list(sizes)}, strides ${list(stride)}, storage offset ${offset}, and itemsize ${ITEM} requiring a storage size of ${needed} are out of bounds for storage of size ${length * ITEM}` };
    return { shape: sizes, stride, offset };
  }

  /** view、reshape 的目标里的 -1 换成实际的大小。 */
  function infer(target, count) {
    let [at, known] = [-1, 1];
    for (const [i, size] of target.entries()) {
      if (size === -1) {
        if (at >= 0) return { error: "only one dimension can be inferred" };
        at = i;
      } else if (size < 0) return { error: `invalid shape dimension ${size} at index ${i} of shape ${list(target)}` };
      else known *= size;
    }
    const fits = known === count || (at >= 0 && known > 0 && count % known === 0);
    if (!fits) return { error: `shape '${list(target)}' is invalid for input of size ${count}` };
    if (at >= 0 && known === 0)
      return { error: `cannot reshape tensor of 0 elements into shape ${list(target)} because the unspecified dimension size -1 can be any value and is ambiguous` };
    return { sizes: target.map((size) => (size === -1 ? count / known : size)) };
  }

  /** 不复制数据，能不能把 `tensor` 看成 `target` 的形状；能就给出步幅，不能是 null。 */
  function viewStride(tensor, target) {
    const { shape: old, stride } = tensor;
    if (product(old) === 0) return list(old) === list(target) ? stride : contiguous(target);
    if (!old.length) return target.map(() => 1);
    const result = new Array(target.length);
    let at = target.length - 1;
    let step = stride.at(-1);
    let [count, seen] = [1, 1];
    for (let i = old.length - 1; i >= 0; i--) {
      count *= old[i];
      if (i > 0 && (old[i - 1] === 1 || stride[i - 1] === count * step)) continue;
      while (at >= 0 && (seen < count || target[at] === 1)) {
        result[at] = seen * step;
        seen *= target[at];
        at--;
      }
      if (seen !== count) return null;
      if (i > 0) {
        step = stride[i - 1];
        count = seen = 1;
      }
    }
    return at < 0 ? result : null;
  }

  /** 对 `tensor` 再做一步：{shape, stride, offset, copied} 或 {error}；copied 表示换了一段新的存储。 */
  function then(tensor, action, target = []) {
    const copy = (sizes) => ({ shape: sizes, stride: contiguous(sizes), offset: 0, copied: true });
    if (action === "t") {
      if (tensor.shape.length > 2) return { error: `t() expects a tensor with <= 2 dimensions, but self is ${tensor.shape.length}D` };
      return { ...tensor, shape: [...tensor.shape].reverse(), stride: [...tensor.stride].reverse(), copied: false };
    }
    if (action === "contiguous") return isContiguous(tensor) ? { ...tensor, copied: false } : copy(tensor.shape);
    if (action !== "view" && action !== "reshape") return { ...tensor, copied: false };
    const { error, sizes } = infer(target, product(tensor.shape));
    if (error) return { error };
    const stride = viewStride(tensor, sizes);
    if (stride) return { ...tensor, shape: sizes, stride, copied: false };
    if (action === "reshape") return copy(sizes);
    return { error: "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead." };
  }

  const READY = {
    "base": [[3, 4], [4, 1], 0], "base.t()": [[4, 3], [1, 4], 0], "base[:, 1:3]": [[3, 2], [4, 1], 1], "base[1:]": [[2, 4], [4, 1], 4],
    "base[::2]": [[2, 4], [8, 1], 0], "base[:, 1]": [[3], [4], 1], "base.view(2, 2, 3)": [[2, 2, 3], [6, 3, 1], 0],
  };

  /** 报错的原因，用读者写下的数来说。 */
  function why(sizes, stride, offset) {
    if (sizes.length !== stride.length) return `形状有 ${sizes.length} 个数，步幅有 ${stride.length} 个，要一样多。`;
    if (stride.some((step) => step < 0)) return "步幅不能是负数。";
    const furthest = offset + sizes.reduce((sum, size, i) => sum + (size - 1) * stride[i], 0);
    return `形状 ${tuple(sizes)} 配步幅 ${tuple(stride)}${offset ? `，从第 ${offset} 个位置读起` : ""}，最远用到第 ${furthest} 个位置，存储里只有第 0 到 ${LENGTH - 1} 个。`;
  }
  function whyNot(action, before, target) {
    const count = product(before.shape);
    if (action === "t") return `t() 只用于不超过二维的张量，这个张量有 ${before.shape.length} 维。`;
    const asked = product(target.filter((size) => size !== -1));
    if (target.some((size) => size < -1)) return `${action} 做不到：各维的大小不能是负数（只有 -1 表示由它算出）。`;
    if (target.filter((size) => size === -1).length > 1) return `${action} 做不到：-1 只能有一个，两个就算不出来了。`;
    if (target.includes(-1)) return asked ? `${action} 做不到：${count} 个元素不能按 ${tuple(target)} 平分，${count} 除以 ${asked} 除不尽。` : `${action} 做不到：别的维里有 0，-1 算不出来。`;
    if (asked !== count) return `${action} 做不到：${tuple(target)} 要 ${asked} 个元素，这里有 ${count} 个。`;
    return "view 做不到：元素在存储里不连续，只改步幅得不到这个形状；要先 .contiguous()，或者改用 reshape。";
  }
  /** 括号没有写完的不当作形状。 */
  function written(text) {
    const plain = text.normalize("NFKC");
    return /[([]/.test(plain) === /[)\]]/.test(plain) ? shape(text) : null;
  }

  /** 一排可以选的格子（单选按钮，方向键走动）。 */
  function cells(ui, name, label, count, columns, text, pick, block = Infinity) {
    const { h } = ui;
    return h("fieldset", { class: "cells", style: `--columns: ${columns}` },
      h("legend", {}, label),
      h("div", {}, Array.from({ length: count }, (_, i) =>
        h("label", { class: i >= block && i % block < columns ? "block" : null }, h("input", { type: "radio", name: `${ui.name}-${name}`, value: i, onchange: () => pick(i) }), h("span", { class: `shade-${Math.floor(text(i) / 4)}` }, text(i))))));
  }
  function light(group, chosen, used) {
    group.querySelectorAll("label").forEach((label, i) => {
      label.classList.toggle("used", used.has(i));
      label.firstChild.checked = i === chosen;
    });
  }

  let drawn = "";
  let groups = [];

  add("strides", {
    title: "动手试：同一段存储，不同的形状、步幅和偏移量",
    caption: "base 里同一行的数颜色相同；描了边的存储位置是这个张量用到的，填满颜色的是选中的元素。",
    fields: [
      { name: "from", label: "base = torch.arange(12).view(3, 4)，取", kind: "select", wide: true, value: "base", options: [...Object.keys(READY).map((key) => [key, key]), ["", "自己写 as_strided"]] },
      { name: "shape", label: "形状", kind: "text", value: "(3, 4)" },
      { name: "stride", label: "步幅", kind: "text", value: "(4, 1)" },
      { name: "offset", label: "偏移量", kind: "range", min: 0, max: 11, value: 0 },
      { name: "action", label: "再做", kind: "select", value: "", options: [["", "什么也不做"], ["t", ".t()"], ["contiguous", ".contiguous()"], ["view", ".view(…)"], ["reshape", ".reshape(…)"]] },
      { name: "target", label: "view、reshape 成", kind: "text", value: "(12,)" },
      { name: "cell", label: "第几个元素（逐行数，从 0 数起）", kind: "range", wide: true, min: 0, max: 11, value: 5 },
    ],
    adapt(values, ui, changed) {
      if (changed === "from" && READY[values.from]) {
        const [sizes, stride, offset] = READY[values.from];
        ui.set({ shape: tuple(sizes), stride: tuple(stride), offset });
      } else {
        const now = JSON.stringify([shape(values.shape), shape(values.stride), values.offset]);
        ui.set({ from: Object.keys(READY).find((key) => JSON.stringify(READY[key]) === now) ?? "" });
      }
      ui.show("target", ["view", "reshape"].includes(values.action));
    },
    draw(values, ui) {
      const { h } = ui;
      const fail = (words, message) => {
        drawn = "";
        ui.stage.replaceChildren(...(message ? [h("p", { class: "wrong" }, `RuntimeError: ${message}`)] : []));
        ui.say(words);
      };
      const [sizes, stride, target] = [values.shape, values.stride, values.target].map(written);
      if (!sizes || sizes.some((size) => size < 0) || sizes.length > 3) return fail("形状要写成 (3, 4) 这样，最多三维，每个大小不小于 0。");
      if (!stride) return fail("步幅要写成 (4, 1) 这样，都是整数。");
      const start = strided(sizes, stride, values.offset);
      if (start.error) return fail(why(sizes, stride, values.offset), start.error);
      if (["view", "reshape"].includes(values.action) && !target) return fail("view、reshape 的形状要写成 (12,) 这样，可以有一个 -1。");
      const tensor = then(start, values.action, target);
      if (tensor.error) return fail(whyNot(values.action, start, target), tensor.error);

      const slots = positions(tensor);
      const stored = tensor.copied ? positions(start) : Array.from({ length: LENGTH }, (_, i) => i);
      const key = JSON.stringify([tensor, stored]);
      const columns = tensor.shape.at(-1) ?? 1;
      if (key !== drawn) {
        drawn = key;
        const memory = cells(ui, "slot", tensor.copied ? "新的存储：数按逐行的次序抄了一份" : "存储：十二个数依次排开", stored.length, Math.min(12, stored.length) || 1, (i) => String(stored[i]),
          (i) => slots.includes(i) ? ui.change({ cell: slots.indexOf(i) }) : (light(memory, i, new Set(slots)), tensorCells && light(tensorCells, -1, new Set()), ui.say(`存储的第 ${i} 个位置是 ${stored[i]}，这个张量没有用到它。`)));
        const tensorCells = slots.length <= 64 ? cells(ui, "cell", `张量：形状 ${tuple(tensor.shape)}，步幅 ${tuple(tensor.stride)}，偏移量 ${tensor.offset}`, slots.length, columns || 1, (i) => String(stored[slots[i]]), (i) => ui.change({ cell: i }), tensor.shape.length > 2 ? columns * tensor.shape.at(-2) : Infinity) : null;
        groups = [memory, tensorCells];
        ui.stage.replaceChildren(...groups.filter(Boolean));
      }
      ui.limit("cell", Math.max(0, slots.length - 1));
      const cell = Math.min(values.cell, slots.length - 1);
      light(groups[0], slots[cell], new Set(slots));
      if (groups[1]) light(groups[1], cell, new Set());
      const kind = isContiguous(tensor) ? "连续" : "不连续";
      const shared = tensor.copied ? "数据抄到了新的存储" : "与 base 共用存储";
      const whole = `形状 ${tuple(tensor.shape)}，步幅 ${tuple(tensor.stride)}，偏移量 ${tensor.offset}，${kind}，${shared}。`;
      if (!slots.length) return ui.say(`${whole}这个张量没有元素。`);
      let rest = cell;
      const index = [...tensor.shape].reverse().map((size) => [rest % size, (rest = Math.floor(rest / size))][0]).reverse();
      const sum = [tensor.offset, ...index.map((i, k) => `${i}×${tensor.stride[k]}`)].join(" + ");
      ui.say(`${whole}\n元素 [${index.join(", ")}] 在存储的第 ${sum} = ${slots[cell]} 个位置，是 ${stored[slots[cell]]}。`);
    },
  }, { strided, then, positions, isContiguous });
})();
