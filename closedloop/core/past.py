"""What a letter about a run compares it with."""

from collections.abc import Sequence
from dataclasses import dataclass

from closedloop.model.file import Load
from closedloop.model.wave import Wave


@dataclass(frozen=True, slots=True)
class Past:
    """The last run of the job before this one, as JSON, and all loads and waves of its client, this run's as well."""

    last: str | None = None
    loads: Sequence[Load] = ()
    waves: Sequence[Wave] = ()
