"""Losses from a user's own file, beside cross-entropy and HCE."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from hce.loss import build_loss
from hce.own_files import build_own

LOSSES = ("ce", "hce")


def build_any_loss(
    loss: str,
    file: Path | None,
    reachability: Tensor,
    weight: Tensor,
    settings: Mapping[str, float | int | str | bool],
    device: torch.device,
) -> nn.Module:
    """Build a training loss of the paper's or of a user's file, and try the latter on a batch.

    Parameters
    ----------
    loss
        Its name; ce and hce are built by `hce.loss.build_loss`.
    file
        Python file with a class `Loss`: a torch.nn.Module that is called with the reachability
        matrix (float32 C x C of 0 and 1), the class weights (float32 C) and the settings, and maps
        logits (float B x C) and labels (int64 B) to a scalar. None: the paper's.
    reachability
        C x C, any dtype that holds 0 and 1.
    weight
        Float C, class weights.
    settings
        Hyperparameters of a user's loss, by name.
    device
        Where the loss will be used.

    Returns
    -------
    torch.nn.Module
        On `device`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a loss that is not the paper's has no file, one of the paper's has one, the file holds no
        class `Loss`, this does not take the settings, or what it builds is no loss to train with
        (see `check_loss`).
    """
    if file is None:
        return build_loss(loss, reachability, weight).to(device)
    if loss in LOSSES:
        raise ValueError(f"{file}: {loss} is one of the paper's; take another name")

    def build() -> nn.Module:
        # copies: what a file does to its arguments must not reach the next one
        arguments = (reachability.to(torch.float32, copy=True), weight.to(torch.float32, copy=True))
        return build_own(file, "loss", loss, arguments, settings).to(device)

    tried = build()
    try:
        check_loss(tried, len(reachability), device)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return build()


def check_loss(loss: nn.Module, n_classes: int, device: torch.device) -> None:
    """Try a loss on random logits of one cell of each class; global random state is kept.

    Parameters
    ----------
    loss
        On `device`. Its state may change.
    n_classes
        C.

    Raises
    ------
    ValueError
        If the loss fails, is no finite floating-point scalar, has no finite gradient other than 0
        with respect to the logits, has parameters (nothing trains them), gives another value for
        the same batch again (a checkpoint does not hold the state of a loss), or ignores the
        labels.
    """
    if trained := [name for name, value in loss.named_parameters() if value.requires_grad]:
        raise ValueError(
            f"Loss has parameters ({', '.join(trained)}), which are not trained; make constants "
            "buffers (register_buffer)"
        )
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n_classes, n_classes, generator=generator).to(device).requires_grad_()
    labels = torch.arange(n_classes, device=device)
    first, second = (_value(loss, logits, labels) for _ in range(2))
    if not torch.isclose(first, second):
        raise ValueError(
            f"Loss gave {first.item()} and then {second.item()} for the same batch; it must keep "
            "no state between batches, which a checkpoint would lose"
        )
    gradient = _gradient(first, logits)
    if gradient is None or not bool(gradient.any()):
        raise ValueError("Loss has no gradient with respect to the logits: it trains nothing")
    if not bool(gradient.isfinite().all()):
        raise ValueError("the gradient of Loss with respect to the logits is not finite")
    other = _gradient(_value(loss, logits, labels.flip(0)), logits)
    # lengths may differ by the class weights alone
    if other is not None and torch.allclose(_directions(gradient), _directions(other), atol=1e-4):
        raise ValueError(
            "Loss ignores the labels: apart from a weight, the gradient of each cell is the same "
            "whatever its label"
        )


def _gradient(value: Tensor, logits: Tensor) -> Tensor | None:
    if not value.requires_grad:
        return None
    return torch.autograd.grad(value, logits, allow_unused=True)[0]


def _directions(gradient: Tensor) -> Tensor:
    """Rows of length 1, or 0 where there is no gradient."""
    return nn.functional.normalize(gradient, dim=1, eps=torch.finfo(gradient.dtype).tiny)


def _value(loss: nn.Module, logits: Tensor, labels: Tensor) -> Tensor:
    """The loss of a batch, if it is a finite scalar."""
    devices = [logits.device] if logits.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(0)
        try:
            value = loss(logits, labels)
        except Exception as error:  # whatever a user's code raises
            raise ValueError(
                f"Loss fails with logits float32 {tuple(logits.shape)} and labels int64 "
                f"{tuple(labels.shape)} on {logits.device}: {type(error).__name__}: {error}"
            ) from error
    if not isinstance(value, Tensor):
        raise ValueError(f"Loss must return a scalar tensor, got {type(value).__name__}")
    if value.ndim or not value.is_floating_point():
        raise ValueError(
            f"Loss must return a floating-point scalar (mean over the cells), got "
            f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
        )
    if not bool(value.isfinite()):
        raise ValueError(f"Loss is {value.item()} for random logits; it must be finite")
    return value
