"""What a send promises: a file in the platform's dialect, counts that add up, and nothing touched where it can't be."""

import csv

import pytest

from closedloop.errors import AlreadyThere, ImportHalted, ProjectError, Suspended
from closedloop.model.wave import WaveState
from closedloop.remote.memory import MemoryRemote
from tests.flows.delivered import LEFT, LOG
from tests.flows.desk import Desk
from tests.flows.told import sent


def test_a_wave_is_one_file_in_the_platforms_dialect(desk: Desk) -> None:
    desk.customers('anna@example.com;Frau;Anna;"Mü""ll;er"', 'ben@example.com;;"";Weiß')
    wave = sent(desk.send()).wave
    assert desk.uploads() == ["20261124070000_subscribers.csv"]
    assert wave.wave_id == 20261124070000
    content = desk.remote.read("/incoming/20261124070000_subscribers.csv").decode()
    assert content.endswith('"ben@example.com";44018617811;20261124070000;;;"Weiß"\n')
    assert "\r" not in content
    assert (wave.size, wave.state) == (len(content.encode()), WaveState.PUBLISHED)


def test_every_dropped_row_has_a_reason_and_the_counts_add_up(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", LEFT + b"44;1;9;Left@Example.com;2026-11-19 12:00:00\n")
    bounces = b"".join(
        b"%d;%d;9;%b@example.com;2026-11-1%d 12:00:00;sent;%b;\n"
        % (10 * kind + number, 40 + number, name, number, status)
        for kind, (name, status, times) in enumerate(
            [(b"hard", b"HARD", 3), (b"soft", b"SOFT", 5), (b"twice", b"HARD", 2)]
        )
        for number in range(times)
    )
    desk.put("20261120_mailingrecipients.csv", LOG + bounces)
    desk.pull()
    (desk.root / "blocked.txt").write_text("# never these\n*@partner.example\n")
    desk.edit("closedloop.toml", '# blocklist = "blocklist.txt"', 'blocklist = "blocked.txt"')
    desk.customers(
        "anna@example.com;newsletter",
        " ANNA@example.com ;newsletter",
        "left@example.COM;newsletter",
        "hard@example.com;newsletter",
        "soft@example.com;newsletter",
        "twice@example.com;newsletter",
        "ben@partner.example;newsletter",
        "clara(at)example.com;newsletter",
        ";newsletter",
        "dora@example.com;catalogue",
        head="Email;consent",
    )
    for name in ("Anrede", "Vorname", "Nachname"):
        text = (desk.root / "schemas" / "subscribers.toml").read_text()
        line = next(line for line in text.splitlines() if line.startswith(name))
        desk.edit("schemas/subscribers.toml", line, "")
    wave = sent(desk.send()).wave
    assert wave.dropped == {
        "duplicate": 1,
        "unsubscribed": 1,
        "bounced": 2,
        "blocklisted": 1,
        "invalid address": 1,
        "missing address": 1,
        "no consent": 1,
    }
    assert wave.selected == 10 == wave.written + sum(wave.dropped.values())
    content = desk.remote.read(f"/incoming/{wave.file}").decode()
    assert [row[0] for row in csv.reader(content.splitlines(), delimiter=";")] == [
        "anna@example.com",
        "twice@example.com",
    ]


def test_who_left_is_unknown_until_something_was_pulled_and_the_report_says_so(desk: Desk) -> None:
    assert "nobody is known to have unsubscribed or bounced" in desk.send().notes[0]
    desk.put("20261120_unsubscribes.csv", LEFT)
    desk.pull()
    notes = desk.send("2026-12-01T06:00").notes
    assert not [note for note in notes if "nobody is known" in note]


def test_a_project_that_pulls_only_some_files_suppresses_by_those(desk: Desk) -> None:
    (desk.root / "var" / "warehouse.duckdb").unlink()
    text = (desk.root / "jobs" / "pull_responses.toml").read_text()
    line = next(line for line in text.splitlines() if line.startswith("schemas"))
    desk.edit("jobs/pull_responses.toml", line, 'schemas = ["unsubscribes"]')
    desk.put("20261120_unsubscribes.csv", LEFT + b"44;1;9;ben@example.com;2026-11-19 12:00:00\n")
    desk.pull()
    assert sent(desk.send()).wave.dropped == {"unsubscribed": 1}


def test_a_project_that_pulls_nothing_can_send(desk: Desk) -> None:
    (desk.root / "var" / "warehouse.duckdb").unlink()
    (desk.root / "jobs" / "pull_responses.toml").unlink()
    assert sent(desk.send()).wave.written == 3


def test_a_test_goes_to_the_test_recipients_and_belongs_to_no_slot(desk: Desk) -> None:
    desk.add_test_recipients()
    wave = sent(desk.send(test=True)).wave
    assert (wave.test, wave.slot, wave.written) == (True, None, 1)
    assert b"me@example.com" in desk.remote.read(f"/incoming/{wave.file}")
    assert sent(desk.send()).outcome == "sent"


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_test_without_test_recipients_is_refused(desk: Desk, *, dry_run: bool) -> None:
    with pytest.raises(ProjectError, match=r"needs a section \[test_recipients\]"):
        desk.send(test=True, dry_run=dry_run)
    assert desk.uploads() == []


def test_nobody_to_mail_fails_the_run_and_leaves_nothing(desk: Desk) -> None:
    desk.customers("nobody")
    report = desk.send()
    assert (sent(report).outcome, report.exit_code) == ("nobody to mail", 1)
    assert sent(report).wave.dropped == {"invalid address": 1}
    assert (desk.uploads(), desk.waves(), desk.left("outbox")) == ([], [], [])


def test_product_data_is_published_before_the_subscribers(desk: Desk) -> None:
    desk.add_products()
    order = []

    class Watched(MemoryRemote):
        def publish(self, staged: str, path: str) -> None:
            order.append(path)
            super().publish(staged, path)

    remote = Watched()
    desk.send(remote=remote)
    assert order == [
        "/incoming/20261124070000_products.csv",
        "/incoming/20261124070000_subscribers.csv",
    ]
    assert remote.read(order[0]) == b'1;"Shoes"\n2;"Hat"\n'
    assert [name for name in desk.left("sent") if "products" in name]


def test_other_product_data_of_the_same_name_stops_the_wave(desk: Desk) -> None:
    desk.add_products()
    desk.remote.put("/incoming/20261124070000_products.csv", b"somebody else's")
    with pytest.raises(AlreadyThere, match="other product data of this name"):
        desk.send()
    assert desk.uploads() == ["20261124070000_products.csv"]


def test_a_copy_of_what_was_sent_is_kept_and_the_outbox_is_empty(desk: Desk) -> None:
    desk.send()
    assert desk.left("sent") == ["20261124070000_subscribers.csv.zst"]
    assert desk.left("outbox") == []


def test_a_dry_run_writes_nothing_and_shows_masked_lines(desk: Desk) -> None:
    report = desk.send(dry_run=True)
    assert (sent(report).outcome, sent(report).wave.written) == ("dry run", 3)
    assert "example" not in "".join(sent(report).preview)
    assert "anna" not in "".join(sent(report).preview).lower()
    assert len(sent(report).preview) == 3
    assert (desk.uploads(), desk.waves(), desk.left("outbox")) == ([], [], [])


def test_a_selection_that_yields_other_columns_touches_nothing(desk: Desk) -> None:
    desk.customers("anna@example.com", head="Mail;Anrede;Vorname;Nachname")
    with pytest.raises(ProjectError, match=r"column 'Email' .* is not selected"):
        desk.send()
    assert (desk.uploads(), desk.waves(), desk.left("outbox")) == ([], [], [])


def test_nothing_is_sent_while_the_platform_has_halted(desk: Desk) -> None:
    desk.add_errors_folder()
    desk.remote.put("/errors/20261117060000_subscribers.csv.error", b"1;QUOTING;")
    with pytest.raises(ImportHalted, match=r"20261117060000_subscribers\.csv\.error in /errors"):
        desk.send()
    with pytest.raises(Suspended):
        desk.send()
    desk.remote.remove("/errors/20261117060000_subscribers.csv.error")
    assert sent(desk.send()).outcome == "sent"
