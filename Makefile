# schism's targets. CI calls nothing else.
SHELL := /bin/bash
export PATH := $(PATH):/usr/local/go/bin
GO ?= go
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
# Packages whose tests start real servers; they run one after the other, since they measure times.
SERVERS := ./agent ./clients ./images ./nemesis ./observer ./topology ./workloads
# Packages with goroutines of their own run under the race detector; the pure ones would only get slower.
RACE := . ./agent/... ./clients/... ./cmd/... ./history/... ./nemesis/... ./observer/... ./reports/... ./scenarios/... ./topology/... ./wire/... ./workloads/...

.PHONY: help man demo test unit servers scenarios own lint bench prove kills mutants nightly night-run night-merge night-restore report fmt doctor clean setup

help: ## these lines
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup:
	@scripts/setup.sh

demo: setup ## a Sentinel failover that loses writes; ends with the path of its report
	$(GO) run ./cmd/schism run sentinel-kill-lagging

test: setup unit servers scenarios own ## everything CI runs

unit: ## tests without servers
	$(GO) vet ./...
	$(GO) test -short -race $(RACE)
	$(GO) test -short $$($(GO) list ./... | grep -E '/schism/(checker|images|internal|sim)')

servers: setup ## tests of the mechanisms against real servers
	$(GO) test -p 1 -timeout 15m $(SERVERS)
	$(GO) test -count=1 -timeout 10m -run 'TestHarness|TestGoTest' .

scenarios: setup ## the small set of scenarios; SCHISM_SET=all runs the catalogue
	$(GO) test -count=1 -timeout 20m -run TestScenario -v .

own: setup ## a user's own module with a scenario of its own
	cd examples/own && $(GO) test -count=1 -timeout 5m -v ./...

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

kills: setup ## kill the harness at 25 random moments: never a finding
	SCHISM_KILLS=25 $(GO) test -count=1 -timeout 40m -v -run TestHarnessKilledAtRandomMoments .

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
	for d in artifacts/*/*/*-*/; do $(GO) run ./cmd/schism report $$d || true; done

man: ## the manual page and shell completions, in bin/
	@mkdir -p bin
	$(GO) run ./cmd/schism man > bin/schism.1
	for s in bash zsh fish; do $(GO) run ./cmd/schism completion $$s > bin/schism.$$s; done

fmt: ## gofmt
	gofmt -w $$(git ls-files '*.go')

doctor: ## what is there, what is missing, what it costs
	$(GO) run ./cmd/schism doctor

clean: ## remove runs, their history and built files
	rm -rf artifacts bin
