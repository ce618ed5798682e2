"""AdamW is PyTorch's own, but for what it imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from hce.training.optimizer import AdamW

pytestmark = pytest.mark.usefixtures("one_torch_thread")

SCRIPTS = Path(__file__).parents[3] / "scripts"


def make_network() -> nn.Sequential:
    """Two layers, of which one never gets a gradient."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3))


def train(network: nn.Sequential, optimizer: AdamW | torch.optim.AdamW, steps: range) -> None:
    """Some steps of the first layer, at falling learning rates."""
    for step in steps:
        optimizer.param_groups[0]["lr"] = 0.1 * 0.9**step
        cells = torch.randn(6, 5, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        network[0](cells).square().sum().backward()
        optimizer.step()


def weights(network: nn.Sequential) -> Tensor:
    """All parameters in one row."""
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def test_weights_and_slots_are_those_of_pytorch() -> None:
    networks = [make_network(), make_network()]
    ours = AdamW(networks[0].parameters(), 0.1, weight_decay=0.3)
    theirs = torch.optim.AdamW(networks[1].parameters(), 0.1, weight_decay=0.3, fused=True)
    for network, optimizer in zip(networks, (ours, theirs), strict=True):
        train(network, optimizer, range(4))
    assert torch.equal(*map(weights, networks))
    assert not torch.equal(weights(networks[0]), weights(make_network()))
    slots, expected = ours.state_dict()["state"], theirs.state_dict()["state"]
    assert slots.keys() == expected.keys() == {0, 1}
    for position, slot in slots.items():
        assert slot.keys() == expected[position].keys()
        assert all(torch.equal(slot[name], expected[position][name]) for name in slot)


def test_a_loaded_state_goes_on() -> None:
    whole, part, again = make_network(), make_network(), make_network()
    train(whole, AdamW(whole.parameters(), 0.1, 0.3), range(4))
    first = AdamW(part.parameters(), 0.1, 0.3)
    train(part, first, range(2))
    again.load_state_dict(part.state_dict())
    second = AdamW(again.parameters(), 0.7, 0.1)
    second.load_state_dict(first.state_dict())
    train(again, second, range(2, 4))
    assert torch.equal(weights(again), weights(whole))


def test_training_and_prediction_do_not_import_the_compiler() -> None:
    """It takes longer than importing the rest of PyTorch."""
    code = (
        "import sys, torch, predict, train_model\n"
        "from hce.training.optimizer import AdamW\n"
        "from hce.models import build_model\n"
        "model = build_model('tabnet', 9, 3, n_d=4, n_a=2)\n"
        "optimizer = AdamW(model.parameters(), 0.1, 0.1)\n"
        "logits, mask_loss = model(torch.rand(5, 9))\n"
        "(logits.sum() + mask_loss).backward()\n"
        "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"
        "optimizer.step()\n"
        "print(sorted({'torch._dynamo', 'pytorch_tabnet'} & set(sys.modules)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "[]\n", run.stderr
