"""A thread that works for one that a signal may end anywhere."""

import time
from functools import partial

import pytest

from closedloop.remote.aside import Aside


def test_all_is_done_in_order_before_a_wait_is_over() -> None:
    done: list[int] = []
    aside = Aside()
    for number in range(100):
        aside.do(partial(done.append, number))
    aside.wait()
    for _ in range(2):
        aside.close()

    assert done == list(range(100))


def test_an_error_is_told_once_and_what_follows_is_done() -> None:
    done: list[str] = []
    aside = Aside()
    aside.do(lambda: 1 / 0)
    aside.do(lambda: done.append("next"))

    with pytest.raises(ZeroDivisionError):
        aside.wait()
    aside.wait()
    aside.close()

    assert done == ["next"]


def test_a_wait_for_few_does_not_wait_for_all() -> None:
    done: list[int] = []
    aside = Aside()
    for number in range(6):
        aside.do(partial(_slowly, done, number))
    aside.wait(3)
    so_far = len(done)
    aside.close()

    assert so_far < 6
    assert len(done) == 6


def _slowly(done: list[int], number: int) -> None:
    time.sleep(0.05)
    done.append(number)
