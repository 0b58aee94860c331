"""The text of a block, found again by line number."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

from closedloop.core.grammar import Grammar

_STRIDE = 4096


class Lines:
    """The bytes of a block, whose first line has the number `first`."""

    def __init__(self, text: bytes, first: int, grammar: Grammar) -> None:
        self._text = text
        self._first = first
        self._grammar = grammar

    def raw(self, lines: Sequence[int]) -> dict[int, str]:
        """Return the text of the records that start at these lines, without their line ends."""
        return {line: self._record(self._offset(line - self._first)) for line in lines}

    def _record(self, start: int) -> str:
        end = self._grammar.record(self._text, start).end
        return shown(self._text[start:end], self._grammar.max_record)

    @cached_property
    def _ends(self) -> list[int]:
        """How many lines end before each stride of the text is over."""
        starts = range(0, len(self._text), _STRIDE)
        return list(accumulate(self._text.count(b"\n", start, start + _STRIDE) for start in starts))

    def _offset(self, before: int) -> int:
        """Where the line starts that has so many lines before it."""
        if not before:
            return 0
        stride = bisect_left(self._ends, before)
        at = stride * _STRIDE
        for _ in range(before - (self._ends[stride - 1] if stride else 0)):
            at = self._text.index(b"\n", at) + 1
        return at


def shown(record: bytes, longest: int) -> str:
    """Return bytes as text to look at: without the line end, cut where too long, what is not UTF-8 as escapes."""
    content = record.removesuffix(b"\n").removesuffix(b"\r")
    return content[:longest].decode(errors="backslashreplace")
