"""Whatever bytes come: records = loaded + quarantined + blank + header, and no line takes its neighbour with it.

Each seed makes files of its own and compares what the program makes of them with what a plain reader says, one byte,
one cell and one row at a time. `make fuzz` runs a thousand seeds and more; a failing one is named by its test.
"""

import csv
import io
import os
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pytest

from closedloop.core.parse import MAX_RECORD, read
from closedloop.core.validate import check
from closedloop.errorfiles import ErrorFiles
from closedloop.errors import FileRefused
from closedloop.flows.load import Landed, checked, load
from closedloop.flows.ports import Ports
from closedloop.ledger import Ledger
from closedloop.model.file import FileIdentity
from closedloop.model.job import PullJob
from closedloop.model.settings import Client, Suppression
from closedloop.model.table import Schema
from closedloop.remote.base import quiet
from closedloop.remote.memory import MemoryRemote
from closedloop.state import StateFolder
from closedloop.warehouse.duckdb import DuckDBWarehouse

FIRST, SEEDS = int(os.environ.get("FUZZ_FIRST", "1")), int(os.environ.get("FUZZ_SEEDS", "2"))
FILES = 1000
CHECKED = 4  # every fourth file goes through the check as well
LOADED = 250  # and every 250th into a warehouse

BERLIN = ZoneInfo("Europe/Berlin")
MARK = b"\xef\xbb\xbf"
NUMBERS = ["0", "7", "007", "-12", "9223372036854775807", "9223372036854775808", "+5", " 5", "5\n"]
NUMBERS += ["5.0", "1e3", "\u0665", "12x4", "", "-", "44015200417", "-9223372036854775808"]
TIMES = ["2021-01-01 12:07:55", "2021-10-31 02:30:00", "2021-03-28 02:30:00", "2021-02-30 10:00:00"]
TIMES += ["2021-1-1 12:07:55", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "2021-01-01T12:07:55"]
TIMES += ["2021-07-01 12:07:55\n", "", "x", "2020-02-29 00:00:00", "2021-01-01 12:07:60"]
WORDS = ["", "a", "b", "\u00e4\u20ac", "a\0b", "xxxxxxxxxxxx", 'b"x', '"', "a;b", "a,b\tc", "a\nb"]
WORDS += ["a\r\nb", "\r", "\x1b[31m", "\U0001f600", " ", "OK", "HARD", "ok", "\ufeff", "\u2028"]
CELLS = {"int64": NUMBERS, "timestamp": TIMES, "string": WORDS, "enum": WORDS}
NOISE = [b'"', b'""', b";", b",", b"\t", b"\n", b"\r\n", b"\r", b" ", b"a", b"1", b"\0", MARK]
NOISE += [
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b'";',
    b'\n"',
    b'"\n',
    b"a;b\n",
    b'"a\nb";c\n',
    b";;\n",
]
LONG = 60
LENGTHENED = 1 / 100  # so many files are long


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


def schemas() -> list[Schema]:
    number = {"type": "int64"}
    word = {"type": "string", "nullable": True, "max_length": 8}
    time = {"type": "timestamp", "nullable": True}
    state = {"type": "enum", "values": ("OK", "HARD")}
    shapes: list[dict[str, dict[str, Any]]] = [
        {"id": number, "name": word},
        {"name": word},
        {"id": number},
        {"id": number, "at": {**time, "nullable": False}, "state": {**state, "nullable": True}},
        {"name": word, "state": {**state, "unknown": "reject"}, "at": time, "id": number},
        {"id": number, "extra": {**word, "optional": True}, "name": word},
    ]
    return [
        Schema.model_validate(
            {
                "name": f"t{place}",
                "file": "t",
                "header": header,
                "separator": separator,
                "columns": {
                    name: {"header": name, "name": name, **column} for name, column in shape.items()
                },
            }
        )
        for place, shape in enumerate(shapes)
        for header, separator in (("none", ";"), ("auto", ";"), ("required", ","), ("none", "\t"))
    ]


class Maker:
    """Makes files, each from the dice alone."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 dice, not keys
        self.schemas = schemas()

    def case(self) -> Case:
        pick = self.dice.choice
        schema = pick(self.schemas)
        names = [column.name for column in schema.columns.values()]
        header = schema.header == "required" or (schema.header == "auto" and pick([True, False]))
        if header:
            self.dice.shuffle(names)
            names = [n for n in names if n != "extra" or pick([True, False])]
        places = {name: place for place, name in enumerate(names)}
        start = (
            self.line([pick([n, n.upper(), f" {n} "]) for n in names], schema) if header else b""
        )
        if not header and (schema.header == "auto" or "extra" in names):
            # What stands first shows which columns there are, and that it is no header.
            start = self.line([self.right(schema, name) for name in names], schema)
        body = pick([self.rows, self.rows, self.noise, self.chaos])(schema, names)
        content = pick([b"", b"", MARK]) + start + self.bent(body)
        longest = pick([LONG, LONG, 400])
        if self.dice.random() < LENGTHENED:
            # Long enough for the proof that takes many good records at once.
            content = pick([b"", MARK]) + start + self.lengthened(schema, names) + self.bent(body)
            longest = pick([40_000, MAX_RECORD])
            return Case(content, schema, places, header, pick([300, 40_000, 100_000]), longest)
        return Case(content, schema, places, header, pick([1, 9, 40, 40, 300, 4000]), longest)

    def lengthened(self, schema: Schema, names: list[str]) -> bytes:
        """Good records that are quoted alike and end alike, or not, with a few others among them."""
        end, quoted = self.dice.choice([b"\n", b"\n", b"\r\n"]), self.dice.choice([0, 0.5, 1])
        lines = []
        for _ in range(2000):
            cells = [self.right(schema, name) for name in names]
            written = [f'"{cell}"' if self.dice.random() < quoted else cell for cell in cells]
            lines.append(schema.separator.join(written).encode() + end)
        for _ in range(self.dice.randrange(3)):
            lines.insert(self.dice.randrange(2000), self.bent(self.dice.choice(lines)))
        return b"".join(lines)

    def rows(self, schema: Schema, names: list[str]) -> bytes:
        lines = []
        for _ in range(self.dice.randrange(9)):
            cells = [self.cell(schema, name) for name in names]
            lines.append(self.line(cells, schema))
            if self.dice.random() < 0.2:
                lines.append(
                    self.dice.choice([b"\n", b"  \r\n", b"a\n", b"x" * 70 + b"\n", b'"\n'])
                )
        return b"".join(lines)

    def cell(self, schema: Schema, name: str) -> str:
        if self.dice.random() < 0.7:
            return self.right(schema, name)
        return self.dice.choice(CELLS[schema.column(name).type])

    def right(self, schema: Schema, name: str) -> str:
        plain = {"int64": str(self.dice.randrange(1, 99)), "timestamp": TIMES[0], "string": "a"}
        return plain.get(schema.column(name).type, "OK")

    def noise(self, _schema: Schema, _names: list[str]) -> bytes:
        return b"".join(self.dice.choices(NOISE, k=self.dice.randrange(24)))

    def chaos(self, _schema: Schema, _names: list[str]) -> bytes:
        return self.dice.randbytes(self.dice.randrange(60))

    def line(self, cells: list[str], schema: Schema) -> bytes:
        end = self.dice.choice([b"\n", b"\n", b"\r\n"])
        return schema.separator.encode().join(map(self.written, cells)) + end

    def written(self, cell: str) -> bytes:
        quoted = '"' + cell.replace('"', '""') + '"'
        is_odd = any(sign in cell for sign in '";,\t\r\n')
        return (quoted if is_odd or self.dice.random() < 0.2 else cell).encode()

    def bent(self, body: bytes) -> bytes:
        """Now and then something is put in, taken out or cut off anywhere."""
        turn = self.dice.random()
        at = self.dice.randrange(len(body) + 1)
        if turn < 0.25:
            return body[:at] + self.dice.choice(NOISE) + body[at:]
        if turn < 0.35:
            return body[:at] + body[at + 1 :]
        return body[:at] if turn < 0.45 else body


class Trickle(io.BytesIO):
    """A stream that gives less than it is asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size, 50) if size and size > 0 else size)


def structure(case: Case) -> tuple[set[int], dict[int, str], int, int]:
    """The lines of the good records, the broken lines, how many blank and header lines."""
    good, broken, blank, header = set[int](), dict[int, str](), 0, 0
    for block in read(Trickle(case.content), case.schema, case.block_bytes, case.max_record):
        good |= set(block.frame["line"].to_list())
        broken |= {line.line: line.raw for line in block.broken}
        blank, header = blank + block.blank, header + block.header
    return good, broken, blank, header


def verdict(case: Case) -> Said:
    """What reader and check make of a file."""
    said = Said()
    for block in read(Trickle(case.content), case.schema, case.block_bytes, case.max_record):
        found = check(block, case.schema, BERLIN)
        assert found.accepted.height + found.rejected_rows == block.frame.height + len(block.broken)
        said.rows |= {row[0]: row[1:] for row in found.accepted.iter_rows()}
        for reason in found.rejected:
            why = (reason.column, reason.rule if reason.column else "")
            said.rejected.setdefault(reason.line, set()).add(why)
            said.raw[reason.line] = reason.raw
        said.warnings.update(found.warnings)
        said.blank, said.header = said.blank + block.blank, said.header + block.header
    return said


def agree(case: Case, found: Said) -> None:
    plain = Plain(case).read()
    assert found.rows == plain.rows
    assert found.rejected == plain.rejected
    assert found.raw == {line: plain.raw[line] for line in plain.rejected}
    assert (found.warnings, found.blank, found.header) == (
        plain.warnings,
        plain.blank,
        plain.header,
    )


class Desk(Protocol):
    def load(self, case: Case) -> Said: ...


class LoadingDesk:
    """Loads files into a real warehouse, and reads back what it, the quarantine and the counts hold."""

    def __init__(self, root: Path) -> None:
        self.root, self.number = root, 0
        self.warehouse = DuckDBWarehouse(root / "w.duckdb", 0, Suppression())
        self.ledger = Ledger(root / "ledger.sqlite")
        self.client = Client(host="localhost", user="nobody", key="none", host_keys=("x",))
        distinct = {schema.name: schema for schema in schemas()}
        self.warehouse.prepare([*distinct.values()])

    def load(self, case: Case) -> Said:
        self.number += 1
        path = self.root / f"{self.number}.csv"
        path.write_bytes(case.content)
        now = datetime(2026, 11, 20, tzinfo=UTC)
        what = FileIdentity("de", case.schema.name, path.name, date(2026, 11, 20), 1, now, "0" * 64)
        state = StateFolder(self.root)
        ports = Ports(
            client=self.client,
            client_name="de",
            remote=MemoryRemote(),
            warehouse=self.warehouse,
            ledger=self.ledger,
            state=state,
            responses=[],
            blocklist=[],
            rows=lambda _selection: iter(()),
            watch=lambda _title: quiet,
            errors=ErrorFiles(state),
        )
        job = PullJob(name="pull", kind="pull", client="de", reject_floor=10**6)
        found = checked(path, case.schema, ports.client.zone, {})
        load(Landed(path, what, case.schema), job, ports, now, found)
        return self.read_back(case, path.name, state.quarantine(what))

    def read_back(self, case: Case, name: str, kept: Path) -> Said:
        said = Said()
        table = f"raw_{case.schema.name}"
        rows = self.warehouse.rows(
            f"select r.* exclude (load_id) from {table} r join loads using (load_id) where file = ?",  # noqa: S608 ours
            [name],
        )
        said.rows = {line: tuple(values) for line, *values in (row.values() for row in rows)}
        (counts,) = self.warehouse.rows("select * from loads where file = ?", [name])
        said.blank, said.header = counts["blank"], counts["header"]
        for line, column, rule, raw in quarantined(kept):
            said.rejected.setdefault(int(line), set()).add((column, rule if column else ""))
            said.raw[int(line)] = raw
        assert counts["loaded"] == len(said.rows)
        assert counts["quarantined"] == len(said.rejected)
        assert counts["records"] == said.records
        return said


def quarantined(path: Path) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return [*csv.reader(stream, delimiter=";")][1:]


@pytest.fixture(scope="module")
def loading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadingDesk]:
    desk = LoadingDesk(tmp_path_factory.mktemp("fuzz"))
    yield desk
    desk.warehouse.close()
    desk.ledger.close()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_any_bytes_become_rows_rejects_blanks_and_a_header(seed: int, loading: LoadingDesk) -> None:
    maker = Maker(seed)
    for turn in range(FILES):
        case = maker.case()
        if turn % CHECKED == 0:
            agree(case, verdict(case))
        else:
            plain = Plain(case).read()
            good, broken, blank, header = structure(case)
            assert good == {*plain.rows, *plain.rejected} - broken.keys()
            lines = {line for line, why in plain.rejected.items() if why == {("", "")}}
            assert broken == {line: plain.raw[line] for line in lines}
            assert (blank, header) == (plain.blank, plain.header)
        if turn % LOADED == 0:
            wide = Case(case.content, case.schema, case.places, case.header, 0, MAX_RECORD)
            if Plain(wide).read().rows:
                found = loading.load(wide)
                found.warnings = Plain(wide).read().warnings
                agree(wide, found)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_any_bytes_under_a_header_that_must_be_there_are_read_or_refused(seed: int) -> None:
    maker, refused = Maker(-seed), 0
    for _ in range(FILES // 10):
        case = maker.case()
        content = maker.noise(case.schema, []) + case.content
        try:
            for block in read(io.BytesIO(content), case.schema, case.block_bytes, case.max_record):
                found = check(block, case.schema, BERLIN)
                whole = found.accepted.height + found.rejected_rows
                assert whole == block.frame.height + len(block.broken)
        except FileRefused:
            refused += 1
    assert refused < FILES // 10
