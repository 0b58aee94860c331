"""Patience: how long we wait for the other side, and the watchdog that ends the wait."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the other side is waited for.

    A silent one: to accept, to let us in, and for each answer after that. A slow one: `act_seconds` for any act in all, and for a
    transfer longer by its size at `slowest_bytes_per_second`.
    """

    connect_seconds: float = 20
    login_seconds: float = 30
    idle_seconds: float = 60
    act_seconds: float = 300
    slowest_bytes_per_second: float = 10_000

    def act(self, size: int = 0) -> float:
        """Return the seconds that an act may take which moves so many bytes."""
        return self.act_seconds + size / self.slowest_bytes_per_second

    @property
    def shortest(self) -> float:
        """The shortest wait there is."""
        return min(self.connect_seconds, self.login_seconds, self.idle_seconds, self.act_seconds)


USUAL = Patience()


class Watchdog:
    """Calls `end` once, from a thread of its own, when a wait takes longer than it may.

    The SSH library waits without end in some places (a subsystem request, a full socket), so
    none of its own time-outs is enough. `end` must make the waiting call return.
    """

    def __init__(self, end: Callable[[], None], patience: Patience) -> None:
        self.barked = False
        self.was_too_slow = False
        self._end = end
        self._due = math.inf
        self._act_due = math.inf
        self._stopped = threading.Event()
        self._interval = min(1.0, patience.shortest / 10)
        self._thread = threading.Thread(target=self._watch, name="sftp-watchdog", daemon=True)
        self._thread.start()

    def wait_until(self, due: float) -> None:
        """Set the moment (`time.monotonic`) by which the wait must be over; `math.inf` is never."""
        self._due = due

    @contextmanager
    def waiting(self, seconds: float) -> Iterator[None]:
        """Watch over a block that may take so long."""
        self.wait_until(time.monotonic() + seconds)
        try:
            yield
        finally:
            self.wait_until(math.inf)

    @contextmanager
    def acting(self, seconds: float) -> Iterator[None]:
        """Watch over a block of many waits that may take so long in all."""
        self._act_due = time.monotonic() + seconds
        try:
            yield
        finally:
            self._act_due = math.inf

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(self._interval):
            now = time.monotonic()
            if now > min(self._due, self._act_due):
                self.was_too_slow = now > self._act_due
                self.barked = True
                self._end()
                return
