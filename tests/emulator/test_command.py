import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from closedloop.emulator.command import PlatformClock, emulate
from closedloop.emulator.platform import Platform
from closedloop.errors import ProjectError

Lines = Callable[..., bytes]
PROGRAM = "from closedloop.emulator.command import emulate; emulate()"


@pytest.fixture
def run(start: datetime) -> Callable[..., Result]:
    """Run the command as part of a program whose time is `start`."""

    def ran(*arguments: str) -> Result:
        program = SimpleNamespace(now=lambda: start)
        return CliRunner().invoke(emulate, arguments, obj=program, catch_exceptions=False)

    return ran


def waiting(folder: Path, name: str, content: bytes) -> None:
    incoming = folder / "sftp" / "de" / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    (incoming / name).write_bytes(content)


def test_days_pass_at_once(tmp_path: Path, run: Callable[..., Result], lines: Lines) -> None:
    waiting(tmp_path, "20261120070000_subscribers.csv", lines(["anna@example.com"] * 2))
    result = run(str(tmp_path), "--advance", "3")
    assert "sent: 2 rows, 1 mailed, 1 duplicate" in result.output
    assert "closedloop --now 2026-11-23T04:00:00Z" in result.output
    days = {path.name[:8] for path in (tmp_path / "sftp/de/outgoing").iterdir()}
    assert days == {"20261121", "20261122", "20261123"}
    again = run(str(tmp_path), "--advance", "1")
    assert "closedloop --now 2026-11-24T04:00:00Z" in again.output


def test_a_halt_is_told_and_cleared(
    tmp_path: Path, run: Callable[..., Result], lines: Lines
) -> None:
    waiting(tmp_path, "20261120070000_subscribers.csv", b"broken\n")
    assert "de is halted until --clear de" in run(str(tmp_path), "--advance", "1").output
    assert "de: cleared" in run(str(tmp_path), "--clear", "de").output
    waiting(tmp_path, "20261121070000_subscribers.csv", lines(["anna@example.com"]))
    assert "sent: 1 rows" in run(str(tmp_path), "--advance", "1").output


def test_clearing_needs_a_platform(tmp_path: Path, run: Callable[..., Result]) -> None:
    with pytest.raises(ProjectError, match="there is no platform in"):
        run(str(tmp_path / "typo"), "--clear", "de")
    assert not (tmp_path / "typo").exists()


def test_the_help_teaches(run: Callable[..., Result]) -> None:
    text = run("--help").output
    for word in ("platform.toml", "client.toml", "--advance 3", "--now"):
        assert word in text


def test_the_clock_runs_at_its_speed_and_follows_a_record_that_is_ahead(
    tmp_path: Path, start: datetime
) -> None:
    platform = Platform(tmp_path)
    clock = PlatformClock(platform, start, speed=0)
    assert clock.now() == start
    ahead = datetime(2026, 12, 1, tzinfo=UTC)
    platform.tick(ahead)
    assert clock.now() == ahead
    fast = PlatformClock(platform, start, speed=1e6)
    assert ahead <= fast.now() < fast.now()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_lives_and_ends_when_told(
    tmp_path: Path, lines: Lines, run: Callable[..., Result], end: signal.Signals
) -> None:
    waiting(tmp_path, "20261120070000_subscribers.csv", lines(["anna@example.com"]))
    command = [sys.executable, "-u", "-W", "error", "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(  # noqa: S603 - this very interpreter
        [*command, "--fast", "--day-seconds", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as serving:
        assert serving.stdout
        assert serving.stderr
        told = [serving.stdout.readline() for _ in range(5)]
        run(str(tmp_path), "--advance", "1")
        serving.send_signal(end)
        rest = serving.stdout.read()
        assert serving.stderr.read() == ""
        assert serving.wait(20) == 0
    assert re.match(r"the emulated campaign platform serves SFTP on 127.0.0.1:\d+", told[0])
    assert str(tmp_path / "client.toml") in told[1]
    assert "import de 20261120070000_subscribers.csv: sent: 1 rows, 1 mailed" in told[3]
    assert "export of 8 files: " in told[4]
    assert rest.endswith("stopped\n")


def test_a_broken_setting_is_told_once_and_mended_while_serving(tmp_path: Path) -> None:
    settings = Platform(tmp_path).places.settings
    command = [sys.executable, "-u", "-c", PROGRAM, str(tmp_path), "--fast", "--day-seconds", "1"]
    with subprocess.Popen(  # noqa: S603 - this very interpreter
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout
        assert serving.stderr
        good = settings.read_text()
        for _ in range(4):
            serving.stdout.readline()
        settings.write_text(good.replace("header =", "haeder ="))
        assert "did you mean 'header'?" in serving.stderr.readline()
        settings.write_text(good)
        assert "export of 8 files: " in serving.stdout.readline()
        serving.terminate()
        assert serving.stderr.read() == ""
        serving.stdout.read()


def test_the_command_needs_no_ssh_before_it_serves() -> None:
    program = "import sys, closedloop.emulator.command; sys.exit('asyncssh' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)  # noqa: S603
