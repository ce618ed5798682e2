"""A user's own files are tried on a small example: mistakes are named, other designs are not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch

import check_own_architecture
import check_own_loss
from hce.extension.trial import PARENTS, example_reachability, run_trial, try_architecture, try_loss
from hce.ontology import reachability

pytestmark = pytest.mark.usefixtures("one_torch_thread")

CPU = torch.device("cpu")
SHELL = """
import torch
from torch import nn

class Network(nn.Module):
    def __init__(self, n_genes, n_classes, width=8):
        super().__init__()
        self.first = nn.Linear(n_genes, width)
        self.last = nn.Linear(width, n_classes)
        {more}

    def forward(self, cells):
        hidden = self.first(cells).tanh()
        {body}
"""


def write(tmp_path: Path, body: str = "return self.last(hidden)", more: str = "pass") -> Path:
    """A file of a network that computes `body`."""
    path = tmp_path / "net.py"
    path.write_text(SHELL.format(body=body, more=more))
    return path


def test_the_example_is_the_cell_ontology(graph: nx.DiGraph) -> None:
    matrix = example_reachability().numpy()
    np.testing.assert_array_equal(matrix, reachability(graph, list(PARENTS)))
    assert (matrix.sum(axis=0) > 5).any()  # several levels


GOOD = {
    "plain": {},
    "with batch normalization and dropout": {
        "body": "return self.last(self.drop(self.norm(hidden)))",
        "more": "self.norm, self.drop = nn.BatchNorm1d(width), nn.Dropout(0.5)",
    },
    "with a mask loss, as TabNet": {"body": "return self.last(hidden), hidden.mean()"},
    "with unused and frozen parameters": {
        "more": "self.extra = nn.Linear(2, 2); self.first.requires_grad_(False)"
    },
    "with tied weights": {
        "body": "return self.last(self.same(self.inner(hidden)))",
        "more": "self.inner = self.same = nn.Linear(width, width)",
    },
    "for whole virtual batches": {
        "body": "return self.last(hidden.reshape(-1, 96, 8)).reshape(len(cells), -1)"
    },
    "with random features in a buffer": {
        "body": "return self.last(hidden * self.scale)",
        "more": "self.register_buffer('scale', torch.rand(width))",
    },
}


def outcome(file: Path, hyperparameters: dict[str, int], batch_size: int) -> str:
    """What a trial writes of a network."""
    marker = file.with_suffix(".txt")
    run_trial(
        lambda device: try_architecture("mine", file, hyperparameters, batch_size, device),
        "cpu",
        marker,
    )
    return marker.read_text()


@pytest.mark.parametrize("case", GOOD)
def test_a_network_that_can_be_trained_passes(tmp_path: Path, case: str) -> None:
    assert outcome(write(tmp_path, **GOOD[case]), {"width": 8}, 192) == "tried on cpu\n"


def test_networks_of_the_paper_pass(tmp_path: Path) -> None:
    for module, name in (("hce.models", "MultilayerPerceptron"), ("hce.networks.tabnet", "TabNet")):
        file = tmp_path / f"{name}.py"
        file.write_text(f"from {module} import {name} as Network\n")
        assert outcome(file, {}, 512) == "tried on cpu\n"


BAD = {
    "classes first": (
        {"body": "return self.last(hidden).T"},
        r"must return floating-point logits, cells x classes \(64, 20\), got float32 \(20, 64\)",
    ),
    "nothing": ({"body": "pass"}, r"cells x classes \(64, 20\), got NoneType"),
    "layers that do not fit": (
        {"more": "self.last = nn.Linear(width + 1, n_classes)"},
        r"Network fails with cells float32 \(64, 2000\) on cpu, in training mode: RuntimeError",
    ),
    "fails in evaluation": (
        {"body": "assert self.training, 'off'; return self.last(hidden)"},
        "in evaluation mode: AssertionError: off",
    ),
    "not a number": (
        {"body": "return self.last(hidden).log()"},
        "the logits of Network are not all finite",
    ),
    "infinite gradient": (
        {"body": "return (self.last(hidden * 0) - self.last.bias).abs().sqrt()"},
        "the gradient of Network is not finite",
    ),
    "detached": ({"body": "return self.last(hidden).detach()"}, "depend on no parameter"),
    "constant": (
        {"body": "return 0 * self.last(hidden)"},
        "no parameter of Network has a gradient",
    ),
    "state that is not saved": (
        {"body": "return self.last(hidden * self.scale)", "more": "self.scale = torch.rand(width)"},
        "other logits once its weights are loaded into a new one",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_trained_is_refused(tmp_path: Path, case: str) -> None:
    parts, message = BAD[case]
    file = write(tmp_path, **parts)
    with pytest.raises(ValueError, match=message) as error:
        try_architecture("mine", file, {}, 64, CPU)
    assert str(error.value).startswith(f"{file}: ")
    assert str(error.value).count(str(file)) == 1


def test_a_constructor_that_cannot_be_called_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"models\.mine\.depth is no hyperparameter of it$"):
        try_architecture("mine", write(tmp_path), {"depth": 3}, 64, CPU)


LOSS = """
from torch import nn

class Loss(nn.CrossEntropyLoss):
    def __init__(self, reachability, weight, scale):
        super().__init__(weight * scale)
        assert len(reachability) == 12
"""


def run(monkeypatch: pytest.MonkeyPatch, script: object, **options: object) -> None:
    """Call a script by its command line."""
    words = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    monkeypatch.setattr(sys, "argv", ["script", *words])
    script.main()


def test_the_script_of_a_loss_writes_what_it_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(LOSS)
    options = {"loss": "mine", "loss_file": tmp_path / "mine.py", "output": tmp_path / "a" / "b"}
    with pytest.raises(SystemExit, match=r"own_losses\.mine\.scale is missing"):
        run(monkeypatch, check_own_loss, **options)
    assert not options["output"].exists()
    run(monkeypatch, check_own_loss, **options, loss_settings=json.dumps({"scale": 2}))
    assert options["output"].read_text() == "tried on cpu\n"


def test_the_script_of_an_architecture_shows_where_the_users_code_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "return nowhere")
    options = {"architecture": "mine", "architecture_file": file, "batch_size": 8}
    with pytest.raises(SystemExit, match=r"net\.py: Network fails .* NameError: name 'nowhere'"):
        run(monkeypatch, check_own_architecture, **options, output=tmp_path / "marker")
    assert "in forward\n    return nowhere" in capsys.readouterr().err
    assert not (tmp_path / "marker").exists()


def test_what_needs_a_gpu_is_left_to_the_training_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    marker = tmp_path / "marker"
    needs = write(tmp_path, "raise RuntimeError('x must be a CUDA tensor')")
    run_trial(lambda device: try_architecture("mine", needs, {}, 64, device), "cuda", marker)
    assert marker.read_text().startswith("left to the training, because there is no GPU here: ")
    for body, device in (
        ("raise RuntimeError('x must be a CUDA tensor')", "cpu"),
        ("pass", "cuda"),
    ):
        file = write(tmp_path, body)
        with pytest.raises(SystemExit, match=r"net\.py: Network"):
            run_trial(lambda on, file=file: try_architecture("a", file, {}, 64, on), device, marker)


def test_a_loss_is_tried_with_unequal_weights_and_relatives(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        LOSS + "        assert len(weight.unique()) == 12\n        assert reachability.sum() > 30\n"
    )
    try_loss("mine", file, {"scale": 1}, CPU)
