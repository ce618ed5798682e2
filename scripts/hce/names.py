"""What the architectures and losses are called in tables and figures, in the paper's order."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

# the paper's losses; all its comparisons are of these two
LOSSES = ("ce", "hce")
LOSS_NAMES = {"ce": "CE", "hce": "HCE"}
ARCHITECTURE_NAMES = {"linear": "Linear", "mlp": "MLP", "tabnet": "TabNet"}


def architecture_name(architecture: str) -> str:
    """What an architecture is called; one that is not the paper's by its own name."""
    return ARCHITECTURE_NAMES.get(architecture, architecture)


def known_architectures(found: Iterable[str]) -> list[str]:
    """The paper's architectures, whether or not they ran, then any other that was found."""
    return [*ARCHITECTURE_NAMES, *sorted(set(found) - set(ARCHITECTURE_NAMES))]


def sort_as_known(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Sort a table by some columns, among them `architecture` in the order of the paper."""
    order = {name: place for place, name in enumerate(known_architectures(table["architecture"]))}
    return table.sort_values(
        by, key=lambda column: column.map(order) if column.name == "architecture" else column
    ).reset_index(drop=True)
