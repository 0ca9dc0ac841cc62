// 反向传播：一张小计算图，一步一步往下算出数值，再往上传回梯度；第二遍时看梯度加在哪里。
(() => {
  const { add, svg, number } = window.explorables;
  const AGAIN =
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward.";

  // 运算：forward(各输入, 常数) 逐个元素；slope 给出对第 k 个输入的导数，why 是怎样得来的
  const same = (one, two) => one.map((value, i) => value + two[i]);
  const OPS = {
    scale: { forward: ([a], by) => a.map((value) => value * by), slope: ([a], by) => a.map(() => by), why: () => "乘的那个数" },
    shift: { forward: ([a], by) => a.map((value) => value + by), slope: ([a]) => a.map(() => 1), why: () => "加一个常数不改变变化的快慢" },
    plus: { forward: ([a, b]) => same(a, b), slope: ([a]) => a.map(() => 1), why: () => "相加时各自的改动原样传下去" },
    times: { forward: ([a, b]) => a.map((value, i) => value * b[i]), slope: ([a, b], by, k) => (k ? a : b), why: () => "另一个因数" },
    square: { forward: ([a]) => a.map((value) => value * value), slope: ([a]) => a.map((value) => 2 * value), why: ([a]) => `2 × ${show(a)}` },
    mean: { forward: ([a]) => [a.reduce((sum, value) => sum + value, 0) / a.length], slope: ([a]) => a.map(() => 1 / a.length), why: ([a]) => `${a.length} 个数的平均，每个占 1/${a.length}` },
  };

  /** 中文里夹着的字母、数字，两边留空。 */
  const spaced = (text) => `${/^[\da-z]/i.test(text) ? " " : ""}${text}${/[\da-z]$/i.test(text) ? " " : ""}`;
  const show = (values) => (values.every((value) => value === values[0]) ? number(values[0]) : `[${values.map(number).join(", ")}]`);

  /** 依次算出每个节点的值；nodes 的每项是 {op, from: [第几个节点], by}，op 是 "leaf" 的取 leaves 里的下一个。 */
  function forward(nodes, leaves) {
    const values = [];
    let next = 0;
    for (const { op, from, by } of nodes) values.push(op === "leaf" ? leaves[next++] : OPS[op].forward(from.map((i) => values[i]), by));
    return values;
  }
  /** 从最后一个节点倒着走：{grads: 各节点的梯度, edges: 各节点沿每个输入传出的梯度}。 */
  function backward(nodes, values) {
    const grads = values.map((value) => value.map(() => 0));
    const edges = nodes.map(() => []);
    grads[nodes.length - 1] = [1];
    for (let i = nodes.length - 1; i >= 0; i--) {
      const { op, from, by } = nodes[i];
      if (op === "leaf") continue;
      const inputs = from.map((one) => values[one]);
      from.forEach((one, k) => {
        const slope = OPS[op].slope(inputs, by, k);
        edges[i][k] = slope.map((value, n) => value * (grads[i].length === 1 ? grads[i][0] : grads[i][n]));
        grads[one] = same(grads[one], edges[i][k]);
      });
    }
    return { grads, edges };
  }

  const GRAPHS = {
    first: {
      name: "第一个损失：(3w + b - 10)²", leaves: [["权重", 2], ["偏置", 1]],
      nodes: [
        { op: "leaf", label: "权重", x: 95, y: 30 }, { op: "leaf", label: "偏置", x: 245, y: 110 }, { op: "scale", from: [0], by: 3, label: "乘以 3", x: 95, y: 110 },
        { op: "plus", from: [2, 1], label: "加偏置", x: 170, y: 190 }, { op: "shift", from: [3], by: -10, label: "减去目标 10", x: 170, y: 270 }, { op: "square", from: [4], label: "平方", x: 170, y: 350 },
      ],
      result: "损失",
    },
    mean: {
      name: "下一节的例子：3(x + 2)² 的平均", leaves: [["x 的四个元素", 1, 4]],
      nodes: [
        { op: "leaf", label: "x", x: 170, y: 30 }, { op: "shift", from: [0], by: 2, label: "加 2", x: 170, y: 100 }, { op: "times", from: [1, 1], label: "y 乘 y", x: 170, y: 180 },
        { op: "scale", from: [2], by: 3, label: "乘以 3", x: 170, y: 260 }, { op: "mean", from: [3], label: "求平均", x: 170, y: 340 },
      ],
      result: "out",
    },
    twice: {
      name: "用了三次的 w：3w + w·w", leaves: [["w", 2]],
      nodes: [
        { op: "leaf", label: "w", x: 170, y: 30 }, { op: "scale", from: [0], by: 3, label: "乘以 3", x: 80, y: 130 }, { op: "times", from: [0, 0], label: "w 乘 w", x: 250, y: 150 },
        { op: "plus", from: [1, 2], label: "相加", x: 170, y: 250 },
      ],
      result: "结果",
    },
  };

  /** 全部步骤的快照：{values, edges, grads（各叶张量的 grad，null 是 None）, at（正在做的节点）, text, error}。 */
  function trace({ nodes, result }, leaves, second, zero) {
    const states = [];
    const leafNodes = nodes.flatMap(({ op }, i) => (op === "leaf" ? [i] : []));
    const last = nodes.length - 1;
    let [grads, seen, edges] = [Object.fromEntries(leafNodes.map((i) => [i, null])), new Set(leafNodes), {}];
    const values = forward(nodes, leaves);
    const found = backward(nodes, values);
    const keep = (at, text, error = "") => states.push({ values, seen: new Set(seen), edges: { ...edges }, grads: { ...grads }, at, text, error });

    function walkDown() {
      for (const [i, { op, from, label }] of nodes.entries())
        if (op !== "leaf") {
          seen.add(i);
          keep(i, `往下：${label}，由 ${from.map((one) => show(values[one])).join(" 和 ")} 得 ${show(values[i])}${i === last ? `，这就是${spaced(result).trimEnd()}` : ""}。`);
        }
    }
    function walkUp() {
      edges[last + 1] = [[1]];
      keep(last, `往上：从${spaced(result)}出发，${spaced(result).trimStart()}对自己的导数是 1。`);
      for (let i = last; i >= 0; i--) {
        const { op, from, by, label } = nodes[i];
        if (op === "leaf") continue;
        edges[i] = found.edges[i];
        const inputs = from.map((one) => values[one]);
        const sent = from.map((one, k) => `${show(found.grads[i])} × ${show(OPS[op].slope(inputs, by, k))} = ${show(found.edges[i][k])}，传给${spaced(nodes[one].label).trimEnd()}`);
        keep(i, `往上：${spaced(label).trimStart()}这一步的导数是 ${[...new Set(from.map((_, k) => show(OPS[op].slope(inputs, by, k))))].join(" 和 ")}（${OPS[op].why(inputs)}）。${sent.join("；")}。`);
      }
      for (const i of leafNodes) {
        const before = grads[i];
        const arriving = nodes.flatMap(({ from = [] }, n) => from.flatMap((one, k) => (one === i ? [show(found.edges[n][k])] : [])));
        grads[i] = before ? same(before, found.grads[i]) : found.grads[i];
        keep(i, `${nodes[i].label}.grad：${arriving.length > 1 ? `传来的 ${arriving.join("、")} 相加得 ${show(found.grads[i])}；` : ""}${before ? `原来是 ${show(before)}，加上 ${show(found.grads[i])}，得 ${show(grads[i])}` : `原来是 None，成为 ${show(grads[i])}`}。`);
      }
    }

    keep(-1, "还没有开始：只有叶张量的数值，grad 都是 None。");
    walkDown();
    walkUp();
    if (!second) return states;
    if (zero) {
      grads = Object.fromEntries(leafNodes.map((i) => [i, null]));
      keep(-1, "zero_grad()：各个 grad 变回 None。");
    }
    if (second === "direct") {
      keep(-1, "图里存着的中间结果，第一次 backward() 之后已经释放，再来一次就报错。", AGAIN);
      return states;
    }
    [seen, edges] = [new Set(leafNodes), {}];
    keep(-1, zero ? "第二遍从头开始，grad 是空的。" : "第二遍从头开始，没有清零，grad 里还是上一遍的梯度。");
    walkDown();
    walkUp();
    return states;
  }

  function draw({ nodes, result }, state) {
    const last = nodes.length - 1;
    const height = nodes[last].y + 78;
    const picture = svg("svg", { viewBox: `0 0 372 ${height}`, role: "img", "aria-label": "计算图：数值往下，梯度往上" });
    const edge = (from, to, value, gradient, bend) => {
      const [x, y] = [(from.x + to.x) / 2 + bend * 0.75, (from.y + to.y) / 2];
      picture.append(svg("path", { class: "edge", d: `M${from.x} ${from.y + 15}Q${(from.x + to.x) / 2 + bend * 1.5} ${y} ${to.x} ${to.y - 15}` }));
      if (value && bend <= 0) picture.append(svg("text", { x: x - 7, y: y + 4, "text-anchor": "end" }, value));
      if (gradient) picture.append(svg("text", { class: "gradient", x: x + 7, y: y + 4 }, gradient));
    };
    nodes.forEach(({ from = [] }, i) => {
      const twice = from[0] === from[1];
      from.forEach((one, k) => edge(nodes[one], nodes[i], state.seen.has(one) ? show(state.values[one]) : "", state.edges[i] ? show(state.edges[i][k]) : "", twice ? (k ? 34 : -34) : 0));
    });
    edge(nodes[last], { x: nodes[last].x, y: nodes[last].y + 72 }, state.seen.has(last) ? show(state.values[last]) : "", state.edges[last + 1] ? "1" : "", 0);
    picture.append(svg("text", { x: nodes[last].x, y: height - 6, "text-anchor": "middle" }, result));
    nodes.forEach(({ op, label, x, y }, i) => {
      const wide = Math.max(56, label.length * 14 + 16);
      picture.append(svg("rect", { class: `node ${op === "leaf" ? "leaf" : ""} ${state.at === i ? "at" : ""}`, x: x - wide / 2, y: y - 14, width: wide, height: 28, rx: 7 }), svg("text", { x, y: y + 4, "text-anchor": "middle" }, label));
      if (op === "leaf") picture.append(svg("text", { class: "gradient", x: x + wide / 2 + 6, y: y + 4 }, `grad ${state.grads[i] ? show(state.grads[i]) : "None"}`));
    });
    return picture;
  }

  add("backward", {
    title: "动手试：数值往下，梯度往上",
    above: true,
    caption: "线的左边是往下传的数值，右边是往上传的梯度；叶张量的 grad 写在它的旁边。",
    fields: [
      { name: "graph", label: "哪个式子", kind: "select", wide: true, value: "first", options: Object.entries(GRAPHS).map(([key, { name }]) => [key, name]) },
      { name: "a", label: "权重", kind: "range", min: -4, max: 4, step: 0.5, value: 2 },
      { name: "b", label: "偏置", kind: "range", min: -4, max: 4, step: 0.5, value: 1 },
      { name: "second", label: "第二遍", kind: "select", wide: true, value: "", options: [["", "不做"], ["full", "再前向，再 backward()"], ["direct", "不前向，直接再 backward()"]] },
      { name: "zero", label: "第二遍之前 zero_grad()", kind: "check", wide: true, value: false },
      { name: "step", label: "走到第几步", kind: "range", wide: true, min: 0, max: 11, value: 11 },
      { name: "back", label: "上一步", kind: "button", press: (values, ui) => ui.change({ step: values.step - 1 }) },
      { name: "next", label: "下一步", kind: "button", press: (values, ui) => ui.change({ step: values.step + 1 }) },
    ],
    adapt(values, ui, changed) {
      const graph = GRAPHS[values.graph];
      if (changed === "graph") ui.set({ a: graph.leaves[0][1], b: 1 });
      ui.label("a", graph.leaves[0][0]);
      ui.show("b", graph.leaves.length > 1);
      ui.show("zero", values.second !== "");
      const most = trace(graph, leavesOf(graph, values), values.second, values.zero).length - 1;
      ui.limit("step", most);
      if (changed === "graph") ui.set({ step: most });
      if (changed === "second" && values.second) ui.set({ step: trace(graph, leavesOf(graph, values), "", false).length }); // 第二遍的第一步
    },
    draw(values, ui) {
      const graph = GRAPHS[values.graph];
      const states = trace(graph, leavesOf(graph, values), values.second, values.zero);
      const state = states[Math.min(values.step, states.length - 1)];
      ui.stage.replaceChildren(draw(graph, state), ...(state.error ? [ui.h("p", { class: "wrong" }, `RuntimeError: ${state.error}`)] : []));
      const whole = values.step === states.length - 1 && !state.error ? "拖回第 0 步，可以一步一步看。" : "";
      ui.say(`第 ${values.step} 步，共 ${states.length - 1} 步。${state.text}${whole}`);
    },
  }, { forward, backward, message: AGAIN });

  function leavesOf(graph, values) {
    return graph.leaves.map(([, , count = 1], i) => Array(count).fill(i ? values.b : values.a));
  }
})();
