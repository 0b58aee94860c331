"""Answers of DuckDB as frames, without pyarrow."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import polars as pl


class Answer:
    """An answer as an Arrow stream and nothing else.

    Where numpy can be imported, polars remembers the type of whatever it was given until the process ends. Given
    DuckDB's own type, DuckDB says on stderr of all its functions that they were leaked, and cron mails it.
    """

    def __init__(self, relation: "duckdb.DuckDBPyRelation") -> None:
        self._relation = relation

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the rows as an Arrow stream."""
        return self._relation.__arrow_c_stream__(requested_schema)


def frame_of(relation: "duckdb.DuckDBPyRelation") -> "pl.DataFrame":
    """Return the rows of an answer, all of them."""
    import polars as pl

    return pl.DataFrame(Answer(relation))
