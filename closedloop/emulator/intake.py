"""Who of an upload is mailed, and why the others are not."""

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from closedloop.emulator.config import Account, Config
from closedloop.emulator.subscribers import Subscriber

LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
DOMAIN = re.compile(r"([^\W_]([\w-]*[^\W_])?\.)+[^\W\d_]{2,}")
LONGEST_LOCAL_PART = 64


@dataclass(frozen=True, slots=True)
class Intake:
    """Who is mailed, in the file's order, and how many are not, by reason."""

    mailed: list[Subscriber]
    dropped: dict[str, int]


def is_valid(address: str) -> bool:
    """Exactly one `@`, a plain local part, a domain with a dot."""
    local, at, domain = address.partition("@")
    return (
        bool(at)
        and len(local) <= LONGEST_LOCAL_PART
        and LOCAL_PART.fullmatch(local) is not None
        and DOMAIN.fullmatch(domain) is not None
    )


def take_in(
    database: sqlite3.Connection, config: Config, account: Account, rows: Iterable[Subscriber]
) -> Intake:
    """Drop who must not be mailed; each dropped row has one reason, the first that holds."""
    gone = {address.strip().lower() for address in config.unsubscribed}
    gone |= _unsubscribed(database, account.name)
    bounced = _bounced_out(database, account.name, config)
    blocked = _blocked(config.blocklist)
    seen: set[str] = set()
    mailed: list[Subscriber] = []
    dropped: Counter[str] = Counter()
    for row in rows:
        key = row.address.strip().lower()
        if not is_valid(row.address.strip()):
            dropped["invalid"] += 1
        elif key in seen:
            dropped["duplicate"] += 1
        elif blocked(key):
            dropped["blocklisted"] += 1
        elif key in gone:
            dropped["unsubscribed"] += 1
        elif key in bounced:
            dropped["bounced_out"] += 1
        else:
            mailed.append(row)
        seen.add(key)
    return Intake(mailed, dict(sorted(dropped.items())))


def _blocked(patterns: Iterable[str]) -> Callable[[str], bool]:
    parts = [re.escape(pattern.strip().lower()).replace(r"\*", ".*") for pattern in patterns]
    matching = re.compile("|".join(parts))
    return lambda key: bool(parts) and matching.fullmatch(key) is not None


def _unsubscribed(database: sqlite3.Connection, client: str) -> set[str]:
    found = database.execute(
        "select distinct lower(address) as address from told join recipients"
        " using (mailing_to_user_id)"
        " where client = ? and kind = 'unsubscribes' and at <= (select at from clock)",
        (client,),
    )
    return {row["address"] for row in found}


def _bounced_out(database: sqlite3.Connection, client: str, config: Config) -> set[str]:
    found = database.execute(
        "select lower(address) as address,"
        " count(distinct case when b = 'HARD' then mailing_to_user_id end) as hard,"
        " count(distinct case when b = 'SOFT' then mailing_to_user_id end) as soft"
        " from told join recipients using (mailing_to_user_id)"
        " where client = ? and kind = 'mailingrecipients' and b in ('HARD', 'SOFT')"
        " and at <= (select at from clock)"
        " group by lower(address) having hard >= ? or soft >= ?",
        (client, config.hard_limit, config.soft_limit),
    )
    return {row["address"] for row in found}
