"""Source data of Figure 1: the atlas, the OOD set, the split, and CE's scores ID and OOD."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hce.names import known_architectures

HEADLINES = ("cells", "cell_types", "donors", "tissues", "studies")
COMPOSITION = ("tissue", "assay", "cell_type")
SPLITS = ("train", "val", "test")
LARGEST_GROUPS = 8


def overview(summary: pd.DataFrame, composition: pd.DataFrame, subset: str) -> pd.DataFrame:
    """Headline numbers and composition of one subset (Fig. 1a, b).

    Parameters
    ----------
    summary
        Rows of atlas_summary.tsv.
    composition
        Rows of atlas_composition.tsv.
    subset
        `atlas` or `ood`.

    Returns
    -------
    pandas.DataFrame
        part (`headline`, `tissue`, `assay`, `cell_type`), group, value (cells, except for the
        headlines), in_atlas (False: the training release has no such group), data_source. Groups
        are sorted by size; those after the eight largest are one row, for example `16 others`.

    Raises
    ------
    ValueError
        If the summary has no row for the subset.
    """
    row = summary[summary["subset"] == subset]
    if len(row) != 1:
        raise ValueError(f"atlas summary: {len(row)} rows with subset {subset!r}, need one")
    headline = pd.DataFrame(
        {
            "part": "headline",
            "group": HEADLINES,
            "value": [int(row[key].iloc[0]) for key in HEADLINES],
        }
    )
    parts = [headline.assign(in_atlas=True)]
    for grouping in COMPOSITION:
        sizes = _group_sizes(composition, subset, grouping)
        known = set(_group_sizes(composition, "atlas", grouping).index)
        parts.append(_largest(sizes, known).assign(part=grouping))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(data_source=row["data_source"].iloc[0])


def split_sizes(summary: pd.DataFrame) -> pd.DataFrame:
    """Cells and donors of the donor split (Fig. 1c).

    Returns
    -------
    pandas.DataFrame
        subset (`train`, `val`, `test`), cells, donors, cells_share, donors_share, data_source. A
        donor belongs to one subset, so the shares are of the sum of the three.
    """
    table = summary.set_index("subset").reindex(list(SPLITS))[["cells", "donors", "data_source"]]
    for column in ("cells", "donors"):
        table[f"{column}_share"] = table[column] / table[column].sum()
    columns = ["cells", "donors", "cells_share", "donors_share", "data_source"]
    return table[columns].rename_axis("subset").reset_index()


def scores_of_runs(runs: pd.DataFrame, loss: str, split: str, labels: str) -> pd.DataFrame:
    """Macro F1 of every run of one loss on one split (Fig. 1d, e).

    Parameters
    ----------
    runs
        Rows of macro_f1_runs.tsv.
    loss, split, labels
        Which rows to take.

    Returns
    -------
    pandas.DataFrame
        architecture, seed, macro_f1, mean, sd (NaN for one run), n_seeds, n_labels, n_cells,
        data_source. An architecture without a run has one row with n_seeds = 0.
    """
    keys = {"loss": loss, "split": split, "labels": labels}
    chosen = runs[np.logical_and.reduce([runs[key] == value for key, value in keys.items()])]
    parts = []
    for architecture in known_architectures(runs["architecture"]):
        part = chosen[chosen["architecture"] == architecture].sort_values("seed")
        scores = part["macro_f1"]
        if part.empty:
            part = pd.DataFrame({"architecture": [architecture]})
        parts.append(part.assign(mean=scores.mean(), sd=scores.std(ddof=1), n_seeds=len(scores)))
    columns = ["architecture", "seed", "macro_f1", "mean", "sd", "n_seeds", "n_labels", "n_cells"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    return table.assign(data_source=runs["data_source"].iloc[0])


def with_id_level(ood: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Add to the OOD scores the mean ID score of each architecture (column id_mean)."""
    level = test.drop_duplicates("architecture").set_index("architecture")["mean"]
    return ood.assign(id_mean=ood["architecture"].map(level))


def _group_sizes(composition: pd.DataFrame, subset: str, grouping: str) -> pd.Series:
    rows = composition[(composition["subset"] == subset) & (composition["grouping"] == grouping)]
    # names decide between groups of one size, so that the order never depends on the input's
    rows = rows.sort_values(["cells", "group"], ascending=[False, True])
    return rows.set_index("group")["cells"]


def _largest(sizes: pd.Series, known: set[str]) -> pd.DataFrame:
    shown = sizes if len(sizes) <= LARGEST_GROUPS + 1 else sizes.iloc[:LARGEST_GROUPS]
    table = pd.DataFrame(
        {"group": shown.index, "value": shown.to_numpy(), "in_atlas": shown.index.isin(list(known))}
    )
    rest = sizes.iloc[len(shown) :]
    if len(rest):
        other = {"group": f"{len(rest)} others", "value": int(rest.sum()), "in_atlas": True}
        table = pd.concat([table, pd.DataFrame([other])], ignore_index=True)
    return table
