"""The time in the name of a subscriber file, as a number: YYYYMMDDHHMMSS in the client's local time."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from closedloop.errors import ClosedLoopError
from closedloop.model.file import RemoteFile
from closedloop.model.filename import Pattern

FORMAT = "%Y%m%d%H%M%S"


def local_stamp(now: datetime, zone: ZoneInfo) -> int:
    """Return the stamp of a moment; in the repeated hour of autumn it comes twice."""
    return int(now.astimezone(zone).strftime(FORMAT))


def moment(stamp: int) -> datetime:
    """Return the local time of a stamp, without a zone."""
    return datetime.strptime(str(stamp), FORMAT)  # noqa: DTZ007 a stamp has no zone


def after(stamp: int) -> int:
    """Return the stamp one second later; `ClosedLoopError` at the end of time."""
    try:
        return int((moment(stamp) + timedelta(seconds=1)).strftime(FORMAT))
    except OverflowError:
        raise ClosedLoopError(
            f"the upload folder holds a file named {stamp}..., and names must rise: remove it there"
        ) from None


def lowest_free(
    now: datetime, zone: ZoneInfo, listing: Iterable[RemoteFile], pattern: Pattern
) -> int:
    """Return the lowest stamp that is not in the past and above every one listed.

    The listing counts, so that names go on rising after the state folder was lost or the clock went back.
    """
    listed = [
        int(found.strftime(FORMAT)) for file in listing if (found := pattern.match(file.name))
    ]
    return max([local_stamp(now, zone), *(after(stamp) for stamp in listed)])


def is_far_ahead(stamp: int, now: datetime, zone: ZoneInfo) -> bool:
    """Say whether a stamp is more than a day ahead of the clock."""
    return stamp > local_stamp(now + timedelta(days=1), zone)


def strangers(
    names: Iterable[str], pattern: Pattern, known: Collection[int], since: int
) -> list[str]:
    """Return the names of subscriber files since a stamp whose own the ledger has never given out.

    After the ledger was lost, one of them may be the wave that is due.
    """
    return [
        name
        for name in names
        if (found := pattern.match(name))
        and (stamp := int(found.strftime(FORMAT))) >= since
        and stamp not in known
    ]
