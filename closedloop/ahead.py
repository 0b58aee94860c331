"""Work that runs ahead of whoever waits for it."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Generator[Item], depth: int) -> Generator[Item]:
    """Yield items in order while a thread makes up to `depth` of the next ones.

    Errors come through where their item would have come. Close it where it may be left early: the thread then ends
    with the item it is at.
    """
    with closing(items), ThreadPoolExecutor(1) as worker:
        made = deque(worker.submit(next, items, None) for _ in range(depth))
        try:
            while (item := made.popleft().result()) is not None:
                made.append(worker.submit(next, items, None))
                yield item
        finally:
            for each in made:
                each.cancel()
