"""What every warehouse keeps: the promises of `Warehouse`, over each adapter."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from closedloop.errors import ProjectError
from closedloop.model.file import Counts, FileIdentity
from closedloop.model.table import Schema
from closedloop.model.wave import Wave, WaveState
from closedloop.warehouse.base import Warehouse

Take = Callable[..., None]
NOW = datetime(2026, 4, 1, 5, 30, tzinfo=UTC)
WAVE = Wave(
    client="de",
    wave_id=20260301060000,
    job="send_newsletter",
    source_mailing=44018617811,
    file="20260301060000_subscribers.csv",
    slot=NOW,
    test=False,
    state=WaveState.BUILT,
    selected=12,
    written=9,
    dropped={"unsubscribed": 2, "duplicate": 1},
    size=900,
    sha256="a" * 64,
    built_at=NOW,
)


def count(warehouse: Warehouse, table: str) -> int:
    (row,) = warehouse.rows("SELECT count(*) AS rows FROM " + table)  # noqa: S608 - a name of ours
    return int(row["rows"])


def test_a_committed_load_is_listed_with_all_that_was_said(
    warehouse: Warehouse, take: Take, identity: Callable[..., FileIdentity]
) -> None:
    rejects = (("clicked_at", "missing", 2), ("link_id", "not a whole number", 1))
    take("clicks", 3, [{}, {}], rejects=rejects)
    (load,) = warehouse.loads("de")
    assert load.file == identity("clicks", 3)
    assert load.counts == Counts(loaded=2, quarantined=3, header=1)
    assert load.rejects == rejects
    assert load.loaded_at == datetime(2026, 4, 1, tzinfo=UTC)


def test_loads_are_listed_by_file_name_and_client(warehouse: Warehouse, take: Take) -> None:
    take("opens", 5, [])
    take("clicks", 3, [])
    take("clicks", 4, [], client="at")
    assert [load.file.name for load in warehouse.loads("de")] == [
        "20260303_clicks.csv",
        "20260305_opens.csv",
    ]
    assert [load.file.client for load in warehouse.loads("at")] == ["at"]
    assert warehouse.loads("ch") == []


def test_rows_and_their_load_outlive_the_connection(
    warehouse: Warehouse, take: Take, make_warehouse: Callable[[], Warehouse]
) -> None:
    take("clicks", 3, [{"recipient": "a@example.com"}])
    warehouse.close()
    again = make_warehouse()
    assert len(again.loads("de")) == 1
    assert count(again, "clicks") == 1


def test_a_block_left_without_commit_changes_nothing(
    warehouse: Warehouse,
    take: Take,
    schemas: dict[str, Schema],
    identity: Callable[..., FileIdentity],
    frame: Callable[..., pl.DataFrame],
) -> None:
    take("clicks", 3, [{"link_id": 7}])
    with warehouse.loading(identity("clicks", 3), schemas["clicks"]) as loading:
        loading.append(frame(schemas["clicks"], [{"link_id": 8}] * 5))
    assert [row["link_id"] for row in warehouse.rows("SELECT link_id FROM raw_clicks")] == [7]
    assert len(warehouse.loads("de")) == 1


def test_a_block_left_by_an_error_changes_nothing_and_the_error_passes(
    warehouse: Warehouse,
    take: Take,
    schemas: dict[str, Schema],
    identity: Callable[..., FileIdentity],
    frame: Callable[..., pl.DataFrame],
) -> None:
    take("clicks", 3, [{"link_id": 7}])

    def fail() -> None:
        with warehouse.loading(identity("clicks", 3), schemas["clicks"]) as loading:
            loading.append(frame(schemas["clicks"], [{"link_id": 8}] * 1000))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    take("clicks", 4, [{"link_id": 9}])
    found = warehouse.rows("SELECT link_id FROM raw_clicks ORDER BY link_id")
    assert [row["link_id"] for row in found] == [7, 9]


def test_a_file_loaded_again_takes_the_place_of_its_rows_and_rejects(
    warehouse: Warehouse, take: Take
) -> None:
    take("clicks", 3, [{"link_id": 7}] * 3, rejects=[("link_id", "missing", 1)])
    take("clicks", 3, [{"link_id": 8}], sha256="f" * 64)
    assert [row["link_id"] for row in warehouse.rows("SELECT link_id FROM raw_clicks")] == [8]
    assert [(load.file.sha256, load.rejects) for load in warehouse.loads("de")] == [("f" * 64, ())]
    assert count(warehouse, "rejects") == 0


def test_files_of_one_name_and_two_clients_are_two_files(warehouse: Warehouse, take: Take) -> None:
    take("clicks", 3, [{}])
    take("clicks", 3, [{}], client="at")
    assert count(warehouse, "raw_clicks") == 2


def test_many_small_frames_arrive_whole(
    warehouse: Warehouse,
    schemas: dict[str, Schema],
    identity: Callable[..., FileIdentity],
    frame: Callable[..., pl.DataFrame],
) -> None:
    block = frame(schemas["clicks"], [{"link_id": 7, "recipient": "ü@example.com"}] * 30_000)
    with warehouse.loading(identity("clicks", 3), schemas["clicks"]) as loading:
        for place in range(20):
            loading.append(block.with_columns(line=pl.col("line") + place * block.height))
        loading.commit(Counts(loaded=600_000), (), NOW)
    (row,) = warehouse.rows(
        "SELECT count(DISTINCT line) AS lines, min(recipient) AS who FROM raw_clicks"
    )
    assert row == {"lines": 600_000, "who": "ü@example.com"}


def test_a_repeated_hour_is_kept_in_three_columns(warehouse: Warehouse, take: Take) -> None:
    take("mailings", 3, [{"started_at": "2 09:15", "finished_at": None}])
    (row,) = warehouse.rows("SELECT * FROM mailings")
    delivered = datetime.fromisoformat("2026-03-02 09:15")
    assert row["started_at"] == row["started_at_local"] == delivered
    assert row["started_at_ambiguous"] is False
    assert row["finished_at"] is row["finished_at_local"] is row["finished_at_ambiguous"] is None


def test_a_reference_that_points_at_nothing_is_counted_by_file_and_column(
    warehouse: Warehouse, take: Take
) -> None:
    take("mailings", 3, [{"mailing_id": 1}])
    take("mailing_recipients", 3, [{"mailing_to_user_id": 1}])
    take("links", 3, [{"link_id": 1, "mailing_to_user_id": None}])
    take("clicks", 3, [{"link_id": 1}, {"link_id": 2}, {"link_id": 2}])
    take("clicks", 4, [{"link_id": 3, "mailing_id": 9}])
    assert warehouse.unresolved("de", ["20260303_clicks.csv", "20260304_clicks.csv"]) == [
        ("20260303_clicks.csv", "link_id", 2),
        ("20260304_clicks.csv", "link_id", 1),
        ("20260304_clicks.csv", "mailing_id", 1),
    ]
    assert warehouse.unresolved("de", ["20260303_links.csv"]) == []
    assert warehouse.unresolved("de", []) == []


def test_an_id_is_not_found_by_its_neighbours(warehouse: Warehouse, take: Take) -> None:
    least, most = -(2**63), 2**63 - 1
    known = [0, 63, 64, 130, -1, -64, least, most]
    take("mailing_recipients", 3, [{"mailing_to_user_id": each} for each in known])
    sought = [*known, 1, 62, 65, 129, 131, 194, -2, -63, -65, least + 1, most - 1]
    take("links", 3, [{"mailing_to_user_id": each} for each in sought])
    assert ("20260303_links.csv", "mailing_to_user_id", len(sought) - len(known)) in (
        warehouse.unresolved("de", ["20260303_links.csv"])
    )


def test_a_reference_into_another_client_points_at_nothing(
    warehouse: Warehouse, take: Take
) -> None:
    take("mailings", 3, [{"mailing_id": 1}], client="at")
    take("links", 3, [{"mailing_id": 1}])
    assert warehouse.unresolved("de", ["20260303_links.csv"]) == [
        ("20260303_links.csv", "mailing_id", 1)
    ]


def test_of_those_asked_for_the_suppressed_come_once_each(warehouse: Warehouse, take: Take) -> None:
    take("unsubscribes", 3, [{"recipient": " Ann@Example.com"}, {"recipient": "ann@example.com"}])
    take("unsubscribes", 3, [{"recipient": "zoe@example.com"}], client="at")
    bounced = [{"mailing_to_user_id": n, "recipient": "Bob@example.com", "category": "fatal_bounce"} for n in (1, 2)]  # fmt: skip
    take("responses", 3, bounced)
    asked = pl.Series(["ann@example.com", "bob@example.com", "zoe@example.com", "new@example.com"])
    found = warehouse.suppressed("de", asked)
    assert found.schema == {"address": pl.String, "reason": pl.String}
    assert sorted(found.rows()) == [
        ("ann@example.com", "unsubscribed"),
        ("bob@example.com", "bounced"),
    ]
    assert warehouse.suppressed("de", asked[1:]).height == 1
    assert warehouse.suppressed("de", asked.clear()).height == 0


def test_addresses_that_need_more_than_ascii_are_told_as_they_were_delivered(
    warehouse: Warehouse, take: Take
) -> None:
    take("unsubscribes", 3, [{"recipient": " Jörg@Example.com"}, {"recipient": "ann@example.com"}])
    take("mailing_recipients", 3, [{"recipient": "STRAßE@example.com"}])
    take("responses", 3, [{"recipient": "jörg@example.com"}], client="at")
    assert sorted(warehouse.spellings("de").rows()) == [
        (" Jörg@Example.com", "jörg@example.com"),
        ("STRAßE@example.com", "strasse@example.com"),
    ]


def test_nobody_is_suppressed_in_an_empty_warehouse(warehouse: Warehouse) -> None:
    found = warehouse.suppressed("de", pl.Series(["ann@example.com"]))
    assert found.schema == {"address": pl.String, "reason": pl.String}
    assert found.height == 0
    assert warehouse.spellings("de").schema == {"recipient": pl.String, "address": pl.String}


def test_a_wave_is_recorded_once_and_follows_its_changes(warehouse: Warehouse) -> None:
    other = replace(WAVE, wave_id=2)
    warehouse.record_waves([WAVE, other])
    later = replace(WAVE, state=WaveState.PUBLISHED, published_at=NOW)
    warehouse.record_waves([later])
    warehouse.record_waves([later])
    found = warehouse.rows("SELECT * FROM sent_waves ORDER BY wave_id")
    assert [(row["wave_id"], row["state"]) for row in found] == [
        (2, "built"),
        (20260301060000, "published"),
    ]
    assert found[1]["dropped"] == '{"duplicate": 1, "unsubscribed": 2}'
    assert found[1]["dropped_rows"] == 3
    assert found[1]["published_at"] == NOW.replace(tzinfo=None)


def test_a_selection_comes_in_batches_in_its_own_order(warehouse: Warehouse) -> None:
    batches = warehouse.select(
        "SELECT n AS \"Id\", 'ü;' AS t FROM generate_series(1, 10) AS s(n) ORDER BY n DESC ; -- ü; last first",
        4,
    )
    assert [batch["Id"].to_list() for batch in batches] == [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]


def test_an_empty_selection_still_names_its_columns(warehouse: Warehouse) -> None:
    (batch,) = warehouse.select('SELECT 1 AS "Email", \'x\' AS "Anrede" WHERE 1 = 0', 10)
    assert batch.columns == ["Email", "Anrede"]
    assert batch.height == 0


def test_a_selection_reads_the_views(warehouse: Warehouse, take: Take) -> None:
    take("mailing_recipients", 3, [{"recipient": "ann@example.com"}])
    (batch,) = warehouse.select("SELECT recipient FROM mailing_recipients", 10)
    assert batch["recipient"].to_list() == ["ann@example.com"]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        pytest.param("SELEC 1", "syntax error", id="misspelt"),
        pytest.param("SELECT nope FROM loads", "nope", id="no such column"),
        pytest.param("SELECT 1; SELECT 2", "one SELECT", id="two queries"),
        pytest.param("", "one SELECT", id="nothing"),
        pytest.param("DELETE FROM loads", "one SELECT", id="delete"),
        pytest.param("CREATE TABLE mine (n INTEGER)", "one SELECT", id="create"),
        pytest.param("COPY loads TO 'loads.csv'", "one SELECT", id="copy"),
        pytest.param("SELECT INTERVAL '1 day' AS gap", "'gap'", id="no such value in a frame"),
        pytest.param("SELECT 1 AS rowid", "'rowid'", id="a name of ours"),
        pytest.param(
            "WITH gone AS (DELETE FROM loads RETURNING file) SELECT * FROM gone",
            "refused",
            id="delete in disguise",
        ),
    ],
)
def test_a_wrong_query_is_refused_in_words(
    warehouse: Warehouse, take: Take, sql: str, words: str
) -> None:
    take("clicks", 3, [])
    with pytest.raises(ProjectError, match=words) as raised:
        list(warehouse.select(sql, 10))
    assert "\n" not in str(raised.value)
    assert len(warehouse.loads("de")) == 1


def test_an_error_in_a_row_does_not_tell_the_row(warehouse: Warehouse, take: Take) -> None:
    take("unsubscribes", 3, [{"recipient": "ann@example.com"}, {"recipient": 'o\'neil "x" secret'}])
    with pytest.raises(ProjectError) as raised:
        list(warehouse.select("SELECT CAST(recipient AS INTEGER) FROM unsubscribes", 10))
    for word in ("ann", "example", "neil", "secret"):
        assert word not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_selection_half_read_neither_holds_nor_hinders(
    warehouse: Warehouse, take: Take, make_warehouse: Callable[[], Warehouse]
) -> None:
    batches: Iterator[pl.DataFrame] = warehouse.select("FROM generate_series(1, 100)", 10)
    next(batches)
    take("clicks", 3, [{}])
    assert len(next(batches)) == 10
    warehouse.close()
    assert count(make_warehouse(), "clicks") == 1
