"""F1 difference of each cell type, sorted, with the single runs (Fig. 2c, Supplementary Fig. 7)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch

from hce.compare import is_significant, paired_differences
from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    LOSS_COLORS,
    QUIET,
    TITLE_PT,
    Panel,
    dot_handle,
    draw_dots,
    format_seeds,
    name_upright,
    new_figure,
    short_cell_type,
    shorten,
    star_handle,
    text_width_mm,
    write_beside,
)
from hce.names import architecture_name


def cell_type_gains(
    tests: pd.DataFrame, runs: pd.DataFrame, architecture: str, split: str
) -> pd.DataFrame:
    """F1 difference HCE - CE of each cell type and run, largest mean first (Fig. 2c).

    Parameters
    ----------
    tests, runs
        Rows of per_cell_type.tsv and of per_cell_type_runs.tsv.
    architecture, split
        Which rows to take.

    Returns
    -------
    pandas.DataFrame
        One row a cell type and seed: rank (from 0), ontology_term_id, label, node_kind, seed,
        delta, delta_mean, p, p_holm, significant, n_seeds, architecture, data_source. Without a
        pair of runs one row, in which only the last two are filled.
    """
    test = tests[(tests["architecture"] == architecture) & (tests["split"] == split)]
    test = test.sort_values(["delta", "label"], ascending=[False, True]).reset_index(drop=True)
    test = test.assign(rank=test.index, delta_mean=test["delta"])
    of_runs = runs[(runs["architecture"] == architecture) & (runs["split"] == split)]
    differences = paired_differences(of_runs, ["ontology_term_id", "seed"], "f1", "delta")
    columns = ["rank", "ontology_term_id", "label", "node_kind", "delta_mean", "p", "p_holm"]
    table = test[columns].merge(differences, on="ontology_term_id", how="left")
    table["significant"] = is_significant(table["p_holm"])
    table["n_seeds"] = table.groupby("ontology_term_id")["seed"].transform("count")
    columns = [*columns[:4], "seed", "delta", *columns[4:], "significant", "n_seeds"]
    table = table.sort_values(["rank", "seed"])[columns]
    if table.empty:
        table = table.reindex([0])
    return table.assign(architecture=architecture, data_source=runs["data_source"].iloc[0])


PANEL_MM = 52.0
FRAME_MM = 16.0
NAME_MM = 56.0
PANEL_NAME_MM = 36.0
KIND_COLORS = {"internal": LOSS_COLORS["hce"], "leaf": "#9CC8E3"}
KIND_NAMES = {"internal": "internal node of the hierarchy", "leaf": "leaf"}


def draw_cell_types(table: pd.DataFrame, panel: Panel | None = None) -> Figure | SubFigure:
    """Draw a bar a cell type (mean of HCE - CE), the runs as dots, a star where significant.

    Architectures stand one below the other. A panel of a page has less room for the names.
    """
    name_mm = NAME_MM if panel is None else PANEL_NAME_MM
    architectures = list(dict.fromkeys(table["architecture"]))
    names = table["label"].dropna().map(short_cell_type)
    longest = min(max(map(text_width_mm, names), default=0), name_mm)
    height = FRAME_MM + (PANEL_MM + longest) * len(architectures)
    kinds = {k: name for k, name in KIND_NAMES.items() if (table["node_kind"] == k).any()}
    handles: list[Artist] = [Patch(color=KIND_COLORS[k], label=name) for k, name in kinds.items()]
    handles.append(dot_handle("run", "white", 2.6, INK))
    if np.isfinite(table["p"]).any():
        handles.append(star_handle("P < 0.05, paired t-test, Holm over the types"))
    title = "Change of F1 by HCE for each OOD cell type"
    fig = new_figure(DOUBLE_COLUMN_MM, height, title, handles, panel=panel)
    axes = fig.subplots(len(architectures), 1, squeeze=False)[:, 0]
    for ax, architecture in zip(axes, architectures, strict=True):
        part = table[table["architecture"] == architecture]
        _draw_architecture(ax, part, architecture, name_mm)
    return fig


def _draw_architecture(ax: Axes, table: pd.DataFrame, architecture: str, name_mm: float) -> None:
    name = architecture_name(architecture)
    runs = table.dropna(subset=["delta"])
    if runs.empty:
        ax.set_axis_off()
        message = f"No pair of CE and HCE runs of {name}."
        ax.text(0, 0.5, message, fontsize=TITLE_PT, color=QUIET)
        return
    types = runs.drop_duplicates("rank").sort_values("rank")
    seeds = format_seeds(sorted(set(types["n_seeds"]), reverse=True))
    tested = np.isfinite(types["p"]).any()
    ax.set_title(f"{name}, {seeds}" if tested else f"{name}, {seeds}: no test")
    colors = [KIND_COLORS.get(kind, QUIET) for kind in types["node_kind"]]
    ax.bar(types["rank"], types["delta_mean"], 0.78, color=colors)
    ax.axhline(0, color=INK, linewidth=0.6)
    draw_dots(ax, runs["rank"], runs["delta"], "white", size=1.7, edge=0.35, zorder=2)
    outermost = runs.groupby("rank")["delta"].agg(["min", "max"])
    for row in types[types["significant"].eq(True)].itertuples():
        rises = row.delta_mean >= 0
        end = outermost.at[row.rank, "max" if rises else "min"]
        offset = (0, -1.0 if rises else -6.5)
        write_beside(ax, "*", (row.rank, end), offset, size=TITLE_PT, ha="center", va="bottom")
    # room for the stars
    ax.margins(x=0, y=0.07)
    ax.set_xlim(-0.8, len(types) - 0.2)
    ax.set_ylabel("Δ F1 (HCE − CE)")
    ax.grid(axis="y")
    name_upright(ax, [shorten(short_cell_type(label), name_mm) for label in types["label"]])
    ax.spines["bottom"].set_visible(False)
