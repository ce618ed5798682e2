"""A user's file gives an architecture; anything else in it is refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from hce.extension.build import build_any_model
from hce.models import ModelFacts, load_model, save_model
from hce.training.state import copy_weights

FILE = """
from torch import nn

class Network(nn.Linear):
    def __init__(self, n_genes, n_classes, bias=True):
        super().__init__(n_genes, n_classes, bias)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


def test_what_is_saved_is_loaded(file: Path, tmp_path: Path) -> None:
    model = build_any_model("mine", 5, 3, file, bias=False)
    path = tmp_path / "model.safetensors"
    terms = ["CL:0000001", "CL:0000002", "CL:0000003"]
    genes, matrix = [f"GENE{i}" for i in range(5)], np.eye(3, dtype=bool)
    facts = ModelFacts("mine", {"bias": False}, genes, genes, terms, terms, matrix)
    save_model(path, copy_weights(model), facts)
    cells = torch.randn(4, 5)
    loaded = load_model(path, partial(build_any_model, file=file)).module
    assert torch.equal(loaded(cells), model(cells))
    with pytest.raises(ValueError, match="unknown architecture 'mine'"):
        load_model(path)


def test_without_a_file_it_is_one_of_the_paper() -> None:
    assert build_any_model("linear", 5, 3)(torch.randn(2, 5)).shape == (2, 3)


@pytest.mark.parametrize(
    ("text", "name", "hyperparameters", "message"),
    [
        (FILE, "mlp", {}, "mlp is one of the paper's; take another name"),
        (
            FILE,
            "mine",
            {"depth": 2},
            r"Network is called as Network\(n_genes, n_classes, depth=…\), but takes \(n_genes, "
            r"n_classes, bias=True\): models\.mine\.depth is no hyperparameter of it",
        ),
        ("Network = 3", "mine", {}, "no class Network that is a torch.nn.Module"),
        ("", "mine", {}, "no class Network"),
    ],
    ids=["the paper's name", "unknown hyperparameter", "no class", "empty"],
)
def test_a_wrong_file_is_refused(
    file: Path, text: str, name: str, hyperparameters: dict[str, int], message: str
) -> None:
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        build_any_model(name, 5, 3, file, **hyperparameters)
    assert str(file) in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.py: no such architecture file"):
        build_any_model("mine", 5, 3, tmp_path / "gone.py")
