// 术语链接的小窗：悬停、聚焦或第一次轻触时，显示链接 data-definition 里的那句解释。
// Esc 或点别处关闭；轻触后再点一次术语，或点“查看术语表”，才去术语表。没有脚本时是普通链接。
(() => {
  const CLOSE_DELAY = 250; // 毫秒：够指针从术语移到小窗上
  const box = document.createElement("div");
  const sentence = document.createElement("p");
  const more = document.createElement("a");
  box.className = "term-box";
  box.hidden = true;
  sentence.id = "term-sentence";
  more.textContent = "查看术语表";
  more.href = document.querySelector("a.term")?.href ?? location.href;
  more.tabIndex = -1; // 键盘在术语上按回车就到，不必多停一站
  box.append(sentence, more);
  document.querySelector("article").append(box);

  let current = null;
  let openBeforePress = false;
  let touched = false;
  let timer;

  const termOf = (event) => event.target.closest?.("a.term");
  const inside = (node) => node && (box.contains(node) || current?.contains(node));

  function show(term) {
    clearTimeout(timer);
    if (term === current) return;
    close();
    current = term;
    sentence.textContent = term.dataset.definition;
    more.href = term.href;
    term.setAttribute("aria-describedby", sentence.id);
    box.hidden = false;
    place();
  }

  function close() {
    clearTimeout(timer);
    current?.removeAttribute("aria-describedby");
    current = null;
    box.hidden = true;
  }

  // 放在术语下方，下方放不下就放上方；左右不出窗口
  function place() {
    box.style.left = box.style.top = "0";
    const margin = 8;
    const origin = box.getBoundingClientRect();
    const term = current.getClientRects()[0];
    const right = document.documentElement.clientWidth - origin.width - margin;
    const left = Math.max(margin, Math.min(term.left, right));
    const fits = term.bottom + origin.height + margin < window.innerHeight || term.top < origin.height + margin;
    const top = fits ? term.bottom + 4 : term.top - origin.height - 4;
    box.style.left = `${left - origin.left}px`;
    box.style.top = `${top - origin.top}px`;
  }

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    if (termOf(event)) show(termOf(event));
    else if (inside(event.target)) clearTimeout(timer);
  });
  document.addEventListener("pointerout", (event) => {
    if (event.pointerType !== "mouse" || !inside(event.target) || inside(event.relatedTarget)) return;
    if (document.activeElement !== current) timer = setTimeout(close, CLOSE_DELAY);
  });
  document.addEventListener("focusin", (event) => {
    if (termOf(event)) show(termOf(event));
    else if (!inside(event.target)) close();
  });
  document.addEventListener("focusout", (event) => {
    if (current && event.relatedTarget && !inside(event.relatedTarget)) close();
  });
  document.addEventListener("pointerdown", (event) => {
    touched = event.pointerType !== "mouse";
    openBeforePress = current !== null && termOf(event) === current;
    if (!termOf(event) && !inside(event.target)) close();
  });
  document.addEventListener("click", (event) => {
    const term = termOf(event);
    if (term && touched && !openBeforePress) {
      event.preventDefault();
      show(term);
    }
    touched = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  window.addEventListener("resize", close);
  window.addEventListener("pagehide", close);
})();
