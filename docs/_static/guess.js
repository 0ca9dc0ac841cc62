// 先猜一猜：p.guess 后面那一格的输出先遮住，读者写下或选出答案再揭开；答案就是输出本身，一样的意思怎么写都算对。
// 不计分，不挪动页面；没有脚本时就是一段话和输出。
(() => {
  const SAME = { long: "int64", int: "int32", short: "int16", float: "float32", double: "float64", half: "float16" };
  const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/;

  /** 一串记号：数、词、（嵌套时才要紧的）括号。全角半角、括号引号的样子、torch.Size 这样的外套都不计。 */
  function tokens(text) {
    const plain = text
      .normalize("NFKC")
      .replace(/[−–—]/g, "-")
      .replace(/(?<![\w\])]\s*)([-+])\s+(?=[\d.])/g, "$1") // - 0.24
      .replace(/\b(u?int|float)\s+(?=\d+\b)/gi, "$1") // int 64
      .replace(/^\s*(?:torch\.)?(?:tensor|array|Size|list|tuple)\s*\((.*)\)\s*$/is, "$1")
      .replace(/\b(torch\.Size|torch\.|tensor|list|tuple|size|shape)(?=\b|[(\[])/gi, " ")
      .replace(/\b(dtype|device|requires_grad)\s*=/gi, " ")
      .replace(/(?<=\d)\s*[×xX*]\s*(?=\d)/g, ",")
      .replace(/[([{]/g, "[")
      .replace(/[)\]}]/g, "]");
    const found = plain.match(/[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?![a-z_])|[a-z_][\w.]*|[[\]]/gi) ?? [];
    return found.map((one) => SAME[one.toLowerCase()] ?? one.toLowerCase());
  }
  const bare = (list) => list.filter((one) => one !== "[" && one !== "]");
  const nested = (list) => list.some((one, i) => one === "[" && list[i + 1] === "[");

  function alike(wanted, given) {
    if (!NUMBER.test(wanted) || !NUMBER.test(given)) return wanted === given;
    if (Number(wanted) === Number(given)) return true;
    const digits = (wanted.split(".")[1] ?? "").length; // 输出只保留几位时，多写几位也算
    const more = (given.split(".")[1] ?? "").length;
    return digits > 0 && more > digits && !/e/.test(wanted + given) && Number(Number(given).toFixed(digits)) === Number(wanted);
  }
  const all = (wanted, given) => wanted.length === given.length && wanted.every((one, i) => alike(one, given[i]));

  /** 读者写的 `answer` 和输出 `output` 是不是一个意思。 */
  function same(output, answer) {
    const [wanted, given] = [tokens(output), tokens(answer)];
    if (nested(wanted) && nested(given)) return all(wanted, given);
    if (!bare(given).length) return false;
    if (all(bare(wanted), bare(given))) return true;
    return bare(wanted).length === 1 && all(bare(wanted), bare(tokens(answer.replace(/[,，](?=\d{3})/g, "")))); // 12,500
  }

  function create(tag, properties, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function prepare(output, number) {
    const cell = output.closest(".cell");
    const question = cell?.previousElementSibling;
    if (!question?.classList.contains("guess")) return;
    const text = output.querySelector("pre").textContent.trim();
    const told = /[[\]]/.test(text) ? text : text.replace(/\s*\n\s*/g, "、"); // 几行各一个的，连成一句
    question.id ||= `guess-${number}`;
    output.id ||= `guessed-${number}`;
    const choice = /^(True|False)$/.test(text);
    const name = `guess-answer-${number}`;
    const hint = choice ? "选一个：" : "你的猜测：";
    const said = create("output", {}, hint);
    const toggle = create("button", { type: "button", "aria-expanded": "false", "aria-controls": output.id }, "直接看结果");
    const input = create("input", { type: "text", name, autocomplete: "off", autocapitalize: "off", spellcheck: "false", "aria-label": "你的猜测" });
    const answers = choice
      ? ["True", "False"].map((value) => create("label", {}, create("input", { type: "radio", name, value }), create("span", {}, value)))
      : [input];
    const form = create("form", { class: "guess-form" }, said,
      create("div", { class: "guess-answers", role: "group", "aria-labelledby": question.id }, ...answers, create("button", { type: "submit" }, "对一对"), toggle));

    function cover(covered) {
      output.classList.toggle("covered", covered);
      toggle.setAttribute("aria-expanded", String(!covered));
      toggle.textContent = covered ? "直接看结果" : "再遮住";
    }
    function check(event) {
      event.preventDefault();
      const answer = choice ? (form.querySelector("input:checked")?.value ?? "") : input.value.trim();
      if (!answer) {
        said.textContent = `先${choice ? "选" : "写下"}一个答案，或者直接看结果。`;
        return;
      }
      cover(false);
      said.replaceChildren(same(text, answer) ? "对。" : "和输出不同。", create("span", { class: "told" }, `输出是 ${told}。`));
    }
    form.addEventListener("submit", check);
    toggle.addEventListener("click", () => {
      const covering = !output.classList.contains("covered");
      cover(covering);
      said.replaceChildren(covering ? hint : create("span", { class: "told" }, `输出是 ${told}。`));
    });
    cover(true);
    cell.before(form);
  }

  document.querySelectorAll(".guessed").forEach(prepare);
  window.guess = { same };
})();
