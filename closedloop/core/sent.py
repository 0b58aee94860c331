"""Which slot a wave belongs to, also where the clock was wrong."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from closedloop.model.wave import Wave

WRONG = timedelta(days=1)
"""A clock that is off by more is wrong, not merely slow, fast, or of another hour."""


def sent_in(slot: datetime, job: str, waves: Sequence[Wave]) -> Wave | None:
    """Return the job's wave of this slot, or one built since it began: the schedule may have been edited.

    `waves` are all of the client. Tests and resends belong to no slot.
    """
    ours = (
        (wave, built)
        for wave, built in _built(waves)
        if wave.job == job and not wave.test and wave.resend_of is None
    )
    return next((wave for wave, built in ours if _is_of(slot, wave, built)), None)


def built_since(slot: datetime, waves: Sequence[Wave]) -> set[int]:
    """Return the ids of the waves that were built since a slot began."""
    return {wave.wave_id for wave, built in _built(waves) if built >= slot}


def is_of_another_time(wave: Wave, slot: datetime, now: datetime) -> bool:
    """Say whether a wave was built at a time that is still to come, so that nobody knows whether it is of this slot."""
    return wave.slot != slot and wave.built_at > now + WRONG


def _built(waves: Sequence[Wave]) -> Iterator[tuple[Wave, datetime]]:
    """Yield each wave, newest first, with the time it was built at the latest.

    A wave is no younger than those that were made after it, whatever the clock said: ids rise.
    """
    latest: datetime | None = None
    for wave in sorted(waves, key=lambda each: each.wave_id, reverse=True):
        latest = min(latest or wave.built_at, wave.built_at)
        yield wave, latest


def _is_of(slot: datetime, wave: Wave, built: datetime) -> bool:
    return built >= slot or (wave.slot == slot and built >= slot - WRONG)
