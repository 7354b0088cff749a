# Two commands: `make demo` and `make test`. Both install what they need into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test faults lint install benchmark clean

demo: $(VENV)/installed
	$(BIN)/python examples/03_crosscheck.py
	@rm -rf demo
	@$(BIN)/feyn-nn crosscheck erf --nets 400000 --couplings --out demo >/dev/null
	@echo "A report of the cross-check of Erf-net: demo/report.html"

test: $(VENV)/installed-dev lint
	$(BIN)/pytest

# Every fault at full counts; the tests run the same at reduced ones.
faults: $(VENV)/installed-dev
	$(BIN)/python -m tests.faults

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

install: $(VENV)/installed

benchmark: $(VENV)/installed
	$(BIN)/python benchmarks/generation.py

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, found " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[plot,progress]"
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) benchmarks/.venv demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
