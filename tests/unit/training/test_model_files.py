"""Models on disk: what is loaded is what was saved, and only where it fits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from hce.models import build_model
from hce.training.state import copy_weights, load_model, load_weights, save_model

pytestmark = pytest.mark.usefixtures("one_torch_thread")

TERMS = ["CL:1", "CL:2", "CL:3"]
HYPERPARAMETERS = {
    "linear": {},
    "mlp": {"n_hidden": 4, "n_layers": 2, "dropout": 0.2},
    "tabnet": {"n_d": 4, "n_a": 3, "n_steps": 2, "virtual_batch_size": 8},
}


def save(path: Path, architecture: str, seed: int = 1) -> torch.nn.Module:
    """Write an untrained model of six genes and three classes, after one pass in training mode."""
    torch.manual_seed(seed)
    model = build_model(architecture, 6, len(TERMS), **HYPERPARAMETERS[architecture])
    model(torch.rand(16, 6))  # moves the running means of BatchNorm
    weights = copy_weights(model)
    save_model(path, weights, architecture, HYPERPARAMETERS[architecture], 6, TERMS)
    return model.eval()


@pytest.mark.parametrize("architecture", sorted(HYPERPARAMETERS))
def test_a_loaded_model_gives_the_same_logits(tmp_path: Path, architecture: str) -> None:
    model = save(tmp_path / "model.safetensors", architecture)
    loaded = load_model(tmp_path / "model.safetensors", 6, TERMS)
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
    ("n_genes", "terms", "message"),
    [
        (7, TERMS, "trained on 6 genes, the cells have 7"),
        (6, TERMS[:2], "trained on 3 cell types, which are not the 2 of this run"),
        (6, TERMS[::-1], "not in this order"),
    ],
)
def test_a_model_of_other_genes_or_classes_is_refused(
    tmp_path: Path, n_genes: int, terms: list[str], message: str
) -> None:
    save(tmp_path / "model.safetensors", "linear")
    with pytest.raises(ValueError, match=rf"model\.safetensors: .*{message}"):
        load_model(tmp_path / "model.safetensors", n_genes, terms)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(FileNotFoundError, match=rf"{path}: no such model"):
        load_model(path, 6, TERMS)
    path.write_bytes(b"no weights")
    with pytest.raises(ValueError, match=rf"{path}: not a model written by this pipeline"):
        load_model(path, 6, TERMS)
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match=rf"{path}: not a model written by this pipeline"):
        load_model(path, 6, TERMS)


def test_a_model_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save(path, "mlp")
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match=rf"{path}: not a model written by this pipeline"):
        load_model(path, 6, TERMS)


def test_weights_of_another_shape_or_name_are_refused() -> None:
    model = build_model("linear", 6, 3)
    wrong_shape = copy_weights(build_model("linear", 5, 3))
    with pytest.raises(ValueError, match=r"elsewhere: its weights do not fit (.|\n)*size mis"):
        load_weights(model, wrong_shape, "elsewhere")
    with pytest.raises(ValueError, match=r"elsewhere: (.|\n)*classifier\.weight"):
        load_weights(model, {"other": torch.zeros(1)}, "elsewhere")


def test_a_model_file_says_what_it_is(tmp_path: Path) -> None:
    save(tmp_path / "model.safetensors", "mlp")
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        description = file.metadata()["model"]
    assert '"architecture": "mlp"' in description
    assert '"n_genes": 6' in description
    assert '"CL:3"' in description
