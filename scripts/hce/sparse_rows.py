"""Raw counts of some cells, as they travel from the Census to the shards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SparseRows:
    """Raw counts of some cells, genes ascending within each.

    Attributes
    ----------
    indptr
        int64 N + 1: cell i has the entries indptr[i] to indptr[i + 1].
    genes
        uint16, position of the gene of each entry.
    counts
        uint32, its count.
    """

    indptr: NDArray[np.int64]
    genes: NDArray[np.uint16]
    counts: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.indptr) - 1
