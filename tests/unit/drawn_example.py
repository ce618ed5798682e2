"""The figures, drawn from small tables."""

from __future__ import annotations

import itertools

import figure_example as example
import numpy as np
import pandas as pd
import supplement_example as supplement
from matplotlib.figure import Figure

from hce.evaluation.calibration import MEASURES
from hce.evaluation.confusion import RELATIONS
from hce.figures.atlas import draw_atlas, draw_ood_set, draw_split, overview, split_sizes
from hce.figures.calibration import draw_calibration
from hce.figures.cell_types import cell_type_gains, draw_cell_types
from hce.figures.concept import concept_table, draw_concept
from hce.figures.confusion import draw_confusion
from hce.figures.contexts import draw_contexts
from hce.figures.drift import draw_drift
from hce.figures.gains import draw_kinds, draw_properties
from hce.figures.hierarchy import draw_ontology, ontology_edges, ontology_nodes
from hce.figures.hierarchy_panels import draw_ontology_panels
from hce.figures.pages import draw_figure_1, draw_figure_2
from hce.figures.scores import (
    control_gains,
    draw_comparison,
    draw_controls,
    draw_id_scores,
    draw_ood_scores,
    gains,
    id_scores,
    scores_of_runs,
    with_id_level,
)
from hce.figures.studies import draw_studies
from hce.figures.training_curves import draw_training_curves
from hce.names import LOSSES


def id_and_ood(architectures: list[str], n_seeds: int) -> tuple[Figure, Figure]:
    """Return Fig. 1d and 1e."""
    runs = example.macro_f1_runs(architectures, n_seeds)
    test = id_scores(runs)
    ood = scores_of_runs(runs, "ce", "ood", "all")
    return draw_id_scores(test), draw_ood_scores(with_id_level(ood, test))


def comparison(architectures: list[str], n_seeds: int, p_holm: float) -> Figure:
    """Return Fig. 2b."""
    runs = example.macro_f1_runs(architectures, n_seeds)
    return draw_comparison(gains(runs, example.macro_f1(architectures, n_seeds, p_holm)))


def cell_types(architecture: str, n_seeds: int) -> Figure:
    """Return Fig. 2c."""
    tests, runs = example.per_cell_type(n_seeds), example.per_cell_type_runs(n_seeds)
    return draw_cell_types(cell_type_gains(tests, runs, architecture, "ood"))


def ontology(architecture: str, n_seeds: int) -> Figure:
    """Return Fig. 2d."""
    types = example.cell_types()
    nodes = ontology_nodes(types, example.per_cell_type(n_seeds), architecture)
    return draw_ontology(nodes, ontology_edges(types, nodes))


def controls(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the controls."""
    runs = example.macro_f1_runs(architectures, n_seeds)
    return draw_controls(control_gains(runs, runs))


def concept(term_ids: list[str]) -> Figure:
    """Return Fig. 2a of a run that has these types."""
    rows = [example.TERM_IDS.index(term_id) for term_id in term_ids]
    matrix = example.reachability()[np.ix_(rows, rows)]
    return draw_concept(concept_table(example.cell_types(), matrix, np.array(term_ids)))


def curves(architectures: list[str], n_seeds: int) -> Figure:
    """Return the training curves of five epochs, the fourth the best."""
    keys = itertools.product(architectures, LOSSES, range(n_seeds), range(1, 6))
    rows = [
        (a, loss, seed, epoch, 3 / epoch, 2 / epoch + 0.1 * seed, 0.5 + 0.1 * epoch, epoch == 4)
        for a, loss, seed, epoch in keys
    ]
    columns = ["architecture", "loss", "seed", "epoch", "train_loss", "validation_loss"]
    columns += ["validation_macro_f1", "best"]
    table = pd.DataFrame(rows, columns=columns).assign(data_source=example.SOURCE)
    return draw_training_curves(table)


def mistakes(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the mistakes: CE calls 10 cells coarser, HCE gets 4 + seed of them."""
    relations, corrected = [], []
    for architecture, seed in itertools.product(architectures, range(n_seeds)):
        for loss, relation in itertools.product(LOSSES, RELATIONS):
            cells = 10 if loss == "ce" or relation != "coarser" else 0
            relations.append((architecture, loss, seed, relation, cells))
        for relation in RELATIONS:
            corrected.append((architecture, seed, relation, 10, 4 + seed))
    names = ["architecture", "loss", "seed", "relation", "cells"]
    others = ["architecture", "seed", "relation", "cells", "right_with_hce"]
    return draw_confusion(
        pd.DataFrame(relations, columns=names), pd.DataFrame(corrected, columns=others)
    )


def drift(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the drift: HCE gains 10 points, with the newer release 8."""
    releases = ["2025-02-13", "2026-03-26"]
    counts = {"relations": 384, "internal": 47, "leaves": 117, "isolated": 40}
    sizes = pd.DataFrame({"release": releases, "is_reference": [True, False], "added": [0, 2]})
    sizes = sizes.assign(removed=[0, 9], changes=[None, "+ T cell › CD4 T cell; " * 9], **counts)
    keys = itertools.product(architectures, LOSSES, range(n_seeds), releases)
    rows = [
        (a, loss, seed, release, 0.5 + 0.01 * seed + gain)
        for a, loss, seed, release in keys
        for gain in [0.0 if loss == "ce" else 0.1 if release == releases[0] else 0.08]
    ]
    names = ["architecture", "loss", "seed", "release", "macro_f1"]
    return draw_drift(sizes, pd.DataFrame(rows, columns=names))


def calibration(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the calibration: two bins of each model, ECE 0.10 + 0.01 x seed."""
    keys = itertools.product(architectures, LOSSES, range(n_seeds), ("test", "ood"))
    rows = [
        (a, loss, seed, split, measure, place, 50, 0.5 + 0.4 * place, 0.3, 0.1 + 0.01 * seed)
        for a, loss, seed, split in keys
        for measure in MEASURES
        for place in (0, 1)
    ]
    columns = ["architecture", "loss", "seed", "split", "measure", "bin", "cells"]
    table = pd.DataFrame(rows, columns=[*columns, "confidence", "accuracy", "ece"])
    return draw_calibration(table)


def pages(architectures: list[str], n_seeds: int) -> dict[str, Figure]:
    """Return the figures of the paper on one page each."""
    runs = example.macro_f1_runs(architectures, n_seeds)
    summary, composition = example.atlas_summary(), example.atlas_composition()
    test = id_scores(runs)
    ood = with_id_level(scores_of_runs(runs, "ce", "ood", "all"), test)
    tests = example.macro_f1(architectures, n_seeds, 0.001 if n_seeds > 1 else np.nan)
    of_types = example.per_cell_type(n_seeds), example.per_cell_type_runs(n_seeds)
    of_atlas = [overview(summary, composition, subset) for subset in ("atlas", "ood")]
    return {
        "fig1": draw_figure_1(*of_atlas, split_sizes(summary), test, ood),
        "fig2": draw_figure_2(
            concept_table(example.cell_types(), example.reachability(), example.TERM_IDS),
            gains(runs, tests),
            cell_type_gains(*of_types, "mlp", "ood"),
            *supplement.panels("mlp", n_seeds),
        ),
    }


def main_figures() -> dict[str, Figure]:
    """Return the figures of the paper and the controls, of four seeds and three architectures."""
    summary, composition = example.atlas_summary(), example.atlas_composition()
    architectures = ["linear", "mlp", "tabnet"]
    fig1d, fig1e = id_and_ood(architectures, 4)
    return {
        "fig1a": draw_atlas(overview(summary, composition, "atlas")),
        "fig1b": draw_ood_set(overview(summary, composition, "ood")),
        "fig1c": draw_split(split_sizes(summary)),
        "fig1d": fig1d,
        "fig1e": fig1e,
        "fig2a": concept(example.TERM_IDS),
        "fig2b": comparison(architectures, 4, 0.001),
        "fig2c": cell_types("mlp", 4),
        "fig2d": ontology("mlp", 4),
        "controls": controls(architectures, 4),
    }


def supplementary_figures(architectures: list[str], n_seeds: int) -> dict[str, Figure]:
    """Return each kind of supplementary figure; those of cell types have the MLP only."""
    return {
        "figS1": draw_studies(supplement.studies(architectures, n_seeds)),
        "figS2": draw_ontology_panels(*supplement.panels("mlp", n_seeds)),
        "figS5": draw_kinds(*supplement.kinds("descendants", n_seeds)),
        "figS6": draw_kinds(*supplement.kinds("relatives", n_seeds)),
        "figS7": draw_cell_types(supplement.two_architectures(n_seeds)),
        "figS8": draw_properties(*supplement.properties(n_seeds)),
        "figS9": draw_contexts(supplement.contexts("disease", architectures, n_seeds)),
        "figS10": draw_contexts(supplement.contexts("tissue", architectures, n_seeds)),
    }
