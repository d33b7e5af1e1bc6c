# Python to make the environment with; it must be 3.11 or newer.
PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
# The environment is complete, and as new as the files that describe it, when this file is.
READY := $(VENV)/.ready
TORCH := $(shell grep '^torch==' constraints.txt)

# Of `make torture`: mutations for each reader (kills and others in proportion), and its chance.
N ?= 100
SEED := $(or $(SEED),$(shell date +%s))

# Of `make load`: requests of the longest test.
REQUESTS ?= 20000

# Tests wait for processes much of their time: one worker more than there are cores.
WORKERS := $(shell $(PYTHON) -c 'import os; print(1 + (os.cpu_count() or 1))')

# Tests start many processes, which would compile all modules again if none kept them.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help train test pytest compiled test-slow test-install load torture coverage lint format bench docs screenshots clean

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

train: $(READY) ## Train configs/default.yaml, live on this screen
	$(BIN)/trm-tui train configs/default.yaml

# Type checking takes one core for a minute: the tests begin meanwhile.
test: $(READY) ## Run all checks and the tests
	$(MAKE) --no-print-directory --jobs=2 lint pytest

pytest: compiled
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder

# One process compiles what each process of the tests imports.
compiled: $(READY)
	$(BIN)/python -m compileall -q trm_engine trm_tui
	-@$(BIN)/python -m pytest --collect-only -q > /dev/null

test-slow: $(READY) ## Run the tests that need minutes
	$(BIN)/python -m pytest -m slow

test-install: $(READY) ## Install trm-router without torch in a fresh environment, and use it
	$(BIN)/python -m pytest -m installs

load: $(READY) ## Serve under load, kills and malformed bodies: make load REQUESTS=100000
	REQUESTS=$(REQUESTS) $(BIN)/python -m pytest -m slow -s tests/e2e/test_http_load.py

torture: $(READY) ## Kill, starve and feed nonsense: make torture N=1000, SEED=7 for the same again
	N=$(N) SEED=$(SEED) $(BIN)/python -m pytest tests/torture --numprocesses=$(WORKERS)

coverage: $(READY) ## Run the tests and print what they do not reach
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder \
		--cov=trm_engine --cov=trm_tui --cov-report=term:skip-covered

lint: $(READY) ## Check style, types and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY) ## Format the code and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Measure speed and memory; figures of each commit go to outputs/benchmarks.jsonl
	@mkdir -p outputs
	$(BIN)/python -m benchmarks --json outputs/benchmarks.jsonl

docs: $(READY) ## Make the tables of the documentation from the code
	$(BIN)/python -m docs.make

screenshots: $(READY) ## Draw the pictures of the documentation from a run: make screenshots RUN=outputs/...
	$(BIN)/python -m docs.screenshots $(RUN)

clean: ## Remove the environment, builds and caches (never outputs/)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find trm_engine trm_tui tests -name __pycache__ -type d -prune -exec rm -rf {} +

# torch comes first and by its exact version, so that pip takes the build that is at hand.
$(READY): pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP) install --quiet '$(TORCH)'
	$(PIP) install --quiet --constraint constraints.txt setuptools wheel
	$(PIP) install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "trm-tui needs Python 3.11 or newer, and '$(PYTHON)' is not." \
			"Try: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
