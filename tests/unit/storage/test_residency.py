"""Where splits are kept follows from the memory, and too little of it is refused by its key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hce.storage.residency import MB, Kept, Size, divide, overhead

TRAIN, VALIDATION = Size(1000, 200, 30), Size(300, 20, 20)


def test_a_window_is_as_large_as_the_largest_shards_are() -> None:
    # 18 bytes a cell, 4 a nonzero count
    assert Size.of([1, 2, 3], [10, 5, 1], 2) == Size(172, 58 + 58, 58)
    assert Size.of([1, 2, 3], [10, 5, 1], 9) == Size(172, 172, 58)


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (1300, [("host", 1, 1000), ("host", 1, 300)]),
        (1299, [("host", 1, 1000), ("stream", 1, 40)]),
        (1020, [("host", 1, 1000), ("stream", 0, 20)]),
        (1019, [("stream", 1, 400), ("host", 1, 300)]),
        (699, [("stream", 1, 400), ("stream", 1, 40)]),
        (420, [("stream", 1, 400), ("stream", 0, 20)]),
        (419, [("stream", 0, 200), ("stream", 1, 40)]),
        (220, [("stream", 0, 200), ("stream", 0, 20)]),
    ],
)
def test_more_memory_keeps_more(memory: int, expected: list[tuple[str, int, int]]) -> None:
    kept = divide([TRAIN, VALIDATION], ["auto", "auto"], memory + 70, beside=70)
    assert kept == [Kept(*way) for way in expected]


@given(memory=st.integers(220, 2000))
def test_no_more_is_taken_than_there_is(memory: int) -> None:
    assert sum(kept.taken for kept in divide([TRAIN, VALIDATION], ["auto"] * 2, memory)) <= memory


def test_a_gpu_takes_its_cells_shard_by_shard() -> None:
    kept = divide([TRAIN, VALIDATION], ["device", "auto"], 50)
    assert [way.residency for way in kept] == ["device", "stream"]


def test_too_little_memory_is_refused_with_what_would_do() -> None:
    sizes = [Size(50_000 * MB, 4_000 * MB, MB), Size(9_000 * MB, 200 * MB, 200 * MB)]
    message = (
        r"resources\.train_memory: 4,999 MB are too little for a training: the smallest window of "
        r"shards takes 4,000 MB, all else 1,000 MB\. Set it to 5000 or more, or lower "
        r"training\.shuffle_window"
    )
    with pytest.raises(ValueError, match=message):
        divide(sizes, ["auto", "auto"], 4_999 * MB, 800 * MB)
    assert divide(sizes, ["auto", "auto"], 5_000 * MB, 800 * MB)[0] == Kept("stream", 0, 4000 * MB)
    message = "training.residency host takes 50,000 MB, .* Set it to 59000 or more, or set"
    with pytest.raises(ValueError, match=message):
        divide(sizes, ["host", "host"], 5_000 * MB)


def test_a_training_takes_more_with_larger_batches_vectors_and_cuda() -> None:
    assert overhead(600, 256, 0, gpu=False) == 500 * MB + 7 * 4 * 600 * 256
    assert overhead(600, 256, 10, gpu=True) == 3000 * MB + 4 * 600 * 10


def test_it_says_how_in_words() -> None:
    assert str(Kept("host", 1, 1500 * MB)) == "host (1,500 MB)"
    assert str(Kept("stream", 1, MB)) == "stream, the next window decoded ahead (1 MB)"
    assert str(Kept("stream", 0, MB)) == "stream, one window at a time (1 MB)"
