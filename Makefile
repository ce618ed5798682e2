# The two commands of the README are `make demo` and `make test`; each makes .venv if it is missing.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
# rules call plain `python`, so the environment comes first on the path
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: demo report test lint env lock controls bench-ingest clean-env

demo: env
	snakemake
	@cat results/summary.txt

controls: env
	snakemake controls
	@echo "Figure: results/figures/controls.pdf"

# everything in one file that opens without a network
report: env
	snakemake overview --report results/report.html --report-after-run \
		--report-stylesheet workflow/report/report.css
	@echo "Report: results/report.html"

test: env
	pytest -n 2 --dist loadgroup

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
