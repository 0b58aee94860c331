"""One run of one job: locked, carried out, written down."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from closedloop.core.report import as_json
from closedloop.core.trouble import case_of, chain
from closedloop.errors import ClosedLoopError, Suspended
from closedloop.flows.letters import tell_of_run
from closedloop.flows.ports import Layouts, Ports
from closedloop.flows.pull import NOT_LOADED, foresee, pull, reload
from closedloop.flows.suspension import held_files, note_error, note_report, refuse_if_suspended
from closedloop.ledger import Run
from closedloop.locks import AT_ONCE, Patience, held
from closedloop.model.error_file import Asked, ErrorFile
from closedloop.model.job import PullJob, SendJob
from closedloop.model.run import FileStatus, PullResult, RunReport, SendResult
from closedloop.model.table import Schema
from closedloop.state import StateFolder

Came = tuple[PullResult | SendResult, list[str]]
BUG = 70


class Shelf(Protocol):
    """Where a job finds its schemas."""

    def incoming(self, job: PullJob) -> dict[str, Schema]:
        """Return the schemas of the files that a pull takes in, by name."""
        ...

    def outgoing(self, client: str, schema: str) -> Schema:
        """Return the schema of a file that is written."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked for besides the job itself.

    `resend_of` is the wave whose soft bounces are mailed, `restart` the error file to resume from.
    """

    day: date | None = None
    dry_run: bool = False
    again: bool = False
    test: bool = False
    resend_of: int | None = None
    restart: ErrorFile | None = None


def carry_out(
    job: SendJob | PullJob, shelf: Shelf, ports: Ports, wish: Wish, clock: Callable[[], datetime]
) -> RunReport:
    """Do the job and write down what came of it; runs that found nothing to do, and told nobody of anything, share one row.

    Raises `Suspended` where an open error file forbids it. What only a person can mend becomes an error file.
    """
    started = clock()
    run_id = f"{job.name}-{started:%Y%m%dT%H%M%S%fZ}"
    if wish.dry_run:
        result, notes = _come_of(job, shelf, ports, wish, started)
        return RunReport(run_id, job.name, job.client, started, clock(), result, tuple(notes))
    try:
        refuse_if_suspended(job, ports, started, wish.restart)
        result, notes = _come_of(job, shelf, ports, wish, started)
    except Suspended:
        raise
    except Exception as error:
        ports.ledger.put_run(_failed(run_id, job, error, started, clock()))
        asked = Asked(day=wish.day, again=wish.again, test=wish.test, resend_of=wish.resend_of)
        note_error(error, job, ports, run_id, started, asked)
        raise
    report = RunReport(run_id, job.name, job.client, started, clock(), result, tuple(notes))
    is_noted = note_report(report, job, ports, wish.restart)
    # Told before it is written down: of a run that died in between, nobody else would tell.
    last = ports.ledger.last_run(job.name)
    told = last.report if last else None
    is_told = tell_of_run(report, job, ports.client, ports.ledger, told, ports.mailer)
    if _is_idle(result, job) and not is_noted and not is_told:
        report = replace(report, run_id=f"{job.name}-idle")
    write_down(report, ports)
    return report


@contextmanager
def alone(
    job: SendJob | PullJob, state: StateFolder, patience: Patience = AT_ONCE
) -> Iterator[None]:
    """Hold the locks of a run: the job's own, and the one that all sends, or all pulls, of its client share.

    Two sends of a client at once could mail one source mailing twice, or publish their names in the wrong order; two pulls
    could fetch one file into one place. Raises `TryLater` at once where another run of this job is under way, and when the
    patience is over where it is another job's.
    """
    rival = f"another {job.kind} job of the client '{job.client}'"
    with (
        held(state.lock(f"{job.client}.{job.name}"), job.name, "another run of this job"),
        held(state.client_lock(job.client, job.kind), job.name, rival, patience),
    ):
        yield


def _come_of(job: SendJob | PullJob, shelf: Shelf, ports: Ports, wish: Wish, now: datetime) -> Came:
    match job:
        case PullJob():
            return _pull(job, shelf, ports, wish, now)
        case SendJob():
            return _send(job, shelf, ports, wish, now)


def _pull(job: PullJob, shelf: Shelf, ports: Ports, wish: Wish, now: datetime) -> Came:
    schemas = shelf.incoming(job)
    if wish.dry_run:
        return foresee(job, schemas, ports, now)
    if wish.day:
        return reload(job, schemas, ports, wish.day, now)
    return pull(job, schemas, ports, now, () if wish.restart else held_files(job, ports))


def _send(job: SendJob, shelf: Shelf, ports: Ports, wish: Wish, now: datetime) -> Came:
    from closedloop.flows.resend import foresee_resend, resend
    from closedloop.flows.send import rehearse, send, send_test

    products = (
        shelf.outgoing(job.client, job.product_data.schema_name) if job.product_data else None
    )
    layouts = Layouts(shelf.outgoing(job.client, job.schema_name), products)
    if wish.resend_of:
        act = foresee_resend if wish.dry_run else resend
        return act(job, layouts, ports, now, wish.resend_of, again=wish.again)
    if wish.dry_run:
        return rehearse(job, layouts, ports, now, test=wish.test)
    if wish.test:
        return send_test(job, layouts, ports, now)
    return send(job, layouts, ports, now, again=wish.again)


def _is_idle(result: PullResult | SendResult, job: SendJob | PullJob) -> bool:
    """Say whether a run changed nothing; a file that waits, or is refused and tried again, comes at every run."""
    if isinstance(result, PullResult):
        is_held = job.on_error == "suspend"
        news = [
            s for s in FileStatus if s not in NOT_LOADED or (is_held and s is FileStatus.REFUSED)
        ]
        return not any(file.status in news for file in result.files)
    return result.outcome in ("already sent", "nobody bounced")


def _failed(
    run_id: str, job: SendJob | PullJob, error: Exception, started: datetime, ended: datetime
) -> Run:
    """Return the row of a run that ended in an error; those share one of which there is no error file, and so no letter."""
    code, sentence = BUG, chain(error)[0].sentence
    if isinstance(error, ClosedLoopError):
        code, sentence = error.exit_code, str(error)
    report = json.dumps({"error": sentence}, ensure_ascii=False)
    row = run_id if case_of(error) else f"{job.name}-failed"
    return Run(row, job.name, job.client, started, ended, code, report)


def write_down(report: RunReport, ports: Ports) -> None:
    """Write a finished run into the ledger."""
    row = Run(
        report.run_id,
        report.job,
        report.client,
        report.started,
        report.finished,
        report.exit_code,
        as_json(report),
    )
    ports.ledger.put_run(row)
