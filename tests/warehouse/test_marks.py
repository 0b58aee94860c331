"""The views, which go by marks, hold what they hold by definition: whatever is loaded, restated and amended, and when."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
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
Take = Callable[..., None]
NUMBERS = count()
NOW = datetime(2026, 4, 1, tzinfo=UTC)
SMALL = st.integers(1, 3)
MAIL = {"mailing_to_user_id": st.integers(1, 4), "mailing_id": st.sampled_from([1, 1, 1, 2])}
WHO = st.sampled_from(["a@example.com", "A@example.com ", "b@example.com"])
WHO_IF_ANY = st.one_of(st.none(), WHO)
LIMITS = Suppression(hard_bounces=2, soft_bounces=2)
ROWS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "mailing_recipients": {
        **MAIL,
        "recipient": WHO,
        "sending_status": st.sampled_from(["sent", "sending"]),
        "delivery_status": st.sampled_from([None, "OK", "OK", "HARD", "SOFT"]),
        "response_category": st.sampled_from(
            [None, None, None, None, "unknown", "bounce", "fatal_bounce"]
        ),
    },
    "opens": {"mailing_to_user_id": SMALL, "mailing_id": SMALL, "opened_at": st.just("1 06:00")},
    "responses": {
        **MAIL,
        "recipient": WHO_IF_ANY,
        "responded_at": st.sampled_from(["2 06:00", "5 06:00"]),
        "category": st.sampled_from(["bounce", "fatal_bounce", "unknown"]),
    },
    "unsubscribes": {**MAIL, "recipient": WHO_IF_ANY},
}
LOADS = st.lists(
    st.sampled_from(sorted(ROWS)).flatmap(
        lambda schema: st.tuples(
            st.just(schema),
            st.integers(3, 5),
            st.sampled_from([0, 0, 1]),
            st.lists(st.fixed_dictionaries(ROWS[schema]), max_size=6),
        )
    ),
    min_size=1,
    max_size=12,
)
NEWEST = """
    SELECT l.client, r.* EXCLUDE (load_id), l.file FROM raw_mailing_recipients r JOIN loads l USING (load_id) WHERE l.client = ?
    QUALIFY row_number() OVER (PARTITION BY mailing_to_user_id ORDER BY day DESC, file DESC, line DESC) = 1"""
LARGEST = """
    SELECT mailing_id, mailing_to_user_id, max(times) AS times
    FROM (
        SELECT load_id, mailing_id, mailing_to_user_id, count(*) AS times
        FROM raw_opens JOIN loads USING (load_id) WHERE client = ? GROUP BY ALL
    ) GROUP BY ALL"""
JUDGED = f"""
    WITH log AS ({NEWEST}), said AS (
        SELECT mailing_id, mailing_to_user_id, category FROM responses WHERE client = ?
        UNION ALL SELECT mailing_id, mailing_to_user_id, response_category FROM log
    ), judged AS (
        SELECT mailing_id, sending_status,
            delivery_status = 'HARD' OR EXISTS (FROM said s WHERE s.mailing_id = log.mailing_id
                AND s.mailing_to_user_id = log.mailing_to_user_id AND s.category = 'fatal_bounce') AS hard,
            delivery_status = 'SOFT' OR EXISTS (FROM said s WHERE s.mailing_id = log.mailing_id
                AND s.mailing_to_user_id = log.mailing_to_user_id AND s.category = 'bounce') AS soft
        FROM log
    )
    SELECT mailing_id, count(*) AS recipients, count(*) FILTER (hard) AS hard,
        count(*) FILTER (coalesce(soft, false) AND NOT coalesce(hard, false)) AS soft,
        count(*) FILTER (sending_status = 'sent' AND NOT coalesce(soft, false) AND NOT coalesce(hard, false)) AS delivered
    FROM judged GROUP BY ALL"""  # noqa: S608 - a text of ours
SUPPRESSED = f"""
    WITH log AS ({NEWEST}), told AS (
        SELECT mailing_to_user_id AS mail, category = 'fatal_bounce' AS hard, recipient, responded_at, NULL AS sent_at
        FROM responses WHERE client = ? AND category IN ('fatal_bounce', 'bounce')
        UNION ALL
        SELECT mailing_to_user_id, coalesce(delivery_status = 'HARD', false) OR coalesce(response_category = 'fatal_bounce', false),
            recipient, NULL, sent_at
        FROM log WHERE delivery_status IN ('HARD', 'SOFT') OR response_category IN ('fatal_bounce', 'bounce')
    ), bounces AS (
        SELECT bool_or(hard) AS hard, coalesce(min(responded_at), min(sent_at)) AS moment,
            coalesce(max(lower(trim(recipient))), (SELECT lower(trim(recipient)) FROM log WHERE mailing_to_user_id = mail)) AS who
        FROM told GROUP BY mail
    ), bounced AS (
        SELECT who, count(*) FILTER (hard) AS hard, count(*) FILTER (NOT hard) AS soft,
            least(list_sort(list(moment) FILTER (hard))[2], list_sort(list(moment) FILTER (NOT hard))[2]) AS since
        FROM bounces WHERE who IS NOT NULL GROUP BY who
    ), gone AS (
        SELECT lower(trim(coalesce(u.recipient, log.recipient))) AS who, min(unsubscribed_at) AS since
        FROM unsubscribes u LEFT JOIN log USING (mailing_to_user_id) WHERE u.client = ? GROUP BY who HAVING who IS NOT NULL
    )
    SELECT who AS recipient, CASE WHEN g.since IS NULL THEN 'bounced' ELSE 'unsubscribed' END AS reason,
        coalesce(g.since, b.since) AS since, coalesce(hard, 0) AS hard, coalesce(soft, 0) AS soft
    FROM gone g FULL JOIN bounced b USING (who) WHERE coalesce(g.since, b.since) IS NOT NULL"""  # noqa: S608 - a text of ours


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory, schemas: dict[str, Schema]
) -> Iterator[Warehouse]:
    """A warehouse in which each example has clients of its own."""
    path = tmp_path_factory.mktemp("marks") / "warehouse.duckdb"
    with DuckDBWarehouse(path, 0, LIMITS) as warehouse:
        warehouse.prepare(list(schemas.values()))
        yield warehouse


def rows(warehouse: Warehouse, sql: str, *parameters: str) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in warehouse.rows(sql, parameters))


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(loads=LOADS)
def test_views_are_as_they_are_defined_after_any_loads(
    loads: list[tuple[str, int, int, list[Row]]],
    filled: Warehouse,
    schemas: dict[str, Schema],
    identity: Callable[..., FileIdentity],
    frame: Callable[..., pl.DataFrame],
) -> None:
    example = next(NUMBERS)
    clients = [f"de{example}", f"at{example}"]
    for schema, day, client, content in loads:
        file = identity(schema, day, client=clients[client])
        # No example may know the ids of another: what one notes would be noted for the other.
        own = [{**r, "mailing_to_user_id": 10 * example + r["mailing_to_user_id"]} for r in content]
        accepted = frame(schemas[schema], own)
        with filled.loading(file, schemas[schema]) as loading:
            loading.append(accepted)
            loading.commit(Counts(loaded=accepted.height), (), NOW)
    for each in clients:
        assert_views_are_as_defined(filled, each)


def assert_views_are_as_defined(filled: Warehouse, client: str) -> None:
    newest = rows(filled, "FROM mailing_recipients WHERE client = ?", client)
    assert newest == rows(filled, NEWEST, client)
    times = "SELECT mailing_id, mailing_to_user_id, count(*) AS times FROM opens WHERE client = ? GROUP BY ALL"
    assert rows(filled, times, client) == rows(filled, LARGEST, client)
    figures = "SELECT mailing_id, recipients, hard, soft, delivered FROM campaigns WHERE client = ? AND recipients > 0"
    assert rows(filled, figures, client) == rows(filled, JUDGED, client, client)
    barred = rows(filled, "SELECT * EXCLUDE (client) FROM suppressions WHERE client = ?", client)
    assert barred == rows(filled, SUPPRESSED, client, client, client)
    told = filled.suppressed(client, pl.Series(["a@example.com", "b@example.com", "c@example.com"]))
    reasons = "SELECT recipient, reason FROM suppressions WHERE client = ? ORDER BY ALL"
    assert sorted(told.rows()) == [tuple(row.values()) for row in filled.rows(reasons, [client])]


def test_what_a_restated_file_had_outdated_counts_again(warehouse: Warehouse, take: Take) -> None:
    take("links", 3, [{"link_id": 7, "name": "first"}])
    take("links", 4, [{"link_id": 7, "name": "second"}])
    take("links", 4, [{"link_id": 8, "name": "other"}], sha256="f" * 64)
    assert [row["name"] for row in warehouse.rows("FROM links ORDER BY link_id")] == [
        "first",
        "other",
    ]


def test_bounces_that_a_restated_sending_log_had_outdated_count_again(
    warehouse: Warehouse, take: Take
) -> None:
    mails: list[Row] = [{"mailing_to_user_id": n, "recipient": "a@example.com"} for n in (7, 8)]
    take("mailing_recipients", 3, [{**mail, "delivery_status": "HARD"} for mail in mails])
    take("mailing_recipients", 4, [{**mail, "delivery_status": "OK"} for mail in mails])
    assert warehouse.rows("FROM suppressions") == []
    take("mailing_recipients", 4, [], sha256="f" * 64)
    assert [row["hard"] for row in warehouse.rows("FROM campaigns")] == [2]
    assert [row["hard"] for row in warehouse.rows("FROM suppressions")] == [2]


def test_marks_go_with_the_load_that_is_not_committed(
    warehouse: Warehouse,
    take: Take,
    schemas: dict[str, Schema],
    identity: Callable[..., FileIdentity],
    frame: Callable[..., pl.DataFrame],
) -> None:
    take("links", 3, [{"link_id": 7, "name": "first"}])
    take("links", 4, [{"link_id": 7, "name": "second"}])
    with warehouse.loading(identity("links", 4), schemas["links"]) as loading:
        loading.append(frame(schemas["links"], [{"link_id": 9}]))
    assert [row["name"] for row in warehouse.rows("FROM links")] == ["second"]


def test_another_key_in_the_schema_decides_anew_which_rows_are_outdated(
    warehouse: Warehouse, take: Take, schemas: dict[str, Schema]
) -> None:
    take("links", 3, [{"link_id": 7, "mailing_id": 1}])
    take("links", 4, [{"link_id": 7, "mailing_id": 2}])
    changed = schemas["links"].model_copy(update={"key": ("link_id", "mailing_id")})
    warehouse.prepare([*({**schemas, "links": changed}).values()])
    assert len(warehouse.rows("FROM links")) == 2
    take("links", 5, [{"link_id": 7, "mailing_id": 2}], shape=changed)
    assert len(warehouse.rows("FROM links")) == 2
