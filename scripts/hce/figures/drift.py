"""How the hierarchy changes between ontology releases, and the scores that each gives."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    LOSS_COLORS,
    QUIET,
    SMALL_PT,
    TEXT_PT,
    add_axes_mm,
    draw_dots,
    draw_grid,
    format_signed,
    legend_mm,
    loss_handles,
    new_figure,
    text_mm,
    write_beside,
    write_note,
)
from hce.names import LOSSES, architecture_name, known_architectures

PANEL_MM = (40.0, 36.0)
LEFT_MM, STEP_MM = 13.0, 56.5
FOOT_MM = 16.0
ROW_MM = 4.2
LINE_CHARACTERS = 150
COLUMNS_MM = {
    "release": 3.0,
    "relations": 46.0,
    "internal": 66.0,
    "leaves": 86.0,
    "isolated": 104.0,
    "added": 124.0,
    "removed": 144.0,
}


def draw_drift(sizes: pd.DataFrame, scores: pd.DataFrame) -> Figure:
    """Draw the hierarchy in each release as a table and, below, the scores with each."""
    changed = [
        line
        for row in sizes.dropna(subset=["changes"]).itertuples()
        for line in textwrap.wrap(f"{row.release}: {row.changes}", LINE_CHARACTERS)
    ]
    table_mm = ROW_MM * (len(sizes) + 1 + len(changed))
    height = FOOT_MM + PANEL_MM[1] + 14 + table_mm + 10
    title = "Ontology drift: the same predictions under other Cell Ontology releases"
    fig = new_figure(DOUBLE_COLUMN_MM, height, title)
    _write_table(fig, sizes, height - 11)
    for place, line in enumerate(changed):
        level = height - 12 - ROW_MM * (len(sizes) + 1 + place)
        text_mm(fig, COLUMNS_MM["release"], level, line, SMALL_PT)
    releases = sizes["release"].tolist()
    for column, architecture in enumerate(known_architectures(scores["architecture"])):
        left = LEFT_MM + column * STEP_MM
        ax = add_axes_mm(fig, left, FOOT_MM, *PANEL_MM)
        part = scores[scores["architecture"] == architecture]
        name = architecture_name(architecture)
        title = name if len(part) else f"{name}: not run"
        text_mm(fig, left, FOOT_MM + PANEL_MM[1] + 2, title, TEXT_PT, weight="bold")
        _draw_scores(ax, part, releases, column)
    level = height - 16 - table_mm
    legend_mm(
        fig, loss_handles("o"), DOUBLE_COLUMN_MM - 3, level, spacing=2.0, corner="lower right"
    )
    note = (
        "Dot, a run; line, mean; number, gain of HCE in points; nothing was trained again; no test"
    )
    write_note(fig, note)
    return fig


def _write_table(fig: Figure, sizes: pd.DataFrame, top: float) -> None:
    """The hierarchy over the classes in each release, as a small table."""
    for name, x in COLUMNS_MM.items():
        text_mm(fig, x, top, name, SMALL_PT, QUIET)
        for place, row in enumerate(sizes.to_dict("records")):
            used = bool(row["is_reference"])
            text = str(row[name]) + (" (this run)" if name == "release" and used else "")
            weight = "bold" if used else "normal"
            text_mm(fig, x, top - ROW_MM * (place + 1), text, SMALL_PT, INK, weight)


def _draw_scores(ax: Axes, part: pd.DataFrame, releases: list[str], column: int) -> None:
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
    draw_grid(ax)
    if column == 0:
        ax.set_ylabel("OOD macro F1 (%)")
