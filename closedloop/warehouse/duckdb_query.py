"""One query of a user's on DuckDB: refused unless it only reads, its rows yielded in batches."""

from typing import TYPE_CHECKING

from closedloop.errors import ProjectError
from closedloop.warehouse.frames import frame_of
from closedloop.warehouse.session import Opening, disk_trouble, speaking, spoken

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import polars as pl

ELSEWHERE = (
    " It was looked for in the database that 'from' names; \"warehouse\" is the one with the response data. Customers lie elsewhere: "
    "give 'from' the URL of their database, or write file = \"customers.csv\" instead of 'sql' and 'from'"
)


def query_batches(
    connection: "duckdb.DuckDBPyConnection", opening: Opening, sql: str, batch_rows: int
) -> "Iterator[pl.DataFrame]":
    """Yield the rows of a query in batches, at least one; the contract is in `Warehouse.select`.

    The result is laid down first, on disk where memory ends, so that a slow reader sees one state. It lies
    in a table of the connection's own and goes with it.
    """
    with opening.stopping.insisting(connection.interrupt):
        count = _lay_down(connection, opening, sql)
    for start in range(0, max(count, 1), batch_rows):
        within = f"rowid >= {start} AND rowid < {start + batch_rows}"
        with (
            opening.stopping.insisting(connection.interrupt),
            speaking(opening, "broke off a query"),
        ):
            batch = frame_of(connection.sql(f"SELECT * FROM selection WHERE {within}"))
        yield batch


def _lay_down(connection: "duckdb.DuckDBPyConnection", opening: Opening, query: str) -> int:
    """Store the result of a query in a table of this connection's own; return the number of its rows."""
    import duckdb

    try:
        only = _only_query(query)
        # As a sub-query it can't change anything: DuckDB allows a data-changing WITH at the top only.
        connection.execute(f"CREATE TEMP TABLE selection AS FROM (\n{only}\n)")
        columns = connection.execute("DESCRIBE selection").fetchall()
        counted = connection.execute("SELECT count(*) FROM selection").fetchall()
    except duckdb.Error as error:
        if trouble := disk_trouble(opening, error):
            raise trouble from None
        hint = ELSEWHERE if isinstance(error, duckdb.CatalogException) else ""
        raise ProjectError(f"the query is refused: {spoken(error)}{hint}") from None
    _refuse_unreadable({str(column[0]): str(column[1]) for column in columns})
    return int(counted[0][0])


def _only_query(text: str) -> str:
    """Return the one query in a text, without its semicolon."""
    import duckdb

    statements = duckdb.extract_statements(text)
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        raise ProjectError(
            "the query is refused: it must be one SELECT (or WITH, FROM, VALUES), since it may only read"
        )
    return _without_semicolon(statements[0].query)


def _without_semicolon(query: str) -> str:
    import duckdb

    written = query.encode()
    for offset, kind in duckdb.tokenize(query):
        if kind == duckdb.token_type.operator and written[offset : offset + 1] == b";":
            return written[:offset].decode()
    return query


def _refuse_unreadable(columns: dict[str, str]) -> None:
    for name, kind in columns.items():
        # Polars can't hold an interval; `rowid` is what the batches go by.
        if "INTERVAL" in kind or name.lower() == "rowid":
            raise ProjectError(
                f"the query's column '{name}' ({kind}) can't be read in batches: cast an interval to VARCHAR, "
                f"call a column by another name than 'rowid'"
            )
