"""Source data of Supplementary Figs. 9 and 10: the gain in contexts that training had or lacked."""

from __future__ import annotations

import pandas as pd

from hce.figure_text import is_significant
from hce.names import known_architectures

KEYS = ["architecture", "part", "group"]


def context_gains(
    tests: pd.DataFrame, runs: pd.DataFrame, context: str, in_training: set[str]
) -> pd.DataFrame:
    """Difference of macro F1 (HCE - CE) of each run in each OOD tissue or disease.

    Parameters
    ----------
    tests, runs
        Rows of strata.tsv and of strata_runs.tsv.
    context
        `tissue` or `disease`.
    in_training
        The tissues or diseases of the training cells.

    Returns
    -------
    pandas.DataFrame
        One row a run: context, architecture, part (`pooled`: all cells whose context training had,
        and all others; `single`: each tissue or disease), group (`seen` or `unseen`, or the name),
        seen, n_cells, n_labels, seed, gain, mean, sd, p_holm, significant, n_seeds, note,
        data_source. What has no pair of runs has one row without gain.
    """
    parts = []
    for part, grouping in (("pooled", f"{context}_in_training"), ("single", context)):
        chosen = tests[(tests["grouping"] == grouping) & (tests["split"] == "ood")]
        of_part = runs[(runs["grouping"] == grouping) & (runs["split"] == "ood")]
        seen = {"seen"} if part == "pooled" else in_training
        parts.append(_gains(chosen, of_part).assign(part=part))
        parts[-1]["seen"] = parts[-1]["group"].isin(list(seen))
    table = pd.concat(parts, ignore_index=True)
    table["significant"] = [is_significant(p) for p in table["p_holm"]]
    places = {name: place for place, name in enumerate(known_architectures(tests["architecture"]))}
    table["place"] = table["architecture"].map(places)
    table = table.sort_values(["part", "group", "place", "seed"]).drop(columns="place")
    return table.reset_index(drop=True).assign(
        context=context, data_source=tests["data_source"].iloc[0]
    )


def _gains(tests: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    wide = runs.pivot_table(index=["architecture", "group", "seed"], columns="loss", values="f1")
    wide = wide.reindex(columns=["ce", "hce"]).dropna()
    gains = (wide["hce"] - wide["ce"]).rename("gain").reset_index()
    sizes = runs.drop_duplicates("group")[["group", "support", "n_labels"]]
    every = sizes.rename(columns={"support": "n_cells"}).merge(
        pd.DataFrame({"architecture": known_architectures(tests["architecture"])}), how="cross"
    )
    columns = ["architecture", "group", "delta", "delta_sd", "p_holm", "n_seeds", "note"]
    table = every.merge(tests[columns], on=["architecture", "group"], how="left")
    table = table.rename(columns={"delta": "mean", "delta_sd": "sd"})
    table["n_seeds"] = table["n_seeds"].fillna(0).astype(int)
    return table.merge(gains, on=["architecture", "group"], how="left")
