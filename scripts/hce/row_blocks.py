"""Matrices that are too large for memory: blocks of their rows, one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


class RowBlocks(Protocol):
    """A matrix whose rows come in blocks, float32 csr, each time that it is iterated.

    Attributes
    ----------
    shape
        Rows and columns of the whole.
    """

    @property
    def shape(self) -> tuple[int, int]: ...

    def __iter__(self) -> Iterator[sparse.csr_matrix]: ...


class DigestedBlocks:
    """Blocks of rows that are digested as they pass, so that they are read only once.

    Attributes
    ----------
    blocks
        The blocks that pass.
    nnz
        Entries of the blocks that have passed.
    """

    def __init__(self, blocks: RowBlocks) -> None:
        self.blocks = blocks
        self._start()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the whole."""
        return self.blocks.shape

    def __iter__(self) -> Iterator[sparse.csr_matrix]:
        self._start()
        for block in self.blocks:
            block.sort_indices()
            self.nnz += int(block.nnz)
            self._add("lengths", np.diff(block.indptr), "<i8")
            self._add("columns", block.indices, "<i8")
            self._add("values", block.data, "<f4")
            yield block

    def hexdigest(self) -> str:
        """SHA-256 of what passed, whatever the blocks were: shape, row lengths, columns, values."""
        whole = hashlib.sha256(repr(self.shape).encode())
        for part in self._parts.values():
            whole.update(part.digest())
        return whole.hexdigest()

    def _start(self) -> None:
        self.nnz = 0
        self._parts = {name: hashlib.sha256() for name in ("lengths", "columns", "values")}

    def _add(self, part: str, values: NDArray, dtype: str) -> None:
        self._parts[part].update(np.ascontiguousarray(values, dtype=dtype))
