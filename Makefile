# The two commands of the README are `make demo` and `make test`; each makes .venv if it is missing.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
# rules call plain `python`, so the environment comes first on the path
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: demo test test-slurm lint env lock controls bench-ingest clean-env

demo: env
	snakemake
	@cat results/summary.txt

controls: env
	snakemake controls
	@echo "Figure: results/figures/controls.pdf"

test: env
	pytest -n 2 --dist loadgroup

# on a SLURM cluster that it brings up on this machine; skipped with the reason where it cannot
test-slurm: env
	pytest -m slurm tests/slurm

# Census to shards at the true width, against the published way and against only reading
bench-ingest: env
	python tests/benchmarks/bench_ingest.py --output results/benchmarks/ingest.json

lint: env
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

env: $(VENV)/.installed

$(VENV)/.installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

# the full lock from the direct requirements; a local build tag of PyTorch is no part of the pin
lock: env
	pip-compile --quiet --strip-extras --no-header --no-emit-index-url --no-emit-find-links \
		--no-emit-trusted-host --no-annotate --output-file requirements.txt requirements.in
	sed -i 's/^\(torch==[0-9.]*\)+.*/\1/' requirements.txt

clean-env:
	rm -rf $(VENV)
