# Every command of the project. A target sets up what it needs first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# The tests and the stack start hundreds of interpreters, which would compile every module each time.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help demo test test-az test-clients conformance up check coverage bench chaos lock clean

PYTHON ?= python3.11
FOUND := $$($(PYTHON) -c '' 2>/dev/null && echo $(PYTHON) || echo python3)
PY := .venv/bin/python
VENV := .venv/.ready
NODE_MODULES := local/storage/node_modules/.ready
BROWSER := tests/browser/node_modules/.ready
READY := $(VENV) $(NODE_MODULES)
PIP_OPTIONS := --quiet --disable-pip-version-check --require-hashes
# Editable installs have no hashes; they take everything from the checkout and the packages that are there.
EDITABLE := --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation
GIFDROP := .venv/bin/gifdrop
COMPILE := .venv/bin/uv pip compile --generate-hashes --universal --quiet --no-header
# Versions that only tests use; `make lock` adds hashes and, except for the first, what they depend on.
WORKER := azure-functions-runtime==1.3.0
BATCH14 := azure-batch==14.2.0
AZ := azure-cli==2.91.0
QUICKSTART := azure-batch==11.0.0 azure-storage-blob==12.8.1
FFMPEG_TUTORIAL := azure-batch==6.0.0 azure-storage-blob==1.4.0 imageio-ffmpeg==0.8.1
SNAKEMAKE := snakemake==9.27.1 snakemake-executor-plugin-azure-batch==0.3.0 snakemake-storage-plugin-azure==0.4.4

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The tests run Azure's own worker library, which declares a newer Python and extensions that are not needed.
$(VENV): requirements-dev.txt requirements-worker.txt emulator/pyproject.toml
	@$(FOUND) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'gifdrop needs Python 3.11 or newer; name one: make PYTHON=/path/to/python' >&2; exit 1; }
	@echo 'setting up .venv (once; a minute or so)'
	@$(FOUND) -m venv .venv
	@$(PY) -m pip install $(PIP_OPTIONS) --requirement requirements-dev.txt
	@$(PY) -m pip install $(PIP_OPTIONS) --no-deps --ignore-requires-python --requirement requirements-worker.txt
	@$(PY) -m pip install $(EDITABLE) --editable ./emulator --editable .
	@touch $@

$(NODE_MODULES): local/storage/package-lock.json $(VENV)
	@echo 'setting up Azurite (once)'
	@.venv/bin/npm ci --prefix local/storage --no-audit --no-fund --no-update-notifier --silent
	@touch $@

$(BROWSER): tests/browser/package-lock.json $(VENV)
	@echo 'setting up a browser for the tests (once)'
	@.venv/bin/npm ci --prefix tests/browser --no-audit --no-fund --no-update-notifier --silent --ignore-scripts
	@touch $@

demo: $(READY) ## MP4 in, GIF out, through every part: make demo [VIDEO=file-or-folder]
	@$(GIFDROP) demo -- $${VIDEO:+"$$VIDEO"}

test: $(READY) $(BROWSER) ## every test; those of test-az and test-clients only once they have run
	@$(PY) -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

# Clients of the Batch emulator that need other packages than the project, each in an environment of its own.
define CLIENT_ENVIRONMENTS
for name in $(1); do \
  home=emulator/.local/venvs/$$name; pins=emulator/tests/requirements-$$name.txt; \
  if cmp --silent $$pins $$home/.ready; then continue; fi; \
  $(PY) -m venv --clear $$home; \
  $$home/bin/pip install $(PIP_OPTIONS) --requirement $$pins; \
  cp $$pins $$home/.ready; \
done
endef

test-az: $(READY) ## the Batch emulator under az and under azure-batch 14
	@$(call CLIENT_ENVIRONMENTS,batch14 az)
	@$(PY) -m pytest emulator/tests/test_sdks.py emulator/tests/test_az.py

test-clients: $(READY) ## the Batch emulator under az, azure-batch 14, @azure/batch for Node, snakemake, Microsoft's samples
	@$(call CLIENT_ENVIRONMENTS,batch14 az snakemake quickstart ffmpeg-tutorial)
	@PYTHONPATH=emulator/tests $(PY) -m samples
	@.venv/bin/npm ci --prefix emulator/tests/node --no-audit --no-fund --no-update-notifier --silent --ignore-scripts
	@$(PY) -m pytest emulator/tests/test_sdks.py emulator/tests/test_az.py emulator/tests/test_node.py emulator/tests/test_snakemake.py emulator/tests/test_samples.py

conformance: $(READY) ## Microsoft's own tests of azure-batch against the Batch emulator: make conformance [ARGS=--write]
	@PYTHONPATH=emulator/tests $(PY) -m conformance $(ARGS)

up: $(READY) ## the whole stack in the foreground, until Ctrl-C
	@$(GIFDROP) up

check: $(READY) ## ruff, mypy --strict, import-linter, Bicep, shell, spelling
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo
	@.venv/bin/lint-imports --no-logo --config emulator/pyproject.toml
	@$(PY) -m infra.check
	@if [ -x .venv/bin/shellcheck ]; then .venv/bin/shellcheck infra/*.sh tests/*.sh; else echo 'shellcheck: skipped, there is none for this machine'; fi
	@git ls-files -z | xargs -0 .venv/bin/codespell

coverage: $(READY) ## branches of shared/ and converter/ that the fast tests take
	@rm -rf .local/coverage && mkdir -p .local/coverage
	@$(PY) -m coverage run -m pytest --quiet tests/unit tests/simulation tests/converter
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report

bench: $(READY) ## the benchmarks, or some of them: make bench [ARGS="imports status"]
	@$(PY) -m bench $(ARGS)

chaos: $(READY) ## the stack under random faults: make chaos [ARGS="--seeds 10 --videos 200 --seconds 60"]
	@$(PY) -m tests.chaos $(ARGS)

lock: $(VENV) ## pin every requirements file afresh, with hashes; those of tests alone at the versions above
	@$(COMPILE) pyproject.toml --upgrade -o requirements.txt
	@$(COMPILE) pyproject.toml --upgrade --extra dev -c requirements.txt -o requirements-dev.txt
	@$(COMPILE) --no-annotate --no-deps --python-version 3.13 -o requirements-worker.txt - <<<'$(WORKER)'
	@$(COMPILE) --no-annotate --python-version 3.11 -o emulator/tests/requirements-batch14.txt - <<<'$(BATCH14)'
	@$(COMPILE) --no-annotate --python-version 3.11 -o emulator/tests/requirements-az.txt - <<<'$(AZ)'
	@tr ' ' '\n' <<<'$(QUICKSTART)' | $(COMPILE) --no-annotate --python-version 3.11 -o emulator/tests/requirements-quickstart.txt -
	@tr ' ' '\n' <<<'$(FFMPEG_TUTORIAL)' | $(COMPILE) --no-annotate --python-version 3.11 -o emulator/tests/requirements-ffmpeg-tutorial.txt -
	@tr ' ' '\n' <<<'$(SNAKEMAKE)' | $(COMPILE) --no-annotate --python-version 3.11 -o emulator/tests/requirements-snakemake.txt -

clean: ## remove what the targets above made
	@rm -rf .venv .local emulator/.local out local/storage/node_modules tests/browser/node_modules emulator/tests/node/node_modules bench/results
