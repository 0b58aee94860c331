"""Runs whose clock steps, repeats an hour, leaves one out, or stood still while the machine slept."""

import pytest

from closedloop.errors import TryLater
from closedloop.model.run import RunReport
from tests.flows.desk import Desk
from tests.flows.told import only, pulled, sent


def missing(report: RunReport) -> list[tuple[str, int]]:
    return [(f"{file.schema} {file.day}", file.days_left) for file in pulled(report).missing]


def schedule(desk: Desk, cron: str) -> None:
    desk.edit("jobs/send_newsletter.toml", '"0 6 * * 2"', f'"{cron}"')


def test_a_clock_set_back_by_an_hour_sends_nothing_again(desk: Desk) -> None:
    assert sent(desk.send("2026-11-24T05:05")).outcome == "sent"
    assert sent(desk.send("2026-11-24T04:06")).outcome == "already sent"
    assert sent(desk.send("2026-11-24T05:00")).outcome == "already sent"
    assert len(desk.uploads()) == 1


def test_a_clock_set_back_by_a_year_is_named_and_sends_nothing(desk: Desk) -> None:
    desk.send("2026-11-24T05:05")
    with pytest.raises(TryLater, match="the clock was ahead then, or is behind now"):
        desk.send("2025-11-25T05:05")
    assert sent(desk.send("2026-11-24T05:20")).outcome == "already sent"
    assert sent(desk.send("2026-12-01T05:00")).outcome == "sent"


def test_after_a_clock_that_was_far_ahead_once_nothing_is_left_out_in_silence(desk: Desk) -> None:
    assert sent(desk.send("2027-11-23T05:05")).outcome == "sent"
    with pytest.raises(TryLater, match="if that wave is not of this slot, send with --again"):
        desk.send("2026-11-24T05:05")
    again = desk.send("2026-11-24T05:10", again=True)
    assert any("is ahead of the clock" in note for note in again.notes)
    assert sent(desk.send("2026-11-24T05:20")).outcome == "already sent"
    assert sent(desk.send("2026-12-01T05:00")).outcome == "sent"
    assert desk.uploads() == sorted(desk.uploads())
    assert len(desk.uploads()) == 3


@pytest.mark.parametrize(
    ("cron", "times"),
    [
        pytest.param(
            "30 2 * * *",
            ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-25T01:30", "2026-10-26T01:30"],
            id="an hour comes twice",
        ),
        pytest.param(
            "30 2 * * *",
            ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-29T01:40", "2026-03-30T00:30"],
            id="an hour is left out",
        ),
    ],
)
def test_each_day_has_one_wave_when_the_hour_changes(
    desk: Desk, cron: str, times: list[str]
) -> None:
    schedule(desk, cron)
    assert [sent(desk.send(at)).outcome for at in times].count("sent") == 3
    assert len(desk.uploads()) == 3


def test_a_machine_asleep_over_several_slots_sends_one_wave_and_names_the_others(
    desk: Desk,
) -> None:
    schedule(desk, "0 6 * * *")
    on_time = [*desk.send("2026-11-24T05:00").notes, *desk.send("2026-11-25T05:00").notes]
    assert not [note for note in on_time if "before this one had no wave" in note]
    slept = desk.send("2026-11-29T05:30")
    assert sent(slept).outcome == "sent"
    assert (
        "3 slots before this one had no wave (2026-11-26 06:00 to 2026-11-28 06:00): what they would have sent is "
        "not made up for"
    ) in slept.notes
    assert sent(desk.send("2026-11-29T05:40")).outcome == "already sent"
    assert len(desk.uploads()) == 3


def test_a_pull_by_a_clock_far_ahead_takes_its_files_in_and_leaves_nothing_behind(
    desk: Desk,
) -> None:
    head = b"mailingId;mailingToUserId;mailingGroupId;userId;created\n"
    row = b"44;1;9;left@example.com;2026-11-19 12:00:00\n"
    desk.edit("jobs/pull_responses.toml", '"clicks", "opens", "automated_opens", ', "")
    desk.put("20261119_unsubscribes.csv", head + row)
    assert only(desk.pull("2027-11-20T12:00")).counts.loaded == 1
    right = desk.pull("2026-11-20T12:00")
    named = missing(right)
    assert ("unsubscribes 2026-11-20", 14) in named
    assert ("links 2026-11-19", 13) in named
    assert {left for _, left in named} == {13, 14}
    behind = desk.pull("2025-11-20T12:00")
    assert missing(behind) == []
