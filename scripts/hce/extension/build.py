"""A user's own architecture or loss, a class in a Python file of theirs, beside the paper's."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hce.loss import build_loss
from hce.models import ARCHITECTURES, build_model, load_model
from hce.names import LOSSES

CLASSES = {"architecture": "Network", "loss": "Loss"}
# where the configuration has the hyperparameters, and what they are called with by position
SECTIONS = {"architecture": "models", "loss": "own_losses"}
POSITIONAL = {"architecture": ("n_genes", "n_classes"), "loss": ("reachability", "weight")}


def build_own(
    file: Path, kind: str, name: str, arguments: tuple[Any, ...], settings: Mapping[str, Any]
) -> nn.Module:
    """Build an object of the class of a user's file.

    Parameters
    ----------
    file
        Python file with the class that `CLASSES` names, a torch.nn.Module; executed in every call.
        It is one file: modules beside it are not found.
    kind
        What it holds: architecture or loss.
    name
        What the user calls it, for messages.
    arguments, settings
        What the class is called with, by position and by name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be run, holds no such class, this does not take the settings, or it
        fails.
    """
    own = _own_class(Path(file), kind)
    called = f"{own.__name__}({_listed(POSITIONAL[kind], settings)})"
    signature = inspect.signature(own)
    try:
        signature.bind(*arguments, **settings)
    except TypeError as error:
        taken = signature.replace(return_annotation=signature.empty)
        wrong = _wrong_arguments(signature, kind, name, settings) or str(error)
        raise ValueError(
            f"{file}: {own.__name__} is called as {called}, but takes {taken}: {wrong}"
        ) from None
    try:
        return own(*arguments, **settings)
    except Exception as error:  # whatever a user's code raises
        raise ValueError(f"{file}: {called} fails: {type(error).__name__}: {error}") from error


def _listed(positional: Iterable[str], settings: Mapping[str, Any]) -> str:
    return ", ".join([*positional, *(f"{key}=…" for key in settings)])


def _wrong_arguments(
    signature: inspect.Signature, kind: str, name: str, settings: Mapping[str, Any]
) -> str:
    """What keeps a class from being called: by position, or keys of the configuration."""
    given = POSITIONAL[kind]
    parameters = list(signature.parameters.values())
    named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    by_position = [
        one.name
        for one in parameters
        if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    first = by_position[: len(given)]
    any_position = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    if (len(first) < len(given) and not any_position) or set(first) & settings.keys() - {*given}:
        return f"{' and '.join(given)} must come first"
    key = f"{SECTIONS[kind]}.{name}"
    wrong = [f"{key}.{one} is set, but given by the workflow" for one in first if one in settings]
    if not any(one.kind is one.VAR_KEYWORD for one in parameters):
        known = {one.name for one in named}
        wrong += [f"{key}.{one} is no hyperparameter of it" for one in settings if one not in known]
    required = (one.name for one in named if one.default is one.empty and one.name not in first)
    return "; ".join(wrong + [f"{key}.{one} is missing" for one in required if one not in settings])


def _own_class(file: Path, kind: str) -> type[nn.Module]:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such {kind} file")
    module_name = f"own_{kind}_{file.stem}"
    specification = importlib.util.spec_from_file_location(module_name, file)
    if specification is None or specification.loader is None:
        raise ValueError(f"{file}: no Python file (.py)")
    module = importlib.util.module_from_spec(specification)
    # dataclasses and torch.compile look a module up by its name
    sys.modules[module_name] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:  # whatever a user's code raises
        raise ValueError(f"{file}: cannot be run: {_reason(error, file)}") from error
    own = getattr(module, CLASSES[kind], None)
    if not (inspect.isclass(own) and issubclass(own, nn.Module)):
        raise ValueError(f"{file}: no class {CLASSES[kind]} that is a torch.nn.Module")
    return own


def _reason(error: Exception, file: Path) -> str:
    """What was raised; of a missing module that lies beside the file, that it is not looked for."""
    said = f"{type(error).__name__}: {error}"
    name = (getattr(error, "name", None) or "").partition(".")[0]
    beside = (file.parent / f"{name}.py", file.parent / name)
    if isinstance(error, ModuleNotFoundError) and name and any(one.exists() for one in beside):
        said += f"; modules in the folder of the file are not found: put {name} into it"
    return said


def build_any_model(
    architecture: str,
    n_genes: int,
    n_classes: int,
    file: Path | None = None,
    **hyperparameters: float | int | str,
) -> nn.Module:
    """Build an untrained model of the paper's architectures or of a user's file.

    Parameters
    ----------
    architecture
        Its name; the paper's are built by `hce.models.build_model`.
    n_genes, n_classes
        G and C.
    file
        Python file with a class `Network`: a torch.nn.Module that is called with n_genes, n_classes
        and the hyperparameters, and maps float B x G to logits, float B x C. None: the paper's.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If an architecture that is not the paper's has no file, one of the paper's has one, the file
        holds no class `Network`, or this does not take the hyperparameters.
    """
    if file is None:
        return build_model(architecture, n_genes, n_classes, **hyperparameters)
    if architecture in ARCHITECTURES:
        raise ValueError(f"{file}: {architecture} is one of the paper's; take another name")
    return build_own(file, "architecture", architecture, (n_genes, n_classes), hyperparameters)


def load_for(path: Path, n_genes: int, term_ids: list[str], file: Path | None) -> nn.Module:
    """Load a model, of the paper's architectures or of a user's file, for cells of this run.

    Raises
    ------
    ValueError
        If it was trained on other genes or classes.
    """
    model = load_model(path, partial(build_any_model, file=file))
    facts = model.facts
    if len(facts.gene_ids) != n_genes:
        raise ValueError(
            f"{path}: trained on {len(facts.gene_ids)} genes, the cells have {n_genes}; "
            "train the model again on these shards"
        )
    if facts.term_ids != term_ids:
        raise ValueError(
            f"{path}: trained on {len(facts.term_ids)} cell types, which are not the "
            f"{len(term_ids)} of this run (or not in this order); train the model again"
        )
    return model.module


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
        Hyperparameters of a user's loss, by name; of HCE, its discount.
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
        discount = float(settings.get("discount", 1.0))
        return build_loss(loss, reachability, weight, discount).to(device)
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
