# Shoal. `make` lists the targets.

GOLANGCI_VERSION := 2.15.0

GO      ?= go
BIN     := bin
DIST    := site/dist
CACHE   := .cache
TOOLS   := $(CACHE)/tools
LINT    := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)

# Reproducible binaries: no paths of this machine, no state of this checkout.
BUILD   := $(GO) build -trimpath -buildvcs=false
# What a page loads also leaves out symbols: they would be a third of the download.
SMALL   := -ldflags='-s -w'
# Ops are built and shaders printed once for each program: inlined, that code
# would be a sixteenth of the download.
TERSE   := $(foreach p,ops wgsl glsl,-gcflags=github.com/shoal-compute/shoal/webgpu/$(p)=-l)

TIMEOUT  ?= 20m # of one package's tests
FUZZTIME ?= 5s  # of each fuzz target
BENCHTIME ?= 1s

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash -o pipefail

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^## /{print "\n" substr($$0,4)} /^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' Makefile

## Build and run

.PHONY: deps
deps: ## Install what building and testing need (as root), or say what to install
	@.ci/deps

.PHONY: run-deps
run-deps:
	@.ci/deps run

.PHONY: build
build: wasm ## Build bin/shoal and bin/shoal-node, with the page inside
	CGO_ENABLED=0 $(BUILD) -o $(BIN)/shoal ./hub/cmd/shoal
	CGO_ENABLED=0 $(BUILD) -o $(BIN)/shoal-node ./native/cmd/shoal-node

.PHONY: native
native: ## Build only bin/shoal-node
	CGO_ENABLED=0 $(BUILD) -o $(BIN)/shoal-node ./native/cmd/shoal-node

.PHONY: wasm
wasm: ## Build the WebAssembly volunteers (page and headless) into site/dist
	@mkdir -p $(CACHE)/wasm
	@GOOS=js GOARCH=wasm $(BUILD) $(SMALL) $(TERSE) -o $(CACHE)/wasm/worker.wasm ./wasm/cmd/worker
	@GOOS=js GOARCH=wasm $(BUILD) $(SMALL) $(TERSE) -o $(CACHE)/wasm/box.wasm ./wasm/cmd/box
	@GOOS=wasip1 GOARCH=wasm $(BUILD) $(SMALL) $(TERSE) -o $(CACHE)/wasm/worker-wasip1.wasm ./wasm/cmd/worker
	@GOOS=js GOARCH=wasm $(BUILD) $(SMALL) $(TERSE) -o $(CACHE)/wasm/lab.wasm ./wasm/cmd/lab
	@cp "$$($(GO) env GOROOT)/lib/wasm/wasm_exec.js" $(CACHE)/wasm/wasm_exec.js
	@for f in worker.wasm box.wasm wasm_exec.js; do .ci/place $(CACHE)/wasm/$$f $(DIST); done
	@gzip -9 -n -c $(CACHE)/wasm/lab.wasm >$(CACHE)/wasm/lab.wasm.gz
	@cmp -s $(CACHE)/wasm/lab.wasm.gz $(DIST)/lab.wasm.gz || cp $(CACHE)/wasm/lab.wasm.gz $(DIST)/
	@cmp -s $(CACHE)/wasm/worker-wasip1.wasm $(DIST)/worker-wasip1.wasm || cp $(CACHE)/wasm/worker-wasip1.wasm $(DIST)/

.PHONY: examples
examples: ## Build the example modules of map jobs beside their job files
	@for e in primes thumbnail; do \
	  (cd examples/$$e && GOOS=wasip1 GOARCH=wasm $(BUILD) $(SMALL) -o $$e.wasm .) || exit 1; \
	done

.PHONY: site
site: wasm ## The page needs no build step of its own: this is wasm

.PHONY: run
run: run-deps build ## Start a hub on http://localhost:8080 with a volunteer and a sample job, and keep serving
	$(BIN)/shoal demo --keep --listen localhost:8080 --browser off --steps 600

.PHONY: demo
demo: run-deps build ## Train a small model with a native, a headless and a browser volunteer; ends by itself
	$(BIN)/shoal demo

## Test

.PHONY: test
test: deps wasm verify vet cross lint unit ## Everything the continuous integration runs

.PHONY: unit
unit: wasm ## All Go tests: unit, conformance, cluster, headless WebAssembly, browser
	@.ci/ptxas || export SHOAL_PTXAS=none; \
	SHOAL_REQUIRE=all $(GO) test -timeout $(TIMEOUT) ./...

.PHONY: race
race: wasm ## The Go tests of the concurrent parts under the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout $(TIMEOUT) ./hub/... ./wasm/... ./native/... ./testharness/...

.PHONY: test-wasi
test-wasi: wasm ## Only the tests that run the headless worker under wazero
	SHOAL_REQUIRE=all $(GO) test -timeout $(TIMEOUT) ./wasm/... ./testharness/wasmhost/...

.PHONY: test-browser
test-browser: deps wasm ## Only the tests that drive a real Chromium
	SHOAL_REQUIRE=all $(GO) test -timeout $(TIMEOUT) ./site/... ./wasm/cmd/... ./webgpu/browser/...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (5s)
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
	  done; \
	done

.PHONY: bench
bench: build ## Speed of kernels and of a training step on each lane, then the Go benchmarks
	$(BIN)/shoal bench kernels
	$(BIN)/shoal bench step
	$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) ./...

.PHONY: bench-peers
bench-peers: ## Speed beside onnxruntime-web, TensorFlow.js and Dawn (npm brings 600 MB of them into .cache)
	$(GO) run ./testharness/peers/cmd/peers browser
	VK_ICD_FILENAMES=$${VK_ICD_FILENAMES-/usr/lib/chromium/vk_swiftshader_icd.json} $(GO) run ./testharness/peers/cmd/peers native -sizes 256,512

## Check and keep in order

.PHONY: check
check: test race ## test and race, and no change left behind
	@git diff --exit-code --stat

.PHONY: vet
vet: ## go vet, here and for WebAssembly (make wasm compiles the commands)
	$(GO) vet ./...
	GOOS=js GOARCH=wasm $(GO) vet ./webgpu/browser/... ./wasm/cmd/conformance ./wasm/browser ./wasm/worker ./wasm/simd ./testharness/peers/cmd/lane
	GOOS=wasip1 GOARCH=wasm $(GO) vet ./wasm/worker ./wasm/simd ./wasm/shard

.PHONY: cross
cross: ## Compile for the other systems
	@for os in linux/arm64 darwin/arm64 windows/amd64; do \
	  echo "compile for $$os"; \
	  CGO_ENABLED=0 GOOS=$${os%/*} GOARCH=$${os#*/} $(GO) build -buildvcs=false -o /dev/null ./native/cmd/shoal-node || exit 1; \
	done
	@echo "compile for linux/arm64: shoal"
	@CGO_ENABLED=0 GOOS=linux GOARCH=arm64 $(GO) build -buildvcs=false -o /dev/null ./hub/cmd/shoal

.PHONY: lint
lint: $(LINT) ## golangci-lint with the import rules of ARCHITECTURE.md
	$(LINT) run ./...

$(LINT):
	@mkdir -p $(TOOLS)
	GOBIN=$(abspath $(TOOLS)) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_VERSION)
	@mv $(TOOLS)/golangci-lint $@

.PHONY: fmt
fmt: ## Format the Go code
	gofmt -w $$(git ls-files -co --exclude-standard '*.go')

.PHONY: generate
generate: ## Make the committed generated files again
	$(GO) generate ./...
	@.ci/worker-deps > wasm/cmd/worker/deps.txt

.PHONY: golden
golden: ## Rewrite the golden files of tests; read the diff
	$(GO) test ./... -run Golden -update

.PHONY: verify
verify: deps ## Prove that generated files and formatting are current
	@out=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); [ -z "$$out" ] || { echo "not formatted:"; echo "$$out"; exit 1; }
	@.ci/verify

.PHONY: clean
clean: ## Remove what was built; tools stay in .cache/tools
	rm -rf $(BIN) $(CACHE)/wasm examples/*/*.wasm
	find $(DIST) -mindepth 1 ! -name .gitkeep -delete
