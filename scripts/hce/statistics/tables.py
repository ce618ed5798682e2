"""From the scores of all models to the tables of the paper: CE against HCE, and own losses.

Tests are paired over seeds. Families of the Holm-Bonferroni adjustment: the cell types of one
architecture and split; the studies (tissues, diseases, ...) of one architecture and split; for the
overall macro F1, the architectures of one split and set of labels. Each table names its family.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.compare import NO_PAIR, holm, summarize_pairs
from hce.names import LOSSES

# groupings of cells whose groups are contexts that new cells may share with the training set
IN_TRAINING = ("tissue_in_training", "disease_in_training")
LABELS_IN_BOTH = tuple(f"{grouping}_labels_in_both" for grouping in IN_TRAINING)
STRATA = ("tissue", "disease", "assay", *IN_TRAINING, *LABELS_IN_BOTH)


def overall_runs(scores: pd.DataFrame) -> pd.DataFrame:
    """Macro F1 of each run: architecture, loss, seed, split, labels, macro_f1, n_labels, n_cells.

    On the OOD split all labels are the OOD labels, so that it has `all` only.
    """
    overall = scores[scores["grouping"] == "overall"]
    overall = overall[(overall["split"] == "test") | (overall["group"] == "all")]
    names = {"group": "labels", "f1": "macro_f1", "support": "n_cells"}
    columns = ["architecture", "loss", "seed", "split", "labels", "macro_f1", "n_labels", "n_cells"]
    return overall.rename(columns=names)[columns].reset_index(drop=True)


def overall_table(runs: pd.DataFrame, losses: tuple[str, str] = LOSSES) -> pd.DataFrame:
    """Macro F1 of CE and HCE: what `summarize_pairs` gives, the difference under the name gain.

    Two other losses in their place are called ce and hce too. The architectures of one split and
    set of labels are one family.
    """
    parts = []
    for keys, part in runs.groupby(["architecture", "split", "labels"], sort=False):
        ce, hce = _paired(part.assign(one=0), "one", [0], "macro_f1", losses)
        row = summarize_pairs(ce, hce)
        row.insert(0, "n_labels", part["n_labels"].iloc[0])
        for place, name in enumerate(("architecture", "split", "labels")):
            row.insert(place, name, str(keys[place]))
        parts.append(row)
    table = pd.concat(parts, ignore_index=True)
    table = adjusted(table, ["split", "labels"])
    table["family"] = "architectures, " + table["split"] + ", labels " + table["labels"]
    return table.rename(columns=lambda name: name.replace("delta", "gain"))


def group_runs(scores: pd.DataFrame, grouping: str, column: str) -> pd.DataFrame:
    """Precision, recall and F1 of each run and group, the group under the name `column`."""
    part = scores[scores["grouping"] == grouping].rename(columns={"group": column})
    keys = ["architecture", "loss", "seed", "split", column]
    columns = [*keys, "precision", "recall", "f1", "support", "n_labels"]
    return part[columns].reset_index(drop=True)


def group_table(runs: pd.DataFrame, column: str, name: str) -> pd.DataFrame:
    """F1 of CE and HCE for each group: what `summarize_pairs` gives, the mean difference as delta.

    A group that any run of the split has is listed for each of its architectures. The groups of one
    architecture and split are one family, called by `name` (what the groups are).
    """
    parts = []
    for keys, part in runs.groupby(["architecture", "split"], sort=False):
        sizes = runs[runs["split"] == keys[1]].drop_duplicates(column).set_index(column)
        sizes = sizes[["support", "n_labels"]].sort_index()
        groups = sizes.index.tolist()
        table = summarize_pairs(*_paired(part, column, groups, "f1"))
        table = sizes.reset_index().join(table.rename(columns={"delta_mean": "delta"}))
        table.insert(0, "split", str(keys[1]))
        table.insert(0, "architecture", str(keys[0]))
        parts.append(table.assign(family=f"{name}, {keys[0]}, {keys[1]}"))
    return pd.concat(parts, ignore_index=True)


def strata_runs(scores: pd.DataFrame) -> pd.DataFrame:
    """Macro F1 of each run in each tissue, disease and assay, and in contexts seen or unseen."""
    parts = [group_runs(scores, name, "group").assign(grouping=name) for name in STRATA]
    return pd.concat(parts, ignore_index=True)


def strata_table(runs: pd.DataFrame) -> pd.DataFrame:
    """`group_table` of each grouping, which it names; the groups of a grouping are one family."""
    parts = []
    for grouping, part in runs.groupby("grouping", sort=False):
        table = group_table(part, "group", str(grouping))
        table.insert(2, "grouping", grouping)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _paired(
    part: pd.DataFrame,
    column: str,
    groups: list,
    value: str,
    losses: tuple[str, str] = LOSSES,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of CE and of HCE, both seeds x groups, over the seeds that both have (maybe none)."""
    wide = part.pivot(index=["loss", "seed"], columns=column, values=value)
    wide = wide.reindex(columns=groups)
    by_loss = {str(loss): frame.droplevel("loss") for loss, frame in wide.groupby(level="loss")}
    empty = wide.droplevel("loss").iloc[:0]
    ce, hce = (by_loss.get(loss, empty) for loss in losses)
    common = sorted(set(ce.index) & set(hce.index))
    return ce.loc[common].to_numpy(float), hce.loc[common].to_numpy(float)


def adjusted(table: pd.DataFrame, family: list[str]) -> pd.DataFrame:
    """The tests adjusted anew: rows that agree in the columns of `family` are one."""
    families = table.groupby(family)["p"]
    adjusted = families.transform(lambda p: holm(p.to_numpy()))
    return table.assign(p_holm=adjusted, n_tests=families.transform("count"))


def own_loss_table(runs: pd.DataFrame, losses: Sequence[str]) -> pd.DataFrame:
    """Macro F1 of each own loss beside CE and beside HCE: the baselines.

    Parameters
    ----------
    runs
        What `overall_runs` gives, for CE, HCE and all own losses.
    losses
        The own losses, in the order of the table.

    Returns
    -------
    pandas.DataFrame
        loss, baseline, architecture, split, labels, and what `overall_table` gives, with
        `baseline_` and `loss_` in place of `ce_` and `hce_`; gain is loss minus baseline. All own
        losses and architectures of one baseline, split and set of labels are one family.

    Raises
    ------
    ValueError
        If there is no own loss, or one of them has no run.
    """
    missing = sorted({*losses, *LOSSES} - set(runs["loss"]))
    if missing or not losses:
        raise ValueError(
            f"own losses {', '.join(losses) or 'none'}: no run of {', '.join(missing) or 'any'}"
        )
    parts = []
    for loss in losses:
        for baseline in LOSSES:
            part = overall_table(runs, (baseline, loss))
            part.columns = part.columns.str.replace("^hce_", "loss_", regex=True)
            part.columns = part.columns.str.replace("^ce_", "baseline_", regex=True)
            part.insert(0, "baseline", baseline)
            part.insert(0, "loss", loss)
            parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table = adjusted(table, ["baseline", "split", "labels"])
    table["family"] = "own losses and " + table["family"] + ", against " + table["baseline"]
    return table.assign(note=table["note"].replace(NO_PAIR, "no test: no seed has both losses"))
