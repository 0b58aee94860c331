"""What the platform exports: all that happened, each event once, under the documented names and columns."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from closedloop.emulator.config import KINDS, Account, Config, Export, Reactions
from tests.emulator.exported import (
    COLUMNS,
    LIVELY,
    Drop,
    Lines,
    Live,
    Make,
    People,
    content,
    delivered,
    figures,
    newest,
    outgoing,
)

FIRST = date(2026, 11, 21)


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
    assert content(make(name="through")) == content(make(name="restarted")) != {}


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


def test_files_beyond_the_retention_are_deleted(live: Live) -> None:
    platform = live(Config(clients=(Account(retention_days=5),)))
    days = sorted({name[:8] for name in content(platform)})
    assert days == [f"202611{day}" for day in range(27, 31)] + ["20261201", "20261202"]


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
    assert platform.record().mailed("de") == platform.record().mailed("jp") != {}
    assert sorted(content(platform))[0].startswith("20261120")
    japan = platform.places.root / "sftp/jp/outgoing/20261121_mailings.csv"
    assert ";5;" in japan.read_text()
    assert "2026-11-20 15:00:00" in japan.read_text()
