"""The text of a block, found again by line number."""

from collections.abc import Sequence

import polars as pl

from closedloop.core.grammar import Grammar
from closedloop.core.proof import LINE_FEED, signs_of

_PIECE = 1 << 20  # bytes looked at together: as many as processors keep at hand
_STRETCH = 1 << 10  # bytes whose line feeds are counted


class Lines:
    """The bytes of a block, whose first line has the number `first`."""

    def __init__(self, text: bytes, first: int, grammar: Grammar) -> None:
        self._text = text
        self._first = first
        self._grammar = grammar

    def raw(self, lines: Sequence[int]) -> dict[int, str]:
        """Return the text of the records that start at these lines, without their line ends."""
        if not lines:
            return {}
        starts = self._starts(pl.Series(lines, dtype=pl.Int64) - self._first)
        return dict(zip(lines, map(self._record, starts), strict=True))

    def _record(self, start: int) -> str:
        end = self._text.find(b"\n", start) + 1
        if self._text.find(b'"', start, end) >= 0 or not end:
            end = self._grammar.end(self._text, start)
        return shown(self._text[start:end], self._grammar.max_record)

    def _starts(self, before: pl.Series) -> list[int]:
        """Where the lines start that have so many lines before them."""
        pieces = (self._text[at : at + _PIECE] for at in range(0, len(self._text), _PIECE))
        feeds = pl.concat(_feeds(piece) for piece in pieces)
        so_far = feeds.cum_sum()
        stretches = so_far.search_sorted(before)
        rest = before - (so_far - feeds).gather(stretches)
        return [
            self._after(stretch * _STRETCH, left)
            for stretch, left in zip(stretches.to_list(), rest.to_list(), strict=True)
        ]

    def _after(self, at: int, feeds: int) -> int:
        for _ in range(feeds):
            at = self._text.find(b"\n", at) + 1
        return at


def _feeds(piece: bytes) -> pl.Series:
    """Return how many line feeds each stretch of a piece holds: the few that are wanted are then soon found."""
    is_feed = signs_of(piece.ljust(-(-len(piece) // _STRETCH) * _STRETCH)) == LINE_FEED
    return is_feed.reshape((-1, _STRETCH)).arr.sum().cast(pl.Int64)


class Unquoted:
    """Records without a quote, a line each: `rows` holds all their fields, `numbers` says at which line each stands.

    Such a record is its fields and the separators between them; that is found in a tenth of the time.
    """

    def __init__(self, rows: pl.DataFrame, numbers: pl.Series, separator: str) -> None:
        self._rows = rows
        self._numbers = numbers
        self._separator = separator

    def raw(self, lines: Sequence[int]) -> dict[int, str]:
        """Return the text of the records that stand at these lines, without their line ends."""
        places = self._numbers.search_sorted(pl.Series(lines, dtype=pl.Int64))
        fields = pl.all().fill_null("")
        found = self._rows[places].select(pl.concat_str(fields, separator=self._separator))
        return dict(zip(lines, found.to_series().to_list(), strict=True))


def shown(record: bytes, longest: int) -> str:
    """Return bytes as text to look at: without the line end, cut where too long, what is not UTF-8 as escapes."""
    content = record.removesuffix(b"\n").removesuffix(b"\r")
    return content[:longest].decode(errors="backslashreplace")
