"""The grammar of one CSV record, as exact as bytes are.

A record ends at a line feed; a carriage return before it belongs to the line end. A field that starts with
`"` is quoted: `""` inside is `"`, separators and line ends inside are data, and after the closing quote only
a separator or the line end may follow. Elsewhere a `"` is data, a lone carriage return is not. A record that
breaks this, that has another number of fields, is not UTF-8 or is too long makes its first physical line
broken, and only that one: the next physical line is read for itself.
"""

import codecs
import re
from dataclasses import dataclass

from closedloop.core.proof import prove

TEXT_AFTER_QUOTE = "text after a closing quote"
BARE_RETURN = "bare carriage return"
QUOTE_NOT_CLOSED = "quote not closed"
NOT_UTF8 = "not UTF-8"
_WORTH_A_PROOF = 16_384  # bytes: fewer are read sooner than they are proven


@dataclass(frozen=True, slots=True)
class Record:
    """What starts at a place in a text: a good record with its fields, or one broken physical line.

    `end` is where the next one starts; it is the end of the text if the line goes on beyond it.
    """

    end: int
    fields: tuple[bytes, ...] = ()
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Good records one after the other: where they end, how many lines they take, whether no control characters are in them."""

    end: int
    lines: int
    clean: bool = False


class Grammar:
    """Well-formed records of one file: its separator, its number of fields (None: any), the longest record.

    Every text given must end with a line feed or go on for `reach` bytes after the place that is looked at.
    """

    def __init__(self, separator: str, fields: int | None, max_record: int) -> None:
        self.separator = separator.encode()
        self.fields = fields
        self.max_record = max_record
        self.reach = max_record + len(b"\r\n")
        other = re.escape(self.separator)
        # Possessive repeats: a text that does not fit is given up at once, without trying other divisions.
        quoted, bare = rb'"(?:[^"]++|"")*+"', rb'[^"%b\r\n][^%b\r\n]*+' % (other, other)
        self._field = re.compile(b"%b|%b|" % (quoted, bare)).match
        self._blank = re.compile(b"[%b]*+\n" % b" \t\r".replace(self.separator, b"")).match
        field = rb'(?:[^"%b\r\n]*+|%b)' % (other, quoted)
        record = field + (other + field) * ((fields or 1) - 1) + rb"\r?+\n"
        not_blank = rb"(?![ \t]*+\r?+\n)" if fields == 1 else b""
        self._plain = re.compile(b"(?:%b%b)*+" % (not_blank, record)).match
        self._one = re.compile(record).match

    def run(self, text: bytes, start: int, stop: int) -> Run:
        """Return a run of good records from `start`, to `stop` or the first that is none, but no longer than a record may be.

        It finds plain records only, where no quote stands inside an unquoted field; `record` knows all.
        """
        stop = min(stop, start + self.max_record + 1)
        return self._proven(text, start, stop) or self._read(text, start, stop)

    def _proven(self, text: bytes, start: int, stop: int) -> Run | None:
        end = text.rfind(b"\n", start, stop) + 1
        if not self.fields or self.fields == 1 or end - start < _WORTH_A_PROOF:
            return None
        found = prove(text[start:end], self.separator, self.fields)
        return Run(end, found.records, found.clean) if found else None

    def _read(self, text: bytes, start: int, stop: int) -> Run:
        found = self._plain(text, start, stop)
        end = found.end() if found else start
        try:
            codecs.utf_8_decode(memoryview(text)[start:end])
        except UnicodeDecodeError as error:
            return self._read(text, start, start + error.start)
        return Run(end, text.count(b"\n", start, end))

    def blank(self, text: bytes, start: int) -> int:
        """Return the end of the blank line at `start`, or `start` if there is none."""
        found = self._blank(text, start, start + self.reach)
        fits = found is not None and _length(text, start, found.end()) <= self.max_record
        return found.end() if found and fits else start

    def record(self, text: bytes, start: int) -> Record:
        """Return the good record or the broken line at `start`."""
        line_end = text.find(b"\n", start, start + self.reach) + 1
        if not line_end or _length(text, start, line_end) > self.max_record:
            end = line_end or text.find(b"\n", start) + 1 or len(text)
            return Record(end, broken=f"longer than {self.max_record} bytes")
        end, fields, broken = self._divide(text, start, line_end)
        broken = broken or self._miscounted(fields) or _undecodable(text[start:end])
        if end > line_end and (broken or _length(text, start, end) > self.max_record):
            broken = NOT_UTF8 if broken == NOT_UTF8 else QUOTE_NOT_CLOSED
        return Record(line_end, broken=broken) if broken else Record(end, tuple(fields))

    def end(self, text: bytes, start: int) -> int:
        """Return where the good record at `start` ends."""
        plain = self._one(text, start)
        return plain.end() if plain else self.record(text, start).end

    def quoted(self, fields: tuple[bytes, ...]) -> bytes:
        """Return the plain record that has these fields."""
        return self.separator.join(b'"%b"' % field.replace(b'"', b'""') for field in fields) + b"\n"

    def _divide(self, text: bytes, start: int, line_end: int) -> tuple[int, list[bytes], str]:
        """Divide the record at `start` into fields: where that ended, the fields, what stopped it."""
        at, stop, fields = start, min(len(text), start + self.reach), list[bytes]()
        while True:
            found = self._field(text, at, stop)
            field = found[0] if found else b""
            quoted = field[:1] == b'"'
            fields.append(field[1:-1].replace(b'""', b'"') if quoted else field)
            at += len(field)
            if line_feed := _line_feed(text, at):
                return at + line_feed, fields, ""
            if at >= stop or text[at : at + 1] != self.separator:
                return at, fields, _stopped_by(text[at : at + 1], quoted=quoted)
            at += 1
            # Beyond its first line a record with too many fields is not followed any further: otherwise
            # a file of opening quotes would be read to its end from every line.
            if at > line_end and len(fields) == self.fields:
                return at, fields, QUOTE_NOT_CLOSED

    def _miscounted(self, fields: list[bytes]) -> str:
        if self.fields in (None, len(fields)):
            return ""
        return f"{len(fields)} field{'s' * (len(fields) != 1)} where {self.fields} are expected"


def _line_feed(text: bytes, at: int) -> int:
    return 1 if text[at : at + 1] == b"\n" else 2 * (text[at : at + 2] == b"\r\n")


def _length(text: bytes, start: int, end: int) -> int:
    """The length of what stands from `start` to `end`, without its line end."""
    return end - start - (2 if text[start:end].endswith(b"\r\n") else 1)


def _stopped_by(sign: bytes, *, quoted: bool) -> str:
    if sign == b'"' and not quoted:
        return QUOTE_NOT_CLOSED
    return BARE_RETURN if sign == b"\r" else TEXT_AFTER_QUOTE


def _undecodable(record: bytes) -> str:
    try:
        record.decode()
    except UnicodeDecodeError:
        return NOT_UTF8
    return ""
