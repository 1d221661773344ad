# Everything a developer does here. Needs make and Python 3.11 or newer with venv; uv and every
# other program come from the package index into .uv and .venv.

PYTHON ?= python3
PYTEST_WORKERS ?= 2
UV_VERSION := 0.13.8

PACKAGES := shared-lib identity-service product-core-api
TESTED := $(PACKAGES) infra mutation tests
BIN := $(CURDIR)/.venv/bin
INSTALLED := .venv/installed

# An activated environment is not the one that is made here.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help install up test lint check checkers mutate migrate migration docs prove bench
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv with everything that the lock file names
	@echo "Everything is installed."

up: $(INSTALLED) ## Run PostgreSQL, demo data and both services until Ctrl-C (RELOAD=1: reload on change)
	@$(BIN)/python -m infra.dev.up

migrate: $(INSTALLED) ## Bring both databases to their newest revision
	@$(BIN)/python -m infra.dev.migrate

migration: $(INSTALLED) ## Write a migration from the declared tables (SERVICE=product-core-api NAME=add_tickets)
	@$(BIN)/python -m infra.dev.migration "$(SERVICE)" "$(NAME)"

prove: $(INSTALLED) ## Take an installation of its own apart (OPTIONS="--section catalogue")
	@$(BIN)/python -m infra.dev.prove $(OPTIONS)

docs: $(INSTALLED) ## Write docs/reference, and the declarations that prove compares with
	@for service in identity-service product-core-api; do \
	  (cd $$service && $(BIN)/python -m app.reference ../docs/reference) || exit 1; \
	done
	@$(BIN)/python -m shared_lib.testing.hostile docs/reference

# Both services are a package called app: one process each, in its own directory. Exit status 5
# means that no test was selected, which a narrowing PYTEST_ADDOPTS may ask for.
test: $(INSTALLED) ## Run every test (PYTEST_WORKERS=2 processes at a time)
	@failed=; \
	for directory in $(TESTED); do \
	  [ -n "$$(find $$directory -name 'test_*.py' -print -quit)" ] || continue; \
	  echo "== $$directory"; \
	  (cd $$directory && $(BIN)/python -m pytest -n $(PYTEST_WORKERS)); status=$$?; \
	  if [ $$status -eq 5 ] && [ -n "$$PYTEST_ADDOPTS" ]; then continue; fi; \
	  if [ $$status -ne 0 ]; then failed="$$failed $$directory"; fi; \
	done; \
	if [ -n "$$failed" ]; then echo "Failed:$$failed" >&2; exit 1; fi

bench: $(INSTALLED) ## Measure what the protections cost, in ratios (BENCH=quick for a short look)
	@$(BIN)/python -m bench

lint: $(INSTALLED) ## Check style, formatting and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@set -e; for directory in . $(PACKAGES); do \
	  if [ -f $$directory/.importlinter ] || grep -qs '^\[tool.importlinter' $$directory/pyproject.toml; then \
	    (cd $$directory && $(BIN)/lint-imports); \
	  fi; \
	done

# What exists of $(2) in the directory $(1).
present = $(foreach part,$(2),$(if $(wildcard $(1)/$(part)),$(part)))
# Each in its own directory: there are two packages called app, and tests without __init__.py.
mypy = cd $(1) && MYPYPATH=src:$(CURDIR) $(BIN)/mypy --config-file $(CURDIR)/pyproject.toml \
  --explicit-package-bases $(call present,$(1),$(2))

check: lint ## Check style and types
	@$(call mypy,shared-lib,src tests)
	@$(call mypy,identity-service,app tests migrations/env.py)
	@$(call mypy,product-core-api,app tests migrations/env.py)
	@$(call mypy,.,infra mutation tests bench)

checkers: $(INSTALLED) ## Run pgrls, squawk, schemathesis and others (ONLY="bandit squawk": only those)
	@$(BIN)/python -m infra.checkers $(ONLY)

mutate: $(INSTALLED) ## Take each protection away: does a check notice? (ONLY=guard, SAMPLE=3: some of each suite)
	@$(BIN)/python -m mutation $(addprefix --only ,$(ONLY)) $(addprefix --sample ,$(SAMPLE))

$(INSTALLED): uv.lock pyproject.toml $(PACKAGES:%=%/pyproject.toml) .uv/uv-$(UV_VERSION)
	@echo "Installing the packages of uv.lock into .venv …"
	@.uv/bin/uv sync --quiet --frozen --all-packages --all-groups --python .uv/bin/python
	@touch $@

.uv/uv-$(UV_VERSION):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing uv $(UV_VERSION) into .uv …"
	@$(PYTHON) -m venv --clear .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@
