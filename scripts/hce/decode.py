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
the scores and O(B K) a level of the hierarchy, K children at most; there is no loop over cells. Of
equal values the class with the smaller index is taken. Tensors give tensors on their device, arrays
give arrays, and need no torch. Scores are summed in float64, so that both say the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from hce.extras import needs

with needs():
    from array_api_compat import array_namespace, device
    from numpy.typing import ArrayLike

# an array, or a tensor, whose library is not imported for its name
Values = TypeVar("Values", bound=Any)


class Decisions(NamedTuple):
    """What every rule says of B cells.

    Attributes
    ----------
    calls
        int64 B by rule: argmax, leaf, finest, descend, and safe, which is descend with a threshold.
    score
        Float B x C, s = R p.
    walk
        What `path` gives.
    """

    calls: dict[str, Any]
    score: Any
    walk: tuple[Any, Any]


def decide(probability: Values, reachability: ArrayLike, threshold: float) -> Decisions:
    """Call each cell by every rule at once: the scores are summed only once.

    Parameters and errors as for `descend`.
    """
    _check_threshold(threshold)
    given, matrix = _checked(probability, reachability)
    score = _scores(given, matrix)
    children = _children(matrix)
    best = array_namespace(given).argmax(given, axis=1)
    walk = _path(score, children, _best_root(score, matrix))
    calls = {
        "argmax": best,
        "leaf": leaf(given, matrix),
        "finest": stop(*_path(score, children, best)),
        "descend": stop(*walk),
        "safe": stop(*walk, threshold),
    }
    return Decisions(calls, score, walk)


def scores(probability: Values, reachability: ArrayLike) -> Values:
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
    return _scores(*_checked(probability, reachability))


def argmax(probability: Values, reachability: ArrayLike | None = None) -> Values:
    """The most probable class of each cell: int64 B, whatever the hierarchy.

    Parameters and errors as for `scores`.
    """
    given, _ = _checked(probability, reachability)
    return array_namespace(given).argmax(given, axis=1)


def leaf(probability: Values, reachability: ArrayLike) -> Values:
    """The most probable of the classes that have no descendant: int64 B.

    Parameters and errors as for `scores`.
    """
    given, matrix = _checked(probability, reachability)
    xp = array_namespace(given)
    inner = xp.any(_strict(matrix), axis=1)
    return xp.argmax(xp.where(inner, -xp.inf, given), axis=1)


def finest(
    probability: Values,
    reachability: ArrayLike,
    threshold: float | None = None,
) -> Values:
    """Walk from the most probable class to the best child, by the score s = R p: int64 B.

    The call is the paper's, said as finely as it can be: by the paper's rule, which forgives finer
    calls, it is right wherever the argmax is right. Parameters and errors as for `descend`.
    """
    given, matrix = _checked(probability, reachability)
    best = array_namespace(given).argmax(given, axis=1)
    return stop(*_path(_scores(given, matrix), _children(matrix), best), threshold)


def descend(
    probability: Values,
    reachability: ArrayLike,
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
    return stop(*path(probability, reachability), threshold)


def path(probability: Values, reachability: ArrayLike) -> tuple[Values, Values]:
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
    score = _scores(given, matrix)
    return _path(score, _children(matrix), _best_root(score, matrix))


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
    xp = array_namespace(classes, score)
    further = (classes[:, 1:] >= 0) & (score[:, 1:] >= (threshold or 0))
    # a class counts if all those above it do, the first always
    last = xp.sum(xp.cumulative_prod(xp.astype(further, xp.int64), axis=1), axis=1)
    return xp.take_along_axis(classes, last[:, None], axis=1)[:, 0]


def _path(score: Any, children: Any, start: Any) -> tuple[Any, Any]:
    """From a class of each cell down to the best child, and on, until all are at a leaf."""
    xp = array_namespace(score)
    call, classes = start, [start]
    reached = [xp.take_along_axis(score, start[:, None], axis=1)[:, 0]]
    while True:
        # cells x children, -1 where there is no further one
        options = children[call]
        there = options >= 0
        values = xp.take_along_axis(score, xp.where(there, options, 0), axis=1)
        values = xp.where(there, values, -xp.inf)
        place = xp.argmax(values, axis=1)[:, None]
        child = xp.take_along_axis(options, place, axis=1)[:, 0]
        further = child >= 0
        if not xp.any(further):
            return xp.stack(classes, axis=1), xp.stack(reached, axis=1)
        classes.append(child)
        best = xp.take_along_axis(values, place, axis=1)[:, 0]
        reached.append(xp.where(further, best, xp.zeros_like(best)))
        # a leaf is where it was, and has no child
        call = xp.where(further, child, call)


def _best_root(score: Any, matrix: Any) -> Any:
    """The root with the greatest score: int64 B."""
    xp = array_namespace(score)
    inner = xp.any(_strict(matrix), axis=0)
    return xp.argmax(xp.where(inner, -xp.inf, score), axis=1)


def _check_threshold(threshold: float | None) -> None:
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie between 0 and 1, got {threshold}")


def _scores(probability: Any, matrix: Any) -> Any:
    xp = array_namespace(probability)
    exact = xp.astype(probability, xp.float64) @ xp.astype(matrix, xp.float64).T
    return xp.astype(exact, probability.dtype)


def _strict(matrix: Any) -> Any:
    """R without its diagonal."""
    xp = array_namespace(matrix)
    return matrix & ~xp.eye(matrix.shape[0], dtype=xp.bool, device=device(matrix))


def _children(matrix: Any) -> Any:
    """int64 C x K: the classes directly below each (transitive reduction), ascending, then -1."""
    xp = array_namespace(matrix)
    strict = xp.astype(_strict(matrix), xp.float64)
    direct = (strict > 0) & (strict @ strict == 0)
    classes = xp.arange(matrix.shape[0], dtype=xp.int64, device=device(matrix))
    first = xp.sort(xp.where(direct, classes, matrix.shape[0]), axis=1)
    # one column at least, so that a flat hierarchy has a table, too
    most = max(1, int(xp.max(xp.sum(xp.astype(direct, xp.int64), axis=1))))
    first = first[:, :most]
    return xp.where(first < matrix.shape[0], first, -1)


def _checked(probability: Any, reachability: ArrayLike | None) -> tuple[Any, Any]:
    """Probabilities as they are, R as bool on their device; without one, of flat classes."""
    xp = array_namespace(probability)
    shape = tuple(probability.shape)
    if len(shape) != 2 or not xp.isdtype(probability.dtype, "real floating"):
        raise ValueError(f"probability must be float B x C, got {probability.dtype} {shape}")
    if reachability is None:
        return probability, xp.eye(shape[1], dtype=xp.bool, device=device(probability))
    matrix = xp.asarray(reachability, dtype=xp.bool, device=device(probability))
    if tuple(matrix.shape) != (shape[1], shape[1]):
        raise ValueError(
            f"reachability has shape {tuple(matrix.shape)}, but there are probabilities of "
            f"{shape[1]} classes"
        )
    return probability, matrix
