"""The commands with [mail]: what arrives at a real server, and what a check says before."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from closedloop.cli import cli, outcome
from closedloop.emulator.config import Config, Export
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server
from closedloop.scaffold import emulated, write_project

MORNING = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
MAIL = """
[mail]
url      = "{url}"
from     = "closedloop@example.com"
to       = ["ops@example.com"]
language = "de"
{more}
"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    platform = Platform(tmp_path / "platform", Config(export=Export(broken_lines=2)))
    with Server(platform):
        yield platform


@pytest.fixture
def shop(tmp_path: Path, platform: Platform) -> Callable[..., Path]:
    """Return a maker of projects that mail to a server."""

    def make(url: str, more: str = "") -> Path:
        client, section = emulated(platform.places.root, None)
        write_project(tmp_path / "shop", client, section, rehearsal=True)
        with (tmp_path / "shop" / "closedloop.toml").open("a", encoding="utf-8") as stream:
            stream.write(MAIL.format(url=url, more=more))
        return tmp_path / "shop"

    return make


def do(root: Path, at: datetime, *words: str) -> int:
    command = ["--project", str(root), "--now", at.isoformat(), *words]
    return outcome(lambda: cli.main(command, standalone_mode=False))


def test_a_wave_and_a_delivery_are_each_told_once(
    shop: Callable[..., Path], platform: Platform, opened: Callable[..., Any]
) -> None:
    office = opened()
    root = shop(f"smtp://127.0.0.1:{office.port}")
    platform.export(MORNING)
    for minutes in (0, 10):
        assert (
            do(root, MORNING + timedelta(hours=2, minutes=minutes), "run", "send_newsletter") == 0
        )
    platform.tick(MORNING + timedelta(hours=2, minutes=20))
    platform.export(MORNING + timedelta(days=1))
    for minutes in (0, 10):
        do(root, MORNING + timedelta(days=1, hours=1, minutes=minutes), "run", "pull_responses")
    subjects = [message["Subject"] for _, message in office.got]
    assert len(subjects) == 2
    assert subjects[0] == ("[closedloop] de send_newsletter 24.11.2026: 3 Empfänger, 2 ausgelassen")
    assert subjects[1].startswith("[closedloop] de pull 24.11.2026 bis 25.11.2026: 16 Dateien, ")
    pulled = office.got[1][1].get_body(("plain",)).get_content()
    assert "3 geschrieben, 3 gesehen, 0 nicht gesehen" in pulled
    assert "Abgewiesene Zeilen nach Regel" in pulled
    for _, message in office.got:
        assert "@" not in message.get_body(("html",)).get_content().replace("@media", "")
        assert "@" not in message.get_body(("plain",)).get_content()


def test_a_refused_file_is_told_once_by_the_pull_and_once_when_it_came_in(
    shop: Callable[..., Path], platform: Platform, opened: Callable[..., Any]
) -> None:
    office = opened()
    root = shop(f"smtp://127.0.0.1:{office.port}")
    platform.export(MORNING)
    (path,) = platform.places.root.glob("sftp/*/outgoing/*_clicks.csv")
    good = path.read_bytes()
    path.write_bytes(b"something;else\n1;2\n")
    for minutes in (10, 20, 30):
        do(root, MORNING + timedelta(minutes=minutes), "run", "pull_responses")
    path.write_bytes(good)
    for minutes in (40, 50):
        do(root, MORNING + timedelta(minutes=minutes), "run", "pull_responses")
    first, second = (message for _, message in office.got)
    assert "abgewiesen" in first["Subject"]
    assert (
        f"closedloop --project {root} restart pull_responses"
        in first.get_body(("plain",)).get_content()
    )
    assert path.name in first.get_body(("plain",)).get_content()
    assert second["Subject"].startswith("[closedloop] de pull")


def test_a_dry_run_tells_nobody(shop: Callable[..., Path], opened: Callable[..., Any]) -> None:
    office = opened()
    root = shop(f"smtp://127.0.0.1:{office.port}")
    assert do(root, MORNING, "run", "send_newsletter", "--dry-run") == 0
    assert office.got == []


def test_a_check_names_what_the_mail_still_lacks(
    shop: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    more = 'user = "robot"\npassword_env = "MAIL_PASSWORD"\nca = "keys/ca.pem"'
    root = shop("smtp://mail.example.com", more)
    monkeypatch.delenv("MAIL_PASSWORD", raising=False)
    assert do(root, MORNING, "check") == 0
    said = capsys.readouterr().out
    assert "mail.ca: 'keys/ca.pem' is not there yet" in said
    assert "mail.password_env: MAIL_PASSWORD is not set here" in said


def test_a_check_refuses_a_mail_section_that_can_not_work(
    shop: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = shop("mail.example.com:25", 'password_credential = "a/b"')
    assert do(root, MORNING, "check") == 2
    said = capsys.readouterr().err
    assert "closedloop.toml: key 'mail.url': 'mail.example.com:25' is no mail server" in said
    assert "key 'mail.password_credential': 'a/b' must be letters" in said
