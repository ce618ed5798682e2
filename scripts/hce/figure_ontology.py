"""The ontology's graph with the F1 difference of each cell type (Fig. 2d)."""

from __future__ import annotations

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

from hce.figure_style import (
    ABSENT,
    DOUBLE_COLUMN_MM,
    INK,
    QUIET,
    SMALL_PT,
    TEXT_PT,
    TITLE_PT,
    add_axes_mm,
    new_figure,
    text_mm,
)
from hce.figure_text import format_compact, format_signed
from hce.names import ARCHITECTURE_NAMES
from hce.ontology_layout import ISOLATED

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
    """Draw every class at its place: area ~ training cells, color = change of F1 by HCE.

    Parameters
    ----------
    nodes, edges
        Source data as made by `hce.figure2_tables.ontology_nodes` and `ontology_edges`.
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
        if edge.kind == "outline":
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
    diameters = nodes["diameter_mm"].to_numpy()
    ax.add_collection(
        EllipseCollection(
            diameters,
            diameters,
            np.zeros(len(nodes)),
            units="xy",
            offsets=nodes[["x_mm", "y_mm"]].to_numpy(),
            offset_transform=ax.transData,
            facecolors=colors,
            edgecolors=edges,
            linewidths=0.4,
            zorder=3,
        )
    )


def write_names(ax: Axes, nodes: pd.DataFrame, size: float = SMALL_PT) -> None:
    """Write each name right of its node, with the difference as a number: not by color alone."""
    for row in nodes.itertuples():
        absent = np.isnan(row.delta)
        lines = str(row.text).split("\n")
        x, middle = row.x_mm + row.diameter_mm / 2, (len(lines) - 1) / 2
        for place, line in enumerate(lines):
            name = ax.annotate(
                line,
                (x, row.y_mm + (place - middle) * LINE_MM),
                (1.8, 0),
                textcoords="offset points",
                va="center_baseline",
                fontsize=size,
                color=QUIET if absent else INK,
            )
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
    name = ARCHITECTURE_NAMES.get(architecture, architecture)
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
    per_mm = nodes["diameter_mm"].max() / np.sqrt(largest)
    entries = [
        (52.0, 1.8, "not in the OOD set"),
        (80.0, nodes["diameter_mm"].max(), f"{format_compact(largest)} training cells"),
        (112.0, np.sqrt(largest / 8) * per_mm, format_compact(largest / 8)),
    ]
    for x, diameter, text in entries:
        fill = ABSENT if x == entries[0][0] else "white"
        sizes = ([diameter], [diameter], [0.0])
        node = EllipseCollection(
            *sizes,
            units="xy",
            offsets=[(x, level)],
            offset_transform=ax.transData,
            facecolors=fill,
            edgecolors=INK,
            linewidths=0.4,
        )
        ax.add_collection(node)
        ax.text(x + diameter / 2 + 1, level, text, fontsize=SMALL_PT, va="center_baseline")
    ax.plot([126, 130], [level, level], color=SECOND_PARENT_COLOR, linewidth=0.8)
    ax.text(131, level, "second parent", fontsize=SMALL_PT, va="center_baseline")
    if np.isfinite(nodes["p_holm"]).any():
        ax.text(153, level, "* P < 0.05 (Holm)", fontsize=SMALL_PT, va="center_baseline")
