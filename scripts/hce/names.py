"""What the architectures and losses are called in tables and figures, in the paper's order."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

# the paper's losses; all its comparisons are of these two
LOSSES = ("ce", "hce")
LOSS_NAMES = {"ce": "CE", "hce": "HCE"}
ARCHITECTURE_NAMES = {"linear": "Linear", "mlp": "MLP", "tabnet": "TabNet"}

# a data source whose models or predictions are the authors': CELLS; published predictions
PUBLISHED = "; published "


def architecture_name(architecture: str) -> str:
    """What an architecture is called; one that is not the paper's by its own name."""
    return ARCHITECTURE_NAMES.get(architecture, architecture)


def known_architectures(found: Iterable[str]) -> list[str]:
    """The paper's architectures, whether or not they ran, then any other that was found."""
    return [*ARCHITECTURE_NAMES, *sorted(set(found) - set(ARCHITECTURE_NAMES))]


def distinct(names: pd.Series) -> pd.Series:
    """Names by id (the index, text); those that several ids share get their id added."""
    shared = names.duplicated(keep=False)
    return names.mask(shared, names + " (" + names.index + ")")


def study_names(datasets: pd.DataFrame) -> pd.Series:
    """What each study, a dataset of the Census, is called: "title (collection)", distinct.

    Parameters
    ----------
    datasets
        Tables of datasets, the earlier release's first: dataset_id, and dataset_title and
        collection_name if there are any.

    Returns
    -------
    pandas.Series
        str, by dataset_id; a dataset of both releases has its name of the later one.
    """
    last = datasets.drop_duplicates("dataset_id", keep="last").set_index("dataset_id")
    titles = pd.Series(last.index, index=last.index)
    if "dataset_title" in last:
        titles = last["dataset_title"].mask(last["dataset_title"] == "").fillna(titles)
    if "collection_name" not in last:
        return distinct(titles)
    collections = last["collection_name"].fillna("")
    alone = (collections == "") | (collections == titles)
    return distinct(titles.where(alone, titles + " (" + collections + ")"))


def sort_as_known(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Sort a table by some columns, among them `architecture` in the order of the paper."""
    order = {name: place for place, name in enumerate(known_architectures(table["architecture"]))}
    return table.sort_values(
        by, key=lambda column: column.map(order) if column.name == "architecture" else column
    ).reset_index(drop=True)
