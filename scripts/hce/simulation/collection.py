"""Collections of the simulation: their tissues, donors, datasets (studies), assays and types."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.simulation.parameters import SimulationParameters
from hce.simulation.types import Hierarchy
from hce.simulation.vocabulary import (
    ASSAYS,
    DISEASES,
    ETHNICITIES,
    SEEN_DISEASES,
    SEXES,
    STAGES,
    TISSUES,
    UNSEEN_ASSAY,
)

# of the donors of a collection that has a disease, and of the datasets
SHARE_OF_NORMAL_DONORS = 0.5
SHARE_OF_NUCLEUS_DATASETS = 0.2


@dataclass(frozen=True)
class Collections:
    """S collections: those of the first release, then the new ones.

    Attributes
    ----------
    is_ood
        Bool S, whether a collection is new in the second release.
    tissues
        Bool S x tissues, what the collection samples.
    present
        Bool S x C, finest types among its cells.
    donors
        One row a donor: collection, dataset, disease, sex, ethnicity, stage (codes into the
        vocabulary).
    datasets
        One row a dataset: collection, number (within the collection, from 1), assay (code), nucleus
        (bool).
    """

    is_ood: NDArray[np.bool_]
    tissues: NDArray[np.bool_]
    present: NDArray[np.bool_]
    donors: pd.DataFrame
    datasets: pd.DataFrame

    def __len__(self) -> int:
        return len(self.is_ood)


def draw_collections(hierarchy: Hierarchy, parameters: SimulationParameters) -> Collections:
    """Draw the collections of both releases.

    A type occurs in the tissues that its label or lineage suggests, in each collection that samples
    one of them with probability type_presence; labels that the new collections do not report do not
    occur there. Every type is in at least min_collections_per_label collections of the first
    release, and every type of the new collections in at least one of those.

    Raises
    ------
    ValueError
        If too few collections sample the tissues of a type.
    """
    numbers = (parameters.collections_train, parameters.collections_ood)
    is_ood = np.repeat([False, True], numbers)
    tissues = np.concatenate(
        [
            _balanced_tissues(
                n, [getattr(tissue, flag) for tissue in TISSUES], parameters, where=flag
            )
            for n, flag in zip(numbers, ("in_train", "in_ood"), strict=True)
        ]
    )
    present = _presence(hierarchy, is_ood, tissues, parameters)
    datasets = _datasets(is_ood, parameters)
    donors = _donors(is_ood, datasets, parameters)
    return Collections(is_ood, tissues, present, donors, datasets)


def _balanced_tissues(
    n_collections: int, sampled: list[bool], parameters: SimulationParameters, where: str
) -> NDArray[np.bool_]:
    """Give each collection different tissues, and each tissue equally many collections."""
    n_tissues = parameters.tissues_per_collection
    if n_tissues > sum(sampled):
        raise ValueError(
            f"simulation.tissues_per_collection is {n_tissues}; there are only {sum(sampled)} "
            "tissues"
        )
    rng = parameters.stream("tissues", where)
    used = np.where(sampled, 0, np.iinfo(np.int64).max)
    chosen = np.zeros((n_collections, len(sampled)), dtype=bool)
    for collection in range(n_collections):
        least_used = np.lexsort((rng.random(len(used)), used))[:n_tissues]
        chosen[collection, least_used] = True
        used[least_used] += 1
    return chosen


def _presence(
    hierarchy: Hierarchy,
    is_ood: NDArray[np.bool_],
    tissues: NDArray[np.bool_],
    parameters: SimulationParameters,
) -> NDArray[np.bool_]:
    possible = (tissues.astype(int) @ hierarchy.habitats.T.astype(int)) > 0
    possible &= ~is_ood[:, None] | hierarchy.in_ood
    score = parameters.stream("presence").random(possible.shape)
    present = possible & (score < parameters.type_presence)
    for group, least, name in (
        (~is_ood, parameters.min_collections_per_label, "collections_train"),
        (is_ood, 1, "collections_ood"),
    ):
        needed = np.where(hierarchy.in_ood, least, 0) if name == "collections_ood" else least
        candidates = np.where(possible & group[:, None], score, np.inf)
        # the collections with the smallest score are those that a higher type_presence would add
        rank = np.argsort(np.argsort(candidates, axis=0, kind="stable"), axis=0, kind="stable")
        lacking = (possible & group[:, None]).sum(axis=0) < needed
        if lacking.any():
            raise ValueError(
                f"simulation.{name} is {group.sum()}: too few collections sample a tissue of "
                f"{hierarchy.labels[np.argmax(lacking)]}; raise it or "
                "simulation.tissues_per_collection"
            )
        present |= np.isfinite(candidates) & (rank < needed)
    return present


def _datasets(is_ood: NDArray[np.bool_], parameters: SimulationParameters) -> pd.DataFrame:
    rng = parameters.stream("datasets")
    tables = []
    for ood, n_donors in ((False, parameters.donors_train), (True, parameters.donors_ood)):
        collections = np.flatnonzero(is_ood == ood)
        n_double = round(parameters.two_study_collections * len(collections)) if n_donors > 1 else 0
        double = np.sort(rng.permutation(collections)[:n_double])
        collection = np.sort(np.concatenate([collections, double]))
        number = 1 + np.concatenate([[False], collection[1:] == collection[:-1]]).astype(int)
        allowed = [i for i, assay in enumerate(ASSAYS) if ood or assay.label != UNSEEN_ASSAY]
        assay = rng.permutation(np.resize(rng.permutation(allowed), len(collection)))
        nucleus = rng.random(len(collection)) < SHARE_OF_NUCLEUS_DATASETS
        tables.append(
            pd.DataFrame(
                {"collection": collection, "number": number, "assay": assay, "nucleus": nucleus}
            )
        )
    return pd.concat(tables, ignore_index=True)


def _donors(
    is_ood: NDArray[np.bool_], datasets: pd.DataFrame, parameters: SimulationParameters
) -> pd.DataFrame:
    rng = parameters.stream("donors")
    n_donors = np.where(is_ood, parameters.donors_ood, parameters.donors_train)
    collection = np.repeat(np.arange(len(is_ood)), n_donors)
    rank = np.arange(len(collection)) - np.repeat(np.cumsum(n_donors) - n_donors, n_donors)
    first = datasets.index[datasets["number"] == 1].to_numpy()
    doubled = np.bincount(datasets["collection"])[collection] == 2
    # each donor is in one dataset: the second takes the second half of the donors
    dataset = first[collection] + (doubled & (rank >= (n_donors[collection] + 1) // 2))
    seen = 1 + np.arange(len(SEEN_DISEASES))
    disease = np.concatenate(
        [
            rng.permutation(np.resize(seen, parameters.collections_train)),
            rng.permutation(
                np.resize(np.arange(1, len(DISEASES))[::-1], parameters.collections_ood)
            ),
        ]
    )
    return pd.DataFrame(
        {
            "collection": collection,
            "number": rank + 1,
            "dataset": dataset,
            "disease": np.where(
                rng.random(len(collection)) < SHARE_OF_NORMAL_DONORS, 0, disease[collection]
            ),
            "sex": rng.integers(len(SEXES), size=len(collection)),
            "ethnicity": rng.integers(len(ETHNICITIES), size=len(collection)),
            "stage": rng.integers(len(STAGES), size=len(collection)),
        }
    )
