"""The hierarchical cross-entropy loss against loops in float64, torch's losses and identities."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loss_by_hand import CHAIN, EPS, loss_in_a_loop, make_batch
from torch import Tensor
from torch.nn import functional

from hce.loss import HierarchicalCrossEntropyLoss, hierarchical_cross_entropy

pytestmark = pytest.mark.usefixtures("one_torch_thread")

HierarchyMaker = Callable[..., np.ndarray]

seeds = st.integers(0, 2**32 - 1)
class_counts = st.integers(2, 12)


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("n_classes", [2, 5, 40])
def test_equals_loop(make_hierarchy: HierarchyMaker, n_classes: int, weighted: bool) -> None:
    """In float64 the loss is the per-cell definition to rounding."""
    reach = make_hierarchy(n_classes, n_classes)
    logits, target, weight = make_batch(n_classes, n_classes, n_cells=64)
    weight_or_none = weight if weighted else None
    loss = hierarchical_cross_entropy(logits, target, torch.from_numpy(reach), weight_or_none)
    assert loss.dtype == torch.float64
    assert loss.shape == ()
    expected = loss_in_a_loop(logits, target, reach, weight_or_none, EPS)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_float32_is_close_to_float64(make_hierarchy: HierarchyMaker) -> None:
    """Single precision costs no more than single precision."""
    reach = make_hierarchy(3, 30)
    logits, target, weight = make_batch(3, 30, n_cells=128)
    loss = hierarchical_cross_entropy(
        logits.float(), target, torch.from_numpy(reach), weight.float()
    )
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(
        loss_in_a_loop(logits, target, reach, weight, EPS), rel=1e-5
    )


def test_chain_by_hand() -> None:
    """Root > middle > leaf with p = (0.5, 0.3, 0.2) has scores (1, 0.5, 0.2)."""
    logits = torch.tensor([[0.5, 0.3, 0.2]] * 3, dtype=torch.float64).log()
    target = torch.tensor([0, 1, 2])
    losses = [-math.log(score + EPS) for score in (1.0, 0.5, 0.2)]
    unweighted = hierarchical_cross_entropy(logits, target, CHAIN)
    assert unweighted.item() == pytest.approx(sum(losses) / 3, rel=1e-12)
    weight = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    weighted = hierarchical_cross_entropy(logits, target, CHAIN, weight)
    expected = (1 * losses[0] + 2 * losses[1] + 4 * losses[2]) / 7
    assert weighted.item() == pytest.approx(expected, rel=1e-12)


def test_eps_is_added_to_the_score() -> None:
    """The constant stands inside the logarithm, and its value is the caller's."""
    logits = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64).log()
    loss = hierarchical_cross_entropy(logits, torch.tensor([1]), CHAIN, eps=0.25)
    assert loss.item() == pytest.approx(-math.log(0.75), rel=1e-12)


@given(seed=seeds, n_classes=class_counts)
def test_equals_weighted_nll_of_the_scores(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    """It is torch's weighted nll_loss of log(R p + eps), the paper's own implementation."""
    reach = torch.from_numpy(make_hierarchy(seed, n_classes))
    logits, target, weight = make_batch(seed, n_classes)
    log_scores = (torch.softmax(logits, dim=1) @ reach.double().T + EPS).log()
    expected = functional.nll_loss(log_scores, target, weight=weight)
    loss = hierarchical_cross_entropy(logits, target, reach, weight)
    torch.testing.assert_close(loss, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_gradcheck(make_hierarchy: HierarchyMaker, weighted: bool) -> None:
    """The gradient is that of finite differences."""
    reach = torch.from_numpy(make_hierarchy(5, 6))
    logits, target, weight = make_batch(5, 6, n_cells=4)
    logits.requires_grad_(True)
    weight_or_none = weight if weighted else None

    def loss(values: Tensor) -> Tensor:
        return hierarchical_cross_entropy(values, target, reach, weight_or_none)

    assert torch.autograd.gradcheck(loss, (logits,), eps=1e-6, atol=1e-7)


def test_gradient_in_closed_form(make_hierarchy: HierarchyMaker) -> None:
    """d loss / d x_k = p_k (s_t - R_tk) / (s_t + eps), mean over cells."""
    reach = torch.from_numpy(make_hierarchy(8, 10))
    logits, target, _ = make_batch(8, 10)
    logits.requires_grad_(True)
    hierarchical_cross_entropy(logits, target, reach).backward()
    probability = torch.softmax(logits.detach(), dim=1)
    rows = reach.double()[target]
    score = (probability * rows).sum(dim=1, keepdim=True)
    expected = probability * (score - rows) / (score + EPS) / len(target)
    torch.testing.assert_close(logits.grad, expected, rtol=1e-9, atol=1e-14)


@given(seed=seeds, n_classes=class_counts)
def test_flat_hierarchy_is_cross_entropy(seed: int, n_classes: int) -> None:
    """With R = I the loss is CE, lowered by no more than eps can lower it."""
    logits, target, weight = make_batch(seed, n_classes)
    flat = torch.eye(n_classes, dtype=torch.bool)
    ce = functional.cross_entropy(logits, target, weight=weight)
    hce = hierarchical_cross_entropy(logits, target, flat, weight)
    smallest = torch.softmax(logits, dim=1).gather(1, target[:, None]).min()
    assert -1e-12 <= (ce - hce).item() <= math.log1p(EPS / smallest.item()) + 1e-12
    exact = hierarchical_cross_entropy(logits, target, flat, weight, eps=0.0)
    torch.testing.assert_close(exact, ce, rtol=1e-9, atol=1e-12)


@given(seed=seeds, n_classes=class_counts, discount=st.floats(0, 1))
def test_discount_counts_descendants_in_part(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int, discount: float
) -> None:
    """As the loss with R whose entries off the diagonal are the discount."""
    reach = make_hierarchy(seed, n_classes)
    logits, target, weight = make_batch(seed, n_classes)
    part = np.where(np.eye(n_classes, dtype=bool), 1.0, discount * reach)
    found = hierarchical_cross_entropy(
        logits, target, torch.from_numpy(reach), weight, EPS, discount
    )
    score = (torch.softmax(logits, dim=1) @ torch.from_numpy(part).T)[
        torch.arange(len(target)), target
    ]
    expected = (weight[target] * -torch.log(score + EPS)).sum() / weight[target].sum()
    torch.testing.assert_close(found, expected)


def test_discount_at_its_ends(make_hierarchy: HierarchyMaker) -> None:
    """1 is the paper's loss to the last bit, 0 is cross-entropy but for eps."""
    reach = torch.from_numpy(make_hierarchy(5, 8))
    logits, target, weight = make_batch(5, 8)
    whole = hierarchical_cross_entropy(logits, target, reach, weight, EPS, 1.0)
    assert torch.equal(whole, hierarchical_cross_entropy(logits, target, reach, weight))
    none = hierarchical_cross_entropy(logits, target, reach, weight, 0.0, 0.0)
    torch.testing.assert_close(none, functional.cross_entropy(logits, target, weight))


@pytest.mark.parametrize("discount", [-0.1, 1.1, float("nan")])
def test_discount_is_a_share(discount: float) -> None:
    logits, target, _ = make_batch(0, 3)
    message = r"discount must lie between 0 \(cross-entropy\) and 1"
    with pytest.raises(ValueError, match=message):
        hierarchical_cross_entropy(logits, target, CHAIN, discount=discount)
    with pytest.raises(ValueError, match=message):
        HierarchicalCrossEntropyLoss(CHAIN, discount=discount)


@given(
    seed=seeds,
    logits=hnp.arrays(np.float64, (5, 7), elements=st.floats(-200, 200)),
    density=st.floats(0, 1),
)
def test_never_above_cross_entropy(
    make_hierarchy: HierarchyMaker, seed: int, logits: np.ndarray, density: float
) -> None:
    """HCE <= CE, whatever the hierarchy, logits, labels and weights; and HCE >= -log(1 + eps)."""
    reach = torch.from_numpy(make_hierarchy(seed, 7, density))
    _, target, weight = make_batch(seed, 7, n_cells=5)
    values = torch.from_numpy(logits)
    hce = hierarchical_cross_entropy(values, target, reach, weight).item()
    ce = functional.cross_entropy(values, target, weight=weight).item()
    assert hce <= ce + 1e-9
    assert hce >= -math.log1p(EPS) - 1e-12


@given(seed=seeds, n_classes=class_counts)
def test_more_descendants_never_raise_the_loss(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    """A hierarchy that contains another one has a loss that is not higher."""
    small = make_hierarchy(seed, n_classes)
    large = small | make_hierarchy(seed + 1, n_classes)
    logits, target, weight = make_batch(seed, n_classes)
    low = hierarchical_cross_entropy(logits, target, torch.from_numpy(large), weight)
    high = hierarchical_cross_entropy(logits, target, torch.from_numpy(small), weight)
    assert low.item() <= high.item() + 1e-12


@given(seed=seeds, n_classes=class_counts, shift=st.floats(-1e3, 1e3))
def test_invariant_to_shifted_logits(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int, shift: float
) -> None:
    """A constant added to all logits of a cell changes nothing."""
    reach = torch.from_numpy(make_hierarchy(seed, n_classes))
    logits, target, weight = make_batch(seed, n_classes)
    shifts = shift * torch.linspace(-1, 1, len(logits), dtype=torch.float64)[:, None]
    torch.testing.assert_close(
        hierarchical_cross_entropy(logits + shifts, target, reach, weight),
        hierarchical_cross_entropy(logits, target, reach, weight),
        rtol=1e-9,
        atol=1e-10,
    )


@given(seed=seeds, n_classes=class_counts)
def test_invariant_to_the_order_of_classes(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    """Renumbering the classes everywhere changes nothing."""
    reach = torch.from_numpy(make_hierarchy(seed, n_classes))
    logits, target, weight = make_batch(seed, n_classes)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(n_classes))
    torch.testing.assert_close(
        hierarchical_cross_entropy(
            logits[:, order],
            torch.argsort(order)[target],
            reach[order][:, order],
            weight[order],
        ),
        hierarchical_cross_entropy(logits, target, reach, weight),
        rtol=1e-10,
        atol=1e-12,
    )


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_extreme_logits_stay_finite(sign: float) -> None:
    """At +-10,000 in float32 the loss is bounded by -log(eps) and the gradient is finite."""
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]]) * sign
    logits.requires_grad_(True)
    # label 2 is a leaf that has no probability in either cell
    loss = hierarchical_cross_entropy(logits, torch.tensor([2, 2]), CHAIN)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(EPS), rel=1e-6)
    assert torch.isfinite(logits.grad).all()
    right = hierarchical_cross_entropy(logits, torch.tensor([0, 0]), CHAIN)
    assert right.item() == pytest.approx(0.0, abs=2e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["float16", "bfloat16"])
def test_half_precision_logits(make_hierarchy: HierarchyMaker, dtype: torch.dtype) -> None:
    """Half precision logits give the loss of their own values in float32, not zero or infinity."""
    reach = torch.from_numpy(make_hierarchy(2, 12))
    logits, target, weight = make_batch(2, 12)
    logits = logits.to(dtype)
    logits[0, target[0]] = -60.0
    loss = hierarchical_cross_entropy(logits, target, reach, weight.float())
    expected = hierarchical_cross_entropy(logits.float(), target, reach, weight.float())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32])
def test_reachability_of_any_dtype(make_hierarchy: HierarchyMaker, dtype: torch.dtype) -> None:
    """Booleans, integers and floats of 0 and 1 are the same hierarchy."""
    reach = torch.from_numpy(make_hierarchy(4, 8))
    logits, target, _ = make_batch(4, 8)
    torch.testing.assert_close(
        hierarchical_cross_entropy(logits, target, reach.to(dtype)),
        hierarchical_cross_entropy(logits, target, reach),
        rtol=0,
        atol=0,
    )


def test_weights_have_no_scale() -> None:
    """Weights times a constant give the same loss, equal weights the plain mean."""
    logits, target, weight = make_batch(6, 3)
    loss = hierarchical_cross_entropy(logits, target, CHAIN, weight)
    scaled = hierarchical_cross_entropy(logits, target, CHAIN, 7.5 * weight)
    torch.testing.assert_close(loss, scaled, rtol=1e-12, atol=0)
    equal = hierarchical_cross_entropy(logits, target, CHAIN, torch.full((3,), 2.0))
    plain = hierarchical_cross_entropy(logits, target, CHAIN)
    torch.testing.assert_close(equal, plain, rtol=1e-12, atol=0)


def test_inputs_are_not_modified() -> None:
    """Logits, labels, R and weights are the same afterwards."""
    logits, target, weight = make_batch(9, 3)
    tensors = (logits, target, CHAIN, weight)
    copies = [tensor.clone() for tensor in tensors]
    hierarchical_cross_entropy(*tensors)
    for tensor, copy in zip(tensors, copies, strict=True):
        assert torch.equal(tensor, copy)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_autocast_does_not_round_the_loss(
    make_hierarchy: HierarchyMaker, half: torch.dtype
) -> None:
    """Under autocast the loss of float32 logits is that without; half ones are raised first."""
    reach = torch.from_numpy(make_hierarchy(21, 30))
    logits, target, weight = make_batch(21, 30, n_cells=64)
    logits, weight = logits.float(), weight.float()
    with torch.autocast("cpu", dtype=half):
        inside = hierarchical_cross_entropy(logits, target, reach, weight)
        rounded = hierarchical_cross_entropy(logits.to(half), target, reach, weight)
    assert inside.dtype == rounded.dtype == torch.float32
    torch.testing.assert_close(
        inside, hierarchical_cross_entropy(logits, target, reach, weight), rtol=0, atol=0
    )
    raised = hierarchical_cross_entropy(logits.to(half).float(), target, reach, weight)
    torch.testing.assert_close(rounded, raised, rtol=0, atol=0)


def test_compiles_into_one_graph(make_hierarchy: HierarchyMaker) -> None:
    """Dynamo finds nothing that breaks the graph, and the gradient is the same."""
    reach = torch.from_numpy(make_hierarchy(22, 12))
    logits, target, weight = make_batch(22, 12)
    loss = HierarchicalCrossEntropyLoss(reach, weight)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    values = []
    for function in (loss, compiled):
        leaf = logits.clone().requires_grad_(True)
        value = function(leaf, target)
        value.backward()
        values.append((value.detach(), leaf.grad))
    torch.testing.assert_close(values[1], values[0], rtol=1e-12, atol=1e-15)


def wrap_negative_indices(graph: torch.fx.GraphModule, _: list) -> torch.fx.GraphModule:
    """Look rows up as Inductor did until PyTorch 2.13, which a test cannot install."""
    (lookup,) = (n for n in graph.graph.nodes if n.target is functional.embedding)
    lookup.target, lookup.args = operator.getitem, (lookup.args[1], lookup.args[0])
    lookup.kwargs = {}
    graph.recompile()
    return graph


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("label", [-1, -4, 12])
@pytest.mark.parametrize("backend", [wrap_negative_indices, "aot_eager"])
def test_a_compiled_loss_refuses_labels_out_of_range(
    make_hierarchy: HierarchyMaker, backend: object, label: int, dtype: torch.dtype
) -> None:
    loss = HierarchicalCrossEntropyLoss(make_hierarchy(22, 12))
    logits, target, _ = make_batch(22, 12)
    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    torch.testing.assert_close(compiled(logits, target.to(dtype)), loss(logits, target))
    target[3] = label
    with pytest.raises(IndexError):
        compiled(logits, target.to(dtype))
