"""The rows of a selection, from wherever the job says they are."""

from pathlib import Path
from typing import TYPE_CHECKING

from closedloop.errors import ProjectError
from closedloop.model.job import Selection
from closedloop.model.settings import database_file
from closedloop.stopping import NEVER, Stopping
from closedloop.warehouse.base import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

BATCH_ROWS = 100_000


def selected(
    selection: Selection, root: Path, warehouse: Warehouse, stopping: Stopping = NEVER
) -> "Iterator[pl.DataFrame]":
    """Yield the rows of a selection in batches; an empty one yields one empty frame with its columns.

    A query that still runs when the run is to end is broken off. Raises `ProjectError` where the query or the file is wrong, `WarehouseError` where a database can't be reached.
    """
    if selection.file:
        from closedloop.selectionfile import file_rows

        return file_rows(root / selection.file, selection.file, BATCH_ROWS)
    return query_rows(str(selection.sql), selection.source, root, warehouse, stopping)


def query_rows(
    sql: str, source: str, root: Path, warehouse: Warehouse, stopping: Stopping = NEVER
) -> "Iterator[pl.DataFrame]":
    """Run a query where the job says: on the warehouse, another DuckDB file, or PostgreSQL."""
    scheme = source.partition("://")[0]
    if source == "warehouse":
        return warehouse.select(sql, BATCH_ROWS)
    if scheme == "duckdb":
        from closedloop.warehouse.duckdb import select_from

        return select_from(database_path(source, root), sql, BATCH_ROWS, stopping)
    if scheme in ("postgresql", "postgres"):
        from closedloop.warehouse.postgres import select_from as select_from_postgres

        return select_from_postgres(source, sql, BATCH_ROWS, stopping)
    raise ProjectError(
        f"selection: 'from' is '{scheme}', which is no source; write 'warehouse', 'duckdb:///path' or 'postgresql://user@host/database'"
    )


def database_path(url: str, root: Path) -> Path:
    """Return the file that a duckdb URL names in a project."""
    return root / database_file(url)
