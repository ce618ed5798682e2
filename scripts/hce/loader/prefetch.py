"""Making the next items in a thread while the caller works on this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

Item = TypeVar("Item")
THREAD_NAME = "hce-prefetch"


class _End:
    """After the last item."""


END: Final = _End()


def prefetched(items: Generator[Item, None, None], depth: int) -> Iterator[Item]:
    """Yield the items of a generator, which runs up to `depth` items ahead in a thread.

    Parameters
    ----------
    items
        Runs in the thread, and is closed there when the caller leaves early.
    depth
        Items that are made or being made beside the one that the caller has; 0 starts no thread.

    Raises
    ------
    BaseException
        Whatever the generator raises, after the items before it.
    """
    if depth == 0:
        yield from items
        return
    with ThreadPoolExecutor(1, THREAD_NAME) as thread:
        waiting = deque(thread.submit(next, items, END) for _ in range(depth))
        try:
            while not isinstance(item := waiting.popleft().result(), _End):
                waiting.append(thread.submit(next, items, END))
                yield item
                del item  # not held while the next one is awaited
        finally:
            for future in waiting:
                future.cancel()
            thread.submit(items.close)
