// 跟着读者走：配色、抽屉、读到哪里、复制、放大。没有它页面照样能读；读到哪里只记在这台机器上。
(() => {
  const root = document.documentElement;
  const all = (selector) => document.querySelectorAll(selector);
  const create = (tag, properties) => Object.assign(document.createElement(tag), properties);

  /** 浏览器可能不许存东西，存着的也可能不是我们写的：都当作没有。 */
  const memory = {
    get(name) {
      try {
        const value = JSON.parse(localStorage.getItem(name));
        return value && typeof value === "object" ? value : {};
      } catch {
        return {};
      }
    },
    set(name, value) {
      try {
        localStorage.setItem(name, typeof value === "string" ? value : JSON.stringify(value));
      } catch {}
    },
  };

  /** 网址里 # 后面指的元素；写坏的网址（例如 #%）什么也不指。 */
  function target(hash) {
    try {
      return document.getElementById(decodeURIComponent(hash.slice(1)));
    } catch {
      return null;
    }
  }

  for (const button of all(".theme-toggle"))
    button.addEventListener("click", () => {
      const dark = matchMedia("(prefers-color-scheme: dark)").matches;
      const order = dark ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
      const next = order[(order.indexOf(root.dataset.theme) + 1) % order.length];
      root.dataset.theme = next;
      memory.set("theme", next);
    });

  // -- 搜索：点页头的搜索，就像按了 Ctrl+K（search.js 接着）；键盘走到框里仍然可以直接输入、回车 ----------

  function openSearch(event) {
    const key = new KeyboardEvent("keydown", { key: "k", ctrlKey: true, bubbles: true, cancelable: true });
    event.target.blur?.();
    if (!document.dispatchEvent(key)) event.preventDefault();
  }
  for (const way of all(".sidebar-search, .open-search")) way.addEventListener("click", openSearch);

  // -- 抽屉：选了、用键盘走出去了就关上（Esc 和点别处由浏览器管） -------------------------------------

  for (const drawer of all("[popover]")) {
    const close = () => drawer.matches(":popover-open") && drawer.hidePopover();
    drawer.addEventListener("click", (event) => event.target.closest("a") && close());
    drawer.addEventListener("focusout", ({ relatedTarget: next }) => next && !drawer.contains(next) && !next.matches("[popovertarget]") && close());
  }

  // -- 没有滚到的小节打开时先不排版，高度是估计的（见 site.css）。去一个锚点，先把它前面的排好，才停得准 ------------------

  const sections = [...all("article > section > section")];
  const layOut = (section) => (section.style.contentVisibility = "visible");
  function settle() {
    const place = target(location.hash);
    if (!place) return;
    place.closest("details")?.setAttribute("open", "");
    const inside = sections.findIndex((section) => section.contains(place));
    sections.slice(0, inside + 1).forEach(layOut);
    place.scrollIntoView();
  }
  addEventListener("hashchange", settle);
  if (location.hash) settle();

  // 打开以后，空闲时一节一节补排，滚动条就准了；读者等不及，一滚动就全排好，免得滚到哪里哪里跳。
  // Safari 在上面的内容变高时停不住正在读的一行，那里不补
  const rest = sections.values();
  function layOutRest() {
    const { value } = rest.next();
    if (!value) return;
    layOut(value);
    requestIdleCallback(layOutRest);
  }
  if (CSS.supports("overflow-anchor", "auto")) {
    addEventListener("load", () => requestIdleCallback(layOutRest));
    addEventListener("scroll", () => sections.forEach(layOut), { once: true, passive: true });
  }

  // -- 读到哪里 -------------------------------------------------------------------

  const DONE = 0.97;
  const read = memory.get("read"); // {页名: {most: 读过几成, begun、ends: 开始读、读完的各节, at: 停在哪一节, title: 它的标题}}
  const share = (name) => Math.min(1, Math.max(0, Number(read[name]?.most) || 0));
  function show(element, name) {
    element.style.setProperty("--read", share(name));
    element.title = share(name) ? `读过 ${Math.round(100 * share(name))}%` : "";
    element.classList.toggle("done", share(name) >= DONE);
  }
  for (const link of all("[data-read]")) show(link, link.dataset.read);

  const here = root.dataset.page;
  const own = all(`[data-read="${here}"]`);
  const tutorial = document.body.classList.contains("tutorial");
  const article = document.querySelector("article");
  let waiting = false;
  function progress() {
    waiting = false;
    const whole = article.offsetHeight - innerHeight;
    root.style.setProperty("--read", whole > 0 ? Math.min(1, Math.max(0, scrollY / whole)) : 1);
  }
  addEventListener("scroll", () => waiting || ((waiting = true), requestAnimationFrame(progress)), { passive: true });

  // 一节读完：停下来时看到过它的开头，后来停下时看到它的末尾，中间的时间够翻一遍（一毫秒一像素，至少两秒半）。
  // 从目录跳过去、按 End 掠过的都不算
  const kept = (name) => (Array.isArray(read[here]?.[name]) ? read[here][name] : []);
  const begun = new Map(kept("begun").map((id) => [id, -Infinity]));
  const ends = new Set(kept("ends"));
  let seen = []; // 这一次停下时，末尾在屏幕上的各节
  function settleUp() {
    const now = performance.now();
    for (const { id, offsetHeight } of seen) if (now - begun.get(id) >= Math.max(2500, offsetHeight)) ends.add(id);
  }
  function look() {
    const inside = (y) => y > 0.05 * innerHeight && y <= innerHeight;
    for (const section of sections)
      if (!begun.has(section.id) && inside(section.getBoundingClientRect().top)) begun.set(section.id, performance.now());
    seen = sections.filter((section) => inside(section.getBoundingClientRect().bottom));
    remember();
  }
  function remember() {
    settleUp();
    const stored = memory.get("read"); // 另一个标签页可能也在读
    for (const id of [stored[here]?.ends].flat()) if (typeof id === "string") ends.add(id);
    const most = Math.round((ends.size / sections.length) * 1000) / 1000;
    read[here] = { ...read[here], begun: [...begun.keys()], ends: [...ends], most: Math.max(most, share(here)) };
    memory.set("read", { ...stored, [here]: read[here], last: here });
    for (const link of own) show(link, here);
  }
  if (tutorial) {
    let pause;
    let moving = false;
    const moved = () => {
      if (!moving) settleUp();
      moving = true;
      clearTimeout(pause);
      pause = setTimeout(() => ((moving = false), look()), 300);
    };
    addEventListener("scroll", moved, { passive: true });
    moved();
    for (const end of ["pagehide", "visibilitychange"]) addEventListener(end, remember);
  }

  // 首页：路线上标出读过的，按钮旁边给出上次停下的地方
  for (const card of all(".tutorial-card")) show(card, new URL(card.href).pathname.replace(/^.*\/(\w+\/\w+)\.html$/, "$1"));
  const start = document.querySelector(".start");
  const last = typeof read.last === "string" && document.querySelector(`[data-read="${CSS.escape(read.last)}"]`);
  if (start && last && (share(read.last) > 0 || read[read.last]?.begun?.length > 1) && share(read.last) < DONE) {
    const { at, title } = read[read.last];
    const link = create("a", { className: "resume", href: last.href + (typeof at === "string" ? `#${encodeURIComponent(at)}` : "") });
    link.textContent = `接着读：${last.lastElementChild.textContent}${typeof title === "string" ? `，${title}` : ""}`;
    start.append(link);
  }

  // -- 本页目录的当前一项；过了那条线才看一遍 ---------------------------

  const entries = new Map(); // 小节 -> 目录里的一项
  for (const link of all(".toc-tree a")) {
    const section = target(link.hash);
    if (section) entries.set(section, link.closest("li"));
  }
  const box = document.getElementById("contents");
  const footer = document.querySelector("footer"); // 最后几节够不着那条线：页脚露出来，就是最后一节
  let ended = false;
  function mark() {
    const known = [...entries.keys()];
    // 选读不在目录里：读它的时候，还算它前面的那一节
    const section = known.findLast((one) => ended || one.getBoundingClientRect().top < 0.3 * innerHeight);
    const entry = entries.get(section) ?? entries.values().next().value;
    for (const old of box.querySelectorAll(".scroll-current")) old.classList.remove("scroll-current");
    for (let item = entry; item; item = item.parentElement.closest("li")) item.classList.add("scroll-current");
    if (!entry) return;
    const whole = entry.closest(".toc-tree > ul > li");
    box.style.setProperty("--opened", `${whole.querySelector("ul")?.offsetHeight ?? 0}px`);
    if (tutorial && section) read[here] = { most: 0, ...read[here], at: section.id, title: entry.firstElementChild.textContent };
    const [outer, inner] = [box.getBoundingClientRect(), entry.firstElementChild.getBoundingClientRect()];
    if (inner.top < outer.top) box.scrollTop -= outer.top - inner.top + 80;
    if (inner.bottom > outer.bottom) box.scrollTop += inner.bottom - outer.bottom + 80;
  }
  const observer = new IntersectionObserver(mark, { rootMargin: "-30% 0px -69% 0px" }); // 窗口上方 30% 处的一条线
  for (const part of [...entries.keys(), ...all("article > section > details")]) observer.observe(part);
  if (footer && box) new IntersectionObserver((changes) => ((ended = changes.at(-1).isIntersecting), mark())).observe(footer);

  // -- 复制：只要代码，不要提示符和命令的输出 ---------------------------------------------------

  async function copy(pre, button) {
    const code = pre.cloneNode(true);
    for (const extra of code.querySelectorAll(".gp, .go")) extra.remove();
    const text = code.textContent.trim() + "\n";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = create("textarea", { value: text }); // 不是 https 的地方没有剪贴板接口
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const label = button.ariaLabel;
    button.textContent = button.ariaLabel = "已复制";
    button.classList.add("done");
    setTimeout(() => (button.classList.remove("done"), (button.textContent = "复制"), (button.ariaLabel = label)), 1500);
  }
  const CODE = ["Python", "python", "bash", "console", "powershell"].map((name) => `.highlight-${name} pre`);
  for (const pre of all(CODE.join())) {
    const button = create("button", { type: "button", className: "copy", textContent: "复制", ariaLabel: "复制这段代码" });
    button.addEventListener("click", () => copy(pre, button));
    pre.after(button);
  }

  // -- 放大一幅图 -------------------------------------------------------------------

  function enlarge(figure) {
    const shown = [...figure.querySelectorAll("img")].find((image) => image.offsetParent);
    if (!shown) return;
    const dialog = create("dialog", { className: "picture", ariaLabel: shown.alt });
    const close = create("button", { type: "button", className: "tool", textContent: "×", ariaLabel: "关闭" });
    const image = create("img", { src: shown.currentSrc || shown.src, alt: shown.alt });
    if (shown.srcset) image.srcset = shown.srcset;
    image.sizes = "100vw";
    dialog.append(image, close);
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }
  for (const figure of all("article figure")) {
    const picture = figure.querySelector("img");
    if (!picture) continue;
    const button = create("button", { type: "button", className: "enlarge", textContent: "放大", ariaLabel: `放大：${picture.alt}` });
    button.addEventListener("click", () => enlarge(figure));
    figure.append(button);
    figure.addEventListener("click", (event) => event.target.tagName === "IMG" && enlarge(figure));
  }

  // -- 公式的字体：折叠里的、还没有排版的公式不要字体，打印时就缺字；读者一有动作（打印之前总要有）就取好这一页用到的 ------------------

  const FACES = {
    "KaTeX_Main": ".katex", "italic KaTeX_Math": ".mathnormal", "bold KaTeX_Main": ".mathbf", "KaTeX_AMS": ".amsrm, .mathbb",
    "KaTeX_Size1": ".size1, .small-op", "KaTeX_Size2": ".size2, .large-op", "KaTeX_Size3": ".size3", "KaTeX_Size4": ".size4",
    "KaTeX_Caligraphic": ".mathcal", "KaTeX_SansSerif": ".mathsf", "KaTeX_Typewriter": ".mathtt",
  };
  const fetchFonts = () => {
    for (const [face, selector] of Object.entries(FACES))
      if (document.querySelector(selector)) document.fonts.load(face.replace(/(\S+)$/, "1em $1"));
  };
  for (const kind of ["pointermove", "pointerdown", "keydown", "scroll"]) addEventListener(kind, fetchFonts, { once: true, passive: true });
})();
