"""The views that answer questions, on a few rows that can be counted by hand."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from closedloop.model.run import MailingFigures
from closedloop.model.table import Column, Schema
from closedloop.model.wave import Wave, WaveState
from closedloop.warehouse.base import Warehouse

Take = Callable[..., None]
Row = dict[str, Any]

WAVE = Wave(
    client="de",
    wave_id=20260301060000,
    job="send_newsletter",
    source_mailing=44018617811,
    file="20260301060000_subscribers.csv",
    slot=None,
    test=False,
    state=WaveState.PUBLISHED,
    selected=4,
    written=4,
    dropped={},
    size=900,
    sha256="a" * 64,
    built_at=datetime(2026, 3, 1, 5, tzinfo=UTC),
    published_at=datetime(2026, 3, 1, 5, 1, tzinfo=UTC),
)


def only(warehouse: Warehouse, view: str, where: str = "1 = 1") -> Row:
    (row,) = warehouse.rows(f"SELECT * FROM {view} WHERE {where}")  # noqa: S608 - a name of ours
    return row


def recipients(mailing: int, *given: Row) -> list[Row]:
    """Return sent and delivered rows of the sending log, numbered from 1, changed as given."""
    sent = {"mailing_id": mailing, "sending_status": "sent", "delivery_status": "OK"}
    return [
        {**sent, "mailing_to_user_id": n, "recipient": f"r{n}@example.com", **row}
        for n, row in enumerate(given, 1)
    ]


def touching(*recipient: int, mailing: int = 1, **more: Any) -> list[Row]:
    return [{"mailing_id": mailing, "mailing_to_user_id": n, **more} for n in recipient]


def test_a_mailing_nobody_received_has_no_rates(warehouse: Warehouse, take: Take) -> None:
    take("mailings", 2, [{"mailing_id": 1, "campaign_id": 5, "started_at": "1 06:00"}])
    row = only(warehouse, "campaigns")
    assert (row["client"], row["mailing_id"], row["campaign_id"]) == ("de", 1, 5)
    assert {name for name, value in row.items() if value == 0} == {
        *("recipients", "delivered", "hard", "soft", "opens_unique", "opens_total"),
        *("automated_opens_unique", "automated_opens_total", "any_opens_unique", "any_opens_total"),
        *("clicks_unique", "clicks_total", "unsubscribes", "replies", "autoresponders"),
    }
    assert [name for name, value in row.items() if value is None] == [
        *("finished_at", "delivered_rate", "bounce_rate", "open_rate", "any_open_rate"),
        *("click_rate", "click_to_open_rate", "unsubscribe_rate"),
    ]


def test_every_recipient_is_delivered_bounced_or_not_sent(warehouse: Warehouse, take: Take) -> None:
    take(
        "mailing_recipients",
        2,
        recipients(
            1,
            {},
            {"delivery_status": "HARD"},
            {"delivery_status": "SOFT"},
            {"delivery_status": "SOFT", "response_category": "fatal_bounce"},
            {"response_category": "temporary_bounce"},
            {"delivery_status": None},
            {"sending_status": "sending", "delivery_status": None},
            {"sending_status": "could_not_be_sent", "delivery_status": "HARD"},
            {"response_category": "unknown"},
            {},
            {},
            {},
        ),
    )
    take(
        "responses",
        2,
        [
            *touching(10, category="bounce"),
            *touching(10, category="fatal_bounce"),
            *touching(11, category="temporary_bounce"),
            *touching(12, 12, category="autoresponder"),
            *touching(1, 9, category="unknown"),
            *touching(99, category="fatal_bounce"),
        ],
    )
    row = only(warehouse, "campaigns")
    figures = {name: row[name] for name in ("recipients", "delivered", "hard", "soft")}
    assert figures == {"recipients": 12, "delivered": 4, "hard": 4, "soft": 3}
    assert (row["replies"], row["autoresponders"]) == (2, 1)
    assert row["delivered_rate"] == pytest.approx(4 / 12)
    assert row["bounce_rate"] == pytest.approx(7 / 12)


def test_unique_counts_recipients_and_total_counts_events(warehouse: Warehouse, take: Take) -> None:
    take("mailings", 2, [{"mailing_id": 1}, {"mailing_id": 2}])
    take("mailing_recipients", 2, recipients(1, {}, {}, {}, {}))
    take("opens", 2, touching(1, 1, 2, opened_at="1 07:00"))
    take("automated_opens", 2, touching(2, 3, 3))
    take("clicks", 2, [*touching(1, 1, 1, clicked_at="1 07:01"), *touching(4, mailing=2)])
    take("unsubscribes", 2, touching(1, 1))
    row = only(warehouse, "campaigns", "mailing_id = 1")
    assert (row["opens_unique"], row["opens_total"]) == (2, 3)
    assert (row["automated_opens_unique"], row["automated_opens_total"]) == (2, 3)
    assert (row["any_opens_unique"], row["any_opens_total"]) == (3, 6)
    assert (row["clicks_unique"], row["clicks_total"]) == (1, 3)
    assert row["unsubscribes"] == 1
    assert (row["open_rate"], row["any_open_rate"], row["click_rate"]) == (0.5, 0.75, 0.25)
    assert (row["click_to_open_rate"], row["unsubscribe_rate"]) == (0.5, 0.25)
    other = only(warehouse, "campaigns", "mailing_id = 2")
    assert (other["clicks_total"], other["recipients"], other["click_rate"]) == (1, 0, None)


def test_a_status_that_changes_later_counts_as_it_is_now(warehouse: Warehouse, take: Take) -> None:
    take("mailing_recipients", 4, recipients(1, {"delivery_status": "HARD"}))
    take("mailing_recipients", 3, recipients(1, {"delivery_status": "OK"}))
    row = only(warehouse, "campaigns")
    assert (row["recipients"], row["delivered"], row["hard"]) == (1, 0, 1)


def test_a_mailing_shows_before_its_own_file_has_come(warehouse: Warehouse, take: Take) -> None:
    take("opens", 2, touching(1, mailing=7))
    row = only(warehouse, "campaigns")
    assert (row["mailing_id"], row["started_at"], row["opens_total"]) == (7, None, 1)


def test_two_clients_with_one_mailing_number_are_two_rows(warehouse: Warehouse, take: Take) -> None:
    for client in ("de", "at"):
        take("mailings", 2, [{"mailing_id": 1}], client=client)
    take("clicks", 2, touching(1), client="at")
    found = warehouse.rows("SELECT client, clicks_total FROM campaigns ORDER BY client")
    assert [tuple(row.values()) for row in found] == [("at", 1), ("de", 0)]


def test_rows_that_two_files_share_are_one_event_and_rows_within_a_file_are_many(
    warehouse: Warehouse, take: Take
) -> None:
    twice = touching(1, 1, clicked_at="1 07:01")
    take("clicks", 2, [*twice, *touching(2)])
    take("clicks", 3, [*twice, *touching(1, clicked_at="1 07:01"), *touching(3)])
    take("clicks", 4, touching(1, clicked_at="1 07:01", browser="other"))
    found = warehouse.rows(
        "SELECT mailing_to_user_id AS who, browser, count(*) AS times FROM clicks GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert [tuple(row.values()) for row in found] == [(1, "other", 1), (1, None, 3), (2, None, 1), (3, None, 1)]  # fmt: skip


def test_the_newest_version_is_of_the_latest_day_then_file_then_line(
    warehouse: Warehouse, take: Take
) -> None:
    take("links", 4, [{"link_id": 1, "name": "day 4"}])
    take("links", 3, [{"link_id": 1, "name": "day 3"}, {"link_id": 2, "name": "first line"}])
    take("links", 3, [{"link_id": 2, "name": "first of b"}, {"link_id": 2, "name": "last of b"}], name="b.csv")  # fmt: skip
    found = warehouse.rows("SELECT link_id, name, file, line FROM links ORDER BY link_id")
    assert [tuple(row.values()) for row in found] == [
        (1, "day 4", "20260304_links.csv", 2),
        (2, "last of b", "b.csv", 3),
    ]


def test_links_are_counted_clicked_or_not_and_named_or_not(
    warehouse: Warehouse, take: Take
) -> None:
    take("links", 2, [{"mailing_id": 1, "link_id": n, "name": f"link {n}", "url": f"https://example.com/{n}"} for n in (1, 2)])  # fmt: skip
    take("clicks", 2, [*touching(1, 1, 2, link_id=1), *touching(1, link_id=3)])
    found = warehouse.rows("SELECT * FROM link_clicks ORDER BY link_id")
    assert [tuple(row.values()) for row in found] == [
        ("de", 1, 1, "link 1", "https://example.com/1", 2, 3),
        ("de", 1, 2, "link 2", "https://example.com/2", 0, 0),
        ("de", 1, 3, None, None, 1, 1),
    ]


def suppressions(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    found = warehouse.rows("SELECT * FROM suppressions ORDER BY client, recipient")
    return [tuple(row.values()) for row in found]


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour)  # noqa: DTZ001 - stored in UTC without a zone


def test_who_unsubscribed_is_suppressed_from_the_first_time_on(
    warehouse: Warehouse, take: Take
) -> None:
    take("unsubscribes", 3, [{"recipient": "Ann@Example.com ", "unsubscribed_at": "2 09:00"}])
    take("unsubscribes", 2, [{"recipient": "ann@example.com", "unsubscribed_at": "1 09:00"}])
    take("unsubscribes", 2, [{"recipient": "ann@example.com"}], client="at")
    assert suppressions(warehouse) == [
        ("at", "ann@example.com", "unsubscribed", at(1, 6), 0, 0),
        ("de", "ann@example.com", "unsubscribed", at(1, 9), 0, 0),
    ]


def test_an_unsubscribe_without_a_name_suppresses_the_recipient_of_that_mailing(
    warehouse: Warehouse, take: Take
) -> None:
    take("unsubscribes", 3, touching(2, recipient=None), name="early.csv")
    assert suppressions(warehouse) == []
    take("mailing_recipients", 4, recipients(1, {}, {"recipient": "Bob@example.com"}))
    assert [row[:3] for row in suppressions(warehouse)] == [
        ("de", "bob@example.com", "unsubscribed")
    ]
    asked = pl.Series(["bob@example.com"])
    assert warehouse.suppressed("de", asked).rows() == [("bob@example.com", "unsubscribed")]


def bounces(category: str, *mailing_to_user: int, recipient: str | None = "Ann@example.com") -> list[Row]:  # fmt: skip
    return [
        {
            "mailing_to_user_id": n,
            "recipient": recipient,
            "category": category,
            "responded_at": f"{n} 08:00",
        }
        for n in mailing_to_user
    ]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        pytest.param(bounces("fatal_bounce", 1), [], id="one hard of two"),
        pytest.param(bounces("fatal_bounce", 1, 1, 1), [], id="three reports of one bounce"),
        pytest.param(bounces("fatal_bounce", 1, 2, 3), [(at(2, 8), 3, 0)], id="hard limit"),
        pytest.param(bounces("bounce", 1, 2), [], id="two soft of three"),
        pytest.param(
            bounces("bounce", 1, 2) + bounces("temporary_bounce", 3), [(at(3, 8), 0, 3)], id="soft limit"
        ),
        pytest.param(
            bounces("bounce", 1, 2, 3) + bounces("fatal_bounce", 3), [], id="hard takes one from soft"
        ),
        pytest.param(bounces("autoresponder", 1, 2, 3, 4), [], id="no bounces"),
    ],
)  # fmt: skip
def test_who_bounced_too_often_is_suppressed(
    warehouse: Warehouse, take: Take, said: Sequence[Row], found: list[tuple[Any, ...]]
) -> None:
    take("responses", 3, said)
    expected = [("de", "ann@example.com", "bounced", *row) for row in found]
    assert suppressions(warehouse) == expected


@pytest.mark.parametrize(
    "again",
    [
        pytest.param("ju\u0308rgen@example.com", id="another Unicode form"),
        pytest.param("J\u00dcRGEN@EXAMPLE.COM", id="capitals"),
        pytest.param(
            "\t\n\v\f\r \u0085\u00a0\u1680\u2003\u2028\u202f\u3000j\u00fcrgen@example.com\u00a0\n",
            id="white space of all sorts",
        ),
    ],
)
def test_bounces_of_one_address_count_together_however_it_is_written(
    warehouse: Warehouse, take: Take, again: str
) -> None:
    one = bounces("fatal_bounce", 1, recipient="j\u00fcrgen@example.com")
    take("responses", 3, one + bounces("fatal_bounce", 2, recipient=again))
    assert suppressions(warehouse) == [("de", "j\u00fcrgen@example.com", "bounced", at(2, 8), 2, 0)]


def test_letters_that_share_a_capital_count_together(warehouse: Warehouse, take: Take) -> None:
    one = bounces("fatal_bounce", 1, recipient="a@stra\u00dfe.\u03c3\u03c2")
    take("responses", 3, one + bounces("fatal_bounce", 2, recipient="A@STRASSE.\u03a3\u03a3"))
    take("unsubscribes", 3, [{"recipient": "a@STRA\u1e9eE.\u03c3\u03c3"}])
    assert [row[1:3] for row in suppressions(warehouse)] == [
        ("a@strasse.\u03c3\u03c3", "unsubscribed")
    ]


def test_bounces_are_told_by_the_sending_log_too_and_each_mailing_counts_once(
    warehouse: Warehouse, take: Take
) -> None:
    same = {"recipient": "ann@example.com", "sent_at": "1 06:00"}
    log = recipients(1, {**same, "delivery_status": "HARD"}, {**same, "response_category": "fatal_bounce"})  # fmt: skip
    take("mailing_recipients", 2, log[:1])
    take("responses", 2, bounces("fatal_bounce", 1, recipient=None))
    assert suppressions(warehouse) == []
    take("mailing_recipients", 3, log)
    assert suppressions(warehouse) == [("de", "ann@example.com", "bounced", at(1, 8), 2, 0)]


def test_a_mailing_is_hard_by_any_word_whichever_address_that_names(
    warehouse: Warehouse, take: Take
) -> None:
    same = {"recipient": "bea@example.com", "sent_at": "1 06:00", "delivery_status": "SOFT"}
    take("mailing_recipients", 2, recipients(1, same, same))
    take("responses", 2, bounces("fatal_bounce", 1) + bounces("fatal_bounce", 2, recipient="al@example.com"))  # fmt: skip
    assert [row[1:3] for row in suppressions(warehouse)] == [("bea@example.com", "bounced")]
    suppressed = warehouse.suppressed("de", pl.Series(["ann@example.com", "bea@example.com"]))
    assert suppressed["address"].to_list() == ["bea@example.com"]


def test_an_unsubscribe_outweighs_bounces(warehouse: Warehouse, take: Take) -> None:
    take("responses", 3, bounces("fatal_bounce", 1, 2))
    take("unsubscribes", 4, [{"recipient": "ANN@example.com", "unsubscribed_at": "4 10:00"}])
    assert suppressions(warehouse) == [("de", "ann@example.com", "unsubscribed", at(4, 10), 2, 0)]


def test_days_without_files_show_in_deliveries(warehouse: Warehouse, take: Take) -> None:
    take("clicks", 2, [{}, {}], rejects=[("link_id", "missing", 3)])
    take("opens", 2, [{}])
    take("opens", 2, [{}], name="another.csv")
    take("mailings", 4, [])
    take("mailings", 9, [], client="at")
    found = warehouse.rows("SELECT * FROM deliveries WHERE client = 'de' ORDER BY day")
    assert [row["day"] for row in found] == [date(2026, 3, day) for day in (2, 3, 4)]
    assert [row["came"] for row in found] == [2, 0, 1]
    assert [(row["rows"], row["rejects"], row["files"]) for row in found] == [(4, 3, 3), (0, 0, 0), (0, 0, 1)]  # fmt: skip
    assert (found[0]["clicks"], found[0]["links"], found[2]["mailings"]) == (True, False, True)
    assert found[0]["missing"].split(", ") == [
        *(
            "automated_opens",
            "links",
            "mailing_recipients",
            "mailings",
            "responses",
            "unsubscribes",
        ),
    ]


def matches(warehouse: Warehouse) -> dict[int, tuple[Any, ...]]:
    found = warehouse.rows("SELECT * FROM waves")
    return {row["wave_id"]: (row["mailing_id"], row["matched_by"], row["seen"], row["not_seen"]) for row in found}  # fmt: skip


@pytest.mark.parametrize(
    ("started", "size", "is_ours"),
    [
        pytest.param("1 05:20", 4, True, id="soon after"),
        pytest.param("1 04:50", 4, True, id="clocks differ by ten minutes"),
        pytest.param("1 04:49", 4, False, id="before it was built"),
        pytest.param("2 17:01", 4, True, id="36 hours after"),
        pytest.param("2 17:02", 4, False, id="too late"),
        pytest.param("1 05:20", 2, True, id="half arrived"),
        pytest.param("1 05:20", 1, False, id="too few"),
        pytest.param("1 05:20", 5, False, id="too many"),
    ],
)
def test_a_wave_finds_its_mailing_by_time_and_count(
    warehouse: Warehouse, take: Take, started: str, size: int, *, is_ours: bool
) -> None:
    take("mailings", 2, [{"mailing_id": 1, "started_at": started}])
    take("mailing_recipients", 2, recipients(1, *[{}] * size))
    warehouse.record_waves([WAVE])
    found = (1, "time and count", size, 4 - size) if is_ours else (None, None, None, None)
    assert matches(warehouse) == {WAVE.wave_id: found}


def test_a_mailing_of_the_hour_that_comes_twice_may_be_an_hour_later(
    warehouse: Warehouse, take: Take
) -> None:
    started = {"mailing_id": 1, "started_at": "1 04:10", "started_at_ambiguous": True}
    take("mailings", 2, [started])
    take("mailing_recipients", 2, recipients(1, *[{}] * 4))
    warehouse.record_waves([WAVE])
    assert matches(warehouse) == {WAVE.wave_id: (1, "time and count", 4, 0)}


def sizes(*of_mailing: int) -> list[Row]:
    """Return the sending log of mailings 1, 2, ... of so many recipients."""
    rows = [row for n, size in enumerate(of_mailing, 1) for row in recipients(n, *[{}] * size)]
    return [{**row, "mailing_to_user_id": n} for n, row in enumerate(rows, 1)]


@pytest.mark.parametrize(
    ("waves", "mailings", "expected"),
    [
        pytest.param(
            [("05:01:00", 2), ("05:01:03", 2), ("05:02:00", 4)],
            [("05:10:00", 2), ("05:10:04", 2), ("05:10:08", 4)],
            [1, 2, 3],
            id="two tests and a wave",
        ),
        pytest.param(
            [("05:01:00", 3), ("05:01:03", 3), ("05:01:06", 3)],
            [("05:10:00", 2), ("05:10:04", 2), ("05:10:08", 2)],
            [1, 2, 3],
            id="not everybody arrived",
        ),
        pytest.param(
            [("05:01:00", 4), ("05:05:00", 4)],
            [("05:10:00", 3), ("09:00:00", 3)],
            [1, 2],
            id="the second long after",
        ),
        pytest.param(
            [("05:01:00", 4), ("15:01:00", 4)], [("15:10:00", 4)], [None, 1], id="one never came"
        ),
        pytest.param(
            [("05:01:00", 4)], [("05:02:00", 3), ("07:00:00", 4)], [2], id="count before time"
        ),
        pytest.param(
            [("05:01:00", 4), ("05:02:00", 3)], [("05:10:00", 3)], [None, 1], id="whose count it is"
        ),
        pytest.param(
            [("05:01:00", 4)], [("05:02:00", 4), ("05:30:00", 4)], [1], id="the nearest of two"
        ),
        pytest.param(
            [("05:01:00", 4), ("05:01:03", 4)], [("05:00:58", 4), ("05:01:01", 4)], [1, 2], id="a clock that is late"
        ),
    ],
)  # fmt: skip
def test_waves_find_their_mailings_by_count_then_time_each_mailing_once(
    warehouse: Warehouse,
    take: Take,
    waves: list[tuple[str, int]],
    mailings: list[tuple[str, int]],
    expected: list[int | None],
) -> None:
    started = [{"mailing_id": n, "started_at": f"1 {at}"} for n, (at, _) in enumerate(mailings, 1)]
    take("mailings", 2, started)
    take("mailing_recipients", 2, sizes(*(size for _, size in mailings)))
    unsent = replace(WAVE, wave_id=99, published_at=None, state=WaveState.BUILT)
    ours = [
        replace(WAVE, wave_id=n, written=size, published_at=datetime.fromisoformat(f"2026-03-01T{at}Z"))
        for n, (at, size) in enumerate(waves, 1)
    ]  # fmt: skip
    warehouse.record_waves([*ours, unsent])
    found = {wave: mailing for wave, (mailing, *_) in matches(warehouse).items()}
    assert found == {**dict(enumerate(expected, 1)), 99: None}


@pytest.fixture
def with_wave_id(schemas: dict[str, Schema]) -> dict[str, Schema]:
    """The shipped schemas, with the WELLE_ID that the platform sends back on request."""
    log = schemas["mailing_recipients"]
    column = Column(header="WELLE_ID", name="wave_id", type="int64", nullable=True)
    changed = log.model_copy(update={"columns": {**log.columns, "WELLE_ID": column}})
    return {**schemas, log.name: changed}


def test_a_wave_finds_its_mailing_by_the_number_its_recipients_carry(
    warehouse: Warehouse, take: Take, with_wave_id: dict[str, Schema]
) -> None:
    warehouse.prepare(list(with_wave_id.values()))
    carried = recipients(1, *[{"wave_id": WAVE.wave_id}] * 2)
    take("mailings", 2, [{"mailing_id": 1, "started_at": "9 05:00"}, {"mailing_id": 2, "started_at": "1 05:01"}])  # fmt: skip
    take("mailing_recipients", 2, carried, shape=with_wave_id["mailing_recipients"])
    warehouse.record_waves([WAVE])
    row = only(warehouse, "waves")
    assert (row["mailing_id"], row["matched_by"], row["mailings"]) == (1, "WELLE_ID", 1)
    assert (row["seen"], row["not_seen"], row["delivered"]) == (2, 2, 2)


def test_a_wave_that_was_mailed_twice_shows_it(
    warehouse: Warehouse, take: Take, with_wave_id: dict[str, Schema]
) -> None:
    warehouse.prepare(list(with_wave_id.values()))
    rows = recipients(1, *[{"wave_id": WAVE.wave_id}] * 3)
    rows[2]["mailing_id"] = 2
    take("mailing_recipients", 2, rows, shape=with_wave_id["mailing_recipients"])
    warehouse.record_waves([WAVE])
    row = only(warehouse, "waves")
    assert (row["mailing_id"], row["mailings"]) == (1, 2)


def test_the_mailings_of_late_come_latest_first_with_their_bounces(
    warehouse: Warehouse, take: Take
) -> None:
    days = {1: "1 06:00", 2: "9 06:00", 3: "16 06:00"}
    take("mailings", 17, [{"mailing_id": m, "started_at": day} for m, day in days.items()])
    hard, soft = {"delivery_status": "HARD"}, {"delivery_status": "SOFT"}
    take(
        "mailing_recipients",
        17,
        [*recipients(2, {}, hard, soft), *recipients(1, {**hard, "mailing_to_user_id": 9})],
    )
    found = warehouse.mailings("de", datetime(2026, 3, 9, tzinfo=UTC))
    assert found == [
        MailingFigures(3, datetime(2026, 3, 16, 6, tzinfo=UTC), recipients=0, bounced=0),
        MailingFigures(2, datetime(2026, 3, 9, 6, tzinfo=UTC), recipients=3, bounced=2),
    ]
    assert warehouse.mailings("at", datetime(2026, 3, 9, tzinfo=UTC)) == []
