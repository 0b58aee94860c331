"""Past runs as an operator asks for them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from closedloop.cli import cli, outcome
from closedloop.core.report import as_json
from closedloop.ledger import Ledger, Run
from closedloop.model.file import Counts
from closedloop.model.run import FileOutcome, FileStatus, PullResult, RunReport
from tests.shops import new_shop

AT = datetime(2026, 11, 20, 6, tzinfo=UTC)
ID = "pull_responses-20261120T060000000000Z"
FILE = FileOutcome(
    "20261120_clicks.csv", "clicks", date(2026, 11, 20), FileStatus.LOADED, Counts(1234, 2)
)

Report = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return new_shop(tmp_path / "shop", rehearsal=False)


@pytest.fixture
def ledger(shop: Path) -> Iterator[Ledger]:
    with Ledger(shop / "var" / "ledger.sqlite") as opened:
        yield opened


@pytest.fixture
def report(shop: Path, capsys: pytest.CaptureFixture[str]) -> Report:
    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = outcome(lambda: cli.main(["-p", str(shop), "report", *words], standalone_mode=False))
        return code, *capsys.readouterr()

    return run


def pulled(*files: FileOutcome, run_id: str = ID, at: datetime = AT) -> Run:
    done = RunReport(run_id, "pull_responses", "de", at, at, PullResult(files))
    later = at + timedelta(seconds=90)
    return Run(run_id, "pull_responses", "de", at, later, done.exit_code, as_json(done))


def failed() -> Run:
    told = json.dumps({"error": "the server is away"})
    return Run("send_newsletter-failed", "send_newsletter", "de", AT, AT, 69, told)


def test_a_run_is_shown_as_it_was_then(ledger: Ledger, report: Report) -> None:
    ledger.put_run(pulled(FILE))
    ledger.put_run(pulled(run_id="pull_responses-idle", at=AT + timedelta(hours=1)))
    code, out, _ = report(ID)
    assert code == 0
    assert "de pull_responses: 1 file, 1,234 rows, 2 rejected" in out
    assert "20261120_clicks.csv" in out


def test_a_jobs_name_stands_for_its_last_run(ledger: Ledger, report: Report) -> None:
    ledger.put_run(pulled(FILE))
    ledger.put_run(pulled(run_id="pull_responses-idle", at=AT + timedelta(hours=1)))
    assert report("pull_responses")[1] == "de pull_responses: nothing new\n"


def test_a_run_that_ended_in_an_error_says_which(ledger: Ledger, report: Report) -> None:
    ledger.put_run(failed())
    _, out, _ = report("send_newsletter")
    assert out == "de send_newsletter: exit 69: the server is away\n"
    told = json.loads(report("send_newsletter", "--json")[1])
    assert (told["run_id"], told["exit_code"], told["error"]) == (
        "send_newsletter-failed",
        69,
        "the server is away",
    )


def test_the_json_of_a_run_is_what_the_run_printed(ledger: Ledger, report: Report) -> None:
    ledger.put_run(pulled(FILE))
    told = json.loads(report(ID, "--json")[1])
    assert told["result"]["files"][0]["counts"]["records"] == 1236


def test_the_last_runs_are_listed_the_latest_first(ledger: Ledger, report: Report) -> None:
    for number in range(25):
        at = AT + timedelta(days=number)
        ledger.put_run(pulled(FILE, run_id=f"pull_responses-{at:%Y%m%d}", at=at))
    ledger.put_run(failed())
    code, out, _ = report()
    lines = [line.split() for line in out.splitlines() if "_responses-" in line or "failed" in line]
    assert (code, len(lines)) == (0, 20)
    assert lines[0][0] == "send_newsletter-failed"
    assert lines[1][:7] == [
        "pull_responses-20261214", "2026-12-14", "07:00", "CET", "90.0", "s", "0",
    ]  # fmt: skip
    listed = json.loads(report("--json")[1])
    assert [one["headline"] for one in listed][:2] == [
        "the server is away",
        "1 file, 1,234 rows, 2 rejected",
    ]


def test_a_run_of_a_job_and_client_that_are_gone_is_still_shown(
    ledger: Ledger, report: Report
) -> None:
    ledger.put_run(replace(pulled(FILE), job="old_pull", client="at"))
    assert "2026-11-20 06:00 UTC" in report()[1]
    assert "1,234 rows" in report("old_pull")[1]


def test_what_another_version_wrote_is_shown_as_it_is(ledger: Ledger, report: Report) -> None:
    ledger.put_run(replace(pulled(), report='{"result": {"odd": 1}}'))
    code, _, err = report(ID)
    assert (code, f"closedloop report {ID} --json" in err) == (1, True)
    assert json.loads(report(ID, "--json")[1])["result"] == {"odd": 1}
    assert "another version" in report()[1]


def test_nothing_is_made_up_where_nothing_ran(shop: Path, report: Report) -> None:
    assert report() == (0, "no job has run yet\n", "")
    code, _, err = report("pull_responses")
    assert (code, err) == (
        2,
        "closedloop: pull_responses has not run yet: closedloop run pull_responses\n",
    )
    code, _, err = report("pull_response")
    assert "did you mean 'pull_responses'?" in err
    assert not (shop / "var" / "ledger.sqlite").exists()
