# Everything a developer and CI run. Each target sets up what it needs, says what it does, and can be run again.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
READY   = $(VENV)/.ready
FIRST  ?= 1
SEEDS  ?= 1000

.PHONY: demo test lint check fix cover fuzz sweep audit build bench clean help

help:
	@echo "make demo    set up and watch three weeks of newsletters against the embedded platform"
	@echo "make test    set up and run the tests"
	@echo "make check   format, lint, types, tests"
	@echo "make fix     let the tools mend what they can"
	@echo "make cover   tests with branch coverage"
	@echo "make fuzz    a million odd files through reader, check and load; SEEDS=2 FIRST=17 for a part"
	@echo "make sweep   kill each flow at each of its acts, and see that nothing is mailed twice or lost"
	@echo "make audit   hold the pinned packages against the known vulnerabilities; asks the network"
	@echo "make build   the wheel"
	@echo "make bench   measure, beside what a user would pick instead; PARTS='load others' for some of it"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "closedloop needs Python 3.11 or newer; set PYTHON=python3.x" >&2; exit 1; }
	@echo "== setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "python3 can't make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)
	@echo "== closedloop demo"
	@$(BIN)/closedloop demo

test: $(READY)
	@echo "== pytest"
	@$(BIN)/pytest -n auto

lint: $(READY)
	@echo "== ruff, mypy"
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

check: lint test

fix: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

cover: $(READY)
	@$(BIN)/pytest -n auto --cov --cov-report=term

fuzz: $(READY)
	@POLARS_MAX_THREADS=1 FUZZ_FIRST=$(FIRST) FUZZ_SEEDS=$(SEEDS) nice -n 15 $(BIN)/pytest -n 2 tests/core/test_parse_fuzz.py

sweep: $(READY)
	@$(BIN)/python -m tests.sweep

# Not part of check: it needs the network, and a vulnerability found overnight must not stop a fix. Strict: a package that
# can't be looked up is no package without vulnerabilities.
audit:
	@echo "== pip-audit"
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	@$(VENV)/audit/bin/pip-audit --strict --disable-pip --no-deps --requirement constraints.txt

build: $(READY)
	@$(BIN)/python -m build

bench: $(READY)
	@$(BIN)/python -m benchmarks $(PARTS)

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
