"""People taken out of a DuckDB warehouse: their rows blanked, and the file written anew."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from closedloop.model.stored import StoredColumn, stored_columns
from closedloop.model.table import Schema
from closedloop.warehouse.base import Among, Hidden
from closedloop.warehouse.duckdb_loading import Arriving
from closedloop.warehouse.session import Opening, be_quiet, owner_only, settings, speaking
from closedloop.warehouse.tables import quoted, raw_name

if TYPE_CHECKING:
    import duckdb

RECIPIENTS = "mailing_recipients"
BATCH_ROWS = 500_000


class Blanking:
    """One transaction's work: the rows of some people in the raw tables of these clients."""

    def __init__(
        self, connection: "duckdb.DuckDBPyConnection", schemas: Sequence[Schema], clients: Sequence[str]
    ) -> None:  # fmt: skip
        self._connection = connection
        self._schemas = schemas
        names = ", ".join("'" + client.replace("'", "''") + "'" for client in clients)
        self._of_clients = f"load_id IN (SELECT load_id FROM loads WHERE client IN ({names}))"

    def blank(self, among: Among, hidden: Hidden) -> Counter[str]:
        """Blank them and return how many rows of each schema named them.

        Their rows stay, with every personal column empty: what they did still counts, nobody knows that it was
        they. Rows that name them only by a mailing to them are theirs as well. Elsewhere their addresses become asterisks.
        """
        theirs = {s.name: self._spellings(s, among) for s in self._schemas}
        for schema in self._schemas:
            self._note_mailings(schema, theirs[schema.name])
        rows: Counter[str] = Counter()
        for schema in self._schemas:
            rows[schema.name] += self._blank_rows(schema, theirs[schema.name])
            rows[schema.name] += self._hide(schema, hidden)
        return +rows

    def _spellings(self, schema: Schema, among: Among) -> dict[str, list[str]]:
        """Return, for each personal column, the values that name them."""
        return {
            part.name: [
                value for batch in self._distinct(schema, part) for value in batch.filter(among(batch))
            ]
            for part in _texts(schema)
            if part.personal
        }  # fmt: skip

    def _distinct(
        self, schema: Schema, part: StoredColumn, condition: str = "true"
    ) -> Iterator[pl.Series]:
        column = quoted(part.name)
        cursor = self._connection.cursor()
        # A cursor is outside of the transaction, and sees what was there before it.
        reader = cursor.execute(
            f"SELECT DISTINCT {column} FROM {quoted(raw_name(schema.name))} "
            f"WHERE {column} IS NOT NULL AND {condition} AND {self._of_clients}"
        )
        while rows := reader.fetchmany(BATCH_ROWS):
            yield pl.Series([str(value) for (value,) in rows], dtype=pl.String)
        cursor.close()

    def _note_mailings(self, schema: Schema, spellings: dict[str, list[str]]) -> None:
        """Note by which ids the rows of this schema know mailings to them."""
        self._connection.execute(
            "CREATE TEMP TABLE IF NOT EXISTS their_mailings (mailing_to_user_id BIGINT)"
        )
        for name in _mailing_columns(schema):
            for column, values in spellings.items():
                self._with(values).execute(
                    f"INSERT INTO their_mailings SELECT DISTINCT {quoted(name)} FROM {quoted(raw_name(schema.name))} "
                    f"WHERE {quoted(column)} IN (FROM arriving) AND {self._of_clients} AND {quoted(name)} IS NOT NULL"
                )

    def _blank_rows(self, schema: Schema, spellings: dict[str, list[str]]) -> int:
        personal = [quoted(part.name) for part in stored_columns(schema) if part.personal]
        if not personal:
            return 0
        filled = " OR ".join(f"{name} IS NOT NULL" for name in personal)
        emptied = ", ".join(f"{name} = NULL" for name in personal)
        by_mailing = [
            f"{quoted(name)} IN (FROM their_mailings)" for name in _mailing_columns(schema)
        ]
        conditions = [(f"{quoted(name)} IN (FROM arriving)", values) for name, values in spellings.items()]  # fmt: skip
        return sum(
            self._changed(
                f"UPDATE {quoted(raw_name(schema.name))} SET {emptied} WHERE ({condition}) AND ({filled}) AND {self._of_clients}",
                values,
            )
            for condition, values in [*conditions, *((each, list[str]()) for each in by_mailing)]
        )

    def _hide(self, schema: Schema, hidden: Hidden) -> int:
        """Hide their addresses in the other texts, such as links."""
        rows = 0
        for part in _texts(schema):
            column = quoted(part.name)
            holds_one = f"regexp_matches({column}, '@|%40')"
            for batch in self._distinct(schema, part, holds_one):
                for value, clean in ((value, hidden(value)) for value in batch):
                    if clean != value:
                        rows += self._changed(
                            f"UPDATE {quoted(raw_name(schema.name))} SET {column} = ? WHERE {column} = ? AND {self._of_clients}",
                            [],
                            [clean, value],
                        )
        return rows

    def _changed(self, sql: str, values: list[str], parameters: Sequence[str] = ()) -> int:
        ((rows,),) = self._with(values).execute(sql, list(parameters)).fetchall()
        return int(rows)

    def _with(self, values: list[str]) -> "duckdb.DuckDBPyConnection":
        """Return the connection with these values at hand as `arriving`."""
        frame = pl.DataFrame({"value": values}, schema={"value": pl.String})
        return self._connection.register("arriving", Arriving(frame))


def named_elsewhere(
    connection: "duckdb.DuckDBPyConnection", own: Sequence[str], hidden: Hidden
) -> Counter[str]:
    """Return how many rows of tables that are not the warehouse's `own` hold their addresses, by table."""
    columns = connection.execute(
        "SELECT c.schema_name, c.table_name, c.column_name FROM duckdb_columns() c JOIN duckdb_tables() t USING (table_oid) "
        "WHERE c.database_name = current_database() AND t.database_name = c.database_name AND c.data_type = 'VARCHAR'"
    )
    rows: Counter[str] = Counter()
    for schema, table, column in columns.fetchall():
        if schema == "main" and table in own:
            continue
        found = connection.execute(
            f"SELECT {quoted(column)}, count(*) FROM {quoted(schema)}.{quoted(table)} "
            f"WHERE regexp_matches({quoted(column)}, '@|%40') GROUP BY ALL"
        )
        while batch := found.fetchmany(BATCH_ROWS):
            rows[table] += sum(often for value, often in batch if hidden(value) != value)
    return +rows


def rewrite(opening: Opening) -> None:
    """Write a warehouse file anew, so that no free block of it holds what was taken out.

    Raises `WarehouseBusy` while another process has it open. The new file takes the place of the old one whole, or not at all.
    """
    import duckdb

    fresh = opening.path.with_name(f"{opening.path.name}.fresh")
    with speaking(opening, "can't be written anew"), owner_only():
        for left in opening.path.parent.glob(f"{fresh.name}*"):
            left.unlink()
        with duckdb.connect(config=settings(opening)) as connection:
            be_quiet(connection)
            connection.execute(f"ATTACH '{_literal(opening.path)}' AS was (READ_ONLY)")
            connection.execute(f"ATTACH '{_literal(fresh)}' AS fresh")
            connection.execute("COPY FROM DATABASE was TO fresh")
            connection.execute("CHECKPOINT fresh")
            connection.execute("DETACH fresh")
            # While the old file is still held: who waits for it opens the new one.
            fresh.replace(opening.path)
        _sync(opening.path)


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")


def _sync(path: Path) -> None:
    for each in (path, path.parent):
        opened = os.open(each, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _texts(schema: Schema) -> list[StoredColumn]:
    """Return the columns that hold delivered text."""
    return [part for part in stored_columns(schema) if part.kind == "text"]


def _mailing_columns(schema: Schema) -> list[str]:
    """Return the columns that tell of a mailing to a recipient."""
    key = next(iter(schema.key), None) if schema.name == RECIPIENTS else None
    target = f"{RECIPIENTS}.mailing_to_user_id"
    return [
        column.name
        for column in schema.columns.values()
        if column.references == target or column.name == key
    ]
