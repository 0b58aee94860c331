"""A wave: one sending, what it held, and how far it came."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal


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
    `selected = written + sum(dropped)`. `test` waves belong to no slot, and those that mail the soft bounces
    of another wave neither: `resend_of` is that wave's id.

    A wave is confirmed by WELLE_ID, by "time and count" (both in the response data), or by the "import log".
    `mailing_id` is the mailing it became and `seen` that mailing's recipients, both None as long as the response data
    does not show them. `mailings` counts those that carry its WELLE_ID: more than one, and it was mailed twice.
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
    resend_of: int | None = None
    confirmed_at: datetime | None = None
    confirmed_by: Literal["WELLE_ID", "time and count", "import log"] | None = None
    mailing_id: int | None = None
    mailings: int = 0
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the response data shows of a wave: which mailing it became, and how many recipients that had."""

    wave_id: int
    matched_by: Literal["WELLE_ID", "time and count"]
    mailing_id: int
    mailings: int
    seen: int


@dataclass(frozen=True, slots=True)
class Try:
    """The latest slot in which a send job was started: when first, and how that ended (None: not yet, or it died)."""

    job: str
    slot: datetime
    started: datetime
    exit_code: int | None = None
