"""Cells of a batch, taken from where they are kept and normalized on the way to the model.

A batch takes rows of one or more blocks. There are three kinds of block, for three situations:

    Cells       normalized already: a small split on a CPU, where nothing has to be fast
    CellBlock   raw counts in the memory of the host (residency stream and host)
    DeviceBlock raw counts in the memory of the device (residency device)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeGuard, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from hce.loader.buffers import BufferPool
from hce.loader.device import DeviceBlock, RawRows, signed_type
from hce.loader.expression import SparseExpression
from hce.normalize import TARGET_SUM
from hce.storage.blocks import CellBlock, Cells, offsets_of, sizes_at, widest
from hce.threads import in_threads

Block = Cells | CellBlock | DeviceBlock
Kind = TypeVar("Kind", bound=Block, covariant=True)


@dataclass(frozen=True)
class Rows(Generic[Kind]):
    """Some cells of a block: their positions in it, int64, in order."""

    block: Kind
    positions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.positions)

    def part(self, selection: slice) -> Rows[Kind]:
        """Return some of the cells, of the same block."""
        return Rows(self.block, self.positions[selection])

    def apart(self) -> Rows[Block]:
        """Return the cells in a block of their own, so that the large one can go."""
        if isinstance(self.block, DeviceBlock):
            return self
        return Rows(self.block.take(self.positions), np.arange(len(self)))


@dataclass(frozen=True)
class Batch:
    """Some cells on their way to a model.

    Attributes
    ----------
    soma_joinid, label
        int64 B and int16 B, on the host.
    expression
        Normalized expression of the B cells, on the device of the reader.
    """

    soma_joinid: NDArray[np.int64]
    label: NDArray[np.int16]
    expression: SparseExpression

    def __len__(self) -> int:
        return len(self.soma_joinid)


def cut(
    parts: Iterable[Rows[Block]], batch_size: int, drop_last: bool
) -> Iterator[list[Rows[Block]]]:
    """Divide a sequence of cells into batches; the rest of one part begins the next batch."""
    waiting: list[Rows[Block]] = []
    n_waiting = 0
    for rest in parts:
        while n_waiting + len(rest) >= batch_size:
            missing = batch_size - n_waiting
            yield [*waiting, rest.part(slice(missing))]
            waiting, n_waiting, rest = [], 0, rest.part(slice(missing, None))
        if len(rest):
            waiting.append(rest.apart())
            n_waiting += len(rest)
        del rest
    if waiting and not drop_last:
        yield waiting


class BatchMaker:
    """Makes batches of rows of blocks of one kind.

    Parameters
    ----------
    n_genes
        G.
    device
        Where the expression of the batches shall be.
    in_flight
        Batches that exist at one time; the memory of so many is used again.
    """

    def __init__(self, n_genes: int, device: torch.device, in_flight: int) -> None:
        self.n_genes, self.device = n_genes, device
        self._pool = BufferPool(slots=2 * in_flight)

    def make(self, parts: Sequence[Rows[Block]]) -> Batch:
        """Take the cells of some parts, in order, and normalize them.

        Raises
        ------
        ValueError
            If the parts are of blocks of several kinds, or of several blocks of a device.
        """
        return Batch(
            np.concatenate([part.block.soma_joinid[part.positions] for part in parts]),
            np.concatenate([part.block.label[part.positions] for part in parts]),
            self._expression(parts),
        )

    def _expression(self, parts: Sequence[Rows[Block]]) -> SparseExpression:
        if _all_of(parts, Cells):
            taken = [part.block.expression[part.positions] for part in parts]
            matrix = taken[0] if len(taken) == 1 else sparse.vstack(taken, format="csr")
            return SparseExpression(
                torch.from_numpy(matrix.indptr.astype(np.int64)).to(self.device),
                torch.from_numpy(matrix.indices.astype(np.int32, copy=False)).to(self.device),
                torch.from_numpy(matrix.data).to(self.device),
                self.n_genes,
            )
        if _all_of(parts, DeviceBlock):
            block = parts[0].block
            if any(part.block is not block for part in parts):
                raise ValueError("a batch takes the cells of one block of a device, got several")
            positions = np.concatenate([part.positions for part in parts])
            return block.take(positions).normalized(self.n_genes)
        if _all_of(parts, CellBlock):
            sizes = [sizes_at(part.block.indptr, part.positions) for part in parts]
            indptr = offsets_of(np.concatenate(sizes))
            if self.device.type == "cpu":
                return self._normalized_on_host(parts, indptr)
            return self._copied(parts, indptr).normalized(self.n_genes)
        kinds = ", ".join(sorted({type(part.block).__name__ for part in parts}))
        raise ValueError(f"a batch takes the cells of blocks of one kind, got {kinds}")

    def _normalized_on_host(
        self, parts: Sequence[Rows[CellBlock]], indptr: NDArray[np.int64]
    ) -> SparseExpression:
        from hce.loader.kernels import take_normalized

        genes = self._pool.tensor(indptr[-1], "int32")
        values = self._pool.tensor(indptr[-1], "float32")
        for part, offsets in _with_offsets(parts, indptr):
            held, out = part.block, (genes.numpy(), values.numpy())
            arrays = (held.indptr, held.genes, held.counts, TARGET_SUM, offsets, *out)
            in_threads(take_normalized, len(part), part.positions, *arrays)
        return SparseExpression(torch.from_numpy(indptr), genes, values, self.n_genes)

    def _copied(self, parts: Sequence[Rows[CellBlock]], indptr: NDArray[np.int64]) -> RawRows:
        """Raw counts through pinned memory to the device, without waiting for the copy."""
        from hce.loader.kernels import take_raw

        # PyTorch hands pinned memory out again only after the copies from it are done
        pinned = torch.cuda.is_available()
        count_type = widest(*(part.block.counts.dtype for part in parts))
        types = (parts[0].block.genes.dtype, count_type)
        copied = [
            torch.empty(indptr[-1], dtype=signed_type(dtype), pin_memory=pinned) for dtype in types
        ]
        out = [tensor.numpy().view(dtype) for tensor, dtype in zip(copied, types, strict=True)]
        for part, offsets in _with_offsets(parts, indptr):
            held = part.block
            arrays = (held.indptr, held.genes, held.counts, offsets, *out)
            in_threads(take_raw, len(part), part.positions, *arrays)
        start = torch.from_numpy(indptr)
        start = start.pin_memory() if pinned else start
        return RawRows(*(tensor.to(self.device, non_blocking=True) for tensor in (start, *copied)))


def _all_of(parts: Sequence[Rows[Block]], kind: type[Kind]) -> TypeGuard[Sequence[Rows[Kind]]]:
    """Whether the blocks of all parts are of one kind."""
    return all(isinstance(part.block, kind) for part in parts)


def _with_offsets(
    parts: Sequence[Rows[CellBlock]], indptr: NDArray[np.int64]
) -> Iterator[tuple[Rows[CellBlock], NDArray[np.int64]]]:
    first = 0
    for part in parts:
        yield part, indptr[first : first + len(part) + 1]
        first += len(part)


def sparse_batch(batch: Batch) -> tuple[SparseExpression, Tensor]:
    """Return expression and labels (int64 B) of a batch, both on its device."""
    label = torch.from_numpy(batch.label.astype(np.int64))
    return batch.expression, label.to(batch.expression.device)


def forward(
    model: nn.Module, expression: Tensor | SparseExpression
) -> tuple[Tensor, Tensor | None]:
    """Return the logits and, for TabNet, its mask loss."""
    output = model(expression)
    return output if isinstance(output, tuple) else (output, None)
