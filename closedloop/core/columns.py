"""What a column stores of a given text, and the rules its values keep to, by type.

Expressions read the text as it was given under `given(name)` and what is stored of it under the names of
`model.stored`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import polars as pl

from closedloop.core.recipients import ADDRESS
from closedloop.model.table import Column, ColumnType

_WHOLE = "^-?[0-9]+$"
_CONTROL = "[\x00-\x08\x0b\x0c\x0e-\x1f]"
_DIGITS = {
    "Y": "[0-9]{4}",
    "S": "[0-5][0-9]",
    **dict.fromkeys("mdHMy", "[0-9]{2}"),
    "j": "[0-9]{3}",
}


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One rule about one column: `broken` is true where it is broken, null or false elsewhere."""

    column: str
    rule: str
    broken: pl.Expr
    severity: Literal["reject", "warn"] = "reject"


def given(name: str) -> str:
    """Return the name under which a column's text stands beside what is stored of it."""
    return f"{name}:given"


def stored_expression(column: Column) -> pl.Expr:
    """Return the expression of what is stored, null where the text can't be read: of a timestamp the local time."""
    text = pl.col(given(column.name))
    if column.type == "int64":
        return text.cast(pl.Int64, strict=False).alias(column.name)
    if column.type == "timestamp":
        return _read(column, text).alias(_local(column))
    return text.alias(column.name)


def doubt(column: Column, *, clean: bool) -> pl.Expr:
    """Return what is true wherever a rule of the column is broken, and nearly nowhere else, at a fraction of the cost.

    In `clean` rows there are no control characters.
    """
    text, stored = pl.col(given(column.name)), pl.col(column.name)
    missing = pl.lit(value=False) if column.nullable else text.is_null()
    control = pl.lit(value=False) if clean or column.type not in _FREE else _has_control(text)
    return missing | control | _DOUBT[column.type](column, text, stored)


def checks(column: Column) -> list[Check]:
    """Return the rules of a column in words; a null passes all but `missing`."""
    text = pl.col(given(column.name))
    missing = [] if column.nullable else [Check(column.name, "missing", text.is_null())]
    return [*missing, *_BY_TYPE[column.type](column, text)]


def _whole_number(column: Column, text: pl.Expr) -> list[Check]:
    # Polars reads a leading plus sign; the interface does not have it.
    odd = pl.when(pl.col(column.name).is_null() | text.str.starts_with("+")).then(text)
    return [
        Check(column.name, "not a whole number", ~odd.str.contains(_WHOLE)),
        Check(column.name, "outside int64", odd.str.contains(_WHOLE)),
    ]


def _odd_number(_: Column, text: pl.Expr, stored: pl.Expr) -> pl.Expr:
    return _unread(text, stored) | text.str.starts_with("+")


def _unread(text: pl.Expr, stored: pl.Expr) -> pl.Expr:
    return stored.is_null() & text.is_not_null()


def _local(column: Column) -> str:
    return f"{column.name}_local"


def _read(column: Column, text: pl.Expr) -> pl.Expr:
    return text.str.to_datetime(
        column.format, time_unit="us", strict=False, exact=True, cache=False
    )


def _timestamp(column: Column, text: pl.Expr) -> list[Check]:
    stored, exact = pl.col(column.name), _exact(column, text)
    unread, local = _unread(text, stored), pl.col(_local(column))
    sample = pl.select(pl.datetime(2021, 1, 1, 12, 7, 55).dt.strftime(column.format)).item()
    return [
        Check(column.name, f"not a timestamp like {sample}", ~exact | (unread & local.is_null())),
        Check(
            column.name, "a local time that the clocks skip", unread & local.is_not_null() & exact
        ),
        Check(column.name, "outside the years 1 to 9999", _is_far(column) & exact),
    ]


def _odd_time(column: Column, text: pl.Expr, stored: pl.Expr) -> pl.Expr:
    return _unread(text, stored) | ~_exact(column, text) | _is_far(column)


def _is_far(column: Column) -> pl.Expr:
    times = (pl.col(column.name), pl.col(_local(column)))
    return pl.any_horizontal(~time.is_between(datetime.min, datetime.max) for time in times)  # noqa: DTZ901  as stored, without a zone


def _exact(column: Column, text: pl.Expr) -> pl.Expr:
    """Whether a text is written as its format says, digit for digit: polars reads `2021-1- 1` as well."""
    pieces = re.split("%(.)", column.format)
    if {*pieces[1::2]} <= _DIGITS.keys():
        digits = [_DIGITS[directive] for directive in pieces[1::2]]
        literals = [re.escape(piece) for piece in pieces[::2]]
        return text.str.contains(
            f"^{''.join(map(''.join, zip(literals, [*digits, ''], strict=True)))}$"
        )
    return pl.col(_local(column)).dt.strftime(column.format) == text


def _text(column: Column, text: pl.Expr) -> list[Check]:
    control = Check(column.name, "holds a NUL or control character", _has_control(text))
    if column.max_length is None:
        return [control]
    rule = f"longer than {column.max_length} characters"
    return [control, Check(column.name, rule, text.str.len_chars() > column.max_length)]


def _has_control(text: pl.Expr) -> pl.Expr:
    return text.str.contains(_CONTROL)


def _odd_text(column: Column, text: pl.Expr, _: pl.Expr) -> pl.Expr:
    # There are no more characters than bytes.
    longest = column.max_length
    return pl.lit(value=False) if longest is None else text.str.len_bytes() > longest


def _email(column: Column, text: pl.Expr) -> list[Check]:
    address = Check(column.name, "not an e-mail address", ~text.str.contains(ADDRESS))
    return [*_text(column, text), address]


def _odd_email(column: Column, text: pl.Expr, stored: pl.Expr) -> pl.Expr:
    return _odd_text(column, text, stored) | ~text.str.contains(ADDRESS)


def _enum(column: Column, text: pl.Expr) -> list[Check]:
    unknown = pl.when(_unknown(column, text, text)).then(text)
    rule = f"not one of {', '.join(column.values)}"
    other = Check(column.name, rule, unknown.is_not_null(), column.unknown)
    return [*_text(column, unknown), other]


def _unknown(column: Column, text: pl.Expr, _: pl.Expr) -> pl.Expr:
    return ~text.is_in(column.values)


_BY_TYPE: dict[ColumnType, Callable[[Column, pl.Expr], list[Check]]] = {
    "int64": _whole_number,
    "timestamp": _timestamp,
    "string": _text,
    "email": _email,
    "enum": _enum,
}
_FREE = ("string", "email")
_DOUBT: dict[ColumnType, Callable[[Column, pl.Expr, pl.Expr], pl.Expr]] = {
    "int64": _odd_number,
    "timestamp": _odd_time,
    "string": _odd_text,
    "email": _odd_email,
    "enum": _unknown,
}
