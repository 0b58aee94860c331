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
    plain = text.replace(b"\r\n", b"\n") if b"\r" in text else text
    if b"\r" in plain or not _is_utf8(plain):
        return None
    signs = signs_of(plain)
    is_border = (signs == separator[0]) | (signs == LINE_FEED)
    if b'"' not in plain:
        return _counted(signs, signs.filter(is_border), fields)
    is_quote = signs == _QUOTE
    if not _stand_at_borders(is_quote, is_border):
        return None
    special = signs.filter(is_quote | is_border)
    quotes = special == _QUOTE
    return _counted(signs, special.filter(~quotes), fields) if _come_in_pairs(quotes) else None


def signs_of(text: bytes) -> pl.Series:
    """Return the bytes of a text as numbers."""
    return pl.Series([text]).cast(pl.List(pl.UInt8)).explode()


def _stand_at_borders(is_quote: pl.Series, is_border: pl.Series) -> bool:
    before, after = is_border.shift(1, fill_value=True), is_border.shift(-1, fill_value=False)
    return not (is_quote & ~(before | after)).any()


def _come_in_pairs(quotes: pl.Series) -> bool:
    """Say whether between two borders there are two quotes or none: then each pair encloses a field, and no border."""
    before, after = quotes.shift(1, fill_value=False), quotes.shift(-1, fill_value=False)
    return not (quotes & ~(before ^ after)).any()


def _counted(signs: pl.Series, borders: pl.Series, fields: int) -> Proof | None:
    """Return how many lines there are if each has so many borders, its line feed the last of them."""
    is_end = borders == LINE_FEED
    lines = len(borders) // fields
    if is_end.sum() != lines or not is_end.gather_every(fields, fields - 1).all():
        return None
    return Proof(lines, clean=(signs < _BLANK).sum() == lines)


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
