"""People of whom nothing may be left, and how they stand in the text of files."""

import re
import unicodedata
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from closedloop.core.forgotten import folded
from closedloop.core.grammar import Grammar
from closedloop.core.header import Layout, by_header, by_position, is_header
from closedloop.core.parse import MAX_RECORD
from closedloop.errors import FileRefused
from closedloop.model.table import Schema

# Signs that are small letters of one another beyond what their own capitals tell.
_TWINS = {"s": "\u017f", "k": "\u212a", "i": "\u0131", "\u03c3": "\u03c2"}
_BEFORE = rb"(?:(?<![\w.+\x80-\xff-])|(?<=%[0-9A-F]{2}))"
_AFTER = rb"(?![\w\x80-\xff-]|\.\w)"
_BETWEEN_SEPARATORS = rb"(?<![^;,|\t\"\s])%b(?![^;,|\t\"\s])"


ENOUGH = 3
"""So long must a word be that is worth looking for first."""

HIDDEN = "forgotten"
"""What stands in place of a text that named somebody."""


class People:
    """Some people by their recipient IDs: addresses, or a customer's own keys."""

    def __init__(self, recipients: Sequence[str]) -> None:
        given = folded(pl.Series(recipients, dtype=pl.String))
        self.folded = frozenset(given.to_list()) - {""}
        addresses = sorted(each for each in self.folded if "@" in each)
        own_keys = sorted(self.folded - {*addresses})
        mentions = [
            *(_BEFORE + _spellings(each) + _AFTER for each in addresses),
            *(_BETWEEN_SEPARATORS % re.escape(each.encode()) for each in own_keys),
        ]
        self._mention = re.compile(b"|".join(mentions) or rb"(?!)", re.IGNORECASE)
        self._needles = frozenset(map(_needle, self.folded))
        self._is_address = re.compile(rb"@|%40", re.IGNORECASE)

    def among(self, values: pl.Series) -> pl.Series:
        """Return which of these recipients are they; a null is nobody."""
        return folded(values).is_in(sorted(self.folded)).fill_null(value=False)

    def mentions(self, text: bytes, start: int = 0, end: int | None = None) -> Iterator[re.Match[bytes]]:  # fmt: skip
        """Yield where they stand in a text, in whatever spelling; a customer's own key only between separators."""
        for first, last in self._lines(text, start, len(text) if end is None else end):
            yield from self._mention.finditer(text, first, last)

    def _lines(self, text: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the lines that are worth a closer look: to find a fixed word is twenty times as fast as a pattern."""
        if b"" in self._needles:
            yield start, end
            return
        small = text[start:end].lower()
        hits = {at for word in self._needles for at in _found(small, word)}
        for first in sorted({small.rfind(b"\n", 0, at) + 1 for at in hits}):
            line_end = small.find(b"\n", first)
            yield start + first, end if line_end < 0 else start + line_end

    def hidden(self, text: str) -> str:
        """Return a text in which their addresses are put out of sight, each by asterisks of its length."""
        given = text.encode(errors="surrogateescape")
        return _covered(given, self.addresses(given, 0, len(given))).decode(
            errors="surrogateescape"
        )

    def addresses(self, text: bytes, start: int, end: int) -> list[tuple[int, int]]:
        """Return where their addresses stand in a part of a text."""
        found = self.mentions(text, start, end)
        # A customer's own key may equal any other number.
        return [each.span() for each in found if self._is_address.search(each[0])]

    def spans(self, text: bytes, start: int, end: int, reading: "Reading") -> tuple[bool, list[tuple[int, int]]]:  # fmt: skip
        """Return whether the record from `start` to `end` is one of theirs, and what of it names them."""
        personal = reading.personal(text, start, end)
        if personal is None:
            # Nobody knows which field is which, and the line is never loaded: whatever looks like them counts.
            found = [each.span() for each in self.mentions(text, start, end)]
            return bool(found), found
        is_theirs = any(self._is(text[a:b]) for a, b in personal)
        return is_theirs, [*(personal if is_theirs else []), *self.addresses(text, start, end)]

    def _is(self, field: bytes) -> bool:
        value = field.decode(errors="replace").replace('""', '"')
        return folded(pl.Series([value]))[0] in self.folded


@dataclass(frozen=True, slots=True)
class Reading:
    """How the records of one file are read: the layouts it may have, by the number of their fields."""

    grammar: Grammar
    schema: Schema | None
    layouts: tuple[Layout, ...]

    def personal(self, text: bytes, start: int, end: int) -> list[tuple[int, int]] | None:
        """Return where the personal fields of a record stand, without quotes; None for one that can't be read."""
        record = self.grammar.record(text, start)
        fields = len(record.fields)
        layout = next((layout for layout in self.layouts if layout.fields == fields), None)
        if record.broken or layout is None or self.schema is None or record.end != end:
            return None
        wanted = {place for name, place in layout.places if self.schema.column(name).personal}
        spans = _fields(text, start, record.fields)
        return [span for place, span in enumerate(spans) if place in wanted and span[0] < span[1]]


def _fields(text: bytes, at: int, fields: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Yield where the fields of a good record stand, without their quotes."""
    for field in fields:
        quoted = text[at : at + 1] == b'"'
        start = at + quoted
        end = start + len(field.replace(b'"', b'""') if quoted else field)
        yield start, end
        at = end + quoted + 1


def reading_of(first_line: bytes, schema: Schema | None) -> Reading:
    """Return how a file is read that starts with this line; without a schema no field is known."""
    grammar = Grammar(schema.separator if schema else ";", None, MAX_RECORD)
    if schema is None:
        return Reading(grammar, None, ())
    first = first_line.removeprefix(BOM_UTF8).rstrip(b"\r\n") + b"\n"
    fields = [field.decode() for field in grammar.record(first, 0).fields]
    layouts = [by_position(schema, with_optional=optional) for optional in (True, False)]
    if is_header(fields, schema):
        try:
            layouts = [by_header(fields, schema)]
        except FileRefused:
            layouts = []
    return Reading(grammar, schema, tuple(layouts))


@dataclass(frozen=True, slots=True)
class Cleared:
    """A text without the people, and how many of its records named them."""

    text: bytes
    records: int


def hide(text: bytes, people: People, reading: Reading) -> Cleared:
    """Put people out of sight in delivered records: their personal fields become asterisks of the same length.

    Every other byte stays where it was, so that size and lines of the file stay as they were delivered.
    """
    found = [
        spans for start, end in _records(text, people, reading)
        if (spans := people.spans(text, start, end, reading)[1])
    ]  # fmt: skip
    return Cleared(_covered(text, [span for spans in found for span in spans]), len(found))


def hide_addresses(text: bytes, people: People, _: Reading) -> Cleared:
    """Put people's addresses out of sight in a text of ours, wherever they stand."""
    spans = people.addresses(text, 0, len(text))
    return Cleared(_covered(text, spans), len(spans))


def take_out(text: bytes, people: People, reading: Reading) -> Cleared:
    """Take people's records out of a file of ours: their own, and those that name their addresses."""
    kept, at, taken = [], 0, 0
    for start, end in _records(text, people, reading):
        if people.spans(text, start, end, reading)[1]:
            kept.append(text[at:start])
            at, taken = end, taken + 1
    return Cleared(b"".join([*kept, text[at:]]), taken)


def _records(text: bytes, people: People, reading: Reading) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each record, or broken line, that may name people."""
    done = 0
    for mention in people.mentions(text):
        if mention.start() < done:
            continue
        start = text.rfind(b"\n", 0, mention.start()) + 1
        done = max(reading.grammar.record(text, start).end, mention.end())
        yield start, done


def _covered(text: bytes, spans: Sequence[tuple[int, int]]) -> bytes:
    if not spans:
        return text
    covered = bytearray(text)
    for start, end in spans:
        covered[start:end] = b"*" * (end - start)
    return bytes(covered)


def _found(text: bytes, word: bytes) -> Iterator[int]:
    """Yield where a word stands, once for each line."""
    at = text.find(word)
    while at >= 0:
        yield at
        line_end = text.find(b"\n", at)
        at = text.find(word, line_end) if line_end >= 0 else -1


def _needle(recipient: str) -> bytes:
    """Return the longest word that stands in every spelling of a recipient, its own part before the domain; or nothing."""
    own, _, domain = recipient.lower().partition("@")
    if not domain:
        return own.encode() if own.isascii() else b""
    runs = [
        max(re.findall("[0-9a-hjl-rt-z]+", part), key=len, default="") for part in (own, domain)
    ]
    return next((run.encode() for run in runs if len(run) >= ENOUGH), b"")


def _spellings(address: str) -> bytes:
    """Return a pattern for an address in any letters and forms, also as it stands in a link."""
    forms = {address, unicodedata.normalize("NFD", address)}
    return b"(?:%b)" % b"|".join(sorted(map(_pattern, forms)))


def _pattern(text: str) -> bytes:
    signs = re.split("(ss)", text)
    pieces = [
        b"(?:%b|%b)" % (_sign("s") * 2, b"|".join(each.encode() for each in "ßẞ"))
        if part == "ss"
        else b"".join(map(_sign, part))
        for part in signs
    ]
    return b"".join(pieces)


def _sign(sign: str) -> bytes:
    """Return a pattern for one sign: its capitals, its twins, and its bytes as a link writes them."""
    if sign.isascii() and sign.isalnum() and sign not in _TWINS:
        return sign.encode()
    variants = {sign, sign.upper(), *_TWINS.get(sign, "")}
    plain = [re.escape(each.encode()) for each in sorted(variants)]
    in_links = [
        b"".join(b"%%%02X" % byte for byte in each.encode())
        for each in sorted(variants)
        if not (each.isascii() and each.isalnum())
    ]
    return b"(?:%b)" % b"|".join([*plain, *in_links])
