"""Which field of a file is which column of its schema."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from closedloop.core.nearest import nearest
from closedloop.errors import FileRefused
from closedloop.model.table import Column, Schema


@dataclass(frozen=True, slots=True)
class Layout:
    """How many fields each record has, and at which place each column stands (None: absent, all null)."""

    fields: int
    places: tuple[tuple[str, int | None], ...]


def is_header(fields: Sequence[str], schema: Schema) -> bool:
    """A header names a known column; where a file may do without, it holds no whole number either."""
    known = _known(schema)
    if schema.header == "none" or not any(_folded(field) in known for field in fields):
        return False
    return schema.header == "required" or not any(re.fullmatch(r"-?[0-9]+", f) for f in fields)


def by_header(fields: Sequence[str], schema: Schema) -> Layout:
    """Return the layout that a header states; FileRefused if it does not suit the schema.

    Names and aliases are compared trimmed and without regard to capital letters, in any order.
    """
    known, places = _known(schema), dict[str, int]()
    for place, field in enumerate(fields):
        column = known.get(_folded(field))
        if column is None:
            _refuse_unknown(place, field, schema)
        elif column.name in places:
            raise FileRefused(
                f"the header names column '{column.header}' twice (fields {places[column.name] + 1} and {place + 1}); "
                f"ask for files that hold it once, or correct the aliases in schemas/{schema.name}.toml"
            )
        else:
            places[column.name] = place
    _refuse_missing(places, schema)
    return Layout(len(fields), tuple((c.name, places.get(c.name)) for c in schema.columns.values()))


def by_position(schema: Schema, *, with_optional: bool) -> Layout:
    """Return the layout of a file without header: the columns in order, with or without the optional ones."""
    columns = list(schema.columns.values())
    present = [column.name for column in columns if with_optional or not column.optional]
    places = {name: place for place, name in enumerate(present)}
    return Layout(len(present), tuple((column.name, places.get(column.name)) for column in columns))


def not_a_header(schema: Schema, broken: str) -> str:
    """Return the sentence for a file whose first line is no header where one is required."""
    found = f"is no record ({broken})" if broken else f"names no column of schema '{schema.name}'"
    return (
        f"the first line {found}, so there is no header; if these files have none, "
        f'set header = "auto" in schemas/{schema.name}.toml'
    )


def _known(schema: Schema) -> dict[str, Column]:
    columns = schema.columns.values()
    aliases = {_folded(alias): column for column in columns for alias in column.aliases}
    return {**aliases, **{_folded(column.header): column for column in columns}}


def _folded(name: str) -> str:
    return name.strip().casefold()


def _refuse_unknown(place: int, field: str, schema: Schema) -> None:
    if schema.extra == "ignore":
        return
    # The text of a field is repeated only if it looks like a name: this line might be a row after all.
    name = field.strip()
    named, hint = f"a column in field {place + 1} (not shown here)", ""
    if re.fullmatch(r"[A-Za-z_][\w. -]{0,63}", name):
        named, hint = f"column '{name}'", nearest(name, _headers(schema))
    raise FileRefused(
        f"the header names {named}, which schema '{schema.name}' does not know{hint}; add it to "
        f'schemas/{schema.name}.toml, or set extra = "ignore" there'
    )


def _refuse_missing(places: Iterable[str], schema: Schema) -> None:
    missing = [c.header for c in schema.columns.values() if not c.optional and c.name not in places]
    if missing:
        raise FileRefused(
            f"the header lacks column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))} of schema "
            f"'{schema.name}'; ask for files that hold it, or set optional = true in schemas/{schema.name}.toml"
        )


def _headers(schema: Schema) -> list[str]:
    return [column.header for column in schema.columns.values()]
