"""The metrics of a project: what its ledger and its error files say, in a file for Prometheus's node exporter."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path

from closedloop import __version__
from closedloop.core.exposition import Metric, Sample, exposition
from closedloop.errorfiles import ErrorFiles
from closedloop.ledger import Ledger
from closedloop.locks import Patience, held
from closedloop.model.file import Load
from closedloop.model.job import SendJob
from closedloop.project import Project
from closedloop.state import StateFolder, appearing, speaking
from closedloop.status import SETTLED, JobStatus, glance
from closedloop.stopping import NEVER

READABLE_BY_ALL = 0o644
WAIT_SECONDS = 5.0

HELP = {
    "info": "Always 1; which version wrote this file.",
    "last_run_timestamp_seconds": "When the last run ended. One that was turned away (suspended, locked) is none.",
    "last_run_duration_seconds": "How long it took.",
    "last_run_exit_code": "How it ended: 0 is well.",
    "last_success_timestamp_seconds": "When the last run ended that ended well.",
    "suspended": "1 while an open error file keeps the job from running.",
    "error_files": "Open error files of the job.",
    "missing_files": "Response files that should have come, and may still come.",
    "waves_unconfirmed": "Waves that nothing in the response data shows yet.",
    "wave_timestamp_seconds": "When the last wave went out.",
    "wave_rows": "To how many it went.",
    "days_until_loss": "Days until the server forgets the first file that is not here: missing, or not yet asked for.",
    "rows": "Rows loaded, of all files.",
    "rejected_rows": "Rows in quarantine, of all files.",
    "newest_file_timestamp_seconds": "The day of the newest file that is loaded.",
}


@dataclass
class Figures:
    """Values by metric, in the order of their explanations."""

    samples: dict[str, list[Sample]] = field(default_factory=lambda: {name: [] for name in HELP})

    def put(self, labels: Mapping[str, str], **values: float | None) -> None:
        """Add values that have the same labels; None is none."""
        for name, value in values.items():
            if value is not None:
                self.samples[name].append((labels, value))

    def text(self) -> str:
        """Return all of them as Prometheus reads them."""
        return exposition(
            Metric(f"closedloop_{name}", text, tuple(self.samples[name]))
            for name, text in HELP.items()
        )


def write_metrics(project: Project, path: Path, now: datetime) -> None:
    """Write the metrics of all jobs anew, whole or not at all; all may read them.

    Raises `TryLater` where that is not possible now.
    """
    state = StateFolder(project.state)
    state.refuse_if_gone()
    # One at a time: two runs may end at once, and the later one knows more.
    with (
        held(state.lock("metrics"), "metrics", "another run", Patience(WAIT_SECONDS, NEVER.sleep)),
        Ledger(state.ledger) as ledger,
    ):
        text = _figures(project, ledger, ErrorFiles(state), now).text()
        with speaking(path), appearing(path) as stream:
            stream.write(text.encode())
            os.fchmod(stream.fileno(), READABLE_BY_ALL)


def _figures(project: Project, ledger: Ledger, errors: ErrorFiles, now: datetime) -> Figures:
    figures = Figures()
    figures.put({"version": __version__}, info=1)
    jobs = glance(project, ledger, errors.open(), now)
    for job in jobs:
        _put_job(figures, job, project, ledger)
    for client in project.settings.clients:
        days = min(_days_left(client, jobs, project, ledger, now), default=None)
        figures.put({"client": client}, days_until_loss=days)
        _put_files(figures, client, ledger.files(client))
    return figures


def _put_job(figures: Figures, job: JobStatus, project: Project, ledger: Ledger) -> None:
    labels = {"job": job.job, "client": job.client}
    last, success = ledger.last_run(job.job), ledger.last_success(job.job)
    figures.put(
        labels,
        suspended=int(job.is_suspended),
        error_files=len(job.error_files),
        last_success_timestamp_seconds=success.timestamp() if success else None,
    )
    if last:
        figures.put(
            labels,
            last_run_timestamp_seconds=last.finished.timestamp(),
            last_run_duration_seconds=(last.finished - last.started).total_seconds(),
            last_run_exit_code=last.exit_code,
        )
    if isinstance(project.jobs[job.job], SendJob):
        _put_wave(figures, job, labels, ledger)
    else:
        figures.put(labels, missing_files=len(job.missing))


def _put_wave(figures: Figures, job: JobStatus, labels: Mapping[str, str], ledger: Ledger) -> None:
    sent = [
        wave
        for wave in ledger.waves(job.client)
        if wave.job == job.job and wave.state in SETTLED and not wave.test and wave.published_at
    ]
    figures.put(labels, waves_unconfirmed=len(job.unconfirmed))
    if sent and sent[-1].published_at:
        figures.put(
            labels,
            wave_timestamp_seconds=sent[-1].published_at.timestamp(),
            wave_rows=sent[-1].written,
        )


def _days_left(
    client: str, jobs: Sequence[JobStatus], project: Project, ledger: Ledger, now: datetime
) -> Iterator[int]:
    """Yield the days until what is not here is lost: of each missing file, and of all that no pull asked for since."""
    for job in jobs:
        if job.client != client or job.kind != "pull":
            continue
        yield from (file.days_left for file in job.missing)
        if report := ledger.last_report(job.job):
            pulled = datetime.fromisoformat(json.loads(report)["finished"])
            yield project.client(client).retention_days - (now - pulled).days


def _put_files(figures: Figures, client: str, loads: Sequence[Load]) -> None:
    for schema in sorted({load.file.schema for load in loads}):
        ours = [load for load in loads if load.file.schema == schema]
        newest = datetime.combine(max(load.file.day for load in ours), time(), UTC)
        figures.put(
            {"client": client, "schema": schema},
            rows=sum(load.counts.loaded for load in ours),
            rejected_rows=sum(load.counts.quarantined for load in ours),
            newest_file_timestamp_seconds=newest.timestamp(),
        )
