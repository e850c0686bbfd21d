# `make run` and `make test` are all that a fresh machine needs (Debian, Python 3.11 or later).
.DEFAULT_GOAL := run
.PHONY: run test suite coverage install format check types drills phoenixjs histories autobahn bench bench-selfcheck docs clean

PYTHON ?= $(or $(shell command -v python3.11),python3)
BIND ?= 127.0.0.1:4000
ROUNDS ?= 5
export BENCH_HOME ?= $(HOME)/.cache/roost-bench
export TEST_HOME ?= $(HOME)/.cache/roost-test

VENV := .venv
BIN := $(VENV)/bin
SYSTEM_PACKAGES := .ci/system-packages.sh
PURE = $(shell grep -v '^\#' tests/architecture/pure_files.txt | paste -sd, -)

run: $(VENV)/.run
	$(BIN)/python -m actors.endpoint --bind $(BIND)

test: $(VENV)/.test
	$(SYSTEM_PACKAGES) < tests/system-packages
	tests/phoenixjs/install.sh
	$(MAKE) --no-print-directory -j2 suite histories
	$(MAKE) --no-print-directory coverage

suite: $(VENV)/.test
	$(BIN)/python -m pytest --cov --cov-report=

# Of the last `make test`: files without I/O are covered to the last branch, the rest nearly so.
coverage:
	$(BIN)/coverage report --include='$(PURE)' --fail-under=100
	$(BIN)/coverage report --omit='$(PURE)' --fail-under=90

install: $(VENV)/.dev

format: $(VENV)/.dev
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

types: $(VENV)/.dev
	$(BIN)/mypy

# Against the demo what fits any application; then all there is, against the one made for drills.
drills: $(VENV)/.run
	$(BIN)/python -m supervision.drills run --all --quiet
	$(BIN)/python -m supervision.drills run --all --quiet --themes tests.drills.themes

# What real clients do, over and over: a race shows itself in one round of many.
phoenixjs: $(VENV)/.test
	$(SYSTEM_PACKAGES) < tests/system-packages
	tests/phoenixjs/install.sh
	for round in $$(seq $(ROUNDS)); do $(BIN)/python -m pytest --quiet tests/phoenixjs || exit 1; done

# Ten thousand random histories of a connection with channels, beside the suite, which runs some
# hundred: three minutes of one core.
histories: $(VENV)/.test
	ROOST_HISTORIES=10000 $(BIN)/python -m pytest -p no:cacheprovider -k every_history tests/channels/test_model.py

autobahn: $(VENV)/.test
	$(BIN)/python -m tests.conformance.run plain deflate

bench: $(VENV)/.run
	benchmarks/install.sh wsload climit picows node
	benchmarks/compare.py --rounds $(ROUNDS) --baseline picows-uvloop \
	  --servers picows-uvloop,node-ws,node-uws,climit,ours \
	  --add 'ours=$(CURDIR)/$(BIN)/python -m actors.endpoint --workers 0 --log-level warning --bind 127.0.0.1:{port}' \
	  --args 'ours=--path /echo/websocket'
	$(BIN)/python -m benchmarks.runtime

bench-selfcheck: $(VENV)/.run
	benchmarks/install.sh wsload
	$(BIN)/python benchmarks/selfcheck.py $(BENCH_HOME)/wsload

# Writes anew what documents take from code, then checks that their links and commands are right.
docs: $(VENV)/.test
	$(BIN)/python -m tests.architecture.documents
	$(BIN)/python -m pytest tests/architecture/test_documents.py

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* reports
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment, in steps that run once: each stamp is what pip last installed for.
EXTRAS_test := [test]
EXTRAS_dev := [dev]

$(VENV)/.created:
	echo "python3-venv $(PYTHON) -c 'import ensurepip'" | $(SYSTEM_PACKAGES)
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

$(VENV)/.run $(VENV)/.test $(VENV)/.dev: $(VENV)/.%: setup.py $(VENV)/.created
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(EXTRAS_$*)'
	touch $@
