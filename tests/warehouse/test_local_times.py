"""Local times of a warehouse that an older program filled: they were texts, and become times once."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from closedloop.errors import ProjectError, Stopped
from closedloop.model.settings import Suppression
from closedloop.model.table import Schema
from closedloop.stopping import Stopping
from closedloop.warehouse.base import Warehouse
from closedloop.warehouse.duckdb import DuckDBWarehouse
from closedloop.warehouse.views import views

Schemas = dict[str, Schema]
SHIPPED = "%Y-%m-%d %H:%M:%S"
COLUMNS = "FROM duckdb_columns() WHERE column_name LIKE '%#_at#_local' ESCAPE '#' AND table_name LIKE 'raw%'"


@pytest.fixture
def aged(
    tmp_path: Path, warehouse: Warehouse, schemas: Schemas, take: Callable[..., None]
) -> Callable[[str], Path]:
    """Make a warehouse with clicks and mailings as an older program left it, their times written in a format."""

    def make(written: str) -> Path:
        take("clicks", 3, [{"clicked_at": "2 09:15"}] * 2, client="de")
        take("clicks", 4, [{"clicked_at": "2 09:15"}, {"clicked_at": "3 10:00"}])
        take("mailings", 3, [{"started_at": "2 09:15", "finished_at": None}])
        warehouse.close()
        with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
            found = connection.execute(f"SELECT table_name, column_name {COLUMNS}").fetchall()
            for table, column in found:
                text = written if table == "raw_clicks" else SHIPPED
                how = f"strftime({column}, '{text}')"
                connection.execute(f"ALTER TABLE {table} ALTER {column} TYPE VARCHAR USING {how}")
            # Older versions of DuckDB hold a view to the types of its columns.
            for view in views(list(schemas.values())):
                connection.execute(f"CREATE OR REPLACE VIEW {view.name} AS {view.query}")
        return tmp_path / "warehouse.duckdb"

    return make


def written_as(schemas: Schemas, written: str) -> list[Schema]:
    """Return the schemas with the times of clicks written in another format."""
    clicks = schemas["clicks"]
    columns = {
        header: column.model_copy(update={"format": written}) if column.type == "timestamp" else column
        for header, column in clicks.columns.items()
    }  # fmt: skip
    return list({**schemas, "clicks": clicks.model_copy(update={"columns": columns})}.values())


def types(path: Path) -> Mapping[str, str]:
    with duckdb.connect(path, read_only=True) as connection:
        return dict(connection.execute(f"SELECT column_name, data_type {COLUMNS}").fetchall())


@pytest.mark.parametrize("written", [SHIPPED, "%d.%m.%Y %H:%M", "%y%j'%H%M"])
def test_texts_of_an_older_warehouse_become_times_once(
    aged: Callable[[str], Path], schemas: Schemas, written: str
) -> None:
    path = aged(written.replace("'", "''"))
    assert set(types(path).values()) == {"VARCHAR"}
    with DuckDBWarehouse(path, 0, Suppression()) as newer:
        assert newer.prepare(written_as(schemas, written)) == []
        found = newer.rows("SELECT clicked_at, clicked_at_local FROM clicks ORDER BY ALL")
        (mailing,) = newer.rows("SELECT started_at_local, finished_at_local FROM mailings")
    moments = [datetime.fromisoformat(text) for text in ("2026-03-02 09:15", "2026-03-03 10:00")]
    first, last = moments
    assert [tuple(row.values()) for row in found] == [(first, first)] * 2 + [(last, last)]
    assert mailing == {"started_at_local": first, "finished_at_local": None}
    assert set(types(path).values()) == {"TIMESTAMP"}


@pytest.mark.parametrize("named", ["%d.%m.%Y %T", "%Y-%d-%m %H:%M:%S", "%H:%M %d.%m.%Y"])
def test_texts_that_are_not_written_as_the_schema_says_are_refused_with_nothing_changed(
    aged: Callable[[str], Path], schemas: Schemas, named: str
) -> None:
    path = aged(SHIPPED)
    for _ in range(2):
        with (
            DuckDBWarehouse(path, 0, Suppression()) as newer,
            pytest.raises(
                ProjectError, match=r"'clicked_at' as texts .* or move the warehouse aside"
            ),
        ):
            newer.prepare(written_as(schemas, named))
        assert set(types(path).values()) == {"VARCHAR"}
    with DuckDBWarehouse(path, 0, Suppression()) as newer:
        newer.prepare(list(schemas.values()))
    assert set(types(path).values()) == {"TIMESTAMP"}


def test_no_text_is_in_no_wrong_format(aged: Callable[[str], Path], schemas: Schemas) -> None:
    path = aged(SHIPPED)
    with duckdb.connect(path) as connection:
        connection.execute("DELETE FROM raw_clicks")
    with DuckDBWarehouse(path, 0, Suppression()) as newer:
        newer.prepare(written_as(schemas, "%d. %b %Y %I:%M %p"))
    assert set(types(path).values()) == {"TIMESTAMP"}


def test_an_index_that_is_in_the_way_is_named(
    aged: Callable[[str], Path], schemas: Schemas
) -> None:
    path = aged(SHIPPED)
    with duckdb.connect(path) as connection:
        connection.execute("CREATE INDEX mine ON raw_clicks (link_id)")
    with (
        DuckDBWarehouse(path, 0, Suppression()) as newer,
        pytest.raises(ProjectError, match=r'raw_clicks is made anew, .* "mine" .* DROP INDEX'),
    ):
        newer.prepare(list(schemas.values()))
    with duckdb.connect(path) as connection:
        connection.execute("DROP INDEX mine")
    with DuckDBWarehouse(path, 0, Suppression()) as newer:
        newer.prepare(list(schemas.values()))
    assert set(types(path).values()) == {"TIMESTAMP"}


def test_who_is_told_to_stop_leaves_the_texts_to_the_next_run(
    aged: Callable[[str], Path], schemas: Schemas
) -> None:
    path, stopping = aged(SHIPPED), Stopping()
    with DuckDBWarehouse(path, 0, Suppression(), stopping=stopping) as newer:
        newer.rows("FROM loads")
        stopping.tell(Stopped("told to stop"))
        with pytest.raises(Stopped, match="told to stop"):
            newer.prepare(list(schemas.values()))
    assert set(types(path).values()) == {"VARCHAR"}


def test_a_new_column_may_come_with_the_new_program(
    aged: Callable[[str], Path], schemas: Schemas
) -> None:
    path = aged(SHIPPED)
    columns = {**schemas["clicks"].columns}
    columns["seen"] = columns["created"].model_copy(
        update={"header": "seen", "name": "seen_at", "nullable": True}
    )
    grown = {**schemas, "clicks": schemas["clicks"].model_copy(update={"columns": columns})}
    with DuckDBWarehouse(path, 0, Suppression()) as newer:
        assert newer.prepare(list(grown.values())) == [
            "clicks: column 'seen_at' is new; it is empty in rows loaded before"
        ]
        rows = newer.rows("SELECT seen_at_local, link_id FROM clicks")
    assert [row["seen_at_local"] for row in rows] == [None] * 3


def test_the_page_and_the_views_of_an_older_warehouse_are_read_without_changing_it(
    aged: Callable[[str], Path],
) -> None:
    path = aged(SHIPPED)
    with DuckDBWarehouse(path, 0, Suppression(), read_only=True) as reader:
        (row,) = reader.rows("SELECT count(*) AS clicks, max(clicked_at_local) AS last FROM clicks")
        assert reader.rows("FROM campaigns") != []
    assert row == {"clicks": 3, "last": "2026-03-03 10:00:00"}
    assert set(types(path).values()) == {"VARCHAR"}
