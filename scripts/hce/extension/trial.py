"""Trying a user's own architecture or loss before any data are there, on a small example.

The numbers of genes and classes are known only after the ingest, so a file must take any.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from hce.extension.build import build_any_loss, build_any_model
from hce.files import write_atomically
from hce.loader.batches import forward
from hce.networks.files import load_weights
from hce.training.state import copy_weights

N_GENES, N_CLASSES, N_CELLS = 2000, 20, 64
NONZERO = 0.1  # of the counts of a cell, as in the Census
# is_a among a dozen terms of the Cell Ontology, ancestors first; a class with two parents, and one
# without relatives
PARENTS: dict[str, tuple[str, ...]] = {
    "CL:0000540": (),  # neuron
    "CL:0000738": (),  # leukocyte
    "CL:0000542": ("CL:0000738",),  # lymphocyte
    "CL:0000236": ("CL:0000542",),  # B cell
    "CL:0000084": ("CL:0000542",),  # T cell
    "CL:0000789": ("CL:0000084",),  # alpha-beta T cell
    "CL:0000624": ("CL:0000789",),  # CD4-positive, alpha-beta T cell
    "CL:0000625": ("CL:0000789",),  # CD8-positive, alpha-beta T cell
    "CL:0000815": ("CL:0000084",),  # regulatory T cell
    "CL:0000792": ("CL:0000624", "CL:0000815"),  # CD4-positive, CD25-positive regulatory T cell
    "CL:0000576": ("CL:0000738",),  # monocyte
    "CL:0000860": ("CL:0000576",),  # classical monocyte
}
NEEDS_GPU = re.compile(r"cuda|gpu|nvidia|triton", re.IGNORECASE)


def example_reachability() -> Tensor:
    """Bool C x C: R of the classes of `PARENTS`, in their order."""
    place = {term: i for i, term in enumerate(PARENTS)}
    matrix = torch.eye(len(PARENTS), dtype=torch.bool)
    for term, parents in PARENTS.items():
        for parent in parents:
            matrix[:, place[term]] |= matrix[:, place[parent]]
    return matrix


def try_loss(
    name: str, file: Path, settings: Mapping[str, float | int | str | bool], device: torch.device
) -> None:
    """Try a user's loss on the example's hierarchy with unequal class weights.

    Raises
    ------
    FileNotFoundError, ValueError
        As `hce.extension.build.build_any_loss`.
    """
    weight = torch.logspace(-1, 1, len(PARENTS))
    build_any_loss(name, file, example_reachability(), weight, settings, device)


def try_architecture(
    name: str,
    file: Path,
    hyperparameters: Mapping[str, float | int | str | bool],
    batch_size: int,
    device: torch.device,
) -> None:
    """Build a user's network for 2,000 genes and 20 classes and train it on one batch.

    Parameters
    ----------
    batch_size
        That of the trainings. It is tried where 64 cells fail: a network may need a multiple.

    Raises
    ------
    FileNotFoundError, ValueError
        As `hce.extension.build.build_any_model`, or as `check_network`.
    """

    def build() -> nn.Module:
        return build_any_model(name, N_GENES, N_CLASSES, file, **hyperparameters).to(device)

    try:
        try:
            check_network(build, N_CELLS, device)
        except ValueError as error:
            if str(error).startswith(f"{file}: "):  # not built: no matter of the batch
                raise
            check_network(build, batch_size, device)
    except ValueError as error:
        text = str(error).removeprefix(f"{file}: ")
        raise ValueError(f"{file}: {text}") from error.__cause__


def check_network(build: Callable[[], nn.Module], n_cells: int, device: torch.device) -> None:
    """Train a network on one batch of random cells, and load its weights into another.

    Parameters
    ----------
    build
        Gives an untrained network on `device`, for `N_GENES` and `N_CLASSES`.
    n_cells
        B.

    Raises
    ------
    ValueError
        If the network fails, gives no finite floating-point logits B x C, has no finite gradient
        other than 0, or another one with the same weights gives other logits.
    """
    generator = torch.Generator().manual_seed(0)
    cells = torch.rand(n_cells, N_GENES, generator=generator) * 8
    cells *= torch.rand(n_cells, N_GENES, generator=generator) < NONZERO
    cells, labels = cells.to(device), torch.arange(n_cells, device=device) % N_CLASSES
    torch.manual_seed(0)
    network = build().train()
    loss = functional.cross_entropy(_logits(network, cells).float(), labels)
    _check_gradients(network, loss)
    torch.manual_seed(1)  # other initial weights
    other = build()
    load_weights(other, copy_weights(network), "Network")
    first, second = (_evaluated(model, cells) for model in (network, other))
    if not torch.allclose(first, second, rtol=1e-3, atol=1e-4):
        raise ValueError(
            "Network gives other logits once its weights are loaded into a new one: something that "
            "it draws or computes is neither parameter nor buffer (register_buffer), and would be "
            "lost with the model's file"
        )


def _check_gradients(network: nn.Module, loss: Tensor) -> None:
    if not loss.requires_grad:
        raise ValueError("the logits of Network depend on no parameter: there is nothing to train")
    try:
        loss.backward()
    except Exception as error:  # whatever a user's code raises
        raise ValueError(f"the backward pass of Network fails: {_named(error)}") from error
    gradients = [value.grad for value in network.parameters() if value.grad is not None]
    if not any(bool(gradient.any()) for gradient in gradients):
        raise ValueError("no parameter of Network has a gradient: there is nothing to train")
    if not all(bool(gradient.isfinite().all()) for gradient in gradients):
        raise ValueError("the gradient of Network is not finite")


@torch.inference_mode()
def _evaluated(network: nn.Module, cells: Tensor) -> Tensor:
    torch.manual_seed(0)
    return _logits(network.eval(), cells)


def _logits(network: nn.Module, cells: Tensor) -> Tensor:
    """The logits of a batch, if they are such."""
    mode = "training" if network.training else "evaluation"
    tried = f"cells float32 {tuple(cells.shape)} on {cells.device}, in {mode} mode"
    try:
        logits, _ = forward(network, cells)
    except Exception as error:  # whatever a user's code raises
        raise ValueError(f"Network fails with {tried}: {_named(error)}") from error
    shape = (len(cells), N_CLASSES)
    if not isinstance(logits, Tensor) or logits.shape != shape or not logits.is_floating_point():
        got = type(logits).__name__
        if isinstance(logits, Tensor):
            got = f"{str(logits.dtype).removeprefix('torch.')} {tuple(logits.shape)}"
        raise ValueError(
            f"Network must return floating-point logits, cells x classes {shape}, got {got}"
        )
    if not bool(logits.isfinite().all()):
        raise ValueError(f"the logits of Network are not all finite, with {tried}")
    return logits


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def run_trial(trial: Callable[[torch.device], None], device: str, marker: Path) -> None:
    """Run a trial for a script, and write what came of it; a mistake ends the process.

    Parameters
    ----------
    trial
        Called with the device to try on.
    device
        Of the trainings: cuda or cpu. The machine of the trial may have no GPU; then it runs on the
        CPU, and what can only run on a GPU is left to the training.
    marker
        Text file to write.

    Raises
    ------
    SystemExit
        With the message, after the traceback of what the user's code raised.
    """
    here = torch.device(device if device == "cpu" or torch.cuda.is_available() else "cpu")
    result = f"tried on {here}"
    try:
        trial(here)
    except (FileNotFoundError, ValueError) as error:
        cause = error.__cause__
        if device == here.type or cause is None or not NEEDS_GPU.search(str(cause)):
            if cause is not None:
                traceback.print_exception(cause)
            sys.exit(str(error))
        result = f"left to the training, because there is no GPU here: {error}"
    print(f"{marker.stem}: {result}")
    with write_atomically(marker) as temporary:
        temporary.write_text(f"{result}\n", encoding="utf-8")
