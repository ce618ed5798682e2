"""A training with a user's own loss: it resumes, is told from others, and is recorded."""

from __future__ import annotations

import hashlib
import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from shard_example import random_cells, write_shards
from torch import Tensor

from hce.hierarchy.files import write_reachability
from hce.training.state import copy_weights
from train_model import build_trainer, checkpoint_path, train, training_parameters

pytestmark = pytest.mark.usefixtures("one_torch_thread")

N_GENES, N_CLASSES = 8, 3
# its noise is drawn from the random state that a checkpoint holds
FILE = """
import torch
from torch import nn

class Loss(nn.Module):
    def __init__(self, reachability, weight, noise):
        super().__init__()
        self.register_buffer("weight", weight)
        self.noise = noise

    def forward(self, logits, labels):
        noisy = logits + self.noise * torch.rand_like(logits)
        return nn.functional.cross_entropy(noisy, labels, self.weight)
"""
Arguments = Callable[..., Namespace]


@pytest.fixture
def arguments(tmp_path: Path) -> Arguments:
    """Function (changed options) -> the command line of a training with the loss of FILE."""
    terms = [f"CL:{number:07d}" for number in range(N_CLASSES)]
    write_reachability(tmp_path / "reachability.npz", np.eye(N_CLASSES, dtype=bool), terms)
    table = {"index": range(N_CLASSES), "ontology_term_id": terms, "label": terms}
    types = pd.DataFrame(table).assign(class_weight=1.0)
    types.to_csv(tmp_path / "cell_types.tsv", sep="\t", index=False)
    cells = {
        split: [random_cells(48, N_GENES, N_CLASSES, seed, 1000 * seed)]
        for split, seed in (("train", 1), ("val", 2))
    }
    (tmp_path / "mine.py").write_text(FILE)
    options = {
        "architecture": "linear",
        "architecture_file": None,
        "loss": "mine",
        "loss_file": tmp_path / "mine.py",
        "loss_settings": json.dumps({"noise": 0.5}),
        "seed": 1,
        "hyperparameters": "{}",
        "training": json.dumps({"batch_size": 16, "max_epochs": 3, "learning_rate": 0.01}),
        "manifest": write_shards(tmp_path / "shards", cells),
        "cell_types": tmp_path / "cell_types.tsv",
        "reachability": tmp_path / "reachability.npz",
        "loss_reachability": None,
        "data_source": "nowhere",
        "augmentations": None,
        "code": "0123456789abcdef",
        "device": "cpu",
        "threads": 1,
        "memory": 1000,
        "model": tmp_path / "model.safetensors",
        "history": tmp_path / "history.csv",
        "record": tmp_path / "hyperparameters.json",
    }
    return lambda **changed: Namespace(**(options | changed))


def weights(given: Namespace, stop_after: int = 3) -> dict[str, Tensor]:
    """Weights at the end of a training that is stopped in an epoch and started again."""
    parameters = training_parameters(given.training)

    def report(line: str) -> None:
        if line.startswith(f"epoch {stop_after + 1}/"):
            raise KeyboardInterrupt

    trainer = build_trainer(given, parameters, torch.device("cpu"))
    try:
        trainer.run(report)
    except KeyboardInterrupt:
        trainer = build_trainer(given, parameters, torch.device("cpu"))
        trainer.run(lambda line: None)
    trainer.checkpoint.unlink()
    return copy_weights(trainer.model)


def test_a_stopped_training_goes_on_as_if_nothing_had_happened(arguments: Arguments) -> None:
    whole, stopped = weights(arguments()), weights(arguments(), stop_after=1)
    assert all(torch.equal(stopped[name], whole[name]) for name in whole)
    silent = weights(arguments(loss_settings=json.dumps({"noise": 0.0})))
    assert not all(torch.equal(silent[name], whole[name]) for name in whole)


def test_a_checkpoint_of_other_code_files_or_settings_is_not_used(arguments: Arguments) -> None:
    first = checkpoint_path(arguments())
    assert checkpoint_path(arguments(code="0123456789abcdee")) != first
    assert checkpoint_path(arguments()) == first
    assert checkpoint_path(arguments(loss_settings=json.dumps({"noise": 1.0}))) != first
    arguments().loss_file.write_text(FILE + "\n")
    assert checkpoint_path(arguments()) != first


def test_the_record_says_what_the_loss_was(arguments: Arguments, tmp_path: Path) -> None:
    train(arguments())
    record = json.loads((tmp_path / "hyperparameters.json").read_text())
    assert (record["loss"], record["loss_settings"]) == ("mine", {"noise": 0.5})
    digest = hashlib.sha256(FILE.encode()).hexdigest()
    assert record["own_files_sha256"] == {(tmp_path / "mine.py").as_posix(): digest}
    train(arguments(loss="hce", loss_file=None, loss_settings="{}"))
    record = json.loads((tmp_path / "hyperparameters.json").read_text())
    assert record.keys().isdisjoint({"own_files_sha256", "loss_settings"})


def test_a_wrong_loss_is_refused_before_the_cells_are_read(
    arguments: Arguments, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(FILE.replace("self.weight)", "self.weight).detach()"))
    with pytest.raises(ValueError, match=r"mine\.py: Loss has no gradient"):
        train(arguments(manifest=tmp_path / "gone.json"))
