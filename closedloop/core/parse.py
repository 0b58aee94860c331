"""Read a CSV as a stream of blocks: good rows in columns of text, broken lines named one by one."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

import polars as pl

from closedloop.core.grammar import Grammar
from closedloop.core.header import (
    Layout,
    by_header,
    by_position,
    is_header,
    not_a_header,
    refuse_odd_header,
)
from closedloop.core.lines import Lines, Unquoted, shown
from closedloop.errors import FileRefused
from closedloop.model.table import Schema

BLOCK_BYTES = 8 << 20
MAX_RECORD = 1 << 20
_BOM = b"\xef\xbb\xbf"
_CAUTIOUS = 4096  # so far the search for good records looks ahead after one that was not plain
_ROOM = 65_536  # a block ends early when it has taken so many detours, to keep memory bounded


@dataclass(frozen=True, slots=True)
class Broken:
    """A physical line that is no record: its number from 1, its text, the rule it breaks."""

    line: int
    raw: str
    rule: str


class Texts(Protocol):
    """Where the text of a block's records is found by line."""

    def raw(self, lines: Sequence[int]) -> dict[int, str]:
        """Return the text of the records that start at these lines."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a file: `records = rows + broken + blank + header`.

    `frame` holds `line`, the physical line a row starts at, and one text column for each column of the schema,
    by inside name and in order; an empty field is null, quoted or not. A `clean` block holds no control characters
    in its rows, for sure.
    """

    frame: pl.DataFrame
    broken: list[Broken]
    blank: int
    header: int
    layout: Layout
    lines: Texts = field(repr=False, compare=False)
    clean: bool = False

    def raw(self, lines: Sequence[int]) -> dict[int, str]:
        """Return the text of the records that start at these lines, as it stands in the file."""
        return self.lines.raw(lines)


def read(
    stream: BinaryIO, schema: Schema, block_bytes: int = BLOCK_BYTES, max_record: int = MAX_RECORD
) -> Generator[Block]:
    """Yield the blocks of a file in order, in memory bounded by the size of a block; an empty file has none.

    Raises `FileRefused` before the first block if the file has no header where the schema requires
    one, or one that does not suit the schema.
    """
    source = _Source(stream, block_bytes, max_record)
    if not source.text:
        return
    opening = _open(source.text, schema, block_bytes, max_record)
    layout, line = opening.layout, 1
    grammar = Grammar(schema.separator, layout.fields, max_record)
    while source.text:
        gathering = _Gathering(source.text, line, grammar, opening)
        gathering.gather(block_bytes)
        yield gathering.block(layout)
        source.advance(gathering.end)
        line, opening = gathering.line, _Opening(layout)


@dataclass(frozen=True, slots=True)
class Fields:
    """Good records as text: their fields as `rows`, the schema's `columns` made of these; `quoted`: any field may be."""

    rows: pl.DataFrame
    columns: list[pl.Expr]
    quoted: bool


def texts(records: Sequence[bytes | memoryview], layout: Layout, separator: str) -> Fields:
    """Let polars read good records, and only such."""
    names = [str(place) for place in range(layout.fields)]
    # The line of names keeps polars from skipping white space or a BOM where the records begin.
    head = f"{separator.join(names)}\n".encode()
    text = b"".join([head, *records])
    quoted = b'"' in text
    rows = pl.read_csv(
        text,
        separator=separator,
        schema=dict.fromkeys(names, pl.String()),
        null_values=[""] if quoted else None,
        quote_char='"' if quoted else None,
    )
    columns = [
        (pl.lit(None, pl.String) if place is None else pl.col(str(place))).alias(name)
        for name, place in layout.places
    ]
    return Fields(rows, columns, quoted)


class _Source:
    """The bytes still to be read; `text` ends with a line feed or reaches beyond a block and a record."""

    def __init__(self, stream: BinaryIO, block_bytes: int, max_record: int) -> None:
        self._stream = stream
        self._wanted = block_bytes + max_record + len(b"\r\n")
        self._ended = False
        self.text = b""
        self._read()
        self.text = self.text.removeprefix(_BOM)
        self._read()
        self._terminate()

    def advance(self, count: int) -> None:
        """Let go of what was read; of a line that goes on beyond the text also the rest."""
        cut = self.text[count - 1 : count] != b"\n"
        self._keep(count)
        while cut and self.text:
            end = self.text.find(b"\n") + 1
            cut = not end
            self._keep(end or len(self.text))

    def _keep(self, start: int) -> None:
        self.text = self.text[start:]
        self._read()
        self._terminate()

    def _read(self) -> None:
        pieces, size = [self.text], len(self.text)
        while size < self._wanted and not self._ended:
            piece = self._stream.read(self._wanted - size)
            self._ended = not piece
            pieces.append(piece)
            size += len(piece)
        self.text = b"".join(pieces)

    def _terminate(self) -> None:
        """Give the last line the line end it may lack; a carriage return at the very end stays a bare one."""
        if self._ended and self.text and not self.text.endswith(b"\n"):
            self.text += b"\r\n" if self.text.endswith(b"\r") else b"\n"


@dataclass(frozen=True, slots=True)
class _Opening:
    """How a file begins: its layout, and what of it is no row."""

    layout: Layout
    end: int = 0
    blank: int = 0
    header: int = 0


def _open(text: bytes, schema: Schema, limit: int, max_record: int) -> _Opening:
    grammar = Grammar(schema.separator, None, max_record)
    at = blank = 0
    while at < limit and (end := grammar.blank(text, at)) > at:
        at, blank = end, blank + 1
    first = grammar.record(text, at)
    fields = [field.decode() for field in first.fields]
    if is_header(fields, schema):
        return _Opening(by_header(fields, schema), first.end, blank, header=1)
    if schema.header == "required" and first.end > at:
        raise FileRefused(not_a_header(schema, first.broken))
    if first.broken:
        line = text[at : first.end].decode(errors="replace")
        fields = [part.strip(' "\r\n') for part in line.split(schema.separator)]
    refuse_odd_header(fields, schema, first.broken)
    return _Opening(_positional(text, at, limit, schema, max_record))


def _positional(text: bytes, at: int, limit: int, schema: Schema, max_record: int) -> Layout:
    """Without a header the first good record tells whether the optional columns are there."""
    layouts = [by_position(schema, with_optional=True), by_position(schema, with_optional=False)]
    grammars = [Grammar(schema.separator, layout.fields, max_record) for layout in layouts]
    while at < min(limit, len(text)) and layouts[0] != layouts[1]:
        records = [grammar.record(text, at) for grammar in grammars]
        for layout, record in zip(layouts, records, strict=True):
            if not record.broken and any(record.fields):
                return layout
        at = records[0].end
    return layouts[0]


class _Gathering:
    """A block while it is read: good records one after the other, and where each stands in the file."""

    def __init__(self, text: bytes, line: int, grammar: Grammar, opening: _Opening) -> None:
        self._text = text
        self._grammar = grammar
        self._first = line
        self._good: list[bytes | memoryview] = []
        self._clean = True
        self._good_lines = 0
        self._moved = [(0, 0)]
        self._broken: list[Broken] = []
        self._blank = opening.blank
        self._header = opening.header
        self.end = opening.end
        self.line = line + text.count(b"\n", 0, opening.end)

    def gather(self, limit: int) -> None:
        """Take in what starts before `limit`."""
        limit, cautious = min(limit, len(self._text)), self._grammar.max_record
        while self.end < limit and len(self._good) + len(self._broken) < _ROOM:
            run = self._grammar.run(self._text, self.end, self.end + cautious)
            if run.lines:
                self._clean &= run.clean
                self._keep(memoryview(self._text)[self.end : run.end], run.end, run.lines)
                cautious *= 2
            else:
                self._take_one()
                cautious = _CAUTIOUS

    def block(self, layout: Layout) -> Block:
        """Return what was gathered."""
        separator = self._grammar.separator.decode()
        read = texts(self._good, layout, separator)
        frame = read.rows.select(self._line_numbers(read.rows), *read.columns)
        lines: Texts = Lines(self._text, self._first, self._grammar)
        if not read.quoted:
            lines = Unquoted(read.rows, frame["line"], separator)
        return Block(
            frame, self._broken, self._blank, self._header, layout, lines, clean=self._clean
        )

    def _take_one(self) -> None:
        end = self._grammar.blank(self._text, self.end)
        if end > self.end:
            self._blank += 1
            self._go_on(end, 1)
            return
        record = self._grammar.record(self._text, self.end)
        # A line that goes on beyond the text is one line all the same.
        lines = self._text.count(b"\n", self.end, record.end) or 1
        if not record.broken:
            self._clean = False
            self._keep(self._grammar.quoted(record.fields), record.end, lines)
            return
        raw = shown(self._text[self.end : record.end], self._grammar.max_record)
        self._broken.append(Broken(self.line, raw, record.broken))
        self._go_on(record.end, lines)

    def _keep(self, records: bytes | memoryview, end: int, lines: int) -> None:
        moved = self.line - self._good_lines
        if moved != self._moved[-1][1]:
            self._moved.append((self._good_lines, moved))
        self._good.append(records)
        self._good_lines += lines
        self._go_on(end, lines)

    def _go_on(self, end: int, lines: int) -> None:
        self.line += lines
        self.end = end

    def _line_numbers(self, rows: pl.DataFrame) -> pl.Series:
        numbers = pl.int_range(rows.height, eager=True)
        if rows.height != self._good_lines:
            inside = rows.select(
                pl.sum_horizontal(pl.all().str.count_matches("\n", literal=True))
            ).to_series()
            numbers += inside.cum_sum() - inside
        starts, moved = (
            pl.Series(values, dtype=pl.Int64) for values in zip(*self._moved, strict=True)
        )
        if not starts[-1]:
            return (numbers + self._moved[-1][1]).alias("line")
        places = starts.search_sorted(numbers, side="right") - 1
        return (numbers + moved.gather(places)).alias("line")
