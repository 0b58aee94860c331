from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from closedloop.holdings import Holding, age, holdings, in_one_line, lingering, size
from closedloop.state import StateFolder

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def write(path: Path, count: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * count)


def test_each_kind_is_counted_with_its_bytes_the_largest_first(tmp_path: Path) -> None:
    root = tmp_path / "var"
    write(root / "archive" / "de" / "2026" / "11" / "a.csv.ab.zst", 70)
    write(root / "archive" / "de" / "2026" / "12" / "b.csv.ab.zst", 7)
    write(root / "ledger.sqlite", 40)
    write(root / "ledger.sqlite-journal", 2)
    write(root / "locks" / "de" / "pull.lock", 900)
    write(root / "mail" / "log-in-refused", 900)
    write(root / "mail" / "x-1.eml", 5)
    write(root / "dashboard.html", 3)
    write(tmp_path / "elsewhere.duckdb", 1000)
    write(tmp_path / "elsewhere.duckdb.wal", 1)
    found = holdings(StateFolder(root), tmp_path / "elsewhere.duckdb")
    assert [(one.kind, one.files, one.bytes) for one in found] == [
        ("warehouse", 2, 1001),
        ("archive", 2, 77),
        ("ledger", 2, 42),
        ("mail", 1, 5),
        ("other", 1, 3),
    ]
    assert all(datetime.now(UTC) - one.oldest < timedelta(minutes=1) for one in found)


def test_a_warehouse_in_the_state_folder_is_counted_once(tmp_path: Path) -> None:
    write(tmp_path / "db" / "warehouse.duckdb", 10)
    (one,) = holdings(StateFolder(tmp_path), tmp_path / "db" / "warehouse.duckdb")
    assert (one.kind, one.files, one.bytes) == ("warehouse", 1, 10)


def test_a_state_folder_that_was_never_made_holds_nothing(tmp_path: Path) -> None:
    found = holdings(StateFolder(tmp_path / "var"), tmp_path / "warehouse.duckdb")
    assert found == []
    assert in_one_line(found, 5_400_000_000) == "state: 0 bytes; 5.4 GB free"


def test_what_passes_through_is_named_while_it_lies_there() -> None:
    kinds = ("archive", "mail", "landing", "outbox")
    held = [Holding(kind, 2, 10, NOW - timedelta(hours=5)) for kind in kinds]
    letters, landing, outbox = lingering(held, NOW)
    assert letters.startswith("2 letters not delivered yet, the oldest for 5 hours; ")
    assert "closedloop check --online" in letters
    assert landing.startswith("2 files in landing/ not loaded yet, the oldest for 5 hours; ")
    assert outbox.startswith("2 files in outbox/ not published yet")


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (9_960, "10 kB"), (12_345_678, "12 MB"), (999_999, "1.0 MB"),
     (812_000_000, "812 MB"), (1_234_000_000, "1.2 GB"), (10**16, "10000 TB")],
)  # fmt: skip
def test_bytes_are_three_figures_at_most(count: int, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (timedelta(seconds=-9), "0 minutes"),
        (timedelta(seconds=90), "1 minute"),
        (timedelta(minutes=59), "59 minutes"),
        (timedelta(minutes=60), "1 hour"),
        (timedelta(minutes=119), "1 hour"),
        (timedelta(hours=24), "1 day"),
        (timedelta(days=13, hours=23), "13 days"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(span: timedelta, shown: str) -> None:
    assert age(span) == shown
