"""The loss takes what nn.CrossEntropyLoss takes, and reduces as it does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from loss_by_hand import CHAIN, loss_in_a_loop, make_batch
from torch import nn

from hce.loss import HierarchicalCrossEntropyLoss, hierarchical_cross_entropy

pytestmark = pytest.mark.usefixtures("one_torch_thread")

HierarchyMaker = Callable[..., np.ndarray]
REDUCTIONS = ("none", "mean", "sum")


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    n_classes=st.integers(1, 6),
    ignore_index=st.sampled_from([-100, -1, 0, 2]),
    reduction=st.sampled_from(REDUCTIONS),
    weighted=st.booleans(),
    discount=st.sampled_from([1.0, 0.5, 0.0]),
)
def test_without_a_hierarchy_it_is_cross_entropy(
    seed: int,
    shape: list[int],
    n_classes: int,
    ignore_index: int,
    reduction: str,
    weighted: bool,
    discount: float,
) -> None:
    """With R = I and eps = 0: values, shapes and gradients, for every reduction and dimension."""
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(0, 3, (shape[0], n_classes, *shape[1:])))
    target = torch.from_numpy(rng.integers(0, n_classes, shape))
    target[torch.from_numpy(rng.random(shape) < 0.3)] = ignore_index
    weight = torch.from_numpy(rng.uniform(0.1, 5, n_classes)) if weighted else None
    keywords = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}
    results = []
    for loss in (
        HierarchicalCrossEntropyLoss(torch.eye(n_classes), eps=0.0, discount=discount, **keywords),
        nn.CrossEntropyLoss(**keywords),
    ):
        logits = values.clone().requires_grad_(True)
        result = loss(logits, target)
        result.sum().backward()
        results.append((result.detach(), logits.grad))
    kwargs = {"rtol": 1e-9, "atol": 1e-12, "equal_nan": True}
    torch.testing.assert_close(results[0][0], results[1][0], **kwargs)
    torch.testing.assert_close(results[0][1], results[1][1], **kwargs)


@pytest.mark.parametrize("discount", [1.0, 0.3])
def test_pixels_are_so_many_cells(make_hierarchy: HierarchyMaker, discount: float) -> None:
    """B x C x d1 x d2 is B * d1 * d2 labels, under a hierarchy too."""
    reach = torch.from_numpy(make_hierarchy(3, 7))
    logits, target, weight = make_batch(3, 7, n_cells=24)
    image = logits.reshape(2, 3, 4, 7).permute(0, 3, 1, 2)
    for reduction in REDUCTIONS:
        loss = HierarchicalCrossEntropyLoss(reach, weight, discount=discount, reduction=reduction)
        found = loss(image, target.reshape(2, 3, 4))
        torch.testing.assert_close(found.flatten(), loss(logits, target).flatten())


def test_ignored_labels_are_as_if_they_were_not_there(make_hierarchy: HierarchyMaker) -> None:
    reach = make_hierarchy(4, 6)
    logits, target, weight = make_batch(4, 6)
    expected = loss_in_a_loop(logits[2:], target[2:], reach, weight, 1e-6)
    target[:2] = -100
    logits[1] = float("nan")
    loss = HierarchicalCrossEntropyLoss(reach, weight)
    assert loss(logits, target).item() == pytest.approx(expected, rel=1e-12)
    everything = torch.full_like(target, -100)
    assert loss(logits, everything).isnan()
    loss.reduction = "sum"
    assert loss(logits, everything) == 0


def test_labels_cannot_be_smoothed() -> None:
    HierarchicalCrossEntropyLoss(CHAIN, label_smoothing=0.0)
    with pytest.raises(ValueError, match=r"must be 0, got 0\.1: .* under each of its ancestors"):
        HierarchicalCrossEntropyLoss(CHAIN, label_smoothing=0.1)
    with pytest.raises(ValueError, match="none, mean, sum, got 'average'"):
        HierarchicalCrossEntropyLoss(CHAIN, reduction="average")


def test_training_is_the_same_to_the_last_bit(make_hierarchy: HierarchyMaker) -> None:
    """The weighted mean as the paper's trainings take it: nothing of it is rounded otherwise."""
    reach = torch.from_numpy(make_hierarchy(9, 30))
    logits, target, weight = make_batch(9, 30, n_cells=500)
    logits, weight = logits.float(), weight.float()
    score = torch.linalg.vecdot(torch.softmax(logits, dim=1), reach.float()[target])
    loss, sample_weight = -torch.log(score + 1e-6), weight[target]
    expected = (sample_weight * loss).sum() / sample_weight.sum()
    assert torch.equal(hierarchical_cross_entropy(logits, target, reach, weight), expected)
