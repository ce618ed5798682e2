"""The authors' tables become our predictions, or are refused with one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from published_example import (
    LABELS,
    N_CELLS,
    REACH,
    cells,
    detailed_results,
    probabilities,
    write_detailed,
)

from hce.evaluation.predictions import read_prediction
from hce.published.predictions import Agreement, import_predictions


def take(path: Path, output: Path) -> Agreement:
    """Import a table of the example."""
    return import_predictions(path, cells(), LABELS, REACH, 0.5, output)[1]


@pytest.mark.parametrize("kind", ["list", "fixed", "double", "categorical"])
def test_a_table_says_what_was_predicted(tmp_path: Path, kind: str) -> None:
    table = detailed_results()
    if kind == "categorical":
        table = table.astype({"y_true": "category", "y_pred": "category"})
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    place = arrow.column_names.index("y_probs")
    types = {"fixed": pa.list_(pa.float32(), 4), "double": pa.list_(pa.float64())}
    if kind in types:
        arrow = arrow.set_column(place, "y_probs", arrow["y_probs"].cast(types[kind]))
    path = tmp_path / "table.parquet"
    pa.parquet.write_table(arrow, path, row_group_size=17)
    agreement = take(path, tmp_path / "ood.parquet")
    assert agreement == Agreement(N_CELLS, 0, 0, 0)
    # a cell by hand: p and s = R p of each class, and the calls
    said = read_prediction(tmp_path / "ood.parquet").set_index("soma_joinid").sort_index()
    own, p = cells().set_index("soma_joinid"), probabilities()
    assert said["class"].tolist() == own["class"].tolist()
    assert said["predicted_class"].tolist() == p.argmax(axis=1).tolist()
    s = np.stack([p[:, 0], p[:, 1], p[:, 2], p[:, 1:].sum(axis=1)], axis=1)
    line, best = np.arange(N_CELLS), p.argmax(axis=1)
    np.testing.assert_array_equal(said["probability"], p[line, best])
    np.testing.assert_allclose(said["score"], s[line, best], rtol=1e-6)
    assert said["leaf_class"].tolist() == p[:, :3].argmax(axis=1).tolist()
    root = np.where(s[:, 3] > s[:, 0], np.where(p[:, 2] > p[:, 1], 2, 1), 0)
    assert said["descend_class"].tolist() == root.tolist()


def test_ties_and_rounding_are_counted_and_y_pred_is_taken(tmp_path: Path) -> None:
    p = probabilities()
    p[:2] = [0.1, 0.4, 0.4, 0.1]
    p[2] = [0.25, 0.25, 0.25 + 2**-24, 0.25 - 2**-24]
    table = detailed_results(p)
    of = table["soma_joinid"].isin(cells()["soma_joinid"][[0, 2]])
    # the first most probable class of both is another
    table.loc[of, "y_pred"] = table.loc[of, "soma_joinid"].map({1000: LABELS[2], 1006: LABELS[1]})
    path = write_detailed(tmp_path / "table.parquet", table)
    agreement = take(path, tmp_path / "ood.parquet")
    assert agreement == Agreement(N_CELLS, ties=1, rounding=1, others=0)
    assert "in 2 of 50 cells: 1 ties, 1 within 1e-06, 0 others; y_pred is taken" in str(agreement)
    said = read_prediction(tmp_path / "ood.parquet").set_index("soma_joinid")
    assert said.loc[[1000, 1006], "predicted_class"].tolist() == [2, 1]
    assert said.loc[1000, "probability"] == np.float32(0.4)


def drop_cells(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table["soma_joinid"].isin([1000, 1003])]


def other_release(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(soma_joinid=table["soma_joinid"] + 6)


def unknown_label(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(y_pred=table["y_pred"].replace("T cell", "T lymphocyte"))


def other_label(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(y_true=table["y_true"].replace("T cell", "B cell"))


def twice(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table.head(3)])


def fewer_classes(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(y_probs=[p[:3] for p in table["y_probs"]])


def ragged(table: pd.DataFrame) -> pd.DataFrame:
    probs = list(table["y_probs"])
    probs[4], probs[5] = np.append(probs[4], np.float32(0)), probs[5][:3]
    return table.assign(y_probs=probs)


def logits(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(y_probs=[np.log(p) for p in table["y_probs"]])


def not_a_number(table: pd.DataFrame) -> pd.DataFrame:
    probs = list(table["y_probs"])
    probs[3] = np.full(4, np.nan, dtype=np.float32)
    return table.assign(y_probs=probs)


def other_order(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(y_probs=[p[::-1] for p in table["y_probs"]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_cells, r"0 of its 48 cells are not among the run's 50 OOD cells, and 2 of these are"),
        (
            other_release,
            r"2 of its 50 cells are not among .* 2 of these are not in it.*census\.ood",
        ),
        (unknown_label, r"y_pred has 'T lymphocyte', which is none of the 4 cell types"),
        (other_label, r"cells have another label than in the run .*'B cell', in the run 'T cell'"),
        (twice, r"3 cells are there twice"),
        (fewer_classes, r"y_probs has 3 values a cell, not the 4 of the cell types"),
        (ragged, r"y_probs has 4 values a cell, not the 4"),
        (logits, r"y_probs of row 0 sums to -.*these are no probabilities"),
        (not_a_number, r"y_probs of row 3 sums to nan"),
        (other_order, r"y_pred is not the most probable class of y_probs .* another order"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    path = write_detailed(tmp_path / "in" / "table.parquet", change(detailed_results()))
    output = tmp_path / "out" / "ood.parquet"
    with pytest.raises(ValueError, match=message) as refused:
        take(path, output)
    assert str(refused.value).startswith(str(path)) and "\n" not in str(refused.value)
    assert not output.parent.exists() or list(output.parent.iterdir()) == []


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    path = write_detailed(tmp_path / "in" / "table.parquet", detailed_results())
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"table\.parquet: .*download it again"):
        take(path, tmp_path / "out" / "ood.parquet")
    path.write_bytes(content[:-50])
    with pytest.raises(ValueError, match=r"table\.parquet: cannot be read .*cut or damaged"):
        take(path, tmp_path / "out" / "ood.parquet")
    assert not (tmp_path / "out" / "ood.parquet").exists()
