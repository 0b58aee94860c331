"""Local times that an older program kept as text, made into times once."""

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from closedloop.errors import ProjectError
from closedloop.model.stored import StoredColumn, stored_columns
from closedloop.model.table import Schema
from closedloop.warehouse.tables import (
    change,
    column_list,
    is_kept_as_text,
    literal,
    quoted,
    raw_name,
)

if TYPE_CHECKING:
    import duckdb

logger = logging.getLogger(__name__)

OF_DIGITS = set("YmdHMSyj")
"""What DuckDB reads as polars did when the rows were loaded."""


def are_kept_as_text(schema: Schema, existing: Mapping[str, str]) -> bool:
    """Say whether a table with these columns is of an older program."""
    return any(is_kept_as_text(part, existing) for part in stored_columns(schema))


def make_times(
    connection: "duckdb.DuckDBPyConnection",
    schema: Schema,
    existing: Mapping[str, str],
    packing: str,
) -> None:
    """Copy the rows of a table, which has all columns of its schema, into one with its local times as times.

    Raises `ProjectError` where a text is not written as the schema says: then nothing may be committed. To change the
    column in its place would be faster, but DuckDB does that in memory, whatever its limit.
    """
    logger.info("local times of %s become times", raw_name(schema.name))
    table, old = quoted(raw_name(schema.name)), quoted(f"{raw_name(schema.name)}:old")
    texts = [part for part in stored_columns(schema) if is_kept_as_text(part, existing)]
    values = ", ".join(
        _time(connection, part, schema) if part in texts else quoted(part.name)
        for part in stored_columns(schema)
    )
    _refuse_indexes(connection, raw_name(schema.name))
    connection.execute(f"ALTER TABLE {table} RENAME TO {old}")
    (create,) = change(schema, {}, packing).statements
    connection.execute(create)
    connection.execute(
        f"INSERT INTO {table} (load_id, line, {column_list(schema)}) SELECT load_id, line, {values} FROM {old}"
    )
    for part in texts:
        _refuse_losses(connection, schema, part)
    connection.execute(f"DROP TABLE {old}")
    # Older versions of DuckDB don't let a view's columns change their types under it.
    connection.execute("UPDATE schema_version SET views = NULL")


def _time(connection: "duckdb.DuckDBPyConnection", part: StoredColumn, schema: Schema) -> str:
    table, name, written = (
        quoted(raw_name(schema.name)),
        quoted(part.name),
        schema.column(part.of).format,
    )
    if {*re.findall("%(.)", written)} <= OF_DIGITS:
        return f"try_strptime({name}, {literal(written)})"
    if connection.execute(f"SELECT 1 FROM {table} WHERE {name} IS NOT NULL LIMIT 1").fetchall():
        raise _refusal(schema, part)
    return "NULL"


def _refuse_indexes(connection: "duckdb.DuckDBPyConnection", table: str) -> None:
    """Refuse indexes of the user's own: DuckDB moves no table that has some."""
    found = connection.execute(
        "SELECT index_name FROM duckdb_indexes() WHERE database_name = current_database() AND table_name = ?",
        [table],
    ).fetchall()
    if found:
        names = ", ".join(quoted(name) for (name,) in found)
        raise ProjectError(
            f"the warehouse's table {table} is made anew, which its indexes {names} don't allow: drop them by DROP INDEX, "
            f"and create them again after the next run"
        )


def _refuse_losses(
    connection: "duckdb.DuckDBPyConnection", schema: Schema, part: StoredColumn
) -> None:
    """Refuse texts that were not read, or as a time that is more than a day from the one in UTC."""
    table, local, utc = (quoted(n) for n in (raw_name(schema.name), part.name, part.of))
    old = quoted(f"{raw_name(schema.name)}:old")
    ((lost,),) = connection.execute(
        f"SELECT (SELECT count({local}) FROM {old}) - count({local}) "
        f"+ count(*) FILTER (abs(epoch_us({local}) - epoch_us({utc})) > 86_400_000_000) FROM {table}"
    ).fetchall()
    if lost:
        raise _refusal(schema, part)


def _refusal(schema: Schema, part: StoredColumn) -> ProjectError:
    return ProjectError(
        f"schema '{schema.name}': the warehouse keeps local times of column '{part.of}' as texts that can't be read "
        f"as '{schema.column(part.of).format}'. Give the format in which they came, by %Y %y %m %d %j %H %M %S alone; or move the "
        "warehouse aside, with its .wal if there is one, and run the pull jobs: they fill a new one from archive and "
        "server, but for tables of your own"
    )
