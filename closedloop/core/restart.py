"""What a restart does about an open error file, from its case and the operator's choice."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Literal

from closedloop.errors import ProjectError
from closedloop.model.error_file import Case, ErrorFile

Choice = Literal["assume-sent", "resend"]


class Act(StrEnum):
    """What a restart does."""

    RUN = "runs the job again"
    RETRY_FILES = "takes the refused files in again"
    NOTE_SENT = "writes down that the wave was sent; nothing is uploaded"
    PUBLISH_AGAIN = "publishes the same content under a new name, as the same wave"
    ADOPT = "enters the wave into the ledger as sent; nothing is uploaded"
    SEND_ANEW = "selects and sends a wave now"
    ASK = "does nothing until you say --assume-sent or --resend"
    LOOK = "looks whether the platform's error file is gone; then sends go on"
    ACKNOWLEDGE = "notes that the platform's support has cleared it; sends go on"


BY_CASE: dict[Case, dict[Choice | None, Act]] = {
    Case.FAILED: {None: Act.RUN},
    Case.BUG: {None: Act.RUN},
    Case.REFUSED_LOG_IN: {None: Act.RUN},
    Case.REFUSED_FILES: {None: Act.RETRY_FILES},
    Case.UNKNOWN_OUTCOME: {
        None: Act.ASK,
        "assume-sent": Act.NOTE_SENT,
        "resend": Act.PUBLISH_AGAIN,
    },
    Case.HALTED_IMPORT: {
        None: Act.ASK,
        "assume-sent": Act.NOTE_SENT,
        "resend": Act.PUBLISH_AGAIN,
    },
    Case.UNKNOWN_WAVE: {None: Act.ASK, "assume-sent": Act.ADOPT, "resend": Act.SEND_ANEW},
}
WAVELESS_HALT: dict[Choice | None, Act] = {None: Act.LOOK, "assume-sent": Act.ACKNOWLEDGE}


def act_for(error: ErrorFile, choice: Choice | None) -> Act:
    """Return what a restart does; `ProjectError` where the choice does not belong to the failure."""
    if error.is_waveless_halt and choice == "resend":
        raise ProjectError(
            f"{error.name}: the platform's error file names no wave of ours, so there is nothing to send again; "
            f"once its support has cleared it: closedloop restart {error.job}"
        )
    acts = WAVELESS_HALT if error.is_waveless_halt else BY_CASE[error.case]
    if choice not in acts:
        raise ProjectError(
            f"{error.name}: --{choice} belongs to a wave of which it is not known whether it was sent; "
            f"this is another failure ({error.case}): closedloop restart {error.job}"
        )
    return acts[choice]


def chosen(
    errors: list[ErrorFile], names: Sequence[str], choice: Choice | None, jobs: Collection[str]
) -> list[ErrorFile]:
    """Return the open error files that a command line names: by job, by name or path; all of them where it names none.

    Raises `ProjectError` for a name that is neither that nor one of the `jobs`, and for a choice that would decide about
    several waves at once.
    """
    found = [error for error in errors if not names or any(_fits(error, name) for name in names)]
    for name in names:
        if name not in jobs and not any(_fits(error, name) for error in errors):
            raise ProjectError(f"'{name}' is neither a job nor an open error file{_known(errors)}")
    undecided = [error for error in found if act_for(error, None) in (Act.ASK, Act.LOOK)]
    waves = {(e.client, e.wave.wave_id) if e.wave else e.name for e in undecided}
    if choice and len(waves) > 1:
        raise ProjectError(
            f"--{choice} decides about one wave at a time: name the error file, "
            f"{' or '.join(error.name for error in undecided)}"
        )
    return [error for error in found if error in undecided] if choice and undecided else found


def _fits(error: ErrorFile, name: str) -> bool:
    return name in (error.job, error.name) or name.rpartition("/")[2] == f"{error.name}.json"


def _known(errors: list[ErrorFile]) -> str:
    return f": {', '.join(error.name for error in errors)}" if errors else ": none is open"
