# Tessera: `make demo` renders a picture, `make test` proves it. Both set themselves up on Debian 12 with Swift 6.

SWIFT ?= swift
PYTHON ?= python3
DEMO ?= demo-out
VENV := .venv
BUILD := $(SWIFT) build -c release
TEST_FLAGS := -c release -Xswiftc -enable-testing --scratch-path .build/tests
REFERENCE := $(CURDIR)/.build/reference

.PHONY: help deps build demo sim bench-dispatch bench-scale test test-swift test-python reference lint format proto train-tiny clean

help:
	@echo "make demo    build, render an Alpine region with two workers, and say where to look"
	@echo "make test    every test (sets up a Python environment for the reference checks)"
	@echo "make build   the commands tessera and tessera-worker, in .build/release"
	@echo "make deps    the Debian packages"
	@echo "make sim SEEDS=10000            simulated clusters, one from each seed; SEED=N replays one"
	@echo "make bench-dispatch ARGS=--json windows through a coordinator, with null workers"
	@echo "make bench-scale                jobs of up to 10⁸ windows, and restarting one"
	@echo "make lint    formatting, and whether the generated wire code is current"
	@echo "make train-tiny ARGS='--data DIR --out run --steps 20000'   train the built-in model"

deps:
	@scripts/deps.sh

build: deps
	$(BUILD) --product tessera
	$(BUILD) --product tessera-worker

demo: build
	@scripts/demo.sh "$(DEMO)"

sim: deps
	$(BUILD) --product cluster-sim
	.build/release/cluster-sim $(if $(SEED),--seed $(SEED),$(or $(SEEDS),10000))

bench-dispatch: deps
	$(BUILD) --product bench-dispatch
	.build/release/bench-dispatch $(ARGS)

bench-scale: deps
	$(BUILD) --product bench-scale
	.build/release/bench-scale $(ARGS)
	.build/release/bench-scale --restart 100000000 $(ARGS)

$(VENV)/ready: training/requirements.txt scripts/venv.sh
	@scripts/venv.sh $(VENV) $(PYTHON)
	@touch $@

# Fixtures computed by PyTorch and NumPy; the Swift tests compare with them.
reference: deps $(VENV)/ready
	@scripts/reference.sh $(VENV)/bin/python $(REFERENCE)

test: deps lint test-python test-swift

test-python: $(VENV)/ready
	cd training && ../$(VENV)/bin/python -m pytest -q

test-swift: deps reference
	$(SWIFT) build --build-tests $(TEST_FLAGS)
	TESSERA_REFERENCE=$(REFERENCE) $(SWIFT) test --skip-build $(TEST_FLAGS) --skip EndToEndTests
	TESSERA_REFERENCE=$(REFERENCE) $(SWIFT) test --skip-build $(TEST_FLAGS) --filter EndToEndTests --no-parallel

lint: deps
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests
	proto/check.sh

format:
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

proto:
	proto/generate.sh

train-tiny: $(VENV)/ready
	PYTHONPATH=training $(VENV)/bin/python -m tessera_train.train $(ARGS)

clean:
	rm -rf .build $(VENV) $(DEMO)
