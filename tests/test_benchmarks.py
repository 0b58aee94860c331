"""The harness of the benchmarks, with next to nothing to measure."""

import importlib
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks import delivery, growth, measure, others
from benchmarks.measure import Contender, Figure, Row
from benchmarks.sshd import sshd

needs_sshd = pytest.mark.skipif(
    shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin") is None,
    reason="no sshd on this machine: apt install openssh-server",
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the repository's data and results alone."""
    monkeypatch.setattr(measure, "HERE", tmp_path)
    monkeypatch.setattr(measure, "DATA", tmp_path / "data")
    (tmp_path / "data").mkdir()


def test_contenders_take_turns_and_what_is_around_a_run_is_not_measured(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def note(text: str) -> None:
        with log.open("a") as stream:
            stream.write(text)

    def noting(name: str) -> Contender:
        command = [sys.executable, "-c", f"open({str(log)!r}, 'a').write({name!r})"]
        return Contender(name, command, partial(note, "<"), after=partial(note, ">"))

    figures = measure.interleaved([noting("a"), noting("b")], 2)
    assert log.read_text() == "<a><b><a><b>"
    assert all(0 < figure.wall < 60 and figure.peak > 1 for figure in figures.values())


def test_a_contender_that_fails_ends_the_benchmark_with_its_words() -> None:
    odd = Contender("odd", [sys.executable, "-c", "raise SystemExit('no disk left')"])
    with pytest.raises(SystemExit, match=r"odd ended with 1:\nno disk left"):
        measure.once(odd)


def test_the_table_keeps_the_parts_that_were_measured_before(tmp_path: Path) -> None:
    cost, half = Figure(2.0, 1.0, 100), Figure(1.0, 0.5, 200)
    measure.keep("one", [Row("load", cost, "bare", half, 1.5, 1.0)], 5)
    measure.keep("two", [Row("memory", cost, "bare", half, 1.0, 0.5, "peak")], 3)
    text = (tmp_path / "RESULTS.md").read_text()
    assert (
        "| load | 2.00 s, 1.00 CPU s, 100 MiB | bare | 1.00 s, 0.50 CPU s, 200 MiB | **2.00** | 1.5 | 1 |"
        in text
    )
    assert "**0.50** peak | 1 | 0.5 |" in text


@pytest.mark.parametrize("name", program.PARTS)
def test_each_part_can_be_measured(name: str) -> None:
    assert callable(importlib.import_module(f"benchmarks.{name}").measure)


@needs_sshd
def test_our_rows_are_counted_after_a_run() -> None:
    day = measure.DATA / "day"
    made = delivery.make(day, 25_000)
    assert made["mailing_recipients"] == {"good": 12_487, "bad": 17}
    with sshd() as server:
        measure.once(others._ours(server, day, made))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("ours", 100, id="we took a bad row"),
        pytest.param("shell", 98, id="it lost a good row"),
        pytest.param("shell", 102, id="it made one up"),
    ],
)
def test_a_contender_with_other_rows_ends_the_benchmark(name: str, found: int) -> None:
    with pytest.raises(SystemExit, match=f"{name}: {found} rows in opens instead of 99"):
        others._expect(name, [found], {"opens": {"good": 99, "bad": 2}})


@needs_sshd
def test_growth_is_measured_and_drawn(tmp_path: Path) -> None:
    found = growth.measure(1, (1000, 2000), (2, 10), tmp_path)
    assert [row.what for row in found] == [
        "load 2,000 rows: time for each 1,000,000",
        "pull 10 files: time for each 100",
        "nothing new, 10 files known",
    ]
    drawn = (tmp_path / "growth_files.svg").read_text()
    for label in ("wall time, s", "peak memory, MiB", "pull with nothing new", "linear"):
        assert label in drawn
