"""The ontology's graph with the F1 difference of each cell type (Fig. 2d, S2-S4)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.text import Annotation

from hce.figures.hierarchy_tables import OVERVIEW
from hce.figures.layout import ISOLATED
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
)
from hce.names import ARCHITECTURE_NAMES

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
        Source data as made by `hce.figures.hierarchy_tables.ontology_nodes` and `ontology_edges`.
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


PANELS_HEADER_MM = 15.0
NAMES_MM = 22.0
ROOT_CHARACTERS = 22
OVERVIEW_FOOT_MM = 9.0
PANEL_TITLE_MM = 6.0
PANEL_FOOT_MM = 4.0
PANELS_FOOTER_MM = 5.0
SIDE_MM = 3.0
COLUMNS_MM = {"a": 3.0, "b": 93.0, "c": 93.0}
PANEL_MM = 86.0
SHADE = "#F1F4F8"


def draw_ontology_panels(nodes: pd.DataFrame, edges: pd.DataFrame) -> Figure:
    """Draw the overview and, below it, the enlarged panels.

    Parameters
    ----------
    nodes, edges
        Source data as made by `hce.figures.hierarchy_tables.panel_tables`, with the column
        color_bound: the difference at the ends of the color scale.
    """
    whole = nodes[nodes["view"] == OVERVIEW]
    views = {v: nodes[nodes["view"] == v] for v in COLUMNS_MM if (nodes["view"] == v).any()}
    sizes = {v: part["y_mm"].max() + PANEL_TITLE_MM + PANEL_FOOT_MM for v, part in views.items()}
    columns = {left: 0.0 for left in COLUMNS_MM.values()}
    for view, size in sizes.items():
        columns[COLUMNS_MM[view]] += size
    upper = NAMES_MM + whole["y_mm"].max() + OVERVIEW_FOOT_MM
    height = PANELS_HEADER_MM + upper + max(columns.values()) + PANELS_FOOTER_MM
    fig = new_figure(DOUBLE_COLUMN_MM, height)
    bound = float(nodes["color_bound"].iloc[0])
    norm = Normalize(-bound, bound)
    draw_header(fig, whole, norm, height)
    _draw_overview(fig, whole, edges[edges["view"] == OVERVIEW], norm, height - PANELS_HEADER_MM)
    tops = dict.fromkeys(columns, height - PANELS_HEADER_MM - upper)
    for view, part in views.items():
        left = COLUMNS_MM[view]
        _draw_panel(fig, part, edges[edges["view"] == view], norm, (left, tops[left]))
        tops[left] -= sizes[view]
    return fig


def _axes(fig: Figure, left: float, top: float, width: float, depth: float, above: float) -> Axes:
    """Axes in millimeters, y downward, whose zero lies `above` below their upper edge."""
    ax = add_axes_mm(fig, left, top - above - depth, width, above + depth)
    ax.set(xlim=(0, width), ylim=(depth, -above))
    ax.set_axis_off()
    return ax


def _draw_overview(
    fig: Figure, nodes: pd.DataFrame, edges: pd.DataFrame, norm: Normalize, top: float
) -> None:
    width, depth = DOUBLE_COLUMN_MM - 2 * SIDE_MM, nodes["y_mm"].max() + OVERVIEW_FOOT_MM
    ax = _axes(fig, SIDE_MM, top, width, depth, NAMES_MM)
    _shade_panels(ax, nodes)
    places = nodes.set_index("index")[["x_mm", "y_mm"]]
    # second parents first, so that the tree stays on top
    for edge in edges.sort_values("kind", ascending=False).itertuples():
        (x, y), (down_x, down_y) = places.loc[edge.parent], places.loc[edge.child]
        middle = (y + down_y) / 2
        curve = Path(
            [(x, y), (x, middle), (down_x, middle), (down_x, down_y)],
            [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
        )
        color = EDGE_COLOR if edge.kind == "outline" else SECOND_PARENT_COLOR
        ax.add_patch(PathPatch(curve, fill=False, edgecolor=color, linewidth=0.5))
    draw_nodes(ax, nodes, norm)
    upright = {"rotation": 90, "ha": "center", "va": "bottom", "fontsize": SMALL_PT}
    roots = nodes[nodes["primary_parent"].isna() & (nodes["block"] != ISOLATED)]
    for row in roots.itertuples():
        name = wrap_label(short_cell_type(row.label), ROOT_CHARACTERS)
        ax.text(row.x_mm, row.y_mm - row.diameter_mm / 2 - 1, name, **upright)
    alone = nodes[nodes["block"] == ISOLATED]
    if len(alone):
        text = f"{len(alone)} types without a relative among the {len(nodes)}"
        beside = {"va": "center_baseline", "fontsize": SMALL_PT, "color": QUIET}
        ax.text(alone["x_mm"].max() + 3, alone["y_mm"].iloc[0], text, **beside)


def _shade_panels(ax: Axes, nodes: pd.DataFrame) -> None:
    """Lay a shade under the types of each panel, with its letter."""
    for letter, part in nodes.dropna(subset=["panel"]).groupby("panel"):
        # a root stands over what other panels show: its own leaves say where a panel is
        leaves = part[~part["index"].isin(nodes["primary_parent"])]
        if len(part) < 2 or leaves.empty:
            continue
        left, right = leaves["x_mm"].min() - 1, leaves["x_mm"].max() + 1
        top, bottom = part["y_mm"].min() - 2, part["y_mm"].max() + 2.5
        corner = (left, top)
        box = Rectangle(corner, right - left, bottom - top, facecolor=SHADE, zorder=-3)
        ax.add_patch(box)
        where = {"fontsize": TITLE_PT, "fontweight": "bold", "va": "top"}
        ax.text(left + 0.7, top + 0.7, str(letter), color=INK, **where)


def _draw_panel(
    fig: Figure,
    nodes: pd.DataFrame,
    edges: pd.DataFrame,
    norm: Normalize,
    corner: tuple[float, float],
) -> None:
    left, top = corner
    view, title = nodes["view"].iloc[0], nodes["title"].iloc[0]
    text_mm(fig, left, top - 3.5, f"{view}  {title}", TITLE_PT, weight="bold")
    depth = nodes["y_mm"].max() + PANEL_FOOT_MM / 2
    ax = _axes(fig, left, top - PANEL_TITLE_MM, PANEL_MM, depth, 0.0)
    inset = nodes["diameter_mm"].max() / 2
    shifted = nodes.assign(x_mm=nodes["x_mm"] + inset)
    moved = edges.assign(via_x_mm=edges["via_x_mm"] + inset)
    draw_edges(ax, moved, shifted.set_index("index"))
    draw_nodes(ax, shifted, norm)
    write_names(ax, shifted, TEXT_PT)
