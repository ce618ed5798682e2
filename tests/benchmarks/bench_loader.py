"""Cells a second that loaders deliver as shuffled dense float32 batches of 2,048 normalized cells.

    python tests/benchmarks/bench_loader.py --output results/benchmarks/loader.json

Simulated cells, 19,331 genes, 10 % of them seen, drawn from a seed and written in each loader's
own format. Peers store normalized values, so only our batches pay for normalization. Every way runs
in a process of its own (`loader_ways.py`), in interleaved rounds after an epoch to warm up, in
which files are read into the page cache and loops compiled. Two ratios:

    loader_vs_best_peer   ours in the residency it picks, against the fastest peer of any kind,
                          those that hold the cells in memory included
    loader_vs_ram         the same against the fastest loop that only gathers rows of normalized
                          float32 from memory and makes them dense

Two more, in which nobody keeps the cells in memory: loader_stream_vs_best_disk_peer, and
loader_stream_vs_annbatch_same_store, in which annbatch reads our shards and normalizes. A peer that
is not installed is skipped with the reason: `make bench-peers` installs them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import anndata
import pandas as pd
import torch
from loader_data import DENSITY, N_GENES, normalized_rows, write_data
from loader_ways import BATCH, N_THREADS, WAYS
from scipy import sparse

ROOT = Path(__file__).parents[2]
# distributions of the peers, and the environments of `make bench-peers`
PEERS = {
    "AnnLoader": ("anndata", ROOT / ".venv-bench"),
    "scDataset": ("scdataset", ROOT / ".venv-bench"),
    "tiledbsoma-ml": ("tiledbsoma-ml", ROOT / ".venv-bench"),
    "annbatch": ("annbatch", ROOT / ".venv-bench-annbatch"),
}
SAME_STORE = "annbatch our shards"
OF_DISK = ("AnnLoader backed", "scDataset backed", "tiledbsoma-ml", "annbatch zarr")
RATIOS = (
    "loader_vs_best_peer",
    "loader_stream_vs_best_disk_peer",
    "loader_stream_vs_annbatch_same_store",
    "loader_vs_ram",
)
SECONDS = 10.0  # after which an epoch is cut short


class Way:
    """A running process that delivers an epoch when asked."""

    def __init__(self, name: str, python: str, folder: Path) -> None:
        script = Path(__file__).with_name("loader_ways.py")
        self.name, self.rates, self.notes = name, [], {}
        self.errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, str(script), name, str(folder), str(SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def answer(self) -> dict:
        """The next line that is JSON; a way that died raises with its last words."""
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.errors.seek(0)
        words = self.errors.read().strip().splitlines() or ["no message"]
        raise RuntimeError(words[-1])

    def prepare(self) -> None:
        """Wait until the data are there, and warm up."""
        while "ready" not in (answer := self.answer()):
            self.notes |= answer
        self.rate()

    def rate(self) -> float:
        """Cells a second of one epoch."""
        self.process.stdin.write("epoch\n")
        self.process.stdin.flush()
        answer = self.answer()
        return answer["cells"] / answer["seconds"]

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.errors.close()


def run(
    n_cells: int = 32_768,
    n_shards: int = 16,
    rounds: int = 3,
    seed: int = 1,
    names: Sequence[str] = tuple(WAYS),
) -> dict:
    """Run these ways as far as they are installed; returns rates, ratios, versions, skipped."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_formats(folder, n_cells, n_shards, seed)
        ways, versions, skipped = start_ways(folder, names)
        try:
            for _ in range(rounds):
                for way in ways:
                    way.rates.append(way.rate())
        finally:
            for way in ways:
                way.stop()
    rates = {way.name: statistics.median(way.rates) for way in ways}
    return {
        "cells_per_second": rates,
        "rounds": {way.name: way.rates for way in ways},
        **ratios(rates),
        "residency": {way.name: way.notes["residency"] for way in ways if way.notes},
        "versions": versions,
        "skipped": skipped,
        "data": f"simulated, {n_cells} cells, {n_shards} shards, {N_GENES} genes, {DENSITY:.0%}",
        "machine": {
            "cores": N_THREADS,
            "load_average": os.getloadavg(),
            "processor": platform.processor() or platform.machine(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            "torch": torch.__version__,
        },
    }


def write_formats(folder: Path, n_cells: int, n_shards: int, seed: int) -> None:
    """Our shards, scipy's rows and h5ad; the peers make their own stores of the last."""
    manifest = write_data(folder, n_cells, n_shards, seed)
    matrix, label = normalized_rows(manifest)
    sparse.save_npz(folder / "cells.npz", matrix, compressed=False)
    obs = pd.DataFrame({"label": label}, index=[f"cell{i}" for i in range(n_cells)])
    var = pd.DataFrame(index=[f"gene{i}" for i in range(N_GENES)])
    anndata.AnnData(matrix, obs, var).write_h5ad(folder / "cells.h5ad")


def start_ways(
    folder: Path, names: Sequence[str]
) -> tuple[list[Way], dict[str, str], dict[str, str]]:
    """Start every way and warm it up, one after the other."""
    ways, versions, skipped = [], {}, {}
    for name in names:
        python, peer = sys.executable, next((p for p in PEERS if name.startswith(p)), None)
        if peer:
            distribution, environment = PEERS[peer]
            python = str(environment / "bin" / "python")
            version = installed_version(python, distribution)
            if version is None:
                skipped[name] = f"{distribution} is not in {environment.name} (make bench-peers)"
                continue
            versions[distribution] = version
        way = Way(name, python, folder)
        try:
            way.prepare()
            ways.append(way)
        except (RuntimeError, BrokenPipeError) as error:
            skipped[name] = str(error)
            way.stop()
        print(f"  {name}: {skipped.get(name, 'ready')}", file=sys.stderr, flush=True)
    return ways, versions, skipped


def installed_version(python: str, distribution: str) -> str | None:
    """Version of a distribution in another environment, or None."""
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def ratios(rates: dict[str, float]) -> dict[str, float | str | None]:
    """The ratios of the module's docstring, None where nothing could be compared."""
    peers = {name: rate for name, rate in rates.items() if name.startswith(tuple(PEERS))}
    disk = {name: rate for name, rate in peers.items() if name.startswith(OF_DISK)}
    ram = {name: rate for name, rate in rates.items() if name.startswith("ram")}
    fastest = [max(group, key=group.__getitem__, default=None) for group in (peers, disk, ram)]
    best, best_disk, best_ram = fastest

    def ratio(way: str, other: str | None) -> float | None:
        return rates[way] / rates[other] if way in rates and other in rates else None

    return {
        "loader_vs_best_peer": ratio("ours auto", best),
        "best_peer": best,
        "loader_stream_vs_best_disk_peer": ratio("ours stream", best_disk),
        "best_disk_peer": best_disk,
        "loader_stream_vs_annbatch_same_store": ratio("ours stream", SAME_STORE),
        "loader_vs_ram": ratio("ours auto", best_ram),
        "best_ram": best_ram,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--cells", type=int, default=32_768)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=tuple(WAYS), metavar="WAY")
    arguments = parser.parse_args()
    result = run(arguments.cells, rounds=arguments.rounds, names=arguments.ways)
    for name, rate in sorted(result["cells_per_second"].items(), key=lambda item: -item[1]):
        print(f"{name:32}{rate:12,.0f} cells/s")
    for name, reason in result["skipped"].items():
        print(f"{name:32}     skipped: {reason}")
    for name in RATIOS:
        print(f"{name:40}{result[name] or float('nan'):12.2f}")
    print(f"batches of {BATCH}, residency {result['residency']}, {result['machine']}")
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
