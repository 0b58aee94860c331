"""What a pull makes good: a lost ledger or warehouse, a day to be taken in again, a run that was killed."""

from collections.abc import Callable
from datetime import date

import pytest

from closedloop.errors import ProjectError
from closedloop.model.run import FileStatus
from tests.flows.delivered import LEFT, left
from tests.flows.desk import Desk
from tests.flows.told import files, only


def test_a_lost_ledger_is_made_anew_from_the_warehouse(desk: Desk) -> None:
    desk.put("20261119_unsubscribes.csv", LEFT + left(1))
    desk.pull()
    (desk.root / "var" / "ledger.sqlite").unlink()
    desk.put("20261120_unsubscribes.csv", LEFT + left(2))
    assert list(files(desk.pull())) == ["20261120_unsubscribes.csv"]
    assert files(desk.pull("2026-11-20T12:10")) == {}
    assert len(desk.rows("select * from unsubscribes")) == 2


def test_a_lost_warehouse_is_filled_again_when_something_new_comes(desk: Desk) -> None:
    desk.put("20261119_unsubscribes.csv", LEFT + left(1))
    desk.pull()
    (desk.root / "var" / "warehouse.duckdb").unlink()
    desk.put("20261120_unsubscribes.csv", LEFT + left(2))
    assert len(files(desk.pull())) == 2
    assert len(desk.rows("select * from unsubscribes")) == 2


def test_a_day_is_taken_in_again_from_the_server(desk: Desk) -> None:
    desk.put("20261119_unsubscribes.csv", LEFT + left(1))
    desk.put("20261120_unsubscribes.csv", LEFT + left(2))
    desk.pull()
    report = desk.pull(day=date(2026, 11, 19))
    assert (only(report).name, only(report).status) == (
        "20261119_unsubscribes.csv",
        FileStatus.RELOADED,
    )
    assert len(desk.rows("select * from unsubscribes")) == 2
    assert desk.left("landing") == []


@pytest.mark.parametrize("lost", ["", "ledger.sqlite", "warehouse.duckdb"])
def test_a_day_that_the_server_forgot_is_taken_in_from_the_archive(desk: Desk, lost: str) -> None:
    desk.put("20261119_unsubscribes.csv", LEFT + left(1))
    desk.pull()
    desk.put("20261119_unsubscribes.csv", LEFT + left(1) + left(2), "2026-11-20T06:00")
    desk.pull()
    desk.remote.remove("/outgoing/20261119_unsubscribes.csv")
    if lost:
        (desk.root / "var" / lost).unlink()
    file = only(desk.pull(day=date(2026, 11, 19)))
    assert (file.counts.loaded, desk.left("landing")) == (2, [])
    assert len(desk.rows("select * from unsubscribes")) == 2
    assert len(desk.left("archive")) == 2


def test_a_day_of_which_nothing_is_left_is_said_to_be_gone(desk: Desk) -> None:
    with pytest.raises(ProjectError, match="no file of this day is on the server"):
        desk.pull(day=date(2026, 11, 20))


def test_a_file_fetched_by_a_killed_run_is_not_lost_when_the_server_forgets_it(
    desk: Desk, kill: Callable[..., bool]
) -> None:
    desk.put("20261120_unsubscribes.csv", LEFT + left(1))
    looks = 0
    while desk.left("landing") != ["20261120_unsubscribes.csv"]:
        looks += 1
        assert kill(desk.pull, looks, before=False)
    desk.remote.remove("/outgoing/20261120_unsubscribes.csv")
    assert only(desk.pull("2026-12-10T12:00")).counts.loaded == 1
    assert desk.left("landing") == []


@pytest.mark.parametrize("before", [True, False], ids=["before an act", "after an act"])
def test_a_pull_killed_anywhere_is_made_good_by_the_next_one(
    new_desk: Callable[[str], Desk], kill: Callable[..., bool], *, before: bool
) -> None:
    bad = left(3).replace(b"9;", b"x;")
    looks, was_killed = 0, True
    while was_killed:
        looks += 1
        desk = new_desk(str(looks))
        desk.put("20261120_unsubscribes.csv", LEFT + left(1) + left(1) + bad)
        was_killed = kill(desk.pull, looks, before=before)
        desk.pull("2026-11-20T12:10")
        found = desk.rows("select mailing_to_user_id as who from raw_unsubscribes")
        assert [row["who"] for row in found] == [1, 1], f"killed at {looks}"
        assert [row["line"] for row in desk.quarantine()] == ["4"], f"killed at {looks}"
        assert (len(desk.left("archive")), desk.left("landing")) == (1, []), f"killed at {looks}"
        assert files(desk.pull("2026-11-20T12:20")) == {}, f"killed at {looks}"
    assert looks > 10
