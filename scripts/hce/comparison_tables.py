"""From the scores of all models to the tables of the paper: CE against HCE.

Tests are paired over seeds. Families of the Holm-Bonferroni adjustment: the cell types of one
architecture and split; the studies of one architecture and split; for the overall macro F1, the
architectures of one split.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hce.compare import holm, paired_tests

LOSSES = ["ce", "hce"]


def overall_runs(scores: pd.DataFrame) -> pd.DataFrame:
    """Macro F1 of each run: architecture, loss, seed, split, labels, macro_f1, n_labels, n_cells.

    On the OOD split all labels are the OOD labels, so that it has `all` only.
    """
    overall = scores[scores["grouping"] == "overall"]
    overall = overall[(overall["split"] == "test") | (overall["group"] == "all")]
    names = {"group": "labels", "f1": "macro_f1", "support": "n_cells"}
    columns = ["architecture", "loss", "seed", "split", "labels", "macro_f1", "n_labels", "n_cells"]
    return overall.rename(columns=names)[columns].reset_index(drop=True)


def overall_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Macro F1 of CE and HCE, mean and sd over seeds, gain, paired t-test."""
    rows = []
    for keys, part in runs.groupby(["architecture", "split", "labels"], sort=False):
        ce, hce = _paired(part.assign(one=0), "one", "macro_f1")
        test = paired_tests(ce, hce).iloc[0]
        gain = (hce - ce)[:, 0]
        rows.append(
            dict(zip(["architecture", "split", "labels"], keys, strict=True))
            | {"n_labels": part["n_labels"].iloc[0], "n_seeds": len(ce)}
            | {"ce_mean": ce.mean(), "ce_sd": _sd(ce[:, 0])}
            | {"hce_mean": hce.mean(), "hce_sd": _sd(hce[:, 0])}
            | {"gain_mean": gain.mean(), "gain_sd": _sd(gain), "t": test["t"], "p": test["p"]}
        )
    table = pd.DataFrame(rows)
    families = table.groupby(["split", "labels"])["p"]
    return table.assign(p_holm=families.transform(lambda p: holm(p.to_numpy())))


def group_runs(scores: pd.DataFrame, grouping: str, column: str) -> pd.DataFrame:
    """Precision, recall and F1 of each run and group, the group under the name `column`."""
    part = scores[scores["grouping"] == grouping].rename(columns={"group": column})
    keys = ["architecture", "loss", "seed", "split", column]
    return part[[*keys, "precision", "recall", "f1", "support"]].reset_index(drop=True)


def group_table(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """F1 of CE and HCE for each group (cell type or study), difference and paired t-test."""
    parts = []
    for keys, part in runs.groupby(["architecture", "split"], sort=False):
        groups = sorted(part[column].unique())
        ce, hce = _paired(part, column, "f1")
        support = part.drop_duplicates(column).set_index(column)["support"].loc[groups]
        table = pd.DataFrame({column: groups, "support": support.to_numpy()})
        table["ce_mean"], table["hce_mean"] = ce.mean(axis=0), hce.mean(axis=0)
        table = table.join(paired_tests(ce, hce))
        table.insert(0, "split", keys[1])
        table.insert(0, "architecture", keys[0])
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _paired(
    part: pd.DataFrame, column: str, value: str
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], ...]:
    """Values of CE and of HCE, both seeds x groups, over the seeds that both have."""
    wide = part.pivot(index=["loss", "seed"], columns=column, values=value)
    seeds = [set(wide.loc[[loss]].index.get_level_values("seed")) for loss in LOSSES]
    common = sorted(seeds[0] & seeds[1])
    if not common:
        raise ValueError(f"no seed was run with both {LOSSES[0]} and {LOSSES[1]}")
    return tuple(wide.loc[loss].loc[common].to_numpy(float) for loss in LOSSES)


def _sd(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")
