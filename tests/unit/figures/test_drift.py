"""The figure of the drift says what changed and what it does to the gain."""

from __future__ import annotations

from drawn_example import drift
from figure_checks import texts


def test_the_drift_says_gain_and_changes() -> None:
    written = texts(drift(["mlp"], 2))
    assert {"+10.0", "+8.0", "2025-02-13 (this run)"} <= set(written)
    assert any(text.startswith("2026-03-26: + T cell") for text in written)
