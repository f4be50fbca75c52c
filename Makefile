# schism's targets. CI calls nothing else.
SHELL := /bin/bash
export PATH := $(PATH):/usr/local/go/bin
GO ?= go
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
# Packages whose tests start real servers; they run one after the other, since they measure times.
SERVERS := ./agent ./agentbin ./clients ./images ./nemesis ./observer ./topology ./workloads
# Packages with goroutines of their own run under the race detector; the pure ones would only get slower.
RACE := . ./attach/... ./agent/... ./agentbin/... ./clients/... ./cmd/... ./history/... ./nemesis/... ./observer/... ./reports/... ./scenarios/... ./topology/... ./wire/... ./workloads/...

# What a build is, said by schism version and in every run; the same commit and toolchain give the same bytes.
VERSION = $(shell git describe --tags --match 'v*' --dirty 2>/dev/null)
COMMIT = $(shell git rev-parse HEAD 2>/dev/null)$(shell git status --porcelain -uno 2>/dev/null | grep -q . && echo -dirty)
OWN := github.com/schismtest/schism/internal/version
STATIC = CGO_ENABLED=0 GOFLAGS= $(GO) build -trimpath -buildvcs=false
# Inlining in libraries that nothing waits for costs 2.6 MB; the agents, which measure, are built with it.
SMALL = $(foreach m,github.com/redis github.com/testcontainers github.com/moby google.golang.org go.opentelemetry.io github.com/andybalholm github.com/urfave \
	github.com/parquet-go golang.org,-gcflags=$(m)/...=-l) -gcflags=net/http=-l
WITH_AGENTS = $(STATIC) -tags schism_agents $(SMALL) -ldflags '-s -w -X $(OWN).release=$(VERSION) -X $(OWN).commit=$(COMMIT)'
TARGETS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
IMAGE ?= schism:$(or $(VERSION),latest)

.PHONY: help man tool demo test unit servers scenarios own binary lint bench prove kills mutants nightly night-run night-merge night-restore report fmt doctor clean setup build agents release image

help: ## these lines
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup:
	@scripts/setup.sh

# go run would make every exit code 1, so what runs is built first, for this machine; being static, it is its own agent.
tool: setup
	@CGO_ENABLED=0 $(GO) build -o bin/schism ./cmd/schism

demo: tool ## a Sentinel failover that loses writes; ends with the path of its report
	bin/schism run sentinel-kill-lagging

test: setup unit servers scenarios own binary ## everything CI runs

unit: ## tests without servers
	$(GO) vet ./...
	GOOS=darwin GOARCH=arm64 $(GO) vet ./... # of a harness on a Mac
	$(GO) test -short -race $(RACE)
	$(GO) test -short $$($(GO) list ./... | grep -E '/schism/(checker|images|internal|sim)')

servers: setup ## tests of the mechanisms against real servers
	$(GO) test -p 1 -timeout 15m $(SERVERS)
	SCHISM_KILLS=$${SCHISM_KILLS:-$(if $(CI),25,5)} $(GO) test -count=1 -parallel 4 -timeout 25m -run 'TestHarness|TestGoTest|TestAttach' .

scenarios: setup ## the small set of scenarios; SCHISM_SET=all runs the catalogue
	$(GO) test -count=1 -timeout 20m -run TestScenario -v .

own: setup ## a user's own module with a scenario of its own
	cd examples/own && $(GO) test -count=1 -timeout 5m -v ./...

binary: setup ## one binary: built, released, as an image and by go install, each from an empty folder
	$(GO) test -count=1 -timeout 15m -v ./internal/release

build: agents ## bin/schism, with the agents inside: it runs from any folder, without Go
	$(WITH_AGENTS) -o bin/schism ./cmd/schism

agents: # what the builds embed; never committed
	for arch in amd64 arm64; do \
		GOOS=linux GOARCH=$$arch $(STATIC) -ldflags '-s -w' -o bin/agents/agent-linux-$$arch ./cmd/schism-agent && \
		$(GO) run ./internal/pack bin/agents/agent-linux-$$arch agentbin/agents/agent-linux-$$arch.zst || exit 1; \
	done

release: agents ## bin/release: schism for linux and darwin on amd64 and arm64, and SHA256SUMS
	rm -rf bin/release
	for target in $(TARGETS); do \
		GOOS=$${target%/*} GOARCH=$${target#*/} $(WITH_AGENTS) -o bin/release/schism-$${target%/*}-$${target#*/} ./cmd/schism || exit 1; \
	done
	cd bin/release && { if command -v sha256sum > /dev/null; then sha256sum schism-*; else shasum -a 256 schism-*; fi; } > SHA256SUMS

image: agents ## an image of schism alone, for the engine's CPU; IMAGE names it
	rm -rf bin/image && mkdir -p bin/image/tmp && chmod 1777 bin/image/tmp
	arch=$$(docker version --format '{{.Server.Arch}}') && GOOS=linux GOARCH=$$arch $(WITH_AGENTS) -o bin/image/schism ./cmd/schism
	DOCKER_BUILDKIT=0 docker build --quiet -f Dockerfile -t $(IMAGE) \
		--label org.opencontainers.image.version=$(VERSION) --label org.opencontainers.image.revision=$(COMMIT) bin/image

lint: ## golangci-lint, and actionlint for the workflows
	$(GO) run $(LINT) run ./...
	$(GO) run $(ACTIONLINT)

bench: setup ## every number that the README and docs quote
	$(GO) run ./internal/bench/check
	$(GO) run ./internal/bench/scale
	$(GO) test -run '^$$' -bench Transactions -benchtime 1x ./checker
	$(GO) test -run '^$$' -bench . ./checker/exact
	$(GO) run ./internal/bench/load
	$(GO) test -run '^$$' -bench StartStop -benchtime 5x ./topology

prove: ## the long proof of the checkers
	SCHISM_PROVE=1 $(GO) test -count=1 -timeout 60m -v -run 'Prove|Brute|Porcupine|Truth' $$($(GO) list ./... | grep -E '/schism/(checker|sim)')

kills: setup ## kill the harness at 100 random moments: never a finding, nothing left
	SCHISM_KILLS=$${SCHISM_KILLS:-100} $(GO) test -count=1 -timeout 40m -v -run TestHarnessKilledAtRandomMoments .

mutants: ## deliberate faults in the checkers, each killed by a test
	$(GO) run ./internal/mutants

nightly: ## a night on this machine: night-run, then night-merge, whatever came of it; SCHISM_SERVER names servers, separated by commas
	@code=0; $(MAKE) night-run || code=$$?; $(MAKE) night-merge || code=$$?; exit $$code

night-run: setup ## the whole catalogue with fixed seeds and a drawn one, each run judged anew from its exports
	scripts/night.sh run

night-merge: ## one page, history and JUnit file over NIGHT_RUNS in NIGHT_SITE (both artifacts/); fails on a new violation
	scripts/night.sh merge

night-restore: ## the history of the nights before, from CI's artifacts where its cache had none
	scripts/night.sh restore

report: ## write every page anew from its history
	@CGO_ENABLED=0 $(GO) build -o bin/schism ./cmd/schism
	for d in artifacts/*/*/*-*/; do bin/schism report $$d || true; done

man: ## the manual page and shell completions, in bin/
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -o bin/schism ./cmd/schism
	bin/schism man > bin/schism.1
	for s in bash zsh fish; do bin/schism completion $$s > bin/schism.$$s; done

fmt: ## gofmt
	gofmt -w $$(git ls-files '*.go')

doctor: ## what is there, what is missing, what it costs
	@CGO_ENABLED=0 $(GO) build -o bin/schism ./cmd/schism
	@bin/schism doctor

clean: ## remove runs, their history and built files
	rm -rf artifacts bin agentbin/agents
