.DEFAULT_GOAL := help
.PHONY: help setup ray bench browser demo screenshots dev test test-all chaos fuzz check lint types format migration audit sbom clean

PYTHON ?= python3.11
UV_VERSION := 0.13.9
PIP_AUDIT_VERSION := 2.10.1
RUN := .venv/bin/
# Tests start many processes: what one has compiled, the others read, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

help:  ## List these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.installed  ## Make the environment in .venv from the committed lock

.venv/.installed: uv.lock pyproject.toml distributions/server/pyproject.toml distributions/server/hatch_build.py
	test -x $(RUN)python || $(PYTHON) -m venv .venv
	test -x $(RUN)uv || $(RUN)python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	VIRTUAL_ENV=.venv UV_PROJECT_ENVIRONMENT=.venv $(RUN)uv sync --quiet --frozen --inexact --extra all --extra s3
	touch $@

ray: .venv/.ray  ## Add what trains on a Ray cluster, for the tests

.venv/.ray: .venv/.installed
	VIRTUAL_ENV=.venv UV_PROJECT_ENVIRONMENT=.venv $(RUN)uv sync --quiet --frozen --inexact --extra all --extra ray
	touch $@

check: lint types  ## Lint, types and import contracts

lint: setup  ## Lint, import contracts, structure and words
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)lint-imports --no-cache
	$(RUN)python -m tests.style

types: setup  ## Check types
	$(RUN)mypy
	$(RUN)mypy distributions/server/hatch_build.py

format: setup  ## Format the code and mend what lint can mend
	$(RUN)ruff check --fix .
	$(RUN)ruff format .

test: setup ray  ## Set up and run the tests, but for the slow ones
	$(RUN)pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-all: setup ray  ## Run all tests, the slow ones, too
	$(RUN)pytest -n 2 --dist loadfile --no-loadscope-reorder

browser:  ## Install the Chromium that tests of the pages drive (Debian's package)
	command -v chromium >/dev/null || $(SUDO) apt-get update -q
	command -v chromium >/dev/null || $(SUDO) apt-get install -y -q --no-install-recommends chromium

chaos: setup ray  ## Kill processes in the middle of jobs, in 200 rounds; run 2,000 jobs in a row, and 30 that train
	LOWLOSS_CHAOS_ROUNDS=$(or $(ROUNDS),200) LOWLOSS_SOAK_JOBS=$(or $(JOBS),2000) LOWLOSS_CLUSTER_ROUNDS=$(or $(ROUNDS),50) $(RUN)pytest tests/chaos tests/cluster/test_ray_rounds.py

fuzz: setup  ## Fuzz the readers of tables, recipes and rows, and damage binary tables, SECONDS each (60)
	for reader in text_table json_table packed recipe rows; do $(RUN)python -m tests.fuzz.coverage_guided $$reader $(or $(SECONDS),60) || exit 1; done
	for format in parquet arrow xlsx ods packed; do $(RUN)python -m tests.fuzz.binary_tables $$format $(or $(SECONDS),60) || exit 1; done

bench: setup  ## Compare with KerasTuner, Optuna and scikit-learn; writes docs/performance.md
	VIRTUAL_ENV=.venv UV_PROJECT_ENVIRONMENT=.venv $(RUN)uv sync --quiet --frozen --inexact --extra all --group bench
	$(RUN)python -m benchmarks.run

demo: setup  ## Run the main job on a real table, from upload to a downloaded model
	$(RUN)python -m lowloss.cli.demo

screenshots: setup browser  ## Make the pictures of the README from the data of `make demo`
	$(RUN)python -m tests.browser.screenshots

dev: setup  ## Run server and worker on this machine, data in lowloss-data/
	$(RUN)lowloss serve

migration: setup  ## Write a new migration from the schema: make migration name="add tags"
	$(RUN)alembic upgrade head
	$(RUN)alembic revision --autogenerate -m "$(name)"

audit: setup  ## Look up known vulnerabilities of what the lock installs; asks the package index
	mkdir -p build
	$(RUN)uv export --quiet --frozen --no-dev --all-packages --all-extras --no-emit-workspace --format requirements.txt --output-file build/requirements.txt
	$(RUN)uv tool run pip-audit==$(PIP_AUDIT_VERSION) --strict --disable-pip --require-hashes --requirement build/requirements.txt

sbom: setup  ## Write what the lock installs as a bill of materials (CycloneDX 1.5): dist/lowloss.cdx.json
	mkdir -p dist
	$(RUN)uv export --quiet --frozen --no-dev --all-packages --all-extras --format cyclonedx1.5 --output-file dist/lowloss.cdx.json

clean:  ## Remove the environment, caches and the demo's data
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis demo-data
