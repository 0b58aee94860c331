"""Rows out of PostgreSQL, for selections."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from closedloop.errors import ProjectError, WarehouseError

if TYPE_CHECKING:
    import psycopg


def select_from(url: str, sql: str, batch_rows: int) -> Iterator[pl.DataFrame]:
    """Run one query on a PostgreSQL database, read only, and yield its rows in batches through a server-side cursor.

    The password comes from PGPASSWORD or ~/.pgpass, as for any PostgreSQL program. An empty result yields one
    empty frame. Raises `ProjectError` for a wrong query, `WarehouseError` where the database can't be reached.
    """
    try:
        import psycopg
    except ModuleNotFoundError as error:
        raise ProjectError(
            "selection: PostgreSQL needs the extra: pip install 'closedloop[postgres]'"
        ) from error
    try:
        with psycopg.connect(url, connect_timeout=20) as connection:
            connection.read_only = True
            yield from _batches(connection, sql, batch_rows)
    except psycopg.OperationalError as error:
        raise WarehouseError(
            f"selection: PostgreSQL can't be reached: {_first_line(error)}"
        ) from None
    except psycopg.Error as error:
        raise ProjectError(
            f"selection: PostgreSQL refuses the query: {_first_line(error)}"
        ) from None


def _batches(connection: "psycopg.Connection[Any]", sql: str, batch_rows: int) -> Iterator[pl.DataFrame]:
    with connection.cursor(name="closedloop_selection") as cursor:
        cursor.execute(sql.strip().rstrip(";").encode())
        names = [column.name for column in cursor.description or []]
        first = True
        while (rows := cursor.fetchmany(batch_rows)) or first:
            yield pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
            first = False


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
