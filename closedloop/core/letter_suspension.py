"""The letters about an error file: that something rests until a person acts, and that it goes on."""

from datetime import datetime

from closedloop.core.letter_frame import SHOWN, subject
from closedloop.core.tongue import Tongue
from closedloop.model.error_file import Case, ErrorFile, FileNote
from closedloop.model.letter import Cell, Figure, Letter, Section, Step, Table

CASES = {
    Case.FAILED: "failed at the stage '{stage}'",
    Case.BUG: "a bug of closedloop",
    Case.REFUSED_FILES: "files refused",
    Case.REFUSED_LOG_IN: "log-in refused",
    Case.UNKNOWN_OUTCOME: "rename outcome unknown",
    Case.UNKNOWN_WAVE: "a wave that the ledger does not know",
    Case.HALTED_IMPORT: "the platform's import halted",
}
RESTS = {
    "nothing": "Nothing rests: the next run tries again.",
    "files": "Only the files named below rest; all others are taken in as ever.",
    "job": "The job {job} rests until this is resolved.",
    "sends": "All sends of the client {client} rest until this is resolved.",
    "client": "All jobs of the client {client} rest until this is resolved, so that the account is not locked.",
}
ENDED: dict[str, str] = {
    "retried": "It was tried again, and went well.",
    "assume-sent": "A person said that the wave was sent (--assume-sent).",
    "resend": "A person said that the wave was not sent (--resend): it is sent anew.",
    "itself": "The cause is gone by itself.",
}
ENDED_WITHOUT_A_WAVE = {
    "assume-sent": "A person said that the platform's support has cleared it.",
    "itself": "The platform's error file is gone: its support has cleared it.",
}
"""How it ended where the platform halted at no wave of ours."""


def suspended_letter(error_file: ErrorFile, tongue: Tongue) -> Letter:
    """Return the letter that something rests now; nothing more is mailed about it until it is resolved."""
    what = f"{_case(error_file, tongue)}, {tongue.say('see restart')}"
    if not _goes_on(error_file):
        what = f"{tongue.say('SUSPENDED')}: {what}"
    return Letter(
        subject=subject(error_file.client, error_file.job, what),
        language=tongue.language,
        written=error_file.time,
        tone="bad",
        verdict=tongue.say("Please act" if _goes_on(error_file) else "Suspended"),
        headline=f"{error_file.client} {error_file.job} · {_case(error_file, tongue)}",
        figures=_figures(error_file, tongue),
        sections=(
            _to_do(error_file, tongue),
            Section(tongue.say("What happened"), _story(error_file, tongue)),
            *_details(error_file, tongue),
        ),
        footer=_footer(error_file, tongue),
    )


def recovered_letter(error_file: ErrorFile, at: datetime, tongue: Tongue) -> Letter:
    """Return the letter that what rested goes on since `at`."""
    lasted = tongue.span(at - error_file.time)
    since = tongue.moment(error_file.time)
    what = tongue.say("was: {what}", what=_case(error_file, tongue))
    sentences = (
        *_ended(error_file, tongue),
        tongue.say("Since {since}, for {lasted}.", since=since, lasted=lasted),
    )
    return Letter(
        subject=subject(error_file.client, error_file.job, f"{tongue.say('recovered')} ({what})"),
        language=tongue.language,
        written=at,
        tone="good",
        verdict=tongue.say("Recovered"),
        headline=f"{error_file.client} {error_file.job} · {what}",
        figures=(Figure(lasted, tongue.say("until it was over")),),
        sections=(
            Section(tongue.say("What to do"), steps=_next(error_file, tongue)),
            Section(tongue.say("What happened"), sentences),
            Section(tongue.say("The error was"), (tongue.term(error_file.problem),)),
        ),
        footer=_footer(error_file, tongue),
    )


def _ended(error_file: ErrorFile, tongue: Tongue) -> tuple[str, ...]:
    if error_file.resolution is None:
        return ()
    by = error_file.resolution.by
    words = ENDED_WITHOUT_A_WAVE if error_file.is_waveless_halt else ENDED
    return (tongue.say(words.get(by, ENDED[by])),)


def _next(error_file: ErrorFile, tongue: Tongue) -> tuple[Step, ...]:
    """Return what to type now: of a slot that passed while the sends rested, nobody else sends the wave."""
    steps = [Step(tongue.say("All jobs at a glance:"), "closedloop status")]
    if error_file.suspends == "sends" and error_file.kind == "send":
        when = tongue.say("Send this slot's wave, if it has had none yet:")
        steps.insert(0, Step(when, f"closedloop run {error_file.job}"))
    return tuple(steps)


def _goes_on(error_file: ErrorFile) -> bool:
    """Say whether the job runs on in spite of the error."""
    return error_file.suspends in ("nothing", "files")


def _case(error_file: ErrorFile, tongue: Tongue) -> str:
    return tongue.say(CASES[error_file.case], stage=tongue.term(error_file.stage))


def _figures(error_file: ErrorFile, tongue: Tongue) -> tuple[Figure, ...]:
    figures = [Figure(tongue.term(error_file.stage), tongue.say("at this stage"), "bad")]
    if error_file.wave:
        figures.append(Figure(tongue.number(error_file.wave.written), tongue.say("recipients")))
    if files := _files(error_file):
        figures.append(Figure(tongue.number(len(files)), tongue.say("files")))
    return tuple(figures)


def _to_do(error_file: ErrorFile, tongue: Tongue) -> Section:
    steps = tuple(
        Step(f"{tongue.term(step.when)}:", step.command) for step in error_file.next_steps
    )
    return Section(tongue.say("What to do"), steps=steps)


def _story(error_file: ErrorFile, tongue: Tongue) -> tuple[str, ...]:
    rests = tongue.say(RESTS[error_file.suspends], job=error_file.job, client=error_file.client)
    return (*(tongue.term(problem.sentence) for problem in error_file.errors), rests)


def _files(error_file: ErrorFile) -> tuple[FileNote, ...]:
    """Return the files to be named; the platform's own error file is named as such."""
    return () if error_file.halt else error_file.files


def _details(error_file: ErrorFile, tongue: Tongue) -> list[Section]:
    rows: list[tuple[str, str]] = []
    if wave := error_file.wave:
        rows.append((tongue.say("Wave"), f"{wave.wave_id} ({tongue.term(wave.state)})"))
        rows.append((tongue.say("Source mailing"), str(wave.source_mailing)))
        rows.append((tongue.say("File"), wave.file))
    rows += [(tongue.say("File"), file.name) for file in _files(error_file)[:SHOWN]]
    if error_file.halt:
        rows.append((tongue.say("The platform's error file"), error_file.halt))
    if error_file.done:
        rows.append((tongue.say("Done"), ", ".join(map(tongue.term, error_file.done))))
    if error_file.left:
        rows.append((tongue.say("Left"), ", ".join(map(tongue.term, error_file.left))))
    cells = tuple((Cell(label), Cell(value)) for label, value in rows)
    return [Section(tongue.say("Details"), table=Table(("", ""), cells))] if cells else []


def _footer(error_file: ErrorFile, tongue: Tongue) -> tuple[str, ...]:
    return (
        tongue.say(
            "Error file {name}, run {run}, {time}",
            name=error_file.name,
            run=error_file.run,
            time=tongue.moment(error_file.time),
        ),
    )
