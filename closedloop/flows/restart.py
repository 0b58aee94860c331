"""Restart: an open error file brought to its end, never repeating what was completed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Literal

from closedloop.core.restart import Act
from closedloop.core.slots import current_slot
from closedloop.core.stamps import local_stamp
from closedloop.errors import ClosedLoopError, ProjectError
from closedloop.flows.ports import Ports
from closedloop.flows.publish import keep_copies, publish_again, settle
from closedloop.flows.runner import Shelf, Wish, carry_out, write_down
from closedloop.flows.suppress import up_to_date
from closedloop.flows.suspension import recovered, went_through
from closedloop.model.error_file import ErrorFile
from closedloop.model.filename import Pattern
from closedloop.model.job import PullJob, SendJob
from closedloop.model.run import RunReport, SendResult
from closedloop.model.table import Schema
from closedloop.model.wave import Wave, WaveState
from closedloop.state import describe_copy

Outcome = Literal["sent", "already sent", "unknown"]


def restart(
    error: ErrorFile,
    act: Act,
    job: SendJob | PullJob,
    shelf: Shelf,
    ports: Ports,
    clock: Callable[[], datetime],
) -> RunReport | Wave | None:
    """Do what a restart does about one error file; return the run's report, or the wave it was about.

    The error file is put away last, so that a restart that died is simply asked for again.
    """
    if act is Act.NOTE_SENT:
        return _written_down(note_sent(error, ports, clock()), "already sent", job, ports, clock)
    if isinstance(job, PullJob) or act in (Act.RUN, Act.RETRY_FILES, Act.SEND_ANEW):
        return _run(error, act, job, shelf, ports, clock)
    subscribers = shelf.outgoing(job.client, job.schema_name)
    if act is Act.PUBLISH_AGAIN:
        wave = send_again(error, subscribers, ports, clock())
        outcome: Outcome = "unknown" if wave.state is WaveState.UNKNOWN else "sent"
        return _written_down(wave, outcome, job, ports, clock)
    wave = adopt(error, job, subscribers, ports, clock())
    return _written_down(wave, "already sent", job, ports, clock)


def _written_down(
    wave: Wave | None,
    outcome: Outcome,
    job: SendJob | PullJob,
    ports: Ports,
    clock: Callable[[], datetime],
) -> Wave | None:
    """Let the restart be the job's last run: what `status` shows is how things stand now."""
    if wave and isinstance(job, SendJob):
        at = clock()
        run_id = f"{job.name}-{at:%Y%m%dT%H%M%S%fZ}"
        result = SendResult(wave, outcome)
        write_down(RunReport(run_id, job.name, job.client, at, at, result), ports)
    return wave


def _run(
    error: ErrorFile,
    act: Act,
    job: SendJob | PullJob,
    shelf: Shelf,
    ports: Ports,
    clock: Callable[[], datetime],
) -> RunReport:
    anew = act is Act.SEND_ANEW
    report = carry_out(job, shelf, ports, Wish(restart=error, again=anew), clock)
    if anew and went_through(report):
        recovered(error, "resend", ports, report.finished)
    return report


def note_sent(error: ErrorFile, ports: Ports, now: datetime) -> Wave | None:
    """Write down that the platform has the wave: it is not sent again. Returns the wave, if it is ours."""
    wave = _wave(error, ports)
    if wave and wave.state is WaveState.UNKNOWN:
        wave = replace(wave, state=WaveState.PUBLISHED, published_at=now)
        ports.ledger.put_wave(wave)
    if wave and wave.state is WaveState.PUBLISHED:
        keep_copies(wave, ports)
    recovered(error, "assume-sent", ports, now)
    return wave


def send_again(error: ErrorFile, subscribers: Schema, ports: Ports, now: datetime) -> Wave:
    """Publish the wave's content under a new name; a restart that died on its way is gone on with."""
    wave = _wave(error, ports)
    if wave is None or error.wave is None:
        raise ProjectError(f"{error.name}: the ledger does not know the wave; nothing was sent")
    up_to_date(error.client, ports)
    if wave.file == error.wave.file:
        wave = publish_again(wave, subscribers, ports, now)
    else:
        wave = settle(wave, subscribers, ports, now) or wave
        if wave.state is WaveState.PUBLISHED:
            keep_copies(wave, ports)
    if wave.state is not WaveState.UNKNOWN:
        recovered(error, "resend", ports, now)
    return wave


def adopt(error: ErrorFile, job: SendJob, subscribers: Schema, ports: Ports, now: datetime) -> Wave:
    """Enter a wave into the ledger of which only its kept copy tells."""
    file = error.files[0].name
    found = Pattern(subscribers.file).match(file)
    if found is None:
        raise ClosedLoopError(
            f"{error.name}: {file} is no name of a subscriber file; nothing was done"
        )
    stamp = local_stamp(found.replace(tzinfo=ports.client.zone), ports.client.zone)
    copy = describe_copy(ports.state.outbox(job.client, file), ports.state.sent(job.client, file))
    wave = Wave(
        client=job.client,
        wave_id=stamp,
        job=job.name,
        source_mailing=job.source_mailing,
        file=file,
        slot=current_slot(job.schedule, error.time, ports.client.zone),
        test=False,
        state=WaveState.PUBLISHED,
        selected=copy.lines,
        written=copy.lines,
        dropped={},
        size=copy.size,
        sha256=copy.sha256,
        built_at=error.time,
        published_at=now,
    )
    ports.ledger.keep_stamp(job.client, stamp)
    ports.ledger.put_wave(wave)
    keep_copies(wave, ports)
    recovered(error, "assume-sent", ports, now)
    return wave


def _wave(error: ErrorFile, ports: Ports) -> Wave | None:
    ours = (
        wave
        for wave in ports.ledger.waves(error.client)
        if error.wave and wave.wave_id == error.wave.wave_id
    )
    return next(ours, None)
