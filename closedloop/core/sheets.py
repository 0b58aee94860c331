"""The sheets of the page: figures as rows that can be sorted, searched and summed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from closedloop.core.tongue import Tongue
from closedloop.model.page import Column, Kind, Sheet, Value
from closedloop.model.privacy import without_addresses

Row = Mapping[str, Any]
Zones = Mapping[str, ZoneInfo]

OUTCOMES = {
    0: "ok",
    1: "failed",
    2: "wrong setting",
    69: "unreachable",
    75: "had to wait",
}

MAILINGS: dict[str, tuple[str, Kind]] = {
    "started": ("Started", "time"),
    "mailing": ("Mailing", "text"),
    "job": ("Job", "text"),
    "recipients": ("Recipients", "number"),
    "delivered_rate": ("Delivered", "share"),
    "open_rate": ("Opened", "share"),
    "automated_rate": ("By machine", "share"),
    "click_rate": ("Clicked", "share"),
    "unsubscribe_rate": ("Unsubscribed", "share"),
    "bounce_rate": ("Bounced", "share"),
}
COUNTS = (
    "written", "delivered", "opens_unique", "automated_opens_unique", "clicks_unique", "unsubscribes", "bounced",
)  # fmt: skip
WAVES: dict[str, tuple[str, Kind]] = {
    "published": ("Sent", "time"),
    "wave": ("Wave", "text"),
    "job": ("Job", "text"),
    "state": ("State", "text"),
    "mailing": ("Mailing", "text"),
    "written": ("Written", "number"),
    "seen": ("Seen", "number"),
    "not_seen": ("Not seen", "number"),
    "open_rate": ("Opened", "share"),
    "click_rate": ("Clicked", "share"),
    "unsubscribe_rate": ("Unsubscribed", "share"),
}
LINKS: dict[str, tuple[str, Kind]] = {
    "started": ("Started", "time"),
    "mailing": ("Mailing", "text"),
    "name": ("Link", "text"),
    "url": ("Address", "text"),
    "clicks_unique": ("Clicked by", "number"),
    "clicks_total": ("Clicks", "number"),
}
DOMAINS: dict[str, tuple[str, Kind]] = {
    "domain": ("Domain", "text"),
    "recipients": ("Mails", "number"),
    "hard": ("Hard", "number"),
    "soft": ("Soft", "number"),
    "bounce_rate": ("Bounced", "share"),
}
SUPPRESSIONS: dict[str, tuple[str, Kind]] = {
    "day": ("Day", "day"),
    "reason": ("Reason", "text"),
    "addresses": ("Addresses", "number"),
}
RUNS: dict[str, tuple[str, Kind]] = {
    "started": ("Started", "time"),
    "job": ("Job", "text"),
    "outcome": ("Outcome", "text"),
    "seconds": ("Duration", "seconds"),
}


def mailings_sheet(
    rows: Iterable[Row], waves: Iterable[Row], zones: Zones, tongue: Tongue
) -> Sheet:
    """Return a row for each mailing; `written` and the job are known where it is a wave of ours."""
    ours = {(wave["client"], wave["mailing_id"]): wave for wave in waves}
    values = []
    for row in rows:
        wave = ours.get((row["client"], row["mailing_id"]), {})
        more = {
            "started": _local(row["started_at"], _zone(row, zones)),
            "mailing": str(row["mailing_id"]),
            "job": wave.get("job"),
            "written": wave.get("written"),
            "delivered_rate": _share(row["delivered"], row["recipients"]),
            "automated_rate": _share(row["automated_opens_unique"], row["delivered"]),
            "bounce_rate": _share(row["bounced"], row["recipients"]),
            **_reactions(row),
        }
        values.append({**row, **more})
    hidden = [Column(key, key, "number", shown=False) for key in COUNTS]
    return _sheet(
        "mailings",
        "Mailings",
        MAILINGS,
        values,
        tongue,
        sort="started",
        when="started",
        hidden=hidden,
    )


def waves_sheet(rows: Iterable[Row], zones: Zones, tongue: Tongue) -> Sheet:
    """Return a row for each wave of ours, and what its recipients did."""
    values = [
        {
            **row,
            "published": _local(row["published_at"], _zone(row, zones)),
            "wave": str(row["wave_id"]),
            "job": f"{row['job']}{' (Test)' if row['test'] else ''}",
            "state": tongue.term(row["state"]),
            "mailing": str(row["mailing_id"]) if row["mailing_id"] else None,
            **_reactions(row),
        }
        for row in rows
    ]
    return _sheet("waves", "Waves", WAVES, values, tongue, sort="wave", when="published")


def links_sheet(
    rows: Sequence[Row], mailings: Iterable[Row], zones: Zones, tongue: Tongue
) -> Sheet:
    """Return the links that were clicked most."""
    started = {(row["client"], row["mailing_id"]): row["started_at"] for row in mailings}
    values = [
        {
            **row,
            "started": _local(started.get((row["client"], row["mailing_id"])), _zone(row, zones)),
            "mailing": str(row["mailing_id"]),
        }
        for row in rows
    ]
    more = max((row["links"] for row in rows), default=0) - len(rows)
    note = tongue.say("Links clicked less often are left out: {n}", n=more) if more > 0 else ""
    return _sheet(
        "links", "Links", LINKS, values, tongue, sort="clicks_total", when="started", note=note
    )


def domains_sheet(rows: Iterable[Row], tongue: Tongue) -> Sheet:
    """Return the bounces of each domain, those of few people together."""
    values = [
        {
            **row,
            "domain": row["domain"] or tongue.say("other"),
            "bounce_rate": _share(row["hard"] + row["soft"], row["recipients"]),
        }
        for row in rows
    ]
    return _sheet("domains", "Bounces by domain", DOMAINS, values, tongue, sort="hard")


def suppressions_sheet(rows: Iterable[Row], tongue: Tongue) -> Sheet:
    """Return how many addresses joined the suppressed ones, by day and reason."""
    values = [{**row, "day": row["day"].isoformat() if row["day"] else ""} for row in rows]
    return _sheet("suppressions", "Suppressed addresses", SUPPRESSIONS, values, tongue, sort="day")


def runs_sheet(rows: Iterable[Row], zones: Zones, tongue: Tongue) -> Sheet:
    """Return the runs that did something, and how long they took."""
    values = [
        {
            **row,
            "started": row["started"].astimezone(_zone(row, zones)).isoformat()[:16],
            "outcome": tongue.say(OUTCOMES.get(row["exit_code"], f"exit {row['exit_code']}")),
            "seconds": round((row["finished"] - row["started"]).total_seconds(), 1),
        }
        for row in rows
    ]
    return _sheet("runs", "Runs", RUNS, values, tongue, sort="started", when="started")


def _sheet(
    key: str,
    title: str,
    shown: Mapping[str, tuple[str, Kind]],
    values: Iterable[Row],
    tongue: Tongue,
    **more: Any,
) -> Sheet:
    hidden = more.pop("hidden", ())
    columns = (
        *(Column(name, tongue.say(head), kind) for name, (head, kind) in shown.items()),
        *hidden,
        Column("client", tongue.say("Client"), "text", shown=False),
    )
    rows = tuple(tuple(_values(row, columns)) for row in values)
    return Sheet(key, tongue.say(title), columns, rows, **more)


def _values(row: Row, columns: Iterable[Column]) -> Iterator[Value]:
    for column in columns:
        value = row[column.key]
        yield without_addresses(value) if isinstance(value, str) else value


def _reactions(row: Row) -> dict[str, float | None]:
    """Return the shares of the delivered mails that people reacted to."""
    reactions = {
        "open_rate": "opens_unique",
        "click_rate": "clicks_unique",
        "unsubscribe_rate": "unsubscribes",
    }
    return {key: _share(row[count], row["delivered"]) for key, count in reactions.items()}


def _share(part: int | None, whole: int | None) -> float | None:
    return round(part / whole, 5) if whole and part is not None else None


def _zone(row: Row, zones: Zones) -> ZoneInfo:
    """Return the zone of a row's client; of one that is not in the settings any more, UTC."""
    return zones.get(row["client"], ZoneInfo("UTC"))


def _local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return moment.replace(tzinfo=UTC).astimezone(zone).isoformat()[:16] if moment else None
