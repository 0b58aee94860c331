"""Every run that told a person of something can be looked up by the name that the person was told."""

from collections.abc import Callable
from typing import Any

import pytest

from closedloop.errors import ClosedLoopError, ImportHalted, RemoteError
from closedloop.ledger import Ledger, Run
from closedloop.remote.memory import MemoryRemote
from tests.flows.desk import Desk

CLICKS = b"linkId;mailingId;mailingToUserId;mailingGroupId;userId;created\n"


class Odd(MemoryRemote):
    """A remote with a bug of its own."""

    def listing(self, folder: str) -> Any:
        raise ZeroDivisionError(folder)


@pytest.fixture
def row(desk: Desk) -> Callable[[str], Run | None]:
    """Look a run up by its name."""

    def find(run_id: str) -> Run | None:
        with Ledger(desk.state.ledger) as ledger:
            return ledger.run(run_id)

    return find


def test_a_pull_that_found_nothing_but_gaps_keeps_its_row(
    desk: Desk, row: Callable[[str], Run | None]
) -> None:
    desk.put("20261118_clicks.csv", CLICKS, "2026-11-18T04:00")
    desk.pull("2026-11-18T12:00")
    told = desk.pull("2026-11-20T12:00").run_id
    desk.pull("2026-11-20T12:10")
    silent = desk.pull("2026-11-20T12:20").run_id
    found = row(told)
    assert found
    assert '"missing": [{' in found.report
    assert (silent, bool(row(silent))) == ("pull_responses-idle", True)


def test_a_pull_that_found_the_platform_halted_keeps_its_row(
    desk: Desk, row: Callable[[str], Run | None]
) -> None:
    desk.add_errors_folder()
    desk.pull("2026-11-20T12:00")
    desk.remote.put("/errors/20261120_import_error.txt", b"bad")
    desk.pull("2026-11-20T12:10")
    assert desk.pull("2026-11-20T12:20").run_id == "pull_responses-idle"
    (error,) = desk.open_errors()
    assert error.run == "pull_responses-20261120T121000000000Z"
    assert row(error.run)


def test_a_run_that_an_error_file_is_about_keeps_its_row(
    desk: Desk, row: Callable[[str], Run | None]
) -> None:
    desk.add_errors_folder()
    desk.remote.put("/errors/20261120_import_error.txt", b"bad")
    with pytest.raises(ImportHalted):
        desk.send("2026-11-24T06:00")
    (error,) = desk.open_errors()
    found = row(error.run)
    assert found
    assert (found.exit_code, "20261120_import_error.txt" in found.report) == (1, True)


def test_a_run_that_a_bug_ended_keeps_its_row_without_what_the_bug_says(
    desk: Desk, row: Callable[[str], Run | None]
) -> None:
    with pytest.raises(ZeroDivisionError):
        desk.pull(remote=Odd())
    found = row(desk.open_errors()[0].run)
    assert found
    assert (found.exit_code, "/outgoing" in found.report) == (70, False)
    assert '"error": "zero division error in ' in found.report


def test_runs_that_will_go_through_another_time_share_a_row(
    desk: Desk, row: Callable[[str], Run | None]
) -> None:
    class Away(MemoryRemote):
        def listing(self, folder: str) -> Any:
            raise RemoteError(f"{folder}: the server is away", transient=True)

    for minutes in (0, 10):
        with pytest.raises(ClosedLoopError):
            desk.pull(f"2026-11-20T12:{minutes:02}", remote=Away())
    found = row("pull_responses-failed")
    assert found
    assert (found.started.minute, found.exit_code) == (10, 69)
    with Ledger(desk.state.ledger) as ledger:
        assert len(ledger.latest_runs(9)) == 1


def test_what_an_earlier_error_left_in_the_ledger_is_no_report(desk: Desk) -> None:
    done = desk.pull("2026-11-20T12:00")
    with pytest.raises(ZeroDivisionError):
        desk.pull("2026-11-20T12:10", remote=Odd())
    with Ledger(desk.state.ledger) as ledger:
        assert f'"run_id": "{done.run_id}"' in (ledger.last_report("pull_responses") or "")
