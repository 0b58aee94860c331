"""The platform's record of truth: one SQLite file that a second process may act on too."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

SCHEMA = """
create table if not exists clock (at integer not null);

create table if not exists counters (name text primary key, value integer not null);

create table if not exists imports (
    seq integer primary key, client text, upload text, at integer, size integer, mtime_ns integer,
    outcome text,              -- sent | import_failed | trigger_failed | discarded
    rows integer, mailed integer, dropped text, source_mailing integer, wave integer,
    mailing_id integer, detail text
);

create table if not exists halts (
    client text, upload text, since integer, outcome text, cleared integer
);

create table if not exists mailings (
    mailing_id integer primary key, client text, campaign_id integer, lists text,
    kind text,                 -- wave | foreign
    upload text, wave integer, source_mailing integer, started integer, finished integer
);

create table if not exists recipients (
    mailing_to_user_id integer primary key, mailing_id integer, address text, sent integer,
    extras text                -- the list's values by column name, as JSON
);
create index if not exists recipients_by_mailing on recipients (mailing_id);

-- One row for each line the platform will ever export. `key` and `version` order the lines of kinds
-- that come again when they change; `day` is the export that took the row; `seen` is when a file with
-- it first lay in the client's folder.
create table if not exists told (
    seq integer primary key, client text, kind text, mailing_id integer, mailing_to_user_id integer,
    at integer, link_id integer, a text, b text, c text, key integer, version integer,
    day text, superseded integer not null default 0, seen integer
);
create index if not exists told_waiting on told (client, at) where day is null;
create index if not exists told_by_day on told (client, day, kind);
create index if not exists told_by_key on told (key, kind);

create table if not exists days (client text, day text, at integer, primary key (client, day));

create table if not exists files (
    client text, name text, kind text, day text, part integer,
    state text,                -- written | incomplete | withheld | late
    due text,                  -- the export day that writes it (again)
    written integer, rows integer, broken integer, header integer, bytes integer,
    primary key (client, name)
);

create view if not exists mailed as
    select client, upload, wave, mailing_id, address, count(*) as times
    from recipients join mailings using (mailing_id) where kind = 'wave'
    group by client, upload, wave, mailing_id, address;
"""


class Told(NamedTuple):
    """A line to be exported; `at` is when the platform knows of it (epoch seconds)."""

    client: str
    kind: str
    mailing_id: int
    mailing_to_user_id: int | None
    at: int
    link_id: int | None = None
    a: str | None = None
    b: str | None = None
    c: str | None = None
    key: int | None = None
    version: int = 1


TELL = (
    "insert into told (client, kind, mailing_id, mailing_to_user_id, at, link_id, a, b, c, key,"
    " version) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@contextmanager
def acting(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the platform alone for one act: all of it is recorded, or nothing."""
    database = _open(path)
    try:
        database.execute("begin immediate")
        yield database
        database.execute("commit")
    finally:
        database.close()


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Read the record as it stands."""
    database = _open(path)
    try:
        yield database
    finally:
        database.close()


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=60, isolation_level=None)
    database.row_factory = sqlite3.Row
    # A crash of the process loses nothing; that a power cut might is fine for a rehearsal.
    database.execute("pragma synchronous = off")
    return database


def create(path: Path) -> None:
    """Make sure that the tables are there."""
    with reading(path) as database:
        database.executescript(SCHEMA)


def numbers(database: sqlite3.Connection, name: str, first: int, count: int) -> int:
    """Reserve `count` consecutive numbers of a sequence and return the first of them."""
    row = database.execute("select value from counters where name = ?", (name,)).fetchone()
    value = int(row["value"]) if row else first
    database.execute("replace into counters values (?, ?)", (name, value + count))
    return value


def set_clock(database: sqlite3.Connection, now: datetime) -> None:
    """Note how far the platform's time has come; it never goes back."""
    latest = max(seconds(now), clock(database) or 0)
    database.execute("delete from clock")
    database.execute("insert into clock values (?)", (latest,))


def clock(database: sqlite3.Connection) -> int | None:
    """Return the latest time the platform acted at."""
    row = database.execute("select at from clock").fetchone()
    return int(row["at"]) if row else None


def seconds(moment: datetime) -> int:
    """Return an aware time as whole seconds of the epoch."""
    return int(moment.astimezone(UTC).timestamp())
