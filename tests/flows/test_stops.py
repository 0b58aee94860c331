"""Runs that are told to end at each of their safe points in turn: the next run goes on, and nothing is lost or doubled."""

from collections.abc import Callable

import pytest

from closedloop.errors import Stopped
from closedloop.model.run import RunReport
from closedloop.remote.base import Progress
from closedloop.remote.stoppable import StoppableRemote
from closedloop.stopping import Stopping
from tests.flows.delivered import LEFT
from tests.flows.desk import Desk

FEWEST_POINTS = 4


class Told(Stopping):
    """Is told to end at its n-th safe point."""

    def __init__(self, points: int) -> None:
        super().__init__()
        self._left = points

    def check(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.tell(Stopped("told to stop"))
        super().check()

    def watch(self, _title: str) -> Progress:
        self.check()
        return lambda _done, _whole: self.check()


def stopped_at_each(
    desk: Callable[[int], Desk], run: Callable[[Desk, Told], RunReport]
) -> list[Desk]:
    """Stop a run at its first safe point, another at its second, and so on until one comes to its end."""
    desks: list[Desk] = []
    while True:
        desks.append(desk(len(desks)))
        try:
            run(desks[-1], Told(len(desks)))
        except Stopped:
            continue
        assert len(desks) > FEWEST_POINTS
        return desks


def test_a_send_stopped_anywhere_mails_once(new_desk: Callable[[str], Desk]) -> None:
    def run(desk: Desk, told: Told) -> RunReport:
        return desk.send(remote=StoppableRemote(desk.remote, told), watch=told.watch)

    for desk in stopped_at_each(lambda n: new_desk(f"shop{n}"), run):
        desk.send("2026-11-24T06:10")
        assert len(desk.uploads()) == 1
        assert desk.left("outbox") == []


def test_a_pull_stopped_anywhere_loads_every_row_once(new_desk: Callable[[str], Desk]) -> None:
    def filled(number: int) -> Desk:
        desk = new_desk(f"shop{number}")
        for day in (19, 20):
            row = f"{day};1;9;left@example.com;2026-11-{day} 12:00:00\n".encode()
            desk.put(f"202611{day}_unsubscribes.csv", LEFT + row)
        return desk

    def run(desk: Desk, told: Told) -> RunReport:
        return desk.pull(remote=StoppableRemote(desk.remote, told), watch=told.watch)

    for desk in stopped_at_each(filled, run):
        desk.pull("2026-11-20T12:10")
        assert desk.rows("select count(*) n from unsubscribes") == [{"n": 2}]
        assert desk.left("landing") == []
        assert len(desk.left("archive")) == 2


def test_a_rename_under_way_is_not_broken_off(desk: Desk) -> None:
    told = Told(0)

    class Renaming(StoppableRemote):
        def publish(self, staged: str, path: str) -> None:
            super().publish(staged, path)
            told.tell(Stopped("told to stop"))

    report = desk.send(remote=Renaming(desk.remote, told), watch=told.watch)
    assert report.exit_code == 0
    assert len(desk.uploads()) == 1
    with pytest.raises(Stopped):
        told.check()
