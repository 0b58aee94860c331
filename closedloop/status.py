"""The jobs of a project at a glance, from the ledger alone."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, ClassVar

from closedloop.core.report import gap
from closedloop.core.slots import next_slot
from closedloop.ledger import Ledger, Run
from closedloop.model.run import MissingFile
from closedloop.model.wave import Wave, WaveState
from closedloop.project import Project


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job: when it ran, how that ended, when it is due, and what a person should know."""

    HEAD: ClassVar[tuple[str, ...]] = ("job", "kind", "client", "last run", "outcome", "next slot")

    job: str
    kind: str
    client: str
    last_run: datetime | None
    exit_code: int | None
    next_slot: datetime | None
    sentences: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values."""
        return {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in asdict(self).items()
        }

    def as_row(self) -> tuple[str, ...]:
        """Return the cells of `HEAD`, times in the machine's zone."""
        outcome = {None: "never ran", 0: "ok"}.get(
            self.exit_code, f"failed (exit {self.exit_code})"
        )
        return (
            self.job,
            self.kind,
            self.client,
            _shown(self.last_run),
            outcome,
            _shown(self.next_slot),
        )


def glance(project: Project, ledger: Ledger, now: datetime) -> list[JobStatus]:
    """Return the state of every job."""
    return [_glance(name, project, ledger, now) for name in project.jobs]


def _glance(name: str, project: Project, ledger: Ledger, now: datetime) -> JobStatus:
    job, last = project.jobs[name], ledger.last_run(name)
    zone = project.client(job.client).zone
    sentences = [
        *_told(last),
        *(_about(wave) for wave in _waiting(name, ledger.waves(job.client))),
    ]
    return JobStatus(
        job=name,
        kind=job.kind,
        client=job.client,
        last_run=last.started if last else None,
        exit_code=last.exit_code if last else None,
        next_slot=next_slot(job.schedule, now, zone) if job.schedule else None,
        sentences=tuple(f"{name}: {sentence}" for sentence in sentences),
    )


def _told(last: Run | None) -> list[str]:
    """Return what the last run left to say: why it failed, or which files it missed."""
    report = json.loads(last.report) if last else {}
    if "error" in report:
        return str(report["error"]).splitlines()
    missing = report.get("result", {}).get("missing", [])
    return [
        gap(MissingFile(file["schema"], date.fromisoformat(file["day"]), file["days_left"]))
        for file in missing
    ]


def _waiting(job: str, waves: list[Wave]) -> list[Wave]:
    settled = (WaveState.PUBLISHED, WaveState.CONFIRMED)
    return [wave for wave in waves if wave.job == job and wave.state not in settled]


def _about(wave: Wave) -> str:
    if wave.state is WaveState.UNKNOWN:
        return f"wave {wave.wave_id}: it is not known whether the platform took {wave.file}; ask its support"
    return (
        f"wave {wave.wave_id} is {wave.state}; the next run looks at the server before it goes on"
    )


def _shown(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}" if moment else "-"
