"""Checksums of a store's content, and content that cannot be stored."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from hce.census.reading import open_release, read_genes
from hce.census.writing import COUNTED_CATEGORIES, CensusTables, describe_content, write_store


def small_tables() -> CensusTables:
    obs = pd.DataFrame({"dataset_id": ["a", "a", "b"], "is_primary_data": [True, False, True]})
    var = pd.DataFrame({"feature_id": ["x", "y"], "feature_length": [1, 2]})
    datasets = pd.DataFrame({"dataset_id": ["a", "b"], "dataset_total_cell_count": [2, 1]})
    counts = sparse.csr_matrix(np.array([[1, 0], [0, 2], [3, 0]], dtype=np.float32))
    return CensusTables(obs, var, datasets, counts)


@given(row=st.integers(0, 2), column=st.integers(0, 1), more=st.integers(1, 1000))
def test_checksum_tells_any_other_count(row: int, column: int, more: int) -> None:
    tables = small_tables()
    changed = tables.counts.toarray()
    changed[row, column] += more
    other = dataclasses.replace(tables, counts=sparse.csr_matrix(changed))
    before, after = describe_content(tables)["sha256"], describe_content(other)["sha256"]
    assert before["X"] != after["X"]
    assert before["obs"] == after["obs"]


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [("obs", "dataset_id", "c"), ("obs", "is_primary_data", True), ("var", "feature_length", 9)],
)
def test_checksum_tells_any_other_value(table: str, column: str, value: object) -> None:
    tables = small_tables()
    changed = getattr(tables, table).copy()
    changed.loc[1, column] = value
    other = dataclasses.replace(tables, **{table: changed})
    before, after = describe_content(tables)["sha256"], describe_content(other)["sha256"]
    assert [name for name in before if before[name] != after[name]] == [table]


def test_content_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    tables = small_tables()
    with pytest.raises(ValueError, match="release '2024-01-01': a store can be laid out as"):
        write_store(tmp_path / "store", tables, "2024-01-01")
    with pytest.raises(ValueError, match=r"counts are float32 \(2, 2\); .* float32 \(3, 2\)"):
        write_store(
            tmp_path / "store", dataclasses.replace(tables, counts=tables.counts[:2]), "2023-05-15"
        )
    with pytest.raises(ValueError, match="counts are float64"):
        wrong = dataclasses.replace(tables, counts=tables.counts.astype(np.float64))
        write_store(tmp_path / "store", wrong, "2023-05-15")
    assert not list(tmp_path.iterdir())


def test_the_store_is_of_the_organism_that_was_named(tmp_path: Path) -> None:
    tables = small_tables()
    for column in ("donor_id", *COUNTED_CATEGORIES):
        tables.obs[column] = "x"
    tables.var["feature_name"] = ["X", "Y"]
    write_store(tmp_path / "store", tables, "2023-12-15", organism="mus_musculus")
    uri = (tmp_path / "store").as_posix()
    with open_release(uri, "mus_musculus") as release:
        assert list(release.census["census_data"]) == ["mus_musculus"]
        assert read_genes(release)["feature_id"].tolist() == ["x", "y"]
        summary = release.census["census_info"]["summary"].read().concat().to_pandas()
        counts = release.census["census_info"]["summary_cell_counts"].read().concat().to_pandas()
    assert "number_donors_mus_musculus" in set(summary["label"])
    assert set(counts["organism"]) == {"Mus musculus"}
    with pytest.raises(ValueError, match=r"store: has no cells of homo_sapiens, only of mus_mus"):
        open_release(uri)
