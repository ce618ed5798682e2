"""Compiled loops over cells or genes, divided among PyTorch's threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import torch


def in_threads(loop: Callable[..., None], size: int, *arguments: object) -> None:
    """Call a loop on equal ranges of 0 to `size`, one for each of PyTorch's threads.

    Our own pool, and not numba's: its default layers stop the process when two threads, here a
    loader and a training, enter them at once.

    Parameters
    ----------
    loop
        Gets the arguments, and first and last of its range; compiled without the GIL.
    size
        Of the whole range.
    """
    n_threads = min(torch.get_num_threads(), size)
    if n_threads <= 1:
        loop(*arguments, 0, size)
        return
    bounds = [size * i // n_threads for i in range(n_threads + 1)]
    executor = _executor(n_threads)
    parts = [executor.submit(loop, *arguments, first, last) for first, last in pairwise(bounds)]
    for part in parts:
        part.result()


@cache
def _executor(n_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_threads, thread_name_prefix="hce-loop")
