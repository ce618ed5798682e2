"""Tables that claims of the paper are held against and that no other result shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hce.compare import is_significant, summarize_pairs
from hce.names import LOSSES


def drops(macro_f1: pd.DataFrame) -> pd.DataFrame:
    """What CE loses out of distribution, and which share of it HCE wins back.

    Returns
    -------
    pandas.DataFrame
        architecture, drop (macro F1 of CE on held-out donors, over the OOD labels, minus that on
        new studies), recovered (gain of HCE on new studies / drop; NaN without a drop).
    """
    keys = macro_f1["split"] + " " + macro_f1["labels"]
    within, ood = (
        macro_f1[keys == chosen].set_index("architecture")
        for chosen in ("test ood_labels", "ood all")
    )
    drop = within["ce_mean"] - ood["ce_mean"]
    table = pd.DataFrame({"drop": drop, "recovered": (ood["gain_mean"] / drop).where(drop > 0)})
    return table.rename_axis("architecture").reset_index()


def studies_without_gain(per_study: pd.DataFrame) -> pd.DataFrame:
    """How many new studies of each architecture lack a significant gain.

    Returns
    -------
    pandas.DataFrame
        architecture, studies, without_gain (no gain, an adjusted P of 0.05 or more, or no test
        among studies that have one; NaN if none has), note (why, then).
    """
    ood = per_study[per_study["split"] == "ood"]
    rows = []
    for architecture, part in ood.groupby("architecture", sort=False):
        gained = (part["delta"] > 0) & is_significant(part["p_holm"])
        tested = part["p"].notna().any()
        rows.append(
            {
                "architecture": architecture,
                "studies": len(part),
                "without_gain": (~gained).sum() if tested else np.nan,
                "note": "" if tested else part["note"].iloc[0],
            }
        )
    return pd.DataFrame(rows, columns=["architecture", "studies", "without_gain", "note"])


def gain_ranks(per_cell_type: pd.DataFrame) -> pd.DataFrame:
    """The OOD rows of per_cell_type.tsv with the rank of the gain in its architecture, 1 first."""
    ood = per_cell_type[per_cell_type["split"] == "ood"].dropna(subset=["delta"])
    by = ood.groupby("architecture")["delta"]
    return ood.assign(rank=by.rank(ascending=False, method="first").astype(int))


def node_groups(types: pd.DataFrame) -> pd.Series:
    """The kinds of nodes that the paper's text tells apart, from node_kind and connectivity.

    Returns
    -------
    pandas.Series
        `internal`, `connected leaf` or `isolated leaf`: an internal node is never isolated.
    """
    leaf = types["node_kind"].eq("leaf")
    return types["node_kind"].mask(leaf, types["connectivity"] + " leaf")


def group_gains(per_cell_type: pd.DataFrame) -> pd.DataFrame:
    """Mean OOD gain of the types of each kind: architecture, group, delta, types."""
    ood = per_cell_type[per_cell_type["split"] == "ood"].dropna(subset=["delta"])
    by = ood.assign(group=node_groups(ood)).groupby(["architecture", "group"])["delta"]
    return by.agg(delta="mean", types="size").reset_index()


def hierarchy_counts(cell_types: pd.DataFrame) -> pd.DataFrame:
    """Counts of R over the classes of the run, one row (see `summarize_hierarchy`)."""
    counts = {
        "cell_types": len(cell_types),
        "off_diagonal_entries": cell_types["descendants"].sum(),
        "internal": cell_types["node_kind"].eq("internal").sum(),
        "leaves": cell_types["node_kind"].eq("leaf").sum(),
        "isolated": cell_types["connectivity"].eq("isolated").sum(),
    }
    return pd.DataFrame([counts])


def trainings(
    records: Sequence[Mapping[str, Any]], histories: Sequence[pd.DataFrame]
) -> pd.DataFrame:
    """One row a training: what came out of it and how long it took.

    Parameters
    ----------
    records, histories
        hyperparameters.json and history.csv of each training, in the same order.

    Returns
    -------
    pandas.DataFrame
        architecture, loss, seed, best_epoch (from 1), best_validation_macro_f1, seconds_a_cell
        (median over the epochs; the first, which compiles and warms up, only if there is no
        other). Waiting for data is part of it: a GPU computes meanwhile.
    """
    names = ["architecture", "loss", "seed", "best_epoch", "best_validation_macro_f1"]
    rows = []
    for record, history in zip(records, histories, strict=True):
        later = history.iloc[1:] if len(history) > 1 else history
        seconds = 1 / later["cells_per_second"]
        rows.append(
            {name: record[name] for name in names} | {"seconds_a_cell": seconds.dropna().median()}
        )
    return pd.DataFrame(rows, columns=[*names, "seconds_a_cell"])


def step_cost(made: pd.DataFrame) -> pd.DataFrame:
    """Time of a training step with HCE divided by that with CE: one row.

    Parameters
    ----------
    made
        What `trainings` gives.

    Returns
    -------
    pandas.DataFrame
        ratio (geometric mean over the pairs of one architecture and seed), ci_low and ci_high (95
        %, Student's t on the logarithms), pairs, note.
    """
    seconds = made.pivot_table(
        index=["architecture", "seed"], columns="loss", values="seconds_a_cell"
    )
    logs = seconds.reindex(columns=list(LOSSES)).dropna().apply(np.log)
    ce, hce = (logs[[loss]].to_numpy() for loss in LOSSES)
    row = summarize_pairs(ce, hce, shares=False).iloc[0]
    ends = {"ratio": "delta_mean", "ci_low": "delta_ci_low", "ci_high": "delta_ci_high"}
    table = {name: np.exp(row[column]) for name, column in ends.items()}
    note = "" if len(logs) > 1 else f"pairs of a CE and an HCE training: {len(logs)}"
    return pd.DataFrame([table | {"pairs": len(logs), "note": note}])
