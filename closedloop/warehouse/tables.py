"""The tables that hold delivered rows: how a schema's columns lie in them, and what may change."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from closedloop.errors import ProjectError
from closedloop.model.stored import StoredColumn, StoredKind, stored_columns
from closedloop.model.table import Schema

TYPES: Mapping[StoredKind, str] = {
    "int64": "BIGINT",
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP",
    "boolean": "BOOLEAN",
}
"""The SQL type of each stored kind, where the database has no word of its own."""

OWN_COLUMNS = ("load_id", "line", "client", "file")
"""What the warehouse adds to each delivered row, in its table or its view."""

OWN_TABLES = {"loads", "rejects", "sent_waves", "schema_version", "bounce_limits"}
OWN_TABLES |= {
    "superseded",
    "contested",
    "marked",
    "sending_log_counts",
    "noted",
    "unsubscribed_hashes",
}
_OWN_VIEWS = {"campaigns", "waves", "mailing_waves", "link_clicks", "suppressions", "deliveries"}
_OF_DELIVERIES = {"client", "day", "came", "missing", "rows", "files"}
OWN_NAMES = OWN_TABLES | _OWN_VIEWS | _OF_DELIVERIES
"""Names of the warehouse's own tables, views and columns of `deliveries`."""


@dataclass(slots=True)
class Change:
    """What makes one table fit its schema: statements, and a sentence for each change of an old table."""

    statements: list[str] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)


def quoted(name: str) -> str:
    """Return a name as SQL may read it anywhere, even if it is a word of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def raw_name(schema: str) -> str:
    """Return the name of the table that holds a schema's rows as they were delivered."""
    return f"raw_{schema}"


def column_list(schema: Schema) -> str:
    """Return the stored columns of a schema for use in SQL, in order."""
    return ", ".join(quoted(column.name) for column in stored_columns(schema))


def delivered(schema: Schema) -> list[str]:
    """Return the stored columns whose values were delivered; the others are derived from these."""
    return [part.name for part in stored_columns(schema) if not is_derived(part)]


def is_derived(part: StoredColumn) -> bool:
    """Say whether a stored column's values are made from another one's: the time in UTC is, the local one is not."""
    return part.kind == "boolean" or (part.kind == "timestamp" and part.name == part.of)


def is_kept_as_text(part: StoredColumn, existing: Mapping[str, str]) -> bool:
    """Say whether a table with these columns keeps this local time as text, as older programs did."""
    is_local = part.kind == "timestamp" and not is_derived(part)
    return is_local and existing.get(part.name) == TYPES["text"]


def refuse_taken_names(schema: Schema) -> None:
    """Raise `ProjectError` where a schema uses a name that the warehouse needs for itself."""
    if schema.name in OWN_NAMES or schema.name.startswith("raw_"):
        raise ProjectError(
            f"schema '{schema.name}': the warehouse has a table, view or column of this name already; "
            f"give the schema another name"
        )
    for column in stored_columns(schema):
        if column.name in OWN_COLUMNS:
            raise ProjectError(
                f"schema '{schema.name}': the warehouse adds a column '{column.name}' of its own; "
                f"give column '{column.of}' another name"
            )


def change(schema: Schema, existing: Mapping[str, str], packing: str = "") -> Change:
    """Return what makes the table of a schema fit it.

    `existing` are the columns of the table with their SQL types, empty if there is no table; `packing` is how a new
    one packs texts that seldom repeat. Local times that are kept as text are let be. Raises `ProjectError` if only a person can decide what to do with the rows
    that are there.
    """
    wanted = stored_columns(schema)
    if not existing:
        return Change([_create(schema, wanted, packing)])
    _refuse_differences(schema, wanted, existing)
    return _additions(schema.name, [column for column in wanted if column.name not in existing])


def _create(schema: Schema, columns: list[StoredColumn], packing: str) -> str:
    """Return the table without keys or indexes: on the event tables they cost a load 4.6 times its time."""
    own = ['"load_id" INTEGER NOT NULL', '"line" BIGINT NOT NULL']
    delivered = [
        f"{quoted(column.name)} {TYPES[column.kind]} {packing * _seldom_repeats(column, schema)}"
        for column in columns
    ]
    return f"CREATE TABLE {quoted(raw_name(schema.name))} ({', '.join(own + delivered)})"


def _seldom_repeats(column: StoredColumn, schema: Schema) -> bool:
    return column.kind == "text" and schema.column(column.of).type != "enum"


def _additions(schema: str, columns: list[StoredColumn]) -> Change:
    table = quoted(raw_name(schema))
    names = sorted({column.of for column in columns})
    return Change(
        [
            f"ALTER TABLE {table} ADD COLUMN {quoted(column.name)} {TYPES[column.kind]}"
            for column in columns
        ],
        [f"{schema}: column '{name}' is new; it is empty in rows loaded before" for name in names],
    )


def _refuse_differences(
    schema: Schema, wanted: list[StoredColumn], existing: Mapping[str, str]
) -> None:
    differences = [
        *_gone(wanted, existing),
        *_retyped(wanted, existing),
        *_unfillable(wanted, existing),
    ]
    if differences:
        raise ProjectError(
            f"schema '{schema.name}' no longer fits the rows in the warehouse: {'; '.join(differences)}. "
            f"Undo that in the schema file, or move the warehouse away and load the archived files anew"
        )


def _gone(wanted: list[StoredColumn], existing: Mapping[str, str]) -> list[str]:
    known = {column.name for column in wanted} | {"load_id", "line"}
    return [
        f"column '{name}' is gone (if files no longer have it, keep it with optional = true and nullable = true)"
        for name in existing
        if name not in known
    ]


def _retyped(wanted: list[StoredColumn], existing: Mapping[str, str]) -> list[str]:
    return [
        f"column '{column.name}' was {existing[column.name]} and would be {TYPES[column.kind]}"
        for column in wanted
        if existing.get(column.name, TYPES[column.kind]) != TYPES[column.kind]
        and not is_kept_as_text(column, existing)
    ]


def _unfillable(wanted: list[StoredColumn], existing: Mapping[str, str]) -> list[str]:
    fresh = {column.of for column in wanted if column.name not in existing and not column.nullable}
    return [f"column '{name}' is new and needs nullable = true" for name in sorted(fresh)]
