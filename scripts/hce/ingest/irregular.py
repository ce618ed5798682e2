"""What raw counts of a release may be against expectation, said by dataset.

Fractions: schemas 3.0 and 3.1 of CELLxGENE, those of the paper's releases, did not ask for integers
(4.0.0 does), and the authors checked nothing. Genes that a cell has twice: matrices need not be
canonical, and the builder of these releases kept both entries (cellxgene-census issue 715); they
are added up, as in every matrix library, before anything is normalized.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.storage.rows import Counts, SparseRows

Blocks = Iterator[tuple[NDArray[np.int64], SparseRows]]


class Irregular:
    """Counts the irregular cells of blocks as they pass, and refuses fractions if it shall.

    Parameters
    ----------
    dataset_of
        Dataset of each cell, indexed by soma_joinid.
    policy
        One of `hce.census.schema.POLICIES`, for counts that are no integers.

    Attributes
    ----------
    fractional, summed
        Cells with such counts, and entries that were added to another, of each dataset.
    """

    def __init__(self, dataset_of: pd.Series, policy: str) -> None:
        self.dataset_of, self.policy = dataset_of, policy
        self.fractional: Counter[str] = Counter()
        self.summed: Counter[str] = Counter()

    def watch(self, blocks: Blocks) -> Blocks:
        """Pass blocks of `hce.ingest.counts.read_counts` on.

        Raises
        ------
        ValueError
            If the policy is refuse and a count is no integer.
        """
        for joinid, rows in blocks:
            cells, value = fractions(rows)
            if len(cells) and self.policy == "refuse":
                place = joinid[cells[0]]
                raise ValueError(
                    f"dataset {self.dataset_of[place]}: the raw count {value:.6g} in cell {place} "
                    "is no integer; set census.fractional_counts to keep to take such counts as "
                    "they are, or leave this dataset out"
                )
            self.fractional.update(self.dataset_of[joinid[cells]])
            self.summed.update(self.dataset_of[joinid[rows.summed]])
            yield joinid, rows

    def report(self) -> str:
        """A line for each dataset with irregular counts; empty without any."""
        lines = [
            f"dataset {name}: {n:,} cells have counts that are no integers, kept as they are"
            for name, n in sorted(self.fractional.items())
        ]
        lines += [
            f"dataset {name}: {n:,} entries were added to another of the same cell and gene"
            for name, n in sorted(self.summed.items())
        ]
        return "".join(f"{line}\n" for line in lines)


def fractions(rows: SparseRows) -> tuple[NDArray[np.int64], float]:
    """Positions of the cells that have a count that is no integer, and the first such count."""
    assert isinstance(rows.counts, Counts)  # as all that the ingest makes
    broken = np.flatnonzero(rows.counts.large != np.floor(rows.counts.large))
    at = rows.counts.large_at[broken]
    cells = np.unique(np.searchsorted(rows.indptr, at, side="right") - 1)
    return cells, float(rows.counts.large[broken[0]]) if len(broken) else np.nan
