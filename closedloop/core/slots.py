"""The slots of a cron schedule, in the time zone of the job's client."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError


def schedule_error(schedule: str) -> str | None:
    """Say what is wrong with a cron schedule, or None."""
    try:
        next(CronSim(schedule, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return str(error)
    except StopIteration:
        return "it never comes due"
    return None


def current_slot(schedule: str | None, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the latest slot at or before `now`, in UTC; without a schedule, the start of the local day."""
    local = now.astimezone(zone)
    if schedule is None:
        return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    # CronSim looks strictly before its start; a slot that begins now is the current one.
    start = (now.astimezone(UTC) + timedelta(seconds=1)).astimezone(zone)
    return next(CronSim(schedule, start, reverse=True)).astimezone(UTC)


def next_slot(schedule: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the first slot after `now`, in UTC."""
    return next(CronSim(schedule, now.astimezone(zone))).astimezone(UTC)
