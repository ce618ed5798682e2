"""One style for all figures: sizes, fonts, colors, names and numbers, stamp, and saving."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from numpy.typing import ArrayLike

from hce.files import write_atomically
from hce.names import LOSS_NAMES, LOSSES, architecture_name
from hce.tables import read_table

MINUS = "−"

_MARKER_SIGN = re.compile(r"\b(CD[0-9A-Za-z]+)(-alpha-alpha)?-(positive|negative)\b,?")
_SIGNS = {"positive": "⁺", "negative": "⁻"}


def short_cell_type(label: str) -> str:
    """Write a Cell Ontology label in the field's short form, for example CD4⁺ αβ T cell.

    Parameters
    ----------
    label
        The label as the ontology has it. Only its writing changes: it stays unambiguous.
    """
    signed = _MARKER_SIGN.sub(
        lambda found: found[1] + ("αα" if found[2] else "") + _SIGNS[found[3]], label
    )
    plain = signed.replace(", alpha-beta", " αβ").replace("alpha-beta", "αβ")
    return plain.replace("gamma-delta", "γδ").removesuffix(", human")


def wrap_label(label: str, characters: int) -> str:
    """Break a label into lines of at most this many characters, between words only."""
    return "\n".join(textwrap.wrap(label, characters, break_long_words=False))


def shorten(label: str, characters: int) -> str:
    """Cut a label after a word to at most this many characters; an ellipsis shows the cut."""
    if len(label) <= characters:
        return label
    return wrap_label(label, characters - 2).split("\n")[0] + " …"


def format_p(p_value: float) -> str:
    """Write a p value for a figure with two digits, `not tested` where there is none."""
    if not np.isfinite(p_value):
        return "not tested"
    if p_value < 0.0001:
        return "P < 0.0001"
    return f"P = {p_value:.2g}"


def format_signed(value: float, digits: int) -> str:
    """Write a number with its sign, the minus as a minus; what rounds to zero has no sign."""
    sign = "+" if round(value, digits) else ""
    text = f"{round(value, digits) + 0.0:{sign}.{digits}f}"
    return text.replace("-", MINUS)


def format_count(value: float) -> str:
    """Write a count in full with thousands separators; a missing one as a dash."""
    return f"{int(value):,}" if np.isfinite(value) else "–"


def format_seeds(numbers: Iterable[int]) -> str:
    """Write how many runs each group has: `n = 4`, or `n = 4, 3, 4` where they differ."""
    counts = [int(number) for number in numbers]
    shown = counts[:1] if len(set(counts)) == 1 else counts
    return "n = " + ", ".join(str(count) for count in shown)


def format_compact(value: float) -> str:
    """Write a count of cells in at most five characters: `812`, `15.2 k`, `3.45 M`."""
    if value < 10_000:
        return f"{int(value):,}"
    if value < 1_000_000:
        return f"{value / 1e3:.3g} k"
    return f"{value / 1e6:.3g} M"


# Nature's column widths
SINGLE_COLUMN_MM = 88.0
DOUBLE_COLUMN_MM = 180.0
MM_PER_INCH = 25.4
POINTS_PER_MM = 72 / MM_PER_INCH
# nothing smaller than 6 pt stays legible in print
SMALL_PT = 6.0
TEXT_PT = 7.0
TITLE_PT = 8.0
PNG_DPI = 300

INK = "#1A1A1A"
QUIET = "#6E6E6E"
RULE = "#BDBDBD"
ABSENT = "#CFCFCF"
GRID = "#EAEAEA"
STRIPE = "#F6F6F6"
# colors of Okabe and Ito (2008), which stay apart for color-blind readers
ARCHITECTURE_COLORS = {"linear": "#E69F00", "mlp": "#009E73", "tabnet": "#CC79A7"}
LOSS_COLORS = {"ce": "#8C8C8C", "hce": "#0072B2", "hce_permuted": "#D55E00"}
ID_LEVEL_COLOR = "#D55E00"

_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": TEXT_PT,
    "axes.titlesize": TITLE_PT,
    "axes.labelsize": TEXT_PT,
    "axes.labelpad": 2,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "legend.fontsize": SMALL_PT,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "hce",
    "savefig.dpi": PNG_DPI,
}


def apply_style() -> None:
    """Set matplotlib to the house style and to drawing without a display.

    Only the fonts that come with matplotlib are kept: a font of the same name installed on the
    machine would change the bytes of a figure.
    """
    matplotlib.use("Agg")
    matplotlib.rcParams.update(_STYLE)
    bundled = Path(matplotlib.get_data_path())
    manager = font_manager.fontManager
    manager.ttflist = [font for font in manager.ttflist if bundled in Path(font.fname).parents]


def new_figure(width_mm: float, height_mm: float, title: str = "") -> Figure:
    """Return a figure of this size (millimeters) in the house style, empty but for its title."""
    apply_style()
    fig = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH))
    if title:
        text_mm(fig, 3, height_mm - 4.5, title, TITLE_PT, weight="bold")
    return fig


def size_mm(fig: Figure) -> np.ndarray:
    """Width and height of a figure in millimeters."""
    return fig.get_size_inches() * MM_PER_INCH


def add_axes_mm(fig: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place given in millimeters from the lower left corner of the figure."""
    full_width, full_height = size_mm(fig)
    return fig.add_axes(
        (left / full_width, bottom / full_height, width / full_width, height / full_height)
    )


def text_mm(
    fig: Figure,
    x: float,
    y: float,
    text: str,
    size: float = TEXT_PT,
    color: str = INK,
    weight: str = "normal",
    align: str = "left",
) -> None:
    """Write text at a place given in millimeters from the lower left corner of the figure."""
    full_width, full_height = size_mm(fig)
    style = {"fontsize": size, "color": color, "fontweight": weight}
    fig.text(x / full_width, y / full_height, text, ha=align, va="baseline", **style)


def write_note(fig: Figure, text: str, y: float = 1.5) -> None:
    """Write at the foot of a figure how to read it."""
    text_mm(fig, 3, y, text, SMALL_PT, QUIET)


def legend_mm(
    fig: Figure,
    handles: list[Artist],
    x: float,
    y: float,
    handle: float = 2.0,
    spacing: float = 1.6,
    corner: str = "lower left",
) -> None:
    """Put a legend of one row with a corner at a place given in millimeters.

    Widths of a handle and of the space between two entries are in units of the font size.
    """
    full_width, full_height = size_mm(fig)
    fig.legend(
        handles=handles,
        ncols=len(handles),
        loc=corner,
        bbox_to_anchor=(x / full_width, y / full_height),
        borderpad=0,
        borderaxespad=0,
        handlelength=handle,
        columnspacing=spacing,
    )


def loss_handles(marker: str = "") -> list[Artist]:
    """What a legend shows for CE and HCE: a line in the color of each, maybe with a marker."""
    return [
        Line2D([], [], color=LOSS_COLORS[loss], marker=marker, markersize=3, label=LOSS_NAMES[loss])
        for loss in LOSSES
    ]


def name_runs(architecture: str, runs: pd.DataFrame, otherwise: str) -> str:
    """Name an architecture with the number of its runs of each loss, or say that it has none."""
    name = architecture_name(architecture)
    if runs.empty:
        return f"{name}: {otherwise}"
    return f"{name}, {format_seeds(runs.groupby('loss')['seed'].nunique())} a loss"


def star_handle(text: str) -> Artist:
    """What a legend shows for a star: what it marks."""
    style = {"linestyle": "none", "marker": "$*$", "markersize": 4, "color": INK}
    return Line2D([], [], label=text, **style)


def write_beside(
    ax: Axes,
    text: str,
    place: tuple[float, float],
    offset: tuple[float, float],
    size: float = SMALL_PT,
    color: str = INK,
    weight: str = "normal",
    ha: str = "left",
    va: str = "baseline",
) -> Annotation:
    """Write text some points (right, up) from a place of the axes."""
    style = {"fontsize": size, "color": color, "fontweight": weight, "ha": ha, "va": va}
    return ax.annotate(text, place, offset, textcoords="offset points", **style)


def draw_dots(
    ax: Axes,
    x: ArrayLike,
    y: ArrayLike,
    color: str,
    size: float = 2.8,
    edge: float = 0.3,
    zorder: float = 3,
) -> None:
    """Draw dots with a thin dark edge."""
    style = {"markeredgecolor": INK, "markeredgewidth": edge, "zorder": zorder}
    ax.plot(x, y, linestyle="none", marker="o", markersize=size, markerfacecolor=color, **style)


def draw_grid(ax: Axes) -> None:
    """Draw thin lines at the ticks of the y axis, behind everything."""
    ax.grid(axis="y", color=GRID, linewidth=0.5)
    ax.set_axisbelow(True)


def name_upright(ax: Axes, places: ArrayLike, names: list[str], pad: float) -> None:
    """Write names upright below the axes; by their baselines, whichever letters they have."""
    even = {"rotation_mode": "anchor", "ha": "right", "va": "center_baseline"}
    ax.set_xticks(places, names, rotation=90, **even)
    ax.tick_params(axis="x", length=0, pad=pad)


def stamp(fig: Figure, data_source: str) -> None:
    """Write where the data come from into the lower right corner: every figure says it."""
    text_mm(fig, size_mm(fig)[0] - 1.5, 1.5, f"Data: {data_source}", SMALL_PT, QUIET, align="right")


def single_data_source(table: pd.DataFrame, path: str | Path) -> str:
    """Return the data source that all rows of a table name.

    Raises
    ------
    ValueError
        If the table has no rows, no column `data_source`, or rows of more than one source.
    """
    sources = [] if "data_source" not in table else sorted(set(table["data_source"].dropna()))
    if len(sources) != 1:
        raise ValueError(
            f"{path}: expected one value in the column data_source, found {sources or 'none'}; "
            "make the table again with the rule that writes it"
        )
    return str(sources[0])


def read_source_data(path: str | Path) -> pd.DataFrame:
    """Read a figure's source data (CSV).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such source data; run the rule that tabulates it")
    return read_table(path)


def save_figure(fig: Figure, pdf_path: str | Path, png_path: str | Path) -> None:
    """Save a figure as PDF (vector, real text) and PNG (300 dpi), the same bytes each time.

    Parameters
    ----------
    fig
        The finished figure.
    pdf_path, png_path
        Where to write. Dates and the program's name stay out of the files.
    """
    with write_atomically(pdf_path) as temporary:
        no_dates = {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None}
        fig.savefig(temporary, format="pdf", metadata=no_dates)
    with write_atomically(png_path) as temporary:
        fig.savefig(temporary, format="png", dpi=PNG_DPI, metadata={"Software": None})
