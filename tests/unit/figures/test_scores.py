"""Macro F1 of whole runs and the controls: tables by hand, what the figures write and mark."""

from __future__ import annotations

import re

import figure_example as example
import numpy as np
import pandas as pd
import pytest
from drawn_example import comparison, id_and_ood
from figure_checks import assert_legible, lines, shown, texts, whiskers
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from hce.figures.scores import (
    control_gains,
    draw_comparison,
    gains,
    id_scores,
    scores_of_runs,
    with_id_level,
)
from hce.figures.style import ARCHITECTURE_COLORS, Panel


def test_scores_take_the_asked_rows_and_list_what_did_not_run() -> None:
    runs = example.macro_f1_runs(["linear", "mlp"], 3)
    table = scores_of_runs(runs, "ce", "test", "ood_labels")
    linear = table[table["architecture"] == "linear"]
    assert linear["macro_f1"].tolist() == pytest.approx([0.80, 0.81, 0.82])
    assert linear["mean"].tolist() == pytest.approx([0.81] * 3)
    assert linear["sd"].tolist() == pytest.approx([0.01] * 3)
    missing = table[table["architecture"] == "tabnet"]
    assert missing["n_seeds"].tolist() == [0]
    assert missing["macro_f1"].isna().all()


def test_one_run_has_no_standard_deviation() -> None:
    table = scores_of_runs(example.macro_f1_runs(["mlp"], 1), "ce", "ood", "all")
    assert table.loc[table["architecture"] == "mlp", "sd"].isna().all()


def test_ood_scores_carry_the_id_level_of_their_architecture() -> None:
    runs = example.macro_f1_runs(["linear"], 2)
    test = id_scores(runs)
    table = with_id_level(scores_of_runs(runs, "ce", "ood", "all"), test)
    assert table.loc[0, "id_mean"] == pytest.approx(0.805)
    assert table.loc[0, "mean"] == pytest.approx(0.505)


def test_gains_join_runs_and_tests() -> None:
    table = gains(example.macro_f1_runs(["linear"], 2), example.macro_f1(["linear"], 2, 0.03))
    linear = table[table["architecture"] == "linear"]
    assert linear[["loss", "seed"]].to_numpy().tolist() == [
        ["ce", 0],
        ["ce", 1],
        ["hce", 0],
        ["hce", 1],
    ]
    assert linear["macro_f1"].tolist() == pytest.approx([0.50, 0.51, 0.60, 0.61])
    assert set(linear["p_holm"]) == {0.03}
    # the control with the permuted hierarchy is no part of this figure
    assert set(table["loss"]) == {"ce", "hce"}


def test_control_gains_are_paired_by_seed() -> None:
    main = example.macro_f1_runs(["linear"], 2)
    finest = main[main["loss"].isin(["ce", "hce"])].copy()
    finest.loc[finest["loss"] == "hce", "macro_f1"] -= 0.06
    table = control_gains(main, finest).sort_values("seed")
    table = table.set_index(["architecture", "condition"])["gain"].sort_index()
    assert table["linear", "main"].tolist() == pytest.approx([0.1, 0.1])
    assert table["linear", "finest"].tolist() == pytest.approx([0.04, 0.04])
    assert table["linear", "permuted"].tolist() == pytest.approx([-0.1, -0.1])
    assert table["linear", "random"].tolist() == pytest.approx([-0.05, -0.05])
    assert table["tabnet", "main"].isna().all()
    # data that are not simulated have no finest annotation
    assert set(control_gains(main, None)["condition"]) == {"main", "permuted", "random"}


def test_controls_of_two_data_sources_are_refused() -> None:
    main = example.macro_f1_runs(["linear"], 1)
    finest = main.assign(data_source="another")
    with pytest.raises(ValueError, match="another"):
        control_gains(main, pd.DataFrame(finest))


def test_id_scores_are_over_the_ood_labels_and_over_all() -> None:
    table = id_scores(example.macro_f1_runs(["linear", "mlp"], 2))
    linear = table[table["architecture"] == "linear"].set_index(["labels", "seed"])["macro_f1"]
    assert linear["ood_labels"].tolist() == pytest.approx([0.80, 0.81])
    assert linear["all"].tolist() == pytest.approx([0.70, 0.71])
    missing = table[table["architecture"] == "tabnet"]
    assert sorted(missing["labels"]) == ["all", "ood_labels"]
    assert missing["n_seeds"].tolist() == [0, 0]


def test_fig1d_writes_means_and_runs_of_both_sets_of_labels() -> None:
    fig, _ = id_and_ood(["linear", "mlp", "tabnet"], 3)
    assert texts(fig).count("81.0") == texts(fig).count("71.0") == 3
    assert lines(fig).count("n = 3") == 3
    assert whiskers(fig) == 6
    assert {"7 types of the OOD set", "all 7 types"} <= set(texts(fig))
    # each architecture keeps its color, whichever of them ran
    for architectures in (["mlp"], ["linear", "mlp", "tabnet"]):
        fig, _ = id_and_ood(architectures, 3)
        edges = {to_hex(bar.get_edgecolor()) for c in fig.axes[0].containers for bar in c}
        assert edges == {ARCHITECTURE_COLORS[name].lower() for name in architectures}


def test_fig1e_writes_the_drop_from_the_id_level() -> None:
    _, fig = id_and_ood(["linear", "mlp", "tabnet"], 2)
    assert texts(fig).count("−30.0 points") == 3


@pytest.mark.parametrize(("p_holm", "weight"), [(0.049, "bold"), (0.05, "normal")])
def test_fig2b_marks_only_adjusted_p_below_five_percent(p_holm: float, weight: str) -> None:
    fig = comparison(["linear"], 2, p_holm)
    gain = next(artist for artist in shown(fig) if artist.get_text() == "+10.0 points")
    assert gain.get_fontweight() == weight
    assert f"P = {p_holm:.2g}" in texts(fig)


@pytest.mark.parametrize("panel", [None, Panel("b", 60, 50)])
@pytest.mark.parametrize("scale", [0.1, 0.25])
def test_fig2b_writes_the_value_of_a_short_bar_over_its_dots(
    scale: float, panel: Panel | None
) -> None:
    runs = example.macro_f1_runs(["linear", "mlp"], 3)
    runs["macro_f1"] *= scale
    fig = draw_comparison(gains(runs, example.macro_f1(["linear", "mlp"], 3, 0.03)), panel)
    assert_legible("fig2b", fig)
    renderer = FigureCanvasAgg(fig).get_renderer()
    numbers = [text for text in shown(fig) if re.fullmatch(r"\d+\.\d", text.get_text())]
    assert len(numbers) == 4
    (ax,) = fig.axes
    dots = np.concatenate([dot.get_offsets() for dot in ax.collections if len(dot.get_offsets())])
    assert len(dots) == 12
    for number in numbers:
        box = number.get_window_extent(renderer)
        assert not any(box.contains(*place) for place in ax.transData.transform(dots))
