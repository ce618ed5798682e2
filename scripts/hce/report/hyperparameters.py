"""Supplementary Tables 1-3: what each training recorded of its hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from hce.names import LOSSES

# these name the model, or the file that it comes from, or are results of its training
IDENTITY = ("architecture", "loss", "seed", "imported")
OUTCOMES = ("best_epoch", "best_validation_macro_f1")
COLUMNS = ["section", "hyperparameter", *LOSSES, "n_models"]


def hyperparameter_table(models: Sequence[Mapping[str, Any]], architecture: str) -> pd.DataFrame:
    """Hyperparameters of one architecture, CE beside HCE: they should not differ.

    Parameters
    ----------
    models
        The content of hyperparameters.json of every model.
    architecture
        Whose to take.

    Returns
    -------
    pandas.DataFrame
        section (`model`, `training`, or `data` for what follows from data and network),
        hyperparameter, ce, hce (the value as text; several, if the seeds differ, joined by `, `;
        empty if no such model was trained), n_models. Without a model one row says `not trained`.
    """
    chosen = [m for m in models if m["architecture"] == architecture and m["loss"] in LOSSES]
    if not chosen:
        row = {"section": "model", "hyperparameter": "not trained", "n_models": 0}
        return pd.DataFrame([row], columns=COLUMNS)
    values: dict[tuple[str, str], dict[str, list[str]]] = {}
    for model in chosen:
        for section, name, value in _entries(model):
            found = values.setdefault((section, name), {loss: [] for loss in LOSSES})
            found[model["loss"]].append(_text(value))
    rows = [
        {"section": section, "hyperparameter": name, "n_models": len(chosen)}
        | {loss: ", ".join(dict.fromkeys(found)) for loss, found in by_loss.items()}
        for (section, name), by_loss in values.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _entries(model: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    entries = []
    for key, value in model.items():
        if key in (*IDENTITY, *OUTCOMES):
            continue
        if isinstance(value, Mapping):
            entries += [(key, name, entry) for name, entry in value.items()]
        else:
            entries.append(("data", key, value))
    return entries


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
