"""The warehouse's figures equal the platform's own record, whatever the platform makes of its files."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.emulator.config import KINDS, Config, Export, Reactions
from closedloop.emulator.platform import Platform
from tests.flows.desk import Desk

FIRST = date(2026, 10, 22)  # a Thursday; the clock goes back on the 25th
DAYS = 5
NUMBERS = count()
LIVELY = Reactions(
    hard=0.08, soft=0.12, late=0.5, unsendable=0.03, opened=0.6, automated=0.3, clicked=0.4,
    doubled=0.4, unsubscribed=0.08, replied=0.08, autoresponded=0.08, foreign_recipients=6,
)  # fmt: skip
SCHEMAS = {"mailingrecipients": "mailing_recipients"}
EXTRA = {
    "WELLE_ID": '{ name = "wave_id", type = "int64", nullable = true, optional = true }',
    "Vorname": '{ name = "first_name", type = "string", nullable = true, optional = true }',
}


days = st.sampled_from([FIRST + timedelta(days=number) for number in range(DAYS)])
kinds = st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True).map(tuple)
exports = st.builds(
    Export,
    header=st.booleans(),
    quoting=st.sampled_from(["minimal", "all", "none"]),
    eol=st.sampled_from(["lf", "crlf"]),
    bom=st.booleans(),
    extra_columns=st.sampled_from([(), ("WELLE_ID",), ("Vorname", "WELLE_ID")]),
    parts=st.sampled_from([1, 1, 2]),
    empty_days=st.sampled_from(["header", "none"]),
    overlap=st.integers(0, 4),
    broken_lines=st.sampled_from([0, 0, 3, 9]),
    missing=st.dictionaries(days, kinds, max_size=1),
    late=st.dictionaries(days, st.tuples(kinds, st.integers(1, 2)), max_size=1),
    restated=st.dictionaries(days, kinds, max_size=1),
)
configs = st.builds(
    Config,
    seed=st.integers(0, 10_000),
    reactions=st.builds(
        lambda unknown, autumn, foreign: replace(
            LIVELY, unknown_values=unknown, autumn_hour=autumn, foreign_per_day=foreign
        ),
        st.booleans(),
        st.booleans(),
        st.sampled_from([0, 1]),
    ),
    export=exports,
)


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(config=configs, pulled=st.sets(st.integers(0, DAYS - 1)), known=st.booleans())
def test_all_figures_equal_the_record(
    new_desk: Callable[[str], Desk], config: Config, pulled: set[int], *, known: bool
) -> None:
    desk = new_desk(f"figures{next(NUMBERS)}")
    platform = Platform(desk.root / "platform", config)
    agree(desk, config.export, known=known)
    desk.customers(*(f"kunde{number}@example.com" for number in range(40)))
    for number in range(DAYS):
        live(desk, platform, FIRST + timedelta(days=number), pull=number in pulled)
    deliver(desk, platform)
    desk.pull(f"{FIRST + timedelta(days=DAYS)}T05:00")
    assert figures(desk.rows("select * from campaigns")) == figures(platform.record().campaigns())
    assert rejected(desk) == {
        file["name"]: file["broken"] for file in platform.record().files() if file["broken"]
    }
    assert {row["file"] for row in desk.rows("select file from loads")} == {
        file["name"]
        for file in platform.record().files()
        if file["state"] in ("written", "incomplete")
    }
    mailed = platform.record().mailed()
    assert [{*wave.values()} for wave in mailed.values()] == [{1}, {1}]
    if config.export.extra_columns and known:
        seen = {row["wave_id"]: row["seen"] for row in desk.rows("select * from waves")}
        assert set(seen) == set(mailed)


def live(desk: Desk, platform: Platform, day: date, *, pull: bool) -> None:
    """One day: the export at five local time, on the first and third day a wave, perhaps a pull."""
    morning = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=4)
    platform.export(morning)
    if (day - FIRST).days in (0, 2):
        desk.send(f"{day}T04:10", again=True)
        upload(desk, platform)
        platform.tick(morning + timedelta(minutes=20))
    deliver(desk, platform)
    if pull:
        desk.pull(f"{day}T05:00")


def upload(desk: Desk, platform: Platform) -> None:
    """Carry what the desk sent to the platform."""
    folder = platform.places.upload(platform.config.account("de"))
    for file in desk.remote.listing("/incoming"):
        (folder / file.name).write_bytes(desk.remote.read(f"/incoming/{file.name}"))
        desk.remote.remove(f"/incoming/{file.name}")


def deliver(desk: Desk, platform: Platform) -> None:
    """Carry what the platform exported to the desk's server."""
    for path in platform.places.download(platform.config.account("de")).iterdir():
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        desk.remote.put(f"/outgoing/{path.name}", path.read_bytes(), modified)


def agree(desk: Desk, export: Export, *, known: bool) -> None:
    """Tell the schemas what was agreed with the platform; extra columns are named, or ignored."""
    for kind in KINDS:
        name = SCHEMAS.get(kind, kind)
        path = desk.root / "schemas" / f"{name}.toml"
        text = path.read_text()
        if export.parts > 1:
            text = text.replace(f"_{kind}.csv", f"_{kind}_{{part}}.csv")
        if export.extra_columns and kind not in ("mailings", "links"):
            if known or not export.header:
                text += "".join(f"{column} = {EXTRA[column]}\n" for column in export.extra_columns)
            else:
                text = text.replace('extra       = "refuse"', 'extra = "ignore"')
        path.write_text(text)


def figures(rows: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return the figures that both sides know, by mailing."""
    names = (
        "client", "campaign_id", "recipients", "delivered", "hard", "soft", "opens_unique",
        "opens_total", "automated_opens_unique", "automated_opens_total", "any_opens_unique",
        "clicks_unique", "clicks_total", "unsubscribes", "replies", "autoresponders",
    )  # fmt: skip
    return {row["mailing_id"]: {name: row[name] for name in names} for row in rows}


def rejected(desk: Desk) -> dict[str, int]:
    found = desk.rows("select file, quarantined from loads where quarantined > 0")
    return {row["file"]: row["quarantined"] for row in found}
