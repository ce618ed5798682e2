"""Gains in contexts that training had or lacked (Supplementary Figs. 9 and 10)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hce.compare import is_significant, paired_differences
from hce.figures.bars import (
    FILL_ALPHA,
    draw_bar,
    has_runs,
    scale_gains,
    spread,
    write_beyond,
    write_upright,
)
from hce.figures.style import (
    ARCHITECTURE_COLORS,
    DOUBLE_COLUMN_MM,
    ID_LEVEL_COLOR,
    INK,
    LOSS_COLORS,
    QUIET,
    STRIPE,
    TEXT_PT,
    TITLE_PT,
    add_axes_mm,
    format_compact,
    format_p,
    format_seeds,
    format_signed,
    legend_mm,
    new_figure,
    shorten,
    text_mm,
    write_beside,
    write_note,
)
from hce.names import (
    ARCHITECTURE_NAMES,
    architecture_name,
    known_architectures,
    sort_as_known,
)


def context_gains(
    tests: pd.DataFrame, runs: pd.DataFrame, context: str, in_training: set[str]
) -> pd.DataFrame:
    """Difference of macro F1 (HCE - CE) of each run in each OOD tissue or disease.

    Parameters
    ----------
    tests, runs
        Rows of strata.tsv and of strata_runs.tsv.
    context
        `tissue` or `disease`.
    in_training
        The tissues or diseases of the training cells.

    Returns
    -------
    pandas.DataFrame
        One row a run: context, architecture, part (`pooled`: all cells whose context training had,
        and all others; `single`: each tissue or disease), group (`seen` or `unseen`, or the name),
        seen, n_cells, n_labels, seed, gain, mean, sd, p_holm, significant, n_seeds, note,
        data_source. What has no pair of runs has one row without gain.
    """
    parts = []
    for part, grouping in (("pooled", f"{context}_in_training"), ("single", context)):
        chosen = tests[(tests["grouping"] == grouping) & (tests["split"] == "ood")]
        of_part = runs[(runs["grouping"] == grouping) & (runs["split"] == "ood")]
        seen = {"seen"} if part == "pooled" else in_training
        parts.append(_gains(chosen, of_part).assign(part=part))
        parts[-1]["seen"] = parts[-1]["group"].isin(list(seen))
    table = pd.concat(parts, ignore_index=True)
    table["significant"] = is_significant(table["p_holm"])
    table = sort_as_known(table, ["part", "group", "architecture", "seed"])
    return table.assign(context=context, data_source=tests["data_source"].iloc[0])


def _gains(tests: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    gains = paired_differences(runs, ["architecture", "group", "seed"], "f1", "gain")
    sizes = runs.drop_duplicates("group")[["group", "support", "n_labels"]]
    every = sizes.rename(columns={"support": "n_cells"}).merge(
        pd.DataFrame({"architecture": known_architectures(tests["architecture"])}), how="cross"
    )
    columns = ["architecture", "group", "delta", "delta_sd", "p_holm", "n_seeds", "note"]
    table = every.merge(tests[columns], on=["architecture", "group"], how="left")
    table = table.rename(columns={"delta": "mean", "delta_sd": "sd"})
    table["n_seeds"] = table["n_seeds"].fillna(0).astype(int)
    return table.merge(gains, on=["architecture", "group"], how="left")


HEADER_MM, FOOTER_MM = 19.0, 14.0
LEFT_MM, LEFT_WIDTH_MM = 13.0, 62.0
RIGHT_MM, RIGHT_WIDTH_MM = 132.0, 44.0
ROW_MM = 6.0
SMALLEST_PANEL_MM = 46.0
NAME_CHARACTERS = 30
# color and place of the bar of each pooled set of cells
POOLED = {"seen": (LOSS_COLORS["hce"], -0.2), "unseen": (ID_LEVEL_COLOR, 0.2)}
BAR_WIDTH = 0.34
OFFSETS = {"linear": -0.24, "mlp": 0.0, "tabnet": 0.24}


def draw_contexts(table: pd.DataFrame) -> Figure:
    """Draw Supplementary Figs. 9 and 10: the gain in seen and unseen contexts, and in each.

    Parameters
    ----------
    table
        Source data as made by `context_gains`.
    """
    context = str(table["context"].iloc[0])
    single = table[table["part"] == "single"]
    panel = max(ROW_MM * single["group"].nunique(), SMALLEST_PANEL_MM)
    height = HEADER_MM + panel + FOOTER_MM
    title = f"Gain of HCE in {context}s that training had, and in those it lacked (OOD)"
    fig = new_figure(DOUBLE_COLUMN_MM, height, title)
    left = add_axes_mm(fig, LEFT_MM, FOOTER_MM, LEFT_WIDTH_MM, panel)
    _draw_pooled(left, table[table["part"] == "pooled"], context)
    right = add_axes_mm(fig, RIGHT_MM, FOOTER_MM, RIGHT_WIDTH_MM, panel)
    _draw_single(right, single)
    text_mm(fig, RIGHT_MM - 46, height - HEADER_MM + 2, _counts(single, context), TEXT_PT)
    _draw_legends(fig, table, height)
    return fig


def _draw_pooled(ax: Axes, pooled: pd.DataFrame, context: str) -> None:
    architectures = list(dict.fromkeys(pooled["architecture"]))
    ends, names = [0.0], []
    for place, architecture in enumerate(architectures):
        rows = pooled[pooled["architecture"] == architecture]
        for group, (color, offset) in POOLED.items():
            part = rows[rows["group"] == group]
            if part.empty:
                write_upright(ax, place + offset, f"no {group} {context}", QUIET)
                continue
            end = draw_bar(ax, place + offset, part, BAR_WIDTH, color, "gain")
            ends.append(end)
            if has_runs(part, "gain"):
                _write_gain(ax, place + offset, end, part.iloc[0])
        n_seeds = format_seeds([rows["n_seeds"].max()])
        names.append(f"{architecture_name(architecture)}\n{n_seeds}")
    scale_gains(ax, ends)
    ax.set_xlim(-0.5, len(architectures) - 0.5)
    ax.set_xticks(range(len(names)), names, linespacing=1.25)
    ax.tick_params(axis="x", length=0, pad=3)


def _write_gain(ax: Axes, x: float, end: float, row: pd.Series) -> None:
    """Write the mean beyond the bar, with a star if significant, and the adjusted p at its foot."""
    star, weight = ("*", "bold") if row["significant"] else ("", "normal")
    write_beyond(ax, x, end, format_signed(100 * row["mean"], 1) + star, weight)
    write_upright(ax, x, format_p(row["p_holm"]), INK)


def _draw_single(ax: Axes, single: pd.DataFrame) -> None:
    order = single.groupby("group")["mean"].mean().sort_values(kind="stable", na_position="first")
    rows = {group: place for place, group in enumerate(order.index)}
    facts = single.drop_duplicates("group").set_index("group").loc[order.index]
    for place in range(0, len(rows), 2):
        ax.axhspan(place - 0.5, place + 0.5, color=STRIPE, linewidth=0, zorder=-2)
    for architecture, offset in OFFSETS.items():
        part = single[single["architecture"] == architecture].dropna(subset=["gain"])
        color = ARCHITECTURE_COLORS[architecture]
        for group, runs in part.groupby("group"):
            y = rows[group] + offset
            aside = 0.2 * spread(len(runs))
            dots = {"markerfacecolor": color, "markeredgecolor": "none", "alpha": 0.6}
            ax.plot(100 * runs["gain"], y + aside, "o", markersize=1.8, **dots)
            row = runs.iloc[0]
            ax.plot([100 * row["mean"]] * 2, [y - 0.1, y + 0.1], color=color, linewidth=1.6)
            if row["significant"]:
                end = (100 * runs["gain"].max(), y)
                write_beside(ax, "*", end, (2, -1.5), TITLE_PT, va="center")
    names = [
        f"{shorten(str(group), NAME_CHARACTERS)} ({format_compact(row.n_cells)})"
        for group, row in facts.iterrows()
    ]
    ax.set_yticks(range(len(names)), names)
    for text, seen in zip(ax.get_yticklabels(), facts["seen"], strict=True):
        if not seen:
            text.set(color=ID_LEVEL_COLOR, fontweight="bold")
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, len(names) - 0.4)
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, -0.04 * high), high + 0.04 * (high - low))
    ax.axvline(0, color=INK, linewidth=0.6, zorder=1)
    ax.set_xlabel("Gain in macro F1 (points)")


def _counts(single: pd.DataFrame, context: str) -> str:
    """How many of the contexts gain significantly, architecture by architecture."""
    words = []
    for architecture, part in single.groupby("architecture", sort=False):
        groups = part.drop_duplicates("group")
        name = architecture_name(architecture)
        if not groups["p_holm"].notna().any():
            words.append(f"{name} no test")
            continue
        up = int((groups["significant"] & (groups["mean"] > 0)).sum())
        words.append(f"{name} {up} of {len(groups)}")
    if all(text.endswith("no test") for text in words):
        return f"Each {context}: no test"
    return f"Significant gain: {', '.join(words)} {context}s"


def _draw_legends(fig: Figure, table: pd.DataFrame, height: float) -> None:
    pooled = table[table["part"] == "pooled"].drop_duplicates("group").set_index("group")
    handles: list[Artist] = []
    for group, (color, _) in POOLED.items():
        if group in pooled.index:
            n_cells = format_compact(pooled.at[group, "n_cells"])
            text = f"{group}: {n_cells} cells, {pooled.at[group, 'n_labels']} types"
            handles.append(Patch(facecolor=color, alpha=FILL_ALPHA, label=text))
    legend_mm(fig, handles, 3, height - 10, handle=1.2, spacing=1.4)
    marks: list[Artist] = [
        Line2D([], [], marker="o", markersize=2.6, color=ARCHITECTURE_COLORS[name], label=text)
        for name, text in ARCHITECTURE_NAMES.items()
    ]
    unseen = Patch(facecolor=ID_LEVEL_COLOR, label="name: not in training")
    beside = RIGHT_MM - 46
    legend_mm(fig, [*marks, unseen], beside, height - 10, handle=1.2, spacing=1.4)
    test = "P, paired t-test over seeds, Holm (left: seen and unseen; right: all, * P < 0.05)"
    several = np.nanmax(table["n_seeds"]) > 1
    note = test if several else "one run: no s.d., no test"
    write_note(fig, f"Dot, a run; bar or line, mean; {note}")
