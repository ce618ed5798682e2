"""A model of ours as a checkpoint of theirs: their classes load it, and it comes back the same."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import yaml
from annotation_example import N_GENES, model_facts
from checkpoint_example import OWN, TABNET, VECTORS, WEIGHTS, Theirs, write_run
from torch import nn

import export_model
import import_model
from hce.models import build_model, load_model, save_model
from hce.published.checkpoint_export import export_run
from hce.training.loop import TrainingParameters
from hce.training.state import copy_weights

pytestmark = pytest.mark.usefixtures("one_torch_thread")
HYPERPARAMETERS = {
    "linear": {},
    "mlp": {"n_hidden": 5, "n_layers": 3, "dropout": 0.1},
    "tabnet": TABNET,
}
F1 = 0.8487691666442658


def write_trained(folder: Path, architecture: str, loss: str = "hce") -> dict[str, Path]:
    """Write a model and its record as a training does."""
    torch.manual_seed(4)
    network = build_model(architecture, N_GENES, 6, **HYPERPARAMETERS[architecture])
    network.train()
    network(torch.rand(16, N_GENES))  # moves running means
    trained = {"data_source": "nowhere", "loss": loss, "seed": 2, "training_cells": 5000}
    facts = model_facts(
        architecture=architecture,
        hyperparameters=HYPERPARAMETERS[architecture],
        trained=trained,
    )
    save_model(folder / "model.safetensors", copy_weights(network), facts)
    record = {
        "architecture": architecture,
        "loss": loss,
        "seed": 2,
        "model": HYPERPARAMETERS[architecture],
        "training": asdict(TrainingParameters(learning_rate=0.02, patience=4)),
        "augmentation": architecture != "linear",
        "n_genes": N_GENES,
        "n_cell_types": 6,
        "best_epoch": 3,
        "best_validation_macro_f1": F1,
        "parameters": sum(weight.numel() for weight in network.parameters()),
    }
    (folder / "hyperparameters.json").write_text(json.dumps(record))
    return {"model": folder / "model.safetensors", "record": folder / "hyperparameters.json"}


def run(monkeypatch: pytest.MonkeyPatch, script: object, arguments: dict[str, object]) -> None:
    words = [word for key, value in arguments.items() for word in (f"--{key}", str(value))]
    monkeypatch.setattr(sys, "argv", ["script", *words])
    script.main()


def export(monkeypatch: pytest.MonkeyPatch, folder: Path, architecture: str, loss: str) -> Path:
    """Train nothing, export it; returns the folder of the run as theirs."""
    run_files = write_run(folder)
    arguments: dict[str, object] = dict(write_trained(folder, architecture, loss))
    arguments["cell-types"] = run_files["cell-types"]
    if architecture != "linear":
        arguments["augmentations"] = run_files["augmentations"]
    listing = folder / "export" / "listing.txt"
    run(monkeypatch, export_model, arguments | {"export": listing.parent, "listing": listing})
    checkpoint, *others = map(Path, listing.read_text().splitlines())
    version = checkpoint.parent.parent
    suffix = {"ce": "", "hce": "_hierarchical_loss"}[loss]
    name = f"cxg_2023_05_15_{architecture}{suffix}/default/version_2"
    assert version == folder / "export" / "tb_logs" / name
    assert others == [version / "parameters.json", version / "hparams.yaml"]
    return version


@pytest.mark.parametrize("loss", ["ce", "hce"])
@pytest.mark.parametrize("architecture", ["linear", "mlp", "tabnet"])
def test_export_and_import_give_the_same_bytes_of_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, loss: str
) -> None:
    version = export(monkeypatch, tmp_path, architecture, loss)
    arguments: dict[str, object] = {"checkpoint": version.parent, "architecture": architecture}
    arguments |= {"loss": loss, "seed": 2} | write_run(tmp_path)
    output = tmp_path / "again"
    arguments |= {"model": output / "model.safetensors", "history": output / "history.csv"}
    run(monkeypatch, import_model, arguments | {"record": output / "hyperparameters.json"})
    before, after = (load_model(p / "model.safetensors") for p in (tmp_path, output))
    states = before.module.state_dict(), after.module.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert before.facts.hyperparameters == after.facts.hyperparameters
    records = [
        json.loads((folder / "hyperparameters.json").read_text()) for folder in (tmp_path, output)
    ]
    imported = records[1].pop("imported")
    assert imported["hierarchy"] == imported["class_weights"] == "equal"
    trainings = [record.pop("training") for record in records]
    assert records[0] == records[1]
    assert trainings[1].items() <= trainings[0].items()


@pytest.mark.parametrize("architecture", ["linear", "mlp", "tabnet"])
def test_their_classes_load_what_is_exported_and_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    version = export(monkeypatch, tmp_path, architecture, "hce")
    (path,) = (version / "checkpoints").glob("*.ckpt")
    assert path.name == "val_f1_macro_epoch=2_val_f1_macro=0.849.ckpt"
    saved = torch.load(path, weights_only=False)  # ours: with the classes as they are
    theirs = Theirs(architecture)
    if architecture == "tabnet":
        theirs.classifier.initial_bn = nn.Identity()  # pytorch-tabnet's own, which theirs has not
    theirs.load_state_dict(saved["state_dict"], strict=True)
    cells = torch.rand(20, N_GENES)
    with torch.no_grad():
        logits = load_model(tmp_path / "model.safetensors").module(cells)
    logits = logits[0] if isinstance(logits, tuple) else logits
    torch.testing.assert_close(theirs.logits(cells), logits, atol=1e-6, rtol=1e-5)
    state = saved["state_dict"]
    assert state["child_lookup"].dtype == torch.int64
    assert torch.equal(state["child_lookup_transposed"], state["child_lookup"].float().t())
    assert torch.equal(state["class_weights"], torch.tensor(WEIGHTS.astype("f4")))
    if architecture != "linear":
        assert torch.equal(state["augmentations"], torch.tensor(VECTORS))
    given = saved["hyper_parameters"]
    assert OWN[architecture].keys() <= given.keys()
    assert given["optimizer"] is torch.optim.AdamW
    assert given["lr_scheduler_kwargs"] == {"step_size": 1, "gamma": 0.9, "verbose": True}
    optimizer = given["optimizer"](theirs.parameters())
    optimizer.load_state_dict(saved["optimizer_states"][0])
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.02 * 0.9**2)
    text = (version / "hparams.yaml").read_text()
    assert "!!python/name:torch.optim.adamw.AdamW" in text
    assert yaml.unsafe_load(text) == given


def test_an_export_replaces_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = export(monkeypatch, tmp_path, "linear", "ce")
    (path,) = (version / "checkpoints").iterdir()
    path.rename(path.with_name("val_f1_macro_epoch=9_val_f1_macro=0.100.ckpt"))
    (version / "checkpoints" / "mine.ckpt").touch()
    export(monkeypatch, tmp_path, "linear", "ce")
    assert sorted(p.name for p in (version / "checkpoints").iterdir()) == ["mine.ckpt", path.name]


def test_what_theirs_cannot_hold_is_refused(tmp_path: Path) -> None:
    files = write_trained(tmp_path, "mlp")
    record = json.loads(files["record"].read_text())
    with pytest.raises(ValueError, match=r"trained with augmentations, .* give --augmentations"):
        export_run(tmp_path / "v", load_model(files["model"]), record, WEIGHTS, None)
    files = write_trained(tmp_path, "linear", "focal")
    with pytest.raises(ValueError, match=r"linear with focal: the authors' code has"):
        export_run(tmp_path / "v", load_model(files["model"]), record, WEIGHTS, None)
    assert not (tmp_path / "v").exists()
