from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from closedloop.core.calendar import WEEKS, calendar
from closedloop.core.plan import Window
from closedloop.model.file import Counts, FileIdentity, Load
from closedloop.model.page import Calendar, DayState, DeliveryDay

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 11, 20)
DUE = Window(TODAY, retention_days=14, today_is_due=True)
BY_NOON = {"clicks": "12:00", "opens": "12:00"}
ON_TIME = datetime(2026, 1, 1, 3, tzinfo=UTC)


def load(schema: str, back: int, at: datetime = ON_TIME) -> Load:
    day = TODAY - timedelta(days=back)
    modified = at.replace(year=day.year, month=day.month, day=day.day)
    file = FileIdentity("de", schema, f"{day:%Y%m%d}_{schema}.csv", day, 1, modified, "")
    return Load(file, Counts(loaded=5, quarantined=1), modified)


def both(*backs: int) -> list[Load]:
    return [load(schema, back) for back in backs for schema in BY_NOON]


def made(loads: list[Load], window: Window = DUE) -> Calendar:
    return calendar("de", loads, BY_NOON, window, BERLIN)


def on(shown: Calendar, back: int) -> DeliveryDay:
    return next(day for day in shown.days if day.day == TODAY - timedelta(days=back))


def test_a_day_whose_files_all_came_in_time_is_complete() -> None:
    day = on(made(both(0, 1)), 1)
    assert day == DeliveryDay(TODAY - timedelta(days=1), DayState.COMPLETE, 2, 2, rows=10, rejected=2)  # fmt: skip


@pytest.mark.parametrize(
    ("hour", "minute", "state"),
    [(11, 0, DayState.COMPLETE), (11, 1, DayState.LATE)],
    ids=["at noon", "a minute later"],
)
def test_late_is_after_the_hour_of_the_clients_own_clock(
    hour: int, minute: int, state: DayState
) -> None:
    came = ON_TIME.replace(hour=hour, minute=minute)
    assert on(made([load("clicks", 1), load("opens", 1, came)]), 1).state is state


def test_a_day_with_some_files_is_partial_and_names_the_others_and_the_days_left() -> None:
    day = on(made([*both(3), load("clicks", 2)]), 2)
    assert (day.state, day.missing, day.days_left, day.is_lost) == (DayState.PARTIAL, ("opens",), 12, False)  # fmt: skip


def test_a_day_without_files_between_others_is_missing() -> None:
    day = on(made(both(3, 1)), 2)
    assert (day.state, day.came, day.days_left) == (DayState.MISSING, 0, 12)


def test_what_the_server_has_forgotten_is_lost() -> None:
    shown = made(both(20, 13))
    assert (on(shown, 14).days_left, on(shown, 14).is_lost) == (0, False)
    assert (on(shown, 15).days_left, on(shown, 15).is_lost) == (-1, True)


def test_today_is_awaited_until_the_hour_is_over() -> None:
    early = Window(TODAY, retention_days=14, today_is_due=False)
    assert on(made(both(1), early), 0).state is DayState.AWAITED
    assert on(made(both(1)), 0).state is DayState.MISSING
    assert on(made(both(1, 0), early), 0).state is DayState.COMPLETE


def test_what_was_lost_lately_is_named_for_as_long_again_as_the_server_keeps_files() -> None:
    shown = made([*both(40, 14), load("opens", 15), load("clicks", 28), load("opens", 29)])
    lost = {(TODAY - day.day).days: day.missing for day in shown.lost}
    assert [*lost] == [*range(28, 14, -1)]
    assert (lost[28], lost[27], lost[15]) == (("opens",), ("clicks", "opens"), ("clicks",))


def test_a_platform_that_is_ahead_shows_the_days_that_have_come() -> None:
    shown = made([*both(0), load("clicks", -2)])
    assert [(day.day.day, day.state) for day in shown.days] == [
        (20, DayState.COMPLETE),
        (21, DayState.AWAITED),
        (22, DayState.AWAITED),
    ]
    assert shown.gaps == []
    assert [day.state for day in made(both(-1)).days] == [DayState.COMPLETE]


def test_a_file_of_a_far_day_adds_no_weeks() -> None:
    assert len(made([*both(0), *both(-300)]).days) == 1
    assert made(both(-300)).weeks == ()


def test_weeks_begin_on_monday_and_only_days_since_the_first_delivery_count() -> None:
    shown = made(both(8))
    assert [[day.day.day if day else None for day in week] for week in shown.weeks] == [
        [None, None, None, 12, 13, 14, 15],
        [16, 17, 18, 19, 20, None, None],
    ]


def test_a_long_history_shows_its_last_weeks() -> None:
    shown = made(both(400, 1))
    assert len(shown.weeks) == WEEKS
    assert all(day for week in shown.weeks[:-1] for day in week)


def test_before_the_first_delivery_there_is_no_calendar() -> None:
    assert made([]).weeks == ()


def test_a_file_that_no_job_pulls_any_more_is_not_counted() -> None:
    assert made([load("links", 1)]).weeks == ()
