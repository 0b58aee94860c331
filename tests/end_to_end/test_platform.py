"""The program as a process against the emulated platform: a week of it, and the demo."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from closedloop.emulator.config import Config, Export, Reactions
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server

MORNING = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
LIVELY = Reactions(hard=0.05, soft=0.08, opened=0.5, automated=0.3, clicked=0.3, unsubscribed=0.05)


class Shop(Protocol):
    root: Path

    def do(self, *arguments: str, at: str = ...) -> Any: ...

    def report(self, job: str, at: str, *options: str) -> dict[str, Any]: ...

    def customers(self, addresses: list[str]) -> None: ...


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that is reached over SFTP, with people who react to nearly everything."""
    config = Config(reactions=LIVELY, export=Export(broken_lines=2))
    platform = Platform(tmp_path_factory.mktemp("platform"), config)
    with Server(platform):
        yield platform


def test_what_comes_home_equals_the_platforms_own_record(
    shop: Shop, platform: Platform, query: Callable[[Path, str], list[dict[str, Any]]]
) -> None:
    made = shop.do("init", str(shop.root), "--emulator", str(platform.places.root))
    assert made.returncode == 0, made.stderr
    shop.customers([*(f"kunde{number}@example.com" for number in range(300)), "bad(at)example.com"])
    platform.export(MORNING)
    sent = shop.report("send_newsletter", "2026-11-24T06:00Z")["result"]["wave"]
    assert (sent["written"], sent["dropped"]) == (300, {"invalid address": 1})
    (imported,) = platform.tick(MORNING + timedelta(hours=2, minutes=10))
    assert (imported.outcome, imported.mailed) == ("sent", 300)
    assert (
        shop.report("send_newsletter", "2026-11-24T06:20Z")["result"]["outcome"] == "already sent"
    )
    for day in range(1, 4):
        platform.export(MORNING + timedelta(days=day))
    pulled = shop.report("pull_responses", "2026-11-27T05:00Z")["result"]
    assert (len(pulled["files"]), pulled["missing"]) == (32, [])
    broken = sum(file["broken"] for file in platform.record().files())
    assert sum(file["counts"]["quarantined"] for file in pulled["files"]) == broken > 0

    record = {row["mailing_id"]: row for row in platform.record().campaigns()}
    campaigns = query(shop.root, "from campaigns")
    same = set(next(iter(record.values()))) - {"started", "finished"}
    assert {row["mailing_id"]: {key: row[key] for key in same} for row in campaigns} == {
        number: {key: row[key] for key in same} for number, row in record.items()
    }
    assert any(row["clicks_total"] > row["clicks_unique"] > 0 for row in campaigns)
    (wave,) = query(shop.root, "from waves")
    assert (wave["wave_id"], wave["mailing_id"], wave["seen"]) == (
        sent["wave_id"],
        imported.mailing_id,
        300,
    )
    assert set(platform.record().mailed()[sent["wave_id"]].values()) == {1}


ASKED = ["status", "report", "report pull_responses", "dashboard"]


def test_the_demo_tells_its_story_and_its_figures_are_right(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "closedloop", "demo", str(tmp_path / "demo"), "--customers", "1000"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "figures of all" in done.stdout
    assert "equal the platform's own record" in done.stdout
    assert "<html" in (tmp_path / "demo/shop/var/dashboard.html").read_text()
    asked = [line for line in done.stdout.splitlines() if " --now " in line]
    assert [line.split("+01:00 ")[1] for line in asked] == ASKED
    for line in asked:
        told = subprocess.run(shlex.split(line), capture_output=True, text=True, check=False)  # noqa: S603
        assert (told.returncode, told.stderr) == (0, ""), line
