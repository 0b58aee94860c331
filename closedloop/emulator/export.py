"""A day's delivery: what is new since the last one, in eight files a client."""

import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from closedloop.emulator.config import KINDS, Account, Config
from closedloop.emulator.dialect import Dialect
from closedloop.emulator.layout import Layout, Row, header, rows_of
from closedloop.emulator.places import Places, write
from closedloop.emulator.reactions import dice
from closedloop.emulator.store import seconds


@dataclass(frozen=True, slots=True)
class Delivery:
    """The export of one client at one time."""

    database: sqlite3.Connection
    places: Places
    config: Config
    account: Account
    now: datetime

    @property
    def today(self) -> date:
        """The local day, which names the files."""
        return self.now.astimezone(self.account.zone).date()

    def paths(self) -> list[Path]:
        """Write the day's files and those due from earlier days; delete what is too old."""
        written = [*self._new_day(), *self._due()]
        self._purge()
        return written

    def _new_day(self) -> list[Path]:
        if self._delivered(self.today):
            return []
        self._take()
        return [path for kind in KINDS for path in self._first_time(kind)]

    def _delivered(self, day: date) -> bool:
        found = self.database.execute(
            "select 1 from days where client = ? and day = ?", (self.account.name, str(day))
        )
        return found.fetchone() is not None

    def _take(self) -> None:
        """Give today everything that is known by now and was never exported; the newest version only."""
        now, mine = seconds(self.now), (str(self.today), self.account.name)
        self.database.execute("insert into days values (?, ?, ?)", (mine[1], mine[0], now))
        self.database.execute(
            "update told set day = ? where client = ? and day is null and at <= ?", (*mine, now)
        )
        self.database.execute(
            "update told set superseded = 1 where day = ? and client = ? and exists ("
            " select 1 from told newer where newer.key = told.key and newer.kind = told.kind"
            " and newer.day = told.day and newer.version > told.version)",
            mine,
        )

    def _first_time(self, kind: str) -> list[Path]:
        export, day = self.config.export, self.today
        rows = self._rows(kind, day)
        if not rows and export.empty_days == "none":
            return []
        late, delay = export.late.get(day, ((), 0))
        if kind in export.missing.get(day, ()):
            return self._hold_back(kind, "withheld", None)
        if kind in late:
            return self._hold_back(kind, "late", day + timedelta(days=delay))
        if kind in export.restated.get(day, ()):
            kept = _incomplete(rows, day)
            return self._write(kind, day, kept, export.parts, due=day + timedelta(days=1))
        return self._write(kind, day, rows, export.parts)

    def _rows(self, kind: str, day: date) -> list[Row]:
        days = (day, *self._days_before(day, self.config.export.overlap))
        return rows_of(self.database, self.account.name, kind, days)

    def _days_before(self, day: date, count: int) -> list[date]:
        found = self.database.execute(
            "select distinct day from days where client = ? and day < ? order by day desc limit ?",
            (self.account.name, str(day), count),
        )
        return [date.fromisoformat(row["day"]) for row in found]

    def _hold_back(self, kind: str, state: str, due: date | None) -> list[Path]:
        for part, name in self._names(kind, self.today, self.config.export.parts):
            values = (self.account.name, name, kind, str(self.today), part, state)
            self.database.execute(
                "insert into files (client, name, kind, day, part, state, due)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                (*values, str(due) if due else None),
            )
        return []

    def _due(self) -> list[Path]:
        """Write what was held back or incomplete and is due by now."""
        waiting = self.database.execute(
            "select kind, day, max(part) as parts from files"
            " where client = ? and due <= ? group by kind, day order by day, kind",
            (self.account.name, str(self.today)),
        ).fetchall()
        written: list[Path] = []
        for each in waiting:
            day = date.fromisoformat(each["day"])
            written += self._write(each["kind"], day, self._rows(each["kind"], day), each["parts"])
        return written

    def _names(self, kind: str, day: date, parts: int) -> Iterator[tuple[int, str]]:
        for part in range(1, parts + 1):
            yield part, f"{day:%Y%m%d}_{kind}{f'_{part}' if parts > 1 else ''}.csv"

    def _write(
        self, kind: str, day: date, rows: list[Row], parts: int, *, due: date | None = None
    ) -> list[Path]:
        written = []
        for part, name in self._names(kind, day, parts):
            # One recipient's rows stay together: identical rows belong into the same file.
            mine = [row for row in rows if _group(row) % parts == part - 1]
            path = self.places.download(self.account) / name
            content = self._content(kind, mine, name)
            write(path, content, self.now)
            self._record(path, (kind, day, part), len(mine), due)
            written.append(path)
        now = seconds(self.now)
        self.database.executemany(
            "update told set seen = ? where seq = ? and seen is null",
            ((now, row["seq"]) for row in rows),
        )
        return written

    def _content(self, kind: str, rows: list[Row], name: str) -> bytes:
        export = self.config.export
        columns = header(kind, export.extra_columns)
        dialect = Dialect(export)
        lines = [*map(dialect.line, Layout(self.account, export.extra_columns).values(kind, rows))]
        luck = dice(self.config.seed, self.account.name, name)
        # A file without true rows gets none: a client may refuse what holds nothing right.
        for broken in dialect.broken(columns, export.broken_lines if rows else 0, luck):
            # Never in the first place, where a reader may look for the header.
            lines.insert(luck.randint(1, len(lines)) if lines else 0, broken)
        return dialect.start(columns) + b"".join(lines)

    def _record(self, path: Path, what: tuple[str, date, int], rows: int, due: date | None) -> None:
        kind, day, part = what
        export = self.config.export
        self.database.execute(
            "replace into files values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(self.account.name, path.name, kind, str(day), part),
                *("incomplete" if due else "written", str(due) if due else None),
                *(seconds(self.now), rows, export.broken_lines if rows else 0, int(export.header)),
                path.stat().st_size,
            ),
        )

    def _purge(self) -> None:
        oldest = self.now - timedelta(days=self.account.retention_days)
        for path in sorted(self.places.download(self.account).glob("*.csv")):
            if path.stat().st_mtime < oldest.timestamp():
                path.unlink()


def _group(row: Row) -> int:
    return int(row["mailing_to_user_id"] or row["link_id"] or row["mailing_id"])


def _incomplete(rows: list[Row], day: date) -> list[Row]:
    """Leave out about a quarter of this day's rows, at least the last; older rows stay."""
    if not rows:
        return []
    last = _group(rows[-1])
    return [
        row
        for row in rows
        if row["day"] != str(day)
        or (_group(row) != last and zlib.crc32(str(_group(row)).encode()) % 4)
    ]
