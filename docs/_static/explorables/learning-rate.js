// 学习率：示例里的 train 为每种选择真的跑过一遍，这里只把记下的每一步画出来。
(() => {
  const { add, data, svg, number } = window.explorables;
  const [WIDTH, HEIGHT] = [340, 190];
  const [LEFT, RIGHT, TOP, BOTTOM] = [34, 8, 8, 24];
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  const between = (from, to, start, end) => (value) => start + ((value - from) / (to - from)) * (end - start);
  const clip = (value, low, high) => Math.min(high, Math.max(low, value));

  /** 一次训练最后怎样：发散、停在谷底、来回振荡，还是没有走到；`lowest` 是所有训练里最低的损失。 */
  function verdict(run, steps, lowest) {
    const first = run[0][2];
    const last = run.slice(-20).map(([, , loss]) => loss);
    const [low, high] = [Math.min(...last), Math.max(...last)];
    if (run.length < steps) return { word: "发散", text: `损失越来越大，第 ${run.length} 步已经大得装不下（inf 或 nan）：发散` };
    if (high > 10 * first) return { word: "发散", text: "损失越来越大：发散" };
    if (high < 1.5 * lowest) return { word: "谷底", text: "最后损失停在谷底" };
    const turns = last.filter((loss, i) => i > 1 && (loss - last[i - 1]) * (last[i - 1] - last[i - 2]) < 0).length;
    if (turns > 0 && high > 1.5 * low) return { word: "振荡", text: "最后损失还在来回振荡，停不下来" };
    return { word: "没有走到", text: "走完这些步，损失还没有降到谷底" };
  }

  const run = (rate, momentum, clear) => data["learning-rate"].runs[`${rate} ${momentum} ${clear}`];

  function frame(label, ticks, y, name, across) {
    return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
      ticks.map(([value, text]) => [
        svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
        svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, text),
      ]).flat(),
      svg("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, across),
      svg("text", { x: LEFT + 4, y: TOP + 12 }, name));
  }

  function fit([slope, intercept]) {
    const x = between(-1.05, 1.05, LEFT, WIDTH - RIGHT);
    const y = between(-2.2, 4.2, HEIGHT - BOTTOM, TOP);
    const picture = frame("散点和正在拟合的直线", [[-2, "-2"], [0, "0"], [2, "2"], [4, "4"]], y, "输出", "输入");
    const points = data["learning-rate"].points.map(([a, b]) => svg("circle", { class: "point", cx: x(a), cy: y(b), r: 2.6 }));
    const end = (a) => clip(y(slope * a + intercept), -1e5, 1e5);
    picture.append(
      svg("clipPath", { id: "learning-rate-clip" }, svg("rect", { x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM })),
      ...points, svg("line", { class: "fitted", x1: x(-1), y1: end(-1), x2: x(1), y2: end(1), "clip-path": "url(#learning-rate-clip)" }));
    return picture;
  }

  function losses(chosen, usual, step) {
    const { steps } = data["learning-rate"];
    const [low, high] = [Math.log10(0.005), 5];
    const x = between(0, steps - 1, LEFT, WIDTH - RIGHT);
    const log = between(low, high, HEIGHT - BOTTOM, TOP);
    const y = (loss) => log(clip(Math.log10(loss), low, high));
    const picture = frame("损失随步数的变化，对数刻度", [[0.01, "0.01"], [1, "1"], [100, "100"], [1e4, "10⁴"]], y, "损失（对数刻度）", "步数");
    const path = (history) => history.map(([, , loss], i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(loss).toFixed(1)}`).join("");
    picture.append(svg("path", { class: "usual", d: path(usual) }), svg("path", { class: "loss", d: path(chosen) }),
      svg("line", { class: "now", x1: x(step), x2: x(step), y1: TOP, y2: HEIGHT - BOTTOM }), svg("circle", { class: "here", cx: x(step), cy: y(chosen[step][2]), r: 4.5 }));
    return picture;
  }

  let timer = 0;
  const stop = (ui) => {
    clearInterval(timer);
    timer = 0;
    ui.label("play", "播放");
  };

  add("learning-rate", {
    title: "动手试：学习率、动量和清零",
    data: ["learning-rate"],
    fields: () => [
      { name: "rate", label: "学习率", kind: "radio", value: 0.1, options: data["learning-rate"].rates.map((rate) => [rate, String(rate)]) },
      { name: "momentum", label: "动量", kind: "radio", value: 0, options: data["learning-rate"].momenta.map((momentum) => [momentum, String(momentum)]) },
      { name: "clear", label: "每步清零（zero_grad）", kind: "check", value: true },
      { name: "step", label: "第几步", kind: "range", min: 0, max: data["learning-rate"].steps - 1, value: 10 },
      {
        name: "play", label: "播放", kind: "button",
        press(values, ui) {
          if (timer) return stop(ui);
          let step = values.step >= values.last ? 0 : values.step;
          ui.label("play", "停");
          timer = setInterval(() => {
            const last = Number(ui.stage.dataset.last);
            if (step >= last || !ui.stage.isConnected) return stop(ui);
            ui.change({ step: ++step }, "playing");
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
      ui.stage.replaceChildren(fit(chosen[values.step]), losses(chosen, run(0.1, 0, true), values.step),
        ui.h("p", {}, "灰线是学习率 0.1、不用动量、每步清零的损失，供比较。"));
      if (timer) return;
      ui.say(`学习率 ${values.rate}，动量 ${values.momentum}，${values.clear ? "每步清零" : "忘记清零"}。走了 ${values.step} 步：斜率 ${number(slope)}，截距 ${number(intercept)}，损失 ${number(loss)}。\n${verdict(chosen, steps, lowest).text}。`);
    },
  }, { verdict, run });
})();
