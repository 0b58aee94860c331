"""A platform in a fresh folder, and a customer's uploads for it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from closedloop.emulator.config import Config
from closedloop.emulator.platform import Platform

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
