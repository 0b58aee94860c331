"""A slot of the schedule is sent once, under names that rise, whatever was lost or put back."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from closedloop.errors import ClosedLoopError, TryLater
from closedloop.ledger import Ledger
from closedloop.model.wave import WaveState
from closedloop.remote.memory import MemoryRemote
from tests.flows.desk import Desk
from tests.flows.told import sent


def test_a_second_run_in_a_slot_sends_nothing(desk: Desk) -> None:
    first = sent(desk.send("2026-11-24T06:00")).wave
    for at in ("2026-11-24T06:10", "2026-11-26T12:00", "2026-12-01T04:59"):
        report = desk.send(at)
        assert (sent(report).outcome, sent(report).wave) == ("already sent", first)
        assert report.exit_code == 0
    assert len(desk.uploads()) == 1


def test_the_next_slot_sends_again(desk: Desk) -> None:
    desk.send("2026-11-24T06:00")
    assert sent(desk.send("2026-12-01T06:00")).outcome == "sent"
    assert len(desk.uploads()) == 2


def test_another_wave_is_sent_in_a_slot_on_purpose_only(desk: Desk) -> None:
    desk.send()
    assert sent(desk.send("2026-11-24T06:01", again=True)).outcome == "sent"
    assert sent(desk.send("2026-11-24T06:02")).outcome == "already sent"
    assert len(desk.uploads()) == 2


def test_names_rise_within_one_second(desk: Desk) -> None:
    for _ in range(3):
        desk.send(again=True)
    assert desk.uploads() == [f"2026112407000{second}_subscribers.csv" for second in range(3)]


def test_names_rise_through_the_hour_that_comes_twice(desk: Desk) -> None:
    desk.edit("jobs/send_newsletter.toml", '"0 6 * * 2"', '"*/30 * * * *"\nwait_hours = 0')
    for at in ("00:30", "01:00", "01:30"):  # 02:30 summer time, 02:00 and 02:30 winter time
        assert sent(desk.send(f"2026-10-25T{at}")).outcome == "sent"
    assert [wave.wave_id for wave in desk.waves()] == [
        20261025023000,
        20261025023001,
        20261025023002,
    ]


def test_names_rise_after_the_ledger_was_lost(desk: Desk) -> None:
    desk.send(again=True)
    desk.send(again=True)
    (desk.root / "var" / "ledger.sqlite").unlink()
    assert sent(desk.send("2026-12-01T06:00")).wave.wave_id == 20261201070000
    desk.remote.put("/incoming/20261208080000_subscribers.csv", b"")
    assert sent(desk.send("2026-12-08T06:00", again=True)).wave.wave_id == 20261208080001


def test_a_wave_that_a_lost_ledger_forgot_is_not_sent_again(desk: Desk) -> None:
    desk.send()
    (desk.root / "var" / "ledger.sqlite").unlink()
    with pytest.raises(ClosedLoopError, match="was sent in this slot"):
        desk.send()
    assert len(desk.uploads()) == 1


@pytest.mark.parametrize("state", [WaveState.BUILT, WaveState.STAGED, WaveState.PUBLISHING])
@pytest.mark.parametrize("written", [3, 0])
def test_a_wave_that_a_ledger_put_back_takes_for_unsent_is_not_sent_again(
    desk: Desk, state: WaveState, written: int
) -> None:
    desk.send()
    (wave,) = desk.waves()
    earlier = replace(wave, state=state, selected=written, written=written, published_at=None)
    with Ledger(desk.root / "var" / "ledger.sqlite") as ledger:
        ledger.put_wave(earlier)
    desk.remote.remove(f"/incoming/{wave.file}")
    assert desk.send("2026-11-24T06:20").exit_code == 0
    (found,) = desk.waves()
    assert (found.state, found.wave_id, found.written) == (WaveState.PUBLISHED, wave.wave_id, 3)
    assert desk.uploads() == []
    assert sent(desk.send("2026-11-24T06:40")).outcome == "already sent"


def test_a_slot_that_was_sent_stays_sent_when_the_schedule_is_edited(desk: Desk) -> None:
    desk.send("2026-11-24T07:10")
    desk.edit("jobs/send_newsletter.toml", '"0 6 * * 2"', '"5 8 * * 2"')
    assert sent(desk.send("2026-11-24T08:10")).outcome == "already sent"
    assert len(desk.uploads()) == 1


def test_a_name_that_both_halves_of_a_rename_left_counts_as_published(desk: Desk) -> None:
    desk.send()
    (name,) = desk.uploads()
    with Ledger(desk.root / "var" / "ledger.sqlite") as ledger:
        ledger.put_wave(replace(desk.waves()[0], state=WaveState.PUBLISHING))
    desk.remote.put(f"/incoming/{name}.part", desk.remote.read(f"/incoming/{name}"))
    assert sent(desk.send()).outcome == "sent"
    assert desk.uploads() == [name]


def test_a_name_that_the_server_holds_already_sends_nothing_and_the_next_run_takes_another(
    desk: Desk,
) -> None:
    class Crowded(MemoryRemote):
        def stage(self, source: Path, path: str, *rest: Any) -> None:
            super().stage(source, path, *rest)
            self.put(path.removesuffix(".part"), b"somebody else's")

    remote = Crowded()
    with pytest.raises(TryLater, match="not ours; nothing was sent"):
        desk.send(remote=remote)
    assert [file.name for file in remote.listing("/incoming")] == ["20261124070000_subscribers.csv"]
    assert remote.read("/incoming/20261124070000_subscribers.csv") == b"somebody else's"
    assert (desk.waves(), desk.left("outbox")) == ([], [])
    assert sent(desk.send()).wave.wave_id == 20261124070001


def test_a_renamed_job_does_not_send_its_slot_again(desk: Desk) -> None:
    desk.send()
    jobs = desk.root / "jobs"
    (jobs / "send_newsletter.toml").rename(jobs / "weekly.toml")
    with pytest.raises(TryLater, match="wave 20261124070000 of the job 'send_newsletter'"):
        desk.run("weekly", "2026-11-24T06:10")
    assert len(desk.uploads()) == 1
