import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Literal

import pytest

from closedloop.core.report import as_json, gap, headline, rejects, repeats, troubles
from closedloop.model.file import Counts
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
        ("nobody to mail", "nobody is left to mail; nothing was sent"),
        ("dry run", "1,400 of 1,500 would be mailed; nothing was sent"),
        ("unknown", "Ask the platform's support"),
    ],
)
def test_the_headline_of_a_send_says_what_became_of_the_wave(
    outcome: Literal["sent", "already sent", "nobody to mail", "dry run", "unknown"], words: str
) -> None:
    assert words in headline(sent(outcome))


def test_troubles_are_what_failed_and_what_is_missing() -> None:
    assert troubles(report(PullResult((LOADED, REFUSED), (MISSING,)))) == [
        "20261124_opens.csv: refused: half is bad",
        "clicks of 2026-11-23 is missing: 13 days left to fetch it",
    ]


def test_a_send_is_trouble_only_if_its_outcome_is_unknown() -> None:
    assert troubles(sent("sent")) == []
    assert troubles(sent("nobody to mail")) == []
    assert len(troubles(sent("unknown"))) == 1


@pytest.mark.parametrize(
    ("days_left", "words"),
    [(13, "13 days left to fetch it"), (1, "1 day left to fetch it"), (0, "today is the last day")],
)
def test_a_gap_counts_down(days_left: int, words: str) -> None:
    assert gap(replace(MISSING, days_left=days_left)).endswith(words)


def test_rejects_name_column_and_rule() -> None:
    assert rejects(LOADED) == [
        "20261124_clicks.csv: 2 rows rejected: column link_id: not a whole number",
        "20261124_clicks.csv: 1 row rejected: too few fields",
    ]


NOTHING_NEW = PullResult(missing=(MISSING,))


@pytest.mark.parametrize(
    ("now", "before"),
    [
        pytest.param(NOTHING_NEW, NOTHING_NEW, id="the same file is missing"),
        pytest.param(NOTHING_NEW, PullResult((LOADED,), (MISSING,)), id="that run loaded others"),
        pytest.param(PullResult((REFUSED,)), PullResult((LOADED, REFUSED)), id="refused again"),
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
