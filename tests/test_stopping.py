"""Runs that are told to end: by a signal, a second one, or the end of their time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from closedloop.errors import Interrupted, Stopped
from closedloop.stopping import Stopping, listening

LONG = 10.0
DEAF = """
import signal, time
from closedloop.stopping import Stopping, listening
for each in (signal.SIGTERM, signal.SIGINT):
    signal.signal(each, signal.SIG_DFL)
with listening(Stopping(), "send_newsletter", 60):
    print("listening", flush=True)
    while True:
        time.sleep(0.05)
"""
AT_WORK = """
import os, signal, threading
from closedloop.errors import Stopped
from closedloop.stopping import Stopping, listening
signal.signal(signal.SIGINT, signal.default_int_handler)
stopping = Stopping()
with listening(stopping, "pull_responses", 60):
    import polars as pl
    rows = pl.DataFrame({"a": [str(number) for number in range(300_000)]}).lazy()
    stopping.check()
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        while True:
            rows.select(pl.col("a").str.extract_all("1").list.len()).collect()
            stopping.check()
    except Stopped as error:
        print(error)
"""


@contextmanager
def told_by(number: signal.Signals, minutes: float = 60) -> Iterator[Stopping]:
    """Listen, and send ourselves a signal, also where whoever started the tests had it ignored."""
    stopping, before = Stopping(), signal.signal(number, signal.SIG_DFL)
    try:
        with listening(stopping, "send_newsletter", minutes):
            os.kill(os.getpid(), number)
            yield stopping
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        pytest.param(signal.SIGTERM, Stopped, "told to stop (SIGTERM)", id="systemd"),
        pytest.param(signal.SIGHUP, Stopped, "told to stop (SIGHUP)", id="terminal gone"),
        pytest.param(signal.SIGINT, Interrupted, "stopped by Ctrl-C", id="ctrl-c"),
    ],
)
def test_a_signal_ends_a_run_at_its_next_safe_point(
    number: signal.Signals, kind: type[Stopped], words: str
) -> None:
    with told_by(number) as stopping, pytest.raises(Stopped) as raised:
        stopping.check()
    assert type(raised.value) is kind
    assert str(raised.value) == (
        f"send_newsletter: {words}: it ended at a safe point, and the next run goes on where it was"
    )


def test_a_wait_that_may_be_broken_off_is_left_at_once() -> None:
    stopping, began = Stopping(), time.monotonic()
    with listening(stopping, "pull_responses", 0.3 / 60):
        with pytest.raises(Stopped, match=r"not done after 0\.005 minutes \(deadline_minutes in"):
            stopping.sleep(LONG)
        assert time.monotonic() - began < LONG / 2


def test_what_comes_of_a_broken_wait_is_told_as_the_stop_that_broke_it() -> None:
    ended: list[str] = []
    stopping = Stopping()

    def interrupted() -> None:
        stopping.tell(Stopped("told"))
        raise RuntimeError("the query was interrupted")

    with pytest.raises(Stopped, match="told"), stopping.breaking(lambda: ended.append("query")):
        interrupted()
    assert ended == ["query"]


def test_nothing_is_begun_any_more_that_may_be_broken_off() -> None:
    stopping, begun = Stopping(), False
    stopping.tell(Stopped("told"))
    with pytest.raises(Stopped, match="told"), stopping.at_once():
        begun = True
    assert not begun


def test_an_error_of_its_own_leaves_a_wait_as_it_is() -> None:
    with pytest.raises(ValueError, match="its own"), Stopping().at_once():
        raise ValueError("its own")


def test_the_first_reason_counts() -> None:
    stopping = Stopping()
    stopping.tell(Stopped("first"))
    stopping.tell(Stopped("second"))
    with pytest.raises(Stopped, match="first"):
        stopping.check()


def test_after_a_run_signals_mean_what_they_did_before(
    heard: Callable[[], list[int]],
) -> None:
    with listening(Stopping(), "send_newsletter", 60):
        pass
    os.kill(os.getpid(), signal.SIGHUP)
    assert heard() == [signal.SIGHUP]
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.fixture
def heard() -> Iterator[Callable[[], list[int]]]:
    """Hear SIGHUP ourselves."""
    numbers: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _: numbers.append(number))
    yield lambda: numbers
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_a_process_that_comes_to_no_safe_point(
    number: signal.Signals,
) -> None:
    command = [sys.executable, "-c", DEAF]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as process:  # noqa: S603 - ours  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == b"listening\n"
        process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.4)
        process.send_signal(number)
        assert process.wait(LONG) == -number


def test_ctrl_c_means_the_same_while_rows_are_worked_on() -> None:
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", AT_WORK],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "pull_responses: stopped by Ctrl-C" in done.stdout


def test_an_end_that_comes_before_the_wait_comes_again() -> None:
    stopping, asked = Stopping(), list[bool]()
    with pytest.raises(Stopped):
        _wait_until_asked_thrice(stopping, asked)
    so_far = len(asked)
    time.sleep(0.3)

    assert len(asked) <= so_far + 1


def _wait_until_asked_thrice(stopping: Stopping, asked: list[bool]) -> None:
    with stopping.insisting(lambda: asked.append(True)):
        stopping.tell(Stopped("now"))
        while len(asked) < 3:
            time.sleep(0.01)
        raise RuntimeError("broken off")
