"""Work that runs ahead of whoever waits for it."""

import os
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")
NICENESS = 10
"""Of two processors, one should be the waiting thread's whenever it has work: with three threads at work it had two thirds of one."""


class Ahead(Iterator[Item], Generic[Item]):
    """Hands out items in order while a thread makes up to `depth` of the next ones, from the start on.

    Errors come through where their item would have come. Close it where it may be left early: the thread then ends
    with the item it is at.
    """

    def __init__(self, items: Generator[Item], depth: int) -> None:
        self._items = items
        self._worker = ThreadPoolExecutor(1, initializer=_step_back)
        self._made = deque(self._worker.submit(next, items, None) for _ in range(depth))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        if not self._made:
            raise StopIteration
        try:
            item = self._made.popleft().result()
        except BaseException:
            self.close()
            raise
        if item is None:
            self.close()
            raise StopIteration
        self._made.append(self._worker.submit(next, self._items, None))
        return item

    def close(self) -> None:
        """End the thread, and what it makes items of."""
        while self._made:
            self._made.pop().cancel()
        self._worker.shutdown()
        self._items.close()


def importing(module: str) -> None:
    """Begin to import what is soon needed, beside what goes on until then; whoever imports it waits for that, and meets its errors."""
    threading.Thread(target=_import, args=(module,)).start()


def _import(module: str) -> None:
    with suppress(Exception):
        import_module(module)


def _step_back() -> None:
    """Let this thread work when others don't; only Linux has a priority for each thread."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
