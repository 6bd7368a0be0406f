# Commands of the contract; each works on a fresh machine with Python 3.11 or 3.12.
SHELL := /bin/bash
.DELETE_ON_ERROR:
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)
PORT ?= 3000
BIN := .venv/bin
# A process that starts compiles nothing anew, whatever the caller's shell says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: dev-setup mutants sen2cor preflight setup demo demo-ui test lint dev bench soak lock clean distclean help cluster-setup cluster-demo \
  clients docs docs-setup pictures postgis postgis-stop dev-postgres

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

setup: .venv/.installed  ## .venv for running, from requirements.lock

# uv installs what the locks name, in seconds; where it fails, pip does, in minutes.
define install
	@echo "installing $(1) (half a minute with a warm connection)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) 2>/dev/null \
	  || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(1)
endef

.venv/.installed: requirements.lock requirements-build.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or 3.12 found; install one, or set PYTHON=" >&2; exit 2; }
	@echo "making .venv with $(PYTHON)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock
	$(call install,requirements.lock)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

dev-setup: .venv/.dev  ## what tests, lint and bench need besides, from requirements-dev.lock

.venv/.dev: .venv/.installed requirements-dev.lock
	$(call install,requirements-dev.lock)
	@touch $@

cluster-setup: .venv/.cluster  ## the extra cluster, from requirements-cluster.lock

.venv/.cluster: .venv/.dev requirements-cluster.lock
	$(call install,requirements-cluster.lock)
	@touch $@

docs-setup: .venv/.docs

.venv/.docs: .venv/.installed requirements-docs.lock
	$(call install,requirements-docs.lock)
	@touch $@

docs: docs-setup  ## the pages of docs/ as a searchable site, in .site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "open .site/index.html in a browser"

pictures: demo dev-setup  ## the pictures in docs/, from the demo's results
	@$(BIN)/python -m ben_assets.graph_picture > docs/asset-graph.svg
	@$(BIN)/python -m ben_assets_tests.browser.docs_pictures

demo: setup  ## the main job for five small generated tiles
	@echo "make demo: small tiles through every step; a minute or two on two quiet cores"
	@$(BIN)/python -m ben_assets.demo

cluster-demo: cluster-setup  ## demo tiles through PostgreSQL, Redis and two Celery workers
	@$(BIN)/python -m ben_assets.testing.cluster

demo-ui: setup  ## the Dagster UI on the demo's results (OWN=1: of your own data set)
	@$(BIN)/python -m ben_assets.demo --ui --port $(PORT) $(if $(OWN),--own)

test: dev-setup  ## the whole test suite
	@echo "make test: real servers, databases and a browser on loopback; about ten minutes on two quiet cores"
	@$(BIN)/python -m pytest -q -n 2 --dist loadscope --no-loadscope-reorder

mutants: dev-setup  ## faults put into a copy of the code: does a test notice each?
	@$(BIN)/python -m ben_assets_tests.mutants

lint: dev-setup  ## ruff and mypy
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

dev: setup  ## Dagster UI and daemon on http://127.0.0.1:3000 (PORT=)
	@mkdir -p .dagster_home && cp dagster.yaml .dagster_home/
	@DAGSTER_HOME="$(CURDIR)/.dagster_home" $(BIN)/dagster instance info >/dev/null
	@DAGSTER_HOME="$(CURDIR)/.dagster_home" $(BIN)/dagster dev -h 127.0.0.1 -p $(PORT)

postgis:  ## a private PostgreSQL with PostGIS on loopback, in .postgis/; prints its DSN
	@$(PYTHON) ben_assets/testing/postgis_server.py start --folder .postgis

dev-postgres: setup postgis  ## dev with Dagster's state in that server, and PostGIS switched on
	@mkdir -p .dagster_home/postgres && cp deploy/postgres/dagster.yaml .dagster_home/postgres/
	@export DAGSTER_HOME="$(CURDIR)/.dagster_home/postgres" \
	  BEN_POSTGIS_DSN="$$($(PYTHON) ben_assets/testing/postgis_server.py dsn)" \
	  DAGSTER_PG_URL="$$($(PYTHON) ben_assets/testing/postgis_server.py dsn --database dagster \
	    | sed 's/^postgresql:/postgresql+psycopg2:/')"; \
	$(BIN)/dagster instance info >/dev/null && $(BIN)/dagster dev -h 127.0.0.1 -p $(PORT)

postgis-stop:  ## stop it; its data stay
	@$(PYTHON) ben_assets/testing/postgis_server.py stop --folder .postgis

sen2cor: setup  ## ESA's sen2cor 2.11, from its home or FILE= (ACCEPT_LICENCE=1)
	@$(BIN)/python -m resources.sen2cor.install $(if $(FILE),--file "$(FILE)") $(if $(ACCEPT_LICENCE),--accept-licence)

preflight: setup  ## which source has which tile, without downloading
	@$(BIN)/ben preflight

bench: dev-setup  ## the benchmark table
	@$(BIN)/python -m benchmarks

clients: dev-setup  ## other programs read a release, each in an environment of its own (CLIENTS_ALL=1)
	@$(BIN)/python -m clients

soak: dev-setup  ## the long fault and kill campaigns (SHORT=1: a minute of each)
	@$(BIN)/python -m benchmarks.soak $(if $(SHORT),--short)

lock: dev-setup  ## the lock files from pyproject.toml
	@compile() { $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-strip-extras --no-emit-index-url --no-header --group build "$$@"; }; \
	compile pyproject.toml --extra dev --extra cluster -o requirements-cluster.lock && \
	compile pyproject.toml --extra dev -c requirements-cluster.lock -o requirements-dev.lock && \
	compile pyproject.toml -c requirements-cluster.lock -o requirements.lock && \
	compile -c requirements-cluster.lock -o requirements-build.lock && \
	compile --group docs -c requirements-cluster.lock -o requirements-docs.lock

clean:  ## undo demo, bench, docs and tests
	@rm -rf .demo .cluster-demo .bench .site screenshots build \
	  .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@echo "left: .venv (make distclean), and what is yours: data/ .env .dagster_home/ .sen2cor/ .postgis/"

distclean: clean  ## the same, and .venv with the environments of make clients
	@rm -rf .venv .clients *.egg-info
	@echo "removed .venv and .clients, too; make setup makes it again"
