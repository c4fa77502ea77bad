# make demo   the whole pipeline on the sample, in a project of its own: demo/
# make serve  MLflow, Prefect and a worker on this machine, with the schedules of prefect.yaml, until Ctrl-C
# make docs   the documentation as a site, in site/
# make test   the checks that every change must pass
# make        this list

.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Stages call `frostline`, so the environment must be on the path.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Or each process compiles TensorFlow and DVC again, whose bytecode nobody brings: half of the time of the tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo docs serve test test-slow lint format lock clean

help:
	@sed -n 's/^# make/make/p' Makefile

setup: $(READY)

# The newest of Python 3.11-3.13 that runs; uv comes from PyPI, pinned by the same lock as all else.
$(READY): requirements/dev.txt pyproject.toml
	@requirements/setup $(VENV) $(MAKECMDGOALS)
	@touch $@

demo: $(READY)
	@[ -e demo ] || frostline init demo --sample
	cd demo && frostline lock && dvc repro && frostline registry sync
	cd demo && python -m zipfile -e data/digits.zip .frostline/digits
	cd demo && frostline score .frostline/digits --model digits-vgg19 --out scores.parquet
	@echo; cat demo/reports/comparison/comparison.txt
	@echo; echo "look: demo/plots/digits-vgg19/*.png, demo/reports/comparison/report.html, demo/scores.parquet"
	@echo "next: source $(BIN)/activate, then your own photos: frostline init NAME --data PHOTOS"

# Without the network; a link that leads nowhere ends it.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir site
	@echo "look: mkdocs serve, or any web server on site/"

serve: $(READY)
	@exec frostline serve

# A process that dies ends the run: xdist alone would start another and wait for the dead one's tests for ever.
test: $(READY)
	@$(MAKE) --no-print-directory lint
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

# A process for each file: TensorFlow keeps what the networks of a hundred tests took, until there is no memory.
test-slow: $(READY)
	@grep -rl --include='*.py' mark.slow tests | sort | xargs -n 1 $(BIN)/pytest -q -m slow --timeout=1800
	@grep -rl --include='*.py' '^@given' tests | HYPOTHESIS_PROFILE=thorough xargs $(BIN)/pytest -q --timeout=1800

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY)
	@requirements/lock

clean:
	rm -rf $(VENV) demo site .frostline artifacts metrics plots reports
