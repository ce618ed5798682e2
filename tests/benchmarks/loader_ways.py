"""Ways to deliver shuffled dense float32 batches of 2,048 normalized cells, one a process.

    python loader_ways.py WAY FOLDER SECONDS     then "epoch" on standard input, again and again

Each answers an epoch with one line of JSON: cells and seconds. An epoch ends after SECONDS at the
next batch. A process a way, because annbatch wants a newer Python than the others, and so that no
way has the threads or the memory of another.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

BATCH, WINDOW, FETCH = 2048, 4, 4
N_THREADS = len(os.sched_getaffinity(0))
# yields numbers of cells, each after their dense batch was on the device
Epochs = Callable[[int], Iterator[int]]


def ours(folder: Path, residency: str) -> Epochs:
    import torch

    sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
    from hce.shards import ShardReader

    reader = ShardReader(folder / "manifest.json", "train", residency, device())
    print(json.dumps({"residency": reader.kept.residency}), flush=True)

    def epoch(number: int) -> Iterator[int]:
        for batch in reader.shuffled(BATCH, 0, number, WINDOW):
            dense = batch.expression.dense()
            if dense.is_cuda:
                torch.cuda.synchronize()
            yield len(dense)

    return epoch


def ram(folder: Path, loop: str) -> Epochs:
    """Only gather and densify: shuffled rows of scipy's rows of normalized float32 in memory."""
    import numba

    matrix = csr(folder)

    @numba.njit(parallel=loop == "numba_parallel")
    def fill(rows, indptr, indices, data, out):
        for cell in numba.prange(len(rows)):
            out[cell] = 0
            for entry in range(indptr[rows[cell]], indptr[rows[cell] + 1]):
                out[cell, indices[entry]] = data[entry]

    out = np.empty((BATCH, matrix.shape[1]), dtype=np.float32)

    def epoch(number: int) -> Iterator[int]:
        order = np.random.default_rng(number).permutation(matrix.shape[0])
        for first in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[first : first + BATCH]
            if loop == "scipy":
                dense = matrix[rows].toarray()
            else:
                fill(rows, matrix.indptr, matrix.indices, matrix.data, out)
                dense = out
            to_device(dense)
            yield BATCH

    return epoch


def annloader(folder: Path, where: str) -> Epochs:
    """anndata.experimental.AnnLoader with its own shuffling (anndata's tutorial)."""
    import anndata
    from anndata.experimental import AnnLoader

    data = anndata.read_h5ad(folder / "cells.h5ad", backed="r" if where == "disk" else None)

    def epoch(number: int) -> Iterator[int]:
        for batch in AnnLoader(data, batch_size=BATCH, shuffle=True):
            yield len(to_device(batch.X))

    return epoch


def scdataset(folder: Path, where: str, workers: int) -> Epochs:
    """Blocks of 16 cells, several batches a fetch, a DataLoader (scDataset's examples).

    A fetch stays sparse and a batch is made dense, which is faster than its examples.
    """
    import anndata
    from scdataset import BlockShuffling, scDataset
    from torch.utils.data import DataLoader

    data = anndata.read_h5ad(folder / "cells.h5ad", backed="r" if where == "disk" else None)

    def fetch(data, rows):
        return data.X[np.sort(rows)] if where == "disk" else data.X[rows]

    def epoch(number: int) -> Iterator[int]:
        dataset = scDataset(
            data,
            BlockShuffling(block_size=16),
            batch_size=BATCH,
            fetch_factor=FETCH,
            drop_last=True,
            fetch_callback=fetch,
            batch_transform=lambda rows: rows.toarray(),
        )
        for batch in DataLoader(dataset, batch_size=None, num_workers=workers):
            yield len(to_device(batch))

    return epoch


def tiledbsoma_ml(folder: Path) -> Epochs:
    """ExperimentDataset with its defaults: chunks of 64 cells, fetches of 65,536, read ahead."""
    import tiledbsoma
    import tiledbsoma.io
    from tiledbsoma_ml import ExperimentDataset, experiment_dataloader

    store = (folder / "soma").as_posix()
    if not Path(store).exists():
        tiledbsoma.io.from_h5ad(store, (folder / "cells.h5ad").as_posix(), measurement_name="RNA")

    def epoch(number: int) -> Iterator[int]:
        with (
            tiledbsoma.Experiment.open(store) as experiment,
            experiment.axis_query(measurement_name="RNA") as query,
        ):
            dataset = ExperimentDataset(query, layer_name="data", batch_size=BATCH, shuffle=True)
            for expression, _ in experiment_dataloader(dataset):
                yield len(to_device(expression))

    return epoch


def annbatch(folder: Path, where: str) -> Epochs:
    """Loader with zarrs and the chunks of its README; without torch it yields scipy's rows."""
    import anndata
    import zarr
    from annbatch import DatasetCollection, Loader

    zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
    store = folder / "annbatch.zarr"
    if where == "disk" and not store.exists():
        DatasetCollection(store).add_adatas([folder / "cells.h5ad"])
    memory = csr(folder) if where == "memory" else None

    def epoch(number: int) -> Iterator[int]:
        loader = Loader(
            batch_size=BATCH, chunk_size=32, preload_nchunks=256, shuffle=True, drop_last=True
        )
        if memory is None:
            with anndata.settings.override(remove_unused_categories=False):
                loader.use_collection(DatasetCollection(store, mode="r"))
        else:
            loader.add_dataset(memory)
        for batch in loader:
            yield len(to_device(batch["X"].toarray()))

    return epoch


def annbatch_on_shards(folder: Path, values: str) -> Epochs:
    """Loader on our shards as they are: their counts, or what our own batches hold, made of them.

    Rows of a chunk on the disk (540 cells) come together: with the 32 of the README each chunk
    would be decoded 17 times.
    """
    import anndata
    import zarr
    from annbatch import Loader

    sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
    from hce.normalize import size_factor_log1p

    stores = [zarr.storage.ZipStore(path) for path in sorted((folder / "train").glob("[!.]*"))]
    groups = [zarr.open_group(store=store, mode="r") for store in stores]

    def epoch(number: int) -> Iterator[int]:
        loader = Loader(
            batch_size=BATCH, chunk_size=512, preload_nchunks=16, shuffle=True, drop_last=True
        )
        for group in groups:
            counts = anndata.io.sparse_dataset(group["X"])
            loader.add_dataset(counts, obs=anndata.io.read_elem(group["obs"]))
        for batch in loader:
            rows = batch["X"]
            rows = size_factor_log1p(rows) if values == "normalized" else rows
            yield len(to_device(rows.toarray()))

    return epoch


WAYS: dict[str, Callable[[Path], Epochs]] = {
    "ours auto": lambda folder: ours(folder, "auto"),
    "ours stream": lambda folder: ours(folder, "stream"),
    "ram scipy": lambda folder: ram(folder, "scipy"),
    "ram numba": lambda folder: ram(folder, "numba"),
    "ram numba parallel": lambda folder: ram(folder, "numba_parallel"),
    "AnnLoader memory": lambda folder: annloader(folder, "memory"),
    "AnnLoader backed h5ad": lambda folder: annloader(folder, "disk"),
    "scDataset memory": lambda folder: scdataset(folder, "memory", 0),
    "scDataset backed h5ad": lambda folder: scdataset(folder, "disk", 0),
    "scDataset backed h5ad, workers": lambda folder: scdataset(folder, "disk", N_THREADS),
    "tiledbsoma-ml": tiledbsoma_ml,
    "annbatch memory": lambda folder: annbatch(folder, "memory"),
    "annbatch zarr": lambda folder: annbatch(folder, "disk"),
    "annbatch our shards": lambda folder: annbatch_on_shards(folder, "normalized"),
    "annbatch our shards, counts": lambda folder: annbatch_on_shards(folder, "counts"),
}


def csr(folder: Path):
    """The normalized cells of all ways, in memory."""
    from scipy import sparse

    return sparse.load_npz(folder / "cells.npz")


def device():
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def to_device(dense):
    """A dense torch batch where the model would be; annbatch's Python has no torch."""
    try:
        import torch
    except ImportError:
        return dense
    batch = torch.as_tensor(dense).to(device())
    if batch.is_cuda:
        torch.cuda.synchronize()
    return batch


def main() -> None:
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    try:
        import torch

        torch.set_num_threads(N_THREADS)
    except ImportError:
        pass
    epoch = WAYS[name](folder)
    print(json.dumps({"ready": name}), flush=True)
    for number, _ in enumerate(sys.stdin):
        started, cells = time.perf_counter(), 0
        for n_cells in epoch(number):
            cells += n_cells
            if time.perf_counter() - started > seconds:
                break
        elapsed = time.perf_counter() - started
        print(json.dumps({"cells": cells, "seconds": elapsed}), flush=True)


if __name__ == "__main__":
    main()
