"""A project fresh from `init`, and the command line in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shops import Run, command_line, new_shop


@pytest.fixture
def closedloop(capsys: pytest.CaptureFixture[str]) -> Run:
    return command_line(capsys)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return new_shop(tmp_path / "shop", rehearsal=True)


@pytest.fixture
def select() -> Callable[[Path, str], None]:
    def change(shop: Path, text: str) -> None:
        job = shop / "jobs" / "send_newsletter.toml"
        kept = job.read_text()
        job.write_text(kept[: kept.index("[selection]")] + f"[selection]\n{text}\n")

    return change
