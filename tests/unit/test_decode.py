"""Decision rules against walks cell by cell with Python's own numbers and networkx."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hce import decode

HierarchyMaker = Callable[..., np.ndarray]
seeds = st.integers(0, 2**32 - 1)
class_counts = st.integers(1, 12)
thresholds = st.sampled_from([None, 0.0, 0.2, 0.5, 0.9, 1.0])

# two roots; class 3 has two parents, 4 stands alone
DIAMOND = np.array(
    [
        [1, 1, 1, 1, 0],
        [0, 1, 0, 1, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ],
    dtype=bool,
)


def make_probabilities(seed: int, n_classes: int) -> np.ndarray:
    """Probabilities of 1 to 30 cells, in float64; some cells are sure."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (int(rng.integers(1, 31)), n_classes))
    logits *= rng.choice([0.5, 3, 20], size=(len(logits), 1))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def walk(p: list[float], reach: np.ndarray, threshold: float | None, from_argmax: bool) -> int:
    """To the best child, as far as there is one and its score allows, one cell alone."""
    graph = nx.DiGraph([(int(a), int(b)) for a, b in np.argwhere(reach) if a != b])
    graph.add_nodes_from(range(len(p)))
    tree = nx.transitive_reduction(graph)
    score = {c: sum(p[d] for d in {c, *nx.descendants(graph, c)}) for c in tree}

    def best(classes: list[int]) -> int:
        return max(sorted(classes), key=lambda c: score[c])

    roots = [c for c in tree if tree.in_degree(c) == 0]
    call = p.index(max(p)) if from_argmax else best(roots)
    while below := list(tree.successors(call)):
        child = best(below)
        if threshold is not None and score[child] < threshold:
            break
        call = child
    return call


@given(seed=seeds, n_classes=class_counts, threshold=thresholds)
def test_walks_as_those_of_each_cell(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int, threshold: float | None
) -> None:
    reach = make_hierarchy(seed, n_classes)
    probability = make_probabilities(seed, n_classes)
    for rule in decode.descend, decode.finest:
        from_argmax = rule is decode.finest
        expected = [walk(p, reach, threshold, from_argmax) for p in probability.tolist()]
        assert rule(probability, reach, threshold).tolist() == expected


@given(seed=seeds, n_classes=class_counts, threshold=st.sampled_from([0.0, 0.2, 0.5, 0.9]))
def test_the_steps_of_a_walk_end_at_every_call(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int, threshold: float
) -> None:
    reach = make_hierarchy(seed, n_classes)
    probability = make_probabilities(seed, n_classes)
    steps, score = decode.path(probability, reach)
    called = decode.descend(probability, reach, threshold)
    for path, reached, call in zip(steps, score, called, strict=True):
        walked = path[path >= 0]
        assert reach[walked[:-1], walked[1:]].all()
        assert reach[walked[-1]].sum() == 1
        assert (path[len(walked) :] == -1).all()
        # the root is called whatever its score
        last = max(1, int((reached[: len(walked)] >= threshold).sum()))
        assert walked[last - 1] == call


@given(seed=seeds, n_classes=class_counts)
def test_path_holds_the_safe_calls_of_all_thresholds(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    reach = make_hierarchy(seed, n_classes)
    probability = make_probabilities(seed, n_classes)
    classes, score = decode.path(probability, reach)
    walked = classes >= 0
    assert np.array_equal(np.sort(~walked, axis=1), ~walked)
    own = decode.scores(probability, reach)
    expected = np.where(walked, np.take_along_axis(own, classes, axis=1), 0)
    np.testing.assert_array_equal(score, expected)
    above, below = classes[:, :-1][walked[:, 1:]], classes[:, 1:][walked[:, 1:]]
    assert reach[above, below].all() and (above != below).all()
    for threshold in [None, 0.0, *np.linspace(0.05, 0.95, 19)]:
        calls = [walk(p, reach, threshold, from_argmax=False) for p in probability.tolist()]
        assert decode.stop(classes, score, threshold).tolist() == calls


@given(seed=seeds, n_classes=class_counts)
def test_leaf_is_the_most_probable_one(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    reach = make_hierarchy(seed, n_classes)
    probability = make_probabilities(seed, n_classes)
    leaves = [c for c in range(n_classes) if reach[c].sum() == 1]
    expected = [max(leaves, key=lambda c: p[c]) for p in probability.tolist()]
    assert decode.leaf(probability, reach).tolist() == expected


@given(seed=seeds, n_classes=class_counts)
def test_calls_are_leaves_and_flat_classes_leave_no_choice(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    reach = make_hierarchy(seed, n_classes)
    probability = make_probabilities(seed, n_classes)
    for rule in (decode.leaf, decode.finest, decode.descend):
        calls = rule(probability, reach)
        assert (reach[calls].sum(axis=1) == 1).all()
        flat = rule(probability, np.eye(n_classes, dtype=bool))
        assert np.array_equal(flat, decode.argmax(probability))


def test_rules_differ_on_a_cell_that_is_torn() -> None:
    """Most mass below class 0, the greatest single share on class 4, which stands alone."""
    probability = torch.tensor([[0.05, 0.10, 0.27, 0.26, 0.32]])
    assert decode.argmax(probability).tolist() == [4]
    assert decode.leaf(probability, DIAMOND).tolist() == [4]
    assert decode.finest(probability, DIAMOND).tolist() == [4]
    assert decode.descend(probability, DIAMOND).tolist() == [3]
    assert decode.descend(probability, DIAMOND, threshold=0.5).tolist() == [2]
    assert decode.descend(probability, DIAMOND, threshold=0.9).tolist() == [0]
    assert decode.path(probability, DIAMOND)[0].tolist() == [[0, 2, 3]]
    score = decode.scores(probability, DIAMOND)
    torch.testing.assert_close(score, torch.tensor([[0.68, 0.36, 0.53, 0.26, 0.32]]))


def test_kinds_of_tensors_and_arrays() -> None:
    probability = torch.softmax(torch.randn(8, 5, requires_grad=True), dim=1)
    half = decode.descend(probability.half().detach(), DIAMOND)
    assert half.dtype == torch.int64
    assert decode.descend(probability, DIAMOND).shape == (8,)
    assert isinstance(decode.argmax(probability.detach().numpy()), np.ndarray)


@pytest.mark.parametrize(
    "rule", [decode.leaf, decode.finest, decode.descend, decode.scores, decode.path]
)
def test_what_does_not_fit_is_refused(rule: Callable[..., torch.Tensor]) -> None:
    with pytest.raises(ValueError, match=r"reachability has shape \(5, 5\).* 4 classes"):
        rule(torch.rand(2, 4), DIAMOND)
    with pytest.raises(ValueError, match=r"probability must be float B x C, got torch\.int64"):
        rule(torch.ones(2, 5, dtype=torch.int64), DIAMOND)


def test_threshold_is_a_share() -> None:
    with pytest.raises(ValueError, match=r"threshold must lie between 0 and 1, got 1\.5"):
        decode.descend(torch.rand(2, 5), DIAMOND, threshold=1.5)


@given(seed=seeds, n_classes=class_counts)
def test_arrays_and_tensors_are_told_the_same_to_the_last_bit(
    make_hierarchy: HierarchyMaker, seed: int, n_classes: int
) -> None:
    reach = make_hierarchy(seed, n_classes)
    array = make_probabilities(seed, n_classes).astype(np.float32)
    ours = decode.decide(array, reach, 0.5)
    theirs = decode.decide(torch.from_numpy(array), torch.from_numpy(reach), 0.5)
    assert ours.score.dtype == np.float32
    np.testing.assert_array_equal(ours.score, theirs.score.numpy())
    for mine, other in zip(ours.walk, theirs.walk, strict=True):
        np.testing.assert_array_equal(mine, other.numpy())
    for rule, call in ours.calls.items():
        np.testing.assert_array_equal(call, theirs.calls[rule].numpy())
    assert np.array_equal(ours.calls["finest"], decode.finest(array, reach))
    assert np.array_equal(ours.calls["safe"], decode.descend(array, reach, 0.5))


def test_arrays_need_no_torch() -> None:
    said = "import sys, hce.decode, hce.evaluation.predictions; assert 'torch' not in sys.modules"
    folder = Path(decode.__file__).parents[1]
    subprocess.run([sys.executable, "-c", said], cwd=folder, check=True)
