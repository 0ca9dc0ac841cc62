// 跟着读者走：本页目录的当前一项、“回到顶部”、切换配色。
// 换下 furo.js：它一开始就要量遍全页的标题，手机上卡住半秒以上；IntersectionObserver 不必量（数字见 make bench）。
(() => {
  const root = document.documentElement;

  for (const button of document.querySelectorAll(".theme-toggle")) {
    button.addEventListener("click", () => {
      const dark = matchMedia("(prefers-color-scheme: dark)").matches;
      const order = dark ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
      const next = order[(order.indexOf(document.body.dataset.theme) + 1) % order.length];
      document.body.dataset.theme = next;
      localStorage.setItem("theme", next);
    });
  }

  // 往回滚时才显示“回到顶部”
  let last = 0;
  addEventListener(
    "scroll",
    () => {
      document.querySelector("header")?.classList.toggle("scrolled", scrollY > 0);
      if (scrollY !== last) root.classList.toggle("show-back-to-top", scrollY >= 64 && scrollY < last);
      last = scrollY;
    },
    { passive: true },
  );

  // 跳到一个锚点：途中的小节没有排过版，高度是估计的（见 site.css），排好一批就再对准一次，直到停住
  const settle = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    let [frames, still, before] = [0, 0, NaN];
    const step = () => {
      target.scrollIntoView();
      const top = target.getBoundingClientRect().top;
      still = top === before ? still + 1 : 0;
      before = top;
      if (still < 3 && ++frames < 30) requestAnimationFrame(step);
    };
    step();
  };
  addEventListener("hashchange", settle);
  if (location.hash) settle();

  const entries = new Map(); // 小节 -> 目录里的一项
  for (const link of document.querySelectorAll(".toc-tree a")) {
    const section = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (section) entries.set(section, link.closest("li"));
  }
  const box = document.querySelector(".toc-scroll");
  const reading = new Set();
  const observer = new IntersectionObserver(
    (changes) => {
      for (const { target, isIntersecting } of changes) reading[isIntersecting ? "add" : "delete"](target);
      const entry = entries.get([...entries.keys()].findLast((section) => reading.has(section)));
      for (const old of box.querySelectorAll(".scroll-current")) old.classList.remove("scroll-current");
      for (let item = entry; item; item = item.parentElement.closest("li")) item.classList.add("scroll-current");
      if (!entry) return;
      const [outer, inner] = [box.getBoundingClientRect(), entry.firstElementChild.getBoundingClientRect()];
      if (inner.top < outer.top) box.scrollTop -= outer.top - inner.top;
      if (inner.bottom > outer.bottom) box.scrollTop += inner.bottom - outer.bottom;
    },
    { rootMargin: "-15% 0px -84% 0px" }, // 窗口上方 15% 处的一条线，读到哪一节就是哪一节
  );
  for (const section of entries.keys()) observer.observe(section);
})();
