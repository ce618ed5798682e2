# The two commands of the README are `make demo` and `make test`; each makes .venv if it is missing.
# The first interpreter that runs (a shim may be there without one) and that the lock fits.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python$$(cat .python-version) python3.13 python3.12 python3.11 python3; \
	do if $$python -c "$(FITS)" 2> /dev/null; then command -v $$python; break; fi; done)
VENV := .venv
# one peer of the loader benchmark wants 3.12 or later: that of .venv, or else another
PYTHON312 ?= $(firstword $(wildcard /usr/bin/python3.12 /usr/local/bin/python3.12 $(HOME)/.pyenv/versions/3.12*/bin/python))
# rules call plain `python`, so the environment comes first on the path
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: demo report test test-slurm test-faults test-envs lint env envs lock docs container controls bench bench-ingest bench-slice bench-import bench-published bench-loader bench-peers clean-env

demo: env
	snakemake
	@cat results/summary.txt

controls: env
	snakemake controls
	@echo "Figure: results/figures/controls.pdf"

# everything in one file that opens without a network; after `make controls` with them too:
# make report REPORTED='overview controls'
REPORTED := overview
report: env
	snakemake $(REPORTED) --report results/report.html --report-after-run \
		--report-stylesheet workflow/report/report.css
	python workflow/tools/open_on_results.py results/report.html
	@echo "Report: results/report.html"

test: env
	pytest -n 2 --dist loadgroup

# on a SLURM cluster that it brings up on this machine; skipped with the reason where it cannot
test-slurm: env
	pytest -m slurm tests/slurm

# kills, flipped bits, full disks and second writers, some 20 minutes (docs/reliability.md)
test-faults: env
	pytest -m faults tests/faults

# loader, training steps and scores against their peers, on the CPU or the GPU that is there
bench: env bench-peers
	python tests/benchmarks/bench.py --output results/benchmarks/bench.json

# Census to shards at the true width, against the published way and against only reading
bench-ingest: env
	python tests/benchmarks/bench_ingest.py --output results/benchmarks/ingest.json

# a slice: tiles read of a store of 2 million cells, and the choice among 28 million
bench-slice: env
	PYTHONPATH=scripts python tests/benchmarks/bench_slice.py --output results/benchmarks/slice.json

# time and memory of importing checkpoints of the paper's size
bench-import: env
	PYTHONPATH=scripts python tests/benchmarks/bench_import_checkpoint.py \
		--output results/benchmarks/import.json

# published predictions of 2.6 million cells and 24 models to every figure: minutes and memory
bench-published: env
	python tests/benchmarks/bench_published.py --work results/bench-published \
		--output results/benchmarks/published.json

# cells/s of the loader against its peers, as far as bench-peers could install them
bench-loader: env
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

lint: env
	ruff check --no-cache .
	ruff format --check .
	mypy
	PYTHONPATH=scripts lint-imports --no-cache
	snakefmt --check Snakefile workflow
	snakemake --lint

env: $(VENV)/.installed

$(VENV)/.installed: requirements.txt
	@"$(PYTHON)" -c "$(FITS)" 2> /dev/null || { \
		echo "Python 3.11, 3.12 or 3.13 is needed, got '$(PYTHON)': make env PYTHON=/path/to/python3.12"; \
		exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

# the full lock from the direct requirements; a local build tag of PyTorch is no part of the pin
lock: env
	pip-compile --quiet --strip-extras --no-header --no-emit-index-url --no-emit-find-links \
		--no-emit-trusted-host --no-annotate --output-file requirements.txt requirements.in
	sed -i 's/^\(torch==[0-9.]*\)+.*/\1/' requirements.txt

# the conda environments of the stages from the lock
envs: env
	python workflow/tools/derive_environments.py

# an image of these environments; the Dockerfile is snakemake's
container: env
	python workflow/tools/write_dockerfile.py

# each stage's rules in an environment with its packages alone: some GB of downloads
test-envs: env
	python workflow/tools/check_environments.py --work .test-envs

# config/README.md from the schemas
docs: env
	python workflow/tools/document_config.py

clean-env:
	rm -rf $(VENV)
