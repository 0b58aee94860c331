"""A platform in a fresh folder, and a customer's uploads for it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from closedloop.emulator.config import Config
from closedloop.emulator.platform import Platform
from tests.emulator.exported import LIVELY, Drop, Lines, Live, Make, People

SOURCE = 44018617811


@pytest.fixture
def start() -> datetime:
    return datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Platform]:
    """Make a platform; a name keeps several apart."""

    def made(config: Config | None = None, name: str = "platform") -> Platform:
        return Platform(tmp_path / name, config or Config())

    return made


@pytest.fixture
def platform(make: Callable[..., Platform]) -> Platform:
    return make()


@pytest.fixture
def lines() -> Callable[..., bytes]:
    """Return a well-formed subscriber file for these addresses."""

    def written(addresses: list[str], wave: str = "20261120070000", source: int = SOURCE) -> bytes:
        return "".join(
            f'"{address}";{source};{wave};"Frau";"Jörg ""J"" ; Ä";\n' for address in addresses
        ).encode()

    return written


@pytest.fixture
def drop() -> Callable[..., Path]:
    """Put a file into the client's upload folder."""

    def dropped(platform: Platform, name: str, content: bytes) -> Path:
        path = platform.places.root / "sftp" / "de" / "incoming" / name
        path.write_bytes(content)
        return path

    return dropped


@pytest.fixture
def people() -> Callable[[int], list[str]]:
    def addresses(count: int) -> list[str]:
        return [f"kundin{number}@example.com" for number in range(count)]

    return addresses


@pytest.fixture
def live(make: Make, lines: Lines, drop: Drop, people: People, start: datetime) -> Live:
    """Let a platform send two waves a week apart and export every morning."""

    def lived(config: Config | None = None, name: str = "platform", days: int = 12) -> Platform:
        platform = make(config or Config(reactions=LIVELY), name)
        for day in range(days):
            now = start + timedelta(days=day)
            if day in (0, 7):
                upload = lines(people(300), wave=f"{now:%Y%m%d}070000")
                drop(platform, f"{now:%Y%m%d}070000_subscribers.csv", upload)
            platform.tick(now)
            platform.export(platform.next_export(now))
        return platform

    return lived
