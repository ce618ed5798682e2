"""What our predictions of a model and the published ones say of the same cells, side by side."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from hce.evaluation.predictions import Predicted, read_prediction
from hce.names import sort_as_known

# two ways of summing on two machines differ by some 1e-6; a difference above this is none of them
TOLERANCE = 1e-3
COMPARED = ("class", "predicted_class", "probability", "score", "safe_class")


def compare_predictions(
    ours: dict[Predicted, Path], published: dict[Predicted, Path]
) -> pd.DataFrame:
    """Compare predictions cell by cell.

    Parameters
    ----------
    ours, published
        Files of predictions by what they are of; those that only one of them has are left out.

    Returns
    -------
    pandas.DataFrame
        A row a model and split, in the paper's order: architecture, loss, seed, split; cells of
        both, only_ours and only_published; other_label, how many of the former have another true
        class; same_class and same_safe_class, the shares of cells that are called alike; max_dp,
        mean_dp and max_ds, absolute differences of the probability and of the score of the
        predicted class; apart, how many differ by more than 0.001 in probability; other_class, how
        many are called otherwise, and other_class_apart, those of them that also differ by more
        than 0.001: not merely two classes of about equal probability.

    Raises
    ------
    ValueError
        If no model and split are in both, a cell is in a file twice, or two files share no cell.
    """
    common = [one for one in ours if one in published]
    if not common:
        raise ValueError(
            f"no predictions of one model and split in both: ours are of {_names(ours)}, the "
            f"published ones of {_names(published)}"
        )
    rows = [one._asdict() | _compare(ours[one], published[one]) for one in sorted(common)]
    return sort_as_known(pd.DataFrame(rows), ["architecture", "loss", "seed", "split"])


def unmatched(ours: dict[Predicted, Path], published: dict[Predicted, Path]) -> list[str]:
    """A sentence for each file without a partner."""
    return [
        f"{path}: not compared, there are no {what} predictions of this model and split"
        for files, others, what in ((ours, published, "published"), (published, ours, "own"))
        for one, path in files.items()
        if one not in others
    ]


def _names(files: dict[Predicted, Path]) -> str:
    return ", ".join(f"{a} {loss} seed {seed} {split}" for a, loss, seed, split in files)


def _compare(ours: Path, published: Path) -> dict[str, float | int]:
    tables = []
    for path in (ours, published):
        table = read_prediction(path, ["soma_joinid", *COMPARED]).set_index("soma_joinid")
        if not table.index.is_unique:
            cell = table.index[table.index.duplicated()][0]
            raise ValueError(f"{path}: has the cell with soma_joinid {cell} twice")
        tables.append(table)
    mine, theirs = tables
    both = mine.index.intersection(theirs.index)
    if not len(both):
        raise ValueError(f"{ours} and {published} share no cell: are they of one release?")
    only_ours, only_published = len(mine) - len(both), len(theirs) - len(both)
    mine, theirs = mine.loc[both], theirs.loc[both]
    probability = (mine["probability"].astype(float) - theirs["probability"]).abs()
    score = (mine["score"].astype(float) - theirs["score"]).abs()
    apart, same = probability > TOLERANCE, mine["predicted_class"].eq(theirs["predicted_class"])
    return {
        "cells": len(both),
        "only_ours": only_ours,
        "only_published": only_published,
        "other_label": int(mine["class"].ne(theirs["class"]).sum()),
        "same_class": same.mean(),
        "same_safe_class": mine["safe_class"].eq(theirs["safe_class"]).mean(),
        "max_dp": probability.max(),
        "mean_dp": probability.mean(),
        "max_ds": score.max(),
        "apart": int(apart.sum()),
        "other_class": int((~same).sum()),
        "other_class_apart": int((apart & ~same).sum()),
    }
