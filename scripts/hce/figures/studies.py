"""CE and HCE in each OOD study, one panel an architecture (Supplementary Fig. 1)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hce.compare import is_significant
from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    LOSS_COLORS,
    QUIET,
    STRIPE,
    TITLE_PT,
    format_count,
    name_upright,
    new_figure,
    shorten_apart,
    star_handle,
    text_width_mm,
    write_beside,
)
from hce.names import LOSS_NAMES, LOSSES, architecture_name, known_architectures, sort_as_known


def study_scores(tests: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Macro F1 of every run in each OOD study, with the test of each architecture and study.

    Parameters
    ----------
    tests, runs
        Rows of per_study.tsv and of per_study_runs.tsv.

    Returns
    -------
    pandas.DataFrame
        One row an architecture, study, loss and seed: rank (from 0, the largest mean difference
        over the architectures first), dataset_id, study (its name), n_cells, n_labels, loss, seed,
        f1, mean (of the loss's runs), delta, p_holm, significant, n_seeds (pairs), note,
        architecture, data_source.
        What did not run (an architecture, a study of one) has one row without f1.
    """
    tests, runs = tests[tests["split"] == "ood"], runs[runs["split"] == "ood"]
    facts = runs.drop_duplicates("dataset_id").set_index("dataset_id")
    facts = facts[["study", "support", "n_labels"]].rename(columns={"support": "n_cells"})
    mean_delta = tests.groupby("dataset_id")["delta"].mean().reindex(facts.index)
    order = mean_delta.sort_values(ascending=False, kind="stable", na_position="last").index
    ranks = pd.DataFrame({"dataset_id": order, "rank": range(len(order))})
    ranks = ranks.join(facts, on="dataset_id")
    architectures = pd.DataFrame({"architecture": known_architectures(runs["architecture"])})
    every = ranks.merge(architectures, how="cross")
    keys = ["architecture", "dataset_id"]
    columns = [*keys, "delta", "p_holm", "n_seeds", "note"]
    table = every.merge(tests[columns], on=keys, how="left")
    scores = runs[runs["loss"].isin(LOSSES)][[*keys, "loss", "seed", "f1"]]
    scores["mean"] = scores.groupby([*keys, "loss"])["f1"].transform("mean")
    table = table.merge(scores, on=keys, how="left")
    table["significant"] = is_significant(table["p_holm"])
    table["n_seeds"] = table["n_seeds"].fillna(0).astype(int)
    table = sort_as_known(table, ["architecture", "rank", "loss", "seed"])
    return table.assign(data_source=runs["data_source"].iloc[0])


PANEL_MM = 44.0
FRAME_MM = 22.0
NAME_MM = 55.0


def draw_studies(table: pd.DataFrame) -> Figure:
    """Draw Supplementary Fig. 1: runs as dots, means as lines, a star where one is significant."""
    studies = table.drop_duplicates("rank").sort_values("rank")
    names = [
        f"{name} ({format_count(cells)})"
        for name, cells in zip(
            shorten_apart(studies["study"], NAME_MM), studies["n_cells"], strict=True
        )
    ]
    architectures = list(dict.fromkeys(table["architecture"]))
    height = FRAME_MM + PANEL_MM * len(architectures) + max(map(text_width_mm, names))
    title = f"Macro F1 in each of {len(studies)} new studies (their cells in parentheses)"
    marker = {"marker": "o", "markersize": 2.6, "markeredgecolor": INK, "markeredgewidth": 0.3}
    handles = [
        Line2D([], [], color=LOSS_COLORS[k], label=f"{LOSS_NAMES[k]} run, line at mean", **marker)
        for k in LOSSES
    ]
    if table["p_holm"].notna().any():
        handles.append(star_handle("P < 0.05, paired t-test over seeds, Holm over the studies"))
    fig = new_figure(DOUBLE_COLUMN_MM, height, title, handles)
    axes = fig.subplots(len(architectures), 1, sharex=True, squeeze=False)[:, 0]
    for ax, architecture in zip(axes, architectures, strict=True):
        part = table[table["architecture"] == architecture]
        _draw_panel(ax, part, len(studies))
        ax.set_title(_headline(architecture, part))
    name_upright(axes[-1], names)
    return fig


def _draw_panel(ax: Axes, part: pd.DataFrame, n_studies: int) -> None:
    for place in range(0, n_studies, 2):
        ax.axvspan(place - 0.5, place + 0.5, color=STRIPE, linewidth=0, zorder=-2)
    if part["f1"].notna().any():
        _draw_runs(ax, part.assign(f1=100 * part["f1"]), n_studies)
        _mark(ax, part)
    # room for the stars over the best scores, also over 100
    ax.set(xlim=(-0.6, n_studies - 0.4), ylim=(0, 116), yticks=range(0, 101, 20), xlabel="")
    ax.set_ylabel("Macro F1 (%)")
    ax.tick_params(axis="x", length=0)
    ax.grid(axis="y")


def _draw_runs(ax: Axes, percent: pd.DataFrame, n_studies: int) -> None:
    import seaborn as sns  # a second, which the tables do not need

    by = {"x": "rank", "y": "f1", "order": range(n_studies), "hue": "loss", "legend": False}
    by |= {"hue_order": LOSSES, "palette": {loss: LOSS_COLORS[loss] for loss in LOSSES}, "ax": ax}
    line = {"linestyle": "none", "marker": "_", "markersize": 6, "markeredgewidth": 1.4}
    sns.stripplot(percent, **by, dodge=True, jitter=False, size=2.4, linewidth=0.3, edgecolor=INK)
    # where stripplot puts the dots of two colors
    sns.pointplot(percent, **by, dodge=0.4, errorbar=None, **line)


def _mark(ax: Axes, part: pd.DataFrame) -> None:
    """A star over each significant difference; a note where an architecture lacks a study."""
    for rank, rows in part.groupby("rank"):
        row = rows.iloc[0]
        if pd.isna(row["delta"]):
            ax.text(rank, 4, "no pair", rotation=90, color=QUIET, ha="center")
        elif row["significant"]:
            star = "*" if row["delta"] > 0 else "* CE"
            top = (rank, 100 * rows["f1"].max())
            write_beside(ax, star, top, (0, -1), size=TITLE_PT, ha="center", va="bottom")


def _headline(architecture: str, part: pd.DataFrame) -> str:
    """How many studies gain, in words; or why nothing is tested."""
    name = architecture_name(architecture)
    studies = part.drop_duplicates("rank")
    paired = studies["delta"].notna()
    if not part["f1"].notna().any():
        return f"{name}: not run"
    if not paired.any():
        return f"{name}: no pair of CE and HCE runs"
    n_seeds = int(studies.loc[paired, "n_seeds"].max())
    better = int((studies["delta"] > 0).sum())
    of = f"of {paired.sum()} studies"
    if not studies["p_holm"].notna().any():
        return f"{name}: HCE better in {better} {of}; n = {n_seeds}: no test"
    up = int((studies["significant"] & (studies["delta"] > 0)).sum())
    down = int((studies["significant"] & (studies["delta"] < 0)).sum())
    untested = int(paired.sum() - studies["p_holm"].notna().sum())
    rest = f", {untested} without variation not tested" if untested else ""
    return (
        f"{name}: significant gain in {up} {of}, significant loss in {down}{rest} "
        f"(higher mean in {better}); n = {n_seeds}"
    )
