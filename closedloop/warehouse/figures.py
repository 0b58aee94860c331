"""The questions that the page asks the warehouse; no answer holds anything of one person."""

from dataclasses import dataclass
from typing import Any

from closedloop.warehouse.base import Warehouse
from closedloop.warehouse.views import text_of

FEWEST_PEOPLE = 10
"""A domain with fewer people is not named: it may be one person's."""

MOST_DOMAINS = 100
MOST_LINKS = 1000

Row = dict[str, Any]

MAILINGS = """
SELECT client, mailing_id, started_at, recipients, delivered, hard + soft AS bounced, opens_unique,
    automated_opens_unique, clicks_unique, unsubscribes
FROM campaigns
WHERE recipients > 0 OR started_at IS NOT NULL
ORDER BY client, started_at, mailing_id"""

WAVES = "SELECT * FROM waves ORDER BY client, wave_id"

SUPPRESSIONS = """
SELECT client, CAST(since AS DATE) AS day, reason, count(*) AS addresses
FROM suppressions
GROUP BY ALL
ORDER BY client, day, reason"""


@dataclass(frozen=True, slots=True)
class Figures:
    """The answers; times are UTC without a zone."""

    mailings: list[Row]
    waves: list[Row]
    links: list[Row]
    domains: list[Row]
    suppressions: list[Row]


NOTHING = Figures([], [], [], [], [])


def figures(warehouse: Warehouse) -> Figures:
    """Return what the warehouse knows; nothing where there is no warehouse yet, or it has not all of its views."""
    if warehouse.mark() is None:
        return NOTHING
    if not warehouse.rows("SELECT 1 FROM duckdb_views() WHERE view_name = 'waves'"):
        return NOTHING
    return Figures(
        mailings=warehouse.rows(MAILINGS),
        waves=warehouse.rows(WAVES),
        links=warehouse.rows(text_of("page_links"), [MOST_LINKS]),
        domains=warehouse.rows(
            text_of("page_bounces"), [FEWEST_PEOPLE, FEWEST_PEOPLE, MOST_DOMAINS]
        ),
        suppressions=warehouse.rows(SUPPRESSIONS),
    )
