// 卷积：窗口滑到哪里，就把窗口里的数与卷积核对应相乘再求和；多个通道各自求和，再加在一起，加上偏置。
(() => {
  const { add, data, load } = window.explorables;

  /** 一维上窗口有几个位置。 */
  const size = (input, kernel, padding, stride) => Math.floor((input + 2 * padding - kernel) / stride) + 1;
  const at = (plane, i, j) => plane[i]?.[j] ?? 0; // 图外是填充的 0

  /** 一处的各通道之和。input 是 [通道][行][列]，kernel 是 [通道][行][列]。 */
  const sums = (input, kernel, row, column, padding, stride) =>
    input.map((plane, c) => {
      let sum = 0;
      kernel[c].forEach((line, i) => line.forEach((weight, j) => (sum += weight * at(plane, row * stride - padding + i, column * stride - padding + j))));
      return sum;
    });

  /** 一个输出通道：和 torch.nn.functional.conv2d 的一个通道相同。 */
  function convolve(input, kernel, bias, padding = 0, stride = 1) {
    const rows = size(input[0].length, kernel[0].length, padding, stride);
    const columns = size(input[0][0].length, kernel[0][0].length, padding, stride);
    return Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => sums(input, kernel, i, j, padding, stride).reduce((a, b) => a + b, bias)));
  }

  /** relu 之后 2×2 最大池化。 */
  const pooled = (plane) =>
    Array.from({ length: plane.length >> 1 }, (_, i) => Array.from({ length: plane[0].length >> 1 }, (_, j) =>
      Math.max(0, plane[2 * i][2 * j], plane[2 * i][2 * j + 1], plane[2 * i + 1][2 * j], plane[2 * i + 1][2 * j + 1])));

  const OWN = {
    across: ["横边", [[-1, -1, -1], [0, 0, 0], [1, 1, 1]]],
    mean: ["平均（变模糊）", Array(3).fill(Array(3).fill(1 / 9))],
    sharp: ["锐化", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]],
    same: ["原样", [[0, 0, 0], [0, 1, 0], [0, 0, 0]]],
  };

  /** 归一化之后的照片，[通道][行][列]，-1 到 1。 */
  let photo;
  function photograph() {
    const bytes = atob(data.kernels.photo);
    photo ??= [0, 1, 2].map((c) => Array.from({ length: 32 }, (_, i) => Array.from({ length: 32 }, (_, j) => bytes.charCodeAt((c * 32 + i) * 32 + j) / 127.5 - 1)));
    return photo;
  }
  let middle;
  function firstLayer() {
    const { weight, bias } = data.kernels.conv1;
    middle ??= weight.map((kernel, k) => pooled(convolve(photograph(), kernel, bias[k])));
    return middle;
  }

  /** 这一种选择的输入、卷积核和偏置。 */
  function chosen(values) {
    if (values.layer === "first") return { input: photograph(), kernel: data.kernels.conv1.weight[values.filter], bias: data.kernels.conv1.bias[values.filter] };
    if (values.layer === "second") return { input: firstLayer(), kernel: data.kernels.conv2.weight[values.filter], bias: data.kernels.conv2.bias[values.filter] };
    return { input: [data.convolution.picture], kernel: [OWN[values.kernel]?.[1] ?? data.convolution.kernel], bias: 0 };
  }

  /** 把一张图画成像素；`frame` 是框住的一块 [行, 列, 高, 宽]。 */
  function picture(ui, plane, label, frame, colour, pick, centred) {
    const [rows, columns] = [plane.length, plane[0].length];
    const flat = plane.flat();
    const most = Math.max(...flat.map(Math.abs)) || 1;
    const [low, high] = centred ? [-most, most] : [Math.min(...flat), Math.max(...flat)];
    const canvas = ui.h("canvas", { width: columns, height: rows, "aria-hidden": "true" });
    const pixels = new ImageData(columns, rows);
    flat.forEach((value, i) => pixels.data.set([...Array(3).fill(255 * (high > low ? (value - low) / (high - low) : 0.5)), 255], 4 * i));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    const [top, left, tall, wide] = frame;
    const percent = (part, whole) => `${(100 * part) / whole}%`;
    const box = ui.h("div", { class: `pixels ${colour}`, style: `aspect-ratio: ${columns} / ${rows}` }, canvas,
      ui.h("i", { style: `left: ${percent(left, columns)}; top: ${percent(top, rows)}; width: ${percent(wide, columns)}; height: ${percent(tall, rows)}` }));
    box.addEventListener("click", (event) => {
      const place = box.getBoundingClientRect();
      pick(Math.floor(((event.clientY - place.top) / place.height) * rows), Math.floor(((event.clientX - place.left) / place.width) * columns));
    });
    return ui.h("div", { class: "plate" }, ui.h("p", {}, label), box);
  }

  function grid(ui, label, numbers, kind) {
    return ui.h("table", { "aria-label": label, class: "numbers" }, ui.h("caption", {}, label),
      ui.h("tbody", {}, numbers.map((line) => ui.h("tr", {}, line.map((value) => ui.h("td", { class: kind }, short(value)))))));
  }
  const short = (value) => (value === 1 / 9 ? "1/9" : String(Number(value.toFixed(2))));
  const printed = (value) => (value === 1 / 9 ? value : Number(short(value)));
  /** 印出来的数加起来是不是正好等于印出来的和；不是就要说“约”。 */
  const exact = (sum, total) => Math.abs(sum - Number(total.toFixed(2))) < 1e-9;
  /** 加一个数：负的写成减。 */
  const plus = (value) => (printed(value) < 0 ? ` - ${short(-value)}` : ` + ${short(value)}`);

  let waiting = null;

  add("convolution", {
    title: "动手试：移动窗口，换卷积核、填充和步幅",
    above: true,
    caption: "左边是输入，框里是窗口；右边是输出，框着的一格由窗口里的数与卷积核算出。",
    data: ["convolution"],
    fields: [
      { name: "layer", label: "看哪一层", kind: "radio", value: "one", options: [["one", "1 个通道，手写的核"], ["first", "3 到 6，学到的核"], ["second", "6 到 16，学到的核"]] },
      { name: "kernel", label: "卷积核", kind: "select", value: "upright", options: [["upright", "竖边"], ...Object.entries(OWN).map(([key, [name]]) => [key, name])] },
      { name: "filter", label: "第几个卷积核", kind: "range", min: 0, max: 5, value: 0 },
      { name: "channel", label: "看第几个输入通道", kind: "range", min: 0, max: 2, value: 0 },
      { name: "padding", label: "填充", kind: "range", min: 0, max: 2, value: 0 },
      { name: "stride", label: "步幅", kind: "range", min: 1, max: 3, value: 1 },
      { name: "row", label: "输出的第几行", kind: "range", min: 0, max: 29, value: 14 },
      { name: "column", label: "输出的第几列", kind: "range", min: 0, max: 29, value: 17 },
    ],
    adapt(values, ui) {
      const one = values.layer === "one";
      ui.show("kernel", one);
      ui.show("filter", !one);
      ui.show("channel", !one);
      ui.limit("filter", values.layer === "second" ? 15 : 5);
      ui.limit("channel", values.layer === "second" ? 5 : one ? 0 : 2);
      const [input, kernel] = { one: [32, 3], first: [32, 5], second: [14, 5] }[values.layer];
      const most = size(input, kernel, values.padding, values.stride) - 1;
      ui.limit("row", most);
      ui.limit("column", most);
    },
    draw(values, ui) {
      if (values.layer !== "one" && !data.kernels) {
        ui.say("正在取第 4 篇训练出的卷积核。");
        waiting ??= load("data/kernels.js").then(() => ui.change({}, ""), () => ui.say("没有取到第 4 篇训练出的卷积核，请刷新页面再试。"));
        return;
      }
      const { input, kernel, bias } = chosen(values);
      const { padding, stride, row, column } = values;
      const channel = values.layer === "one" ? 0 : values.channel;
      const output = convolve(input, kernel, bias, padding, stride);
      const side = kernel[0].length;
      const [top, left] = [row * stride - padding, column * stride - padding];
      const blank = Array(input[0].length + 2 * padding).fill(0);
      const padded = padding ? [...Array(padding).fill(blank), ...input[channel].map((line) => [...Array(padding).fill(0), ...line, ...Array(padding).fill(0)]), ...Array(padding).fill(blank)] : input[channel];
      const window = kernel[channel].map((line, i) => line.map((_, j) => at(input[channel], top + i, left + j)));
      const each = sums(input, kernel, row, column, padding, stride);
      const clamp = (value, most) => Math.max(0, Math.min(most, value));
      const [rows, columns] = [output.length, output[0].length];
      ui.stage.replaceChildren(
        ui.h("p", {}, "点左图或右图，窗口就移到那里；用上面的行和列也一样。"),
        ui.h("div", { class: "plates" },
          picture(ui, padded, `输入${input.length > 1 ? `的第 ${channel} 个通道` : ""}，${padded.length}×${padded.length}${padding ? "（含填充）" : ""}`, [row * stride, column * stride, side, side], "data",
            (i, j) => ui.change({ row: clamp(Math.round((i - (side - 1) / 2) / stride), rows - 1), column: clamp(Math.round((j - (side - 1) / 2) / stride), columns - 1) }), false),
          picture(ui, output, `输出，${rows}×${columns}`, [row, column, 1, 1], "outputs", (i, j) => ui.change({ row: clamp(i, rows - 1), column: clamp(j, columns - 1) }), true)),
        ui.h("div", { class: "side-by-side" }, grid(ui, "窗口", window, "own"), ui.h("span", {}, "×"), grid(ui, "卷积核", kernel[channel], "weight")));
      const terms = window.flatMap((line, i) => line.map((value, j) => [value, kernel[channel][i][j]])).filter(([value, weight]) => value && weight);
      const result = output[row][column];
      const worked = terms.map(([value, weight]) => `${short(value)}×${weight < 0 ? `(${short(weight)})` : short(weight)}`).join(" + ");
      const close = exact(terms.reduce((sum, [value, weight]) => sum + printed(value) * printed(weight), 0), result);
      const one = !terms.length ? `${side * side} 个乘积都是 0，和是 0。` : `${worked} ${close ? "=" : "≈"} ${short(result)}。${terms.length < side * side ? "乘积是 0 的没有写。" : ""}`;
      const rounded = !exact([...each, bias].reduce((sum, value) => sum + printed(value), 0), result);
      const formula = `⌊(${input[0].length} + 2×${padding} - ${side}) ÷ ${stride}⌋ + 1 = ${rows}`;
      ui.say(
        `输出的第 ${row} 行第 ${column} 列：` +
          (input.length > 1
            ? `${input.length} 个通道的和 ${short(each[0])}${each.slice(1).map(plus).join("")}，再加偏置 ${short(bias)}，${rounded ? "约" : ""}得 ${short(result)}${rounded ? "（各数只写到两位小数）" : ""}。窗口和卷积核画的是第 ${channel} 个通道。`
            : one) +
          `\n输出的边长：${formula}。` + (input.length > 1 ? `图片是测试集的第一张（${data.kernels.label}），卷积核由第 4 篇训练得来。` : ""));
    },
  }, { convolve, size });
})();
