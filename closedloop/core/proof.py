"""A proof that a stretch of text is good records, given for all of its bytes at once.

It takes a fifth of the time of reading them one after the other, and leaves other threads alone meanwhile. What it
does not prove may be good all the same: escaped quotes, and separators or line ends inside quotes, are for `grammar`.
"""

import polars as pl

LINE_FEED, _QUOTE = b'\n"'


def records(text: bytes, separator: bytes, fields: int) -> int:
    """Return how many records of two or more fields a text is that ends with a line feed; 0 if that is not proven."""
    plain = text.replace(b"\r\n", b"\n") if b"\r" in text else text
    if b"\r" in plain or not _is_utf8(plain):
        return 0
    signs = signs_of(plain)
    is_border = (signs == separator[0]) | (signs == LINE_FEED)
    if b'"' not in plain:
        return _lines(signs.filter(is_border), fields)
    is_quote = signs == _QUOTE
    if not _stand_at_borders(is_quote, is_border):
        return 0
    special = signs.filter(is_quote | is_border)
    quotes = special == _QUOTE
    return _lines(special.filter(~quotes), fields) if _come_in_pairs(quotes) else 0


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


def _lines(borders: pl.Series, fields: int) -> int:
    """Return how many lines there are if each has so many borders, its line feed the last of them; else 0."""
    is_end = borders == LINE_FEED
    lines = len(borders) // fields
    is_whole = len(borders) % fields == 0 and is_end.sum() == lines
    return lines if is_whole and is_end.gather_every(fields, fields - 1).all() else 0


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
