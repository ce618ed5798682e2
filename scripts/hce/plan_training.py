"""GPU hours of the trainings of a run: from measured steps, or a floor from operations and bytes.

The floor counts what a dense training step cannot avoid at the paper's sizes, at the rates in the
data sheet of an NVIDIA H200 (dense TF32, which matmul precision "high" allows, and its memory).
Real steps take longer; nothing here has been measured on a GPU.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FLOP_RATE = 494e12  # operations a second
BANDWIDTH = 4.8e12  # bytes a second
FLOOR = (
    f"a floor, not measured: dense operations at {FLOP_RATE / 1e12:.0f} TFLOP/s and bytes at "
    f"{BANDWIDTH / 1e12:.1f} TB/s (data sheet of an H200); loading, launches and early stopping "
    "left out. `make bench` on a GPU replaces it"
)
# the paper's sizes
GENES, CLASSES, HIDDEN, LAYERS, BATCH = 19_331, 164, 128, 8, 2048
TABNET_WIDTH, TABNET_ATTENTION = 2 * (128 + 64), 64
# A product forward and its weight gradient; the third is the gradient of its input.
FIRST, INNER = 2 * 2, 2 * 3

FLOP_PER_CELL = {
    "linear": FIRST * GENES * CLASSES,
    "mlp": FIRST * GENES * HIDDEN + INNER * ((LAYERS - 1) * HIDDEN * HIDDEN + HIDDEN * CLASSES),
    # two passes of the first shared layer, and the attention over all genes
    "tabnet": INNER * GENES * (2 * TABNET_WIDTH + TABNET_ATTENTION),
}
# Times that all genes of a cell are read or written in float32: written dense, read forward and
# backward; augmented (read, write, vector); TabNet's masks, norms and their gradients.
PASSES = {"linear": 3, "mlp": 6, "tabnet": 30}
# of a validation cell: forward alone
VALIDATION_SHARE = 1 / 3


@dataclass(frozen=True)
class Trainings:
    """The part of the configuration that the time of the trainings depends on."""

    models: dict[str, int]
    max_epochs: int


def gpu_hours(
    trainings: Trainings, n_train: int, n_validation: int, bench: Path | None
) -> tuple[dict[str, float], str]:
    """Estimate the GPU hours of all trainings of each architecture.

    Parameters
    ----------
    trainings
        Trainings of each architecture and epochs at most.
    n_train, n_validation
        Cells of an epoch.
    bench
        bench.json of `make bench`; used if it was measured on a GPU.

    Returns
    -------
    tuple
        GPU hours by architecture, and a sentence that says what they rest on.
    """
    measured = _measured(bench)
    seconds, basis = _floor(), FLOOR
    if measured is not None:
        seconds, device = measured
        basis = f"steps measured on {device} by `make bench`; loading and early stopping left out"
    cells = n_train + VALIDATION_SHARE * n_validation
    hours = {
        name: n * trainings.max_epochs * cells * seconds[name] / 3600
        for name, n in trainings.models.items()
        if name in seconds  # nothing is known of a user's own architecture
    }
    return hours, basis


def report(trainings: Trainings, n_train: int, n_validation: int, bench: Path | None) -> str:
    """One line about all trainings, for the plan."""
    hours, basis = gpu_hours(trainings, n_train, n_validation, bench)
    parts = ", ".join(f"{name} {value:,.1f}" for name, value in hours.items())
    return (
        f"Trainings: {sum(trainings.models.values())} of up to {trainings.max_epochs} epochs take "
        f"{sum(hours.values()):,.1f} GPU hours ({parts}): {basis}."
    )


def _floor() -> dict[str, float]:
    return {
        name: max(flop / FLOP_RATE, PASSES[name] * 4 * GENES / BANDWIDTH)
        for name, flop in FLOP_PER_CELL.items()
    }


def _measured(bench: Path | None) -> tuple[dict[str, float], str] | None:
    if bench is None or not bench.is_file():
        return None
    content = json.loads(bench.read_text())
    if content["device"] == "cpu":
        return None
    step = content["step_seconds"]
    names = {"linear": "linear", "mlp": "mlp", "tabnet": "tabnet, ours"}
    return {name: step[key] / BATCH for name, key in names.items()}, content["device"]
