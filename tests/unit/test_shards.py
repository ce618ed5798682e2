"""Shards: what is written is what is read."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from shard_example import parts_of, random_cells, rows_of, write_shards

from hce.ingest.counts import RowBuilder
from hce.shards import write_shard
from hce.storage.blocks import Cells, from_table

N_GENES = 12
SIZES = (37, 5, 64, 20, 41)


def same_cells(one: Cells, other: Cells) -> bool:
    """Whether two sets of cells are equal, in order."""
    return (
        np.array_equal(one.soma_joinid, other.soma_joinid)
        and np.array_equal(one.label, other.label)
        and np.array_equal(one.expression.toarray(), other.expression.toarray())
    )


def to_table(cells: Cells) -> pa.Table:
    """Cells as the Arrow table that a shard of them gives."""
    with TemporaryDirectory() as folder:
        write(Path(folder) / "shard.parquet", cells)
        return pq.read_table(Path(folder) / "shard.parquet", memory_map=False)


def write(path: Path, cells: Cells) -> None:
    """Write cells to one shard."""
    write_shard(path, cells.soma_joinid, cells.label, rows_of(cells.expression))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five training shards of uneven size, and one for validation."""
    folder = tmp_path_factory.mktemp("shards")
    return write_shards(
        folder, {"train": parts_of(SIZES, N_GENES), "val": [random_cells(9, N_GENES, 4, 9)]}
    )


@given(n_cells=st.integers(0, 30), n_genes=st.integers(1, 40), seed=st.integers(0, 99))
def test_a_table_gives_back_the_cells_it_was_made_of(n_cells: int, n_genes: int, seed: int) -> None:
    cells = random_cells(n_cells, n_genes, 3, seed)
    assert same_cells(from_table(to_table(cells), n_genes), cells)


def test_part_of_a_table_gives_these_cells() -> None:
    cells = random_cells(20, N_GENES, 3, seed=1)
    part = from_table(to_table(cells).slice(7, 6), N_GENES)
    assert same_cells(part, cells.take(slice(7, 13)))


def test_the_last_of_65536_genes_fits_and_one_more_is_refused() -> None:
    one = np.array([1], dtype=np.int64)
    last = sparse.csr_matrix(([3.0], ([0], [2**16 - 1])), shape=(1, 2**16), dtype=np.float32)
    assert to_table(Cells(one, one.astype(np.int16), last))["genes"].to_pylist() == [[2**16 - 1]]
    row_of, genes = np.zeros(1, dtype=np.int32), np.arange(2**16 + 1, dtype=np.int32)
    builder = RowBuilder(0, row_of, genes[:-1], 1)
    builder.add(one * 0, one * (2**16 - 1), np.array([3], dtype=np.float32))
    assert builder.build().genes.tolist() == [2**16 - 1]
    with pytest.raises(ValueError, match="65537 genes"):
        RowBuilder(0, row_of, genes, 1)


def test_pandas_reads_a_shard_without_this_code(tmp_path: Path) -> None:
    cells = random_cells(25, N_GENES, 4, seed=3)
    write(tmp_path / "shard.parquet", cells)
    table = pd.read_parquet(tmp_path / "shard.parquet")
    assert table["soma_joinid"].tolist() == cells.soma_joinid.tolist()
    assert table["label"].tolist() == cells.label.tolist()
    counts = np.zeros((25, N_GENES))
    for row, (genes, values) in enumerate(zip(table["genes"], table["counts"], strict=True)):
        assert (np.diff(genes) > 0).all()
        counts[row, genes] = values
    assert np.array_equal(counts, cells.expression.toarray())


def test_row_groups_have_1024_cells_and_gene_positions_are_packed(tmp_path: Path) -> None:
    write(tmp_path / "shard.parquet", random_cells(2500, N_GENES, 4, seed=3))
    footer = pq.read_metadata(tmp_path / "shard.parquet")
    rows = [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]
    assert rows == [1024, 1024, 452]
    genes = footer.row_group(0).column(2)
    assert genes.path_in_schema.startswith("genes")
    assert "DELTA_BINARY_PACKED" in genes.encodings
    codecs = [footer.row_group(0).column(i).compression for i in range(4)]
    assert codecs == ["ZSTD", "ZSTD", "UNCOMPRESSED", "ZSTD"]


def test_the_same_cells_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, random_cells(50, N_GENES, 4, seed=3))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_manifest_describes_each_shard(manifest: Path) -> None:
    content = json.loads(manifest.read_text())
    assert content["n_genes"] == N_GENES
    assert [shard["rows"] for shard in content["splits"]["train"]] == list(SIZES)
    counts = [int(cells.expression.nnz) for cells in parts_of(SIZES, N_GENES)]
    assert [shard["nonzero"] for shard in content["splits"]["train"]] == counts
