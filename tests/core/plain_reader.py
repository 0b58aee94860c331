"""A reader as plain as can be, of its own, which says what becomes of a file: one byte, one cell, one row at a time."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from closedloop.model.table import Schema

BERLIN = ZoneInfo("Europe/Berlin")
MARK = b"\xef\xbb\xbf"


@dataclass
class Said:
    """What becomes of a file, by line: its rows' stored values, why records are rejected, how many are no rows."""

    rows: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    rejected: dict[int, set[tuple[str, str]]] = field(default_factory=dict)
    raw: dict[int, str] = field(default_factory=dict)
    warnings: Counter[tuple[str, str]] = field(default_factory=Counter)
    blank: int = 0
    header: int = 0

    @property
    def records(self) -> int:
        return len(self.rows) + len(self.rejected) + self.blank + self.header


@dataclass(frozen=True)
class Case:
    """A file, how it is read, and at which places its columns stand if it has a header."""

    content: bytes
    schema: Schema
    places: dict[str, int]
    header: bool
    block_bytes: int
    max_record: int


class Plain:
    """A reader as plain as can be, of its own: one byte after the other, one cell after the other."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.text = case.content.removeprefix(MARK)
        self.separator = case.schema.separator.encode()
        self.fields = len(case.places)
        self.said = Said()

    def read(self) -> Said:
        at, line, is_head = 0, 1, self.case.header
        while at < len(self.text):
            end = self.text.find(b"\n", at)
            end = len(self.text) if end < 0 else end
            content = self.without_return(at, end)
            found = self.record(at)
            if not content.strip(b" \t\r".replace(self.separator, b"")) and self.fits(content):
                self.said.blank += 1
            elif not self.fits(content) or found is None:
                self.said.rejected[line] = {("", "")}
                self.said.raw[line] = shown(content[: self.case.max_record])
            else:
                cells, end = found
                self.said.raw[line] = shown(self.without_return(at, end))
                self.take(line, cells, is_head=is_head)
                is_head = False
            line += self.text.count(b"\n", at, end) + 1
            at = end + 1
        return self.said

    def fits(self, content: bytes) -> bool:
        return len(content) <= self.case.max_record

    def without_return(self, at: int, end: int) -> bytes:
        return self.text[at:end].removesuffix(b"\r") if end < len(self.text) else self.text[at:end]

    def record(self, at: int) -> tuple[list[str | None], int] | None:
        """The cells of the record that starts here, and where its line feed is."""
        start, cells = at, list[bytes]()
        while True:
            cell, at = self.quoted(at + 1) if self.text[at : at + 1] == b'"' else self.bare(at)
            if cell is None:
                return None
            cells.append(cell)
            end = self.line_feed(at)
            if end is not None:
                break
            if self.text[at : at + 1] != self.separator:
                return None
            at += 1
        if len(cells) != self.fields or at - start > self.case.max_record:
            return None
        try:
            return [cell.decode() or None for cell in cells], end
        except UnicodeDecodeError:
            return None

    def line_feed(self, at: int) -> int | None:
        if self.text[at : at + 2] == b"\r\n":
            return at + 1
        return at if self.text[at : at + 1] in (b"\n", b"") else None

    def quoted(self, at: int) -> tuple[bytes | None, int]:
        cell = b""
        while at < len(self.text):
            sign = self.text[at : at + 1]
            if sign == b'"' and self.text[at + 1 : at + 2] != b'"':
                return cell, at + 1
            cell += sign
            at += 2 if sign == b'"' else 1
        return None, at

    def bare(self, at: int) -> tuple[bytes, int]:
        start = at
        while self.text[at : at + 1] not in (b"", b"\n", b"\r", self.separator):
            at += 1
        return self.text[start:at], at

    def take(self, line: int, cells: Sequence[str | None], *, is_head: bool) -> None:
        if is_head:
            self.said.header += 1
            return
        values: list[Any] = []
        wrong: set[tuple[str, str]] = set()
        warned: set[tuple[str, str]] = set()
        for column in self.case.schema.columns.values():
            place = self.case.places.get(column.name)
            kept, reasons, odd = judged(column, None if place is None else cells[place])
            values += kept
            wrong |= {(column.name, reason) for reason in reasons}
            warned |= {(column.name, reason) for reason in odd}
        if wrong:
            self.said.rejected[line] = wrong
        else:
            self.said.rows[line] = tuple(values)
            self.said.warnings.update(warned)


Judged = tuple[list[Any], list[str], list[str]]


def judged(column: Any, cell: str | None) -> Judged:
    """What is stored of a cell, the rules it breaks, the rules that only warn."""
    if cell is None:
        width = 3 if column.type == "timestamp" else 1
        return [None] * width, [] if column.nullable else ["missing"], []
    judge = {"int64": number, "timestamp": moment}.get(column.type)
    return judge(cell) if judge else text(column, cell)


def text(column: Any, cell: str) -> Judged:
    rules = []
    if any(ord(sign) < 32 and sign not in "\t\n\r" for sign in cell):
        rules.append("holds a NUL or control character")
    if column.type == "string":
        if len(cell) > column.max_length:
            rules.append(f"longer than {column.max_length} characters")
        return [cell], rules, []
    odd = [] if cell in column.values else [f"not one of {', '.join(column.values)}"]
    return ([cell], rules + odd, []) if column.unknown == "reject" else ([cell], rules, odd)


def number(cell: str) -> Judged:
    digits = cell.removeprefix("-")
    if not digits or set(digits) - set("0123456789"):
        return [None], ["not a whole number"], []
    found = int(cell)
    return [found], [] if -(2**63) <= found < 2**63 else ["outside int64"], []


def moment(cell: str) -> Judged:
    wrong = ["not a timestamp like 2021-01-01 12:07:55"]
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", cell, re.ASCII):
        return [], wrong, []
    try:
        local = datetime.fromisoformat(cell)
    except ValueError:
        return [], wrong, []
    if local.year == 1:
        return [], ["outside the years 1 to 9999"], []
    first = local.replace(tzinfo=BERLIN).astimezone(UTC)
    second = local.replace(tzinfo=BERLIN, fold=1).astimezone(UTC)
    if first.astimezone(BERLIN).replace(tzinfo=None) != local:
        return [], ["a local time that the clocks skip"], []
    return [first.replace(tzinfo=None), local, first != second], [], []


def shown(content: bytes) -> str:
    return content.decode(errors="backslashreplace")
