"""A wave: one sending, what it held, and how far it came."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class WaveState(StrEnum):
    """How far a wave came; each is written to the ledger before the act that leads on."""

    BUILT = "built"
    STAGED = "staged"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    CONFIRMED = "confirmed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Wave:
    """One sending: one subscriber file, one WELLE_ID, one slot of a job's schedule.

    `wave_id` is the WELLE_ID: the time in the first file name (client's local time) as a number, and unique
    per client. `slot`, `built_at` and `published_at` are UTC. `dropped` counts rows by reason, so that
    `selected = written + sum(dropped)`. `test` waves belong to no slot.
    """

    client: str
    wave_id: int
    job: str
    source_mailing: int
    file: str
    slot: datetime | None
    test: bool
    state: WaveState
    selected: int
    written: int
    dropped: dict[str, int]
    size: int
    sha256: str
    built_at: datetime
    published_at: datetime | None = None
