"""A cron schedule in systemd's words: the values of OnCalendar=."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FULL = {"minute": 60, "hour": 24, "day": 31, "month": 12, "weekday": 7}
A_RUN = 3
"""So many numbers in a row are written as a range."""
YEARS = range(2024, 2052)
"""Every date falls on every weekday within them."""
MINUTE = timedelta(minutes=1)
LONGEST_GAP = 24 * 60


def on_calendar(schedule: str, zone: ZoneInfo) -> list[str]:
    """Return when a timer fires: at each slot of the schedule, in the zone, and perhaps once more.

    A slot in the hour that the clock skips is left out by systemd: the timer fires at the end of that hour, too. In an hour that
    comes twice it fires once.
    """
    cron = CronSim(schedule, datetime(2024, 1, 1, tzinfo=UTC))
    weekdays = {number % 7 for number in cron.weekdays if isinstance(number, int)}
    minutes, hours = cron.minutes, cron.hours
    every_day, every_weekday = _is_full(cron.days, "day"), _is_full(weekdays, "weekday")
    # As cron has it: where both are given, a day must be one of them; a field that begins with a star limits the other.
    if cron.day_and or every_day or every_weekday:
        dates = [_dates(weekdays, cron.months, cron.days)]
    else:
        dates = [
            _dates(weekdays, cron.months, range(1, 32)),
            _dates(range(7), cron.months, cron.days),
        ]
    time = f"{_numbers(hours, 'hour')}:{_numbers(minutes, 'minute')}:00"
    return [f"{given} {time} {zone.key}" for given in dates] + _after_gaps(schedule, zone)


def _after_gaps(schedule: str, zone: ZoneInfo) -> list[str]:
    """Return when a timer fires for the slots of the hours that are left out, if there are any."""
    if schedule.startswith("*") or schedule.split()[1].startswith("*"):
        return []  # it fires soon after
    ends = [end for start, end in gaps(zone) if _has_slot(schedule, start, end)]
    if not ends:
        return []
    given = _dates(
        {end.isoweekday() % 7 for end in ends}, {end.month for end in ends}, {e.day for e in ends}
    )
    times = sorted({f"{end:%H:%M}" for end in ends})
    return [f"{given} {time}:00 {zone.key}" for time in times]


def gaps(zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Yield the local times that the clock skips, each from where to where, both naive."""
    day = datetime(YEARS.start, 1, 1, tzinfo=UTC)
    last = day.astimezone(zone).utcoffset() or timedelta()
    while day.year in YEARS:
        day += timedelta(days=1)
        offset = day.astimezone(zone).utcoffset() or timedelta()
        if offset > last:
            yield _gap(zone, day, offset - last)
        last = offset


def _gap(zone: ZoneInfo, after: datetime, size: timedelta) -> tuple[datetime, datetime]:
    """Return the gap of a day that ends at `after`."""
    new = after.astimezone(zone).utcoffset()
    early, late = 0, LONGEST_GAP
    while late - early > 1:
        middle = (early + late) // 2
        moment = after - middle * MINUTE
        early, late = (
            (middle, late) if moment.astimezone(zone).utcoffset() == new else (early, middle)
        )
    end = (after - early * MINUTE).astimezone(zone).replace(tzinfo=None)
    return end - size, end


def _has_slot(schedule: str, start: datetime, end: datetime) -> bool:
    return next(CronSim(schedule, start - timedelta(seconds=1))) < end


def _dates(weekdays: Iterable[int], months: Iterable[int], days: Iterable[int]) -> str:
    chosen = sorted(set(weekdays))
    names = (
        "" if _is_full(chosen, "weekday") else f"{','.join(WEEKDAYS[number] for number in chosen)} "
    )
    return f"{names}*-{_numbers(months, 'month')}-{_numbers(days, 'day')}"


def _is_full(numbers: Iterable[int], field: str) -> bool:
    return len(set(numbers)) == FULL[field]


def _numbers(numbers: Iterable[int], field: str) -> str:
    """Return numbers as a list with ranges, or a star for all."""
    chosen = sorted(set(numbers))
    if _is_full(chosen, field):
        return "*"
    runs: list[list[int]] = []
    for number in chosen:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(_run(run) for run in runs)


def _run(numbers: list[int]) -> str:
    if len(numbers) < A_RUN:
        return ",".join(f"{number:02}" for number in numbers)
    return f"{numbers[0]:02}..{numbers[-1]:02}"
