"""Projects fresh from `init`, and the command line in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from closedloop.cli import cli, outcome
from closedloop.model.settings import Client
from closedloop.newsettings import Answers, client_section
from closedloop.scaffold import write_project


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


def command_line(capsys: pytest.CaptureFixture[str], *before: object) -> Run:
    """Return what carries out a command, after words that all of them begin with."""

    def run(*words: object) -> Ended:
        capsys.readouterr()
        given = [*map(str, before), *map(str, words)]
        code = outcome(lambda: cli.main(given, standalone_mode=False))
        return Ended(code, *capsys.readouterr())

    return run


def new_shop(root: Path, *, rehearsal: bool) -> Path:
    """Write a project whose server nobody reaches; for a rehearsal it has customers."""
    answers = Answers("de", "127.0.0.1", 1, "r_shop", "keys/id_rsa", ("ssh-rsa AAAA...",))
    write_project(root, "de", client_section(answers), rehearsal=rehearsal)
    return root


def shop_on(root: Path, server: Client) -> Path:
    """Write a project for a rehearsal on a server that is there."""
    answers = Answers(
        "de", server.host, server.port, server.user, str(server.key), server.host_keys
    )
    section = client_section(answers)
    section = section.replace('"/incoming"', f'"{server.upload}"')
    section = section.replace('"/outgoing"', f'"{server.download}"')
    write_project(root, "de", section, rehearsal=True)
    return root
