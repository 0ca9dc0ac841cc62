/* 站内搜索的里面：切词、排名、摘要，不碰页面；第一次搜索时才由 search.js 取来。
   索引怎样生成、分成哪几种文件，见 site_builder/search/index.py；切词要与它的 words() 一致。 */
"use strict";

/** `load` 取索引的一部分：名字 → Promise。 */
const searchEngine = (load) => {
  /** 提问的套话，不是要找的东西。 */
  const QUESTION = /如何|怎么样|怎么|怎样|为什么|为何|什么是|是什么|请问|哪些|使用|的|吗|呢/g;
  /** 读者常用、教程里不用（或另有说法）的词 → 换成什么去查。 */
  const ALIASES = {
    显卡: "gpu",
    多卡: "多个 gpu 数据并行",
    自动求导: "自动微分",
    正向传播: "前向传播",
    后向传播: "反向传播",
    置零: "清零",
    归零: "清零",
    断点续训: "检查点续训",
    迁移学习: "微调",
    精度: "准确率",
    过滤器: "卷积核",
    cifar10: "cifar 10",
  };
  /** 一节里没有左边的词时，右边的也算，分量打折。 */
  const RELATED = { gpu: "加速器", 模型: "网络" };
  const RELATED_WEIGHT = 0.5;
  const ALIAS = new RegExp(Object.keys(ALIASES).join("|"), "g");
  const RUN = /[a-z0-9_]+|[\u3400-\u9fff]+/g;
  /** 一处命中值多少：页标题、节标题、所在页的标题、正文、代码。 */
  const WEIGHT = { title: 12, heading: 9, page: 1.5, prose: 3, code: 1.5 };
  const FOLDED = 0.5;
  /** 教程先于安装、下载一类的页面。 */
  const TUTORIAL = 1.25;
  /** 只有标题、内容都在下一级的节。 */
  const EMPTY = 0.5;
  /** 就是讲这个词的：标题或词条的名字与查询相同；页面的文件名里有它。 */
  const NAMED = 30;
  const ABOUT = 20;
  /** 标题以查询开头。 */
  const STARTS = 5;
  /** 报错里每三个词是一组，全都连着出现时加多少。 */
  const MESSAGE = 40;
  const CANDIDATES = 8;
  const SUMMARY = 96;

  // -- 索引 -------------------------------------------------------------------

  async function loadSections(page) {
    const sections = await load(`pages/${page}`);
    return sections.map(([anchor, heading, prose, code, folded]) => ({
      anchor,
      folded,
      title: plain(heading),
      // 词条“梯度（gradient）”有两个名字
      names: [heading, ...(/^([^（）]+)（([^（）]+)）$/.exec(heading)?.slice(1).join("、").split("、") ?? [])].map(plain),
      length: heading.match(/[A-Za-z0-9_]+|[\u3400-\u9fff]/g)?.length ?? 1,
      ...fields({ heading, prose, code }),
    }));
  }

  const fields = (texts) =>
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, { text, lower: text.toLowerCase() }]));

  // -- 查询 -------------------------------------------------------------------

  /** 读者贴来的整段 traceback 里，只有最后那句报错要找；CUDA 和 torch.load 在后面加的话也不算。 */
  const ERROR = /^.*\b\w*(?:Error|Warning|Exception| error): *(?=\S)(.*?)(?:\s*(?:Search for `cuda|CUDA kernel errors).*)?$/s;
  const complaint = (text) => /Weights only load failed/.exec(text)?.[0] ?? ERROR.exec(text)?.[1];

  /** 一段报错里的词，只隔一个空格；数字不算：读者的报错里，数字和这里的不同。 */
  const wording = (text) => (text.match(/[A-Za-z_]{2,}|[\u3400-\u9fff]+/g) ?? []).join(" ");

  /** 把查询切成词：[{word, cells, …}]，cells 是它盖住查询里的哪几格（一个汉字一格，一个西文名两格）。 */
  function cut(asked) {
    const message = complaint(asked);
    const said = wording(message ?? "").split(" ").slice(0, 40);
    const text = said[0] ? said.join(" ") : asked;
    const clean = text.normalize("NFKC").toLowerCase();
    const runs = clean.replace(QUESTION, " ").replace(ALIAS, (word) => ALIASES[word]).match(RUN) ?? clean.match(RUN) ?? [];
    const written = new Map((text.normalize("NFKC").match(/[A-Za-z0-9_]+/g) ?? []).map((word) => [word.toLowerCase(), word]));
    const terms = [];
    let cell = 0;
    for (const run of runs) {
      const latin = run < "\x80";
      if (latin || run.length === 1) {
        terms.push({ word: run, written: written.get(run), latin, cells: latin ? [cell, cell + 1] : [cell], weight: 1 });
        cell += latin ? 2 : 1;
      } else {
        for (let i = 0; i + 1 < run.length; i++) terms.push({ word: run.slice(i, i + 2), latin, cells: [cell + i, cell + i + 1], weight: 1 });
        cell += run.length;
      }
    }
    const related = terms.flatMap(({ word, cells }, instead) =>
      Object.hasOwn(RELATED, word) ? [{ word: RELATED[word], latin: false, cells, weight: RELATED_WEIGHT, instead }] : [],
    );
    const length = Math.min(3, said.length);
    const groups = said[0] ? said.slice(length - 1).map((_, i) => said.slice(i, i + length).join(" ")) : [];
    return { terms: [...terms, ...related], count: terms.length, runs, cells: cell, clean, whole: plain(text), groups };
  }

  /** 词在文字里的位置 [始, 终, 分量]。西文名要从一个词的开头起；只是前一半时分量小。 */
  function spots({ word, latin, written }, { text, lower }) {
    const found = [];
    for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + word.length)) {
      const end = at + word.length;
      if (!latin) found.push([at, end, 1]);
      else if (starts(text, at)) {
        const ends = end === text.length || starts(text, end) || text[end] === "_";
        // 查询写成 Module 时，module 是另一个词
        const same = !written || !/[a-z]/.test(written) || written === word || text.slice(at, end) === written;
        found.push([at, end, (ends ? 1 : 0.4) * (same ? 1 : 0.4)]);
      }
    }
    return found;
  }

  /** 位置 `at` 不在一个西文词的中间（下划线和 camelCase 的大写字母处可以断开）。 */
  const starts = (text, at) =>
    at === 0 || !/[A-Za-z0-9]/.test(text[at - 1]) || !/[A-Za-z0-9]/.test(text[at]) || (/[a-z]/.test(text[at - 1]) && /[A-Z]/.test(text[at]));

  const times = (term, field) => spots(term, field).reduce((sum, spot) => sum + spot[2], 0);

  /** 哪些页最可能有：由词表得出，最多 CANDIDATES 页。 */
  async function choosePages({ terms }, { pages, parts }) {
    const scores = new Map();
    await Promise.all(
      terms.map(async (term) => {
        const words = await load(`words-${term.word.charCodeAt(0) % parts}`);
        const prefix = term.latin || term.word.length === 1;
        const matches = prefix ? Object.keys(words).filter((word) => word.startsWith(term.word)) : [term.word.slice(0, 2)];
        const worth = new Map();
        for (const word of matches) {
          const [body, headings] = (words[word] ?? "|").split("|").map((list) => list.split(" ").filter(Boolean));
          for (const page of body) worth.set(page, Math.max(worth.get(page) ?? 0, 1));
          for (const page of headings) worth.set(page, 4);
        }
        const rarity = term.weight * Math.log(1 + pages.length / worth.size);
        for (const [page, value] of worth) scores.set(page, (scores.get(page) ?? 0) + value * rarity);
      }),
    );
    const ranked = [...scores].map(([page, score]) => [page, pages[page][0].startsWith("tutorials/") ? score * TUTORIAL : score]);
    return ranked.sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, CANDIDATES).map(([page]) => pages[page]);
  }

  /** 给出排好名次的节。 */
  async function search(text) {
    const query = cut(text);
    if (!query.terms.length) return [];
    const pages = await choosePages(query, await load("index"));
    const found = [];
    await Promise.all(
      pages.map(async ([name, address], order) => {
        const sections = (pages[order].sections ??= await loadSections(name));
        sections.forEach((section, place) => found.push(measure(query, section, sections[0], place, { name, address, order })));
      }),
    );
    const rarity = query.terms.map((_, i) => {
      const having = found.filter((one) => one.values[i].own > 0).length;
      return query.terms[i].weight * Math.log(1 + found.length / (having || 1));
    });
    for (const one of found) one.score = score(one, query, rarity);
    return found
      .filter((one) => one.score > 0)
      .sort((a, b) => b.score - a.score || a.order - b.order || a.place - b.place)
      .map((one) => ({ ...one, query }));
  }

  function measure({ terms }, section, page, place, where) {
    const values = terms.map((term) => {
      const [heading, prose, code] = [section.heading, section.prose, section.code].map((field) => times(term, field));
      const inPage = Math.min(1, times(term, page.heading));
      return { heading: Math.min(1, heading), prose: prose / (prose + 1.5), code: code / (code + 1.5), inPage, own: heading + prose + code };
    });
    terms.forEach(({ instead }, i) => {
      if (instead !== undefined && values[instead].own) values[i] = { heading: 0, prose: 0, code: 0, inPage: 0, own: 0 };
    });
    return { ...where, section, page, place, values };
  }

  function score({ section, page, place, name, values }, { terms, count, runs, cells, whole, clean, groups }, rarity) {
    const covered = new Set();
    const inHeading = new Set();
    let sum = 0;
    values.forEach((value, i) => {
      if (value.own || value.inPage) terms[i].cells.forEach((cell) => covered.add(cell));
      if (value.heading) terms[i].cells.forEach((cell) => inHeading.add(cell));
    });
    const verbatim = runs.length > 1 && [section.heading, section.prose, section.code].some(({ lower }) => lower.includes(clean));
    const named = section.names.includes(whole) || (verbatim && section.names.includes(runs.at(-1)));
    if (!named && !values.some((value) => value.own)) return 0;
    // 标题越短，命中的词在其中越要紧
    const focus = 0.5 + 0.5 * Math.min(1, inHeading.size / section.length);
    values.forEach((value, i) => {
      const heading = value.heading * (place ? WEIGHT.heading : WEIGHT.title) * focus;
      const nearby = place ? value.inPage * WEIGHT.page : 0;
      sum += rarity[i] * (heading + nearby + value.prose * WEIGHT.prose + value.code * WEIGHT.code);
    });
    sum *= covered.size / cells / count;
    for (const run of runs.filter((run) => run.length > 2)) {
      if (section.heading.lower.includes(run)) sum += 3;
      if (section.prose.lower.includes(run)) sum += 1;
    }
    // 原样出现的整句，或者 nn.Module 这样的全名
    if (verbatim) sum = sum * 2 + (runs.length > 2 ? 10 : 0);
    if (groups.length) {
      const said = wording(section.code.text);
      sum += (MESSAGE * groups.filter((group) => said.includes(group)).length) / groups.length;
    }
    if (named) sum += NAMED;
    else if (section.title.startsWith(whole)) sum += STARTS;
    else if (whole.length > 2 && section.title.includes(whole)) sum += 5;
    const last = runs[0] === "torch" && runs.length > 1 ? runs.slice(1) : runs; // torch.autograd 就是 autograd
    if (!place && last.every((run) => name.split(/[/_]/).includes(run))) sum += ABOUT;
    if (!section.prose.text && !section.code.text) sum *= EMPTY;
    if (name.startsWith("tutorials/")) sum *= TUTORIAL;
    return section.folded ? sum * FOLDED : sum;
  }

  const plain = (text) => (text.normalize("NFKC").toLowerCase().replace(QUESTION, "").match(RUN) ?? []).join("");

  // -- 摘要 -------------------------------------------------------------------

  /** 命中最集中的一段正文；正文里没有时，用第一行命中的代码；都没有时，用这一节的开头。 */
  function summarize({ section, query }) {
    const hits = query.terms.flatMap((term, i) => spots(term, section.prose).map((spot) => [...spot, i])).sort((a, b) => a[0] - b[0]);
    if (!hits.length) {
      const lines = section.code.text.split("\n").map((text) => fields({ line: text }).line);
      const line = lines.find((line) => query.terms.some((term) => spots(term, line).length));
      if (line) return { text: line.text, code: true };
    }
    let best = 0;
    let start = 0;
    hits.forEach((hit, i) => {
      const near = new Set();
      for (let j = i; j < hits.length && hits[j][1] < hit[0] + SUMMARY * 0.7; j++) near.add(hits[j][3]);
      if (near.size > best) [best, start] = [near.size, hit[0]];
    });
    return { text: clip(section.prose.text, start) };
  }

  /** 从含有 `hit` 的句子起截一段，尽量停在句末；句子太长就从中间起，不切断西文词。 */
  function clip(text, hit) {
    const before = text.slice(0, hit);
    let start = Math.max(...["。", "；", "！", "？", "\n"].map((mark) => before.lastIndexOf(mark))) + 1;
    const midway = hit - start > 40;
    if (midway) for (start = hit - 20; !starts(text, start); start--);
    let end = Math.min(text.length, start + SUMMARY);
    while (end < text.length && !starts(text, end)) end++;
    const sentences = text.slice(start, end).lastIndexOf("。") + 1;
    const whole = end === text.length || sentences > SUMMARY / 2;
    if (whole && sentences) end = start + sentences;
    const piece = text.slice(start, end).replace(/^[\s，、：；）”]+/, "").trim().replace(/\s*\n/g, " ");
    return (midway ? "…" : "") + piece + (whole ? "" : "…");
  }

  /** 文字里命中的几段 [始, 终]，相接的合成一段。 */
  function hits(text, { terms }) {
    const field = { text, lower: text.toLowerCase() };
    const merged = [];
    for (const [start, end] of terms.flatMap((term) => spots(term, field)).sort((a, b) => a[0] - b[0])) {
      const last = merged.at(-1);
      if (last && start <= last[1]) last[1] = Math.max(last[1], end);
      else merged.push([start, end]);
    }
    return merged;
  }

  return { search, summarize, hits };
};
