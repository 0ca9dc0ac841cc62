// 页面画出来之前选好配色。放在文件里，内容安全策略就不必为内联脚本开口子。
document.documentElement.classList.remove("no-js");
document.documentElement.dataset.theme = (() => {
  try {
    return ["light", "dark"].find((theme) => theme === localStorage.getItem("theme")) ?? "auto";
  } catch {
    return "auto"; // 浏览器不许存东西
  }
})();
