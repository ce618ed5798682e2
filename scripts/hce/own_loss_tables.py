"""A user's own losses against CE and against HCE: macro F1, paired over seeds."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hce.compare import NO_PAIR, holm
from hce.comparison_tables import LOSSES, overall_table

FAMILY = ["baseline", "split", "labels"]


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
            part = overall_table(runs, (baseline, loss)).rename(columns=_rename)
            part.insert(0, "baseline", baseline)
            part.insert(0, "loss", loss)
            parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    families = table.groupby(FAMILY)["p"]
    table["p_holm"] = families.transform(lambda p: holm(p.to_numpy()))
    table["n_tests"] = families.transform("count")
    table["family"] = "own losses and " + table["family"] + ", against " + table["baseline"]
    return table.assign(note=table["note"].replace(NO_PAIR, "no test: no seed has both losses"))


def _rename(column: str) -> str:
    for before, after in (("hce_", "loss_"), ("ce_", "baseline_")):
        if column.startswith(before):
            return after + column.removeprefix(before)
    return column
