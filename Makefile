# The README's two commands: `make demo` and `make test`. Everything else is for people who change the code.
PYTHON ?= python3
WORKSPACE ?= .spm
PORT ?= 8000
# `make demo DEMO=headless` does the same and stops after a health check.
DEMO ?=
# More options of `spm demo`, for example DEMO_OPTIONS="--reps 200 --periods 12".
DEMO_OPTIONS ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CLUSTER := $(VENV)/.cluster
export MLFLOW_DISABLE_TELEMETRY := true
# Images often set this one. Without kept bytecode every process compiles its imports anew, which takes it seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check lint types imports format install lock docs clean help
.DEFAULT_GOAL := help

help:  ## Say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED)  ## Make .venv with exactly the pinned packages

$(INSTALLED): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "spm-ml needs Python 3.11 or newer; name one with 'make PYTHON=python3.12 $(MAKECMDGOALS)'" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

# Spark weighs more than all else together, and only tests need it and Dask.
$(CLUSTER): $(INSTALLED) constraints-cluster.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r constraints-cluster.txt
	@touch $@

demo: $(INSTALLED)  ## Simulate a sales organisation, train, score and serve its risk board
	@$(BIN)/spm demo --workspace $(WORKSPACE)-demo --port $(PORT) $(if $(filter headless,$(DEMO)),--headless) $(DEMO_OPTIONS)

# Files in the order of their folders: those of acceptance/ hold few and long tests, and one begun last is waited for.
test: $(INSTALLED) $(CLUSTER)  ## Run every test
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder \
	  --durations 30 --durations-min 5

check: lint types imports test  ## Everything a commit must pass

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile

types: $(INSTALLED) $(CLUSTER)
	$(BIN)/mypy

imports: $(INSTALLED)
	$(BIN)/lint-imports

format: $(INSTALLED)  ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

LOCK := $(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-annotate --no-header --no-emit-index-url --upgrade

lock: $(INSTALLED)  ## Pin anew what pyproject.toml allows (versions and hashes, no addresses)
	$(LOCK) --extra apps --extra connectors --extra postgresql --extra telemetry --extra dev -o constraints.txt
	$(LOCK) --extra spark --extra dask --constraint constraints.txt -o constraints-cluster.txt

docs: $(INSTALLED)  ## Write the pages that are generated from code
	$(BIN)/python docs/generate.py

clean:  ## Remove the environment and every cache; workspaces stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache test-output dist
