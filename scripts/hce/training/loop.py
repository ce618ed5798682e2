"""The training loop, the same for every architecture and loss (paper, "Model details"; scTab).

AdamW, the learning rate times a constant after each epoch, gradients clipped, early stopping on the
hierarchy-corrected macro F1 of the validation cells; the weights of the best epoch are kept.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from hce.loader.batches import Batch, forward, sparse_batch
from hce.loader.expression import SparseExpression
from hce.loader.reader import ShardReader
from hce.metrics import f1_scores_from_confusion
from hce.training.inputs import (
    Augmentation,
    check_first_layer,
    check_precision,
    model_input,
    reduced_precision,
)
from hce.training.state import Progress, copy_weights, restore_checkpoint, save_checkpoint


@dataclass(frozen=True)
class TrainingParameters:
    """What the loop needs to know; defaults are the paper's linear model."""

    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    learning_rate_decay: float = 0.9
    batch_size: int = 2048
    max_epochs: int = 50
    patience: int = 10
    gradient_norm: float = 1.0
    mask_loss_weight: float = 1e-5
    shuffle_window: int = 8
    checkpoint_seconds: float = 300.0
    residency: str = "auto"
    first_layer: str = "auto"
    precision: str = "float32"
    compile: bool = False


class Trainer:
    """Trains one model.

    Parameters
    ----------
    model
        Untrained, on `device`.
    loss
        Maps logits and labels to a scalar, on `device`.
    reachability
        Bool C x C, for the validation metric: the true hierarchy, whatever the loss uses.
    train, validation
        Readers of the two splits.
    parameters
        See `TrainingParameters`.
    seed
        Of the order of the cells, dropout and augmentation.
    device
        Where to train.
    augmentation
        float32 K x G, or None to train without.
    checkpoint
        Path of the running checkpoint.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module,
        reachability: NDArray[np.bool_],
        train: ShardReader,
        validation: ShardReader,
        parameters: TrainingParameters,
        seed: int,
        device: torch.device,
        augmentation: Tensor | None,
        checkpoint: Path,
    ) -> None:
        if train.n_batches(parameters.batch_size) == 0:
            raise ValueError(
                f"{train.n_cells} training cells are less than one batch of "
                f"{parameters.batch_size}; lower batch_size"
            )
        self.model, self.loss, self.reachability = model, loss, reachability
        self.train, self.validation, self.parameters = train, validation, parameters
        self.seed, self.device, self.checkpoint = seed, device, checkpoint
        self.augmentation = None if augmentation is None else Augmentation(augmentation)
        check_precision(parameters.precision, device)
        check_first_layer(parameters.first_layer, device)
        if parameters.compile and parameters.first_layer == "sparse":
            raise ValueError(
                "training.compile compiles dense first layers only: set training.first_layer to "
                "auto or dense"
            )
        self.first_layer = "dense" if parameters.compile else parameters.first_layer
        self.objective = torch.compile(self._objective) if parameters.compile else self._objective
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            parameters.learning_rate,
            weight_decay=parameters.weight_decay,
            fused=True,
        )
        self.generators = {"dropout": torch.default_generator}
        self.generators["augmentation"] = torch.Generator(device).manual_seed(seed)
        if device.type == "cuda":
            self.generators["dropout_cuda"] = torch.cuda.default_generators[device.index or 0]
        self.progress = Progress()
        self.best_weights: dict[str, Tensor] | None = None

    def run(self, report: Callable[[str], None] = print) -> dict[str, Tensor]:
        """Train until the end or until validation stops improving.

        Resumes from the checkpoint if there is one; the result is that of an uninterrupted run.

        Returns
        -------
        dict
            The weights of the best epoch. `progress.history` has one entry an epoch.
        """
        if self.checkpoint.exists():
            self._resume(report)
        while not self._finished():
            self._train_epoch()
            report(self._finish_epoch())
            self._save()
        if self.best_weights is None:
            raise ValueError("max_epochs is 0: nothing was trained")
        return self.best_weights

    def _resume(self, report: Callable[[str], None]) -> None:
        """Go on from the checkpoint; without it, if it is damaged: it saves time, no more."""
        try:
            self.progress, self.best_weights = restore_checkpoint(
                self.checkpoint, self.model, self.optimizer, self.generators
            )
        except ValueError as error:
            report(f"starting from the beginning, because the checkpoint is no use: {error}")
        else:
            report(f"resuming in epoch {self.progress.epoch}, batch {self.progress.batch}")

    def _finished(self) -> bool:
        progress = self.progress
        waited = progress.epoch - 1 - progress.best_epoch
        return progress.epoch >= self.parameters.max_epochs or (
            progress.best_epoch >= 0 and waited >= self.parameters.patience
        )

    def _train_epoch(self) -> None:
        progress, parameters = self.progress, self.parameters
        rate = parameters.learning_rate * parameters.learning_rate_decay**progress.epoch
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        # on the device: reading a loss makes the host wait for the GPU. Waiting for data counts as
        # such even while a GPU still computes
        loss_sum = torch.tensor(progress.loss_sum, dtype=torch.float64, device=self.device)
        saved = started = time.monotonic()
        for cells in self._batches():
            progress.wait_seconds += time.monotonic() - started
            loss_sum += self._step(cells)
            progress.batch += 1
            now = time.monotonic()
            progress.seconds += now - started
            started = now
            if now - saved > parameters.checkpoint_seconds:
                progress.loss_sum = float(loss_sum)
                self._save()
                saved = started = time.monotonic()
        progress.loss_sum = float(loss_sum)  # waits for the last steps
        progress.seconds += time.monotonic() - started

    def _batches(self) -> Iterator[Batch]:
        parameters, progress = self.parameters, self.progress
        batches = self.train.shuffled(
            parameters.batch_size,
            self.seed,
            progress.epoch,
            parameters.shuffle_window,
            progress.batch,
        )
        return iter(
            tqdm(
                batches,
                desc=f"epoch {progress.epoch + 1}",
                total=self.train.n_batches(parameters.batch_size),
                initial=progress.batch,
                unit="batch",
                disable=not sys.stderr.isatty(),
                leave=False,
            )
        )

    def _step(self, cells: Batch) -> Tensor:
        """Change the weights once; returns the loss, a scalar that stays on the device."""
        expression, label = sparse_batch(cells)
        batch = model_input(
            expression,
            self.model,
            self.first_layer,
            self.augmentation,
            self.generators["augmentation"],
        )
        objective, loss = self.objective(batch, label)
        self.optimizer.zero_grad()
        objective.backward()
        weights = self.optimizer.param_groups[0]["params"]
        nn.utils.clip_grad_norm_(weights, self.parameters.gradient_norm)
        self.optimizer.step()
        return loss.detach()

    def _objective(self, batch: Tensor | SparseExpression, label: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is minimized and the loss, without TabNet's mask loss, that is reported."""
        with reduced_precision(self.parameters.precision, self.device):
            logits, mask_loss = forward(self.model, batch)
        loss = self.loss(logits.float(), label)
        if mask_loss is None:
            return loss, loss
        return loss - self.parameters.mask_loss_weight * mask_loss, loss

    @torch.inference_mode()
    def validate(self) -> tuple[float, float]:
        """Return the mean batch loss and the macro F1 of the validation cells."""
        self.model.eval()
        n_classes = len(self.reachability)
        confusion = torch.zeros(n_classes * n_classes, dtype=torch.int64, device=self.device)
        losses = []
        for cells in self.validation.in_order(self.parameters.batch_size):
            expression, label = sparse_batch(cells)
            batch = model_input(expression, self.model, self.parameters.first_layer)
            logits, _ = forward(self.model, batch)
            losses.append(self.loss(logits, label))
            pairs = label * n_classes + logits.argmax(dim=1)
            confusion += torch.bincount(pairs, minlength=n_classes * n_classes)
        square = confusion.reshape(n_classes, n_classes).cpu().numpy()
        scores = f1_scores_from_confusion(square, self.reachability)
        loss = np.mean(torch.stack(losses).double().cpu().numpy())
        return float(loss), float(scores["f1"].mean())

    def _finish_epoch(self) -> str:
        """Validate, remember the best weights, and move on; returns a line for the log."""
        progress = self.progress
        validation_loss, macro_f1 = self.validate()
        if macro_f1 > progress.best_macro_f1:
            progress.best_macro_f1, progress.best_epoch = macro_f1, progress.epoch
            self.best_weights = copy_weights(self.model)
        n_cells = progress.batch * self.parameters.batch_size
        entry = {
            "epoch": progress.epoch + 1,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "train_loss": progress.loss_sum / progress.batch,
            "validation_loss": validation_loss,
            "validation_macro_f1": macro_f1,
            "cells_per_second": n_cells / max(progress.seconds, 1e-9),
            "data_wait_share": progress.wait_seconds / max(progress.seconds, 1e-9),
        }
        progress.history.append(entry)
        progress.epoch += 1
        progress.batch, progress.loss_sum = 0, 0.0
        progress.seconds = progress.wait_seconds = 0.0
        return (
            f"epoch {entry['epoch']}/{self.parameters.max_epochs}  "
            f"train loss {entry['train_loss']:.4f}  validation loss {validation_loss:.4f}  "
            f"validation macro F1 {macro_f1:.4f} (best {progress.best_macro_f1:.4f})  "
            f"{entry['cells_per_second']:,.0f} cells/s  "
            f"waiting for data {entry['data_wait_share']:.0%}"
        )

    def _save(self) -> None:
        save_checkpoint(
            self.checkpoint,
            self.progress,
            self.model,
            self.best_weights,
            self.optimizer,
            self.generators,
        )
