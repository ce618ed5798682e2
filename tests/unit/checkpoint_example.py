"""Checkpoints as the authors' code leaves them, made without ours; and a run that they fit.

The networks are PyTorch's and pytorch-tabnet's, under the names of scTab/cellnet/models.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from annotation_example import GENE_IDS, LABELS, N_GENES, REACHABILITY, SYMBOLS, TERMS
from pytorch_tabnet.tab_network import TabNetNoEmbeddings
from torch import Tensor, nn

from hce.hierarchy.files import write_reachability
from hce.tables import write_table

N_CLASSES = len(TERMS)
WEIGHTS = np.array([0.5, 1.5, 1.0, 2.0, 0.25, 3.0])
VECTORS = np.random.default_rng(3).normal(size=(20, N_GENES)).astype(np.float32)
TABNET = {
    "n_d": 6,
    "n_a": 4,
    "n_steps": 1,
    "gamma": 1.3,
    "n_independent": 2,
    "n_shared": 3,
    "virtual_batch_size": 8,
    "momentum": 0.02,
    "mask_type": "entmax",
}
OWN = {
    "linear": {},
    "mlp": {"hidden_size": 5, "n_hidden": 3, "dropout": 0.1, "augment_training_data": True},
    "tabnet": TABNET | {"lambda_sparse": 1e-5, "epsilon": 1e-15, "augment_training_data": True},
}


class TheirMLP(nn.Module):
    """An encoder of blocks, then a layer called `linear`."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for width in (N_GENES, 5, 5):
            blocks += [nn.Linear(width, 5), nn.BatchNorm1d(5), nn.SiLU(), nn.Dropout(0.1)]
        self.encoder = nn.Sequential(*blocks)
        self.linear = nn.Linear(5, N_CLASSES)

    def forward(self, cells: Tensor) -> Tensor:
        return self.linear(self.encoder(cells))


class Theirs(nn.Module):
    """What their Lightning modules hold: buffers, and the network as `classifier`."""

    def __init__(self, architecture: str) -> None:
        super().__init__()
        matrix = torch.tensor(REACHABILITY)
        self.register_buffer("class_weights", torch.tensor(WEIGHTS.astype("f4")))
        self.register_buffer("child_lookup", matrix.long())
        self.register_buffer("child_lookup_transposed", matrix.float().t())
        if architecture == "linear":
            self.classifier: nn.Module = nn.Linear(N_GENES, N_CLASSES)
        elif architecture == "mlp":
            self.classifier = TheirMLP()
        else:
            self.classifier = TabNetNoEmbeddings(N_GENES, N_CLASSES, **TABNET)
        if architecture != "linear":
            self.register_buffer("augmentations", torch.tensor(VECTORS))

    def logits(self, cells: Tensor) -> Tensor:
        """Of the cells, as they predict."""
        self.eval()
        with torch.no_grad():
            if isinstance(self.classifier, TabNetNoEmbeddings):
                steps, _ = self.classifier.encoder(cells)
                return self.classifier.final_mapping(torch.stack(steps).sum(dim=0))
            return self.classifier(cells)


def their_model(architecture: str, seed: int = 0) -> Theirs:
    """A model that has seen some cells, so that no running mean is 0."""
    torch.manual_seed(seed)
    model = Theirs(architecture)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.5)
            module.running_var.uniform_(0.5, 2)
    return model


def content(architecture: str, model: Theirs, **given: Any) -> dict[str, Any]:
    """What Lightning saves of it: slots of the optimizer, classes, NumPy scalars and all."""
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)
    # pytorch-tabnet has a second norm at its input, which theirs has not
    state = {
        name: tensor
        for name, tensor in model.state_dict().items()
        if not name.startswith("classifier.initial_bn.")
    }
    score = torch.tensor(0.80249)
    return {
        "epoch": 1,
        "global_step": 14882,
        "pytorch-lightning_version": "2.0.9",
        "state_dict": state,
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 2}}}},
        "callbacks": {
            "EarlyStopping{'monitor': 'val_f1_macro', 'mode': 'max'}": {
                "wait_count": 0,
                "best_score": score,
                "patience": 10,
            },
            "ModelCheckpoint{'monitor': 'val_f1_macro', 'mode': 'max'}": {
                "monitor": "val_f1_macro",
                "best_model_score": score,
                "current_score": score,
                "best_model_path": "somewhere",
                "best_k_models": {"somewhere": score},
            },
        },
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [scheduler.state_dict()],
        "hparams_name": "kwargs",
        "hyper_parameters": hyper_parameters(architecture) | given,
    }


def hyper_parameters(architecture: str) -> dict[str, Any]:
    """As their classes save them."""
    return {
        "gene_dim": N_GENES,
        "type_dim": N_CLASSES,
        "train_set_size": np.int64(15_240_192),
        "val_set_size": np.int64(3_500_032),
        "batch_size": 2048,
        "learning_rate": 0.005,
        "weight_decay": np.float64(0.05),
        "optimizer": torch.optim.AdamW,
        "lr_scheduler": torch.optim.lr_scheduler.StepLR,
        "lr_scheduler_kwargs": {"step_size": 1, "gamma": 0.9, "verbose": True},
        "use_hierarchical_loss": True,
        **OWN[architecture],
    }


def write_checkpoint(folder: Path, saved: dict[str, Any], seed: int | None = 0) -> Path:
    """Write a run of theirs; returns its checkpoint."""
    path = folder / "checkpoints" / "val_f1_macro_epoch=1_val_f1_macro=0.802.ckpt"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(saved, path)
    if "hyper_parameters" in saved:
        (folder / "hparams.yaml").write_text(yaml.dump(saved["hyper_parameters"]))
    if seed is not None:
        (folder / "parameters.json").write_text(json.dumps({"seed": seed, "lr": 0.005}))
    return path


def write_run(folder: Path) -> dict[str, Path]:
    """Write what a run of this pipeline holds a checkpoint against; returns arguments."""
    genes = pd.DataFrame({"feature_id": GENE_IDS, "feature_name": SYMBOLS})
    types = pd.DataFrame({"index": range(N_CLASSES), "ontology_term_id": TERMS, "label": LABELS})
    paths = {
        "genes": folder / "genes.parquet",
        "cell-types": folder / "cell_types.tsv",
        "reachability": folder / "reachability.npz",
        "augmentations": folder / "augmentations.npy",
    }
    write_table(genes, paths["genes"])
    write_table(types.assign(class_weight=WEIGHTS), paths["cell-types"])
    write_reachability(paths["reachability"], REACHABILITY, TERMS)
    np.save(paths["augmentations"], VECTORS)
    return paths
