"""Schemas change under a filled warehouse: what follows by itself, and what is refused."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from closedloop.errors import ProjectError, WarehouseError
from closedloop.model.table import Column, Schema
from closedloop.warehouse.base import Warehouse

Take = Callable[..., None]
Schemas = dict[str, Schema]


def with_columns(schemas: Schemas, name: str, **columns: Column | None) -> Schemas:
    """Return the schemas with columns added, put in place of others, or (None) taken away."""
    changed = {**schemas[name].columns, **columns}
    kept = {header: column for header, column in changed.items() if column}
    return {**schemas, name: schemas[name].model_copy(update={"columns": kept})}


def column(name: str, **facts: Any) -> Column:
    return Column(header=name, name=name, **{"type": "string", "nullable": True, **facts})


def test_preparing_again_changes_nothing(warehouse: Warehouse, schemas: Schemas) -> None:
    assert warehouse.prepare(list(schemas.values())) == []


def test_a_new_nullable_column_is_added_to_table_and_view(
    warehouse: Warehouse, take: Take, schemas: Schemas
) -> None:
    take("clicks", 3, [{"link_id": 7}])
    grown = with_columns(
        schemas, "clicks", shop=column("shop"), seen=column("seen_at", type="timestamp")
    )
    sentences = warehouse.prepare(list(grown.values()))
    assert sentences == [
        "clicks: column 'seen_at' is new; it is empty in rows loaded before",
        "clicks: column 'shop' is new; it is empty in rows loaded before",
    ]
    take("clicks", 4, [{"shop": "Köln", "seen_at": "4 10:00"}], shape=grown["clicks"])
    found = warehouse.rows("SELECT link_id, shop, seen_at_local FROM clicks ORDER BY link_id")
    assert [tuple(row.values()) for row in found] == [(1, "Köln", datetime.fromisoformat("2026-03-04 10:00")), (7, None, None)]  # fmt: skip
    assert warehouse.prepare(list(grown.values())) == []


def test_columns_may_change_places_and_become_nullable(
    warehouse: Warehouse, take: Take, schemas: Schemas
) -> None:
    take("links", 3, [{"link_id": 1, "url": "a"}])
    columns = dict(reversed(schemas["links"].columns.items()))
    columns["url"] = columns["url"].model_copy(update={"nullable": True})
    moved = {**schemas, "links": schemas["links"].model_copy(update={"columns": columns})}
    assert warehouse.prepare(list(moved.values())) == []
    take("links", 4, [{"link_id": 2}], shape=moved["links"])
    found = warehouse.rows("SELECT link_id, url FROM links ORDER BY link_id")
    assert [tuple(row.values()) for row in found] == [(1, "a"), (2, None)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"click.browser": None}, "'browser' is gone", id="gone"),
        pytest.param({"click.browser": column("engine")}, "'browser' is gone", id="renamed"),
        pytest.param(
            {"click.browser": column("browser", type="int64")}, "was VARCHAR and would be BIGINT", id="type"
        ),
        pytest.param({"shop": column("shop", nullable=False)}, "'shop' is new and needs nullable", id="not null"),
        pytest.param({"shop": column("file")}, "a column 'file' of its own", id="a name of ours"),
        pytest.param({"shop": column("load_id")}, "a column 'load_id' of its own", id="another name of ours"),
    ],
)  # fmt: skip
def test_any_other_change_is_refused_with_nothing_changed(
    warehouse: Warehouse, take: Take, schemas: Schemas, changes: dict[str, Column], words: str
) -> None:
    take("clicks", 3, [{"browser": "Firefox"}])
    grown = with_columns(schemas, "opens", shop=column("shop"))
    with pytest.raises(ProjectError, match=words):
        warehouse.prepare(list(with_columns(grown, "clicks", **changes).values()))
    assert warehouse.prepare(list(grown.values())) == [
        "opens: column 'shop' is new; it is empty in rows loaded before"
    ]
    assert [row["browser"] for row in warehouse.rows("SELECT browser FROM clicks")] == ["Firefox"]


def test_a_column_that_the_answers_read_may_not_be_renamed(
    make_warehouse: Callable[[], Warehouse], schemas: Schemas
) -> None:
    renamed = with_columns(schemas, "mailings", started=column("begun_at", type="timestamp"))
    with pytest.raises(ProjectError, match=r"the view 'campaigns' .*started_at"):
        make_warehouse().prepare(list(renamed.values()))


@pytest.mark.parametrize("name", ["loads", "campaigns", "missing", "raw_clicks"])
def test_a_schema_may_not_take_a_name_of_ours(
    warehouse: Warehouse, schemas: Schemas, name: str
) -> None:
    mine = schemas["clicks"].model_copy(update={"name": name})
    with pytest.raises(ProjectError, match=f"schema '{name}'"):
        warehouse.prepare([*schemas.values(), mine])


def test_columns_may_be_called_like_words_of_sql(
    warehouse: Warehouse, take: Take, schemas: Schemas
) -> None:
    grown = with_columns(schemas, "links", x=column("select"), y=column("place"), z=column("order", type="timestamp"))  # fmt: skip
    grown = with_columns(grown, "clicks", x=column("times"), y=column("number"), z=column("day"))
    warehouse.prepare(list(grown.values()))
    take("links", 3, [{"select": "a", "order": "1 08:00"}], shape=grown["links"])
    take("clicks", 3, [{"times": "a", "number": "b"}] * 2, shape=grown["clicks"])
    assert [row["select"] for row in warehouse.rows('SELECT "select" FROM links')] == ["a"]
    found = warehouse.rows("SELECT times, number, day FROM clicks")
    assert [tuple(row.values()) for row in found] == [("a", "b", None)] * 2


def test_a_table_of_the_users_own_gets_a_table_and_a_view(
    warehouse: Warehouse, take: Take, schemas: Schemas
) -> None:
    mine = schemas["clicks"].model_copy(update={"name": "orders", "key": ("link_id",)})
    assert warehouse.prepare([*schemas.values(), mine]) == []
    take("orders", 3, [{"link_id": 5}, {"link_id": 5}], shape=mine)
    assert [row["link_id"] for row in warehouse.rows("SELECT link_id FROM orders")] == [5]
    (row,) = warehouse.rows("SELECT orders, clicks, came FROM deliveries")
    assert row == {"orders": True, "clicks": False, "came": 1}


def test_without_all_eight_tables_there_are_rows_but_no_answers(
    make_warehouse: Callable[[], Warehouse], schemas: Schemas
) -> None:
    warehouse = make_warehouse()
    warehouse.prepare([schemas["clicks"]])
    assert warehouse.rows("SELECT * FROM clicks") == []
    with pytest.raises(WarehouseError, match="eight schemas"):
        warehouse.suppressed("de", pl.Series(["ann@example.com"]))
