# femto-acs. `make demo` runs the main job, `make test` passes the tests; both do all the set-up.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Many tests start processes: none of them compiles again what the first has compiled.
export PYTHONDONTWRITEBYTECODE =
export PYTHONPYCACHEPREFIX = $(CURDIR)/$(VENV)/bytecode

.DEFAULT_GOAL := help
.PHONY: help demo test check servers fuzz model kills lock clean

help: ## Show this help.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "femto-acs needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## Start an ACS and a fleet of HeNBs, tamper with them, watch the remediation.
	$(BIN)/acs demo

servers: # Of Debian, for tests that are skipped without them; only root can install them.
	@for each in prosody:prosody nft:nftables; do \
	  command -v $${each%:*} >/dev/null && continue; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	  then (apt-get install -y -qq $${each#*:} || (apt-get update -qq && apt-get install -y -qq $${each#*:})) >/dev/null 2>&1 \
	    || echo "$${each#*:} can't be installed: tests that need it are skipped"; \
	  else echo "$${each#*:} is not installed: tests that need it are skipped (Debian: apt-get install $${each#*:})"; fi; \
	done

check: $(STAMP) ## Static checks: style, types, the direction of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check servers ## All static checks, all tests, coverage of the rooms that must not fail.
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=
	@for room in cwmp alarms remediation; do \
	  echo "coverage of acs/$$room, lines and branches:"; \
	  $(BIN)/coverage report --include="acs/$$room/*" --format=total --fail-under=90 || exit 1; \
	done

FUZZ_SECONDS ?= 60
fuzz: $(STAMP) ## Fuzz every parser and the HTTP front, FUZZ_SECONDS each (60).
	$(BIN)/python -c 'import atheris' 2>/dev/null || VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet 'atheris>=3.0'
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

MODEL_EXAMPLES ?= 500
model: $(STAMP) ## Search for a history that breaks clause 5.7, MODEL_EXAMPLES histories (500).
	ACS_MODEL_EXAMPLES=$(MODEL_EXAMPLES) $(BIN)/python -m pytest -q -n 0 tests/model

kills: $(STAMP) ## Kill a node, and switch a HeNB off, at every point of every scene, on SQLite and on PostgreSQL.
	ACS_MODEL_KILLS=all $(BIN)/python -m pytest -q -n 0 tests/model/test_every_death.py tests/model/test_every_power_cut.py

lock: ## Resolve the dependencies anew.
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  --extra dev --extra postgres pyproject.toml build-requirements.in -o requirements.lock

clean: ## Remove the environment and what the tools left.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
