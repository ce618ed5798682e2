"""Making the next items in a thread while the caller works on this one."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import TypeVar

Item = TypeVar("Item")
THREAD_NAME = "hce-prefetch"


class _End:
    """After the last item."""


@dataclass(frozen=True)
class _Failure:
    error: BaseException


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
    queue: SimpleQueue = SimpleQueue()
    slots, stop = Semaphore(depth), Event()
    arguments = (items, queue, slots, stop)
    thread = Thread(target=_work, args=arguments, name=THREAD_NAME, daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            if isinstance(item, _Failure):
                raise item.error
            slots.release()
            yield item
            del item  # not held while the next one is awaited
    finally:
        stop.set()
        slots.release()
        thread.join()


def _work(
    items: Generator[Item, None, None], queue: SimpleQueue, slots: Semaphore, stop: Event
) -> None:
    try:
        slots.acquire()
        for item in items:
            queue.put(item)
            del item
            slots.acquire()
            if stop.is_set():
                return
        queue.put(_End())
    except BaseException as error:  # every one belongs to the caller
        queue.put(_Failure(error))
    finally:
        items.close()
