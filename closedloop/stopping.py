"""The end of a run that comes from outside: by a signal, or because its time is over."""

import os
import signal
import sys
import threading
import time
from _thread import start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType

from closedloop.errors import Interrupted, Stopped

INSISTING_SECONDS = 0.1
GOES_ON = "it ended at a safe point, and the next run goes on where it was"


class Stopping:
    """Tells a run when to end: `check` is a safe point, and in a block of `breaking` a wait is broken off at once."""

    def __init__(self) -> None:
        self._why: Stopped | None = None
        self._end: Callable[[], object] | None = None

    def tell(self, why: Stopped) -> None:
        """Let the run end for this reason; the first one counts."""
        if self._why is None:
            self._why = why
            if self._end:
                self._end()

    def check(self) -> None:
        """Raise `Stopped` if the run is to end."""
        if self._why:
            raise self._why
        _hear_alone()

    @contextmanager
    def breaking(self, end: Callable[[], object]) -> Iterator[None]:
        """Let a wait in this block be ended by `end`; whatever error comes of that leaves the block as `Stopped`."""
        before, self._end = self._end, end
        try:
            self.check()
            yield
        except Exception:
            self.check()
            raise
        finally:
            self._end = before

    @contextmanager
    def insisting(self, end: Callable[[], object]) -> Iterator[None]:
        """Let this block be ended by an `end` that is lost where it comes before the wait: it comes again until the block is left."""
        left, ended, begun = SimpleQueue[None](), SimpleQueue[None](), list[bool]()

        def insist() -> None:
            while True:
                with suppress(Exception):
                    end()
                with suppress(Empty):
                    left.get(timeout=INSISTING_SECONDS)
                    break
            ended.put(None)

        def begin() -> None:
            begun.append(True)
            # No `Thread`: whoever hears the signal may be starting one.
            start_new_thread(insist, ())

        try:
            with self.breaking(begin):
                yield
        finally:
            if begun:
                left.put(None)
                ended.get()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let this block be left wherever it is; only for what a kill at any moment leaves sound."""
        with self.breaking(self.check):
            yield

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        with self.at_once():
            time.sleep(seconds)


NEVER = Stopping()
"""Tells nobody to end."""


def _hear_alone() -> None:
    """Take SIGINT back from polars, once a run has imported it.

    It answers with errors of its own wherever it is at work, in any thread, and lets waits go on.
    """
    if threading.current_thread() is threading.main_thread() and (
        handler := signal.getsignal(signal.SIGINT)
    ):
        signal.signal(signal.SIGINT, handler)


@contextmanager
def listening(stopping: Stopping, job: str, minutes: float) -> Iterator[None]:
    """Let a signal, or the end of its minutes, tell a run of this job to end; a second signal ends the process.

    The minutes don't count while the machine sleeps. Only the main thread hears signals; in others nothing is told.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    why = {
        signal.SIGTERM: Stopped(f"{job}: told to stop (SIGTERM): {GOES_ON}"),
        signal.SIGHUP: Stopped(f"{job}: told to stop (SIGHUP): {GOES_ON}"),
        signal.SIGINT: Interrupted(f"{job}: stopped by Ctrl-C: {GOES_ON}"),
        signal.SIGALRM: Stopped(
            f"{job}: not done after {minutes:g} minutes (deadline_minutes in jobs/{job}.toml): {GOES_ON}"
        ),
    }
    # Who was started by nohup stays deaf to SIGHUP.
    heard = [each for each in why if signal.getsignal(each) is not signal.SIG_IGN]

    def hear(number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for each in heard:
            signal.signal(each, signal.SIG_DFL)
        if number == signal.SIGINT and sys.stderr.isatty():
            os.write(2, b"\nstopping at the next safe point; Ctrl-C again ends it at once\n")
        stopping.tell(why[signal.Signals(number)])

    before = {each: signal.signal(each, hear) for each in heard}
    signal.setitimer(signal.ITIMER_REAL, minutes * 60)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for each, handler in before.items():
            signal.signal(each, handler)
