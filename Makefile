# vitrine: `make demo` shows it at work, `make test` proves it. Both set up what they need.

SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Set DB to search another database, SERVE_ARGS for `vitrine serve`, PYTEST_ARGS for pytest.
DB ?= .vitrine/demo.db
PYTEST_ARGS ?=
# Tests wait for servers half of the time. Each worker has a model and servers of its own.
WORKERS ?= $(shell cores=$$(nproc 2>/dev/null || echo 2); echo $$((cores < 4 ? cores : 4)))

# Debian installs what is missing when make runs as root; else it says what to install.
APT := DEBIAN_FRONTEND=noninteractive apt-get
AS_ROOT := [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null

.PHONY: help demo test check openapi serve bench clean libraries chromium redis

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## Index sample_data/ and show three searches
	$(BIN)/vitrine demo

test: $(VENV)/.installed-test libraries chromium redis check ## Static checks, then every test, with coverage
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term $(PYTEST_ARGS)

check: $(VENV)/.installed-test ## Format, lint, types, known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python .ci/audit_dependencies.py

openapi: $(VENV)/.installed ## Write docs/openapi.json anew: the changelog names its digest
	$(BIN)/vitrine openapi --out docs/openapi.json
	@$(BIN)/python -c 'from api.openapi import *; print("openapi.json", digest_of(open("docs/openapi.json").read()))'

serve: $(VENV)/.installed ## Serve the demo's database at http://127.0.0.1:8000
	@test -e $(DB) || $(BIN)/vitrine demo --db $(DB) >/dev/null
	$(BIN)/vitrine serve --db $(DB) $(SERVE_ARGS)

bench: $(VENV)/.installed-test ## Measure throughput and latency against named peers
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

clean: ## Remove what make and vitrine made here
	rm -rf $(VENV) .vitrine build dist *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "vitrine needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
	       "Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  venv=python$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv; \
	  if $(AS_ROOT); then $(APT) update -qq && $(APT) install -y -qq $$venv; \
	  else echo "$(PYTHON) has no venv. On Debian or Ubuntu: sudo apt-get install $$venv" >&2; exit 1; fi; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing vitrine into $(VENV) (once; PyTorch is the large part)"
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "Installing what the tests need into $(VENV) (once)"
	$(PIP) install -c constraints.txt -e '.[test]'
	@touch $@

# skia-python, which draws the sample catalogue, needs the system's OpenGL libraries.
libraries: $(VENV)/.installed-test
	@$(BIN)/python -c 'import skia' 2>/dev/null || { \
	  if $(AS_ROOT); then \
	    $(APT) update -qq && $(APT) install -y -qq --no-install-recommends libegl1 libgl1 libfontconfig1 >/dev/null; \
	  else echo "skia-python needs: sudo apt-get install libegl1 libgl1 libfontconfig1" >&2; exit 1; fi; }

# The browser test drives the system's Chromium. CI must have it; elsewhere its absence is said.
chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	  if $(AS_ROOT); then \
	    $(APT) update -qq && $(APT) install -y -qq --no-install-recommends chromium >/dev/null; \
	  else echo "No Chromium: the browser test will be skipped. On Debian: sudo apt-get install chromium" >&2; fi; }

# Limits that several workers share are tested with a real Redis.
redis:
	@command -v redis-server >/dev/null || { \
	  if $(AS_ROOT); then \
	    $(APT) update -qq && $(APT) install -y -qq --no-install-recommends redis-server >/dev/null; \
	  else echo "No Redis: its tests will be skipped. On Debian: sudo apt-get install redis-server" >&2; fi; }
