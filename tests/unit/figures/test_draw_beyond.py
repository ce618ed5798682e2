"""The figures beyond the paper: legible, and honest about what did not run."""

from __future__ import annotations

import itertools

import figure_example as example
import pandas as pd
import pytest
from figure_checks import assert_legible, texts, whiskers
from matplotlib.figure import Figure

import draw_calibration
import draw_confusion
import draw_ontology_drift
import draw_training_curves
from hce.evaluation.calibration import MEASURES
from hce.evaluation.confusion import RELATIONS

ALL = ["linear", "mlp", "tabnet"]


def curves(architectures: list[str], n_seeds: int) -> Figure:
    """Return the training curves of five epochs, the fourth the best."""
    keys = itertools.product(architectures, ("ce", "hce"), range(n_seeds), range(1, 6))
    rows = [
        (a, loss, seed, epoch, 3 / epoch, 2 / epoch + 0.1 * seed, 0.5 + 0.1 * epoch, epoch == 4)
        for a, loss, seed, epoch in keys
    ]
    columns = ["architecture", "loss", "seed", "epoch", "train_loss", "validation_loss"]
    columns += ["validation_macro_f1", "best"]
    table = pd.DataFrame(rows, columns=columns).assign(data_source=example.SOURCE)
    return draw_training_curves.draw(table)


def mistakes(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the mistakes: CE calls 10 cells coarser, HCE gets 4 + seed of them."""
    relations, corrected = [], []
    for architecture, seed in itertools.product(architectures, range(n_seeds)):
        for loss, relation in itertools.product(("ce", "hce"), RELATIONS):
            cells = 10 if loss == "ce" or relation != "coarser" else 0
            relations.append((architecture, loss, seed, relation, cells))
        for relation in RELATIONS:
            corrected.append((architecture, seed, relation, 10, 4 + seed))
    names = ["architecture", "loss", "seed", "relation", "cells"]
    others = ["architecture", "seed", "relation", "cells", "right_with_hce"]
    return draw_confusion.draw(
        pd.DataFrame(relations, columns=names), pd.DataFrame(corrected, columns=others)
    )


def drift(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the drift: HCE gains 10 points, with the newer release 8."""
    releases = ["2025-02-13", "2026-03-26"]
    counts = {"relations": 384, "internal": 47, "leaves": 117, "isolated": 40}
    sizes = pd.DataFrame({"release": releases, "is_reference": [True, False], "added": [0, 2]})
    sizes = sizes.assign(removed=[0, 9], changes=[None, "+ T cell › CD4 T cell; " * 9], **counts)
    keys = itertools.product(architectures, ("ce", "hce"), range(n_seeds), releases)
    rows = [
        (a, loss, seed, release, 0.5 + 0.01 * seed + gain)
        for a, loss, seed, release in keys
        for gain in [0.0 if loss == "ce" else 0.1 if release == releases[0] else 0.08]
    ]
    names = ["architecture", "loss", "seed", "release", "macro_f1"]
    return draw_ontology_drift.draw(sizes, pd.DataFrame(rows, columns=names))


@pytest.mark.parametrize("make", [curves, mistakes, drift])
@pytest.mark.parametrize(("architectures", "n_seeds"), [(ALL, 4), (["mlp"], 1)])
def test_no_text_overlaps_leaves_the_page_or_is_below_six_points(
    make: object, architectures: list[str], n_seeds: int
) -> None:
    assert_legible(make.__name__, make(architectures, n_seeds))


def test_missing_architecture_is_named_not_dropped() -> None:
    assert "TabNet: not trained" in texts(curves(["linear", "mlp"], 2))
    assert "TabNet: not run" in texts(drift(["linear", "mlp"], 2))
    written = texts(mistakes(["linear", "mlp"], 2))
    assert "TabNet HCE" in written and written.count("not run") == 2


def test_mistakes_that_hce_does_not_make_are_in_percent() -> None:
    fig = mistakes(["mlp"], 3)
    # 4, 5 and 6 of 10 cells, for each of four kinds of mistakes
    assert texts(fig).count("50") == 4
    assert whiskers(fig) == 4
    assert "n = 3" in texts(fig)
    assert whiskers(mistakes(["mlp"], 1)) == 0


def test_the_drift_says_gain_and_changes() -> None:
    written = texts(drift(["mlp"], 2))
    assert {"+10.0", "+8.0", "2025-02-13 (this run)"} <= set(written)
    assert any(text.startswith("2026-03-26: + T cell") for text in written)


def test_curves_mark_the_best_epoch_of_each_run() -> None:
    fig = curves(["mlp"], 2)
    dots = [line for line in fig.axes[2].lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in dots] == [4] * 4
    assert "MLP, n = 2 a loss" in texts(fig)


def calibration(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the calibration: two bins of each model, ECE 0.10 + 0.01 x seed."""
    keys = itertools.product(architectures, ("ce", "hce"), range(n_seeds), ("test", "ood"))
    rows = [
        (a, loss, seed, split, measure, place, 50, 0.5 + 0.4 * place, 0.3, 0.1 + 0.01 * seed)
        for a, loss, seed, split in keys
        for measure in MEASURES
        for place in (0, 1)
    ]
    columns = ["architecture", "loss", "seed", "split", "measure", "bin", "cells"]
    table = pd.DataFrame(rows, columns=[*columns, "confidence", "accuracy", "ece"])
    return draw_calibration.draw(table)


@pytest.mark.parametrize(("architectures", "n_seeds"), [(ALL, 4), (["mlp"], 1)])
def test_calibration_is_legible(architectures: list[str], n_seeds: int) -> None:
    assert_legible("calibration", calibration(architectures, n_seeds))


def test_calibration_writes_the_errors_of_each_loss_and_split() -> None:
    boxes = [text for text in texts(calibration(["mlp"], 3)) if text.startswith("ECE")]
    assert len(boxes) == 3
    lines = ["CE OOD: 11.0 ± 1.0", "CE ID: 11.0 ± 1.0", "HCE OOD: 11.0 ± 1.0", "HCE ID: 11.0 ± 1.0"]
    assert all(box.split("\n")[1:] == lines for box in boxes)
    alone = texts(calibration(["mlp"], 1))
    assert any("CE OOD: 10.0 (n = 1)" in text for text in alone)
    assert "TabNet: not run" in alone
