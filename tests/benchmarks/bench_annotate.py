"""Time and peak memory of `annotate.py` at the paper's number of genes, on a CPU.

Random sparse counts, about 2,000 of 19,331 genes a cell, and random weights.

Run: PYTHONPATH=scripts python tests/benchmarks/bench_annotate.py [--cells 100000] [--threads 2]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch
from anndata.io import write_elem
from step_data import N_CLASSES, N_GENES, random_hierarchy

from hce.models import ModelFacts, build_model, save_model
from hce.training.state import copy_weights

SCRIPT = Path(__file__).parents[2] / "scripts" / "annotate.py"
NONZERO = 2000
# cells that are drawn; the file repeats them
DRAWN = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--architectures", nargs="+", default=["mlp"])
    parser.add_argument("--compression", help="of the file: gzip")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cells(folder / "cells.h5ad", arguments.cells, arguments.compression)
        print(f"file: {(folder / 'cells.h5ad').stat().st_size / 1e9:.1f} GB", flush=True)
        for architecture in arguments.architectures:
            write_model(folder / "model.safetensors", architecture)
            command = [sys.executable, str(SCRIPT), "--threads", str(arguments.threads)]
            command += ["--model", str(folder / "model.safetensors"), str(folder / "cells.h5ad")]
            command += ["--output", str(folder / "out.h5ad"), "--device", "cpu"]
            start = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            if status:
                sys.exit(f"{architecture}: failed")
            print(
                f"{architecture}, {arguments.cells:,} cells, {arguments.threads} threads: "
                f"{seconds:.1f} s, {usage.ru_utime + usage.ru_stime:.1f} s of cores, peak "
                f"{usage.ru_maxrss * 1024 / 1e6:,.0f} MB",
                flush=True,
            )


def gene_ids() -> list[str]:
    """Ids of the genes."""
    return [f"ENSG{number:011d}" for number in range(N_GENES)]


def write_model(path: Path, architecture: str) -> None:
    """Write an untrained model."""
    model = build_model(architecture, N_GENES, N_CLASSES)
    terms = [f"CL:{number:07d}" for number in range(N_CLASSES)]
    matrix = random_hierarchy()
    facts = ModelFacts(architecture, {}, gene_ids(), gene_ids(), terms, terms, matrix)
    save_model(path, copy_weights(model), facts)


def write_cells(path: Path, n_cells: int, compression: str | None) -> None:
    """Write random counts block by block."""
    rng = np.random.default_rng(0)
    nonzero = rng.poisson(NONZERO, DRAWN)
    genes = [np.sort(rng.choice(N_GENES, size, replace=False)) for size in nonzero]
    indices = np.concatenate(genes).astype(np.int32)
    data = (1 + rng.poisson(1.0, len(indices))).astype(np.float32)
    repeats = -(-n_cells // DRAWN)
    sizes = np.tile(nonzero, repeats)[:n_cells]
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    with h5py.File(path, "w") as file:
        for name, value in (("encoding-type", "anndata"), ("encoding-version", "0.1.0")):
            file.attrs[name] = value
        write_elem(file, "obs", pd.DataFrame(index=np.arange(n_cells).astype(str)))
        write_elem(file, "var", pd.DataFrame(index=gene_ids()))
        x = file.create_group("X")
        x.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        x.attrs["shape"] = [n_cells, N_GENES]
        x["indptr"] = indptr
        options = {"chunks": (2**20,), "compression": compression}
        for name, part in (("indices", indices), ("data", data)):
            stored = x.create_dataset(name, (indptr[-1],), part.dtype, **options)
            for first in range(0, indptr[-1], len(part)):
                end = min(first + len(part), indptr[-1])
                stored[first:end] = part[: end - first]


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
