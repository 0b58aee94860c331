import re

import pytest

from closedloop.console import show_sentence, show_table, watching

ID = "4402000002244020000078" * 8


@pytest.fixture
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")


def test_an_id_is_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("mailing", "name", "rows"), [(ID, "a [name] " * 8, "1")])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "4402" in line]
    assert line.split() == [ID, *["a", "[name]"] * 8, "1"]


def test_prose_is_folded_within_the_width(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("column", "rule"), [("link_id", "not a whole number " * 20)], prose="rule")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 140
    assert sum("whole" in line for line in lines) > 1


def test_numbers_are_set_to_the_right_and_words_to_the_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_table(
        ("job", "rows", "why"), [("a", "1,200", ""), ("longer", "-", "no rows")], prose="why"
    )
    assert capsys.readouterr().out.splitlines() == [
        "",
        " job      rows  why     ",
        " ────────────────────── ",
        " a       1,200          ",
        " longer      -  no rows ",
        "",
    ]


WORDS = "the platform left a file in its errors folder and imports nothing more: "
COMMAND = "closedloop --project '/srv/my shop' restart send_newsletter --assume-sent"


@pytest.mark.usefixtures("_terminal")
def test_a_sentence_is_folded_at_the_terminals_end_but_no_command_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show_sentence(f"{WORDS}{WORDS}{COMMAND}; then look again")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.strip() for line in lines if "closedloop" in line] == [f"{COMMAND};"]


def test_a_pipe_gets_a_sentence_as_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_sentence(WORDS * 4)
    assert capsys.readouterr().out == f"{WORDS * 4}\n"


def test_a_table_may_be_empty(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("job", "why"), [], prose="why")
    assert capsys.readouterr().out.split() == ["job", "why", "─" * 8]


@pytest.mark.usefixtures("_terminal")
def test_what_has_no_end_in_sight_is_counted(capfd: pytest.CaptureFixture[str]) -> None:
    with watching(shown=True) as watch:
        watch("select")(1500, 0)
    shown = capfd.readouterr().err
    assert "1,500" in shown
    assert "%" not in shown


@pytest.mark.usefixtures("_terminal")
def test_one_bar_stands_at_a_time(capfd: pytest.CaptureFixture[str]) -> None:
    with watching(shown=True) as watch:
        watch("select")(1500, 0)
        upload = watch("upload")
        upload(1, 2)
        upload(2, 2)
        upload(2, 2)
    frames = re.split(r"\r\x1b\[2K", capfd.readouterr().err)
    assert any("upload" in frame for frame in frames)
    assert not any("select" in frame and "upload" in frame for frame in frames)


@pytest.mark.usefixtures("_terminal")
def test_a_transfer_tells_its_rate_and_the_time_left(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    ticks = iter(range(0, 100, 2))
    with watching(shown=True, clock=lambda: next(ticks)) as watch:
        fetch = watch("fetch x.csv")
        # A third was there before: it does not count into the rate.
        fetch(30_000_000, 90_000_000)
        fetch(40_000_000, 90_000_000)
    shown = capfd.readouterr().err
    assert "44% of 90 MB, 5.0 MB/s" in shown
    assert re.search(r"\d:\d\d:\d\d", shown)


@pytest.mark.usefixtures("_terminal")
def test_rows_tell_their_rate(capfd: pytest.CaptureFixture[str]) -> None:
    ticks = iter(range(0, 100, 2))
    with watching(shown=True, clock=lambda: next(ticks)) as watch:
        select = watch("select")
        select(1000, 0)
        select(201_000, 0)
    assert "201,000, 100,000/s" in capfd.readouterr().err


def test_off_a_terminal_nothing_moves(capfd: pytest.CaptureFixture[str]) -> None:
    with watching(shown=False) as watch:
        watch("select")(1, 2)
    assert capfd.readouterr() == ("", "")
