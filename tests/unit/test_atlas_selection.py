"""Selection of cell types: each threshold at its exact inequality."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hce.atlas import merge_replaced, rate_cell_types, select_cell_types
from hce.ontology import read_obo

OboWriter = Callable[..., Path]


def chain_obs() -> Iterator[dict[str, str]]:
    """Cells of types on a chain 0 > 1 > ... > 9 and of a branch beside it."""
    cells = {  # term: label, number of cells, number of donors
        "CL:0000005": ("z few ancestors", 40, 8),
        "CL:0000006": ("y enough ancestors", 20, 6),
        "CL:0000007": ("x one cell short", 19, 6),
        "CL:0000008": ("w one donor short", 40, 5),
        "CL:0000009": ("a fine", 60, 10),
        "CL:0000100": ("b outside the root", 60, 10),
        "unknown": ("unknown", 60, 10),
    }
    for term, (label, n_cells, n_donors) in cells.items():
        for i in range(n_cells):
            yield {
                "cell_type": label,
                "cell_type_ontology_term_id": term,
                "dataset_id": f"d{i % 2}" if n_donors > 8 else "d0",
                "donor_id": f"donor{i % n_donors}",
            }


@pytest.fixture
def chain_path(write_obo: OboWriter) -> Path:
    """CL:0000000 > CL:0000001 > ... > CL:0000009; a second tree of the same depth."""
    terms = {f"CL:{i:07d}": [f"CL:{i - 1:07d}"] if i else [] for i in range(10)}
    other = {f"CL:{i:07d}": [f"CL:{i + 1:07d}"] if i < 110 else [] for i in range(100, 111)}
    return write_obo(terms | other)


def test_selection_at_its_thresholds(chain_path: Path) -> None:
    """At least 20 cells, more than 5 tech samples, more than 5 ancestors, below the root."""
    obs = pd.DataFrame(chain_obs())
    rated = rate_cell_types(
        obs,
        read_obo(chain_path),
        root="CL:0000000",
        min_cells=20,
        min_tech_samples=5,
        min_ancestors=5,
    )
    selected = select_cell_types(rated)
    assert selected["label"].tolist() == ["a fine", "y enough ancestors"]
    assert selected["ontology_term_id"].tolist() == ["CL:0000009", "CL:0000006"]
    assert rated.set_index("label")["left_out"].to_dict() == {
        "a fine": "",
        "b outside the root": "not below CL:0000000 (selection.root)",
        "w one donor short": "at most 5 technical samples (selection.min_tech_samples)",
        "x one cell short": "fewer than 20 cells (selection.min_cells)",
        "y enough ancestors": "",
        "z few ancestors": "at most 5 ancestors (selection.min_ancestors)",
    }


@pytest.mark.parametrize(
    ("change", "added"),
    [
        ({"min_cells": 19}, "x one cell short"),
        ({"min_tech_samples": 4}, "w one donor short"),
        ({"min_ancestors": 4}, "z few ancestors"),
        ({"root": "CL:0000110"}, None),
    ],
)
def test_selection_with_one_threshold_lower(
    chain_path: Path, change: dict[str, int | str], added: str | None
) -> None:
    """Each threshold keeps out exactly the type made for it; fewer than two types are an error."""
    rule = {
        "root": "CL:0000000",
        "min_cells": 20,
        "min_tech_samples": 5,
        "min_ancestors": 5,
    } | change
    obs, graph = pd.DataFrame(chain_obs()), read_obo(chain_path)
    if added is None:
        with pytest.raises(ValueError, match="cell types left"):
            select_cell_types(rate_cell_types(obs, graph, **rule))
    else:
        labels = select_cell_types(rate_cell_types(obs, graph, **rule))["label"].tolist()
        assert labels == sorted(["a fine", "y enough ancestors", added])


def test_selection_does_not_depend_on_the_order_of_cells(chain_path: Path) -> None:
    """Classes are sorted by label."""
    obs, graph = pd.DataFrame(chain_obs()), read_obo(chain_path)
    rule = {"root": "CL:0000000", "min_cells": 1, "min_tech_samples": 0, "min_ancestors": 0}
    expected = select_cell_types(rate_cell_types(obs, graph, **rule))
    assert expected["label"].tolist() == sorted(expected["label"])
    shuffled = obs.sample(frac=1, random_state=0).astype("category")
    pd.testing.assert_frame_equal(
        select_cell_types(rate_cell_types(shuffled, graph, **rule)), expected
    )


def test_selection_of_a_term_without_ontology_raises(chain_path: Path) -> None:
    """A cell type with enough cells that the ontology does not know is named."""
    obs = pd.DataFrame(chain_obs()).replace({"CL:0000009": "CL:0777777"})
    with pytest.raises(ValueError, match="CL:0777777"):
        rate_cell_types(obs, read_obo(chain_path), "CL:0000000", 20, 5, 5)


def test_thresholds_that_nothing_passes_are_named_with_what_they_leave_out(
    chain_path: Path,
) -> None:
    obs = pd.DataFrame(chain_obs())
    rated = rate_cell_types(obs, read_obo(chain_path), "CL:0000000", 1000, 5, 5)
    with pytest.raises(
        ValueError, match=r"0 cell types left of 6 .* 6 with fewer than 1000 cells \(selection.min_"
    ):
        select_cell_types(rated)


def test_a_root_that_the_ontology_lacks_is_named_by_its_key(chain_path: Path) -> None:
    obs = pd.DataFrame(chain_obs())
    with pytest.raises(ValueError, match=r"selection\.root: .*no term CL:9999999"):
        rate_cell_types(obs, read_obo(chain_path), "CL:9999999", 20, 5, 5)


# --- ids that were replaced, labels of two terms --------------------------------------------------

OBSOLETE = """
[Term]
id: CL:0000201
name: obsolete old
is_obsolete: true
replaced_by: CL:0000008

[Term]
id: CL:0000202
name: obsolete alone
is_obsolete: true
replaced_by: CL:0000009

[Term]
id: CL:0000203
name: obsolete older
is_obsolete: true
replaced_by: CL:0000201

[Term]
id: CL:0000204
name: obsolete, of another ontology now
is_obsolete: true
replaced_by: UBERON:0000001
"""
CHAIN = {f"CL:{i:07d}": [f"CL:{i - 1:07d}"] if i else [] for i in range(10)}


def cells_of(terms: list[str | None], **columns: object) -> pd.DataFrame:
    """Ten cells of ten donors for each term."""
    cells = pd.DataFrame({"cell_type_ontology_term_id": np.repeat(np.array(terms, object), 10)})
    cells["cell_type"] = "label of " + cells["cell_type_ontology_term_id"].fillna("none")
    cells["donor_id"] = [f"donor{i % 10}" for i in range(len(cells))]
    return cells.assign(dataset_id="d", **columns)


@pytest.mark.parametrize("kind", ["object", "category"])
@pytest.mark.parametrize(
    ("terms", "after", "merged"),
    [
        # an id that has been replaced, and the one that took over
        (["201", "007", "008"], ["008", "007", "008"], {"201": "008"}),
        (["203", "007", "201"], ["008", "007", "008"], {"203": "008", "201": "008"}),
        # alone it keeps its id
        (["202", "007", "008"], ["202", "007", "008"], {}),
        # not in the ontology: left to who rates the types
        (["777", "204", "008"], ["777", "204", "008"], {}),
    ],
)
def test_ids_of_one_term_are_merged(
    write_obo: OboWriter, kind: str, terms: list[str], after: list[str], merged: dict[str, str]
) -> None:
    graph = read_obo(write_obo(CHAIN, OBSOLETE))
    obs = cells_of([*(f"CL:0000{term}" for term in terms), "unknown"]).astype(kind)
    before = obs.copy()
    cells, said = merge_replaced(obs, graph)
    pd.testing.assert_frame_equal(obs, before)
    assert said == {f"CL:0000{old}": f"CL:0000{new}" for old, new in merged.items()}
    expected = np.repeat([*(f"CL:0000{term}" for term in after), "unknown"], 10)
    assert cells["cell_type_ontology_term_id"].tolist() == expected.tolist()
    names = {"CL:0000008": "name of CL:0000008"} if merged else {}
    labels = [names.get(term, f"label of {term}") for term in expected]
    assert cells["cell_type"].tolist() == labels
    if not merged:
        assert cells is obs


def test_a_merged_type_counts_the_cells_of_its_ids(write_obo: OboWriter) -> None:
    graph = read_obo(write_obo(CHAIN, OBSOLETE))
    obs, _ = merge_replaced(cells_of(["CL:0000201", "CL:0000007", "CL:0000008"]), graph)
    rated = rate_cell_types(obs, graph, "CL:0000000", 15, 0, 0).set_index("ontology_term_id")
    assert rated["cells"].to_dict() == {"CL:0000008": 20, "CL:0000007": 10}
    assert rated["left_out"].to_dict() == {
        "CL:0000007": "fewer than 15 cells (selection.min_cells)",
        "CL:0000008": "",
    }


@pytest.mark.parametrize("column", ["cell_type", "cell_type_ontology_term_id"])
def test_a_cell_without_a_type_is_refused(write_obo: OboWriter, column: str) -> None:
    graph = read_obo(write_obo(CHAIN, OBSOLETE))
    obs, _ = merge_replaced(cells_of(["CL:0000201", "CL:0000008"]), graph)
    obs[column] = obs[column].where(np.arange(20) > 0)
    assert len(merge_replaced(obs, graph)[0]) == 20
    with pytest.raises(ValueError, match=f"a cell has no {column};"):
        rate_cell_types(obs, graph, "CL:0000000", 1, 0, 0)


def test_a_label_of_two_classes_is_refused_with_both(write_obo: OboWriter) -> None:
    graph = read_obo(write_obo(CHAIN))
    obs = cells_of(["CL:0000006", "CL:0000007", "CL:0000008"])
    obs.loc[obs["cell_type_ontology_term_id"] > "CL:0000006", "cell_type"] = "T cell"
    rated = rate_cell_types(obs, graph, "CL:0000000", 1, 0, 0)
    with pytest.raises(
        ValueError, match=r"'T cell' is the label of .*CL:0000007, CL:0000008; give"
    ):
        select_cell_types(rated)
    # one that is no class harms nothing
    rated.loc[rated["ontology_term_id"] == "CL:0000007", "left_out"] = "for a reason"
    kept = select_cell_types(rated)
    assert kept["ontology_term_id"].tolist() == ["CL:0000008", "CL:0000006"]
