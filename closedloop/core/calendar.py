"""The calendar of deliveries: which days are complete, late, partial or missing, and how long there is time."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from closedloop.core.plan import Window
from closedloop.model.file import Load
from closedloop.model.page import Calendar, DayState, DeliveryDay

WEEKS = 13
DAYS_OF_A_WEEK = 7
HORIZON = timedelta(weeks=4)
"""How far ahead of our clock the platform may be, as in a rehearsal; a file of a later day has a wrong name."""


def calendar(
    client: str, loads: Sequence[Load], expected_by: dict[str, str], days: Window, zone: ZoneInfo
) -> Calendar:
    """Return the last weeks of a client's deliveries; `expected_by` says when each schema's file should be there.

    The first day that anything was delivered is the first that is expected. Days that are still to come are among them where
    something of them has come.
    """
    latest = max(expected_by.values(), default="")
    ours = [
        load
        for load in loads
        if load.file.schema in expected_by and load.file.day <= days.today + HORIZON
    ]
    if not ours:
        return Calendar(client, latest, ())
    by_day: dict[date, list[Load]] = {}
    for load in ours:
        by_day.setdefault(load.file.day, []).append(load)
    monday = _monday(days.today) - timedelta(weeks=WEEKS - 1)
    first, last = max(min(by_day), monday), max(days.today, *by_day)
    shown = {
        day: _day(day, by_day.get(day, []), expected_by, days, zone) for day in _range(first, last)
    }
    weeks = tuple(
        tuple(shown.get(start + timedelta(days=n)) for n in range(DAYS_OF_A_WEEK))
        for start in _range(_monday(first), last)[::DAYS_OF_A_WEEK]
    )
    forgotten = range(-days.retention_days, 0)
    lost = tuple(day for day in shown.values() if day.days_left in forgotten)
    return Calendar(client, latest, weeks, lost)


def _day(
    day: date, loads: Sequence[Load], expected_by: dict[str, str], days: Window, zone: ZoneInfo
) -> DeliveryDay:
    came = {load.file.schema for load in loads}
    missing = tuple(schema for schema in expected_by if schema not in came)
    return DeliveryDay(
        day=day,
        state=_state(day, loads, missing, expected_by, days, zone),
        came=len(came),
        expected=len(expected_by),
        missing=missing,
        days_left=days.days_left(day) if missing else None,
        rows=sum(load.counts.loaded for load in loads),
        rejected=sum(load.counts.quarantined for load in loads),
    )


def _state(
    day: date,
    loads: Sequence[Load],
    missing: Sequence[str],
    expected_by: dict[str, str],
    days: Window,
    zone: ZoneInfo,
) -> DayState:
    if missing and (day > days.today or (day == days.today and not days.today_is_due)):
        return DayState.AWAITED
    if not loads:
        return DayState.MISSING
    if missing:
        return DayState.PARTIAL
    late = any(_is_late(load, expected_by[load.file.schema], zone) for load in loads)
    return DayState.LATE if late else DayState.COMPLETE


def _is_late(load: Load, expected_by: str, zone: ZoneInfo) -> bool:
    """Say whether the server got a file, or the version of it that counts, after it was expected."""
    due = datetime.combine(load.file.day, datetime.min.time(), zone)
    hour, minute = map(int, expected_by.split(":"))
    return load.file.modified > due.replace(hour=hour, minute=minute)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _range(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
