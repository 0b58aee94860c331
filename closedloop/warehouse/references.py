"""References: what the rows of one table name in another, and the search for those that point at nothing."""

from collections.abc import Sequence

from closedloop.model.table import Schema
from closedloop.warehouse.tables import quoted, raw_name


def searches(schemas: Sequence[Schema], loads: Sequence[int]) -> list[str]:
    """Return queries for (load_id, reference, lost) of the rows of some loads; the parameter of each is their client.

    One query for each column that is pointed at, so that it is read once.
    """
    there = {schema.name for schema in schemas}
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
        _search(table, target, " UNION ALL ".join(rows))
        for (table, target, _), rows in asked.items()
    ]


def _search(table: str, target: str, rows: str) -> str:
    # DuckDB takes three times as long for NOT EXISTS.
    return f"""
        SELECT load_id, reference, count(*) AS lost
        FROM ({rows}) AS asked
        ANTI JOIN (
            SELECT {quoted(target)} AS there FROM {quoted(raw_name(table))}
            WHERE load_id IN (SELECT load_id FROM loads WHERE client = ?)
        ) AS known ON known.there = asked.sought
        WHERE asked.sought IS NOT NULL
        GROUP BY ALL
    """
