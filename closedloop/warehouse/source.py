"""The rows of a selection, from wherever the job says they are."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from closedloop.errors import ProjectError
from closedloop.model.job import Selection
from closedloop.warehouse.base import Warehouse

BATCH_ROWS = 100_000
UNREADABLE = (
    "it is no Parquet file, or a CSV in which a row has more fields than the header, or has a quote that is not closed, "
    "not doubled inside its field, or not UTF-8"
)


def selected(selection: Selection, root: Path, warehouse: Warehouse) -> Iterator[pl.DataFrame]:
    """Yield the rows of a selection in batches; an empty one yields one empty frame with its columns.

    Raises `ProjectError` where the query or the file is wrong, `WarehouseError` where a database can't be reached.
    """
    if selection.file:
        return file_rows(root / selection.file, selection.file)
    return query_rows(str(selection.sql), selection.source, root, warehouse)


def query_rows(sql: str, source: str, root: Path, warehouse: Warehouse) -> Iterator[pl.DataFrame]:
    """Run a query where the job says: on the warehouse, another DuckDB file, or PostgreSQL."""
    scheme = source.partition("://")[0]
    if source == "warehouse":
        return warehouse.select(sql, BATCH_ROWS)
    if scheme == "duckdb":
        from closedloop.warehouse.duckdb import select_from

        return select_from(database_path(source, root), sql, BATCH_ROWS)
    if scheme in ("postgresql", "postgres"):
        from closedloop.warehouse.postgres import select_from as select_from_postgres

        return select_from_postgres(source, sql, BATCH_ROWS)
    raise ProjectError(
        f"selection: 'from' is '{scheme}', which is no source; write 'warehouse', 'duckdb:///path' or 'postgresql://user@host/database'"
    )


def database_path(url: str, root: Path) -> Path:
    """Return the file that a duckdb URL names: three slashes relative to the project, four absolute."""
    path = url.removeprefix("duckdb://").removeprefix("/")
    return root / path


def file_rows(path: Path, shown: str) -> Iterator[pl.DataFrame]:
    """Read a Parquet file, or a CSV with a header whose separator is told from its header line."""
    if not path.is_file():
        raise ProjectError(
            f"selection: '{shown}' does not exist; 'file' is relative to the project's folder"
        )
    try:
        frame = _scan(path, shown)
        yielded = False
        for batch in frame.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True):
            yielded = True
            yield batch
        if not yielded:
            yield frame.head(0).collect()
    except UnicodeDecodeError:
        raise ProjectError(f"selection: '{shown}' is not UTF-8; save it as such") from None
    except OSError as error:
        raise ProjectError(f"selection: '{shown}' can't be read: {error.strerror}") from None
    except pl.exceptions.PolarsError:
        # What polars says may quote a row.
        raise ProjectError(f"selection: '{shown}' can't be read: {UNREADABLE}") from None


def _scan(path: Path, shown: str) -> pl.LazyFrame:
    if path.suffix.lower() in (".parquet", ".pq"):
        return pl.scan_parquet(path)
    if path.suffix.lower() not in (".csv", ".txt"):
        raise ProjectError(f"selection: '{shown}' is neither .csv nor .parquet")
    with path.open(encoding="utf-8-sig") as stream:
        head = stream.readline()
    if not head.strip():
        raise ProjectError(f"selection: '{shown}' is empty: its first line must name the columns")
    separator = max(";,\t|", key=head.count)
    return pl.scan_csv(path, separator=separator, infer_schema=False)
