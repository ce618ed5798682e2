"""A checkpoint holds all that a training needs to go on, and belongs to one training only."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from hce.models import build_model
from hce.training.state import (
    Progress,
    checkpoint_key,
    copy_weights,
    restore_checkpoint,
    save_checkpoint,
)

pytestmark = pytest.mark.usefixtures("one_torch_thread")


class Training:
    """A model in training on random cells, with dropout and a generator of its own."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.model = build_model("mlp", 6, 3, n_hidden=4, n_layers=2, dropout=0.5)
        # no gradient ever reaches it, so the optimizer has no slots of it
        unused = nn.Parameter(torch.ones(2))
        parameters = [unused, *self.model.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, 0.01, weight_decay=0.3, fused=True)
        noise = torch.Generator().manual_seed(seed)
        self.generators = {"dropout": torch.default_generator, "augmentation": noise}

    def step(self) -> None:
        """One step on cells drawn from the training's own generator."""
        cells = torch.randn(8, 6, generator=self.generators["augmentation"])
        loss = nn.functional.cross_entropy(self.model(cells), torch.arange(8) % 3)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def save(self, path: Path, progress: Progress, best: dict[str, torch.Tensor] | None) -> None:
        """Write the checkpoint."""
        save_checkpoint(path, progress, self.model, best, self.optimizer, self.generators)

    def restore(self, path: Path) -> tuple[Progress, dict[str, torch.Tensor] | None]:
        """Read the checkpoint."""
        return restore_checkpoint(path, self.model, self.optimizer, self.generators)


def test_after_restoring_the_steps_are_those_of_an_uninterrupted_training(tmp_path: Path) -> None:
    whole = Training(seed=1)
    for _ in range(3):
        whole.step()
    whole.save(tmp_path / "checkpoint", Progress(), None)
    for _ in range(3):
        whole.step()
    again = Training(seed=2)
    again.restore(tmp_path / "checkpoint")
    for _ in range(3):
        again.step()
    expected, weights = copy_weights(whole.model), copy_weights(again.model)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    rates = [t.generators["augmentation"].get_state() for t in (whole, again)]
    assert torch.equal(*rates)


def test_progress_and_best_weights_come_back_exactly(tmp_path: Path) -> None:
    training = Training(seed=1)
    best = copy_weights(training.model)
    training.step()
    history = [{"epoch": 1, "train_loss": 1 / 3, "validation_macro_f1": 0.1 + 0.2}]
    progress = Progress(1, 17, 0.1 + 0.7, 2.5, 0.5, 0, 1 / 7, history)
    training.save(tmp_path / "checkpoint", progress, best)
    restored, best_weights = Training(seed=2).restore(tmp_path / "checkpoint")
    assert restored == progress
    assert best_weights is not None
    assert best_weights.keys() == best.keys()
    assert all(torch.equal(best_weights[name], best[name]) for name in best)


def test_before_the_first_epoch_there_are_no_best_weights(tmp_path: Path) -> None:
    Training(seed=1).save(tmp_path / "checkpoint", Progress(batch=3), None)
    assert Training(seed=1).restore(tmp_path / "checkpoint") == (Progress(batch=3), None)


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    Training(seed=1).save(tmp_path / "checkpoint", Progress(), None)
    other = Training(seed=1)
    other.model = build_model("mlp", 7, 3, n_hidden=4, n_layers=2)
    with pytest.raises((ValueError, RuntimeError), match="size mismatch"):
        other.restore(tmp_path / "checkpoint")


def test_the_key_follows_settings_and_contents_not_names(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("cells")
    two.write_text("cells")
    settings: dict[str, object] = {"loss": "ce", "seed": 0}
    key = checkpoint_key(settings, [one])
    assert len(key) == 16
    assert checkpoint_key({"seed": 0, "loss": "ce"}, [two]) == key
    assert checkpoint_key({"loss": "hce", "seed": 0}, [one]) != key
    assert checkpoint_key(settings, [one, two]) != key
    two.write_text("other cells")
    assert checkpoint_key(settings, [two]) != key
