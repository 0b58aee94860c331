"""Marks on delivered rows, so that the views need not compare every row with every other.

A row of a schema with a key is `superseded` where a newer one bears its key. A row of another schema is `contested`
where it may stand in another file as well: the views compare only these. Marks change in the transaction in which
the rows do.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from closedloop.model.stored import stored_columns
from closedloop.model.table import Schema
from closedloop.warehouse import hashes
from closedloop.warehouse.gist import LOG, draw, draw_anew, gist_of, note_spoken_of
from closedloop.warehouse.tables import delivered, quoted, raw_name

if TYPE_CHECKING:
    import duckdb

NEWEST_FIRST = 'l."day" DESC, l."file" DESC, r."line" DESC'
"""Which row of a key counts; the order of loading is nothing."""


class Marking(NamedTuple):
    """How the rows `r` of a schema are compared, in SQL: rows that are alike are of one `likeness`.

    `key` has the columns of the key, if there is one. Rows that are alike are alike in the column `span`, too, if there is one.
    `gist` tells how the gist of the sending log is drawn from them, if it is.
    """

    schema: str
    likeness: str
    key: str
    span: str
    gist: str = ""

    @property
    def table(self) -> str:
        """The table of the rows."""
        return quoted(raw_name(self.schema))


def marking(schema: Schema) -> Marking:
    """Return how the rows of a schema are compared; a hash is enough where what is alike is compared again."""
    parts = {part.name: part for part in stored_columns(schema) if not part.nullable}
    columns = ", ".join(f"r.{quoted(name)}" for name in schema.key or delivered(schema))
    if not schema.key:
        times = [c.name for c in schema.columns.values() if c.type == "timestamp"]
        spans = [f"{name}_local" for name in times if f"{name}_local" in parts]
        span = f"r.{quoted(spans[0])}" if spans else ""
        return Marking(schema.name, f"hash({columns})", "", span, gist_of(schema))
    if len(schema.key) == 1 and schema.key[0] in parts:
        return Marking(schema.name, columns, columns, columns, gist_of(schema))
    return Marking(schema.name, f"hash({columns})", columns, "", gist_of(schema))


def mark_all(connection: "duckdb.DuckDBPyConnection", schemas: Sequence[Schema]) -> None:
    """Mark the rows of those schemas anew that are not marked as they are compared by now."""
    known = {Marking(*row) for row in connection.execute("FROM marked").fetchall()}
    mark_anew(connection, [schema for schema in schemas if marking(schema) not in known])
    hashes.keep_up_with_duckdb(connection)


def mark_anew(connection: "duckdb.DuckDBPyConnection", schemas: Sequence[Schema]) -> None:
    """Mark all rows of these schemas."""
    wanted = [marking(schema) for schema in schemas]
    for each in wanted:
        connection.execute("DELETE FROM marked WHERE schema_name = ?", [each.schema])
        connection.execute("INSERT INTO marked VALUES (?, ?, ?, ?, ?)", [*each])
    # A new warehouse has no row to mark, and to find that out table by table takes longer than to make it.
    if not connection.execute("SELECT 1 FROM loads LIMIT 1").fetchall():
        return
    of_schema = "load_id IN (SELECT load_id FROM loads WHERE schema_name = ?)"
    for each in wanted:
        for table in ("superseded", "contested"):
            connection.execute(f"DELETE FROM {table} WHERE {of_schema}", [each.schema])
        _note_rivals(connection, each, "true")
        _mark_rivals(connection, each, "true")
    if any(each.gist for each in wanted):
        draw_anew(connection, "true")
    if any(schema.name == hashes.UNSUBSCRIBES for schema in schemas):
        hashes.draw(connection, "true")


def mark(
    connection: "duckdb.DuckDBPyConnection",
    load_id: int,
    widen: Callable[[], None],
    *,
    amended: bool = False,
) -> None:
    """Mark what a load brought, and what it outdates; `widen` gives more memory, where rows must be compared.

    Rows of an amended one that are alike may have been read in different ways, so they are contested.
    """
    wanted = _marking_of(connection, load_id)
    if wanted is None:
        return
    pool = _compare(connection, wanted, load_id, widen, amended=amended)
    if wanted.schema == LOG and pool:
        draw_anew(connection, f"load_id IN ({pool})")
    elif wanted.schema == LOG:
        draw(connection, f"load_id = {load_id}")
    note_spoken_of(connection, wanted.schema, f"load_id = {load_id}")
    if wanted.schema == hashes.UNSUBSCRIBES:
        hashes.draw(connection, f"load_id = {load_id}")


def _compare(
    connection: "duckdb.DuckDBPyConnection",
    wanted: Marking,
    load_id: int,
    widen: Callable[[], None],
    *,
    amended: bool,
) -> str:
    """Mark the rows of a load and those that they are like; return which loads were looked through, none if there was no need."""
    mine, within = f"load_id = {load_id}", _within(connection, wanted, load_id)
    others = _others(connection, load_id, wanted, within)
    if not others and not amended and (not wanted.key or _rises(connection, wanted, load_id)):
        return ""
    widen()
    pool = ", ".join(map(str, [load_id, *others]))
    alike = f"{wanted.likeness} IN (SELECT {wanted.likeness} FROM {wanted.table} r WHERE {mine})"
    _note_rivals(connection, wanted, f"load_id IN ({pool}) AND {within} AND {alike}")
    _mark_rivals(connection, wanted, f"r.load_id IN ({pool}) AND {within}")
    return pool


def take_out(connection: "duckdb.DuckDBPyConnection", load_id: int) -> None:
    """Take a load out, with its marks; what it had outdated counts again."""
    ((schema,),) = connection.execute(
        "SELECT schema_name FROM loads WHERE load_id = ?", [load_id]
    ).fetchall()
    wanted = _marking_of(connection, load_id)
    others: list[int] = []
    if wanted and wanted.key:
        others = _unmark_rivals(connection, wanted, load_id)
    marks = ("superseded", "contested", "sending_log_counts", "noted", "unsubscribed_hashes")
    for table in (raw_name(schema), "rejects", "loads", *marks):
        connection.execute(f"DELETE FROM {quoted(table)} WHERE load_id = ?", [load_id])
    if wanted and others:
        among = f"load_id IN ({', '.join(map(str, others))})"
        _mark_rivals(connection, wanted, f"r.{among}")
        if wanted.schema == LOG:
            draw_anew(connection, among)


def _unmark_rivals(
    connection: "duckdb.DuckDBPyConnection", wanted: Marking, load_id: int
) -> list[int]:
    """Note the contested keys of a load and forget the marks of their rows; return the other loads that hold such rows."""
    outdated = (
        f"SELECT {wanted.likeness} FROM {wanted.table} r JOIN superseded USING (load_id, line)"
    )
    _note_rivals(
        connection,
        wanted,
        f"load_id = {load_id} AND {wanted.likeness} IN ({outdated})",
        more_than=0,
    )
    rows = f"FROM {wanted.table} r WHERE {wanted.likeness} IN (FROM rivals)"
    connection.execute(
        f"DELETE FROM superseded WHERE (load_id, line) IN (SELECT r.load_id, r.line {rows})"
    )
    found = connection.execute(f"SELECT DISTINCT load_id {rows} AND load_id <> ?", [load_id])
    return [other for (other,) in found.fetchall()]


def _marking_of(connection: "duckdb.DuckDBPyConnection", load_id: int) -> Marking | None:
    """Return how the rows of a load's schema are marked; None where `prepare` never knew it."""
    found = connection.execute(
        "SELECT m.* FROM marked m JOIN loads l USING (schema_name) WHERE l.load_id = ?", [load_id]
    ).fetchall()
    return Marking(*found[0]) if found else None


def _within(connection: "duckdb.DuckDBPyConnection", wanted: Marking, load_id: int) -> str:
    """Return a condition on rows that may be like one of a load's: those of a delivery that follows on the last are not."""
    if not wanted.span:
        return "true"
    ends = f"SELECT min({wanted.span}), max({wanted.span}) FROM {wanted.table} r WHERE load_id = ?"
    ((first, last),) = connection.execute(ends, [load_id]).fetchall()
    return f"{wanted.span} BETWEEN {_literal(first)} AND {_literal(last)}"


def _literal(value: object) -> str:
    text = str(value).replace("'", "''")
    return "NULL" if value is None else f"'{text}'"


def _others(
    connection: "duckdb.DuckDBPyConnection", load_id: int, wanted: Marking, within: str
) -> list[int]:
    """Return the other loads of the same client and schema that hold rows within a condition."""
    others = (
        "SELECT o.load_id FROM loads o JOIN loads l ON o.client = l.client AND o.schema_name = l.schema_name "
        "WHERE l.load_id = ? AND o.load_id <> l.load_id AND o.loaded > 0"
    )
    found = connection.execute(
        f"SELECT DISTINCT load_id FROM {wanted.table} r WHERE load_id IN ({others}) AND {within}",
        [load_id],
    )
    return [other for (other,) in found.fetchall()]


def _rises(connection: "duckdb.DuckDBPyConnection", wanted: Marking, load_id: int) -> bool:
    """Say whether the keys of a load rise from row to row, so that none comes twice; a look is cheaper than to compare."""
    if wanted.key != wanted.likeness:
        return False
    found = connection.execute(
        f"SELECT 1 FROM (SELECT {wanted.key} AS this, lag({wanted.key}) OVER () AS before FROM {wanted.table} r "
        "WHERE load_id = ?) WHERE this <= before LIMIT 1",
        [load_id],
    )
    return not found.fetchall()


def _note_rivals(
    connection: "duckdb.DuckDBPyConnection", wanted: Marking, condition: str, more_than: int = 1
) -> None:
    """Note the likenesses that more than so many of the rows share."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE rivals AS SELECT {wanted.likeness} AS likeness FROM {wanted.table} r "
        f"WHERE {condition} GROUP BY 1 HAVING count(*) > {more_than}"
    )


def _mark_rivals(connection: "duckdb.DuckDBPyConnection", wanted: Marking, condition: str) -> None:
    """Mark the rows of the noted likenesses, once each."""
    target = "superseded" if wanted.key else "contested"
    place = (
        f"row_number() OVER (PARTITION BY l.client, {wanted.key} ORDER BY {NEWEST_FIRST})"
        if wanted.key
        else "2"
    )
    connection.execute(
        f"INSERT INTO {target} SELECT load_id, line FROM (SELECT r.load_id, r.line, {place} AS place "
        f"FROM {wanted.table} r JOIN loads l ON l.load_id = r.load_id "
        f"WHERE {condition} AND {wanted.likeness} IN (FROM rivals)) WHERE place > 1 "
        f"EXCEPT FROM {target}"
    )
    connection.execute("DROP TABLE rivals")
