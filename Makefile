# Tessera: `make demo` renders a picture, `make test` proves it. Both set themselves up on Debian 12 with Swift 6.

SWIFT ?= swift
PYTHON ?= python3
DEMO ?= demo-out
OUT ?= run
VENV := .venv
BUILD := $(SWIFT) build -c release
TEST_FLAGS := -c release -Xswiftc -enable-testing --scratch-path .build/tests
REFERENCE := $(CURDIR)/.build/reference

FUZZ_RUNS ?= 1000000

# Where GDAL keeps what it fetched from tile servers, instead of the working directory.
export GDAL_DEFAULT_WMS_CACHE_PATH := $(CURDIR)/.build/gdalwmscache

.PHONY: help deps build demo test test-swift test-python reference lint format proto train-tiny results
.PHONY: bench-engine bench-window bench-dispatch bench-scale bench-pyramid sim faults fuzz test-exports clean

help:
	@echo "make demo    build, render an Alpine region with two workers, and say where to look"
	@echo "make test    every test (sets up a Python environment for the reference checks)"
	@echo "make faults  kills, cuts and broken disks in full; make fuzz: a million hostile frames"
	@echo "make build   the commands tessera and tessera-worker, in .build/release"
	@echo "make deps    the Debian packages"
	@echo "make sim SEEDS=10000            simulated clusters, one from each seed; SEED=N replays one"
	@echo "make bench-dispatch ARGS=--json windows through a coordinator, with null workers"
	@echo "make bench-scale                jobs of up to 10⁸ windows, and restarting one"
	@echo "make lint    formatting, and whether the generated wire code is current"
	@echo "make bench-pyramid ARGS='--json'   a pyramid of 16384 x 16384 pixels, ours and other programs'"
	@echo "make train-tiny DATA=DIR [OUT=run] [ARGS=…]   train the built-in model by its recipe; again: go on"
	@echo "make results DATA=DIR        measure the built-in model on DIR/heldout, and write docs/results.md anew"
	@echo "make bench-engine   the engine against PyTorch and ONNX Runtime, one step (ARGS=--json)"
	@echo "make bench-window   seconds a finished window, and windows a second (ARGS=--json)"

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

$(VENV)/ready: training/requirements.txt Tests/Validators/requirements.txt scripts/venv.sh
	@scripts/venv.sh $(VENV) $(PYTHON)
	@touch $@

# Fixtures computed by PyTorch and NumPy; the Swift tests compare with them.
reference: deps $(VENV)/ready
	@scripts/reference.sh $(VENV)/bin/python $(REFERENCE)

test: deps lint test-python test-swift test-exports

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

# Every export of rendered mosaics, read by other programs.
test-exports: test-swift
	TESSERA=$(CURDIR)/.build/tests/release/tessera TESSERA_REFERENCE=$(REFERENCE) \
		$(VENV)/bin/python -m pytest -q Tests/Validators

bench-pyramid: deps
	@$(BUILD) --product bench-pyramid 1>&2
	@.build/release/bench-pyramid $(ARGS)

lint: deps
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests
	proto/check.sh

format:
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

proto:
	proto/generate.sh

# Every stage of training/configs/tiny-stages.json, then OUT/tiny.safetensors; interrupted, it goes on when called again.
train-tiny: $(VENV)/ready
	@test -n "$(DATA)" || { echo "make train-tiny DATA=DIR: the imagery, as docs/training.md describes it" >&2; exit 2; }
	PYTHONPATH=training $(VENV)/bin/python -m tessera_train.stages --data "$(DATA)" --out "$(OUT)" $(ARGS)

results: $(VENV)/ready
	@scripts/results.sh $(VENV)/bin/python "$(DATA)"

bench-engine: deps $(VENV)/ready
	@$(BUILD) --product bench-engine >&2
	@$(VENV)/bin/python Benchmarks/bench_engine.py $(ARGS)

bench-window: deps $(VENV)/ready
	@$(BUILD) --product bench-engine >&2
	@$(BUILD) --product tessera >&2
	@$(BUILD) --product tessera-worker >&2
	@$(VENV)/bin/python Benchmarks/bench_window.py $(ARGS)

clean:
	rm -rf .build $(VENV) $(DEMO)
