"""The atlas, the OOD set and the split against values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import figure_example as example
import pytest
from figure_checks import texts

from hce.figures.atlas import draw_atlas, draw_ood_set, overview, split_sizes
from hce.tables import read_table, write_table


def test_overview_keeps_eight_groups_and_adds_up_the_rest() -> None:
    table = overview(example.atlas_summary(), example.atlas_composition(), "atlas")
    headlines = table[table["part"] == "headline"].set_index("group")["value"]
    assert headlines.to_dict() == {
        "cells": 1000,
        "cell_types": 8,
        "donors": 100,
        "tissues": 12,
        "datasets": 5,
    }
    tissues = table[table["part"] == "tissue"]
    assert tissues["group"].tolist() == [f"tissue {i:02d}" for i in range(8)] + ["4 others"]
    assert tissues["value"].tolist() == [150, 140, 130, 120, 110, 100, 90, 80, 70 + 60 + 50 + 40]
    assert table["in_atlas"].all()
    assert set(table["data_source"]) == {"simulated Census"}


def test_overview_of_ood_says_what_the_atlas_lacks() -> None:
    table = overview(example.atlas_summary(), example.atlas_composition(), "ood")
    new = table[~table["in_atlas"]]
    assert new[["part", "group"]].to_numpy().tolist() == [
        ["tissue", "saliva"],
        ["assay", "10x 5' v2"],
    ]


def test_overview_of_ood_says_of_how_many_new_studies(tmp_path: Path) -> None:
    summary, composition = example.atlas_summary(), example.atlas_composition()
    write_table(summary, tmp_path / "atlas_summary.tsv")
    table = overview(read_table(tmp_path / "atlas_summary.tsv"), composition, "ood")
    headlines = table[table["part"] == "headline"].set_index("group")["value"]
    assert headlines["datasets"] == 2 and headlines["new_datasets"] == 3
    assert "of 3 new studies" in texts(draw_ood_set(table))
    assert "studies" in texts(draw_atlas(overview(summary, composition, "atlas")))


def test_overview_without_the_subset_says_so() -> None:
    summary = example.atlas_summary().query("subset != 'ood'")
    with pytest.raises(ValueError, match="0 rows with subset 'ood'"):
        overview(summary, example.atlas_composition(), "ood")


def test_split_sizes_are_shares_of_the_three_sets() -> None:
    table = split_sizes(example.atlas_summary())
    assert table["subset"].tolist() == ["train", "val", "test"]
    assert table["cells_share"].tolist() == pytest.approx([0.7, 0.1, 0.2])
    assert table["donors_share"].tolist() == pytest.approx([0.7, 0.15, 0.15])
