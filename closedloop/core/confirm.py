"""What tells that a wave was mailed, and what a person reads about it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from closedloop.model.wave import Sighting, Try, Wave, WaveState

WATCHED = timedelta(days=30)
"""So long the platform reports on a mailing (spec/optimizely.md, section 3)."""

UNSEEN = timedelta(days=7)
"""So long a wave may stay unseen in the response data before a person is told."""

FAILURE = re.compile("fail|error|fehl|abort|abgebrochen|abgelehnt|reject|halt|discard", re.I)
SENT = (WaveState.PUBLISHED, WaveState.CONFIRMED)


def watched(waves: Iterable[Wave], now: datetime) -> list[Wave]:
    """Return the waves of which the response data may still tell something new."""
    known = (*SENT, WaveState.UNKNOWN)
    return [wave for wave in waves if wave.state in known and now - _known_since(wave) < WATCHED]


def proves(sighting: Sighting, wave: Wave) -> bool:
    """Say whether a sighting tells that a wave was mailed: of an unknown outcome a guess by time and count is not enough."""
    return wave.state is not WaveState.UNKNOWN or sighting.matched_by == "WELLE_ID"


def sighted(wave: Wave, sighting: Sighting, now: datetime) -> Wave:
    """Return a wave as it stands once the response data shows it."""
    return replace(
        wave,
        state=WaveState.CONFIRMED,
        published_at=_known_since(wave),
        confirmed_at=wave.confirmed_at or now,
        confirmed_by=sighting.matched_by,
        mailing_id=sighting.mailing_id,
        mailings=sighting.mailings,
        seen=sighting.seen,
    )


def is_news(before: Wave, after: Wave) -> bool:
    """Say whether a person hears of it: a wave is seen for the first time, or mailed twice."""
    return before.seen is None or before.mailings <= 1 < after.mailings


def logged(wave: Wave, now: datetime) -> Wave:
    """Return a wave as it stands once the platform's import log names it."""
    return replace(
        wave,
        state=WaveState.CONFIRMED,
        published_at=_known_since(wave),
        confirmed_at=now,
        confirmed_by="import log",
    )


def names_as_imported(log: str, upload: str) -> bool:
    """Say whether the platform's import log names an upload, and the last line that does speaks of no failure.

    More of the log is not understood: its form is not known (spec/optimizely.md, section 9, U22).
    """
    name = re.compile(rf"(?<![\w.-]){re.escape(upload)}(?![\w-]|\.\w)")
    told = [line for line in log.splitlines() if name.search(line)]
    return bool(told) and not FAILURE.search(told[-1])


def unconfirmed(waves: Iterable[Wave], now: datetime) -> list[Wave]:
    """Return the waves that went out and that the response data does not show yet."""
    return [
        wave
        for wave in watched(waves, now)
        if wave.state in SENT and wave.seen is None and not wave.test
    ]


def unseen(waves: Iterable[Wave], now: datetime) -> list[Wave]:
    """Return those of them that went out over a week ago."""
    return [wave for wave in unconfirmed(waves, now) if now - _known_since(wave) >= UNSEEN]


def earlier(waves: Sequence[Wave], source_mailing: int) -> Wave | None:
    """Return the latest wave of a source mailing, unless it is confirmed: the one a new wave waits for."""
    same = [wave for wave in waves if wave.source_mailing == source_mailing and not wave.test]
    return same[-1] if same and same[-1].state is not WaveState.CONFIRMED else None


def waits_until(wave: Wave, hours: float, tried: Try | None) -> datetime:
    """Return when a new wave waits no longer for an earlier one.

    That is so long after the earlier one, but after the slot's first run at the latest: a clock that went back
    since would make the wait endless.
    """
    since = min(_known_since(wave), tried.started) if tried else _known_since(wave)
    return since + timedelta(hours=hours)


def evidence(wave: Wave) -> str:
    """Return in one sentence what is known of a wave that went out."""
    whole = f"wave {wave.wave_id}: {wave.written:,} written"
    if wave.seen is not None:
        missed = max(0, wave.written - wave.seen)
        return f"{whole}, {wave.seen:,} seen, {missed:,} not seen (mailing {wave.mailing_id}, by {wave.confirmed_by})"
    if wave.state is WaveState.CONFIRMED:
        return (
            f"{whole}, imported (by the platform's import log), not yet seen in the response data"
        )
    return f"{whole}, {wave.state}, not yet seen"


def mailed_twice(wave: Wave) -> str:
    """Return the sentence about a wave that more than one mailing carries."""
    return (
        f"wave {wave.wave_id} was mailed twice: {wave.mailings} mailings carry its WELLE_ID, {wave.mailing_id} is the "
        "largest; ask the platform's support how that came about before the next wave goes out"
    )


def not_seen(wave: Wave, days: int) -> str:
    """Return the sentence about a wave that the response data does not show."""
    told = (
        "its import log names it, but"
        if wave.state is WaveState.CONFIRMED
        else "it may not have been mailed:"
    )
    return (
        f"wave {wave.wave_id} ({wave.written:,} recipients) went out {days} days ago, and no response data shows it; "
        f"{told} look for {wave.file} in the platform's list of mailings, or ask its support"
    )


def days_since(wave: Wave, now: datetime) -> int:
    """Return for how many whole days a wave has been out."""
    return (now - _known_since(wave)).days


def shown_time(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time as a person reads it."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _known_since(wave: Wave) -> datetime:
    return wave.published_at or wave.built_at
