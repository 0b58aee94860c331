"""The warehouse in one DuckDB file."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from closedloop.errors import ProjectError, StateTrouble, WarehouseError
from closedloop.model.file import FileIdentity, Load
from closedloop.model.run import MailingFigures
from closedloop.model.settings import Suppression
from closedloop.model.table import Schema
from closedloop.model.wave import Sighting, Wave
from closedloop.stopping import NEVER, Stopping
from closedloop.warehouse.base import Among, Forgot, Hidden
from closedloop.warehouse.frames import frame_of
from closedloop.warehouse.references import searches
from closedloop.warehouse.rows import load_of, wave_row
from closedloop.warehouse.session import (
    Opening,
    connect,
    owner_only,
    patiently,
    release,
    speaking,
    spoken,
)
from closedloop.warehouse.tables import OWN_TABLES, change, quoted, raw_name, refuse_taken_names
from closedloop.warehouse.versions import bring_up_to_date
from closedloop.warehouse.views import View, fingerprint, suppressions_among, text_of, views

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from closedloop.warehouse.duckdb_amending import DuckDBAmending
    from closedloop.warehouse.duckdb_loading import DuckDBLoading

SOURCE_WAIT_SECONDS = 60
"""How long a selection waits for another DuckDB file that is being written."""


class DuckDBWarehouse:
    """A `Warehouse` in one file, for one process at a time.

    The file is opened by the first call and let go by `close`. With `read_only` it must be there already, and
    the bounce limits are those it was last opened with.
    """

    def __init__(
        self,
        path: Path,
        lock_wait_seconds: float,
        suppression: Suppression,
        *,
        read_only: bool = False,
        memory_limit: str = "512MB",
        stopping: Stopping = NEVER,
    ) -> None:
        self._opening = Opening(path, lock_wait_seconds, read_only, memory_limit, stopping)
        self._suppression = suppression
        self._schemas: dict[str, Schema] = {}
        self._connected: duckdb.DuckDBPyConnection | None = None
        self._reading: list[duckdb.DuckDBPyConnection] = []

    def prepare(self, schemas: Sequence[Schema]) -> list[str]:
        """Create what is missing; the contract is in `Warehouse`."""
        # Late: most pulls find nothing new, and ask no warehouse.
        from closedloop.warehouse.local_times import are_kept_as_text, make_times
        from closedloop.warehouse.marks import mark_all

        for schema in schemas:
            refuse_taken_names(schema)
        with self._transaction("can't be prepared") as connection:
            there = self._tables()
            tables = [(schema, there.get(raw_name(schema.name), {})) for schema in schemas]
            aged = [each for each in tables if are_kept_as_text(*each)]
            is_complete = not aged and all(existing for _, existing in tables)
            packing = "" if is_complete else self._packing()
            changes = [change(*each, packing) for each in tables]
            for statement in (text for each in changes for text in each.statements):
                connection.execute(statement)
            for each in aged:
                with self._opening.stopping.insisting(connection.interrupt):
                    make_times(connection, *each, packing)
            mark_all(connection, schemas)
            self._write_views(connection, schemas)
        self._schemas = {schema.name: schema for schema in schemas}
        return [sentence for each in changes for sentence in each.sentences]

    def mark(self) -> str | None:
        """Return size and time of the file; the contract is in `Warehouse`."""
        try:
            found = self._opening.path.stat()
        except FileNotFoundError:
            return None
        return f"{found.st_size} {found.st_mtime_ns}"

    def loads(self, client: str) -> list[Load]:
        """Return the committed loads of a client, by file name."""
        rejects: dict[int, list[tuple[str, str, int]]] = {}
        for row in self.rows('SELECT * FROM rejects ORDER BY load_id, column_name, rule, "rows"'):
            rejects.setdefault(row["load_id"], []).append(
                (row["column_name"], row["rule"], row["rows"])
            )
        found = self.rows("SELECT * FROM loads WHERE client = ? ORDER BY file", [client])
        return [load_of(row, rejects.get(row["load_id"], [])) for row in found]

    @contextlib.contextmanager
    def loading(self, file: FileIdentity, schema: Schema) -> Iterator["DuckDBLoading"]:
        """Open a transaction that replaces whatever was loaded under this client and file name."""
        from closedloop.warehouse.duckdb_loading import DuckDBLoading

        load = DuckDBLoading(self._connection(), self._opening, file, schema)
        with load.under_way():
            yield load

    @contextlib.contextmanager
    def amending(self, file: FileIdentity, schema: Schema) -> Iterator["DuckDBAmending"]:
        """Open a transaction that adds rows to the load of this very content."""
        from closedloop.warehouse.duckdb_amending import DuckDBAmending

        load = DuckDBAmending(self._connection(), self._opening, file, schema)
        with load.under_way():
            yield load

    def unresolved(self, client: str, names: Sequence[str]) -> list[tuple[str, str, int]]:
        """Return (file, column, rows) for each reference of these loaded files that points at nothing yet."""
        found = self.rows(
            f"SELECT load_id, file FROM loads WHERE client = ? AND file IN ({', '.join('?' * len(names))})",
            [client, *names],
        )
        mine = {row["load_id"]: row["file"] for row in found}
        return sorted(
            (mine[row["load_id"]], row["reference"], row["lost"])
            for query in (searches([*self._schemas.values()], list(mine)) if mine else [])
            for row in self.rows(query, [client])
        )

    def suppressed(self, client: str, among: "pl.Series") -> "pl.DataFrame":
        """Return who of many must not be mailed; the contract is in `Warehouse`."""
        from closedloop.warehouse.duckdb_loading import Arriving

        asked = f"SELECT recipient AS address, reason FROM ({suppressions_among('asked')}) WHERE client = ?"
        with self._answering_who_is_suppressed() as connection:
            connection.register("asked", Arriving(among.alias("address").to_frame()))
            found = frame_of(connection.sql(asked, params=[client]))
            connection.unregister("asked")
        return found

    def spellings(self, client: str) -> "pl.DataFrame":
        """Return how addresses that need more than ASCII are written; the contract is in `Warehouse`."""
        with self._answering_who_is_suppressed() as connection:
            return frame_of(connection.sql(text_of("spellings"), params=[client]))

    def record_waves(self, waves: Sequence[Wave]) -> None:
        """Make the table of our waves equal to these, wave by wave."""
        known = {tuple(row.values()) for row in self.rows("SELECT * FROM sent_waves")}
        changed = [row for row in map(wave_row, waves) if tuple(row) not in known]
        if not changed:
            return
        with self._transaction("can't take in the waves") as connection:
            for row in changed:
                connection.execute(
                    "DELETE FROM sent_waves WHERE client = ? AND wave_id = ?", row[:2]
                )
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO sent_waves VALUES ({marks})", row)

    def forget(
        self, clients: Sequence[str], among: Among, hidden: Hidden, *, dry_run: bool
    ) -> Forgot:
        """Blank some people's rows and write the file anew; the contract is in `Warehouse`."""
        from closedloop.warehouse.duckdb_forget import Blanking, named_elsewhere, rewrite
        from closedloop.warehouse.marks import mark_anew

        own = [*OWN_TABLES, *(raw_name(name) for name in self._schemas)]
        with self._transaction("can't forget") as connection:
            blanked = Blanking(connection, [*self._schemas.values()], clients).blank(among, hidden)
            left = named_elsewhere(connection, own, hidden)
            # What was blanked is compared by what it holds now.
            mark_anew(connection, [*self._schemas.values()])
            if dry_run:
                connection.execute("ROLLBACK")
                connection.execute("BEGIN")
        if not dry_run:
            self.close()
            patiently(self._opening, rewrite)
        return Forgot(blanked, left)

    def sightings(self, client: str) -> list[Sighting]:
        """Return what the response data shows of our waves; the contract is in `Warehouse`."""
        if not self.rows("SELECT 1 FROM duckdb_views() WHERE view_name = 'waves'"):
            return []
        found = self.rows(
            "SELECT wave_id, matched_by, mailing_id, mailings, coalesce(seen, 0) AS seen FROM waves "
            "WHERE client = ? AND mailing_id IS NOT NULL ORDER BY wave_id",
            [client],
        )
        return [Sighting(**row) for row in found]

    def mailings(self, client: str, since: datetime) -> list[MailingFigures]:
        """Return the latest mailings; the contract is in `Warehouse`."""
        if not self.rows("SELECT 1 FROM duckdb_views() WHERE view_name = 'campaigns'"):
            return []
        started = self.rows(
            "SELECT mailing_id FROM mailings WHERE client = ? AND started_at >= ?",
            [client, since.astimezone(UTC).replace(tzinfo=None)],
        )
        ids = [row["mailing_id"] for row in started]
        if not ids:
            return []
        # Asked for by their ids, so that only their recipients are counted, not those of all years.
        found = self.rows(text_of("mailings"), [client, ids])
        return [
            MailingFigures(**{**row, "started_at": row["started_at"].replace(tzinfo=UTC)})
            for row in found
        ]

    def bounced_softly(self, client: str, mailings: Sequence[int]) -> "pl.Series":
        """Return whom the first of these mailings, and each of them that went to them, bounced softly."""
        with speaking(self._opening, "can't say who bounced softly"):
            asked = [client, list(mailings), mailings[0]]
            found = frame_of(self._connection().sql(text_of("soft_bounces"), params=asked))
        return found["recipient"]

    def select(self, sql: str, batch_rows: int) -> Iterator["pl.DataFrame"]:
        """Run one query of the user's and yield its rows in batches."""
        from closedloop.warehouse.duckdb_query import query_batches

        cursor = self._connection().cursor()
        self._reading.append(cursor)
        try:
            yield from query_batches(cursor, self._opening, sql, batch_rows)
        finally:
            self._reading.remove(cursor)
            cursor.close()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Return the rows of a query of ours; times are UTC without a zone."""
        with speaking(self._opening, "can't answer"):
            found = self._connection().execute(sql, list(parameters))
            names = [str(column[0]) for column in found.description or []]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def close(self) -> None:
        """Let others in."""
        if self._connected is None:
            return
        release(self._opening, [*self._reading, self._connected])
        self._connected = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _connection(self) -> "duckdb.DuckDBPyConnection":
        if self._connected is None:
            self._connected = connect(self._opening)
            if not self._opening.read_only:
                self._make_ready_or_let_go()
        return self._connected

    @contextlib.contextmanager
    def _answering_who_is_suppressed(self) -> Iterator["duckdb.DuckDBPyConnection"]:
        failure = "can't say who is suppressed (prepare it with all eight schemas)"
        with speaking(self._opening, failure):
            yield self._connection()

    def _make_ready_or_let_go(self) -> None:
        try:
            self._make_ready()
        except BaseException:
            self.close()
            raise

    def _make_ready(self) -> None:
        """Create the warehouse's own tables, and note the bounce limits for the views."""
        limits = (self._suppression.hard_bounces, self._suppression.soft_bounces)
        with self._transaction("can't be set up") as connection:
            is_new = "schema_version" not in self._tables()
            bring_up_to_date(connection, self._opening.path, is_new=is_new)
            if connection.execute("SELECT hard, soft FROM bounce_limits").fetchall() != [limits]:
                connection.execute("DELETE FROM bounce_limits")
                connection.execute("INSERT INTO bounce_limits VALUES (?, ?)", limits)

    @contextlib.contextmanager
    def _transaction(self, failure: str) -> Iterator["duckdb.DuckDBPyConnection"]:
        with speaking(self._opening, failure), owner_only():
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with (
                    contextlib.suppress(WarehouseError, StateTrouble),
                    speaking(self._opening, failure),
                ):
                    connection.execute("ROLLBACK")
                raise

    def _tables(self) -> dict[str, dict[str, str]]:
        """Return the columns of every table with their types, in one question: each costs 5 ms."""
        found = self.rows(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() "
            "WHERE database_name = current_database() AND schema_name = 'main' "
            "ORDER BY table_name, column_index"
        )
        tables: dict[str, dict[str, str]] = {}
        for row in found:
            tables.setdefault(row["table_name"], {})[row["column_name"]] = row["data_type"]
        return tables

    def _packing(self) -> str:
        """Return how texts are packed that seldom repeat, in a third of the time of DuckDB's own choice; older files can't."""
        (found,) = self.rows(
            "SELECT tags['storage_version'] AS version FROM duckdb_databases() WHERE database_name = current_database()"
        )
        is_old = str(found["version"]).startswith(("v0.", "v1.0.", "v1.1.", "None"))
        return "" if is_old else "USING COMPRESSION zstd"

    def _write_views(
        self, connection: "duckdb.DuckDBPyConnection", schemas: Sequence[Schema]
    ) -> None:
        wanted = views(schemas)
        mark = fingerprint(wanted)
        if connection.execute("SELECT views FROM schema_version").fetchall() == [(mark,)]:
            return
        for view in wanted:
            self._write_view(connection, view)
        connection.execute("UPDATE schema_version SET views = ?", [mark])

    def _write_view(self, connection: "duckdb.DuckDBPyConnection", view: View) -> None:
        import duckdb

        try:
            connection.execute(f"CREATE OR REPLACE VIEW {quoted(view.name)} AS {view.query}")
        except duckdb.ProgrammingError as error:
            raise ProjectError(
                f"the view '{view.name}' does not find what it reads: {spoken(error)} "
                f"Keep the shipped names of schemas and columns; you may add columns of your own"
            ) from error


def select_from(
    path: Path, sql: str, batch_rows: int, stopping: Stopping = NEVER
) -> Iterator["pl.DataFrame"]:
    """Run one query on another DuckDB file, read only, and yield its rows in batches.

    Raises `ProjectError` if there is no such file or the query is wrong, `WarehouseBusy` if another process writes to it.
    """
    if not path.is_file():
        raise ProjectError(f"selection: there is no DuckDB file at {path}; correct 'from'")
    from closedloop.warehouse.duckdb_query import query_batches

    opening = Opening(path, SOURCE_WAIT_SECONDS, read_only=True, stopping=stopping)
    connection = connect(opening)
    try:
        yield from query_batches(connection, opening, sql, batch_rows)
    finally:
        release(opening, [connection])
