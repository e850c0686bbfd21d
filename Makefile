# `make run` and `make test` are all that a fresh machine needs (Debian, Python 3.11 or later).
.DEFAULT_GOAL := run
.PHONY: run test runtime command rest elsewhere machines compiled coverage install format check types drills once phoenixjs histories presence metrics sanitize wheels autobahn bench bench-selfcheck docs clean

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
	$(MAKE) --no-print-directory -j4 runtime command rest elsewhere
	$(MAKE) --no-print-directory coverage

# The suite is of the pure build, which is what says what is right. It waits more than it computes, so
# that its parts run side by side on two cores; each measures the coverage of its own.
PARTS := runtime command rest
MEASURED = mkdir -p reports && ROOST_PURE=1 COVERAGE_FILE=$(CURDIR)/reports/$@.coverage \
  $(BIN)/python -m pytest -p no:cacheprovider --cov --cov-report=
RUNTIME := $(addprefix tests/,actors architecture channels client contract drills)
COMMAND := tests/actors/endpoint

# What waits most of its time, for clients and leases: with whichever build there is.
ELSEWHERE := tests/machines tests/phoenixjs \
  tests/drills/test_drills.py \
  $(addprefix tests/presence/test_,workers.py reload_of_many.py planted.py model.py) \
  $(addprefix tests/actors/endpoint/test_,publish_socket.py once_workers.py broadcast_command.py \
    demo_chat.py workers.py reload_option.py counting_live.py) \
  $(addprefix tests/examples/test_,production.py deploy.py) tests/embedding

runtime: $(VENV)/.test
	$(MEASURED) $(RUNTIME) $(addprefix --ignore=,$(COMMAND) $(ELSEWHERE))
	$(MAKE) --no-print-directory histories

# It starts processes for nearly each test.
command: $(VENV)/.test
	$(MEASURED) $(COMMAND) $(addprefix --ignore=,$(ELSEWHERE))

rest: $(VENV)/.test
	$(MEASURED) tests $(addprefix --ignore=,$(RUNTIME) $(ELSEWHERE))
	$(MAKE) --no-print-directory compiled COMPILED='$(HOT)'

# What the compiled build takes part in: the rest is the same code in either build. The runtime's own
# tests count carriers, and come before those of servers, one of whose handlers may still run.
HOT := $(addprefix tests/actors/,runtime channels pubsub serializers testing) \
  $(wildcard tests/actors/test_*.py) \
  tests/contract tests/transports tests/channels tests/presence/test_presence.py

elsewhere: $(VENV)/.test
	$(BIN)/python -m pytest -p no:cacheprovider --quiet $(ELSEWHERE)

# Several machines, each a command of its own: what takes long there are leases that run out.
machines: $(VENV)/.test
	$(BIN)/python -m pytest -p no:cacheprovider --quiet tests/machines

# All of the suite that is not slow, or what COMPILED names of it, with the compiled build.
compiled: $(VENV)/.test
	@if $(BIN)/python -m actors.endpoint --version | grep -q compiled; then \
	  $(BIN)/python -m pytest -p no:cacheprovider --quiet -m "not slow and not drill" $(COMPILED); \
	else echo "There is no compiled build, as no C compiler was found: the pure one is all."; fi

# Of the last `make test`: files without I/O are covered to the last branch, the rest nearly so.
coverage:
	$(BIN)/coverage combine --quiet --keep $(PARTS:%=reports/%.coverage)
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

# What exists once is never there twice: 50 workers that run it are killed, 20 reloads move it.
once: $(VENV)/.run
	$(BIN)/python -m supervision.drills run once-kill9-50 once-reload-20 --quiet --themes tests.drills.themes

# What real clients do, over and over: a race shows itself in one round of many.
phoenixjs: $(VENV)/.test
	$(SYSTEM_PACKAGES) < tests/system-packages
	tests/phoenixjs/install.sh
	for round in $$(seq $(ROUNDS)); do $(BIN)/python -m pytest --quiet tests/phoenixjs || exit 1; done

# Ten thousand random histories of a connection with channels, beside the suite, which runs some
# hundred: three minutes of one core.
histories: $(VENV)/.test
	ROOST_PURE=1 ROOST_HISTORIES=10000 $(BIN)/python -m pytest -p no:cacheprovider -k every_history tests/channels/test_model.py

# A hundred thousand steps of random histories of presence's sets, where the suite takes 5,000: a
# minute of one core.
presence: $(VENV)/.test
	ROOST_PURE=1 ROOST_PRESENCE_STEPS=100000 $(BIN)/python -m pytest -p no:cacheprovider tests/presence/test_model.py

# The sums that a scrape shows, while twenty workers are replaced and five are killed under load.
metrics: $(VENV)/.test
	ROOST_REPLACED=20 ROOST_KILLED=5 $(BIN)/python -m pytest -p no:cacheprovider --quiet --timeout 600 tests/actors/endpoint/test_counting_live.py

# The compiled hot path under sanitizers, and ten million mutated inputs: some minutes. Without what
# measures memory: the sanitizer keeps what was freed, to see who uses it still.
sanitize: $(VENV)/.test
	tests/sanitizers/run.sh $(BIN)/python -m pytest -p no:cacheprovider --quiet --timeout 300 \
	  --ignore tests/transports/websocket/test_websocket_memory_live.py \
	  tests/actors/test_speedups.py tests/transports/websocket tests/channels/test_wire.py
	tests/sanitizers/run.sh $(BIN)/python tests/sanitizers/fuzz.py

# Into dist/: one wheel for each Python that is here, and the source with the C that Cython makes.
wheels:
	deploy/wheels.sh python3.11 python3.12 python3.13

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

$(VENV)/.run $(VENV)/.test $(VENV)/.dev: $(VENV)/.%: setup.py actors/_speedups.pyx $(VENV)/.created
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(EXTRAS_$*)'
	touch $@
