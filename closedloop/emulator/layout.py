"""The columns of the eight response files, and what stands in them for one row of the record."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from closedloop.emulator.config import Account

_WHO = ("mailingId", "mailingToUserId", "mailingGroupId", "userId", "created")
HEADERS: dict[str, tuple[str, ...]] = {
    "mailings": (
        *("id", "compoundMasterId", "mailingGroupId", "mailing.recipientLists"),
        *("started", "finished"),
    ),
    "mailingrecipients": (
        *("id", "mailingId", "mailingGroupId", "userId", "created"),
        *("sendingStatus", "deliveryStatus", "response.category"),
    ),
    "links": ("id", "mailingId", "mailingToUserId", "mailingGroupId", "name", "url"),
    "clicks": ("linkId", *_WHO, "click.browser", "click.platform", "click.device"),
    "opens": ("linkId", *_WHO, "open.browser", "open.platform", "open.device"),
    "automated_opens": (*_WHO, "open.browser", "open.platform"),
    "unsubscribes": _WHO,
    "responses": (*_WHO, "category"),
}
EXTENDED = frozenset(HEADERS) - {"mailings", "links"}

Row = sqlite3.Row
Values = list[str | None]


def header(kind: str, extra_columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the column names of a kind, the list's own columns last."""
    return HEADERS[kind] + (extra_columns if kind in EXTENDED else ())


def rows_of(
    database: sqlite3.Connection, client: str, kind: str, days: tuple[date, ...]
) -> list[Row]:
    """Return the rows that these days' exports took, in the order in which they are written."""
    marks = ", ".join("?" * len(days))
    return database.execute(
        "select t.*, m.campaign_id, m.lists, r.address, r.sent, r.extras"  # noqa: S608 - only marks
        " from told t join mailings m using (mailing_id)"
        " left join recipients r using (mailing_to_user_id)"
        f" where t.client = ? and t.kind = ? and not t.superseded and t.day in ({marks})"
        " order by t.day, t.at, t.seq",
        (client, kind, *(f"{day}" for day in days)),
    ).fetchall()


class Layout:
    """Turns rows of the record into the values of a response file."""

    def __init__(self, account: Account, extra_columns: tuple[str, ...]) -> None:
        self.group = str(account.mailing_group_id)
        self.zone = account.zone
        self.extra_columns = extra_columns
        self.writers: dict[str, Callable[[Row], Values]] = {
            "mailings": self._mailing,
            "mailingrecipients": self._recipient,
            "links": self._link,
            "clicks": self._reading,
            "opens": self._reading,
            "automated_opens": self._automated,
            "unsubscribes": self._who,
            "responses": self._response,
        }

    def values(self, kind: str, rows: list[Row]) -> Iterator[Values]:
        """Yield the values of each row."""
        write = self.writers[kind]
        for row in rows:
            yield write(row) + (self._extras(row) if kind in EXTENDED else [])

    def local(self, at: Any) -> str | None:
        """Return epoch seconds as the platform writes a time: local, without a zone."""
        if at is None:
            return None
        moment = datetime.fromtimestamp(int(at), UTC).astimezone(self.zone)
        return moment.replace(tzinfo=None).isoformat(" ")

    def _extras(self, row: Row) -> Values:
        if not self.extra_columns:
            return []
        given = json.loads(row["extras"])
        return [given.get(name) for name in self.extra_columns]

    def _mailing(self, row: Row) -> Values:
        times = [self.local(row["a"]), self.local(row["b"])]
        return [
            _text(row["mailing_id"]),
            _text(row["campaign_id"]),
            self.group,
            row["lists"],
            *times,
        ]

    def _recipient(self, row: Row) -> Values:
        numbers = [_text(row["mailing_to_user_id"]), _text(row["mailing_id"]), self.group]
        return [*numbers, row["address"], self.local(row["sent"]), row["a"], row["b"], row["c"]]

    def _link(self, row: Row) -> Values:
        numbers = [_text(row["link_id"]), _text(row["mailing_id"]), None, self.group]
        return [*numbers, row["a"], row["b"]]

    def _who(self, row: Row) -> Values:
        numbers = [_text(row["mailing_id"]), _text(row["mailing_to_user_id"]), self.group]
        return [*numbers, row["address"], self.local(row["at"])]

    def _reading(self, row: Row) -> Values:
        return [_text(row["link_id"]), *self._automated(row), row["c"]]

    def _automated(self, row: Row) -> Values:
        return [*self._who(row), row["a"], row["b"]]

    def _response(self, row: Row) -> Values:
        return [*self._who(row), row["a"]]


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
