"""Where the cells of a split are kept between epochs, and raw counts in a GPU's memory.

On the device cells are taken, normalized and made dense where the model is. Everything is a torch
operation, so the same code runs on a CPU, where the tests compare it. PyTorch computes with signed
integers only: 16-bit counts and genes travel as int16 and are widened on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from hce.loader.expression import SparseExpression
from hce.normalize import TARGET_SUM
from hce.storage.blocks import CellBlock, offsets_of, sizes_at
from hce.storage.residency import RESIDENCIES, Size

SIGNED = {
    "uint16": np.int16,
    "uint32": np.int32,
    "int32": np.int32,
    "float32": np.float32,
}


@dataclass(frozen=True)
class RawRows:
    """Raw counts of some cells: indptr (int64 B + 1), genes and counts (`signed`)."""

    indptr: Tensor
    genes: Tensor
    counts: Tensor

    def normalized(self, n_genes: int) -> SparseExpression:
        """Return counts per 10,000, log1p, as `hce.normalize.size_factor_log1p`."""
        counts, device = _widened(self.counts), self.counts.device
        n_cells, sizes = len(self.indptr) - 1, torch.diff(self.indptr)
        cell = torch.arange(n_cells, device=device)
        cell = torch.repeat_interleave(cell, sizes, output_size=len(counts))
        # exact, whatever their order, as far as they are integers
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
        One of `hce.storage.blocks.COUNT_TYPES`.
    device
        Where.
    gene_type
        Of the positions of the genes.
    """

    def __init__(
        self,
        n_cells: int,
        nonzero: int,
        count_type: DTypeLike,
        device: torch.device,
        gene_type: DTypeLike = np.uint16,
    ) -> None:
        self.soma_joinid = np.empty(n_cells, dtype=np.int64)
        self.label = np.empty(n_cells, dtype=np.int16)
        # on the host, so that the size of a batch is known without waiting for the device
        self.indptr = np.zeros(n_cells + 1, dtype=np.int64)
        self.genes = torch.empty(nonzero, dtype=signed_type(gene_type), device=device)
        self.counts = torch.empty(nonzero, dtype=signed_type(count_type), device=device)

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
        sizes = sizes_at(self.indptr, positions)
        indptr = offsets_of(sizes)
        starts = self.indptr[positions]
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
    """Return numbers as a tensor of the type of the same width that torch has, sharing memory."""
    return torch.from_numpy(array.view(SIGNED[array.dtype.name]))


def signed_type(dtype: DTypeLike) -> torch.dtype:
    """The type of the tensor that `signed` returns."""
    return signed(np.empty(0, dtype=dtype)).dtype


def _widened(tensor: Tensor) -> Tensor:
    """Return int64 of the integers whose bits a signed tensor holds, float64 of fractions."""
    if tensor.dtype == torch.float32:
        return tensor.double()
    return tensor.long() & (0xFFFF if tensor.dtype == torch.int16 else 0xFFFFFFFF)


# for the model, its optimizer and a dense batch with what a network makes of it
DEVICE_RESERVE, SHARE_OF_DEVICE = 8 * 2**30, 0.9


def choose_places(requested: str, sizes: Sequence[Size], device: torch.device) -> list[str]:
    """Return for each split what `hce.storage.residency.divide` shall do with it.

    Parameters
    ----------
    requested
        One of `RESIDENCIES`. auto takes the memory of a GPU for the splits that fit there.
    sizes
        Of the splits, first come first served.
    device
        Where the batches go; the model need not be there yet.

    Raises
    ------
    ValueError
        If the name is unknown, or device is asked for where there is no GPU.
    """
    if requested not in RESIDENCIES:
        raise ValueError(f"training.residency: {requested!r} is none of {', '.join(RESIDENCIES)}")
    if requested == "device" and device.type != "cuda":
        raise ValueError(
            f"training.residency: device keeps the cells in the memory of a GPU, but this training "
            f"runs on {device}; use host or auto"
        )
    places = [requested] * len(sizes)
    if requested == "auto" and device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        room = min(SHARE_OF_DEVICE * free, free - DEVICE_RESERVE)
        for i, size in enumerate(sizes):
            if size.whole <= room:
                places[i] = "device"
                room -= size.whole
    return places
