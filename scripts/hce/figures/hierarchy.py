"""The hierarchy of the cell types with the F1 difference of each (Fig. 2d)."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import ConnectionStyle, PathPatch
from matplotlib.path import Path
from numpy.typing import ArrayLike

from hce.compare import is_significant
from hce.figures.layout import ISOLATED, OUTLINE, Page, classify_edges, lay_out
from hce.figures.style import (
    ABSENT,
    DOUBLE_COLUMN_MM,
    INK,
    MARGIN_MM,
    POINTS_PER_MM,
    QUIET,
    SMALL_PT,
    TEXT_PT,
    Panel,
    add_axes_mm,
    dot_handle,
    format_count,
    format_signed,
    new_figure,
    short_cell_type,
    star_handle,
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
        layer, x_mm, y_mm, primary_parent, diameter_mm, color_bound (the difference at the ends of
        the color scale, one for all architectures), architecture, data_source.
    """
    nodes = cell_types.set_index("index").rename(columns={"n_cells": "n_cells_train"})
    scale = LARGEST_DIAMETER_MM / np.sqrt(nodes["n_cells_train"].max())
    diameter = np.maximum(np.sqrt(nodes["n_cells_train"]) * scale, SMALLEST_DIAMETER_MM)
    graph = ontology_graph(cell_types)
    nodes["diameter_mm"] = diameter
    beside = np.where(nodes["in_ood"], SYMBOL_AND_NUMBER_MM, SYMBOL_MM)
    nodes = place_nodes(nodes, graph, PAGE, pd.Series(beside, nodes.index))
    ood = tests[tests["split"] == "ood"]
    test = ood[ood["architecture"] == architecture].set_index("ontology_term_id")
    nodes["architecture"] = architecture
    nodes["color_bound"] = np.nanmax([np.ceil(10 * ood["delta"].abs().max()) / 10, 0.1])
    for column in ("delta", "p_holm"):
        nodes[column] = nodes["ontology_term_id"].map(test[column])
    nodes["significant"] = is_significant(nodes["p_holm"])
    columns = ["ontology_term_id", "label", "text", "node_kind", "n_cells_train", "in_ood", "delta"]
    columns += ["p_holm", "significant", "block", "layer", "x_mm", "y_mm"]
    columns += ["primary_parent", "diameter_mm", "color_bound"]
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
    room = width - depth * page.layer_step - beside
    names = nodes["label"].map(short_cell_type)
    text = [wrap_label(name, most, page.size) for name, most in zip(names, room, strict=True)]
    nodes = nodes.assign(text=text)
    lines = nodes["text"].str.count("\n") + 1
    heights = np.maximum(lines * page.row, nodes["diameter_mm"] + page.node_gap)
    layout = lay_out(graph, heights.to_dict(), page)
    return nodes.drop(columns=layout.columns, errors="ignore").join(layout)


HEADER_MM = 14.0
FOOTER_MM = 5.0
EDGE_COLOR = "#A6A6A6"
SECOND_PARENT_COLOR = "#6C8EBF"
# of the corners of the outline's lines
CORNER_MM = 0.9
LINE_MM = 2.3
# a bluish green and an orange red: apart also where red and green look alike
GAIN_INK, LOSS_INK = "#00694F", "#B2182B"
DIVERGING = LinearSegmentedColormap.from_list(
    "decline_improvement", [LOSS_INK, "#EF8A62", "#FFFFFF", "#5AB4A0", GAIN_INK]
)
COLOR_BAR_MM = (34.0, 2.2)


def draw_ontology(nodes: pd.DataFrame, edges: pd.DataFrame) -> Figure:
    """Draw Fig. 2d, every class at its place: area ~ training cells, color = change of F1."""
    depth = nodes["y_mm"].max() + 4
    fig = hierarchy_figure(nodes, depth)
    ax = page_axes(fig, (0, depth + FOOTER_MM), (DOUBLE_COLUMN_MM, depth))
    draw_outline(ax, nodes, edges)
    isolated = nodes[nodes["block"] == ISOLATED]
    if len(isolated):
        top = isolated["y_mm"].min() - 3.2
        heading = f"No relative among the {len(nodes)} types"
        ax.text(isolated["x_mm"].min() - 1, top, heading, fontsize=TEXT_PT, fontweight="bold")
    return fig


def hierarchy_figure(
    nodes: pd.DataFrame, depth: float, panel: Panel | None = None
) -> Figure | SubFigure:
    """Return a figure with room of this depth (millimeters) below the keys, or why there are none.

    Parameters
    ----------
    nodes
        All classes, as in the source data of Fig. 2d.
    depth
        Room below the header, without the footer.
    panel
        Of a page, with a height that gives this room.
    """
    name = architecture_name(str(nodes["architecture"].iloc[0]))
    title = f"Change of F1 by HCE on the Cell Ontology ({name}, OOD)"
    height = HEADER_MM + depth + FOOTER_MM if panel is None else panel.height_mm
    if nodes["delta"].isna().all():
        missing = f"No pair of CE and HCE runs of {name}."
        return new_figure(DOUBLE_COLUMN_MM, height, title, missing, panel=panel)
    largest, largest_mm = nodes["n_cells_train"].max(), nodes["diameter_mm"].max()
    handles = [dot_handle("not in the OOD set", ABSENT, 5, INK)]
    for part in (1, 8):
        text = f"{format_count(largest / part)} training cells"
        diameter = largest_mm / np.sqrt(part) * POINTS_PER_MM
        handles.append(dot_handle(text, "white", diameter, INK))
    handles.append(Line2D([], [], color=SECOND_PARENT_COLOR, linewidth=0.8, label="second parent"))
    if np.isfinite(nodes["p_holm"]).any():
        handles.append(star_handle("P < 0.05 (Holm)"))
    fig = new_figure(DOUBLE_COLUMN_MM, height, title, handles, panel=panel)
    length, thickness = COLOR_BAR_MM
    left = DOUBLE_COLUMN_MM - 2 * MARGIN_MM - length
    bar = add_axes_mm(fig, left, height - MARGIN_MM - thickness, length, thickness)
    norm = _normalize(nodes)
    colorbar = fig.colorbar(ScalarMappable(norm, DIVERGING), cax=bar, orientation="horizontal")
    ends = [format_signed(end, 1) for end in (norm.vmin, norm.vmax)]
    colorbar.set_ticks([norm.vmin, 0, norm.vmax], labels=[ends[0], "0", ends[1]])
    colorbar.outline.set_linewidth(0.4)
    bar.tick_params(length=1.5, pad=1)
    write_beside(bar, "Δ F1", (norm.vmin, 0.5), (-10, 0), ha="right", va="center_baseline")
    return fig


def page_axes(fig: Figure, corner: tuple[float, float], size: tuple[float, float]) -> Axes:
    """Add axes in millimeters, y downward from their upper left corner at this place."""
    (left, top), (width, depth) = corner, size
    ax = add_axes_mm(fig, left, top - depth, width, depth)
    ax.set(xlim=(0, width), ylim=(depth, 0))
    ax.set_axis_off()
    return ax


def _normalize(nodes: pd.DataFrame) -> Normalize:
    bound = float(nodes["color_bound"].iloc[0])
    return Normalize(-bound, bound)


def draw_outline(
    ax: Axes, nodes: pd.DataFrame, edges: pd.DataFrame, size: float = SMALL_PT
) -> None:
    """Draw types as an indented outline: lines to parents, in blue those to a second one; names."""
    places = nodes.set_index("index")[["x_mm", "y_mm"]]
    corner = ConnectionStyle("angle", angleA=90, angleB=180, rad=CORNER_MM)
    for edge in edges.itertuples():
        start, end = (places.loc[node].to_numpy(dtype=float) for node in (edge.parent, edge.child))
        if edge.kind == OUTLINE:
            draw_line(ax, corner(start, end, shrinkA=0, shrinkB=0), EDGE_COLOR)
        else:
            # out to the left of everything between the two, and back: a cubic Bezier curve reaches
            # three quarters of the way to its control points
            inner = min(start[0], end[0])
            reach = inner - (inner - edge.via_x_mm) / 0.75
            draw_curve(ax, [start, (reach, start[1]), (reach, end[1]), end], SECOND_PARENT_COLOR)
    draw_nodes(ax, nodes)
    _write_names(ax, nodes, size)


def draw_curve(ax: Axes, points: ArrayLike, color: str, linewidth: float = 0.6) -> None:
    """Draw a cubic Bezier curve: start, two control points, end."""
    draw_line(ax, Path(points, [Path.MOVETO, *[Path.CURVE4] * 3]), color, linewidth)


def draw_line(ax: Axes, path: Path, color: str, linewidth: float = 0.6) -> None:
    """Draw the line of an edge."""
    ax.add_patch(PathPatch(path, fill=False, edgecolor=color, linewidth=linewidth))


def draw_nodes(ax: Axes, nodes: pd.DataFrame) -> None:
    """Draw a circle a type: area ~ training cells, color = difference, gray without one."""
    norm = _normalize(nodes)
    colors = [ABSENT if np.isnan(d) else DIVERGING(norm(d)) for d in nodes["delta"]]
    edges = np.where(nodes["delta"].isna(), "#9A9A9A", INK)
    area = (nodes["diameter_mm"] * POINTS_PER_MM) ** 2
    style = {"c": colors, "edgecolors": edges, "linewidths": 0.4, "zorder": 3, "clip_on": False}
    ax.scatter(nodes["x_mm"], nodes["y_mm"], area, **style)


def _write_names(ax: Axes, nodes: pd.DataFrame, size: float) -> None:
    """Write each name right of its node, with the difference as a number: not by color alone."""
    for row in nodes.itertuples():
        absent, lines = np.isnan(row.delta), str(row.text).split("\n")
        style = {"size": size, "color": QUIET if absent else INK, "va": "center_baseline"}
        for place, line in enumerate(lines, start=1):
            y = row.y_mm + (place - (len(lines) + 1) / 2) * LINE_MM
            name = write_beside(ax, line, (row.x_mm + row.diameter_mm / 2, y), (1.8, 0), **style)
        if not absent:
            color = INK if not round(row.delta, 2) else GAIN_INK if row.delta > 0 else LOSS_INK
            style = {"color": color, "weight": "bold" if row.significant else "normal"}
            number = format_signed(row.delta, 2) + ("*" if row.significant else "")
            beside = {"xycoords": name, "va": "bottom", "size": size}
            write_beside(ax, number, (1, 0), (2.5, 0), **beside, **style)
