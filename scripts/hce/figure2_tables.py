"""Source data of Figure 2: HCE against CE overall, per cell type, and on the ontology."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd

from hce.figure1_tables import scores_of_runs
from hce.figure_text import is_significant, short_cell_type, wrap_label
from hce.names import known_architectures
from hce.ontology_layout import Page, classify_edges, lay_out, layers

PAGE = Page()
ROW_MM = 2.3
# area of a node is proportional to its training cells; the smallest stay visible
LARGEST_DIAMETER_MM = 3.2
SMALLEST_DIAMETER_MM = 0.8
NODE_GAP_MM = 0.15
# mean width of a 6 pt character; the room beside a name for its symbol alone, and with "+0.12*"
CHARACTER_MM = 1.15
SYMBOL_MM = 5.0
SYMBOL_AND_NUMBER_MM = 13.0


def gains(runs: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """OOD macro F1 of every run of CE and HCE, with the test of each architecture (Fig. 2b).

    Parameters
    ----------
    runs, tests
        Rows of macro_f1_runs.tsv and of macro_f1.tsv.

    Returns
    -------
    pandas.DataFrame
        Columns of `scores_of_runs` and loss, gain_mean, gain_sd, n_pairs, p, p_holm (the last five
        the same for all rows of an architecture).
    """
    parts = [scores_of_runs(runs, loss, "ood", "all").assign(loss=loss) for loss in ("ce", "hce")]
    table = pd.concat(parts, ignore_index=True)
    rows = tests[(tests["split"] == "ood") & (tests["labels"] == "all")].set_index("architecture")
    rows = rows.rename(columns={"n_seeds": "n_pairs"})
    for column in ("gain_mean", "gain_sd", "n_pairs", "p", "p_holm"):
        table[column] = table["architecture"].map(rows[column])
    order = {name: place for place, name in enumerate(known_architectures(runs["architecture"]))}
    table = table.sort_values(
        ["architecture", "loss", "seed"],
        key=lambda column: column.map(order) if column.name == "architecture" else column,
    )
    return table.reset_index(drop=True)


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
    differences = _paired_differences(runs, architecture, split)
    columns = ["rank", "ontology_term_id", "label", "node_kind", "delta_mean", "p", "p_holm"]
    table = test[columns].merge(differences, on="ontology_term_id", how="left")
    table["significant"] = [is_significant(p) for p in table["p_holm"]]
    table["n_seeds"] = table.groupby("ontology_term_id")["seed"].transform("count")
    columns = [*columns[:4], "seed", "delta", *columns[4:], "significant", "n_seeds"]
    table = table.sort_values(["rank", "seed"])[columns]
    if table.empty:
        table = table.reindex([0])
    return table.assign(architecture=architecture, data_source=runs["data_source"].iloc[0])


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
    nodes["text"] = _wrapped_names(nodes, layers(graph))
    lines = nodes["text"].str.count("\n") + 1
    heights = np.maximum(lines * ROW_MM, diameter + NODE_GAP_MM)
    layout = lay_out(graph, heights.to_dict(), PAGE)
    test = tests[(tests["architecture"] == architecture) & (tests["split"] == "ood")]
    test = test.set_index("ontology_term_id")
    nodes = nodes.join(layout).assign(diameter_mm=diameter, architecture=architecture)
    for column in ("delta", "p_holm"):
        nodes[column] = nodes["ontology_term_id"].map(test[column])
    nodes["significant"] = [is_significant(p) for p in nodes["p_holm"]]
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


def _wrapped_names(nodes: pd.DataFrame, layer: dict[int, int]) -> list[str]:
    """Break each name so that it ends, with its number, before its column does."""
    names = []
    for row in nodes.itertuples():
        width = PAGE.column_width
        if row.connectivity == "isolated":
            width /= PAGE.isolated_columns
        beside = SYMBOL_AND_NUMBER_MM if row.in_ood else SYMBOL_MM
        room = width - layer[row.Index] * PAGE.layer_step - beside
        names.append(wrap_label(short_cell_type(row.label), int(room / CHARACTER_MM)))
    return names


def _paired_differences(runs: pd.DataFrame, architecture: str, split: str) -> pd.DataFrame:
    rows = runs[(runs["architecture"] == architecture) & (runs["split"] == split)]
    wide = rows.pivot_table(index=["ontology_term_id", "seed"], columns="loss", values="f1")
    wide = wide.reindex(columns=["ce", "hce"]).dropna()
    return (wide["hce"] - wide["ce"]).rename("delta").reset_index()
