"""Shared fixtures: hierarchies and OBO files made from a seed, independently of the library."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

# the same examples on every machine, and no time limit that a busy machine could miss
settings.register_profile("deterministic", derandomize=True, deadline=None, database=None)
settings.load_profile("deterministic")

# pytest runs inside `make test`: a make that a test starts is no part of that one, or it would
# announce its folders and take over its options
for inherited in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"):
    os.environ.pop(inherited, None)

HierarchyMaker = Callable[..., NDArray[np.bool_]]
OboWriter = Callable[..., Path]


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    """Small tensors are slow in many threads, most of all where the cores are busy."""
    import torch  # here, so that tests without torch do not wait for it

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def make_hierarchy() -> HierarchyMaker:
    """Function (seed, n_classes, density) -> reachability of a random DAG, bool C x C."""

    def make(seed: int, n_classes: int, density: float = 0.25) -> NDArray[np.bool_]:
        rng = np.random.default_rng(seed)
        edges = np.triu(rng.random((n_classes, n_classes)) < density, k=1)
        reach = edges | np.eye(n_classes, dtype=bool)
        for middle in range(n_classes):  # Warshall's transitive closure
            reach |= np.outer(reach[:, middle], reach[middle, :])
        order = rng.permutation(n_classes)
        return reach[np.ix_(order, order)]

    return make


@pytest.fixture(scope="session")
def write_obo(tmp_path_factory: pytest.TempPathFactory) -> OboWriter:
    """Function (parents by term id, further stanzas) -> path of an OBO file of these terms."""

    def write(parents: dict[str, Sequence[str]], more: str = "") -> Path:
        stanzas = ["format-version: 1.2\ndata-version: cl/releases/2020-02-02\nontology: cl"]
        for term_id, term_parents in parents.items():
            lines = ["[Term]", f"id: {term_id}", f"name: name of {term_id}"]
            lines += [f"is_a: {parent} ! name of {parent}" for parent in term_parents]
            stanzas.append("\n".join(lines))
        path = tmp_path_factory.mktemp("ontology") / "cl.obo"
        path.write_text("\n\n".join([*stanzas, more.strip()]) + "\n", encoding="utf-8")
        return path

    return write
