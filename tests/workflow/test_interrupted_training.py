"""A training that is killed in the middle of an epoch goes on as if nothing had happened."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from repository_copy import Code
from safetensors import safe_open
from shard_example import random_cells, write_shards

from fingerprint import SCRIPTS, Library
from hce.hierarchy.files import write_reachability

REPOSITORY = Path(__file__).parents[2]
N_GENES, N_CLASSES, BATCH = 30, 5, 16
BATCHES_AN_EPOCH = 150
SPEED_COLUMNS = ["cells_per_second", "data_wait_share"]
# a checkpoint after every batch, or none inside an epoch: the result is the same
OFTEN, NEVER = 1e-6, 1e6

HYPERPARAMETERS = {
    "linear": {},
    "mlp": {"n_hidden": 8, "n_layers": 2, "dropout": 0.3},
    "tabnet": {"n_d": 4, "n_a": 3, "n_independent": 1, "n_shared": 1, "virtual_batch_size": 8},
}


@dataclass(frozen=True)
class Inputs:
    """What a training reads."""

    manifest: Path
    cell_types: Path
    reachability: Path
    augmentations: Path


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Shards of cells of five classes in a small hierarchy, and augmentation vectors."""
    folder = tmp_path_factory.mktemp("inputs")
    sizes = [BATCH * BATCHES_AN_EPOCH // 3] * 3
    train = [random_cells(size, N_GENES, N_CLASSES, i, i * 10_000) for i, size in enumerate(sizes)]
    validation = [random_cells(200, N_GENES, N_CLASSES, 7, 90_000)]
    manifest = write_shards(folder / "shards", {"train": train, "val": validation})
    reachability = np.eye(N_CLASSES, dtype=bool)
    reachability[0, 1:3] = True
    terms = [f"CL:{number:07d}" for number in range(N_CLASSES)]
    write_reachability(folder / "reachability.npz", reachability, terms)
    table = {"index": range(N_CLASSES), "ontology_term_id": terms, "label": terms}
    table["class_weight"] = np.ones(N_CLASSES)
    pd.DataFrame(table).to_csv(folder / "cell_types.tsv", sep="\t", index=False)
    vectors = np.random.default_rng(3).normal(0, 0.3, (20, N_GENES)).astype(np.float32)
    np.save(folder / "augmentations.npy", vectors)
    return Inputs(
        manifest,
        folder / "cell_types.tsv",
        folder / "reachability.npz",
        folder / "augmentations.npy",
    )


def command(
    inputs: Inputs,
    architecture: str,
    folder: Path,
    checkpoint_seconds: float,
    max_epochs: int = 3,
    code: str = "0123456789abcdef",
) -> list[str]:
    """The command line of one training that writes into `folder`."""
    training = {
        "batch_size": BATCH,
        "max_epochs": max_epochs,
        "learning_rate": 0.01,
        "checkpoint_seconds": checkpoint_seconds,
        "shuffle_window": 2,
        "first_layer": "sparse" if architecture == "mlp" else "auto",
    }
    arguments = [sys.executable, str(REPOSITORY / "scripts" / "train_model.py")]
    arguments += ["--architecture", architecture, "--loss", "hce", "--seed", "1"]
    arguments += ["--hyperparameters", json.dumps(HYPERPARAMETERS[architecture])]
    arguments += ["--training", json.dumps(training), "--device", "cpu"]
    arguments += ["--manifest", str(inputs.manifest), "--cell-types", str(inputs.cell_types)]
    arguments += ["--reachability", str(inputs.reachability), "--code", code]
    if architecture != "linear":
        arguments += ["--augmentations", str(inputs.augmentations)]
    arguments += ["--model", str(folder / "model.safetensors")]
    arguments += ["--history", str(folder / "history.csv")]
    return [*arguments, "--record", str(folder / "hyperparameters.json")]


def run(arguments: list[str]) -> str:
    """Run a training to its end; returns what it printed."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def position(folder: Path) -> tuple[int, int]:
    """Epoch and batch of the checkpoint in a folder, (0, 0) where there is none."""
    checkpoints = list(folder.glob("checkpoint-*.safetensors"))
    if not checkpoints:
        return 0, 0
    with safe_open(checkpoints[0], framework="np") as file:
        progress = json.loads(file.metadata()["progress"])
    return progress["epoch"], progress["batch"]


def kill_in_second_epoch(arguments: list[str], folder: Path) -> tuple[int, int]:
    """Start a training and kill -9 it in the middle of its second epoch; returns where."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while position(folder) < (1, 10):
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline, "no checkpoint in the second epoch"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return position(folder)


@pytest.mark.parametrize("architecture", sorted(HYPERPARAMETERS))
def test_killed_and_started_again_gives_the_uninterrupted_result(
    inputs: Inputs, architecture: str, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert "resuming" not in run(command(inputs, architecture, whole, NEVER))
    arguments = command(inputs, architecture, killed, OFTEN)
    epoch, batch = kill_in_second_epoch(arguments, killed)
    assert epoch == 1
    assert 10 <= batch < BATCHES_AN_EPOCH
    assert not (killed / "model.safetensors").exists()

    assert f"resuming in epoch {epoch}, batch {batch}" in run(arguments)
    model = (killed / "model.safetensors").read_bytes()
    assert model == (whole / "model.safetensors").read_bytes()
    histories = [pd.read_csv(folder / "history.csv") for folder in (whole, killed)]
    assert len(histories[0]) == 3
    pd.testing.assert_frame_equal(
        *(history.drop(columns=SPEED_COLUMNS) for history in histories), check_exact=True
    )
    assert position(killed) == (0, 0), "the checkpoint of a finished training is left behind"


def test_a_training_learns_and_says_what_it_did(inputs: Inputs, tmp_path: Path) -> None:
    said = run(command(inputs, "linear", tmp_path, NEVER))
    assert "linear, hce, seed 1: 2,400 training cells, 200 validation cells, 30 genes" in said
    assert said.count("validation macro F1") == 3
    record = json.loads((tmp_path / "hyperparameters.json").read_text())
    history = pd.read_csv(tmp_path / "history.csv", float_precision="round_trip")
    assert record["best_validation_macro_f1"] == history["validation_macro_f1"].max() > 0.8
    assert record["parameters"] == (N_GENES + 1) * N_CLASSES
    assert record["training"]["patience"] == 10


def test_a_checkpoint_of_other_hyperparameters_is_not_used(inputs: Inputs, tmp_path: Path) -> None:
    kill_in_second_epoch(command(inputs, "linear", tmp_path, OFTEN), tmp_path)
    other = run(command(inputs, "linear", tmp_path, OFTEN, max_epochs=1))
    assert "resuming" not in other
    assert "epoch 1/1" in other
    assert position(tmp_path) == (0, 0), "a checkpoint that nothing will use is left behind"


def test_a_checkpoint_of_other_code_is_not_used(inputs: Inputs, tmp_path: Path) -> None:
    """An edited kernel gives another fingerprint, as `fingerprint` of the workflow says."""
    scripts = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    before = Library(scripts).fingerprint("train_model")
    Code(scripts).replace("def densify(", "row[:] = 0", "row[:] = 1")
    after = Library(scripts).fingerprint("train_model")
    kill_in_second_epoch(command(inputs, "linear", tmp_path, OFTEN, code=before), tmp_path)
    assert "resuming" not in run(command(inputs, "linear", tmp_path, OFTEN, code=after))
    assert position(tmp_path) == (0, 0), "a checkpoint that nothing will use is left behind"
