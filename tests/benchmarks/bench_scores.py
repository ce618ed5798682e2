"""Scores of 2.6 million cells over 164 types, against the published way: one cell at a time.

The loop looks up the descendants of each cell's label, as an array, and replaces the prediction if
it is among them; scikit-learn then gives the F1 of each label. It is timed on a part of the cells
and scaled, since it is linear in them; scikit-learn is timed on all. Ours is
`hce.metrics.f1_scores` (score_vs_loop). For all groupings together, table in to table out, ours is
`hce.evaluation.scores.score_predictions`; the published way corrects once and then hands every
group of cells to scikit-learn, one grouping timed and scaled (groupings_vs_loop). The cells are
drawn from a seed: nothing here is a result.

Run: PYTHONPATH=scripts python tests/benchmarks/bench_scores.py --output scores.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import NDArray
from sklearn.metrics import f1_score, precision_score, recall_score

from hce.evaluation.scores import CELL_GROUPINGS, CONTEXTS, score_predictions
from hce.metrics import f1_scores

N_CELLS, N_CLASSES = 2_600_000, 164
LOOPED = 200_000
GROUPS = {"dataset_id": 21, "tissue": 16, "disease": 12, "assay": 7}
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--cells", type=int, default=N_CELLS)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    reachability = hierarchy(rng)
    predictions, cells = tables(rng, arguments.cells, reachability)
    seen = {name: set(cells[column].cat.categories[::2]) for name, column in CONTEXTS.items()}
    labels = np.arange(0, N_CLASSES, 2)
    true, predicted = (predictions[name].to_numpy() for name in ("class", "predicted_class"))
    metrics = seconds(lambda: f1_scores(true, predicted, reachability), ROUNDS)
    groupings = seconds(
        lambda: score_predictions(predictions, cells, reachability, labels, seen), ROUNDS
    )
    looped = min(LOOPED, arguments.cells)
    loop = seconds(lambda: correct_in_a_loop(predictions[:looped], reachability), 3)
    loop *= arguments.cells / looped
    peer_metrics = seconds(lambda: f1_score(true, predicted, average=None, zero_division=0), 3)
    peer_grouping = seconds(lambda: macro_scores(predictions, cells["dataset_id"]), 1)
    # overall, cell types and the four groupings pass over all cells once each, the two contexts
    # twice, over all labels and over those in both parts
    peer_groupings = peer_grouping * (2 + len(CELL_GROUPINGS) + 2 * len(CONTEXTS))
    report = {
        "score_vs_loop": (loop + peer_metrics) / metrics,
        "groupings_vs_loop": (loop + peer_groupings) / groupings,
        "seconds": {
            "ours, F1 of each label": metrics,
            "ours, every grouping": groupings,
            "loop, correction": loop,
            "scikit-learn, F1 of each label": peer_metrics,
            "scikit-learn, every grouping": peer_groupings,
        },
        "cells": arguments.cells,
        "cells_looped": looped,
        "peers": {"scikit-learn": sklearn.__version__},
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def hierarchy(rng: np.random.Generator) -> NDArray[np.bool_]:
    """A random reachability matrix with a few descendants a class, bool C x C."""
    reach = np.eye(N_CLASSES, dtype=bool)
    for child in range(1, N_CLASSES):
        if rng.random() < 0.7:
            reach[:, child] |= reach[:, rng.integers(child)]
    return reach


def tables(
    rng: np.random.Generator, n_cells: int, reachability: NDArray[np.bool_]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions in the order of a shuffle, and the table of cells in that of the Census."""
    joinid = np.arange(n_cells) * 3
    label = rng.integers(N_CLASSES, size=n_cells).astype(np.int16)
    predicted = np.where(rng.random(n_cells) < 0.6, label, rng.integers(N_CLASSES, size=n_cells))
    terms = pd.Index([f"CL:{number:07d}" for number in range(N_CLASSES)])
    columns: dict[str, object] = {"soma_joinid": joinid, "class": label}
    columns["cell_type_ontology_term_id"] = pd.Categorical.from_codes(label, terms)
    for name, n_groups in GROUPS.items():
        names = [f"{name} {number}" for number in range(n_groups)]
        columns[name] = pd.Categorical.from_codes(rng.integers(n_groups, size=n_cells), names)
    columns |= {column: columns[name] for name, column in CONTEXTS.items()}
    cells = pd.DataFrame(columns)
    predictions = pd.DataFrame(
        {"soma_joinid": joinid, "class": label, "predicted_class": predicted.astype(np.int16)}
    )
    return predictions.iloc[rng.permutation(n_cells)].reset_index(drop=True), cells


def correct_in_a_loop(predictions: pd.DataFrame, reachability: NDArray[np.bool_]) -> NDArray:
    """Replace right predictions one cell at a time."""
    descendants = {label: np.flatnonzero(row) for label, row in enumerate(reachability)}
    corrected = []
    for label, predicted in zip(
        predictions["class"].to_numpy(), predictions["predicted_class"].to_numpy(), strict=True
    ):
        right = predicted in descendants[label]
        corrected.append(label if right else predicted)
    return np.array(corrected)


def macro_scores(predictions: pd.DataFrame, groups: pd.Series) -> list[tuple[float, ...]]:
    """Macro precision, recall and F1 of each group of cells by scikit-learn."""
    true, predicted = (predictions[name].to_numpy() for name in ("class", "predicted_class"))
    rows = []
    for code in range(len(groups.cat.categories)):
        chosen = groups.cat.codes.to_numpy() == code
        pair, labels = (true[chosen], predicted[chosen]), np.unique(true[chosen])
        rows.append(
            tuple(
                score(*pair, labels=labels, average="macro", zero_division=0)
                for score in (precision_score, recall_score, f1_score)
            )
        )
    return rows


def seconds(function: Callable[[], object], rounds: int) -> float:
    """Median wall time of a call."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
