"""Macro F1 in each new study: order, names, tests and what lacks one."""

from __future__ import annotations

import pytest
import supplement_example as supplement
from figure_checks import texts

from hce.figures.studies import draw_studies


def test_studies_are_ordered_by_gain_and_named_where_a_name_is_known() -> None:
    table = supplement.studies(["linear", "mlp"], 3)
    linear = table[table["architecture"] == "linear"]
    order = linear.drop_duplicates("rank")
    # gains 0.101, 0.1 and -0.101
    assert order["study"].tolist() == ["s2", "s1", "s3"]
    assert order["name"].tolist() == ["Two", "One", "s3"]
    assert order["delta"].tolist() == pytest.approx([0.101, 0.1, -0.101])
    assert len(linear) == 3 * 2 * 3
    # s1 never varies: no test; the other two differences vary by 0.001
    assert order["significant"].tolist() == [True, False, True]
    assert "do not vary" in order["note"].iloc[1]


def test_an_architecture_that_did_not_run_is_listed_for_each_study() -> None:
    table = supplement.studies(["linear"], 2)
    missing = table[table["architecture"] == "tabnet"]
    assert missing["study"].tolist() == ["s2", "s1", "s3"]
    assert missing["f1"].isna().all() and set(missing["n_seeds"]) == {0}


def test_figS1_counts_significant_gains_and_losses() -> None:
    expected = (
        "MLP: significant gain in 1 of 3 studies, significant loss in 1, "
        "1 without variation not tested (higher mean in 2); n = 4"
    )
    written = texts(draw_studies(supplement.studies(["linear", "mlp", "tabnet"], 4)))
    assert expected in written
    assert written.count("*") == 3 and written.count("* CE") == 3


def test_figS1_marks_a_study_that_an_architecture_lacks() -> None:
    table = supplement.studies(["mlp"], 2)
    lost = (table["architecture"] == "mlp") & (table["study"] == "s2")
    table.loc[lost, ["f1", "mean", "delta", "p_holm"]] = float("nan")
    table.loc[lost, "significant"] = False
    written = texts(draw_studies(table))
    assert "no pair" in written
    assert any("of 2 studies" in text for text in written)
