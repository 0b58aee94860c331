"""What the page asks the warehouse: sums, and nothing of one person."""

from collections.abc import Callable
from typing import Any

import pytest

from closedloop.warehouse.base import Warehouse
from closedloop.warehouse.figures import NOTHING, Figures, figures

Take = Callable[..., None]
Row = dict[str, Any]


def log(*recipients: str, first: int = 1, **more: Any) -> list[Row]:
    sent = {"mailing_id": 1, "sending_status": "sent", "delivery_status": "OK"}
    return [
        {**sent, "mailing_to_user_id": n, "recipient": recipient, **more}
        for n, recipient in enumerate(recipients, first)
    ]


def people(domain: str, count: int) -> list[str]:
    return [f"p{n}@{domain}" for n in range(count)]


def by_domain(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in figures(warehouse).domains]


def test_an_empty_place_has_no_figures(make_warehouse: Callable[[], Warehouse]) -> None:
    assert figures(make_warehouse()) == NOTHING


def test_a_warehouse_that_nothing_was_prepared_in_has_no_figures(
    make_warehouse: Callable[[], Warehouse],
) -> None:
    with make_warehouse() as stored:
        stored.loads("de")
        assert figures(stored) == NOTHING


def test_a_prepared_warehouse_without_rows_has_empty_figures(warehouse: Warehouse) -> None:
    assert figures(warehouse) == Figures([], [], [], [], [])


def test_a_domain_is_named_from_ten_people_on(warehouse: Warehouse, take: Take) -> None:
    take("mailing_recipients", 2, log(*people("ten.example", 10), *people("nine.example", 9), "4711"))  # fmt: skip
    assert by_domain(warehouse) == [("de", "ten.example", 10, 0, 0), ("de", None, 10, 0, 0)]


def test_ten_mails_to_one_person_are_no_ten_people(warehouse: Warehouse, take: Take) -> None:
    take("mailing_recipients", 2, log(*["Ann@her.example", " ann@her.example"] * 5))
    assert by_domain(warehouse) == [("de", None, 10, 0, 0)]


def test_people_of_two_clients_are_counted_apart(warehouse: Warehouse, take: Take) -> None:
    for client in ("at", "de"):
        take("mailing_recipients", 2, log(*people("six.example", 6)), client=client)
    assert by_domain(warehouse) == [("at", None, 6, 0, 0), ("de", None, 6, 0, 0)]


def test_bounces_by_domain_add_up_to_those_of_the_mailings(
    warehouse: Warehouse, take: Take
) -> None:
    rows = log(*people("a.example", 12), *people("B.example", 11))
    rows[0] |= {"delivery_status": "HARD"}
    rows[1] |= {"delivery_status": "SOFT"}
    rows[12] |= {"response_category": "fatal_bounce", "delivery_status": "SOFT"}
    take("mailing_recipients", 2, rows)
    said = [(3, "bounce"), (3, "fatal_bounce"), (15, "temporary_bounce"), (16, "unknown"), (99, "bounce")]  # fmt: skip
    take("responses", 2, [{"mailing_id": 1, "mailing_to_user_id": n, "category": c} for n, c in said])  # fmt: skip
    assert by_domain(warehouse) == [("de", "a.example", 12, 2, 1), ("de", "b.example", 11, 1, 1)]
    (mailing,) = figures(warehouse).mailings
    assert (mailing["recipients"], mailing["bounced"]) == (23, 5)


@pytest.mark.parametrize(
    ("url", "own", "shown"),
    [
        ("https://x.example/a?mail=ann", None, "https://x.example/a"),
        ("https://x.example/a#ann", None, "https://x.example/a"),
        ("HTTPS://x.example/ann/1", 5, "HTTPS://x.example"),
        ("mailto:ann", 5, ""),
    ],
)
def test_a_link_shows_nothing_of_one_person(
    warehouse: Warehouse, take: Take, url: str, own: int | None, shown: str
) -> None:
    take("links", 2, [{"mailing_id": 1, "link_id": 1, "mailing_to_user_id": own, "url": url}])
    assert [row["url"] for row in figures(warehouse).links] == [shown]


def test_links_of_single_recipients_are_one_row_and_others_stay_apart(
    warehouse: Warehouse, take: Take
) -> None:
    links: list[Row] = [{"link_id": n, "mailing_to_user_id": n, "url": f"https://x.example/{n}"} for n in (1, 2)]  # fmt: skip
    links += [{"link_id": n, "mailing_to_user_id": None, "url": "https://x.example/a"} for n in (3, 4)]  # fmt: skip
    take("links", 2, [{"mailing_id": 1, "name": "Offer", **link} for link in links])
    take("clicks", 2, [{"mailing_id": 1, "link_id": n, "mailing_to_user_id": n % 3} for n in (1, 2, 2, 3)])  # fmt: skip
    found = [(r["url"], r["clicks_unique"], r["clicks_total"], r["links"]) for r in figures(warehouse).links]  # fmt: skip
    assert found == [
        ("https://x.example", 2, 3, 3),
        ("https://x.example/a", 1, 1, 3),
        ("https://x.example/a", 0, 0, 3),
    ]


def test_suppressed_addresses_are_counted_by_day_and_reason(
    warehouse: Warehouse, take: Take
) -> None:
    gone = [{"recipient": f"r{n}", "mailing_to_user_id": n, "unsubscribed_at": f"{1 + n // 2} 07:00"} for n in range(3)]  # fmt: skip
    take("unsubscribes", 3, gone)
    found = [(r["day"].day, r["reason"], r["addresses"]) for r in figures(warehouse).suppressions]
    assert found == [(1, "unsubscribed", 2), (2, "unsubscribed", 1)]
