"""Macro F1 of whole runs: Fig. 1d, 1e and 2b, and the controls of the simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import offset_copy

from hce.compare import is_significant, paired_differences
from hce.figures.bars import (
    color_handles,
    draw_bars,
    explain_bars,
    label_architectures,
    pale,
    scale_gains,
    write_beyond,
)
from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    ID_LEVEL_COLOR,
    INK,
    LOSS_COLORS,
    QUIET,
    SINGLE_COLUMN_MM,
    Panel,
    architecture_colors,
    format_p,
    format_signed,
    new_figure,
    write_beside,
)
from hce.names import LOSS_NAMES, LOSSES, known_architectures, sort_as_known


def scores_of_runs(runs: pd.DataFrame, loss: str, split: str, labels: str) -> pd.DataFrame:
    """Macro F1 of every run of one loss on one split (Fig. 1d, e).

    Parameters
    ----------
    runs
        Rows of macro_f1_runs.tsv.
    loss, split, labels
        Which rows to take.

    Returns
    -------
    pandas.DataFrame
        architecture, labels, seed, macro_f1, mean, sd (NaN for one run), n_seeds, n_labels,
        n_cells, data_source. An architecture without a run has one row with n_seeds = 0.
    """
    keys = {"loss": loss, "split": split, "labels": labels}
    chosen = runs[np.logical_and.reduce([runs[key] == value for key, value in keys.items()])]
    parts = [
        _summarized(chosen.sort_values("seed"), architecture, "macro_f1")
        for architecture in known_architectures(runs["architecture"])
    ]
    columns = ["architecture", "labels", "seed", "macro_f1", "mean", "sd", "n_seeds", "n_labels"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=[*columns, "n_cells"])
    return table.assign(labels=labels, data_source=runs["data_source"].iloc[0])


def _summarized(runs: pd.DataFrame, architecture: str, value: str) -> pd.DataFrame:
    """The runs of an architecture with mean, sd and n_seeds; one empty row if there is none."""
    part = runs[runs["architecture"] == architecture]
    values = part[value]
    if part.empty:
        part = pd.DataFrame({"architecture": [architecture]})
    return part.assign(mean=values.mean(), sd=values.std(ddof=1), n_seeds=len(values))


def id_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """Macro F1 of CE on held-out donors, over the OOD labels and over all (Fig. 1d)."""
    parts = [scores_of_runs(runs, "ce", "test", labels) for labels in LABEL_SETS]
    return sort_as_known(pd.concat(parts), ["architecture", "labels", "seed"])


def with_id_level(ood: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Add to the OOD scores the mean ID score of each architecture over the OOD labels, id_mean."""
    of_labels = test[test["labels"] == "ood_labels"]
    level = of_labels.drop_duplicates("architecture").set_index("architecture")["mean"]
    return ood.assign(id_mean=ood["architecture"].map(level))


def gains(runs: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """OOD macro F1 of every run of CE and HCE, with the test of each architecture (Fig. 2b).

    Parameters
    ----------
    runs, tests
        Rows of macro_f1_runs.tsv and of macro_f1.tsv.

    Returns
    -------
    pandas.DataFrame
        Columns of `scores_of_runs` and loss, gain_mean, gain_sd, n_pairs, p, p_holm (the last five
        the same for all rows of an architecture).
    """
    parts = [scores_of_runs(runs, loss, "ood", "all").assign(loss=loss) for loss in LOSSES]
    table = pd.concat(parts, ignore_index=True)
    rows = tests[(tests["split"] == "ood") & (tests["labels"] == "all")].set_index("architecture")
    rows = rows.rename(columns={"n_seeds": "n_pairs"})
    for column in ("gain_mean", "gain_sd", "n_pairs", "p", "p_holm"):
        table[column] = table["architecture"].map(rows[column])
    return sort_as_known(table, ["architecture", "loss", "seed"])


def control_gains(main: pd.DataFrame, finest: pd.DataFrame | None) -> pd.DataFrame:
    """OOD macro F1 minus that of CE with the same seed, for HCE and its controls.

    Parameters
    ----------
    main
        Rows of macro_f1_runs.tsv of the main run; rows with the losses `hce_permuted` (HCE with the
        labels of R permuted) and `hce_random` (with random trees of the same depths) are the
        controls of the hierarchy.
    finest
        The same table of the run in which every collection annotates as finely as it can; only a
        simulation has it.

    Returns
    -------
    pandas.DataFrame
        condition (`main`, `permuted`, `random`, `finest`), architecture, seed, gain, mean, sd (NaN
        for one run), n_seeds, data_source. A condition without a pair of runs has one row with
        n_seeds = 0.

    Raises
    ------
    ValueError
        If the two tables are of different data sources.
    """
    tables = [main] if finest is None else [main, finest]
    sources = sorted(set(pd.concat(tables)["data_source"]))
    if len(sources) != 1:
        raise ValueError(
            f"main and finest run have the data sources {sources}; compare runs of one kind"
        )
    parts = []
    conditions = {"main": (main, "hce"), "permuted": (main, "hce_permuted")}
    conditions["random"] = (main, "hce_random")
    if finest is not None:
        conditions["finest"] = (finest, "hce")
    for condition, (runs, loss) in conditions.items():
        ood = runs[(runs["split"] == "ood") & (runs["labels"] == "all")]
        found = paired_differences(ood, ["architecture", "seed"], "macro_f1", "gain", loss)
        for architecture in known_architectures(pd.concat(tables)["architecture"]):
            part = _summarized(found, architecture, "gain")
            parts.append(part.assign(condition=condition))
    columns = ["condition", "architecture", "seed", "gain", "mean", "sd", "n_seeds"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    return table.assign(data_source=sources[0])


HEIGHT_MM = 68.0
# a bar of fewer percent, whose dots may lie on a number in its foot; points that one over it takes
SHORT_BAR, NUMBER_PT = 20, 9.0
# what macro F1 is averaged over in Fig. 1d, and how each is drawn: filled, or in outline
LABEL_SETS = {"ood_labels": "{:.0f} types of the OOD set", "all": "all {:.0f} types"}
# color and name of each condition
CONDITION_COLORS = {
    "main": LOSS_COLORS["hce"],
    "finest": "#56B4E9",
    "permuted": "#D55E00",
    "random": "#E69F00",
}
CONDITION_NAMES = {
    "main": "HCE",
    "finest": "HCE, finest annotation",
    "permuted": "HCE, R permuted",
    "random": "HCE, random trees",
}


def draw_id_scores(table: pd.DataFrame, panel: Panel | None = None) -> Figure | SubFigure:
    """Draw Fig. 1d: macro F1 on held-out donors (in distribution), cross-entropy.

    Two bars an architecture: over the cell types of the OOD set, and, in outline, over all.
    """
    sizes = table.groupby("labels")["n_labels"].max()
    names = {labels: LABEL_SETS[labels].format(sizes[labels]) for labels in LABEL_SETS}
    key: list[Artist] = [
        Patch(facecolor=pale(QUIET), edgecolor=QUIET, label=names["ood_labels"]),
        Patch(facecolor="white", edgecolor=QUIET, label=names["all"]),
    ]
    counts = table.groupby("architecture", sort=False)["n_seeds"].first()
    title = "In distribution: held-out donors (CE)"
    ran = table["n_labels"].notna().any()
    fig, ax = _score_axes(
        title,
        key if ran else "needs ID scores, which this run does not have",
        explain_bars(counts),
        panel,
    )
    by = ("architecture", list(counts.index)), ("labels", dict.fromkeys(LABEL_SETS, QUIET))
    bars = draw_bars(ax, table, "macro_f1", *by)
    colors = architecture_colors(counts.index)
    for drawn, labels in zip(ax.containers, LABEL_SETS, strict=False):
        for bar in drawn:
            name = counts.index[round(bar.get_x() + bar.get_width() / 2)]
            color = colors[name]
            filled = labels == "ood_labels"
            bar.set(facecolor=pale(color) if filled else "white", edgecolor=color, linewidth=0.8)
    for bar in bars.dropna().itertuples():
        write_beyond(ax, bar.x, bar.end, f"{bar.mean:.1f}")
    label_architectures(ax, counts)
    return fig


def draw_ood_scores(table: pd.DataFrame, panel: Panel | None = None) -> Figure | SubFigure:
    """Draw Fig. 1e: macro F1 on new studies, cross-entropy, and how far it is from the ID level."""
    dashed = {"color": ID_LEVEL_COLOR, "linewidth": 1.2, "linestyle": (0, (3, 2))}
    # a panel of a page has no room for the word three times
    label, unit = ("ID level", " points") if panel is None else ("ID level, points from it", "")
    key = [Line2D([], [], label=label, **dashed)]
    counts = table.groupby("architecture", sort=False)["n_seeds"].first()
    title = "Out of distribution: new studies (CE)"
    fig, ax = _score_axes(title, key, explain_bars(counts), panel)
    colors = architecture_colors(counts.index)
    by = ("architecture", list(counts.index)), ("architecture", colors)
    bars = draw_bars(ax, table, "macro_f1", *by)
    levels = 100 * table.drop_duplicates("architecture")["id_mean"]
    for bar, level in zip(bars.itertuples(), levels, strict=True):
        if np.isfinite(bar.mean):
            write_beyond(ax, bar.x, bar.end, f"{bar.mean:.1f}")
        ax.plot([bar.x - 0.4, bar.x + 0.4], [level, level], **dashed)
        if np.isfinite(bar.mean - level):
            drop = f"{format_signed(bar.mean - level, 1)}{unit}"
            # over the number of the bar, where the level is close to it
            write_beyond(ax, bar.x, max(level, bar.end + 8), drop)
    label_architectures(ax, counts)
    return fig


def _score_axes(
    title: str, row: str | list[Artist], note: str, panel: Panel | None
) -> tuple[Figure | SubFigure, Axes]:
    """Single-column figure with axes for macro F1 in percent."""
    fig = new_figure(SINGLE_COLUMN_MM, HEIGHT_MM, title, row, note=note, panel=panel)
    ax = fig.subplots()
    ax.set(ylim=(0, 100), yticks=range(0, 101, 20))
    ax.set_ylabel("Macro F1 (%)")
    return fig, ax


def draw_comparison(table: pd.DataFrame, panel: Panel | None = None) -> Figure | SubFigure:
    """Draw Fig. 2b: OOD macro F1 with cross-entropy and with hierarchical cross-entropy."""
    colors = {loss: LOSS_COLORS[loss] for loss in LOSSES}
    key = color_handles({loss: LOSS_NAMES[loss] for loss in LOSSES}, colors)
    note = explain_bars(table["n_seeds"], "P, paired t-test (Holm)")
    fig, ax = _score_axes("Out of distribution: new studies", key, note, panel)
    first = table.drop_duplicates(["architecture", "loss"])
    counts = first.groupby("architecture", sort=False)["n_seeds"].agg(list)
    by = ("architecture", list(counts.index)), ("loss", colors)
    bars = draw_bars(ax, table, "macro_f1", *by)
    short = bars["mean"] < SHORT_BAR
    for bar in bars[~short].dropna().itertuples():
        # in the foot of the bar, where no dot can hide it
        ax.text(bar.x, 2, f"{bar.mean:.1f}", ha="center")
    for bar in bars[short].itertuples():
        write_beyond(ax, bar.x, bar.end, f"{bar.mean:.1f}")
    bars["lift"] = np.where(short, NUMBER_PT, 0.0)
    tests = first.drop_duplicates("architecture").set_index("architecture")
    for architecture, pair in bars.groupby("group"):
        _write_gain(ax, pair, tests.loc[architecture], " points" if panel is None else "")
    label_architectures(ax, counts)
    return fig


def _write_gain(ax: Axes, pair: pd.DataFrame, row: pd.Series, unit: str) -> None:
    """Write the gain and its adjusted p over a bracket that spans the two bars."""
    if not np.isfinite(row["gain_mean"]):
        return
    (left, right), tops, lift = pair["x"], pair["end"].tolist(), pair["lift"].max()
    level = max(tops) + 4
    color, weight = (INK, "bold") if is_significant(row["p_holm"]) else (QUIET, "normal")
    ends = [tops[0] + 1.5, level, level, tops[1] + 1.5]
    over = offset_copy(ax.transData, ax.get_figure(root=True), y=lift, units="points")
    ax.plot([left, left, right, right], ends, color=color, linewidth=0.6, transform=over)
    middle, centered = ((left + right) / 2, level), {"color": color, "ha": "center"}
    gain = f"{format_signed(100 * row['gain_mean'], 1)}{unit}"
    write_beside(ax, gain, middle, (0, lift + 10.5), weight=weight, **centered)
    write_beside(ax, format_p(row["p_holm"]), middle, (0, lift + 3.0), **centered)


def draw_controls(table: pd.DataFrame) -> Figure:
    """Draw the OOD gain of HCE when its cause is there, when it is removed, and reversed."""
    present = set(table["condition"])
    colors = {name: color for name, color in CONDITION_COLORS.items() if name in present}
    names = {name: text for name, text in CONDITION_NAMES.items() if name in present}
    key = color_handles(names, colors)
    title = "OOD gain over CE, and its controls"
    note = explain_bars(table["n_seeds"])
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, key, note=note)
    ax = fig.subplots()
    first = table.drop_duplicates(["architecture", "condition"])
    counts = first.groupby("architecture", sort=False)["n_seeds"].agg(list)
    by = ("architecture", list(counts.index)), ("condition", colors)
    bars = draw_bars(ax, table, "gain", *by)
    for bar in bars.dropna().itertuples():
        write_beyond(ax, bar.x, bar.end, format_signed(bar.mean, 1))
    scale_gains(ax, bars["end"])
    ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.spines["bottom"].set_visible(False)
    label_architectures(ax, counts)
    return fig
