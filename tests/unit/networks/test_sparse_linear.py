"""Sparse first layers against dense ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sparse_example import random_expression, to_sparse
from torch import Tensor, nn

from hce.loader.expression import SparseExpression
from hce.models import build_model
from hce.networks.kernels import TILE
from hce.networks.sparse import affine, sparse_linear, store_by_gene
from hce.training.inputs import Augmentation, is_sparse, model_input

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture
def restore_threads() -> Iterator[None]:
    """For tests that change the number of threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def gradients(layer: nn.Linear, batch: Tensor | SparseExpression, weight: Tensor) -> list[Tensor]:
    """Output and gradients of a weighted sum of it."""
    layer.zero_grad()
    out = affine(layer, batch)
    (out * weight).sum().backward()
    return [out.detach(), *(parameter.grad.clone() for parameter in layer.parameters())]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("n_genes", [1, 30, TILE, 2 * TILE + 5])
@pytest.mark.parametrize("width", [1, 13, 64])
def test_equals_the_dense_layer(n_genes: int, width: int, bias: bool) -> None:
    batch = random_expression(50, n_genes, seed=n_genes)
    torch.manual_seed(1)
    layer = store_by_gene(nn.Linear(n_genes, width, bias=bias))
    weight = torch.randn(50, width)
    dense, sparse = gradients(layer, batch.dense(), weight), gradients(layer, batch, weight)
    for ours, expected in zip(sparse, dense, strict=True):
        scale = expected.abs().max().item()
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5 * scale)


def test_gradcheck() -> None:
    batch = random_expression(6, 9, seed=2, density=0.5, dtype=torch.float64)
    weight = torch.randn(4, 9, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w, b: sparse_linear(batch, w, b), (weight, bias))


def test_any_number_of_threads_gives_the_same_bytes(restore_threads: None) -> None:
    batch = random_expression(101, TILE + 77, seed=3)
    layer = nn.Linear(TILE + 77, 21)
    weight = torch.randn(101, 21)
    results = []
    for n_threads in (1, 2, 3, 3):
        torch.set_num_threads(n_threads)
        out, by_weight, _ = gradients(layer, batch, weight)
        results.append((out, by_weight))
    for out, by_weight in results[1:]:
        assert torch.equal(out, results[0][0])
        assert torch.equal(by_weight, results[0][1])


def test_no_cell_and_no_entry() -> None:
    layer = nn.Linear(5, 3)
    empty = to_sparse(torch.zeros(4, 5))
    out, by_weight, by_bias = gradients(layer, empty, torch.ones(4, 3))
    torch.testing.assert_close(out, layer.bias.detach().expand(4, 3))
    assert by_weight.abs().max() == 0
    assert by_bias.tolist() == [4.0] * 3
    assert affine(layer, to_sparse(torch.zeros(0, 5))).shape == (0, 3)


def test_the_layout_changes_nothing_but_the_layout() -> None:
    torch.manual_seed(0)
    plain = nn.Linear(7, 3)
    torch.manual_seed(0)
    layer = store_by_gene(nn.Linear(7, 3))
    assert layer.weight.t().is_contiguous()
    assert layer.state_dict().keys() == plain.state_dict().keys()
    assert torch.equal(layer.weight, plain.weight)
    layer.load_state_dict({name: 2 * value for name, value in plain.state_dict().items()})
    assert torch.equal(layer.weight, 2 * plain.weight)
    assert layer.weight.t().is_contiguous()


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.zeros(3, 8), "9 genes"),
        (torch.zeros(3, 9, dtype=torch.float64), "float64"),
        (
            torch.zeros(3, 9, device="meta"),
            "first_layer: sparse first layers run on the CPU, not on meta",
        ),
    ],
)
def test_what_does_not_fit_is_refused(weight: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sparse_linear(random_expression(4, 9, seed=1), weight, None)


@pytest.mark.parametrize("architecture", ["linear", "mlp"])
def test_models_take_both(architecture: str) -> None:
    model = build_model(architecture, 40, 5).eval()
    batch = random_expression(20, 40, seed=4)
    torch.testing.assert_close(model(batch), model(batch.dense()), rtol=1e-5, atol=1e-6)


def elsewhere(cells: SparseExpression) -> SparseExpression:
    """Cells that are not on the CPU."""
    moved = (tensor.to("meta") for tensor in (cells.indptr, cells.genes, cells.values))
    return SparseExpression(*moved, cells.n_genes)


@pytest.mark.parametrize("architecture", ["linear", "mlp", "tabnet"])
def test_a_sparse_first_layer_on_a_gpu_is_refused_by_its_key(architecture: str) -> None:
    """Before the batch is augmented, and by the networks themselves."""
    cells = elsewhere(random_expression(4, 9, seed=1))
    model = build_model(architecture, 9, 3).to("meta")
    augmentation = Augmentation(torch.zeros(2, 9, device="meta"))
    message = (
        r"training\.first_layer: sparse first layers run on the CPU, not on meta; set it to auto"
    )
    with pytest.raises(ValueError, match=message):
        model_input(cells, model, "sparse", augmentation)
    with pytest.raises(ValueError, match=message):
        model(cells)


def test_the_choice_of_the_first_layer() -> None:
    linear, other = build_model("linear", 2**12, 2), nn.Linear(2**12, 2)
    thin, dense = (random_expression(2**10, 2**12, 5, density) for density in (0.01, 0.4))
    small = random_expression(10, 2**12, 5, 0.01)
    chosen = [is_sparse(batch, linear, "auto") for batch in (thin, dense, small)]
    assert chosen == [True, False, False]
    assert is_sparse(small, linear, "sparse")
    assert not is_sparse(thin, linear, "dense")
    assert not is_sparse(thin, other, "auto")
    assert not is_sparse(elsewhere(thin), linear, "auto")
    with pytest.raises(ValueError, match="'spares'; known: auto, sparse, dense"):
        is_sparse(thin, linear, "spares")


@given(seed=st.integers(0, 2**31), density=st.floats(0, 1))
def test_an_augmented_batch_is_the_same_sparse_and_dense(seed: int, density: float) -> None:
    """To the last bit: the same draws, the same sums, nothing stored that is zero."""
    batch = random_expression(12, 15, seed, density)
    vectors = random_expression(6, 15, seed + 1, density).dense() - 2
    vectors[vectors.abs() < 1] = 0
    augmentation, model = Augmentation(5 * vectors), build_model("linear", 15, 2)
    results = [
        model_input(batch, model, choice, augmentation, torch.Generator().manual_seed(seed))
        for choice in ("sparse", "dense")
    ]
    assert isinstance(results[0], SparseExpression)
    assert torch.equal(results[0].dense(), results[1])
    assert (results[0].values != 0).all()
    sizes = torch.diff(results[0].indptr)
    assert len(sizes) == 12
    assert sizes.sum() == len(results[0].genes)
