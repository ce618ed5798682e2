"""Augmented cells: one vector with a random sign each, within the range of expression."""

from __future__ import annotations

import pytest
import torch

from hce.training.inputs import Augmentation

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def test_each_cell_gets_one_vector_with_a_sign() -> None:
    expression = torch.full((400, 3), 4.0)
    vectors = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, -0.5]])
    shifts = Augmentation(vectors)(expression, torch.Generator().manual_seed(1)) - 4.0
    allowed = torch.cat([vectors, -vectors])
    kind = (shifts[:, None] == allowed).all(dim=2)
    assert kind.sum(dim=1).tolist() == [1] * 400
    assert kind.sum(dim=0).min() > 60  # 100 each on average


def test_expression_stays_between_0_and_9() -> None:
    expression = torch.tensor([[0.0, 8.5]] * 50)
    augmented = Augmentation(torch.tensor([[1.0, 1.0]]))(
        expression, torch.Generator().manual_seed(1)
    )
    assert {tuple(cell) for cell in augmented.tolist()} == {(1.0, 9.0), (0.0, 7.5)}


def test_the_draw_depends_on_the_generator_only() -> None:
    vectors = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    one = Augmentation(vectors)(torch.full((9, 5), 4.0), torch.Generator().manual_seed(7))
    torch.manual_seed(2)
    two = Augmentation(vectors)(torch.full((9, 5), 4.0), torch.Generator().manual_seed(7))
    other = Augmentation(vectors)(torch.full((9, 5), 4.0), torch.Generator().manual_seed(8))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
