"""What a column stores of a given text, and the rules its values keep to, by type.

Expressions read the text as it was given under `given(name)` and what is stored of it under the names of
`model.stored`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from closedloop.core.clock import in_utc
from closedloop.core.plain import are_between
from closedloop.core.recipients import ADDRESS
from closedloop.model.table import Column, ColumnType

_WHOLE = "^-?[0-9]+$"
_CONTROL = "[\x00-\x08\x0b\x0c\x0e-\x1f]"
_DIGITS = {
    "Y": ("0000", "9999"),
    "S": ("00", "59"),
    **dict.fromkeys("mdHMy", ("00", "99")),
    "j": ("000", "999"),
}
_FEW = 6  # values looked for one after the other: one costs a sixth of a look for membership in all


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


def stored(column: Column, texts: pl.Series, zone: ZoneInfo) -> list[pl.Series]:
    """Return the stored columns of texts, null where a text can't be read; timestamps are local to `zone`."""
    if column.type == "int64":
        return [texts.cast(pl.Int64, strict=False)]
    if column.type != "timestamp":
        return [texts]
    local = texts.str.to_datetime(column.format, time_unit="us", strict=False, cache=False)
    times, ambiguous = in_utc(local, zone)
    name = column.name
    return [times.alias(name), local.alias(_local(column)), ambiguous.alias(f"{name}_ambiguous")]


def is_proven(column: Column, texts: pl.Series, parts: Sequence[pl.Series], *, clean: bool) -> bool:
    """Say whether one look at all texts, and at what is stored of them, proves that no rule of the column is broken.

    In `clean` rows there are no control characters.
    """
    complete = column.nullable or not texts.null_count()
    harmless = clean or column.type not in _FREE
    return complete and harmless and _PROOF[column.type](column, texts, parts)


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


def _are_numbers(_: Column, texts: pl.Series, parts: Sequence[pl.Series]) -> bool:
    # Of the signs before the minus a number that is read may begin with the plus.
    return _are_read(texts, parts) and not (texts < "-").any()


def _are_read(texts: pl.Series, parts: Sequence[pl.Series]) -> bool:
    return parts[0].null_count() == texts.null_count()


def _odd_number(_: Column, text: pl.Expr, stored: pl.Expr) -> pl.Expr:
    return _unread(text, stored) | text.str.starts_with("+")


def _unread(text: pl.Expr, stored: pl.Expr) -> pl.Expr:
    return stored.is_null() & text.is_not_null()


def _local(column: Column) -> str:
    return f"{column.name}_local"


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


def _are_times(column: Column, texts: pl.Series, parts: Sequence[pl.Series]) -> bool:
    limits = _limits(column.format)
    if limits is None or not _are_read(texts, parts) or not are_between(texts, *limits):
        return False
    return all(time.is_between(datetime.min, datetime.max).all() for time in parts[:2])  # noqa: DTZ901  as stored, without a zone


def _odd_time(column: Column, text: pl.Expr, stored: pl.Expr) -> pl.Expr:
    return _unread(text, stored) | ~_exact(column, text) | _is_far(column)


def _is_far(column: Column) -> pl.Expr:
    times = (pl.col(column.name), pl.col(_local(column)))
    return pl.any_horizontal(~time.is_between(datetime.min, datetime.max) for time in times)  # noqa: DTZ901  as stored, without a zone


def _exact(column: Column, text: pl.Expr) -> pl.Expr:
    """Whether a text is written as its format says, digit for digit: polars reads `2021-1- 1` as well."""
    if limits := _limits(column.format):
        signs = (
            re.escape(low) if low == high else f"[{low}-{high}]"
            for low, high in zip(*limits, strict=True)
        )
        return text.str.contains(f"^{''.join(signs)}$")
    return pl.col(_local(column)).dt.strftime(column.format) == text


def _limits(time_format: str) -> tuple[str, str] | None:
    """Return the lowest and the highest sign at each place of a time, if all times take the same number of signs."""
    literals, directives = (re.split("%(.)", time_format)[part::2] for part in (0, 1))
    if not {*directives} <= _DIGITS.keys():
        return None
    digits = [*(_DIGITS[directive] for directive in directives), ("", "")]
    low, high = (
        "".join(literal + digit[end] for literal, digit in zip(literals, digits, strict=True))
        for end in (0, 1)
    )
    return low, high


def _text(column: Column, text: pl.Expr) -> list[Check]:
    control = Check(column.name, "holds a NUL or control character", _has_control(text))
    if column.max_length is None:
        return [control]
    rule = f"longer than {column.max_length} characters"
    return [control, Check(column.name, rule, text.str.len_chars() > column.max_length)]


def _has_control(text: pl.Expr) -> pl.Expr:
    return text.str.contains(_CONTROL)


def _are_short(column: Column, texts: pl.Series, _: Sequence[pl.Series]) -> bool:
    # There are no more characters than bytes.
    longest = column.max_length
    return longest is None or not (texts.str.len_bytes() > longest).any()


def _odd_text(column: Column, text: pl.Expr, _: pl.Expr) -> pl.Expr:
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


def _are_known(column: Column, texts: pl.Series, _: Sequence[pl.Series]) -> bool:
    left = len(texts) - texts.null_count()
    for value in [*dict.fromkeys(column.values)][:_FEW]:
        left -= int((texts == value).sum()) if left else 0
    return not left


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
_PROOF: dict[ColumnType, Callable[[Column, pl.Series, Sequence[pl.Series]], bool]] = {
    "int64": _are_numbers,
    "timestamp": _are_times,
    "string": _are_short,
    "email": lambda *_: False,
    "enum": _are_known,
}
_DOUBT: dict[ColumnType, Callable[[Column, pl.Expr, pl.Expr], pl.Expr]] = {
    "int64": _odd_number,
    "timestamp": _odd_time,
    "string": _odd_text,
    "email": _odd_email,
    "enum": _unknown,
}
