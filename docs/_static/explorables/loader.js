// 互动图：<figure class="drawing" data-explorable="名字"> 快到屏幕、读者又动过一下时，才取 名字.js、它要的数据和样式，换下静态的图。
// 全用 script 标签取，从文件夹打开也行；取不到就留着静态的图。
(() => {
  const self = document.currentScript;
  const parts = {};
  const taken = new Map();
  const address = (path) => new URL(`${path}?v=${self.dataset.version}`, self.src).href;

  function take(tag, properties) {
    const key = properties.src ?? properties.href;
    if (!taken.has(key))
      taken.set(
        key,
        new Promise((resolve, reject) => {
          const element = Object.assign(document.createElement(tag), properties);
          element.addEventListener("load", resolve);
          element.addEventListener("error", () => reject(new Error(key)));
          document.head.append(element);
        }),
      );
    return taken.get(key);
  }
  const script = (path) => take("script", { src: address(path), async: false }); // 按要的次序执行

  const explorables = (window.explorables = {
    data: {},
    /** 再取一个 explorables 里的脚本（例如另一份数据），取过的不再取。 */
    load: script,
    /** 一幅互动图的脚本用它报到：part 的写法见 common.js；pure 里的函数挂在 explorables.名字 上，测试和 PyTorch 比较。 */
    add(name, part, pure = {}) {
      parts[name] = part;
      explorables[name] = pure;
    },
  });

  /** 网址指着这幅图，或者带着它的状态。 */
  const asked = ({ id, dataset }) => location.hash === `#${encodeURI(id)}` || location.search.includes(`${dataset.explorable}.`);

  /** 换上互动图，高矮会变。它的说明在屏幕上，就会跳：等它出去，或者读者按“动手试”。首页在桌面上给它留好了地方。 */
  function outOfSight(figure) {
    return new Promise((resolve) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "try", textContent: "动手试" });
      const kept = getComputedStyle(figure).minHeight !== "0px"; // 留好了地方
      const anchored = CSS.supports("overflow-anchor", "auto"); // 上面的东西变高，浏览器停得住正在读的一行
      const check = (event) => {
        const { bottom } = figure.getBoundingClientRect();
        const { top } = (figure.querySelector("figcaption") ?? figure).getBoundingClientRect(); // 图下面的说明，换了就往下挪
        if (event?.type !== "click" && !kept && !asked(figure) && top <= innerHeight && !(anchored && bottom < 0)) return;
        removeEventListener("scroll", check);
        button.remove();
        resolve();
      };
      addEventListener("scroll", check, { passive: true });
      button.addEventListener("click", check);
      figure.append(button);
      check();
    });
  }

  async function wake(figure) {
    const name = figure.dataset.explorable;
    try {
      await Promise.all([script("common.js"), script(`${name}.js`), take("link", { rel: "stylesheet", href: address("explorables.css") })]);
      const { scripts = [], data = [] } = parts[name];
      await Promise.all([...scripts, ...data.map((file) => `data/${file}.js`)].map(script));
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve)); // 另起一个任务：数据刚解析完，让浏览器先应一声
    await outOfSight(figure);
    explorables.build(figure, name, parts[name]);
  }

  const observer = new IntersectionObserver(
    (changes) => {
      for (const { target, isIntersecting } of changes) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        wake(target);
      }
    },
    { rootMargin: "2500px 0px" },
  );
  // 读者动过一下（滚动、移动指针、按键）才开始看：刚打开的网页不为互动图多取一个字节。网址里带着状态的，马上开始。
  const signs = ["scroll", "pointermove", "pointerdown", "keydown", "focusin"];
  const start = () => {
    for (const sign of signs) removeEventListener(sign, start);
    for (const figure of document.querySelectorAll("figure[data-explorable]")) observer.observe(figure);
  };
  for (const sign of signs) addEventListener(sign, start, { passive: true });
  if (location.search || location.hash) start();
})();
