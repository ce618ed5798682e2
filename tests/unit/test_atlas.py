"""Donor split, class weights and shuffling against numpy, pandas and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from hce.atlas import balanced_class_weights, split_cells, split_donors, tech_samples
from hce.ingest.order import buckets, shuffle_keys

seeds = st.integers(0, 2**32 - 1)


def expected_split(
    samples: list[str], val: float, test: float, seed: int
) -> tuple[list[str], list[str], list[str]]:
    """The procedure of the methods section with lists: unique, shuffle, cut from the left."""
    shuffled = list(dict.fromkeys(samples))
    np.random.default_rng(seed).shuffle(shuffled)
    n_val, n_test = math.ceil(val * len(shuffled)), math.ceil(test * len(shuffled))
    last = len(shuffled) - n_test
    return shuffled[: last - n_val], shuffled[last - n_val : last], shuffled[last:]


@given(
    seed=seeds,
    n_samples=st.integers(3, 80),
    shares=st.sampled_from([(0.15, 0.15), (0.1, 0.3), (0.3, 0.05), (0.125, 0.25)]),
)
def test_split_equals_lists(seed: int, n_samples: int, shares: tuple[float, float]) -> None:
    """Same samples in the same order as the lists, whether given once or once a cell."""
    rng = np.random.default_rng(seed)
    unique = [f"dataset{i}_donor{j}" for i, j in rng.integers(0, 10**6, (n_samples, 2))]
    cells = unique + [unique[i] for i in rng.integers(0, n_samples, 50)]
    expected = expected_split(unique, *shares, seed)
    for samples in (np.array(unique), np.array(cells), np.array(cells, dtype=object)):
        parts = split_donors(samples, *shares, seed)
        assert tuple(part.tolist() for part in parts) == expected


@given(n_samples=st.integers(3, 200))
def test_split_is_a_partition_with_rounded_up_shares(n_samples: int) -> None:
    """Every sample in exactly one part; val and test rounded up."""
    samples = [f"sample {i}" for i in range(n_samples)]
    train, val, test = split_donors(samples)
    assert len(val) == len(test) == math.ceil(0.15 * n_samples)
    assert sorted([*train, *val, *test]) == sorted(samples)


def test_split_of_the_paper_has_its_size() -> None:
    """5,052 donors: 3,536 to train, 758 each to validate and test."""
    parts = split_donors(np.arange(5052).astype(str))
    assert [len(part) for part in parts] == [3536, 758, 758]


def test_split_defaults_and_seed() -> None:
    """The defaults are scTab's; another seed is another split; the same seed the same one."""
    samples = [f"sample {i}" for i in range(40)]
    parts = split_donors(samples)
    again = split_donors(samples, val=0.15, test=0.15, seed=1)
    other = split_donors(samples, seed=2)
    assert all((one == two).all() for one, two in zip(parts, again, strict=True))
    assert set(parts[2]) != set(other[2])


def test_split_follows_first_appearance() -> None:
    """The order of samples decides, not their names."""
    forward, backward = list("abcdefghij"), list("jihgfedcba")
    renamed = dict(zip(forward, backward, strict=True))
    for one, two in zip(split_donors(forward), split_donors(backward), strict=True):
        assert [renamed[name] for name in one] == two.tolist()


@pytest.mark.parametrize(
    ("n_samples", "val", "test"),
    [(0, 0.15, 0.15), (1, 0.15, 0.15), (2, 0.15, 0.15), (9, 0.5, 0.5), (9, -0.1, 0.1), (9, 0.1, 1)],
)
def test_impossible_splits_raise(n_samples: int, val: float, test: float) -> None:
    """No split without a training set."""
    with pytest.raises(ValueError):
        split_donors([f"sample {i}" for i in range(n_samples)], val, test)


@pytest.fixture
def obs() -> pd.DataFrame:
    """Cells of 30 donors in 4 datasets, in datasets' order as in the Census."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "dataset_id": np.sort(rng.choice(["d3", "d1", "d2", "d0"], 2000)),
            "donor_id": rng.choice([f"donor{i}" for i in range(30)], 2000),
        },
        index=np.arange(100, 2100),
    )


def test_tech_samples_are_pairs(obs: pd.DataFrame) -> None:
    """dataset_id + "_" + donor_id, with the caller's index, categories by first appearance."""
    expected = obs["dataset_id"] + "_" + obs["donor_id"]
    for cells in (obs, obs.astype("category")):
        samples = tech_samples(cells)
        assert samples.astype(str).tolist() == expected.tolist()
        assert samples.index.equals(obs.index)
        assert samples.cat.categories.tolist() == expected.drop_duplicates().tolist()


def test_split_cells_equals_pandas(obs: pd.DataFrame) -> None:
    """Donors split, cells of each split permuted by one generator and cut to whole row groups."""
    samples = tech_samples(obs)
    names = samples.astype(str).reset_index(drop=True)
    rng = np.random.default_rng(1)
    expected = np.full(len(obs), -1)
    for code, part in enumerate(expected_split(names.tolist(), 0.15, 0.15, 1)):
        rows = rng.permutation(names[names.isin(part)].index.to_numpy())
        expected[rows[: len(rows) - len(rows) % 64]] = code
    assigned = split_cells(samples, val=0.15, test=0.15, seed=1, multiple=64)
    np.testing.assert_array_equal(assigned, expected)
    assert (np.bincount(assigned[assigned >= 0]) % 64 == 0).all()


def test_split_cells_keeps_all_with_multiple_one(obs: pd.DataFrame) -> None:
    """A donor's cells stay together, and none is dropped without a reason."""
    samples = tech_samples(obs)
    assigned = split_cells(samples, val=0.15, test=0.15, seed=1, multiple=1)
    assert set(assigned) == {0, 1, 2}
    splits_of_a_donor = pd.Series(assigned, obs.index).groupby(samples, observed=True).nunique()
    assert (splits_of_a_donor == 1).all()


def test_split_cells_too_few_raises(obs: pd.DataFrame) -> None:
    """A split that cannot fill one row group is named."""
    with pytest.raises(ValueError, match="val"):
        split_cells(tech_samples(obs), val=0.15, test=0.15, seed=1, multiple=1024)


@given(seed=seeds, n_classes=st.integers(1, 12))
def test_class_weights_equal_sklearn(seed: int, n_classes: int) -> None:
    """N / (C n_i), scikit-learn's balanced weights."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, 100)])
    rng.shuffle(y)
    expected = compute_class_weight("balanced", classes=np.arange(n_classes), y=y)
    weights = balanced_class_weights(y, n_classes)
    assert weights.dtype == np.float64
    np.testing.assert_allclose(weights, expected, rtol=1e-12)
    # each class has the same share of the weighted cells
    np.testing.assert_allclose(weights * np.bincount(y), len(y) / n_classes, rtol=1e-12)


def test_class_weights_of_small_integers() -> None:
    """Class indices may be stored in one byte."""
    y = np.repeat(np.arange(164, dtype=np.uint8), 300)
    np.testing.assert_allclose(balanced_class_weights(y, 164), 1.0)


def test_class_without_cells_raises() -> None:
    """The error names the class."""
    with pytest.raises(ValueError, match="17"):
        balanced_class_weights(np.delete(np.arange(20), 17), 20)
    with pytest.raises(ValueError):
        balanced_class_weights([], 2)


@pytest.mark.parametrize("y", [[0, 1, 2], [0, 1, -1]], ids=["too large", "negative"])
def test_class_outside_raises(y: list[int]) -> None:
    """An index that is no class is refused."""
    with pytest.raises(ValueError):
        balanced_class_weights(y, 2)


@given(seed=st.integers(0, 2**31), start=st.integers(0, 10**9))
def test_shuffle_keys_are_unique_and_local(seed: int, start: int) -> None:
    """No two cells share a key, and a cell's key does not depend on the cells beside it."""
    joinids = np.arange(start, start + 500)
    keys = shuffle_keys(joinids, seed)
    assert keys.dtype == np.uint64
    assert len(np.unique(keys)) == 500
    np.testing.assert_array_equal(shuffle_keys(joinids[123:150], seed), keys[123:150])


def test_shuffle_keys_depend_on_the_seed() -> None:
    """Neighboring seeds give unrelated orders."""
    joinids = np.arange(5000)
    orders = [np.argsort(shuffle_keys(joinids, seed)) for seed in range(4)]
    for i, one in enumerate(orders):
        for other in (joinids, *orders[:i]):
            assert abs(np.corrcoef(one, other)[0, 1]) < 0.06  # 4 sd of a random pair


@pytest.mark.parametrize("n_buckets", [1, 3, 16, 1000])
def test_buckets_are_even_slices_in_order(n_buckets: int) -> None:
    """Sorting by key sorts by bucket, and no bucket is far from its share."""
    keys = shuffle_keys(np.arange(50_000), seed=3)
    bucket = buckets(keys, n_buckets)
    assert bucket.min() >= 0
    assert bucket.max() < n_buckets
    assert (np.diff(bucket[np.argsort(keys)]) >= 0).all()
    share = 50_000 / n_buckets
    counts = np.bincount(bucket, minlength=n_buckets)
    assert (abs(counts - share) < 6 * math.sqrt(share)).all()


def test_buckets_of_the_largest_key() -> None:
    """The ends of the key range fall into the first and the last bucket."""
    ends = np.array([0, 2**64 - 1], dtype=np.uint64)
    assert buckets(ends, 7).tolist() == [0, 6]
