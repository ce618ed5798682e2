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
    color_handles,
    draw_bars,
    label_architectures,
    pale,
    scale_gains,
    write_beyond,
    write_upright,
)
from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    ID_LEVEL_COLOR,
    INK,
    LOSS_COLORS,
    QUIET,
    STRIPE,
    TITLE_PT,
    architecture_colors,
    format_count,
    format_p,
    format_signed,
    legend_above,
    new_figure,
    shorten,
    write_beside,
)
from hce.names import (
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
        and all others, each over its own cell types; `labels in both`: the same over the types that
        both have; `single`: each tissue or disease), group (`seen` or `unseen`, or the name), seen,
        n_cells, n_labels, seed, gain, mean, sd, p_holm, significant, n_seeds, note,
        data_source. What has no pair of runs has one row without gain.
    """
    parts = []
    for part, grouping in {**pooled_groupings(context), "single": context}.items():
        chosen = tests[(tests["grouping"] == grouping) & (tests["split"] == "ood")]
        of_part = runs[(runs["grouping"] == grouping) & (runs["split"] == "ood")]
        seen = in_training if part == "single" else {"seen"}
        parts.append(_gains(chosen, of_part).assign(part=part))
        parts[-1]["seen"] = parts[-1]["group"].isin(list(seen))
    table = pd.concat(parts, ignore_index=True)
    table["significant"] = is_significant(table["p_holm"])
    table = sort_as_known(table, ["part", "group", "architecture", "seed"])
    return table.assign(context=context, data_source=tests["data_source"].iloc[0])


def pooled_groupings(context: str) -> dict[str, str]:
    """The parts of the source data whose groups are seen and unseen, and their groupings."""
    pooled = f"{context}_in_training"
    return {"pooled": pooled, "labels in both": f"{pooled}_labels_in_both"}


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


FRAME_MM = 32.0
ROW_MM = 6.0
SMALLEST_PANEL_MM = 92.0
NAME_MM = 40.0
POOLED_HEADINGS = {
    "pooled": "Cell types of each",
    "labels in both": "Cell types in both",
}
# color of the bar of each pooled set of cells
POOLED = {"seen": LOSS_COLORS["hce"], "unseen": ID_LEVEL_COLOR}


def draw_contexts(table: pd.DataFrame) -> Figure:
    """Draw Supplementary Figs. 9 and 10: the gain in seen and unseen contexts, and in each."""
    context = str(table["context"].iloc[0])
    single = table[table["part"] == "single"]
    panel = max(ROW_MM * single["group"].nunique(), SMALLEST_PANEL_MM)
    title = f"Gain of HCE in {context}s that training had, and in those it lacked (OOD)"
    test = "P, paired t-test over seeds, Holm (left: seen and unseen; right: all, * P < 0.05)"
    several = np.nanmax(table["n_seeds"]) > 1
    note = f"Dot, a run; bar or line, mean; {test if several else 'one run: no s.d., no test'}"
    fig = new_figure(DOUBLE_COLUMN_MM, FRAME_MM + panel, title, note=note)
    layout = [["pooled", "single"], ["labels in both", "single"]]
    axes = fig.subplot_mosaic(layout, width_ratios=[5, 4])
    for part, heading in POOLED_HEADINGS.items():
        _draw_pooled(axes[part], table[table["part"] == part], context, heading)
    low, high = zip(*(axes[part].get_ylim() for part in POOLED_HEADINGS), strict=True)
    for part in POOLED_HEADINGS:
        axes[part].set_ylim(min(low), max(high))
    _draw_single(axes["single"], single, context)
    return fig


def _draw_pooled(ax: Axes, pooled: pd.DataFrame, context: str, heading: str) -> None:
    if pooled.empty:
        ax.set_axis_off()
        ax.text(0, 0.5, f"{heading}: there is none", color=QUIET)
        return
    facts = pooled.drop_duplicates("group").set_index("group")
    names = {
        group: f"{group}: {format_count(facts.at[group, 'n_cells'])} cells, "
        f"{facts.at[group, 'n_labels']} types"
        for group in POOLED
        if group in facts.index
    }
    missing = {group: f"no {group} {context}" for group in POOLED if group not in names}
    tests = pooled.drop_duplicates(["architecture", "group"]).set_index(["architecture", "group"])
    counts = pooled.groupby("architecture", sort=False)["n_seeds"].max()
    by = ("architecture", list(counts.index)), ("group", POOLED)
    bars = draw_bars(ax, pooled, "gain", *by, missing)
    scale_gains(ax, bars["end"])
    for bar in bars.dropna().itertuples():
        # the mean beyond the bar, and the adjusted p at its foot
        row = tests.loc[(bar.group, bar.color)]
        star, weight = ("*", "bold") if row["significant"] else ("", "normal")
        # a fourth architecture leaves no room for the digit
        digits = 1 if len(counts) <= 3 else 0
        write_beyond(ax, bar.x, bar.end, format_signed(bar.mean, digits) + star, weight)
        write_upright(ax, bar.x, format_p(row["p_holm"]), INK, pale(POOLED[bar.color]))
    label_architectures(ax, counts)
    legend_above(ax, color_handles(names, POOLED), 2, heading)


def _draw_single(ax: Axes, single: pd.DataFrame, context: str) -> None:
    import seaborn as sns  # a second, which the tables do not need

    order = single.groupby("group")["mean"].mean()
    order = order.sort_values(ascending=False, kind="stable", na_position="last").index
    facts = single.drop_duplicates("group").set_index("group").loc[order]
    names = [
        f"{shorten(str(group), NAME_MM)} ({format_count(row.n_cells)})"
        for group, row in facts.iterrows()
    ]
    percent = single.assign(gain=100 * single["gain"], group=single["group"].astype(str))
    by = {"x": "gain", "y": "group", "order": order.astype(str), "hue": "architecture"}
    colors = architecture_colors(single["architecture"])
    step = 0.8 / len(colors)
    by |= {"hue_order": list(colors), "palette": colors, "ax": ax}
    sns.stripplot(percent, **by, dodge=True, jitter=False, size=2.2, alpha=0.6, legend=False)
    line = {"linestyle": "none", "marker": "|", "markersize": 6, "markeredgewidth": 1.6}
    sns.pointplot(percent, **by, dodge=0.8 - step, errorbar=None, legend=False, **line)
    for place in range(0, len(order), 2):
        ax.axhspan(place - 0.5, place + 0.5, color=STRIPE, linewidth=0, zorder=-2)
    ends = percent.groupby(["group", "architecture"])["gain"].max()
    for row in (
        single[single["significant"]].drop_duplicates(["group", "architecture"]).itertuples()
    ):
        side = list(colors).index(row.architecture) - (len(colors) - 1) / 2
        y = order.get_loc(row.group) + side * step
        end = (ends[str(row.group), row.architecture], y)
        write_beside(ax, "*", end, (2, -1.5), size=TITLE_PT, va="center")
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    for text, seen in zip(ax.get_yticklabels(), facts["seen"], strict=True):
        if not seen:
            text.set(color=ID_LEVEL_COLOR, fontweight="bold")
    ax.tick_params(axis="y", length=0)
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, -0.04 * high), high + 0.04 * (high - low))
    ax.axvline(0, color=INK, linewidth=0.6, zorder=1)
    ax.set(xlabel="Gain in macro F1 (points)", ylabel="")
    handles: list[Artist] = [
        Line2D([], [], marker="o", markersize=2.6, color=color, label=architecture_name(name))
        for name, color in colors.items()
    ]
    handles.append(Patch(facecolor=ID_LEVEL_COLOR, label="name: not in training"))
    ax.legend(
        handles=handles,
        title=_counts(single, context),
        alignment="left",
        ncols=len(handles),
        loc="lower right",
        bbox_to_anchor=(1, 1.02),
    )


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
