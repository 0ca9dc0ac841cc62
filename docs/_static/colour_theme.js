// furo 唯一的内联脚本：在页面画出来之前选好配色。放在文件里，内容安全策略就不必为内联脚本开口子。
document.body.dataset.theme = localStorage.getItem("theme") || "auto";
document.documentElement.classList.remove("no-js");
