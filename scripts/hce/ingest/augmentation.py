"""scTab's augmentation: add differences between donors of one cell type to training cells.

Source: theislab/scTab, notebooks/store_creation/ and cellnet/models.py. 500,000 training cells are
drawn with probability inverse to the size of their class, averaged by (cell type, technical
sample), and differences of averages within a cell type are clustered, so that the vectors kept are
common kinds of shift between donors, not outliers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.cluster import KMeans


@dataclass(frozen=True)
class AugmentationParameters:
    """Parameters of scTab's augmentation vectors, defaults as in scTab."""

    n_cells: int = 500_000
    pairs_per_cell_type: int = 300
    small_difference: float = 0.25
    clip: float = 1.5
    n_clusters: int = 50
    min_cluster_size: int = 2_000
    n_vectors: int = 5_000
    seed: int = 1


def draw_cells(
    labels: NDArray[np.integer], n_cells: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw different cells with probability inverse to the size of their class.

    Parameters
    ----------
    labels
        Integer N, class index of each training cell.
    n_cells
        How many to draw; all of them if there are not more.

    Returns
    -------
    numpy.ndarray
        int64, ascending positions.
    """
    n_cells = min(n_cells, len(labels))
    weight = 1.0 / np.bincount(labels)[labels]
    # weighted sampling without replacement: the smallest of exponential variables over the weights
    # (Efraimidis & Spirakis 2006); linear in N where Generator.choice is not
    keys = rng.exponential(size=len(labels)) / weight
    return np.sort(np.argpartition(keys, n_cells - 1)[:n_cells])


class GroupMeans:
    """Mean expression of each group of cells, accumulated block by block."""

    def __init__(self, n_groups: int, n_genes: int) -> None:
        self.sums = np.zeros((n_groups, n_genes), dtype=np.float32)
        self.cells = np.zeros(n_groups, dtype=np.int64)

    def add(self, expression: sparse.csr_matrix, groups: NDArray[np.integer]) -> None:
        """Add cells (csr n x G) that belong to these groups (integer n)."""
        present, local = np.unique(groups, return_inverse=True)
        members = sparse.csr_matrix(
            (np.ones(len(local), dtype=np.float32), (local, np.arange(len(local)))),
            shape=(len(present), len(local)),
        )
        sums = (members @ expression).tocoo()
        self.sums[present[sums.row], sums.col] += sums.data
        self.cells += np.bincount(groups, minlength=len(self.cells))

    def means(self) -> NDArray[np.float32]:
        """Return the means, float32 groups x G."""
        return self.sums / np.maximum(self.cells, 1).astype(np.float32)[:, None]


def passes(groups_of: NDArray[np.integer], n_genes: int, memory: int) -> list[NDArray[np.int64]]:
    """Divide cell types among passes over the shards, so that the means of a pass fit in memory.

    Parameters
    ----------
    groups_of
        Integer M, class index of each (cell type, technical sample).
    n_genes
        G.
    memory
        Bytes for the sums of one pass, 4 a group and gene.

    Returns
    -------
    list of numpy.ndarray
        Class indices of each pass, ascending.
    """
    cell_types, groups = np.unique(groups_of, return_counts=True)
    fitting = max(memory // (4 * n_genes), 1)
    number = (np.cumsum(groups) - groups) // fitting
    return [cell_types[number == n] for n in np.unique(number)]


def pair_differences(
    means: NDArray[np.float32],
    cell_types: NDArray[np.integer],
    parameters: AugmentationParameters,
    rng: np.random.Generator,
) -> sparse.csr_matrix:
    """Differences of mean expression between technical samples of one cell type.

    Parameters
    ----------
    means
        float32 M x G, mean expression of each (cell type, technical sample).
    cell_types
        Integer M, class index of each mean. Cell types are taken in ascending order.
    parameters
        See `AugmentationParameters`.
    rng
        Draws the pairs where there are more than pairs_per_cell_type.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32 pairs x G: small differences are 0, large ones clipped.
    """
    empty = sparse.csr_matrix(means[:0])
    parts = [
        _differences_within(means[cell_types == cell_type], parameters, rng)
        for cell_type in np.unique(cell_types)
    ]
    return sparse.vstack([empty, *parts], format="csr")


def choose_vectors(
    differences: sparse.csr_matrix, parameters: AugmentationParameters, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Cluster the differences and draw vectors from the large clusters.

    Parameters
    ----------
    differences
        float32 pairs x G.
    parameters
        See `AugmentationParameters`.
    rng
        Draws the vectors.

    Returns
    -------
    numpy.ndarray
        float32 K x G, K = n_vectors, or fewer if there are not as many differences.

    Raises
    ------
    ValueError
        If there is no difference at all, or no cluster is large enough.
    """
    n_differences = differences.shape[0]
    if n_differences == 0:
        raise ValueError("augmentation: no cell type was seen in two technical samples")
    n_clusters = min(parameters.n_clusters, n_differences)
    clusters = KMeans(n_clusters, n_init=1, random_state=parameters.seed).fit_predict(differences)
    size = np.bincount(clusters, minlength=n_clusters)
    kept = np.flatnonzero(size[clusters] > parameters.min_cluster_size)
    if len(kept) == 0:
        raise ValueError(
            f"augmentation: no cluster of differences has more than "
            f"{parameters.min_cluster_size} members, the largest has {size.max()}; lower "
            "augmentation.min_cluster_size in the configuration"
        )
    n_vectors = min(parameters.n_vectors, len(kept))
    return differences[rng.choice(kept, n_vectors, replace=False)].toarray()


def _differences_within(
    means: NDArray[np.float32], parameters: AugmentationParameters, rng: np.random.Generator
) -> sparse.csr_matrix:
    first, second = np.triu_indices(len(means), k=1)
    if len(first) > parameters.pairs_per_cell_type:
        chosen = rng.choice(len(first), parameters.pairs_per_cell_type, replace=False)
        first, second = first[chosen], second[chosen]
    difference = means[first] - means[second]
    difference[np.abs(difference) <= parameters.small_difference] = 0
    return sparse.csr_matrix(np.clip(difference, -parameters.clip, parameters.clip))
