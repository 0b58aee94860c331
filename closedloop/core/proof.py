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
    count = _quoted_records if b'"' in text else _bare_records
    records = count(signs, is_border, separator, fields)
    return Proof(records, clean) if records else None


def signs_of(text: bytes) -> pl.Series:
    """Return the bytes of a text as numbers."""
    return pl.Series([text]).cast(pl.List(pl.UInt8)).reshape((-1,))


def _bare_records(signs: pl.Series, is_border: pl.Series, separator: bytes, fields: int) -> int:
    return _times(signs.filter(is_border), separator * (fields - 1) + b"\n")


def _quoted_records(signs: pl.Series, is_border: pl.Series, separator: bytes, fields: int) -> int:
    is_quote = signs == _QUOTE
    if not _stand_at_borders(is_quote, is_border):
        return 0
    special = signs.filter(is_quote | is_border)
    if records := _times(special, (b'""' + separator) * (fields - 1) + b'""\n'):
        return records
    quotes = special == _QUOTE
    if not _come_in_pairs(quotes):
        return 0
    return _bare_records(special, ~quotes, separator, fields)


def _times(signs: pl.Series, pattern: bytes) -> int:
    """Return how many times a pattern comes if there is nothing else, or 0."""
    times = len(signs) // len(pattern)
    expected = signs_of(pattern * times)
    return times if len(signs) == len(expected) and (signs == expected).all() else 0


def _stand_at_borders(is_quote: pl.Series, is_border: pl.Series) -> bool:
    before, after = is_border.shift(1, fill_value=True), is_border.shift(-1, fill_value=False)
    return not (is_quote & ~(before | after)).any()


def _come_in_pairs(quotes: pl.Series) -> bool:
    """Say whether between two borders there are two quotes or none: at borders, each pair encloses a field, and no border."""
    before, after = quotes.shift(1, fill_value=False), quotes.shift(-1, fill_value=False)
    return not (quotes & ~(before ^ after)).any()


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
