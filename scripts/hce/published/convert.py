"""From a checkpoint of the authors to a model of ours and the records that a training writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hce.models import ModelFacts, build_model
from hce.networks.tabnet import MASK_EPSILON
from hce.published.checkpoints import Checkpoint, beside
from hce.published.differences import compare_hierarchies, compare_vectors, compare_weights
from hce.published.keys import BUFFERS, HYPERPARAMETERS, TELLTALES, TRAINING, our_name

# columns of history.csv; a checkpoint knows three of them
HISTORY = (
    *("epoch", "learning_rate", "train_loss", "validation_loss", "validation_macro_f1"),
    *("cells_per_second", "data_wait_share"),
)


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a checkpoint shall be, and what this run holds its contents against.

    Attributes
    ----------
    architecture, loss, seed
        The model whose place it takes.
    gene_ids, symbols, term_ids, labels, reachability
        Of this run; see `ModelFacts`.
    class_weight
        Float C, of this run.
    augmentations
        Float K x G, of this run; None to compare none.
    data_source
        Said by the model file.
    """

    architecture: str
    loss: str
    seed: int
    gene_ids: list[str]
    symbols: list[str]
    term_ids: list[str]
    labels: list[str]
    reachability: NDArray[np.bool_]
    class_weight: NDArray[np.floating]
    augmentations: NDArray[np.floating] | None
    data_source: str


@dataclass(frozen=True, eq=False)
class Imported:
    """A checkpoint as a model of ours.

    Attributes
    ----------
    weights, facts
        What `hce.models.save_model` takes.
    record
        What a training writes to hyperparameters.json; `imported` says what was found.
    history
        The one epoch that is known, a row of history.csv.
    """

    weights: dict[str, Tensor]
    facts: ModelFacts
    record: dict[str, Any]
    history: dict[str, float | None]


def architecture_of(checkpoint: Checkpoint) -> str:
    """Tell the architecture by the tensors.

    Raises
    ------
    ValueError
        If it is none of the three.
    """
    for architecture, name in TELLTALES.items():
        if name in checkpoint.tensors:
            return architecture
    raise ValueError(
        f"{checkpoint.path}: holds none of the authors' architectures; its first tensor is "
        f"{next(iter(checkpoint.tensors))}"
    )


def loss_of(checkpoint: Checkpoint) -> str:
    """Tell the loss, ce or hce; scTab's files say nothing of it, since there was one."""
    return "hce" if checkpoint.hyperparameters.get("use_hierarchical_loss") else "ce"


def seed_of(checkpoint: Checkpoint) -> int | None:
    """The seed that the training's parameters.json says; None without such a file."""
    path = beside(checkpoint.path, "parameters.json")
    if path is None:
        return None
    try:
        seed = json.loads(path.read_text(encoding="utf-8")).get("seed")
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path}: is no parameters.json of a training ({error})") from error
    return seed if isinstance(seed, int) else None


def convert(checkpoint: Checkpoint, wanted: Wanted) -> Imported:
    """Make a model of a checkpoint, for the genes and classes of this run.

    Raises
    ------
    ValueError
        If it is of another architecture, loss, seed, number of genes or classes, or order of the
        classes; if its network computes what ours does not; or if a tensor is missing, one too
        many, of another shape or type, or no number.
    """
    _check_identity(checkpoint, wanted)
    path, given = checkpoint.path, checkpoint.hyperparameters
    for key, ours, what in (
        ("gene_dim", len(wanted.gene_ids), "genes"),
        ("type_dim", len(wanted.term_ids), "classes"),
    ):
        if (theirs := _integer(checkpoint, key)) != ours:
            raise ValueError(
                f"{path}: is a model of {theirs:,} {what}, this run has {ours:,}; it goes with the "
                "releases and the selection of config/paper.yaml"
            )
    if given.get("epsilon", MASK_EPSILON) != MASK_EPSILON:
        raise ValueError(
            f"{path}: epsilon is {given['epsilon']}, and {MASK_EPSILON} is all that TabNet here has"
        )
    hyperparameters = _hyperparameters(checkpoint, wanted.architecture)
    expected, n_parameters = _expected(checkpoint, wanted, hyperparameters)
    weights = _weights(checkpoint, wanted.architecture, expected)
    imported = _compared(checkpoint, wanted)
    facts = ModelFacts(
        wanted.architecture,
        hyperparameters,
        wanted.gene_ids,
        wanted.symbols,
        wanted.term_ids,
        wanted.labels,
        wanted.reachability,
        {
            "data_source": wanted.data_source,
            "loss": wanted.loss,
            "seed": wanted.seed,
            "training_cells": _integer(checkpoint, "train_set_size"),
            "imported": path.name,
        },
    )
    training = _training(checkpoint)
    record = {
        "architecture": wanted.architecture,
        "loss": wanted.loss,
        "seed": wanted.seed,
        "model": hyperparameters,
        "training": training,
        "augmentation": bool(given.get("augment_training_data", False)),
        "n_genes": len(wanted.gene_ids),
        "n_cell_types": len(wanted.term_ids),
        "best_epoch": checkpoint.epoch + 1,
        "best_validation_macro_f1": checkpoint.macro_f1,
        "parameters": n_parameters,
        "imported": imported,
    }
    rate = training["learning_rate"] * training.get("learning_rate_decay", 1) ** checkpoint.epoch
    known = {
        "epoch": checkpoint.epoch + 1,
        "learning_rate": rate,
        "validation_macro_f1": checkpoint.macro_f1,
    }
    return Imported(weights, facts, record, {name: known.get(name) for name in HISTORY})


def _check_identity(checkpoint: Checkpoint, wanted: Wanted) -> None:
    found = {
        "architecture": architecture_of(checkpoint),
        "loss": loss_of(checkpoint),
        "seed": seed_of(checkpoint),
    }
    for what, theirs in found.items():
        ours = getattr(wanted, what)
        if theirs not in (None, ours):
            raise ValueError(
                f"{checkpoint.path}: its {what} is {theirs}, and {ours} is wanted in its place; "
                f"give the checkpoint of {wanted.architecture}, {wanted.loss}, seed {wanted.seed}"
            )


def _integer(checkpoint: Checkpoint, key: str) -> int:
    value = checkpoint.hyperparameters.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{checkpoint.path}: its hyperparameter {key} is {value!r}, not a number")
    return value


def _hyperparameters(checkpoint: Checkpoint, architecture: str) -> dict[str, float | int | str]:
    names, given = HYPERPARAMETERS[architecture], checkpoint.hyperparameters
    for theirs in names:
        if not isinstance(given.get(theirs), (int, float, str)):
            raise ValueError(
                f"{checkpoint.path}: its hyperparameter {theirs} is {given.get(theirs)!r}; without "
                f"it no {architecture} can be built"
            )
    return {ours: given[theirs] for theirs, ours in names.items()}


def _training(checkpoint: Checkpoint) -> dict[str, Any]:
    """What is known of the training: the parameters of ours that the file has."""
    given = checkpoint.hyperparameters
    found = {ours: given[theirs] for theirs, ours in TRAINING.items() if theirs in given}
    if not isinstance(found.get("learning_rate"), (int, float)):
        raise ValueError(f"{checkpoint.path}: its hyperparameter learning_rate is no number")
    schedule = given.get("lr_scheduler_kwargs")
    if isinstance(schedule, Mapping) and schedule.get("step_size") == 1:
        found["learning_rate_decay"] = schedule.get("gamma", 0.1)  # PyTorch's default
    if checkpoint.patience is not None:
        found["patience"] = checkpoint.patience
    return found


class Kind(NamedTuple):
    """What a tensor must be."""

    dtype: torch.dtype
    shape: tuple[int, ...]


def _expected(
    checkpoint: Checkpoint, wanted: Wanted, hyperparameters: Mapping[str, float | int | str]
) -> tuple[dict[str, Kind], int]:
    """The tensors of such a network, and the number of its parameters."""
    n_genes, n_classes = len(wanted.gene_ids), len(wanted.term_ids)
    try:
        # on the CPU and let go at once: drawing weights on the device meta loads 230 MB of modules
        network = build_model(wanted.architecture, n_genes, n_classes, **hyperparameters)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{checkpoint.path}: {error}") from error
    kinds = {
        name: Kind(tensor.dtype, tuple(tensor.shape))
        for name, tensor in network.state_dict().items()
    }
    return kinds, sum(weight.numel() for weight in network.parameters())


def _weights(
    checkpoint: Checkpoint, architecture: str, expected: Mapping[str, Kind]
) -> dict[str, Tensor]:
    """Tensors under our names, each of its own memory; mapped where they are in the file once."""
    found: dict[str, Tensor] = {}
    taken: set[int] = set()
    for theirs, tensor in checkpoint.tensors.items():
        if theirs in BUFFERS:
            continue
        ours = our_name(architecture, theirs)
        if ours is None or ours not in expected:
            raise ValueError(
                f"{checkpoint.path}: holds {theirs}, which is no part of the authors' "
                f"{architecture} of these hyperparameters"
            )
        kind, found_kind = expected[ours], Kind(tensor.dtype, tuple(tensor.shape))
        if found_kind != kind:
            raise ValueError(
                f"{checkpoint.path}: {theirs} is {found_kind.dtype} {found_kind.shape}, and its "
                f"hyperparameters ask for {kind.dtype} {kind.shape}"
            )
        # of the sum: it makes no second tensor
        if not torch.isfinite(tensor.sum()):
            raise ValueError(f"{checkpoint.path}: {theirs} holds what is no number")
        storage = tensor.untyped_storage().data_ptr()
        # shared layers are in the file once under several names, in a model file under each
        found[ours] = tensor.clone() if storage in taken else tensor.contiguous()
        taken.add(storage)
    if missing := sorted(expected.keys() - found.keys()):
        raise ValueError(
            f"{checkpoint.path}: lacks {len(missing)} tensors of a {architecture}, the first is "
            f"{missing[0]} as we name it"
        )
    return found


def _compared(checkpoint: Checkpoint, wanted: Wanted) -> dict[str, str | int | float]:
    """What the file says of hierarchy, class weights and augmentations, against this run's."""
    tensors = checkpoint.tensors
    weights = compare_weights(checkpoint.path, tensors.get("class_weights"), wanted.class_weight)
    hierarchy = compare_hierarchies(
        checkpoint.path,
        tensors.get("child_lookup"),
        wanted.reachability,
        same_order=weights.same_order,
    )
    return {
        "file": checkpoint.path.name,
        "lightning": checkpoint.lightning,
        "hierarchy": hierarchy,
        "class_weights": weights.said,
        "augmentations": compare_vectors(tensors.get("augmentations"), wanted.augmentations),
    }
