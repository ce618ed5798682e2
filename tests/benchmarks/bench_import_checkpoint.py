"""Time and memory of importing a checkpoint of the paper's size: 19,331 genes, 164 classes.

Each holds 387 MB of augmentations and the optimizer's slots, as the authors' do; linear has no
augmentations. An import is a process of its own that runs scripts/import_model.py; its memory is
the peak of its resident set less that after its imports, mapped pages of the file included,
against the bytes of the model file that it writes.

Run: PYTHONPATH=scripts python tests/benchmarks/bench_import_checkpoint.py
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from loader_data import gene_names
from step_data import N_CLASSES, N_GENES, random_hierarchy

from hce.hierarchy.files import write_reachability
from hce.models import ModelFacts, TrainedModel, build_model
from hce.published.checkpoint_export import export_run
from hce.tables import read_table, write_table
from hce.training.loop import TrainingParameters

N_VECTORS = 5000
SECONDS, MEMORY = 20, 1.5
ARCHITECTURES = ("linear", "mlp", "tabnet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--one", nargs="+", help="arguments of import_model, in this process")
    arguments = parser.parse_args()
    if arguments.one:
        measure(arguments.one)
        return
    report = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        facts = write_run(folder)
        for architecture in ARCHITECTURES:
            report[architecture] = bench(folder, architecture, facts)
            print(architecture, json.dumps(report[architecture]), flush=True)
    print(f"wanted: at most {SECONDS} s and {MEMORY} times the model file")
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(report, indent=1) + "\n")


def measure(words: list[str]) -> None:
    """Import here; print the time, and the peak of memory before and after, in bytes."""
    import import_model

    read_table(words[words.index("++genes") + 1])
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    before, started = resident("VmRSS"), time.monotonic()
    sys.argv = ["import_model", *(word.replace("++", "--", 1) for word in words)]
    import_model.main()
    print(json.dumps([time.monotonic() - started, before, resident("VmHWM")]))


def resident(what: str) -> int:
    """Bytes that this process holds or, of VmHWM, has held at most (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024


def write_run(folder: Path) -> dict[str, list[str]]:
    """Write genes, classes and their hierarchy; returns names and terms."""
    ids, symbols = gene_names(N_GENES)["feature_id"], gene_names(N_GENES)["feature_name"]
    terms = [f"CL:{number:07d}" for number in range(N_CLASSES)]
    write_table(pd.DataFrame({"feature_id": ids, "feature_name": symbols}), folder / "g.parquet")
    types = pd.DataFrame({"index": range(N_CLASSES), "ontology_term_id": terms, "label": terms})
    write_table(types.assign(class_weight=1.0), folder / "types.tsv")
    write_reachability(folder / "r.npz", random_hierarchy(), terms)
    return {"gene_ids": list(ids), "symbols": list(symbols), "terms": terms}


def bench(folder: Path, architecture: str, names: dict[str, list[str]]) -> dict[str, float]:
    """Write a checkpoint, import it, and say what that took."""
    path = write_checkpoint(folder, architecture, names)
    arguments = {
        "checkpoint": path,
        "architecture": architecture,
        "loss": "hce",
        "seed": 0,
        "genes": folder / "g.parquet",
        "cell-types": folder / "types.tsv",
        "reachability": folder / "r.npz",
        "model": folder / "model.safetensors",
        "history": folder / "history.csv",
        "record": folder / "hyperparameters.json",
    }
    # ++: argparse would take a word with -- for its own
    words = [word for key, value in arguments.items() for word in (f"++{key}", str(value))]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, __file__, "--one", *words], check=True, capture_output=True, text=True
    )
    whole = time.monotonic() - started
    seconds, before, after = json.loads(done.stdout.splitlines()[-1])
    size = (folder / "model.safetensors").stat().st_size
    return {
        "checkpoint_mb": round(path.stat().st_size / 1e6),
        "model_mb": round(size / 1e6, 1),
        "process_seconds": round(whole, 1),
        "import_seconds": round(seconds, 1),
        "memory_mb": round((after - before) / 1e6),
        "memory_vs_model": round((after - before) / size, 2),
    }


def write_checkpoint(folder: Path, architecture: str, names: dict[str, list[str]]) -> Path:
    """Write a checkpoint of random weights, with the slots that a training leaves."""
    network = build_model(architecture, N_GENES, N_CLASSES)
    facts = ModelFacts(
        architecture,
        {},
        names["gene_ids"],
        names["symbols"],
        names["terms"],
        names["terms"],
        random_hierarchy(),
        {"loss": "hce", "seed": 0, "training_cells": 15_240_192},
    )
    record = {
        "training": asdict(TrainingParameters()),
        "augmentation": architecture != "linear",
        "best_epoch": 2,
        "best_validation_macro_f1": 0.8,
    }
    vectors = np.random.default_rng(0).random((N_VECTORS, N_GENES), dtype=np.float32)
    model = TrainedModel(network, facts)
    path, *_ = export_run(folder / architecture, model, record, np.ones(N_CLASSES), vectors)
    saved = torch.load(path, weights_only=False)
    saved["optimizer_states"][0]["state"] = {
        number: {
            "step": torch.tensor(14882.0),
            "exp_avg": torch.rand(parameter.shape),
            "exp_avg_sq": torch.rand(parameter.shape),
        }
        for number, parameter in enumerate(network.parameters())
    }
    torch.save(saved, path)
    return path


if __name__ == "__main__":
    main()
