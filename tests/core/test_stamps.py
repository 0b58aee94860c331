"""Stamps: the local times in the names of our files, which rise whatever the clock and the state folder do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from closedloop.core.stamps import after, is_far_ahead, local_stamp, lowest_free, moment, strangers
from closedloop.model.file import RemoteFile
from closedloop.model.filename import Pattern

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 5, 0, 7, 900_000, tzinfo=UTC)
NAMES = Pattern("{date:%Y%m%d%H%M%S}_subscribers.csv")


def listed(*names: str) -> list[RemoteFile]:
    return [RemoteFile(name, 10, NOW) for name in names]


def free(now: datetime, *names: str) -> int:
    return lowest_free(now, BERLIN, listed(*names), NAMES)


def test_a_stamp_is_the_clients_local_time() -> None:
    assert local_stamp(NOW, BERLIN) == 20261124060007
    assert moment(20261124060007).isoformat() == "2026-11-24T06:00:07"


@pytest.mark.parametrize(
    ("stamp", "later"),
    [
        (20261124060007, 20261124060008),
        (20261124060059, 20261124060100),
        (20261231235959, 20270101000000),
        (20280228235959, 20280229000000),
    ],
)
def test_the_stamp_after_is_the_next_second_of_the_calendar(stamp: int, later: int) -> None:
    assert after(stamp) == later


def test_on_an_empty_server_the_stamp_is_now() -> None:
    assert free(NOW) == 20261124060007


def test_the_listing_counts_so_that_names_rise_after_the_state_was_lost() -> None:
    assert free(NOW, "20261124060007_subscribers.csv") == 20261124060008


def test_a_name_from_the_future_is_passed() -> None:
    names = ("20270101000000_subscribers.csv", "20261124060006_subscribers.csv")
    assert free(NOW, *names) == 20270101000001


@pytest.mark.parametrize(
    "name",
    [
        "20270101000000_subscribers.csv.part",
        "20270101000000_products.csv",
        "20271301000000_subscribers.csv",
        "readme.txt",
    ],
)
def test_names_that_are_not_ours_do_not_count(name: str) -> None:
    assert free(NOW, name) == 20261124060007


def test_names_strictly_rise_through_the_repeated_hour() -> None:
    start = datetime(2026, 10, 24, 23, 59, tzinfo=UTC)
    names: list[str] = []
    for minute in range(0, 200, 7):
        stamp = free(start + timedelta(minutes=minute), *names)
        names.append(NAMES.name(moment(stamp)))
    assert names == sorted(set(names))
    assert names[-1] == "20261025041500_subscribers.csv"


@pytest.mark.parametrize(
    ("stamp", "is_far"), [(20261125060007, False), (20261125060008, True), (20271124060007, True)]
)
def test_a_stamp_more_than_a_day_ahead_of_the_clock_is_far_ahead(
    stamp: int, *, is_far: bool
) -> None:
    assert is_far_ahead(stamp, NOW, BERLIN) is is_far


def test_whose_name_was_never_given_out_since_a_stamp_is_a_stranger() -> None:
    names = [f"2026112406000{second}_subscribers.csv" for second in range(6, 10)]
    others = ["20261124060008_products.csv", "20261124060008_subscribers.csv.part"]
    found = strangers([*names, *others], NAMES, {20261124060008}, 20261124060007)
    assert found == [names[1], names[3]]
