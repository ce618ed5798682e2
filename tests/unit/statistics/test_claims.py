"""The claims of the paper: the file, the operators, the verdicts; every claim can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from paper_example import REPOSITORY, SOURCE, tables

from hce.statistics.claims import Claim, Claims, read_claims
from hce.statistics.verdicts import check_claims

CLAIMS = read_claims(REPOSITORY / "config/claims.yaml")
UNKNOWN = "cannot be told from these data"
VERDICTS = {True: "holds", False: "does not", None: UNKNOWN}


def entry(**changes: Any) -> dict[str, Any]:
    """Return a claim about the values of a and b."""
    claim = {"id": "one", "claim": "It is so", "source": "Fig. 1", "table": "values"}
    claim |= {"column": "value", "operator": "equal", "bound": 1, "each": {"name": ["a", "b"]}}
    return claim | changes


def row(changes: dict[str, Any], source: str = SOURCE, **columns: list) -> pd.Series:
    """Return the row of claims.tsv for this claim about these values of a and b."""
    table = pd.DataFrame({"name": ["a", "b"], **columns})
    claims = Claims(SOURCE, (Claim(**entry(**changes)),))
    return check_claims(claims, {"values": table}, source).iloc[0]


NAN = float("nan")
WITH_INTERVAL = {"interval": ["low", "high"]}


@pytest.mark.parametrize(
    ("operator", "bound", "value", "further", "holds"),
    [
        ("equal", 1, [1, 1], {}, True),
        ("equal", 1, [1, 2], {}, False),
        ("equal", {"a": 1, "b": 2}, [1, 2], {}, True),
        ("equal", {"a": 1, "b": 2}, [2, 1], {}, False),
        ("equal", 1, [1, NAN], {}, None),
        # what fails for one fails, whatever the other is
        ("equal", 1, [2, NAN], {}, False),
        ("between", [12, 15], [12, 15], {}, True),
        ("between", [12, 15], [11.9, 13], {}, False),
        ("between", [12, 15], [13, NAN], {}, None),
        ("at_most", 2, [1, 2], {}, True),
        ("at_most", 2, [1, 3], {}, False),
        ("at_most", 2, [1, NAN], {}, None),
        ("at_most", 2, [1, 2], {"low": [0.9, 1.8], "high": [1.1, 1.9]}, True),
        ("at_most", 2, [1, 2], {"low": [0.9, 1.8], "high": [1.1, 2.2]}, None),
        ("at_most", 2, [1, 3], {"low": [0.9, 2.8], "high": [1.1, 3.2]}, False),
        ("at_most", 2, [1, 1], {"low": [0.9, NAN], "high": [1.1, NAN]}, None),
        ("above", 0, [1, 2], {}, True),
        ("above", 0, [1, 0], {}, False),
        ("above", 0, [1, 2], {"p": [0.01, 0.049]}, True),
        ("above", 0, [1, 2], {"p": [0.01, 0.05]}, None),
        ("above", 0, [1, 2], {"p": [0.01, NAN]}, None),
        ("above", 0, [1, -2], {"p": [0.01, 0.01]}, False),
        ("above", 0, [1, 2], {"low": [0.5, 0.1], "high": [2, 3]}, True),
        ("above", 0, [1, 2], {"low": [0.5, -0.1], "high": [2, 3]}, None),
        ("equivalent", [-0.5, 0.5], [0, 0.2], {"low": [-0.2, 0.1], "high": [0.2, 0.4]}, True),
        ("equivalent", [-0.5, 0.5], [0, 0.4], {"low": [-0.2, 0.1], "high": [0.2, 0.6]}, False),
        ("equivalent", [-0.5, 0.5], [0, 0.2], {"low": [-0.2, -0.2], "high": [0.2, 0.6]}, None),
        ("equivalent", [-0.5, 0.5], [0, 0.2], {"low": [-0.2, NAN], "high": [0.2, NAN]}, None),
        ("increasing", None, [1, 2], {}, True),
        ("increasing", None, [2, 2], {}, False),
        ("increasing", None, [1, NAN], {}, None),
        ("smallest", "a", [1, 2], {}, True),
        ("smallest", "a", [2, 2], {}, False),
        ("smallest", "a", [1, NAN], {}, None),
    ],
)
def test_each_operator_holds_fails_and_cannot_be_told(
    operator: str, bound: Any, value: list, further: dict[str, list], holds: bool | None
) -> None:
    changes = {"operator": operator, "bound": bound}
    changes |= WITH_INTERVAL if "low" in further else {}
    changes |= {"p": "p"} if "p" in further else {}
    found = row(changes, value=value, **further)
    assert found["verdict"] == VERDICTS[holds], found["why"]
    assert found["in_these_data"] == {True: "yes", False: "no", None: ""}[holds]
    # on other data the verdict is open, and what they show is still said
    other = row(changes, "simulated Census", value=value, **further)
    assert other["verdict"] == UNKNOWN
    assert other["why"].startswith("the data are not those of the paper: simulated Census")
    assert other[["ours", "in_these_data"]].equals(found[["ours", "in_these_data"]])


def test_claims_are_judged_on_published_predictions_of_the_papers_cells() -> None:
    assert row({}, f"{SOURCE}; published predictions", value=[1, 1])["verdict"] == "holds"
    assert row({}, "others; published predictions", value=[1, 1])["verdict"] == UNKNOWN


def test_why_names_who_fails_and_who_is_missing() -> None:
    assert row({}, value=[1, 2])["why"] == "not so: b"
    assert row({}, value=[1, NAN], note=["", "no seed"])["why"] == "b: no seed"
    only = row({"each": {"name": ["a", "c"]}}, value=[1, 1])
    assert only["why"] == "c: this run has no such number"
    tested = row({"operator": "above", "bound": 0, "p": "p"}, value=[1, 1], p=[0.01, 0.3])
    assert tested["why"] == "b: not significant"


def test_factor_and_tolerance_reach_the_bound_itself() -> None:
    # 0.56 - 0.55 is a little over 0.01 in binary; a point off is still within one point
    changes = {"bound": 55, "tolerance": 1, "factor": 100}
    found = row(changes, value=[0.56, 0.54])
    assert (found["ours"], found["verdict"], found["bound"]) == ("a 56, b 54", "holds", "55 ± 1")
    assert row(changes, value=[0.5601, 0.54])["verdict"] == "does not"


@pytest.mark.parametrize(
    ("ours", "holds", "why"),
    [
        (["x", "y"], True, ""),
        (["x"], False, "missing: y"),
        (["x", "y", "z"], False, "not among them: z"),
        ([], None, "this run has no such number"),
    ],
)
def test_sets_are_compared_by_their_members(ours: list[str], holds: bool | None, why: str) -> None:
    bound = {"table": "theirs", "rows": {"kept": True}, "column": "name"}
    claim = Claim(**entry(operator="same_set", bound=bound, each=None, column="name"))
    theirs = pd.DataFrame({"name": ["x", "y", "w"], "kept": [True, True, False]})
    made = {"values": pd.DataFrame({"name": ours}, dtype=str), "theirs": theirs}
    found = check_claims(Claims(SOURCE, (claim,)), made, SOURCE).iloc[0]
    assert (found["verdict"], found["why"]) == (VERDICTS[holds], why)


def test_several_rows_and_unknown_tables_and_columns_are_errors() -> None:
    with pytest.raises(ValueError, match="one: 2 rows of values are left"):
        row({"each": {"name": ["a"]}, "rows": {}}, value=[1, 1], name=["a", "a"])
    with pytest.raises(ValueError, match="one: there is no table other, only values"):
        row({"table": "other"}, value=[1, 1])
    for changes in ({"column": "other"}, {"rows": {"other": 1}}, {"p": "other"}):
        with pytest.raises(ValueError, match="one: table values has no column other"):
            row(changes, value=[1, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tolerence": 1}, "one: unknown key tolerence"),
        ({"source": None}, "one: missing key source"),
        ({"operator": "about"}, "unknown operator 'about'; there are equal, between"),
        ({"bound": "80%"}, "bound of equal must be a number, or one for each name, got '80%'"),
        ({"bound": True}, "bound of equal must be a number"),
        ({"bound": {"a": 1}}, r"bound has \['a'\], each has \['a', 'b'\]"),
        ({"operator": "between", "bound": [2, 1]}, "two numbers in this order, got"),
        ({"operator": "equivalent", "bound": [0, 1]}, "equivalent needs interval"),
        ({"operator": "increasing"}, "bound of increasing must be left out, got 1"),
        ({"operator": "smallest", "bound": "c"}, "bound 'c' is none of each"),
        ({"operator": "smallest", "bound": "a", "each": None}, "'a' is none of each|needs each"),
        ({"tolerance": "1"}, "tolerance and factor must be numbers"),
        ({"each": {"name": []}}, "each must be one column with a list"),
    ],
)
def test_a_bad_claim_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    claim = {key: value for key, value in (entry() | change).items() if value is not None}
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"comparable_data_source": SOURCE, "claims": [claim]}))
    with pytest.raises(ValueError, match=rf"claims\.yaml: .*{message}"):
        read_claims(path)


def test_a_bad_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    with pytest.raises(FileNotFoundError, match=r"claims\.yaml: no such file"):
        read_claims(path)
    path.write_text("claims: []\n")
    with pytest.raises(ValueError, match="needs the keys comparable_data_source, claims"):
        read_claims(path)
    content = {"comparable_data_source": SOURCE, "claims": [entry(), entry()]}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match="one: this id is there twice"):
        read_claims(path)


def verdict(claim: Claim, made: dict[str, pd.DataFrame]) -> str:
    """What is said of one claim of the file."""
    return check_claims(Claims(SOURCE, (claim,)), made, SOURCE)["verdict"].iloc[0]


def broken(claim: Claim, table: pd.DataFrame) -> pd.DataFrame:
    """The table with values that no bound of the operator allows."""
    if claim.operator == "same_set":
        return table[table["ontology_term_id"] != "CL:0000084"]
    wrong = {"at_most": 1e9, "equivalent": 1e9}.get(claim.operator, -1e9)
    chosen = table.index
    if claim.operator == "smallest":
        (column,) = claim.each
        wrong, chosen = 1e9, table.index[table[column] == claim.bound]
    table = table.astype(dict.fromkeys([claim.column, *(claim.interval or [])], float))
    table.loc[chosen, [claim.column, *(claim.interval or [])]] = wrong
    return table


@pytest.mark.parametrize("claim", CLAIMS.claims, ids=[claim.id for claim in CLAIMS.claims])
def test_every_claim_of_the_file_can_hold_fail_and_be_open(claim: Claim) -> None:
    made = tables()
    assert verdict(claim, made) == "holds"
    table = made[claim.table]
    assert verdict(claim, made | {claim.table: broken(claim, table)}) == "does not"
    assert verdict(claim, made | {claim.table: table.iloc[:0]}) == UNKNOWN


def test_the_file_agrees_with_the_table_of_cell_types() -> None:
    bound = {claim.id: claim.bound for claim in CLAIMS.claims}
    split = [bound[f"{name}_cells"] for name in ("training", "validation", "test")]
    assert bound["atlas_cells"] == sum(split) == 22_189_056
    types = tables()["paper_cell_types"]
    assert bound["atlas_cell_types"] == len(types)
    assert bound["ood_cell_types"] == types["in_ood_test"].sum()
    assert bound["hierarchy_internal"] + bound["hierarchy_leaves"] == len(types)
    assert bound["drop"][0] <= 25 and bound["drop"][1] == 84 - 52
    assert np.subtract(*reversed(bound["gain"])) == 3
