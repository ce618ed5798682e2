"""The loss as a module, by name, and with arguments that do not fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from loss_by_hand import CHAIN, EPS, loss_in_a_loop, make_batch
from torch import Tensor
from torch.nn import functional

from hce.loss import HierarchicalCrossEntropyLoss, build_loss, hierarchical_cross_entropy

pytestmark = pytest.mark.usefixtures("one_torch_thread")

HierarchyMaker = Callable[..., np.ndarray]


@pytest.mark.parametrize(
    "change",
    [
        {"logits": torch.zeros(4)},
        {"logits": torch.zeros(4, 3, dtype=torch.int64)},
        {"target": torch.zeros(3, dtype=torch.int64)},
        {"target": torch.zeros(4)},
        {"target": torch.zeros(4, 3)},
        {"target": torch.tensor([True, False, True, False])},
        {"target": torch.tensor([0, 1, 2, 3])},
        {"target": torch.tensor([0, 1, 2, -1])},
        {"target": torch.tensor([0, 1, 2, -100]), "ignore_index": -1},
        {"target": torch.zeros(4, 2, dtype=torch.int64), "logits": torch.zeros(4, 3, 3)},
        {"target": torch.zeros(4, dtype=torch.int64), "logits": torch.zeros(4, 3, 2)},
        {"reduction": "average"},
        {"reachability": torch.ones(3, 4)},
        {"reachability": torch.eye(4)},
        {"reachability": torch.ones(3)},
        {"weight": torch.ones(4)},
        {"weight": torch.ones(3, 1)},
    ],
    ids=[
        "logits 1d",
        "logits integer",
        "target too short",
        "target float",
        "target soft",
        "target bool",
        "target too large",
        "target negative",
        "target ignored elsewhere",
        "other pixels",
        "no pixels",
        "reduction",
        "reachability not square",
        "reachability of other classes",
        "reachability 1d",
        "weight of other classes",
        "weight 2d",
    ],
)
def test_bad_arguments_raise(change: dict[str, Tensor]) -> None:
    """Arguments that do not fit are refused before anything is computed."""
    arguments = {
        "logits": torch.zeros(4, 3),
        "target": torch.tensor([0, 1, 2, 0]),
        "reachability": CHAIN,
        "weight": torch.ones(3),
    }
    assert torch.isfinite(hierarchical_cross_entropy(**arguments))
    with pytest.raises(ValueError):
        hierarchical_cross_entropy(**(arguments | change))


@pytest.mark.parametrize(
    ("reachability", "message"),
    [
        (torch.ones(3, 4), "square"),
        (torch.ones(3), "square"),
        (torch.tensor([[1, 1], [0, 0]]), "diagonal"),
        (torch.tensor([[1.0, 0.5], [0.0, 1.0]]), "0 and 1"),
        (torch.tensor([[1, 2], [0, 1]]), "0 and 1"),
        (torch.ones(3, 3), "classes 0 and 1 reach each other, as do 3 pairs"),
        (
            torch.tensor([[1, 1, 0], [0, 1, 1], [0, 0, 1]]),
            "class 0 reaches a class that reaches 2, but not 2 itself",
        ),
    ],
    ids=["not square", "1d", "not reflexive", "fractions", "counts", "all ones", "direct edges"],
)
def test_bad_hierarchy_raises(reachability: Tensor, message: str) -> None:
    """The module refuses what is no reachability matrix, when it is made."""
    with pytest.raises(ValueError, match=message):
        HierarchicalCrossEntropyLoss(reachability)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.uint8])
def test_small_integers_are_told_from_soft_labels(dtype: torch.dtype) -> None:
    """torch itself takes neither; the remedy for each is another one."""
    loss = HierarchicalCrossEntropyLoss(CHAIN)
    with pytest.raises(ValueError, match=r"in int64: target\.long\(\), got") as error:
        loss(torch.zeros(4, 3), torch.zeros(4, dtype=dtype))
    assert "soft" not in str(error.value)
    with pytest.raises(ValueError, match="soft labels are not supported"):
        loss(torch.zeros(4, 3), torch.zeros(4, 3))


def test_bad_weight_of_module_raises() -> None:
    """The module refuses weights of another number of classes, when it is made."""
    with pytest.raises(ValueError, match="4"):
        HierarchicalCrossEntropyLoss(CHAIN, weight=torch.ones(4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_module_equals_function(make_hierarchy: HierarchyMaker, dtype: torch.dtype) -> None:
    """The module is the function with R, the weights and eps remembered."""
    reach = make_hierarchy(11, 9)
    logits, target, weight = (
        tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in make_batch(11, 9)
    )
    module = HierarchicalCrossEntropyLoss(torch.from_numpy(reach), weight=weight, eps=1e-3)
    expected = hierarchical_cross_entropy(logits, target, torch.from_numpy(reach), weight, 1e-3)
    loss = module(logits, target)
    assert loss.dtype == dtype
    torch.testing.assert_close(loss, expected, rtol=0, atol=0)


def test_module_takes_numpy(make_hierarchy: HierarchyMaker) -> None:
    """R comes out of the ontology as a numpy array, and may go in as such."""
    reach = make_hierarchy(12, 9)
    logits, target, weight = make_batch(12, 9)
    module = HierarchicalCrossEntropyLoss(reach, weight=weight.numpy())
    expected = hierarchical_cross_entropy(logits, target, torch.from_numpy(reach), weight)
    torch.testing.assert_close(module(logits, target), expected, rtol=1e-12, atol=0)


def test_module_moves_and_saves_nothing() -> None:
    """R and weights follow .to(); they are neither parameters nor part of a checkpoint."""
    module = HierarchicalCrossEntropyLoss(CHAIN, weight=torch.ones(3))
    assert list(module.parameters()) == []
    assert module.state_dict() == {}
    assert {name for name, _ in module.named_buffers()} == {"reachability", "weight"}
    moved = module.to(torch.float64).to("meta")
    assert moved.reachability.device.type == "meta"
    assert moved.weight is not None
    assert moved.weight.device.type == "meta"


def test_module_in_float64_equals_loop(make_hierarchy: HierarchyMaker) -> None:
    """After .to(float64) the module has float64 accuracy."""
    reach = make_hierarchy(13, 20)
    logits, target, weight = make_batch(13, 20, n_cells=50)
    module = HierarchicalCrossEntropyLoss(torch.from_numpy(reach), weight=weight).to(torch.float64)
    assert module(logits, target).item() == pytest.approx(
        loss_in_a_loop(logits, target, reach, weight, EPS), rel=1e-12
    )


def test_module_replaces_cross_entropy_in_training(make_hierarchy: HierarchyMaker) -> None:
    """A few steps of gradient descent on a linear layer lower it."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(64, 5, generator=generator)
    target = torch.randint(0, 4, (64,), generator=generator)
    weights = torch.zeros(5, 4, requires_grad=True)
    module = HierarchicalCrossEntropyLoss(torch.from_numpy(make_hierarchy(1, 4)))
    losses = []
    for _ in range(20):
        loss = module(features @ weights, target)
        (gradient,) = torch.autograd.grad(loss, weights)
        weights = (weights - 0.5 * gradient).detach().requires_grad_(True)
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] - 0.01


def test_build_loss_by_name(make_hierarchy: HierarchyMaker) -> None:
    """The names ce and hce are torch's weighted CE and the weighted HCE; others are refused."""
    reach = torch.from_numpy(make_hierarchy(14, 6))
    logits, target, weight = make_batch(14, 6)
    logits, weight = logits.float(), weight.float()
    torch.testing.assert_close(
        build_loss("ce", reach, weight)(logits, target),
        functional.cross_entropy(logits, target, weight=weight),
    )
    torch.testing.assert_close(
        build_loss("hce", reach, weight)(logits, target),
        hierarchical_cross_entropy(logits, target, reach, weight),
    )
    with pytest.raises(ValueError, match="focal"):
        build_loss("focal", reach, weight)


def test_what_is_no_matrix_or_has_classes_last_is_told_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"got dict: hce.ontology.reachability\(graph, classes\)"):
        HierarchicalCrossEntropyLoss({"shoes": ["boots"]})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="eps must not be negative, got -1"):
        HierarchicalCrossEntropyLoss(torch.eye(3), eps=-1)
    loss = HierarchicalCrossEntropyLoss(torch.eye(5))
    with pytest.raises(ValueError, match=r"7 classes in dimension 1.*logits.movedim\(-1, 1\)"):
        loss(torch.zeros(2, 7, 5), torch.zeros(2, 7, dtype=torch.int64))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_an_empty_batch_has_the_loss_of_cross_entropy(reduction: str) -> None:
    logits, target = torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)
    found = HierarchicalCrossEntropyLoss(torch.eye(3), reduction=reduction)(logits, target)
    expected = functional.cross_entropy(logits, target, reduction=reduction)
    torch.testing.assert_close(found, expected, equal_nan=True)
