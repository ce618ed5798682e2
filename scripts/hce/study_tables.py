"""Source data of Supplementary Fig. 1: CE and HCE in each OOD study."""

from __future__ import annotations

import pandas as pd

from hce.figure_text import is_significant
from hce.names import known_architectures

LOSSES = ("ce", "hce")


def study_scores(tests: pd.DataFrame, runs: pd.DataFrame, datasets: pd.DataFrame) -> pd.DataFrame:
    """Macro F1 of every run in each OOD study, with the test of each architecture and study.

    Parameters
    ----------
    tests, runs
        Rows of per_study.tsv and of per_study_runs.tsv.
    datasets
        The Census's table of datasets: collection_id, collection_name.

    Returns
    -------
    pandas.DataFrame
        One row an architecture, study, loss and seed: rank (from 0, the largest mean difference
        over the architectures first), study, name, n_cells, n_labels, loss, seed, f1, mean (of the
        loss's runs), delta, p_holm, significant, n_seeds (pairs), note, architecture, data_source.
        What did not run (an architecture, a study of one) has one row without f1.
    """
    tests, runs = tests[tests["split"] == "ood"], runs[runs["split"] == "ood"]
    names = datasets.drop_duplicates("collection_id").set_index("collection_id")["collection_name"]
    sizes = runs.drop_duplicates("study").set_index("study")[["support", "n_labels"]]
    sizes = sizes.rename(columns={"support": "n_cells"})
    mean_delta = tests.groupby("study")["delta"].mean().reindex(sizes.index)
    order = mean_delta.sort_values(ascending=False, kind="stable", na_position="last").index
    ranks = pd.DataFrame({"study": order, "rank": range(len(order))}).join(sizes, on="study")
    ranks["name"] = ranks["study"].map(names).fillna(ranks["study"])
    architectures = known_architectures(runs["architecture"])
    every = ranks.merge(pd.DataFrame({"architecture": architectures}), how="cross")
    columns = ["architecture", "study", "delta", "p_holm", "n_seeds", "note"]
    table = every.merge(tests[columns], on=["architecture", "study"], how="left")
    scores = runs[runs["loss"].isin(LOSSES)][["architecture", "study", "loss", "seed", "f1"]]
    scores["mean"] = scores.groupby(["architecture", "study", "loss"])["f1"].transform("mean")
    table = table.merge(scores, on=["architecture", "study"], how="left")
    table["significant"] = [is_significant(p) for p in table["p_holm"]]
    table["n_seeds"] = table["n_seeds"].fillna(0).astype(int)
    places = {name: place for place, name in enumerate(architectures)}
    table["place"] = table["architecture"].map(places)
    table = table.sort_values(["place", "rank", "loss", "seed"]).drop(columns="place")
    return table.reset_index(drop=True).assign(data_source=runs["data_source"].iloc[0])
