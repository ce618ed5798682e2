"""The authors' ID scores, which they published without the predictions, as scores of this pipeline.

Their tables are scikit-learn's reports: a row a class (index: its position) or an average, columns
precision, recall, f1-score, support; corrected for the hierarchy as ours are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from hce.evaluation.scores import COLUMNS

REPORT = {"precision": "precision", "recall": "recall", "f1": "f1-score", "support": "support"}
MACRO = "macro avg"
AVERAGES = ("accuracy", "micro avg", MACRO, "weighted avg")


def import_id_scores(files: Mapping[str, Path], cell_types: pd.DataFrame) -> pd.DataFrame:
    """The ID scores of one run, as far as they are there.

    Parameters
    ----------
    files
        Its tables, by the names of `hce.published.layout.ID_TABLES`.
    cell_types
        The classes: label, ontology_term_id, in_ood, in class order.

    Returns
    -------
    pandas.DataFrame
        What `hce.evaluation.scores.score_predictions` gives, of groupings overall and cell_type
        alone. The mean over the OOD labels is that of the classes where no table has it.

    Raises
    ------
    ValueError
        If a table has other columns, or a class that is none of these.
    """
    parts = []
    per_class = None
    if "per_class" in files:
        per_class = _per_class(files["per_class"], cell_types)
        parts.append(per_class.drop(columns="in_ood").assign(grouping="cell_type", n_labels=1))
    for group, table in (("all", "overall"), ("ood_labels", "subset")):
        of_group = None
        if per_class is not None:
            of_group = per_class if group == "all" else per_class[per_class["in_ood"]]
        row = _overall(files[table]) if table in files else _mean(of_group)
        if row is None:
            continue
        among = cell_types if group == "all" else cell_types[cell_types["in_ood"]]
        n_labels = len(among) if of_group is None else len(of_group)
        row = row.assign(grouping="overall", group=group, n_labels=n_labels)
        parts.insert(len(parts) - (per_class is not None), row)
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat([part[COLUMNS] for part in parts], ignore_index=True)


def read_report(path: Path) -> pd.DataFrame:
    """Read one of their tables: by row name, precision, recall, f1, support.

    Raises
    ------
    ValueError
        If it has other columns.
    """
    table = pd.read_csv(path, index_col=0, float_precision="round_trip")
    missing = [name for name in REPORT.values() if name not in table]
    if missing:
        raise ValueError(
            f"{path}: has no column {', '.join(missing)}, only {', '.join(map(str, table))}; it is "
            "none of the authors' tables of scores: take it away, or download it again"
        )
    table.index = table.index.astype(str)
    return table[list(REPORT.values())].set_axis(list(REPORT), axis=1)


def _per_class(path: Path, cell_types: pd.DataFrame) -> pd.DataFrame:
    """Scores of the classes that have a cell, in class order, with their term ids as group."""
    table = read_report(path)
    table = table[~table.index.isin(AVERAGES)]
    # by position, or by label
    named = pd.Index(cell_types["label"]).get_indexer(table.index)
    position = pd.to_numeric(table.index.to_series(), errors="coerce").fillna(-1)
    if not (named >= 0).any():
        named = position.to_numpy(int)
    wrong = (named < 0) | (named >= len(cell_types))
    if wrong.any():
        raise ValueError(
            f"{path}: {table.index[wrong][0]!r} is none of the {len(cell_types)} classes of this "
            "run; selection must be that of these scores (config/published.yaml)"
        )
    classes = cell_types.iloc[named]
    table = table.assign(
        group=classes["ontology_term_id"].to_numpy(),
        in_ood=classes["in_ood"].to_numpy(bool),
        place=named,
    )
    table = table[table["support"] > 0].sort_values("place").drop(columns="place")
    return table.astype({"support": int})


def _overall(path: Path) -> pd.DataFrame:
    table = read_report(path)
    if MACRO not in table.index:
        raise ValueError(f"{path}: has no row {MACRO!r}; take it away, or download it again")
    return table.loc[[MACRO]].astype({"support": int})


def _mean(scores: pd.DataFrame | None) -> pd.DataFrame | None:
    if scores is None or scores.empty:
        return None
    means = scores[["precision", "recall", "f1"]].mean().to_frame().T
    return means.assign(support=int(scores["support"].sum()))
