"""One load into a DuckDB warehouse: a transaction that replaces the rows of one file."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from closedloop.errors import StateTrouble, WarehouseError
from closedloop.model.file import Counts, FileIdentity
from closedloop.model.table import Schema
from closedloop.warehouse.frames import frame_of
from closedloop.warehouse.marks import mark, take_out
from closedloop.warehouse.rows import load_row
from closedloop.warehouse.session import Opening, owner_only, speaking
from closedloop.warehouse.tables import column_list, delivered, quoted, raw_name

if TYPE_CHECKING:
    import duckdb

GROUP_ROWS = 122_880  # DuckDB's own: what is inserted in whole groups is written once, the rest of a group twice
FLUSH_BYTES = 64 * 1024 * 1024
LOADING_MEMORY = "128MB"
"""While rows go in, DuckDB needs little memory, and would fill all it may take with blocks it has written already."""
LOADING_THREADS = 1
"""The next rows are read and checked meanwhile, which takes the other processors; an idle thread gives memory back, too."""


class Arriving:
    """The rows on their way into DuckDB, which reads them without pyarrow: an Arrow stream and nothing else.

    It is registered once for a load and holds one frame after another: DuckDB keeps all that was ever
    registered in a transaction until its end, which for ten million rows came to 1.4 GB.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the rows as an Arrow stream."""
        return self.frame.__arrow_c_stream__(requested_schema)


class DuckDBLoading:
    """A `Loading`, from the beginning of its transaction to its end.

    Small frames gather until an insert is worth its overhead.
    """

    def __init__(
        self,
        connection: "duckdb.DuckDBPyConnection",
        opening: Opening,
        file: FileIdentity,
        schema: Schema,
    ) -> None:
        self._committed = False
        self._connection = connection
        self._opening = opening
        self._file = file
        self._schema = schema
        self._waiting: list[pl.DataFrame] = []
        self._arriving: Arriving | None = None
        self._load_id = 0
        self._is_narrow = False

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        """Hold the transaction open for a block."""
        try:
            self.begin()
            yield
        finally:
            self.end()

    def begin(self) -> None:
        """Open the transaction and take out what was loaded under this client and file name."""
        with self._speaking():
            self._connection.execute("BEGIN")
            self._remove_earlier()
            found = self._connection.execute("SELECT coalesce(max(load_id), 0) + 1 FROM loads")
            (self._load_id,) = found.fetchall()[0]

    def end(self) -> None:
        """Let go of everything, and of the transaction unless it is committed."""
        self._waiting.clear()
        # A broken connection has lost the transaction already, and its first error tells more.
        with contextlib.suppress(WarehouseError, StateTrouble), self._speaking():
            if not self._committed:
                self._connection.execute("ROLLBACK")
            self._widen()
            self._connection.unregister("arriving")

    def append(self, rows: pl.DataFrame) -> None:
        """Add accepted rows."""
        self._waiting.append(rows)
        waiting = sum(frame.height for frame in self._waiting)
        if waiting >= GROUP_ROWS:
            self._narrow()
            self._flush(waiting - waiting % GROUP_ROWS)
        elif sum(frame.estimated_size() for frame in self._waiting) >= FLUSH_BYTES:
            self._narrow()
            self._flush(waiting)

    def usual(self, files: int, rows: int) -> list[pl.DataFrame]:
        """Return the first rows of the latest other files of this client and schema."""
        table, columns = quoted(raw_name(self._schema.name)), column_list(self._schema)
        with self._speaking():
            return [
                frame_of(
                    self._connection.sql(
                        f"SELECT {columns} FROM {table} WHERE load_id = {load_id} LIMIT {rows}"
                    )
                )
                for load_id in self._others()[:files]
            ]

    def overlap(self) -> int:
        """Return how many of the rows appended so far, if they are events, other files of this client hold as well."""
        self._flush()
        times = [c.name for c in self._schema.columns.values() if c.type == "timestamp"]
        if self._schema.key or not times:
            return 0
        table, time = quoted(raw_name(self._schema.name)), quoted(times[0])
        mine, same = f"load_id = {self._load_id}", ", ".join(map(quoted, delivered(self._schema)))
        with self._speaking():
            others = self._others()
            if not others:
                return 0
            self._widen()
            theirs = f"load_id IN ({', '.join(map(str, others))})"
            # Only rows of one time can be the same: a delivery that follows on the last is not compared.
            within = f"{time} BETWEEN ? AND ?"
            ends = f"SELECT min({time}), max({time}) FROM {table} WHERE"
            span = self._connection.execute(f"{ends} {mine}").fetchall()[0]
            span = self._connection.execute(f"{ends} {theirs} AND {within}", [*span]).fetchall()[0]
            if span == (None, None):
                return 0
            found = self._connection.execute(
                f"SELECT count(*) FROM {table} WHERE {mine} AND {within} AND hash({same}) IN "
                f"(SELECT hash({same}) FROM {table} WHERE {theirs} AND {within})",
                [*span, *span],
            )
            return int(found.fetchall()[0][0])

    def _others(self) -> list[int]:
        """Return the loads of other files of this client and schema, the latest first."""
        found = self._connection.execute(
            "SELECT load_id FROM loads WHERE client = ? AND schema_name = ? AND loaded > 0 AND load_id <> ? "
            "ORDER BY day DESC, file DESC",
            [self._file.client, self._schema.name, self._load_id],
        )
        return [load_id for (load_id,) in found.fetchall()]

    def commit(
        self, counts: Counts, rejects: Sequence[tuple[str, str, int]], loaded_at: datetime
    ) -> None:
        """Make the rows and their ledger row visible together."""
        self._flush()
        with self._speaking(), owner_only():
            if self._is_narrow:
                # Nothing is read or checked any more.
                self._connection.execute("RESET threads")
            self._write_load(counts, loaded_at)
            for column, rule, rows in rejects:
                self._connection.execute(
                    "INSERT INTO rejects VALUES (?, ?, ?, ?)", [self._load_id, column, rule, rows]
                )
            self._connection.execute("COMMIT")
        self._committed = True

    def _write_load(self, counts: Counts, loaded_at: datetime) -> None:
        row = load_row(self._load_id, self._file, counts, loaded_at)
        self._connection.execute(f"INSERT INTO loads VALUES ({', '.join('?' * len(row))})", row)
        mark(self._connection, self._load_id, self._widen)

    def _narrow(self) -> None:
        """Let DuckDB take little for as long as rows come; of a small file none are coming when the first go in."""
        if self._is_narrow:
            return
        self._is_narrow = True
        with self._speaking():
            self._connection.execute("SET memory_limit = ?", [LOADING_MEMORY])
            self._connection.execute("SET threads = ?", [LOADING_THREADS])

    def _widen(self) -> None:
        """Let DuckDB take what it may where nothing else is going on."""
        if not self._is_narrow:
            return
        self._is_narrow = False
        self._connection.execute("SET memory_limit = ?", [self._opening.memory_limit])
        self._connection.execute("RESET threads")

    def _speaking(self) -> contextlib.AbstractContextManager[None]:
        return speaking(self._opening, f"refuses {self._file.name}")

    def _remove_earlier(self) -> None:
        found = self._connection.execute(
            "SELECT load_id FROM loads WHERE client = ? AND file = ?",
            [self._file.client, self._file.name],
        )
        for (load_id,) in found.fetchall():
            take_out(self._connection, load_id)

    def _flush(self, first: int | None = None) -> None:
        """Insert the first rows that wait, or all."""
        if not self._waiting:
            return
        columns = column_list(self._schema)
        waiting = pl.concat(self._waiting)
        rows = waiting.head(first) if first is not None else waiting
        self._waiting = [waiting[rows.height :]] if rows.height < waiting.height else []
        with self._speaking():
            arriving = self._offer(rows)
            self._connection.execute(
                f"INSERT INTO {quoted(raw_name(self._schema.name))} (load_id, line, {columns}) "
                f"SELECT {self._load_id}, line, {columns} FROM arriving"
            )
            arriving.frame = rows.clear()

    def _offer(self, rows: pl.DataFrame) -> Arriving:
        if self._arriving is None:
            self._arriving = Arriving(rows)
            self._connection.register("arriving", self._arriving)
        self._arriving.frame = rows
        return self._arriving
