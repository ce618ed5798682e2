"""The figure of the calibration writes the errors."""

from __future__ import annotations

from drawn_example import calibration
from figure_checks import texts


def test_calibration_writes_the_errors_of_each_loss_and_split() -> None:
    boxes = [text for text in texts(calibration(["mlp"], 3)) if text.startswith("ECE")]
    assert len(boxes) == 3
    lines = ["CE OOD: 11.0 ± 1.0", "CE ID: 11.0 ± 1.0", "HCE OOD: 11.0 ± 1.0", "HCE ID: 11.0 ± 1.0"]
    assert all(box.split("\n")[1:] == lines for box in boxes)
    alone = texts(calibration(["mlp"], 1))
    assert any("CE OOD: 10.0 (n = 1)" in text for text in alone)
    assert "TabNet: not run" in alone
