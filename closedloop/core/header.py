"""Which field of a file is which column of its schema."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from closedloop.core.nearest import near
from closedloop.errors import FileRefused
from closedloop.model.table import Column, Schema

BARE = re.compile("[A-Za-z0-9_-]+")
"""A key that TOML takes without quotes."""

WHOLE = re.compile(r"\s*-?[0-9]+\s*")

TAKEN = ("line", "load_id", "client", "file")
"""Names that no column can have, for the warehouse has its own of them."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How many fields each record has, and at which place each column stands (None: absent, all null)."""

    fields: int
    places: tuple[tuple[str, int | None], ...]


def is_header(fields: Sequence[str], schema: Schema) -> bool:
    """A header names a known column; where a file may do without, it holds no whole number either."""
    if schema.header == "none" or not _names_one(fields, schema):
        return False
    return schema.header == "required" or not any(map(WHOLE.fullmatch, fields))


def refuse_odd_header(fields: Sequence[str], schema: Schema, broken: str) -> None:
    """Raise `FileRefused` for a first line that looks like a header, where files may do without and it was not taken for one.

    Read by position, its columns might stand elsewhere than the schema says. `fields` of a `broken` line are a guess.
    """
    if schema.header != "auto":
        return
    if broken and _names_one(fields, schema) and not any(map(WHOLE.fullmatch, fields)):
        raise FileRefused(
            f"the first line names columns of schema '{schema.name}' and is no record ({broken}), so nobody knows "
            f"which column stands where; ask for the file anew"
        )
    if not broken and _holds_words_for_numbers(fields, schema):
        raise FileRefused(
            f"the first line looks like a header, with words where whole numbers belong, and names no column of schema "
            f"'{schema.name}'; give the names it holds to the columns in schemas/{schema.name}.toml as aliases, as in "
            f'aliases = ["..."], or set header = "none" there if it is a row'
        )


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


def _names_one(fields: Sequence[str], schema: Schema) -> bool:
    known = _known(schema)
    return any(_folded(field) in known for field in fields)


def _holds_words_for_numbers(fields: Sequence[str], schema: Schema) -> bool:
    """Say whether each field that belongs to a number, as far as filled, holds a word, by some way to read the line."""
    layouts = (by_position(schema, with_optional=optional) for optional in (True, False))
    return any(
        _are_words(fields, layout, schema) for layout in layouts if layout.fields == len(fields)
    )


def _are_words(fields: Sequence[str], layout: Layout, schema: Schema) -> bool:
    places = {name: place for name, place in layout.places if place is not None}
    numbers = [fields[place] for name, place in places.items() if _is_number(name, schema)]
    filled = [field for field in numbers if field.strip()]
    return bool(filled) and all(re.search(r"[^\W\d_]", field) for field in filled)


def _is_number(name: str, schema: Schema) -> bool:
    return schema.column(name).type == "int64"


def _refuse_unknown(place: int, field: str, schema: Schema) -> None:
    if schema.extra == "ignore":
        return
    # The text of a field is repeated only if it looks like a name: this line might be a row after all.
    name = field.strip()
    named, hint, remedy = f"a column in field {place + 1} (not shown here)", "", "add it"
    if re.fullmatch(r"[A-Za-z_][\w. -]{0,63}", name):
        named, hint = f"column '{name}'", near(name, _headers(schema))
        remedy = f"add it: {_line_for(name, schema)} under [columns]"
    raise FileRefused(
        f"the header names {named}, which schema '{schema.name}' does not know{hint}; in "
        f'schemas/{schema.name}.toml {remedy}, or set extra = "ignore"'
    )


def _line_for(header: str, schema: Schema) -> str:
    """Return the line that makes a column known to its schema."""
    taken = {*TAKEN, *(column.name for column in schema.columns.values())}
    name = re.sub("[^a-z0-9]+", "_", header.lower()).strip("_")
    name = name if name[:1].isalpha() else f"column_{name}".rstrip("_")
    name = f"{name}_2" if name in taken else name
    key = header if BARE.fullmatch(header) else json.dumps(header, ensure_ascii=False)
    return f'{key} = {{ name = "{name}", type = "string", nullable = true, optional = true }}'


def _refuse_missing(places: Iterable[str], schema: Schema) -> None:
    missing = [c.header for c in schema.columns.values() if not c.optional and c.name not in places]
    if missing:
        raise FileRefused(
            f"the header lacks column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))} of schema "
            f"'{schema.name}'; ask for files that hold it, or set optional = true and nullable = true in schemas/{schema.name}.toml"
        )


def _headers(schema: Schema) -> list[str]:
    return [column.header for column in schema.columns.values()]
