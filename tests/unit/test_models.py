"""The architectures: layers, sizes and outputs computed by hand from their weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hce.models import build_model

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def leaf_modules(model: nn.Module) -> list[nn.Module]:
    """Layers without layers in them, in order."""
    return [module for module in model.modules() if not list(module.children())]


def random_statistics(model: nn.Module, seed: int) -> None:
    """Give batch norms running statistics and weights that change something."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            for tensor, low in (
                (module.running_mean, -1.0),
                (module.running_var, 0.5),
                (module.weight.data, 0.5),
                (module.bias.data, -1.0),
            ):
                tensor.uniform_(low, low + 1.5, generator=generator)


def test_linear_is_one_affine_map() -> None:
    """x W + b, and nothing else."""
    torch.manual_seed(0)
    model = build_model("linear", n_genes=11, n_classes=4)
    shapes = sorted(tuple(parameter.shape) for parameter in model.parameters())
    assert shapes == [(4,), (4, 11)]
    expression = torch.rand(6, 11)
    weight = next(p for p in model.parameters() if p.ndim == 2)
    bias = next(p for p in model.parameters() if p.ndim == 1)
    torch.testing.assert_close(model(expression), expression @ weight.T + bias)
    model.train()
    torch.testing.assert_close(model(expression), expression @ weight.T + bias)


def test_mlp_has_the_blocks_of_the_paper() -> None:
    """8 x (Linear 128, BatchNorm, SiLU, Dropout 0.1), then Linear, by default."""
    layers = leaf_modules(build_model("mlp", n_genes=30, n_classes=5))
    block = [nn.Linear, nn.BatchNorm1d, nn.SiLU, nn.Dropout]
    assert [type(layer) for layer in layers] == block * 8 + [nn.Linear]
    linears = [layer for layer in layers if isinstance(layer, nn.Linear)]
    sizes = [(layer.in_features, layer.out_features) for layer in linears]
    assert sizes == [(30, 128)] + [(128, 128)] * 7 + [(128, 5)]
    assert all(layer.bias is not None for layer in linears)
    assert {layer.p for layer in layers if isinstance(layer, nn.Dropout)} == {0.1}


def test_mlp_hyperparameters() -> None:
    """Width, depth and dropout are the caller's."""
    layers = leaf_modules(build_model("mlp", 30, 5, n_hidden=7, n_layers=3, dropout=0.25))
    linears = [layer for layer in layers if isinstance(layer, nn.Linear)]
    sizes = [(layer.in_features, layer.out_features) for layer in linears]
    assert sizes == [(30, 7), (7, 7), (7, 7), (7, 5)]
    assert {layer.p for layer in layers if isinstance(layer, nn.Dropout)} == {0.25}


def test_mlp_output_by_hand() -> None:
    """In evaluation the output is the formula of its blocks."""
    torch.manual_seed(1)
    model = build_model("mlp", 9, 4, n_hidden=6, n_layers=2, dropout=0.5).double().eval()
    random_statistics(model, seed=2)
    expression = torch.rand(5, 9, dtype=torch.float64)
    *blocks, last = [layer for layer in leaf_modules(model) if list(layer.parameters())]
    hidden = expression
    for linear, norm in zip(blocks[::2], blocks[1::2], strict=True):
        hidden = hidden @ linear.weight.T + linear.bias
        hidden = (hidden - norm.running_mean) / torch.sqrt(norm.running_var + 1e-5)
        hidden = hidden * norm.weight + norm.bias
        hidden = hidden / (1 + torch.exp(-hidden))
    expected = hidden @ last.weight.T + last.bias
    torch.testing.assert_close(model(expression), expected)


@pytest.mark.parametrize("architecture", ["linear", "mlp", "tabnet"])
def test_same_seed_same_weights(architecture: str) -> None:
    """Initial weights come from torch's generator and from nothing else."""
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(build_model(architecture, 20, 3).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_only_tabnet_has_a_mask_loss() -> None:
    """Linear and MLP return logits, TabNet (logits, mask loss)."""
    expression = torch.rand(4, 10)
    for architecture in ("linear", "mlp"):
        logits = build_model(architecture, 10, 3).eval()(expression)
        assert logits.shape == (4, 3)
    logits, mask_loss = build_model("tabnet", 10, 3).eval()(expression)
    assert logits.shape == (4, 3)
    assert mask_loss.shape == ()


@pytest.mark.parametrize(
    ("architecture", "hyperparameters", "message"),
    [
        ("transformer", {}, "transformer"),
        ("Linear", {}, "Linear"),
        ("linear", {"n_hidden": 3}, "n_hidden"),
        ("mlp", {"width": 3}, "width"),
        ("tabnet", {"n_stepz": 3}, "n_stepz"),
        ("tabnet", {"mask_type": "softmax"}, "softmax"),
    ],
)
def test_unknown_names_raise(
    architecture: str, hyperparameters: dict[str, int | str], message: str
) -> None:
    """A typo is an error that repeats it."""
    with pytest.raises(ValueError, match=message):
        build_model(architecture, 10, 3, **hyperparameters)
