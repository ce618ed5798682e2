"""The global order of cells in the shards: a function of the seed and each soma_joinid alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def shuffle_keys(soma_joinids: ArrayLike, seed: int) -> NDArray[np.uint64]:
    """A pseudo-random sort key for each cell that depends on nothing but (seed, soma_joinid).

    The finalizer of splitmix64 (Steele, Lea & Flood 2014) is a bijection of 64-bit integers, so two
    cells never share a key, and any job can compute the global order of its own cells.

    Parameters
    ----------
    soma_joinids
        Integer N.
    seed
        Not negative.

    Returns
    -------
    numpy.ndarray
        uint64 N.
    """
    step = np.uint64(0x9E3779B97F4A7C15)
    start = _mix(np.array([seed + 1], dtype=np.uint64) * step)
    return _mix(np.asarray(soma_joinids).astype(np.uint64) * step + start)


def _mix(key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64; products wrap by design."""
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


def buckets(keys: NDArray[np.uint64], n_buckets: int) -> NDArray[np.int32]:
    """The shuffle bucket of each key: equal slices of the key range, in its order."""
    # the top 32 bits times n_buckets cannot overflow 64 bits
    high = keys >> np.uint64(32)
    return ((high * np.uint64(n_buckets)) >> np.uint64(32)).astype(np.int32)
