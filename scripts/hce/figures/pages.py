"""The figures of the paper on one page each, composed from the panels' own source data."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from hce.figures.atlas import draw_atlas, draw_ood_set, draw_split
from hce.figures.cell_types import draw_cell_types
from hce.figures.concept import draw_concept
from hce.figures.hierarchy import FOOTER_MM, HEADER_MM
from hce.figures.hierarchy_panels import OVERVIEW, draw_overview, overview_depth
from hce.figures.scores import draw_comparison, draw_id_scores, draw_ood_scores
from hce.figures.style import DOUBLE_COLUMN_MM, LINE_MM, MARGIN_MM, Panel, new_figure

# what draws a panel, from which tables, and its width in millimeters
Placed = tuple[Callable, tuple[pd.DataFrame, ...], float]
FOOT_MM = MARGIN_MM + LINE_MM
# than in Supplementary Figs. 2-4
LAYERS_CLOSER = 0.86


def draw_figure_1(
    atlas: pd.DataFrame,
    ood_set: pd.DataFrame,
    split: pd.DataFrame,
    id_scores: pd.DataFrame,
    ood_scores: pd.DataFrame,
) -> Figure:
    """Draw Fig. 1 on one page from the source data of its panels a to e."""
    third = DOUBLE_COLUMN_MM / 3
    last = [(draw_split, split), (draw_id_scores, id_scores), (draw_ood_scores, ood_scores)]
    rows: list[tuple[float, list[Placed]]] = [
        (57.0, [(draw_atlas, (atlas,), DOUBLE_COLUMN_MM)]),
        (62.0, [(draw_ood_set, (ood_set,), DOUBLE_COLUMN_MM)]),
        (66.0, [(draw, (table,), third) for draw, table in last]),
    ]
    return compose(rows)


def draw_figure_2(
    concept: pd.DataFrame,
    comparison: pd.DataFrame,
    cell_types: pd.DataFrame,
    nodes: pd.DataFrame,
    edges: pd.DataFrame,
) -> Figure:
    """Draw Fig. 2 on one page from the source data of its panels a to c and of Supp. Fig. 3.

    Panel d is the overview of the hierarchy: with the names of all types it is a page of its own.
    """
    depth = LAYERS_CLOSER * overview_depth(nodes[nodes["view"] == OVERVIEW])
    first: list[Placed] = [
        (draw_concept, (concept,), 121.0),
        (draw_comparison, (comparison,), 59.0),
    ]
    rows: list[tuple[float, list[Placed]]] = [
        (59.0, first),
        (88.0, [(draw_cell_types, (cell_types,), DOUBLE_COLUMN_MM)]),
        (HEADER_MM + depth + FOOTER_MM, [(draw_overview, (nodes, edges), DOUBLE_COLUMN_MM)]),
    ]
    return compose(rows)


def compose(rows: list[tuple[float, list[Placed]]]) -> Figure:
    """Draw panels in rows, each with its letter.

    Parameters
    ----------
    rows
        Height in millimeters of each row, and its panels from left to right.

    Returns
    -------
    matplotlib.figure.Figure
        A page as high as its rows and a line for the stamp. Axes stand as in a figure of the
        panel's size: constrained layout knows no frame within a part of a figure.
    """
    heights = [height for height, _ in rows]
    page = new_figure(DOUBLE_COLUMN_MM, sum(heights) + FOOT_MM, "")
    page.set_layout_engine("none")
    letters = iter("abcdefgh")
    parts = page.subfigures(len(rows) + 1, 1, height_ratios=[*heights, FOOT_MM])
    for part, (height, placed) in zip(parts[:-1], rows, strict=True):
        widths = [width for _, _, width in placed]
        fields = part.subfigures(1, len(placed), width_ratios=widths, squeeze=False)[0]
        for field, (draw, tables, width) in zip(fields, placed, strict=True):
            letter = next(letters)
            alone = draw(*tables, panel=Panel(letter, width, height))
            alone.draw_without_rendering()
            within = draw(*tables, panel=Panel(letter, width, height, field))
            for ax, solved in zip(within.axes, alone.axes, strict=True):
                ax.set_position(solved.get_position(original=True))
    return page
