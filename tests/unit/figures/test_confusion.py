"""The figure of the mistakes writes shares and their spread."""

from __future__ import annotations

from drawn_example import mistakes
from figure_checks import texts, whiskers


def test_mistakes_that_hce_does_not_make_are_in_percent() -> None:
    fig = mistakes(["mlp"], 3)
    # 4, 5 and 6 of 10 cells, for each of four kinds of mistakes
    assert texts(fig).count("50") == 4
    assert whiskers(fig) == 4
    assert any(text.endswith("n = 3") for text in texts(fig))
    assert whiskers(mistakes(["mlp"], 1)) == 0
