"""Where the cells of a split are kept between epochs, chosen by the memory there is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

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
