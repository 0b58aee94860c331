import shlex

import pytest

from closedloop.cli import COMMANDS
from closedloop.model.commands import NAMES, in_project

AWAY = {"init", "emulate", "demo", "completion"}
"""What works on no project, or makes one."""


def test_every_command_that_works_on_a_project_is_known() -> None:
    assert set(NAMES) == set(COMMANDS) - AWAY


@pytest.mark.parametrize("folder", ["/srv/shop", "/srv/my shop", r"/srv/a\1'b"])
def test_a_command_in_a_sentence_names_the_project_so_that_a_shell_reads_it(folder: str) -> None:
    said = in_project("it rests; see closedloop restart de.send --dry-run", folder)
    assert shlex.split(said.partition("see ")[2]) == [
        "closedloop", "--project", folder, "restart", "de.send", "--dry-run",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "a bug of closedloop",
        "in closedloop.toml",
        "'closedloop init' makes a project",
        "closedloop runs",
    ],
)
def test_what_is_no_command_of_a_project_stays(text: str) -> None:
    assert in_project(text, "/srv/shop") == text
