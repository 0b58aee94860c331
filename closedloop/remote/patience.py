"""Patience: how long we wait for the other side, and the watchdog that ends the wait."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a silent peer is waited for: to accept, to let us in, and for each answer after that."""

    connect_seconds: float = 20
    login_seconds: float = 30
    idle_seconds: float = 60

    @property
    def shortest(self) -> float:
        """The shortest of the three."""
        return min(self.connect_seconds, self.login_seconds, self.idle_seconds)


USUAL = Patience()


class Watchdog:
    """Calls `end` once, from a thread of its own, when a wait takes longer than it may.

    The SSH library waits without end in some places (a subsystem request, a full socket), so
    none of its own time-outs is enough. `end` must make the waiting call return.
    """

    def __init__(self, end: Callable[[], None], patience: Patience) -> None:
        self.barked = False
        self._end = end
        self._due = math.inf
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

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(self._interval):
            if time.monotonic() > self._due:
                self.barked = True
                self._end()
                return
