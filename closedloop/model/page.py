"""The page for those who look at newsletters: what it shows, before it is HTML."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from closedloop.model.letter import Language

Kind = Literal["text", "number", "share", "time", "day", "seconds"]
Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a sheet; what is not `shown` is there for filters, sums and charts."""

    key: str
    title: str
    kind: Kind
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table that its reader can sort, search and filter; `sort` is the column it is sorted by at first, the highest on top.

    Times are the client's local ones, as ISO 8601. `when` is the column that a choice of weeks goes by.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    sort: str
    when: str = ""
    note: str = ""


class DayState(StrEnum):
    """What became of one day's delivery."""

    COMPLETE = "complete"
    LATE = "late"
    PARTIAL = "partial"
    MISSING = "missing"
    AWAITED = "awaited"


@dataclass(frozen=True, slots=True)
class DeliveryDay:
    """One day of one client: the files that came of those expected; `days_left` to fetch what is missing, below 0: too late."""

    day: date
    state: DayState
    came: int
    expected: int
    missing: tuple[str, ...] = ()
    days_left: int | None = None
    rows: int = 0
    rejected: int = 0

    @property
    def is_lost(self) -> bool:
        """Say whether something is missing that the server does not have any more."""
        return self.days_left is not None and self.days_left < 0


@dataclass(frozen=True, slots=True)
class Calendar:
    """The deliveries of a client, by week from Monday on; None where nothing was expected yet, or not any more.

    `lost` are the days of which the server forgot something lately; `steps` say what may bring what did not come.
    """

    client: str
    expected_by: str
    weeks: tuple[tuple[DeliveryDay | None, ...], ...]
    lost: tuple[DeliveryDay, ...] = ()
    steps: tuple[tuple[str, str], ...] = ()

    @property
    def days(self) -> list[DeliveryDay]:
        """All days, oldest first."""
        return [day for week in self.weeks for day in week if day]

    @property
    def gaps(self) -> list[DeliveryDay]:
        """The days of which something is missing that can still be fetched."""
        waiting = (DayState.PARTIAL, DayState.MISSING)
        return [day for day in self.days if day.state in waiting and not day.is_lost]


@dataclass(frozen=True, slots=True)
class Trouble:
    """An open error file: what rests, why, since when, and what to type."""

    job: str
    client: str
    what: str
    since: datetime
    sentence: str
    steps: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page shows. `written` is aware."""

    language: Language
    written: datetime
    clients: tuple[str, ...]
    sheets: tuple[Sheet, ...]
    calendars: tuple[Calendar, ...]
    troubles: tuple[Trouble, ...]
