"""Calibration against numbers worked out by hand."""

from __future__ import annotations

import figure_example as example
import numpy as np
import pandas as pd
import pytest

from hce.evaluation.calibration import calibration_of, expected_calibration_error, reliability

LEUKOCYTE, T_CELL, ALPHA_BETA, CD4, CD8, GAMMA_DELTA, B_CELL, NEURON = range(8)


def test_reliability_is_binned_by_confidence() -> None:
    table = reliability(np.array([0.05, 0.95, 0.9, 1.0]), np.array([True, True, False, True]), 10)
    assert table["bin"].tolist() == [0, 9]
    assert table["cells"].tolist() == [1, 3]
    assert table["confidence"].tolist() == pytest.approx([0.05, 0.95])
    assert table["accuracy"].tolist() == pytest.approx([1, 2 / 3])
    error = (1 * 0.95 + 3 * (0.95 - 2 / 3)) / 4
    assert expected_calibration_error(table) == pytest.approx(error)


def test_the_three_statements_have_their_own_right_answers() -> None:
    # label T cell called CD4 (finer), label CD4 called T cell (coarser), a neuron called right
    predictions = pd.DataFrame(
        {
            "class": [T_CELL, CD4, NEURON],
            "predicted_class": [CD4, T_CELL, NEURON],
            "probability": [0.5, 0.5, 0.5],
            "score": [0.9, 0.9, 0.9],
        }
    )
    table = calibration_of(predictions, example.reachability()).set_index("measure")
    assert table["accuracy"].to_dict() == pytest.approx(
        {"p_label": 1 / 3, "p_right": 2 / 3, "s": 2 / 3}
    )
    assert table["confidence"].to_dict() == pytest.approx(
        {"p_label": 0.5, "p_right": 0.5, "s": 0.9}
    )
    assert table.at["s", "ece"] == pytest.approx(0.9 - 2 / 3)
