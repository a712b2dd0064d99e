# Two commands matter: `make demo` and `make test`. Both set up everything they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What Lambda's Node.js runtime ships, for functions on the local emulator.
SDK := @aws-sdk/client-s3@3 @aws-sdk/client-dynamodb@3
READY := $(VENV)/.ready

.PHONY: demo test lint format clean

demo: $(READY)
	$(BIN)/pipectl demo

test: $(READY)
	$(BIN)/pytest -n 4 --dist loadgroup

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/plain_words.py

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist

$(READY): pyproject.toml Makefile
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local,node,test,dev]'
	$(BIN)/npm install --prefix $(VENV) --no-package-lock --no-audit --no-fund --loglevel=error $(SDK)
	touch $@
