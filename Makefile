PYTHON ?= python3
BIN := .venv/bin
# In the order of the folders, so that each process starts the servers of a folder once.
TEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

.PHONY: install demo up test test-slow test-all lint bench pictures scale results faults fuzz load compose settings env pins locks audit sbom

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[worker,dev]'
	touch $@

demo: install
	$(BIN)/activation-lab demo

up: install
	$(BIN)/activation-lab up

# Every test that starts no browser, no second stack and no crash: a few minutes.
test: install
	$(TEST) -m 'not slow'

test-slow: install
	$(TEST) -m slow

test-all: install
	$(TEST)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The service beside its peers, into docs/performance.md; QUICK=1 for a rough look in under five minutes.
bench: install
	-@$(MAKE) --no-print-directory .bench/installed
	$(BIN)/python -m bench $(if $(QUICK),--quick)

# A line of the file at a time: a peer that cannot be installed is not measured, and the others are.
.bench/installed: bench/peers.txt
	$(PYTHON) -m venv .bench/venv
	xargs -L 1 .bench/venv/bin/pip install --quiet --disable-pip-version-check < $<
	touch $@

# Screenshots of the page for the README: needs chromium.
pictures: install
	$(BIN)/python -m bench.pictures

scale: install
	$(BIN)/python -m bench.scale

# docs/settings.md, from the settings' declarations.
settings: install
	$(BIN)/python -m tests.docs.settings_page

# The article's sweeps on the full data, and docs/results.md from them. After an interruption it resumes.
results: install
	$(BIN)/python -m bench.results

# Random hypothesis tests, then half an hour: each guard of the job protocol removed in turn, then a hundred kills on each database.
faults: install
	$(TEST) -m hypothesis --hypothesis-profile=deep
	$(BIN)/python -m tests.faults.controls
	$(BIN)/python -m tests.faults.campaign

# .env for docker compose, with random passwords.
env:
	$(PYTHON) docker/write_env.py

# The digests of the base images in docker-compose.yml and Dockerfile, as their tags stand today: needs docker and a registry.
pins:
	$(PYTHON) docker/pin_images.py

# The packages of the images with the digests of their files, from constraints.txt: needs the package index.
locks: .locks/installed
	$(PYTHON) docker/lock_packages.py .locks/venv/bin/uv

.locks/installed: Makefile
	$(PYTHON) -m venv .locks/venv
	.locks/venv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
	touch $@

# The API by its OpenAPI document, then odd requests, 500 of each kind an operation on both databases: an hour or two.
fuzz: install
	$(BIN)/python -m tests.fuzz

# Twenty minutes of mixed traffic, and docs/load.md from it.
load: install
	$(BIN)/python -m bench.load

# Known vulnerabilities of the pinned packages: of those whose entry in the package index can be read.
audit: .audit/installed
	.audit/venv/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --progress-spinner off

# A bill of materials of what is installed, as CycloneDX.
sbom: install .audit/installed
	.audit/venv/bin/cyclonedx-py environment .venv --output-file sbom.json

.audit/installed: Makefile
	$(PYTHON) -m venv .audit/venv
	.audit/venv/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1 cyclonedx-bom==7.5.0
	touch $@

compose:
	tests/compose/run
