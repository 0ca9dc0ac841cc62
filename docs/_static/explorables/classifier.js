// 本次构建训练的网络，直接在网页里算：测试图片、自己的照片、画的画；十个概率、得分、每一层的特征图，关掉一张还剩什么。
// 照片只在这台设备上处理。不用摄像头：网站的响应头（Permissions-Policy）不许网页打开它。
(() => {
  const { add } = window.explorables;
  const [SIDE, AREA] = [32, 32 * 32];
  let [restore, forward, softmax, shrink, bytes] = []; // 都在 network.js
  const percent = (share) => `${(100 * share).toFixed(1)}%`;
  let networks; // {net, better}，取来数据以后才有
  const NAMES = { net: "net", better: "better_net" };

  /** 把 3×32×32 个数画在 32×32 的画布上。 */
  function paint(canvas, pixels) {
    const image = new ImageData(SIDE, SIDE);
    for (let i = 0; i < AREA; i++) for (let c = 0; c < 4; c++) image.data[4 * i + c] = c < 3 ? pixels[c * AREA + i] : 255;
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  /** 一张特征图，拉伸到全黑到全白。 */
  function paintMap(canvas, maps, number, width, height) {
    const part = maps.subarray(number * width * height, (number + 1) * width * height);
    const most = part.reduce((a, b) => Math.max(a, b), 0) || 1;
    const image = new ImageData(width, height);
    part.forEach((value, i) => {
      image.data.fill((255 * value) / most, 4 * i, 4 * i + 3);
      image.data[4 * i + 3] = 255;
    });
    Object.assign(canvas, { width, height }).getContext("2d").putImageData(image, 0, 0);
  }

  const START = 3; // 不从第 1 张开始：它的结果，正文的图里已经有了
  const LAYERS = [
    ["conv1", 6, 28, 28], ["pool1", 6, 14, 14], ["conv2", 16, 10, 10], ["pool2", 16, 5, 5], ["fc1", 1, 20, 6], ["fc2", 1, 14, 6],
  ];
  const COLOURS = { "255,255,255": "白", "30,30,30": "黑", "200,40,40": "红", "240,200,60": "黄", "60,130,60": "绿", "60,110,200": "蓝", "130,190,240": "天蓝", "130,90,50": "棕", "128,128,128": "灰" };

  /** 舞台里不变的部分，只造一次。 */
  function stage(ui, data) {
    const { h } = ui;
    const view = { ui, drawing: new Uint8Array(3 * AREA).fill(255), at: [16, 16], photo: null };
    view.about = h("p", {});
    view.input = h("canvas", { width: SIDE, height: SIDE, class: "pixels" });
    view.whole = h("canvas", { class: "whole", role: "img", "aria-label": "整张照片，方框是送进网络的部分" });
    const file = h("input", { type: "file", accept: "image/*", onchange: () => open(file.files[0]) });
    view.file = h("label", { class: "wide-field" }, h("span", {}, "选一张照片：只在这台设备上处理，不会上传"), file);
    async function open(chosen) {
      if (!chosen) return;
      try {
        view.photo = await createImageBitmap(chosen);
      } catch {
        view.photo = null;
        view.unreadable = chosen.name;
      }
      ui.change({ source: "photo" });
    }
    // 画：手指、鼠标直接画；键盘用方向键移动、空格上色
    const dot = ([x, y]) => {
      const { colour, pen } = view.values;
      const rgb = colour.split(",").map(Number);
      for (let i = 0; i < AREA; i++)
        if (Math.hypot((i % SIDE) - x, Math.floor(i / SIDE) - y) < pen / 2) rgb.forEach((value, c) => (view.drawing[c * AREA + i] = value));
    };
    const place = (event) => {
      const box = view.input.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * SIDE - 0.5, ((event.clientY - box.top) / box.height) * SIDE - 0.5];
    };
    let last = null;
    let waiting = false;
    const redraw = () => waiting || ((waiting = true), requestAnimationFrame(() => ((waiting = false), ui.change({ source: "drawing" }))));
    const stroke = (to) => {
      const from = last ?? to;
      const steps = Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1])) || 1;
      for (let i = 0; i <= steps; i++) dot(from.map((value, axis) => value + ((to[axis] - value) * i) / steps));
      last = to;
      redraw();
    };
    view.input.addEventListener("pointerdown", (event) => {
      if (view.values.source !== "drawing") return;
      view.input.setPointerCapture(event.pointerId);
      stroke(place(event));
    });
    view.input.addEventListener("pointermove", (event) => last && stroke(place(event)));
    for (const end of ["pointerup", "pointercancel"]) view.input.addEventListener(end, () => (last = null));
    const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    view.input.addEventListener("keydown", (event) => {
      const by = ARROWS[event.key];
      if (view.values.source !== "drawing" || (!by && event.key !== " ")) return;
      event.preventDefault();
      if (by) view.at = view.at.map((value, axis) => Math.max(0, Math.min(SIDE - 1, value + by[axis])));
      else dot(view.at);
      redraw();
    });
    view.head = h("tr", {});
    view.rows = h("tbody", {});
    const all = (view.all = h("button", { type: "button", onclick: () => ui.change({ off: "" }) }, "全部打开"));
    view.layers = LAYERS.map(([name, count, width, height]) => {
      const note = h("p", {});
      const canvases = Array.from({ length: count }, () => h("canvas", { "aria-hidden": "true" }));
      const wanted = name.startsWith("conv");
      const maps = wanted
        ? canvases.map((canvas, i) =>
            h("button", { type: "button", class: "map", "aria-label": `关掉 ${name} 的第 ${i + 1} 张特征图`, onclick: () => ui.change({ off: view.values.off === `${name}:${i}` ? "" : `${name}:${i}` }) }, canvas))
        : canvases;
      return { name, width, height, count, note, canvases, maps, wanted, box: h("div", { class: `maps ${name}` }, maps) };
    });
    view.details = h("details", { class: "layers", ontoggle: () => view.paintMaps() }, h("summary", {}, "每一层的特征图；关掉一张，看还剩什么"),
      h("p", {}, "越亮数值越大，每张各自拉伸，黑色是 0。点一张卷积的特征图就把它关掉，也就是全部换成 0。"),
      h("div", { class: "restore" }, all, (view.after = h("span", { "aria-hidden": "true" }))),
      view.layers.flatMap(({ note, box }) => [note, box]));
    ui.stage.replaceChildren(
      h("div", { class: "result" },
        h("div", { class: "seen" }, h("div", {}, view.about, view.input), view.whole),
        (view.answers = h("table", { class: "answers" }, h("caption", { class: "hidden-words" }, "十个类别的得分和概率"), h("thead", {}, view.head), view.rows))),
      view.details,
      h("div", { class: "limits" }, h("p", {},
        `网络是构建本站时训练的。${data.count} 张测试图片上，net 的准确率是 ${percent(data.networks.net.accuracy)}，better_net 是 ${percent(data.networks.better.accuracy)}。` +
        `为了网页小，这里的权重只取 63 级之一（fc1 的 31 级），准确率分别是 ${percent(data.networks.net.small)} 和 ${percent(data.networks.better.small)}，` +
        `与原来预测相同的图片占 ${percent(data.networks.net.same)} 和 ${percent(data.networks.better.same)}。`), h("p", {}, "网络只看得到 32×32 个像素，也只认识这十类：别的东西同样会被说成其中一类，概率还可能很高。")));
    ui.stage.parentElement.querySelector(`fieldset[name="${ui.name}.source"]`).after(view.file);
    const thumbs = ui.stage.parentElement.querySelectorAll(`input[name="${ui.name}.picture"] + span`);
    thumbs.forEach((span, i) => {
      const canvas = h("canvas", { width: SIDE, height: SIDE, "aria-hidden": "true", class: "pixels" });
      paint(canvas, data.pictures[i].pixels);
      span.replaceChildren(canvas, h("span", { class: "hidden-words" }, span.textContent));
    });
    return view;
  }
  let view;
  function draw(values, ui) {
    const data = window.explorables.data.classifier;
    if (view?.ui !== ui) view = stage(ui, data);
    const { h } = ui;
    view.values = values;
    const drawing = values.source === "drawing";
    const picture = data.pictures.find(({ index }) => String(index) === values.picture);
    view.file.hidden = values.source !== "photo";
    view.whole.hidden = values.source !== "photo" || !view.photo;
    for (const [name, value] of Object.entries(drawing ? { role: "application", tabindex: "0", "aria-label": "画布：直接画；键盘用方向键移动，空格上色" } : { role: "img", "aria-label": "送进网络的图片" })) view.input.setAttribute(name, value);
    if (!drawing) view.input.removeAttribute("tabindex");
    view.input.classList.toggle("drawing", drawing);
    view.about.textContent = drawing ? "在方框里画：手指、鼠标直接画；键盘先用 Tab 走到方框，方向键移动，空格上色。" : "网络看到的 32×32 个像素";
    const blank = drawing && view.drawing.every((value) => value === 255);
    view.answers.classList.toggle("nothing", blank || (values.source === "photo" && !view.photo));
    let pixels = drawing ? view.drawing : picture.pixels;
    if (values.source === "photo") {
      if (!view.photo) pixels = new Uint8Array(3 * AREA).fill(128);
      else {
        const { pixels: shrunk, square } = shrink(view.photo, values);
        pixels = shrunk;
        const scale = 240 / Math.max(view.photo.width, view.photo.height);
        Object.assign(view.whole, { width: view.photo.width * scale, height: view.photo.height * scale });
        const context = view.whole.getContext("2d");
        context.drawImage(view.photo, 0, 0, view.whole.width, view.whole.height);
        for (const [width, colour] of [[4, "#000"], [2, "#fff"]]) {
          Object.assign(context, { lineWidth: width, strokeStyle: colour });
          context.strokeRect(square[0] * scale, square[1] * scale, square[2] * scale, square[2] * scale);
        }
      }
    }
    paint(view.input, pixels);
    if (drawing && view.input.matches(":focus-visible")) {
      const context = view.input.getContext("2d");
      context.fillStyle = "#e0218a";
      context.fillRect(...view.at, 1, 1);
    }
    const other = values.network === "net" ? "better" : "net";
    const result = forward(networks[values.network], pixels, values.off);
    const open = values.off ? forward(networks[values.network], pixels).logits : null;
    const beside = softmax(open ?? forward(networks[other], pixels).logits);
    const chances = softmax(result.logits);
    const order = (list) => list.map((_, i) => i).sort((a, b) => list[b] - list[a]);
    const [first, second] = order(chances);
    const [best] = order(beside);
    const most = Math.max(chances[first], beside[best]);
    const both = [NAMES[values.network] + (open ? "，关掉一张" : ""), open ? "全部打开时" : NAMES[other]];
    view.head.replaceChildren(...["类别", `${NAMES[values.network]} 得分`].map((text) => h("th", { scope: "col" }, text)), h("th", { scope: "col" }, both.map((text) => h("span", { class: "key" }, text))));
    const bar = (share, top, which) => h("div", { class: "chance" }, h("span", { class: "hidden-words" }, both[which]), h("i", { class: top ? "top" : "", style: `--share: ${share / most}` }), h("span", {}, percent(share)));
    view.rows.replaceChildren(...data.names.map((name, i) =>
      h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, result.logits[i].toFixed(2)), h("td", {}, bar(chances[i], i === first, 0), bar(beside[i], i === best, 1)))));
    const [layer, number] = values.off.split(":");
    view.all.disabled = !values.off;
    if (values.off) view.details.open = true;
    for (const { name, width, height, count, note, maps, wanted } of view.layers) {
      const zeros = percent(result[name].filter((value) => value === 0).length / result[name].length);
      note.textContent = `${name}：${name.startsWith("fc") ? `${width * height} 个数` : `${count} 张 ${width}×${height}`}，为 0 的占 ${zeros}`;
      if (wanted) maps.forEach((map, i) => map.setAttribute("aria-pressed", String(layer === name && Number(number) === i)));
    }
    view.paintMaps = () => {
      if (!view.details.open) return; // 合着的时候看不见，不必画
      for (const { name, width, height, canvases } of view.layers) canvases.forEach((canvas, i) => paintMap(canvas, result[name], i, width, height));
    };
    view.paintMaps();
    view.after.textContent = open ? `关掉 ${layer} 的第 ${Number(number) + 1} 张：${data.names[first]} ${percent(chances[first])}，原来${data.names[best]} ${percent(beside[best])}` : ""; // 手机上那句话在屏幕外
    if (values.source === "photo" && !view.photo) {
      ui.say(view.unreadable ? `${view.unreadable} 读不出来：换一张 JPEG、PNG 或 WebP 图片。` : "还没有选照片，现在送进网络的是一片灰。");
      return;
    }
    const where = drawing && view.input.matches(":focus-visible") ? `光标在第 ${view.at[1] + 1} 行第 ${view.at[0] + 1} 列。` : "";
    if (blank) return ui.say(`${where}还没有画，方框里是一片白。`);
    const truth = values.source === "test" ? `标签是${data.names[picture.label]}。` : "";
    ui.say(
      `${where}${NAMES[values.network]} ${open ? `关掉 ${layer} 的第 ${Number(number) + 1} 张以后` : ""}认为是${data.names[first]}（${percent(chances[first])}），其次是${data.names[second]}（${percent(chances[second])}）。` +
        (open ? `全部打开时是${data.names[best]}（${percent(beside[best])}）；在下面按“全部打开”就恢复。` : `${NAMES[other]} 认为是${data.names[best]}（${percent(beside[best])}）。`) + truth);
  }
  add("classifier", {
    title: "动手试：训练好的网络怎样分类",
    scripts: ["network.js"],
    data: ["classifier"],
    above: true,
    caption: "换一张图片、选自己的照片或画一张，看网络给出的十个概率。",
    fields() {
      ({ restore, forward, softmax, shrink, bytes } = window.explorables.classifier);
      const data = window.explorables.data.classifier;
      networks ??= Object.fromEntries(Object.entries(data.networks).map(([name, { layers }]) =>
        [name, Object.fromEntries(Object.entries(layers).map(([layer, packed]) => [layer, restore(packed)]))]));
      for (const picture of data.pictures) if (typeof picture.pixels === "string") picture.pixels = bytes(picture.pixels);
      const offs = LAYERS.filter(([name]) => name.startsWith("conv")).flatMap(([name, count]) => Array.from({ length: count }, (_, i) => `${name}:${i}`));
      return [
        { name: "source", label: "图片从哪里来", kind: "radio", value: "test", options: [["test", "测试图片"], ["photo", "自己的照片"], ["drawing", "画一张"]] },
        { name: "picture", label: "测试图片", kind: "radio", value: String(data.pictures[START].index), options: data.pictures.map(({ index, label }) => [String(index), `第 ${index} 张，${data.names[label]}`]) },
        { name: "size", label: "方框的大小（%）", kind: "range", min: 10, max: 100, value: 100 },
        { name: "across", label: "方框左右（%）", kind: "range", min: 0, max: 100, value: 50 },
        { name: "down", label: "方框上下（%）", kind: "range", min: 0, max: 100, value: 50 },
        { name: "colour", label: "颜色", kind: "select", value: "30,30,30", options: Object.entries(COLOURS) },
        { name: "pen", label: "笔的粗细", kind: "range", min: 1, max: 12, value: 3 },
        { name: "fill", label: "整张涂成这个颜色", kind: "button", press: fill },
        { name: "network", label: "哪个网络", kind: "radio", value: "net", options: Object.keys(NAMES).map((name) => [name, `${NAMES[name]}（${percent(data.networks[name].accuracy)}）`]) },
        { name: "off", label: "关掉的特征图", kind: "select", value: "", options: [["", "全部打开"], ...offs.map((off) => [off, off])] },
      ];
    },
    adapt({ source }, ui) {
      ui.show("picture", source === "test");
      for (const key of ["size", "across", "down"]) ui.show(key, source === "photo" && Boolean(view?.photo));
      for (const key of ["colour", "pen", "fill"]) ui.show(key, source === "drawing");
      ui.show("off", false); // 由特征图上的按钮来选，这里只为了写进网址
    },
    draw,
  });
  function fill({ colour }, ui) {
    colour.split(",").forEach((value, c) => view.drawing.fill(Number(value), c * AREA, (c + 1) * AREA));
    ui.change({ source: "drawing" });
  }
})();
