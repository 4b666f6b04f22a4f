# `make demo` and `make test` do all the set-up themselves; both need Python 3.11 or newer and pip.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PHOTOS ?=
MODEL ?= starter
# Tests wait for processes and servers more than they compute: three at a time, a file in one process.
# Long files come first (tests/conftest.py), so that all processes end at about the same time.
AT_ONCE ?= -n 3 --dist loadfile --no-loadscope-reorder
# WEB=1 opens the gallery on the demo's catalogue at its end.
WEB ?=

SEED ?=
# Of `make bench`: how often each contestant takes its turn.
ROUNDS ?= 5

.PHONY: demo test test-fast test-web faults faults-short check bench format clean

demo: .venv/installed
	$(BIN)/kadr demo $(PHOTOS) --model $(MODEL)
	$(if $(WEB),KADR_DATABASE_URL=sqlite:///$(CURDIR)/demo/kadr.db $(BIN)/kadr serve)

test: .venv/installed-dev
	$(BIN)/python -m pytest -q $(AT_ONCE) -m 'not thorough'

# The daily loop: SQLite alone, and nothing that starts a server, trains or builds.
test-fast: .venv/installed-dev
	$(BIN)/python -m pytest -q $(AT_ONCE) -m 'not slow and not thorough'

# The gallery in a real Chromium: `apt-get install chromium`, or KADR_CHROMIUM=/path/to/it. No other
# target runs these tests, so that those need nothing but Python.
test-web: .venv/installed-web
	$(BIN)/python -m pytest -q -n 2 --dist load tests/web

# A fleet is killed, starved and cut off for minutes, on both databases; `make faults SEED=...`
# repeats a run. `make faults-short`, which `make check` runs too, is a minute of it.
faults-short: .venv/installed-dev
	FAULTS_SEED=$(SEED) $(BIN)/python -m pytest -q $(AT_ONCE) tests/faults

faults: .venv/installed-dev
	FAULTS_SEED=$(SEED) $(BIN)/python -m pytest -q -m 'faults or not faults' tests/faults

# What CI runs: format, lint, types, import contracts, all tests (those of `make test`, and the thorough
# ones), and the short form of the faults.
check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q $(AT_ONCE)
	$(BIN)/python -m pytest -q $(AT_ONCE) tests/faults

# Kadr beside the paper's loop, open_clip, rclip and clip-retrieval, of which the last two are installed
# into a cache folder: some GB the first time. PHOTOS=FOLDER takes your own JPEGs.
bench: .venv/installed
	$(BIN)/python -m benchmarks.rivals $(if $(PHOTOS),--photos '$(PHOTOS)') --rounds $(ROUNDS)

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Kadr needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	touch $@

.venv/installed-dev: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ .venv/installed

.venv/installed-web: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[web-tests]'
	touch $@ .venv/installed .venv/installed-dev
