"""Selection of cell types: each threshold at its exact inequality."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from hce.atlas import rate_cell_types, select_cell_types
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
