# Tessera: `make demo` renders a picture, `make test` proves it. Both set themselves up on Debian 12 with Swift 6.

SWIFT ?= swift
PYTHON ?= python3
DEMO ?= demo-out
VENV := .venv
BUILD := $(SWIFT) build -c release
TEST_FLAGS := -c release -Xswiftc -enable-testing --scratch-path .build/tests
REFERENCE := $(CURDIR)/.build/reference

FUZZ_RUNS ?= 1000000

.PHONY: help deps build demo test test-swift test-python faults fuzz reference lint format proto train-tiny clean

help:
	@echo "make demo    build, render an Alpine region with two workers, and say where to look"
	@echo "make test    every test (sets up a Python environment for the reference checks)"
	@echo "make faults  kills, cuts and broken disks in full; make fuzz: a million hostile frames"
	@echo "make build   the commands tessera and tessera-worker, in .build/release"
	@echo "make deps    the Debian packages"
	@echo "make lint    formatting, and whether the generated wire code is current"
	@echo "make train-tiny ARGS='--data DIR --out run --steps 20000'   train the built-in model"

deps:
	@scripts/deps.sh

build: deps
	$(BUILD) --product tessera
	$(BUILD) --product tessera-worker

demo: build
	@scripts/demo.sh "$(DEMO)"

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
	TESSERA_REFERENCE=$(REFERENCE) $(SWIFT) test --skip-build $(TEST_FLAGS) --skip 'EndToEndTests|FaultTests'
	TESSERA_REFERENCE=$(REFERENCE) $(SWIFT) test --skip-build $(TEST_FLAGS) --filter 'EndToEndTests|FaultTests' --no-parallel

# Kills, cuts and broken disks in full, as docs/durability.md tells; some of it needs root.
faults: deps reference
	$(SWIFT) build --build-tests $(TEST_FLAGS)
	TESSERA_FAULTS=all TESSERA_REFERENCE=$(REFERENCE) $(SWIFT) test --skip-build $(TEST_FLAGS) --filter FaultTests --no-parallel

# A million hostile frames for the decoder, under two fuzzers, and a million for a live coordinator.
fuzz: deps reference
	$(BUILD) --product fuzz-wire
	Tests/Fuzz/run.sh $(FUZZ_RUNS)
	TESSERA_REFERENCE=$(REFERENCE) .build/release/fuzz-wire $(FUZZ_RUNS)

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
