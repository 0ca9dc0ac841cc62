// 广播：两个形状从右边对齐，逐维比较；合不上时是 PyTorch 的原话。
(() => {
  const { shape, tuple, add } = window.explorables;
  const MOST = 6; // 二维以内、每维不超过 6 的，把数也画出来

  /** 形状 a、b 相加的结果：{shape} 或 {error, at}；`at` 是结果里合不上的那一维。从右往左查，和 PyTorch 一样。 */
  function result(a, b) {
    const count = Math.max(a.length, b.length);
    const total = [];
    for (let i = count - 1; i >= 0; i--) {
      const m = a[i - count + a.length] ?? 1;
      const n = b[i - count + b.length] ?? 1;
      if (m !== n && m !== 1 && n !== 1)
        return { at: i, error: `The size of tensor a (${m}) must match the size of tensor b (${n}) at non-singleton dimension ${i}` };
      total.unshift(m === 1 ? n : m);
    }
    return { shape: total };
  }

  function alignment(ui, a, b, found) {
    const { h } = ui;
    const count = Math.max(a.length, b.length);
    const row = (name, sizes, kind) =>
      h("tr", {}, h("th", { scope: "row" }, name),
        Array.from({ length: count }, (_, i) => {
          const size = sizes[i - count + sizes.length];
          const clash = found.at === i && kind === "own";
          return h("td", { class: clash ? "clash" : size === undefined ? "filled" : kind }, size === undefined ? (kind === "own" ? "补 1" : "？") : String(size));
        }));
    const verdict = Array.from({ length: count }, (_, i) => {
      const [m, n] = [a, b].map((sizes) => sizes[i - count + sizes.length] ?? 1);
      return m === n ? "相等" : m === 1 ? "a 重复" : n === 1 ? "b 重复" : "合不上";
    });
    return h("table", {},
      h("caption", { class: "hidden-words" }, "两个形状从右边对齐"),
      h("tbody", {},
        h("tr", {}, h("th", { scope: "row" }, "第几维"), verdict.map((_, i) => h("td", {}, String(i)))),
        row("a", a, "own"), row("b", b, "own"),
        h("tr", {}, h("th", { scope: "row" }, "比较"), verdict.map((word, i) => h("td", { class: found.at === i ? "clash" : "" }, word))),
        row("结果", found.shape ?? [], "out")));
  }

  /** 数也画出来：着色的是原有的，没有着色的是重复使用的。 */
  function numbers(ui, a, b, total) {
    const { h } = ui;
    const two = (sizes) => [1, 1, ...sizes].slice(-2);
    const [rows, columns] = two(total);
    const at = (sizes, i, j) => {
      const [m, n] = two(sizes);
      return { value: (m === 1 ? 0 : i) * n + (n === 1 ? 0 : j), own: i < m && j < n };
    };
    const grid = (label, cell) =>
      h("table", { "aria-label": label },
        h("tbody", {}, Array.from({ length: rows }, (_, i) => h("tr", {}, Array.from({ length: columns }, (_, j) => cell(i, j))))));
    const left = (i, j) => at(a, i, j);
    const right = (i, j) => ({ ...at(b, i, j), value: 100 * (at(b, i, j).value + 1) });
    const show = (one) => (i, j) => h("td", { class: one(i, j).own ? "own" : "filled" }, String(one(i, j).value));
    return h("div", { class: "side-by-side" },
      grid("a 的数", show(left)), "+", grid("b 的数", show(right)), "=",
      grid("和", (i, j) => h("td", { class: "out" }, String(left(i, j).value + right(i, j).value))));
  }

  add("broadcasting", {
    title: "动手试：两个形状怎样广播",
    above: true,
    fields: [
      { name: "a", label: "a 的形状", kind: "text", value: "(5, 3)" },
      { name: "b", label: "b 的形状", kind: "text", value: "(3,)" },
      {
        name: "example", label: "换一组", kind: "select", value: "",
        options: [["", "自己写"], ["(5, 1)|(3,)", "(5, 1) 和 (3,)"], ["(5, 1, 3)|(4, 3)", "(5, 1, 3) 和 (4, 3)"], ["(5,)|(4,)", "(5,) 和 (4,)"], ["(3, 4)|(3,)", "(3, 4) 和 (3,)"], ["(2, 3)|()", "(2, 3) 和 ()"]],
      },
    ],
    adapt(values, ui, changed) {
      if (changed === "example" && values.example) {
        const [a, b] = values.example.split("|");
        ui.set({ a, b });
      }
      if (changed === "a" || changed === "b") ui.set({ example: "" });
    },
    draw(values, ui) {
      const [a, b] = [shape(values.a), shape(values.b)];
      for (const [name, sizes] of [["a", a], ["b", b]])
        if (!sizes || sizes.some((size) => size < 0) || sizes.length > 8) {
          ui.stage.replaceChildren();
          ui.say(`${name} 的形状要写成 (5, 3) 这样，每个大小是不小于 0 的整数，最多 8 维。`);
          return;
        }
      const found = result(a, b);
      const small = found.shape && found.shape.length <= 2 && found.shape.every((size) => size > 0 && size <= MOST);
      ui.stage.replaceChildren(
        alignment(ui, a, b, found),
        ...(small ? [numbers(ui, a, b, found.shape)] : []),
        ...(found.error ? [ui.h("p", { class: "wrong" }, `RuntimeError: ${found.error}`)] : []));
      ui.say(
        found.error
          ? `${tuple(a)} 和 ${tuple(b)} 合不上：从右往左比，第 ${found.at} 维一个是 ${a[found.at - Math.max(a.length, b.length) + a.length]}，一个是 ${b[found.at - Math.max(a.length, b.length) + b.length]}，不相等，也都不是 1。`
          : `${tuple(a)} 加 ${tuple(b)}，结果的形状是 ${tuple(found.shape)}。`);
    },
  }, { result });
})();
