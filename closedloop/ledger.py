"""What this side knows it did: runs, waves and files."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

from closedloop.ledger_file import LedgerFile
from closedloop.model.file import Counts, FileIdentity, Load
from closedloop.model.wave import Try, Wave, WaveState

WAVE_TIMES = ("slot", "built_at", "published_at", "confirmed_at")


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run, with its whole report as JSON text."""

    run_id: str
    job: str
    client: str
    started: datetime
    finished: datetime
    exit_code: int
    report: str


class Ledger:
    """The durable memory of this side.

    Every method is one transaction, on disk (fsync) before it returns. Raises `ClosedLoopError` where the file
    can't be used.
    """

    def __init__(self, path: Path) -> None:
        self._file = LedgerFile(path)

    # waves

    def take_stamp(self, client: str, at_least: int, after: Callable[[int], int]) -> int:
        """Reserve and return a stamp above all that the client's files had: `at_least`, or the one `after` the last."""
        with self._file.writing() as db:
            (last,) = db.execute(
                "select max(stamp) from stamps where client = ?", (client,)
            ).fetchone()
            stamp = at_least if last is None else max(at_least, after(last))
            db.execute("insert into stamps values (?, ?)", (client, stamp))
        return stamp

    def keep_stamp(self, client: str, stamp: int) -> None:
        """Note a stamp that was given out before this ledger was made."""
        with self._file.writing() as db:
            db.execute("insert or ignore into stamps values (?, ?)", (client, stamp))

    def stamps(self, client: str) -> set[int]:
        """Return all stamps that the client's files had."""
        return {
            row["stamp"]
            for row in self._file.rows("select stamp from stamps where client = ?", client)
        }

    def put_wave(self, wave: Wave) -> None:
        """Write a wave down as it now stands."""
        with self._file.writing() as db:
            _put_wave(db, wave)

    def change_wave(self, before: Wave, after: Wave) -> None:
        """Write a wave down as it now stands, unless another process has changed it since it was read."""
        with self._file.writing() as db:
            key = (before.client, before.wave_id)
            found = db.execute("select * from waves where client = ? and wave_id = ?", key)
            if [_wave(row) for row in found.fetchall()] == [before]:
                _put_wave(db, after)

    def forget_wave(self, client: str, wave_id: int) -> None:
        """Remove a wave that never left this machine."""
        with self._file.writing() as db:
            db.execute("delete from waves where client = ? and wave_id = ?", (client, wave_id))

    def waves(self, client: str | None = None) -> list[Wave]:
        """Return the waves, of one client or of all, oldest first."""
        rows = self._file.rows(
            "select * from waves where ? is null or client = ? order by wave_id", client, client
        )
        return [_wave(row) for row in rows]

    # tries

    def put_try(self, tried: Try) -> None:
        """Write down that a job was started in a slot, or how that ended."""
        row = [tried.job, _text(tried.slot), _text(tried.started), tried.exit_code]
        with self._file.writing() as db:
            db.execute("insert or replace into tries values (?, ?, ?, ?)", row)

    def last_try(self, job: str) -> Try | None:
        """Return the latest slot in which a job was started, and how that ended."""
        rows = self._file.rows("select * from tries where job = ?", job)
        return _try(rows[0]) if rows else None

    # files

    def put_load(self, load: Load) -> None:
        """Write down that the warehouse holds this file."""
        with self._file.writing() as db:
            db.execute(
                f"insert or replace into files values ({_marks(range(12))})", _file_row(load)
            )

    def heal_files(self, client: str, loads: Sequence[Load]) -> None:
        """Make the memory of a client's files equal to the warehouse's own."""
        with self._file.writing() as db:
            db.execute("delete from files where client = ?", (client,))
            db.executemany(f"insert into files values ({_marks(range(12))})", map(_file_row, loads))

    def put_mark(self, client: str, mark: str | None) -> None:
        """Write down how the warehouse looked when the memory of a client's files equalled it."""
        with self._file.writing() as db:
            db.execute("insert or replace into marks values (?, ?)", (client, mark))

    def mark(self, client: str) -> str | None:
        """Return how the warehouse looked then."""
        rows = self._file.rows("select mark from marks where client = ?", client)
        return rows[0]["mark"] if rows else None

    def files(self, client: str, since: date = date.min) -> list[Load]:
        """Return what is known to be loaded, by file name: of the days since then, and of the first and the last day of all."""
        day = "select rowid from files where client = ? and day"
        end = "= (select {}(day) from files where client = ?)"
        found = f"{day} >= ? union {day} {end.format('min')} union {day} {end.format('max')}"
        wanted = f"select * from files where rowid in ({found}) order by name"
        rows = self._file.rows(wanted, client, since.isoformat(), client, client, client, client)
        return [_load(row) for row in rows]

    # runs

    def put_run(self, run: Run) -> None:
        """Write down a finished run."""
        row = [
            run.run_id,
            run.job,
            run.client,
            _text(run.started),
            _text(run.finished),
            run.exit_code,
            run.report,
        ]
        with self._file.writing() as db:
            db.execute("insert or replace into runs values (?, ?, ?, ?, ?, ?, ?)", row)

    def last_run(self, job: str) -> Run | None:
        """Return the run of a job that was written down last, whatever the clock said then."""
        latest = "select max(rowid) from runs where job = ?"
        rows = self._file.rows(f"select * from runs where rowid = ({latest})", job)
        return _run(rows[0]) if rows else None

    def run(self, run_id: str) -> Run | None:
        """Return the run of this id."""
        rows = self._file.rows("select * from runs where run_id = ?", run_id)
        return _run(rows[0]) if rows else None

    def last_success(self, job: str) -> datetime | None:
        """Return when the last run of a job that ended well was over."""
        sql = "select max(finished) as at from runs where job = ? and exit_code = 0"
        return next((_moment(row["at"]) for row in self._file.rows(sql, job)), None)

    def latest_runs(self, count: int) -> list[Run]:
        """Return the runs that were written down last, the latest first."""
        rows = self._file.rows("select * from runs order by rowid desc limit ?", count)
        return [_run(row) for row in rows]

    def runs_since(self, moment: datetime) -> list[Run]:
        """Return the runs that began since a moment, the latest first, without their reports."""
        rows = self._file.rows(
            "select run_id, job, client, started, finished, exit_code, '' as report from runs where started >= ? "
            "order by started desc",
            _text(moment),
        )
        return [_run(row) for row in rows]

    def last_report(self, job: str) -> str | None:
        """Return the report of the job's last run that did not end in an error, as JSON."""
        rows = self._file.rows(
            """select report from runs where job = ? and report not like '{"error":%' order by rowid desc limit 1""",
            job,
        )
        return rows[0]["report"] if rows else None

    def scrub(self, hidden: Callable[[str], str], *, dry_run: bool) -> int:
        """Put every run's report through `hidden`; return how many were changed. No free page keeps the old ones."""
        changed = [
            (clean, row["run_id"])
            for row in self._file.rows("select run_id, report from runs")
            if (clean := hidden(row["report"])) != row["report"]
        ]
        if not dry_run and self._file.exists():
            with self._file.writing() as db:
                db.executemany("update runs set report = ? where run_id = ?", changed)
            self._file.vacuum()
        return len(changed)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _marks(columns: Any) -> str:
    return ", ".join("?" for _ in columns)


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _put_wave(db: sqlite3.Connection, wave: Wave) -> None:
    row = {**asdict(wave), "dropped": json.dumps(wave.dropped), "state": str(wave.state)}
    row |= {key: _text(row[key]) for key in WAVE_TIMES}
    columns = ", ".join(row)
    db.execute(f"insert or replace into waves ({columns}) values ({_marks(row)})", [*row.values()])


def _wave(row: sqlite3.Row) -> Wave:
    given = dict(row)
    given |= {key: _moment(given[key]) for key in WAVE_TIMES}
    given |= {
        "dropped": json.loads(given["dropped"]),
        "state": WaveState(given["state"]),
        "test": bool(given["test"]),
    }
    return Wave(**given)


def _try(row: sqlite3.Row) -> Try:
    given = dict(row)
    return Try(**(given | {key: _moment(given[key]) for key in ("slot", "started")}))


def _file_row(load: Load) -> list[object]:
    file, counts = load.file, load.counts
    return [
        file.client, file.name, file.schema, file.day.isoformat(), file.size, _text(file.modified), file.sha256,
        counts.loaded, counts.quarantined, counts.blank, counts.header, _text(load.loaded_at),
    ]  # fmt: skip


def _load(row: sqlite3.Row) -> Load:
    modified, loaded_at = (
        datetime.fromisoformat(row["modified"]),
        datetime.fromisoformat(row["loaded_at"]),
    )
    identity = FileIdentity(
        row["client"],
        row["schema"],
        row["name"],
        date.fromisoformat(row["day"]),
        row["size"],
        modified,
        row["sha256"],
    )
    return Load(
        identity, Counts(row["loaded"], row["quarantined"], row["blank"], row["header"]), loaded_at
    )


def _run(row: sqlite3.Row) -> Run:
    given = dict(row)
    given |= {key: datetime.fromisoformat(given[key]) for key in ("started", "finished")}
    return Run(**given)
