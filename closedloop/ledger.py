"""What this side knows it did: runs, waves and files, in SQLite in the state folder."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

from closedloop.errors import ClosedLoopError, StateTrouble
from closedloop.model.file import Counts, FileIdentity, Load
from closedloop.model.wave import Try, Wave, WaveState

SCHEMA = """
create table if not exists waves (
  client text not null, wave_id integer not null, job text not null, source_mailing integer not null,
  file text not null, slot text, test integer not null, state text not null, selected integer not null,
  written integer not null, dropped text not null, size integer not null, sha256 text not null,
  built_at text not null, published_at text, primary key (client, wave_id));
create table if not exists marks (client text primary key, mark text);
create table if not exists stamps (client text not null, stamp integer not null, primary key (client, stamp));
create table if not exists files (
  client text not null, name text not null, schema text not null, day text not null, size integer not null,
  modified text not null, sha256 text not null, loaded integer not null, quarantined integer not null,
  blank integer not null, header integer not null, loaded_at text not null, primary key (client, name));
create table if not exists runs (
  run_id text primary key, job text not null, client text not null, started text not null, finished text not null,
  exit_code integer not null, report text not null);
create index if not exists runs_by_job on runs (job, started);
"""
SECOND = """
alter table waves add column resend_of integer;
alter table waves add column confirmed_at text;
alter table waves add column confirmed_by text;
alter table waves add column mailing_id integer;
alter table waves add column mailings integer not null default 0;
alter table waves add column seen integer;
create table tries (job text primary key, slot text not null, started text not null, exit_code integer);
"""
THIRD = "create index if not exists files_by_day on files (client, day);"
VERSIONS = (SCHEMA, SECOND, THIRD)
"""What makes a ledger of each version out of the one before."""

OF_THE_DISK = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM,
)  # fmt: skip
"""The primary codes of SQLite that another run may not meet any more."""

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

    Every method is one transaction, on disk (fsync) before it returns. The folder and the file are made
    by the first that writes, readable by the owner only. Raises `ClosedLoopError` where the file can't be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: sqlite3.Connection | None = None

    # waves

    def take_stamp(self, client: str, at_least: int, after: Callable[[int], int]) -> int:
        """Reserve and return a stamp above all that the client's files had: `at_least`, or the one `after` the last."""
        with self._writing() as db:
            (last,) = db.execute(
                "select max(stamp) from stamps where client = ?", (client,)
            ).fetchone()
            stamp = at_least if last is None else max(at_least, after(last))
            db.execute("insert into stamps values (?, ?)", (client, stamp))
        return stamp

    def keep_stamp(self, client: str, stamp: int) -> None:
        """Note a stamp that was given out before this ledger was made."""
        with self._writing() as db:
            db.execute("insert or ignore into stamps values (?, ?)", (client, stamp))

    def stamps(self, client: str) -> set[int]:
        """Return all stamps that the client's files had."""
        return {
            row["stamp"] for row in self._rows("select stamp from stamps where client = ?", client)
        }

    def put_wave(self, wave: Wave) -> None:
        """Write a wave down as it now stands."""
        with self._writing() as db:
            _put_wave(db, wave)

    def change_wave(self, before: Wave, after: Wave) -> None:
        """Write a wave down as it now stands, unless another process has changed it since it was read."""
        with self._writing() as db:
            key = (before.client, before.wave_id)
            found = db.execute("select * from waves where client = ? and wave_id = ?", key)
            if [_wave(row) for row in found.fetchall()] == [before]:
                _put_wave(db, after)

    def forget_wave(self, client: str, wave_id: int) -> None:
        """Remove a wave that never left this machine."""
        with self._writing() as db:
            db.execute("delete from waves where client = ? and wave_id = ?", (client, wave_id))

    def waves(self, client: str | None = None) -> list[Wave]:
        """Return the waves, of one client or of all, oldest first."""
        rows = self._rows(
            "select * from waves where ? is null or client = ? order by wave_id", client, client
        )
        return [_wave(row) for row in rows]

    # tries

    def put_try(self, tried: Try) -> None:
        """Write down that a job was started in a slot, or how that ended."""
        row = [tried.job, _text(tried.slot), _text(tried.started), tried.exit_code]
        with self._writing() as db:
            db.execute("insert or replace into tries values (?, ?, ?, ?)", row)

    def last_try(self, job: str) -> Try | None:
        """Return the latest slot in which a job was started, and how that ended."""
        rows = self._rows("select * from tries where job = ?", job)
        return _try(rows[0]) if rows else None

    # files

    def put_load(self, load: Load) -> None:
        """Write down that the warehouse holds this file."""
        with self._writing() as db:
            db.execute(
                f"insert or replace into files values ({_marks(range(12))})", _file_row(load)
            )

    def heal_files(self, client: str, loads: Sequence[Load]) -> None:
        """Make the memory of a client's files equal to the warehouse's own."""
        with self._writing() as db:
            db.execute("delete from files where client = ?", (client,))
            db.executemany(f"insert into files values ({_marks(range(12))})", map(_file_row, loads))

    def put_mark(self, client: str, mark: str | None) -> None:
        """Write down how the warehouse looked when the memory of a client's files equalled it."""
        with self._writing() as db:
            db.execute("insert or replace into marks values (?, ?)", (client, mark))

    def mark(self, client: str) -> str | None:
        """Return how the warehouse looked then."""
        rows = self._rows("select mark from marks where client = ?", client)
        return rows[0]["mark"] if rows else None

    def files(self, client: str, since: date = date.min) -> list[Load]:
        """Return what is known to be loaded, by file name: of the days since then, and of the first and the last day of all."""
        day = "select rowid from files where client = ? and day"
        end = "= (select {}(day) from files where client = ?)"
        found = f"{day} >= ? union {day} {end.format('min')} union {day} {end.format('max')}"
        wanted = f"select * from files where rowid in ({found}) order by name"
        rows = self._rows(wanted, client, since.isoformat(), client, client, client, client)
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
        with self._writing() as db:
            db.execute("insert or replace into runs values (?, ?, ?, ?, ?, ?, ?)", row)

    def last_run(self, job: str) -> Run | None:
        """Return the run of a job that was written down last, whatever the clock said then."""
        latest = "select max(rowid) from runs where job = ?"
        rows = self._rows(f"select * from runs where rowid = ({latest})", job)
        return _run(rows[0]) if rows else None

    def run(self, run_id: str) -> Run | None:
        """Return the run of this id."""
        rows = self._rows("select * from runs where run_id = ?", run_id)
        return _run(rows[0]) if rows else None

    def last_success(self, job: str) -> datetime | None:
        """Return when the last run of a job that ended well was over."""
        sql = "select max(finished) as at from runs where job = ? and exit_code = 0"
        return next((_moment(row["at"]) for row in self._rows(sql, job)), None)

    def latest_runs(self, count: int) -> list[Run]:
        """Return the runs that were written down last, the latest first."""
        rows = self._rows("select * from runs order by rowid desc limit ?", count)
        return [_run(row) for row in rows]

    def runs_since(self, moment: datetime) -> list[Run]:
        """Return the runs that began since a moment, the latest first, without their reports."""
        rows = self._rows(
            "select run_id, job, client, started, finished, exit_code, '' as report from runs where started >= ? "
            "order by started desc",
            _text(moment),
        )
        return [_run(row) for row in rows]

    def last_report(self, job: str) -> str | None:
        """Return the report of the job's last run that did not end in an error, as JSON."""
        rows = self._rows(
            """select report from runs where job = ? and report not like '{"error":%' order by rowid desc limit 1""",
            job,
        )
        return rows[0]["report"] if rows else None

    def scrub(self, hidden: Callable[[str], str], *, dry_run: bool) -> int:
        """Put every run's report through `hidden`; return how many were changed. No free page keeps the old ones."""
        changed = [
            (clean, row["run_id"])
            for row in self._rows("select run_id, report from runs")
            if (clean := hidden(row["report"])) != row["report"]
        ]
        if dry_run or not self._path.exists():
            return len(changed)
        with self._writing() as db:
            db.executemany("update runs set report = ? where run_id = ?", changed)
        with self._speaking():
            self._connection().execute("vacuum")
        return len(changed)

    def close(self) -> None:
        """Close the file."""
        if self._open:
            self._open.close()
            self._open = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self._path.exists():
                self._path.touch(mode=0o600)
            self._open = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            try:
                self._make_ready(self._open)
            except BaseException:
                self.close()
                raise
        return self._open

    def _make_ready(self, db: sqlite3.Connection) -> None:
        db.row_factory = sqlite3.Row
        # EXTRA: a commit is on disk before it returns, the end of its journal included. With FULL a power cut
        # just after could undo it, and an upload with it.
        db.execute("pragma synchronous = extra")
        self._ensure_schema(db)

    def _ensure_schema(self, db: sqlite3.Connection) -> None:
        (version,) = db.execute("pragma user_version").fetchone()
        if version > len(VERSIONS):
            raise ClosedLoopError(
                f"{self._path}: a newer closedloop wrote this ledger (version {version}, this one knows {len(VERSIONS)}); "
                "update closedloop"
            )
        if version < len(VERSIONS):
            with _transaction(db):
                # Asked again: another process may have done it meanwhile.
                (version,) = db.execute("pragma user_version").fetchone()
                for statement in ";".join(VERSIONS[version:]).split(";"):
                    db.execute(statement)
                db.execute(f"pragma user_version = {len(VERSIONS)}")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._speaking():
            db = self._connection()
            with _transaction(db):
                yield db

    def _rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        with self._speaking():
            if not self._open and not self._path.exists():
                return []
            return self._connection().execute(sql, parameters).fetchall()

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if isinstance(error, OSError) or code in OF_THE_DISK:
                why = error.strerror if isinstance(error, OSError) else error
                raise StateTrouble(
                    f"{self._path}: the ledger can't be used: {why}; make room, or mend the rights of the state folder: nothing "
                    "was lost, and the next run goes on"
                ) from error
            raise ClosedLoopError(
                f"{self._path}: the ledger can't be used: {error}; put back a copy of it, or see what docs/operating.md says "
                "of a lost ledger"
            ) from error


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        # A full disk ends the transaction by itself.
        if db.in_transaction:
            db.execute("rollback")
        raise


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
