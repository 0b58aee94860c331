"""An error file: the record of a failure that suspends a job and drives its restart (docs/restart.md)."""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime

from closedloop.model.strict import Strict

SEND_STAGES = ("settle", "select", "write", "stage", "publish", "confirm")
PULL_STAGES = ("list", "fetch", "check", "load", "archive")


class Case(StrEnum):
    """What kind of failure it is; it decides what a restart does."""

    FAILED = "failed"
    BUG = "bug"
    REFUSED_FILES = "files refused"
    REFUSED_LOG_IN = "log-in refused"
    UNKNOWN_OUTCOME = "outcome unknown"
    UNKNOWN_WAVE = "wave not in the ledger"
    HALTED_IMPORT = "import halted"


class FileNote(Strict):
    """One file the failure is about, as far as it is known; `size` in bytes, `modified` the server's time."""

    name: str
    size: int | None = None
    sha256: str | None = None
    modified: AwareDatetime | None = None


class WaveNote(Strict):
    """The wave the failure is about."""

    wave_id: int
    file: str
    source_mailing: int
    state: str
    written: int


class Problem(Strict):
    """One error of the chain: its class, and its sentence without addresses and secrets."""

    error: str
    sentence: str


class NextStep(Strict):
    """Something safe to do, and the command for it."""

    when: str
    command: str


class Asked(Strict):
    """What the failed run had been asked for besides its job: a restart asks for the same."""

    day: date | None = None
    again: bool = False
    test: bool = False
    resend_of: int | None = None


class Resolution(Strict):
    """How an error file came to its end: `by` is retried, assume-sent, resend, or itself."""

    at: AwareDatetime
    by: Literal["retried", "assume-sent", "resend", "itself"]


class ErrorFile(Strict):
    """A failure. Times are UTC.

    `suspends` says what rests until it is resolved: nothing, the listed files, the job, all sends of the client,
    or all its jobs. `errors` begins with what the operator reads. `halt` is the platform's own error file, which is the one of
    `files` then. `tries` counts the runs that failed so; `told` is set once the mail about it is spooled.
    """

    version: Literal[1] = 1
    name: str
    run: str
    job: str
    client: str
    kind: Literal["send", "pull"]
    case: Case
    suspends: Literal["nothing", "files", "job", "sends", "client"]
    time: AwareDatetime
    stage: str
    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    files: tuple[FileNote, ...] = ()
    wave: WaveNote | None = None
    halt: str | None = None
    asked: Asked = Asked()
    errors: tuple[Problem, ...]
    next_steps: tuple[NextStep, ...]
    tries: int = 1
    told: bool = False
    resolution: Resolution | None = None

    @property
    def problem(self) -> str:
        """What went wrong, in a sentence."""
        return self.errors[0].sentence

    @property
    def is_waveless_halt(self) -> bool:
        """Whether the platform halted at something that names no wave of ours: nothing of ours to send again."""
        return self.case is Case.HALTED_IMPORT and self.wave is None

    def is_about(self, name: str, size: int, modified: datetime) -> bool:
        """Say whether this very content of a file was refused."""
        return any(
            (file.name, file.size, file.modified) == (name, size, modified) for file in self.files
        )

    def is_of_halt(self, name: str, size: int, modified: datetime) -> bool:
        """Say whether it tells of this very error file of the platform; one that noted no time goes by the name."""
        return self.halt == name and (not self.files or self.is_about(name, size, modified))
