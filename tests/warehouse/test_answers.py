"""The views that answer questions, on a few rows that can be counted by hand."""

from datetime import UTC, date, datetime

import pytest

from closedloop.model.run import MailingFigures
from closedloop.warehouse.base import Warehouse
from tests.warehouse.mailed import Take, only, recipients, touching


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


def test_a_mailing_of_late_has_the_bounces_that_its_campaign_has(
    warehouse: Warehouse, take: Take
) -> None:
    take("mailings", 17, [{"mailing_id": 1, "started_at": "16 06:00"}])
    hard, soft = {"delivery_status": "HARD"}, {"delivery_status": "SOFT"}
    take("mailing_recipients", 17, recipients(1, {}, {}, hard, soft, soft))
    said = {1: "fatal_bounce", 2: "bounce", 4: "fatal_bounce", 5: "bounce"}
    take(
        "responses",
        17,
        [{"mailing_to_user_id": who, "category": what} for who, what in said.items()],
    )
    (found,) = warehouse.mailings("de", datetime(2026, 3, 9, tzinfo=UTC))
    campaign = only(warehouse, "campaigns")
    assert (found.recipients, found.bounced) == (5, 5)
    assert (campaign["recipients"], campaign["hard"] + campaign["soft"]) == (5, 5)
