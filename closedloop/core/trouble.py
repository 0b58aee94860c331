"""Which failures become an error file, what it says, and whom it suspends."""

import re
import traceback
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import PurePath
from typing import Literal
from zoneinfo import ZoneInfo

from closedloop.errors import (
    ClosedLoopError,
    ImportHalted,
    LogInRefused,
    UntoldWave,
)
from closedloop.model.error_file import (
    PULL_STAGES,
    SEND_STAGES,
    Asked,
    Case,
    ErrorFile,
    FileNote,
    NextStep,
    Problem,
    WaveNote,
)
from closedloop.model.job import PullJob, SendJob
from closedloop.model.privacy import without_addresses
from closedloop.model.wave import Wave

CASES = {
    ImportHalted: Case.HALTED_IMPORT,
    UntoldWave: Case.UNKNOWN_WAVE,
    LogInRefused: Case.REFUSED_LOG_IN,
}
RETRIABLE = (Case.FAILED, Case.BUG, Case.REFUSED_FILES)
"""What `on_error = "continue"` may try again by itself: nothing of it can mail anybody twice, or lock an account."""

FOUND_AGAIN = (Case.HALTED_IMPORT, Case.REFUSED_FILES)
"""What every run finds as it lies there, until a person has acted."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong: its case, its errors (the outermost first), where, and what it is about."""

    case: Case
    errors: tuple[Problem, ...]
    stage: str = ""
    wave: Wave | None = None
    files: tuple[FileNote, ...] = ()
    halt: str | None = None
    asked: Asked = field(default_factory=Asked)


def case_of(error: BaseException) -> Case | None:
    """Return the case of an error that ended a run, or None where the next run may go through."""
    for kind, case in CASES.items():
        if isinstance(error, kind):
            return case
    if not isinstance(error, ClosedLoopError):
        return Case.BUG
    return Case.FAILED if error.exit_code == 1 else None


def describe(failure: Failure, job: SendJob | PullJob, run: str, at: datetime) -> ErrorFile:
    """Return the error file of a failure of a job."""
    stages = SEND_STAGES if job.kind == "send" else PULL_STAGES
    place = stages.index(failure.stage) if failure.stage in stages else 0
    wave = failure.wave
    return ErrorFile(
        name=f"{job.name}-{at:%Y%m%dT%H%M%SZ}",
        run=run,
        job=job.name,
        client=job.client,
        kind=job.kind,
        case=failure.case,
        suspends=_suspends(failure.case, job),
        time=at,
        stage=stages[place],
        done=stages[:place],
        left=stages[place:],
        files=failure.files,
        wave=_note(wave) if wave else None,
        halt=failure.halt,
        asked=failure.asked,
        errors=failure.errors,
        next_steps=_next_steps(failure.case, job.name, has_wave=wave is not None),
    )


def chain(error: BaseException) -> tuple[Problem, ...]:
    """Return the errors that led to this one, this one first.

    Only our own sentences and the system's are kept: what a library says may quote anything.
    """
    return tuple(
        Problem(error=type(one).__name__, sentence=_sentence(one)) for one in _causes(error)
    )


def suspends(error: ErrorFile, job: SendJob | PullJob) -> bool:
    """Say whether an open error file keeps a job from running."""
    if job.on_error == "continue" and error.case in RETRIABLE:
        return False
    match error.suspends:
        case "client":
            return error.client == job.client
        case "sends":
            return error.client == job.client and job.kind == "send"
        case "job":
            return error.job == job.name
        case "files" | "nothing":
            return False


def is_same(old: ErrorFile, new: ErrorFile) -> bool:
    """Say whether a new failure is an open one that came again."""
    if old.halt or new.halt:
        return (old.client, old.halt) == (new.client, new.halt)
    if Case.UNKNOWN_OUTCOME in (old.case, new.case):
        return is_of_one_wave(old, new) and old.case == new.case
    return (old.job, old.case, old.asked) == (new.job, new.case, new.asked)


def is_of_one_wave(one: ErrorFile, other: ErrorFile) -> bool:
    """Say whether two error files are about the same wave."""
    if one.wave is None or other.wave is None:
        return False
    return (one.client, one.wave.wave_id) == (other.client, other.wave.wave_id)


def again(old: ErrorFile, new: ErrorFile) -> ErrorFile:
    """Return an open error file after the same failure came again: news only where other files failed.

    It names the run that told of it, not each that only found it again.
    """
    files = {(file.name, file.size, file.modified): file for file in (*old.files, *new.files)}
    news = len(files) > len(old.files)
    # A pull finds a send's halt again, and has stages of its own.
    place = {"stage": new.stage, "done": new.done, "left": new.left} if new.kind == old.kind else {}
    return old.model_copy(
        update={
            **place,
            "errors": new.errors,
            "run": old.run if new.case in FOUND_AGAIN and not news else new.run,
            "files": tuple(files.values()),
            "tries": old.tries + 1,
            "told": old.told and not news,
        }
    )


def free(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken: the wanted one, or one with a number."""
    numbered = (f"{name}-{number}" for number in count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def line(error: ErrorFile, zone: ZoneInfo) -> str:
    """Return what a suspended run says: one line, with the command to type; the time is in the client's zone."""
    since = error.time.astimezone(zone)
    return (
        f"suspended since {since:%Y-%m-%d %H:%M %Z} ({error.case}): closedloop restart {error.job}"
    )


def _suspends(
    case: Case, job: SendJob | PullJob
) -> Literal["nothing", "files", "job", "sends", "client"]:
    if job.on_error == "continue" and case in RETRIABLE:
        return "nothing"
    match case:
        case Case.REFUSED_FILES:
            return "files"
        case Case.HALTED_IMPORT:
            return "sends"
        case Case.REFUSED_LOG_IN:
            return "client"
        case _:
            return "job"


def _next_steps(case: Case, job: str, *, has_wave: bool) -> tuple[NextStep, ...]:
    go = f"closedloop restart {job}"
    look = NextStep(
        when="to see what a restart would do; nothing is done", command=f"{go} --dry-run"
    )
    steps: dict[Case, list[tuple[str, str]]] = {
        Case.FAILED: [("once the cause is mended", go)],
        Case.BUG: [("after an update of closedloop, or if you take it for a passing fault", go)],
        Case.REFUSED_FILES: [("once the schema is mended, or the platform has answered", go)],
        Case.REFUSED_LOG_IN: [
            ("once user and key or password are those that the platform's support has", go)
        ],
        Case.UNKNOWN_OUTCOME: [
            (
                "the platform's list of mailings, its status mail or its support says that the wave was imported",
                f"{go} --assume-sent",
            ),
            (
                "they say that it was not: the same content goes out under a new name",
                f"{go} --resend",
            ),
        ],
        Case.UNKNOWN_WAVE: [
            (
                "the copy is this slot's wave, sent before the ledger was lost or restored",
                f"{go} --assume-sent",
            ),
            (
                "it is another one, or was never sent: a wave is selected and sent now",
                f"{go} --resend",
            ),
        ],
        Case.HALTED_IMPORT: [
            (
                "the import went well and only the trigger failed: support triggers it, never upload again",
                f"{go} --assume-sent",
            ),
            (
                "the import failed and nobody was mailed: the same content goes out under a new name, as the same wave",
                f"{go} --resend",
            ),
        ],
    }
    if case is Case.HALTED_IMPORT and not has_wave:
        steps[case] = [
            ("once its support has cleared it and the file is gone (each run looks, too)", go),
            ("its support says that it is cleared, but the file stays", f"{go} --assume-sent"),
        ]
    return (look, *(NextStep(when=when, command=command) for when, command in steps[case]))


def _note(wave: Wave) -> WaveNote:
    return WaveNote(
        wave_id=wave.wave_id,
        file=wave.file,
        source_mailing=wave.source_mailing,
        state=str(wave.state),
        written=wave.written,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it, each once: raised again elsewhere, an error may have led to itself."""
    met: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and not any(at is each for each in met):
        yield at
        met.append(at)
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)


def _sentence(error: BaseException) -> str:
    if isinstance(error, ClosedLoopError):
        return without_addresses(str(error))
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {PurePath(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
    return f"{name}{where}"
