"""What a failure leaves behind, whom it suspends, and how a restart goes on."""

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from closedloop.core.restart import Act, Choice, act_for
from closedloop.errors import (
    ClosedLoopError,
    LogInRefused,
    OutcomeUnknown,
    ProjectError,
    RemoteError,
    Suspended,
)
from closedloop.ledger import Ledger
from closedloop.model.error_file import Case, ErrorFile
from closedloop.model.run import FileStatus, PullResult, RunReport, SendResult
from closedloop.model.wave import Wave, WaveState
from closedloop.remote.memory import MemoryRemote

LEFT = b"mailingId;mailingToUserId;mailingGroupId;userId;created\n"
BROKEN = b"mailingId;mailingToUserId\n1;1\n"
UPLOAD = "20261124070000_subscribers.csv"
AGAIN = "20261124073000_subscribers.csv"


class Desk(Protocol):
    root: Path
    remote: MemoryRemote

    def pull(self, at: str = ..., **given: Any) -> RunReport: ...

    def send(self, at: str = ..., **given: Any) -> RunReport: ...

    def put(self, name: str, content: bytes, modified: str = ...) -> None: ...

    def restart(
        self, choice: Choice | None = ..., at: str = ..., **given: Any
    ) -> list[RunReport | Wave | None]: ...

    def open_errors(self) -> list[ErrorFile]: ...

    def resolved_errors(self) -> list[ErrorFile]: ...

    def customers(self, *addresses: str, head: str = ...) -> None: ...

    def edit(self, name: str, old: str, new: str) -> None: ...

    def waves(self) -> list[Wave]: ...

    def left(self, folder: str) -> list[str]: ...

    def uploads(self) -> list[str]: ...


def left(address: str, number: int = 1) -> bytes:
    return b"44;%d;9;%b;2026-11-19 12:00:00\n" % (number, address.encode())


def only(found: list[ErrorFile]) -> ErrorFile:
    (error,) = found
    return error


def statuses(report: Any) -> list[FileStatus]:
    assert isinstance(report, RunReport)
    assert isinstance(report.result, PullResult)
    return [file.status for file in report.result.files]


def ending(error: ErrorFile) -> str:
    assert error.resolution
    return error.resolution.by


def with_errors_folder(desk: Desk) -> None:
    desk.edit("closedloop.toml", "upload ", 'errors = "/errors"\nupload ')


def halt(desk: Desk, upload: str = UPLOAD) -> None:
    """Let the platform stop at an upload."""
    desk.remote.remove(f"/incoming/{upload}")
    at = datetime(2026, 11, 24, 6, 10, tzinfo=UTC)
    desk.remote.put(f"/errors/{upload}.error", b"1;QUOTING;", at)


class Locked(MemoryRemote):
    """A server that lets nobody in, and counts who knocks."""

    def __init__(self) -> None:
        super().__init__()
        self.knocks = 0

    def listing(self, folder: str) -> list[Any]:  # noqa: ARG002 as the Protocol has it
        self.knocks += 1
        raise LogInRefused("sftp.example.com:22 refused the log-in of 'r_shop'")


class Full(MemoryRemote):
    """A server without the upload folder, until it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.is_there = False

    def stage(self, *given: Any) -> None:
        if not self.is_there:
            raise ClosedLoopError("/incoming is missing on the server")
        super().stage(*given)


class Broken(MemoryRemote):
    """A server that makes us stumble, with a person's data in our hands."""

    def listing(self, folder: str) -> list[Any]:  # noqa: ARG002 as the Protocol has it
        raise KeyError("anna@example.com, Anna Müller")


class Losing(MemoryRemote):
    """A server whose import takes the file the moment it is renamed, and whose answer is lost."""

    def publish(self, staged: str, path: str) -> None:
        super().publish(staged, path)
        self.remove(path)
        raise OutcomeUnknown(f"{path}: the connection broke before the answer came")


def test_an_error_file_is_whole_private_and_documented(desk: Desk) -> None:
    remote = Full()
    with pytest.raises(ClosedLoopError):
        desk.send(remote=remote)
    (path,) = (desk.root / "var" / "errors").glob("*.json")
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert path.name == "send_newsletter-20261124T060000Z.json"
    found = json.loads(path.read_text())
    assert (found["stage"], found["done"], found["left"]) == (
        "stage",
        ["settle", "select", "write"],
        ["stage", "publish", "confirm"],
    )
    assert found["wave"]["file"] == UPLOAD
    assert found["errors"][0]["sentence"] == "/incoming is missing on the server"
    assert found["next_steps"][-1]["command"] == "closedloop restart send_newsletter"
    assert "example.com" not in json.dumps(found["files"])


def test_a_restart_goes_on_at_the_failed_stage_with_what_was_written(desk: Desk) -> None:
    remote = Full()
    with pytest.raises(ClosedLoopError):
        desk.send(remote=remote)
    desk.customers("somebody@example.com")
    remote.is_there = True
    (report,) = desk.restart(remote=remote, at="2026-11-24T06:30")
    assert isinstance(report, RunReport)
    assert isinstance(report.result, SendResult)
    assert report.result.wave
    assert (report.result.wave.wave_id, report.result.wave.written) == (20261124070000, 3)
    assert [file.name for file in remote.listing("/incoming")] == [UPLOAD]
    assert ending(only(desk.resolved_errors())) == "retried"


def test_a_restart_that_fails_again_leaves_one_error_file_and_tells_nothing_new(desk: Desk) -> None:
    remote = Full()
    with pytest.raises(ClosedLoopError):
        desk.send(remote=remote)
    for _ in range(2):
        with pytest.raises(ClosedLoopError, match="is missing"):
            desk.restart(remote=remote)
    assert (only(desk.open_errors()).tries, only(desk.open_errors()).told) == (3, True)


def test_a_job_that_shall_continue_tries_again_by_itself(desk: Desk) -> None:
    desk.edit("jobs/send_newsletter.toml", "schema  ", 'on_error = "continue"\nschema  ')
    remote = Full()
    for minute in (0, 10):
        with pytest.raises(ClosedLoopError, match="is missing"):
            desk.send(f"2026-11-24T06:{minute:02}", remote=remote)
    assert (only(desk.open_errors()).suspends, only(desk.open_errors()).tries) == ("nothing", 2)
    remote.is_there = True
    assert desk.send("2026-11-24T06:20", remote=remote).exit_code == 0
    assert ending(only(desk.resolved_errors())) == "itself"


def test_a_job_that_shall_continue_still_waits_where_it_could_mail_twice(desk: Desk) -> None:
    desk.edit("jobs/send_newsletter.toml", "schema  ", 'on_error = "continue"\nschema  ')
    with_errors_folder(desk)
    desk.send()
    halt(desk)
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


def test_a_refused_file_waits_alone_while_the_others_come_in(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", BROKEN)
    assert desk.pull().exit_code == 1
    desk.put("20261121_unsubscribes.csv", LEFT + left("u1@example.com"))
    later = desk.pull("2026-11-21T12:00")
    assert statuses(later) == [FileStatus.LOADED]
    assert isinstance(later.result, PullResult)
    assert (later.exit_code, later.result.held) == (75, ("20261120_unsubscribes.csv",))
    assert only(desk.open_errors()).tries == 1


def test_another_content_of_a_refused_file_is_taken_in_without_a_restart(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", BROKEN)
    desk.pull()
    desk.put("20261120_unsubscribes.csv", LEFT + left("u1@example.com"), "2026-11-20T13:00")
    assert statuses(desk.pull("2026-11-20T14:00")) == [FileStatus.LOADED]
    assert ending(only(desk.resolved_errors())) == "itself"


def test_two_refused_files_share_an_error_file_until_the_last_came_in(desk: Desk) -> None:
    for name in ("20261120_unsubscribes.csv", "20261120_clicks.csv"):
        desk.put(name, BROKEN)
    desk.pull()
    assert len(only(desk.open_errors()).files) == 2
    desk.put("20261120_unsubscribes.csv", LEFT + left("u1@example.com"), "2026-11-20T13:00")
    desk.pull("2026-11-20T14:00")
    assert [file.name for file in only(desk.open_errors()).files] == ["20261120_clicks.csv"]


def test_a_restart_of_refused_files_fetches_nothing_again(desk: Desk) -> None:
    class Counting(MemoryRemote):
        fetched = 0

        def fetch(self, *given: Any) -> str:
            self.fetched += 1
            return super().fetch(*given)

    remote = Counting()
    desk.remote = remote
    desk.put("20261120_unsubscribes.csv", LEFT + left("u1@example.com").replace(b" ", b"T"))
    desk.pull()
    desk.edit(
        "schemas/unsubscribes.toml",
        'type = "timestamp"',
        'type = "timestamp", format = "%Y-%m-%dT%H:%M:%S"',
    )
    (report,) = desk.restart(remote=remote)
    assert (statuses(report), remote.fetched) == ([FileStatus.LOADED], 1)


def test_a_restart_of_refused_files_that_died_leaves_nothing_open(
    new_desk: Callable[[str], Desk], kill: Callable[..., bool]
) -> None:
    looks, was_killed = 0, True
    while was_killed:
        looks += 4
        desk = new_desk(str(looks))
        desk.put("20261120_unsubscribes.csv", LEFT + left("u1@example.com").replace(b" ", b"T"))
        desk.pull()
        desk.edit(
            "schemas/unsubscribes.toml",
            'type = "timestamp"',
            'type = "timestamp", format = "%Y-%m-%dT%H:%M:%S"',
        )
        was_killed = kill(desk.restart, looks, before=False)
        desk.pull("2026-11-24T06:40")
        desk.restart()
        assert desk.open_errors() == [], f"killed at {looks}"


@pytest.mark.parametrize("seen_by", ["pull", "send"])
def test_the_platforms_error_file_suspends_the_sends_of_the_client(
    desk: Desk, seen_by: str
) -> None:
    with_errors_folder(desk)
    desk.send()
    halt(desk)
    if seen_by == "pull":
        desk.pull("2026-11-24T06:20")
    else:
        with pytest.raises(ClosedLoopError, match="imports nothing more"):
            desk.send("2026-12-01T06:00")
    with pytest.raises(Suspended, match="import halted"):
        desk.send("2026-12-01T06:10")
    error = only(desk.open_errors())
    assert (error.job, error.halt) == ("send_newsletter", f"{UPLOAD}.error")
    assert error.wave
    assert error.wave.wave_id == 20261124070000
    assert desk.pull("2026-12-01T06:20").exit_code == 0


def test_a_failed_import_is_sent_again_with_the_same_content_as_the_same_wave(desk: Desk) -> None:
    with_errors_folder(desk)
    desk.send()
    content = desk.remote.read(f"/incoming/{UPLOAD}")
    halt(desk)
    desk.pull("2026-11-24T06:20")
    desk.restart("resend")
    assert desk.uploads() == [AGAIN]
    assert desk.remote.read(f"/incoming/{AGAIN}") == content
    (wave,) = desk.waves()
    assert (wave.wave_id, wave.file, wave.state) == (20261124070000, AGAIN, WaveState.PUBLISHED)
    assert (desk.left("outbox"), ending(only(desk.resolved_errors()))) == ([], "resend")
    desk.pull("2026-11-24T06:40")
    assert desk.open_errors() == []
    assert desk.send("2026-12-01T06:00").exit_code == 0


def test_who_left_since_is_not_in_a_wave_that_is_sent_again(desk: Desk) -> None:
    with_errors_folder(desk)
    desk.customers("a@example.com", "B@example.com", 'c@example.com;Frau;"C; ""c""";Müller')
    desk.send()
    halt(desk)
    desk.put("20261124_unsubscribes.csv", LEFT + left("b@Example.com"), "2026-11-24T06:10")
    desk.pull("2026-11-24T06:20")
    desk.restart("resend")
    (wave,) = desk.waves()
    assert (wave.written, wave.dropped["unsubscribed"]) == (2, 1)
    assert wave.selected == wave.written + sum(wave.dropped.values())
    assert b"B@example" not in desk.remote.read(f"/incoming/{AGAIN}")


def test_a_failed_trigger_uploads_nothing_again(desk: Desk) -> None:
    with_errors_folder(desk)
    desk.send()
    halt(desk)
    desk.pull("2026-11-24T06:20")
    desk.restart("assume-sent")
    assert (desk.uploads(), desk.open_errors()) == ([], [])
    desk.pull("2026-11-24T06:40")
    assert desk.open_errors() == []
    report = desk.send("2026-11-24T06:50")
    assert isinstance(report.result, SendResult)
    assert report.result.outcome == "already sent"


def test_an_error_file_of_the_platform_about_nothing_of_ours_can_only_be_acknowledged(
    desk: Desk,
) -> None:
    with_errors_folder(desk)
    halt(desk, "20250101000000_subscribers.csv")
    desk.pull()
    with pytest.raises(ProjectError, match="names no wave of ours"):
        desk.restart("resend")
    desk.restart("assume-sent")
    assert desk.send().exit_code == 0


CONSTANT = "/errors/import.error"
NOTED = "20261130_import_error.txt"


def halt_at_no_wave(desk: Desk) -> None:
    """Let the platform stop at something that is no wave of ours, and a send find out."""
    with_errors_folder(desk)
    desk.remote.put(f"/errors/{NOTED}", b"bad", utc("2026-11-24T05:00"))
    with pytest.raises(ClosedLoopError, match="imports nothing more"):
        desk.send()


def test_a_halt_at_no_wave_of_ours_offers_no_decision_about_one(desk: Desk) -> None:
    halt_at_no_wave(desk)
    error = only(desk.open_errors())
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
    assert (desk.open_errors(), ending(only(desk.resolved_errors()))) == ([], "itself")
    assert desk.send("2026-11-24T07:00").exit_code == 0


@pytest.mark.parametrize("run", ["pull", "send"])
def test_the_next_run_ends_a_halt_at_no_wave_of_ours_once_its_file_is_gone(
    desk: Desk, run: str
) -> None:
    halt_at_no_wave(desk)
    with pytest.raises(Suspended, match=r"since 2026-11-24 07:00 CET \(import halted\)"):
        desk.send("2026-11-24T06:10")
    desk.pull("2026-11-24T06:20")
    error = only(desk.open_errors())
    assert (error.run, error.stage) == ("send_newsletter-20261124T060000000000Z", "settle")
    desk.remote.remove(f"/errors/{NOTED}")
    assert getattr(desk, run)("2026-11-24T06:30").exit_code == 0
    assert (desk.open_errors(), ending(only(desk.resolved_errors()))) == ([], "itself")
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


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def settle_a_halt(desk: Desk) -> None:
    with_errors_folder(desk)
    desk.remote.put(CONSTANT, b"1;QUOTING;", utc("2026-11-20T04:00"))
    desk.pull("2026-11-20T05:00")
    desk.restart("assume-sent", "2026-11-20T06:00")
    assert desk.open_errors() == []


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
    error = only(desk.open_errors())
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
    with_errors_folder(desk)
    desk.remote.put(CONSTANT, b"1;QUOTING;", utc("2026-11-20T04:00"))
    desk.pull("2026-11-20T05:00")
    desk.remote.put(CONSTANT, b"2;QUOTING;", utc("2026-11-20T05:10"))
    desk.pull("2026-11-20T05:20")
    assert len(only(desk.open_errors()).files) == 2
    desk.restart("assume-sent", "2026-11-20T06:00")
    assert desk.send().exit_code == 0


@pytest.mark.parametrize(
    ("choice", "uploads"), [("assume-sent", [UPLOAD]), ("resend", [UPLOAD, AGAIN])]
)
def test_a_wave_that_only_its_copy_tells_of_is_adopted_or_another_one_sent(
    desk: Desk, choice: Choice, uploads: list[str]
) -> None:
    desk.send()
    (desk.root / "var" / "ledger.sqlite").unlink()
    with pytest.raises(ClosedLoopError, match="the ledger does not know it"):
        desk.send("2026-11-24T06:10")
    desk.restart(choice)
    assert desk.uploads() == uploads
    assert desk.waves()[0].written == 3
    report = desk.send("2026-11-24T06:40")
    assert isinstance(report.result, SendResult)
    assert (report.result.outcome, desk.open_errors()) == ("already sent", [])


def fails(desk: Desk) -> None:
    with pytest.raises(ClosedLoopError):
        desk.send(remote=Full())


def meets_a_bug(desk: Desk) -> None:
    with pytest.raises(KeyError):
        desk.pull(remote=Broken())


def meets_a_bad_file(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", BROKEN)
    desk.pull()


def is_not_let_in(desk: Desk) -> None:
    with pytest.raises(LogInRefused):
        desk.pull(remote=Locked())


def loses_the_answer(desk: Desk) -> None:
    desk.send(remote=Losing())


def loses_the_ledger(desk: Desk) -> None:
    desk.send()
    (desk.root / "var" / "ledger.sqlite").unlink()
    with pytest.raises(ClosedLoopError):
        desk.send("2026-11-24T06:10")


def is_halted(desk: Desk) -> None:
    with_errors_folder(desk)
    desk.send()
    halt(desk)
    desk.pull("2026-11-24T06:20")


@pytest.mark.parametrize(
    "act",
    [
        fails,
        meets_a_bug,
        meets_a_bad_file,
        is_not_let_in,
        loses_the_answer,
        loses_the_ledger,
        is_halted,
        halt_at_no_wave,
    ],
)
def test_the_document_shows_what_is_written(desk: Desk, act: Callable[[Desk], None]) -> None:
    act(desk)
    text = re.sub(
        r"in \S+\.py, line \d+",
        "in session.py, line 87",
        only(desk.open_errors()).model_dump_json(indent=2, exclude_none=True),
    )
    document = (Path(__file__).parents[2] / "docs" / "restart.md").read_text("utf-8")
    assert text in re.findall(r"^```json\n(.*?)\n```", document, re.MULTILINE | re.DOTALL)


def test_an_error_file_that_a_killed_run_half_wrote_goes_with_the_next_run(desk: Desk) -> None:
    half = desk.root / "var" / "errors" / "send_newsletter-20261120T060000Z.json.part"
    half.parent.mkdir(parents=True)
    half.write_text('{"version": 1, "na')
    os.utime(half, (0, 0))
    desk.pull()
    assert desk.left("errors") == []


def test_an_unreadable_error_file_stops_all_jobs(desk: Desk) -> None:
    errors = desk.root / "var" / "errors"
    errors.mkdir(parents=True)
    (errors / "send_newsletter-x.json").write_text("{")
    for run in (desk.pull, desk.send):
        with pytest.raises(Suspended, match="can't be read as an error file"):
            run()


def test_an_unreadable_error_file_that_was_put_away_stops_nothing(desk: Desk) -> None:
    with_errors_folder(desk)
    halt(desk, "20250101000000_subscribers.csv")
    resolved = desk.root / "var" / "errors" / "resolved"
    resolved.mkdir(parents=True)
    (resolved / "send_newsletter-x.json").write_text("{")
    desk.pull()
    assert only(desk.open_errors()).case == "import halted"
    desk.restart("assume-sent")
    assert desk.send().exit_code == 0


def test_a_bug_suspends_its_job_and_shows_no_value(desk: Desk) -> None:
    with pytest.raises(KeyError):
        desk.pull(remote=Broken())
    error = only(desk.open_errors())
    assert error.case is Case.BUG
    text = error.model_dump_json()
    assert "anna" not in text.lower()
    assert "key error in test_restart.py, line" in text
    with pytest.raises(Suspended):
        desk.pull()


def test_what_transient_faults_and_settings_leave_is_no_error_file(desk: Desk) -> None:
    desk.edit("jobs/send_newsletter.toml", 'file = "customers.csv"', 'file = "nowhere.csv"')
    with pytest.raises(ProjectError):
        desk.send()
    assert desk.open_errors() == []
    with Ledger(desk.root / "var" / "ledger.sqlite") as ledger:
        assert ledger.last_run("send_newsletter")


def test_a_resend_that_died_and_was_imported_meanwhile_is_taken_for_done(
    new_desk: Callable[[str], Desk], kill: Callable[..., bool]
) -> None:
    died, looks, imported = True, 0, 0
    while died:
        looks += 2
        desk = new_desk(f"imported at {looks}")
        desk.edit("closedloop.toml", "upload ", 'errors = "/errors"\nlogs = "/logs"\nupload ')
        desk.send()
        halt(desk)
        desk.pull("2026-11-24T06:20")
        desk.remote.remove(f"/errors/{UPLOAD}.error")
        desk.remote.put("/logs/20261124_import.log", b"")
        died = kill(partial(desk.restart, "resend"), looks, before=False)
        if died and desk.uploads() == [AGAIN]:
            imported += 1
            desk.remote.remove(f"/incoming/{AGAIN}")
            desk.remote.put("/logs/20261124_import.log", AGAIN.encode(), utc("2026-11-24T06:35"))
        if desk.open_errors():
            desk.restart("resend", "2026-11-24T07:00")
        assert (desk.open_errors(), desk.left("outbox")) == ([], [])
    assert imported


@pytest.mark.parametrize("choice", ["assume-sent", "resend"])
@pytest.mark.parametrize("before", [True, False])
def test_a_restart_that_is_killed_anywhere_can_be_asked_for_again(
    new_desk: Callable[[str], Desk], kill: Callable[..., bool], choice: Choice, *, before: bool
) -> None:
    died, looks = True, 0
    while died:
        looks += 1
        desk = new_desk(f"killed at {looks}")
        with_errors_folder(desk)
        desk.send()
        halt(desk)
        desk.pull("2026-11-24T06:20")
        died = kill(partial(desk.restart, choice), looks, before=before)
        if desk.open_errors():
            desk.restart(choice, "2026-11-24T07:00")
        assert desk.open_errors() == []
        assert [wave.state for wave in desk.waves()] == [WaveState.PUBLISHED]
        assert len(desk.uploads()) == (choice == "resend")
        assert desk.left("outbox") == []
    assert looks > 5


def with_test_recipients(desk: Desk) -> None:
    (desk.root / "testers.csv").write_text("Email;Anrede;Vorname;Nachname\nme@example.com;;;\n")
    job = desk.root / "jobs" / "send_newsletter.toml"
    job.write_text(job.read_text() + '\n[test_recipients]\nfile = "testers.csv"\n')


def test_a_restart_asks_for_what_the_failed_run_was_asked_for(desk: Desk) -> None:
    with_test_recipients(desk)
    remote = Full()
    with pytest.raises(ClosedLoopError, match="is missing"):
        desk.send(remote=remote, test=True)
    remote.is_there = True
    desk.restart(remote=remote, at="2026-11-24T09:00")
    (wave,) = desk.waves()
    assert (wave.test, wave.written) == (True, 1)
    assert desk.open_errors() == []


class DeadLine(MemoryRemote):
    """A server whose import takes files at once, and whose answers to a rename and to an upload may be lost."""

    def __init__(self) -> None:
        super().__init__()
        self.answers, self.takes = False, True

    def publish(self, staged: str, path: str) -> None:
        super().publish(staged, path)
        if not self.answers:
            self.remove(path)
            raise OutcomeUnknown(f"{path}: the connection broke before the answer came")

    def stage(self, *given: Any) -> None:
        if not self.takes:
            raise RemoteError("the disk may be full", transient=True)
        super().stage(*given)


def test_a_resend_that_did_not_get_through_can_still_be_called_back(desk: Desk) -> None:
    remote = DeadLine()
    desk.send(remote=remote)
    remote.answers, remote.takes = True, False
    with pytest.raises(RemoteError):
        desk.restart("resend", remote=remote)
    remote.takes = True
    desk.restart("assume-sent", "2026-11-24T06:40", remote=remote)
    assert remote.listing("/incoming") == []
    (wave,) = desk.waves()
    assert (wave.state, wave.file) == (WaveState.PUBLISHED, UPLOAD)
    for at in ("2026-11-24T06:50", "2026-11-24T08:00"):
        report = desk.send(at, remote=remote)
        assert isinstance(report.result, SendResult)
        assert report.result.outcome == "already sent"
    assert (remote.listing("/incoming"), desk.left("outbox"), desk.open_errors()) == ([], [], [])


def test_a_wave_that_lies_on_the_server_under_its_name_is_not_sent_again(desk: Desk) -> None:
    remote = DeadLine()
    desk.send(remote=remote)
    remote.answers = True
    copy = desk.root / "var" / "outbox" / "de" / UPLOAD
    remote.put(f"/incoming/{UPLOAD}", copy.read_bytes())
    with pytest.raises(ProjectError, match="lies on the server under its name"):
        desk.restart("resend", remote=remote)
    assert [file.name for file in remote.listing("/incoming")] == [UPLOAD]


def test_a_wave_that_the_import_log_names_is_not_sent_again(desk: Desk) -> None:
    desk.edit("closedloop.toml", "upload ", 'errors = "/errors"\nlogs = "/logs"\nupload ')
    remote = DeadLine()
    desk.send(remote=remote)
    remote.answers = True
    at = datetime(2026, 11, 24, 6, 10, tzinfo=UTC)
    remote.put("/logs/20261124_import.log", f"06:10;{UPLOAD};outcome=sent".encode(), at)
    remote.put("/errors/.keep", b"")
    remote.remove("/errors/.keep")
    with pytest.raises(ProjectError, match="it was mailed"):
        desk.restart("resend", remote=remote)
    assert remote.listing("/incoming") == []
    desk.restart("assume-sent", remote=remote)
    assert desk.open_errors() == []


def test_two_error_files_of_one_job_do_not_lock_each_other(desk: Desk) -> None:
    desk.edit("closedloop.toml", 'download       = "/outgoing"', 'download = "/outgone"')
    with pytest.raises(ClosedLoopError):
        desk.pull()
    with pytest.raises(LogInRefused):
        desk.restart(remote=Locked())
    assert len(desk.open_errors()) == 2
    desk.edit("closedloop.toml", 'download = "/outgone"', 'download = "/outgoing"')
    desk.put("20261120_unsubscribes.csv", LEFT + left("u1@example.com"))
    desk.restart()
    assert desk.open_errors() == []


def test_an_error_file_of_before_on_error_was_changed_is_put_away_too(desk: Desk) -> None:
    remote = Full()
    with pytest.raises(ClosedLoopError):
        desk.send(remote=remote)
    desk.edit("jobs/send_newsletter.toml", "schema  ", 'on_error = "continue"\nschema  ')
    remote.is_there = True
    assert desk.send("2026-11-24T06:10", remote=remote).exit_code == 0
    assert desk.open_errors() == []


def test_a_wave_that_everybody_left_is_not_published_empty(desk: Desk) -> None:
    remote = DeadLine()
    desk.send(remote=remote)
    remote.answers = True
    (desk.root / "var" / "outbox" / "de" / UPLOAD).write_bytes(b"")
    with pytest.raises(ClosedLoopError, match="everybody in it has left"):
        desk.restart("resend", remote=remote)
    assert remote.listing("/incoming") == []
    desk.restart("assume-sent", remote=remote)
    assert desk.open_errors() == []


def test_a_restart_that_sent_a_wave_anew_and_died_does_not_send_another(
    new_desk: Callable[[str], Desk], kill: Callable[..., bool]
) -> None:
    died, looks = True, 0
    while died:
        looks += 3
        desk = new_desk(f"killed at {looks}")
        desk.send()
        (desk.root / "var" / "ledger.sqlite").unlink()
        with pytest.raises(ClosedLoopError):
            desk.send("2026-11-24T06:10")
        died = kill(partial(desk.restart, "resend"), looks, before=True)
        if desk.open_errors():
            desk.restart("resend", "2026-11-24T06:40")
        assert (desk.open_errors(), len(desk.uploads())) == ([], 2)
    assert looks > 10


def test_a_refused_file_that_is_gone_everywhere_is_let_go_with_a_word(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", BROKEN)
    desk.pull()
    desk.remote.remove("/outgoing/20261120_unsubscribes.csv")
    (desk.root / "var" / "landing" / "de" / "20261120_unsubscribes.csv").unlink()
    (report,) = desk.restart()
    assert isinstance(report, RunReport)
    assert "neither on the server nor here any more" in report.notes[-1]
    assert desk.open_errors() == []
