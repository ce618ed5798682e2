"""The hierarchical cross-entropy (HCE) loss, equations (4)-(7) of the paper.

For logits x, p = softmax(x) and s = R p: the score of a class is its own probability plus those of
all its descendants. The loss of a cell with label t and class weight w_t is -w_t log(s_t + eps).
A discount g counts the descendants in part, s_t = p_t + g (sum of p below t): 1 is the paper, 0 is
cross-entropy but for eps.
Only the row of R that belongs to the label is needed, so a batch costs O(B C), not the O(B C^2) of
the product R p (measured: docs/performance.md).
"""

from __future__ import annotations

from hce.extras import needs

with needs():
    import torch
    from torch import Tensor, nn
    from torch.nn import functional

REDUCTIONS = ("none", "mean", "sum")


def hierarchical_cross_entropy(
    logits: Tensor,
    target: Tensor,
    reachability: Tensor,
    weight: Tensor | None = None,
    eps: float = 1e-6,
    discount: float = 1.0,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Hierarchical cross-entropy of a batch, by default its weighted mean.

    Parameters
    ----------
    logits
        Float B x C or B x C x d1 x ..., before softmax. Half precision is raised to float32 first:
        eps is not representable beside 1 in it.
    target
        Integer B or B x d1 x ..., the class index of each label.
    reachability
        C x C, R[i, j] is true if class j is class i or a descendant of it (see
        `hce.ontology.reachability`). Any dtype that holds 0 and 1; the values are checked by
        `HierarchicalCrossEntropyLoss`, once, and not in every batch.
    weight
        Float C, class weights.
    eps
        Added to s_t before the logarithm; 1e-6 in the paper (Methods, "Implementation details").
    discount
        How much of its descendants' probability a label is given, in [0, 1]; 1 in the paper.
    reduction
        As in `torch.nn.functional.cross_entropy`: "mean" is sum(w_t loss) / sum(w_t), "sum" is
        sum(w_t loss), "none" gives w_t loss for each label.
    ignore_index
        Labels of this value count neither in the loss nor in the mean. If all are, the mean is NaN
        and the sum 0, as torch's.

    Returns
    -------
    Tensor
        Scalar, for "none" of the shape of `target`; in float32 or in the precision of the logits
        if that is higher.

    Raises
    ------
    ValueError
        If the shapes do not fit, `target` is neither `ignore_index` nor an integer class index in
        [0, C), eps is negative, the discount lies elsewhere, or the reduction is another.
    """
    _check_batch(logits, target, reachability, weight)
    _check_eps(eps)
    _check_discount(discount)
    _check_reduction(reduction)
    shape, target, n_classes = target.shape, target.flatten(), logits.shape[1]
    # classes last: labels x classes
    logits = logits.movedim(1, -1).reshape(len(target), n_classes)
    ignored = target == ignore_index
    target = target.masked_fill(ignored, 0)
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    # before autocast is off: what raises in a compiled graph does not put it back
    rows = _rows(reachability.to(logits.dtype), target)
    # autocast would round the dot product, and eps with it, to half precision
    with torch.autocast(logits.device.type, enabled=False):
        probability = torch.softmax(logits, dim=1)
        score = torch.linalg.vecdot(probability, rows)
        if discount != 1:
            own = probability.gather(1, target.long().unsqueeze(1)).squeeze(1)
            score = discount * score + (1 - discount) * own
        # a NaN in the logits of an ignored label would pass a weight of 0
        loss = -torch.log(score + eps).masked_fill(ignored, 0)
        sample_weight = torch.ones_like(loss) if weight is None else weight.to(loss.dtype)[target]
        sample_weight = sample_weight.masked_fill(ignored, 0)
        loss = sample_weight * loss
        if reduction == "none":
            return loss.reshape(shape)
        return loss.sum() if reduction == "sum" else loss.sum() / sample_weight.sum()


def _rows(reachability: Tensor, target: Tensor) -> Tensor:
    # embedding refuses negative class indices too, which indexing would take from the end; on a
    # GPU it asserts by itself, since reading an error back would stall every step
    if torch.compiler.is_compiling():
        # up to PyTorch 2.12 Inductor too takes negative ones from the end (pytorch/pytorch#183608);
        # one too large it refuses
        refused = torch.where(target < 0, len(reachability), target)
        return functional.embedding(refused, reachability)
    try:
        return functional.embedding(target, reachability)
    except IndexError as error:
        low, high = int(target.min()), int(target.max())
        raise ValueError(
            f"target must lie in [0, {len(reachability)}), got {low}..{high}; a label that is not "
            "known must be ignore_index"
        ) from error


class HierarchicalCrossEntropyLoss(nn.Module):
    """`hierarchical_cross_entropy` as a module: put it where `nn.CrossEntropyLoss` stood.

    Parameters
    ----------
    reachability
        C x C array or tensor of 0 and 1 that is a partial order: reflexive, antisymmetric and
        transitive, as `hce.ontology.reachability` gives.
    weight
        Float C, class weights, or None.
    eps
        Added to s_t before the logarithm.
    discount
        How much of its descendants' probability a label is given, in [0, 1].
    reduction, ignore_index
        As in `nn.CrossEntropyLoss`.
    label_smoothing
        0, so that a call for `nn.CrossEntropyLoss` can stay as it is. Another value is refused: a
        share spread evenly over the classes has no meaning under R, where a class counts again
        under each of its ancestors and the share of a coarse class holds for any finer one.

    Raises
    ------
    TypeError
        If `reachability` is no array: a graph, say.
    ValueError
        If eps is negative, the discount lies elsewhere, the reduction is another, labels shall be
        smoothed, or `reachability` is not square, holds anything but 0 and 1, lacks a 1 on its
        diagonal, has two classes that reach each other (all ones), or a class that reaches another
        which reaches a third that the first does not (direct edges only).

    Notes
    -----
    R and the weights are buffers: they follow `.to(device)` and stay out of the state dict.
    """

    reachability: Tensor
    weight: Tensor | None

    def __init__(
        self,
        reachability: Tensor,
        weight: Tensor | None = None,
        eps: float = 1e-6,
        discount: float = 1.0,
        reduction: str = "mean",
        ignore_index: int = -100,
        *,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        try:
            matrix = torch.as_tensor(reachability)
        except (TypeError, RuntimeError, ValueError) as error:
            raise TypeError(
                f"reachability must be a matrix, got {type(reachability).__name__}: "
                "hce.ontology.reachability(graph, classes) makes it from a graph"
            ) from error
        _check_reachability(matrix)
        self.register_buffer("reachability", matrix.to(torch.float32), persistent=False)
        if weight is not None:
            weight = torch.as_tensor(weight)
            if weight.shape != matrix.shape[:1]:
                raise ValueError(
                    f"weight has shape {tuple(weight.shape)}, but there are {len(matrix)} classes"
                )
            if not weight.is_floating_point():
                weight = weight.to(torch.float32)
        self.register_buffer("weight", weight, persistent=False)
        _check_eps(eps)
        _check_discount(discount)
        _check_reduction(reduction)
        if label_smoothing != 0:
            raise ValueError(
                f"label_smoothing must be 0, got {label_smoothing}: spread evenly over the classes "
                "it would count a fine class again under each of its ancestors"
            )
        self.eps, self.discount = eps, discount
        self.reduction, self.ignore_index = reduction, ignore_index

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits (float B x C x d1 x ...) and labels (integer B x d1 x ...)."""
        return hierarchical_cross_entropy(
            logits,
            target,
            self.reachability,
            self.weight,
            self.eps,
            self.discount,
            self.reduction,
            self.ignore_index,
        )


def _check_eps(eps: float) -> None:
    if not eps >= 0:
        raise ValueError(f"eps must not be negative, got {eps}: the logarithm would have no value")


def _check_discount(discount: float) -> None:
    if not 0 <= discount <= 1:
        raise ValueError(f"discount must lie between 0 (cross-entropy) and 1, got {discount}")


def _check_reduction(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")


def _check_reachability(matrix: Tensor) -> None:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"reachability must be square, got shape {tuple(matrix.shape)}")
    if not bool(((matrix == 0) | (matrix == 1)).all()):
        raise ValueError("reachability must hold 0 and 1 only")
    if not bool((matrix.diagonal() == 1).all()):
        classes = torch.nonzero(matrix.diagonal() != 1).flatten().tolist()
        raise ValueError(
            f"every class must reach itself: reachability has a 0 on its diagonal at {classes[:5]}"
        )
    order = matrix.to(torch.float32)
    both = torch.nonzero(torch.triu(order * order.T, diagonal=1))
    if len(both):
        first, second = both[0].tolist()
        raise ValueError(
            f"reachability: classes {first} and {second} reach each other, as do {len(both)} pairs "
            "in all, so that no loss can tell them apart; it must be 1 only where the class of the "
            "column lies below that of the row"
        )
    missing = torch.nonzero((order @ order > 0) & (order == 0))
    if len(missing):
        above, below = missing[0].tolist()
        raise ValueError(
            f"reachability: class {above} reaches a class that reaches {below}, but not {below} "
            f"itself ({len(missing)} such pairs); all descendants count, not children alone: "
            "hce.ontology.reachability makes the matrix from a graph"
        )


def _check_batch(
    logits: Tensor, target: Tensor, reachability: Tensor, weight: Tensor | None
) -> None:
    if logits.ndim < 2 or not logits.is_floating_point():
        raise ValueError(
            f"logits must be float B x C or B x C x d1 x ..., got {logits.dtype} "
            f"{tuple(logits.shape)}"
        )
    n_classes = logits.shape[1]
    if n_classes != len(reachability) and logits.shape[-1] == len(reachability):
        raise ValueError(
            f"logits {tuple(logits.shape)} have {n_classes} classes in dimension 1, where "
            f"nn.CrossEntropyLoss has them, and reachability has {len(reachability)}: "
            "logits.movedim(-1, 1)"
        )
    expected = logits.shape[:1] + logits.shape[2:]
    if target.shape != expected or target.dtype not in (torch.int32, torch.int64):
        soft = target.shape == logits.shape and target.is_floating_point()
        remedy = " (soft labels are not supported)" if soft else ""
        if target.shape == expected:
            remedy = " in int64: target.long()"
        raise ValueError(
            f"target must be {tuple(expected)} integer class indices{remedy}, got {target.dtype} "
            f"{tuple(target.shape)}"
        )
    if reachability.shape != (n_classes, n_classes):
        raise ValueError(
            f"reachability has shape {tuple(reachability.shape)}, but the logits have "
            f"{n_classes} classes"
        )
    if weight is not None and weight.shape != (n_classes,):
        raise ValueError(f"weight has shape {tuple(weight.shape)}, expected ({n_classes},)")


def build_loss(loss: str, reachability: Tensor, weight: Tensor, discount: float = 1.0) -> nn.Module:
    """Return the training loss by name: ce (weighted cross-entropy) or hce, with its discount.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if loss == "ce":
        return nn.CrossEntropyLoss(weight=torch.as_tensor(weight, dtype=torch.float32))
    if loss == "hce":
        return HierarchicalCrossEntropyLoss(
            reachability, torch.as_tensor(weight, dtype=torch.float32), discount=discount
        )
    raise ValueError(f"unknown loss {loss!r}; known: ce, hce")
