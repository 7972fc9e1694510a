# `make` alone lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
NODE_MODULES := node_modules/.package-lock.json

.PHONY: help run build check test bench format generate settings clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

run: $(NODE_MODULES) ## install, build and start everything on this machine
	@node infra/build.mjs --web
	@DRIFTLINE_STOP_WITH_PARENT=1 exec node services/all-in-one/dist/main.js

build: $(NODE_MODULES) ## build every service, the web app and the client
	@node infra/build.mjs --web
	@node client/build.mjs

check: $(NODE_MODULES) ## format, lint, types, dead code, protobuf, tidiness
	@sh infra/check.sh

test: $(NODE_MODULES) ## every test, with the real servers that this machine has or can fetch
	@node infra/build.mjs --web
	@npx --no-install vitest run

bench: $(NODE_MODULES) ## measure the figures of docs/BENCHMARKS.md
	@node infra/build.mjs --web
	@sh bench/run.sh

format: $(NODE_MODULES) ## rewrite the code in our format
	@npm run -s format

generate: $(NODE_MODULES) ## rewrite proto/gen from the .proto files
	@npm run -s generate

settings: $(NODE_MODULES) ## rewrite docs/SETTINGS.md from the code
	@npm run -s settings

clean: ## remove what builds and tests left, not the data
	@rm -rf services/*/dist client/dist web/dist .cache

$(NODE_MODULES): package-lock.json package.json
	@node infra/check-node.mjs
	@echo 'Installing packages, about a minute the first time ...'
	@npm ci --no-fund --no-audit --loglevel=error
	@touch $(NODE_MODULES)
