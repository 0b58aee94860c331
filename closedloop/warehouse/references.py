"""References: what the rows of one table name in another, and the search for those that point at nothing."""

from collections.abc import Sequence

from closedloop.model.table import Schema
from closedloop.warehouse.gist import LOG
from closedloop.warehouse.tables import quoted, raw_name


def searches(schemas: Sequence[Schema], loads: Sequence[int]) -> list[str]:
    """Return queries for (load_id, reference, lost) of the rows of some loads; the parameter of each is their client.

    One query for each column that is pointed at, so that it is read once.
    """
    there = {schema.name: schema for schema in schemas}
    asked: dict[tuple[str, str, str], list[str]] = {}
    for schema in schemas:
        for column in schema.columns.values():
            table, _, target = (column.references or "").partition(".")
            if table in there:
                asked.setdefault((table, target, column.type), []).append(
                    f"SELECT load_id, '{column.name}' AS reference, {quoted(column.name)} AS sought "
                    f"FROM {quoted(raw_name(schema.name))} WHERE load_id IN ({', '.join(map(str, loads))})"
                )
    return [
        _search(
            there[table],
            target,
            " UNION ALL ".join(rows),
            are_ids=kind == "int64" == there[table].column(target).type,
        )
        for (table, target, kind), rows in asked.items()
    ]


def _search(table: Schema, target: str, rows: str, *, are_ids: bool) -> str:
    known = (
        f"SELECT {quoted(target)} AS there FROM {quoted(raw_name(table.name))} "
        "WHERE load_id IN (SELECT load_id FROM loads WHERE client = ?)"
    )
    found = "known.there = asked.sought"
    if are_ids and table.name == LOG:
        # Of 64 neighbouring ids each is a bit: a third of the time as long as they are given out one after the other. Of fewer
        # rows than the sending log has, it takes longer.
        known = (
            "SELECT there >> 6 AS neighbours, bit_or(CAST(1 AS UBIGINT) << CAST(there & 63 AS UBIGINT)) AS bits "
            f"FROM ({known}) GROUP BY ALL"
        )
        found = (
            "known.neighbours = asked.sought >> 6 AND "
            "(known.bits >> CAST(asked.sought & 63 AS UBIGINT)) & 1 = 1"
        )
    # DuckDB takes three times as long for NOT EXISTS.
    return f"""
        SELECT load_id, reference, count(*) AS lost
        FROM ({rows}) AS asked
        ANTI JOIN ({known}) AS known ON {found}
        WHERE asked.sought IS NOT NULL
        GROUP BY ALL
    """
