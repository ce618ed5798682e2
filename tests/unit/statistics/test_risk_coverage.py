"""What is right, what nobody can tell, and how specific the calls are, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hce.evaluation.hierarchy_metrics import Hierarchy
from hce.statistics.risk_coverage import risk_coverage

# class 0 is above 1 and 2
REACHABILITY = np.array([[1, 1, 1], [0, 1, 0], [0, 0, 1]], dtype=bool)
HIERARCHY = Hierarchy(REACHABILITY, np.array([50, 25, 25]), np.array([4, 6, 5]))
RUN = {"architecture": "mlp", "loss": "ce", "seed": 0, "split": "ood"}


def test_right_is_the_label_or_coarser_and_finer_is_told_apart() -> None:
    pairs = {  # label, call: cells
        (1, 1): 4,  # the label
        (1, 0): 3,  # above it: true, and less is said
        (0, 2): 2,  # below it: nobody knows
        (2, 1): 1,  # wrong
    }
    calls = pd.DataFrame([*pairs], columns=["class", "call"])
    calls = calls.assign(cells=[*pairs.values()], score_sum=[3.6, 2.9, 1.2, 0.3], threshold=0.5)
    # a higher threshold: all called 0, which is never wrong
    general = calls.assign(call=0, score_sum=calls["cells"], threshold=0.9)
    table = risk_coverage(pd.concat([calls, general]).assign(**RUN), HIERARCHY)
    first, second = table.to_dict("records")
    assert first == RUN | {
        "threshold": 0.5,
        "cells": 10,
        "said": pytest.approx(0.8),
        "right": pytest.approx(0.7),
        "finer": pytest.approx(0.2),
        "depth": pytest.approx((5 * 6 + 3 * 4 + 2 * 5) / 10),
        # 1 and 2 hold a quarter of the training cells, two bits
        "information": pytest.approx(1.4),
    }
    expected = {"threshold": 0.9, "said": 1, "right": 1, "finer": 0, "depth": 4, "information": 0}
    assert {key: second[key] for key in expected} == expected
