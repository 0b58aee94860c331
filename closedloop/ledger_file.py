"""The file of the ledger: SQLite in the state folder, brought up to date once, written one transaction at a time."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from closedloop.errors import ClosedLoopError, StateTrouble

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


class LedgerFile:
    """A SQLite file that is made, with its folder, by the first that writes, readable by the owner only.

    Every method raises `ClosedLoopError` and nothing else: `StateTrouble` where it may work later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: sqlite3.Connection | None = None

    def exists(self) -> bool:
        """Say whether anything was ever written."""
        return self._path.exists()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction that is on disk (fsync) as the block ends; an error undoes it."""
        with self._speaking():
            db = self._connection()
            with _transaction(db):
                yield db

    def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """Return what a query finds: nothing, where nothing was ever written."""
        with self._speaking():
            if not self._open and not self._path.exists():
                return []
            return self._connection().execute(sql, parameters).fetchall()

    def vacuum(self) -> None:
        """Keep nothing in free pages of what was changed or deleted."""
        with self._speaking():
            self._connection().execute("vacuum")

    def close(self) -> None:
        """Close the file."""
        if self._open:
            self._open.close()
            self._open = None

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
