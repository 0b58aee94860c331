"""The platform's own record, to be held against what the client believes."""

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from closedloop.emulator.config import Config
from closedloop.emulator.layout import Layout
from closedloop.emulator.store import reading

_EXPORTED = "create temp view visible as select * from told where seen is not null"
_HAPPENED = "create temp view visible as select * from told where at <= (select at from clock)"

_CAMPAIGNS = """
with mailing as (
    select mailing_id, a as started, b as finished from (
        select *, row_number() over (partition by key order by version desc) as newest
        from visible where kind = 'mailings')
    where newest = 1
), log as (
    select mailing_id, mailing_to_user_id, a as sending, b as delivery, c as category from (
        select *, row_number() over (partition by key order by version desc) as newest
        from visible where kind = 'mailingrecipients')
    where newest = 1
), said as (
    select mailing_id, mailing_to_user_id, a as category from visible where kind = 'responses'
    union select mailing_id, mailing_to_user_id, category from log where category is not null
), response as (
    select mailing_to_user_id, max(category = 'fatal_bounce') as fatal,
        max(category in ('bounce', 'temporary_bounce')) as bounced
    from said group by mailing_to_user_id
), verdict as (
    select mailing_id, sending,
        coalesce(delivery = 'HARD', 0) or coalesce(fatal, 0) as hard,
        coalesce(delivery = 'SOFT', 0) or coalesce(bounced, 0) as soft
    from log left join response using (mailing_to_user_id)
), sent as (
    select mailing_id, count(*) as recipients,
        sum(sending = 'sent' and not hard and not soft) as delivered,
        sum(hard) as hard, sum(soft and not hard) as soft
    from verdict group by mailing_id
), act as (
    select mailing_id, mailing_to_user_id as who, kind from visible where kind != 'links'
    union all select mailing_id, mailing_to_user_id, category from said
), done as (
    select mailing_id,
        count(distinct case when kind = 'opens' then who end) as opens_unique,
        sum(kind = 'opens') as opens_total,
        count(distinct case when kind = 'automated_opens' then who end) as automated_opens_unique,
        sum(kind = 'automated_opens') as automated_opens_total,
        count(distinct case when kind in ('opens', 'automated_opens') then who end)
            as any_opens_unique,
        count(distinct case when kind = 'clicks' then who end) as clicks_unique,
        sum(kind = 'clicks') as clicks_total,
        count(distinct case when kind = 'unsubscribes' then who end) as unsubscribes,
        count(distinct case when kind = 'unknown' then who end) as replies,
        count(distinct case when kind = 'autoresponder' then who end) as autoresponders
    from act group by mailing_id
)
select mailings.client, mailing_id,
    case when mailing.started is not null then campaign_id end as campaign_id,
    mailing.started, mailing.finished,
    coalesce(recipients, 0) as recipients, coalesce(delivered, 0) as delivered,
    coalesce(hard, 0) as hard, coalesce(soft, 0) as soft,
    opens_unique, opens_total, automated_opens_unique, automated_opens_total, any_opens_unique,
    clicks_unique, clicks_total, unsubscribes, replies, autoresponders
from done join mailings using (mailing_id) left join mailing using (mailing_id)
    left join sent using (mailing_id)
order by mailings.client, mailing_id
"""


@dataclass(frozen=True, slots=True)
class Record:
    """What truly happened; every method reads it as it stands now."""

    database: Path
    config: Config

    def mailed(self, client: str | None = None) -> dict[int | str, dict[str, int]]:
        """Return how often each address was mailed, by WELLE_ID (by upload name where it had none)."""
        times: dict[int | str, dict[str, int]] = defaultdict(dict)
        with reading(self.database) as database:
            found = database.execute(
                "select coalesce(wave, upload) as wave, address, sum(times) as times from mailed"
                " where client = ? or ? is null group by coalesce(wave, upload), address",
                (client, client),
            )
            for row in found:
                times[row["wave"]][row["address"]] = row["times"]
        return dict(times)

    def campaigns(self, *, exported_only: bool = True) -> list[dict[str, Any]]:
        """Return a row for each mailing, from what the client was shown (or all that happened).

        Shown means: it lay in a file of the client's download folder. A mailing has a row as soon as any file
        but the links speaks of it; a response counts wherever it was told, in the log or by itself.
        """
        zones = {account.name: Layout(account, ()) for account in self.config.clients}
        with reading(self.database) as database:
            database.execute(_EXPORTED if exported_only else _HAPPENED)
            rows = [dict(row) for row in database.execute(_CAMPAIGNS)]
        for row in rows:
            for moment in ("started", "finished"):
                row[moment] = zones[row["client"]].local(row[moment])
        return rows

    def imports(self, client: str | None = None) -> list[dict[str, Any]]:
        """Return every upload that was looked at, in order, with `dropped` counts by reason."""
        rows = self._rows(
            "select * from imports where client = ? or ? is null order by seq", client
        )
        return [{**row, "dropped": json.loads(row["dropped"])} for row in rows]

    def files(self, client: str | None = None) -> list[dict[str, Any]]:
        """Return every response file: its state, true rows, broken lines, bytes."""
        return self._rows(
            "select * from files where client = ? or ? is null order by client, name", client
        )

    def halted(self) -> list[str]:
        """Return the clients whose processing is halted."""
        return [
            row["client"]
            for row in self._rows("select distinct client from halts where cleared is null")
        ]

    def clock(self) -> datetime | None:
        """Return the latest time the platform acted at."""
        rows = self._rows("select at from clock")
        return datetime.fromtimestamp(rows[0]["at"], UTC) if rows else None

    def _rows(self, sql: str, client: str | None = None) -> list[dict[str, Any]]:
        with reading(self.database) as database:
            parameters = (client, client) if "?" in sql else ()
            return [dict(row) for row in database.execute(sql, parameters)]
