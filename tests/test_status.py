import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from closedloop.core.report import as_json as report_text
from closedloop.core.trouble import Failure, describe
from closedloop.ledger import Ledger, Run
from closedloop.model.error_file import Case, Problem
from closedloop.model.file import Counts, FileIdentity, Load
from closedloop.model.run import FileOutcome, FileStatus, MissingFile, PullResult, RunReport
from closedloop.model.wave import Wave, WaveState
from closedloop.project import Project, load_project
from closedloop.status import JobStatus, as_json, glance, table
from tests.shops import new_shop

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WAVE = Wave(
    client="de", wave_id=20261117060000, job="send_newsletter", source_mailing=1, file="x.csv",
    slot=NOW, test=False, state=WaveState.PUBLISHED, selected=3, written=3, dropped={}, size=1,
    sha256="", built_at=NOW,
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Project:
    new_shop(tmp_path, rehearsal=False)
    return load_project(tmp_path)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def seen(project: Project, ledger: Ledger) -> dict[str, JobStatus]:
    return {status.job: status for status in glance(project, ledger, [], NOW)}


def ran(code: int, *missing: MissingFile, files: tuple[FileOutcome, ...] = ()) -> Run:
    report = RunReport("r", "pull_responses", "de", NOW, NOW, PullResult(files, missing))
    return Run("r", "pull_responses", "de", NOW, NOW, code, report_text(report))


def failed(code: int, sentence: str) -> Run:
    return Run("f", "send_newsletter", "de", NOW, NOW, code, json.dumps({"error": sentence}))


def test_a_job_that_never_ran_has_a_next_slot_only(project: Project, ledger: Ledger) -> None:
    status = seen(project, ledger)["send_newsletter"]
    assert (status.last_run, status.exit_code, status.sentences) == (None, None, ())
    assert status.next_slot == datetime(2026, 11, 24, 5, tzinfo=UTC)
    assert status.as_row()[2:4] == ("-", "never ran")


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(0, "ok"), (1, "failed"), (2, "wrong setting"), (69, "unreachable"), (75, "had to wait")],
)
def test_the_last_run_says_how_it_ended(
    project: Project, ledger: Ledger, code: int, outcome: str
) -> None:
    ledger.put_run(ran(code))
    assert seen(project, ledger)["pull_responses"].as_row()[3] == outcome


def test_times_are_in_the_clients_zone_and_say_so(project: Project, ledger: Ledger) -> None:
    ledger.put_run(ran(0))
    status = seen(project, ledger)["pull_responses"]
    assert (status.as_row()[2], status.as_row()[4]) == (
        "2026-11-20 13:00 CET",
        "2026-11-20 13:10 CET",
    )


def test_the_client_is_told_where_there_are_several(project: Project, ledger: Ledger) -> None:
    jobs = glance(project, ledger, [], NOW)
    assert table(jobs)[0] == ("job", "last run", "outcome", "next slot")
    head, rows = table([*jobs, replace(jobs[0], client="at")])
    assert head[1] == "client"
    assert [row[1] for row in rows] == ["de", "de", "at"]


def test_a_pull_that_failed_says_why(project: Project, ledger: Ledger) -> None:
    bad = FileOutcome(
        "20261120_opens.csv", "opens", NOW.date(), FileStatus.REFUSED, detail="half is bad"
    )
    good = replace(
        bad, name="20261120_clicks.csv", status=FileStatus.LOADED, counts=Counts(7, 1), detail=""
    )
    ledger.put_run(ran(1, files=(good, bad)))
    assert seen(project, ledger)["pull_responses"].sentences[:2] == (
        "pull_responses: 20261120_opens.csv: refused: half is bad",
        "pull_responses: 20261120_clicks.csv: 1 of 8 rows rejected",
    )


def test_a_run_that_ended_in_an_error_says_which(project: Project, ledger: Ledger) -> None:
    ledger.put_run(failed(69, "the server refuses\nthe key"))
    assert seen(project, ledger)["send_newsletter"].sentences[:2] == (
        "send_newsletter: the server refuses",
        "send_newsletter: the key",
    )


OVERDUE = (
    "send_newsletter: slot 2026-11-17 06:00 CET has had no wave yet: closedloop run send_newsletter"
)
SLOT = datetime(2026, 11, 17, 5, tzinfo=UTC)
A_WEEK_AGO = SLOT - timedelta(days=7)


def test_a_slot_without_its_wave_is_named_once_a_job_sends(
    project: Project, ledger: Ledger
) -> None:
    ledger.put_wave(replace(WAVE, slot=A_WEEK_AGO, built_at=A_WEEK_AGO, seen=3))
    assert seen(project, ledger)["send_newsletter"].sentences == (OVERDUE,)
    ledger.put_wave(replace(WAVE, wave_id=WAVE.wave_id + 1, slot=SLOT, built_at=SLOT))
    assert seen(project, ledger)["send_newsletter"].sentences == ()


def test_the_command_for_a_slot_without_its_wave_is_a_next_step(
    project: Project, ledger: Ledger
) -> None:
    ledger.put_run(failed(75, "held"))
    (step,) = seen(project, ledger)["send_newsletter"].next_steps
    assert step.command == "closedloop run send_newsletter"


def test_a_suspended_job_is_not_told_to_run_and_says_once_what_halted_it(
    project: Project, ledger: Ledger
) -> None:
    ledger.put_run(failed(1, "the platform left x.error in /errors: nothing was sent"))
    problem = Problem(error="ImportHalted", sentence="the platform left x.error in its folder")
    failure = Failure(Case.HALTED_IMPORT, (problem,), halt="x.error")
    error = describe(failure, project.jobs["send_newsletter"], "r", NOW)
    sent = next(
        status
        for status in glance(project, ledger, [error], NOW)
        if status.job == "send_newsletter"
    )
    halted, overdue = sent.sentences
    assert halted.endswith(
        "the platform left x.error in its folder; see closedloop restart send_newsletter --dry-run"
    )
    assert overdue == "send_newsletter: slot 2026-11-17 06:00 CET has had no wave yet"
    assert "closedloop run send_newsletter" not in [step.command for step in sent.next_steps]


def test_a_slot_without_its_wave_is_named_after_a_failure(project: Project, ledger: Ledger) -> None:
    ledger.put_run(failed(75, "held"))
    assert seen(project, ledger)["send_newsletter"].sentences == ("send_newsletter: held", OVERDUE)


def test_test_waves_fill_no_slot_and_begin_nothing(project: Project, ledger: Ledger) -> None:
    ledger.put_wave(replace(WAVE, slot=None, test=True))
    assert seen(project, ledger)["send_newsletter"].sentences == ()


def loaded(schema: str, day: date) -> Load:
    name = f"{day:%Y%m%d}_{schema}.csv"
    return Load(FileIdentity("de", schema, name, day, 1, NOW, ""), Counts(1), NOW)


def test_what_never_came_is_named_with_the_days_left_as_of_now(
    project: Project, ledger: Ledger
) -> None:
    days = [date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)]
    for day in days:
        for schema in project.jobs["pull_responses"].model_dump()["schemas"]:
            if (schema, day) != ("clicks", days[1]):
                ledger.put_load(loaded(schema, day))
    # What the last run missed came meanwhile, or has fewer days left by now.
    ledger.put_run(ran(0, MissingFile("opens", days[0], 13)))
    status = seen(project, ledger)["pull_responses"]
    assert status.sentences == (
        "pull_responses: clicks of 2026-11-19 is missing: 13 days left to fetch it",
        "pull_responses: ask the platform's support for files that stay away; once they lie on the server: closedloop run pull_responses",
    )
    assert [step.command for step in status.next_steps] == ["closedloop run pull_responses"]
    assert status.as_dict()["missing"] == [
        {"schema": "clicks", "day": "2026-11-19", "days_left": 13}
    ]


def test_what_is_lost_is_named_for_a_while_with_what_may_help(
    project: Project, ledger: Ledger
) -> None:
    every = project.jobs["pull_responses"].model_dump()["schemas"]
    for back in range(40):
        day = NOW.date() - timedelta(days=back)
        for schema in every:
            if back not in {16, 17, 29} and (schema, back) not in {("opens", 28), ("clicks", 20)}:
                ledger.put_load(loaded(schema, day))
    status = seen(project, ledger)["pull_responses"]
    assert status.sentences[0] == (
        "pull_responses: never came, and the server keeps them no longer: opens of 2026-10-23; clicks of 2026-10-31; "
        "all eight files of 2026-11-03 to 2026-11-04"
    )
    assert status.sentences[1].endswith("closedloop run pull_responses")
    assert status.missing == ()
    assert status.as_dict()["lost"][0] == {"schema": "opens", "day": "2026-10-23", "days_left": -14}


@pytest.mark.parametrize("status", [FileStatus.WAITING, FileStatus.UNREACHABLE])
def test_a_file_that_is_there_and_waits_is_not_missing(
    project: Project, ledger: Ledger, status: FileStatus
) -> None:
    day = NOW.date()
    *schemas, last = project.jobs["pull_responses"].model_dump()["schemas"]
    for schema in schemas:
        ledger.put_load(loaded(schema, day))
    assert seen(project, ledger)["pull_responses"].missing == (MissingFile(last, day, 14),)
    ledger.put_run(ran(0, files=(FileOutcome(f"20261120_{last}.csv", last, day, status),)))
    assert seen(project, ledger)["pull_responses"].missing == ()


def test_a_wave_that_nothing_shows_is_named_by_age(project: Project, ledger: Ledger) -> None:
    ledger.put_wave(WAVE)
    ledger.put_wave(replace(WAVE, wave_id=1, seen=3))
    ledger.put_wave(replace(WAVE, wave_id=2, built_at=A_WEEK_AGO))
    status = seen(project, ledger)["send_newsletter"]
    assert [sentence.split(":")[0] for sentence in status.unconfirmed] == [
        "wave 2",
        f"wave {WAVE.wave_id}",
    ]
    (sentence,) = [sentence for sentence in status.sentences if "no response data" in sentence]
    assert "wave 2 (3 recipients) went out 10 days ago" in sentence


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (WaveState.UNKNOWN, "then: closedloop restart send_newsletter"),
        (WaveState.STAGED, "is staged; the next run looks at the server before it goes on"),
        (WaveState.PUBLISHING, "is publishing; the next run looks at the server"),
    ],
)
def test_a_wave_that_waits_is_named(
    project: Project, ledger: Ledger, state: WaveState, words: str
) -> None:
    ledger.put_wave(replace(WAVE, state=state))
    (sentence,) = seen(project, ledger)["send_newsletter"].sentences
    assert words in sentence


def test_a_wave_that_went_out_needs_nobody(project: Project, ledger: Ledger) -> None:
    ledger.put_wave(WAVE)
    ledger.put_wave(replace(WAVE, wave_id=1, job="another", state=WaveState.UNKNOWN))
    assert seen(project, ledger)["send_newsletter"].sentences == ()


def test_the_same_for_machines_is_plain(project: Project, ledger: Ledger) -> None:
    ledger.put_run(replace(ran(0), started=NOW - timedelta(minutes=5)))
    plain = seen(project, ledger)["pull_responses"].as_dict()
    assert plain["timezone"] == "Europe/Berlin"
    assert plain["last_run"] == "2026-11-20T11:55:00+00:00"
    assert plain["next_slot"] == "2026-11-20T12:10:00+00:00"


def test_a_suspended_job_says_why_and_what_to_type(project: Project, ledger: Ledger) -> None:
    job = project.jobs["send_newsletter"]
    failure = Failure(Case.HALTED_IMPORT, (Problem(error="ImportHalted", sentence="it stopped"),))
    error = describe(failure, job, "r", NOW)
    jobs = {status.job: status for status in glance(project, ledger, [error], NOW)}
    sent, pulled = jobs["send_newsletter"], jobs["pull_responses"]
    assert (sent.as_row()[3], pulled.as_row()[3]) == ("suspended", "never ran")
    (sentence,) = sent.sentences
    assert sentence == (
        "send_newsletter: suspended since 2026-11-20 13:00 CET, import halted: it stopped; see closedloop restart "
        "send_newsletter --dry-run"
    )
    told = json.loads(as_json(list(jobs.values()), [], 7, ["1 letter not delivered yet"]))
    steps = told["jobs"][list(jobs).index("send_newsletter")]["next_steps"]
    assert [step["command"] for step in steps] == [
        "closedloop restart send_newsletter --dry-run",
        "closedloop restart send_newsletter",
        "closedloop restart send_newsletter --assume-sent",
    ]
    assert told["state"] == {
        "free_bytes": 7,
        "holds": [],
        "waiting": ["1 letter not delivered yet"],
    }
