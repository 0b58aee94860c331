"""What a pull takes in, what it waits for, and what it misses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from closedloop.model.file import Load, RemoteFile
from closedloop.model.filename import Pattern
from closedloop.model.run import MissingFile
from closedloop.model.table import Schema


@dataclass(frozen=True, slots=True)
class Window:
    """The days a pull looks at: which day it is for the client, and how far back the server remembers.

    `today_is_due` says whether today's delivery should be there by now.
    """

    today: date
    retention_days: int
    today_is_due: bool

    @property
    def oldest(self) -> date:
        """The first day whose files can still be fetched."""
        return self.today - timedelta(days=self.retention_days)

    @property
    def remembered(self) -> date:
        """The first day of which it is still said that its files are lost: for as long again as the server keeps them."""
        return self.oldest - timedelta(days=self.retention_days)

    def days_left(self, day: date) -> int:
        """Return the days until a file of this day can't be fetched any more; 0 is the last one."""
        return self.retention_days - (self.today - day).days


@dataclass(frozen=True, slots=True)
class Planned:
    """A file to take in. `known` is what was loaded under its name before, if anything."""

    file: RemoteFile
    schema: Schema
    day: date
    known: Load | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is new or restated, what is missing, how many names were not ours, and what the server forgot before it came."""

    take: tuple[Planned, ...]
    missing: tuple[MissingFile, ...]
    ignored: int
    lost: tuple[MissingFile, ...] = ()


def window(now: datetime, zone: ZoneInfo, retention_days: int, expected_by: str) -> Window:
    """Return the days to look at: the client's local day, due once the clock has passed `expected_by`."""
    local = now.astimezone(zone)
    return Window(local.date(), retention_days, local.strftime("%H:%M") >= expected_by)


def plan(
    listing: Iterable[RemoteFile],
    loads: Iterable[Load],
    schemas: Mapping[str, Schema],
    days: Window,
) -> Plan:
    """Decide from what the server lists and what is loaded.

    A file is taken in when nothing was loaded under its name, or another size or time of it (restated).
    """
    known = {load.file.name: load for load in loads}
    ours, ignored = recognised(listing, schemas)
    take = [
        Planned(file, schema, day, known.get(file.name))
        for file, schema, day in ours
        if not _is_loaded(file, known.get(file.name))
    ]
    there = {(schema.name, day) for _, schema, day in ours}
    there |= {(load.file.schema, load.file.day) for load in known.values()}
    return Plan(
        tuple(take),
        tuple(_missing(there, list(schemas), days)),
        ignored,
        tuple(_lost(there, list(schemas), days)),
    )


def recognised(
    listing: Iterable[RemoteFile], schemas: Mapping[str, Schema]
) -> tuple[list[tuple[RemoteFile, Schema, date]], int]:
    """Return the files whose whole name fits a schema, oldest day first, and the count of the others."""
    patterns = [(Pattern(schema.file), schema) for schema in schemas.values()]
    ours: list[tuple[RemoteFile, Schema, date]] = []
    ignored = 0
    for file in listing:
        fit = next(
            ((schema, day) for pattern, schema in patterns if (day := pattern.match(file.name))),
            None,
        )
        if fit is None:
            ignored += 1
        else:
            ours.append((file, fit[0], fit[1].date()))
    order = list(schemas)
    return sorted(
        ours, key=lambda found: (found[2], order.index(found[1].name), found[0].name)
    ), ignored


def _is_loaded(file: RemoteFile, load: Load | None) -> bool:
    return load is not None and (load.file.size, load.file.modified) == (file.size, file.modified)


def _missing(
    there: set[tuple[str, date]], schemas: list[str], days: Window
) -> Iterable[MissingFile]:
    """Name every expected file that never came and may still come.

    The first day that anything was delivered is the first that is expected.
    """
    newest = days.today if days.today_is_due else days.today - timedelta(days=1)
    return _absent(there, schemas, days, (days.oldest, newest))


def _lost(there: set[tuple[str, date]], schemas: list[str], days: Window) -> Iterable[MissingFile]:
    """Name every expected file that never came and that the server has forgotten, for as long again as it keeps files."""
    return _absent(there, schemas, days, (days.remembered, days.oldest - timedelta(days=1)))


def _absent(
    there: set[tuple[str, date]], schemas: list[str], days: Window, span: tuple[date, date]
) -> Iterable[MissingFile]:
    if not there:
        return
    first, last = max(span[0], min(day for _, day in there)), span[1]
    for back in range((last - first).days + 1):
        day = first + timedelta(days=back)
        for schema in schemas:
            if (schema, day) not in there:
                yield MissingFile(schema, day, days.days_left(day))
