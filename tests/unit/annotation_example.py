"""A small model, and files of cells that fit it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import torch
from scipy import sparse

from hce.models import ModelFacts, TrainedModel, build_model, load_model, save_model
from hce.training.state import copy_weights

N_GENES = 12
GENE_IDS = [f"ENSG{number:011d}" for number in range(N_GENES)]
SYMBOLS = [f"GENE{number}A" for number in range(N_GENES)]
LABELS = ["lymphocyte", "T cell", "CD4 T cell", "CD8 T cell", "B cell", "neuron"]
TERMS = [f"CL:{number:07d}" for number in range(len(LABELS))]
# lymphocyte > T cell > CD4 and CD8 T cell; lymphocyte > B cell; neuron alone
REACHABILITY = np.eye(len(LABELS), dtype=bool)
REACHABILITY[0, :5] = True
REACHABILITY[1, 2:4] = True


def model_facts(**changed: Any) -> ModelFacts:
    """What the model is."""
    facts = {
        "architecture": "linear",
        "hyperparameters": {},
        "gene_ids": GENE_IDS,
        "symbols": SYMBOLS,
        "term_ids": TERMS,
        "labels": LABELS,
        "reachability": REACHABILITY,
        "trained": {"data_source": "nowhere", "loss": "hce", "seed": 0},
    }
    return ModelFacts(**facts | changed)


def write_model(path: Path, seed: int = 0, **changed: Any) -> TrainedModel:
    """Write a linear model with large random weights, and load it."""
    facts = model_facts(**changed)
    torch.manual_seed(seed)
    network = build_model("linear", len(facts.gene_ids), len(facts.term_ids))
    with torch.no_grad():
        network.classifier.weight.mul_(4)
    save_model(path, copy_weights(network), facts)
    return load_model(path)


def counts(cells: int = 40, seed: int = 0) -> np.ndarray:
    """Counts, float32 cells x genes; the fourth cell has none."""
    rng = np.random.default_rng(seed)
    drawn = rng.poisson(rng.gamma(0.7, 3, (cells, N_GENES))).astype(np.float32)
    drawn[3] = 0
    return drawn


def make_file(values: np.ndarray | None = None) -> anndata.AnnData:
    """Cells with the model's genes by Ensembl id, in its order."""
    values = counts() if values is None else values
    obs = pd.DataFrame(
        {"sample": "one", "label": [LABELS[i % 6] for i in range(len(values))]},
        index=[f"cell{i}" for i in range(len(values))],
    )
    var = pd.DataFrame({"feature_name": SYMBOLS}, index=GENE_IDS)
    return anndata.AnnData(sparse.csr_matrix(values), obs=obs, var=var)


def by_hand(model: TrainedModel, values: np.ndarray) -> np.ndarray:
    """Probabilities, float64 N x C, computed from the definition."""
    weight = model.module.classifier.weight.detach().numpy().astype(float)
    bias = model.module.classifier.bias.detach().numpy().astype(float)
    total = np.maximum(values.sum(axis=1, keepdims=True), 1)
    logits = np.log1p(values / total * 1e4) @ weight.T + bias
    probability = np.exp(logits - logits.max(axis=1, keepdims=True))
    return probability / probability.sum(axis=1, keepdims=True)
