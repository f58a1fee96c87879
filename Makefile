# Every target sets up what it needs: Python 3.11+ and make are enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Two tests at a time: many wait for processes.
PYTEST_ARGS ?= -n 2
SOURCE := agent analytics cache cli collector dashboards model optimizer tests benchmarks

.PHONY: install demo test check format serve bench lock clean help

help: ## show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

install: $(READY) ## create .venv with the pinned packages

# The lock is complete: without --no-deps pip looks for the newest of what an extra asks for, and misses its hash.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "makespan needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: $(READY) ## the whole loop on a real project; leaves demo-result/index.html
	$(BIN)/makespan demo --output demo-result --json demo-result/result.json

test: $(READY) ## run the tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(READY) ## format, lint, types, import layers
	$(BIN)/ruff format --check $(SOURCE)
	$(BIN)/ruff check $(SOURCE)
	$(BIN)/mypy $(foreach d,agent analytics cache cli collector dashboards model optimizer,$(d)/makespan_$(d)) tests benchmarks
	$(BIN)/lint-imports

format: $(READY) ## rewrite the source in the project's format
	$(BIN)/ruff format $(SOURCE)
	$(BIN)/ruff check --fix $(SOURCE)

serve: $(READY) ## collector on 127.0.0.1:4318
	$(BIN)/makespan serve

bench: $(READY) ## every benchmark, one after the other
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: $(READY) ## pin what pyproject.toml asks for, newest versions, without any index address
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev --generate-hashes \
	  --no-emit-package makespan --no-header --no-annotate --output-file requirements.lock pyproject.toml

clean: ## remove what the other targets made
	rm -rf $(VENV) .makespan demo-result build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
