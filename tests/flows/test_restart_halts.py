"""What suspends more than the job that failed: a halted import, a refused log-in, an error file that can't be read."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from closedloop.core.restart import Act, act_for
from closedloop.errors import ClosedLoopError, LogInRefused, ProjectError, RemoteError, Suspended
from closedloop.model.error_file import Case
from closedloop.remote.memory import MemoryRemote
from tests.flows.desk import Desk

LEFT = (
    b"mailingId;mailingToUserId;mailingGroupId;userId;created\n"
    b"44;1;9;u1@example.com;2026-11-19 12:00:00\n"
)
UPLOAD = "20261124070000_subscribers.csv"
CONSTANT = "/errors/import.error"
NOTED = "20261130_import_error.txt"


class Locked(MemoryRemote):
    """A server that lets nobody in, and counts who knocks."""

    def __init__(self) -> None:
        super().__init__()
        self.knocks = 0

    def listing(self, folder: str) -> list[Any]:  # noqa: ARG002 as the Protocol has it
        self.knocks += 1
        raise LogInRefused("sftp.example.com:22 refused the log-in of 'r_shop'")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def halt_at_no_wave(desk: Desk) -> None:
    """Let the platform stop at something that is no wave of ours, and a send find out."""
    desk.add_errors_folder()
    desk.remote.put(f"/errors/{NOTED}", b"bad", utc("2026-11-24T05:00"))
    with pytest.raises(ClosedLoopError, match="imports nothing more"):
        desk.send()


def settle_a_halt(desk: Desk) -> None:
    desk.add_errors_folder()
    desk.remote.put(CONSTANT, b"1;QUOTING;", utc("2026-11-20T04:00"))
    desk.pull("2026-11-20T05:00")
    desk.restart("assume-sent", "2026-11-20T06:00")
    assert desk.open_errors() == []


def test_a_job_that_shall_continue_still_waits_where_it_could_mail_twice(desk: Desk) -> None:
    desk.edit("jobs/send_newsletter.toml", "schema  ", 'on_error = "continue"\nschema  ')
    desk.add_errors_folder()
    desk.send()
    desk.halt()
    desk.pull()
    with pytest.raises(Suspended):
        desk.send("2026-12-01T06:00")


def test_a_refused_log_in_suspends_every_job_of_the_client(desk: Desk) -> None:
    remote = Locked()
    with pytest.raises(LogInRefused):
        desk.pull(remote=remote)
    for again in (desk.pull, desk.send):
        with pytest.raises(Suspended, match="log-in refused"):
            again(remote=remote)
    assert remote.knocks == 1
    assert desk.open_errors()[0].case is Case.REFUSED_LOG_IN
    desk.restart()
    assert desk.open_errors() == []


@pytest.mark.parametrize("seen_by", ["pull", "send"])
def test_the_platforms_error_file_suspends_the_sends_of_the_client(
    desk: Desk, seen_by: str
) -> None:
    desk.add_errors_folder()
    desk.send()
    desk.halt()
    if seen_by == "pull":
        desk.pull("2026-11-24T06:20")
    else:
        with pytest.raises(ClosedLoopError, match="imports nothing more"):
            desk.send("2026-12-01T06:00")
    with pytest.raises(Suspended, match="import halted"):
        desk.send("2026-12-01T06:10")
    error = desk.open_error()
    assert (error.job, error.halt) == ("send_newsletter", f"{UPLOAD}.error")
    assert error.wave
    assert error.wave.wave_id == 20261124070000
    assert desk.pull("2026-12-01T06:20").exit_code == 0


def test_an_error_file_of_the_platform_about_nothing_of_ours_can_only_be_acknowledged(
    desk: Desk,
) -> None:
    desk.add_errors_folder()
    desk.halt("20250101000000_subscribers.csv")
    desk.pull()
    with pytest.raises(ProjectError, match="names no wave of ours"):
        desk.restart("resend")
    desk.restart("assume-sent")
    assert desk.send().exit_code == 0


def test_a_halt_at_no_wave_of_ours_offers_no_decision_about_one(desk: Desk) -> None:
    halt_at_no_wave(desk)
    error = desk.open_error()
    assert error.problem.endswith("it names no wave of ours")
    assert [step.command for step in error.next_steps] == [
        "closedloop restart send_newsletter --dry-run",
        "closedloop restart send_newsletter",
        "closedloop restart send_newsletter --assume-sent",
    ]
    assert act_for(error, None) is Act.LOOK
    assert act_for(error, "assume-sent") is Act.ACKNOWLEDGE


def test_a_restart_ends_a_halt_at_no_wave_of_ours_once_its_file_is_gone(desk: Desk) -> None:
    halt_at_no_wave(desk)
    with pytest.raises(Suspended, match="still lies in the errors folder"):
        desk.restart()
    desk.remote.remove(f"/errors/{NOTED}")
    desk.restart()
    assert (desk.open_errors(), desk.ending()) == ([], "itself")
    assert desk.send("2026-11-24T07:00").exit_code == 0


@pytest.mark.parametrize("run", ["pull", "send"])
def test_the_next_run_ends_a_halt_at_no_wave_of_ours_once_its_file_is_gone(
    desk: Desk, run: str
) -> None:
    halt_at_no_wave(desk)
    with pytest.raises(Suspended, match=r"since 2026-11-24 07:00 CET \(import halted\)"):
        desk.send("2026-11-24T06:10")
    desk.pull("2026-11-24T06:20")
    error = desk.open_error()
    assert (error.run, error.stage) == ("send_newsletter-20261124T060000000000Z", "settle")
    desk.remote.remove(f"/errors/{NOTED}")
    assert getattr(desk, run)("2026-11-24T06:30").exit_code == 0
    assert (desk.open_errors(), desk.ending()) == ([], "itself")
    assert len(desk.uploads()) == (run == "send")


def test_a_suspended_send_whose_server_is_away_stays_suspended(desk: Desk) -> None:
    class Away(MemoryRemote):
        def listing(self, folder: str) -> list[Any]:
            raise RemoteError(f"{folder}: the server is away", transient=True)

    halt_at_no_wave(desk)
    with pytest.raises(Suspended):
        desk.send("2026-11-24T06:10", remote=Away())


def test_a_log_in_refused_while_looking_for_the_halt_is_not_tried_again(desk: Desk) -> None:
    halt_at_no_wave(desk)
    remote = Locked()
    with pytest.raises(LogInRefused):
        desk.send("2026-11-24T06:10", remote=remote)
    for minute in (20, 30):
        with pytest.raises(Suspended):
            desk.send(f"2026-11-24T06:{minute}", remote=remote)
    assert remote.knocks == 1


@pytest.mark.parametrize(
    ("content", "modified"),
    [
        pytest.param(b"1;QUOTING;", "2026-11-23T04:00", id="later"),
        pytest.param(b"1;QUOTING;2;QUOTING;", "2026-11-20T04:00", id="larger"),
    ],
)
def test_another_error_file_of_a_settled_ones_name_stops_the_sends_again(
    desk: Desk, content: bytes, modified: str
) -> None:
    settle_a_halt(desk)
    desk.remote.put(CONSTANT, content, utc(modified))
    with pytest.raises(ClosedLoopError, match="imports nothing more"):
        desk.send()
    error = desk.open_error()
    (note,) = error.files
    assert (error.halt, note.size, note.modified) == (
        "import.error",
        len(content),
        utc(modified),
    )


def test_a_settled_error_file_of_the_platform_may_lie_there(desk: Desk) -> None:
    settle_a_halt(desk)
    assert desk.pull("2026-11-24T05:00").exit_code == 0
    assert desk.send().exit_code == 0
    assert desk.open_errors() == []


def test_a_settled_error_file_that_noted_no_time_goes_by_its_name(desk: Desk) -> None:
    settle_a_halt(desk)
    (path,) = (desk.root / "var" / "errors" / "resolved").glob("*.json")
    kept = json.loads(path.read_text())
    path.write_text(json.dumps(kept | {"files": []}))
    desk.remote.put(CONSTANT, b"1;", utc("2026-11-23T04:00"))
    assert desk.send().exit_code == 0


def test_an_error_file_that_the_platform_replaced_while_it_was_open_is_settled_with_the_first(
    desk: Desk,
) -> None:
    desk.add_errors_folder()
    desk.remote.put(CONSTANT, b"1;QUOTING;", utc("2026-11-20T04:00"))
    desk.pull("2026-11-20T05:00")
    desk.remote.put(CONSTANT, b"2;QUOTING;", utc("2026-11-20T05:10"))
    desk.pull("2026-11-20T05:20")
    assert len(desk.open_error().files) == 2
    desk.restart("assume-sent", "2026-11-20T06:00")
    assert desk.send().exit_code == 0


def is_not_let_in(desk: Desk) -> None:
    with pytest.raises(LogInRefused):
        desk.pull(remote=Locked())


def is_halted(desk: Desk) -> None:
    desk.add_errors_folder()
    desk.send()
    desk.halt()
    desk.pull("2026-11-24T06:20")


@pytest.mark.parametrize("act", [is_not_let_in, is_halted, halt_at_no_wave])
def test_the_document_shows_what_is_written(
    desk: Desk, samples: list[str], act: Callable[[Desk], None]
) -> None:
    act(desk)
    assert desk.open_error().model_dump_json(indent=2, exclude_none=True) in samples


def test_an_unreadable_error_file_stops_all_jobs(desk: Desk) -> None:
    errors = desk.root / "var" / "errors"
    errors.mkdir(parents=True)
    (errors / "send_newsletter-x.json").write_text("{")
    for run in (desk.pull, desk.send):
        with pytest.raises(Suspended, match="can't be read as an error file"):
            run()


def test_an_unreadable_error_file_that_was_put_away_stops_nothing(desk: Desk) -> None:
    desk.add_errors_folder()
    desk.halt("20250101000000_subscribers.csv")
    resolved = desk.root / "var" / "errors" / "resolved"
    resolved.mkdir(parents=True)
    (resolved / "send_newsletter-x.json").write_text("{")
    desk.pull()
    assert desk.open_error().case == "import halted"
    desk.restart("assume-sent")
    assert desk.send().exit_code == 0


def test_two_error_files_of_one_job_do_not_lock_each_other(desk: Desk) -> None:
    desk.edit("closedloop.toml", 'download       = "/outgoing"', 'download = "/outgone"')
    with pytest.raises(ClosedLoopError):
        desk.pull()
    with pytest.raises(LogInRefused):
        desk.restart(remote=Locked())
    assert len(desk.open_errors()) == 2
    desk.edit("closedloop.toml", 'download = "/outgone"', 'download = "/outgoing"')
    desk.put("20261120_unsubscribes.csv", LEFT)
    desk.restart()
    assert desk.open_errors() == []
