"""How a restart sends a wave again, or takes it for sent, and never mails anybody twice."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from closedloop.core.restart import Choice
from closedloop.errors import ClosedLoopError, OutcomeUnknown, ProjectError, RemoteError
from closedloop.model.wave import WaveState
from closedloop.remote.memory import MemoryRemote
from tests.flows.desk import Desk
from tests.flows.told import sent

LEFT = (
    b"mailingId;mailingToUserId;mailingGroupId;userId;created\n"
    b"44;1;9;b@Example.com;2026-11-19 12:00:00\n"
)
UPLOAD = "20261124070000_subscribers.csv"
AGAIN = "20261124073000_subscribers.csv"


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


def test_a_failed_import_is_sent_again_with_the_same_content_as_the_same_wave(desk: Desk) -> None:
    desk.add_errors_folder()
    desk.send()
    content = desk.remote.read(f"/incoming/{UPLOAD}")
    desk.halt()
    desk.pull("2026-11-24T06:20")
    desk.restart("resend")
    assert desk.uploads() == [AGAIN]
    assert desk.remote.read(f"/incoming/{AGAIN}") == content
    (wave,) = desk.waves()
    assert (wave.wave_id, wave.file, wave.state) == (20261124070000, AGAIN, WaveState.PUBLISHED)
    assert (desk.left("outbox"), desk.ending()) == ([], "resend")
    desk.pull("2026-11-24T06:40")
    assert desk.open_errors() == []
    assert desk.send("2026-12-01T06:00").exit_code == 0


def test_who_left_since_is_not_in_a_wave_that_is_sent_again(desk: Desk) -> None:
    desk.add_errors_folder()
    desk.customers("a@example.com", "B@example.com", 'c@example.com;Frau;"C; ""c""";Müller')
    desk.send()
    desk.halt()
    desk.put("20261124_unsubscribes.csv", LEFT, "2026-11-24T06:10")
    desk.pull("2026-11-24T06:20")
    desk.restart("resend")
    (wave,) = desk.waves()
    assert (wave.written, wave.dropped["unsubscribed"]) == (2, 1)
    assert wave.selected == wave.written + sum(wave.dropped.values())
    assert b"B@example" not in desk.remote.read(f"/incoming/{AGAIN}")


def test_a_failed_trigger_uploads_nothing_again(desk: Desk) -> None:
    desk.add_errors_folder()
    desk.send()
    desk.halt()
    desk.pull("2026-11-24T06:20")
    desk.restart("assume-sent")
    assert (desk.uploads(), desk.open_errors()) == ([], [])
    desk.pull("2026-11-24T06:40")
    assert desk.open_errors() == []
    assert sent(desk.send("2026-11-24T06:50")).outcome == "already sent"


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
    assert (sent(report).outcome, desk.open_errors()) == ("already sent", [])


def loses_the_answer(desk: Desk) -> None:
    desk.send(remote=DeadLine())


def loses_the_ledger(desk: Desk) -> None:
    desk.send()
    (desk.root / "var" / "ledger.sqlite").unlink()
    with pytest.raises(ClosedLoopError):
        desk.send("2026-11-24T06:10")


@pytest.mark.parametrize("act", [loses_the_answer, loses_the_ledger])
def test_the_document_shows_what_is_written(
    desk: Desk, samples: list[str], act: Callable[[Desk], None]
) -> None:
    act(desk)
    assert desk.open_error().model_dump_json(indent=2, exclude_none=True) in samples


def test_a_resend_that_died_and_was_imported_meanwhile_is_taken_for_done(
    new_desk: Callable[[str], Desk], kill: Callable[..., bool]
) -> None:
    died, looks, imported = True, 0, 0
    while died:
        looks += 2
        desk = new_desk(f"imported at {looks}")
        desk.edit("closedloop.toml", "upload ", 'errors = "/errors"\nlogs = "/logs"\nupload ')
        desk.send()
        desk.halt()
        desk.pull("2026-11-24T06:20")
        desk.remote.remove(f"/errors/{UPLOAD}.error")
        desk.remote.put("/logs/20261124_import.log", b"")
        died = kill(partial(desk.restart, "resend"), looks, before=False)
        if died and desk.uploads() == [AGAIN]:
            imported += 1
            desk.remote.remove(f"/incoming/{AGAIN}")
            desk.remote.put(
                "/logs/20261124_import.log",
                AGAIN.encode(),
                datetime(2026, 11, 24, 6, 35, tzinfo=UTC),
            )
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
        desk.add_errors_folder()
        desk.send()
        desk.halt()
        desk.pull("2026-11-24T06:20")
        died = kill(partial(desk.restart, choice), looks, before=before)
        if desk.open_errors():
            desk.restart(choice, "2026-11-24T07:00")
        assert desk.open_errors() == []
        assert [wave.state for wave in desk.waves()] == [WaveState.PUBLISHED]
        assert len(desk.uploads()) == (choice == "resend")
        assert desk.left("outbox") == []
    assert looks > 5


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
        assert sent(desk.send(at, remote=remote)).outcome == "already sent"
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
