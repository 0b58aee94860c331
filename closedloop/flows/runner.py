"""One run of one job: locked, carried out, written down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from closedloop.core.report import as_json
from closedloop.errors import TryLater
from closedloop.ledger import Ledger, Run
from closedloop.model.job import PullJob, SendJob
from closedloop.model.run import PullResult, RunReport, SendResult

Act = Callable[[], tuple[PullResult | SendResult, list[str]]]


def carry_out(job: SendJob | PullJob, act: Act, ledger: Ledger, clock: Callable[[], datetime]) -> RunReport:
    """Do the act and write down what came of it, under one name for all runs that found nothing to do."""
    started = clock()
    result, notes = act()
    idle = (isinstance(result, PullResult) and not result.files) or (
        isinstance(result, SendResult) and result.outcome == "already sent"
    )
    run_id = f"{job.name}-idle" if idle else f"{job.name}-{started:%Y%m%dT%H%M%SZ}"
    report = RunReport(run_id, job.name, job.client, started, clock(), result, tuple(notes))
    ledger.put_run(Run(run_id, job.name, job.client, started, report.finished, report.exit_code, as_json(report)))
    return report


@contextmanager
def alone(job: SendJob | PullJob, lock: Path) -> Iterator[None]:
    """Hold the job's lock, which the kernel releases when the process dies; `TryLater` if another run holds it."""
    try:
        with FileLock(lock, timeout=0, mode=0o600):
            yield
    except Timeout:
        raise TryLater(f"{job.name}: another run of this job is under way; nothing was done") from None
