"""Rows out of PostgreSQL, for selections."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

import polars as pl

from closedloop.errors import ProjectError, WarehouseError
from closedloop.model.privacy import without_addresses, without_values
from closedloop.stopping import NEVER, Stopping

if TYPE_CHECKING:
    import psycopg

NUMERIC = 1700
"""What PostgreSQL calls its type numeric."""

NOT_NUMBERS = {"NaN", "Infinity", "-Infinity"}
"""What a numeric of PostgreSQL may hold besides numbers."""


def select_from(
    url: str, sql: str, batch_rows: int, stopping: Stopping = NEVER
) -> Iterator[pl.DataFrame]:
    """Run one query on a PostgreSQL database, read only, and yield its rows in batches through a server-side cursor.

    The password comes from PGPASSWORD or ~/.pgpass, as for any PostgreSQL program. A numeric comes as the text
    that PostgreSQL writes, digit for digit. An empty result yields one empty frame. Raises `ProjectError` for a wrong query, `WarehouseError` where the database can't be reached.
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
            yield from _batches(connection, sql, batch_rows, stopping)
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
    connection: "psycopg.Connection[tuple[object, ...]]",
    sql: str,
    batch_rows: int,
    stopping: Stopping,
) -> Iterator[pl.DataFrame]:
    from psycopg.types.string import TextLoader

    with connection.cursor(name="closedloop_selection") as cursor:
        # Decimals of one column share a scale in polars, so that neighbours would change each other's text.
        cursor.adapters.register_loader("numeric", TextLoader)
        with stopping.insisting(connection.cancel_safe):
            cursor.execute(sql.strip().rstrip(";").encode())
        columns = cursor.description or []
        _refuse_twins([column.name for column in columns])
        first = True
        while (rows := _fetched(connection, cursor, batch_rows, stopping)) or first:
            values = zip(*rows, strict=True) if rows else repeat(())
            yield pl.DataFrame([_series(*each) for each in zip(columns, values, strict=False)])
            first = False


def _fetched(
    connection: "psycopg.Connection[tuple[object, ...]]",
    cursor: "psycopg.ServerCursor[tuple[object, ...]]",
    rows: int,
    stopping: Stopping,
) -> list[tuple[object, ...]]:
    with stopping.insisting(connection.cancel_safe):
        return cursor.fetchmany(rows)


def _series(column: "psycopg.Column", values: Sequence[object]) -> pl.Series:
    if column.type_code == NUMERIC and not NOT_NUMBERS.isdisjoint(values):
        raise ProjectError(
            f"selection: the query's column '{column.name}' holds NaN or Infinity, which is no number; leave those rows out"
        )
    try:
        return pl.Series(column.name, values)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
        # What polars says quotes a value.
        raise ProjectError(
            f"selection: the query's column '{column.name}' ({column.type_display}) can't be read; cast it to text in the query"
        ) from None


def _refuse_twins(names: list[str]) -> None:
    twins = [name for name, often in Counter(names).items() if often > 1]
    if twins:
        raise ProjectError(
            f"selection: the query yields the column '{twins[0]}' twice; give each a name of its own"
        )


def _first_line(error: Exception) -> str:
    """Return what PostgreSQL says in one line, without the values that a row may have put into it."""
    import psycopg

    if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
        return without_values(str(error))
    lines = without_addresses(str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__
