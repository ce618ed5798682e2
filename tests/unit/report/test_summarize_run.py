"""The headline of a run: the right numbers in the right columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from summarize_run import headline


def macro_f1_row(
    architecture: str, split: str, labels: str, ce: float, hce: float, p_holm: float
) -> dict[str, object]:
    """One row of macro_f1.tsv."""
    return {
        "architecture": architecture,
        "split": split,
        "labels": labels,
        "n_labels": 80 if (split, labels) != ("test", "all") else 164,
        "n_seeds": 4,
        "ce_mean": ce,
        "hce_mean": hce,
        "gain_mean": hce - ce,
        "gain_sd": 0.0125,
        "p_holm": p_holm,
        "data_source": "simulated Census",
    }


def decision_row(
    architecture: str, metric: str, rule: str, ce: float, hce: float
) -> dict[str, object]:
    """One row of decisions.tsv."""
    keys = {"architecture": architecture, "split": "ood", "metric": metric, "rule": rule}
    return keys | {"ce_mean": ce, "hce_mean": hce, "delta_mean": hce - ce}


DECISIONS = pd.DataFrame(
    [
        decision_row("mlp", "corrected_f1", "descend", 0.605, 0.643),
        decision_row("mlp", "exact_f1", "argmax", 0.45, 0.31),
        decision_row("mlp", "exact_f1", "descend", 0.3, 0.31),
        decision_row("linear", "corrected_f1", "descend", 0.56, 0.54),
        decision_row("linear", "exact_f1", "argmax", 0.5, np.nan),
        decision_row("linear", "exact_f1", "descend", 0.25, np.nan),
    ]
)


@pytest.fixture
def table() -> pd.DataFrame:
    """Two architectures."""
    return pd.DataFrame(
        [
            macro_f1_row("mlp", "test", "all", 0.111, 0.222, 0.5),
            macro_f1_row("mlp", "test", "ood_labels", 0.812, 0.822, 0.5),
            macro_f1_row("mlp", "ood", "all", 0.512, 0.643, 0.0031),
            macro_f1_row("linear", "test", "all", 0.333, 0.444, 0.5),
            macro_f1_row("linear", "test", "ood_labels", 0.701, 0.702, 0.5),
            macro_f1_row("linear", "ood", "all", 0.55, 0.54, np.nan),
        ]
    )


def test_each_architecture_shows_id_over_the_ood_labels_and_ood(table: pd.DataFrame) -> None:
    lines = headline(table, DECISIONS, "results/figures").splitlines()
    assert lines[0] == "Macro F1 over 80 cell types, 4 seeds. Data: simulated Census."
    assert " ".join(lines[2].split()) == "CE ID CE OOD HCE OOD OOD gain p (Holm)"
    rows = [" ".join(line.split()) for line in lines[3:5]]
    assert rows[0] == "MLP 0.812 0.512 0.643 +0.131 ± 0.013 0.0031"
    assert rows[1] == "Linear 0.701 0.550 0.540 -0.010 ± 0.013 no test"
    assert lines[6:8] == [
        "CE without new training, called from the root down (MLP, Linear): 0.605, 0.560; "
        "what HCE gains over that: +0.038, -0.020.",
        "Where the exact label counts, CE: 0.450, 0.500; so called: 0.300, 0.250; HCE: 0.310, –.",
    ]
    assert lines[-1] == "Figures: results/figures"
    assert headline(table, DECISIONS, "results/figures").endswith("\n")


def test_columns_are_aligned(table: pd.DataFrame) -> None:
    header, first, second = headline(table, DECISIONS, "results/figures").splitlines()[2:5]
    assert len(header) == len(first) == len(second)
