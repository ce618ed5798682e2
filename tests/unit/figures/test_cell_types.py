"""F1 difference of each cell type: sorted, a dot a run, a star where significant."""

from __future__ import annotations

import figure_example as example
import pytest
from drawn_example import cell_types
from figure_checks import texts

from hce.figures.cell_types import cell_type_gains


def test_cell_type_gains_are_sorted_and_marked_below_five_percent_only() -> None:
    table = cell_type_gains(example.per_cell_type(2), example.per_cell_type_runs(2), "mlp", "ood")
    first = table[table["rank"] == 0]
    assert first["label"].unique().tolist() == ["neuron"]
    assert first["delta"].tolist() == pytest.approx([0.5, 0.51])
    assert table["delta_mean"].is_monotonic_decreasing
    # p_holm of the others is exactly 0.05
    assert table.loc[table["significant"], "label"].unique().tolist() == ["neuron"]
    assert len(table) == 2 * 7


def test_cell_type_gains_without_runs_are_one_empty_row() -> None:
    table = cell_type_gains(
        example.per_cell_type(2), example.per_cell_type_runs(2), "tabnet", "ood"
    )
    assert len(table) == 1
    assert table["delta"].isna().all()
    assert table.iloc[0]["data_source"] == "simulated Census"


def test_fig2c_has_a_star_for_each_significant_type_and_a_dot_a_run() -> None:
    fig = cell_types("mlp", 4)
    assert texts(fig).count("*") == 1
    dots = [line for line in fig.axes[0].lines if line.get_marker() == "o"]
    assert sum(len(line.get_xdata()) for line in dots) == 4 * 7
    assert {"γδ T cell", "neuron"} <= set(texts(fig))
