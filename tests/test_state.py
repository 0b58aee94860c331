"""Files of the state folder: whole or not there, private, packed, found again."""

import hashlib
import os
import resource
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from closedloop.errors import ClosedLoopError
from closedloop.model.file import FileIdentity
from closedloop.spool import Spool
from closedloop.state import (
    Copy,
    OutboxFile,
    QuarantineFile,
    StateFolder,
    describe_copy,
    pack,
    sha256,
    unpack,
)

CONTENT = "Jürgen;1\n".encode() * 40_000
FILE = FileIdentity(
    "de", "clicks", "20261120_clicks.csv", date(2026, 11, 20), 9, datetime(2026, 11, 20, tzinfo=UTC),
    "abcdef0123456789" * 4,
)  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "var")


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Let files grow to so many bytes and no further, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def written(path: Path, content: bytes = CONTENT) -> Path:
    path.write_bytes(content)
    return path


def test_everything_lies_in_folders_of_the_owners_only(state: StateFolder) -> None:
    places = [
        state.landing("de", "x"),
        state.outbox("de", "x"),
        state.products("de", 1, "x"),
        state.sent("de", "x"),
        state.archived(FILE),
        state.quarantine(FILE),
        state.lock("job"),
    ]
    for place in places:
        assert mode(place.parent) == 0o700
    assert mode(state.root) == 0o700


def test_contents_of_one_name_do_not_take_each_others_place(state: StateFolder) -> None:
    assert state.archived(FILE).relative_to(state.root).as_posix() == (
        "archive/de/2026/11/20261120_clicks.csv.abcdef01.zst"
    )
    assert state.quarantine(FILE).name == "20261120_clicks.csv.abcdef01.csv"


def test_a_path_is_shown_from_the_project_on(state: StateFolder) -> None:
    assert state.shown(state.quarantine(FILE)).startswith("var/quarantine/de/")


@pytest.mark.parametrize("content", [CONTENT, b"", b"x"])
def test_what_was_packed_comes_back_byte_for_byte(tmp_path: Path, content: bytes) -> None:
    source, packed = written(tmp_path / "a.csv", content), tmp_path / "a.csv.zst"
    pack(source, packed)
    assert files(tmp_path) == ["a.csv.zst"]
    assert unpack(packed, source) == hashlib.sha256(content).hexdigest() == sha256(source)
    assert source.read_bytes() == content
    assert mode(packed) == mode(source) == 0o600


def test_a_copy_that_could_not_be_written_leaves_the_original_and_nothing_else(
    tmp_path: Path, full_disk: Callable[[int], None]
) -> None:
    source = written(tmp_path / "a.csv", bytes(range(256)) * 4 + hashlib.sha512(b"").digest() * 4)
    full_disk(50)
    with pytest.raises(ClosedLoopError, match=r"a\.csv\.zst: File too large; make room"):
        pack(source, tmp_path / "a.csv.zst")
    assert files(tmp_path) == ["a.csv"]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-20], id="cut off"),
        pytest.param(lambda data: data[:30] + b"\xff\xff" + data[32:], id="changed"),
        pytest.param(lambda _: b"no copy at all", id="something else"),
        pytest.param(lambda _: b"", id="empty"),
    ],
)
def test_a_damaged_copy_is_told_and_leaves_nothing(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    packed = tmp_path / "a.csv.zst"
    pack(written(tmp_path / "a.csv", bytes(range(256)) * 100), packed)
    packed.write_bytes(damage(packed.read_bytes()))
    with pytest.raises(ClosedLoopError, match="the copy is damaged"):
        unpack(packed, tmp_path / "b.csv")
    assert files(tmp_path) == ["a.csv.zst"]


def test_a_copy_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClosedLoopError, match="No such file"):
        unpack(tmp_path / "nix.zst", tmp_path / "b.csv")
    assert files(tmp_path) == []


def test_a_file_for_the_outbox_appears_whole_with_its_size_and_hash(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with OutboxFile(path) as out:
        out.write(b"one\n")
        assert not path.exists()
        out.write(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
    assert (out.size, out.sha256) == (8, sha256(path))
    assert mode(path) == 0o600


def test_a_file_for_the_outbox_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with OutboxFile(tmp_path / "x.csv") as out:
            out.write(b"one\n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert files(tmp_path) == []


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, full_disk: Callable[[int], None]
) -> None:
    full_disk(1000)
    with (
        pytest.raises(ClosedLoopError, match=r"x\.csv: File too large; make room"),
        OutboxFile(tmp_path / "x.csv") as out,
    ):
        out.write(b"x" * 2000)
    assert files(tmp_path) == []


def test_a_second_try_takes_the_place_of_the_first(tmp_path: Path) -> None:
    for content in (b"a longer first one", b"second"):
        with OutboxFile(tmp_path / "x.csv") as out:
            out.write(content)
    assert (tmp_path / "x.csv").read_bytes() == b"second"


def test_rejected_rows_lie_in_a_file_that_spreadsheets_open(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    with QuarantineFile(path) as quarantine:
        quarantine.write([(2, "link_id", "not a whole number", 'x;"y"')])
        quarantine.write([(7, "", "too few fields", "Jürgen")])
        assert quarantine.keep() == path
    assert path.read_text() == (
        '"line";"column";"rule";"raw"\n2;"link_id";"not a whole number";"x;""y"""\n'
        '7;"";"too few fields";"Jürgen"\n'
    )
    assert mode(path) == 0o600


def test_rejected_rows_that_are_not_kept_leave_nothing(tmp_path: Path) -> None:
    with QuarantineFile(tmp_path / "rejected.csv") as quarantine:
        quarantine.write([(2, "", "too few fields", "x")])
    assert files(tmp_path) == []


def test_a_file_without_rejected_rows_takes_an_older_quarantine_away(tmp_path: Path) -> None:
    path = written(tmp_path / "rejected.csv")
    with QuarantineFile(path) as quarantine:
        assert quarantine.keep() is None
    assert files(tmp_path) == []


def test_what_a_killed_run_left_of_a_quarantine_is_not_kept(tmp_path: Path) -> None:
    written(tmp_path / "rejected.csv.part", b"of a killed run\n")
    with QuarantineFile(tmp_path / "rejected.csv") as quarantine:
        quarantine.write([(2, "", "blank", "")])
        quarantine.keep()
    text = (tmp_path / "rejected.csv").read_text()
    assert text == '"line";"column";"rule";"raw"\n2;"";"blank";""\n'


def test_what_waits_for_a_wave_is_found_and_cleared(state: StateFolder) -> None:
    product = written(state.products("de", 5, "p.csv"))
    outbox = written(state.outbox("de", "x.csv"))
    assert state.products_of("de", 5) == [product]
    assert state.products_of("de", 6) == []
    state.clear_outbox("de", 5, "x.csv")
    assert not outbox.exists()
    assert state.products_of("de", 5) == []


def test_what_a_killed_run_left_in_the_outbox_goes_too_and_twice_is_no_trouble(
    state: StateFolder,
) -> None:
    part = written(state.outbox("de", "x.csv").with_name("x.csv.part"))
    state.clear_outbox("de", 5, "x.csv")
    assert not part.exists()
    state.clear_outbox("de", 5, "x.csv")


def test_copies_are_found_by_month_the_oldest_first(state: StateFolder) -> None:
    days = [date(2026, 11, 21), date(2026, 11, 20), date(2026, 12, 1)]
    kept = [written(state.archived(replace(FILE, day=day, name=f"{day}.csv"))) for day in days]
    for age, path in enumerate(kept):
        os.utime(path, (age, age))
    assert state.archives("de", date(2026, 11, 3)) == kept[:2]
    assert state.archives("de") == kept
    assert state.archives("at") == []


def test_a_copy_is_described_as_what_it_is_a_copy_of(tmp_path: Path) -> None:
    path, packed = written(tmp_path / "a.csv"), tmp_path / "a.csv.zst"
    said = Copy(40_000, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert describe_copy(path, packed) == said
    pack(path, packed)
    assert not path.exists()
    assert describe_copy(path, packed) == said


def test_only_whole_files_have_landed(state: StateFolder) -> None:
    whole = written(state.landing("de", "a.csv"))
    written(state.landing("de", "b.csv.part"))
    assert state.landed("de") == [whole]


@pytest.mark.parametrize(
    ("batches_in_memory", "on_disk"),
    [
        pytest.param(0, 3, id="all on disk"),
        pytest.param(2, 1, id="the last one on disk"),
        pytest.param(3, 0, id="all in memory"),
    ],
)
def test_spooled_rows_come_back_in_order_and_leave_nothing(
    batches_in_memory: int, on_disk: int, tmp_path: Path
) -> None:
    folder = tmp_path / "spool"
    batches = [pl.DataFrame({"n": [number], "t": ["ü"]}) for number in range(3)]
    with Spool(folder, batches_in_memory * int(batches[0].estimated_size())) as spool:
        for batch in batches:
            spool.append(batch)
        assert mode(folder) == 0o700
        assert [mode(path) for path in folder.iterdir()] == [0o600] * on_disk
        assert pl.concat(spool.batches()).equals(pl.concat(batches))
    assert not folder.exists()


def test_a_spool_begins_without_what_a_killed_run_left(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    written(tmp_path / "spool" / "000000.arrow")
    with Spool(tmp_path / "spool") as spool:
        assert list(spool.batches()) == []
        assert files(tmp_path / "spool") == []
