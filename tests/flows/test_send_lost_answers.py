"""A rename whose answer was lost: nobody is mailed twice, and nobody is mailed on a guess."""

import shutil

import pytest

from closedloop.core.restart import Choice
from closedloop.errors import RemoteError, Suspended, UntoldWave
from closedloop.model.wave import WaveState
from tests.flows.delivered import LEFT
from tests.flows.desk import Desk
from tests.flows.servers import LosingAnswers
from tests.flows.told import sent


def test_a_rename_that_was_carried_out_although_its_answer_was_lost_is_a_wave_sent(
    desk: Desk,
) -> None:
    remote = LosingAnswers("after")
    report = desk.send(remote=remote)
    assert (sent(report).outcome, report.exit_code) == ("sent", 0)
    assert len(remote.listing("/incoming")) == 1
    assert desk.left("outbox") == []


def test_a_rename_that_was_not_carried_out_is_made_again_without_a_second_upload(
    desk: Desk,
) -> None:
    remote = LosingAnswers("before")
    assert sent(desk.send(remote=remote)).outcome == "sent"
    assert len(remote.uploads) == 1
    assert len(remote.listing("/incoming")) == 1


def test_a_server_that_never_renames_is_given_up_and_tried_by_the_next_run(desk: Desk) -> None:
    remote = LosingAnswers("before", times=5)
    for at in ("2026-11-24T06:00", "2026-11-24T06:10"):
        with pytest.raises(RemoteError, match="nobody was mailed"):
            desk.send(at, remote=remote)
    report = desk.send("2026-11-24T06:20", remote=remote)
    assert sent(report).outcome == "sent"
    assert len(remote.listing("/incoming")) == 1
    assert [wave.state for wave in desk.waves()] == [WaveState.PUBLISHED]


def test_a_rename_that_nobody_can_tell_of_stops_the_job(desk: Desk) -> None:
    remote = LosingAnswers("imported")
    first = desk.send(remote=remote)
    assert (sent(first).outcome, first.exit_code) == ("unknown", 1)
    for at in ("2026-11-24T06:10", "2026-12-01T06:00"):
        with pytest.raises(Suspended, match="closedloop restart send_newsletter"):
            desk.send(at, remote=remote, again=True)
    assert len(remote.uploads) == 1
    assert [wave.state for wave in desk.waves()] == [WaveState.UNKNOWN]


@pytest.mark.parametrize(
    ("choice", "uploads"),
    [
        pytest.param("assume-sent", [], id="people were mailed"),
        pytest.param("resend", ["20261124073000_subscribers.csv"], id="nobody was mailed"),
    ],
)
def test_a_job_goes_on_once_a_person_knows(desk: Desk, choice: Choice, uploads: list[str]) -> None:
    remote = LosingAnswers("imported")
    desk.send(remote=remote)
    desk.restart(choice)
    assert desk.uploads() == uploads
    assert (desk.open_errors(), len(desk.resolved_errors())) == ([], 1)
    assert desk.left("outbox") == []
    report = desk.send("2026-11-24T07:00")
    assert (sent(report).outcome, report.exit_code) == ("already sent", 0)
    assert [wave.wave_id for wave in desk.waves()] == [20261124070000]
    assert desk.restart(choice) == []


def test_an_unknown_wave_is_not_sent_again_after_the_ledger_was_lost(desk: Desk) -> None:
    remote = LosingAnswers("imported")
    desk.send(remote=remote)
    (desk.root / "var" / "ledger.sqlite").unlink()
    with pytest.raises(Suspended):
        desk.send("2026-11-24T06:10", remote=remote)
    shutil.rmtree(desk.root / "var" / "errors")
    with pytest.raises(UntoldWave, match="the ledger does not know it"):
        desk.send("2026-11-24T06:20", remote=remote)
    with pytest.raises(Suspended):
        desk.send("2026-11-24T06:30", remote=remote)
    assert len(remote.uploads) == 1


def test_a_wave_that_was_not_renamed_goes_on_without_those_who_left_since(desk: Desk) -> None:
    remote = LosingAnswers("before", times=2)
    desk.customers("a@example.com", "b@example.com")
    with pytest.raises(RemoteError):
        desk.send(remote=remote)
    desk.put("20261124_unsubscribes.csv", LEFT + b"1;1;1;b@example.com;2026-11-24 07:05:00\n")
    desk.pull("2026-11-24T06:10")
    wave = sent(desk.send("2026-11-24T06:20", remote=remote)).wave
    assert (wave.wave_id, wave.written, wave.dropped) == (20261124070000, 1, {"unsubscribed": 1})
    assert [file.name for file in remote.listing("/incoming")] == [wave.file]
    assert b"b@example.com" not in remote.read(f"/incoming/{wave.file}")


def test_a_wave_that_was_not_renamed_for_an_hour_is_selected_anew(desk: Desk) -> None:
    remote = LosingAnswers("before", times=2)
    desk.customers("a@example.com", "b@example.com")
    with pytest.raises(RemoteError):
        desk.send(remote=remote)
    desk.customers("a@example.com", "b@example.com", "c@example.com")
    wave = sent(desk.send("2026-11-24T09:00", remote=remote)).wave
    assert (wave.wave_id, wave.written) == (20261124100000, 3)
    assert [file.name for file in remote.listing("/incoming")] == [wave.file]


def test_a_wave_that_was_never_renamed_in_its_slot_is_withdrawn_in_the_next(desk: Desk) -> None:
    remote = LosingAnswers("before", times=2)
    with pytest.raises(RemoteError):
        desk.send(remote=remote)
    report = desk.send("2026-12-01T06:00", remote=remote)
    assert sent(report).wave.wave_id == 20261201070000
    assert [file.name for file in remote.listing("/incoming")] == ["20261201070000_subscribers.csv"]
    assert len(desk.waves()) == 1


def test_a_test_left_unfinished_is_brought_to_its_end_by_the_next_test(desk: Desk) -> None:
    desk.add_test_recipients()
    remote = LosingAnswers("before", times=2)
    with pytest.raises(RemoteError):
        desk.send(remote=remote, test=True)
    desk.send("2026-11-24T06:10", remote=remote, test=True)
    assert [file.name for file in remote.listing("/incoming")] == ["20261124070000_subscribers.csv"]
    assert [wave.test for wave in desk.waves()] == [True]


def test_no_test_is_sent_either_while_a_wave_is_unknown(desk: Desk) -> None:
    desk.add_test_recipients()
    remote = LosingAnswers("imported")
    desk.send(remote=remote)
    with pytest.raises(Suspended):
        desk.send("2026-11-24T06:10", remote=remote, test=True)
    assert len(remote.uploads) == 1
