# One command does what CI does: `make test check`. `make help` lists the rest.

# The modules, the library first. tools/ is not among them: it only pins the
# versions of the linters, and its many requirements stay out of go.work.
MODULES := . $(filter-out tools,$(patsubst %/go.mod,%,$(wildcard */go.mod)))

# Each module is built and tested with the versions of its own go.mod, as its
# users get it; go.work is there for `go run` from the top of the tree.
export GOWORK := off

# Version stamping asks git, which refuses in a clone that belongs to somebody
# else, as it does in some CI containers.
export GOFLAGS := $(shell go env GOFLAGS 2>/dev/null) -buildvcs=false

FUZZTIME ?= 10s
BENCHFLAGS ?=
TESTFLAGS ?=
PROOFFLAGS ?=
MUTANTSFLAGS ?=
CONFORMANCEFLAGS ?=

# tool puts a tool pinned in tools/go.mod on the PATH of what follows, having
# built it if the go command's cache does not hold it yet.
tool = @bin=$$(cd tools && go tool -n $(1)) || exit 1; PATH="$$(dirname "$$bin"):$$PATH";

# each runs a command in every module, fails if one of them failed, and does
# not stop at the first.
each = fail=0; for m in $(1); do \
	  echo "==> $$m: $(2)"; (cd $$m && $(2)) || fail=1; \
	done; exit $$fail

.DEFAULT_GOAL := help
.PHONY: help test check vet lint format-check tidy-check workspace-check \
	format tidy vuln bench proof conformance fuzz mutants cover screenshots \
	need need-go need-chromium need-node need-postgres need-redis

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "make %-10s %s\n", $$1, $$2 }'

need-go:
	@tools/need.sh go

need:
	@tools/need.sh go cc

need-chromium:
	@tools/need.sh chromium

need-node:
	@tools/need.sh node

need-postgres:
	@tools/need.sh postgres pgbouncer faketime

need-redis:
	@tools/need.sh redis

# The race detector does not look into SQLite, which is C in the form of Go: that
# would take more time than all the rest.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc/...=-race=false

test: export CGO_ENABLED := 1
test: need need-chromium need-postgres need-redis ## run all tests of all modules with the race detector
	@echo "The first build compiles SQLite, which takes minutes."
	@$(call each,$(MODULES),go test $(RACE) -timeout 30m $(TESTFLAGS) ./...)

check: format-check vet lint tidy-check workspace-check ## formatting, vet, lint, tidy go.mod files

vet: need
	@$(call each,$(MODULES),go vet ./...)

lint: need
	$(call tool,golangci-lint) $(call each,$(MODULES),golangci-lint run ./...)

format-check: need-go
	$(call tool,golangci-lint) $(call each,.,golangci-lint fmt --diff)

tidy-check: need-go
	@$(call each,$(MODULES) tools,go mod tidy -diff)

# What is started from the top of the tree is built with go.work, which must
# name every module, and build.
workspace-check: export GOWORK := $(CURDIR)/go.work
workspace-check: need-go
	@echo "==> go.work"
	@for m in $(MODULES); do \
	  (cd $$m && go list -m) | grep -qx "$$(sed -n 's/^module //p' $$m/go.mod)" || { echo "go.work does not use ./$$m"; exit 1; }; \
	done
	go build -o /dev/null $(patsubst %,./%/...,$(MODULES))

format: need-go ## format the code of all modules
	$(call tool,golangci-lint) $(call each,.,golangci-lint fmt)

tidy: need-go ## tidy the go.mod of all modules
	@$(call each,$(MODULES) tools,go mod tidy)

vuln: need-go ## look for known vulnerabilities (needs the network)
	$(call tool,govulncheck) $(call each,$(MODULES),govulncheck ./...)

bench: need-go ## measure, in less than an hour (BENCHFLAGS=-help lists what else)
	@cd bench && go run . $(BENCHFLAGS)

proof: need-go ## look for stale answers among ten million, an hour long, while things go wrong (PROOFFLAGS=-quick: some seconds)
	@cd cmd && go run -tags failpoints ./proof $(PROOFFLAGS)

conformance: need-go need-node ## run the test suite for HTTP caches, in a minute, after npm installed it (CONFORMANCEFLAGS=-help)
	@cd cmd && go run ./conformance $(CONFORMANCEFLAGS)

fuzz: need-go ## fuzz every parser for FUZZTIME=10s each
	@tools/fuzz.sh $(FUZZTIME) $(MODULES)

mutants: need-go need-postgres ## show that the tests and the proof find planted mistakes, in about a quarter of an hour (MUTANTSFLAGS=-help)
	@go run ./internal/mutants $(MUTANTSFLAGS)

screenshots: need-go need-chromium ## take the pictures of the notebook and of the console that are in docs/screenshots
	@mkdir -p docs/screenshots
	@cd notebook && go test ./cmd/notebook -count=1 -run 'TestPagesOfTheDemo|TestConsoleOfTheDemo' -screenshots $(CURDIR)/docs/screenshots

cover: export CGO_ENABLED := 1
cover: need need-chromium need-postgres need-redis ## write coverage/*.html and print the totals
	@mkdir -p coverage
	@fail=0; for m in $(MODULES); do \
	  name=$$(basename "$$(cd $$m && go list -m)"); out=$(CURDIR)/coverage/$$name; \
	  (cd $$m && go test $(RACE) -coverpkg=./... -coverprofile="$$out.out" ./... >"$$out.log" || { cat "$$out.log"; exit 1; }) || fail=1; \
	  (cd $$m && go tool cover -html="$$out.out" -o "$$out.html" && go tool cover -func="$$out.out" | tail -1 | sed "s|^|$$name |") || fail=1; \
	done; exit $$fail
