"""What is said on stderr, as text and as JSON."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from closedloop.errorfiles import ErrorFiles
from closedloop.model.error_file import Case, ErrorFile, NextStep, Problem
from closedloop.state import StateFolder
from tests.shops import new_shop

Said = Callable[..., list[str]]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project whose send job is suspended, and in whose pull nothing can be fetched."""
    root = new_shop(tmp_path / "shop", rehearsal=True)
    ErrorFiles(StateFolder(root / "var")).put(
        ErrorFile(
            name="send_newsletter-1", run="r", job="send_newsletter", client="de", kind="send", case=Case.FAILED,
            suspends="job", time=datetime(2026, 11, 20, 12, tzinfo=UTC), stage="select",
            errors=(Problem(error="E", sentence="the row of ann@example.com is odd"),),
            next_steps=(NextStep(when="now", command="closedloop restart"),),
        )
    )  # fmt: skip
    return root


@pytest.fixture
def said(shop: Path) -> Said:
    """Run a command as cron does and return the lines of stderr."""

    def run(*words: str, settings: str = "") -> list[str]:
        with (shop / "closedloop.toml").open("a") as stream:
            stream.write(f"\n{settings}\n")
        ended = subprocess.run(  # noqa: S603 our own program
            [sys.executable, "-m", "closedloop", "-p", str(shop), *words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.stdout == ""
        return ended.stderr.splitlines()

    return run


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def test_lines_are_text_unless_json_is_asked_for(said: Said) -> None:
    (line,) = said("run", "send_newsletter")
    assert line.startswith("closedloop: send_newsletter")


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        pytest.param(("--log-format", "json"), "", id="by option"),
        pytest.param((), '[log]\nformat = "json"', id="by settings"),
    ],
)
def test_an_error_is_one_json_line_about_its_job(
    words: tuple[str, ...], settings: str, said: Said
) -> None:
    (line,) = parsed(said(*words, "run", "send_newsletter", settings=settings))
    assert [*line] == ["time", "level", "job", "logger", "message"]
    assert (line["level"], line["job"]) == ("error", "send_newsletter")
    assert line["message"].endswith(" restart send_newsletter")


def test_a_command_names_the_folder_where_the_command_line_did(shop: Path, said: Said) -> None:
    (line,) = said("run", "send_newsletter")
    assert line.endswith(f"closedloop --project {shop} restart send_newsletter")


def test_a_command_stays_short_in_the_projects_own_folder(shop: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "closedloop", "run", "send_newsletter"],
        capture_output=True, text=True, check=False, cwd=shop,
    )  # fmt: skip
    assert ended.stderr.endswith(": closedloop restart send_newsletter\n")
    assert ended.returncode == 75


def test_no_line_holds_an_address(said: Said) -> None:
    (line,) = parsed(said("--log-format", "json", "run", "send_newsletter"))
    assert "ann" not in json.dumps(line)


def test_the_level_of_the_settings_lets_warnings_through(said: Said) -> None:
    metrics = '[metrics]\nfile = "gone/shop.prom"'
    quiet = said("run", "send_newsletter", settings=metrics)
    more = said("run", "send_newsletter", settings='[log]\nlevel = "warning"')
    assert [line for line in more if line not in quiet] == [
        line for line in more if line.startswith("WARNING the metrics could not be written")
    ]
    assert len(more) == len(quiet) + 1


def test_a_wrong_project_is_told_in_json_too(said: Said) -> None:
    (line,) = parsed(said("--log-format", "json", "run", "send_newsletter", settings="[log]\nlevel = 7"))  # fmt: skip
    assert "log.level" in line["message"]
    assert line["job"] is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["stat"], "No such command 'stat'", id="command"),
        pytest.param(["--now", "x", "status"], "'x' is no time", id="of all"),
        pytest.param(["status", "--odd"], "No such option '--odd'", id="of one"),
    ],
)
def test_a_wrong_command_line_is_told_to_machines_as_json(
    said: Said, words: list[str], sentence: str
) -> None:
    (line,) = said("--log-format", "json", *words)
    assert sentence in json.loads(line)["message"]
