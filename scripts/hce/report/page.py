"""What the pages of the report show: tables to search and sort, the hierarchy to explore.

The drawing is Bokeh's and the tables are made by itables, with all that they need inside the page.
Chromium opens no page over 2 MB inside Snakemake's report, so that all of it is kept small.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import itables.options
import jinja2
import networkx as nx
import numpy as np
import pandas as pd
from bokeh.embed import json_item
from bokeh.models import HoverTool, MultiLine, NodesAndLinkedEdges, Scatter
from bokeh.plotting import figure, from_networkx
from bokeh.resources import Resources
from markupsafe import Markup
from matplotlib.colors import Normalize, to_hex
from PIL import Image

from hce.figures.hierarchy import DIVERGING
from hce.figures.style import ABSENT, INK, format_signed, short_cell_type
from hce.names import architecture_name, known_architectures

# of a number after the point, and of a P in all
DIGITS, P_DIGITS = 3, 2
P_COLUMNS = ("p", "p_holm")
# of a picture: pixels across, and colors, few enough for a small file
PICTURE_WIDTH, PICTURE_COLORS = 1100, 32


@dataclass(frozen=True)
class ShownFigure:
    """A figure of a page: its name, what it shows (one sentence), the picture as a data URL."""

    name: str
    caption: str
    picture: str
    width: int
    height: int


def shown_figure(path: Path, caption: str) -> ShownFigure:
    """Make a figure small enough for a page: as wide as the page, in a few colors.

    Parameters
    ----------
    path
        The PNG of a figure.
    caption
        What it shows.
    """
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    if picture.width > PICTURE_WIDTH:
        height = round(picture.height * PICTURE_WIDTH / picture.width)
        picture = picture.resize((PICTURE_WIDTH, height), Image.Resampling.LANCZOS)
    small = io.BytesIO()
    few = picture.quantize(PICTURE_COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(small, "PNG", optimize=True)
    code = base64.b64encode(small.getvalue()).decode()
    return ShownFigure(
        path.stem, caption, f"data:image/png;base64,{code}", picture.width, picture.height
    )


@dataclass(frozen=True)
class ShownTable:
    """A table of a page: its anchor, its title, what it is (one sentence), its cells as text."""

    anchor: str
    title: str
    caption: str
    columns: list[str]
    numeric: list[bool]
    rows: list[list[str]]


def shown_table(table: pd.DataFrame, anchor: str, title: str, caption: str) -> ShownTable:
    """Write the cells of a table as text, without the column that only names the data source.

    Parameters
    ----------
    table
        Any table; booleans, numbers and text. Missing values become an empty cell.
    """
    kept = table.drop(columns="data_source", errors="ignore")
    numeric = [bool(pd.api.types.is_numeric_dtype(kept[name])) for name in kept]
    columns = [
        [cell_text(value, kind_of(str(name), values)) for value in values]
        for name, values in kept.items()
    ]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return ShownTable(anchor, title, caption, kept.columns.tolist(), numeric, rows)


def kind_of(name: str, values: pd.Series) -> str:
    """What the numbers of a column are: `p`, `score` (fractions, no count among them) or `count`.

    Parameters
    ----------
    name, values
        A column of any table.
    """
    if name in P_COLUMNS:
        return "p"
    if not pd.api.types.is_float_dtype(values):
        return "count"
    fractions = (values.dropna() % 1 != 0).any() and (values.dropna().abs() < 1000).all()
    return "score" if fractions else "count"


def cell_text(value: object, kind: str = "count") -> str:
    """A cell: whole counts in full, a P with two digits, all else with three after the point.

    Parameters
    ----------
    value
        Any; what is missing is an empty cell.
    kind
        As `kind_of` tells. Among scores a whole number is a score, 1.000 beside 0.989.
    """
    if isinstance(value, float | np.floating):
        number = float(value)
        if not np.isfinite(number):
            return ""
        if kind == "p":
            return f"{number:.{P_DIGITS}g}"
        if kind == "count" and number == int(number) and abs(number) < 1e12:
            return str(int(number))
        # what would be rounded to zero and is not shows its size
        tiny = 0 < abs(number) < 0.5 * 10**-DIGITS
        return f"{number:.{P_DIGITS}g}" if tiny else f"{number:.{DIGITS}f}"
    return "" if value is None or value is pd.NA else str(value)


def headline(macro_f1: pd.DataFrame) -> pd.DataFrame:
    """The gain on new studies, an architecture a row, in the words of a results section.

    Parameters
    ----------
    macro_f1
        Rows of macro_f1.tsv.
    """
    row_of = dict(macro_f1.set_index(["split", "labels", "architecture"]).iterrows())
    rows = []
    for architecture in macro_f1["architecture"].unique():
        within = row_of.get(("test", "ood_labels", architecture))
        ood = row_of["ood", "all", architecture]
        interval = f"{ood['gain_ci_low']:+.3f} to {ood['gain_ci_high']:+.3f}"
        tested = np.isfinite(ood["p_holm"])
        rows.append(
            {
                "Architecture": architecture_name(architecture),
                # first, so that a narrow window shows them too
                "Gain": f"{ood['gain_mean']:+.3f}" if np.isfinite(ood["gain_mean"]) else "",
                "P (Holm)": f"{ood['p_holm']:.{P_DIGITS}g}" if tested else str(ood["note"]),
                "95 % interval": interval if np.isfinite(ood["gain_ci_low"]) else "",
                "CE, new studies": _mean_and_sd(ood, "ce"),
                "HCE, new studies": _mean_and_sd(ood, "hce"),
                "CE, held-out donors": "" if within is None else f"{within['ce_mean']:.3f}",
                "Runs a loss": str(int(ood["n_seeds"])),
            }
        )
    return pd.DataFrame(rows)


def _mean_and_sd(row: pd.Series, loss: str) -> str:
    mean, sd = row[f"{loss}_mean"], row[f"{loss}_sd"]
    if not np.isfinite(mean):
        return ""
    return f"{mean:.3f} ± {sd:.3f}" if np.isfinite(sd) else f"{mean:.3f}"


HEIGHT = 560
SMALLEST_PX, LARGEST_PX = 7.0, 26.0
TOOLTIPS = [
    ("", "@name (@ontology_term_id)"),
    ("Δ F1 (HCE − CE)", "@difference"),
    ("OOD F1, CE → HCE", "@scores"),
    ("training", "@n_cells cells, @n_studies studies, @n_tissues tissues"),
    ("OOD cells", "@n_ood"),
    ("parents", "@parents"),
    ("children", "@children"),
]
# of the nodes' data, by which the page finds them
NODES = "nodes"


def node_data(
    nodes: pd.DataFrame, edges: pd.DataFrame, cell_types: pd.DataFrame, tests: pd.DataFrame
) -> pd.DataFrame:
    """What is shown when a node is pointed at, and how it is drawn, for every architecture.

    Parameters
    ----------
    nodes, edges
        The overview of Supplementary Figs. 2-4: places and lines (any architecture's).
    cell_types, tests
        Rows of cell_types.tsv and of per_cell_type.tsv.

    Returns
    -------
    pandas.DataFrame
        Index = class index: x, y, size (pixels), the columns that TOOLTIPS names, and difference,
        scores and color of each architecture (`difference_mlp`).
    """
    facts = cell_types.set_index("index")
    table = nodes.set_index("index")[["ontology_term_id", "label", "x_mm", "y_mm"]]
    table = table.join(facts[["n_cells", "n_studies", "n_tissues"]])
    table["name"] = [short_cell_type(label) for label in table["label"]]
    root = np.sqrt(table["n_cells"] / table["n_cells"].max())
    table["size"] = SMALLEST_PX + (LARGEST_PX - SMALLEST_PX) * root
    for column_name, here, there in (
        ("parents", "child", "parent"),
        ("children", "parent", "child"),
    ):
        names = edges.assign(name=edges[there].map(table["name"])).groupby(here)["name"]
        table[column_name] = names.agg(", ".join).reindex(table.index).fillna("–")
    ood = tests[tests["split"] == "ood"].set_index(["architecture", "ontology_term_id"])
    support = ood.reset_index().drop_duplicates("ontology_term_id").set_index("ontology_term_id")
    n_ood = table["ontology_term_id"].map(support["support"]).fillna(0).astype(int)
    table["n_ood"] = n_ood
    largest = ood["delta"].abs().max()
    norm = Normalize(-largest, largest) if np.isfinite(largest) and largest else Normalize(-1, 1)
    for architecture in known_architectures(tests["architecture"]):
        rows = ood.reindex(
            pd.MultiIndex.from_product([[architecture], table["ontology_term_id"]])
        ).droplevel(0)
        texts = [_texts(row) for row in rows.itertuples()]
        table[f"difference_{architecture}"] = [difference for difference, _ in texts]
        table[f"scores_{architecture}"] = [scores for _, scores in texts]
        colors = [ABSENT if np.isnan(d) else to_hex(DIVERGING(norm(d))) for d in rows["delta"]]
        table[f"color_{architecture}"] = colors
    return table


def libraries() -> dict[str, str]:
    """Code for the browser, compressed and as text: Bokeh, and DataTables as itables bundles it."""
    bundle = Path(itables.options.dt_bundle)
    code = {
        "bokeh": "\n".join(Resources("inline", components=["bokeh"]).js_raw),
        "itables": bundle.read_text(encoding="utf-8"),
        "itables-style": bundle.with_suffix(".css").read_text(encoding="utf-8"),
    }
    return {
        name: base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
        for name, text in code.items()
    }


def render(template: str, drawing: str, shown: str, **content: Any) -> str:
    """Fill the template of a page, with the libraries that it needs.

    Parameters
    ----------
    template
        Text of page.html.jinja.
    drawing
        What `draw_page` gives.
    shown
        The architecture that it shows first.
    content
        The other names of the template; text is escaped.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(template)
    content |= {"shown": shown, "nodes": NODES}
    return page.render(drawing=Markup(drawing), libraries=libraries(), **content)


def draw_page(table: pd.DataFrame, edges: pd.DataFrame, shown: str) -> str:
    """The drawing as Bokeh's JSON without a `<`, for `Bokeh.embed.embed_item`.

    Parameters
    ----------
    table, edges
        What `node_data` gives, and the lines between its nodes.
    shown
        The architecture that is shown first.
    """
    table = table.assign(
        **{name: table[f"{name}_{shown}"] for name in ("difference", "scores", "color")}
    )
    nodes: dict[Any, Any] = table.drop(columns=["x_mm", "y_mm"]).to_dict("index")
    network: nx.DiGraph[Any] = nx.DiGraph()
    network.add_nodes_from(nodes.items())
    network.add_edges_from(edges[["parent", "child"]].astype(int).itertuples(index=False))
    places = dict(zip(table.index, zip(table["x_mm"], -table["y_mm"], strict=True), strict=True))
    graph = from_networkx(network, places)
    graph.node_renderer.glyph = Scatter(
        line_color=INK, line_width=0.7, size="size", fill_color="color"
    )
    graph.node_renderer.hover_glyph = Scatter(
        line_color="#D55E00", line_width=3, size="size", fill_color="color"
    )
    graph.edge_renderer.glyph = MultiLine(line_color="#B5B5B5", line_width=1)
    graph.edge_renderer.hover_glyph = MultiLine(line_color="#D55E00", line_width=2.5)
    graph.inspection_policy = NodesAndLinkedEdges()
    plot = figure(
        height=HEIGHT,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,tap",
        active_scroll=None,
        toolbar_location="above",
    )
    plot.axis.visible = False
    plot.grid.visible = False
    plot.renderers.append(graph)
    plot.add_tools(HoverTool(tooltips=TOOLTIPS, renderers=[graph]))
    graph.node_renderer.data_source.name = NODES
    # in a page, a label with `</script>` would end the block that the drawing stands in, and
    # `<!--<script>` would keep it open to the end
    return json.dumps(json_item(plot)).replace("<", "\\u003c")


def _texts(row: Any) -> tuple[str, str]:
    """The difference with its p, and the two scores, of a row of the tests; gaps as words."""
    if np.isnan(row.delta):
        return "not in the OOD set, or not run", "–"
    p_text = f"P = {row.p_holm:.2g} (Holm)" if np.isfinite(row.p_holm) else "no test"
    scores = f"{row.ce_mean:.3f} → {row.hce_mean:.3f}"
    return f"{format_signed(row.delta, 3)}, {p_text}", scores
