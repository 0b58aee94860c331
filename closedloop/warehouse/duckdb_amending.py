"""One load in a DuckDB warehouse amended: a transaction that adds corrected rows to it."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from closedloop.model.file import Counts
from closedloop.warehouse.duckdb_loading import Arriving, DuckDBLoading
from closedloop.warehouse.marks import mark
from closedloop.warehouse.rows import utc
from closedloop.warehouse.tables import quoted, raw_name


class DuckDBAmending(DuckDBLoading):
    """An `Amending`: the rows of the load stay, and its ledger row tells the new counts."""

    def begin(self) -> None:
        """Open the transaction on the load of this very content."""
        with self._speaking():
            self._connection.execute("BEGIN")
            found = self._connection.execute(
                "SELECT load_id FROM loads WHERE client = ? AND file = ? AND sha256 = ?",
                [self._file.client, self._file.name, self._file.sha256],
            )
            (self._load_id,) = found.fetchall()[0]

    def present(self, lines: Sequence[int]) -> set[int]:
        """Return which of these lines are loaded."""
        with self._speaking():
            self._connection.register(
                "asked", Arriving(pl.DataFrame({"line": [*lines]}, {"line": pl.Int64}))
            )
            found = self._connection.execute(
                f"SELECT line FROM {quoted(raw_name(self._schema.name))} "
                "WHERE load_id = ? AND line IN (SELECT line FROM asked)",
                [self._load_id],
            )
            there = {line for (line,) in found.fetchall()}
            self._connection.unregister("asked")
        return there

    def _write_load(self, counts: Counts, loaded_at: datetime) -> None:
        self._connection.execute(
            "UPDATE loads SET loaded = ?, quarantined = ?, loaded_at = ? WHERE load_id = ?",
            [counts.loaded, counts.quarantined, utc(loaded_at), self._load_id],
        )
        self._connection.execute("DELETE FROM rejects WHERE load_id = ?", [self._load_id])
        mark(self._connection, self._load_id, self._widen, amended=True)
