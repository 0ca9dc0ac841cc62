// 学习率：示例里的 train 为每种选择真的跑过一遍，这里只把记下的每一步画出来。
(() => {
  const { add, data, svg, number } = window.explorables;
  const [WIDTH, HEIGHT] = [340, 206];
  const [LEFT, RIGHT, TOP, BOTTOM] = [34, 8, 24, 24];
  const [LOWEST, HIGHEST] = [-2.2, 4.2]; // 上图的纵轴
  const MOST = 1e5; // 下图的纵轴到这里为止
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  const between = (from, to, start, end) => (value) => start + ((value - from) / (to - from)) * (end - start);
  const clip = (value, low, high) => Math.min(high, Math.max(low, value));

  /** 一次训练最后怎样：发散、停在谷底、来回振荡，还是没有走到；`lowest` 是所有训练里最低的损失。 */
  function verdict(run, steps, lowest) {
    const first = run[0][2];
    const whole = `走完 ${steps - 1} 步，损失`;
    const last = run.slice(-20).map(([, , loss]) => loss);
    const [low, high] = [Math.min(...last), Math.max(...last)];
    if (run.length < steps) return { word: "发散", text: `损失越来越大，第 ${run.length} 步已经大得装不下（inf 或 nan）：发散` };
    if (high > 10 * first) return { word: "发散", text: `${whole}越来越大：发散` };
    if (high < 1.5 * lowest) return { word: "谷底", text: `${whole}停在谷底` };
    const turns = last.filter((loss, i) => i > 1 && (loss - last[i - 1]) * (last[i - 1] - last[i - 2]) < 0).length;
    if (turns > 0 && high > 1.5 * low) return { word: "振荡", text: `${whole}还在来回振荡，停不下来` };
    return { word: "没有走到", text: `${whole}还没有降到谷底` };
  }

  const run = (rate, momentum, clear) => data["learning-rate"].runs[`${rate} ${momentum} ${clear}`];

  function frame(label, ticks, y, name, across) {
    return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
      ticks.map(([value, text]) => [
        svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
        svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, text),
      ]).flat(),
      svg("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, across),
      svg("text", { x: 0, y: 13 }, name));
  }

  function fit([slope, intercept]) {
    const x = between(-1.05, 1.05, LEFT, WIDTH - RIGHT);
    const y = between(LOWEST, HIGHEST, HEIGHT - BOTTOM, TOP);
    const picture = frame("散点和正在拟合的直线", [[-2, "-2"], [0, "0"], [2, "2"], [4, "4"]], y, "输出", "输入");
    const points = data["learning-rate"].points.map(([a, b]) => svg("circle", { class: "point", cx: x(a), cy: y(b), r: 2.6 }));
    const end = (a) => clip(y(slope * a + intercept), -1e5, 1e5);
    picture.append(
      svg("clipPath", { id: "learning-rate-clip" }, svg("rect", { x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM })),
      ...points, svg("line", { class: "fitted", x1: x(-1), y1: end(-1), x2: x(1), y2: end(1), "clip-path": "url(#learning-rate-clip)" }));
    return picture;
  }

  function losses(chosen, usual, step, good) {
    const { steps } = data["learning-rate"];
    const [low, high] = [Math.log10(0.005), Math.log10(MOST)];
    const x = between(0, steps - 1, LEFT, WIDTH - RIGHT);
    const log = between(low, high, HEIGHT - BOTTOM, TOP);
    const y = (loss) => log(clip(Math.log10(loss), low, high));
    const picture = frame("损失随步数的变化，对数刻度", [[0.01, "0.01"], [1, "1"], [100, "100"], [1e4, "10⁴"]], y, "损失（对数刻度）", "步数");
    const path = (history) => history.map(([, , loss], i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(loss).toFixed(1)}`).join("");
    picture.append(svg("path", { class: "usual", d: path(usual) }), svg("path", { class: good ? "loss" : "loss wrong", d: path(chosen) }),
      svg("line", { class: "now", x1: x(step), x2: x(step), y1: TOP, y2: HEIGHT - BOTTOM }), svg("circle", { class: good ? "here" : "here wrong", cx: x(step), cy: y(chosen[step][2]), r: 4.5 }));
    return picture;
  }

  let timer = 0;
  const stop = (ui) => {
    clearInterval(timer);
    timer = 0;
    ui.label("play", "播放");
  };
  /** 停下，并说出停在哪里（播放时不说）。 */
  const halt = (ui) => {
    stop(ui);
    ui.change({}, "halted");
  };
  /** 这时哪里画不下。 */
  function outside([slope, intercept, loss]) {
    const ends = [intercept - slope, intercept + slope];
    const gone = ends.every((end) => end > HIGHEST) || ends.every((end) => end < LOWEST);
    return (gone ? "直线已经在图外。" : "") + (loss > MOST ? "损失超出了下图，画在最上边。" : "");
  }

  add("learning-rate", {
    title: "动手试：学习率、动量和清零",
    data: ["learning-rate"],
    above: true,
    caption: "上图是数据和走到这一步的直线，下图是每一步的损失，虚线是现在这一步。",
    fields: () => [
      { name: "rate", label: "学习率", kind: "radio", value: 0.1, options: data["learning-rate"].rates.map((rate) => [rate, String(rate)]) },
      { name: "momentum", label: "动量", kind: "radio", value: 0, options: data["learning-rate"].momenta.map((momentum) => [momentum, String(momentum)]) },
      { name: "clear", label: "每步清零（zero_grad）", kind: "check", wide: true, value: true },
      { name: "step", label: "第几步", kind: "range", wide: true, min: 0, max: data["learning-rate"].steps - 1, value: 10 },
      {
        name: "play", label: "播放", kind: "button",
        press(values, ui) {
          if (timer) return halt(ui);
          let step = values.step >= Number(ui.stage.dataset.last) ? 0 : values.step;
          ui.label("play", "停");
          timer = setInterval(() => {
            const last = Number(ui.stage.dataset.last);
            if (!ui.stage.isConnected) return stop(ui);
            if (step < last) ui.change({ step: ++step }, "playing");
            if (step >= last) halt(ui);
          }, 120);
        },
      },
    ],
    adapt(values, ui, changed) {
      if (timer && changed !== "playing") stop(ui);
      const last = run(values.rate, values.momentum, values.clear).length - 1;
      ui.stage.dataset.last = last;
      ui.limit("step", last);
      ui.show("play", !still.matches);
    },
    draw(values, ui) {
      const { runs, steps } = data["learning-rate"];
      const chosen = run(values.rate, values.momentum, values.clear);
      const lowest = Math.min(...Object.values(runs).flat().map(([, , loss]) => loss));
      const [slope, intercept, loss] = chosen[values.step];
      const usual = run(0.1, 0, true);
      const { word, text } = verdict(chosen, steps, lowest);
      const good = word !== "发散" && values.clear; // 颜色同示例里的图
      const notes = (chosen === usual ? "" : "灰线是学习率 0.1、不用动量、每步清零的损失，供比较。") + (chosen.some((one) => one[2] > MOST) ? `${good ? "" : "红"}线在最上边变平，是因为更大的损失画不下。` : "");
      ui.stage.replaceChildren(fit(chosen[values.step]), losses(chosen, usual, values.step, good), ui.h("p", {}, notes));
      if (timer) return;
      ui.say(`学习率 ${values.rate}，动量 ${values.momentum}，${values.clear ? "每步清零" : "忘记清零"}。走了 ${values.step} 步：斜率 ${number(slope)}，截距 ${number(intercept)}，损失 ${number(loss)}。${outside(chosen[values.step])}\n${text}。`);
    },
  }, { verdict, run });
})();
