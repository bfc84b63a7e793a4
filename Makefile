# Everything a newcomer types. Each target does its own set-up: the first run
# brings Node 24 (from npm, without root) and the packages of package-lock.json.

SHELL := /bin/sh
NODE_VERSION := 24.21.0
TOOLS := .tools/node/bin/node
export PATH := $(CURDIR)/.tools/node/bin:$(CURDIR)/node_modules/.bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help all mainframe worker demo dev test check fmt bench api docs clean

help: ## list these targets
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

all: node_modules/.runtime ## set up everything that running needs
	@echo "ready: bin/vorta-mainframe, bin/vorta-worker, bin/vorta-attestation, bin/vorta-cli"

mainframe worker: all ## the same; the sources run as they are, without a build

demo: node_modules/.runtime ## submit a proof, get a receipt, verify it offline, break it
	@node scripts/demo.ts

dev: node_modules/.runtime ## a cluster that stays up until Ctrl-C
	@node scripts/dev.ts

test: node_modules/.ready ## every test
	@node scripts/test.ts

check: node_modules/.ready ## format, lint, types, API, generated files, import rule
	@node scripts/check.ts

fmt: node_modules/.ready ## format the sources
	@biome check --write .
	@buf format -w --path proto/vorta

bench: node_modules/.ready ## every benchmark (make bench-NAME for one)
	@node bench/main.ts

bench-%: node_modules/.ready
	@node bench/main.ts $*

api: node_modules/.ready ## generate api/src/gen from proto/
	@buf generate

docs: node_modules/.ready ## generate docs/cli.md and docs/errors.md
	@node scripts/generate-docs.ts

clean: ## remove what was made, except data/
	rm -rf out .tools node_modules

# Node 24 as it is, or from the npm package that carries the binary. A tool of
# this folder: nothing is installed on the machine.
$(TOOLS):
	@mkdir -p .tools/node/bin
	@if node -e 'process.exit(parseInt(process.versions.node) >= 24 ? 0 : 1)' 2>/dev/null; then \
	  ln -sf "$$(node -p process.execPath)" $(TOOLS); \
	else \
	  echo "bringing Node $(NODE_VERSION) into .tools (this machine has $$(node --version 2>/dev/null || echo none))"; \
	  sh scripts/bring-node.sh $(NODE_VERSION) .tools; \
	fi

# Running needs a tenth of the packages; developing needs them all.
NPM_CI := npm ci --no-audit --no-fund --ignore-scripts --loglevel=error

node_modules/.runtime: package-lock.json $(TOOLS)
	@if [ ! node_modules/.ready -nt package-lock.json ]; then \
	  echo "installing the packages that running needs (once)"; $(NPM_CI) --omit=dev; \
	fi
	@touch $@

node_modules/.ready: package-lock.json $(TOOLS)
	@echo "installing all packages (once)"
	@$(NPM_CI)
	@touch $@ node_modules/.runtime
