"""Jobs, files and a wave to write letters about, and what such a letter says."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from closedloop.core.letter import letter_for
from closedloop.core.past import Past
from closedloop.core.tongue import Tongue
from closedloop.core.trouble import Failure, describe
from closedloop.model.error_file import Case, ErrorFile, Problem, Resolution
from closedloop.model.file import Counts, FileIdentity, Load
from closedloop.model.job import RESPONSE_SCHEMAS, PullJob, Selection, SendJob
from closedloop.model.letter import Letter
from closedloop.model.run import (
    FileOutcome,
    FileStatus,
    MailingFigures,
    MissingFile,
    PullResult,
    RunReport,
    SendResult,
)
from closedloop.model.wave import Wave, WaveState

NOW = datetime(2026, 11, 20, 5, 0, 41, tzinfo=UTC)
DAY = date(2026, 11, 20)
ENGLISH = Tongue("en", ZoneInfo("Europe/Berlin"))
GERMAN = Tongue("de", ZoneInfo("Europe/Berlin"))
PULL = PullJob(name="pull_responses", kind="pull", client="de")
SEND = SendJob(
    name="send_newsletter", kind="send", client="de", source_mailing=1, consent="newsletter",
    selection=Selection(file="customers.csv"),
)  # fmt: skip
FILES = tuple(
    FileOutcome(
        f"20261120_{schema}.csv", schema, DAY, FileStatus.LOADED, Counts(loaded=1000 * number)
    )
    for number, schema in enumerate(RESPONSE_SCHEMAS, 1)
)
REJECTING = replace(
    FILES[3],
    counts=Counts(loaded=3988, quarantined=12),
    rejects=(("link_id", "not a whole number", 9), ("", "4 fields where 6 are expected", 3)),
)
REFUSED = replace(FILES[0], status=FileStatus.REFUSED, counts=Counts(), detail="half is bad")
MISSING = MissingFile("clicks", date(2026, 11, 18), 12)
WAVE = Wave(
    client="de", wave_id=20261120060000, job="send_newsletter", source_mailing=1,
    file="20261120060000_subscribers.csv", slot=NOW, test=False, state=WaveState.PUBLISHED,
    selected=50000, written=48210, dropped={"unsubscribed": 1102, "invalid address": 688},
    size=1, sha256="", built_at=NOW, published_at=NOW,
)  # fmt: skip


def report(result: PullResult | SendResult, notes: tuple[str, ...] = ()) -> RunReport:
    """Return the report of a run that came to this."""
    job = SEND if isinstance(result, SendResult) else PULL
    return RunReport("run-1", job.name, "de", NOW - timedelta(seconds=41), NOW, result, notes)


def load(schema: str, day: date, rows: int) -> Load:
    """Return a file that is loaded."""
    name = f"{day:%Y%m%d}_{schema}.csv"
    return Load(FileIdentity("de", schema, name, day, 1, NOW, ""), Counts(loaded=rows), NOW)


def past(*weeks_of_clicks: int) -> Past:
    """Return a past in which this day's files are loaded, and clicks on the same weekday before."""
    now = [load(file.schema, DAY, file.counts.loaded) for file in FILES]
    before = [
        load("clicks", DAY - timedelta(weeks=week), rows)
        for week, rows in enumerate(weeks_of_clicks, 1)
    ]
    return Past(loads=(*now, *before))


def pulled(result: PullResult, given: Past | None = None, tongue: Tongue = ENGLISH) -> Letter:
    """Return the letter about a pull."""
    letter = letter_for(report(result), PULL, given or past(), tongue)
    assert letter
    return letter


def sent(wave: Wave = WAVE, waves: tuple[Wave, ...] = (), tongue: Tongue = ENGLISH) -> Letter:
    """Return the letter about a wave."""
    letter = letter_for(report(SendResult(wave, "sent")), SEND, Past(waves=waves), tongue)
    assert letter
    return letter


def mailings(newest_bounced: int) -> tuple[MailingFigures, ...]:
    """Return four weeks' mailings, of which the newest bounced so often."""
    bounced = (newest_bounced, 20, 21, 19)
    return tuple(
        MailingFigures(100 + week, NOW - timedelta(weeks=week, days=1), 1000, count)
        for week, count in enumerate(bounced)
    )


def seen(**changed: Any) -> PullResult:
    """Return a pull that saw a wave."""
    wave = replace(WAVE, state=WaveState.CONFIRMED, seen=48198, mailing_id=7, mailings=1)
    return PullResult(FILES, waves=(replace(wave, **changed),))


def failed(case: Case) -> ErrorFile:
    """Return the error file of a send."""
    problem = Problem(error="OutcomeUnknown", sentence="the answer to the rename was lost")
    what = Failure(case, (problem,), stage="publish", wave=WAVE, halt="x.error")
    return describe(what, SEND, "run-1", NOW)


def halted_at_no_wave(by: Literal["itself", "assume-sent"]) -> ErrorFile:
    """Return the error file of a halt that was no wave's, and that ended so."""
    what = Failure(Case.HALTED_IMPORT, (Problem(error="X", sentence="it stopped"),), halt="x.error")
    error = describe(what, SEND, "run-1", NOW)
    return error.model_copy(update={"resolution": Resolution(at=NOW, by=by)})


def said(letter: Letter) -> str:
    """Return all that a letter says, one thing a line."""
    return "\n".join(_said(letter))


def _said(letter: Letter) -> Iterator[str]:
    yield from (letter.subject, letter.verdict, letter.headline, *letter.footer)
    yield from (f"{figure.value} {figure.label}" for figure in letter.figures)
    for section in letter.sections:
        yield from (section.title, *section.sentences)
        yield from (f"{step.when} {step.command}" for step in section.steps)
        if section.table:
            yield " | ".join(section.table.head)
            yield from (" | ".join(cell.text for cell in row) for row in section.table.rows)
            yield from section.table.more
