"""Macro F1 of whole runs: Fig. 1d, 1e and 2b, and the controls of the simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hce.compare import is_significant, paired_differences
from hce.figures.bars import (
    color_handles,
    draw_bars,
    explain_bars,
    label_architectures,
    scale_gains,
    write_beyond,
)
from hce.figures.style import (
    ARCHITECTURE_COLORS,
    ID_LEVEL_COLOR,
    INK,
    LOSS_COLORS,
    QUIET,
    SINGLE_COLUMN_MM,
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
        architecture, seed, macro_f1, mean, sd (NaN for one run), n_seeds, n_labels, n_cells,
        data_source. An architecture without a run has one row with n_seeds = 0.
    """
    keys = {"loss": loss, "split": split, "labels": labels}
    chosen = runs[np.logical_and.reduce([runs[key] == value for key, value in keys.items()])]
    parts = [
        _summarized(chosen.sort_values("seed"), architecture, "macro_f1")
        for architecture in known_architectures(runs["architecture"])
    ]
    columns = ["architecture", "seed", "macro_f1", "mean", "sd", "n_seeds", "n_labels", "n_cells"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    return table.assign(data_source=runs["data_source"].iloc[0])


def _summarized(runs: pd.DataFrame, architecture: str, value: str) -> pd.DataFrame:
    """The runs of an architecture with mean, sd and n_seeds; one empty row if there is none."""
    part = runs[runs["architecture"] == architecture]
    values = part[value]
    if part.empty:
        part = pd.DataFrame({"architecture": [architecture]})
    return part.assign(mean=values.mean(), sd=values.std(ddof=1), n_seeds=len(values))


def with_id_level(ood: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Add to the OOD scores the mean ID score of each architecture (column id_mean)."""
    level = test.drop_duplicates("architecture").set_index("architecture")["mean"]
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


def control_gains(main: pd.DataFrame, finest: pd.DataFrame) -> pd.DataFrame:
    """OOD macro F1 minus that of CE with the same seed, for HCE and its two controls.

    Parameters
    ----------
    main
        Rows of macro_f1_runs.tsv of the main run; rows with the loss `hce_permuted` (HCE with the
        labels of R permuted) are the control of the hierarchy.
    finest
        The same table of the run in which every collection annotates as finely as it can.

    Returns
    -------
    pandas.DataFrame
        condition (`main`, `finest`, `permuted`), architecture, seed, gain, mean, sd (NaN for one
        run), n_seeds, data_source. A condition without a pair of runs has one row with n_seeds = 0.

    Raises
    ------
    ValueError
        If the two tables are of different data sources.
    """
    sources = sorted(set(main["data_source"]) | set(finest["data_source"]))
    if len(sources) != 1:
        raise ValueError(
            f"main and finest run have the data sources {sources}; compare runs of one kind"
        )
    parts = []
    for condition, (runs, loss) in {
        "main": (main, "hce"),
        "finest": (finest, "hce"),
        "permuted": (main, "hce_permuted"),
    }.items():
        ood = runs[(runs["split"] == "ood") & (runs["labels"] == "all")]
        found = paired_differences(ood, ["architecture", "seed"], "macro_f1", "gain", loss)
        for architecture in known_architectures(pd.concat([main, finest])["architecture"]):
            part = _summarized(found, architecture, "gain")
            parts.append(part.assign(condition=condition))
    columns = ["condition", "architecture", "seed", "gain", "mean", "sd", "n_seeds"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    return table.assign(data_source=sources[0])


HEIGHT_MM = 68.0
# color and name of each condition
CONDITION_COLORS = {
    "main": LOSS_COLORS["hce"],
    "finest": "#56B4E9",
    "permuted": LOSS_COLORS["hce_permuted"],
}
CONDITION_NAMES = {
    "main": "HCE",
    "finest": "HCE, finest annotation",
    "permuted": "HCE, R permuted",
}


def draw_id_scores(table: pd.DataFrame) -> Figure:
    """Draw Fig. 1d: macro F1 on held-out donors (in distribution), cross-entropy."""
    row = "not run"
    if table["n_labels"].notna().any():
        row = f"mean over the {table['n_labels'].max():.0f} cell types of the OOD set"
    return _draw_scores(table, "In distribution: held-out donors (CE)", row)[0]


def draw_ood_scores(table: pd.DataFrame) -> Figure:
    """Draw Fig. 1e: macro F1 on new studies, cross-entropy, and how far it is from the ID level."""
    dashed = {"color": ID_LEVEL_COLOR, "linewidth": 1.2, "linestyle": (0, (3, 2))}
    key = [Line2D([], [], label="ID level", **dashed)]
    fig, bars = _draw_scores(table, "Out of distribution: new studies (CE)", key)
    levels = 100 * table.drop_duplicates("architecture")["id_mean"]
    for bar, level in zip(bars.itertuples(), levels, strict=True):
        fig.axes[0].plot([bar.x - 0.4, bar.x + 0.4], [level, level], **dashed)
        if np.isfinite(bar.mean - level):
            drop = f"{format_signed(bar.mean - level, 1)} points"
            write_beyond(fig.axes[0], bar.x, level, drop)
    return fig


def _draw_scores(
    table: pd.DataFrame, title: str, row: str | list[Line2D]
) -> tuple[Figure, pd.DataFrame]:
    """The mean of each architecture as a bar with its number, the runs as dots."""
    counts = table.groupby("architecture", sort=False)["n_seeds"].first()
    fig, ax = _score_axes(title, row, note=explain_bars(counts))
    colors = {name: ARCHITECTURE_COLORS.get(name, QUIET) for name in counts.index}
    by = ("architecture", list(counts.index)), ("architecture", colors)
    bars = draw_bars(ax, table, "macro_f1", *by)
    for bar in bars.dropna().itertuples():
        write_beyond(ax, bar.x, bar.end, f"{bar.mean:.1f}")
    label_architectures(ax, counts)
    return fig, bars


def _score_axes(title: str, row: str | list[Artist], note: str) -> tuple[Figure, Axes]:
    """Single-column figure with axes for macro F1 in percent."""
    fig = new_figure(SINGLE_COLUMN_MM, HEIGHT_MM, title, row, note=note)
    ax = fig.subplots()
    ax.set(ylim=(0, 100), yticks=range(0, 101, 20))
    ax.set_ylabel("Macro F1 (%)")
    return fig, ax


def draw_comparison(table: pd.DataFrame) -> Figure:
    """Draw Fig. 2b: OOD macro F1 with cross-entropy and with hierarchical cross-entropy."""
    colors = {loss: LOSS_COLORS[loss] for loss in LOSSES}
    key = color_handles({loss: LOSS_NAMES[loss] for loss in LOSSES}, colors)
    note = explain_bars(table["n_seeds"], "P, paired t-test (Holm)")
    fig, ax = _score_axes("Out of distribution: new studies", key, note)
    first = table.drop_duplicates(["architecture", "loss"])
    counts = first.groupby("architecture", sort=False)["n_seeds"].agg(list)
    by = ("architecture", list(counts.index)), ("loss", colors)
    bars = draw_bars(ax, table, "macro_f1", *by)
    for bar in bars.dropna().itertuples():
        # in the foot of the bar, where no dot can hide it
        ax.text(bar.x, 2, f"{bar.mean:.1f}", ha="center")
    tests = first.drop_duplicates("architecture").set_index("architecture")
    for architecture, pair in bars.groupby("group"):
        _write_gain(ax, pair, tests.loc[architecture])
    label_architectures(ax, counts)
    return fig


def _write_gain(ax: Axes, pair: pd.DataFrame, row: pd.Series) -> None:
    """Write the gain and its adjusted p over a bracket that spans the two bars."""
    if not np.isfinite(row["gain_mean"]):
        return
    (left, right), tops = pair["x"], pair["end"].tolist()
    level = max(tops) + 4
    color, weight = (INK, "bold") if is_significant(row["p_holm"]) else (QUIET, "normal")
    ends = [tops[0] + 1.5, level, level, tops[1] + 1.5]
    ax.plot([left, left, right, right], ends, color=color, linewidth=0.6)
    middle, centered = ((left + right) / 2, level), {"color": color, "ha": "center"}
    gain = f"{format_signed(100 * row['gain_mean'], 1)} points"
    write_beside(ax, gain, middle, (0, 10.5), weight=weight, **centered)
    write_beside(ax, format_p(row["p_holm"]), middle, (0, 3.0), **centered)


def draw_controls(table: pd.DataFrame) -> Figure:
    """Draw the OOD gain of HCE when its cause is there, when it is removed, and reversed."""
    key = color_handles(CONDITION_NAMES, CONDITION_COLORS)
    title = "OOD gain over CE, and its controls"
    note = explain_bars(table["n_seeds"])
    fig = new_figure(SINGLE_COLUMN_MM, HEIGHT_MM, title, key, note=note)
    ax = fig.subplots()
    first = table.drop_duplicates(["architecture", "condition"])
    counts = first.groupby("architecture", sort=False)["n_seeds"].agg(list)
    by = ("architecture", list(counts.index)), ("condition", CONDITION_COLORS)
    bars = draw_bars(ax, table, "gain", *by)
    for bar in bars.dropna().itertuples():
        write_beyond(ax, bar.x, bar.end, format_signed(bar.mean, 1))
    scale_gains(ax, bars["end"])
    ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.spines["bottom"].set_visible(False)
    label_architectures(ax, counts)
    return fig
