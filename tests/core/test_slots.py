"""Slots of a schedule: the latest that began, the next, those between, whatever the clocks do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.core.slots import current_slot, next_slot, schedule_error, slots_between

BERLIN = ZoneInfo("Europe/Berlin")
TUESDAYS_AT_SIX = "0 6 * * 2"
SPRING = datetime(2026, 3, 29, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 25, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        pytest.param("2026-11-24T05:00:00", "2026-11-24T05:00:00", id="as it begins"),
        pytest.param("2026-11-24T04:59:59", "2026-11-17T05:00:00", id="a second before"),
        pytest.param("2026-11-24T05:00:00.5", "2026-11-24T05:00:00", id="within its second"),
        pytest.param("2026-11-30T23:00:00", "2026-11-24T05:00:00", id="days later"),
        pytest.param("2026-07-07T04:00:00", "2026-07-07T04:00:00", id="in summer"),
        pytest.param("2026-04-01T00:00:00", "2026-03-31T04:00:00", id="after the clocks changed"),
    ],
)
def test_the_current_slot_is_the_latest_that_began(now: str, slot: str) -> None:
    assert current_slot(TUESDAYS_AT_SIX, utc(now), BERLIN) == utc(slot)


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        pytest.param("2026-11-23T22:59:59", "2026-11-22T23:00:00", id="before midnight there"),
        pytest.param("2026-11-23T23:00:00", "2026-11-23T23:00:00", id="at midnight there"),
        pytest.param("2026-10-25T12:00:00", "2026-10-24T22:00:00", id="the day of 25 hours"),
        pytest.param("2026-10-25T22:59:00", "2026-10-24T22:00:00", id="its last hour"),
        pytest.param("2026-03-29T12:00:00", "2026-03-28T23:00:00", id="the day of 23 hours"),
    ],
)
def test_without_a_schedule_the_slot_is_the_local_day(now: str, slot: str) -> None:
    assert current_slot(None, utc(now), BERLIN) == utc(slot)


def test_the_next_slot_lies_after_now() -> None:
    assert next_slot(TUESDAYS_AT_SIX, utc("2026-11-24T05:00:00"), BERLIN) == utc(
        "2026-12-01T05:00:00"
    )


def test_a_slot_in_the_hour_that_is_skipped_comes_as_the_clocks_jump() -> None:
    assert current_slot("30 2 * * *", SPRING + timedelta(hours=1), BERLIN) == SPRING + timedelta(
        hours=1
    )


def test_a_slot_in_the_repeated_hour_comes_once() -> None:
    minutes = [AUTUMN + timedelta(minutes=minute) for minute in range(30, 240)]
    assert {current_slot("30 2 * * *", now, BERLIN) for now in minutes} == {
        AUTUMN + timedelta(minutes=30)
    }


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
@pytest.mark.parametrize(
    "schedule",
    ["30 2 * * *", "0 2 * * *", "0 3 * * *", "*/10 * * * *", "15,45 2 * * *", "5 1-3 * * 0"],
)
def test_slots_never_go_back_while_the_clocks_change(schedule: str, day: datetime) -> None:
    times = [day + timedelta(minutes=minute) for minute in range(-90, 300, 3)]
    slots = [current_slot(schedule, now, BERLIN) for now in times]
    assert slots == sorted(slots)
    for now, slot in zip(times, slots, strict=True):
        assert slot <= now < next_slot(schedule, now, BERLIN)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 made aware below
    st.integers(0, 59),
    st.integers(0, 23),
    st.sampled_from(["* * *", "* * 1,4", "1 * *", "29 3 *", "25 10 *"]),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_a_moment_lies_between_its_slot_and_the_next(
    moment: datetime, minute: int, hour: int, days: str, zone: str
) -> None:
    now, schedule = moment.replace(tzinfo=UTC), f"{minute} {hour} {days}"
    slot, following = (find(schedule, now, ZoneInfo(zone)) for find in (current_slot, next_slot))
    assert slot <= now < following
    assert current_slot(schedule, following - timedelta(seconds=1), ZoneInfo(zone)) == slot
    assert current_slot(schedule, following, ZoneInfo(zone)) == following


def test_slots_between_two_are_neither_of_them_and_at_most_a_hundred() -> None:
    first, last = utc("2026-11-24T05:00:00"), utc("2026-11-27T05:00:00")
    days = ["2026-11-25T05:00:00", "2026-11-26T05:00:00"]
    assert slots_between("0 6 * * *", first, last, BERLIN) == [*map(utc, days)]
    assert slots_between("0 6 * * *", first, utc(days[0]), BERLIN) == []
    assert len(slots_between("0 * * * *", first, last, BERLIN)) == 71
    assert len(slots_between("* * * * *", first, last, BERLIN)) == 100


@pytest.mark.parametrize("schedule", ["0 6 * * 2", "*/10 6-20 * * mon-fri", "0 0 1,15 JAN *"])
def test_a_schedule_that_cron_knows_is_right(schedule: str) -> None:
    assert schedule_error(schedule) is None


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        pytest.param("61 * * * *", "the minute '61' does not exist", id="minute"),
        pytest.param("0 6 * * 8", "the day of week '8' does not exist", id="day of week"),
        pytest.param("0 6 * * tuesday", "the day of week 'tuesday' does not exist", id="name"),
        pytest.param("0 0 30 2 *", "the day of month '30' does not exist", id="no such day"),
        pytest.param("0 6 * *", "it needs five fields, not 4", id="a field short"),
        pytest.param("0 0 6 * * 2", "it needs five fields, not 6", id="with seconds"),
        pytest.param("@daily", "it needs five fields, not 1", id="a nickname"),
        pytest.param("", "it needs five fields, not 0", id="empty"),
        pytest.param("0 6 L * *", "cron does not know 'L' as day of month", id="not cron's"),
        pytest.param("0 6 * * 2#1", "cron does not know '2#1' as day of week", id="nor this"),
    ],
)
def test_a_wrong_schedule_is_explained(schedule: str, sentence: str) -> None:
    assert sentence in str(schedule_error(schedule))
