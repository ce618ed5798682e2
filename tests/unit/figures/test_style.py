"""Saving, stamping and writing: the same bytes, real text, no invented numbers."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figure_checks import assert_legible
from matplotlib.figure import Figure

from hce.figures.style import (
    ARCHITECTURE_COLORS,
    ILLUSTRATION,
    LOSS_COLORS,
    SMALL_PT,
    add_axes_mm,
    format_compact,
    format_p,
    format_seeds,
    format_signed,
    new_figure,
    save_figure,
    short_cell_type,
    shorten,
    single_data_source,
    stamp,
    text_width_mm,
    use_typeface,
    wrap_label,
)
from hce.tables import read_table


def pdf_text(path: Path) -> str:
    """Return the characters that a PDF's TrueType text shows, in the order of the file."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", path.read_bytes(), re.DOTALL)
    shown = b""
    for stream in streams:
        try:
            content = zlib.decompress(stream)
        except zlib.error:
            continue
        if b"BT" in content:
            shown += b"".join(re.findall(rb"\(\x00([^\x00])\)", content))
    return shown.decode("latin-1")


def example_figure() -> Figure:
    """Return a small figure with a curve and the stamp."""
    fig = new_figure(88, 40, "A curve", note="A line, a curve")
    fig.subplots().plot([0, 1], [0, 1])
    stamp(fig, "simulated Census")
    return fig


def test_files_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_figure(example_figure(), tmp_path / f"{name}.pdf", tmp_path / f"{name}.png")
    for suffix in (".pdf", ".png"):
        first, second = (tmp_path / f"{name}{suffix}" for name in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()
    assert b"CreationDate" not in (tmp_path / "one.pdf").read_bytes()


def test_the_last_bits_of_the_layout_move_no_pixel(tmp_path: Path) -> None:
    """The solver gives other ones from run to run."""
    fig = example_figure()
    save_figure(fig, tmp_path / "a.pdf", tmp_path / "a.png")
    for ax in fig.axes:
        points = ax.get_position(original=True).get_points()
        assert np.array_equal(points, points.round(9))


def test_pdf_holds_the_data_source_as_text(tmp_path: Path) -> None:
    save_figure(example_figure(), tmp_path / "a.pdf", tmp_path / "a.png")
    assert "Data: simulated Census" in pdf_text(tmp_path / "a.pdf")
    # Type 3 fonts are drawings; Type 42 (TrueType) stays text
    assert b"/Type3" not in (tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in (tmp_path / "a.pdf").read_bytes()


def test_png_has_300_dpi_and_the_width_asked_for(tmp_path: Path) -> None:
    save_figure(example_figure(), tmp_path / "a.pdf", tmp_path / "a.png")
    header = (tmp_path / "a.png").read_bytes()[16:24]
    width, height = (int.from_bytes(header[i : i + 4]) for i in (0, 4))
    assert (width, height) == (round(88 / 25.4 * 300), pytest.approx(40 / 25.4 * 300, abs=1))


def test_axes_stand_where_millimeters_say() -> None:
    fig = new_figure(100, 50, "")
    box = add_axes_mm(fig, 10, 5, 80, 40).get_position()
    assert (box.x0, box.y0, box.width, box.height) == pytest.approx((0.1, 0.1, 0.8, 0.8))


def test_colors_stay_apart() -> None:
    colors = [*ARCHITECTURE_COLORS.values(), *LOSS_COLORS.values()]
    assert len(set(colors)) == len(colors)
    assert SMALL_PT >= 6


def test_source_data_must_name_one_data_source(tmp_path: Path) -> None:
    path = tmp_path / "fig.csv"
    pd.DataFrame({"group": ["NA", ""], "data_source": ["a", "b"]}).to_csv(path, index=False)
    table = read_table(path)
    assert table["group"].tolist()[0] == "NA"
    with pytest.raises(ValueError, match=r"fig\.csv.*\['a', 'b'\]"):
        single_data_source([table], [path])
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        read_table(tmp_path / "none.csv")
    assert single_data_source([table.iloc[:1]], [path]) == "a"
    with pytest.raises(ValueError, match="found none"):
        single_data_source([table.drop(columns="data_source")], [path])


def test_a_page_names_the_seeds_of_its_panels_and_an_illustration_no_data() -> None:
    def source(*names: str) -> str:
        tables = [pd.DataFrame({"data_source": [name]}) for name in names]
        return single_data_source(tables, [f"{name}.csv" for name in names])

    assert source("a", "a, seeds 0, 1", "a") == "a, seeds 0, 1"
    assert source(ILLUSTRATION, "a, seed 1") == "a, seed 1"
    assert source(ILLUSTRATION) == ILLUSTRATION
    for two in (("a, seed 1", "a, seed 2"), ("a", "ab"), ("a, seeds 0, 1", "a, seeds 0, 1, 2")):
        with pytest.raises(ValueError, match="expected one value"):
            source(*two)


@pytest.mark.parametrize(
    ("label", "short"),
    [
        ("CD4-positive, alpha-beta T cell", "CD4⁺ αβ T cell"),
        ("CD14-positive, CD16-negative classical monocyte", "CD14⁺ CD16⁻ classical monocyte"),
        ("CD14-low, CD16-positive monocyte", "CD14-low, CD16⁺ monocyte"),
        (
            "CD8-alpha-alpha-positive, alpha-beta intraepithelial T cell",
            "CD8αα⁺ αβ intraepithelial T cell",
        ),
        ("double-positive, alpha-beta thymocyte", "double-positive αβ thymocyte"),
        ("gamma-delta T cell", "γδ T cell"),
        ("neuron", "neuron"),
    ],
)
def test_short_cell_types(label: str, short: str) -> None:
    assert short_cell_type(label) == short


def test_short_cell_types_stay_different() -> None:
    path = Path(__file__).parents[3] / "config/cell_types.tsv"
    labels = pd.read_csv(path, sep="\t")["label"]
    assert labels.map(short_cell_type).nunique() == len(labels) == 164


def test_numbers_are_written_as_they_are_read() -> None:
    assert format_signed(-0.126, 2) == "−0.13"
    assert format_signed(0.126, 2) == "+0.13"
    assert format_signed(-0.001, 2) == "0.00"
    assert format_p(0.00321) == "P = 0.0032"
    assert format_p(0.00001) == "P < 0.0001"
    assert format_p(float("nan")) == "not tested"
    assert [format_compact(n) for n in (812, 15_240, 3_448_832)] == ["812", "15.2 k", "3.45 M"]
    assert format_seeds([4, 4]) == "n = 4"
    assert format_seeds([4, 3]) == "n = 4, 3"


def test_names_are_broken_and_cut_by_their_width_on_the_page() -> None:
    name = "epithelial cell of proximal tubule"
    assert shorten(name, 22) == "epithelial cell of …"
    assert shorten(name, 40) == name
    assert wrap_label(name, 22) == "epithelial cell of\nproximal tubule"
    # a word is never broken
    assert wrap_label("epithelial cell", 3) == "epithelial\ncell"
    fig = new_figure(88, 40, "")
    drawn = fig.text(0, 0, name).get_window_extent().width / fig.bbox.width * 88
    assert text_width_mm(name) == pytest.approx(drawn, rel=0.02)


def test_a_dollar_in_a_name_is_no_math(tmp_path: Path) -> None:
    fig = new_figure(88, 40, "costs $5 and $6", "from $\\frac to $x")
    fig.subplots().set_title("$\\alpha$")
    stamp(fig, "a $b$")
    save_figure(fig, tmp_path / "a.pdf", tmp_path / "a.png")
    written = pdf_text(tmp_path / "a.pdf")
    for text in ("costs $5 and $6", "from $", "Data: a $b$"):
        assert text in written


def test_a_note_that_reaches_the_stamp_moves_up() -> None:
    for note in ("short", "a note that is as wide as a column of the journal, or nearly so"):
        fig = new_figure(88, 40, "A curve", note=note)
        fig.subplots().set_xlabel("x")
        assert_legible(note, fig)


def test_another_typeface_is_used_until_it_is_taken_back(tmp_path: Path) -> None:
    serif = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSerif.ttf"
    own = text_width_mm("macro F1")
    use_typeface([serif])
    try:
        new_figure(88, 50, "title")
        assert matplotlib.rcParams["font.sans-serif"][0] == "DejaVu Serif"
        assert text_width_mm("macro F1") != own
    finally:
        use_typeface([])
    new_figure(88, 50, "title")
    assert matplotlib.rcParams["font.sans-serif"] == ["DejaVu Sans"]
    assert text_width_mm("macro F1") == own
    wrong = tmp_path / "Arial.ttf"
    wrong.write_text("no font")
    with pytest.raises(ValueError, match=r"figures.typeface: .*Arial.ttf is no font file"):
        use_typeface([wrong])
    use_typeface([])
