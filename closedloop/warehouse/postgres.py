"""Rows out of PostgreSQL, for selections."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from closedloop.errors import ProjectError, WarehouseError
from closedloop.model.privacy import without_addresses

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
    _refuse_odd_url(url)
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


def _refuse_odd_url(url: str) -> None:
    """Refuse a URL that can't be read, in words of our own: the library's may quote a password."""
    import psycopg

    try:
        psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ProjectError(
            "selection: 'from' is no PostgreSQL URL; write it as in postgresql://user@host:5432/database"
        ) from None


def _batches(
    connection: "psycopg.Connection[tuple[object, ...]]", sql: str, batch_rows: int
) -> Iterator[pl.DataFrame]:
    with connection.cursor(name="closedloop_selection") as cursor:
        cursor.execute(sql.strip().rstrip(";").encode())
        names = [column.name for column in cursor.description or []]
        _refuse_twins(names)
        first = True
        while (rows := cursor.fetchmany(batch_rows)) or first:
            yield pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
            first = False


def _refuse_twins(names: list[str]) -> None:
    twins = [name for name, often in Counter(names).items() if often > 1]
    if twins:
        raise ProjectError(
            f"selection: the query yields the column '{twins[0]}' twice; give each a name of its own"
        )


def _first_line(error: Exception) -> str:
    """Return what PostgreSQL says in one line; it may quote a row's values, and an address among them."""
    lines = without_addresses(str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__
