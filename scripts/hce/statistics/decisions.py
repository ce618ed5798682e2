"""Is HCE better, or does it only stop being punished? Losses by decision rule and by metric.

All from the counts of labels and calls (`hce.evaluation.calls`). Tests are paired over seeds, as
the paper's, so that they tell the noise of training only (`hce.statistics.new_study` tells more).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.compare import summarize_pairs
from hce.evaluation.calls import confusion_of
from hce.evaluation.hierarchy_metrics import METRICS, Hierarchy, metric_values, specificity
from hce.metrics import f1_scores_from_confusion
from hce.names import LOSSES, sort_as_known
from hce.ontology import direct_parents
from hce.statistics.tables import adjusted

RUN = ["architecture", "loss", "seed", "split", "labels", "rule"]
# metrics that the decision rules are compared by: the paper's, and what it forgives
COMPARED = ("corrected_f1", "exact_f1")
PAPER_RULE = "argmax"
COARSER_LEVELS = 3


def metric_runs(
    calls: pd.DataFrame, hierarchy: Hierarchy, ood_labels: NDArray[np.int64]
) -> pd.DataFrame:
    """Every metric of every run by every decision rule.

    Parameters
    ----------
    calls
        architecture, loss, seed, split, rule, class, call, cells.
    hierarchy
        Of the classes.
    ood_labels
        Class indices that occur in the OOD test; the paper's ID numbers are over these.

    Returns
    -------
    pandas.DataFrame
        The columns of RUN, metric, over, value. On the OOD split all labels are the OOD labels, so
        that it has labels `all` only.
    """
    parts = {}
    n_classes = len(hierarchy.reachability)
    for keys, part in calls.groupby(["architecture", "loss", "seed", "split", "rule"], sort=False):
        confusion = confusion_of(part, n_classes)
        groups = {"all": None, "ood_labels": ood_labels} if keys[3] == "test" else {"all": None}
        for name, labels in groups.items():
            if labels is not None and not confusion[labels].any():
                continue
            parts[*keys[:4], name, keys[4]] = metric_values(confusion, hierarchy, labels)
    return pd.concat(parts, names=RUN).reset_index(RUN).reset_index(drop=True)


def specificity_runs(calls: pd.DataFrame, hierarchy: Hierarchy) -> pd.DataFrame:
    """How specific the calls of every run are: architecture, loss, seed, split, rule, and more.

    The rest is what `hce.evaluation.hierarchy_metrics.specificity` gives.
    """
    keys = ["architecture", "loss", "seed", "split", "rule"]
    n_classes = len(hierarchy.reachability)
    parts = {
        key: specificity(confusion_of(part, n_classes), hierarchy)
        for key, part in calls.groupby(keys, sort=False)
    }
    return pd.concat(parts, names=keys).reset_index(keys).reset_index(drop=True)


def depth_shares(calls: pd.DataFrame, hierarchy: Hierarchy) -> pd.DataFrame:
    """Share of the cells at each depth of the ontology, by label and by call, mean over seeds.

    Returns
    -------
    pandas.DataFrame
        architecture, split, series (`label`, or the loss), rule (empty for labels), depth, share.
    """
    at = hierarchy.depth[calls["class"].to_numpy(np.int64)]
    labels = _shares(calls.assign(depth=at, series="label", rule=""))
    at = hierarchy.depth[calls["call"].to_numpy(np.int64)]
    said = _shares(calls.assign(depth=at, series=calls["loss"]))
    return pd.concat([labels, said], ignore_index=True)


def _shares(cells: pd.DataFrame) -> pd.DataFrame:
    keys = ["architecture", "split", "series", "rule"]
    counts = cells.groupby([*keys, "depth"], sort=True)["cells"].sum()
    shares = counts / counts.groupby(level=keys).transform("sum")
    return shares.rename("share").reset_index()


def metric_table(runs: pd.DataFrame) -> pd.DataFrame:
    """HCE against CE in every metric, both with the same decision rule.

    Returns
    -------
    pandas.DataFrame
        architecture, split, labels, rule, metric, over, what `hce.compare.summarize_pairs` gives,
        and better (`HCE`, `CE`, or neither: the loss with the better mean). The metrics of one
        architecture, split, set of labels and rule are one family.
    """
    keys = ["architecture", "split", "labels", "rule", "metric", "over"]
    table = _pairs(runs, runs, keys)
    sign = np.sign(table["delta_mean"]) * table["metric"].map(METRICS).map({True: 1, False: -1})
    table["better"] = sign.map({1.0: "HCE", -1.0: "CE", 0.0: "neither"}).fillna("")
    table = adjusted(table, keys[:4])
    table["family"] = "metrics, " + table[keys[:4]].agg(", ".join, axis=1)
    return sort_as_known(table, ["split", "labels", "architecture", "rule"])


def decision_table(runs: pd.DataFrame) -> pd.DataFrame:
    """HCE as in the paper against CE with every decision rule: what is left of the gain?

    Returns
    -------
    pandas.DataFrame
        architecture, split, labels, metric (one of COMPARED), rule (of CE), what
        `hce.compare.summarize_pairs` gives of HCE's argmax minus CE by that rule, and left: the
        mean of this over the mean of the gain over CE's argmax, NaN where that gain is not above
        zero. The rules of all architectures of one split, set of labels and metric are one family.
    """
    keys = ["architecture", "split", "labels", "metric", "rule"]
    chosen = runs[runs["metric"].isin(COMPARED)]
    paper = chosen[chosen["rule"] == PAPER_RULE].drop(columns="rule")
    rules = pd.DataFrame({"rule": chosen["rule"].unique()})
    table = _pairs(chosen, paper.merge(rules, how="cross"), keys)
    gain = table[table["rule"] == PAPER_RULE].set_index(keys[:4])["delta_mean"]
    whole = table[keys[:4]].merge(gain.rename("whole").reset_index(), how="left")["whole"]
    table["left"] = (table["delta_mean"].to_numpy() / whole.where(whole > 0)).to_numpy()
    table = adjusted(table, keys[1:4])
    table["family"] = "decision rules, " + table[keys[1:4]].agg(", ".join, axis=1)
    return sort_as_known(table, ["metric", "split", "labels", "architecture"])


def _pairs(ce: pd.DataFrame, hce: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """`summarize_pairs` of CE's rows of one table and HCE's of another, for each of `keys`."""
    wide = [
        runs[runs["loss"] == loss].pivot(index="seed", columns=keys, values="value")
        for runs, loss in ((ce, LOSSES[0]), (hce, LOSSES[1]))
    ]
    columns = wide[0].columns.union(wide[1].columns, sort=False)
    seeds = wide[0].index.intersection(wide[1].index)
    first, second = (table.reindex(index=seeds, columns=columns).to_numpy(float) for table in wide)
    # a distance is no share
    return columns.to_frame(index=False).join(summarize_pairs(first, second, shares=False))


def coarsened_runs(
    calls: pd.DataFrame, hierarchy: Hierarchy, levels: int = COARSER_LEVELS
) -> pd.DataFrame:
    """Macro F1 of every run had the OOD studies annotated more coarsely; the calls stay.

    At each level every label is replaced by its direct parent among the classes (of several, the
    one with the most training cells below it); a root stays. If the gain comes from labels that are
    coarser than what a model can tell, it follows the level.

    Parameters
    ----------
    calls, hierarchy
        As for `metric_runs`.
    levels
        How often.

    Returns
    -------
    pandas.DataFrame
        architecture, loss, seed, rule, level (0, as the studies have it), macro_f1 (the paper's),
        n_labels.
    """
    n_classes = len(hierarchy.reachability)
    parent = np.arange(n_classes)
    for child, above in enumerate(direct_parents(hierarchy.reachability)):
        if above:
            parent[child] = max(above, key=lambda p: -hierarchy.information[p])
    keys = ["architecture", "loss", "seed", "rule"]
    rows = []
    for key, part in calls[calls["split"] == "ood"].groupby(keys, sort=False):
        confusion = confusion_of(part, n_classes)
        for level in range(levels + 1):
            f1 = f1_scores_from_confusion(confusion, hierarchy.reachability)["f1"]
            rows.append((*key, level, float(f1.mean()), len(f1)))
            coarser = np.zeros_like(confusion)
            np.add.at(coarser, parent, confusion)
            confusion = coarser
    return pd.DataFrame(rows, columns=[*keys, "level", "macro_f1", "n_labels"])
