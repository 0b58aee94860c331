"""The columns in which a schema's values lie in frames and in the warehouse."""

from dataclasses import dataclass
from typing import Literal

from closedloop.errors import ProjectError
from closedloop.model.table import Column, Schema

StoredKind = Literal["int64", "text", "timestamp", "boolean"]


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One stored column: its name and kind, and the schema column `of` whose value it holds.

    A timestamp has no zone and is in microseconds: UTC, or the client's local time where it was delivered.
    """

    name: str
    kind: StoredKind
    nullable: bool
    of: str
    personal: bool


def stored_columns(schema: Schema) -> list[StoredColumn]:
    """Return the stored columns of a schema in order, without the row's line number.

    A timestamp is stored as three columns, null together: its time in UTC, `<name>_local` the local time that was
    delivered, and `<name>_ambiguous` where that came twice that night. Raises `ProjectError` if
    two columns would take one name.
    """
    stored = [part for column in schema.columns.values() for part in _parts(column)]
    taken = {"line": "the line number"}
    for part in stored:
        if part.name in taken:
            raise ProjectError(
                f"schema '{schema.name}': column '{part.of}' is stored as '{part.name}', which {taken[part.name]} "
                f"takes already; give it another name"
            )
        taken[part.name] = f"column '{part.of}'"
    return stored


def _parts(column: Column) -> list[StoredColumn]:
    kinds: dict[str, StoredKind] = {"": "text"}
    if column.type == "int64":
        kinds = {"": "int64"}
    elif column.type == "timestamp":
        kinds = {"": "timestamp", "_local": "timestamp", "_ambiguous": "boolean"}
    return [
        StoredColumn(column.name + suffix, kind, column.nullable, column.name, column.personal)
        for suffix, kind in kinds.items()
    ]
