"""A mailing going out: its numbers, its recipients, and everything they will ever do."""

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from closedloop.emulator.config import Account, Config
from closedloop.emulator.reactions import MINUTE, PAGES, Audience, Mailing, Recipient, dice, links
from closedloop.emulator.store import TELL, Told, clock, numbers, seconds

FIRST_MAILING = 44_020_000_001
FIRST_CAMPAIGN = 44_019_000_001
FIRST_LINK = 71_000_000_001
FIRST_LIST = 44_016_000_001
# Beyond the whole numbers that a float holds exactly: who reads ids as floats finds out here.
FIRST_RECIPIENT = 2**53 + 1


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent, to whom; `extras` are the list's values to bring back, one for each address."""

    kind: str
    addresses: Sequence[str]
    extras: Sequence[dict[str, str | None]] = field(default=())
    upload: str | None = None
    wave: int | None = None
    source_mailing: int | None = None


def send(
    database: sqlite3.Connection, config: Config, account: Account, letter: Letter, started: int
) -> int:
    """Send the mailing once and return its number."""
    mailing = Mailing(
        account.name,
        numbers(database, "mailing", FIRST_MAILING, 7),
        started,
        numbers(database, "link", FIRST_LINK, len(PAGES) + 1),
    )
    first = numbers(database, "recipient", FIRST_RECIPIENT, len(letter.addresses))
    recipients = [
        Recipient(first + place, address, started + place // config.mails_per_second)
        for place, address in enumerate(letter.addresses)
    ]
    finished = started + len(recipients) // config.mails_per_second + 1
    _record_mailing(database, config, mailing, letter, finished)
    _record_recipients(database, mailing, recipients, letter.extras)
    audience = Audience(mailing, config.reactions, config.seed, account.zone)
    database.executemany(TELL, _told(mailing, finished, audience, recipients))
    return mailing.mailing_id


def _told(
    mailing: Mailing, finished: int, audience: Audience, recipients: list[Recipient]
) -> Iterator[Told]:
    begun = Told(mailing.client, "mailings", mailing.mailing_id, None, mailing.started)
    yield begun._replace(a=str(mailing.started), key=mailing.mailing_id)
    yield begun._replace(
        at=finished, a=str(mailing.started), b=str(finished), key=mailing.mailing_id, version=2
    )
    yield from links(mailing)
    for recipient in recipients:
        yield from audience.told(recipient)


def _record_mailing(
    database: sqlite3.Connection, config: Config, mailing: Mailing, letter: Letter, finished: int
) -> None:
    turn = numbers(database, "list", 0, 1) % config.list_pool
    lists = str(FIRST_LIST + turn)
    campaign: int | None = numbers(database, "campaign", FIRST_CAMPAIGN, 3)
    if letter.kind == "foreign":
        # A transactional mailing belongs to no campaign and may draw on several lists.
        campaign, lists = None, f"{lists},{FIRST_LIST + config.list_pool}"
    database.execute(
        "insert into mailings values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(mailing.mailing_id, mailing.client, campaign, lists, letter.kind, letter.upload),
            *(letter.wave, letter.source_mailing, mailing.started, finished),
        ),
    )


def _record_recipients(
    database: sqlite3.Connection,
    mailing: Mailing,
    recipients: list[Recipient],
    extras: Sequence[dict[str, str | None]],
) -> None:
    texts = [json.dumps(each) for each in extras] or ["{}"] * len(recipients)
    database.executemany(
        "insert into recipients values (?, ?, ?, ?, ?)",
        (
            (to.mailing_to_user_id, mailing.mailing_id, to.address, to.sent, text)
            for to, text in zip(recipients, texts, strict=True)
        ),
    )


def send_foreign(database: sqlite3.Connection, config: Config, account: Account) -> None:
    """Send what the client's other systems send, for each local day up to the platform's time."""
    now = clock(database) or 0
    today = datetime.fromtimestamp(now, account.zone).date()
    counter = f"foreign:{account.name}"
    last = numbers(database, counter, today.toordinal() - 2, 0)
    day = today.fromordinal(last + 1)
    while day <= today:
        for turn in range(config.reactions.foreign_per_day):
            luck = dice(config.seed, account.name, day, turn)
            start = datetime.combine(day, time(1), account.zone)
            started = seconds(start) + luck.randrange(150 * MINUTE)
            letter = Letter("foreign", _foreign_addresses(database, config, account.name, luck))
            send(database, config, account, letter, started)
        day += timedelta(days=1)
    numbers(database, counter, 0, today.toordinal() - last)


def _foreign_addresses(
    database: sqlite3.Connection, config: Config, client: str, luck: random.Random
) -> list[str]:
    """Draw addresses of the platform's own, and a few that this side has mailed before."""
    own = config.reactions.foreign_recipients
    addresses = [f"kunde{number}@kunden.example" for number in luck.sample(range(10 * own), own)]
    mailed = database.execute(
        "select count(*) as people from recipients join mailings using (mailing_id)"
        " where client = ? and kind = 'wave'",
        (client,),
    ).fetchone()["people"]
    for _ in range(min(3, mailed)):
        row = database.execute(
            "select address from recipients join mailings using (mailing_id)"
            " where client = ? and kind = 'wave' order by mailing_to_user_id limit 1 offset ?",
            (client, luck.randrange(mailed)),
        ).fetchone()
        if row["address"] not in addresses:
            addresses.append(row["address"])
    return addresses
