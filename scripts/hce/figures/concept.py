"""How cross-entropy and hierarchical cross-entropy see one prediction (Fig. 2a).

The paper's example is a T cell. Where that is no class, the run's own deepest chain takes its part.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    ILLUSTRATION,
    INK,
    LOSS_COLORS,
    QUIET,
    RULE,
    TEXT_PT,
    Panel,
    new_figure,
    short_cell_type,
    shorten,
    write_beside,
)
from hce.ontology import direct_parents

EPS = 1e-6
EXAMPLE_LABEL = "CL:0000084"
# the probabilities of the paper's Fig. 2a: a cell that is a T cell for sure, of which kind is not
EXAMPLE_PROBABILITIES = {
    "CL:0000542": 0.1,  # lymphocyte
    "CL:0000236": 0.1,  # B cell
    "CL:0000084": 0.2,  # T cell
    "CL:0000789": 0.1,  # alpha-beta T cell
    "CL:0000798": 0.5,  # gamma-delta T cell
    "CL:0000540": 0.0,  # neuron
    "CL:0000235": 0.0,  # macrophage
}
# the same parts in another hierarchy: root, its other child, label, another child of it, its
# deepest child, and two types apart
PARTS = tuple(EXAMPLE_PROBABILITIES.values())


def concept_table(
    cell_types: pd.DataFrame, reachability: NDArray[np.bool_], term_ids: Sequence[str]
) -> pd.DataFrame:
    """Compute s = R p and both losses for the example.

    Of a run that lacks some of its types, p is the paper's as a share of what is left.

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
        One row a type of the example that the run has: ontology_term_id, label, is_target,
        parent_id (its nearest ancestor within the example, empty for none), p (their sum is 1), s,
        loss_ce = -log(p) and loss_hce = -log(s + 1e-6), both as if this type were the label,
        data_source. If no type of the run has a relative, one row without values.
    """
    position = {term_id: index for index, term_id in enumerate(term_ids)}
    label, probabilities = EXAMPLE_LABEL, EXAMPLE_PROBABILITIES
    if label not in position:
        label, probabilities = _own_example(reachability, term_ids)
    shown = [term_id for term_id in probabilities if term_id in position]
    rows = [position[term_id] for term_id in shown]
    matrix = reachability[np.ix_(rows, rows)]
    p = np.array([probabilities[term_id] for term_id in shown])
    # the paper's add up to 1 but for the last bit
    p = p if np.isclose(p.sum(), 1) else p / p.sum()
    s = matrix.astype(float) @ p
    names = cell_types.set_index("ontology_term_id")["label"]
    table = pd.DataFrame(
        {
            "ontology_term_id": shown,
            "label": [names[term_id] for term_id in shown],
            "is_target": [term_id == label for term_id in shown],
            "parent_id": _nearest_ancestors(matrix, shown),
            "p": p,
            "s": s,
            # infinite where p is 0
            "loss_ce": -np.log(p, out=np.full_like(p, -np.inf), where=p > 0),
            "loss_hce": -np.log(s + EPS),
        }
    )
    table = table if shown else table.reindex([0])
    return table.assign(data_source=ILLUSTRATION)


def _own_example(
    reachability: NDArray[np.bool_], term_ids: Sequence[str]
) -> tuple[str, dict[str, float]]:
    """The label and the probabilities of an example along the deepest chain of a hierarchy."""
    parents = direct_parents(reachability)
    graph = nx.DiGraph([(up, node) for node, ups in enumerate(parents) for up in ups])
    chain = nx.dag_longest_path(graph) if graph else []
    if not chain:
        return "", {}
    *upper, label, deepest = chain
    root = upper[-1] if upper else None
    aunts = sorted(set(graph.successors(root)) - {label}) if upper else []
    siblings = sorted(set(graph.successors(label)) - {deepest})
    chosen = [root, next(iter(aunts), None), label, next(iter(siblings), None), deepest]
    related = reachability | reachability.T
    for _ in range(2):
        taken = [node for node in chosen if node is not None]
        chosen.append(next(iter(np.flatnonzero(~related[taken].any(axis=0)).tolist()), None))
    parts = zip(chosen, PARTS, strict=True)
    return str(term_ids[label]), {str(term_ids[n]): p for n, p in parts if n is not None}


def _nearest_ancestors(matrix: NDArray[np.bool_], term_ids: list[str]) -> list[str]:
    """Of each type's ancestors the one with the fewest descendants, or an empty text."""
    n_descendants = matrix.sum(axis=1)
    nearest = []
    for column in range(len(term_ids)):
        ancestors = [row for row in np.flatnonzero(matrix[:, column]) if row != column]
        best = min(ancestors, key=lambda row: n_descendants[row], default=None)
        nearest.append("" if best is None else term_ids[best])
    return nearest


HEIGHT_MM = 70.0
# a panel, in units that are about a millimeter
PANEL = (84.0, 49.5)
BOX = (20.4, 7.4)
ROW_STEP, COLUMN_STEP = 15.0, 21.0
# what a panel shows: its heading, how it is computed, the color of its boxes
PANELS = {
    "p": ("CE: flat", "p: {} types share one unit of mass", LOSS_COLORS["ce"]),
    "s": ("HCE: mass moves up", "s = R p: a type and its descendants", LOSS_COLORS["hce"]),
}


def draw_concept(table: pd.DataFrame, panel: Panel | None = None) -> Figure | SubFigure:
    """Draw Fig. 2a: p of each type as cross-entropy has it, and s as HCE has it."""
    title = "One prediction, two losses"
    is_target = table["is_target"].eq(True)
    if not is_target.any():
        missing = "No type of this run has a relative among the others"
        return new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, missing, panel=panel)
    target = table[is_target].iloc[0]
    losses = {
        "p": f"−log p = {target['loss_ce']:.2f}",
        "s": f"−log(s + 10⁻⁶) = {target['loss_hce']:.2f}",
    }
    fig = new_figure(DOUBLE_COLUMN_MM, HEIGHT_MM, title, panel=panel)
    places = _places(table)
    for ax, (value, (heading, rule, color)) in zip(fig.subplots(1, 2), PANELS.items(), strict=True):
        ax.set(xlim=(0, PANEL[0]), ylim=(0, PANEL[1]))
        ax.set_axis_off()
        ax.set_title(heading, fontweight="bold", pad=14)
        write_beside(ax, rule.format(len(table)), (0, PANEL[1]), (0, 4), color=QUIET)
        for row in table.to_dict("records"):
            _draw_box(ax, row, places, value, color)
            if value == "s" and row["parent_id"] in places:
                _draw_arrow(ax, row, places)
        label = f"Loss for the label “{short_cell_type(target['label'])}”"
        ax.text(0, 4.3, label, color=QUIET)
        ax.text(0, 0, losses[value], fontsize=TEXT_PT, fontweight="bold")
    return fig


def _places(table: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Center of each type's box: a row a generation, parents over their children.

    Types without a relative share the last column, one below the other.
    """
    parent = dict(zip(table["ontology_term_id"], table["parent_id"].fillna(""), strict=True))
    places: dict[str, tuple[float, float]] = {}
    columns = itertools.count(BOX[0] / 2 + 0.4, COLUMN_STEP)
    top = PANEL[1] - 1.5 - BOX[1] / 2

    def place(term_id: str, y: float) -> float:
        below = [place(child, y - ROW_STEP) for child in parent if parent[child] == term_id]
        x = (min(below) + max(below)) / 2 if below else next(columns)
        places[term_id] = (x, y)
        return x

    alone = [term for term in parent if not parent[term] and term not in parent.values()]
    for term_id in parent:
        if not parent[term_id] and term_id not in alone:
            place(term_id, top)
    last = next(columns)
    return places | {term: (last, top - ROW_STEP * row) for row, term in enumerate(alone)}


def _draw_box(
    ax: Axes, row: dict, places: dict[str, tuple[float, float]], value: str, color: str
) -> None:
    """Draw a type as a box that is filled from the left as far as its value says."""
    (x, y), (width, height) = places[row["ontology_term_id"]], BOX
    corner = (x - width / 2, y - height / 2)
    ax.add_patch(Rectangle(corner, width * row[value], height, color=color, alpha=0.4, linewidth=0))
    edge, weight = (INK, 1.2) if row["is_target"] else (RULE, 0.6)
    ax.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=edge, linewidth=weight))
    name = shorten(short_cell_type(row["label"]), BOX[0] - 1)
    text = f"{name}\n{value} = {row[value]:.1f}"
    ax.text(x, y, text, ha="center", va="center")


def _draw_arrow(ax: Axes, row: dict, places: dict[str, tuple[float, float]]) -> None:
    """Draw an arrow from a type up to its parent, with the mass that it hands on."""
    (x, y), (up_x, up_y) = places[row["ontology_term_id"]], places[row["parent_id"]]
    # arrows of siblings end side by side and not in one point
    aside = np.clip((x - up_x) / 2, -BOX[0] / 3, BOX[0] / 3)
    start, end = (x, y + BOX[1] / 2), (up_x + aside, up_y - BOX[1] / 2 - 0.4)
    color, side = LOSS_COLORS["hce"], 1 if x > up_x else -1
    arrow = {"arrowstyle": "-|>", "mutation_scale": 6, "shrinkA": 0, "shrinkB": 0, "color": color}
    ax.annotate("", end, start, arrowprops=arrow | {"linewidth": 0.6 + 2.4 * row["s"]})
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    style = {"color": color, "ha": "left" if side > 0 else "right", "va": "center"}
    write_beside(ax, f"+{row['s']:.1f}", middle, (6 * side, 0), **style)
