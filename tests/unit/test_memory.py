"""Scratch memory keeps what it is told to keep, and is used again."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hce.memory import Scratch


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12))
def test_growing_step_by_step_keeps_what_was_there(steps: list[int]) -> None:
    scratch, used = Scratch(), 0
    for number, n_new in enumerate(steps):
        array = scratch.reserve("counts", np.uint32, used + n_new, used)
        array[used : used + n_new] = number
        used += n_new
    expected = np.repeat(np.arange(len(steps)), steps)
    assert np.array_equal(array[:used], expected)


def test_room_that_is_there_is_used_again_and_names_are_apart() -> None:
    scratch = Scratch()
    first = scratch.reserve("genes", np.uint16, 100)
    assert scratch.reserve("genes", np.uint16, 60) is first
    assert scratch.reserve("counts", np.uint8, 60) is not first
    assert len(scratch.reserve("genes", np.uint16, 101)) >= 101
