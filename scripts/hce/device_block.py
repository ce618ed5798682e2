"""Raw counts on a GPU: cells are taken, normalized and made dense where the model is.

Everything is a torch operation, so the same code runs on a CPU, where the tests compare it.
PyTorch computes with signed integers only: 16-bit counts and genes travel as int16 and are widened
on the device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hce.normalize import TARGET_SUM
from hce.sparse_expression import SparseExpression
from hce.storage.blocks import CellBlock

SIGNED = {"uint16": np.int16, "uint32": np.int32}


@dataclass(frozen=True)
class RawRows:
    """Raw counts of some cells: indptr (int64 B + 1), genes (int16), counts (int16 or int32)."""

    indptr: Tensor
    genes: Tensor
    counts: Tensor

    def normalized(self, n_genes: int) -> SparseExpression:
        """Return counts per 10,000, log1p, as `hce.normalize.size_factor_log1p`."""
        counts, device = _widened(self.counts), self.counts.device
        n_cells, sizes = len(self.indptr) - 1, torch.diff(self.indptr)
        cell = torch.arange(n_cells, device=device)
        cell = torch.repeat_interleave(cell, sizes, output_size=len(counts))
        # integers: exact, whatever their order
        running = torch.cat([counts.new_zeros(1), counts.cumsum(0)])[self.indptr]
        totals = torch.diff(running)
        factors = (TARGET_SUM / totals.double()).float().masked_fill_(totals == 0, 0)
        values = torch.log1p_(counts.float().mul_(factors[cell]))
        return SparseExpression(self.indptr, _widened(self.genes).int(), values, n_genes)


class DeviceBlock:
    """All cells of a split in the memory of a device, at 4 bytes a nonzero.

    Parameters
    ----------
    n_cells, nonzero
        Of the split.
    count_type
        uint16, or uint32 if a count is over 65,535.
    device
        Where.
    """

    def __init__(
        self, n_cells: int, nonzero: int, count_type: type[np.unsignedinteger], device: torch.device
    ) -> None:
        self.soma_joinid = np.empty(n_cells, dtype=np.int64)
        self.label = np.empty(n_cells, dtype=np.int16)
        # on the host, so that the size of a batch is known without waiting for the device
        self.indptr = np.zeros(n_cells + 1, dtype=np.int64)
        self.genes = torch.empty(nonzero, dtype=torch.int16, device=device)
        signed_type = signed(np.empty(0, dtype=count_type)).dtype
        self.counts = torch.empty(nonzero, dtype=signed_type, device=device)

    def fill(self, block: CellBlock, row: int, entry: int) -> None:
        """Copy a block to the cells from `row` on, whose entries start at `entry`."""
        end, last = row + len(block), entry + len(block.genes)
        self.soma_joinid[row:end] = block.soma_joinid
        self.label[row:end] = block.label
        self.indptr[row + 1 : end + 1] = block.indptr[1:] + entry
        self.genes[entry:last] = signed(block.genes)
        self.counts[entry:last] = signed(block.counts)

    def take(self, positions: NDArray[np.int64]) -> RawRows:
        """Return the cells at these positions, in that order."""
        starts, sizes = self.indptr[positions], np.diff(self.indptr)[positions]
        indptr = np.zeros(len(positions) + 1, dtype=np.int64)
        np.cumsum(sizes, out=indptr[1:])
        on_device = torch.from_numpy(np.stack([starts - indptr[:-1], sizes])).to(self.genes.device)
        total = int(indptr[-1])
        entries = torch.arange(total, device=self.genes.device)
        entries += torch.repeat_interleave(on_device[0], on_device[1], output_size=total)
        return RawRows(
            torch.from_numpy(indptr).to(self.genes.device),
            self.genes[entries],
            self.counts[entries],
        )


def signed(array: NDArray) -> Tensor:
    """Return unsigned integers as a tensor of the signed type of the same width, sharing memory."""
    return torch.from_numpy(array.view(SIGNED[array.dtype.name]))


def _widened(tensor: Tensor) -> Tensor:
    """Return int64 of the unsigned integers whose bits a signed tensor holds."""
    return tensor.long() & (0xFFFF if tensor.dtype == torch.int16 else 0xFFFFFFFF)
