"""Decision rules: from the probabilities of the classes to one class a cell.

The paper calls the most probable class. A hierarchy allows for others, without training again:

=========  ======================================================================
`argmax`   the most probable class, whichever its depth (the paper)
`leaf`     the most probable of the classes without descendants
`descend`  from the root with the greatest score s = R p to the child with the
           greatest, and on to a leaf, or as far as s reaches a threshold
`finest`   the same walk, from the argmax
=========  ======================================================================

All are defined on directed acyclic graphs with several roots and parents. A call costs O(B C^2) for
the scores and O(B C) a level of the hierarchy; there is no loop over cells. Of equal values the
class with the smaller index is taken. Tensors give tensors on their device, arrays give arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

Values = TypeVar("Values", NDArray[Any], Tensor)


def scores(probability: Values, reachability: ArrayLike | Tensor) -> Values:
    """Score s = R p of each class: its probability and that of all its descendants.

    Parameters
    ----------
    probability
        Float B x C.
    reachability
        C x C of 0 and 1, R[i, j] is 1 if class j is class i or a descendant of it.

    Returns
    -------
    Tensor or numpy.ndarray
        Float B x C, in the precision of `probability`.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    given, matrix = _checked(probability, reachability)
    return _as_given(_scores(given, matrix), probability)


def argmax(probability: Values, reachability: ArrayLike | Tensor | None = None) -> Values:
    """The most probable class of each cell: int64 B, whatever the hierarchy.

    Parameters and errors as for `scores`.
    """
    given, _ = _checked(probability, reachability)
    return _as_given(given.argmax(dim=1), probability)


def leaf(probability: Values, reachability: ArrayLike | Tensor) -> Values:
    """The most probable of the classes that have no descendant: int64 B.

    Parameters and errors as for `scores`.
    """
    given, matrix = _checked(probability, reachability)
    inner = _strict(matrix).any(dim=1)
    return _as_given(given.masked_fill(inner, -torch.inf).argmax(dim=1), probability)


def finest(
    probability: Values,
    reachability: ArrayLike | Tensor,
    threshold: float | None = None,
) -> Values:
    """Walk from the most probable class to the best child, by the score s = R p: int64 B.

    The call is the paper's, said as finely as it can be: by the paper's rule, which forgives finer
    calls, it is right wherever the argmax is right. Parameters and errors as for `descend`.
    """
    given, matrix = _checked(probability, reachability)
    return _as_given(_walk(given, matrix, given.argmax(dim=1), threshold), probability)


def descend(
    probability: Values,
    reachability: ArrayLike | Tensor,
    threshold: float | None = None,
) -> Values:
    """Walk from the best root to the best child, by the score s = R p: int64 B.

    Parameters
    ----------
    probability, reachability
        As for `scores`.
    threshold
        If given, a step is taken only onto a class with s >= threshold. With 0.5, say, the walk
        ends at the finest class on its way that is more likely than not: a call at a depth of its
        own. The class at which the walk starts is called whatever its score is.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the threshold does not lie in [0, 1].
    """
    given, matrix = _checked(probability, reachability)
    start = _best_root(given, matrix)
    return _as_given(_walk(given, matrix, start, threshold), probability)


def descend_path(probability: Values, reachability: ArrayLike | Tensor) -> tuple[Values, Values]:
    """Every step of the walk of `descend`, from the best root to a leaf.

    The scores fall from step to step, so `descend` with a threshold is the last of the leading
    steps whose score reaches it.

    Returns
    -------
    tuple of Tensor or numpy.ndarray
        int64 B x L classes and float B x L scores; L is the longest walk of these cells. After the
        leaf come -1 and 0. Parameters and errors as for `descend`.
    """
    given, matrix = _checked(probability, reachability)
    steps = torch.stack(list(_steps(given, matrix, _best_root(given, matrix), None)), dim=1)
    score = _scores(given, matrix).gather(1, steps)
    ended = torch.zeros_like(steps, dtype=torch.bool)
    ended[:, 1:] = steps[:, 1:] == steps[:, :-1]
    steps, score = steps.masked_fill(ended, -1), score.masked_fill(ended, 0)
    return _as_given(steps, probability), _as_given(score, probability)


def _best_root(probability: Tensor, matrix: Tensor) -> Tensor:
    inner = _strict(matrix).any(dim=0)
    return _scores(probability, matrix).masked_fill(inner, -torch.inf).argmax(dim=1)


def _walk(probability: Tensor, matrix: Tensor, call: Tensor, threshold: float | None) -> Tensor:
    """From a class of each cell down to the best child, and on, while there is one that may be."""
    *_, call = _steps(probability, matrix, call, threshold)
    return call


def _steps(
    probability: Tensor, matrix: Tensor, call: Tensor, threshold: float | None
) -> Iterator[Tensor]:
    """Where each cell is before the walk and after each step; who has ended stays."""
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie between 0 and 1, got {threshold}")
    score, children = _scores(probability, matrix), _direct_children(matrix)
    yield call
    while True:
        # a leaf has no child: its best is -inf
        best, child = score.masked_fill(~children[call], -torch.inf).max(dim=1)
        further = best >= (threshold or 0)
        if not further.any():
            return
        call = torch.where(further, child, call)
        yield call


def _scores(probability: Tensor, matrix: Tensor) -> Tensor:
    return probability @ matrix.to(probability.dtype).T


def _strict(matrix: Tensor) -> Tensor:
    """R without its diagonal."""
    return matrix & ~torch.eye(len(matrix), dtype=torch.bool, device=matrix.device)


def _direct_children(matrix: Tensor) -> Tensor:
    """Bool C x C: class j lies below class i with no class between (transitive reduction)."""
    strict = _strict(matrix).float()
    return (strict > 0) & (strict @ strict == 0)


def _checked(probability: Values, reachability: ArrayLike | Tensor | None) -> tuple[Tensor, Tensor]:
    """Probabilities as they are, R as bool on their device; without one, of flat classes."""
    given = torch.as_tensor(probability)
    if given.ndim != 2 or not given.is_floating_point():
        raise ValueError(f"probability must be float B x C, got {given.dtype} {tuple(given.shape)}")
    n_classes = given.shape[1]
    if reachability is None:
        return given, torch.eye(n_classes, dtype=torch.bool, device=given.device)
    matrix = torch.as_tensor(reachability, device=given.device).bool()
    if matrix.shape != (n_classes, n_classes):
        raise ValueError(
            f"reachability has shape {tuple(matrix.shape)}, but there are probabilities of "
            f"{n_classes} classes"
        )
    return given, matrix


def _as_given(result: Tensor, probability: Values) -> Values:
    return result if isinstance(probability, Tensor) else np.asarray(result)
