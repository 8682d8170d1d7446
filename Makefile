# Everything needs only Python 3.11+, make and a package index. `make help` lists what there is.
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv
SYNC = UV_PROJECT_ENVIRONMENT=$(CURDIR)/$(VENV) UV_PYTHON=$(CURDIR)/$(BIN)/python UV_PYTHON_DOWNLOADS=never \
	UV_NO_PROGRESS=1 UV_COMPILE_BYTECODE=1 VIRTUAL_ENV= $(UV) sync --frozen --quiet
TEST_ARGS ?= -n 2
SECONDS ?= 60
ROUNDS ?= 500

.PHONY: install demo test interop faults fuzz lint format docs schema bench image clean help
.DEFAULT_GOAL := install

install: $(VENV)/.installed  ## set everything up in .venv/ (the default)

demo: install  ## documents become FHIR, on the command line and over HTTP; ends by itself
	@$(BIN)/yhdessa demo

test: install  ## every test
	@$(BIN)/pytest $(TEST_ARGS)

interop: install  ## our verdicts and maps beside those of others (with Java and Maven, Node and npm)
	@failed=0; for one in validator fml javascript clients hapi; do $(BIN)/python -m tests.interop.$$one || failed=1; done; exit $$failed

faults: install  ## processes killed at random, ROUNDS times (500) on each database; every plan must be where it should, once
	@$(BIN)/python -m tests.faults.rounds --rounds $(ROUNDS)
	@YHDESSA_EXPORT_KILLS=13 $(BIN)/pytest tests/export/test_kill.py
	@YHDESSA_TEST_KILLS=50 $(BIN)/pytest tests/api/test_linearizable.py

fuzz: install  ## made-up inputs against every reader, SECONDS each (60); led by coverage where atheris is installed
	@$(BIN)/python -c 'import atheris' 2>/dev/null || echo "atheris is not installed ($(UV) pip install atheris): mutating blindly"
	@failed=0; for one in convert fhirpath fml http json packages patterns structuremap validate; do \
		$(BIN)/python -m tests.fuzz.$$one --seconds $(SECONDS) || failed=1; done; exit $$failed

lint: install  ## style, types, and which package may import which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install  ## rewrite the source in house style
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

docs: install  ## regenerate the parts of the documentation that come from code
	@$(BIN)/cog -r -I docs docs/*.md
	@$(BIN)/python docs/generated.py

schema: install  ## the tables of a new SQLite file, after a revision was added
	@$(BIN)/python -m service.store.snapshot

bench: $(VENV)/.bench  ## every benchmark, as tables
	@$(BIN)/python -m bench

image:  ## the container image (needs Docker)
	docker build --tag yhdessa-fhir .

clean:  ## remove what make has built
	rm -rf $(VENV) dist build var

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip $(VENV)
	@$(PYTHON) -m venv $(VENV)/uv
	@$(VENV)/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.installed: pyproject.toml uv.lock | $(UV)
	@$(SYNC) --group dev
	@$(BIN)/python -m compileall -q service
	@rm -f $(VENV)/.bench
	@touch $@

$(VENV)/.bench: $(VENV)/.installed
	@$(SYNC) --group dev --group bench
	@touch $@
