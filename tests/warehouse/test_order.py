"""Loading the same files in any order, and again, gives the same warehouse, row for row."""

import random
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.model.file import Counts, FileIdentity
from closedloop.model.settings import Suppression
from closedloop.model.table import Schema
from closedloop.warehouse.base import Warehouse
from closedloop.warehouse.duckdb import DuckDBWarehouse

Row = dict[str, Any]
File = tuple[FileIdentity, list[Row]]

VIEWS = (
    *("mailings", "mailing_recipients", "links", "clicks", "opens", "automated_opens"),
    *("unsubscribes", "responses", "campaigns", "waves", "link_clicks", "suppressions"),
    "deliveries",
)
NUMBERS = count()
SMALL = st.integers(1, 2)
PEOPLE = st.sampled_from(["ann@example.com", "Ann@example.com", "bob@example.com"])
TIMES = st.sampled_from(["1 06:00", "2 06:00"])
ROWS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "mailings": {"mailing_id": SMALL, "started_at": TIMES},
    "mailing_recipients": {
        "mailing_to_user_id": st.integers(1, 4),
        "mailing_id": SMALL,
        "recipient": PEOPLE,
        "sending_status": st.sampled_from(["sent", "sending"]),
        "delivery_status": st.sampled_from([None, "OK", "HARD", "SOFT"]),
    },
    "links": {"link_id": SMALL, "mailing_id": SMALL, "name": st.sampled_from([None, "a", "b"])},
    "clicks": {"link_id": SMALL, "mailing_to_user_id": SMALL, "clicked_at": TIMES},
    "opens": {"mailing_to_user_id": SMALL, "recipient": st.sampled_from([None, "ann@example.com"])},
    "automated_opens": {"mailing_to_user_id": SMALL, "opened_at": TIMES},
    "unsubscribes": {"mailing_to_user_id": SMALL, "recipient": PEOPLE | st.none()},
    "responses": {
        "mailing_to_user_id": st.integers(1, 4),
        "recipient": PEOPLE | st.none(),
        "category": st.sampled_from(["bounce", "fatal_bounce", "unknown"]),
    },
}


@pytest.fixture(scope="module")
def warehouses(
    tmp_path_factory: pytest.TempPathFactory, schemas: dict[str, Schema]
) -> Iterator[list[Warehouse]]:
    """Two warehouses to compare; each example has clients of its own in them."""
    folder = tmp_path_factory.mktemp("order")
    limits = Suppression(hard_bounces=1, soft_bounces=2)
    made = [DuckDBWarehouse(folder / f"{n}.duckdb", 0, limits) for n in range(2)]
    for warehouse in made:
        warehouse.prepare(list(schemas.values()))
    yield list(made)
    for warehouse in made:
        warehouse.close()


@st.composite
def deliveries(
    draw: st.DrawFn, identity: Callable[..., FileIdentity], clients: tuple[str, str]
) -> list[File]:
    """Draw some files; of one name there is one content, and rows recur within and across files."""
    found: dict[tuple[str, str], File] = {}
    for _ in range(draw(st.integers(4, 12))):
        schema = draw(st.sampled_from(sorted(ROWS)))
        part = draw(st.sampled_from(["", "_b"]))
        file = identity(
            schema,
            day := draw(st.integers(3, 5)),
            client=clients[draw(st.sampled_from([0, 0, 1]))],
            name=f"202603{day:02}_{schema}{part}.csv",
        )
        rows = draw(st.lists(st.fixed_dictionaries(ROWS[schema]), max_size=5))
        found[file.client, file.name] = (file, rows)
    return list(found.values())


def fill(
    warehouse: Warehouse, files: list[File], schemas: dict[str, Schema], frame: Callable[..., pl.DataFrame]
) -> None:  # fmt: skip
    for file, rows in files:
        accepted = frame(schemas[file.schema], rows)
        with warehouse.loading(file, schemas[file.schema]) as loading:
            loading.append(accepted)
            loading.commit(Counts(loaded=accepted.height), (), file.modified)


def picture(warehouse: Warehouse, clients: tuple[str, ...]) -> dict[str, list[str]]:
    """Return every row of these clients in every table and view; of our own numbers for a load, nothing."""
    queries = {view: f"SELECT * FROM {view} WHERE client IN (?, ?)" for view in VIEWS}  # noqa: S608 - names of ours
    for name in ROWS:
        queries[f"raw_{name}"] = (
            f"SELECT l.client, l.file, r.* EXCLUDE (load_id) FROM raw_{name} r JOIN loads l USING (load_id) "  # noqa: S608 - names of ours
            f"WHERE l.client IN (?, ?)"
        )
    queries["loads"] = "SELECT * EXCLUDE (load_id) FROM loads WHERE client IN (?, ?)"
    return {name: sorted(map(repr, warehouse.rows(q, clients))) for name, q in queries.items()}


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_order_and_repetition_gives_the_same_warehouse(
    data: st.DataObject,
    warehouses: list[Warehouse],
    schemas: dict[str, Schema],
    identity: Callable[..., FileIdentity],
    frame: Callable[..., pl.DataFrame],
) -> None:
    clients = (f"de{next(NUMBERS)}", f"at{next(NUMBERS)}")
    files = data.draw(deliveries(identity, clients))
    shuffled = [*files, *data.draw(st.lists(st.sampled_from(files), max_size=4))]
    random.Random(data.draw(st.integers())).shuffle(shuffled)  # noqa: S311 - no secret
    for warehouse, order in zip(warehouses, (files, shuffled), strict=True):
        fill(warehouse, order, schemas, frame)
    assert picture(warehouses[0], clients) == picture(warehouses[1], clients)
