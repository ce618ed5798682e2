"""Prefetching, the choice of the residency, memory that is used again, and dense batches."""

from __future__ import annotations

import threading
from collections.abc import Generator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import hce.loader.expression
from hce.loader.buffers import BufferPool
from hce.loader.device import choose_places
from hce.loader.expression import SparseExpression
from hce.loader.prefetch import prefetched
from hce.storage.residency import Size

CPU = torch.device("cpu")
GB = 2**30


def counting(n: int, made: list[int], error: Exception | None = None) -> Generator[int, None, None]:
    """0 to n - 1, then the error; each number is noted when it is made, -1 at the end."""
    try:
        for number in range(n):
            made.append(number)
            yield number
        if error:
            raise error
    finally:
        made.append(-1)


@given(n=st.integers(0, 20), depth=st.integers(0, 4))
def test_prefetching_keeps_the_items_and_their_order(n: int, depth: int) -> None:
    assert list(prefetched(counting(n, []), depth)) == list(range(n))


@pytest.mark.parametrize("depth", [1, 3])
def test_no_more_than_the_depth_is_made_ahead(depth: int) -> None:
    made: list[int] = []
    items = prefetched(counting(100, made), depth)
    for number in range(20):
        assert next(items) == number
        assert max(made) <= number + depth
    items.close()
    assert made[-1] == -1  # the generator was closed, in its thread
    assert len(made) <= 20 + depth + 1
    assert not any(thread.name.startswith("hce-prefetch") for thread in threading.enumerate())


@pytest.mark.parametrize("depth", [0, 2])
def test_an_error_comes_after_the_items_before_it(depth: int) -> None:
    seen = []
    items = prefetched(counting(5, [], OSError("disk")), depth)
    with pytest.raises(OSError, match="disk"):
        seen.extend(items)  # keeps what came before the error
    assert seen == [0, 1, 2, 3, 4]


def test_a_buffer_is_lent_again_only_when_no_view_is_left() -> None:
    pool = BufferPool(slots=1)
    first = pool.tensor(1000, "float32")
    address, view = first.data_ptr(), first.view(10, 100)[3:]
    del first
    other = pool.tensor(1000, "float32")
    assert other.data_ptr() != address
    del view
    assert pool.tensor(900, "float32").data_ptr() == address


def test_a_buffer_grows_and_changes_its_type() -> None:
    pool = BufferPool(slots=2)
    for size, dtype in [(10, "float32"), (5000, "float32"), (7, "int32"), (6000, "int32")]:
        tensor = pool.tensor(size, dtype)
        assert tensor.shape == (size,)
        assert tensor.dtype == getattr(torch, dtype)
        tensor.fill_(1)


@pytest.mark.parametrize("few", [0, 2**19])
@pytest.mark.parametrize("threads", [1, 2])
def test_dense_is_that_of_scipy(monkeypatch: pytest.MonkeyPatch, few: int, threads: int) -> None:
    monkeypatch.setattr(hce.loader.expression, "FEW_NONZERO", few)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for seed in range(3):
            rng = np.random.default_rng(seed)
            matrix = sparse.random(7, 50, 0.2, format="csr", dtype=np.float32, random_state=rng)
            matrix.sort_indices()
            batch = SparseExpression(
                torch.from_numpy(matrix.indptr.astype(np.int64)),
                torch.from_numpy(matrix.indices.astype(np.int32)),
                torch.from_numpy(matrix.data),
                50,
            )
            dense = batch.dense()
            np.testing.assert_array_equal(dense.numpy(), matrix.toarray())
            dense.fill_(np.nan)  # a consumer may change its batch
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("free", "needed", "expected"),
    [
        (139, (125, 1), ["device", "auto"]),
        (139, (126, 1), ["auto", "device"]),
        (20, (12, 0), ["device", "device"]),
        (20, (13, 13), ["auto", "auto"]),
    ],
)
def test_a_split_stays_on_a_gpu_that_has_room_for_it_and_the_model(
    monkeypatch: pytest.MonkeyPatch, free: int, needed: tuple[int, int], expected: list[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * GB, 141 * GB))
    sizes = [Size(whole * GB, GB, GB) for whole in needed]
    assert choose_places("auto", sizes, torch.device("cuda")) == expected
    assert choose_places("host", sizes, torch.device("cuda")) == ["host", "host"]
    assert choose_places("auto", sizes, CPU) == ["auto", "auto"]


def test_impossible_residencies_are_refused() -> None:
    with pytest.raises(ValueError, match=r"training\.residency: 'disk' is none of auto, stream"):
        choose_places("disk", [], CPU)
    with pytest.raises(
        ValueError, match="memory of a GPU, but this training runs on cpu; use host"
    ):
        choose_places("device", [], CPU)
