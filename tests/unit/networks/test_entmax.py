"""The masks of TabNet: the library's, as TabNet asks for them, and the nonzero part alone."""

from __future__ import annotations

import pytest
import pytorch_tabnet.sparsemax
import torch
from entmax import Entmax15, Sparsemax
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from hce.networks.tabnet import FIRST_K
from hce.networks.tabnet_mask import entmax15_support

ENTMAX = Entmax15(dim=1, k=FIRST_K)
SPARSEMAX = Sparsemax(dim=1, k=FIRST_K)
PEERS = {
    ENTMAX: pytorch_tabnet.sparsemax.Entmax15(dim=-1),
    SPARSEMAX: pytorch_tabnet.sparsemax.Sparsemax(dim=-1),
}


def both(selector: nn.Module, logits: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Output and gradient of it and of pytorch-tabnet's, for the same incoming gradient."""
    incoming = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
    results = []
    for function in (selector, PEERS[selector]):
        leaf = logits.clone().requires_grad_()
        output = function(leaf)
        output.backward(incoming)
        results.append((output.detach(), leaf.grad))
    return results


@pytest.mark.parametrize("scale", [0.0, 1e-3, 0.1, 1.0, 10.0, 1e4])
@pytest.mark.parametrize("n_genes", [1, 5, FIRST_K, FIRST_K + 1, 1000])
@pytest.mark.parametrize("selector", [ENTMAX, SPARSEMAX])
def test_equals_the_full_sort(selector: nn.Module, n_genes: int, scale: float) -> None:
    logits = scale * torch.randn(32, n_genes, generator=torch.Generator().manual_seed(0))
    (output, gradient), (expected, expected_gradient) = both(selector, logits)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-5, atol=1e-6)


@given(st.integers(0, 2**31), st.integers(2, 300), st.floats(0.01, 20))
def test_rows_are_weights_and_shifts_do_not_matter(seed: int, n_genes: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(4, n_genes, generator=generator, dtype=torch.float64)
    weights = ENTMAX(logits)
    assert bool((weights >= 0).all())
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(ENTMAX(logits + 3.7), weights)


def test_a_support_larger_than_the_first_guess_is_found() -> None:
    logits = torch.zeros(3, 8 * FIRST_K)
    torch.testing.assert_close(ENTMAX(logits), torch.full_like(logits, 1 / (8 * FIRST_K)))


def test_gradient_in_float64() -> None:
    logits = torch.randn(3, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ENTMAX, (logits,))


@pytest.mark.parametrize("scale", [0.0, 1e-3, 0.1, 1.0, 10.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_support_alone_is_the_nonzero_part(scale: float, dtype: torch.dtype) -> None:
    logits = scale * torch.randn(20, 500, generator=torch.Generator().manual_seed(2), dtype=dtype)
    size, genes, root = entmax15_support(logits.numpy())
    assert size.sum() == len(genes) == len(root)
    assert size.min() >= 1
    dense = torch.zeros_like(logits)
    rows = torch.arange(20).repeat_interleave(torch.from_numpy(size))
    dense[rows, torch.from_numpy(genes)] = torch.from_numpy(root).square()
    expected = ENTMAX(logits.double()).to(dtype)
    torch.testing.assert_close(dense, expected, rtol=1e-5, atol=1e-6)


def test_a_diverged_network_has_masks_that_say_so() -> None:
    logits = torch.zeros(2, 5)
    logits[0, 2] = torch.nan
    size, _, root = entmax15_support(logits.numpy())
    assert bool(torch.from_numpy(root[: size[0]]).isnan().any())
    torch.testing.assert_close(torch.from_numpy(root[size[0] :]), torch.full((5,), 5**-0.5))
