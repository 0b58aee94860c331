"""A project at work: what `run` and `status` print for an operator and for cron."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from closedloop.flows.runner import alone
from closedloop.model.settings import Client
from closedloop.project import load_project
from closedloop.state import StateFolder
from tests.shops import Ended, Run, shop_on

NOW = "2026-11-20T13:00+01:00"


Select = Callable[[Path, str], None]


class Desk(NamedTuple):
    """A project whose server is a folder of this disk."""

    shop: Path
    incoming: Path
    outgoing: Path


@pytest.fixture
def desk(client_on: Callable[[Path], Client], tmp_path: Path) -> Desk:
    client = client_on(tmp_path / "remote")
    root = shop_on(tmp_path / "shop", client)
    return Desk(root, Path(client.upload), Path(client.download))


@pytest.fixture(scope="session")
def other_key() -> str:
    key = Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def deliver(desk: Desk, day: str, *kinds: str) -> None:
    heads = {
        "mailings": "id;compoundMasterId;mailingGroupId;mailing.recipientLists;started;finished\n",
        "links": "id;mailingId;mailingToUserId;mailingGroupId;name;url\n",
    }
    for kind in kinds:
        (desk.outgoing / f"{day}_{kind}.csv").write_text(heads[kind])


def test_a_run_waits_for_nobody_who_holds_its_lock(shop: Path, closedloop: Run) -> None:
    project = load_project(shop)
    with alone(project.job("pull_responses"), StateFolder(project.state)):
        ended = closedloop("--project", shop, "run", "pull_responses")
    assert ended.code == 75
    assert re.fullmatch(
        r"closedloop: pull_responses: another run of this job is under way "
        r"\(pull_responses, process \d+, since [-\d]+ [:\d]+ UTC\); nothing was done\n",
        ended.err,
    )


def test_a_server_that_is_not_the_known_one_exits_with_69(
    desk: "Desk", other_key: str, closedloop: Run
) -> None:
    settings = desk.shop / "closedloop.toml"
    settings.write_text(
        re.sub("host_keys .*", f'host_keys = ["{other_key}"]', settings.read_text())
    )
    ended = closedloop("--project", desk.shop, "run", "pull_responses")
    assert ended.code == 69
    assert "host_keys" in ended.err


def test_a_key_that_is_not_there_exits_with_2(shop: Path, closedloop: Run) -> None:
    ended = closedloop("--project", shop, "run", "pull_responses")
    assert ended.code == 2
    assert "keys/id_rsa" in ended.err


def test_the_status_of_a_new_project_says_that_nothing_ran_and_makes_nothing(
    shop: Path, closedloop: Run
) -> None:
    ended = closedloop("--project", shop, "--now", NOW, "status")
    assert ended.code == 0
    assert ended.out.count("never ran") == 2
    assert [path.name for path in (shop / "var").rglob("*")] == ["locks"]


def test_the_status_as_json_is_for_machines(shop: Path, closedloop: Run) -> None:
    ended = closedloop("--project", shop, "--now", NOW, "status", "--json")
    pull, send = json.loads(ended.out)["jobs"]
    assert (pull["job"], pull["last_run"], pull["exit_code"]) == ("pull_responses", None, None)
    assert pull["next_slot"] == "2026-11-20T12:10:00+00:00"
    assert send["next_slot"] == "2026-11-24T05:00:00+00:00"
    assert send["sentences"] == []


@pytest.mark.parametrize("named", [True, False])
def test_the_status_types_commands_as_the_command_line_did(
    shop: Path, closedloop: Run, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    (shop / "var" / "mail").mkdir(parents=True)
    (shop / "var" / "mail" / "1.eml").write_text("x")
    monkeypatch.chdir(shop.parent if named else shop)
    ended = closedloop(*(["--project", "shop"] if named else []), "status")
    folder = f"--project {shop} " if named else ""
    assert f"closedloop {folder}check --online says" in ended.out


def test_the_status_as_json_names_what_waits_in_the_state_folder(
    shop: Path, closedloop: Run
) -> None:
    (shop / "var" / "mail").mkdir(parents=True)
    (shop / "var" / "mail" / "1.eml").write_text("x")
    told = json.loads(closedloop("--project", shop, "status", "--json").out)
    (sentence,) = told["state"]["waiting"]
    assert sentence.startswith("1 letter not delivered yet")


def test_cron_hears_of_a_missing_file_once_a_day(desk: Desk, closedloop: Run) -> None:
    def pull(now: str, *more: str) -> Ended:
        return closedloop("-p", desk.shop, "--now", now, "run", "pull_responses", *more)

    job = desk.shop / "jobs" / "pull_responses.toml"
    job.write_text(re.sub(r"schemas      = .*", 'schemas = ["mailings", "links"]', job.read_text()))
    deliver(desk, "20261119", "mailings", "links")
    deliver(desk, "20261120", "mailings")
    told = pull("2026-11-20T12:00+01:00")
    assert told == Ended(
        0,
        "",
        "closedloop: pull_responses: links of 2026-11-20 is missing: 14 days left to fetch it\n",
    )
    assert pull("2026-11-20T12:10+01:00") == Ended(0, "", "")
    assert "links of 2026-11-20 is missing" in pull("2026-11-20T12:15+01:00", "--dry-run").out
    assert pull("2026-11-20T12:20+01:00") == Ended(0, "", "")
    next_day = pull("2026-11-21T00:10+01:00")
    assert "links of 2026-11-20 is missing: 13 days left" in next_day.err
    deliver(desk, "20261120", "links")
    assert pull("2026-11-21T00:20+01:00") == Ended(0, "", "")
    assert json.loads(pull("2026-11-21T00:30+01:00", "--json").out)["result"]["missing"] == []


def test_cron_hears_of_rejected_rows_once(desk: Desk, closedloop: Run) -> None:
    words = ("-p", desk.shop, "--now", "2026-11-20T10:00+01:00", "run", "pull_responses")
    deliver(desk, "20261120", "mailings", "links")
    file = desk.outgoing / "20261120_links.csv"
    file.write_text(file.read_text() + "1;2;3;4;home;https://example.com/\none;2;3;4;home;x\n")
    told = closedloop(*words)
    assert (told.code, told.out) == (0, "")
    assert "20261120_links.csv: 1 of 2 rows rejected; they are in var/quarantine/" in told.err
    assert closedloop(*words) == Ended(0, "", "")


def test_talking_once_is_the_report_and_twice_the_log_as_well(
    desk: Desk, closedloop: Run, caplog: pytest.LogCaptureFixture
) -> None:
    deliver(desk, "20261120", "mailings", "links")
    words = ("run", "pull_responses", "--date", "2026-11-20")
    once = closedloop("-p", desk.shop, "-v", *words)
    assert "20261120_links.csv" in once.out
    assert caplog.messages == []
    twice = closedloop("-p", desk.shop, "-vv", *words)
    assert "20261120_links.csv: 0 loaded, 0 quarantined, 0 blank" in caplog.messages
    assert "20261120_links.csv" in twice.out


def test_a_run_by_hand_answers_off_a_terminal_too(desk: Desk, closedloop: Run) -> None:
    deliver(desk, "20261120", "links")
    reloaded = closedloop("-p", desk.shop, "run", "pull_responses", "--date", "2026-11-20")
    assert "de pull_responses: 1 file, 0 rows, 0 rejected" in reloaded.out
    now = ("-p", desk.shop, "--now", NOW, "run", "send_newsletter")
    assert closedloop(*now) == Ended(0, "", "")
    assert "is on its way: 3 recipients" in closedloop(*now, "--again").out


def test_a_rehearsal_shows_the_story(desk: Desk, closedloop: Run) -> None:
    rehearsed = closedloop("-p", desk.shop, "run", "send_newsletter", "--dry-run")
    assert rehearsed.code == 0
    assert "dry run: 3 of 5 would be mailed; nothing was sent" in rehearsed.out
    assert "- duplicate" in rehearsed.out
    assert "example.com" not in rehearsed.out
    assert "Müller" not in rehearsed.out
    assert [*desk.incoming.iterdir()] == []


def test_a_wave_goes_out_once_in_a_slot(desk: Desk, closedloop: Run) -> None:
    words = ("-p", desk.shop, "--now", NOW, "run", "send_newsletter", "--json")
    sent, again = (json.loads(closedloop(*words).out) for _ in range(2))
    assert sent["result"]["outcome"] == "sent"
    assert again["result"]["outcome"] == "already sent"
    (upload,) = desk.incoming.iterdir()
    assert upload.name == sent["result"]["wave"]["file"]
    assert len(upload.read_text().splitlines()) == 3


@pytest.mark.parametrize("selection", ['file = "nix.csv"', 'sql = "select 1 as x"'])
def test_a_wrong_selection_stops_a_run_before_anything_is_written_remotely(
    desk: Desk, closedloop: Run, select: Select, selection: str
) -> None:
    select(desk.shop, selection)
    ended = closedloop("-p", desk.shop, "run", "send_newsletter")
    assert ended.code == 2
    assert [*desk.incoming.iterdir()] == []
    assert not [*(desk.shop / "var" / "outbox").rglob("*.csv*")]


def test_the_status_after_a_run_says_what_is_missing(desk: Desk, closedloop: Run) -> None:
    deliver(desk, "20261120", "mailings")
    closedloop("-p", desk.shop, "--now", NOW, "run", "pull_responses")
    pull, _ = json.loads(closedloop("-p", desk.shop, "--now", NOW, "status", "--json").out)["jobs"]
    assert (pull["last_run"][:16], pull["exit_code"]) == ("2026-11-20T12:00", 0)
    sentence, _ = pull["sentences"]
    assert sentence.startswith("pull_responses: mailing_recipients, links, clicks, opens, ")
    assert sentence.endswith(" of 2026-11-20 are missing: 14 days left to fetch them")
