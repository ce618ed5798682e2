"""A simulated Census: cell types, studies that disagree about granularity, and their counts.

What it can show: the parameters were searched until the picture was qualitatively the paper's. The
effect of the hierarchical loss in it has one stated cause, studies that annotate at different
granularity, and shrinks or reverses when that cause is removed (`annotation`, a wrong hierarchy).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx as nx
import numpy as np
import pandas as pd

from hce.simulation_annotation import annotate, study_policies
from hce.simulation_composition import cell_numbers, draw_cells
from hce.simulation_contaminants import add_contaminants
from hce.simulation_counts import simulate_counts
from hce.simulation_floors import check_floors
from hce.simulation_genes import draw_genes, protein_coding_genes
from hce.simulation_parameters import SimulationParameters
from hce.simulation_releases import (
    SimulatedRelease,
    add_statistics,
    build_datasets,
    describe_cells,
    restrict_to_datasets,
    shuffle_release,
)
from hce.simulation_studies import draw_studies
from hce.simulation_types import build_hierarchy, type_states
from hce.simulation_vocabulary import FOREIGN_TYPES


@dataclass(frozen=True)
class SimulatedCensus:
    """Two releases of a simulated Census.

    Attributes
    ----------
    train
        The first release, in the columns of Census schema 1.0.0 (2023-05-15).
    ood
        The second release: all datasets of the first and the new studies, in the columns of
        schema 1.2.0 (2023-12-15).
    protein_coding_genes
        Ensembl id as index, one column gene_names.
    """

    train: SimulatedRelease
    ood: SimulatedRelease
    protein_coding_genes: pd.DataFrame


def simulate(
    parameters: SimulationParameters, graph: nx.DiGraph, cell_types: pd.DataFrame
) -> SimulatedCensus:
    """Simulate the two releases.

    Parameters
    ----------
    parameters
        Of the generative model.
    graph
        The Cell Ontology (`hce.ontology.read_obo`).
    cell_types
        One row a label: label, ontology_term_id, in_ood_test (bool).

    Returns
    -------
    SimulatedCensus
        The same for the same parameters, ontology and cell types.

    Raises
    ------
    ValueError
        If the parameters cannot give every label enough cells, donors and studies.
    """
    hierarchy = build_hierarchy(graph, cell_types)
    studies = draw_studies(hierarchy, parameters)
    policies = study_policies(hierarchy, studies, parameters)
    numbers = cell_numbers(hierarchy, studies, policies.reported(hierarchy), parameters)
    cells = draw_cells(hierarchy, studies, numbers, parameters)
    cells = add_contaminants(cells, hierarchy, studies, parameters)
    label = annotate(cells, hierarchy, studies, policies, parameters)
    check_floors(cells, label, hierarchy, studies, parameters)
    genes = draw_genes(parameters)
    states = type_states(hierarchy, len(studies), parameters)
    is_model_gene = (genes["kind"] == "model").to_numpy()
    counts = simulate_counts(cells, studies, states, is_model_gene, parameters)
    datasets = build_datasets(studies)
    foreign = [foreign.cell_type.term_id for foreign in FOREIGN_TYPES]
    both = SimulatedRelease(
        obs=describe_cells(cells, label, hierarchy, studies),
        var=genes[["feature_id", "feature_name", "feature_length"]],
        datasets=datasets.drop(columns="is_new"),
        counts=counts,
        finest=np.concatenate([hierarchy.term_ids, foreign])[cells["finest"]],
        kept=cells["kept"].to_numpy(bool),
    )
    old = datasets.loc[~datasets["is_new"], "dataset_id"]
    first = restrict_to_datasets(both, old)
    first = replace(first, datasets=first.datasets.drop(columns="dataset_version_id"))
    return SimulatedCensus(
        train=shuffle_release(first, parameters.stream("release", "train")),
        ood=add_statistics(shuffle_release(both, parameters.stream("release", "ood"))),
        protein_coding_genes=protein_coding_genes(genes),
    )
