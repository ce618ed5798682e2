"""How the hierarchy changes between ontology releases, and the scores that each gives."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    LOSS_COLORS,
    MARGIN_MM,
    QUIET,
    draw_dots,
    format_signed,
    loss_handles,
    new_figure,
    wrap_label,
    write_beside,
)
from hce.names import LOSSES, architecture_name, known_architectures

FRAME_MM = 34.0
PANEL_MM = 42.0
ROW_MM = 4.2
# where each column begins, as a share of the width
COLUMNS = {
    "release": 0.0,
    "relations": 0.26,
    "internal": 0.38,
    "leaves": 0.5,
    "isolated": 0.62,
    "added": 0.74,
    "removed": 0.86,
}


def draw_drift(sizes: pd.DataFrame, scores: pd.DataFrame) -> Figure:
    """Draw the hierarchy in each release as a table and, below, the scores with each."""
    width = DOUBLE_COLUMN_MM - 2 * MARGIN_MM
    changed = [
        wrap_label(f"{row.release}: {row.changes}", width)
        for row in sizes.dropna(subset=["changes"]).itertuples()
    ]
    table_mm = ROW_MM * (len(sizes) + 1 + sum(text.count("\n") + 1 for text in changed))
    title = "Ontology drift: the same predictions under other Cell Ontology releases"
    note = (
        "Dot, a run; line, mean; number, gain of HCE in points; nothing was trained again; no test"
    )
    height = FRAME_MM + PANEL_MM + table_mm
    fig = new_figure(DOUBLE_COLUMN_MM, height, title, loss_handles("o"), note=note)
    architectures = known_architectures(scores["architecture"])
    upper, *panels = fig.subplot_mosaic(
        [["table"] * len(architectures), architectures], height_ratios=[table_mm, PANEL_MM]
    ).values()
    upper.set_axis_off()
    upper.set(ylim=(table_mm, 0))
    _write_table(upper, sizes)
    lines = "\n".join(changed).split("\n") if changed else []
    for place, line in enumerate(lines, start=len(sizes) + 1):
        _write_cell(upper, 0, place, line)
    for ax, architecture in zip(panels, architectures, strict=True):
        part = scores[scores["architecture"] == architecture]
        name = architecture_name(architecture)
        ax.set_title(name if len(part) else f"{name}: not run", fontweight="bold")
        _draw_scores(ax, part, sizes["release"].tolist())
    panels[0].set_ylabel("OOD macro F1 (%)")
    return fig


def _write_table(ax: Axes, sizes: pd.DataFrame) -> None:
    """The hierarchy over the classes in each release, as a small table."""
    for column, (name, x) in enumerate(COLUMNS.items()):
        _write_cell(ax, x, 0, name, color=QUIET)
        for place, row in enumerate(sizes.to_dict("records"), start=1):
            used = bool(row["is_reference"])
            text = str(row[name]) + (" (this run)" if used and not column else "")
            _write_cell(ax, x, place, text, weight="bold" if used else "normal")


def _write_cell(ax: Axes, x: float, row: int, text: str, **style: str) -> None:
    # from the margin of the figure, whose axes begin further right
    at = (MARGIN_MM / DOUBLE_COLUMN_MM + x, ROW_MM * (row + 1))
    within = {"xycoords": ("figure fraction", "data"), "in_layout": False}
    write_beside(ax, text, at, (0, 2), **within, **style)


def _draw_scores(ax: Axes, part: pd.DataFrame, releases: list[str]) -> None:
    places = {release: place for place, release in enumerate(releases)}
    means = part.groupby(["loss", "release"])["macro_f1"].mean().mul(100)
    for loss in LOSSES:
        runs = part[part["loss"] == loss]
        x = runs["release"].map(places)
        draw_dots(ax, x, 100 * runs["macro_f1"], LOSS_COLORS[loss], size=2.4)
        if len(runs):
            line = means[loss].reindex(releases)
            ax.plot(range(len(releases)), line, color=LOSS_COLORS[loss], linewidth=1.2)
    if set(LOSSES) <= set(part["loss"]):
        gains = means["hce"] - means["ce"]
        highest = part.groupby("release")["macro_f1"].max().mul(100)
        for release, place in places.items():
            gain = format_signed(gains[release], 1)
            write_beside(ax, gain, (place, highest[release]), (0, 4), ha="center")
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.12 * (high - low))
    else:
        ax.set_yticks([])
    ax.set_xlim(-0.5, len(releases) - 0.5)
    short = [release.split(" ")[0] for release in releases]
    slant = {"rotation": 25, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(range(len(short)), short, **slant)
    ax.grid(axis="y")
