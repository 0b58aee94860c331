"""Error files written, held against runs, and put away."""

from datetime import datetime
from typing import Literal

from closedloop.core import trouble
from closedloop.core.report import failure
from closedloop.errors import ImportHalted, Suspended, UntoldWave
from closedloop.flows.letters import tell_of_recovery, tell_of_suspension
from closedloop.flows.platform import is_cleared
from closedloop.flows.ports import Ports
from closedloop.model.error_file import Asked, Case, ErrorFile, FileNote, Problem, Resolution
from closedloop.model.file import FileIdentity, RemoteFile
from closedloop.model.job import PullJob, SendJob
from closedloop.model.run import FileStatus, PullResult, RunReport, SendResult
from closedloop.model.wave import Wave, WaveState

Job = SendJob | PullJob
Ending = Literal["retried", "assume-sent", "resend", "itself"]
TRIED_AGAIN = (Case.FAILED, Case.BUG, Case.REFUSED_LOG_IN)
TOLD_BY_THE_RUN = (Case.REFUSED_FILES,)
"""Nothing rests but a file: the letter about the run names it, why it was refused and what to type, until it comes in."""

SETTLED = (WaveState.PUBLISHED, WaveState.CONFIRMED)


def refuse_if_suspended(
    job: Job, ports: Ports, now: datetime, restarted: ErrorFile | None = None
) -> None:
    """Raise `Suspended`, in one line, where an open error file keeps the job from running.

    What the platform has cleared meanwhile ends here. A restart is held up by none about the same wave, nor by another one
    that trying again may mend: a person wants it tried.
    """
    ports.errors.tidy()
    holding = [
        error
        for error in ports.errors.open()
        if trouble.suspends(error, job) and not (restarted and _is_passed(error, restarted))
    ]
    # The server is asked only where nothing else holds the job: after a refused log-in nobody may knock again.
    if all(error.is_waveless_halt for error in holding):
        holding = [error for error in holding if not put_away_if_cleared(error, ports, now)]
    for error in holding:
        _tell(error, ports)
        raise Suspended(f"{job.name}: {trouble.line(error, ports.client.zone)}")


def put_away_if_cleared(error: ErrorFile, ports: Ports, now: datetime) -> bool:
    """Put away an error file of the platform that names no wave of ours, once it is gone; say whether it is."""
    gone = is_cleared(error, ports)
    if gone:
        recovered(error, "itself", ports, now)
    return gone


def held_files(job: PullJob, ports: Ports) -> list[ErrorFile]:
    """Return the error files whose refused files are left alone until a restart."""
    if job.on_error == "continue":
        return []
    return [error for error in ports.errors.open() if _is_about_files(error, job)]


def note_error(
    error: Exception, job: Job, ports: Ports, run: str, at: datetime, asked: Asked
) -> None:
    """Write an error file for an error that ended a run, where the next run would only meet it again."""
    case = trouble.case_of(error)
    if case is None:
        return
    if isinstance(error, ImportHalted):
        _put(trouble.describe(_halted(RemoteFile(*error.halt), job, ports), job, run, at), ports)
        return
    files = (FileNote(name=error.file),) if isinstance(error, UntoldWave) else ()
    wave = _unsettled(job, ports)
    what = trouble.Failure(case, trouble.chain(error), ports.at.now, wave, files, asked=asked)
    described = trouble.describe(what, job, run, at)
    _put(described, ports)


def note_report(
    report: RunReport, job: Job, ports: Ports, restarted: ErrorFile | None = None
) -> bool:
    """Write an error file for what a run reports as failed, and put away what the run has outdated.

    Say whether any was put away or names this run.
    """
    for described in _described(report, job, ports):
        _put(described, ports)
    outdated = [e for e in ports.errors.open() if _is_over(e, report, job, ports, restarted)]
    for error in outdated:
        by: Ending = "retried" if restarted and error.name == restarted.name else "itself"
        recovered(error, by, ports, report.finished)
    return bool(outdated) or any(e.run == report.run_id for e in ports.errors.open())


def recovered(error: ErrorFile, by: Ending, ports: Ports, at: datetime) -> None:
    """Put an error file away, and mail once that its job runs again."""
    ended = error.model_copy(update={"resolution": Resolution(at=at, by=by)})
    if error.case not in TOLD_BY_THE_RUN:
        tell_of_recovery(ended, at, ports.client, ports.mailer)
    ports.errors.resolve(ended)


def is_proven(wave: Wave) -> bool:
    """Say whether the platform itself has shown that it mailed a wave: no guess by time and count."""
    return wave.state is WaveState.CONFIRMED and (
        wave.confirmed_by == "import log" or wave.mailings > 0
    )


def went_through(report: RunReport) -> bool:
    """Say whether a run came to its end, whatever it found."""
    if isinstance(report.result, SendResult):
        return report.result.outcome != "unknown"
    return all(file.status is not FileStatus.UNREACHABLE for file in report.result.files)


def _described(report: RunReport, job: Job, ports: Ports) -> list[ErrorFile]:
    """Return an error file for each failure that a report tells of."""
    match report.result:
        case SendResult(outcome="unknown", wave=Wave() as wave):
            failures = [(_unknown(wave), job)]
        case PullResult() as pulled if isinstance(job, PullJob):
            halted = [
                (_halted(halt, job, ports), _sender(halt, job, ports)) for halt in pulled.halted
            ]
            failures = [*((failure, job) for failure in _refused(pulled)), *halted]
        case _:
            failures = []
    return [
        trouble.describe(what, whose, report.run_id, report.started) for what, whose in failures
    ]


def _unknown(wave: Wave) -> trouble.Failure:
    sentence = f"it can't be known whether the platform took {wave.file}: the server gave no clear answer, and its folder does not tell"
    problem = Problem(error="OutcomeUnknown", sentence=sentence)
    return trouble.Failure(Case.UNKNOWN_OUTCOME, (problem,), stage="publish", wave=wave)


def _refused(pulled: PullResult) -> list[trouble.Failure]:
    refused = [file for file in pulled.files if file.status is FileStatus.REFUSED]
    if not refused:
        return []
    notes = tuple(
        FileNote(name=file.name, size=file.size, modified=file.modified, sha256=file.sha256)
        for file in refused
    )
    problems = tuple(Problem(error="FileRefused", sentence=failure(file)) for file in refused)
    return [trouble.Failure(Case.REFUSED_FILES, problems, stage="check", files=notes)]


def _halted(halt: RemoteFile, job: Job, ports: Ports) -> trouble.Failure:
    wave = _wave_of(halt.name, job, ports)
    sentence = f"the platform left {halt.name} in its errors folder: it imports nothing more of this client"
    if wave is None:
        sentence += " until its support has cleared that; it names no wave of ours"
    problem = Problem(error="ImportHalted", sentence=sentence)
    stage = "confirm" if wave else "settle"
    note = FileNote(name=halt.name, size=halt.size, modified=halt.modified)
    return trouble.Failure(Case.HALTED_IMPORT, (problem,), stage, wave, (note,), halt.name)


def _put(described: ErrorFile, ports: Ports) -> None:
    """Write an error file, or the open one anew that is about the same, and tell of it once."""
    for old in ports.errors.open():
        if trouble.is_same(old, described):
            described = trouble.again(old, described)
    taken = {old.name for old in ports.errors.open() if not trouble.is_same(old, described)}
    described = described.model_copy(update={"name": trouble.free(described.name, taken)})
    ports.errors.put(described)
    _tell(described, ports)


def _tell(error: ErrorFile, ports: Ports) -> None:
    """Mail once that a job is suspended; a run that died before it did so leaves that to the next."""
    if error.told or error.case in TOLD_BY_THE_RUN:
        ports.mailer.flush()
    elif tell_of_suspension(error, ports.client, ports.mailer):
        ports.errors.put(error.model_copy(update={"told": True}))


def _is_over(
    error: ErrorFile, report: RunReport, job: Job, ports: Ports, restarted: ErrorFile | None
) -> bool:
    """Say whether a run outdated an open error file: its files came in, its wave was seen, or the job went well."""
    match error.case:
        case Case.REFUSED_FILES:
            return error.job == job.name and not _left(error, report, ports)
        case Case.UNKNOWN_OUTCOME | Case.HALTED_IMPORT:
            return _is_settled(error, ports)
        case Case.REFUSED_LOG_IN:
            return restarted is not None and error.client == job.client and went_through(report)
        case Case.FAILED | Case.BUG if error.job == job.name:
            is_tried = restarted is not None or not trouble.suspends(error, job)
            return is_tried and went_through(report)
        case _:
            return False


def _is_settled(error: ErrorFile, ports: Ports) -> bool:
    """Say whether it is known by now what became of the wave: where the platform halted, only its own word counts.

    Where it halted at no wave of ours, it is over once its error file is gone.
    """
    ours = [wave for wave in ports.ledger.waves(error.client) if _is_of(wave, error)]
    if error.case is Case.HALTED_IMPORT:
        return any(map(is_proven, ours)) or is_cleared(error, ports)
    return any(wave.state in SETTLED for wave in ours)


def _left(error: ErrorFile, report: RunReport, ports: Ports) -> tuple[FileNote, ...]:
    """Return the refused files that have not come in since; the error file names only these from now on."""
    if not isinstance(report.result, PullResult):
        return error.files
    done = (FileStatus.LOADED, FileStatus.RESTATED, FileStatus.RELOADED)
    loaded = {file.name for file in report.result.files if file.status in done}
    # A run that died after it had loaded a file reported nothing of it.
    known = {load.file.name: load.file for load in ports.ledger.files(error.client)}
    left = tuple(
        file
        for file in error.files
        if file.name not in loaded and not _is_held(file, known.get(file.name))
    )
    if left and left != error.files:
        ports.errors.put(error.model_copy(update={"files": left}))
    return left


def _is_held(refused: FileNote, loaded: FileIdentity | None) -> bool:
    """Say whether the refused content of a file was loaded after all, or a later one."""
    if loaded is None:
        return False
    is_later = refused.modified is not None and loaded.modified > refused.modified
    return is_later or loaded.sha256 == refused.sha256


def _is_passed(error: ErrorFile, restarted: ErrorFile) -> bool:
    """Say whether an open error file does not hold up the restart of another, or of itself."""
    return (
        error.name == restarted.name
        or error.case in TRIED_AGAIN
        or trouble.is_of_one_wave(error, restarted)
    )


def _is_about_files(error: ErrorFile, job: PullJob) -> bool:
    return error.case is Case.REFUSED_FILES and error.job == job.name


def _is_of(wave: Wave, error: ErrorFile) -> bool:
    return error.wave is not None and wave.wave_id == error.wave.wave_id


def _wave_of(file: str, job: Job, ports: Ports) -> Wave | None:
    """Return the wave that a file's name speaks of."""
    waves = ports.ledger.waves(job.client)
    return next((wave for wave in waves if wave.file in file), None)


def _unsettled(job: Job, ports: Ports) -> Wave | None:
    """Return the wave that a failed send left behind."""
    waves = [w for w in ports.ledger.waves(job.client) if w.job == job.name]
    return next((wave for wave in waves if wave.state not in SETTLED), None)


def _sender(halt: RemoteFile, job: PullJob, ports: Ports) -> Job:
    """Return the job whose wave the platform speaks of, as far as it is known."""
    wave = _wave_of(halt.name, job, ports)
    return job.model_copy(update={"name": wave.job, "kind": "send"}) if wave else job
