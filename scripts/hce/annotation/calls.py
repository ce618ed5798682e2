"""What some models say of each cell, averaged, and the columns that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from hce import decode
from hce.annotation.cells import CellFile
from hce.annotation.genes import MatchedGenes
from hce.models import ModelFacts, TrainedModel
from hce.normalize import size_factor_log1p


@dataclass(frozen=True)
class Calls:
    """What is known of N cells; -1 and NaN where a cell has no count of a gene of the model.

    Attributes
    ----------
    argmax
        int16 N, most probable class.
    probability
        float32 N, its probability.
    path, score
        int16 N x L and float32 N x L, walk down the hierarchy (`hce.decode.path`).
    entropy
        float32 N, of the probabilities, in nats.
    agreement
        float32 N, share of the models whose most probable class is that of the mean.
    counts
        float32 N, counts of the model's genes.
    all_counts
        float32 N, counts of all genes of the file.
    """

    argmax: NDArray[np.int16]
    probability: NDArray[np.float32]
    path: NDArray[np.int16]
    score: NDArray[np.float32]
    entropy: NDArray[np.float32]
    agreement: NDArray[np.float32]
    counts: NDArray[np.float32]
    all_counts: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.argmax)

    def steps(self, threshold: float) -> NDArray[np.int64]:
        """How many steps of its walk each cell is called at: int64 N, 0 for no call.

        The call is that of `hce.decode.descend`, but for cells whose root does not reach the
        threshold: these have none.
        """
        reached = (self.path >= 0) & (self.score >= threshold)
        return np.logical_and.accumulate(reached, axis=1).sum(axis=1)

    def safe(self, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The class that each cell is safely called and its score; -1 for no call.

        The score of a cell without a call is that of its best root, and NaN without counts.
        """
        steps, cell = self.steps(threshold), np.arange(len(self))
        last = np.maximum(steps - 1, 0)
        call = np.where(steps > 0, self.path[cell, last], -1).astype(np.int64)
        return call, np.where(self.argmax >= 0, self.score[cell, last], np.nan).astype(np.float32)


@torch.inference_mode()
def annotate(
    models: Sequence[TrainedModel],
    cells: CellFile,
    genes: MatchedGenes,
    batch_size: int,
    device: torch.device,
    progress: Callable[[int], object] = lambda n: None,
) -> Calls:
    """Call every cell of a file by the mean of the probabilities of some models.

    Parameters
    ----------
    models
        Of the same genes and classes; their networks are moved to the device.
    cells, genes
        The file, and its genes in the order of the models.
    batch_size
        Cells of a dense batch, which has 4 bytes a cell and gene, and some times that in TabNet.
    device
        Where the networks compute.
    progress
        Gets the number of cells of each batch when it is done.

    Raises
    ------
    ValueError
        If a value of the file is no count.
    """
    networks = [model.module.to(device) for model in models]
    reachability = torch.from_numpy(models[0].facts.reachability).to(device)
    depth = _longest_walk(models[0].facts.reachability)
    # one piece of memory for all batches: new pages cost as much as the values
    room = np.empty((min(batch_size, len(cells.obs)), genes.n_genes), dtype=np.float32)
    parts: list[Calls] = []
    for rows in cells.blocks():
        counts = genes.align(rows)
        expression = size_factor_log1p(counts)
        total = np.bincount(
            np.repeat(np.arange(len(rows)), np.diff(rows.indptr)),
            weights=rows.counts,
            minlength=len(rows),
        )
        matched = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
        for first in range(0, len(rows), batch_size):
            part = slice(first, min(first + batch_size, len(rows)))
            dense = expression[part].toarray(out=room[: part.stop - first])
            batch = torch.from_numpy(dense).to(device)
            probability = torch.stack([_probability(network, batch) for network in networks])
            called = _call(probability, reachability, depth)
            parts.append(_blank(called, matched[part], total[part]))
            progress(part.stop - part.start)
    return Calls(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in (one.name for one in fields(Calls))
        }
    )


def _probability(network: torch.nn.Module, batch: Tensor) -> Tensor:
    output = network(batch)
    # TabNet gives the loss of its masks, too
    logits = output[0] if isinstance(output, tuple) else output
    return torch.softmax(logits, dim=1)


def _call(of_models: Tensor, reachability: Tensor, depth: int) -> dict[str, NDArray]:
    """From float M x B x C."""
    probability = of_models.mean(dim=0)
    best = decode.argmax(probability)
    path, score = decode.path(probability, reachability)
    room = (0, depth - path.shape[1])
    agreeing = of_models.argmax(dim=2) == best
    found = {
        "argmax": best.to(torch.int16),
        "probability": probability.gather(1, best.unsqueeze(1)).squeeze(1),
        "path": torch.nn.functional.pad(path.to(torch.int16), room, value=-1),
        "score": torch.nn.functional.pad(score, room),
        "entropy": torch.special.entr(probability).sum(dim=1),
        "agreement": agreeing.float().mean(dim=0),
    }
    return {name: value.cpu().numpy() for name, value in found.items()}


def _blank(called: dict[str, NDArray], matched: NDArray, total: NDArray) -> Calls:
    """Take back what was called of cells without any count of the model's genes."""
    empty = matched == 0
    for values in called.values():
        values[empty] = np.nan if values.dtype == np.float32 else -1
    return Calls(**called, counts=matched.astype(np.float32), all_counts=total.astype(np.float32))


def _longest_walk(reachability: NDArray[np.bool_]) -> int:
    """Classes on the longest way from a root to a leaf."""
    length = np.ones(len(reachability), dtype=np.int64)
    # ancestors have more descendants than what is below them
    for row in np.argsort(reachability.sum(axis=1), kind="stable"):
        below = reachability[row].copy()
        below[row] = False
        length[row] = 1 + length[below].max(initial=0)
    return int(length.max(initial=1))


def columns_of(calls: Calls, facts: ModelFacts, threshold: float) -> pd.DataFrame:
    """The columns of obs: calls as categories, which are missing where there is no call."""
    safe, safe_score = calls.safe(threshold)
    steps = calls.steps(threshold)
    return pd.DataFrame(
        {
            "hce_cell_type": _named(calls.argmax, facts.labels),
            "hce_cell_type_ontology_term_id": _named(calls.argmax, facts.term_ids),
            "hce_probability": calls.probability,
            "hce_safe": _named(safe, facts.labels),
            "hce_safe_ontology_term_id": _named(safe, facts.term_ids),
            "hce_safe_score": safe_score,
            "hce_path": _paths(calls.path, steps, facts.labels),
            "hce_entropy": calls.entropy,
            "hce_agreement": calls.agreement,
            "hce_counts": calls.counts,
        }
    )


def _named(classes: NDArray[np.integer], names: Sequence[str]) -> pd.Categorical:
    """Categories that occur, in the order of the classes."""
    found = [names[i] for i in np.unique(classes[classes >= 0])]
    return pd.Categorical(np.array([*names, None], dtype=object)[classes], categories=found)


def _paths(
    path: NDArray[np.int16], steps: NDArray[np.int64], labels: Sequence[str]
) -> pd.Categorical:
    walked = np.where(np.arange(path.shape[1]) < steps[:, None], path, -1)
    different, codes = np.unique(walked, axis=0, return_inverse=True)
    texts = [" > ".join(labels[i] for i in row if i >= 0) or None for row in different]
    return pd.Categorical(
        np.array(texts, dtype=object)[codes.ravel()], categories=[text for text in texts if text]
    )
