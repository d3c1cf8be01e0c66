# Everything sets itself up: only Python 3.11 or newer, make and a package index are needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers

.PHONY: help mnist test test-deep ci check check-fast conformance mutants bench format clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

mnist: $(VENV)/examples.stamp ## train, evaluate and report an MLP on MNIST
	$(BIN)/python examples/mnist_mlp.py

test: $(VENV)/test.stamp ## run the test suite
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-deep: $(VENV)/test.stamp ## every property on 1,000 examples, on all cores: three quarters of an hour on two
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile deep -n auto $(PYTEST_ARGS)

ci: conformance check ## what continuous integration runs

check: $(VENV)/dev.stamp lint types size test ## format, lint, types, all tests, size of the core

check-fast: $(VENV)/dev.stamp lint ## lint, and the tests that are quick and draw no examples
	$(BIN)/python -m pytest -m "not (slow or long or hypothesis)" -n auto $(PYTEST_ARGS)

.PHONY: lint types size
lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy --strict

size: $(VENV)/dev.stamp
	@$(BIN)/python tests/count_code.py tinygrad_np/core.py tinygrad_np/engine.py

conformance: $(PEERS)/torch.stamp ## compare with PyTorch, in an environment of its own
	$(PEERS)/bin/python -m pytest tests/conformance tests/test_random_programs.py $(PYTEST_ARGS)

mutants: $(VENV)/test.stamp ## break every derivative and kernel, and see that tests notice (OP=conv2d: one)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.mutants $(OP)

bench: $(PEERS)/peers.stamp ## run the benchmarks beside their peers
	$(PEERS)/bin/python -m benchmarks --write

format: $(VENV)/dev.stamp ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove what the targets made
	rm -rf $(VENV) $(PEERS) build dist *.egg-info runs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/%.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	@touch $@

$(PEERS)/bin/python:
	$(PYTHON) -m venv $(PEERS)

$(PEERS)/%.stamp: pyproject.toml | $(PEERS)/bin/python
	$(PEERS)/bin/python -m pip install --quiet --editable ".[test,$*]"
	@touch $@
