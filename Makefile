# Every target works on a fresh clone with only make and python3 >= 3.11 (with venv).
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.stamp
HOSTS ?= 12
SEED ?= 7
COMPUTES ?= 10
CLOUD ?= simulator
DEVCLOUD_STAMP := .venv-devcloud/.stamp
ORACLE_STAMP := .venv-oracle/.stamp

.PHONY: help demo demo-down devcloud devcloud-down lock-devcloud suite test explore test-devcloud fault-matrix bench bench-execution oracle lock-oracle check format lint types contracts documents lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11)' 2>/dev/null || \
	  { echo "Ballast needs Python 3.11 or newer; on Debian or Ubuntu: apt install python3 python3-venv make"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python lacks venv; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing the locked dependencies into .venv (once, about half a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) $(if $(filter devcloud,$(CLOUD)),$(DEVCLOUD_STAMP)) ## an audit told as a story (KEEP=1 leaves it running, HOSTS=N SEED=S; CLOUD=devcloud COMPUTES=N on real Nova)
	@$(BIN)/python -m deploy.local.demo --cloud $(CLOUD) --seed $(SEED) $(if $(KEEP),--keep) \
	  --hosts $(if $(filter devcloud,$(CLOUD)),$(COMPUTES),$(HOSTS))

demo-down: $(STAMP) ## stop what KEEP=1 left running
	@$(BIN)/python -m deploy.local.down

$(DEVCLOUD_STAMP): deploy/devcloud/requirements.txt
	@echo "Installing the locked OpenStack services into .venv-devcloud (once, one or two minutes, 0.6 GB) ..."
	@test -x .venv-devcloud/bin/python || $(PYTHON) -m venv .venv-devcloud
	@.venv-devcloud/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/devcloud/requirements.txt
	@touch $@

devcloud: $(STAMP) $(DEVCLOUD_STAMP) ## a real OpenStack control plane on loopback, without containers (COMPUTES=N hosts)
	@$(BIN)/python -m deploy.devcloud --computes $(COMPUTES)

devcloud-down: $(STAMP) ## stop it; its data stays in var/devcloud
	@$(BIN)/python -m deploy.devcloud.down

lock-devcloud: ## rewrite the hashed lock file of the OpenStack services
	@test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv; }
	@.venv-lock/bin/uv pip compile -q --upgrade --python-version 3.11 --generate-hashes --no-annotate --no-header deploy/devcloud/requirements.in -o deploy/devcloud/requirements.txt

# Most tests wait for a server: four processes, each with whole files of tests, take less than half the time of one.
test: $(STAMP) ## the test suite
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

# What is found is shown, and kept in .hypothesis, from which the next `make explore` begins, or in var/failed.
# Marked are also functions that run a property; tests/offline and the benches draw by seeds that are given.
explore: $(STAMP) ## the properties, with other random examples than those of every run
	@$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=explore -n 3 --dist loadfile

test-devcloud: $(STAMP) $(DEVCLOUD_STAMP) ## the behaviour suite and what is for the real cloud only, on a devcloud
	@trap '$(BIN)/python -m deploy.devcloud.down --directory var/test-devcloud' EXIT; \
	  $(BIN)/python -m deploy.devcloud --computes 6 --directory var/test-devcloud && \
	  $(BIN)/python -m pytest --cloud devcloud $(if $(MARK),-m "$(MARK)") tests/behaviour tests/devcloud && \
	  $(if $(filter not,$(MARK)),true,{ $(BIN)/python -m tests.metrics.real_prometheus --cloud devcloud --directory var/test-devcloud || test $$? = 4; })

fault-matrix: $(STAMP) ## every fault in every moment of every action (ONLY=fault MOMENT=moment COUNT=runs in each cell)
	@$(BIN)/python -m tests.faults --count $(or $(COUNT),3) --only "$(ONLY)" --moment "$(MOMENT)" $(if $(BREAK),--break $(BREAK))

# Ends with an error when a goal is missed, which the last line of the tables tells; no part of `make check`.
bench: $(STAMP) $(if $(QUICK),,$(ORACLE_STAMP)) ## how near decisions come to what nobody can better (QUICK=1: one seed, small clouds), rows and tables in var/bench/
	@missed=0; $(BIN)/python -m tests.bench $(if $(QUICK),--quick) || missed=$$?; \
	  $(if $(QUICK),true,$(BIN)/python -m tests.oracle) || missed=$$?; exit $$missed

bench-execution: $(STAMP) ## what large plans cost to carry out, and how near they come to the shortest there can be
	@$(BIN)/python -m tests.bench.size
	@$(BIN)/python -m tests.bench.makespan

# CP-SAT has an environment of its own: it would hold other libraries back under all other tests.
$(ORACLE_STAMP): tests/oracle/requirements.txt
	@echo "Installing the locked CP-SAT into .venv-oracle (once, about a minute, 0.3 GB) ..."
	@test -x .venv-oracle/bin/python || $(PYTHON) -m venv .venv-oracle
	@.venv-oracle/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r tests/oracle/requirements.txt
	@touch $@

oracle: $(STAMP) $(ORACLE_STAMP) ## consolidation of small clouds against the proven best, by CP-SAT (SEEDS=10)
	@$(BIN)/python -m tests.oracle --seeds $(or $(SEEDS),10)

lock-oracle: ## rewrite the hashed lock file of CP-SAT
	@test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv; }
	@.venv-lock/bin/uv pip compile -q --upgrade --python-version 3.11 --generate-hashes --no-annotate --no-header tests/oracle/requirements.in -o tests/oracle/requirements.txt

LEFT_OUT := left out on the devcloud: what dies under a plan (tests/devcloud/test_outages.py, marked long) and the scrape by a real Prometheus; all of it: make test-devcloud

# The last step says in one line when the real cloud cannot be had here; that it fails is a failure. Its services
# are installed while the tests run, most of which wait.
check: $(STAMP) ## what CI runs: format, lint, types, contracts, documents, test, and test-devcloud where it can be had
	@why=$$($(BIN)/python -m deploy.devcloud.possible); case $$? in \
	  0) $(MAKE) --no-print-directory --jobs 2 suite $(DEVCLOUD_STAMP) && \
	     $(MAKE) --no-print-directory test-devcloud MARK="not long" && echo "$(LEFT_OUT)" ;; \
	  4) $(MAKE) --no-print-directory suite && echo "make test-devcloud was NOT run: $$why" ;; \
	  *) echo "whether test-devcloud can run could not be told: $$why"; exit 1 ;; esac

suite: $(STAMP)
	@for step in format lint types contracts documents test; do $(MAKE) --no-print-directory $$step || exit 1; done

format: $(STAMP)
	@$(BIN)/ruff format --check .

lint: $(STAMP)
	@$(BIN)/ruff check .

types: $(STAMP)
	@$(BIN)/mypy

contracts: $(STAMP)
	@$(BIN)/lint-imports

documents: $(STAMP)
	@$(BIN)/ballast validate plan_schemas

lock: ## rewrite the hashed lock files
	@test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv; }
	@.venv-lock/bin/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header pyproject.toml -o requirements.txt
	@.venv-lock/bin/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --extra dev pyproject.toml -o requirements-dev.txt

clean: ## remove what the other targets made
	rm -rf .venv .venv-devcloud .venv-lock .venv-oracle var build dist
