"""Source data of the supplementary figures, made from the small tables of figure_example."""

from __future__ import annotations

import figure_example as example
import pandas as pd

from hce.figures.cell_types import cell_type_gains
from hce.figures.contexts import context_gains
from hce.figures.gains import (
    correlation_tests,
    gain_points,
    group_tests,
    one_family,
    type_properties,
)
from hce.figures.hierarchy import ontology_nodes
from hce.figures.hierarchy_panels import panel_tables
from hce.figures.studies import study_scores
from hce.names import study_names
from hce.statistics.tables import group_runs, group_table, strata_runs, strata_table
from tabulate_figureS5to8 import KINDS, WITHIN


def studies(architectures: list[str], n_seeds: int) -> pd.DataFrame:
    """Return the source data of Supplementary Fig. 1."""
    runs = group_runs(example.scores(architectures, n_seeds), "study", "dataset_id")
    tests = group_table(runs, "dataset_id", "studies")
    names = study_names(example.datasets())
    return study_scores(
        *(
            table.assign(study=table["dataset_id"].map(names), data_source=example.SOURCE)
            for table in (tests, runs)
        )
    )


def panels(architecture: str, n_seeds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the source data of Supplementary Figs. 2-4."""
    types = example.cell_types()
    nodes = ontology_nodes(types, example.per_cell_type(n_seeds), architecture)
    return panel_tables(types, nodes)


def kinds(name: str, n_seeds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the source data of Supplementary Figs. 5 (descendants) and 6 (relatives)."""
    _, grouping, pairs = next(kind for kind in KINDS.values() if kind[0] == name)
    properties = type_properties(example.cell_types())
    points = gain_points(example.per_cell_type(n_seeds), properties, [name], grouping)
    tests = [group_tests(points, pairs), correlation_tests(points)]
    return points, one_family(tests, "the figure", example.SOURCE)


def properties(n_seeds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the source data of Supplementary Fig. 8."""
    names = ["n_cells", "n_studies", "n_tissues", "n_assays"]
    of_types = type_properties(example.cell_types())
    points = gain_points(example.per_cell_type(n_seeds), of_types, names, "node_kind")
    return points, one_family([correlation_tests(points, WITHIN)], "the figure", example.SOURCE)


def two_architectures(n_seeds: int) -> pd.DataFrame:
    """Return source data in the form of Supplementary Fig. 7: the MLP, and TabNet, not run."""
    tests, runs = example.per_cell_type(n_seeds), example.per_cell_type_runs(n_seeds)
    gains = [cell_type_gains(tests, runs, name, "ood") for name in ("mlp", "tabnet")]
    return pd.concat(gains, ignore_index=True)


def contexts(context: str, architectures: list[str], n_seeds: int) -> pd.DataFrame:
    """Return the source data of Supplementary Figs. 9 and 10; training had lung and normal."""
    runs = strata_runs(example.scores(architectures, n_seeds))
    named = [t.assign(data_source=example.SOURCE) for t in (strata_table(runs), runs)]
    return context_gains(*named, context, {"lung", "normal"})
