"""The page of a file's calls: counted by hand, in the browser's language, without a network."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from annotation_example import LABELS, make_file, model_facts, write_model

from hce.annotation.command import main
from hce.annotation.page import Group, group_rows, hierarchy_rows

# two CD4 T cells, a T cell, a B cell, a neuron, a cell without a call
CALL = np.array([2, 2, 1, 4, 5, -1])


def test_cells_stand_on_the_hierarchy_with_those_below_them() -> None:
    rows = hierarchy_rows(CALL, model_facts())
    assert [(row.name, row.level, row.cells, row.below) for row in rows] == [
        ("lymphocyte", 0, 0, 4),
        ("T cell", 1, 1, 3),
        ("CD4 T cell", 2, 2, 2),
        ("B cell", 1, 1, 1),
        ("neuron", 0, 1, 1),
    ]
    assert rows[0].share == 4 / 6


def test_a_cell_type_of_two_parents_stands_once() -> None:
    reach = np.eye(3, dtype=bool)
    reach[[0, 1], 2] = True
    facts = model_facts(labels=["a", "b", "c"], term_ids=["1", "2", "3"], reachability=reach)
    rows = hierarchy_rows(np.array([2, 2, 1]), facts)
    assert [(row.name, row.level) for row in rows] == [("b", 0), ("c", 1), ("a", 0)]


def test_groups_name_their_calls() -> None:
    clusters = pd.Series(["0", "0", "0", "1", "1", "1"], dtype="category")
    assert group_rows(clusters, CALL, model_facts()) == [
        Group("0", 3, "CD4 T cell 67%, T cell 33%"),
        Group("1", 3, "B cell 33%, neuron 33%, no call 33%"),
    ]


def test_the_command_writes_a_page_that_needs_nothing_else(tmp_path: Path) -> None:
    cells = make_file()
    cells.obs["sample"] = ["<script>alert(1)</script>" if i % 2 else "two" for i in range(40)]
    cells.write_h5ad(tmp_path / "cells.h5ad")
    write_model(tmp_path / "model.safetensors")
    page = tmp_path / "page.html"
    files = ["--model", str(tmp_path / "model.safetensors"), str(tmp_path / "cells.h5ad")]
    main(["annotate", *files, "--page", str(page), "--by", "sample"])
    text = page.read_text()
    assert "Models trained on: nowhere." in text
    assert "1 cells without counts of them" in text
    assert "&lt;script&gt;alert(1)" in text and "<script" not in text
    assert re.findall(r"(?:src|href)=\"(?!data:)", text) == []
    assert any(label in text for label in LABELS)
