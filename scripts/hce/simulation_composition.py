"""The cells of the simulation: how many of which type in which study, donor and tissue."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.simulation_parameters import SimulationParameters
from hce.simulation_studies import Studies
from hce.simulation_types import Hierarchy


def cell_numbers(
    hierarchy: Hierarchy,
    studies: Studies,
    reported: NDArray[np.int16],
    parameters: SimulationParameters,
) -> NDArray[np.int64]:
    """Cells of each type in each study.

    Multinomial with weights present · residual^(type is hidden) · exp(sd_abundance·N(0, 1)). Then
    each label gets its floor of cells from the studies that use it for its own finest type; they
    give up as many of their other cells, at random.

    Parameters
    ----------
    hierarchy, studies
        C labels, S studies.
    reported
        int16 S x C, label that each study gives to each finest type. It only sets where the floors
        lie, and is the same for every value of `parameters.annotation`.
    parameters
        Uses cells_*, residual, sd_abundance and min_*.

    Returns
    -------
    numpy.ndarray
        int64 S x C.

    Raises
    ------
    ValueError
        If a study has fewer cells than its floors take.
    """
    rng = parameters.stream("composition")
    noise = rng.standard_normal(studies.present.shape)
    weight = studies.present * np.exp(parameters.sd_abundance * noise)
    weight *= np.where(hierarchy.internal, parameters.residual, 1.0)
    floor = _floors(hierarchy, studies, reported, parameters)
    sizes = _study_sizes(studies, parameters)
    too_small = np.flatnonzero(floor.sum(axis=1) > sizes)
    if len(too_small):
        name = "ood" if studies.is_ood[too_small[0]] else "train"
        raise ValueError(
            f"simulation.cells_{name} is {getattr(parameters, f'cells_{name}')}: study "
            f"{too_small[0] + 1} has {sizes[too_small[0]]} cells, but its labels need "
            f"{floor[too_small[0]].sum()}; raise it, or lower simulation.min_cells_per_label"
        )
    empty = np.flatnonzero(weight.sum(axis=1) == 0)
    if len(empty):
        raise ValueError(
            f"study {empty[0] + 1} has no cell type: raise simulation.type_presence, "
            "simulation.residual or simulation.tissues_per_study"
        )
    numbers = np.zeros(weight.shape, dtype=np.int64)
    for study, size in enumerate(sizes):
        drawn = rng.multinomial(size, weight[study] / weight[study].sum())
        missing = np.maximum(floor[study] - drawn, 0)
        spare = np.maximum(drawn - floor[study], 0)
        numbers[study] = drawn + missing
        numbers[study] -= rng.multivariate_hypergeometric(spare, missing.sum())
    return numbers


def _floors(
    hierarchy: Hierarchy,
    studies: Studies,
    reported: NDArray[np.int16],
    parameters: SimulationParameters,
) -> NDArray[np.int64]:
    """Share each label's floor among the studies that use it, half evenly, half to the emptiest."""
    uses = studies.present & (reported == np.arange(len(hierarchy)))
    floor = np.zeros(uses.shape, dtype=np.int64)
    needs = max(parameters.min_cells_per_label, parameters.min_tech_samples_per_label)
    # labels that few studies use first: the others can go elsewhere
    for label in np.argsort(uses.sum(axis=0), kind="stable"):
        for group, least in (
            (~studies.is_ood, needs),
            (studies.is_ood, parameters.min_cells_per_ood_label),
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


def _study_sizes(studies: Studies, parameters: SimulationParameters) -> NDArray[np.int64]:
    sizes = []
    for ood, cells in ((False, parameters.cells_train), (True, parameters.cells_ood)):
        n = int((studies.is_ood == ood).sum())
        sizes.append(cells // n + (np.arange(n) < cells % n))
    return np.concatenate(sizes)


def draw_cells(
    hierarchy: Hierarchy,
    studies: Studies,
    numbers: NDArray[np.int64],
    parameters: SimulationParameters,
) -> pd.DataFrame:
    """Place the cells in donors and tissues.

    The cells of a type are dealt out evenly to the donors of their study; each comes from one of
    the study's tissues in which the type occurs, all equally likely.

    Parameters
    ----------
    hierarchy, studies
        C labels, S studies.
    numbers
        int64 S x C, cells of each type in each study.
    parameters
        For its random numbers.

    Returns
    -------
    pandas.DataFrame
        One row a cell, by study and type: study, finest, donor, tissue.
    """
    rng = parameters.stream("cells")
    flat = numbers.ravel()
    study, finest = np.divmod(np.repeat(np.arange(flat.size), flat), len(hierarchy))
    rank = np.arange(len(study)) - np.repeat(np.cumsum(flat) - flat, flat)
    start = np.repeat(rng.integers(2**31, size=flat.size), flat)
    donors_of = np.bincount(studies.donors["study"], minlength=len(studies))
    first = np.cumsum(donors_of) - donors_of
    donor = first[study] + (rank + start) % donors_of[study]
    possible = hierarchy.habitats[finest] & studies.tissues[study]
    tissue = draw_tissues(possible, rng)
    return pd.DataFrame({"study": study, "finest": finest, "donor": donor, "tissue": tissue})


def draw_tissues(possible: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw one of the possible tissues of each cell, all equally likely (bool N x tissues)."""
    return np.argmax(possible * (rng.random(possible.shape) + 1e-9), axis=1)
