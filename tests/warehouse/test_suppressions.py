"""Whom the warehouse suppresses, since when and why, on a few rows that can be counted by hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from closedloop.warehouse.base import Warehouse
from tests.warehouse.mailed import Row, Take, recipients, touching


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
