"""Rows in words: what became of a mailing's recipients, and what they did."""

from collections.abc import Callable
from typing import Any

from closedloop.warehouse.base import Warehouse

Take = Callable[..., None]
Row = dict[str, Any]


def recipients(mailing: int, *given: Row) -> list[Row]:
    """Return sent and delivered rows of the sending log, numbered from 1, changed as given."""
    sent = {"mailing_id": mailing, "sending_status": "sent", "delivery_status": "OK"}
    return [
        {**sent, "mailing_to_user_id": n, "recipient": f"r{n}@example.com", **row}
        for n, row in enumerate(given, 1)
    ]


def touching(*recipient: int, mailing: int = 1, **more: Any) -> list[Row]:
    """Return a row of each of these recipients, numbered as above."""
    return [{"mailing_id": mailing, "mailing_to_user_id": n, **more} for n in recipient]


def only(warehouse: Warehouse, view: str, where: str = "1 = 1") -> Row:
    """Return the only row of a view."""
    (row,) = warehouse.rows(f"SELECT * FROM {view} WHERE {where}")  # noqa: S608 - a name of ours
    return row
