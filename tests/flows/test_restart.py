"""What a failed run leaves behind, and how a restart goes on with it."""

import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from closedloop.errors import ClosedLoopError, ProjectError, Suspended
from closedloop.ledger import Ledger
from closedloop.model.error_file import Case
from closedloop.model.run import FileStatus, RunReport
from closedloop.remote.memory import MemoryRemote
from tests.flows.delivered import LEFT
from tests.flows.desk import Desk
from tests.flows.told import Ended, pulled, sent

BROKEN = b"mailingId;mailingToUserId\n1;1\n"
UPLOAD = "20261124070000_subscribers.csv"


def left(address: str, number: int = 1) -> bytes:
    return b"44;%d;9;%b;2026-11-19 12:00:00\n" % (number, address.encode())


def statuses(report: Ended) -> list[FileStatus]:
    return [file.status for file in pulled(report).files]


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
    wave = sent(report).wave
    assert (wave.wave_id, wave.written) == (20261124070000, 3)
    assert [file.name for file in remote.listing("/incoming")] == [UPLOAD]
    assert desk.ending() == "retried"


def test_a_restart_that_fails_again_leaves_one_error_file_and_tells_nothing_new(desk: Desk) -> None:
    remote = Full()
    with pytest.raises(ClosedLoopError):
        desk.send(remote=remote)
    for _ in range(2):
        with pytest.raises(ClosedLoopError, match="is missing"):
            desk.restart(remote=remote)
    assert (desk.open_error().tries, desk.open_error().told) == (3, True)


def test_a_job_that_shall_continue_tries_again_by_itself(desk: Desk) -> None:
    desk.edit("jobs/send_newsletter.toml", "schema  ", 'on_error = "continue"\nschema  ')
    remote = Full()
    for minute in (0, 10):
        with pytest.raises(ClosedLoopError, match="is missing"):
            desk.send(f"2026-11-24T06:{minute:02}", remote=remote)
    assert (desk.open_error().suspends, desk.open_error().tries) == ("nothing", 2)
    remote.is_there = True
    assert desk.send("2026-11-24T06:20", remote=remote).exit_code == 0
    assert desk.ending() == "itself"


def test_a_refused_file_waits_alone_while_the_others_come_in(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", BROKEN)
    assert desk.pull().exit_code == 1
    desk.put("20261121_unsubscribes.csv", LEFT + left("u1@example.com"))
    later = desk.pull("2026-11-21T12:00")
    assert statuses(later) == [FileStatus.LOADED]
    assert (later.exit_code, pulled(later).held) == (75, ("20261120_unsubscribes.csv",))
    assert desk.open_error().tries == 1


def test_another_content_of_a_refused_file_is_taken_in_without_a_restart(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", BROKEN)
    desk.pull()
    desk.put("20261120_unsubscribes.csv", LEFT + left("u1@example.com"), "2026-11-20T13:00")
    assert statuses(desk.pull("2026-11-20T14:00")) == [FileStatus.LOADED]
    assert desk.ending() == "itself"


def test_two_refused_files_share_an_error_file_until_the_last_came_in(desk: Desk) -> None:
    for name in ("20261120_unsubscribes.csv", "20261120_clicks.csv"):
        desk.put(name, BROKEN)
    desk.pull()
    assert len(desk.open_error().files) == 2
    desk.put("20261120_unsubscribes.csv", LEFT + left("u1@example.com"), "2026-11-20T13:00")
    desk.pull("2026-11-20T14:00")
    assert [file.name for file in desk.open_error().files] == ["20261120_clicks.csv"]


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
    assert looks > 10


def fails(desk: Desk) -> None:
    with pytest.raises(ClosedLoopError):
        desk.send(remote=Full())


def meets_a_bug(desk: Desk) -> None:
    with pytest.raises(KeyError):
        desk.pull(remote=Broken())


def meets_a_bad_file(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", BROKEN)
    desk.pull()


@pytest.mark.parametrize("act", [fails, meets_a_bug, meets_a_bad_file])
def test_the_document_shows_what_is_written(
    desk: Desk, samples: list[str], act: Callable[[Desk], None]
) -> None:
    act(desk)
    text = re.sub(
        r"in \S+\.py, line \d+",
        "in session.py, line 87",
        desk.open_error().model_dump_json(indent=2, exclude_none=True),
    )
    assert text in samples


def test_an_error_file_that_a_killed_run_half_wrote_goes_with_the_next_run(desk: Desk) -> None:
    half = desk.root / "var" / "errors" / "send_newsletter-20261120T060000Z.json.part"
    half.parent.mkdir(parents=True)
    half.write_text('{"version": 1, "na')
    os.utime(half, (0, 0))
    desk.pull()
    assert desk.left("errors") == []


def test_a_bug_suspends_its_job_and_shows_no_value(desk: Desk) -> None:
    with pytest.raises(KeyError):
        desk.pull(remote=Broken())
    error = desk.open_error()
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


def test_a_restart_asks_for_what_the_failed_run_was_asked_for(desk: Desk) -> None:
    desk.add_test_recipients()
    remote = Full()
    with pytest.raises(ClosedLoopError, match="is missing"):
        desk.send(remote=remote, test=True)
    remote.is_there = True
    desk.restart(remote=remote, at="2026-11-24T09:00")
    (wave,) = desk.waves()
    assert (wave.test, wave.written) == (True, 1)
    assert desk.open_errors() == []


def test_an_error_file_of_before_on_error_was_changed_is_put_away_too(desk: Desk) -> None:
    remote = Full()
    with pytest.raises(ClosedLoopError):
        desk.send(remote=remote)
    desk.edit("jobs/send_newsletter.toml", "schema  ", 'on_error = "continue"\nschema  ')
    remote.is_there = True
    assert desk.send("2026-11-24T06:10", remote=remote).exit_code == 0
    assert desk.open_errors() == []


def test_a_refused_file_that_is_gone_everywhere_is_let_go_with_a_word(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", BROKEN)
    desk.pull()
    desk.remote.remove("/outgoing/20261120_unsubscribes.csv")
    (desk.root / "var" / "landing" / "de" / "20261120_unsubscribes.csv").unlink()
    (report,) = desk.restart()
    assert isinstance(report, RunReport)
    assert "neither on the server nor here any more" in report.notes[-1]
    assert desk.open_errors() == []
