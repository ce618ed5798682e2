# The two commands of the README are `make demo` and `make test`; each makes .venv if it is missing.
PYTHON ?= $(shell command -v python$$(cat .python-version) || command -v python3)
VENV := .venv
# for one peer of the loader benchmark
PYTHON312 ?= $(firstword $(wildcard /usr/bin/python3.12 /usr/local/bin/python3.12 $(HOME)/.pyenv/versions/3.12*/bin/python))
# rules call plain `python`, so the environment comes first on the path
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: demo report test test-slurm test-faults test-envs lint env envs lock docs container controls bench bench-ingest bench-published bench-loader bench-peers clean-env

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
	@{ test -n "$(PYTHON312)" && "$(PYTHON312)" -m venv .venv-bench-annbatch && \
		.venv-bench-annbatch/bin/python -m pip install --quiet --disable-pip-version-check \
			-r tests/benchmarks/requirements-annbatch.txt; } \
		|| echo "annbatch is skipped: it needs Python 3.12 (make bench-peers PYTHON312=...)"
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
	$(PYTHON) -m venv $(VENV)
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
