"""Forest plots: the gain in each study or tissue, their mean, and what to expect of a new one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    GRID,
    ID_LEVEL_COLOR,
    INK,
    LOSS_COLORS,
    QUIET,
    RULE,
    dot_handle,
    new_figure,
    shorten_apart,
)
from hce.names import architecture_name, known_architectures


def forest_rows(units: pd.DataFrame, summary: pd.DataFrame, kind: str) -> pd.DataFrame:
    """What one forest plot draws: the units, then what is said of them together."""
    single = units[units["kind"] == kind].assign(method="unit")
    order = single.groupby("unit")["gain"].mean().sort_values(ascending=False, kind="stable")
    single["rank"] = single["unit"].map({name: rank for rank, name in enumerate(order.index)})
    whole = summary[summary["kind"].isin([kind, "seed"])]
    table = pd.concat([single, whole], ignore_index=True)
    return table.assign(kind=kind)


ROW_MM = 3.4
FRAME_MM = 30.0
NAME_MM = 46.0
# rows below the units, and what they are called
METHODS = {
    "meta-analysis": "mean of {units} (random effects)",
    "prediction": "a new {unit} (95 % prediction)",
    "bootstrap": "all cells: {units}, donors, seeds drawn",
    "t over seeds": "all cells: seeds alone (paper)",
}
WORDS = {"study": ("study", "studies"), "tissue": ("tissue", "tissues")}


def draw_forest(table: pd.DataFrame) -> Figure:
    """Draw a column an architecture, a row a unit, by its mean gain; below, all together."""
    kind = str(table["kind"].iloc[0])
    unit, units = WORDS[kind]
    single = table[table["method"] == "unit"]
    ranked = single.drop_duplicates("rank").sort_values("rank")
    names = shorten_apart(ranked["name"].astype(str), NAME_MM)
    below = [text.format(unit=unit, units=units) for text in METHODS.values()]
    architectures = known_architectures(table["architecture"])
    height = FRAME_MM + ROW_MM * (len(names) + len(below) + 1)
    handles = [
        dot_handle(f"{unit}, 95 % by its donors and the seeds", LOSS_COLORS["hce"]),
        Line2D([], [], color=INK, linewidth=1.4, label="95 % of the mean"),
        Patch(color=ID_LEVEL_COLOR, alpha=0.5, label=f"95 % of a new {unit}"),
    ]
    title = f"OOD gain of HCE over CE in each {unit}, and in the next"
    note = f"Gain in macro F1 over the labels of each {unit}; hollow, one donor: no interval"
    fig = new_figure(DOUBLE_COLUMN_MM, height, title, handles, note=note)
    axes = fig.subplots(1, len(architectures), sharey=True, squeeze=False)[0]
    for ax, architecture in zip(axes, architectures, strict=True):
        part = table[table["architecture"] == architecture]
        _draw_units(ax, part[part["method"] == "unit"])
        _draw_together(ax, part, len(names) + 1)
        ax.set_title(_headline(architecture, part))
        ax.axvline(0, color=INK, linewidth=0.6, zorder=0)
        ax.set_xlabel("HCE minus CE (points)")
        ax.grid(axis="x", color=GRID)
        ax.axhline(len(names), color=RULE, linewidth=0.6)
        ax.tick_params(axis="y", length=0)
    places = [*range(len(names)), *range(len(names) + 1, len(names) + 1 + len(below))]
    axes[0].set_yticks(places, [*names, *below])
    axes[0].set_ylim(len(names) + 0.6 + len(below), -0.8)
    return fig


def _draw_units(ax: Axes, part: pd.DataFrame) -> None:
    for row in part.itertuples():
        known = np.isfinite(row.se)
        face = LOSS_COLORS["hce"] if known else "none"
        if known:
            ends = [100 * row.ci_low, 100 * row.ci_high]
            ax.plot(ends, [row.rank, row.rank], color=LOSS_COLORS["hce"], linewidth=0.9)
        style = {"markersize": 3, "markerfacecolor": face, "markeredgecolor": LOSS_COLORS["hce"]}
        ax.plot(100 * row.gain, row.rank, "o", **style)


def _draw_together(ax: Axes, part: pd.DataFrame, first: int) -> None:
    rows = part[part["method"] != "unit"].set_index("method")
    for place, method in enumerate(METHODS, first):
        of = "meta-analysis" if method == "prediction" else method
        if of not in rows.index or not np.isfinite(rows.at[of, "gain"]):
            # in the middle of the panel, whatever its scale
            style = {"color": QUIET, "va": "center", "ha": "center"}
            if len(part):
                ax.text(0.5, place, "too few", transform=ax.get_yaxis_transform(), **style)
            continue
        row = rows.loc[of]
        low, high = ("prediction_low", "prediction_high")
        if method == "prediction":
            span = [100 * row[low], 100 * row[high]]
            ax.plot(span, [place, place], color=ID_LEVEL_COLOR, linewidth=4, alpha=0.5)
            continue
        ends = [100 * row["ci_low"], 100 * row["ci_high"]]
        ax.plot(ends, [place, place], color=INK, linewidth=1.4)
        ax.plot(100 * row["gain"], place, "D", color=INK, markersize=3)


def _headline(architecture: str, part: pd.DataFrame) -> str:
    name = architecture_name(architecture)
    if part.empty:
        return f"{name}: not run"
    rows = part[part["method"] == "meta-analysis"]
    if rows.empty or not np.isfinite(rows["i_squared"].iloc[0]):
        return name
    return f"{name}, I² = {100 * rows['i_squared'].iloc[0]:.0f} %"
