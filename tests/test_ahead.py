from collections.abc import Generator
from contextlib import closing
from threading import Event, current_thread, main_thread

import pytest

from closedloop.ahead import Ahead

PATIENCE = 10


def test_items_come_in_order() -> None:
    assert [*Ahead((n for n in range(100)), 3)] == [*range(100)]


def test_the_next_items_are_made_while_one_is_used() -> None:
    made = [Event() for _ in range(4)]

    def making() -> Generator[int]:
        for n, each in enumerate(made):
            assert current_thread() is not main_thread()
            each.set()
            yield n

    with closing(Ahead(making(), 2)) as items:
        assert next(items) == 0
        assert made[2].wait(PATIENCE)
        assert not made[3].is_set()


def test_an_error_comes_after_the_items_before_it() -> None:
    def making() -> Generator[int]:
        yield 1
        raise OSError("no more")

    items = Ahead(making(), 3)
    assert next(items) == 1
    with pytest.raises(OSError, match="no more"):
        next(items)


def test_who_leaves_early_leaves_nothing_running_or_open() -> None:
    closed = Event()

    def making() -> Generator[int]:
        try:
            yield from range(100)
        finally:
            closed.set()

    with closing(Ahead(making(), 3)) as items:
        next(items)
    assert closed.is_set()
