"""Augmentation vectors: the draw of cells, the means, the differences between donors."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from hce.ingest.augmentation import (
    AugmentationParameters,
    GroupMeans,
    choose_vectors,
    draw_cells,
    pair_differences,
    passes,
)

FEW = AugmentationParameters(n_clusters=3, min_cluster_size=0, n_vectors=10_000)


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=40).filter(
        lambda labels: set(labels) == set(range(max(labels) + 1))
    ),
    n_cells=st.integers(1, 60),
)
def test_different_cells_are_drawn_in_ascending_order(labels: list[int], n_cells: int) -> None:
    drawn = draw_cells(np.array(labels), n_cells, np.random.default_rng(1))
    assert len(drawn) == min(n_cells, len(labels))
    assert (np.diff(drawn) > 0).all()
    assert drawn[0] >= 0
    assert drawn[-1] < len(labels)


def test_cells_are_drawn_with_probability_inverse_to_the_size_of_their_class() -> None:
    labels = np.repeat([0, 1, 2], [10_000, 1_000, 100])
    rng = np.random.default_rng(1)
    drawn = np.concatenate([labels[draw_cells(labels, 30, rng)] for _ in range(200)])
    # 6,000 draws of which each class has a third, fewer where it runs out of cells
    shares = np.bincount(drawn) / len(drawn)
    assert shares[:2] == pytest.approx([0.345, 0.345], abs=0.02)
    assert 0.28 < shares[2] < 1 / 3


@given(seed=st.integers(0, 50), n_blocks=st.integers(1, 4))
def test_group_means_over_blocks_are_those_of_numpy(seed: int, n_blocks: int) -> None:
    rng = np.random.default_rng(seed)
    expression = rng.random((30, 5)).astype(np.float32) * (rng.random((30, 5)) < 0.5)
    groups = rng.integers(4, size=30)
    accumulated = GroupMeans(6, 5)
    for rows in np.array_split(np.arange(30), n_blocks):
        accumulated.add(sparse.csr_matrix(expression[rows]), groups[rows])
    means = accumulated.means()
    for group in range(6):
        members = expression[groups == group]
        expected = members.mean(axis=0) if len(members) else np.zeros(5)
        np.testing.assert_allclose(means[group], expected, rtol=1e-5, atol=1e-7)


def augmentation_vectors(
    means: NDArray[np.float32], cell_types: NDArray[np.int64], parameters: AugmentationParameters
) -> NDArray[np.float32]:
    """Vectors from group means that fit in memory at once."""
    rng = np.random.default_rng(parameters.seed)
    return choose_vectors(pair_differences(means, cell_types, parameters, rng), parameters, rng)


def example_means() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Means of three cell types in 4, 1 and 5 samples, large and small differences among them."""
    rng = np.random.default_rng(6)
    return rng.normal(0, 0.8, (10, 8)).astype(np.float32), np.repeat([5, 0, 2], [4, 1, 5])


def expected_differences(
    means: NDArray[np.float32], cell_types: NDArray[np.int64]
) -> set[tuple[float, ...]]:
    """Every difference within a cell type, small entries 0, clipped, pair by pair."""
    found = set()
    for i, j in combinations(range(len(means)), 2):
        if cell_types[i] == cell_types[j]:
            difference = [
                0.0 if abs(d) <= np.float32(0.25) else float(np.clip(d, -1.5, 1.5))
                for d in means[i] - means[j]
            ]
            found.add(tuple(difference))
    return found


def test_vectors_are_the_differences_within_cell_types() -> None:
    means, cell_types = example_means()
    vectors = augmentation_vectors(means, cell_types, FEW)
    assert vectors.dtype == np.float32
    expected = expected_differences(means, cell_types)
    assert len(expected) == 6 + 10  # pairs of 4 and of 5 samples
    assert {tuple(map(float, vector)) for vector in vectors} == expected
    assert len(vectors) == 16


def test_vectors_respect_threshold_clip_and_number() -> None:
    means, cell_types = example_means()
    parameters = AugmentationParameters(
        n_clusters=2, min_cluster_size=0, n_vectors=7, small_difference=0.6, clip=0.9
    )
    vectors = augmentation_vectors(means, cell_types, parameters)
    assert vectors.shape == (7, 8)
    assert len(np.unique(vectors, axis=0)) == 7
    size = np.abs(vectors[vectors != 0])
    assert size.min() > 0.6
    assert size.max() == np.float32(0.9)


def test_pairs_of_a_cell_type_are_limited() -> None:
    means, cell_types = example_means()
    parameters = AugmentationParameters(
        n_clusters=1, min_cluster_size=0, n_vectors=100, pairs_per_cell_type=3
    )
    vectors = augmentation_vectors(means, cell_types, parameters)
    assert len(vectors) == 3 + 3
    possible = expected_differences(means, cell_types)
    assert {tuple(map(float, vector)) for vector in vectors} <= possible


def test_only_vectors_of_large_clusters_are_drawn() -> None:
    # samples 0 to 5 differ in gene 0 alike; sample 6 of another type lies far from its partner
    means = np.zeros((8, 3), dtype=np.float32)
    means[:6, 0] = np.arange(6) * 0.3
    means[6, 1] = 1.4
    cell_types = np.array([0] * 6 + [1] * 2)
    parameters = AugmentationParameters(n_clusters=2, min_cluster_size=1, n_vectors=100)
    vectors = augmentation_vectors(means, cell_types, parameters)
    assert len(vectors) == 15
    assert (vectors[:, 1] == 0).all()


def test_the_draw_depends_on_the_seed_only() -> None:
    means, cell_types = example_means()
    draws = [
        augmentation_vectors(
            means,
            cell_types,
            AugmentationParameters(n_clusters=2, min_cluster_size=0, n_vectors=5, seed=seed),
        )
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_too_few_samples_or_too_small_clusters_are_refused() -> None:
    means, cell_types = example_means()
    with pytest.raises(ValueError, match="no cell type was seen in two technical samples"):
        augmentation_vectors(means, np.arange(10), FEW)
    strict = AugmentationParameters(n_clusters=1, min_cluster_size=16)
    with pytest.raises(ValueError, match=r"more than 16 members, the largest has 16.*lower"):
        augmentation_vectors(means, cell_types, strict)


@given(
    groups_of=st.lists(st.integers(0, 12), min_size=1, max_size=60),
    n_genes=st.integers(1, 50),
    memory=st.integers(1, 20_000),
)
def test_passes_hold_each_cell_type_once_and_what_fits(
    groups_of: list[int], n_genes: int, memory: int
) -> None:
    parts = passes(np.array(groups_of), n_genes, memory)
    assert np.concatenate(parts).tolist() == sorted(set(groups_of))
    sizes = np.bincount(groups_of)
    fitting = max(memory // (4 * n_genes), 1)
    for part in parts:
        # a pass is begun before it is full, so the last cell type may stand out
        assert sizes[part].sum() - sizes[part[-1]] < fitting


def test_differences_in_passes_are_those_of_one_pass() -> None:
    means, cell_types = example_means()
    rng = np.random.default_rng(1)
    one = pair_differences(means, cell_types, FEW, rng).toarray()
    parts = []
    # types 0, 2 and 5 have 1, 5 and 4 groups: with room for 2, the second still begins in pass 1
    for chosen in passes(cell_types, means.shape[1], memory=2 * 4 * means.shape[1]):
        rows = np.isin(cell_types, chosen)
        parts.append(pair_differences(means[rows], cell_types[rows], FEW, rng).toarray())
    assert len(parts) == 2
    assert np.array_equal(np.concatenate(parts), one)
