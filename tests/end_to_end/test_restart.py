"""The platform's own error file, both cases: as processes, against the emulated platform, to the mailing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from closedloop.emulator.config import Config
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server

SLOT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


class Shop(Protocol):
    root: Path

    def do(self, *arguments: str, at: str = ...) -> Any: ...

    def customers(self, addresses: list[str]) -> None: ...


@pytest.fixture
def config() -> dict[int, str]:
    """The states of the source mailings, which support may change."""
    return {44018617811: "new"}


@pytest.fixture
def platform(tmp_path: Path, config: dict[int, str]) -> Iterator[Platform]:
    """A platform that is reached over SFTP."""
    platform = Platform(tmp_path / "platform", Config(source_mailings=config))
    with Server(platform):
        yield platform


@pytest.fixture
def ready(shop: Shop, platform: Platform) -> Shop:
    """A project of that platform, with fifty customers."""
    made = shop.do("init", str(shop.root), "--emulator", str(platform.places.root))
    assert made.returncode == 0, made.stderr
    shop.customers([f"kunde{number}@example.com" for number in range(50)])
    return shop


def open_error(shop: Shop) -> dict[str, Any]:
    (path,) = (shop.root / "var" / "errors").glob("*.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def mailed(platform: Platform) -> dict[int | str, set[int]]:
    """Return for each wave how often its people were mailed."""
    return {wave: set(often.values()) for wave, often in platform.record().mailed().items()}


def test_an_import_that_failed_is_sent_again_under_a_new_name_and_mails_everybody_once(
    ready: Shop, platform: Platform
) -> None:
    # Somebody used the names of this minute before: the platform refuses the file.
    uploads = platform.places.upload(platform.config.clients[0])
    for second in range(60):
        (uploads / f"202611240700{second:02}_subscribers.csv").write_text(
            f'"x@example.com";44018617811;{second};;;\n'
        )
    platform.tick(SLOT - timedelta(hours=2))
    for path in uploads.iterdir():
        path.unlink()
    assert ready.do("run", "send_newsletter").returncode == 0
    (result,) = platform.tick(SLOT + timedelta(minutes=10))
    assert (result.outcome, result.mailed) == ("import_failed", 0)

    pulled = ready.do("run", "pull_responses", at="2026-11-24T06:20Z")
    error = open_error(ready)
    halt = f"{error['wave']['file']}.error"
    assert (error["case"], error["halt"]) == ("import halted", halt)
    assert f"the platform left {halt}" in pulled.stderr
    wave = error["wave"]["wave_id"]
    later = ready.do("run", "send_newsletter", at="2026-12-01T06:00Z")
    assert later.returncode == 75
    (line,) = later.stderr.splitlines()
    assert "CET (import halted): closedloop --project" in line

    asked = ready.do("restart", at="2026-11-24T06:30Z")
    assert asked.returncode == 75
    assert "restart send_newsletter --resend" in asked.stdout
    platform.clear("de")
    done = ready.do("restart", "send_newsletter", "--resend", at="2026-11-24T06:30Z")
    assert done.returncode == 0, done.stderr
    (result,) = platform.tick(SLOT + timedelta(minutes=40))
    assert (result.outcome, result.mailed, result.wave) == ("sent", 50, wave)
    assert mailed(platform)[wave] == {1}
    assert ready.do("run", "send_newsletter", at="2026-11-24T06:50Z").returncode == 0
    assert platform.tick(SLOT + timedelta(minutes=60)) == []


def test_a_trigger_that_failed_is_acknowledged_and_nothing_is_uploaded_again(
    ready: Shop, platform: Platform, config: dict[int, str]
) -> None:
    config[44018617811] = "activated"
    assert ready.do("run", "send_newsletter").returncode == 0
    (result,) = platform.tick(SLOT + timedelta(minutes=10))
    assert result.outcome == "trigger_failed"
    ready.do("run", "pull_responses", at="2026-11-24T06:20Z")
    wave = open_error(ready)["wave"]["wave_id"]

    config[44018617811] = "new"
    platform.clear("de")
    done = ready.do("restart", "send_newsletter", "--assume-sent", at="2026-11-24T06:30Z")
    assert done.returncode == 0, done.stderr
    results = platform.tick(SLOT + timedelta(minutes=40))
    assert [(result.outcome, result.mailed) for result in results] == [("sent", 50)]
    assert mailed(platform) == {wave: {1}}
    assert ready.do("restart", at="2026-11-24T06:50Z").stdout == (
        "no error file is open: there is nothing to restart\n"
    )
    assert ready.do("run", "send_newsletter", at="2026-11-24T06:50Z").returncode == 0
    assert platform.tick(SLOT + timedelta(minutes=60)) == []
