"""Bars with the single runs as dots, which several figures are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from hce.figures.style import INK, QUIET, format_seeds, write_beside
from hce.names import architecture_name

# of a bar alone, and of the bars of a group, which is where seaborn puts their dots
LONE_WIDTH, GROUP_WIDTH = 0.6, 0.8


def draw_bars(
    ax: Axes,
    table: pd.DataFrame,
    value: str,
    groups: tuple[str, Sequence[str]],
    colors: tuple[str, Mapping[str, str]],
    missing: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Draw the mean of the runs of each group and color as a bar, the runs as dots, and ± 1 s.d.

    Parameters
    ----------
    ax
        Axes in percent.
    table
        One row a run.
    value
        Column of the values, which are fractions.
    groups, colors
        The column that says in which group a run stands, and the groups in their order; the column
        that says its color, and the colors in their order (the same column: a bar a group).
    missing
        What to write in the place of a bar without runs, by what says its color, if not `not run`.

    Returns
    -------
    pandas.DataFrame
        One row a bar: its group and color, mean, end (of what was drawn, the one farther from
        zero), x.
    """
    import seaborn as sns  # a second, which the tables do not need

    (group, order), (color, palette) = groups, colors
    width = LONE_WIDTH if group == color else GROUP_WIDTH
    percent = table.assign(**{value: 100 * table[value]})
    names = {"x": group, "order": order, "hue": color, "hue_order": list(palette), "ax": ax}
    style = {"legend": False, "dodge": group != color}
    whisker = {"errorbar": "sd", "capsize": 0.1, "err_kws": {"color": INK, "linewidth": 0.6}}
    fill = {"saturation": 1, "width": width, "gap": 0.08}
    pales = {name: pale(shade) for name, shade in palette.items()}
    sns.barplot(percent, y=value, palette=pales, **names, **style, **fill, **whisker)
    dots = {"size": 2.8, "edgecolor": INK, "linewidth": 0.4, "zorder": 2, "warn_thresh": 1}
    sns.swarmplot(percent, y=value, palette=palette, **names, **style, **dots)
    bars = []
    step = width / len(palette)
    for place, name in enumerate(order):
        shades = [name] if group == color else list(palette)
        for side, shade in enumerate(shades):
            x = place + step * (side - (len(shades) - 1) / 2)
            runs = percent.loc[(percent[group] == name) & (percent[color] == shade), value].dropna()
            mean, sd = runs.mean(), np.nan_to_num(runs.std())
            if runs.empty:
                write_upright(ax, x, (missing or {}).get(shade, "not run"), QUIET)
            ends = [runs.max(), mean + sd] if not mean < 0 else [runs.min(), mean - sd]
            bars.append((name, shade, mean, max(ends, key=abs), x))
    ax.set(xlabel="", xlim=(-0.6, len(order) - 0.4))
    ax.tick_params(axis="x", length=0)
    return pd.DataFrame(bars, columns=["group", "color", "mean", "end", "x"]).fillna({"end": 0.0})


def label_architectures(ax: Axes, counts: pd.Series) -> None:
    """Write the name of each architecture and its numbers of runs below the axes."""
    names = [
        f"{architecture_name(name)}\n{format_seeds(np.atleast_1d(n))}" for name, n in counts.items()
    ]
    ax.set_xticks(range(len(names)), names, linespacing=1.25)


def pale(color: str) -> tuple[float, ...]:
    """The light shade of a color that bars have, so that dots and numbers are seen on them."""
    return tuple(1 - 0.45 * (1 - part) for part in to_rgb(color))


def write_upright(
    ax: Axes, x: float, text: str, color: str, ground: str | tuple[float, ...] = "none"
) -> None:
    """Write upright from the line at zero; in the color of its ground, a whisker stops at it."""
    box = {"facecolor": ground, "edgecolor": "none", "pad": 0.6}
    style = {"color": color, "ha": "center", "rotation": 90, "zorder": 5, "bbox": box}
    write_beside(ax, text, (x, 0), (0, 4), **style)


def write_beyond(ax: Axes, x: float, end: float, text: str, weight: str = "normal") -> None:
    """Write a value beyond the end of what was drawn from zero up or down to there."""
    aside, va = ((0, 2.5), "bottom") if end >= 0 else ((0, -2.5), "top")
    write_beside(ax, text, (x, end), aside, weight=weight, ha="center", va=va)


def scale_gains(ax: Axes, ends: Sequence[float]) -> None:
    """Name an axis of gains, leave room for the numbers beyond the bars, draw a line at no gain."""
    low, high = min(0.0, *ends), max(0.0, *ends)
    margin = max(0.12 * (high - low), 1.0)
    ax.set_ylim(low - margin if low < 0 else 0, high + margin)
    ax.set_ylabel("Gain in macro F1 (points)")
    ax.axhline(0, color=INK, linewidth=0.6)


def color_handles(names: Mapping[str, str], colors: Mapping[str, str]) -> list[Patch]:
    """What a legend shows for bars: a patch in the color of each name."""
    return [Patch(color=pale(colors[k]), label=name) for k, name in names.items()]


def explain_bars(n_seeds: Sequence[int], test: str = "") -> str:
    """Say how to read bars, dots and whiskers, and the test if any."""
    if max(n_seeds, default=0) < 2:
        return "Bar, mean; dots, runs; one run: no s.d., no test"
    return "; ".join(["Bar, mean; dots, runs", "whisker, s.d.", *([test] if test else [])])
