"""Whatever bytes come: records = loaded + quarantined + blank + header, and no line takes its neighbour with it.

Each seed makes files of its own and compares what the program makes of them with what a plain reader says, one byte,
one cell and one row at a time. `make fuzz` runs a thousand seeds and more; a failing one is named by its test.
"""

import csv
import io
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

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
from closedloop.remote.base import quiet
from closedloop.remote.memory import MemoryRemote
from closedloop.state import StateFolder
from closedloop.warehouse.duckdb import DuckDBWarehouse
from tests.core.made_files import Maker, schemas
from tests.core.plain_reader import BERLIN, Case, Plain, Said

FIRST, SEEDS = int(os.environ.get("FUZZ_FIRST", "1")), int(os.environ.get("FUZZ_SEEDS", "2"))
FILES = 1000
CHECKED = 4  # every fourth file goes through the check as well
LOADED = 250  # and every 250th into a warehouse


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
