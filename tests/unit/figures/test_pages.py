"""The figures of the paper on one page: the panels as they are alone, with letters, legible."""

from __future__ import annotations

from pathlib import Path

import figure_example as example
import numpy as np
import pytest
from drawn_example import main_figures, pages
from figure_checks import assert_legible, shown, texts
from matplotlib.figure import Figure

from hce.figures.scores import draw_comparison, gains
from hce.figures.style import Panel, save_figure, size_mm, stamp

ALL = ["linear", "mlp", "tabnet"]


@pytest.fixture(scope="module")
def made() -> dict[str, Figure]:
    """Both pages, of four seeds."""
    return pages(ALL, 4)


@pytest.mark.parametrize(("architectures", "n_seeds"), [(ALL, 4), (ALL, 1), (["mlp"], 2)])
def test_pages_are_legible(architectures: list[str], n_seeds: int) -> None:
    for name, fig in pages(architectures, n_seeds).items():
        assert_legible(name, fig)


@pytest.mark.parametrize(("name", "letters"), [("fig1", "abcde"), ("fig2", "abcd")])
def test_panels_have_bold_letters_in_reading_order(
    made: dict[str, Figure], name: str, letters: str
) -> None:
    fig = made[name]
    fig.draw_without_rendering()
    found = [text for text in shown(fig) if text.get_text() in tuple("abcdefgh")]
    assert all(text.get_fontweight() == "bold" for text in found)
    boxes = {text.get_text(): text.get_window_extent() for text in found}
    order = sorted(boxes, key=lambda letter: (-round(boxes[letter].y1), boxes[letter].x0))
    assert "".join(order) == letters


def test_pages_fit_on_a_page_of_the_journal(made: dict[str, Figure]) -> None:
    for fig in made.values():
        width, height = size_mm(fig)
        assert width == pytest.approx(180)
        assert height <= 247


def test_a_page_says_what_its_panels_say(made: dict[str, Figure]) -> None:
    panels, (fig1, fig2) = main_figures(), made.values()
    for fig, names in ((fig1, ("fig1a", "fig1b", "fig1c", "fig1d")), (fig2, ("fig2a", "fig2c"))):
        written = " ".join(" ".join(texts(fig)).split())
        for name in names:
            alone = [" ".join(text.split()) for text in texts(panels[name])]
            assert [text for text in alone if text not in written] == [], name
    # what has no room for its unit has the number
    assert texts(fig2).count("+10.0") == 3
    assert texts(fig1).count("\u221230.0") == 3


def test_axes_of_a_panel_stand_as_in_a_figure_of_its_size(made: dict[str, Figure]) -> None:
    table = gains(example.macro_f1_runs(ALL, 4), example.macro_f1(ALL, 4, 0.001))
    row = made["fig2"].subfigs[0]
    panel = row.subfigs[1]
    width, height = size_mm(panel)
    alone = draw_comparison(table, Panel("b", width, height))
    alone.draw_without_rendering()
    expected = alone.axes[0].get_position().bounds
    assert panel.axes[0].get_position().bounds == pytest.approx(expected, abs=1e-6)
    # a sixth of the page is not one: the frame leaves the axes less than all of it
    assert 0.3 < np.prod(expected[2:]) < 0.8


def test_a_page_is_stamped_once_and_saved_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        fig = pages(ALL, 2)["fig1"]
        stamp(fig, "simulated Census")
        assert texts(fig).count("Data: simulated Census") == 1
        save_figure(fig, tmp_path / f"{name}.pdf", tmp_path / f"{name}.png")
    for suffix in (".pdf", ".png"):
        first, second = (tmp_path / f"{name}{suffix}" for name in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()
