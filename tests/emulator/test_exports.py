import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from closedloop.emulator.config import KINDS, Account, Config, Export, Reactions
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
FIRST = date(2026, 11, 21)


@pytest.fixture
def live(make: Make, lines: Lines, drop: Drop, people: People, start: datetime) -> Live:
    """Let a platform send two waves a week apart and export every morning."""

    def lived(config: Config | None = None, name: str = "platform", days: int = 12) -> Platform:
        platform = make(config or Config(reactions=LIVELY), name)
        for day in range(days):
            now = start + timedelta(days=day)
            if day in (0, 7):
                upload = lines(people(300), wave=f"{now:%Y%m%d}070000")
                drop(platform, f"{now:%Y%m%d}070000_subscribers.csv", upload)
            platform.tick(now)
            platform.export(platform.next_export(now))
        return platform

    return lived


def outgoing(platform: Platform) -> Path:
    return platform.places.root / "sftp" / "de" / "outgoing"


def content(platform: Platform) -> dict[str, bytes]:
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


@pytest.mark.parametrize(
    "export",
    [
        pytest.param(Export(), id="plain"),
        pytest.param(Export(header=False, quoting="all", eol="crlf"), id="no header, all quoted"),
        pytest.param(Export(quoting="none", bom=True), id="bare, with a byte order mark"),
        pytest.param(Export(parts=3), id="three files a kind"),
        pytest.param(Export(empty_days="none"), id="no file on an empty day"),
        pytest.param(
            Export(missing={FIRST: ("mailings", "clicks"), date(2026, 11, 29): ("responses",)}),
            id="missing",
        ),
        pytest.param(Export(missing={FIRST: ("mailingrecipients",)}), id="log missing"),
        pytest.param(Export(late={FIRST: (KINDS, 3)}), id="late"),
        pytest.param(Export(restated={FIRST: KINDS}), id="restated"),
    ],
)
def test_the_record_equals_what_the_files_say(live: Live, export: Export) -> None:
    platform = live(Config(reactions=LIVELY, export=export))
    campaigns = platform.record().campaigns()
    assert campaigns == figures(platform)
    assert sum(row["opens_total"] for row in campaigns) > 100


def test_each_mailing_shows_every_kind_of_reaction(live: Live) -> None:
    campaigns = live().record().campaigns()
    waves = [row for row in campaigns if row["recipients"] > 200]
    assert len(waves) == 2
    for row in waves:
        assert all(row[figure] for figure in row)
        assert row["delivered"] + row["hard"] + row["soft"] <= row["recipients"]


def test_what_was_shown_comes_to_be_all_that_happened(live: Live) -> None:
    record = live(days=45).record()
    assert record.campaigns() == record.campaigns(exported_only=False)


def test_an_incomplete_day_shows_less_until_it_is_restated(live: Live) -> None:
    export = Export(restated={FIRST: ("mailingrecipients", "opens")})
    platform = live(Config(reactions=LIVELY, export=export), days=1)
    before = content(platform)
    assert platform.record().campaigns() == figures(platform)
    assert platform.record().campaigns() != platform.record().campaigns(exported_only=False)
    platform.export(datetime(2026, 11, 22, 4, tzinfo=UTC))
    after = content(platform)
    name = "20261121_mailingrecipients.csv"
    assert set(before[name].splitlines()) < set(after[name].splitlines())
    assert after["20261121_clicks.csv"] == before["20261121_clicks.csv"]
    assert platform.record().campaigns() == figures(platform)


def test_a_withheld_file_never_comes(live: Live) -> None:
    names = content(live(Config(export=Export(missing={FIRST: ("clicks",)}))))
    assert "20261121_clicks.csv" not in names
    assert "20261122_clicks.csv" in names


def test_a_late_file_comes_some_days_later_under_its_own_day(live: Live) -> None:
    config = Config(export=Export(late={FIRST: (("clicks",), 2)}))
    assert "20261121_clicks.csv" not in content(live(config, days=2))
    late = live(config, "late", days=3)
    assert content(late)["20261121_clicks.csv"] == content(live())["20261121_clicks.csv"]
    written = (outgoing(late) / "20261121_clicks.csv").stat().st_mtime
    assert datetime.fromtimestamp(written, UTC) == datetime(2026, 11, 23, 4, tzinfo=UTC)


def test_columns_and_names_are_the_documented_ones(live: Live) -> None:
    platform = live(days=1)
    files = content(platform)
    assert sorted(files) == sorted(f"20261121_{kind}.csv" for kind in KINDS)
    for kind in KINDS:
        assert files[f"20261121_{kind}.csv"].splitlines()[0].decode() == COLUMNS[kind]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(live: Live) -> None:
    config = Config(reactions=LIVELY)
    files = content(live(config, "one"))
    assert content(live(config, "two")) == files
    assert content(live(replace(config, seed=2), "three")) != files


def test_a_restart_in_between_changes_nothing(
    make: Make, lines: Lines, drop: Drop, people: People, start: datetime
) -> None:
    for name, restarts in (("through", False), ("restarted", True)):
        platform = make(name=name)
        drop(platform, "20261120070000_subscribers.csv", lines(people(200)))
        for day in range(4):
            platform = make(name=name) if restarts else platform
            platform.tick(start + timedelta(days=day))
            platform.export(start + timedelta(days=day, hours=22))
    assert content(make(name="through")) == content(make(name="restarted"))


def test_every_event_is_delivered_once(live: Live) -> None:
    platform = live(Config(reactions=LIVELY, clients=(Account(retention_days=99),)), days=30)
    happened = platform.record().campaigns(exported_only=False)
    for kind in ("clicks", "opens", "automated_opens"):
        rows = list(delivered(platform, kind))
        assert len(rows) == sum(row[f"{kind}_total"] for row in happened)


def test_a_day_is_exported_once(live: Live, start: datetime) -> None:
    platform = live(days=1)
    before = content(platform)
    assert platform.export(start + timedelta(hours=23)) == []
    assert content(platform) == before


def test_a_gap_between_exports_loses_nothing(live: Live) -> None:
    platform = live(days=1)
    platform.export(datetime(2026, 12, 20, 4, tzinfo=UTC))
    record = platform.record()
    assert record.campaigns() == record.campaigns(exported_only=False)
    assert record.campaigns()[0]["opens_total"] > 50


def test_some_people_click_twice_within_a_second(live: Live) -> None:
    shares = replace(Reactions(), clicked=0.5, doubled=0.5)
    rows = Counter(
        tuple(row.values()) for row in delivered(live(Config(reactions=shares)), "clicks")
    )
    assert max(rows.values()) == 2


def test_a_late_bounce_is_first_reported_as_delivered(live: Live) -> None:
    platform = live()
    states: dict[str, list[str]] = defaultdict(list)
    for row in delivered(platform, "mailingrecipients"):
        states[row["id"]].append(row["deliveryStatus"])
    assert ["OK", "HARD"] in states.values()
    assert ["OK", "SOFT"] in states.values()


def test_a_running_mailing_has_no_end_yet_and_comes_again(
    make: Make, lines: Lines, drop: Drop, people: People
) -> None:
    platform = make(Config(mails_per_second=1))
    drop(platform, "20261120070000_subscribers.csv", lines(people(100)))
    now = datetime(2026, 11, 21, 3, 59, 30, tzinfo=UTC)
    platform.tick(now)
    platform.export(now + timedelta(seconds=30))
    assert platform.record().campaigns() == figures(platform)
    wave = platform.record().imports()[0]["mailing_id"]
    assert newest(platform, "mailings")[str(wave)]["finished"] == ""
    platform.export(now + timedelta(days=1))
    assert newest(platform, "mailings")[str(wave)]["finished"] == "2026-11-21 05:01:11"


def test_mailings_that_the_client_never_triggered_appear(live: Live) -> None:
    platform = live(days=3)
    foreign = [row for row in newest(platform, "mailings").values() if not row["compoundMasterId"]]
    assert len(foreign) == 4
    assert all("," in row["mailing.recipientLists"] for row in foreign)
    quiet = live(Config(reactions=replace(LIVELY, foreign_per_day=0)), "quiet", days=3)
    assert len(newest(quiet, "mailings")) == 1


def test_broken_lines_come_on_top_of_the_true_rows(live: Live) -> None:
    config = Config(reactions=LIVELY)
    true = content(live(config, "true"))
    platform = live(replace(config, export=Export(broken_lines=9)), "broken")
    for row in platform.record().files():
        lines, good = content(platform)[row["name"]].splitlines(), true[row["name"]].splitlines()
        assert [line for line in lines if line in good] == good
        broken = 9 if row["rows"] else 0
        assert len(lines) == len(good) + row["broken"] == row["header"] + row["rows"] + broken
    assert platform.record().campaigns() == live(config, "again").record().campaigns()


def test_overlapping_deliveries_bring_the_day_before_again(live: Live) -> None:
    config = Config(reactions=LIVELY)
    once = content(live(config, "once"))
    twice = content(live(replace(config, export=Export(overlap=1)), "twice"))
    days = sorted({name[:8] for name in once})
    for before, day in pairwise(days):
        _, *yesterday = once[f"{before}_opens.csv"].splitlines()
        header, *today = once[f"{day}_opens.csv"].splitlines()
        assert twice[f"{day}_opens.csv"].splitlines() == [header, *yesterday, *today]


def test_with_overlap_a_missing_day_is_made_good_by_the_next(live: Live) -> None:
    whole = live(Config(reactions=LIVELY), "whole")
    export = Export(overlap=1, missing={FIRST: KINDS})
    platform = live(Config(reactions=LIVELY, export=export), "missing")
    assert platform.record().campaigns() == whole.record().campaigns()


def test_identical_rows_stay_in_one_of_several_files(live: Live) -> None:
    shares = replace(Reactions(), clicked=0.5, doubled=0.5)
    platform = live(Config(reactions=shares, export=Export(parts=3)), days=2)
    where: dict[bytes, set[str]] = defaultdict(set)
    for name, text in content(platform).items():
        if "_clicks_" in name:
            for line in text.splitlines()[1:]:
                where[line].add(name)
    assert len({name for names in where.values() for name in names}) == 6
    assert all(len(names) == 1 for names in where.values())


def test_columns_of_the_list_come_back(live: Live) -> None:
    platform = live(Config(reactions=LIVELY, export=Export(extra_columns=("WELLE_ID",))), days=1)
    files = content(platform)
    for kind in KINDS:
        header, *rows = files[f"20261121_{kind}.csv"].decode().splitlines()
        extended = kind not in ("mailings", "links")
        assert header == COLUMNS[kind] + (";WELLE_ID" if extended else "")
        waves = {row.rpartition(";")[2] for row in rows}
        assert not extended or waves <= {"20261120070000", ""}
    assert ";20261120070000\n" in files["20261121_opens.csv"].decode()


def test_quoting_is_minimal_whole_or_bare(live: Live) -> None:
    def start(quoting: str) -> str:
        config = Config(reactions=LIVELY, export=Export(quoting=quoting))
        return content(live(config, quoting, days=1))["20261121_links.csv"].decode()

    assert '"Größe ""L"", Restposten";' in start("minimal")
    assert ';Größe "L", Restposten;' in start("none")
    assert start("all").startswith('"id";"mailingId";')
    assert '"https://blog.shop.example/?a=1;b=2"' in start("none")


def test_an_empty_day_brings_a_header_or_nothing(make: Make, start: datetime) -> None:
    quiet = replace(Reactions(), foreign_per_day=0)
    platform = make(Config(reactions=quiet), "header")
    platform.export(start)
    assert {kind: text.decode() for kind, text in content(platform).items()} == {
        f"20261120_{kind}.csv": f"{COLUMNS[kind]}\n" for kind in KINDS
    }
    platform = make(Config(reactions=quiet, export=Export(empty_days="none")), "none")
    assert platform.export(start) == []


def test_files_beyond_the_retention_are_deleted(live: Live) -> None:
    platform = live(Config(clients=(Account(retention_days=5),)))
    days = sorted({name[:8] for name in content(platform)})
    assert days == [f"202611{day}" for day in range(27, 31)] + ["20261201", "20261202"]


def test_values_that_no_document_names_come_on_request(live: Live) -> None:
    usual = {row["category"] for row in delivered(live(), "responses")}
    shares = replace(LIVELY, unknown_values=True)
    platform = live(Config(reactions=shares), "odd")
    assert {row["category"] for row in delivered(platform, "responses")} - usual == {
        "challenge_response"
    }
    assert platform.record().campaigns() == figures(platform)


def test_the_repeated_hour_of_autumn_holds_more_events_on_request(
    make: Make, lines: Lines, drop: Drop, people: People
) -> None:
    def in_the_hour(*, autumn_hour: bool) -> int:
        shares = replace(LIVELY, autumn_hour=autumn_hour, foreign_per_day=0)
        platform = make(Config(reactions=shares), f"autumn {autumn_hour}")
        drop(platform, "20261024120000_subscribers.csv", lines(people(400)))
        platform.tick(datetime(2026, 10, 24, 10, tzinfo=UTC))
        platform.export(datetime(2026, 10, 26, 4, tzinfo=UTC))
        assert platform.record().campaigns() == figures(platform)
        hours = [row["created"][:13] for row in delivered(platform, "opens")]
        return hours.count("2026-10-25 02")

    assert in_the_hour(autumn_hour=True) > 10 > in_the_hour(autumn_hour=False)


def test_ids_are_beyond_what_a_float_holds(live: Live) -> None:
    numbers = [int(row["id"]) for row in delivered(live(days=1), "mailingrecipients")]
    assert any(int(float(number)) != number for number in numbers)
    assert max(numbers) < 2**63


def test_files_carry_the_time_of_the_platform(live: Live) -> None:
    platform = live(days=1)
    written = {path.stat().st_mtime for path in outgoing(platform).iterdir()}
    assert written == {datetime(2026, 11, 21, 4, tzinfo=UTC).timestamp()}


def test_each_client_has_its_own_files_clock_and_people(
    make: Make, lines: Lines, people: People, start: datetime
) -> None:
    two = (Account(), Account("jp", mailing_group_id=5, timezone="Asia/Tokyo"))
    platform = make(Config(clients=two))
    for client in ("de", "jp"):
        folder = platform.places.root / "sftp" / client / "incoming"
        (folder / "20261120070000_subscribers.csv").write_bytes(lines(people(50)))
    assert [result.client for result in platform.tick(start)] == ["de", "jp"]
    platform.export(datetime(2026, 11, 20, 16, tzinfo=UTC))
    assert platform.record().mailed("de") == platform.record().mailed("jp")
    assert sorted(content(platform))[0].startswith("20261120")
    japan = platform.places.root / "sftp/jp/outgoing/20261121_mailings.csv"
    assert ";5;" in japan.read_text()
    assert "2026-11-20 15:00:00" in japan.read_text()
