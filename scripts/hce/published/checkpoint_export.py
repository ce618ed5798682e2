"""A trained model as the authors' code would have left it: a Lightning checkpoint and hparams.yaml.

Their notebooks and their classes read it (microsoft/hce-classification, `scTab/cellnet/models.py`).
Lightning itself is not needed. The state of the optimizer is a fresh one, since a model file has
none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor, nn

from hce.files import write_atomically
from hce.models import ModelFacts, TrainedModel
from hce.networks.tabnet import MASK_EPSILON
from hce.published.checkpoints import MONITOR
from hce.published.keys import HYPERPARAMETERS, PREFIXES, their_name
from hce.published.layout import version_name
from hce.training.loop import TrainingParameters

# the format that the files follow
LIGHTNING = "2.0.9"


def run_folder(facts: ModelFacts) -> Path:
    """Where the authors keep a run of this architecture, loss and seed."""
    loss, seed = str(facts.trained["loss"]), int(facts.trained["seed"])
    return Path("tb_logs") / version_name(facts.architecture, loss, seed)


def export_run(
    folder: str | Path,
    model: TrainedModel,
    record: Mapping[str, Any],
    class_weight: NDArray[np.floating],
    augmentations: NDArray[np.floating] | None,
) -> list[Path]:
    """Write a run as the authors' training does.

    Parameters
    ----------
    folder
        Of the run, their version_0. Checkpoints that were exported there before are replaced.
    model
        Of one of the three architectures, trained with ce or hce.
    record
        Its hyperparameters.json.
    class_weight
        Float C.
    augmentations
        Float K x G that it was trained with; None without.

    Returns
    -------
    list
        What was written: the checkpoint, `checkpoints/val_f1_macro_epoch=E_val_f1_macro=F.ckpt`,
        parameters.json and hparams.yaml.

    Raises
    ------
    ValueError
        If their code has no such architecture or loss, or the augmentations are missing.
    """
    facts, folder = model.facts, Path(folder)
    loss = facts.trained.get("loss")
    if facts.architecture not in PREFIXES or loss not in ("ce", "hce"):
        raise ValueError(
            f"{facts.architecture} with {loss}: the authors' code has linear, mlp and tabnet, "
            "with ce and hce; export one of these"
        )
    if record["augmentation"] and augmentations is None:
        raise ValueError(
            f"{facts.architecture}: was trained with augmentations, and the authors' classes want "
            "them in the checkpoint; give --augmentations"
        )
    # of an imported model some are not known; they are the paper's then
    training = TrainingParameters(**record["training"])
    given = _hyperparameters(model, record, training)
    epoch, macro_f1 = record["best_epoch"] - 1, record["best_validation_macro_f1"]
    optimizer, scheduler = _fresh(model.module, training, epoch)
    content = {
        "epoch": epoch,
        "global_step": (epoch + 1) * int(given["train_set_size"] // given["batch_size"]),
        "pytorch-lightning_version": LIGHTNING,
        "state_dict": _state(model, record, class_weight, augmentations),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": _progress(epoch)}},
        "callbacks": _callbacks(epoch, macro_f1, training),
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [scheduler.state_dict()],
        "hparams_name": "kwargs",
        "hyper_parameters": given,
    }
    path = folder / "checkpoints" / f"{MONITOR}_epoch={epoch}_{MONITOR}={macro_f1:.3f}.ckpt"
    # through a handle: by a path, its name would be part of the bytes
    with write_atomically(path) as temporary, temporary.open("wb") as handle:
        torch.save(content, handle)
    for other in path.parent.glob(f"{MONITOR}_epoch=*_{MONITOR}=*.ckpt"):
        if other != path:
            other.unlink()
    said = {"seed": facts.trained["seed"], "epochs": training.max_epochs}
    texts = {"parameters.json": json.dumps(said, indent=4), "hparams.yaml": yaml.dump(given)}
    for name, text in texts.items():
        with write_atomically(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [path, *(folder / name for name in texts)]


def _hyperparameters(
    model: TrainedModel, record: Mapping[str, Any], training: TrainingParameters
) -> dict[str, Any]:
    """Arguments of their class, as its save_hyperparameters keeps them."""
    facts = model.facts
    given: dict[str, Any] = {
        "gene_dim": len(facts.gene_ids),
        "type_dim": len(facts.term_ids),
        # sums of NumPy integers there
        "train_set_size": np.int64(facts.trained["training_cells"]),
        "val_set_size": np.int64(0),  # not in a model file, and of no use to their classes
        "batch_size": training.batch_size,
        "learning_rate": training.learning_rate,
        "weight_decay": training.weight_decay,
        "optimizer": torch.optim.AdamW,
        "lr_scheduler": torch.optim.lr_scheduler.StepLR,
        "lr_scheduler_kwargs": {
            "step_size": 1,
            "gamma": training.learning_rate_decay,
            "verbose": True,
        },
        "use_hierarchical_loss": facts.trained["loss"] == "hce",
    }
    defaults = signature(type(model.module)).parameters
    for theirs, ours in HYPERPARAMETERS[facts.architecture].items():
        given[theirs] = facts.hyperparameters.get(ours, defaults[ours].default)
    if facts.architecture == "tabnet":
        given |= {"lambda_sparse": training.mask_loss_weight, "epsilon": MASK_EPSILON}
    if facts.architecture != "linear":
        given["augment_training_data"] = bool(record["augmentation"])
    return given


def _state(
    model: TrainedModel,
    record: Mapping[str, Any],
    class_weight: NDArray[np.floating],
    augmentations: NDArray[np.floating] | None,
) -> dict[str, Tensor]:
    """Buffers and weights under their names; a shared layer is stored once."""
    reachability = torch.from_numpy(model.facts.reachability)
    state = {
        "class_weights": torch.tensor(np.asarray(class_weight, dtype=np.float32)),
        "child_lookup": reachability.long(),
        "child_lookup_transposed": reachability.float().t(),
    }
    if record["augmentation"]:
        state["augmentations"] = torch.tensor(np.asarray(augmentations, dtype=np.float32))
    stored: dict[int, Tensor] = {}
    for name, tensor in model.module.state_dict().items():
        # ours lie gene by gene in memory
        one = stored.setdefault(tensor.data_ptr(), tensor.detach().contiguous())
        state[their_name(model.facts.architecture, name)] = one
    return state


def _fresh(
    module: nn.Module, training: TrainingParameters, epoch: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Optimizer and schedule of that epoch, before their first step."""
    gamma, rate = training.learning_rate_decay, training.learning_rate
    optimizer = torch.optim.AdamW(module.parameters(), rate, weight_decay=training.weight_decay)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma)
    scheduler.last_epoch = epoch
    for group in optimizer.param_groups:
        group["lr"] = rate * gamma**epoch
    return optimizer, scheduler


def _progress(epoch: int) -> dict[str, dict[str, int]]:
    counts = {"ready": epoch + 1, "completed": epoch, "started": epoch + 1, "processed": epoch + 1}
    return {"total": dict(counts), "current": dict(counts)}


def _callbacks(epoch: int, macro_f1: float, training: TrainingParameters) -> dict[str, Any]:
    # double precision, where theirs is single: what is imported again is what was exported
    score = torch.tensor(macro_f1, dtype=torch.float64)
    return {
        f"EarlyStopping{{'monitor': '{MONITOR}', 'mode': 'max'}}": {
            "wait_count": 0,
            "stopped_epoch": 0,
            "best_score": score,
            "patience": training.patience,
        },
        f"ModelCheckpoint{{'monitor': '{MONITOR}', 'mode': 'max'}}": {
            "monitor": MONITOR,
            "best_model_score": score,
            "current_score": score,
            "best_k_models": {},
        },
    }
