// 混淆矩阵：点开一格，看落在里面的测试图片和网络给的概率。
(() => {
  const { add } = window.explorables;
  const percent = (thousandths) => `${(thousandths / 10).toFixed(1)}%`;

  /** 一格占这一行、这一列的多少：{count, row, column, ofRow, ofColumn}。 */
  function facts(matrix, truth, guess) {
    const count = matrix[truth][guess];
    const row = matrix[truth].reduce((a, b) => a + b, 0);
    const column = matrix.reduce((sum, line) => sum + line[guess], 0);
    return { count, row, column, ofRow: count / row, ofColumn: column ? count / column : 0 };
  }

  /** 概率最高的三类：[[类别, 千分之几], …]。 */
  const top = (p) => p.map((value, i) => [i, value]).sort((a, b) => b[1] - a[1]).slice(0, 3);

  const sprites = new Map();
  function sprite(data) {
    if (!sprites.has(data.sprite)) {
      const image = new Image();
      image.src = data.sprite;
      sprites.set(data.sprite, image.decode().then(() => image));
    }
    return sprites.get(data.sprite);
  }

  function table(ui, data) {
    const { h } = ui;
    const most = Math.max(...data.matrix.flat());
    const buttons = data.matrix.map((line, truth) =>
      line.map((count, guess) =>
        h("button", {
          type: "button", tabindex: "-1", style: `--share: ${Math.round((100 * count) / most)}%`,
          "aria-label": `真实是${data.names[truth]}，预测是${data.names[guess]}：${count} 张`,
          onclick: () => ui.change({ truth, guess }),
        }, String(count))));
    const name = (text) => [...text].join("\u200b");
    const made = h("table", { class: "matrix", "aria-label": "混淆矩阵" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "↓真实 预测→"), data.names.map((text) => h("th", { scope: "col" }, name(text))))),
      h("tbody", {}, buttons.map((line, truth) => h("tr", {}, h("th", { scope: "row" }, data.names[truth]), line.map((button) => h("td", {}, button))))));
    const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -10], End: [0, 10] };
    made.addEventListener("keydown", (event) => {
      const by = MOVES[event.key];
      const row = buttons.findIndex((line) => line.includes(event.target));
      if (!by || row < 0) return;
      event.preventDefault();
      const inside = (value) => Math.max(0, Math.min(data.names.length - 1, value));
      const next = buttons[inside(row + by[0])][inside(buttons[row].indexOf(event.target) + by[1])];
      reachable(buttons, next);
      next.focus();
    });
    return { made, buttons };
  }
  /** Tab 只停在一格。 */
  const reachable = (buttons, one) => buttons.flat().forEach((button) => button.setAttribute("tabindex", button === one ? "0" : "-1"));

  let view;
  function draw({ truth, guess }, ui) {
    const data = window.explorables.data.confusion;
    const { h } = ui;
    if (view?.ui !== ui) {
      view = { ui, ...table(ui, data), pictures: h("div", { class: "pictures", role: "list", "aria-label": "这一格里的图片" }) };
      ui.stage.replaceChildren(
        h("p", {}, "每行是真实的类别，每列是预测的类别，格子里是张数。点按一格就打开它；键盘用方向键移动，按回车打开。", h("span", { class: "narrow-only" }, "屏幕窄时，表可以左右拖。")),
        h("div", { class: "scroll" }, view.made), view.pictures);
    }
    const chosen = view.buttons[truth][guess];
    for (const button of view.buttons.flat()) button.setAttribute("aria-pressed", String(button === chosen));
    reachable(view.buttons, chosen);
    const scroller = view.made.parentElement; // 屏幕窄时，选中的格子移到看得见的地方
    const [cell, seen] = [chosen.getBoundingClientRect(), scroller.getBoundingClientRect()];
    if (cell.right > seen.right || cell.left < seen.left + 60) scroller.scrollLeft += cell.left - seen.left - seen.width / 2;
    const shown = data.cells[`${truth},${guess}`];
    view.pictures.replaceChildren(...shown.map(({ index, place, p }) => {
      const canvas = h("canvas", { width: 32, height: 32, class: "pixels", role: "img", "aria-label": `测试集第 ${index} 张` });
      sprite(data).then((image) => canvas.getContext("2d").drawImage(image, 32 * (place % data.columns), 32 * Math.floor(place / data.columns), 32, 32, 0, 0, 32, 32));
      return h("div", { role: "listitem" }, canvas,
        h("p", {}, `第 ${index} 张`, h("br", {}), top(p).flatMap(([i, value], k) => [k ? h("br", {}) : null, `${data.names[i]} ${percent(value)}`])));
    }));
    const { count, row, column, ofRow, ofColumn } = facts(data.matrix, Number(truth), Number(guess));
    const [is, said] = [data.names[truth], data.names[guess]];
    ui.say(
      `真实是${is}、预测${truth === guess ? "也" : ""}是${said}的有 ${count} 张：占全部 ${row} 张${is}的 ${(100 * ofRow).toFixed(1)}%，` +
        `占预测为${said}的 ${column} 张的 ${(100 * ofColumn).toFixed(1)}%。` +
        (shown.length ? `列出的是测试集里最靠前的 ${shown.length} 张，各写着概率最高的三类。` : "没有图片可看。"));
  }

  add("confusion", {
    title: "动手试：打开混淆矩阵的一格",
    data: ["confusion"],
    above: true,
    caption: "每行是一个真实类别，每列是一个预测类别，颜色越浓张数越多；下面是落在选中那一格里的测试图片。",
    fields() {
      const { names, matrix } = window.explorables.data.confusion;
      const options = names.map((name, i) => [String(i), name]);
      const wrong = matrix.flatMap((line, i) => line.map((count, j) => [i === j ? -1 : count, i, j])).reduce((a, b) => (b[0] > a[0] ? b : a));
      return [
        { name: "truth", label: "真实的类别", kind: "select", value: String(wrong[1]), options },
        { name: "guess", label: "预测的类别", kind: "select", value: String(wrong[2]), options },
      ];
    },
    draw,
  }, { facts, top });
})();
