// 互动图共用的：由一张表做出带标签的原生控件，改动说给读者听，状态写进网址。
//
// explorables.add(名字, {
//   title: "…",            做什么，读屏软件念的名字
//   caption: "…",          可选：动手时的图注（静态的图自己的那句到看原图时再出现）
//   above: true,           可选：那句话放在图的上面，换了控件不用滚动就看得到；图里有控件的不放（会挪动）
//   scripts: ["…"],        可选：还要哪几个脚本
//   data: ["…"],           要 data/ 里的哪几个文件；到了就在 explorables.data
//   fields: [...]          控件，依次；也可以是返回它们的函数。每项 {name, label, kind, value}，kind 是
//                          range（min、max、step）、select 或 radio（options：[[值, 文字]]）、text、check、button（press）；wide 的占一整行
//   adapt(values, ui, changed)   可选：画之前改控件（ui.set、ui.limit、ui.show），changed 是刚改的那个的名字
//   draw(values, ui)       画在 ui.stage 里，用 ui.say 把结果说成一句话
// }, {供测试用的纯函数})
(() => {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child != null));
    return element;
  }
  const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

  /** 最多四位有效数字；太大太小的写成科学记数；负号用 -，和 PyTorch 打印的一样。 */
  function number(value) {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value < 0 ? "-inf" : "inf";
    const size = Math.abs(value);
    if (size && (size >= 1e6 || size < 1e-4)) return value.toExponential(2);
    return String(Number(value.toPrecision(4)));
  }

  /** 读一个形状："(2, 3)"、"2,3"、"2 3"、"2×3" 都行；读不懂是 null。 */
  function shape(text) {
    const inside = text.normalize("NFKC").replace(/torch\.Size/g, "").replace(/[()[\]]/g, " ").trim();
    const sizes = inside.split(/[\s,、×*]+/).filter(Boolean);
    return sizes.every((size) => /^-?\d{1,9}$/.test(size)) ? sizes.map(Number) : null;
  }
  /** 像 Python 那样写一个元组。 */
  const tuple = (sizes) => (sizes.length === 1 ? `(${sizes[0]},)` : `(${sizes.join(", ")})`);

  function control(field, name) {
    if (field.kind === "button") return h("button", { type: "button", name }, field.label);
    if (field.kind === "radio")
      return h("fieldset", { name },
        h("legend", {}, field.label),
        h("div", { class: "choices" }, field.options.map(([value, text]) => h("label", {}, h("input", { type: "radio", name, value }), h("span", {}, text)))));
    if (field.kind === "check") return h("label", { class: "check" }, h("input", { type: "checkbox", name }), h("span", {}, field.label));
    if (field.kind === "select")
      return h("label", {}, h("span", {}, field.label), h("select", { name }, field.options.map(([value, text]) => h("option", { value }, text))));
    if (field.kind === "range")
      return h("label", {}, h("span", {}, field.label, h("b", {})), h("input", { type: "range", name, min: field.min, max: field.max, step: field.step ?? 1 }));
    return h("label", {}, h("span", {}, field.label), h("input", { type: "text", name, autocomplete: "off", spellcheck: "false", autocapitalize: "off" }));
  }

  /** 图注两句：静态的图自己的，和动手时的；样式让它们轮流出现，图的编号一直在。 */
  function describe(figure, words) {
    const caption = figure.querySelector("figcaption .drawing-caption") ?? figure.querySelector("figcaption");
    if (!caption) return;
    const own = [...caption.childNodes].filter((node) => !(node.nodeName === "STRONG" && node === caption.firstElementChild) && !node.classList?.contains("headerlink"));
    const still = h("span", { class: "still-words" });
    own[0]?.before(still);
    still.append(...own);
    still.after(h("span", { class: "live-words" }, words));
  }

  function build(figure, name, part) {
    const fields = typeof part.fields === "function" ? part.fields() : part.fields;
    const form = h("form", { class: "controls", onsubmit: (event) => event.preventDefault() });
    const stage = h("div", { class: "stage" });
    const output = h("output", { class: "said" });
    const original = h("button", { type: "button", onclick: swap }, "看原图");
    const again = h("button", { type: "button", onclick: reset }, "恢复原样");
    const foot = h("div", { class: "foot" }, again, original);
    const box = h("div", { class: "explorable", role: "group", "aria-label": part.title }, form, ...(part.above ? [output, stage] : [stage, output]));
    const places = {};
    const id = (field) => `${name}.${field.name}`;
    for (const field of fields) {
      form.append((places[field.name] = control(field, id(field))));
      if (field.wide) places[field.name].classList.add("wide-field");
    }

    const inputs = (key) => form.elements[`${name}.${key}`];
    function get(field) {
      const input = inputs(field.name);
      if (field.kind === "check") return input.checked;
      if (field.kind === "range") return Number(input.value);
      return field.kind === "radio" ? [...form.querySelectorAll("input")].find((one) => one.name === id(field) && one.checked)?.value : input.value;
    }
    function put(field, value) {
      const input = inputs(field.name);
      if (field.kind === "check") input.checked = value === true || value === "true";
      else if (field.kind === "radio") for (const one of form.querySelectorAll("input")) one.name === id(field) && (one.checked = one.value === String(value));
      else if (field.kind === "select" && ![...input.options].some((option) => option.value === String(value))) return;
      else input.value = value;
    }
    const kept = fields.filter((field) => field.kind !== "button");
    const values = () => Object.fromEntries(kept.map((field) => [field.name, get(field)]));
    const field = (key) => fields.find((one) => one.name === key);

    const ui = {
      stage, h, svg, number, name,
      say: (text) => output.textContent !== text && (output.textContent = text),
      /** 改几个控件的值，不重画。 */
      set: (changes) => Object.entries(changes).forEach(([key, value]) => put(field(key), value)),
      limit(key, max) {
        inputs(key).max = max;
        inputs(key).disabled = Number(max) <= Number(inputs(key).min);
      },
      show: (key, shown) => (places[key].hidden = !shown),
      label: (key, text) => ((places[key].querySelector("span, legend") ?? places[key]).firstChild.data = text),
      /** 舞台里的控件变了：同控件表里的一样重画、记住。 */
      change(changes, key) {
        ui.set(changes);
        changed(key ?? Object.keys(changes)[0]);
      },
    };

    function draw(key) {
      part.adapt?.(values(), ui, key);
      part.draw(values(), ui);
      const now = values(); // 画的时候可能收紧了滑块的上限
      for (const one of kept) {
        if (one.kind !== "range") continue;
        const { min, max, style } = inputs(one.name);
        style.setProperty("--at", (now[one.name] - min) / (max - min || 1));
        places[one.name].querySelector("b").textContent = one.show ? one.show(now[one.name]) : now[one.name];
      }
    }
    let timer;
    function changed(key) {
      draw(key);
      clearTimeout(timer);
      timer = setTimeout(remember, 300, location.hash);
    }
    /** 状态写进网址：只写和开始时不同的；# 指着这幅图，发给别人一打开就在这里。读者这时已经点了别的 #，就不改它。 */
    function remember(hash) {
      const url = new URL(location.href);
      for (const one of kept) {
        url.searchParams.delete(id(one));
        if (String(get(one)) !== String(one.value)) url.searchParams.set(id(one), get(one));
      }
      if (figure.id && location.hash === hash) url.hash = figure.id;
      try {
        history.replaceState(history.state, "", url);
      } catch {} // 有的浏览器不让从文件夹打开的网页改网址
    }
    /** 改许多控件：改两遍，第二遍时上限已随别的控件变了；上限还是开始时的，一遍就够。 */
    function putAll(value, rounds = 2) {
      for (let round = 0; round < rounds; round++) {
        for (const one of kept) put(one, value(one));
        draw("");
      }
    }
    function reset() {
      putAll((one) => one.value);
      changed("");
    }
    function swap() {
      const shown = figure.classList.toggle("original");
      original.textContent = shown ? "回到可操作的图" : "看原图";
      const { top, bottom } = original.getBoundingClientRect(); // 两边高矮不同，按钮可能到了屏幕外
      if (top < 80 || bottom > innerHeight) (shown ? figure : original).scrollIntoView({ block: shown ? "start" : "nearest" });
    }

    form.addEventListener("input", (event) => event.target.name && changed(event.target.name.slice(name.length + 1)));
    form.addEventListener("click", (event) => {
      const pressed = fields.find((one) => one.kind === "button" && places[one.name] === event.target);
      if (pressed) pressed.press(values(), ui);
    });
    const query = new URL(location.href).searchParams;
    putAll((one) => query.get(id(one)) ?? one.value, kept.some((one) => query.has(id(one))) ? 2 : 1);
    figure.prepend(box);
    box.after(foot);
    describe(figure, part.caption ?? "改一改上面的选项，看图和那句话怎样变。");
    figure.classList.add("explored");
  }

  Object.assign(window.explorables, { build, h, svg, number, shape, tuple });
})();
