"""What differs from the usual: volumes and bounces against the weeks before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from closedloop.model.file import Load
from closedloop.model.run import FileOutcome, MailingFigures, PullResult
from closedloop.model.wave import Wave, WaveState

WEEKS = 8
ENOUGH = 3
"""So many earlier values at least make a usual one."""
NOTABLE_ROWS = 50
FEW, MANY = 0.4, 2.5
NOTABLE_RECIPIENTS = 100
FRESH = timedelta(days=7)
SMALL_WAVE, LARGE_WAVE = 0.7, 1.4
BOUNCE_FACTOR, BOUNCE_POINTS = 2.0, 0.01


@dataclass(frozen=True, slots=True)
class Volume:
    """The rows of one schema and day, beside the usual ones of that weekday; None where too few are known."""

    schema: str
    day: date
    rows: int
    usual: int | None

    @property
    def share(self) -> float | None:
        """The rows as a share of the usual ones."""
        return self.rows / self.usual if self.usual else None

    @property
    def is_odd(self) -> bool:
        """Say whether a person should look."""
        if self.share is None or max(self.rows, self.usual or 0) < NOTABLE_ROWS:
            return False
        return not FEW <= self.share <= MANY


def volumes(outcomes: Sequence[FileOutcome], loads: Sequence[Load]) -> list[Volume]:
    """Return the volume of each schema and day among the outcomes, in their order; `loads` are all of the client's."""
    rows: dict[tuple[str, date], int] = {}
    for load in loads:
        key = (load.file.schema, load.file.day)
        rows[key] = rows.get(key, 0) + load.counts.loaded + load.counts.quarantined
    wanted = dict.fromkeys((file.schema, file.day) for file in outcomes)
    return [
        Volume(schema, day, rows.get((schema, day), 0), _typical(_before(schema, day, rows)))
        for schema, day in wanted
    ]


def bouncing(result: PullResult) -> list[tuple[MailingFigures, float]]:
    """Return the fresh mailings that bounce more than the older ones did, each with the usual share.

    Bounces come in for days, so a fresh mailing's few say nothing yet, its many do.
    """
    mailings = [m for m in result.mailings if m.recipients >= NOTABLE_RECIPIENTS]
    if not mailings:
        return []
    since = max(mailing.started_at for mailing in mailings) - FRESH
    older = [mailing.bounce_share for mailing in mailings if mailing.started_at <= since]
    if len(older) < ENOUGH:
        return []
    usual = median(older)
    limit = max(usual * BOUNCE_FACTOR, usual + BOUNCE_POINTS)
    fresh = (mailing for mailing in mailings if mailing.started_at > since)
    return [(mailing, usual) for mailing in fresh if mailing.bounce_share >= limit]


def earlier_waves(wave: Wave, waves: Sequence[Wave]) -> list[Wave]:
    """Return the job's waves that went out before this one, the latest first; a resend has none to be compared with."""
    out = (WaveState.PUBLISHED, WaveState.CONFIRMED)
    regular = (w for w in waves if not w.test and not w.resend_of and not wave.resend_of)
    ours = (w for w in regular if w.job == wave.job and w.state in out)
    return [w for w in sorted(ours, key=_published, reverse=True) if _published(w) < wave.built_at]


def usual_wave(earlier: Sequence[Wave]) -> int | None:
    """Return how many recipients a job's waves usually have."""
    return _typical([wave.written for wave in earlier[:WEEKS]])


def is_odd_wave(wave: Wave, usual: int | None) -> bool:
    """Say whether a wave is much smaller or larger than usual."""
    return bool(usual) and not SMALL_WAVE <= wave.written / (usual or 1) <= LARGE_WAVE


def _published(wave: Wave) -> datetime:
    return wave.published_at or wave.built_at


def _before(schema: str, day: date, rows: dict[tuple[str, date], int]) -> list[int]:
    """Return the rows of the same weekday in the weeks before: newsletters keep to weekdays."""
    return [*_known(rows, schema, [day - timedelta(weeks=week + 1) for week in range(WEEKS)])]


def _known(rows: dict[tuple[str, date], int], schema: str, days: list[date]) -> Iterator[int]:
    return (rows[schema, day] for day in days if (schema, day) in rows)


def _typical(values: Sequence[int]) -> int | None:
    return round(median(values)) if len(values) >= ENOUGH else None
