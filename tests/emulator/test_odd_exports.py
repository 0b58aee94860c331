"""Exports as they come on request: withheld, late, broken, overlapping, in parts, in other dialects."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise

from closedloop.emulator.config import KINDS, Config, Export, Reactions
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
    outgoing,
)

FIRST = date(2026, 11, 21)


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


def test_broken_lines_come_on_top_of_the_true_rows(live: Live) -> None:
    config = Config(reactions=LIVELY)
    true = content(live(config, "true"))
    platform = live(replace(config, export=Export(broken_lines=9)), "broken")
    assert sum(row["broken"] for row in platform.record().files()) > 9
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
