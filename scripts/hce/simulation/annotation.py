"""How studies name their cells: the mechanism that mixes granularities.

Study s subdivides label v or not: split_sv ~ Bernoulli(q(d(v))), q(d) = subdivide − slope·d. A cell
is reported as the first label on its type's path from the root that s does not subdivide, or as its
finest label if s subdivides all. Where a label has several parents, the study files it under one of
them. This is fixed within a study, independent of expression, and drawn anew for each study.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.simulation.parameters import SimulationParameters
from hce.simulation.studies import Studies
from hce.simulation.types import Hierarchy


@dataclass(frozen=True)
class Policies:
    """How each of N annotators (studies, or cells) names the C finest types.

    Attributes
    ----------
    split
        Bool N x C, whether the annotator subdivides the label.
    parent
        int16 N x C, the parent under which it files the label, -1 for a root.
    """

    split: NDArray[np.bool_]
    parent: NDArray[np.int16]

    def reported(self, hierarchy: Hierarchy) -> NDArray[np.int16]:
        """Label that each annotator gives to each finest type, int16 N x C."""
        rows = np.arange(len(self.split))
        label = np.empty(self.split.shape, dtype=np.int16)
        for child in hierarchy.order:
            label[:, child] = child
            if hierarchy.parents[child]:
                parent = self.parent[:, child]
                above = label[rows, parent]
                passed = self.split[rows, parent] & (above == parent)
                label[:, child] = np.where(passed, child, above)
        return label


def draw_policies(
    hierarchy: Hierarchy,
    is_ood: NDArray[np.bool_],
    parameters: SimulationParameters,
    rng: np.random.Generator,
) -> Policies:
    """Draw the policy of each annotator.

    Parameters
    ----------
    hierarchy
        The C labels.
    is_ood
        Bool N; annotators of new studies always subdivide the labels that these do not report.
    parameters
        Uses subdivide and subdivide_slope.
    rng
        Source of randomness.
    """
    shape = (len(is_ood), len(hierarchy))
    q = np.clip(parameters.subdivide - parameters.subdivide_slope * hierarchy.depth, 0, 1)
    split = rng.random(shape, dtype=np.float32) < q
    split |= is_ood[:, None] & ~hierarchy.in_ood
    parent = np.full(shape, -1, dtype=np.int16)
    for child, parents in enumerate(hierarchy.parents):
        if parents:
            parent[:, child] = rng.choice(np.array(parents, dtype=np.int16), size=shape[0])
    return Policies(split, parent)


def study_policies(
    hierarchy: Hierarchy, studies: Studies, parameters: SimulationParameters
) -> Policies:
    """Draw the policies of the studies so that no label goes unused.

    A label that too few studies use for the cells that fit none of its subtypes (first release:
    min_studies_per_label; new studies: one) is reached in further studies by subdividing the labels
    above it, first where the fewest must change. More subdivision never takes such a use away.

    Returns
    -------
    Policies
        One row a study.
    """
    rng = parameters.stream("policies")
    policies = draw_policies(hierarchy, studies.is_ood, parameters, rng)
    tie_break = rng.random(studies.present.shape)
    for label in hierarchy.order:
        for group, least in (
            (~studies.is_ood, parameters.min_studies_per_label),
            (studies.is_ood, int(hierarchy.in_ood[label])),
        ):
            candidates = np.flatnonzero(group & studies.present[:, label])
            paths = [_path(policies, int(study), label) for study in candidates]
            changes = [
                (~policies.split[study, path]).sum()
                for study, path in zip(candidates, paths, strict=True)
            ]
            for cheapest in np.lexsort((tie_break[candidates, label], changes))[:least]:
                policies.split[candidates[cheapest], paths[cheapest]] = True
    return policies


def _path(policies: Policies, study: int, label: int) -> list[int]:
    """Labels above a label in a study."""
    path = []
    above = int(policies.parent[study, label])
    while above >= 0:
        path.append(above)
        above = int(policies.parent[study, above])
    return path


def annotate(
    cells: pd.DataFrame,
    hierarchy: Hierarchy,
    studies: Studies,
    policies: Policies,
    parameters: SimulationParameters,
) -> NDArray[np.int64]:
    """Report a label for each cell, as `parameters.annotation` says.

    Parameters
    ----------
    cells
        N cells with study, finest, kept (`add_contaminants`). Cells of foreign types, finest >= C,
        are reported as what they are.
    hierarchy, studies, policies
        C labels, S studies and how these name their cells.
    parameters
        annotation: `policy`, the study's; `finest`, every study annotates as finely as it can
        (q = 1); `cell`, the policy is redrawn for every cell, which mixes granularities without a
        signature of the study.

    Returns
    -------
    numpy.ndarray
        int64 N, index of the label.
    """
    study, label = cells["study"].to_numpy(), cells["finest"].to_numpy(np.int64, copy=True)
    own = np.flatnonzero(label < len(hierarchy))
    finest = label[own]
    if parameters.annotation == "policy":
        label[own] = policies.reported(hierarchy)[study[own], finest]
    elif parameters.annotation == "cell":
        is_ood, kept = studies.is_ood[study[own]], cells["kept"].to_numpy(bool)[own]
        rng = parameters.stream("policies", "cells")
        cell_policies = draw_policies(hierarchy, is_ood, parameters, rng)
        reported = cell_policies.reported(hierarchy)[np.arange(len(own)), finest].astype(np.int64)
        for group, least in (
            (kept & ~is_ood, parameters.min_cells_per_label),
            (kept & is_ood, parameters.min_cells_per_ood_label),
        ):
            _refine_rare(hierarchy, reported, finest, group, least, rng)
        label[own] = reported
    return label


def _refine_rare(
    hierarchy: Hierarchy,
    label: NDArray[np.int64],
    finest: NDArray[np.int64],
    group: NDArray[np.bool_],
    least: int,
    rng: np.random.Generator,
) -> None:
    """Give labels with too few cells more of their own cells, in place.

    The deepest labels first: they take cells from the labels above them, never the reverse.
    """
    for rare in hierarchy.order[::-1]:
        coarser = np.flatnonzero(group & (finest == rare) & (label != rare))
        lacking = max(least - int((label[group] == rare).sum()), 0)
        label[rng.permutation(coarser)[:lacking]] = rare
