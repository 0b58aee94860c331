"""The slots of a cron schedule, in the time zone of the job's client."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

MOST_SLOTS = 100
FIELDS = ("minute", "hour", "day of month", "month", "day of week")
# What cron itself understands: the schedule is printed into a crontab.
PLAIN = re.compile(r"[0-9A-Za-z*,/-]+")


def schedule_error(schedule: str) -> str | None:
    """Say what is wrong with a cron schedule, or None."""
    given = schedule.split()
    if len(given) != len(FIELDS):
        return f"it needs five fields, not {len(given)} ({', '.join(FIELDS)}), as in '0 6 * * 2'"
    for name, text in zip(FIELDS, given, strict=True):
        if not PLAIN.fullmatch(text) or "l" in re.split("[^a-z]+", text.lower()):
            return f"cron does not know '{text}' as {name}"
    try:
        next(CronSim(schedule, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        bad = str(error).removeprefix("Bad ").replace("-", " ")
        return f"the {bad} '{given[FIELDS.index(bad)]}' does not exist" if bad in FIELDS else bad
    except StopIteration:
        return "it never comes due"
    return None


def current_slot(schedule: str | None, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the latest slot at or before `now`, in UTC; without a schedule, the start of the local day.

    As time passes the slot never goes back, in the repeated hour of autumn neither: a slot that went back
    would send its wave again.
    """
    local = now.astimezone(zone)
    if schedule is None:
        return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)
    noon = _noon_before(local)
    current = next(CronSim(schedule, noon, reverse=True)).astimezone(UTC)
    for slot in _from(schedule, noon):
        if slot > now:
            break
        current = slot
    return current


def next_slot(schedule: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the first slot after `now`, in UTC."""
    return next(slot for slot in _from(schedule, _noon_before(now.astimezone(zone))) if slot > now)


def slots_between(schedule: str, first: datetime, last: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the slots after `first` and before `last`, in UTC, at most a hundred."""
    later = dropwhile(
        lambda slot: slot <= first, _from(schedule, _noon_before(first.astimezone(zone)))
    )
    return list(islice(takewhile(lambda slot: slot < last, later), MOST_SLOTS))


def _noon_before(local: datetime) -> datetime:
    """Return noon of the day before: a time of day that no clock skips or repeats.

    CronSim must not be started within a repeated hour: it then goes back to the first one.
    """
    day = local - timedelta(days=1)
    return day.replace(hour=12, minute=0, second=0, microsecond=0, fold=0)


def _from(schedule: str, start: datetime) -> Iterator[datetime]:
    return (slot.astimezone(UTC) for slot in CronSim(schedule, start - timedelta(seconds=1)))
