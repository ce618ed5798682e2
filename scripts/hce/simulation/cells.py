"""The cells of the simulation: how many of which type in which collection, donor and tissue.

No label may go short of cells, collections or donors, and there are cells that a Census also holds
and that the selection must filter out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.simulation.collection import Collections
from hce.simulation.parameters import SimulationParameters
from hce.simulation.types import Hierarchy
from hce.simulation.vocabulary import ASSAYS, FOREIGN_TYPES, OTHER_ASSAYS


def cell_numbers(
    hierarchy: Hierarchy,
    collections: Collections,
    reported: NDArray[np.int16],
    parameters: SimulationParameters,
) -> NDArray[np.int64]:
    """Cells of each type in each collection.

    Multinomial with weights present · residual^(type is hidden) · exp(sd_abundance·N(0, 1)). Then
    each label gets its floor of cells from the collections that use it for its own finest type;
    they give up as many of their other cells, at random.

    Parameters
    ----------
    hierarchy, collections
        C labels, S collections.
    reported
        int16 S x C, label that each collection gives to each finest type. It only sets where the
        floors lie, and is the same for every value of `parameters.annotation`.
    parameters
        Uses cells_*, residual, sd_abundance and min_*.

    Returns
    -------
    numpy.ndarray
        int64 S x C.

    Raises
    ------
    ValueError
        If a collection has fewer cells than its floors take.
    """
    rng = parameters.stream("composition")
    noise = rng.standard_normal(collections.present.shape)
    weight = collections.present * np.exp(parameters.sd_abundance * noise)
    weight *= np.where(hierarchy.internal, parameters.residual, 1.0)
    floor = _floors(hierarchy, collections, reported, parameters)
    sizes = _collection_sizes(collections, parameters)
    too_small = np.flatnonzero(floor.sum(axis=1) > sizes)
    if len(too_small):
        name = "ood" if collections.is_ood[too_small[0]] else "train"
        raise ValueError(
            f"simulation.cells_{name} is {getattr(parameters, f'cells_{name}')}: collection "
            f"{too_small[0] + 1} has {sizes[too_small[0]]} cells, but its labels need "
            f"{floor[too_small[0]].sum()}; raise it, or lower simulation.min_cells_per_label"
        )
    empty = np.flatnonzero(weight.sum(axis=1) == 0)
    if len(empty):
        raise ValueError(
            f"collection {empty[0] + 1} has no cell type: raise simulation.type_presence, "
            "simulation.residual or simulation.tissues_per_collection"
        )
    numbers = np.zeros(weight.shape, dtype=np.int64)
    for collection, size in enumerate(sizes):
        drawn = rng.multinomial(size, weight[collection] / weight[collection].sum())
        missing = np.maximum(floor[collection] - drawn, 0)
        spare = np.maximum(drawn - floor[collection], 0)
        numbers[collection] = drawn + missing
        numbers[collection] -= rng.multivariate_hypergeometric(spare, missing.sum())
    return numbers


def _floors(
    hierarchy: Hierarchy,
    collections: Collections,
    reported: NDArray[np.int16],
    parameters: SimulationParameters,
) -> NDArray[np.int64]:
    """Share each label's floor among its collections, half evenly, half to the emptiest."""
    uses = collections.present & (reported == np.arange(len(hierarchy)))
    floor = np.zeros(uses.shape, dtype=np.int64)
    needs = max(parameters.min_cells_per_label, parameters.min_tech_samples_per_label)
    # labels that few collections use first: the others can go elsewhere
    for label in np.argsort(uses.sum(axis=0), kind="stable"):
        for group, least in (
            (~collections.is_ood, needs),
            (collections.is_ood, parameters.min_cells_per_ood_label),
        ):
            users = np.flatnonzero(uses[:, label] & group)
            if len(users) == 0:
                continue
            evenly = -(-least // (2 * len(users)))
            floor[users, label] = evenly
            load = floor[users].sum(axis=1)
            for _ in range(least - evenly * len(users)):
                emptiest = np.argmin(load)
                load[emptiest] += 1
                floor[users[emptiest], label] += 1
    return floor


def _collection_sizes(
    collections: Collections, parameters: SimulationParameters
) -> NDArray[np.int64]:
    sizes = []
    for ood, cells in ((False, parameters.cells_train), (True, parameters.cells_ood)):
        n = int((collections.is_ood == ood).sum())
        sizes.append(cells // n + (np.arange(n) < cells % n))
    return np.concatenate(sizes)


def draw_cells(
    hierarchy: Hierarchy,
    collections: Collections,
    numbers: NDArray[np.int64],
    parameters: SimulationParameters,
) -> pd.DataFrame:
    """Place the cells in donors and tissues.

    The cells of a type are dealt out evenly to the donors of their collection; each comes from one
    of the collection's tissues in which the type occurs, all equally likely.

    Parameters
    ----------
    hierarchy, collections
        C labels, S collections.
    numbers
        int64 S x C, cells of each type in each collection.
    parameters
        For its random numbers.

    Returns
    -------
    pandas.DataFrame
        One row a cell, by collection and type: collection, finest, donor, tissue.
    """
    rng = parameters.stream("cells")
    flat = numbers.ravel()
    collection, finest = np.divmod(np.repeat(np.arange(flat.size), flat), len(hierarchy))
    rank = np.arange(len(collection)) - np.repeat(np.cumsum(flat) - flat, flat)
    start = np.repeat(rng.integers(2**31, size=flat.size), flat)
    donors_of = np.bincount(collections.donors["collection"], minlength=len(collections))
    first = np.cumsum(donors_of) - donors_of
    donor = first[collection] + (rank + start) % donors_of[collection]
    possible = hierarchy.habitats[finest] & collections.tissues[collection]
    tissue = draw_tissues(possible, rng)
    return pd.DataFrame(
        {"collection": collection, "finest": finest, "donor": donor, "tissue": tissue}
    )


def draw_tissues(possible: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw one of the possible tissues of each cell, all equally likely (bool N x tissues)."""
    return np.argmax(possible * (rng.random(possible.shape) + 1e-9), axis=1)


def check_floors(
    cells: pd.DataFrame,
    label: NDArray[np.int64],
    hierarchy: Hierarchy,
    collections: Collections,
    parameters: SimulationParameters,
) -> None:
    """Check that every label is used by enough collections and has enough cells and donors.

    Parameters
    ----------
    cells
        N cells with collection, donor, kept (`add_contaminants`); the kept ones count.
    label
        int N, reported label.
    hierarchy, collections
        C labels, S collections.
    parameters
        Uses min_*.

    Raises
    ------
    ValueError
        If a floor does not hold.
    """
    table = cells[["collection", "donor"]].assign(label=label)[cells["kept"].to_numpy(bool)]
    is_ood = collections.is_ood[table["collection"]]
    first_release = {
        "cells": parameters.min_cells_per_label,
        "collections": parameters.min_collections_per_label,
        "tech_samples": parameters.min_tech_samples_per_label,
    }
    new_collections = {"cells": parameters.min_cells_per_ood_label}
    for part, labels, floors in (
        (table[~is_ood], np.arange(len(hierarchy)), first_release),
        (table[is_ood], np.flatnonzero(hierarchy.in_ood), new_collections),
    ):
        by_label = part.groupby("label")
        found = pd.DataFrame(
            {
                "cells": by_label.size(),
                "collections": by_label["collection"].nunique(),
                "tech_samples": by_label["donor"].nunique(),
            }
        ).reindex(labels, fill_value=0)
        for name, least in floors.items():
            scarcest, fewest = int(found[name].idxmin()), int(found[name].min())
            if fewest < least:
                raise ValueError(
                    f"label {hierarchy.labels[scarcest]} has {fewest} {name}, "
                    f"fewer than {least}: raise simulation.cells_*, collections_* or donors_*, or "
                    "lower the floor simulation.min_*"
                )


# a type with enough cells in too few technical samples
FEW_SAMPLES = 2


def add_contaminants(
    cells: pd.DataFrame,
    hierarchy: Hierarchy,
    collections: Collections,
    parameters: SimulationParameters,
) -> pd.DataFrame:
    """Complete the table of cells by those that must be filtered out.

    - cells marked as not primary, and cells of other assays than 10x, of types that their
      collection has; the new collections have as many in proportion to their cells;
    - cells of the `FOREIGN_TYPES`: a rare one, one in too few technical samples, two that are too
      general, a cultured one, and one that only the new collections have, in a dataset of its own;
    - empty cells: cells of the atlas in which no molecule was counted.

    Parameters
    ----------
    cells
        collection, finest, donor, tissue of the cells that are to be kept.
    hierarchy, collections
        C labels, S collections.
    parameters
        Uses *_cells.

    Returns
    -------
    pandas.DataFrame
        As `cells`, and: dataset, assay (code into `ASSAYS` + `OTHER_ASSAYS`), is_primary, kept,
        is_empty. finest >= C are the `FOREIGN_TYPES`. The dataset that only foreign cells are in
        has the number after the last of `collections.datasets`.
    """
    cells = cells.assign(kept=True, is_primary=True, is_empty=False)
    ratio = parameters.cells_ood / parameters.cells_train
    parts = [cells]
    for ood, scale in ((False, 1.0), (True, ratio)):
        name = "ood" if ood else "train"
        pool = cells[collections.is_ood[cells["collection"]] == ood]
        rng = parameters.stream("contaminants", name)
        n_secondary = round(scale * parameters.non_primary_cells)
        n_other = round(scale * parameters.other_assay_cells)
        parts.append(_resample(pool, n_secondary, rng).assign(is_primary=False))
        assay = len(ASSAYS) + rng.integers(len(OTHER_ASSAYS), size=n_other)
        parts.append(_resample(pool, n_other, rng).assign(assay=assay))
    parts.extend(_foreign_cells(len(hierarchy), collections, parameters))
    table = pd.concat(parts, ignore_index=True)
    donors = collections.donors.loc[table["donor"]].reset_index(drop=True)
    own_dataset = table.pop("dataset").astype(float)
    table["dataset"] = own_dataset.fillna(donors["dataset"]).astype(np.int64)
    dataset = table["dataset"].where(own_dataset.isna(), donors["dataset"])
    measured = collections.datasets.loc[dataset, "assay"].to_numpy()
    table["assay"] = table["assay"].astype(float).fillna(pd.Series(measured)).astype(np.int64)
    rng = parameters.stream("contaminants", "empty")
    n_empty = min(parameters.empty_cells, len(cells))
    table.loc[rng.choice(len(cells), n_empty, replace=False), "is_empty"] = True
    return table


def _resample(pool: pd.DataFrame, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """More cells of the same collection, type, donor and tissue as random ones."""
    return pool.iloc[rng.integers(len(pool), size=n)].assign(kept=False)


def _foreign_cells(
    n_labels: int, collections: Collections, parameters: SimulationParameters
) -> list[pd.DataFrame]:
    parts = []
    train = np.flatnonzero(~collections.is_ood[collections.donors["collection"]])
    new = np.flatnonzero(collections.donors["collection"] == len(collections) - 1)
    for number, foreign in enumerate(FOREIGN_TYPES):
        rng = parameters.stream("contaminants", foreign.cell_type.term_id)
        donors = {"few_samples_type_cells": train[:FEW_SAMPLES], "ood_only_type_cells": new}.get(
            foreign.parameter, train
        )
        donor = rng.choice(donors, size=getattr(parameters, foreign.parameter))
        collection = collections.donors["collection"].to_numpy()[donor]
        part = pd.DataFrame(
            {
                "collection": collection,
                "finest": n_labels + number,
                "donor": donor,
                "tissue": draw_tissues(collections.tissues[collection], rng),
                "kept": False,
                "is_primary": True,
                "is_empty": False,
            }
        )
        if foreign.parameter == "ood_only_type_cells":
            part["dataset"] = len(collections.datasets)
        parts.append(part)
    return parts
