"""The rows of a selection that lies in a file."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import polars as pl

from closedloop.core.grammar import Grammar
from closedloop.core.parse import MAX_RECORD, Broken, read
from closedloop.errors import ProjectError
from closedloop.model.table import Column, Schema


def file_rows(path: Path, shown: str, batch_rows: int) -> Iterator[pl.DataFrame]:
    """Read a Parquet file, or a CSV as `csv_rows` does."""
    readers = {".parquet": _parquet_rows, ".pq": _parquet_rows, ".csv": csv_rows, ".txt": csv_rows}
    if path.is_dir():
        raise ProjectError(
            f"selection: '{shown}' is a folder; name the .csv or .parquet file in it"
        )
    if not path.is_file():
        raise ProjectError(
            f"selection: '{shown}' does not exist; 'file' is relative to the project's folder"
        )
    if path.suffix.lower() not in readers:
        raise ProjectError(f"selection: '{shown}' is neither .csv nor .parquet")
    try:
        yield from readers[path.suffix.lower()](path, shown, batch_rows)
    except OSError as error:
        raise ProjectError(f"selection: '{shown}' can't be read: {error.strerror}") from None


def csv_rows(path: Path, shown: str, batch_rows: int) -> Iterator[pl.DataFrame]:
    """Read a CSV with a header as text, its separator told from the header line; an empty field is null, quoted or not.

    A file in which any line is no record, or has more or fewer fields than the header, is refused as a whole: a
    line that was cut holds a cut address. Blank lines are no rows.
    """
    with path.open("rb") as stream:
        schema = _schema(stream, shown)
        stream.seek(0)
        headers = {column.name: column.header for column in schema.columns.values()}
        yielded = False
        for block in read(stream, schema):
            if block.broken:
                raise _refusal(shown, block.broken[0])
            for batch in block.frame.drop("line").rename(headers).iter_slices(batch_rows):
                yielded = True
                yield batch
        if not yielded:
            yield pl.DataFrame(schema=dict.fromkeys(headers.values(), pl.String()))


def _schema(stream: BinaryIO, shown: str) -> Schema:
    """Return the schema that a header line states: each column a text that may be null."""
    head = stream.readline(MAX_RECORD).removeprefix(BOM_UTF8)
    if not head.strip():
        raise ProjectError(f"selection: '{shown}' is empty: its first line must name the columns")
    separator = max(";,\t|", key=lambda sign: head.count(sign.encode()))
    names = _names(head + stream.read(MAX_RECORD), separator, shown)
    columns = {
        name: Column(header=name, name=f"field_{place}", type="string", nullable=True)
        for place, name in enumerate(names)
    }
    return Schema.model_validate(
        {"name": "selection", "file": shown, "separator": separator, "columns": columns}
    )


def _names(text: bytes, separator: str, shown: str) -> list[str]:
    record = Grammar(separator, None, MAX_RECORD).record(text + b"\n", 0)
    if record.broken:
        raise _refusal(shown, Broken(1, "", record.broken))
    names = [field.decode().strip() for field in record.fields]
    # Without a header the first line is somebody, and what is said of columns would name them.
    if any("@" in name for name in names):
        raise ProjectError(
            f"selection: '{shown}' has an address in its first line, which must name the columns"
        )
    folded = [name.casefold() for name in names]
    twins = [name for name in names if folded.count(name.casefold()) > 1]
    if twins:
        raise ProjectError(
            f"selection: '{shown}' has the column '{twins[0]}' twice; give each a name of its own"
        )
    return names


def _refusal(shown: str, broken: Broken) -> ProjectError:
    return ProjectError(
        f"selection: '{shown}', line {broken.line}: {broken.rule}; nobody was selected, since the file may be cut "
        f"or damaged: correct that line or export the file anew"
    )


def _parquet_rows(path: Path, shown: str, batch_rows: int) -> Iterator[pl.DataFrame]:
    try:
        frame = pl.scan_parquet(path)
        yielded = False
        for batch in frame.collect_batches(chunk_size=batch_rows, maintain_order=True):
            yielded = True
            yield batch
        if not yielded:
            yield frame.head(0).collect()
    except pl.exceptions.PolarsError:
        # What polars says may quote a row.
        raise ProjectError(
            f"selection: '{shown}' can't be read: it is no Parquet file, or a damaged one"
        ) from None
