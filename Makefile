# make run     set up what is missing and start the bot (Telegram with a token in .env, else a chat page on 127.0.0.1)
# make test    set up what is missing and pass the tests
# make check   lint, types, content        make bench   benchmarks and the long checks
# make install only set up                  make mutants do the tests catch faults put into the grammar of screening? (3 minutes)
# make lock    pin the dependencies again (after editing pyproject.toml)
# make train   teach the second listener anew (torch; 25 minutes), then the vectors of the shipped phrasings

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
.DEFAULT_GOAL := help

.PHONY: help install run test check bench mutants train lock clean

help:
	@sed -n '1,6s/^# //p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python's venv module is missing: apt-get install python3-venv, then try again."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.installed: requirements/run.txt requirements/second-stage.txt | $(BIN)/python
	$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements/run.txt
	@$(PIP) install --quiet --require-hashes --no-deps -r requirements/second-stage.txt || echo "The second stage could not be installed; the first answers alone."
	@touch $@

$(VENV)/test.installed: requirements/test.txt $(VENV)/run.installed
	$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements/test.txt
	@touch $@

$(VENV)/bench.installed: requirements/bench.txt $(VENV)/test.installed
	$(PIP) install --quiet --require-hashes -r requirements/bench.txt
	@touch $@

install: $(VENV)/run.installed

run: install
	@exec $(BIN)/python -m bot run

# Two processes: playwright's event loop stays in its process, and no other can run beside it.
test: $(VENV)/test.installed
	$(BIN)/python -m pytest --ignore tests/browser
	$(BIN)/python -m pytest tests/browser

check: $(VENV)/test.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m bot check

# The long checks first; then accuracy, speed and reliability, each beside others in the same run.
bench: $(VENV)/bench.installed
	$(BIN)/python -m pytest -m long
	$(MAKE) mutants
	$(BIN)/python benchmarks/evidence.py
	$(BIN)/python benchmarks/screening.py rounds
	$(BIN)/python benchmarks/screening.py speed
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/reliability.py
	$(BIN)/python benchmarks/staff.py

train: $(VENV)/run.installed
	$(PIP) install --quiet "torch>=2.6"
	$(BIN)/python training/second_listener.py
	$(BIN)/python -m bot.matching

# Afresh every time: mutmut keeps verdicts of earlier runs, also where only what a test calls has changed.
mutants: $(VENV)/test.installed
	rm -rf mutants
	$(BIN)/mutmut run
	$(BIN)/mutmut export-cicd-stats
	$(BIN)/python benchmarks/mutants.py

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade pyproject.toml

lock: $(BIN)/python
	$(PIP) install --quiet uv
	$(LOCK) -o requirements/run.txt
	$(LOCK) --extra dev -c requirements/run.txt -o requirements/test.txt
	$(LOCK) --extra dev --extra reports --extra bench -c requirements/test.txt -o requirements/bench.txt

clean:
	rm -rf mutants $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
