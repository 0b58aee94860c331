"""The jobs of a project at a glance, from the ledger alone."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from closedloop.core import trouble
from closedloop.core.confirm import (
    days_since,
    evidence,
    mailed_twice,
    not_seen,
    unconfirmed,
    unseen,
    watched,
)
from closedloop.core.plan import Plan, plan, window
from closedloop.core.report import (
    NOT_TAKEN_IN,
    WHERE_FILES_STAY_AWAY,
    from_json,
    gaps,
    losses,
    troubles,
)
from closedloop.core.room import scarcity
from closedloop.core.sent import sent_in
from closedloop.core.slots import current_slot, next_slot
from closedloop.holdings import Holding
from closedloop.ledger import Ledger, Run
from closedloop.model.error_file import Case, ErrorFile, NextStep
from closedloop.model.file import RemoteFile
from closedloop.model.job import PullJob, SendJob
from closedloop.model.run import MissingFile, PullResult, RunReport
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

    `last_wave` says what is known of the latest wave that went out, `unconfirmed` of each that nothing shows yet;
    `missing` are the files that never came and still may, `lost` those that the server forgot lately. `next_steps` are what the
    open error files offer, and what to do about such files.
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
    unconfirmed: tuple[str, ...] = ()
    missing: tuple[MissingFile, ...] = ()
    lost: tuple[MissingFile, ...] = ()
    next_steps: tuple[NextStep, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values."""
        steps = [step.model_dump() for step in self.next_steps]
        plain: dict[str, Any] = json.loads(
            json.dumps(asdict(replace(self, next_steps=())), default=_plain)
        )
        return {**plain, "next_steps": steps}

    def told(self, typed: Callable[[str], str]) -> "JobStatus":
        """Return the same with its commands as they are to be `typed`."""
        steps = (NextStep(when=step.when, command=typed(step.command)) for step in self.next_steps)
        return replace(self, sentences=tuple(map(typed, self.sentences)), next_steps=tuple(steps))

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


def as_json(
    jobs: Sequence[JobStatus], held: Sequence[Holding], free_bytes: int, waiting: Sequence[str]
) -> str:
    """Return all of it as JSON text; times are UTC. `waiting` says what has not passed through the state folder."""
    state = {
        "free_bytes": free_bytes,
        "holds": [asdict(one) for one in held],
        "waiting": [*waiting],
    }
    given = {"jobs": [job.as_dict() for job in jobs], "state": state}
    return json.dumps(given, default=_plain, ensure_ascii=False)


def _plain(moment: date) -> str:
    return moment.isoformat()


def shown(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time in a zone, with the zone's name."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def glance(
    project: Project, ledger: Ledger, errors: Sequence[ErrorFile], now: datetime
) -> list[JobStatus]:
    """Return the state of every job; `errors` are the open error files."""
    waves = {name: ledger.waves(name) for name in project.settings.clients}
    return [_glance(name, project, ledger, waves, errors, now) for name in project.jobs]


def _glance(
    name: str,
    project: Project,
    ledger: Ledger,
    of_clients: Mapping[str, Sequence[Wave]],
    errors: Sequence[ErrorFile],
    now: datetime,
) -> JobStatus:
    job, last = project.jobs[name], ledger.last_run(name)
    holding = [error for error in errors if trouble.suspends(error, job)]
    ours = [error for error in errors if error.job == name or error in holding]
    told = [error.wave.wave_id for error in ours if error.wave]
    client = project.client(job.client)
    waves = [wave for wave in of_clients[job.client] if wave.job == name]
    reported = _reported(last)
    absent = _absent(job, project, ledger, _on_its_way(reported, ours, now), now)
    slot = _overdue(job, waves, last, now, client.zone)
    steps = [*_asked_for(name, absent), *([] if holding else _run_for(slot, name, client.zone))]
    sentences = [
        *(_about_error(error, client.zone) for error in ours),
        *(line for line in _told(last, reported) if not any(_says(one, line) for one in ours)),
        *gaps(absent.missing),
        *losses(absent.lost),
        *(f"{step.when}: {step.command}" for step in steps),
        *(_about(w) for w in waves if w.state not in SETTLED and w.wave_id not in told),
        *(mailed_twice(wave) for wave in watched(waves, now) if wave.mailings > 1),
        *(not_seen(wave, days_since(wave, now)) for wave in unseen(waves, now)),
        *([f"slot {shown(slot, client.zone)} has had no wave yet"] if slot and holding else []),
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
        unconfirmed=tuple(evidence(wave) for wave in unconfirmed(waves, now)),
        missing=absent.missing,
        lost=absent.lost,
        next_steps=(
            *dict.fromkeys(step for error in ours for step in error.next_steps),
            *steps,
        ),
    )


def _short_of_room(job: SendJob | PullJob, project: Project, ledger: Ledger) -> list[str]:
    if not isinstance(job, PullJob):
        return []
    short = scarcity(StateFolder(project.state).free_bytes(), ledger.files(job.client, date.max))
    return [short] if short else []


def _reported(last: Run | None) -> RunReport | None:
    """Return what the last run did, unless it ended in an error."""
    if last is None or "error" in json.loads(last.report):
        return None
    return from_json(last.report)


def _told(last: Run | None, reported: RunReport | None) -> list[str]:
    """Return what the last run left to say: why it failed, what was rejected. What time goes on to change is asked anew."""
    if last is None:
        return []
    if reported is None:
        return str(json.loads(last.report)["error"]).splitlines()
    if isinstance(reported.result, PullResult):
        lasting = replace(reported.result, missing=(), waves=(), unseen=())
        return troubles(replace(reported, result=lasting))
    # Of an unknown outcome the wave itself tells, for as long as it is unknown.
    return [] if reported.result.outcome == "unknown" else troubles(reported)


def _on_its_way(
    reported: RunReport | None, errors: Sequence[ErrorFile], now: datetime
) -> list[RemoteFile]:
    """Return the files that came and wait: refused ones, and those that the last run saw and could not take in."""
    refused = [note for error in errors if error.case is Case.REFUSED_FILES for note in error.files]
    seen = reported.result.files if reported and isinstance(reported.result, PullResult) else ()
    names = {note.name for note in refused}
    names |= {file.name for file in seen if file.status in NOT_TAKEN_IN}
    return [RemoteFile(name, 0, now) for name in names]


def _absent(
    job: SendJob | PullJob,
    project: Project,
    ledger: Ledger,
    there: Sequence[RemoteFile],
    now: datetime,
) -> Plan:
    """Return what the next pull misses, as far as it can be told without asking the server."""
    if not isinstance(job, PullJob):
        return Plan((), (), 0)
    client = project.client(job.client)
    days = window(now, client.zone, client.retention_days, job.expected_by)
    return plan(there, ledger.files(job.client, days.remembered), project.incoming(job), days)


def _asked_for(job: str, absent: Plan) -> list[NextStep]:
    """Return how the files that did not come may still come in."""
    if not absent.missing and not absent.lost:
        return []
    return [NextStep(when=WHERE_FILES_STAY_AWAY, command=f"closedloop run {job}")]


def _about_error(error: ErrorFile, zone: ZoneInfo) -> str:
    since = shown(error.time, zone)
    command = f"closedloop restart {error.job}"
    rests = "suspended" if error.suspends not in ("nothing", "files") else "failed"
    return f"{rests} since {since}, {error.case}: {error.problem}; see {command} --dry-run"


def _says(error: ErrorFile, line: str) -> bool:
    """Say whether what an error file tells holds a line already; of the platform's own the run tells in other words."""
    return line in error.problem or bool(error.halt and error.halt in line)


def _about(wave: Wave) -> str:
    if wave.state is WaveState.UNKNOWN:
        return f"wave {wave.wave_id}: it is not known whether the platform took {wave.file}; find out, then: closedloop restart {wave.job}"
    return (
        f"wave {wave.wave_id} is {wave.state}; the next run looks at the server before it goes on"
    )


def _overdue(
    job: SendJob | PullJob, waves: Sequence[Wave], last: Run | None, now: datetime, zone: ZoneInfo
) -> datetime | None:
    """Return the slot that has had no wave, for a job that has sent one or tried to."""
    if not isinstance(job, SendJob) or job.schedule is None:
        return None
    ours = [wave for wave in waves if not wave.test and not wave.resend_of]
    has_sent = any(wave.state in SETTLED for wave in ours)
    slot = current_slot(job.schedule, now, zone)
    has_wave = sent_in(slot, job.name, waves) is not None
    if has_wave or not (has_sent or (last and last.exit_code)):
        return None
    return slot


def _run_for(slot: datetime | None, job: str, zone: ZoneInfo) -> list[NextStep]:
    """Return how a slot that has had no wave gets it."""
    if slot is None:
        return []
    when = f"slot {shown(slot, zone)} has had no wave yet"
    return [NextStep(when=when, command=f"closedloop run {job}")]
