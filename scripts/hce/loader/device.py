"""Where the cells of a split are kept between epochs, and raw counts in a GPU's memory.

On the device cells are taken, normalized and made dense where the model is. Everything is a torch
operation, so the same code runs on a CPU, where the tests compare it. PyTorch computes with signed
integers only: 16-bit counts and genes travel as int16 and are widened on the device.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from hce.loader.expression import SparseExpression
from hce.normalize import TARGET_SUM
from hce.storage.blocks import CellBlock

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


RESIDENCIES = ("auto", "stream", "host", "device")
# gene and count of an entry; identity, label and offset of a cell
BYTES_A_NONZERO, BYTES_A_CELL = 4, 18
# the other half is for the validation cells, the model, other jobs and the page cache
SHARE_OF_HOST = 0.5
# for the model, its optimizer and a dense batch with what a network makes of it
DEVICE_RESERVE, SHARE_OF_DEVICE = 8 * 2**30, 0.9


def choose_residency(requested: str, n_cells: int, nonzero: int, device: torch.device) -> str:
    """Return where to keep a split: stream, host or device.

    Parameters
    ----------
    requested
        One of `RESIDENCIES`. auto takes the device's memory if the split fits there, else the
        host's, else the disk.
    n_cells, nonzero
        Of the split.
    device
        Where the batches go.

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
    if requested != "auto":
        return requested
    needed = BYTES_A_NONZERO * nonzero + BYTES_A_CELL * n_cells
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if needed <= min(SHARE_OF_DEVICE * free, free - DEVICE_RESERVE):
            return "device"
    return "host" if needed <= SHARE_OF_HOST * available_memory() else "stream"


def available_memory(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> int:
    """Return the bytes of memory that this process may still take.

    The smallest of what the machine has available, what the control groups of the process leave
    (containers, Slurm) and what Slurm granted.

    Parameters
    ----------
    root
        Of the file system, for tests.
    environment
        With SLURM_MEM_PER_NODE, or SLURM_MEM_PER_CPU and SLURM_CPUS_ON_NODE, in MB.
    """
    limits = [_machine(root), *_control_groups(root)]
    per_node = int(environment.get("SLURM_MEM_PER_NODE", 0))
    per_cpu = int(environment.get("SLURM_MEM_PER_CPU", 0))
    granted = per_node or per_cpu * int(environment.get("SLURM_CPUS_ON_NODE", 1))
    if granted:  # 0 is Slurm's word for all memory of the node
        limits.append(granted * 2**20)
    return max(min(limits), 0)


def _machine(root: Path) -> int:
    for line in (root / "proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def _control_groups(root: Path) -> Iterator[int]:
    """Limit less usage of each group from that of the process up to the root, versions 2 and 1."""
    membership = root / "proc/self/cgroup"
    if not membership.exists():
        return
    for line in membership.read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            top, limit, usage = "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            top, limit = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
            usage = "memory.usage_in_bytes"
        else:
            continue
        folder = root / top / group.strip("/")
        for level in (folder, *folder.parents):
            if (level / limit).exists() and (text := (level / limit).read_text().strip()) != "max":
                yield int(text) - int((level / usage).read_text())
            if level == root / top:
                break
