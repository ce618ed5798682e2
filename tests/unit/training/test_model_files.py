"""Models on disk: what is loaded is what was saved, and only where it fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from hce.models import ModelFacts, build_model, load_model, save_model
from hce.networks.files import load_weights, save_tensors
from hce.training.state import copy_weights

pytestmark = pytest.mark.usefixtures("one_torch_thread")

TERMS = ["CL:1", "CL:2", "CL:3"]
HYPERPARAMETERS = {
    "linear": {},
    "mlp": {"n_hidden": 4, "n_layers": 2, "dropout": 0.2},
    "tabnet": {"n_d": 4, "n_a": 3, "n_steps": 2, "virtual_batch_size": 8},
}


def facts(architecture: str) -> ModelFacts:
    """Of a model of six genes and three classes, the second and third below the first."""
    return ModelFacts(
        architecture,
        HYPERPARAMETERS[architecture],
        [f"ENSG{gene}" for gene in range(6)],
        [f"GENE{gene}" for gene in range(6)],
        TERMS,
        ["cell", "T cell", "B cell"],
        np.array([[1, 1, 1], [0, 1, 0], [0, 0, 1]], dtype=bool),
        {"data_source": "nowhere", "loss": "hce", "seed": 1},
    )


def save(path: Path, architecture: str, seed: int = 1) -> torch.nn.Module:
    """Write an untrained model of six genes and three classes, after one pass in training mode."""
    torch.manual_seed(seed)
    model = build_model(architecture, 6, len(TERMS), **HYPERPARAMETERS[architecture])
    model(torch.rand(16, 6))  # moves the running means of BatchNorm
    save_model(path, copy_weights(model), facts(architecture))
    return model.eval()


@pytest.mark.parametrize("architecture", sorted(HYPERPARAMETERS))
def test_a_loaded_model_gives_the_same_logits(tmp_path: Path, architecture: str) -> None:
    model = save(tmp_path / "model.safetensors", architecture)
    loaded = load_model(tmp_path / "model.safetensors").module
    assert not loaded.training
    cells = torch.rand(20, 6)
    with torch.no_grad():
        one, two = model(cells), loaded(cells)
    if isinstance(one, tuple):
        one, two = one[0], two[0]
    assert torch.equal(one, two)


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save(tmp_path / name, "tabnet")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_copied_weights_do_not_follow_the_model() -> None:
    model = build_model("linear", 6, 3)
    before = copy_weights(model)
    with torch.no_grad():
        model.classifier.weight.add_(1)
    assert torch.allclose(before["classifier.weight"] + 1, model.classifier.weight)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (
            {"architecture": "linear", "n_genes": 6, "term_ids": TERMS},
            r"an earlier version of this pipeline \(format 1, .*train the model again",
        ),
        ({"format": 99}, r"a later version of .* \(format 99, .*install that version of hce"),
    ],
)
def test_a_model_file_of_another_version_is_refused(
    tmp_path: Path, description: dict[str, object], message: str
) -> None:
    path = tmp_path / "model.safetensors"
    save_tensors(path, "model", {"weight": torch.zeros(2)}, description)
    with pytest.raises(ValueError, match=rf"{path}: .*{message}"):
        load_model(path)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(FileNotFoundError, match=rf"{path}: no such model"):
        load_model(path)
    path.write_bytes(b"no weights")
    with pytest.raises(ValueError, match=rf"{path}: not a model written by this pipeline"):
        load_model(path)
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match=rf"{path}: not a model written by this pipeline"):
        load_model(path)


def test_a_model_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save(path, "mlp")
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match=rf"{path}: not a model written by this pipeline"):
        load_model(path)


def test_weights_of_another_shape_or_name_are_refused() -> None:
    model = build_model("linear", 6, 3)
    wrong_shape = copy_weights(build_model("linear", 5, 3))
    with pytest.raises(ValueError, match=r"elsewhere: its weights do not fit (.|\n)*size mis"):
        load_weights(model, wrong_shape, "elsewhere")
    with pytest.raises(ValueError, match=r"elsewhere: (.|\n)*classifier\.weight"):
        load_weights(model, {"other": torch.zeros(1)}, "elsewhere")


def test_a_model_file_says_all_that_its_use_needs(tmp_path: Path) -> None:
    save(tmp_path / "model.safetensors", "mlp")
    loaded, written = load_model(tmp_path / "model.safetensors").facts, facts("mlp")
    assert (loaded.reachability == written.reachability).all()
    assert loaded.reachability.dtype == bool
    for name in ("architecture", "hyperparameters", "gene_ids", "symbols", "term_ids", "labels"):
        assert getattr(loaded, name) == getattr(written, name)
    assert loaded.trained == {"data_source": "nowhere", "loss": "hce", "seed": 1}
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert '"T cell"' in file.metadata()["model"]
