"""Telling the operators: of a run, of a suspension, of a recovery."""

from datetime import date, datetime, timedelta

from closedloop.core.letter import letter_for
from closedloop.core.past import Past
from closedloop.core.tongue import Tongue
from closedloop.ledger import Ledger
from closedloop.mail.base import Mailer
from closedloop.model.error_file import ErrorFile
from closedloop.model.job import PullJob, SendJob
from closedloop.model.run import PullResult, RunReport
from closedloop.model.settings import Client

LOOKED_BACK = timedelta(weeks=12)
"""Longer than a letter looks back from a file that it tells of."""


def tell_of_run(
    report: RunReport,
    job: SendJob | PullJob,
    client: Client,
    ledger: Ledger,
    last: str | None,
    mailer: Mailer,
) -> bool:
    """Mail about a finished run if it has news, and deliver what earlier runs left; say whether it had any.

    `last` is the run before, as JSON.
    """
    # A letter about a pull compares no waves, and those of years take 10 ms to read.
    waves = () if isinstance(report.result, PullResult) else ledger.waves(job.client)
    past = Past(last, ledger.files(job.client, _compared(report)), waves)
    letter = letter_for(report, job, past, Tongue(mailer.language, client.zone))
    if letter:
        mailer.post(letter)
    else:
        mailer.flush()
    return letter is not None


def _compared(report: RunReport) -> date:
    """Return the first day that the files of a report are compared with."""
    if not isinstance(report.result, PullResult):
        return date.max
    days = {file.day for file in report.result.files} | {file.day for file in report.result.missing}
    return min(days, default=report.started.date()) - LOOKED_BACK


def tell_of_suspension(error_file: ErrorFile, client: Client, mailer: Mailer) -> bool:
    """Mail that something rests until a person acts; say whether the letter is safe."""
    from closedloop.core.letter_suspension import suspended_letter

    return mailer.post(suspended_letter(error_file, Tongue(mailer.language, client.zone)))


def tell_of_recovery(error_file: ErrorFile, at: datetime, client: Client, mailer: Mailer) -> bool:
    """Mail that what rested goes on; say whether the letter is safe."""
    from closedloop.core.letter_suspension import recovered_letter

    return mailer.post(recovered_letter(error_file, at, Tongue(mailer.language, client.zone)))
