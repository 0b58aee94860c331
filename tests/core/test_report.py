import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import pytest

from closedloop.core.report import (
    as_json,
    from_json,
    gaps,
    headline,
    number,
    rejects,
    repeats,
    troubles,
)
from closedloop.model.file import Counts
from closedloop.model.job import RESPONSE_SCHEMAS
from closedloop.model.run import (
    FileOutcome,
    FileStatus,
    MissingFile,
    PullResult,
    RunReport,
    SendResult,
)
from closedloop.model.wave import Wave, WaveState

NOW = datetime(2026, 11, 24, 5, 0, 7, tzinfo=UTC)
DAY = date(2026, 11, 24)
MISSING = MissingFile("clicks", date(2026, 11, 23), 13)
LOADED = FileOutcome(
    "20261124_clicks.csv",
    "clicks",
    DAY,
    FileStatus.LOADED,
    Counts(loaded=1200, quarantined=3, blank=1, header=1),
    rejects=(("link_id", "not a whole number", 2), ("", "too few fields", 1)),
)
REFUSED = FileOutcome("20261124_opens.csv", "opens", DAY, FileStatus.REFUSED, detail="half is bad")
WAVE = Wave(
    client="de", wave_id=20261124060007, job="send_newsletter", source_mailing=1, file="x.csv",
    slot=NOW, test=False, state=WaveState.PUBLISHED, selected=1500, written=1400,
    dropped={"duplicate": 100}, size=1, sha256="", built_at=NOW,
)  # fmt: skip


def report(result: PullResult | SendResult) -> RunReport:
    return RunReport("run-1", "home", "de", NOW, NOW, result)


def sent(
    outcome: Literal["sent", "already sent", "nobody to mail", "dry run", "unknown"],
) -> RunReport:
    return report(SendResult(WAVE, outcome))


def test_json_holds_the_whole_report() -> None:
    given = json.loads(as_json(report(PullResult((LOADED,), (MISSING,), ignored=2))))
    assert given["started"] == "2026-11-24T05:00:07+00:00"
    assert given["exit_code"] == 0
    assert given["result"]["files"][0]["status"] == "loaded"
    assert given["result"]["files"][0]["counts"]["records"] == 1205
    assert given["result"]["missing"] == [
        {"schema": "clicks", "day": "2026-11-23", "days_left": 13}
    ]


def test_json_of_a_wave_holds_its_counts() -> None:
    wave = json.loads(as_json(sent("sent")))["result"]["wave"]
    assert (wave["selected"], wave["written"], wave["dropped"]) == (1500, 1400, {"duplicate": 100})
    assert wave["state"] == "published"


@pytest.mark.parametrize(
    ("result", "line"),
    [
        pytest.param(PullResult(), "nothing new", id="nothing"),
        pytest.param(PullResult((LOADED,)), "1 file, 1,200 rows, 3 rejected", id="loaded"),
        pytest.param(
            PullResult((LOADED, REFUSED)), "2 files, 1,200 rows, 3 rejected, 1 failed", id="refused"
        ),
    ],
)
def test_the_headline_of_a_pull_counts(result: PullResult, line: str) -> None:
    assert headline(report(result)) == f"de home: {line}"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("sent", "wave 20261124060007 is on its way: 1,400 recipients in x.csv"),
        ("already sent", "--again sends another one on purpose"),
        ("nobody to mail", "nobody is left to mail of 1,500 selected (100 duplicate)"),
        ("dry run", "1,400 of 1,500 would be mailed; nothing was sent"),
        ("unknown", "Ask the platform's support"),
    ],
)
def test_the_headline_of_a_send_says_what_became_of_the_wave(
    outcome: Literal["sent", "already sent", "nobody to mail", "dry run", "unknown"], words: str
) -> None:
    assert words in headline(sent(outcome))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(PullResult(), id="nothing new"),
        pytest.param(PullResult((LOADED, REFUSED), (MISSING,), ignored=2), id="pulled"),
        pytest.param(SendResult(WAVE, "sent", ("a;b",)), id="sent"),
        pytest.param(SendResult(None, "nobody to mail"), id="nobody"),
    ],
)
def test_a_report_comes_back_from_its_json(given: PullResult | SendResult) -> None:
    assert from_json(as_json(report(given))) == report(given)


def test_troubles_are_what_failed_what_was_rejected_and_what_is_missing() -> None:
    kept = replace(LOADED, quarantine="var/quarantine/de/20261124_clicks.csv")
    assert troubles(report(PullResult((kept, REFUSED), (MISSING,)))) == [
        "20261124_opens.csv: refused: half is bad",
        "20261124_clicks.csv: 3 of 1,203 rows rejected; they are in var/quarantine/de/20261124_clicks.csv",
        "clicks of 2026-11-23 is missing: 13 days left to fetch it",
    ]


def test_a_file_is_named_once_in_a_trouble() -> None:
    refused = replace(REFUSED, detail="20261124_opens.csv: half is bad")
    assert troubles(report(PullResult((refused,)))) == ["20261124_opens.csv: refused: half is bad"]


def test_rejected_rows_are_told_and_are_no_failure() -> None:
    pulled = report(PullResult((LOADED,)))
    assert (len(troubles(pulled)), pulled.exit_code) == (1, 0)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("sent", 0), ("already sent", 0), ("dry run", 0), ("nobody to mail", 1), ("unknown", 1)],
)
def test_a_send_is_trouble_if_no_wave_is_known_to_be_on_its_way(
    outcome: Literal["sent", "already sent", "nobody to mail", "dry run", "unknown"], code: int
) -> None:
    assert (len(troubles(sent(outcome))), sent(outcome).exit_code) == (code, code)


def test_a_selection_that_is_empty_is_said_to_be_so() -> None:
    empty = SendResult(replace(WAVE, selected=0, written=0, dropped={}), "nobody to mail")
    assert "nobody was selected" in headline(report(empty))


def test_one_recipient_is_one() -> None:
    assert "1 recipient in x.csv" in headline(report(SendResult(replace(WAVE, written=1), "sent")))
    assert number(0, "row") == "0 rows"


@pytest.mark.parametrize(
    ("days_left", "words"),
    [
        (13, "13 days left to fetch it"),
        (1, "1 day left to fetch it"),
        (0, "today is the last day to fetch it"),
    ],
)
def test_a_gap_counts_down(days_left: int, words: str) -> None:
    (sentence,) = gaps([replace(MISSING, days_left=days_left)])
    assert sentence.endswith(words)


def test_the_gaps_of_a_day_are_one_sentence() -> None:
    whole_day = [MissingFile(schema, DAY, 14) for schema in RESPONSE_SCHEMAS]
    assert gaps([MISSING, replace(MISSING, schema="opens"), *whole_day]) == [
        "clicks, opens of 2026-11-23 are missing: 13 days left to fetch them",
        "all eight files of 2026-11-24 are missing: 14 days left to fetch them",
    ]


def test_days_in_a_row_that_miss_the_same_are_one_sentence() -> None:
    row = [MissingFile("clicks", DAY + timedelta(days=day), 3 + day) for day in range(5)]
    later = [MissingFile("clicks", DAY + timedelta(days=6), 9)]
    assert gaps([*row, *later]) == [
        "clicks of 2026-11-24 to 2026-11-28 are missing: 3 days left to fetch the first of them",
        "clicks of 2026-11-30 is missing: 9 days left to fetch it",
    ]
    assert gaps([*row[:1], MissingFile("opens", DAY, 3), *row[1:2]]) == [
        "clicks, opens of 2026-11-24 are missing: 3 days left to fetch them",
        "clicks of 2026-11-25 is missing: 4 days left to fetch it",
    ]


def test_rejects_name_column_and_rule() -> None:
    assert rejects(LOADED) == [
        "20261124_clicks.csv: 2 rows rejected: column link_id: not a whole number",
        "20261124_clicks.csv: 1 row rejected: too few fields",
    ]


NOTHING_NEW = PullResult(missing=(MISSING,))
WAITING = replace(REFUSED, status=FileStatus.WAITING, detail="")


@pytest.mark.parametrize(
    ("now", "before"),
    [
        pytest.param(NOTHING_NEW, NOTHING_NEW, id="the same file is missing"),
        pytest.param(NOTHING_NEW, PullResult((LOADED,), (MISSING,)), id="that run loaded others"),
        pytest.param(PullResult((REFUSED,)), PullResult((LOADED, REFUSED)), id="refused again"),
        pytest.param(PullResult((WAITING,), (MISSING,)), NOTHING_NEW, id="one is still written"),
        pytest.param(PullResult(), PullResult(), id="all is well"),
    ],
)
def test_a_run_without_news_repeats_the_last_one(now: PullResult, before: PullResult) -> None:
    assert repeats(report(now), as_json(report(before)))


@pytest.mark.parametrize(
    ("now", "before"),
    [
        pytest.param(NOTHING_NEW, PullResult(), id="a file is missing now"),
        pytest.param(
            PullResult(missing=(replace(MISSING, days_left=12),)), NOTHING_NEW, id="a day later"
        ),
        pytest.param(PullResult((LOADED,), (MISSING,)), NOTHING_NEW, id="something was loaded"),
        pytest.param(PullResult((REFUSED,)), PullResult(), id="a file is refused now"),
        pytest.param(
            PullResult((REFUSED,)),
            PullResult((replace(REFUSED, detail="all is bad"),)),
            id="refused for another reason",
        ),
    ],
)
def test_a_run_with_news_repeats_nothing(now: PullResult, before: PullResult) -> None:
    assert not repeats(report(now), as_json(report(before)))


def test_a_first_run_and_a_send_repeat_nothing() -> None:
    assert not repeats(report(NOTHING_NEW), None)
    assert not repeats(sent("unknown"), as_json(sent("unknown")))
