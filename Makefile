# Every target installs what it needs into .venv first. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
NPM := $(BIN)/npm install --prefix $(VENV) --no-package-lock --no-audit --no-fund --loglevel=error
# The packages that Lambda's Node.js runtime contains, for functions in Node.js on the local emulator.
SDK := @aws-sdk/client-s3@3 @aws-sdk/client-dynamodb@3

# What judges the pipeline and was written by others: installed apart, because its pins are its own.
JUDGES := cfn-lint==1.58.0 checkov==3.3.30 microburst==0.10.0
SIMULATOR := @cloud-copilot/iam-simulate@0.1.173

# Python keeps compiled modules: without them each of the many processes that the tests start compiles its own.
unexport PYTHONDONTWRITEBYTECODE

# Test processes. Many tests wait for the emulator, so there are more than processors. Unit tests wait for nothing.
WORKERS ?= 4
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadgroup
# The runtime of the demo's functions: python3.14 when empty, or nodejs24.x.
RUNTIME ?=

READY := $(VENV)/.ready
READY_DEMO := $(VENV)/.ready-demo
READY_NODEJS := $(VENV)/.ready-nodejs
READY_JUDGES := $(VENV)-judges/.ready

.DEFAULT_GOAL := help
.PHONY: help demo check test judges coverage bench pictures lint unit format release clean

help: ## List the targets.
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

demo: $(if $(findstring nodejs,$(RUNTIME)),$(READY_NODEJS),$(READY_DEMO)) ## Show the whole pipeline on the local emulator (RUNTIME=nodejs24.x for Node.js).
	$(BIN)/pipectl demo $(if $(RUNTIME),--runtime $(RUNTIME))

check: $(READY) ## Run the linters and the unit tests: about 1 min on 2 processors.
	$(MAKE) --no-print-directory -j 2 lint unit

test: $(READY) ## Run all tests: 4 to 5 min on 2 processors.
	$(PYTEST)

unit: $(READY) ## Run the unit tests: without moto, the emulator, Chromium, and what is slow.
	$(BIN)/pytest -n auto --dist loadgroup -q -m "not moto and not emulator and not browser and not slow"

judges: $(READY) $(READY_JUDGES) ## Run judges of others (linters, simulators), every crash point, 100 times the fuzz examples.
	rm -f $(VENV)-judges/requests.jsonl
	RECORDED_REQUESTS=$(VENV)-judges/requests.jsonl $(BIN)/pytest -q --timeout 1800 tests/e2e/test_operator_permissions.py
	$(BIN)/pytest -s --timeout 1800 tests/judges/judge_*.py
	CRASHES=every $(PYTEST) --timeout 1800 tests/faults/test_crash.py tests/faults/test_concurrent_commands.py \
		tests/commands/test_down_orphans.py tests/e2e/test_sigkill_on_emulator.py
	HYPOTHESIS_PROFILE=thorough $(PYTEST) --timeout 3600 tests/fuzz
	HYPOTHESIS_PROFILE=thorough $(PYTEST) --timeout 1800 tests/e2e/test_pipeline_on_emulator.py \
		tests/e2e/test_replay_with_faults.py tests/e2e/test_concurrent_replays.py tests/e2e/test_soak_on_emulator.py \
		tests/cli/test_ending.py tests/output/test_printable.py \
		tests/resources/test_ownership.py tests/faults/test_fault_injection.py tests/commands/test_audit.py \
		tests/cli/test_errors.py tests/cli/test_main.py tests/local/test_emulator.py tests/local/test_harsh_emulator.py \
		tests/cli/test_documents.py tests/cli/test_down.py tests/cli/test_header.py tests/commands/test_down.py \
		tests/failures/test_audit_table.py tests/failures/test_interrupted.py tests/failures/test_memory.py \
		tests/failures/test_together.py tests/faults/test_clocks_and_silence.py tests/commands/test_backlog.py \
		tests/browser/test_documents.py

coverage: $(READY) ## Measure the branch coverage of engine, failures and resources: at least 95 %.
	$(PYTEST) -m "not emulator" --cov --cov-report=term-missing:skip-covered

bench: $(READY) ## Measure everything and write docs/benchmarks.md: about 20 min (BENCH="calls replay" for some of it).
	$(BIN)/python -m bench --write $(BENCH)

pictures: $(READY) ## Write the pictures of README.md and docs/ (NAMES="pipeline" for some of them).
	$(BIN)/python -m tools.pictures $(NAMES)

lint: $(READY) ## Run the linters and the type checker.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/plain_words.py

format: $(READY) ## Format the code and apply the linters' fixes.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

release: $(READY) ## Build the sdist and the wheel and check them: 1 to 2 min. Nothing is published.
	$(BIN)/python tools/release.py

clean: ## Delete .venv, caches and builds.
	rm -rf $(VENV) $(VENV)-judges build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(READY_DEMO): pyproject.toml | $(BIN)/python
	@echo "Installing pipectl and the local emulator into $(VENV): once, about half a minute."
	$(PIP) -e '.[local]'
	@touch $@

$(READY_NODEJS): pyproject.toml | $(BIN)/python
	@echo "Installing pipectl, the local emulator and Node.js into $(VENV): once, about a minute."
	$(PIP) -e '.[local,node]'
	$(NPM) $(SDK)
	@touch $@ $(READY_DEMO)

$(READY): pyproject.toml | $(BIN)/python
	@echo "Installing pipectl and the tools of its tests into $(VENV): once, about a minute."
	$(PIP) -e '.[local,uv,node,test,dev]'
	$(NPM) $(SDK)
	@touch $@ $(READY_DEMO) $(READY_NODEJS)

$(READY_JUDGES): Makefile | $(BIN)/python
	@echo "Installing the judges into $(VENV)-judges: once, about a minute."
	$(PYTHON) -m venv $(VENV)-judges
	$(VENV)-judges/bin/python -m pip install --quiet --disable-pip-version-check $(JUDGES)
	$(BIN)/npm install --prefix $(VENV)-judges --no-package-lock --no-audit --no-fund --loglevel=error $(SIMULATOR)
	@touch $@
