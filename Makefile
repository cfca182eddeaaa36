# make            lint, types and unit tests
# make run        set up, start, open the demo pictures (or SRC=folder, file, glob or URL)
# make test       everything a pull request must pass
SHELL := bash
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.rayograph-installed
export VENV

.DEFAULT_GOAL := check
.PHONY: check setup run demo fmt lint types unit integration test-ui wheel test train bench docs pins vendor help

check: lint types unit

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt .ci/setup
	@PYTHON="$(PYTHON)" .ci/setup
	@touch $@

run: setup
	@exec $(BIN)/rayograph up "$${SRC:-demo}" $(ARGS)

demo: setup
	@exec $(BIN)/rayograph up demo $(ARGS)

fmt: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

unit: setup
	.ci/tier tests/unit -n auto

integration: setup
	.ci/tier tests/integration

test-ui: setup
	.ci/chromium
	.ci/tier tests/browser

wheel: setup
	.ci/wheel

test: lint types unit integration test-ui wheel

# make train ARGS='--steps 20000'   train the model that ships with the package: training/README.md
train: setup
	$(BIN)/python -m training $(ARGS)

# make bench NAME=search ARGS='--count 60000'   one benchmark; without NAME all, NAME=list names them
BENCHES := $(filter-out bare_serve common load peer scenes search_peers synthetic,$(basename $(notdir $(wildcard benchmarks/*.py))))
bench: setup
	@set -e; for name in $(or $(filter-out list,$(NAME)),$(BENCHES)); do \
		echo "== $$name: $$(head -1 benchmarks/$$name.py | tr -d '"')"; \
		if [ "$(NAME)" != list ]; then $(BIN)/python -m benchmarks.$$name $(ARGS); fi; done

# What the documentation must name (settings, routes, commands) is held to it by these tests.
docs: setup
	.ci/tier tests/unit -k "documented or docs"

pins: setup
	@{ sed -n '/^#/p' constraints.txt; \
		$(BIN)/uv pip freeze --python $(BIN)/python --exclude-editable; } > constraints.new
	@mv constraints.new constraints.txt

# Libraries of the page lie in the repository: a bare machine has no npm. This fetches them again.
vendor:
	.ci/vendor

help:
	@sed -n '/^# make/s/^# //p' $(MAKEFILE_LIST)
