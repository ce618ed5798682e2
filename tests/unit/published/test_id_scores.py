"""ID scores from the authors' reports, and our own scores as such reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from published_example import REACH, TERMS, cell_types
from sklearn.metrics import classification_report

from hce.evaluation.scores import score_predictions
from hce.metrics import hierarchy_correct
from hce.published.export import reports, write_reports
from hce.published.id_scores import import_id_scores


def labels_and_calls() -> tuple[np.ndarray, np.ndarray]:
    """Classes and calls of 300 cells."""
    rng = np.random.default_rng(3)
    true = rng.integers(0, 4, 300)
    return true, np.where(rng.random(300) < 0.5, true, rng.integers(0, 4, 300))


def our_scores() -> pd.DataFrame:
    """Our scores of them."""
    true, predicted = labels_and_calls()
    joinid = np.arange(300)
    cells = pd.DataFrame({"soma_joinid": joinid, "class": true})
    cells["cell_type_ontology_term_id"] = pd.Categorical.from_codes(true, TERMS)
    for column in ("dataset_id", "tissue", "disease", "assay"):
        cells[column] = pd.Categorical(["a", "b", "c"] * 100)
    cells["tissue_ontology_term_id"], cells["disease_ontology_term_id"] = cells["tissue"], "d"
    predictions = pd.DataFrame({"soma_joinid": joinid, "class": true, "predicted_class": predicted})
    seen = {"tissue": {"a"}, "disease": {"d"}}
    return score_predictions(predictions, cells, REACH, np.array([1, 2, 3]), seen)


def sklearn_report(labels: list[int]) -> pd.DataFrame:
    """What the authors' code writes, with scikit-learn."""
    true, predicted = labels_and_calls()
    corrected = hierarchy_correct(true, predicted, REACH)
    said = classification_report(true, corrected, labels=labels, output_dict=True, zero_division=0)
    return pd.DataFrame(said).T


def write_authors_tables(folder: Path) -> dict[str, Path]:
    """Their three tables."""
    whole, subset = sklearn_report([0, 1, 2, 3]), sklearn_report([1, 2, 3])
    tables = {
        "overall": whole.loc[["accuracy", "macro avg", "weighted avg"]],
        "per_class": whole.drop(index=["accuracy", "macro avg", "weighted avg"]),
        "subset": subset.loc[["micro avg", "macro avg", "weighted avg"]],
    }
    paths = {name: folder / f"mlp_{name}_metrics.csv" for name in tables}
    for name, table in tables.items():
        table.to_csv(paths[name])
    return paths


def expected() -> pd.DataFrame:
    ours = our_scores()
    return ours[ours["grouping"].isin(["overall", "cell_type"])].reset_index(drop=True)


def test_the_authors_reports_say_what_our_scores_say(tmp_path: Path) -> None:
    scores = import_id_scores(write_authors_tables(tmp_path), cell_types())
    pd.testing.assert_frame_equal(scores, expected(), rtol=1e-14)


def test_our_scores_come_back_to_the_last_digit(tmp_path: Path) -> None:
    written = write_reports(reports(our_scores(), cell_types()), tmp_path, "mlp")
    paths = {path.name.removeprefix("mlp_").removesuffix("_metrics.csv"): path for path in written}
    assert {"per_dataset", "per_assay", "per_disease", "per_tissue_general"} < paths.keys()
    kept = {name: paths[name] for name in ("overall", "per_class", "subset")}
    pd.testing.assert_frame_equal(
        import_id_scores(kept, cell_types()), expected(), check_exact=True
    )
    # the averages are scikit-learn's
    overall = pd.read_csv(paths["overall"], index_col=0)
    theirs = sklearn_report([0, 1, 2, 3])
    for row in ("macro avg", "weighted avg"):
        np.testing.assert_allclose(overall.loc[row], theirs.loc[row], rtol=1e-12)
    accuracy = theirs.loc["accuracy", "precision"]
    np.testing.assert_allclose(overall.loc["accuracy", "f1-score"], accuracy)


def test_without_the_subset_it_is_the_mean_of_its_classes(tmp_path: Path) -> None:
    paths = write_authors_tables(tmp_path)
    scores = import_id_scores({"per_class": paths["per_class"]}, cell_types())
    pd.testing.assert_frame_equal(scores, expected(), rtol=1e-14)
    assert import_id_scores({}, cell_types()).empty
    overall = import_id_scores({"overall": paths["overall"]}, cell_types())
    assert overall["group"].tolist() == ["all"] and overall["n_labels"].tolist() == [4]


def test_classes_may_be_named(tmp_path: Path) -> None:
    paths = write_authors_tables(tmp_path)
    table = pd.read_csv(paths["per_class"], index_col=0)
    table.set_axis(cell_types()["label"], axis=0).to_csv(paths["per_class"])
    pd.testing.assert_frame_equal(import_id_scores(paths, cell_types()), expected(), rtol=1e-14)


def test_other_tables_are_refused(tmp_path: Path) -> None:
    paths = write_authors_tables(tmp_path)
    per_class = pd.read_csv(paths["per_class"], index_col=0)
    per_class.set_axis([0, 1, 2, 4], axis=0).to_csv(paths["per_class"])
    with pytest.raises(ValueError, match=r"'4' is none of the 4 classes of this run"):
        import_id_scores(paths, cell_types())
    per_class.drop(columns="f1-score").to_csv(paths["per_class"])
    with pytest.raises(ValueError, match=r"has no column f1-score, only precision, recall"):
        import_id_scores(paths, cell_types())
    per_class.to_csv(paths["overall"])
    with pytest.raises(ValueError, match=r"has no row 'macro avg'"):
        import_id_scores({"overall": paths["overall"]}, cell_types())
