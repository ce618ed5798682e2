"""The tables of hyperparameters."""

from __future__ import annotations

import pandas as pd

from hce.report.hyperparameters import hyperparameter_table


def test_hyperparameters_stand_side_by_side() -> None:
    models = [
        {"architecture": "mlp", "loss": loss, "seed": seed, "model": {"n_hidden": 128}}
        | {"training": {"learning_rate": rate}, "best_epoch": seed, "n_genes": 600}
        for loss, seed, rate in (("ce", 0, 0.002), ("ce", 1, 0.002), ("hce", 0, 0.001))
    ]
    table = hyperparameter_table(models, "mlp").set_index("hyperparameter")
    assert table.index.tolist() == ["n_hidden", "learning_rate", "n_genes"]
    assert table.loc["learning_rate", ["section", "ce", "hce"]].tolist() == [
        "training",
        "0.002",
        "0.001",
    ]
    assert set(table["n_models"]) == {3}
    absent: pd.DataFrame = hyperparameter_table(models, "linear")
    assert absent["hyperparameter"].tolist() == ["not trained"]
