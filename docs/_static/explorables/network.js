// 训练好的网络在网页里的计算：权重解开，逐层前向，概率，照片缩成 32×32。由 classifier.js 用，测试拿它和 PyTorch 比较。
(() => {
  const [SIDE, AREA] = [32, 32 * 32];
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const CODES = []; // 字符的编码 → 数
  for (let code = 0; code < 64; code++) CODES[ALPHABET.charCodeAt(code)] = code - 32;

  /** site_builder/explorables/classifier.py 的 restore：{weight, bias, shape}。 */
  function restore({ shape, weight, scale, bias }) {
    const each = weight.length / scale.length;
    const values = new Float32Array(weight.length);
    for (let i = 0; i < weight.length; i++) values[i] = CODES[weight.charCodeAt(i)] * scale[Math.floor(i / each)];
    return { shape, bias, weight: values };
  }

  /** 卷积再 ReLU，输入 (c, size, size)，步幅 1，不填充。 */
  function convolve(input, size, { shape: [outputs, channels, k], weight, bias }) {
    const out = size - k + 1;
    const result = new Float32Array(outputs * out * out);
    for (let o = 0; o < outputs; o++)
      for (let y = 0; y < out; y++)
        for (let x = 0; x < out; x++) {
          let sum = bias[o];
          for (let c = 0; c < channels; c++)
            for (let i = 0; i < k; i++) {
              const from = (c * size + y + i) * size + x;
              const at = ((o * channels + c) * k + i) * k;
              for (let j = 0; j < k; j++) sum += weight[at + j] * input[from + j];
            }
          result[(o * out + y) * out + x] = Math.max(0, sum);
        }
    return result;
  }

  function pool(input, size) {
    const out = size / 2;
    return Float32Array.from({ length: input.length / 4 }, (_, i) => {
      const from = Math.floor(i / out) * 2 * size + (i % out) * 2;
      return Math.max(input[from], input[from + 1], input[from + size], input[from + size + 1]);
    });
  }

  const linear = (input, { weight, bias }) =>
    Float32Array.from(bias, (sum, o) => {
      for (let i = 0; i < input.length; i++) sum += weight[o * input.length + i] * input[i];
      return sum;
    });
  const relu = (values) => values.map((value) => Math.max(0, value));

  /** 各层的结果：{conv1, pool1, conv2, pool2, fc1, fc2, logits}；`pixels` 是 3×32×32 个 0 到 255，`off` 是 "conv1:0" 或空。 */
  function forward(layers, pixels, off = "") {
    const [layer, number] = off.split(":");
    const closed = (name, maps, area) => (layer === name ? maps.fill(0, number * area, (Number(number) + 1) * area) : maps);
    const conv1 = closed("conv1", convolve(Float32Array.from(pixels, (v) => v / 127.5 - 1), 32, layers.conv1), 28 * 28);
    const pool1 = pool(conv1, 28);
    const conv2 = closed("conv2", convolve(pool1, 14, layers.conv2), 10 * 10);
    const pool2 = pool(conv2, 10);
    const fc1 = relu(linear(pool2, layers.fc1));
    const fc2 = relu(linear(fc1, layers.fc2));
    return { conv1, pool1, conv2, pool2, fc1, fc2, logits: linear(fc2, layers.fc3) };
  }

  function softmax(logits) {
    const powers = [...logits].map((value) => Math.exp(value - Math.max(...logits)));
    const total = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / total);
  }

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  /** 一张照片的一块（正方形）缩成 32×32：先画成 256×256，再每 8×8 个像素求平均。 */
  function shrink(bitmap, { size, across, down }) {
    const side = (Math.min(bitmap.width, bitmap.height) * size) / 100;
    const [left, top] = [((bitmap.width - side) * across) / 100, ((bitmap.height - side) * down) / 100];
    const canvas = Object.assign(document.createElement("canvas"), { width: 256, height: 256 });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, 256, 256);
    context.drawImage(bitmap, left, top, side, side, 0, 0, 256, 256);
    const { data } = context.getImageData(0, 0, 256, 256);
    const pixels = new Float32Array(3 * AREA);
    for (let y = 0; y < 256; y++)
      for (let x = 0; x < 256; x++)
        for (let c = 0; c < 3; c++) pixels[c * AREA + (y >> 3) * SIDE + (x >> 3)] += data[4 * (256 * y + x) + c] / 64;
    return { pixels: Uint8Array.from(pixels, Math.round), square: [left, top, side] };
  }

  Object.assign(window.explorables.classifier, { restore, forward, softmax, shrink, bytes });
})();
