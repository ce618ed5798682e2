"""Macro F1 of whole runs: Fig. 1d, 1e and 2b, and the controls of the simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from hce.compare import is_significant, paired_differences
from hce.figures.bars import (
    FILL_ALPHA,
    draw_bar,
    footnote,
    has_runs,
    label_architectures,
    scale_gains,
    score_figure,
    write_beyond,
)
from hce.figures.style import (
    ARCHITECTURE_COLORS,
    ID_LEVEL_COLOR,
    INK,
    LOSS_COLORS,
    QUIET,
    SMALL_PT,
    format_p,
    format_seeds,
    format_signed,
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
        The same table of the run in which every study annotates as finely as it can.

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


BAR_WIDTH, PAIR_WIDTH, CONTROL_WIDTH = 0.56, 0.34, 0.25
# where the bars of a pair stand
OFFSETS = {"ce": -0.2, "hce": 0.2}
# color and name of each condition, and where its bar stands
CONDITIONS = {
    "main": (LOSS_COLORS["hce"], "HCE", -0.3),
    "finest": ("#56B4E9", "HCE, finest annotation", 0.0),
    "permuted": (LOSS_COLORS["hce_permuted"], "HCE, R permuted", 0.3),
}


def draw_id_scores(table: pd.DataFrame) -> Figure:
    """Draw Fig. 1d: macro F1 on held-out donors (in distribution), cross-entropy."""
    return _draw_scores(table, "In distribution: held-out donors (CE)")[0]


def draw_ood_scores(table: pd.DataFrame) -> Figure:
    """Draw Fig. 1e: macro F1 on new studies, cross-entropy, and how far it is from the ID level."""
    fig, ax = _draw_scores(table, "Out of distribution: new studies (CE)")
    dashed = {"color": ID_LEVEL_COLOR, "linewidth": 1.2, "linestyle": (0, (3, 2))}
    for place, row in enumerate(table.drop_duplicates("architecture").itertuples()):
        mean, level = 100 * row.mean, 100 * row.id_mean
        if np.isfinite(level):
            ax.plot([place - 0.4, place + 0.4], [level, level], **dashed)
        if np.isfinite(mean - level):
            write_beyond(ax, place, level, f"{format_signed(mean - level, 1)} points")
    key = {"transform": ax.transAxes, "fontsize": SMALL_PT, "color": ID_LEVEL_COLOR}
    ax.text(0.0, 1.04, "– –  ID level", **key)
    return fig


def _draw_scores(table: pd.DataFrame, title: str) -> tuple[Figure, Axes]:
    """The mean of each architecture as a bar with its number, the runs as dots."""
    fig, ax = score_figure(title)
    counts = table.drop_duplicates("architecture").set_index("architecture")["n_seeds"]
    for place, architecture in enumerate(counts.index):
        rows = table[table["architecture"] == architecture]
        color = ARCHITECTURE_COLORS.get(architecture, QUIET)
        top = draw_bar(ax, place, rows, BAR_WIDTH, color)
        if has_runs(rows):
            write_beyond(ax, place, top, f"{100 * rows['mean'].iloc[0]:.1f}")
    label_architectures(ax, counts.index.tolist(), [format_seeds([n]) for n in counts])
    footnote(fig, counts.tolist(), "")
    return fig, ax


def draw_comparison(table: pd.DataFrame) -> Figure:
    """Draw Fig. 2b: OOD macro F1 with cross-entropy and with hierarchical cross-entropy."""
    fig, ax = score_figure("Out of distribution: new studies")
    architectures = list(dict.fromkeys(table["architecture"]))
    n_text = []
    for place, architecture in enumerate(architectures):
        rows = table[table["architecture"] == architecture]
        tops = [
            draw_bar(ax, place + offset, rows[rows["loss"] == loss], PAIR_WIDTH, LOSS_COLORS[loss])
            for loss, offset in OFFSETS.items()
        ]
        if has_runs(rows):
            _write_means(ax, place, rows)
            _write_gain(ax, place, tops, rows.iloc[0])
        n_text.append(format_seeds(rows.drop_duplicates("loss")["n_seeds"]))
    label_architectures(ax, architectures, n_text)
    _draw_legend(ax, {LOSS_NAMES[loss]: LOSS_COLORS[loss] for loss in LOSSES}, 1.2)
    footnote(fig, list(table["n_seeds"]), "P, paired t-test (Holm)")
    return fig


def _write_gain(ax: Axes, place: int, tops: list[float], row: pd.Series) -> None:
    """Write the gain and its adjusted p over a bracket that spans the two bars."""
    left, right, level = place + OFFSETS["ce"], place + OFFSETS["hce"], max(tops) + 4
    if not np.isfinite(row["gain_mean"]):
        return
    color, weight = (INK, "bold") if is_significant(row["p_holm"]) else (QUIET, "normal")
    ends = [tops[0] + 1.5, level, level, tops[1] + 1.5]
    ax.plot([left, left, right, right], ends, color=color, linewidth=0.6)
    gain = f"{format_signed(100 * row['gain_mean'], 1)} points"
    centered = {"color": color, "ha": "center", "va": "bottom"}
    write_beside(ax, gain, (place, level), (0, 9.5), weight=weight, **centered)
    write_beside(ax, format_p(row["p_holm"]), (place, level), (0, 2.0), **centered)


def _write_means(ax: Axes, place: int, rows: pd.DataFrame) -> None:
    """Write each mean into the foot of its bar, where no dot can hide it."""
    for loss, offset in OFFSETS.items():
        mean = rows.loc[rows["loss"] == loss, "mean"].iloc[0]
        if np.isfinite(mean):
            ax.text(place + offset, 2, f"{100 * mean:.1f}", fontsize=SMALL_PT, ha="center")


def draw_controls(table: pd.DataFrame) -> Figure:
    """Draw the OOD gain of HCE when its cause is there, when it is removed, and reversed."""
    fig, ax = score_figure("OOD gain over CE, and its controls")
    architectures = list(dict.fromkeys(table["architecture"]))
    n_text, ends = [], [0.0]
    for place, architecture in enumerate(architectures):
        rows = table[table["architecture"] == architecture]
        for condition, (color, _, offset) in CONDITIONS.items():
            part = rows[rows["condition"] == condition]
            end = draw_bar(ax, place + offset, part, CONTROL_WIDTH, color, "gain")
            if has_runs(part, "gain"):
                mean = 100 * part["mean"].iloc[0]
                write_beyond(ax, place + offset, end, format_signed(mean, 1))
            ends.append(end)
        n_text.append(format_seeds(rows.drop_duplicates("condition")["n_seeds"]))
    scale_gains(ax, ends)
    ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.spines["bottom"].set_visible(False)
    label_architectures(ax, architectures, n_text)
    _draw_legend(ax, {name: color for color, name, _ in CONDITIONS.values()}, 1)
    footnote(fig, list(table["n_seeds"]), "")
    return fig


def _draw_legend(ax: Axes, colors: dict[str, str], spacing: float) -> None:
    """Name the colors of the bars over the axes, on the right."""
    ax.legend(
        handles=[Patch(facecolor=c, alpha=FILL_ALPHA, label=name) for name, c in colors.items()],
        ncols=len(colors),
        loc="lower right",
        bbox_to_anchor=(1.01, 1.0),
        borderpad=0,
        handlelength=spacing,
        columnspacing=spacing,
    )
