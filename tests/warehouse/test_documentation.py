"""docs/warehouse.md is true: its queries run, its columns are the columns."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.warehouse.base import Warehouse

PAGE = (Path(__file__).parents[2] / "docs" / "warehouse.md").read_text()
QUERIES = re.findall(r"^```sql\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
COLUMNS = re.findall(r"^### `(\w+)`$.*?^Columns: (.*?)$", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_a_documented_query_runs(
    warehouse: Warehouse, take: Callable[..., None], query: str
) -> None:
    take("clicks", 3, [{"clicked_at": "3 08:00"}], rejects=[("link_id", "missing", 1)])
    assert sum(batch.width for batch in warehouse.select(query, 10)) > 0


@pytest.mark.parametrize(("view", "columns"), COLUMNS)
def test_a_view_has_the_documented_columns(warehouse: Warehouse, view: str, columns: str) -> None:
    (batch,) = warehouse.select(f"FROM {view}", 10)
    assert batch.columns == re.findall(r"`(\w+)`", columns)


def test_every_view_and_table_is_documented(warehouse: Warehouse) -> None:
    found = warehouse.rows("SELECT table_name AS name FROM information_schema.tables ORDER BY name")
    internal = {"schema_version", "bounce_limits", "mailing_waves"}
    names = {row["name"] for row in found} - internal
    assert {name for name in names if f"`{name.removeprefix('raw_')}`" not in PAGE} == set()
