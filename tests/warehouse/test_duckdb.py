"""What is DuckDB's own: one file, one writer, private to its owner, whole after any death."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from closedloop.errors import ProjectError, WarehouseBusy, WarehouseError
from closedloop.model.file import Counts, FileIdentity
from closedloop.model.settings import Suppression
from closedloop.model.table import Schema
from closedloop.stopping import Stopping
from closedloop.warehouse import duckdb_loading
from closedloop.warehouse.base import Warehouse
from closedloop.warehouse.duckdb import DuckDBWarehouse, select_from
from closedloop.warehouse.duckdb_loading import GROUP_ROWS

Take = Callable[..., None]

FIRST_BLOCK = 3 * 4096
MANY = 2_000_000
HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
DIE_LOADING = """
import sys, time, tomllib
from datetime import UTC, date, datetime
from pathlib import Path
import polars as pl
from closedloop.model.file import FileIdentity
from closedloop.model.settings import Suppression
from closedloop.model.table import Schema
from closedloop.warehouse.duckdb import DuckDBWarehouse

schema = Schema.model_validate(tomllib.loads(Path(sys.argv[2]).read_text()))
now = datetime(2026, 4, 1, tzinfo=UTC)
file = FileIdentity("de", "links", "20260303_links.csv", date(2026, 3, 3), 1, now, "0" * 64)
rows = pl.select(line=pl.int_range(600_000)).with_columns(
    link_id=pl.col("line"), mailing_id=1, mailing_to_user_id=1, client_id=1, name=pl.lit("dying"), url=pl.lit("x")
)
with DuckDBWarehouse(Path(sys.argv[1]), 0, Suppression()).loading(file, schema) as loading:
    loading.append(rows)
    loading.append(rows)
    print("loading", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file that the fixture `warehouse` makes."""
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the warehouse until its input ends."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:  # noqa: S603 - ours
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


class Waits(Stopping):
    """Does something else than wait."""

    def __init__(self, act: Callable[[float], None]) -> None:
        super().__init__()
        self._act = act

    def sleep(self, seconds: float) -> None:
        self._act(seconds)


def test_a_held_warehouse_is_waited_for_and_then_said_to_be_busy(
    path: Path, holder: subprocess.Popen[str]
) -> None:
    waits: list[float] = []
    warehouse = DuckDBWarehouse(path, 5, Suppression(), stopping=Waits(waits.append))
    with pytest.raises(WarehouseBusy, match=f"held by process {holder.pid}") as raised:
        warehouse.loads("de")
    assert raised.value.exit_code == 75
    assert 5 <= sum(waits) <= 8
    assert waits == sorted(waits)


def test_a_warehouse_let_go_while_waiting_is_opened(
    path: Path, holder: subprocess.Popen[str]
) -> None:
    def let_go(_seconds: float) -> None:
        holder.communicate("")

    with DuckDBWarehouse(path, 60, Suppression(), stopping=Waits(let_go)) as warehouse:
        assert warehouse.loads("de") == []


def test_a_process_killed_while_loading_leaves_the_file_as_it_was(
    warehouse: Warehouse,
    take: Take,
    path: Path,
    make_warehouse: Callable[[], Warehouse],
) -> None:
    take("links", 3, [{"link_id": 7, "name": "before"}])
    warehouse.close()
    schema = Path(__file__).parents[2] / "schemas" / "links.toml"
    command = [sys.executable, "-c", DIE_LOADING, str(path), str(schema)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGKILL)
    again = make_warehouse()
    assert [row["name"] for row in again.rows("SELECT name FROM raw_links")] == ["before"]
    assert len(again.loads("de")) == 1
    assert [each.name for each in path.parent.glob("*.tmp")] == [f"{path.name}.{os.getpid()}.tmp"]


def test_only_the_owner_can_read_what_lies_on_disk(
    warehouse: Warehouse, take: Take, path: Path
) -> None:
    take("clicks", 3, [{}])
    assert len(warehouse.loads("de")) == 1
    found = sorted(path.parent.iterdir())
    assert path in found
    assert {each.name: each.stat().st_mode & 0o077 for each in found} == {
        each.name: 0 for each in found
    }


def test_a_closed_warehouse_leaves_one_file(warehouse: Warehouse, take: Take, path: Path) -> None:
    take("clicks", 3, [{}])
    warehouse.close()
    warehouse.close()
    assert list(path.parent.iterdir()) == [path]


def test_a_query_larger_than_memory_spills_to_disk(tmp_path: Path) -> None:
    with DuckDBWarehouse(
        tmp_path / "small.duckdb", 0, Suppression(), memory_limit="40MB"
    ) as warehouse:
        many = "SELECT n, repeat('x', 50) || n AS t FROM generate_series(1, 1000000) AS s(n)"
        rows = sum(batch.height for batch in warehouse.select(many, 100_000))
    assert rows == 1_000_000


def test_two_readers_may_read_at_once_and_none_may_write(
    warehouse: Warehouse, take: Take, path: Path, schemas: dict[str, Schema]
) -> None:
    take("clicks", 3, [{}])
    warehouse.close()
    reading = [DuckDBWarehouse(path, 0, Suppression(), read_only=True) for _ in range(2)]
    assert [len(each.loads("de")) for each in reading] == [1, 1]
    assert sum(batch.height for batch in reading[0].select("FROM clicks", 10)) == 1
    with pytest.raises(WarehouseError, match="read-only"):
        reading[0].prepare([schemas["clicks"].model_copy(update={"name": "mine"})])
    for each in reading:
        each.close()


def test_a_reader_without_a_warehouse_is_told_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="first pull makes it"):
        DuckDBWarehouse(tmp_path / "none.duckdb", 0, Suppression(), read_only=True).loads("de")


def test_a_file_that_is_no_warehouse_is_left_alone(path: Path) -> None:
    path.write_text("hello" * 1000)
    with pytest.raises(WarehouseError, match="not a valid DuckDB database"):
        DuckDBWarehouse(path, 0, Suppression()).loads("de")
    assert path.read_text() == "hello" * 1000


def test_a_damaged_warehouse_is_left_alone_and_says_how_to_get_another(
    warehouse: Warehouse, take: Take, path: Path
) -> None:
    take("clicks", 3, [{}])
    warehouse.close()
    with path.open("r+b") as stream:
        stream.seek(FIRST_BLOCK + 1000)
        stream.write(b"x" * 100)
    damaged = path.read_bytes()
    with pytest.raises(
        WarehouseError, match=r"is damaged .* or move it aside, .* run the pull jobs"
    ):
        warehouse.loads("de")
    assert path.read_bytes() == damaged


def test_a_warehouse_of_a_newer_program_is_left_alone(warehouse: Warehouse, path: Path) -> None:
    warehouse.close()
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    for _ in range(2):
        with pytest.raises(WarehouseError, match="newer closedloop"):
            warehouse.loads("de")


def test_duckdb_shows_no_progress_of_its_own(warehouse: Warehouse) -> None:
    (row,) = warehouse.rows("SELECT current_setting('enable_progress_bar') AS shown")
    assert row == {"shown": False}
    ((shown,),) = next(
        warehouse.select("SELECT current_setting('enable_progress_bar') AS shown", 1)
    ).rows()
    assert shown is False


def test_changed_bounce_limits_hold_at_once(warehouse: Warehouse, take: Take, path: Path) -> None:
    take("responses", 3, [{"recipient": "a@example.com", "category": "fatal_bounce"}])
    asked = pl.Series(["a@example.com"])
    assert warehouse.suppressed("de", asked).height == 0
    warehouse.close()
    with DuckDBWarehouse(path, 0, Suppression(hard_bounces=1)) as stricter:
        assert stricter.suppressed("de", asked).height == 1


def test_rows_can_be_selected_from_another_file(tmp_path: Path) -> None:
    shop = tmp_path / "shop.duckdb"
    with duckdb.connect(shop) as connection:
        connection.execute("CREATE TABLE customers AS SELECT n FROM generate_series(1, 5) AS s(n)")
    batches = list(select_from(shop, "SELECT n FROM customers ORDER BY n", 2))
    assert [batch["n"].to_list() for batch in batches] == [[1, 2], [3, 4], [5]]
    assert list(tmp_path.iterdir()) == [shop]
    with pytest.raises(ProjectError, match="refused"):
        list(select_from(shop, "SELECT nope FROM customers", 2))
    with pytest.raises(ProjectError, match="no DuckDB file"):
        list(select_from(tmp_path / "none.duckdb", "SELECT 1", 2))


def test_a_warehouse_of_an_older_program_goes_on(
    path: Path, schemas: dict[str, Schema], take: Take, warehouse: Warehouse
) -> None:
    take("clicks", 3, [{}])
    take("clicks", 4, [{}])
    take("links", 3, [{"link_id": 7}])
    take("links", 4, [{"link_id": 7}])
    take("unsubscribes", 4, [{"recipient": "a@example.com"}])
    warehouse.close()
    with duckdb.connect(path) as connection:
        for table in (
            "superseded", "contested", "marked", "sending_log_counts", "noted", "unsubscribed_hashes",
        ):  # fmt: skip
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE schema_version DROP COLUMN hashed")
        for column in ("resend_of", "confirmed_at", "confirmed_by"):
            connection.execute("DROP VIEW IF EXISTS waves")
            connection.execute(f"ALTER TABLE sent_waves DROP COLUMN {column}")
        connection.execute("UPDATE schema_version SET version = 1, views = ''")
    with DuckDBWarehouse(path, 0, Suppression()) as newer:
        newer.prepare(list(schemas.values()))
        assert newer.rows("SELECT confirmed_by, resend_of FROM waves") == []
        assert len(newer.rows("FROM clicks")) == 1
        assert [row["file"] for row in newer.rows("FROM links")] == ["20260304_links.csv"]
        assert newer.suppressed("de", pl.Series(["a@example.com"])).height == 1


def test_a_duckdb_that_hashes_in_another_way_finds_who_left(
    path: Path, schemas: dict[str, Schema], take: Take, warehouse: Warehouse
) -> None:
    take("unsubscribes", 3, [{"recipient": "a@example.com"}])
    warehouse.close()
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE unsubscribed_hashes SET who = 7")
        connection.execute("UPDATE schema_version SET hashed = 7")
    with DuckDBWarehouse(path, 0, Suppression()) as newer:
        newer.prepare(list(schemas.values()))
        assert newer.suppressed("de", pl.Series(["a@example.com"])).height == 1


@pytest.mark.parametrize(
    ("version", "packing"),
    [
        pytest.param("latest", {"name": "", "url": "ZSTD"}, id="of this time"),
        pytest.param("v1.0.0", {"name": "", "url": ""}, id="begun with an old DuckDB"),
    ],
)
def test_texts_that_seldom_repeat_are_packed_in_little_time(
    path: Path, version: str, packing: dict[str, str]
) -> None:
    columns = {
        "name": {"header": "name", "name": "name", "type": "enum", "values": ("a",)},
        "url": {"header": "url", "name": "url", "type": "string"},
    }
    schema = Schema.model_validate({"name": "seen", "file": "seen", "columns": columns})
    duckdb.connect(path, config={"storage_compatibility_version": version}).close()
    with DuckDBWarehouse(path, 0, Suppression()) as warehouse:
        warehouse.prepare([schema])
        (found,) = warehouse.rows("SELECT sql FROM duckdb_tables() WHERE table_name = 'raw_seen'")
    for name, how in packing.items():
        line = next(
            each for each in found["sql"].replace('"', "").split(",") if name in each.split()
        )
        assert ("COMPRESSION " + how in line) == bool(how)


def test_a_load_leaves_as_much_memory_to_queries_as_there_was(path: Path) -> None:
    schema = Schema.model_validate(
        {
            "name": "seen",
            "file": "seen",
            "columns": {"n": {"header": "n", "name": "n", "type": "int64"}},
        }
    )
    file = FileIdentity("de", "seen", "seen", date(2026, 3, 3), 1, datetime.now(UTC), "0" * 64)
    asked = "SELECT current_setting('memory_limit') AS given, current_setting('threads') AS threads"
    with DuckDBWarehouse(path, 0, Suppression(), memory_limit="300MB") as warehouse:
        warehouse.prepare([schema])
        before = warehouse.rows(asked)
        with warehouse.loading(file, schema) as loading:
            loading.append(pl.DataFrame({"line": range(GROUP_ROWS), "n": range(GROUP_ROWS)}))
            assert warehouse.rows(asked) != before
            loading.commit(Counts(loaded=GROUP_ROWS), [], datetime.now(UTC))
        assert warehouse.rows(asked) == before


def test_rows_are_compared_with_more_memory_than_they_are_loaded_with(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb_loading, "LOADING_MEMORY", "48MB")
    schema = Schema.model_validate(
        {
            "name": "seen",
            "file": "seen",
            "key": ("n",),
            "columns": {"n": {"header": "n", "name": "n", "type": "int64"}},
        }
    )
    file = FileIdentity("de", "seen", "seen", date(2026, 3, 3), 1, datetime.now(UTC), "0" * 64)
    rows = pl.select(line=pl.int_range(MANY), n=pl.int_range(MANY) // 2)
    with DuckDBWarehouse(path, 0, Suppression()) as warehouse:
        warehouse.prepare([schema])
        with warehouse.loading(file, schema) as loading:
            loading.append(rows)
            loading.commit(Counts(loaded=MANY), [], datetime.now(UTC))
        assert [load.counts.loaded for load in warehouse.loads("de")] == [MANY]
