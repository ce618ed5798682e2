"""The OOD gain of a user's own losses over CE, beside that of HCE."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from hce.compare import is_significant, paired_differences
from hce.figures.bars import (
    color_handles,
    draw_bars,
    explain_bars,
    label_architectures,
    pale,
    scale_gains,
    write_beyond,
    write_upright,
)
from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    LOSS_COLORS,
    OTHER_COLORS,
    format_p,
    format_signed,
    new_figure,
)
from hce.names import LOSS_NAMES

HEIGHT_MM = 68.0


def own_loss_gains(tests: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """OOD macro F1 of each run minus that of CE with the same seed, for HCE and the own losses.

    Parameters
    ----------
    tests, runs
        What `hce.statistics.tables` gives: `own_loss_table` and `overall_runs`.

    Returns
    -------
    pandas.DataFrame
        loss (HCE first), architecture, seed, gain, n_seeds (pairs), p_holm (against CE, within the
        family of the own losses; NaN for HCE). A loss without a pair of runs has one row without.
    """
    ood = {"split": "ood", "labels": "all"}
    runs = runs[(runs[list(ood)] == ood.values()).all(axis=1)]
    tests = tests[(tests[list(ood)] == ood.values()).all(axis=1) & (tests["baseline"] == "ce")]
    keys = ["architecture", "loss"]
    losses = ["hce", *dict.fromkeys(tests["loss"])]
    pairs = [
        paired_differences(runs, ["architecture", "seed"], "macro_f1", "gain", loss).assign(
            loss=loss
        )
        for loss in losses
    ]
    every = pd.MultiIndex.from_product([runs["architecture"].unique(), losses], names=keys)
    table = every.to_frame(index=False).merge(pd.concat(pairs), on=keys, how="left")
    table["n_seeds"] = table.groupby(keys)["gain"].transform("count")
    return table.merge(tests[[*keys, "p_holm"]], on=keys, how="left")


def draw_own_losses(table: pd.DataFrame) -> Figure:
    """Draw a bar a loss and architecture: mean gain over CE, its runs, and P at the foot."""
    losses = list(dict.fromkeys(table["loss"]))
    own = [loss for loss in losses if loss not in LOSS_COLORS]
    colors = {loss: LOSS_COLORS[loss] for loss in losses if loss in LOSS_COLORS}
    colors |= {loss: OTHER_COLORS[place % len(OTHER_COLORS)] for place, loss in enumerate(own)}
    key = color_handles({loss: LOSS_NAMES.get(loss, loss) for loss in losses}, colors)
    note = explain_bars(table["n_seeds"], "P, own loss against CE, paired t-test (Holm)")
    title = "OOD gain over CE: HCE and own losses"
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, key, note=note)
    ax = fig.subplots()
    first = table.drop_duplicates(["architecture", "loss"])
    counts = first.groupby("architecture", sort=False)["n_seeds"].agg(list)
    bars = draw_bars(ax, table, "gain", ("architecture", list(counts.index)), ("loss", colors))
    scale_gains(ax, bars["end"])
    p_holm = first.set_index(["architecture", "loss"])["p_holm"]
    for bar in bars.dropna().itertuples():
        p = p_holm[bar.group, bar.color]
        star, weight = ("*", "bold") if is_significant(p) else ("", "normal")
        write_beyond(ax, bar.x, bar.end, format_signed(bar.mean, 1) + star, weight)
        if bar.color in own:
            write_upright(ax, bar.x, format_p(p), INK, pale(colors[bar.color]))
    label_architectures(ax, counts)
    return fig
