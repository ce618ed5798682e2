"""Arrays that are used again: on many machines fresh memory costs more than the work on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Scratch:
    """Arrays by name, which grow and are never given back."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray] = {}

    def reserve(self, name: str, dtype: DTypeLike, n_items: int, used: int = 0) -> NDArray:
        """Return the array of this name with room for `n_items` or more.

        Parameters
        ----------
        name, dtype
            Of the array; the type is that of its first use.
        n_items
            Room needed, in items.
        used
            Items at the beginning that must be kept if it grows; the others are arbitrary.
        """
        array = self._arrays.pop(name, np.empty(0, dtype=dtype))
        if n_items > len(array):
            kept = array[:used].copy()
            # some room more, so that growing step by step copies each item a few times at most
            room = max(n_items, len(array) * 9 // 8)
            del array  # before the new memory is there
            array = np.empty(room, dtype=dtype)
            array[:used] = kept
        self._arrays[name] = array
        return array
