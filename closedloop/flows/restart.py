"""Restart: an open error file brought to its end, never repeating what was completed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Literal

from closedloop.core.confirm import evidence
from closedloop.core.restart import Act
from closedloop.core.slots import current_slot
from closedloop.core.stamps import local_stamp
from closedloop.core.trouble import is_of_one_wave
from closedloop.errors import ClosedLoopError, ProjectError, Suspended
from closedloop.flows.confirm import confirm, confirm_by_log
from closedloop.flows.ports import Layouts, Ports
from closedloop.flows.publish import call_back, keep_copies, publish_again, settle
from closedloop.flows.runner import Shelf, Wish, carry_out, write_down
from closedloop.flows.suppress import up_to_date
from closedloop.flows.suspension import (
    Ending,
    is_proven,
    put_away_if_cleared,
    recovered,
    refuse_if_suspended,
    went_through,
)
from closedloop.model.error_file import Case, ErrorFile
from closedloop.model.filename import Pattern
from closedloop.model.job import PullJob, SendJob
from closedloop.model.run import PullResult, RunReport, SendResult
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
    if act is Act.LOOK:
        _look(error, ports, clock())
        return None
    if act in (Act.NOTE_SENT, Act.ACKNOWLEDGE):
        return _written_down(note_sent(error, ports, clock()), "already sent", job, ports, clock)
    if isinstance(job, PullJob) or act in (Act.RUN, Act.RETRY_FILES, Act.SEND_ANEW):
        return _run(error, act, job, shelf, ports, clock)
    subscribers = shelf.outgoing(job.client, job.schema_name)
    if act is Act.PUBLISH_AGAIN:
        products = job.product_data and shelf.outgoing(job.client, job.product_data.schema_name)
        layouts = Layouts(subscribers, products or None)
        wave = send_again(error, job, layouts, ports, clock())
        outcome: Outcome = "unknown" if wave.state is WaveState.UNKNOWN else "sent"
        return _written_down(wave, outcome, job, ports, clock)
    wave = adopt(error, job, subscribers, ports, clock())
    return _written_down(wave, "already sent", job, ports, clock)


def _look(error: ErrorFile, ports: Ports, now: datetime) -> None:
    """Put away what the platform's support has cleared; `Suspended` where its error file still lies there."""
    if not put_away_if_cleared(error, ports, now):
        raise Suspended(
            f"{error.halt} still lies in the errors folder of the platform, or it can't be asked: its support clears that. "
            f"If it says so, but the file stays: closedloop restart {error.job} --assume-sent"
        )


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
    asked, anew = error.asked, act is Act.SEND_ANEW
    again = anew or asked.again
    if again and _has_gone_out(error, ports):
        # A restart that died is asked for again: its wave is not followed by another.
        again = False
    wish = Wish(
        day=asked.day, again=again, test=asked.test, resend_of=asked.resend_of, restart=error
    )
    report = carry_out(job, shelf, ports, wish, clock)
    if anew and went_through(report):
        recovered(error, "resend", ports, report.finished)
    if isinstance(report.result, PullResult) and act is Act.RETRY_FILES:
        gone = _let_go(error, {file.name for file in report.result.files}, ports, report.finished)
        report = replace(report, notes=(*report.notes, *gone))
    return report


def _let_go(error: ErrorFile, met: set[str], ports: Ports, at: datetime) -> list[str]:
    """Drop refused files from the error file that are neither on the server nor here any more; say which."""
    for still in ports.errors.open():
        if still.name != error.name:
            continue
        gone = [file.name for file in still.files if file.name not in met]
        left = tuple(file for file in still.files if file.name in met)
        if gone and left:
            ports.errors.put(still.model_copy(update={"files": left}))
        elif gone:
            recovered(still, "retried", ports, at)
        return [
            f"{name} is neither on the server nor here any more: it can't be taken in. Ask the platform for it"
            for name in gone
        ]
    return []


def _has_gone_out(error: ErrorFile, ports: Ports) -> bool:
    """Say whether a wave of the failed job may have gone out since it failed."""
    return any(
        wave.job == error.job
        and not wave.test
        and wave.built_at >= error.time
        and wave.state in (WaveState.PUBLISHED, WaveState.CONFIRMED, WaveState.UNKNOWN)
        for wave in ports.ledger.waves(error.client)
    )


def note_sent(error: ErrorFile, ports: Ports, now: datetime) -> Wave | None:
    """Write down that the platform has the wave: it is not sent again. Returns the wave, if it is ours."""
    wave = _wave(error, ports)
    if wave and error.wave and wave.file != error.wave.file:
        wave = call_back(wave, error.wave.file, ports, now)
    if wave and wave.state is WaveState.UNKNOWN:
        wave = replace(wave, state=WaveState.PUBLISHED, published_at=now)
        ports.ledger.put_wave(wave)
    if wave and wave.state is WaveState.PUBLISHED:
        keep_copies(wave, ports)
    _put_away(error, "assume-sent", ports, now)
    return wave


def send_again(
    error: ErrorFile, job: SendJob, layouts: Layouts, ports: Ports, now: datetime
) -> Wave:
    """Publish the wave's content under a new name; a restart that died on its way is gone on with.

    Raises `ProjectError`, with nothing sent, where the platform itself shows that the wave was mailed.
    """
    refuse_if_suspended(job, ports, now, error)
    up_to_date(error.client, ports)
    confirm(error.client, ports, now)
    confirm_by_log(error.client, ports, now)
    wave = _wave(error, ports)
    if wave is None or error.wave is None:
        raise ProjectError(f"{error.name}: the ledger does not know the wave; nothing was sent")
    if wave.file == error.wave.file:
        _refuse_what_was_mailed(wave, error, ports)
        wave = publish_again(wave, layouts, ports, now)
    else:
        wave = _go_on(wave, error, layouts.subscribers, ports, now)
    if wave.state is not WaveState.UNKNOWN:
        _put_away(error, "resend", ports, now)
    return wave


def _go_on(wave: Wave, error: ErrorFile, subscribers: Schema, ports: Ports, now: datetime) -> Wave:
    """Bring a second publishing to its end that died on its way; the platform may have taken it meanwhile."""
    if wave.confirmed_by != "import log":
        _refuse_what_was_mailed(wave, error, ports)
        wave = settle(wave, subscribers, ports, now) or wave
    if wave.state is WaveState.UNKNOWN:
        confirm_by_log(error.client, ports, now)
        wave = _wave(error, ports) or wave
    if wave.state in (WaveState.PUBLISHED, WaveState.CONFIRMED):
        keep_copies(wave, ports)
    return wave


def _refuse_what_was_mailed(wave: Wave, error: ErrorFile, ports: Ports) -> None:
    """Send nothing again that the platform has, whatever a person was told."""
    way_out = (
        f"nothing was sent. Write it down: closedloop restart {error.job} --assume-sent; "
        f"if you know better, after that: closedloop run {error.job} --again"
    )
    if is_proven(wave):
        raise ProjectError(f"{evidence(wave)}: it was mailed; {way_out}")
    there = ports.remote.find(f"{ports.client.upload}/{wave.file}")
    if wave.state is WaveState.UNKNOWN and there and there.size == wave.size:
        raise ProjectError(
            f"wave {wave.wave_id}: {wave.file} lies on the server under its name, so it is imported, or will be; {way_out}"
        )


def _put_away(error: ErrorFile, by: Ending, ports: Ports, now: datetime) -> None:
    """Put away what a decision about a wave settles: every open error file about it."""
    for other in ports.errors.open():
        if other.name == error.name or (
            is_of_one_wave(other, error)
            and other.case in (Case.UNKNOWN_OUTCOME, Case.HALTED_IMPORT)
        ):
            recovered(other, by, ports, now)


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
