"""Tables come back as they were written, names as text; nothing else reads or writes them."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hce.hierarchy.files import read_cell_types
from hce.tables import NAME_COLUMNS, TEXT_COLUMNS, of_seeds, read_table, write_table

ROOT = Path(__file__).parents[2]
LOOK_LIKE_ELSE = ["1", "01", "1.0", "NA", "None", "nan", "<NA>", "NULL", "inf", "-0", "True", "1e3"]
# names of studies and the like: any characters but control characters and lone surrogates
WORDS = st.sampled_from(LOOK_LIKE_ELSE) | st.text(
    st.characters(exclude_categories=("Cs", "Cc")), min_size=1
)
TABLE_FUNCTIONS = {"read_csv", "to_csv", "read_parquet", "to_parquet"}
# other ways to a table, which have conventions of their own
OTHERS = {"read_table", "read_fwf", "read_excel", "to_excel", "loadtxt", "genfromtxt", "savetxt"}


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".parquet"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=st.sampled_from(TEXT_COLUMNS), data=st.data())
def test_a_table_comes_back(tmp_path: Path, suffix: str, column: str, data: st.DataObject) -> None:
    # a study may be called ""; an empty note is none
    words = WORDS | st.just("") if column in NAME_COLUMNS else WORDS
    names = data.draw(st.lists(words, min_size=1))
    numbers = data.draw(
        st.lists(st.none() | st.integers(-(2**40), 2**40), min_size=len(names), max_size=len(names))
    )
    table = pd.DataFrame({column: names, "cells": np.array(numbers, dtype=float)})
    path = tmp_path / f"table{suffix}"
    write_table(table, path)
    read = read_table(path)
    assert read[column].tolist() == names
    np.testing.assert_array_equal(read["cells"].to_numpy(float), table["cells"].to_numpy())


def test_text_in_a_column_of_numbers_is_refused(tmp_path: Path) -> None:
    """It would be read as numbers where it looks like some."""
    path = tmp_path / "scores.tsv"
    for values in (["1", "01"], [1.0, "NA"], pd.Categorical(["1", None])):
        with pytest.raises(ValueError, match=r"scores\.tsv: column laboratory holds text; name it"):
            write_table(pd.DataFrame({"f1": 0.5, "laboratory": values}), path)
    assert not path.exists()
    write_table(pd.DataFrame({"f1": [0.5, None], "seen": [True, None], "n": [1, 2]}), path)
    assert read_table(path)["f1"].isna().tolist() == [False, True]


@pytest.mark.parametrize("suffix", [".tsv", ".csv"])
def test_names_that_look_like_something_else_stay_names(tmp_path: Path, suffix: str) -> None:
    names = ["NA", "01", "1e3", "True", "null", "None", "nan", 'a "quoted", name', "tab\there"]
    write_table(pd.DataFrame({"study": names, "note": None}), tmp_path / f"a{suffix}", "simulated")
    read = read_table(tmp_path / f"a{suffix}")
    assert read["study"].tolist() == names
    assert read["note"].isna().all()
    assert read["data_source"].unique().tolist() == ["simulated"]


def test_the_table_of_classes_is_read_by_the_same_rule(tmp_path: Path) -> None:
    path = tmp_path / "cell_types.tsv"
    table = pd.DataFrame({"index": [0, 1], "label": ["NA", "01"], "parents": ["", "CL:1|CL:2"]})
    write_table(table, path)
    read = read_cell_types(path)
    assert read["label"].tolist() == ["NA", "01"]
    assert read["parents"].isna().tolist() == [True, False]
    write_table(table[::-1], path)
    with pytest.raises(ValueError, match="column index is not 0, 1, 2"):
        read_cell_types(path)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    with pytest.raises(FileNotFoundError, match=r"scores\.tsv"):
        read_table(path)
    path.write_text("")
    with pytest.raises(ValueError, match=r"scores\.tsv: is empty, without a header line"):
        read_table(path)
    path.write_text("study\tf1\na\t0.5\n")
    assert read_table(path, ["f1"]).columns.tolist() == ["f1"]
    with pytest.raises(ValueError, match=r"has no column seed; there are study, f1"):
        read_table(path, ["f1", "seed"])
    for function in (read_table, lambda path: write_table(pd.DataFrame(), path)):
        with pytest.raises(ValueError, match=r"scores.xlsx: a table is a .tsv, .csv or .parquet"):
            function(tmp_path / "scores.xlsx")


def test_tables_have_one_reader_and_one_writer() -> None:
    """Another call of pandas' functions would be another convention."""
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for folder in ("scripts", "workflow")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in foreign_functions(node)
    }
    # the list of protein-coding genes has scTab's layout, not that of our tables; obs.parquet is
    # read and written by Arrow, a column at a time
    of_others = {"scripts/simulate_census.py: to_parquet"}
    of_others |= {"scripts/hce/ingest/cells.py: pq.read_table"}
    # the authors' tables of scores, with an index
    of_others |= {"scripts/hce/published/export.py: to_csv"}
    of_others |= {"scripts/hce/published/id_scores.py: read_csv"}
    assert found - of_others == {f"scripts/hce/tables.py: {name}" for name in TABLE_FUNCTIONS}


def foreign_functions(node: ast.AST) -> list[str]:
    """What a node names of the functions that read and write tables, but our own."""
    if isinstance(node, ast.Attribute) and node.attr in OTHERS:
        return [ast.unparse(node)]
    if isinstance(node, ast.Attribute) and node.attr in TABLE_FUNCTIONS:
        return [node.attr]
    if isinstance(node, ast.ImportFrom) and node.module != "hce.tables":
        return [alias.name for alias in node.names if alias.name in TABLE_FUNCTIONS | OTHERS]
    return []


def test_a_data_source_tells_runs_over_other_seeds_apart() -> None:
    assert of_seeds("simulated Census", [1, 0, 1]) == "simulated Census, seeds 0, 1"
    assert of_seeds("simulated Census", np.array([7])) == "simulated Census, seed 7"
