"""网站怎样做成：一页从脚本到发布，依次经过这里的各个文件夹（见 .github/CONTRIBUTING.md）。"""
