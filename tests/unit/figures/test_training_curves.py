"""The training curves mark what was kept."""

from __future__ import annotations

from drawn_example import curves
from figure_checks import texts


def test_curves_mark_the_best_epoch_of_each_run() -> None:
    fig = curves(["mlp"], 2)
    dots = [line for line in fig.axes[1].lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in dots] == [4] * 4
    assert "MLP, n = 2 a loss" in texts(fig)
