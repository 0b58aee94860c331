"""A project fresh from `init`, and the command line in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from closedloop.cli import cli, outcome
from closedloop.newsettings import Answers, client_section
from closedloop.scaffold import write_project


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def closedloop(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str | Path) -> Ended:
        capsys.readouterr()
        code = outcome(lambda: cli.main([*map(str, words)], standalone_mode=False))
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    section = client_section(
        Answers("de", "127.0.0.1", 1, "r_shop", "keys/id_rsa", ("ssh-rsa AAAA...",))
    )
    write_project(root, "de", section, rehearsal=True)
    return root


@pytest.fixture
def select() -> Callable[[Path, str], None]:
    def change(shop: Path, text: str) -> None:
        job = shop / "jobs" / "send_newsletter.toml"
        kept = job.read_text()
        job.write_text(kept[: kept.index("[selection]")] + f"[selection]\n{text}\n")

    return change
