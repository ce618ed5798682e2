"""Peak memory of trainings at the paper's sizes, streamed in windows of one small shard.

19,331 genes, batches of 2,048, an epoch of 8,192 cells; each in a process of its own, on the GPU
if there is one: then the memory of the host, and of the GPU beside it.

Run: PYTHONPATH=scripts python tests/benchmarks/bench_memory.py
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from step_data import N_CLASSES, N_GENES, random_hierarchy, write_cells

from hce.loss import build_loss
from hce.models import build_model
from hce.shards import ShardReader
from hce.storage.residency import MB, overhead
from hce.training.loop import Trainer, TrainingParameters

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# architecture, threads, augmentation vectors
TRAININGS = (("linear", 1, 0), ("mlp", 4, 5000), ("tabnet", 1, 0), ("tabnet", 1, 5000))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=4, help="manifest, architecture, threads and vectors")
    one = parser.parse_args().one
    if one:
        train(Path(one[0]), one[1], int(one[2]), int(one[3]))
        return
    with tempfile.TemporaryDirectory() as folder:
        manifest = write_cells(Path(folder), 4, 2048)
        for training in TRAININGS:
            command = [sys.executable, __file__, "--one", str(manifest), *map(str, training)]
            subprocess.run(command, check=True)


def train(manifest: Path, architecture: str, threads: int, n_vectors: int) -> None:
    """Train an epoch and print the peak of this process, and what is planned for it."""
    torch.set_num_threads(threads)
    vectors = torch.zeros(n_vectors, N_GENES)
    vectors[:, :: N_GENES // 200] = 0.5
    reachability = random_hierarchy()
    train, validation = (
        ShardReader(manifest, split, "stream", DEVICE) for split in ("train", "val")
    )
    parameters = TrainingParameters(max_epochs=1, shuffle_window=1)
    Trainer(
        build_model(architecture, N_GENES, N_CLASSES).to(DEVICE),
        build_loss("hce", torch.from_numpy(reachability), torch.ones(N_CLASSES)).to(DEVICE),
        reachability,
        train,
        validation,
        parameters,
        0,
        DEVICE,
        vectors.to(DEVICE) if n_vectors else None,
        manifest.with_name("checkpoint"),
    ).run(lambda line: None)
    manifest.with_name("checkpoint").unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB
    planned = overhead(N_GENES, parameters.batch_size, n_vectors, DEVICE.type == "cuda")
    planned += 2 * train.size(1).window
    print(
        f"{architecture}, {threads} threads, {n_vectors} vectors: {peak:,.0f} MB, planned "
        f"{planned / MB:,.0f} MB{on_gpu()}",
        flush=True,
    )


def on_gpu() -> str:
    """Most memory of the GPU that this process took, if it has one."""
    if DEVICE.type == "cpu":
        return ""
    return f"; {torch.cuda.max_memory_allocated() / MB:,.0f} MB of {torch.cuda.get_device_name()}"


if __name__ == "__main__":
    main()
