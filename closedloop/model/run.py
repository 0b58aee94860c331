"""What a run did: values from which mail, JSON, terminal and exit code are made."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from closedloop.model.file import Counts, RemoteFile
from closedloop.model.wave import Wave


class FileStatus(StrEnum):
    """What became of one file."""

    LOADED = "loaded"
    RESTATED = "restated"
    RELOADED = "reloaded"
    WAITING = "still being written"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """One file: what became of it, with counts and, where something is wrong, a sentence.

    `since` is when it was first seen as still being written, if it is.
    """

    name: str
    schema: str
    day: date
    status: FileStatus
    counts: Counts = field(default_factory=Counts)
    rejects: tuple[tuple[str, str, int], ...] = ()  # column, rule, rows
    warnings: tuple[str, ...] = ()
    detail: str = ""
    quarantine: str | None = None
    size: int = 0
    modified: datetime | None = None
    sha256: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class MissingFile:
    """An expected file that is not on the server, and the days until it can't be fetched any more."""

    schema: str
    day: date
    days_left: int


@dataclass(frozen=True, slots=True)
class MailingFigures:
    """One mailing as the warehouse knows it after a pull; `started_at` is UTC."""

    mailing_id: int
    started_at: datetime
    recipients: int
    bounced: int

    @property
    def bounce_share(self) -> float:
        """The share of its recipients that bounced so far."""
        return self.bounced / self.recipients if self.recipients else 0.0


@dataclass(frozen=True, slots=True)
class PullResult:
    """The files of one pull, in the order they were taken in.

    `halts` are the error files in which the platform says that it imports nothing more of this client, `halted` the same with
    size and time; `held` the files that were refused earlier and wait for a restart. `mailings` are those of the last weeks, the latest first, where
    something was loaded. `waves` are those that turned out to be mailed, `unseen` those that should have by now.
    """

    files: tuple[FileOutcome, ...] = ()
    missing: tuple[MissingFile, ...] = ()
    ignored: int = 0
    halts: tuple[str, ...] = ()
    halted: tuple[RemoteFile, ...] = ()
    mailings: tuple[MailingFigures, ...] = ()
    held: tuple[str, ...] = ()
    waves: tuple[Wave, ...] = ()
    unseen: tuple[Wave, ...] = ()


@dataclass(frozen=True, slots=True)
class SendResult:
    """One wave, or why none was sent. `preview` holds the first lines, masked, of a dry run.

    Where nobody bounced, it is the wave that was to be sent once more to its soft bounces.
    """

    wave: Wave | None
    outcome: Literal[
        "sent", "already sent", "nobody to mail", "nobody bounced", "dry run", "unknown"
    ]
    preview: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run of one job. Times are UTC. `notes` are things a person should know, none of them an error."""

    run_id: str
    job: str
    client: str
    started: datetime
    finished: datetime
    result: PullResult | SendResult
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 done or nothing to do, 1 some file or wave failed, 69 the server could not be reached, 75 files wait for a restart."""
        if isinstance(self.result, SendResult):
            return int(self.result.outcome in ("unknown", "nobody to mail"))
        statuses = {file.status for file in self.result.files}
        if FileStatus.REFUSED in statuses:
            return 1
        if FileStatus.UNREACHABLE in statuses:
            return 69
        return 75 if self.result.held else 0
