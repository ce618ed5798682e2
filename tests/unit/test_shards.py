"""Shards: what is written is what is read, and an epoch goes on where it stopped."""

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
from shard_example import random_cells, rows_of, write_shards

from hce.row_builder import RowBuilder
from hce.shards import Cells, ShardReader, from_table, write_shard

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


def parts_of(sizes: tuple[int, ...]) -> list[Cells]:
    """Cells of several shards, every joinid once."""
    starts = np.cumsum([0, *sizes[:-1]])
    return [
        random_cells(size, N_GENES, 4, seed=i, first_joinid=int(start))
        for i, (size, start) in enumerate(zip(sizes, starts, strict=True))
    ]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five training shards of uneven size, and one for validation."""
    folder = tmp_path_factory.mktemp("shards")
    return write_shards(folder, {"train": parts_of(SIZES), "val": [random_cells(9, N_GENES, 4, 9)]})


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
    counts = [int(cells.expression.nnz) for cells in parts_of(SIZES)]
    assert [shard["nonzero"] for shard in content["splits"]["train"]] == counts


def test_reading_normalizes_each_cell_to_10000_counts(manifest: Path) -> None:
    raw = parts_of(SIZES)[2]
    counts = raw.expression.toarray().astype(np.float64)
    total = counts.sum(axis=1, keepdims=True)
    expected = np.log1p(np.divide(counts * 1e4, total, out=np.zeros_like(counts), where=total > 0))
    read = ShardReader(manifest, "train").read(2)
    assert read.expression.dtype == np.float32
    np.testing.assert_allclose(read.expression.toarray(), expected, rtol=1e-5)
    assert np.array_equal(read.soma_joinid, raw.soma_joinid)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_in_order_gives_every_cell_once_in_the_order_of_the_shards(
    manifest: Path, batch_size: int
) -> None:
    batches = list(ShardReader(manifest, "train").in_order(batch_size))
    expected = np.concatenate([cells.soma_joinid for cells in parts_of(SIZES)])
    assert np.array_equal(np.concatenate([b.soma_joinid for b in batches]), expected)
    assert max(len(batch) for batch in batches) <= batch_size


@given(
    batch_size=st.integers(1, 200),
    window=st.integers(1, 7),
    epoch=st.integers(0, 5),
    data=st.data(),
)
def test_starting_at_a_batch_gives_the_rest_of_the_uninterrupted_epoch(
    manifest: Path, batch_size: int, window: int, epoch: int, data: st.DataObject
) -> None:
    reader = ShardReader(manifest, "train")
    whole = list(reader.shuffled(batch_size, 3, epoch, window))
    start = data.draw(st.integers(0, len(whole)))
    rest = list(reader.shuffled(batch_size, 3, epoch, window, start))
    assert len(rest) == len(whole) - start
    assert all(same_cells(*pair) for pair in zip(rest, whole[start:], strict=True))


@given(batch_size=st.integers(1, 200), window=st.integers(1, 7), seed=st.integers(0, 9))
def test_an_epoch_has_full_batches_of_different_cells(
    manifest: Path, batch_size: int, window: int, seed: int
) -> None:
    reader = ShardReader(manifest, "train")
    batches = list(reader.shuffled(batch_size, seed, 0, window))
    assert [len(batch) for batch in batches] == [batch_size] * (sum(SIZES) // batch_size)
    assert len(batches) == reader.n_batches(batch_size)
    seen = np.concatenate([np.zeros(0, dtype=np.int64), *(b.soma_joinid for b in batches)])
    assert len(np.unique(seen)) == len(seen)
    assert set(seen) <= set(range(sum(SIZES)))


def epoch_order(manifest: Path, seed: int, epoch: int, keep_in_memory: int = 2**30) -> list[int]:
    """The joinids of one epoch, in order."""
    reader = ShardReader(manifest, "train", keep_in_memory)
    batches = reader.shuffled(8, seed, epoch, window=2)
    return np.concatenate([batch.soma_joinid for batch in batches]).tolist()


def test_the_order_depends_on_seed_and_epoch_only(manifest: Path) -> None:
    first = epoch_order(manifest, seed=1, epoch=0)
    np.random.default_rng().random()
    assert epoch_order(manifest, seed=1, epoch=0) == first
    others = [epoch_order(manifest, 1, 1), epoch_order(manifest, 2, 0), epoch_order(manifest, 0, 1)]
    assert all(other != first for other in others)


def test_memory_for_the_cells_does_not_change_the_batches(manifest: Path) -> None:
    assert epoch_order(manifest, 1, 0, keep_in_memory=0) == epoch_order(manifest, 1, 0)
    kept, again = ShardReader(manifest, "train"), ShardReader(manifest, "train", 0)
    for epoch in (0, 1):
        pairs = zip(kept.shuffled(8, 1, epoch), again.shuffled(8, 1, epoch), strict=True)
        assert all(same_cells(*pair) for pair in pairs)


def test_shards_before_the_start_are_not_read(tmp_path: Path) -> None:
    sizes = (16, 16, 16)
    parts = parts_of(sizes)
    reader = ShardReader(write_shards(tmp_path, {"train": parts}), "train", keep_in_memory=0)
    whole = list(reader.shuffled(16, 1, 0, window=1))
    first = next(i for i, p in enumerate(parts) if set(p.soma_joinid) == set(whole[0].soma_joinid))
    (tmp_path / reader.shards[first]["path"]).unlink()
    rest = list(reader.shuffled(16, 1, 0, window=1, start=1))
    assert all(same_cells(*pair) for pair in zip(rest, whole[1:], strict=True))


def test_unknown_and_empty_splits_are_refused(tmp_path: Path) -> None:
    manifest = write_shards(tmp_path, {"train": [random_cells(0, N_GENES, 4, seed=0)]})
    with pytest.raises(ValueError, match=r"no split 'ood', only \['train'\]"):
        ShardReader(manifest, "ood")
    with pytest.raises(ValueError, match="'train' has no cells"):
        ShardReader(manifest, "train")
    with pytest.raises(FileNotFoundError, match="no such shard manifest"):
        ShardReader(tmp_path / "other.json", "train")


def test_an_empty_shard_among_others_is_read(tmp_path: Path) -> None:
    parts = [random_cells(0, N_GENES, 4, 0), random_cells(10, N_GENES, 4, 1)]
    reader = ShardReader(write_shards(tmp_path, {"train": parts}), "train")
    assert sum(len(batch) for batch in reader.in_order(4)) == 10
    assert sum(len(batch) for batch in reader.shuffled(5, 1, 0, window=1)) == 10
