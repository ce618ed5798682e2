"""The hierarchy of the cell types with the F1 difference of each (Fig. 2d)."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.text import Annotation
from numpy.typing import ArrayLike

from hce.compare import is_significant
from hce.figures.layout import ISOLATED, OUTLINE, Page, classify_edges, lay_out
from hce.figures.style import (
    ABSENT,
    DOUBLE_COLUMN_MM,
    INK,
    QUIET,
    SMALL_PT,
    TEXT_PT,
    TITLE_PT,
    add_axes_mm,
    format_compact,
    format_signed,
    new_figure,
    short_cell_type,
    text_mm,
    wrap_label,
    write_beside,
)
from hce.names import architecture_name
from hce.ontology import depths

PAGE = Page()
# area of a node is proportional to its training cells; the smallest stay visible
LARGEST_DIAMETER_MM = 3.2
SMALLEST_DIAMETER_MM = 0.8
# the room beside a name for its symbol alone, and with "+0.12*"
SYMBOL_MM = 5.0
SYMBOL_AND_NUMBER_MM = 13.0


def ontology_nodes(
    cell_types: pd.DataFrame, tests: pd.DataFrame, architecture: str
) -> pd.DataFrame:
    """Every class with its place on the page, its size and its OOD difference (Fig. 2d).

    Parameters
    ----------
    cell_types, tests
        Rows of cell_types.tsv and of per_cell_type.tsv.
    architecture
        Whose differences to take.

    Returns
    -------
    pandas.DataFrame
        index (class index), ontology_term_id, label, text (the name as drawn), node_kind,
        n_cells_train, in_ood, delta (NaN if not among the OOD cells), p_holm, significant, block,
        layer, x_mm, y_mm, primary_parent, diameter_mm, architecture, data_source.
    """
    nodes = cell_types.set_index("index").rename(columns={"n_cells": "n_cells_train"})
    scale = LARGEST_DIAMETER_MM / np.sqrt(nodes["n_cells_train"].max())
    diameter = np.maximum(np.sqrt(nodes["n_cells_train"]) * scale, SMALLEST_DIAMETER_MM)
    graph = ontology_graph(cell_types)
    nodes["diameter_mm"] = diameter
    beside = np.where(nodes["in_ood"], SYMBOL_AND_NUMBER_MM, SYMBOL_MM)
    nodes = place_nodes(nodes, graph, PAGE, pd.Series(beside, nodes.index))
    test = tests[(tests["architecture"] == architecture) & (tests["split"] == "ood")]
    test = test.set_index("ontology_term_id")
    nodes["architecture"] = architecture
    for column in ("delta", "p_holm"):
        nodes[column] = nodes["ontology_term_id"].map(test[column])
    nodes["significant"] = is_significant(nodes["p_holm"])
    columns = ["ontology_term_id", "label", "text", "node_kind", "n_cells_train", "in_ood", "delta"]
    columns += ["p_holm", "significant", "block", "layer", "x_mm", "y_mm"]
    columns += ["primary_parent", "diameter_mm"]
    nodes = nodes[[*columns, "architecture"]].assign(data_source=tests["data_source"].iloc[0])
    return nodes.rename_axis("index").reset_index()


def ontology_edges(cell_types: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """The edges between the classes and how to draw them, with parents and children by index."""
    edges = classify_edges(ontology_graph(cell_types), nodes.set_index("index"), PAGE)
    return edges.assign(data_source=nodes["data_source"].iloc[0])


def ontology_graph(cell_types: pd.DataFrame) -> nx.DiGraph:
    """The hierarchy among the classes: nodes are class indices, edges parent -> child.

    Raises
    ------
    ValueError
        If a parent is not itself one of the classes.
    """
    index = dict(zip(cell_types["ontology_term_id"], cell_types["index"], strict=True))
    graph = nx.DiGraph()
    graph.add_nodes_from(cell_types["index"])
    for child, parents in zip(cell_types["index"], cell_types["parents"], strict=True):
        for parent in [] if pd.isna(parents) else str(parents).split("|"):
            if parent not in index:
                raise ValueError(f"cell_types.tsv: parent {parent} of class {child} is no class")
            graph.add_edge(index[parent], child)
    return graph


def place_nodes(
    nodes: pd.DataFrame, graph: nx.DiGraph, page: Page, beside: pd.Series | float
) -> pd.DataFrame:
    """Break the name of each node so that it ends, with its number, before its column; place all.

    Parameters
    ----------
    nodes
        label and diameter_mm of each node of the graph, by class index.
    graph
        Edges lead from parent to child.
    page
        The space to fill.
    beside
        Room in millimeters that a node needs beside its name.

    Returns
    -------
    pandas.DataFrame
        `nodes` with text (the name as drawn) and the columns of `lay_out`.
    """
    depth = pd.Series(depths(graph))[nodes.index]
    alone = [graph.degree(node) == 0 for node in nodes.index]
    width = page.column_width / np.where(alone, page.isolated_columns, 1)
    room = (width - depth * page.layer_step - beside) / page.character
    characters = np.maximum(room.astype(int), page.fewest_characters)
    names = nodes["label"].map(short_cell_type)
    text = [wrap_label(name, most) for name, most in zip(names, characters, strict=True)]
    nodes = nodes.assign(text=text)
    lines = nodes["text"].str.count("\n") + 1
    heights = np.maximum(lines * page.row, nodes["diameter_mm"] + page.node_gap)
    layout = lay_out(graph, heights.to_dict(), page)
    return nodes.drop(columns=layout.columns, errors="ignore").join(layout)


HEADER_MM = 13.0
FOOTER_MM = 5.0
EDGE_COLOR = "#A6A6A6"
SECOND_PARENT_COLOR = "#6C8EBF"
CORNER_MM = 0.9
LINE_MM = 2.3
# a bluish green and an orange red: apart also where red and green look alike
DIVERGING = LinearSegmentedColormap.from_list(
    "decline_improvement", ["#B2182B", "#EF8A62", "#FFFFFF", "#5AB4A0", "#00694F"]
)
GAIN_INK, LOSS_INK = "#00694F", "#B2182B"


def draw_ontology(nodes: pd.DataFrame, edges: pd.DataFrame) -> Figure:
    """Draw Fig. 2d, every class at its place: area ~ training cells, color = change of F1 by HCE.

    Parameters
    ----------
    nodes, edges
        Source data as made by `ontology_nodes` and `ontology_edges`.
    """
    depth = nodes["y_mm"].max() + 4
    height = HEADER_MM + depth + FOOTER_MM
    fig = new_figure(DOUBLE_COLUMN_MM, height)
    ax = add_axes_mm(fig, 0, FOOTER_MM, DOUBLE_COLUMN_MM, depth)
    ax.set(xlim=(0, DOUBLE_COLUMN_MM), ylim=(depth, 0))
    ax.set_axis_off()
    norm = normalize_differences(nodes["delta"])
    draw_edges(ax, edges, nodes.set_index("index"))
    draw_nodes(ax, nodes, norm)
    write_names(ax, nodes)
    _write_heading_of_isolated(ax, nodes)
    draw_header(fig, nodes, norm, height)
    return fig


def normalize_differences(delta: pd.Series) -> Normalize:
    """Colors from -v to v with v the largest difference, rounded up to a tenth."""
    largest = delta.abs().max() if delta.notna().any() else 0.1
    bound = max(np.ceil(largest * 10) / 10, 0.1)
    return Normalize(-bound, bound)


def draw_edges(ax: Axes, edges: pd.DataFrame, nodes: pd.DataFrame) -> None:
    """Draw the lines from parents to children, and in blue those to a second parent."""
    for edge in edges.itertuples():
        start = nodes.loc[edge.parent, ["x_mm", "y_mm"]].to_numpy(dtype=float)
        end = nodes.loc[edge.child, ["x_mm", "y_mm"]].to_numpy(dtype=float)
        if edge.kind == OUTLINE:
            path, color = _elbow(start, end), EDGE_COLOR
        else:
            path, color = _swing(start, end, edge.via_x_mm), SECOND_PARENT_COLOR
        ax.add_patch(PathPatch(path, fill=False, edgecolor=color, linewidth=0.6))


def _elbow(start: np.ndarray, end: np.ndarray) -> Path:
    """Down from the parent and, round the corner, right to the child."""
    corner = min(CORNER_MM, abs(end[0] - start[0]), abs(end[1] - start[1]))
    turn = [(start[0], end[1] - corner), (start[0], end[1]), (start[0] + corner, end[1])]
    return Path(
        [start, *turn, end], [Path.MOVETO, Path.LINETO, Path.CURVE3, Path.CURVE3, Path.LINETO]
    )


def _swing(start: np.ndarray, end: np.ndarray, via: float) -> Path:
    """Out to the left of everything between the two, and back."""
    # a cubic Bezier curve reaches three quarters of the way to its control points
    reach = min(start[0], end[0]) - (min(start[0], end[0]) - via) / 0.75
    points = [start, (reach, start[1]), (reach, end[1]), end]
    return Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])


def draw_nodes(ax: Axes, nodes: pd.DataFrame, norm: Normalize) -> None:
    """Draw a circle a type: area ~ training cells, color = difference, gray without one."""
    colors = [ABSENT if np.isnan(d) else DIVERGING(norm(d)) for d in nodes["delta"]]
    edges = ["#9A9A9A" if np.isnan(d) else INK for d in nodes["delta"]]
    _draw_circles(ax, nodes[["x_mm", "y_mm"]].to_numpy(), nodes["diameter_mm"], colors, edges)


def _draw_circles(
    ax: Axes, places: ArrayLike, diameters: ArrayLike, colors: list, edges: list | str
) -> None:
    circles = EllipseCollection(
        diameters,
        diameters,
        np.zeros(len(diameters)),
        units="xy",
        offsets=places,
        offset_transform=ax.transData,
        facecolors=colors,
        edgecolors=edges,
        linewidths=0.4,
        zorder=3,
    )
    ax.add_collection(circles)


def write_names(ax: Axes, nodes: pd.DataFrame, size: float = SMALL_PT) -> None:
    """Write each name right of its node, with the difference as a number: not by color alone."""
    for row in nodes.itertuples():
        absent = np.isnan(row.delta)
        lines = str(row.text).split("\n")
        x, middle = row.x_mm + row.diameter_mm / 2, (len(lines) - 1) / 2
        for place, line in enumerate(lines):
            at, color = (x, row.y_mm + (place - middle) * LINE_MM), QUIET if absent else INK
            name = write_beside(ax, line, at, (1.8, 0), size, color, va="center_baseline")
        if not absent:
            _write_difference(ax, name, row.delta, row.significant)


def _write_heading_of_isolated(ax: Axes, nodes: pd.DataFrame) -> None:
    isolated = nodes[nodes["block"] == ISOLATED]
    if len(isolated):
        top = isolated["y_mm"].min() - 3.2
        note = f"No relative among the {len(nodes)} types"
        ax.text(isolated["x_mm"].min() - 1, top, note, fontsize=TEXT_PT, fontweight="bold")


def _write_difference(ax: Axes, name: Annotation, delta: float, significant: bool) -> None:
    ax.annotate(
        format_signed(delta, 2) + ("*" if significant else ""),
        (1, 0),
        (2.5, 0),
        xycoords=name,
        textcoords="offset points",
        va="bottom",
        fontsize=name.get_fontsize(),
        fontweight="bold" if significant else "normal",
        color=INK if not round(delta, 2) else GAIN_INK if delta > 0 else LOSS_INK,
    )


def draw_header(fig: Figure, nodes: pd.DataFrame, norm: Normalize, height: float) -> None:
    """Write the title and what colors, sizes and stars mean, or that there is no pair of runs."""
    architecture = str(nodes["architecture"].iloc[0])
    name = architecture_name(architecture)
    title = f"Change of F1 by HCE on the Cell Ontology ({name}, OOD)"
    text_mm(fig, 3, height - 4.5, title, TITLE_PT, weight="bold")
    if nodes["delta"].isna().all():
        text_mm(fig, 3, height - 9, f"No pair of CE and HCE runs of {name}.", TEXT_PT, QUIET)
        return
    text_mm(fig, 3, height - 10, "Δ F1", SMALL_PT)
    bar = add_axes_mm(fig, 11, height - 10.2, 34, 2.2)
    ticks = [norm.vmin, 0, norm.vmax]
    labels = [format_signed(norm.vmin, 1), "0", format_signed(norm.vmax, 1)]
    colorbar = fig.colorbar(ScalarMappable(norm, DIVERGING), cax=bar, orientation="horizontal")
    colorbar.set_ticks(ticks, labels=labels)
    colorbar.outline.set_linewidth(0.4)
    bar.tick_params(length=1.5, pad=1)
    _draw_keys(fig, nodes, height)


def _draw_keys(fig: Figure, nodes: pd.DataFrame, height: float) -> None:
    """Explain gray nodes, sizes, stars and second parents beside the color bar."""
    ax = add_axes_mm(fig, 0, height - HEADER_MM, DOUBLE_COLUMN_MM, HEADER_MM)
    ax.set(xlim=(0, DOUBLE_COLUMN_MM), ylim=(0, HEADER_MM))
    ax.set_axis_off()
    level = HEADER_MM - 9.2
    largest = nodes["n_cells_train"].max()
    largest_mm = nodes["diameter_mm"].max()
    entries = [
        (52.0, 1.8, ABSENT, "not in the OOD set"),
        (80.0, largest_mm, "white", f"{format_compact(largest)} training cells"),
        (112.0, largest_mm / np.sqrt(8), "white", format_compact(largest / 8)),
    ]
    written = [(131, "second parent")]
    for x, diameter, fill, text in entries:
        _draw_circles(ax, [(x, level)], [diameter], [fill], [INK])
        written.append((x + diameter / 2 + 1, text))
    ax.plot([126, 130], [level, level], color=SECOND_PARENT_COLOR, linewidth=0.8)
    if np.isfinite(nodes["p_holm"]).any():
        written.append((153, "* P < 0.05 (Holm)"))
    for x, text in written:
        ax.text(x, level, text, fontsize=SMALL_PT, va="center_baseline")
