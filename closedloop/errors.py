"""The error tree: what went wrong, in a sentence, and the exit code that says so.

    ClosedLoopError         1   some file or row set failed; the report says which
    ├── ProjectError        2   the command line or a project file is wrong; nothing was touched
    ├── FileRefused         1   one file can't be taken in as a whole; the others go on
    ├── ImportHalted        1   the platform left an error file: a person must find out what became of the wave
    ├── UntoldWave          1   a kept copy shows a wave of this slot that the ledger does not know
    ├── AlreadyThere        1   a remote name is taken; nothing was overwritten
    ├── NotThere            1   a remote file or folder is missing
    ├── RemoteError        69   the SFTP server can't be reached or refuses
    │   ├── OutcomeUnknown 69   the answer to an act was lost: it may or may not have happened
    │   └── LogInRefused   69   the server does not let us in; never tried again by itself
    ├── WarehouseError     69   the warehouse can't be reached or refuses
    └── TryLater           75   suspended, locked or waiting; the next run may go through
        ├── WarehouseBusy  75   another process holds the warehouse
        ├── Locked         75   another run is under way
        ├── Suspended      75   an open error file waits for a person
        ├── Stopped        75   told to stop, or out of time: ended at a safe point
        │   └── Interrupted 130 stopped by Ctrl-C
        └── StateTrouble   75   the state folder is full, read-only or missing

Anything else that reaches the command line is a bug of ours: traceback, exit 70.
Every message says what, where, and what to do next, and holds no address and no secret.
"""

from datetime import datetime


class ClosedLoopError(Exception):
    """A failure that the operator reads as one sentence."""

    exit_code = 1


class ProjectError(ClosedLoopError):
    """The command line or a project file is wrong; nothing was touched."""

    exit_code = 2


class FileRefused(ClosedLoopError):
    """One file can't be taken in as a whole."""


class ImportHalted(ClosedLoopError):
    """The platform left an error file, `halt` (name, bytes, time): it imports nothing more of this client."""

    def __init__(self, message: str, halt: tuple[str, int, datetime]) -> None:
        super().__init__(message)
        self.halt = halt


class UntoldWave(ClosedLoopError):
    """A kept copy, `file`, shows a wave that the ledger does not know."""

    def __init__(self, message: str, file: str) -> None:
        super().__init__(message)
        self.file = file


class AlreadyThere(ClosedLoopError):
    """A remote name is taken; nothing was overwritten."""


class NotThere(ClosedLoopError):
    """A remote file or folder is missing."""


class RemoteError(ClosedLoopError):
    """The remote failed; `transient` says whether trying again can help."""

    exit_code = 69

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class OutcomeUnknown(RemoteError):
    """The answer to an act was lost: look at the remote before acting again, unless it `looked` already, in vain."""

    def __init__(self, message: str, *, looked: bool = False) -> None:
        super().__init__(message, transient=False)
        self.looked = looked


class LogInRefused(RemoteError):
    """The server does not let us in: asking again may lock the account."""


class WarehouseError(ClosedLoopError):
    """The warehouse can't be reached or refuses."""

    exit_code = 69


class TryLater(ClosedLoopError):
    """Suspended, locked or waiting: the next run may go through."""

    exit_code = 75


class WarehouseBusy(TryLater):
    """Another process holds the warehouse."""


class Locked(TryLater):
    """Another run is under way."""


class Suspended(TryLater):
    """An open error file waits for a person."""


class Stopped(TryLater):
    """Told to stop, or out of time: the run ended at a safe point, the next one goes on."""


class Interrupted(Stopped):
    """Stopped by Ctrl-C."""

    exit_code = 130


class StateTrouble(TryLater):
    """The state folder is full, read-only or missing."""
