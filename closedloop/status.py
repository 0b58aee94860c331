"""The jobs of a project at a glance, from the ledger alone."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from closedloop.core import trouble
from closedloop.core.confirm import evidence, mailed_twice, watched
from closedloop.core.report import from_json, troubles
from closedloop.core.room import scarcity
from closedloop.core.sent import sent_in
from closedloop.core.slots import current_slot, next_slot
from closedloop.ledger import Ledger, Run
from closedloop.model.error_file import ErrorFile
from closedloop.model.job import PullJob, SendJob
from closedloop.model.wave import Wave, WaveState
from closedloop.project import Project
from closedloop.state import StateFolder

OUTCOMES = {
    None: "never ran",
    0: "ok",
    1: "failed",
    2: "wrong setting",
    69: "unreachable",
    75: "had to wait",
}
SETTLED = (WaveState.PUBLISHED, WaveState.CONFIRMED)


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job: when it ran, how that ended, when it is due, and what a person should know. Times are UTC.

    `last_wave` says what is known of the latest wave that went out.
    """

    job: str
    kind: str
    client: str
    timezone: str
    last_run: datetime | None
    exit_code: int | None
    next_slot: datetime | None
    is_suspended: bool
    error_files: tuple[str, ...]
    sentences: tuple[str, ...]
    last_wave: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values."""
        return {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in asdict(self).items()
        }

    def as_row(self) -> tuple[str, ...]:
        """Return job, client, last run, outcome and next slot, times in the client's zone."""
        zone = ZoneInfo(self.timezone)
        outcome = OUTCOMES.get(self.exit_code, f"exit {self.exit_code}")
        if self.is_suspended:
            outcome = "suspended"
        return (
            self.job,
            self.client,
            shown(self.last_run, zone) if self.last_run else "-",
            outcome,
            shown(self.next_slot, zone) if self.next_slot else "-",
        )


def table(jobs: Sequence[JobStatus]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the head and the rows of all jobs; the client is left out where there is but one."""
    head = ("job", "client", "last run", "outcome", "next slot")
    lines = [head, *(job.as_row() for job in jobs)]
    if len({job.client for job in jobs}) == 1:
        lines = [(line[0], *line[2:]) for line in lines]
    return lines[0], lines[1:]


def shown(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time in a zone, with the zone's name."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def glance(
    project: Project, ledger: Ledger, errors: Sequence[ErrorFile], now: datetime
) -> list[JobStatus]:
    """Return the state of every job; `errors` are the open error files."""
    return [_glance(name, project, ledger, errors, now) for name in project.jobs]


def _glance(
    name: str, project: Project, ledger: Ledger, errors: Sequence[ErrorFile], now: datetime
) -> JobStatus:
    job, last = project.jobs[name], ledger.last_run(name)
    holding = [error for error in errors if trouble.suspends(error, job)]
    ours = [error for error in errors if error.job == name or error in holding]
    told = [error.wave.wave_id for error in ours if error.wave]
    client = project.client(job.client)
    waves = [wave for wave in ledger.waves(job.client) if wave.job == name]
    sentences = [
        *(_about_error(error, client.zone) for error in ours),
        *(line for line in _told(last) if not any(line in error.problem for error in ours)),
        *(_about(w) for w in waves if w.state not in SETTLED and w.wave_id not in told),
        *(mailed_twice(wave) for wave in watched(waves, now) if wave.mailings > 1),
        *_overdue(job, waves, last, now, client.zone),
        *_short_of_room(job, project, ledger),
    ]
    sent = [wave for wave in waves if wave.state in SETTLED and not wave.test]
    return JobStatus(
        job=name,
        kind=job.kind,
        client=job.client,
        timezone=client.timezone,
        last_run=last.started if last else None,
        exit_code=last.exit_code if last else None,
        next_slot=next_slot(job.schedule, now, client.zone) if job.schedule else None,
        is_suspended=bool(holding),
        error_files=tuple(error.name for error in ours),
        sentences=tuple(f"{name}: {sentence}" for sentence in sentences),
        last_wave=evidence(sent[-1]) if sent else None,
    )


def _short_of_room(job: SendJob | PullJob, project: Project, ledger: Ledger) -> list[str]:
    if not isinstance(job, PullJob):
        return []
    short = scarcity(StateFolder(project.state).free_bytes(), ledger.files(job.client))
    return [short] if short else []


def _told(last: Run | None) -> list[str]:
    """Return what the last run left to say: why it failed, what was rejected, which files it missed."""
    if last is None:
        return []
    ended = json.loads(last.report)
    if "error" in ended:
        return str(ended["error"]).splitlines()
    # Of an unknown outcome the wave itself tells, for as long as it is unknown.
    if ended["result"].get("outcome") == "unknown":
        return []
    return troubles(from_json(last.report))


def _about_error(error: ErrorFile, zone: ZoneInfo) -> str:
    since = shown(error.time, zone)
    command = f"closedloop restart {error.job}"
    rests = "suspended" if error.suspends not in ("nothing", "files") else "failed"
    return f"{rests} since {since}, {error.case}: {error.problem}; see {command} --dry-run"


def _about(wave: Wave) -> str:
    if wave.state is WaveState.UNKNOWN:
        return f"wave {wave.wave_id}: it is not known whether the platform took {wave.file}; find out, then: closedloop restart {wave.job}"
    return (
        f"wave {wave.wave_id} is {wave.state}; the next run looks at the server before it goes on"
    )


def _overdue(
    job: SendJob | PullJob, waves: Sequence[Wave], last: Run | None, now: datetime, zone: ZoneInfo
) -> list[str]:
    """Name the slot that has had no wave, for a job that has sent one or tried to."""
    if not isinstance(job, SendJob) or job.schedule is None:
        return []
    ours = [wave for wave in waves if not wave.test and not wave.resend_of]
    has_sent = any(wave.state in SETTLED for wave in ours)
    slot = current_slot(job.schedule, now, zone)
    has_wave = sent_in(slot, job.name, waves) is not None
    if has_wave or not (has_sent or (last and last.exit_code)):
        return []
    return [f"slot {shown(slot, zone)} has had no wave yet: closedloop run {job.name}"]
