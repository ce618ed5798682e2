"""What a checkpoint carries of the run that it was trained in, against what this run has.

The classes have no names in a checkpoint, so another order of them shows only here.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# relative; the authors counted before the split was cut to a multiple of 1,024, which is 7e-5
SAME_WEIGHT = 1e-2
# of the pairs of an ancestor and a descendant, those that two releases of an ontology must share
LEAST_SHARED = 0.5
OTHER_ORDER = (
    "its classes are in another order than this run's (config/cell_types.tsv has the paper's, "
    "sorted by label)"
)
ROWS = 256


class WeightsCompared(NamedTuple):
    """A sentence, and whether the class weights show the same classes in the same order."""

    said: str
    same_order: bool


def compare_weights(
    path: Path, theirs: Tensor | None, ours: NDArray[np.floating]
) -> WeightsCompared:
    """Compare class weights, float C.

    Raises
    ------
    ValueError
        If they are ours in another order, or not C.
    """
    if theirs is None:
        return WeightsCompared("none in the file", False)
    their, our = theirs.double().flatten().numpy(), np.asarray(ours, dtype=np.float64)
    if their.shape != our.shape:
        raise ValueError(f"{path}: has {len(their)} class weights for {len(our)} classes")
    difference = np.abs(their / our - 1).max()
    if difference <= SAME_WEIGHT:
        said = "equal" if difference < 1e-6 else f"differ by at most {difference:.1e} of ours"
        return WeightsCompared(said, True)
    if np.abs(np.sort(their) / np.sort(our) - 1).max() <= SAME_WEIGHT:
        raise ValueError(f"{path}: {OTHER_ORDER}: its class weights are ours, but not in place")
    return WeightsCompared(f"differ by up to {difference:.1e} of ours", False)


def compare_hierarchies(
    path: Path, theirs: Tensor | None, ours: NDArray[np.bool_], *, same_order: bool
) -> str:
    """Compare `child_lookup` with R: bool C x C, row an ancestor, column a descendant.

    Parameters
    ----------
    path
        Named in messages.
    theirs, ours
        C x C; theirs of whole numbers.
    same_order
        Whether the class weights have shown that the classes are in the same order.

    Raises
    ------
    ValueError
        If it is ours in another order of the classes, or so different that the classes must be
        others; or not C x C.
    """
    if theirs is None:
        return "none in the file"
    their, our = theirs.numpy() != 0, np.asarray(ours, dtype=bool)
    if their.shape != our.shape:
        raise ValueError(f"{path}: child_lookup is {their.shape}, and R of this run {our.shape}")
    if np.array_equal(their, our):
        return "equal"
    others = ~np.eye(len(our), dtype=bool)
    shared, there, here = (int((one & others).sum()) for one in (their & our, their, our))
    said = f"{there - shared} pairs of ancestor and descendant more and {here - shared} fewer"
    if same_order:
        return f"{said} than ours"
    if _shape(their) == _shape(our):
        raise ValueError(f"{path}: {OTHER_ORDER}: its hierarchy is ours, but not in place")
    if shared < LEAST_SHARED * max(there, here):
        raise ValueError(
            f"{path}: child_lookup has {said} than R of this run, whose classes it cannot be of; "
            "use the ontology and the selection of config/paper.yaml"
        )
    return f"{said} than ours"


def _shape(matrix: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """What of a hierarchy does not depend on the order of its classes.

    Of each class the numbers of its ancestors and descendants, and theirs of its descendants.
    """
    sizes = np.stack([matrix.sum(axis=1), matrix.sum(axis=0)], axis=1)
    rounds = np.hstack([sizes, matrix @ sizes, matrix.T @ sizes])
    return sorted(map(tuple, rounds.tolist()))


def compare_vectors(theirs: Tensor | None, ours: NDArray[np.floating] | None) -> str:
    """Compare augmentation vectors, float K x G, until some differ; both may be mapped."""
    if theirs is None:
        return "none in the file"
    if ours is None:
        return f"{len(theirs):,} in the file, not compared"
    if tuple(theirs.shape) != ours.shape:
        return f"{' x '.join(map(str, theirs.shape))}, ours {' x '.join(map(str, ours.shape))}"
    for start in range(0, len(ours), ROWS):
        rows = torch.from_numpy(np.array(ours[start : start + ROWS]))
        if not torch.equal(theirs[start : start + ROWS], rows):
            return f"{len(theirs):,} in the file, which are not ours"
    return "equal"
