"""Training steps of this pipeline against plain ones, at 19,331 genes and batches of 2,048.

linear_vs_dense, mlp_vs_dense
    Cells a second over whole epochs, data included: our `Trainer` from shards, kept in memory
    after the first epoch, against a dense float32 array in memory behind a PyTorch DataLoader with
    its default workers and the same network, AdamW and clipping in plain PyTorch. Both without
    augmentation, both with cross-entropy.
hce_vs_ce
    Step times of the linear model with HCE and with CE, on the same batches, by turns.
tabnet_vs_pytorch_tabnet
    Step times of the paper's TabNet, each in a process of its own for its peak memory, on the same
    kind of batch: ours from the sparse batch, pytorch-tabnet's own TabNetNoEmbeddings from a dense
    one that is already there. It builds and multiplies by its identity of genes as its own code
    does; tabnet_vs_pytorch_tabnet_without_identity leaves that out.

Run: PYTHONPATH=scripts python tests/benchmarks/bench_steps.py --output steps.json
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from step_data import N_CLASSES, N_GENES, random_hierarchy, write_cells
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from hce.loss import build_loss
from hce.models import build_model
from hce.shards import ShardReader
from hce.training.loop import Trainer, TrainingParameters

BATCH, SHARDS, CELLS_A_SHARD = 2048, 4, 2048
TABNETS = ("ours", "pytorch-tabnet", "pytorch-tabnet without identity")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tabnet", choices=TABNETS, help="time this one TabNet and nothing else")
    parser.add_argument("--manifest", type=Path, help="cells of an earlier call, for --tabnet")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("high")
    device = torch.device(arguments.device)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    if arguments.tabnet:
        report = tabnet_steps(arguments.tabnet, arguments.manifest, device, arguments.rounds)
    else:
        with tempfile.TemporaryDirectory() as folder:
            report = compare(Path(folder), device, arguments)
        print(json.dumps(report, indent=1))
    arguments.output.write_text(json.dumps(report, indent=1) + "\n")


def compare(folder: Path, device: torch.device, arguments: argparse.Namespace) -> dict:
    """Every comparison, by turns."""
    manifest = write_cells(folder, SHARDS, CELLS_A_SHARD)
    losses = losses_by_turns(manifest, device, 4 * arguments.rounds)
    speeds = {
        architecture: epochs_by_turns(architecture, manifest, device, arguments.rounds)
        for architecture in ("linear", "mlp")
    }
    tabnet = tabnets_by_turns(manifest, folder, arguments)
    step = {name: statistics.median(entry["seconds"]) for name, entry in tabnet.items()}
    # of neighboring steps, so that a machine that gets busier changes both
    pairs = zip(losses["hce"], losses["ce"], strict=True)
    ratios = {"hce_vs_ce": statistics.median(hce / ce for hce, ce in pairs)}
    ratios |= {f"{name}_vs_dense": speeds[name]["ours"] / speeds[name]["dense"] for name in speeds}
    ratios["tabnet_vs_pytorch_tabnet"] = step["pytorch-tabnet"] / step["ours"]
    ratios["tabnet_vs_pytorch_tabnet_without_identity"] = (
        step["pytorch-tabnet without identity"] / step["ours"]
    )
    return {
        "ratios": ratios,
        "step_seconds": {
            "linear": BATCH / speeds["linear"]["ours"],
            "mlp": BATCH / speeds["mlp"]["ours"],
            **{f"tabnet, {name}": seconds for name, seconds in step.items()},
        },
        "linear_step_clock_seconds": {
            loss: statistics.median(times) for loss, times in losses.items()
        },
        "cells_per_second": speeds,
        "peak_memory_bytes": {name: entry["peak_bytes"] for name, entry in tabnet.items()},
        "peers": {"torch": torch.__version__, "pytorch-tabnet": peer_version()},
        "device": device_name(device),
        "threads": arguments.threads,
        "batch": BATCH,
        "genes": N_GENES,
    }


def make_trainer(architecture: str, loss: str, manifest: Path, device: torch.device) -> Trainer:
    """The pipeline's own trainer on the simulated cells, with the paper's network."""
    torch.manual_seed(0)
    reachability = random_hierarchy()
    model = build_model(architecture, N_GENES, N_CLASSES).to(device)
    criterion = build_loss(loss, torch.from_numpy(reachability), torch.ones(N_CLASSES)).to(device)
    return Trainer(
        model,
        criterion,
        reachability,
        ShardReader(manifest, "train", device=device),
        ShardReader(manifest, "val", device=device),
        TrainingParameters(batch_size=BATCH),
        0,
        device,
        None,
        manifest.parent / "checkpoint",
    )


def losses_by_turns(manifest: Path, device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Step seconds of the linear model with each loss, by turns, after a round of warm-up.

    One model for both: two would lie in memory differently, which changes a step by more. On the
    CPU seconds of the processor: waiting for a busy one is no part of either loss.
    """
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    trainer = make_trainer("linear", "ce", manifest, device)
    hce = make_trainer("linear", "hce", manifest, device).loss
    losses = {"ce": trainer.loss, "hce": hce}
    times: dict[str, list[float]] = {loss: [] for loss in losses}
    batches = list(trainer.train.shuffled(BATCH, 0, 0))
    for turn in range(rounds + 1):
        for cells in batches:
            for loss in sorted(losses, reverse=bool(turn % 2)):
                trainer.loss = losses[loss]
                times[loss].append(seconds(lambda: trainer._step(cells), device, clock))  # noqa: B023
    return {loss: entry[len(batches) :] for loss, entry in times.items()}


def epochs_by_turns(
    architecture: str, manifest: Path, device: torch.device, rounds: int
) -> dict[str, float]:
    """Median cells a second of ours and of the plain dense training; a first epoch is warm-up."""
    trainer = make_trainer(architecture, "ce", manifest, device)
    dense = dense_epochs(architecture, manifest, device)
    speeds: dict[str, list[float]] = {"ours": [], "dense": []}
    n_cells = SHARDS * CELLS_A_SHARD
    for epoch in range(rounds + 1):
        trainer.progress.epoch, trainer.progress.batch = epoch, 0
        speeds["ours"].append(n_cells / seconds(trainer._train_epoch, device))
        speeds["dense"].append(n_cells / seconds(lambda: next(dense), device))
    return {name: statistics.median(entry[1:]) for name, entry in speeds.items()}


def dense_epochs(architecture: str, manifest: Path, device: torch.device) -> Iterator[None]:
    """Train in the published style, one epoch at each `next`: dense rows behind a DataLoader."""
    expression, label = dense_cells(manifest)
    torch.manual_seed(0)
    model = plain_network(architecture).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), 5e-4)
    loader = DataLoader(
        TensorDataset(expression, label), BATCH, shuffle=True, drop_last=True, pin_memory=False
    )
    while True:
        for batch, target in loader:
            loss = nn.functional.cross_entropy(model(batch.to(device)), target.to(device))
            optimize(model, optimizer, loss)
        yield


def plain_network(architecture: str) -> nn.Module:
    """The same network from PyTorch's own layers."""
    if architecture == "linear":
        return nn.Linear(N_GENES, N_CLASSES)
    layers: list[nn.Module] = []
    for width in [N_GENES] + [128] * 7:
        layers += [nn.Linear(width, 128), nn.BatchNorm1d(128), nn.SiLU(), nn.Dropout(0.1)]
    return nn.Sequential(*layers, nn.Linear(128, N_CLASSES))


def dense_cells(manifest: Path) -> tuple[Tensor, Tensor]:
    """All cells as dense rows, float32, and their labels."""
    cells = list(ShardReader(manifest, "train").in_order(BATCH))
    expression = torch.cat([part.expression.dense() for part in cells])
    label = np.concatenate([part.label for part in cells]).astype(np.int64)
    return expression, torch.from_numpy(label)


def optimize(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Backward, clip and step."""
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def tabnets_by_turns(manifest: Path, folder: Path, arguments: argparse.Namespace) -> dict:
    """Step seconds and peak memory of each TabNet, in processes of their own."""
    report: dict[str, dict] = {}
    for name in TABNETS:
        output = folder / "tabnet.json"
        command = [sys.executable, __file__, "--tabnet", name, "--manifest", str(manifest)]
        command += ["--output", str(output), "--device", arguments.device]
        command += ["--threads", str(arguments.threads)]
        command += ["--rounds", "1" if name == "pytorch-tabnet" else str(arguments.rounds)]
        subprocess.run(command, check=True)
        report[name] = json.loads(output.read_text())
    return report


def tabnet_steps(name: str, manifest: Path, device: torch.device, rounds: int) -> dict:
    """Step seconds of one TabNet after a step of warm-up, and the process's peak memory."""
    step = our_tabnet(manifest, device) if name == "ours" else peer_tabnet(name, manifest, device)
    before = peak_memory(device)
    times = [seconds(step, device) for _ in range(rounds + 1)]
    return {"seconds": times[1:], "peak_bytes": peak_memory(device), "before_bytes": before}


def our_tabnet(manifest: Path, device: torch.device) -> Callable[[], object]:
    """One step of our TabNet, from sparse cells."""
    trainer = make_trainer("tabnet", "ce", manifest, device)
    trainer.model.train()
    (cells,) = islice(trainer.train.in_order(BATCH), 1)
    return lambda: trainer._step(cells)


def peer_tabnet(name: str, manifest: Path, device: torch.device) -> Callable[[], object]:
    """One step of pytorch-tabnet's network, from dense cells on the device."""
    from pytorch_tabnet.tab_network import TabNetNoEmbeddings

    torch.manual_seed(0)
    (cells,) = islice(ShardReader(manifest, "train").in_order(BATCH), 1)
    batch = cells.expression.dense().to(device)
    label = torch.from_numpy(cells.label.astype(np.int64)).to(device)
    model = TabNetNoEmbeddings(
        N_GENES,
        N_CLASSES,
        n_d=128,
        n_a=64,
        n_steps=1,
        n_independent=5,
        n_shared=3,
        virtual_batch_size=256,
        mask_type="entmax",
    ).to(device)
    matrix = model.encoder.group_attention_matrix.to(device)
    model.encoder.group_attention_matrix = _Identity() if "without" in name else matrix
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)

    def step() -> None:
        logits, mask_loss = model(batch)
        optimize(model, optimizer, nn.functional.cross_entropy(logits, label) - 1e-5 * mask_loss)

    return step


class _Identity:
    """Stands where the peer multiplies by a matrix, and gives back the other factor."""

    @classmethod
    def __torch_function__(
        cls, function: object, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> Tensor:
        return args[0]


def seconds(
    function: Callable[[], object],
    device: torch.device,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Time of one call, wall time by default."""
    start = clock()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def peak_memory(device: torch.device) -> int:
    """Most memory held so far: of the GPU, or of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def device_name(device: torch.device) -> str:
    """The GPU's name, or cpu."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def peer_version() -> str:
    """Of pytorch-tabnet."""
    from importlib.metadata import version

    return version("pytorch-tabnet")


if __name__ == "__main__":
    main()
