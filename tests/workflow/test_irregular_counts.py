"""Counts that are no integers, and genes that a cell has twice, from both doors into training."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scanpy
import torch
from h5ad_example import make_file
from numpy.typing import NDArray
from scipy import sparse
from shard_example import genes_of

import convert_h5ad
import fetch_counts
from hce.census.h5ad import read_release
from hce.census.writing import write_store
from hce.ingest.shuffle import gather_part
from hce.loader.batches import BatchMaker, Rows
from hce.loader.device import DeviceBlock
from hce.shards import ShardReader, write_manifest, write_shard
from hce.storage.files import ShardFiles
from hce.tables import write_table

ScriptRunner = Callable[..., None]
N_CELLS, N_GENES = 60, 20


def irregular(fractions: bool, repeated: bool) -> sparse.csr_matrix:
    """Random counts; every gene of some cells is stored in two entries, as it comes, unsorted."""
    rng = np.random.default_rng(7)
    n = 500
    row, column = rng.integers(N_CELLS, size=n), rng.integers(N_GENES, size=n)
    value = rng.choice([1, 2, 200, 65_000], n).astype(np.float32)
    if fractions:
        value[row < 9] = rng.gamma(2, 1, int((row < 9).sum()))
    matrix = sparse.coo_matrix((value, (row, column)), (N_CELLS, N_GENES))
    if not repeated:
        matrix.sum_duplicates()
        return matrix.tocsr()
    order = np.argsort(row, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=N_CELLS))])
    return sparse.csr_matrix((value[order], column[order], indptr), (N_CELLS, N_GENES))


def write_h5ad(path: Path, stored: sparse.spmatrix) -> Path:
    """A user's file with a matrix as it is, which anndata alone would not give."""
    data = make_file(1, N_CELLS, N_GENES)
    data.X = stored
    data.write_h5ad(path)
    return path


@pytest.fixture
def fetched(run_script: ScriptRunner, tmp_path: Path) -> Callable[..., Path]:
    """Function (store, policy) -> manifest of a shard of all cells, through a piece."""

    def run(store: Path, policy: str = "keep") -> Path:
        genes = genes_of(N_GENES)
        write_table(genes, tmp_path / "genes.parquet")
        cells = pd.DataFrame({"soma_joinid": range(N_CELLS), "split": "ood", "class": 0})
        cells["shuffle_key"] = np.arange(N_CELLS, dtype=np.uint64)
        cells["dataset_id"] = np.repeat(["one", "two"], N_CELLS // 2)
        write_table(cells, tmp_path / "cells.parquet")
        files = {name: tmp_path / f"{name}.parquet" for name in ("cells", "genes")}
        options = {"splits": ["ood"], "range": 0, "n_ranges": 1, "fractional_counts": policy}
        run_script(fetch_counts, uri=store, piece=tmp_path / "piece.arrow", **files, **options)
        keys = pd.Series(np.arange(N_CELLS, dtype=np.uint64))
        gathered = gather_part([tmp_path / "piece.arrow"], "ood", 0, keys)
        write_shard(tmp_path / "0.zarr.zip", *gathered, "ood", genes)
        write_manifest(tmp_path / "manifest.json", N_GENES, {"ood": [tmp_path / "0.zarr.zip"]})
        return tmp_path / "manifest.json"

    return run


def by_id(counts: sparse.csr_matrix, genes: pd.Index) -> NDArray[np.float32]:
    """Summed counts, dense, genes in the order of `genes_of`."""
    summed = counts.copy()
    summed.sum_duplicates()
    order = genes.get_indexer(pd.Index(genes_of(N_GENES)["feature_id"]))
    return summed.toarray()[:, order]


def scanpy_values(dense: NDArray[np.float32]) -> NDArray[np.float32]:
    """Normalized by scanpy."""
    data = anndata.AnnData(dense.astype(np.float32))
    scanpy.pp.normalize_total(data, target_sum=1e4)
    scanpy.pp.log1p(data)
    return data.X


def all_paths(manifest: Path) -> dict[str, NDArray[np.float32]]:
    """What a model gets, dense, by each way through the loader."""
    files = ShardFiles(manifest, "ood")
    block = files.block([0])
    found = {"small split": files.read(0).expression.toarray()}
    reader = ShardReader(manifest, "ood", residency="stream")
    reader.small = False
    streamed = [batch.expression for batch in reader.in_order(17)]
    found["streamed, dense"] = np.concatenate([part.dense().numpy() for part in streamed])
    rows = [
        sparse.csr_matrix((part.values, part.genes, part.indptr), (len(part), N_GENES)).toarray()
        for part in streamed
    ]
    found["streamed, sparse"] = np.concatenate(rows)
    cpu = torch.device("cpu")
    on_device = DeviceBlock(len(block), len(block.genes), block.counts.dtype, cpu)
    on_device.fill(block, 0, 0)
    everything = np.arange(len(block))
    taken = on_device.take(everything).normalized(N_GENES)
    found["in the memory of a device"] = taken.dense().numpy()
    copied = BatchMaker(N_GENES, cpu, 1)._copied([Rows(block, everything)], block.indptr)
    found["copied to a device"] = copied.normalized(N_GENES).dense().numpy()
    return found


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("fractions", [False, True])
@pytest.mark.parametrize("door", ["Census", "csr file", "csc file"])
def test_every_way_gives_what_scanpy_gives_of_the_sums(
    run_script: ScriptRunner,
    fetched: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    door: str,
    fractions: bool,
    repeated: bool,
) -> None:
    counts = irregular(fractions, repeated)
    assert counts.has_canonical_format != repeated
    n_repeated = counts.nnz - np.count_nonzero(counts.toarray())
    path = write_h5ad(tmp_path / "a.h5ad", counts.tocsc() if door == "csc file" else counts)
    genes = anndata.read_h5ad(path).var_names
    store = tmp_path / "soma"
    if door == "Census":
        tables = dataclasses.replace(read_release([path], fractional_counts="keep"), counts=counts)
        write_store(store, tables, "2023-12-15")
    else:
        out = {"genes": tmp_path / "out.parquet", "manifest": tmp_path / "out.json"}
        more = {"release": "2030-01-01", "store": store, "fractional_counts": "keep"}
        run_script(convert_h5ad, files=[path], **out, **more)
    manifest = fetched(store)
    expected = by_id(counts, genes)
    kept = ShardFiles(manifest, "ood").block([0])
    assert kept.counts.dtype == (np.float32 if fractions else np.uint32)
    matrix = sparse.csr_matrix((kept.counts, kept.genes.astype(int), kept.indptr), expected.shape)
    assert matrix.has_canonical_format
    np.testing.assert_allclose(matrix.toarray(), expected, rtol=1e-6)
    for way, values in all_paths(manifest).items():
        np.testing.assert_allclose(
            values, scanpy_values(expected), rtol=2e-6, atol=1e-6, err_msg=way
        )
    said = capsys.readouterr().out
    assert ("dataset one: 9 cells have counts that are no integers" in said) == fractions
    if door == "Census" and repeated:
        lines = [line for line in said.splitlines() if "were added to another" in line]
        assert [line.split(":")[0] for line in lines] == ["dataset one", "dataset two"]
        assert sum(int(line.split()[2]) for line in lines) == n_repeated


def test_one_cell_by_hand(fetched: Callable[..., Path], tmp_path: Path) -> None:
    """9 molecules in two entries of one gene and 9,991 of another: log(1 + 9), not twice."""
    value, column = np.array([4, 9_991, 5], dtype=np.float32), np.array([0, 1, 0])
    indptr = np.concatenate([[0], np.full(N_CELLS, 3)])
    counts = sparse.csr_matrix((value, column, indptr), (N_CELLS, N_GENES))
    data = make_file(1, N_CELLS, N_GENES)
    data.write_h5ad(tmp_path / "a.h5ad")
    tables = dataclasses.replace(read_release([tmp_path / "a.h5ad"]), counts=counts)
    write_store(tmp_path / "soma", tables, "2023-12-15")
    gene = genes_of(N_GENES)["feature_id"].tolist().index(data.var_names[0])
    for way, values in all_paths(fetched(tmp_path / "soma")).items():
        assert values[0, gene] == pytest.approx(np.log(10)), way


def test_fractions_are_refused_with_dataset_value_and_key(
    fetched: Callable[..., Path], tmp_path: Path
) -> None:
    counts = irregular(fractions=True, repeated=False)
    path = write_h5ad(tmp_path / "a.h5ad", counts)
    with pytest.raises(ValueError, match=r"a\.h5ad: X holds .*set census.fractional_counts to kee"):
        read_release([path])
    tables = read_release([path], fractional_counts="keep")
    write_store(tmp_path / "soma", tables, "2023-12-15")
    message = r"dataset one: the raw count \d\.\d+ in cell 0 is no integer; set census.fractional_"
    with pytest.raises(ValueError, match=message):
        fetched(tmp_path / "soma", "refuse")


@pytest.mark.parametrize("value", [-0.5, np.nan, np.inf])
def test_what_no_raw_count_can_be_is_refused_in_any_case(tmp_path: Path, value: float) -> None:
    counts = irregular(fractions=True, repeated=False)
    counts.data[-1] = value
    path = write_h5ad(tmp_path / "a.h5ad", counts)
    with pytest.raises(ValueError, match=rf"X holds {value}, which is no count"):
        read_release([path], fractional_counts="keep")


def test_files_say_what_was_kept_and_added(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counts = irregular(fractions=True, repeated=True)
    path = write_h5ad(tmp_path / "a.h5ad", counts)
    with caplog.at_level(logging.INFO):
        assert len(list(read_release([path], fractional_counts="keep").counts)) == 1
    n_repeated = counts.nnz - np.count_nonzero(counts.toarray())
    assert f"a.h5ad: added {n_repeated} entries to another of the same cell and gene" in caplog.text
    assert "a.h5ad: 9 cells have counts that are no integers, kept as they are" in caplog.text
