"""The quarantine as an operator meets it on the command line."""

from pathlib import Path

import pytest

from closedloop.flows.runner import alone
from closedloop.locks import Patience
from closedloop.project import load_project
from closedloop.state import StateFolder
from tests.flows.delivered import LEFT
from tests.flows.desk import Desk
from tests.shops import Run, command_line

NAME = "20261120_unsubscribes.csv"
GOOD = b"44;1;9;anna@example.com;2026-11-19 12:00:00\n"
BAD = b"44;x;9;\x1bben@example.com;never\n"


@pytest.fixture
def closedloop(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Run:
    return command_line(capsys, "--project", desk.root, "quarantine")


@pytest.fixture
def loaded(desk: Desk) -> Desk:
    desk.put(NAME, LEFT + GOOD + BAD)
    desk.put("20261119_unsubscribes.csv", LEFT + BAD)
    desk.pull()
    return desk


def quarantined(desk: Desk) -> Path:
    (path,) = (desk.root / "var" / "quarantine" / "de").glob(f"{NAME}.????????.csv")
    return path


def test_an_empty_quarantine_is_said_to_be_empty(closedloop: Run) -> None:
    assert closedloop("list") == (0, "nothing is in quarantine\n", "")


@pytest.mark.usefixtures("loaded")
def test_the_list_names_files_and_rules_and_shows_nobody(closedloop: Run) -> None:
    ended = closedloop("list")
    lines = [line.split() for line in ended.out.splitlines() if "unsubscribes.csv" in line]
    assert [line[:4] for line in lines] == [
        ["de", "20261119_unsubscribes.csv", "refused", "1"],
        ["de", NAME, "loaded", "1"],
    ]
    assert "not a whole number" in ended.out
    assert "@" not in ended.out


@pytest.mark.usefixtures("loaded")
def test_rows_are_shown_on_request_and_the_terminal_obeys_none_of_them(
    closedloop: Run,
) -> None:
    ended = closedloop("show", NAME)
    assert "line 3: column mailing_to_user_id: not a whole number; column" in ended.out
    assert r"  44;x;9;\x1bben@example.com;never" in ended.out


@pytest.mark.usefixtures("loaded")
def test_a_file_without_rejected_rows_is_not_shown(closedloop: Run) -> None:
    ended = closedloop("show", "20261120_unsubscribe.csv")
    assert ended.code == 2
    assert f"did you mean '{NAME}'?" in ended.err


def test_a_replay_loads_what_was_corrected_and_says_what_is_left(
    loaded: Desk, closedloop: Run
) -> None:
    before = closedloop("replay", NAME)
    assert (before.code, before.out.splitlines()[0]) == (
        1,
        f"{NAME}: 0 rows loaded, 1 left in quarantine",
    )
    path = quarantined(loaded)
    good = "44;2;9;ben@example.com;2026-11-19 12:00:00"
    path.write_text(path.read_text().replace(BAD.decode().rstrip("\n"), good))
    assert "1 rows would be loaded" in closedloop("replay", path, "--dry-run").out
    assert closedloop("replay", path) == (0, f"{NAME}: 1 rows loaded, 0 left in quarantine\n", "")
    assert closedloop("replay", NAME).out == (
        f"{NAME}: none of its rows is in quarantine; nothing to do\n"
    )
    assert loaded.rows("select count(*) as n from unsubscribes") == [{"n": 2}]


def test_a_refused_file_can_not_be_replayed(loaded: Desk, closedloop: Run) -> None:
    ended = closedloop("replay", "20261119_unsubscribes.csv")
    assert ended.code == 2
    assert "was refused as a whole" in ended.err
    assert loaded.rows("select count(*) as n from unsubscribes") == [{"n": 1}]


def test_a_replay_does_not_meddle_with_a_pull(loaded: Desk, closedloop: Run) -> None:
    project = load_project(loaded.root)
    with alone(
        project.job("pull_responses"), StateFolder(project.state), Patience(0, lambda _: None)
    ):
        assert closedloop("replay", NAME).code == 75
