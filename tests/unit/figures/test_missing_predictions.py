"""A run on published predictions has no ID predictions and no training: its panels say so."""

from __future__ import annotations

from collections.abc import Callable

import calls_example as asked
import figure_example as example
import numpy as np
import pandas as pd
import pytest
from figure_checks import texts
from matplotlib.figure import Figure

from hce.figures.scores import draw_id_scores, id_scores
from hce.figures.training_curves import draw_training_curves

NO_ID = "needs ID predictions,\nwhich this run does not have"


@pytest.mark.parametrize("draw", [asked.decisions, asked.specificity, asked.frontier, asked.risks])
def test_each_panel_of_the_id_test_says_what_it_needs(
    draw: Callable[[list[str], int], Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    every = asked.calls
    assert NO_ID not in texts(draw(["mlp"], 2))

    def ood_calls(*arguments: object) -> pd.DataFrame:
        table = every(*arguments)
        return table[table["split"] == "ood"].reset_index(drop=True)

    monkeypatch.setattr(asked, "calls", ood_calls)
    written = texts(draw(["mlp"], 2))
    assert written.count(NO_ID) == (2 if draw is asked.risks else 1)
    assert "MLP: not run" not in written


def test_metrics_say_it_in_their_note(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "held-out donors: no predictions in this run"
    every = asked.calls
    assert not any(said in text for text in texts(asked.metrics(["mlp"], 2)))
    monkeypatch.setattr(asked, "calls", lambda *a: every(*a).query("split == 'ood'"))
    assert any(said in text for text in texts(asked.metrics(["mlp"], 2)))


def test_fig1d_without_id_scores_says_so() -> None:
    runs = example.macro_f1_runs(["mlp"], 2)
    fig = draw_id_scores(id_scores(runs[runs["split"] == "ood"]))
    assert any("needs ID scores, which this run does not have" in text for text in texts(fig))


def test_curves_without_a_training_say_so() -> None:
    columns = ["epoch", "train_loss", "validation_loss", "validation_macro_f1"]
    row = dict.fromkeys(columns, np.nan) | dict.fromkeys(["architecture", "loss"])
    written = texts(draw_training_curves(pd.DataFrame([row | {"seed": np.nan, "best": None}])))
    assert written.count("needs training curves,\nwhich this run does not have") == 6
    assert "TabNet: not trained" in written


def test_curves_of_published_models_show_the_best_epoch_and_miss_the_losses() -> None:
    row = {"architecture": "mlp", "loss": "hce", "seed": 0, "epoch": 2, "best": True}
    row |= {"train_loss": np.nan, "validation_loss": np.nan, "validation_macro_f1": 0.8}
    fig = draw_training_curves(pd.DataFrame([row, row | {"loss": "ce", "seed": 0}]))
    written = texts(fig)
    assert written.count("needs the losses of each epoch,\nwhich this run does not have") == 1
    # whole epochs only
    assert fig.axes[1].get_xlim() == (0, 3)
