"""A wave waits while an earlier one of its source mailing is not confirmed, and not for ever."""

from typing import Any

import pytest

from closedloop.errors import TryLater
from tests.flows.delivered import LEFT, LOG, MAILINGS
from tests.flows.desk import Desk
from tests.flows.told import sent


@pytest.fixture
def hourly(desk: Desk) -> Desk:
    """A desk whose job has a slot every hour."""
    desk.edit("jobs/send_newsletter.toml", '"0 6 * * 2"', '"0 * * * *"')
    return desk


def wait_hours(desk: Desk, hours: str) -> None:
    text = (desk.root / "jobs" / "send_newsletter.toml").read_text()
    (desk.root / "jobs" / "send_newsletter.toml").write_text(f"wait_hours = {hours}\n{text}")


def test_a_wave_waits_for_the_one_before_it(hourly: Desk) -> None:
    hourly.send("2026-11-24T06:00")
    with pytest.raises(TryLater, match=r"wave 20261124070000 .* until 2026-11-24 19:00 CET"):
        hourly.send("2026-11-24T07:00")
    assert len(hourly.uploads()) == 1
    assert len(hourly.waves()) == 1


def test_it_goes_out_once_the_one_before_it_is_seen(hourly: Desk) -> None:
    hourly.send("2026-11-24T06:00")
    started = b"2026-11-24 07:10:00"
    hourly.put("20261124_mailings.csv", MAILINGS + b"7;1;9;L;%b;%b\n" % (started, started))
    people = (b"anna", b"ben", b"clara")
    rows = [b"%d;7;9;%b@example.com;%b;sent;OK;\n" % (n, p, started) for n, p in enumerate(people)]
    hourly.put("20261124_mailingrecipients.csv", LOG + b"".join(rows))
    hourly.pull("2026-11-24T06:50")
    report = hourly.send("2026-11-24T07:00")
    assert sent(report).outcome == "sent"
    assert not [note for note in report.notes if "not confirmed" in note]


def test_it_goes_out_once_the_import_log_names_the_one_before_it(hourly: Desk) -> None:
    hourly.edit("closedloop.toml", "upload ", 'errors = "/errors"\nlogs = "/logs"\nupload ')
    hourly.send("2026-11-24T06:00")
    hourly.remote.put(
        "/logs/20261124_import.log", b"07:10;20261124070000_subscribers.csv;outcome=sent\n"
    )
    with pytest.raises(TryLater):
        hourly.send("2026-11-24T07:00")
    hourly.remote.put(
        "/logs/20261124_import.log",
        b"07:10;20261124070000_subscribers.csv;outcome=sent\n",
        hourly.waves()[0].built_at,
    )
    hourly.remote.put("/errors/earlier.error", b"")
    hourly.remote.remove("/errors/earlier.error")
    assert sent(hourly.send("2026-11-24T07:10")).outcome == "sent"


def test_it_goes_out_all_the_same_after_the_hours_of_its_job_and_says_so(hourly: Desk) -> None:
    wait_hours(hourly, "1.5")
    hourly.send("2026-11-24T06:00")
    with pytest.raises(TryLater):
        hourly.send("2026-11-24T07:29")
    report = hourly.send("2026-11-24T07:30")
    assert sent(report).outcome == "sent"
    assert [
        note for note in report.notes if "waited for it no longer, after wait_hours = 1.5" in note
    ]


def test_a_run_that_finds_nobody_to_mail_does_not_say_that_something_went_out(
    hourly: Desk,
) -> None:
    wait_hours(hourly, "1")
    hourly.send("2026-11-24T06:00")
    (hourly.root / "customers.csv").write_text("Email;Anrede;Vorname;Nachname\n")
    report = hourly.send("2026-11-24T07:00")
    assert sent(report).outcome == "nobody to mail"
    assert [note for note in report.notes if "this run waited for it no longer" in note]
    assert "went out" not in " ".join(report.notes)


@pytest.mark.parametrize(("hours", "wish"), [("0", {}), ("12", {"again": True})])
def test_nothing_is_waited_for_where_that_is_not_wanted(
    hourly: Desk, hours: str, wish: dict[str, Any]
) -> None:
    wait_hours(hourly, hours)
    hourly.send("2026-11-24T06:00")
    report = hourly.send("2026-11-24T07:00", **wish)
    assert sent(report).outcome == "sent"
    assert not [note for note in report.notes if "not confirmed" in note]


def test_a_weekly_or_daily_wave_never_waits(desk: Desk) -> None:
    desk.edit("jobs/send_newsletter.toml", '"0 6 * * 2"', '"0 6 * * *"')
    for day in ("24", "25"):
        assert sent(desk.send(f"2026-11-{day}T05:00")).outcome == "sent"


def test_waves_of_other_source_mailings_and_tests_are_not_waited_for(hourly: Desk) -> None:
    job = hourly.root / "jobs" / "send_newsletter.toml"
    other = job.read_text().replace("44018617811", "44018617812")
    (hourly.root / "jobs" / "other.toml").write_text(other)
    (hourly.root / "testers.csv").write_text("Email;Anrede;Vorname;Nachname\nme@example.com;;;\n")
    job.write_text(job.read_text() + '\n[test_recipients]\nfile = "testers.csv"\n')
    hourly.run("other", "2026-11-24T06:00")
    hourly.send("2026-11-24T06:30", test=True)
    assert sent(hourly.send("2026-11-24T07:00")).outcome == "sent"


def test_another_job_with_the_same_source_mailing_waits_too(hourly: Desk) -> None:
    job = hourly.root / "jobs" / "send_newsletter.toml"
    (hourly.root / "jobs" / "other.toml").write_text(job.read_text())
    hourly.run("other", "2026-11-24T06:00")
    with pytest.raises(TryLater, match="wait_hours = 12"):
        hourly.send("2026-11-24T07:00")


def test_a_rehearsal_says_for_what_a_wave_would_wait(hourly: Desk) -> None:
    hourly.send("2026-11-24T06:00")
    notes = hourly.send("2026-11-24T07:00", dry_run=True).notes
    assert [note for note in notes if "waits for that until 2026-11-24 19:00 CET" in note]


@pytest.mark.parametrize(("day", "is_noted"), [("2026-11-27", False), ("2026-11-28", True)])
def test_a_send_says_that_nothing_came_home_for_a_week(
    desk: Desk, day: str, *, is_noted: bool
) -> None:
    desk.put("20261120_unsubscribes.csv", LEFT)
    desk.pull("2026-11-20T12:00")
    notes = desk.send(f"{day}T06:00").notes
    assert bool([note for note in notes if "who unsubscribed or bounced since" in note]) == is_noted
