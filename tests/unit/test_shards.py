"""Shards: what is written is what anndata reads."""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import anndata
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from shard_example import genes_of, parts_of, random_cells, rows_of, write_cells, write_shards
from shard_reading import read_anndata
from zarr.storage import ZipStore

import hce.storage.store
from hce.ingest.counts import RowBuilder
from hce.shards import write_manifest, write_shard
from hce.storage.blocks import Cells
from hce.storage.rows import Counts, SparseRows

N_GENES = 12
SIZES = (37, 5, 64, 20, 41)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five training shards of uneven size, and one for validation."""
    folder = tmp_path_factory.mktemp("shards")
    return write_shards(
        folder, {"train": parts_of(SIZES, N_GENES), "val": [random_cells(9, N_GENES, 4, 9)]}
    )


def assert_same(data: anndata.AnnData, cells: Cells, split: str) -> None:
    """Compare a shard with the cells it was made of."""
    assert data.obs["soma_joinid"].tolist() == cells.soma_joinid.tolist()
    assert data.obs["label"].tolist() == cells.label.tolist()
    assert (data.obs["soma_joinid"].dtype, data.obs["label"].dtype) == (np.int64, np.int16)
    assert data.obs_names.tolist() == [str(joinid) for joinid in cells.soma_joinid]
    assert set(data.obs["split"]) <= {split}
    genes = genes_of(cells.expression.shape[1])
    assert data.var_names.tolist() == genes["feature_id"].tolist()
    assert data.var["feature_name"].tolist() == genes["feature_name"].tolist()
    assert np.array_equal(data.X.toarray(), cells.expression.toarray())


@given(
    n_cells=st.integers(0, 30),
    n_genes=st.integers(1, 40),
    seed=st.integers(0, 99),
    split=st.sampled_from(["train", "val", "test", "ood"]),
)
def test_anndata_reads_the_cells_that_were_written(
    n_cells: int, n_genes: int, seed: int, split: str
) -> None:
    cells = random_cells(n_cells, n_genes, 3, seed)
    with TemporaryDirectory() as folder:
        write_cells(Path(folder) / "shard.zarr.zip", cells, split)
        assert_same(read_anndata(Path(folder) / "shard.zarr.zip"), cells, split)


@pytest.mark.filterwarnings("ignore:Writing zarr v2 data")
def test_what_anndata_reads_can_be_computed_with_and_written_again(tmp_path: Path) -> None:
    cells = random_cells(25, N_GENES, 4, seed=3)
    write_cells(tmp_path / "shard.zarr.zip", cells)
    data = read_anndata(tmp_path / "shard.zarr.zip")
    counts, weights = cells.expression.toarray(), np.arange(N_GENES * 2).reshape(N_GENES, 2)
    assert np.array_equal(data[[7, 3, 11]].X.toarray(), counts[[7, 3, 11]])
    assert np.array_equal(data[:, 4:9].X.toarray(), counts[:, 4:9])
    assert np.array_equal(data.X @ weights, counts @ weights)
    assert np.array_equal(data.X.T.tocsr().toarray(), counts.T)
    own = sparse.csr_matrix((data.X.data, data.X.indices, data.X.indptr), shape=data.shape)
    assert np.array_equal(own.tocoo().toarray(), counts)
    data.write_zarr(tmp_path / "again.zarr")
    assert_same(anndata.io.read_zarr(tmp_path / "again.zarr"), cells, "train")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Counts.of(np.array([1, 65_535], dtype=np.uint32)), np.uint16),
        (Counts.of(np.array([1, 65_536], dtype=np.uint32)), np.uint32),
        (Counts.of(np.array([2**32 - 1, 7], dtype=np.uint32)), np.uint32),
        (np.array([3, 65_535], dtype=np.float32), np.uint16),
        (np.array([3, 65_536], dtype=np.float32), np.uint32),
        (np.array([3, 0.5], dtype=np.float32), np.float32),
    ],
)
def test_counts_have_the_smallest_type_that_holds_them(
    tmp_path: Path, counts: Counts | np.ndarray, expected: type
) -> None:
    one = np.array([5])
    rows = SparseRows(np.array([0, 2]), np.array([0, 3], dtype=np.uint16), counts)
    write_shard(tmp_path / "one.zip", one, one.astype(np.int16), rows, "train", genes_of(4))
    values = counts.wide() if isinstance(counts, Counts) else counts
    data = read_anndata(tmp_path / "one.zip")
    assert data.X.dtype == expected
    assert data.X.toarray().tolist() == [[values[0], 0, 0, values[1]]]


@pytest.mark.parametrize(("n_genes", "expected"), [(2**16, np.uint16), (2**16 + 1, np.int32)])
def test_gene_positions_have_16_bits_where_the_genes_fit(
    tmp_path: Path, n_genes: int, expected: type
) -> None:
    one, last = np.array([1]), np.array([n_genes - 1], dtype=np.int32)
    rows = SparseRows(np.array([0, 1]), last, np.array([3], dtype=np.uint16))
    write_shard(tmp_path / "one.zip", one, one.astype(np.int16), rows, "train", genes_of(n_genes))
    matrix = read_anndata(tmp_path / "one.zip").X
    assert matrix.indices.dtype == expected
    assert matrix.shape == (1, n_genes)
    assert matrix[0, n_genes - 1] == 3


def test_the_ingest_takes_65536_genes_and_no_more() -> None:
    one, row_of = np.array([1], dtype=np.int64), np.zeros(1, dtype=np.int32)
    genes = np.arange(2**16 + 1, dtype=np.int32)
    builder = RowBuilder(0, row_of, genes[:-1], 1)
    builder.add(one * 0, one * (2**16 - 1), np.array([3], dtype=np.float32))
    assert builder.build().genes.tolist() == [2**16 - 1]
    with pytest.raises(ValueError, match="65537 genes"):
        RowBuilder(0, row_of, genes, 1)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_many_chunks_hold_what_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    cells = random_cells(20, N_GENES, 4, seed=3)
    cells.expression.data[::5] = 70_000
    monkeypatch.setattr(hce.storage.store, "CHUNK", chunk)
    write_cells(tmp_path / "shard.zarr.zip", cells)
    assert_same(read_anndata(tmp_path / "shard.zarr.zip"), cells, "train")


def test_every_array_of_a_shard_carries_its_crc32c(tmp_path: Path) -> None:
    write_cells(tmp_path / "shard.zarr.zip", random_cells(50, N_GENES, 4, seed=3))
    with ZipStore(tmp_path / "shard.zarr.zip", mode="r") as store:
        members = [
            member for _, member in zarr.open_group(store=store, mode="r").members(max_depth=None)
        ]
    arrays = [member for member in members if isinstance(member, zarr.Array)]
    assert len(arrays) == 10
    for array in arrays:
        codecs = [codec.to_dict()["name"] for codec in array.metadata.codecs]
        assert codecs[1:] == ["blosc", "crc32c"]


def test_the_same_cells_give_the_same_bytes_at_any_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells, written = random_cells(50, N_GENES, 4, seed=3), []
    for year in (2024, 2026):
        clock = time.struct_time((year, 5, 6, 7, 8, 9, 0, 127, 0))
        monkeypatch.setattr(time, "localtime", lambda *_, clock=clock: clock)
        write_cells(tmp_path / "shard.zarr.zip", cells)
        written.append((tmp_path / "shard.zarr.zip").read_bytes())
    assert written[0] == written[1]


def test_the_manifest_describes_each_shard(manifest: Path) -> None:
    content = json.loads(manifest.read_text())
    assert content["n_genes"] == N_GENES
    assert [shard["rows"] for shard in content["splits"]["train"]] == list(SIZES)
    counts = [int(cells.expression.nnz) for cells in parts_of(SIZES, N_GENES)]
    assert [shard["nonzero"] for shard in content["splits"]["train"]] == counts


def test_a_shard_that_has_changed_is_not_listed(tmp_path: Path) -> None:
    """Whichever byte it is: the zip file itself says nothing about many of them."""
    path = tmp_path / "part-0000-0.zarr.zip"
    write_cells(path, random_cells(9, N_GENES, 4, 9))
    whole = path.read_bytes()
    for position in range(0, len(whole), 97):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{path}: SHA-256 is"):
            write_manifest(tmp_path / "manifest.json", N_GENES, {"train": [path]})


def test_a_csr_of_scipy_can_be_written(tmp_path: Path) -> None:
    matrix = sparse.random(9, N_GENES, 0.3, format="csr", dtype=np.float32, random_state=1)
    rows = SparseRows(matrix.indptr, matrix.indices, matrix.data)
    joinid, label = np.arange(9), np.zeros(9, dtype=np.int16)
    write_shard(tmp_path / "shard.zarr.zip", joinid, label, rows, "ood", genes_of(N_GENES))
    data = read_anndata(tmp_path / "shard.zarr.zip")
    assert data.X.dtype == np.float32
    assert np.array_equal(data.X.toarray(), matrix.toarray())
    assert rows_of(data.X).genes.dtype == np.uint16
