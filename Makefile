# Everything a developer does is one command; each target does its own set-up.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules
.PHONY: help demo test check up down bench soak train-nano train-scamtext mentions train-analyst \
  analyses recording coverage schemas alert-pages checks-page probe tree screenshots migration clean

VENV := .venv
BIN := $(VENV)/bin
ifndef PYTHON
PYTHON := $(shell for p in python3.11 python3; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$p && break; \
  done)
endif
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# Where recorded mainnet data lies, for the targets that read it.
export HEFT_DATA_DIR ?= ../shared
POOLS := $(abspath $(HEFT_DATA_DIR))/data/uniswap_v2_pool_events

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.serve ## play the bundled recording through the whole pipeline; stays up after it (ONCE=1: exits)
	$(BIN)/heft demo $(if $(ONCE),--once)

test: check ## what CI runs: lint, types, import contracts, tests
	$(BIN)/pytest --numprocesses=2 --dist=loadfile

check: $(VENV)/.develop ## lint, format, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

up: secrets .env ## build the image and run every service with docker compose
	docker compose up --detach --build --wait

down: ## drain and stop the services; what they remember stays
	docker compose down

# A password nobody has chosen, and empty files for what is off until you fill them in.
secrets:
	mkdir -p -m 0700 secrets
	umask 022; password=$$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n'); \
	  printf %s "$$password" > secrets/postgres_password; \
	  printf %s "postgresql://heft:$$password@postgres/heft" > secrets/HEFT_STATE__URL; \
	  printf "[]" > secrets/HEFT_CHAINS__RPC; \
	  touch secrets/HEFT_SINKS__WEBHOOK__URL secrets/HEFT_SINKS__WEBHOOK__SECRET \
	    secrets/HEFT_PAGE__TOKEN secrets/HEFT_SOCIAL__AUTHOR_KEY secrets/HEFT_SOCIAL__X__TOKEN \
	    secrets/HEFT_SOCIAL__REDDIT__SECRET secrets/HEFT_SOCIAL__FARCASTER__KEY \
	    secrets/HEFT_SOCIAL__TELEGRAM__TOKEN secrets/HEFT_SOCIAL__INTAKE__TOKEN

.env:
	cp .env.example .env

coverage: $(VENV)/.develop ## branch coverage of the tests, by file
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: $(VENV)/.develop ## measure throughput, latency and memory
	$(BIN)/python -m benchmarks

soak: $(VENV)/.develop ## kill -9 in a replay (20), in refreshes (20) and in delivery with faults (200), break 1,000 connections to nodes and to feeds
	SOAK_KILLS=20 SOAK_DELIVERY_KILLS=200 SOAK_REFRESH_KILLS=20 SOAK_RECORDING=$(POOLS) \
	  $(BIN)/pytest tests/crash -s
	SOAK_DISCONNECTS=1000 $(BIN)/pytest tests/chain -s -k lost_over_faults -o faulthandler_timeout=0
	SOAK_SOLANA_DISCONNECTS=1000 \
	  $(BIN)/pytest tests/chain/test_solana_follow.py -s -o faulthandler_timeout=0
	SOAK_FEED_DISCONNECTS=1000 $(BIN)/pytest tests/feeds -s -o faulthandler_timeout=0

EARLY := build/uniswap_v2_pool_events_part1

train-nano: $(VENV)/.develop ## train both bundled models again from the pools in HEFT_DATA_DIR (about 15 minutes)
	@ls $(POOLS)/*_part1.parquet > /dev/null || { \
	  echo "make: no recorded pools in $(POOLS): set HEFT_DATA_DIR" >&2; exit 1; }
	rm -rf heft_model/bundles $(EARLY)
	mkdir -p $(EARLY)
	ln -s $(POOLS)/*_part1.parquet $(EARLY)
	$(BIN)/heft train $(EARLY) --earlier 0.7 --name nano-early --out heft_model/bundles/nano-early
	$(BIN)/heft train $(POOLS) --name nano --out heft_model/bundles/nano

train-scamtext: $(VENV)/.develop ## train the model of scam texts again from janitr's posts in HEFT_DATA_DIR (a minute)
	$(BIN)/python -m trainer.scamtext $(HEFT_DATA_DIR)/data/janitr_social/train.jsonl heft_model/scam

mentions: $(VENV)/.develop ## write tests/golden/mentions.jsonl: posts and the tokens that they name
	$(BIN)/python -m tools.mention_cases

train-analyst: $(VENV)/.develop ## teach the bundled analyst again, from phrases (about 20 minutes of one core)
	rm -rf heft_model/writers/nano
	$(BIN)/heft train --analyst --out heft_model/writers/nano

analyses: $(VENV)/.serve ## write docs/analyses.md: a hundred analyses by the bundled analyst
	$(BIN)/python -m tools.analyses

recording: $(VENV)/.develop ## act the demo's launches out on a local chain again and record them (needs Node 20)
	$(INSTALL) -e '.[record]'
	npm install --prefix tools --no-package-lock
	$(BIN)/python -m tools.record_demo

schemas: $(VENV)/.serve ## write the JSON Schema of every topic into docs/schemas
	$(BIN)/heft topics --schema docs/schemas

alert-pages: $(VENV)/.serve ## write docs/alerts.md: every message as people read it
	$(BIN)/python -m tools.alert_pages

checks-page: $(VENV)/.develop ## write docs/checks.md: what the checks find of our own tokens (needs Node 20)
	npm install --prefix tools --no-package-lock
	$(BIN)/python -m tests.chain.checks_page

probe: $(VENV)/.develop ## compile the probe of the checks again (needs Node 20)
	npm install --prefix tools --no-package-lock
	$(BIN)/python -m tools.probe

tree: $(VENV)/.serve ## write the tree of modules into docs/architecture.md
	$(BIN)/python tools/tree.py

screenshots: $(VENV)/.develop ## write the pictures of the page into docs (needs Chromium)
	$(BIN)/python -m tools.screenshots

migration: $(VENV)/.develop ## write the next step of the state's tables: make migration WHY="what changes"
	$(BIN)/python -m tools.migration "$(WHY)"

clean: ## remove what the targets made, the environment included
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
	  .import_linter_cache .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@test -n "$(PYTHON)" || { \
	  echo "make: Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.11" >&2; \
	  exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)
	touch $@

$(VENV)/.serve: $(VENV)/.created pyproject.toml constraints.txt
	test -e $(VENV)/.develop || $(INSTALL) -e '.[cpu]'
	touch $@

$(VENV)/.develop: $(VENV)/.created pyproject.toml constraints.txt
	$(INSTALL) -e '.[cpu,train,dev]'
	touch $@ $(VENV)/.serve
