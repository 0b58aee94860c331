"""A wave from its upload to its second sending, as processes against the emulated platform."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from closedloop.emulator.config import Config, Export, Reactions
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server

SLOT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
BOUNCING = Reactions(
    hard=0.1, soft=0.3, late=0, unsendable=0, opened=0, automated=0, clicked=0, unsubscribed=0,
    replied=0, autoresponded=0,
)  # fmt: skip
COLUMN = 'WELLE_ID = { name = "wave_id", type = "int64", nullable = true, optional = true }\n'


class Shop(Protocol):
    root: Path

    def do(self, *arguments: str, at: str = ...) -> Any: ...

    def report(self, job: str, at: str, *options: str) -> dict[str, Any]: ...

    def customers(self, addresses: list[str]) -> None: ...


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform that sends WELLE_ID back and reaches few people."""
    config = Config(reactions=BOUNCING, export=Export(extra_columns=("WELLE_ID",)))
    platform = Platform(tmp_path / "platform", config)
    with Server(platform):
        yield platform


def test_a_wave_is_confirmed_by_the_log_then_seen_then_sent_to_its_soft_bounces(
    shop: Shop, platform: Platform, query: Callable[[Path, str], list[dict[str, Any]]]
) -> None:
    made = shop.do("init", str(shop.root), "--emulator", str(platform.places.root))
    assert made.returncode == 0, made.stderr
    for path in (shop.root / "schemas").glob("*.toml"):
        path.write_text(path.read_text().replace('"refuse"', '"ignore"'))
    schema = shop.root / "schemas" / "mailing_recipients.toml"
    schema.write_text(schema.read_text() + COLUMN)
    shop.customers([f"kunde{number}@example.com" for number in range(60)])
    wave = shop.report("send_newsletter", "2026-11-24T06:00Z")["result"]["wave"]["wave_id"]
    platform.tick(SLOT + timedelta(minutes=10))
    (logged,) = shop.report("pull_responses", "2026-11-24T06:20Z")["result"]["waves"]
    assert (logged["confirmed_by"], logged["seen"]) == ("import log", None)

    platform.export(SLOT + timedelta(hours=22))
    (seen,) = shop.report("pull_responses", "2026-11-25T05:00Z")["result"]["waves"]
    assert (seen["wave_id"], seen["confirmed_by"], seen["seen"]) == (wave, "WELLE_ID", 60)
    told = shop.do("status", at="2026-11-25T05:10Z").stdout
    assert f"wave {wave}: 60 written, 60 seen, 0 not seen (mailing " in told

    ended = shop.do("resend", str(wave), "--soft-bounces", at="2026-11-25T06:00Z")
    assert ended.returncode == 0, ended.stderr
    platform.tick(SLOT + timedelta(days=1, minutes=10))
    (again,) = [number for number in platform.record().mailed() if number not in (wave, "foreign")]
    log = query(shop.root, "select recipient, wave_id, delivery_status from mailing_recipients")
    soft = [row for row in log if (row["wave_id"], row["delivery_status"]) == (wave, "SOFT")]
    assert set(platform.record().mailed()[again]) == {row["recipient"] for row in soft}
    assert 5 < len(soft) < 40
    refused = shop.do("resend", str(wave), "--soft-bounces", at="2026-11-25T07:00Z")
    assert (refused.returncode, f"already, as wave {again}" in refused.stderr) == (2, True)
