"""Warehouses to fill by hand: the shipped schemas, rows in words, files of a day."""

import tomllib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from closedloop.model.file import Counts, FileIdentity
from closedloop.model.settings import Suppression
from closedloop.model.stored import stored_columns
from closedloop.model.table import Schema
from closedloop.warehouse.base import Warehouse
from closedloop.warehouse.duckdb import DuckDBWarehouse

SHIPPED = Path(__file__).parents[2] / "schemas"
DTYPES: dict[str, Any] = {
    "int64": pl.Int64,
    "text": pl.String,
    "timestamp": pl.Datetime("us"),
    "boolean": pl.Boolean,
}
DULL = {"int64": 1, "string": "dull", "email": "dull", "enum": "dull", "timestamp": "1 06:00"}

Row = dict[str, Any]


@pytest.fixture(scope="session")
def schemas() -> dict[str, Schema]:
    """The eight shipped response schemas by name."""
    read = [tomllib.loads(path.read_text()) for path in sorted(SHIPPED.glob("*.toml"))]
    found = [Schema.model_validate(given) for given in read]
    return {schema.name: schema for schema in found if schema.name != "subscribers"}


@pytest.fixture(scope="session")
def frame() -> Callable[[Schema, Sequence[Row]], pl.DataFrame]:
    """Lay rows in words out as the checks hand them on; a column not given has a dull value."""
    return _frame


@pytest.fixture(params=["duckdb"])
def make_warehouse(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], Warehouse]]:
    """Open the one warehouse of this test, again and again; add the next adapter here."""
    assert request.param == "duckdb"
    opened: list[Warehouse] = []

    def make() -> Warehouse:
        limits = Suppression(hard_bounces=2, soft_bounces=3)
        opened.append(DuckDBWarehouse(tmp_path / "warehouse.duckdb", 0, limits))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def warehouse(make_warehouse: Callable[[], Warehouse], schemas: dict[str, Schema]) -> Warehouse:
    """An empty warehouse, prepared for the shipped schemas."""
    made = make_warehouse()
    made.prepare(list(schemas.values()))
    return made


@pytest.fixture(scope="session")
def identity() -> Callable[..., FileIdentity]:
    """Name a file of a day."""
    return _identity


@pytest.fixture
def take(warehouse: Warehouse, schemas: dict[str, Schema]) -> Callable[..., None]:
    """Load rows as one file: `take("clicks", 3, [{...}], client="de")`, the file of the third of March."""

    def load(schema: str, day: int, rows: Sequence[Row], **changed: Any) -> None:
        shape = changed.pop("shape", None) or schemas[schema]
        rejects = changed.pop("rejects", ())
        accepted = _frame(shape, rows)
        counts = Counts(loaded=accepted.height, quarantined=sum(n for *_, n in rejects), header=1)
        with warehouse.loading(_identity(schema, day, **changed), shape) as loading:
            loading.append(accepted)
            loading.commit(counts, rejects, datetime(2026, 4, 1, tzinfo=UTC))

    return load


def _identity(schema: str, day: int, **changed: Any) -> FileIdentity:
    plain = {
        "client": "de",
        "schema": schema,
        "name": f"202603{day:02}_{schema}.csv",
        "day": date(2026, 3, day),
        "size": 100,
        "modified": datetime(2026, 3, day, 4, tzinfo=UTC),
        "sha256": "0" * 64,
    }
    return FileIdentity(**{**plain, **changed})


def _frame(schema: Schema, rows: Sequence[Row]) -> pl.DataFrame:
    dtypes = {"line": pl.Int64(), **{p.name: DTYPES[p.kind] for p in stored_columns(schema)}}
    cells = [
        {"line": row.get("line", place + 2), **_cells(schema, row)}
        for place, row in enumerate(rows)
    ]
    return pl.DataFrame(cells, schema=dtypes)


def _cells(schema: Schema, row: Row) -> Row:
    cells: Row = {}
    for column in schema.columns.values():
        dull = None if column.nullable else DULL[column.type]
        given = row.get(column.name, dull)
        cells[column.name] = given
        if column.type == "timestamp" and given is not None:
            cells[column.name] = _moment(given)
            cells[f"{column.name}_local"] = _moment(given)
            cells[f"{column.name}_ambiguous"] = row.get(f"{column.name}_ambiguous", False)
    return cells


def _moment(words: str) -> datetime:
    """Return '12 10:30' as that time on the 12th of March, in UTC without the zone."""
    day, _, clock = words.partition(" ")
    return datetime.fromisoformat(f"2026-03-{int(day):02} {clock}")
