"""Macro F1 in each new study: order, names, tests and what lacks one."""

from __future__ import annotations

import figure_example as example
import pandas as pd
import pytest
import supplement_example as supplement
from figure_checks import texts

from hce.figures.studies import draw_studies
from hce.names import study_names


def test_studies_are_ordered_by_gain_and_named() -> None:
    table = supplement.studies(["linear", "mlp"], 3)
    linear = table[table["architecture"] == "linear"]
    order = linear.drop_duplicates("rank")
    # gains 0.101, 0.1 and -0.101
    assert order["dataset_id"].tolist() == ["s2", "s1", "s3"]
    assert order["study"].tolist() == ["All cells (Two)", "All cells (One)", "s3 (Two)"]
    assert order["delta"].tolist() == pytest.approx([0.101, 0.1, -0.101])
    assert len(linear) == 3 * 2 * 3
    # s1 never varies: no test; the other two differences vary by 0.001
    assert order["significant"].tolist() == [True, False, True]
    assert "do not vary" in order["note"].iloc[1]


def test_studies_of_one_title_and_collection_stay_apart() -> None:
    datasets = example.datasets().assign(
        dataset_title="All cells", collection_name="A collection whose name is longer than the room"
    )
    names = study_names(datasets)
    assert names.is_unique
    table = supplement.studies(["mlp"], 2)
    table["study"] = table["dataset_id"].map(names)
    shown = [tick.get_text() for tick in draw_studies(table).axes[-1].get_xticklabels()]
    assert len({name.rpartition(" (")[0] for name in shown}) == 3


def test_a_study_has_the_name_of_the_later_release() -> None:
    later = example.datasets().replace("One", "One, published")
    names = study_names(pd.concat([example.datasets(), later]))
    assert names.to_dict() == {
        "s1": "All cells (One, published)",
        "s2": "All cells (Two)",
        "s3": "s3 (Two)",
    }
    own = pd.DataFrame({"dataset_id": ["a", "b"], "dataset_title": ["a", "b"]})
    assert study_names(own.assign(collection_name=["a", "c"])).tolist() == ["a", "b (c)"]


def test_an_architecture_that_did_not_run_is_listed_for_each_study() -> None:
    table = supplement.studies(["linear"], 2)
    missing = table[table["architecture"] == "tabnet"]
    assert missing["dataset_id"].tolist() == ["s2", "s1", "s3"]
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
    lost = (table["architecture"] == "mlp") & (table["dataset_id"] == "s2")
    table.loc[lost, ["f1", "mean", "delta", "p_holm"]] = float("nan")
    table.loc[lost, "significant"] = False
    written = texts(draw_studies(table))
    assert "no pair" in written
    assert any("of 2 studies" in text for text in written)
