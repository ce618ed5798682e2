"""How cross-entropy and hierarchical cross-entropy see one prediction: a T cell (Fig. 2a)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import NDArray

from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    LOSS_COLORS,
    QUIET,
    RULE,
    SMALL_PT,
    TEXT_PT,
    TITLE_PT,
    add_axes_mm,
    new_figure,
    short_cell_type,
    text_mm,
)

EPS = 1e-6
EXAMPLE_LABEL = "CL:0000084"
# Logits of a cell that some studies call "T cell" and others by a finer name. They are an
# illustration, chosen so that the model is sure of a T cell and unsure which; all else is computed.
EXAMPLE_LOGITS = {
    "CL:0000084": 0.2,  # T cell
    "CL:0000789": 0.0,  # alpha-beta T cell
    "CL:0000624": 2.0,  # CD4-positive, alpha-beta T cell
    "CL:0000625": 1.4,  # CD8-positive, alpha-beta T cell
    "CL:0000798": 0.6,  # gamma-delta T cell
    "CL:0000236": -0.6,  # B cell: outside the T-cell subtree, its mass stays
}


def concept_table(
    cell_types: pd.DataFrame, reachability: NDArray[np.bool_], term_ids: Sequence[str]
) -> pd.DataFrame:
    """Compute p = softmax(logits), s = R p and both losses for the example.

    Parameters
    ----------
    cell_types
        Rows of cell_types.tsv.
    reachability
        Bool C x C, R of the run.
    term_ids
        C term ids, the order of R.

    Returns
    -------
    pandas.DataFrame
        One row a type of the example that the run has: ontology_term_id, label, is_target, parent
        (its nearest ancestor within the example, empty for none), logit, p, s, loss_ce = -log(p)
        and loss_hce = -log(s + 1e-6), both as if this type were the label. If the run has none of
        the types, one row without values.
    """
    position = {term_id: index for index, term_id in enumerate(term_ids)}
    shown = [term_id for term_id in EXAMPLE_LOGITS if term_id in position]
    rows = [position[term_id] for term_id in shown]
    matrix = reachability[np.ix_(rows, rows)]
    logits = np.array([EXAMPLE_LOGITS[term_id] for term_id in shown])
    p = np.exp(logits) / np.exp(logits).sum()
    s = matrix.astype(float) @ p
    names = cell_types.set_index("ontology_term_id")["label"]
    table = pd.DataFrame(
        {
            "ontology_term_id": shown,
            "label": [names[term_id] for term_id in shown],
            "is_target": [term_id == EXAMPLE_LABEL for term_id in shown],
            "parent": _nearest_ancestors(matrix, shown),
            "logit": logits,
            "p": p,
            "s": s,
            "loss_ce": -np.log(p),
            "loss_hce": -np.log(s + EPS),
        }
    )
    return table if shown else table.reindex([0])


def _nearest_ancestors(matrix: NDArray[np.bool_], term_ids: list[str]) -> list[str]:
    """Of each type's ancestors the one with the fewest descendants, or an empty text."""
    n_descendants = matrix.sum(axis=1)
    nearest = []
    for column in range(len(term_ids)):
        ancestors = [row for row in np.flatnonzero(matrix[:, column]) if row != column]
        best = min(ancestors, key=lambda row: n_descendants[row], default=None)
        nearest.append("" if best is None else term_ids[best])
    return nearest


HEIGHT_MM = 68.0
PANEL_MM = 84.0
BOX_MM = (19.0, 7.4)
TOP_ROW_MM = 50.0
ROW_STEP_MM = 15.0
COLUMN_STEP_MM = 21.4
FILL_ALPHA = 0.4


def draw_concept(table: pd.DataFrame) -> Figure:
    """Draw Fig. 2a: p of each type as cross-entropy has it, and s as HCE has it."""
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM)
    ce, hce = "CE: flat", "HCE: mass moves up"
    left = add_axes_mm(fig, 3, 0, PANEL_MM, HEIGHT_MM)
    right = add_axes_mm(fig, 3 + PANEL_MM + 6, 0, PANEL_MM, HEIGHT_MM)
    for ax in (left, right):
        ax.set(xlim=(0, PANEL_MM), ylim=(0, HEIGHT_MM))
        ax.set_axis_off()
    is_target = table["is_target"].eq(True)
    if not is_target.any():
        text_mm(fig, 3, HEIGHT_MM / 2, "T cell is not among the cell types of this run", TEXT_PT)
        return fig
    target = table[is_target].iloc[0]
    places = _places(table)
    _heading(left, ce, f"p = softmax(logits): {len(table)} types share one unit of mass")
    _heading(right, hce, "s = R p: each type holds its own mass and that of its descendants")
    _draw_arrows(right, table, places)
    _draw_boxes(left, table, places, "p", LOSS_COLORS["ce"])
    _draw_boxes(right, table, places, "s", LOSS_COLORS["hce"])
    name = short_cell_type(target["label"])
    _loss(left, name, f"−log p = {target['loss_ce']:.2f}")
    _loss(right, name, f"−log(s + 10⁻⁶) = {target['loss_hce']:.2f}")
    return fig


def _places(table: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Center of each type's box in millimeters: a row a generation, parents over their children."""
    parent = dict(zip(table["ontology_term_id"], table["parent"].fillna(""), strict=True))
    places: dict[str, tuple[float, float]] = {}
    next_column = BOX_MM[0] / 2 + 0.5

    def place(term_id: str, generation: int) -> float:
        nonlocal next_column
        centers = [place(child, generation + 1) for child in parent if parent[child] == term_id]
        if not centers:
            centers = [next_column]
            next_column += COLUMN_STEP_MM
        x = (min(centers) + max(centers)) / 2
        places[term_id] = (x, TOP_ROW_MM - generation * ROW_STEP_MM)
        return x

    for term_id in parent:
        if not parent[term_id]:
            place(term_id, 0)
    return places


def _heading(ax: Axes, title: str, subtitle: str) -> None:
    ax.text(0, HEIGHT_MM - 4.5, title, fontsize=TITLE_PT, fontweight="bold")
    ax.text(0, HEIGHT_MM - 9, subtitle, fontsize=SMALL_PT, color=QUIET)


def _draw_boxes(
    ax: Axes,
    table: pd.DataFrame,
    places: dict[str, tuple[float, float]],
    value: str,
    color: str,
) -> None:
    """Draw each type as a box that is filled from the left as far as its value says."""
    width, height = BOX_MM
    for _, row in table.iterrows():
        x, y = places[row["ontology_term_id"]]
        corner = (x - width / 2, y - height / 2)
        ax.add_patch(Rectangle(corner, width, height, facecolor="white", edgecolor="none"))
        fill = Rectangle(corner, width * row[value], height, facecolor=color, alpha=FILL_ALPHA)
        fill.set_edgecolor("none")
        ax.add_patch(fill)
        edge, weight = (INK, 1.2) if row["is_target"] else (RULE, 0.6)
        outline = Rectangle(corner, width, height, fill=False, edgecolor=edge, linewidth=weight)
        ax.add_patch(outline)
        name = short_cell_type(row["label"])
        ax.text(x, y + 0.4, name, fontsize=SMALL_PT, ha="center", va="bottom")
        number = f"{value} = {row[value]:.3f}"
        ax.text(x, y - 0.2, number, fontsize=SMALL_PT, ha="center", va="top")


def _draw_arrows(ax: Axes, table: pd.DataFrame, places: dict[str, tuple[float, float]]) -> None:
    """Draw an arrow from each type up to its parent, with the mass that it hands on."""
    for _, row in table[table["parent"].notna() & (table["parent"] != "")].iterrows():
        x, y = places[row["ontology_term_id"]]
        up_x, up_y = places[row["parent"]]
        # arrows of siblings end side by side and not in one point
        aside = max(-BOX_MM[0] / 3, min(BOX_MM[0] / 3, (x - up_x) / 2))
        start, end = (x, y + BOX_MM[1] / 2), (up_x + aside, up_y - BOX_MM[1] / 2 - 0.4)
        arrow = FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=6,
            shrinkA=0,
            shrinkB=0,
            linewidth=0.6 + 2.4 * row["s"],
            color=LOSS_COLORS["hce"],
        )
        ax.add_patch(arrow)
        ax.text(
            (start[0] + end[0]) / 2 + (2.2 if x > up_x else -2.2),
            (start[1] + end[1]) / 2,
            f"+{row['s']:.3f}",
            fontsize=SMALL_PT,
            color=LOSS_COLORS["hce"],
            ha="left" if x > up_x else "right",
            va="center",
        )


def _loss(ax: Axes, name: str, formula: str) -> None:
    ax.text(0, 9.5, f"Loss for the label “{name}”", fontsize=SMALL_PT, color=QUIET)
    ax.text(0, 5.2, formula, fontsize=TEXT_PT, fontweight="bold")
