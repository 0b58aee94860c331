"""Files: as the remote lists them, as they were fetched, as the warehouse holds them."""

from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file in a remote folder. `modified` is aware and in UTC, whole seconds."""

    name: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Which content of which response file: what makes a load the same load.

    `client` and `name` say which file, `sha256` (hex) and `size` (bytes) which content of it.
    `day` is the date in the name (the export day, spec/optimizely.md section 9, U6). `modified` (UTC)
    orders two contents of one name: the later one is the restated file.
    """

    client: str
    schema: str
    name: str
    day: date
    size: int
    modified: datetime
    sha256: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a file's records: `records = loaded + quarantined + blank + header`."""

    loaded: int = 0
    quarantined: int = 0
    blank: int = 0
    header: int = 0

    @property
    def records(self) -> int:
        """All records of the file."""
        return self.loaded + self.quarantined + self.blank + self.header


@dataclass(frozen=True, slots=True)
class Load:
    """One committed load: the warehouse's ledger row."""

    file: FileIdentity
    counts: Counts
    loaded_at: datetime
    rejects: tuple[tuple[str, str, int], ...] = field(default=())  # column, rule, rows
