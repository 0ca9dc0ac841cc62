/* 站内搜索的界面：按 / 或 Ctrl+K 打开，边输入边给出结果；search.html?q=… 用的是同一个输入框。
   怎样找、怎样排名在 search_engine.js，它和索引都是用到时才取。 */
"use strict";

/** 索引文件各自把内容放进这里。 */
const searchData = {};

(() => {
  const ROOT = new URL("..", document.currentScript.src);
  const loading = {};
  let engine;

  function load(address) {
    return (loading[address] ??= new Promise((resolve, reject) => {
      const script = create("script", { src: new URL(address, ROOT) });
      script.onload = resolve;
      script.onerror = () => {
        delete loading[address];
        script.remove();
        reject(new Error(address));
      };
      document.head.append(script);
    }));
  }

  async function start() {
    await load("_static/search_engine.js");
    engine ??= searchEngine((name) => load(`search/${name}.js`).then(() => searchData[name]));
  }

  async function search(text) {
    await start();
    return engine.search(text);
  }

  function create(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  /** 把命中的词放进 <mark>。 */
  function marked(element, text, query) {
    let done = 0;
    for (const [start, end] of engine.hits(text, query)) {
      element.append(text.slice(done, start), create("mark", { textContent: text.slice(start, end) }));
      done = end;
    }
    element.append(text.slice(done));
    return element;
  }

  /** 输入框、结果列表和读给屏幕阅读器的一句话（ARIA 的 combobox 模式）。 */
  function searchBox({ limit, changed = () => {} }) {
    const list = create("div", { id: "search-results", role: "listbox", ariaLabel: "搜索结果", hidden: true });
    const status = create("p", { className: "search-status", role: "status" });
    const input = create("input", {
      type: "text",
      className: "search-input",
      placeholder: "搜索教程，例如：梯度清零",
      ariaLabel: "搜索",
      role: "combobox",
      ariaAutoComplete: "list",
      ariaExpanded: "false",
      autocomplete: "off",
      spellcheck: false,
      enterKeyHint: "search",
    });
    input.setAttribute("aria-controls", list.id);
    let active = -1;
    let turn = 0;

    function activate(index) {
      list.children[active]?.setAttribute("aria-selected", "false");
      active = index;
      const option = list.children[active];
      option?.setAttribute("aria-selected", "true");
      if (option) input.setAttribute("aria-activedescendant", option.id);
      else input.removeAttribute("aria-activedescendant");
    }

    function show(results, message) {
      list.replaceChildren(...results.slice(0, limit).map(option));
      list.hidden = !results.length;
      input.ariaExpanded = String(results.length > 0);
      status.textContent = message;
      activate(results.length ? 0 : -1);
      // 等浏览器自己排版：在这里滚动，它就得立刻排一次
      requestAnimationFrame(() => (list.scrollTop = 0));
    }

    async function update() {
      const mine = ++turn;
      const text = input.value.trim();
      changed(text);
      if (!text) return show([], "");
      try {
        const results = await search(text);
        if (mine !== turn) return;
        const listed = results.length > limit ? `，列出前 ${limit} 处` : "";
        show(results, results.length ? `找到 ${results.length} 处${listed}` : `没有找到“${text}”。换个说法，或者用短一些的词试试。`);
      } catch (error) {
        if (mine === turn) show([], `搜索的索引没能载入（${error.message}）。请检查网络，再按一个键重试。`);
      }
    }

    input.addEventListener("input", (event) => event.isComposing || update());
    input.addEventListener("compositionend", update);
    input.addEventListener("keydown", (event) => {
      const count = list.children.length;
      if (event.isComposing || !count) return;
      if (event.key === "ArrowDown") activate((active + 1) % count);
      else if (event.key === "ArrowUp") activate((active - 1 + count) % count);
      else if (event.key === "Enter") list.children[active].click();
      else return;
      list.children[active]?.scrollIntoView({ block: "nearest" });
      event.preventDefault();
    });
    return { input, list, status, update };
  }

  function option(result, index) {
    const { section, page, place, address, query } = result;
    const heading = marked(create("span", { className: "search-heading" }), section.heading.text, query);
    const { text, code } = engine.summarize(result);
    const link = create(
      "a",
      { id: `search-result-${index}`, role: "option", ariaSelected: "false", href: new URL(address + (section.anchor && `#${section.anchor}`), ROOT) },
      heading,
    );
    if (place) link.append(create("span", { className: "search-page", textContent: page.heading.text }));
    if (text) link.append(marked(create(code ? "code" : "span", { className: "search-summary" }), text, query));
    return link;
  }

  // 搜索页
  const place = document.querySelector(".site-search");
  let box;
  if (place) {
    box = searchBox({ limit: 30, changed: (text) => history.replaceState(null, "", text ? `?q=${encodeURIComponent(text)}` : location.pathname) });
    place.append(box.input, box.status, box.list);
    box.input.value = new URLSearchParams(location.search).get("q") ?? "";
    // 手机上已经有结果时，不让键盘弹出来挡住
    if (!box.input.value || matchMedia("(hover: hover)").matches) box.input.focus();
    start().then(box.update, box.update); // 取不到时，由它说出来
  }

  // 每一页上的对话框，第一次用到时才做
  let dialog;

  function open() {
    if (place) return box.input.focus();
    if (!dialog) {
      dialog = create("dialog", { className: "search-dialog", ariaLabel: "搜索" });
      const more = create("a", { textContent: "在搜索页里看更多" });
      const keys = create("span", { className: "search-keys", textContent: "↑ ↓ 选择　Enter 打开　Esc 关闭" });
      box = searchBox({ limit: 10, changed: (text) => (more.href = new URL(`search.html?q=${encodeURIComponent(text)}`, ROOT)) });
      box.input.autofocus = true;
      more.href = new URL("search.html", ROOT);
      dialog.append(box.input, box.status, box.list, create("p", { className: "search-foot" }, keys, more));
      dialog.addEventListener("click", (event) => {
        if (event.target === dialog || event.target.closest("a")) dialog.close();
      });
      const style = create("link", { rel: "stylesheet", href: new URL("_static/search.css", ROOT) });
      // 样式到之前看不见，但已经能打字：按 / 之后接着输入的字不会丢
      dialog.style.opacity = 0;
      style.onload = style.onerror = () => (dialog.style.opacity = 1);
      document.head.append(style);
      document.body.append(dialog);
      Promise.all([start(), load("search/index.js")]).catch(() => {});
    }
    if (!dialog.open) dialog.showModal();
    box.input.select();
  }

  document.addEventListener("keydown", (event) => {
    const slash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if ((slash && !typing) || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k")) {
      event.preventDefault();
      open();
    }
  });

  const sidebar = document.querySelector(".sidebar-search");
  if (sidebar && matchMedia("(hover: hover)").matches) sidebar.placeholder = "搜索（按 / 键）";
})();
