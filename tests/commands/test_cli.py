"""The command line: its help, its exit codes, and what becomes of what it prints."""

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

import click
import pytest

from closedloop import errors
from closedloop.cli import EXIT_CODES, cli, outcome
from tests.shops import Run

REPOSITORY = Path(__file__).parents[2]


def commands(group: click.Group, *before: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        found.append((*before, name))
        if isinstance(command, click.Group):
            found += commands(command, *before, name)
    return found


ALL = commands(cli)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_the_help_of_each_command_has_an_example_on_a_line_of_its_own(
    words: tuple[str, ...], closedloop: Run
) -> None:
    ended = closedloop(*words, "--help")
    assert ended.code == 0
    assert re.search(rf"^ +closedloop .*\b{words[-1]}\b", ended.out, re.MULTILINE)
    assert "\\b" not in ended.out


def test_the_first_help_names_every_command_and_a_first_step(closedloop: Run) -> None:
    ended = closedloop("--help")
    assert ended.code == 0
    for words in ALL:
        assert f"\n  {words[0]} " in ended.out
    assert "closedloop demo\n" in ended.out


def exit_codes(kind: type[errors.ClosedLoopError] = errors.ClosedLoopError) -> set[int]:
    below = (exit_codes(each) for each in kind.__subclasses__())
    return {kind.exit_code}.union(*below)


def test_the_exit_codes_in_the_help_are_those_of_the_errors(closedloop: Run) -> None:
    told = [int(code) for code in re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)]
    assert told == sorted(exit_codes() | {0, 70})
    assert EXIT_CODES.strip("\b\n").splitlines()[-1] in closedloop("--help").out


def test_the_exit_codes_in_the_readme_are_those_of_the_errors() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    told = [int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)]
    assert told == sorted(exit_codes() | {0, 70})


def test_the_readme_names_every_command() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    for words in ALL:
        assert f"closedloop {' '.join(words)}" in readme


def test_the_readme_links_to_what_is_there() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", readme) if "://" not in link]
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["rnu"], "No such command 'rnu'; did you mean 'run'?", id="command"),
        pytest.param(["run", "send_newsletter", "--frob"], "No such option '--frob'", id="option"),
        pytest.param(["run"], "Missing argument 'JOB'", id="no job"),
        pytest.param(["--now", "soon", "status"], "'soon' is no time; write it as", id="time"),
        pytest.param(
            ["run", "send_newsleter"],
            "closedloop: there is no job called 'send_newsleter'; did you mean 'send_newsletter'?",
            id="misspelt job",
        ),
        pytest.param(
            ["run", "pull_responses", "--again"],
            "closedloop: jobs/pull_responses.toml is a pull job: --again and --test belong to send jobs",
            id="a pull again",
        ),
        pytest.param(
            ["run", "send_newsletter", "--date", "2026-11-20"],
            "closedloop: jobs/send_newsletter.toml is a send job: --date belongs to pull jobs",
            id="a send of a day",
        ),
        pytest.param(
            ["run", "pull_responses", "--date", "20.11.2026"],
            "'20.11.2026' is no day; write it as 2026-11-20",
            id="day",
        ),
        pytest.param(
            ["run", "pull_responses", "--date", "2026-11-20", "--dry-run"],
            "there is no --dry-run of it",
            id="a day rehearsed",
        ),
        pytest.param(
            ["run", "send_newsletter", "--test"],
            "jobs/send_newsletter.toml: --test needs a section [test_recipients], with 'sql' or 'file'",
            id="nobody to test with",
        ),
        pytest.param(
            ["--project", "nowhere", "status"], "'closedloop init' makes a project", id="project"
        ),
    ],
)
def test_a_wrong_command_line_exits_with_2_and_touches_nothing(
    shop: Path, closedloop: Run, words: list[str], sentence: str
) -> None:
    before = sorted(shop.rglob("*"))
    ended = closedloop("--project", shop, *words)
    assert ended.code == 2
    assert sentence in ended.err
    assert sorted(shop.rglob("*")) == before


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_can_not_be_printed_is_said_in_a_sentence(
    shop: Path, monkeypatch: pytest.MonkeyPatch, unbuffered: str
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with Path("/dev/full").open("w") as full:
        ended = printing(shop, full)
    assert ended.returncode == 1
    assert ended.stderr == (
        "closedloop: what it had to say could not be written: No space left on device; make room there, or print it elsewhere. "
        f"What was done stays done: closedloop --project {shop} status\n"
    )


def test_a_reader_that_has_seen_enough_gets_no_complaint(shop: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        ended = printing(shop, pipe)
    assert (ended.returncode, ended.stderr) == (1, "")


def printing(shop: Path, where: IO[str]) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "closedloop", "-p", str(shop), "status"]
    return subprocess.run(  # noqa: S603 our own program
        words, stdout=where, stderr=subprocess.PIPE, text=True, check=False
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [("NO_COLOR", "1"), ("TERM", "dumb"), pytest.param("LINES", "25", id="neither")],
)
def test_a_terminal_without_colours_gets_none(
    shop: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable, value)
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        printing(shop, terminal)
        shown = os.read(master, 4096)
    os.close(master)
    assert b"job" in shown
    assert (b"\x1b[1m" in shown) is (variable == "LINES")


@pytest.mark.parametrize(
    "words",
    [
        "run pull_responses",
        "run send_newsletter",
        "run send_newsletter --retry",
        "status",
        "restart",
        "restart --dry-run",
        "resend 20261121060000 --soft-bounces",
        "forget anna@example.com",
        "forget anna@example.com --dry-run",
        "quarantine list",
        "quarantine replay 20261120_clicks.csv",
        "report",
        "dashboard",
    ],
)
def test_no_command_takes_a_state_folder_that_is_gone_for_a_new_one(
    shop: Path, closedloop: Run, words: str
) -> None:
    shutil.rmtree(shop / "var")
    (shop / "var").mkdir()
    ended = closedloop("--project", shop, *words.split())
    assert ended.code == 75
    assert ended.err == (
        f"closedloop: {shop}/var: the state folder is not there, or empty. If its disk is not mounted, mount it; for a new "
        f"installation make it: (umask 077; mkdir -p {shop}/var/locks). Nothing was done\n"
    )
    assert list((shop / "var").iterdir()) == []


def test_a_bug_of_ours_shows_its_traceback_and_exits_with_70(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert outcome(lambda: 1 // 0) == 70
    shown = capsys.readouterr().err
    assert "ZeroDivisionError" in shown
    assert "this is a bug of closedloop" in shown


def test_every_line_of_an_error_says_who_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise errors.ProjectError("one\nanother")

    assert outcome(fail) == 2
    assert capsys.readouterr().err == "closedloop: one\nclosedloop: another\n"
