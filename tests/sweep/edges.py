"""What a process does to the world outside it, counted as it happens; and its death at one of these acts."""

import inspect
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any

LOOKS = {
    *("remote.listing", "remote.find"),
    *(
        "ledger.waves",
        "ledger.files",
        "ledger.mark",
        "ledger.last_run",
        "ledger.last_report",
        "ledger.last_try",
    ),
    *(
        "warehouse.rows",
        "warehouse.loads",
        "warehouse.mark",
        "warehouse.unresolved",
        "warehouse.suppressed",
    ),
    *("warehouse.sightings", "warehouse.mailings", "warehouse.bounced_softly", "loading.overlap"),
}
"""Calls that change nothing: the whole sweep dies at these too, the fast one does not."""

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
FILES = {
    **dict.fromkeys(("os.rename", "os.link"), "files.rename"),
    **dict.fromkeys(("os.remove", "os.rmdir"), "files.remove"),
    "os.mkdir": "files.make",
    "os.utime": "files.date",
    "os.truncate": "files.write",
    "fcntl.flock": "files.lock",
}
"""What the interpreter itself reports of each act on a file, whoever of our code asks for it."""
AUDITED = {"files.open", *FILES.values()}
"""These are told of before they happen, and not again after: that is the moment before the next act."""


class Trap:
    """Writes each act to a log, and kills the process before or after the one it waits for; 0 waits for none.

    It counts the acts whose names begin as `only` does.
    """

    def __init__(self, root: Path, log: int, only: str, at: int, side: str) -> None:
        self._root = f"{root}/"
        self._log = log
        self._only = only
        self._at = at
        self._side = side
        self._numbers = count(1)
        self._is_due = False

    def before(self, name: str, *, is_told_after: bool = True) -> int:
        """Count an act that is about to happen and return its number; 0 if it does not count."""
        os.write(self._log, f"{name}\n".encode())
        if not name.startswith(self._only):
            return 0
        number = next(self._numbers)
        if self._is_due or (number, self._side) == (self._at, "before"):
            self._die()
        # Threads change places: the act that is waited for may be one whose end is not told.
        if (number, self._side, is_told_after) == (self._at, "after", False):
            self._is_due = True
        return number

    def after(self, number: int) -> None:
        """Say that an act has happened."""
        if (number, self._side) == (self._at, "after"):
            self._die()

    def around(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same act, counted."""

        @wraps(act)
        def counted(*given: Any, **named: Any) -> Any:
            number = self.before(name)
            try:
                return act(*given, **named)
            finally:
                # What failed has happened as well: of a lost answer nobody knows.
                self.after(number)

        return counted

    def audit(self, event: str, given: tuple[Any, ...]) -> None:
        """Count what the interpreter reports, if it changes a file of the project."""
        if event == "open":
            path, _, flags = given
            if flags & WRITES and self._is_ours(path):
                self.before("files.open", is_told_after=False)
        elif event in FILES and self._changes(event, given):
            self.before(FILES[event], is_told_after=False)

    def _changes(self, event: str, given: tuple[Any, ...]) -> bool:
        # An open file has no path but a descriptor; rmtree's paths are relative to one.
        if isinstance(given[0], int) or not os.fspath(given[0]).startswith("/"):
            return True
        is_there = os.path.lexists(given[0])
        return self._is_ours(given[0]) and is_there != (event == "os.mkdir")

    def _is_ours(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self._root)

    def _die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def arm(trap: Trap) -> None:
    """Lay a trap round every edge of this process: it is there to die, and nothing is taken back."""
    for kind, edge in edges().items():
        for name, method in list(vars(edge).items()):
            if not name.startswith("_") and _is_act(method):
                setattr(edge, name, trap.around(f"{kind}.{name}", method))
    os.fsync = trap.around("files.fsync", os.fsync)
    sys.addaudithook(trap.audit)


def edges() -> dict[str, type]:
    """Return what our program reaches the outside through, besides files."""
    from closedloop.ledger import Ledger
    from closedloop.mail.mailer import SpooledMailer
    from closedloop.mail.smtp import Conversation
    from closedloop.remote.sftp import SftpRemote
    from closedloop.warehouse.duckdb import DuckDBWarehouse
    from closedloop.warehouse.duckdb_loading import DuckDBLoading

    return {
        "remote": SftpRemote,
        "ledger": Ledger,
        "warehouse": DuckDBWarehouse,
        "loading": DuckDBLoading,
        "mail": SpooledMailer,
        "post": Conversation,
    }


def _is_act(method: object) -> bool:
    """Leave out what does nothing when it is called, but only when it is gone through."""
    return inspect.isfunction(method) and not inspect.isgeneratorfunction(inspect.unwrap(method))
