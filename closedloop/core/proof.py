"""A proof that a stretch of text is good records, given for all of its bytes at once.

It takes a fifth of the time of reading them one after the other, and leaves other threads alone meanwhile. What it
does not prove may be good all the same: escaped quotes, and separators or line ends inside quotes, are for `grammar`.
"""

from dataclasses import dataclass

import polars as pl

LINE_FEED, _BLANK, _QUOTE = b'\n "'


@dataclass(frozen=True, slots=True)
class Proof:
    """How many records a text holds, a line each; a `clean` one has no control characters but its line ends."""

    records: int
    clean: bool


def prove(text: bytes, separator: bytes, fields: int) -> Proof | None:
    """Prove that a text which ends with a line feed is records of two or more fields; None if that fails."""
    if not _is_utf8(text):
        return None
    signs = signs_of(text)
    is_end = signs == LINE_FEED
    clean = (signs < _BLANK).sum() == is_end.sum()
    if not clean and b"\r" in text:
        plain = text.replace(b"\r\n", b"\n")
        return None if b"\r" in plain else prove(plain, separator, fields)
    is_border = (signs == separator[0]) | is_end
    borders = _borders(signs, is_border) if b'"' in text else signs.filter(is_border)
    return None if borders is None else _counted(borders, separator, fields, clean=clean)


def _borders(signs: pl.Series, is_border: pl.Series) -> pl.Series | None:
    """Return the borders of fields; None unless all quotes stand about fields."""
    is_quote = signs == _QUOTE
    if not _stand_at_borders(is_quote, is_border):
        return None
    special = signs.filter(is_quote | is_border)
    quotes = special == _QUOTE
    return special.filter(~quotes) if _come_in_pairs(quotes) else None


def signs_of(text: bytes) -> pl.Series:
    """Return the bytes of a text as numbers."""
    return pl.Series([text]).cast(pl.List(pl.UInt8)).reshape((-1,))


def _stand_at_borders(is_quote: pl.Series, is_border: pl.Series) -> bool:
    before, after = is_border.shift(1, fill_value=True), is_border.shift(-1, fill_value=False)
    return not (is_quote & ~(before | after)).any()


def _come_in_pairs(quotes: pl.Series) -> bool:
    """Say whether between two borders there are two quotes or none: then each pair encloses a field, and no border."""
    before, after = quotes.shift(1, fill_value=False), quotes.shift(-1, fill_value=False)
    return not (quotes & ~(before ^ after)).any()


def _counted(borders: pl.Series, separator: bytes, fields: int, *, clean: bool) -> Proof | None:
    """Return how many lines there are if each has so many borders, its line feed the last of them."""
    lines = len(borders) // fields
    expected = signs_of((separator * (fields - 1) + b"\n") * lines)
    if len(borders) != len(expected) or not (borders == expected).all():
        return None
    return Proof(lines, clean)


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
