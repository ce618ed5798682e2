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

from typing import Any, TypeVar

from hce.extras import needs

with needs():
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
    _check_threshold(threshold)
    given, matrix = _checked(probability, reachability)
    return _as_given(stop(*_path(given, matrix, given.argmax(dim=1)), threshold), probability)


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
    _check_threshold(threshold)
    return stop(*path(probability, reachability), threshold)


def path(probability: Values, reachability: ArrayLike | Tensor) -> tuple[Values, Values]:
    """The whole walk of `descend`, from the best root to a leaf: all its safe calls lie on it.

    Parameters and errors as for `scores`.

    Returns
    -------
    tuple
        The classes, int64 B x D, from general to specific; and their scores s = R p, float B x D in
        the precision of `probability`. D is the length of the longest walk of these cells; shorter
        ones are filled up with class -1 and score 0.
    """
    given, matrix = _checked(probability, reachability)
    inner = _strict(matrix).any(dim=0)
    start = _scores(given, matrix).masked_fill(inner, -torch.inf).argmax(dim=1)
    classes, score = _path(given, matrix, start)
    return _as_given(classes, probability), _as_given(score, probability)


def stop(classes: Values, score: Values, threshold: float | None = None) -> Values:
    """Where walks end: int64 B, what `descend` calls with this threshold.

    Parameters
    ----------
    classes, score
        B x D, what `path` gives.
    threshold
        As for `descend`.

    Raises
    ------
    ValueError
        If the threshold does not lie in [0, 1].
    """
    _check_threshold(threshold)
    walked, reached = torch.as_tensor(classes), torch.as_tensor(score)[:, 1:] >= (threshold or 0)
    # a class counts if all those above it do, the first always
    last = (reached & (walked[:, 1:] >= 0)).long().cumprod(dim=1).sum(dim=1, keepdim=True)
    return _as_given(walked.gather(1, last).squeeze(1), classes)


def _path(probability: Tensor, matrix: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """From a class of each cell down to the best child, and on, until all are at a leaf."""
    score, children = _scores(probability, matrix), _direct_children(matrix)
    call, classes = start, [start]
    reached = [score.gather(1, start.unsqueeze(1)).squeeze(1)]
    while True:
        # a leaf has no child: its best is -inf
        best, child = score.masked_fill(~children[call], -torch.inf).max(dim=1)
        further = best > -torch.inf
        if not further.any():
            return torch.stack(classes, dim=1), torch.stack(reached, dim=1)
        classes.append(torch.where(further, child, -1))
        reached.append(torch.where(further, best, 0))
        call = torch.where(further, child, call)


def _check_threshold(threshold: float | None) -> None:
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie between 0 and 1, got {threshold}")


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
