# `make` is `make demo`; `make help` lists the targets. Each makes .venv if it is missing.
# The first interpreter that runs (a shim may be there without one) and that the lock fits.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python$$(cat .python-version) python3.13 python3.12 python3.11 python3; \
	do if $$python -c "$(FITS)" 2> /dev/null; then command -v $$python; break; fi; done)
VENV := .venv
# one peer of the loader benchmark wants 3.12 or later: that of .venv, or else another
PYTHON312 ?= $(firstword $(wildcard /usr/bin/python3.12 /usr/local/bin/python3.12 $(HOME)/.pyenv/versions/3.12*/bin/python))
# rules call plain `python`, so the environment comes first on the path
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help demo report test test-slurm test-faults test-envs lint env envs lock docs container controls bench bench-ingest bench-slice bench-import bench-published bench-loader bench-peers clean-env

demo: env ## the whole paper on a simulated Census (the default), results/figures/
	snakemake
	@cat results/summary.txt

help: ## these lines
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 17

controls: env ## after demo: train again with a cause of the gain removed, and with wrong hierarchies
	snakemake controls
	@echo "Figure: results/figures/controls.pdf"

REPORTED := overview
report: env ## everything in one file, results/report.html; with the controls too: REPORTED='overview controls'
	snakemake $(REPORTED) --report results/report.html --report-after-run \
		--report-stylesheet workflow/report/report.css
	python workflow/tools/open_on_results.py results/report.html
	@echo "Report: results/report.html"

test: env ## the tests, with an end-to-end run of a tiny configuration
	pytest -n 2 --dist loadgroup

test-slurm: env ## the same on a SLURM cluster that it brings up here (root)
	pytest -m slurm tests/slurm

test-faults: env ## kills, flipped bits, full disks, second writers (docs/reliability.md)
	pytest -m faults tests/faults

bench: env bench-peers ## loader, training steps and scores against their peers; replaces the rates of `snakemake plan`
	python tests/benchmarks/bench.py --output results/benchmarks/bench.json

bench-ingest: env ## Census to shards at the true width, against the published way
	python tests/benchmarks/bench_ingest.py --output results/benchmarks/ingest.json

bench-slice: env ## a slice: tiles read, and the choice among 28 million cells
	PYTHONPATH=scripts python tests/benchmarks/bench_slice.py --output results/benchmarks/slice.json

bench-import: env ## time and memory of importing checkpoints of the paper's size
	PYTHONPATH=scripts python tests/benchmarks/bench_import_checkpoint.py \
		--output results/benchmarks/import.json

bench-published: env ## published predictions of 24 models to every figure: minutes and memory
	python tests/benchmarks/bench_published.py --work results/bench-published \
		--output results/benchmarks/published.json

bench-loader: env ## cells/s of the loader against its peers
	python tests/benchmarks/bench_loader.py --output results/benchmarks/loader.json

# the peers lie in environments of their own, the first of which sees the pinned one too
bench-peers: .venv-bench/.installed

.venv-bench/.installed: tests/benchmarks/requirements-peers.txt tests/benchmarks/requirements-annbatch.txt | env
	$(VENV)/bin/python -m venv .venv-bench
	realpath $(VENV)/lib/python3.*/site-packages > \
		"$$(echo .venv-bench/lib/python3.*/site-packages)/pinned.pth"
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		-r tests/benchmarks/requirements-peers.txt
	@python=$(VENV)/bin/python; \
		$$python -c "import sys; sys.exit(sys.version_info < (3, 12))" || python="$(PYTHON312)"; \
		{ test -n "$$python" && "$$python" -m venv .venv-bench-annbatch && \
		.venv-bench-annbatch/bin/python -m pip install --quiet --disable-pip-version-check \
			-r tests/benchmarks/requirements-annbatch.txt; } \
		|| echo "annbatch is skipped: it needs Python 3.12 or later (PYTHON312=...)"
	touch $@

lint: env ## formatters, types, layers of the library
	ruff check --no-cache .
	ruff format --check .
	mypy
	PYTHONPATH=scripts lint-imports --no-cache
	snakefmt --check Snakefile workflow
	snakemake --lint

env: $(VENV)/.installed ## .venv from the pinned requirements; PYTHON=/path/to/python3.12 to choose one

$(VENV)/.installed: requirements.txt
	@"$(PYTHON)" -c "$(FITS)" 2> /dev/null || { \
		echo "Python 3.11, 3.12 or 3.13 is needed, got '$(PYTHON)': make env PYTHON=/path/to/python3.12"; \
		exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

# the full lock from the direct requirements; a local build tag of PyTorch is no part of the pin
lock: env ## requirements.txt from requirements.in
	pip-compile --quiet --strip-extras --no-header --no-emit-index-url --no-emit-find-links \
		--no-emit-trusted-host --no-annotate --output-file requirements.txt requirements.in
	sed -i 's/^\(torch==[0-9.]*\)+.*/\1/' requirements.txt

envs: env ## conda environments of the stages from the lock
	python workflow/tools/derive_environments.py

container: env ## the Dockerfile of these environments
	python workflow/tools/write_dockerfile.py

test-envs: env ## each stage's rules in an environment with its packages alone: some GB of downloads
	python workflow/tools/check_environments.py --work .test-envs

docs: env ## config/README.md from the schemas
	python workflow/tools/document_config.py

clean-env: ## remove .venv
	rm -rf $(VENV)
