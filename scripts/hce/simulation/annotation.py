"""How collections name their cells: the mechanism that mixes granularities.

Collection s subdivides label v or not: split_sv ~ Bernoulli(q(d(v))), q(d) = subdivide − slope·d. A
cell is reported as the first label on its type's path from the root that s does not subdivide, or
as its finest label if s subdivides all. Where a label has several parents, the collection files it
under one of them. This is fixed within a collection, independent of expression, and drawn anew for
each collection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.simulation.collection import Collections
from hce.simulation.parameters import SimulationParameters
from hce.simulation.types import Hierarchy


@dataclass(frozen=True)
class Policies:
    """How each of N annotators (collections, or cells) names the C finest types.

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
        Bool N; annotators of new collections always subdivide the labels that these do not report.
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


def collection_policies(
    hierarchy: Hierarchy, collections: Collections, parameters: SimulationParameters
) -> Policies:
    """Draw the policies of the collections so that no label goes unused.

    A label that too few collections use for the cells that fit none of its subtypes (first release:
    min_collections_per_label; new collections: one) is reached in further collections by
    subdividing the labels above it, first where the fewest must change. More subdivision never
    takes such a use away.

    Returns
    -------
    Policies
        One row a collection.
    """
    rng = parameters.stream("policies")
    policies = draw_policies(hierarchy, collections.is_ood, parameters, rng)
    tie_break = rng.random(collections.present.shape)
    for label in hierarchy.order:
        for group, least in (
            (~collections.is_ood, parameters.min_collections_per_label),
            (collections.is_ood, int(hierarchy.in_ood[label])),
        ):
            candidates = np.flatnonzero(group & collections.present[:, label])
            paths = [_path(policies, int(collection), label) for collection in candidates]
            changes = [
                (~policies.split[collection, path]).sum()
                for collection, path in zip(candidates, paths, strict=True)
            ]
            for cheapest in np.lexsort((tie_break[candidates, label], changes))[:least]:
                policies.split[candidates[cheapest], paths[cheapest]] = True
    return policies


def _path(policies: Policies, collection: int, label: int) -> list[int]:
    """Labels above a label in a collection."""
    path = []
    above = int(policies.parent[collection, label])
    while above >= 0:
        path.append(above)
        above = int(policies.parent[collection, above])
    return path


def annotate(
    cells: pd.DataFrame,
    hierarchy: Hierarchy,
    collections: Collections,
    policies: Policies,
    parameters: SimulationParameters,
) -> NDArray[np.int64]:
    """Report a label for each cell, as `parameters.annotation` says.

    Parameters
    ----------
    cells
        N cells with collection, finest, kept (`add_contaminants`). Cells of foreign types, finest
        >= C, are reported as what they are.
    hierarchy, collections, policies
        C labels, S collections and how these name their cells.
    parameters
        annotation: `policy`, the collection's; `finest`, every collection annotates as finely as it
        can (q = 1); `cell`, the policy is redrawn for every cell, which mixes granularities without
        a signature of the collection.

    Returns
    -------
    numpy.ndarray
        int64 N, index of the label.
    """
    collection, label = (
        cells["collection"].to_numpy(),
        cells["finest"].to_numpy(np.int64, copy=True),
    )
    own = np.flatnonzero(label < len(hierarchy))
    finest = label[own]
    if parameters.annotation == "policy":
        label[own] = policies.reported(hierarchy)[collection[own], finest]
    elif parameters.annotation == "cell":
        is_ood, kept = collections.is_ood[collection[own]], cells["kept"].to_numpy(bool)[own]
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
