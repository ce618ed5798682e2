"""Counts come out of h5ad files block by block, however they are stored, and into the store."""

from __future__ import annotations

import dataclasses
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pytest
import tiledbsoma
from h5ad_example import make_file, write_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from hce.census import h5ad
from hce.census.h5ad import read_release
from hce.census.reading import open_release
from hce.census.writing import DigestedBlocks, describe_content, write_store

STORED: dict[str, Callable[[sparse.csr_matrix], object]] = {
    "by rows": lambda x: x,
    "by columns": lambda x: x.tocsc(),
    "dense": lambda x: x.toarray(),
    "integers": lambda x: x.astype(np.int64),
}


def write_files(folder: Path, change: Callable[[sparse.csr_matrix], object]) -> list[Path]:
    """Two files with genes in another order; some cells and genes of the first are empty."""
    paths = []
    for seed in (1, 2):
        data = make_file(seed, cells=60)
        counts = data.X.tolil()
        if seed == 1:
            counts[10:14] = 0
            counts[:, 3] = 0
        data.X = change(counts.tocsr())
        paths.append(write_file(data, folder / f"{seed}.h5ad"))
    return paths


def expected_counts(paths: list[Path]) -> NDArray[np.float32]:
    """What anndata reads, all at once, genes in the order of the first file."""
    files = [anndata.read_h5ad(path) for path in paths]
    genes = files[0].var_names
    return np.vstack([data[:, genes].to_df().to_numpy(np.float32) for data in files])


@pytest.mark.parametrize("entries", [1, 37, 10**6])
@pytest.mark.parametrize("stored", sorted(STORED))
def test_the_store_holds_what_the_files_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: str, entries: int
) -> None:
    monkeypatch.setattr(h5ad, "BLOCK_ENTRIES", entries)
    paths = write_files(tmp_path, STORED[stored])
    tables = read_release(paths)
    write_store(tmp_path / "soma", tables, "2030-01-01", layout="2023-12-15")
    with open_release((tmp_path / "soma").as_posix()) as release:
        array = release.experiment.ms["RNA"].X["raw"]
        assert isinstance(array, tiledbsoma.SparseNDArray)
        assert array.shape == (120, 20)
        read = array.read().coos().concat().to_scipy().toarray()
    np.testing.assert_array_equal(read, expected_counts(paths))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.integers(1, 3000))
def test_the_checksum_does_not_depend_on_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: int
) -> None:
    paths = [tmp_path / "1.h5ad", tmp_path / "2.h5ad"]
    if not paths[0].exists():
        write_files(tmp_path, STORED["by rows"])
    digested = DigestedBlocks(read_release(paths).counts)
    said = []
    for size in (entries, 10**6):
        monkeypatch.setattr(h5ad, "BLOCK_ENTRIES", size)
        assert sum(block.shape[0] for block in digested) == 120
        said.append((digested.nnz, digested.hexdigest()))
    assert said[0] == said[1]


def test_the_checksum_tells_any_other_count(tmp_path: Path) -> None:
    said = set()
    for more in (0, 1):
        data = make_file(1)
        data.X.data[5] += more
        counts = DigestedBlocks(read_release([write_file(data, tmp_path / "a.h5ad")]).counts)
        assert len(list(counts)) == 1
        said.add(counts.hexdigest())
    assert len(said) == 2


def test_blocks_that_nothing_digested_are_not_described(tmp_path: Path) -> None:
    tables = read_release(write_files(tmp_path, STORED["by rows"]))
    with pytest.raises(TypeError, match="written as DigestedBlocks"):
        describe_content(tables)


@pytest.mark.parametrize("stored", ["by rows", "dense"])
def test_memory_does_not_grow_with_the_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    monkeypatch.setattr(h5ad, "BLOCK_ENTRIES", 2**15)
    peak = []
    for cells in (4_000, 16_000):
        data = make_file(1, cells=cells, genes=100)
        data.X = STORED[stored](data.X)
        counts = read_release([write_file(data, tmp_path / f"{cells}.h5ad")]).counts
        tracemalloc.start()
        assert sum(block.shape[0] for block in counts) == cells
        peak.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 4 bytes of each count alone would be 6 MB
    assert peak[1] < 1.5 * peak[0] < 4e6


def test_a_value_that_is_no_count_is_named_wherever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far into a file: no store is left."""
    monkeypatch.setattr(h5ad, "BLOCK_ENTRIES", 100)
    data = make_file(1)
    data.X.data[-1] = 2.5
    tables = read_release([write_file(data, tmp_path / "a.h5ad")])
    with pytest.raises(ValueError, match=r"a\.h5ad: X holds 2\.5, which is no count"):
        write_store(tmp_path / "soma", tables, "2030-01-01", layout="2023-12-15")
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5ad"]


def test_blocks_that_do_not_fit_the_tables_are_refused(tmp_path: Path) -> None:
    tables = read_release([write_file(make_file(1), tmp_path / "a.h5ad")])
    fewer = dataclasses.replace(tables, obs=tables.obs.head(7))
    with pytest.raises(ValueError, match=r"\(200, 20\); obs and var need float32 \(7, 20\)"):
        write_store(tmp_path / "soma", fewer, "2030-01-01", layout="2023-12-15")
