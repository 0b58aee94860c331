"""What a platform has exported, read from its files alone."""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from closedloop.emulator.config import KINDS, Reactions
from closedloop.emulator.platform import Platform

Make = Callable[..., Platform]
Lines = Callable[..., bytes]
Drop = Callable[[Platform, str, bytes], Path]
People = Callable[[int], list[str]]
Live = Callable[..., Platform]


COLUMNS = {
    "mailings": "id;compoundMasterId;mailingGroupId;mailing.recipientLists;started;finished",
    "mailingrecipients": "id;mailingId;mailingGroupId;userId;created;sendingStatus;deliveryStatus;"
    "response.category",
    "links": "id;mailingId;mailingToUserId;mailingGroupId;name;url",
    "clicks": "linkId;mailingId;mailingToUserId;mailingGroupId;userId;created;click.browser;"
    "click.platform;click.device",
    "opens": "linkId;mailingId;mailingToUserId;mailingGroupId;userId;created;open.browser;"
    "open.platform;open.device",
    "automated_opens": "mailingId;mailingToUserId;mailingGroupId;userId;created;open.browser;"
    "open.platform",
    "unsubscribes": "mailingId;mailingToUserId;mailingGroupId;userId;created",
    "responses": "mailingId;mailingToUserId;mailingGroupId;userId;created;category",
}


LIVELY = Reactions(hard=0.05, soft=0.05, unsubscribed=0.03, replied=0.03, autoresponded=0.04)


def outgoing(platform: Platform) -> Path:
    """Return the folder of the response files."""
    return platform.places.root / "sftp" / "de" / "outgoing"


def content(platform: Platform) -> dict[str, bytes]:
    """Return the response files by their names."""
    return {path.name: path.read_bytes() for path in sorted(outgoing(platform).iterdir())}


def delivered(platform: Platform, kind: str) -> Iterator[dict[str, str]]:
    """Read all files of a kind, oldest day first, with the csv module."""
    for path in sorted(outgoing(platform).iterdir()):
        if not re.fullmatch(rf"[0-9]{{8}}_{kind}(_[0-9])?\.csv", path.name):
            continue
        text = io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")
        table = csv.reader(text, delimiter=";", strict=True)
        names = COLUMNS[kind].split(";")
        rows = [row for row in table if row[: len(names)] != names]
        yield from (dict(zip(names, row, strict=False)) for row in rows)


def newest(platform: Platform, kind: str) -> dict[str, dict[str, str]]:
    """Return the latest row of each key."""
    return {row["id"]: row for row in delivered(platform, kind)}


def figures(platform: Platform) -> list[dict[str, Any]]:
    """Work out the campaigns from the files alone."""
    told: dict[str, dict[str, list[dict[str, str]]]] = {
        kind: defaultdict(list) for kind in KINDS if kind not in ("mailings", "links")
    }
    for kind, by_mailing in told.items():
        keyed = kind == "mailingrecipients"
        rows = newest(platform, kind).values() if keyed else delivered(platform, kind)
        for row in rows:
            by_mailing[row["mailingId"]].append(row)
    mailings = newest(platform, "mailings")
    known = set(mailings).union(*told.values())
    return [
        _campaign(number, mailings.get(number, {}), {kind: told[kind][number] for kind in told})
        for number in sorted(known)
    ]


def _campaign(
    number: str, mailing: dict[str, str], told: dict[str, list[dict[str, str]]]
) -> dict[str, Any]:
    log = {row["id"]: row for row in told["mailingrecipients"]}
    said: dict[str, set[str]] = defaultdict(set)
    for row in told["responses"]:
        said[row["category"]].add(row["mailingToUserId"])
    for who, row in log.items():
        said[row["response.category"]].add(who)
    fatal, bounced = said["fatal_bounce"], said["bounce"] | said["temporary_bounce"]
    hard = {who for who in log if log[who]["deliveryStatus"] == "HARD" or who in fatal}
    soft = {who for who in log if log[who]["deliveryStatus"] == "SOFT" or who in bounced} - hard
    sent = {who for who in log if log[who]["sendingStatus"] == "sent"}
    whose = {kind: [row.get("mailingToUserId", "") for row in rows] for kind, rows in told.items()}
    return {
        "client": "de",
        "mailing_id": int(number),
        "campaign_id": int(mailing.get("compoundMasterId") or 0) or None,
        "started": mailing.get("started") or None,
        "finished": mailing.get("finished") or None,
        "recipients": len(log),
        "delivered": len(sent - hard - soft),
        "hard": len(hard),
        "soft": len(soft),
        "opens_unique": len(set(whose["opens"])),
        "opens_total": len(whose["opens"]),
        "automated_opens_unique": len(set(whose["automated_opens"])),
        "automated_opens_total": len(whose["automated_opens"]),
        "any_opens_unique": len(set(whose["opens"]) | set(whose["automated_opens"])),
        "clicks_unique": len(set(whose["clicks"])),
        "clicks_total": len(whose["clicks"]),
        "unsubscribes": len(set(whose["unsubscribes"])),
        "replies": len(said["unknown"]),
        "autoresponders": len(said["autoresponder"]),
    }
