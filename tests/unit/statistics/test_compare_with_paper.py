"""The scorecard: statuses, what cannot be compared, and the file of published numbers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from hce.statistics.published import compare_with_published, read_published

REPOSITORY = Path(__file__).parents[3]
REAL = "CELLxGENE Census 2023-05-15 and 2023-12-15"


def entry(published: float, tolerance: float, subset: str = "atlas") -> dict[str, Any]:
    """Return one published number about the cells of a subset."""
    return {
        "quantity": "cells",
        "published": published,
        "tolerance": tolerance,
        "unit": "cells",
        "source": "Fig. 1",
        "table": "atlas_summary",
        "rows": {"subset": subset},
        "column": "cells",
    }


def score(one: dict[str, Any], data_source: str = REAL, cells: float = 100) -> pd.Series:
    """Return the scorecard's row for one entry and our number of cells."""
    tables = {
        "atlas_summary": pd.DataFrame(
            {"subset": ["atlas"], "cells": [cells], "data_source": [data_source]}
        )
    }
    published = {"comparable_data_source": REAL, "quantities": [one]}
    return compare_with_published(published, tables).iloc[0]


@pytest.mark.parametrize(
    ("published", "tolerance", "status"),
    [
        (100, 0, "within tolerance"),
        (101, 0, "outside tolerance"),
        (101, 1, "within tolerance"),
        (98.9, 1, "outside tolerance"),
    ],
)
def test_status_on_the_data_of_the_paper(published: float, tolerance: float, status: str) -> None:
    assert score(entry(published, tolerance))["status"] == status


def test_nothing_passes_on_a_simulated_census() -> None:
    row = score(entry(100, 0), "simulated Census")
    assert row["status"] == "not comparable (simulated Census)"
    assert (row["published"], row["ours"]) == ("100", "100")


def test_missing_row_is_not_computed() -> None:
    row = score(entry(100, 0, subset="ood"))
    assert (row["status"], row["ours"]) == ("not computed", "")


def test_factor_and_boundary_of_the_tolerance() -> None:
    # 0.56 - 0.55 is a little over 0.01 in binary; a point off is still within one point
    one = entry(55, 1) | {"factor": 100}
    row = score(one, cells=0.56)
    assert (row["ours"], row["status"]) == ("56", "within tolerance")


def test_several_rows_and_unknown_tables_are_errors() -> None:
    tables = {
        "atlas_summary": pd.DataFrame(
            {"subset": ["atlas"] * 2, "cells": [1, 2], "data_source": REAL}
        )
    }
    published = {"comparable_data_source": REAL, "quantities": [entry(1, 0)]}
    with pytest.raises(ValueError, match="2 rows of atlas_summary"):
        compare_with_published(published, tables)
    with pytest.raises(ValueError, match="no table atlas_summary"):
        compare_with_published(published, {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tolerence": 1}, "tolerence"),
        ({"published": "80%"}, "published must be a number"),
        ({"tolerance": True}, "tolerance must be a number"),
    ],
)
def test_bad_file_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "published.yaml"
    content = {"comparable_data_source": REAL, "quantities": [entry(1, 0) | change]}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=message):
        read_published(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.yaml"):
        read_published(tmp_path / "nothing.yaml")


def test_the_papers_numbers_are_in_the_file() -> None:
    published = read_published(REPOSITORY / "config/published.yaml")
    values = {one["quantity"]: one["published"] for one in published["quantities"]}
    assert len(values) == len(published["quantities"])
    split = [values[f"Split, {name} cells"] for name in ("training", "validation", "test")]
    assert split == [15_240_192, 3_500_032, 3_448_832]
    assert values["Training atlas, cells"] == sum(split) == 22_189_056
    with (REPOSITORY / "config/cell_types.tsv").open() as handle:
        types = list(csv.DictReader(handle, delimiter="\t"))
    assert values["Training atlas, cell types"] == len(types)
    assert values["OOD set, cell types"] == sum(row["in_ood_test"] == "True" for row in types)
