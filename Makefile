# `make run` and `make test` need Python 3.11 or newer and nothing else: they build .venv from the lock files.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
# Empty is "not set": Python may keep its byte-code, and starts faster.
export PYTHONDONTWRITEBYTECODE :=

# The first Python that is new enough; `make run PYTHON=/path/to/python` overrides.
PYTHON = $(shell for p in .venv/bin/python python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
NEED_PYTHON := Python 3.11 or newer is needed (Debian 12, Ubuntu 24.04: apt install python3 python3-venv)
ENVIRONMENT = p="$(PYTHON)"; [ -n "$$p" ] || { echo "$(NEED_PYTHON)" >&2; exit 1; }; "$$p" .ci/environment.py
BIN := .venv/bin

.PHONY: help run test lint types coverage benchmark soak mutate lock clean environment

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## a paper tick on live Kraken; without a network, a rehearsal of the bundled recording
	@$(ENVIRONMENT) local
	@$(BIN)/python -m bot run

test: ## lint, types, import rules, workflows, then all tests with coverage
	@$(ENVIRONMENT) tests
	@.ci/checks all

lint: ## ruff, import rules, workflow checks
	@$(ENVIRONMENT) tests
	@.ci/checks ruff imports zizmor workflows

types: ## mypy, strict for bot/ and training/
	@$(ENVIRONMENT) tests
	@.ci/checks types

coverage: ## the tests, then an HTML coverage report in htmlcov/
	@$(ENVIRONMENT) tests
	@.ci/checks tests
	@$(BIN)/coverage html --quiet && echo "open htmlcov/index.html"

benchmark: ## what SPEC calls fast, measured here
	@$(ENVIRONMENT) tests
	@for file in $$(ls tests/benchmarks/[a-z]*.py | grep -v /test_); do \
		name=$$(basename $$file .py); echo "benchmark: $$name"; $(BIN)/python -m tests.benchmarks.$$name; done

soak: ## the long tests: random kills, 10,000 schedules of accidents; an hour or more
	@$(ENVIRONMENT) tests
	@$(BIN)/python -m pytest -m soak -n 2 --timeout 3600

mutate: ## break the code that handles money, bit by bit: does a test notice? (PARTS=settle for one module)
	@$(ENVIRONMENT) mutation
	@$(BIN)/python -m tests.mutation $(PARTS)

environment: ## only build .venv, with everything the tests need
	@$(ENVIRONMENT) tests

lock: ## resolve pyproject.toml again into the lock files (UPGRADE=--upgrade moves indirect packages)
	@$(ENVIRONMENT) tests
	@.ci/lock $(UPGRADE)

clean: ## remove .venv and caches; the embedded database in .metronome stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .mutation .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
