"""One style for all figures: sizes, fonts, colors, names and numbers, stamp, and saving."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike

from hce.files import write_atomically
from hce.names import LOSS_NAMES, LOSSES, architecture_name, known_architectures

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
MARGIN_MM = 3.0
# from line to line of the smallest text
LINE_MM = 2.6
# from the letter of a panel to its title
LETTER_MM = 3.5
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
# of architectures and losses that are not the paper's
OTHER_COLORS = ("#56B4E9", "#8B6F47", "#7A5195", "#5A5A5A")
LOSS_COLORS = {"ce": "#8C8C8C", "hce": "#0072B2"}
ID_LEVEL_COLOR = "#D55E00"

_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": SMALL_PT,
    # a $ in the name of a study is a dollar
    "text.parse_math": False,
    "axes.titlesize": TEXT_PT,
    "axes.titlelocation": "left",
    "axes.titlepad": 4,
    "axes.labelsize": TEXT_PT,
    "axes.labelpad": 2,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "legend.fontsize": SMALL_PT,
    "legend.title_fontsize": SMALL_PT,
    "legend.frameon": False,
    "legend.borderpad": 0,
    "legend.borderaxespad": 0,
    "legend.handlelength": 1.6,
    "legend.columnspacing": 1.4,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "pdf.fonttype": 42,
    # what is measured is what is drawn
    "figure.dpi": PNG_DPI,
}


# files of a typeface that is asked for in place of matplotlib's own
_typeface: list[Path] = []


def use_typeface(files: Iterable[Path]) -> None:
    """Write figures in another typeface from now on, as a journal may ask.

    Parameters
    ----------
    files
        Of its styles, .ttf or .otf; the first names it.

    Raises
    ------
    ValueError
        If a file is no font.
    """
    chosen = list(files)
    for file in chosen:
        try:
            font_manager.get_font(file)
        except (OSError, RuntimeError) as error:
            raise ValueError(f"figures.typeface: {file} is no font file ({error})") from error
    _typeface[:] = chosen
    _font.cache_clear()


def apply_style() -> None:
    """Set matplotlib to the house style, whatever the user's matplotlibrc says.

    Only the fonts that come with matplotlib are kept, and those of `use_typeface`: a font of the
    same name installed on the machine would change the bytes of a figure.
    """
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(_STYLE)
    bundled = Path(matplotlib.get_data_path())
    manager = font_manager.fontManager
    manager.ttflist = [font for font in manager.ttflist if bundled in Path(font.fname).parents]
    for file in _typeface:
        manager.addfont(file)
    if _typeface:
        # what it has no sign for, as a superscript plus, comes from matplotlib's own
        name = font_manager.get_font(_typeface[0]).family_name
        matplotlib.rcParams["font.sans-serif"] = [name, *_STYLE["font.sans-serif"]]


@dataclass(frozen=True)
class Panel:
    """A panel of a page: its letter, its size in millimeters, and the part of the page it fills.

    Without that part it is drawn as a figure of its own, so that its axes find their places.
    """

    letter: str
    width_mm: float
    height_mm: float
    within: SubFigure | None = None


def new_figure(
    width_mm: float,
    height_mm: float,
    title: str,
    *rows: str | Sequence[Artist],
    note: str = "",
    panel: Panel | None = None,
) -> Figure | SubFigure:
    """Return a figure in the house style; axes made in it share what its frame leaves.

    Parameters
    ----------
    width_mm, height_mm
        Size in millimeters.
    title
        Of the whole figure.
    rows
        What stands below the title: a text, or what a legend shows.
    note
        At the foot: how to read the figure.
    panel
        Where the figure is a panel of a page: its letter and, in place of the size above, its own.
    """
    apply_style()
    if panel is not None:
        width_mm, height_mm = panel.width_mm, panel.height_mm
    if panel is None or panel.within is None:
        size = (width_mm / MM_PER_INCH, height_mm / MM_PER_INCH)
        fig = Figure(figsize=size, layout="constrained")
    else:
        fig = panel.within
    side, gap = MARGIN_MM / width_mm, MARGIN_MM / height_mm
    heading, start = {"fontsize": TITLE_PT, "fontweight": "bold", "va": "top"}, side
    if panel is not None:
        fig.text(side, 1 - gap, panel.letter, **heading)
        start, room = side + LETTER_MM / width_mm, width_mm - 2 * MARGIN_MM
        # bold letters are wider than those that are measured
        title = wrap_label(title, 0.85 * (room - LETTER_MM), TITLE_PT)
        note = wrap_label(note, room)
    written: list[Artist] = [fig.text(start, 1 - gap, title, **heading)]
    for row in rows:
        corner = (side, _lower_end(written[-1], fig) - gap)
        if isinstance(row, str):
            written.append(fig.text(*corner, row, color=QUIET, va="top"))
        else:
            place = {"loc": "upper left", "bbox_to_anchor": corner, "ncols": max(len(row), 1)}
            written.append(fig.legend(handles=list(row), **place))
    top = _lower_end(written[-1], fig) - gap / 2
    foot = (gap / 2, (MARGIN_MM / 2 + LINE_MM * (1 + note.count("\n"))) / height_mm)
    fig.text(side, foot[0], note, color=QUIET, va="bottom", gid="note")
    if isinstance(fig, Figure):
        pad = MARGIN_MM / 2 / MM_PER_INCH
        rect = (side / 2, foot[1], 1 - side, top - foot[1])
        fig.get_layout_engine().set(rect=rect, w_pad=pad, h_pad=pad)
    return fig


def _lower_end(artist: Artist, fig: Figure | SubFigure) -> float:
    """How far down an artist reaches, as a share of the figure's height from below."""
    return (artist.get_window_extent().y0 - fig.bbox.y0) / fig.bbox.height


def size_mm(fig: Figure | SubFigure) -> np.ndarray:
    """Width and height of a figure in millimeters."""
    return fig.bbox.size / fig.dpi * MM_PER_INCH


def text_width_mm(text: str, size: float = SMALL_PT) -> float:
    """Measure a text in the font of the figures."""
    width = text_to_path.get_text_width_height_descent(text, _font(size), False)[0]
    return width / POINTS_PER_MM


@cache
def _font(size: float) -> FontProperties:
    """The font of the figures; once, because setting the style takes 4 ms."""
    apply_style()
    return FontProperties(size=size)


def wrap_label(label: str, width_mm: float, size: float = SMALL_PT) -> str:
    """Break a label between words into lines of at most this width; a longer word stays whole."""
    lines = [""]
    for word in label.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width_mm(longer, size) > width_mm:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def shorten(label: str, width_mm: float, size: float = SMALL_PT) -> str:
    """Cut a label after a word to at most this width; an ellipsis shows the cut."""
    if text_width_mm(label, size) <= width_mm:
        return label
    return wrap_label(label, width_mm - text_width_mm(" …", size), size).split("\n")[0] + " …"


def shorten_apart(labels: Iterable[str], width_mm: float) -> list[str]:
    """`shorten` labels; those that the cut makes equal are numbered, so that they stay apart."""
    names = pd.Series([shorten(label, width_mm) for label in labels])
    equal = names.duplicated(keep=False)
    number = names.groupby(names).cumcount() + 1
    return names.mask(equal, names + " [" + number.astype(str) + "]").tolist()


def add_axes_mm(
    fig: Figure | SubFigure, left: float, bottom: float, width: float, height: float
) -> Axes:
    """Add axes at a place given in millimeters from the lower left corner of the figure."""
    if isinstance(fig, Figure):
        fig.set_layout_engine("none")
    full_width, full_height = size_mm(fig)
    return fig.add_axes(
        (left / full_width, bottom / full_height, width / full_width, height / full_height)
    )


def architecture_colors(found: Iterable[str]) -> dict[str, str]:
    """Colors of the paper's architectures and of any other that was found, in their order."""
    others = [name for name in known_architectures(found) if name not in ARCHITECTURE_COLORS]
    shades = {name: OTHER_COLORS[k % len(OTHER_COLORS)] for k, name in enumerate(others)}
    return ARCHITECTURE_COLORS | shades


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


NO_ID = "needs ID predictions,\nwhich this run does not have"


def say_empty(ax: Axes, runs: pd.DataFrame) -> None:
    """Write into empty axes of one test why they are: not run, or no predictions of its cells.

    Parameters
    ----------
    runs
        The rows of both tests.
    """
    text = "not run" if runs.empty else NO_ID
    ax.text(0.5, 0.5, text, color=QUIET, ha="center", va="center", transform=ax.transAxes)


def id_note(table: pd.DataFrame) -> str:
    """What a note adds where a figure of both tests has no cells of held-out donors."""
    without = len(table) > 0 and not table["split"].eq("test").any()
    return "; held-out donors: no predictions in this run" if without else ""


def star_handle(text: str) -> Artist:
    """What a legend shows for a star: what it marks."""
    style = {"linestyle": "none", "marker": (5, 2), "markersize": 4, "color": INK}
    return Line2D([], [], label=text, **style)


def dot_handle(text: str, color: str, size: float = 3, edge: str = "none") -> Artist:
    """What a legend shows for a dot of this size in points: what it stands for."""
    style = {"markerfacecolor": color, "markeredgecolor": edge, "markeredgewidth": 0.4}
    return Line2D([], [], linestyle="none", marker="o", markersize=size, label=text, **style)


def legend_above(ax: Axes, handles: Sequence[Artist], ncols: int, title: str = "") -> None:
    """Put a legend, maybe with a title, over axes, whose layout makes room for it."""
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1.02), "alignment": "left"}
    ax.legend(handles=handles, title=title or None, ncols=ncols, **place)


def write_beside(
    ax: Axes, text: str, place: tuple[float, float], offset: tuple[float, float], **style: object
) -> Annotation:
    """Write text some points (right, up) from a place of the axes."""
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


def name_upright(ax: Axes, names: list[str]) -> None:
    """Write names upright below the axes; by their baselines, whichever letters they have."""
    even = {"rotation_mode": "anchor", "ha": "right", "va": "center_baseline"}
    ax.set_xticks(range(len(names)), names, rotation=90, **even)
    ax.tick_params(axis="x", length=0, pad=3)


def stamp(fig: Figure, data_source: str) -> None:
    """Write where the data come from into the lower right corner: every figure says it.

    Where the note of the figure leaves no room for it, the note moves up by a line.
    """
    note = next(text for text in fig.texts if text.get_gid() == "note")
    side, level = note.get_position()
    style = {"color": QUIET, "ha": "right", "va": "bottom"}
    mark = fig.text(1 - side, level, f"Data: {data_source}", **style)
    engine, line = fig.get_layout_engine(), LINE_MM / size_mm(fig)[1]
    if note.get_text() and note.get_window_extent().overlaps(mark.get_window_extent()):
        note.set_y(level + line)
        left, bottom, width, height = engine.get()["rect"]
        engine.set(rect=(left, bottom + line, width, height - line))


# what a table names as its data source if it holds made-up numbers
ILLUSTRATION = "none, an illustration"


def single_data_source(tables: Sequence[pd.DataFrame], paths: Sequence[str | Path]) -> str:
    """Return the data source that all rows of the tables of a figure name.

    Of a page with panels before and after training, the one with the seeds of the runs
    (`hce.tables.of_seeds`); an illustration beside data names none.

    Raises
    ------
    ValueError
        If a table has no rows, no column `data_source`, or the rows name more than one source.
    """
    found: set[str] = set()
    for table, path in zip(tables, paths, strict=True):
        sources = set() if "data_source" not in table else set(table["data_source"].dropna())
        found |= sources
        longest = max(found - {ILLUSTRATION}, key=len, default=ILLUSTRATION)
        others = found - {longest, ILLUSTRATION}
        if not sources or not all(longest.startswith(f"{other}, seed") for other in others):
            raise ValueError(
                f"{path}: expected one value in the column data_source, found "
                f"{sorted(found) or 'none'}; make the table again with the rule that writes it"
            )
    return longest


def save_figure(fig: Figure, pdf_path: str | Path, png_path: str | Path) -> None:
    """Save a figure as PDF (vector, real text) and PNG (300 dpi), the same bytes each time.

    Parameters
    ----------
    fig
        The finished figure.
    pdf_path, png_path
        Where to write. Dates and the program's name stay out of the files.
    """
    # lay out once for both files
    fig.draw_without_rendering()
    fig.set_layout_engine("none")
    # the solver gives other last bits from run to run, and a line may fall on another pixel for it
    for ax in fig.axes:
        ax.set_position(Bbox(ax.get_position(original=True).get_points().round(9)))
    with write_atomically(pdf_path) as temporary:
        no_dates = {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None}
        fig.savefig(temporary, format="pdf", metadata=no_dates)
    with write_atomically(png_path) as temporary:
        fig.savefig(temporary, format="png", dpi=PNG_DPI, metadata={"Software": None})
