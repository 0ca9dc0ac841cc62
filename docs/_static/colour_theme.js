// 页面画出来之前选好配色。放在文件里，内容安全策略就不必为内联脚本开口子。
document.documentElement.classList.remove("no-js");
try {
  document.documentElement.dataset.theme = localStorage.getItem("theme") || "auto";
} catch {
  document.documentElement.dataset.theme = "auto"; // 浏览器不许存东西
}
